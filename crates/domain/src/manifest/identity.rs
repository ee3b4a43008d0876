//! Whether two records with one serial speak of one person.

use serde::{Deserialize, Serialize};
use strum::{Display, IntoStaticStr};

use super::{
    birth::Birth,
    column::Column,
    finding::{Finding, Rule, shown},
    row::Row,
    serial::Serial,
};
use crate::folding::{fold, latin_words, likeness, skeleton};

/// Two Latin spellings of one word have at least this likeness: vowels and doubled letters vary, consonants do not.
const SAME_LATIN_WORD: u8 = 80;

/// Two skeletons of names written in different scripts have at least this likeness.
const SAME_SKELETON: u8 = 91;

/// By how many years an estimated year of birth may miss another one.
const ESTIMATE_MISSES: u16 = 2;

/// What two records with one serial are compared by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityKey {
    name: Name,
    father: Name,
    birth: Birth,
}

/// A name in the forms in which it is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Name {
    arabic: Vec<String>,
    latin: Vec<String>,
    skeleton: String,
}

impl Name {
    fn new(arabic: Option<&str>, latin: Option<&str>) -> Self {
        let arabic = arabic.unwrap_or_default();
        let latin = latin.unwrap_or_default();
        Self {
            arabic: fold(arabic).split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect(),
            latin: latin_words(latin),
            skeleton: skeleton(if arabic.trim().is_empty() { latin } else { arabic }),
        }
    }

    fn is_empty(&self) -> bool {
        self.arabic.is_empty() && self.latin.is_empty()
    }

    /// Whether the two can be one name: the same words in Arabic or nearly the same in Latin script, where words in the
    /// middle may be left out. `None` if one of them is not stated.
    fn agrees(&self, other: &Self) -> Option<bool> {
        if self.is_empty() || other.is_empty() {
            return None;
        }
        let in_arabic = !self.arabic.is_empty() && !other.arabic.is_empty();
        let in_latin = !self.latin.is_empty() && !other.latin.is_empty();
        Some(if in_arabic || in_latin {
            in_arabic && same_words(&self.arabic, &other.arabic, |one, other| one == other)
                || in_latin
                    && same_words(&self.latin, &other.latin, |one, other| {
                        likeness(one, other) >= SAME_LATIN_WORD
                    })
        } else {
            likeness(&self.skeleton, &other.skeleton) >= SAME_SKELETON
        })
    }
}

/// Whether the first and the last words agree and the shorter name's words all stand in the longer one, in order.
fn same_words(one: &[String], other: &[String], same: impl Fn(&str, &str) -> bool) -> bool {
    let (short, long) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    let ends = |one: Option<&String>, other: Option<&String>| {
        one.zip(other).is_some_and(|(one, other)| same(one, other))
    };
    if !ends(short.first(), long.first()) || !ends(short.last(), long.last()) {
        return false;
    }
    if short.len() == 1 {
        return long.len() == 1;
    }
    let mut rest = long.iter();
    short.iter().all(|word| rest.any(|candidate| same(word, candidate)))
}

impl IdentityKey {
    /// The key of a row.
    pub fn of(row: &Row) -> Self {
        Self::new(
            (row.name_ar.as_deref(), row.name_latn.as_deref()),
            (row.father_name_ar.as_deref(), row.father_name_latn.as_deref()),
            row.birth,
        )
    }

    /// The key of claims kept elsewhere; names as (Arabic script, Latin script).
    pub fn new(
        name: (Option<&str>, Option<&str>),
        father: (Option<&str>, Option<&str>),
        birth: Birth,
    ) -> Self {
        Self { name: Name::new(name.0, name.1), father: Name::new(father.0, father.1), birth }
    }
}

/// What two records disagree about.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Display, IntoStaticStr, Serialize, Deserialize,
)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum Difference {
    /// The names differ, or one record has none.
    Name,
    /// The fathers' names differ.
    Father,
    /// The years of birth differ.
    BirthYear,
}

/// Whether two records with one serial speak of one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Agreement {
    /// They agree as far as both say something: the second is attached to the person as an unconfirmed claim.
    SamePerson,
    /// They disagree; a person must compare them.
    Conflict(Vec<Difference>),
}

/// Compares two records that carry the same serial.
///
/// The serial is the strong evidence and the rest is a check on it: folded name, father's name and year of birth must
/// not disagree. What one record does not state (a birth date, a father) does not disagree, but a name must be there.
/// Never use this to find one person under two serials.
pub fn same_person(one: &IdentityKey, other: &IdentityKey) -> Agreement {
    let mut differences = Vec::new();
    if one.name.agrees(&other.name) != Some(true) {
        differences.push(Difference::Name);
    }
    if one.father.agrees(&other.father) == Some(false) {
        differences.push(Difference::Father);
    }
    if let (Some(year), Some(other_year)) = (one.birth.year(), other.birth.year()) {
        let estimated = matches!(one.birth, Birth::About(_)) || matches!(other.birth, Birth::About(_));
        if year.abs_diff(other_year) > if estimated { ESTIMATE_MISSES } else { 0 } {
            differences.push(Difference::BirthYear);
        }
    }
    if differences.is_empty() { Agreement::SamePerson } else { Agreement::Conflict(differences) }
}

/// The finding of a record whose serial another person holds. `holder` says where: a record of the file or a case.
pub fn holder_finding(
    record: u64,
    line: u64,
    serial: Serial,
    holder: &str,
    differences: &[Difference],
) -> Finding {
    let words: Vec<&str> = differences
        .iter()
        .map(|difference| match difference {
            Difference::Name => "name",
            Difference::Father => "father's name",
            Difference::BirthYear => "year of birth",
        })
        .collect();
    Finding {
        record,
        line,
        column: Some(Column::Isn),
        value: shown(&serial.to_string()),
        rule: Rule::SerialHeldByAnother,
        hint: Some(format!("held by {holder}; different: {}", words.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn key(name: (&str, &str), father: (&str, &str), birth: Birth) -> IdentityKey {
        IdentityKey::new((Some(name.0), Some(name.1)), (Some(father.0), Some(father.1)), birth)
    }

    #[test]
    fn another_clerks_spelling_is_the_same_person() {
        let first = key(
            ("خالد عبد الكريم العباسي", "Khalid Abd El Karim Abassi"),
            ("عبد الكريم", "Abdol Karim"),
            Birth::Year(1987),
        );
        for again in [
            key(("خالد عبدالكريم العباسى", "Khaled"), ("عبدالكريم", "x"), Birth::Year(1987)),
            key(("خالد عبد الكريم حسن العباسي", ""), ("عبد الكريم", ""), Birth::Unknown),
            key(("", "Khaled Abdelkarim Abbassi"), ("", "Abdul Karim"), Birth::Day(date(1987, 3, 1))),
            key(("خالد العباسي", "?"), ("", ""), Birth::About(1989)),
        ] {
            assert_eq!(same_person(&first, &again), Agreement::SamePerson, "{again:?}");
        }
    }

    #[test]
    fn a_disagreement_names_what_differs() {
        let first = key(("خالد كريم العباسي", "Khalid Karim Abbasi"), ("كريم", "Karim"), Birth::Year(1987));
        for (again, differences) in [
            (
                key(("سامي عمر حرب", "Sami Omar Harb"), ("عمر", "Omar"), Birth::Year(1990)),
                vec![Difference::Name, Difference::Father, Difference::BirthYear],
            ),
            (key(("خالد كريم العباسي", ""), ("كريم", ""), Birth::Year(1988)), vec![Difference::BirthYear]),
            (key(("خالد كريم العباسي", ""), ("عمر", "Omar"), Birth::Unknown), vec![Difference::Father]),
            (key(("", ""), ("كريم", ""), Birth::Year(1987)), vec![Difference::Name]),
            (key(("خالد", ""), ("كريم", ""), Birth::Year(1987)), vec![Difference::Name]),
            (key(("خالد كريم العباسي", ""), ("كريم", ""), Birth::About(1990)), vec![Difference::BirthYear]),
        ] {
            assert_eq!(same_person(&first, &again), Agreement::Conflict(differences), "{again:?}");
        }
    }

    #[test]
    fn names_in_different_scripts_are_compared_by_their_skeleton() {
        let arabic = key(("خالد شريف", ""), ("", ""), Birth::Year(1987));
        let latin = key(("", "Khaled Cherif"), ("", ""), Birth::Year(1987));
        assert_eq!(same_person(&arabic, &latin), Agreement::SamePerson);
    }

    #[test]
    fn a_conflict_says_who_holds_the_serial_and_what_differs() {
        let serial = Serial::parse("SYN-1003493-P").unwrap();
        let finding = holder_finding(9, 11, serial, "record 3", &[Difference::Name, Difference::BirthYear]);
        assert_eq!(
            finding.to_string(),
            "record 9 (line 11), isn `SYN-1003493-P`: the serial is already held by another person; compare both persons \
             with their papers; one of the serials is wrong (held by record 3; different: name, year of birth) \
             [serial-held-by-another]"
        );
    }
}
