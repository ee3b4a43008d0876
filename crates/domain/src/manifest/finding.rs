//! What is said about a record: the rule that was touched, where, and what to do about it.

use std::fmt;

use serde::{Deserialize, Serialize};
use strum::{Display, EnumIter, EnumString, IntoStaticStr};

use super::column::Column;
use crate::folding::is_invisible;

/// What becomes of a record; ordered by weight.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Display,
    EnumString,
    IntoStaticStr,
    Serialize,
    Deserialize,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Kept.
    Accept,
    /// Kept, and somebody should look at it.
    AcceptWarn,
    /// Put aside with its reasons; keeps an office and a clock.
    #[strum(serialize = "reject")]
    #[serde(rename = "reject")]
    SetAside,
    /// Well-formed, but its serial is held by another person: neither overwritten nor dropped.
    Conflict,
}

/// A rule of the manifest. Its kebab-case name is what files and logs show.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Display,
    EnumString,
    EnumIter,
    IntoStaticStr,
    Serialize,
    Deserialize,
)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// A record has as many cells as the header.
    ColumnCount,
    /// A quotation mark that is opened is closed before the next record.
    OpenQuote,
    /// Cells are UTF-8.
    #[strum(serialize = "broken-utf8")]
    #[serde(rename = "broken-utf8")]
    BrokenUtf8,
    /// Cells stay within the limit of their column.
    CellTooLong,
    /// Every record has a serial.
    SerialMissing,
    /// A serial has the shape of a serial.
    SerialShape,
    /// The check character belongs to the digits.
    SerialCheck,
    /// Every record names its batch.
    BatchMissing,
    /// The mode is LAND or AIR.
    ModeUnknown,
    /// Every record has a day of transfer.
    TransferDateMissing,
    /// The day of transfer is a day, not a year.
    TransferDateInexact,
    /// Nobody is transferred in the future.
    TransferDateFuture,
    /// A date is `YYYY-MM-DD`; a birth date may also be `YYYY` or `~YYYY`.
    DateShape,
    /// The calendar has the day.
    DateImpossible,
    /// A date has one reading.
    DateAmbiguous,
    /// A person is born before the transfer.
    BirthAfterTransfer,
    /// A person is at most 120 years old.
    BirthTooEarly,
    /// Every record says a nationality, if only XXX for unknown.
    NationalityMissing,
    /// A nationality is a code of ISO 3166 or ICAO 9303.
    CountryUnknown,
    /// A serial belongs to one person.
    SerialHeldByAnother,
    /// A case takes the record.
    NotTaken,
    /// A cell is text, not a formula.
    SpreadsheetFormula,
    /// A cell does not turn the direction of writing.
    DirectionControl,
    /// A cell has no characters that show nothing.
    HiddenCharacter,
    /// A cell was not damaged before it came.
    ReplacementCharacter,
    /// Digits are 0–9.
    OtherDigits,
    /// The place within the batch is a number.
    BatchSeqUnreadable,
    /// A person has a name.
    NameMissing,
    /// The precision is day, year, approx or unknown.
    PrecisionUnknown,
    /// The precision agrees with the date.
    PrecisionDiffers,
    /// A place of birth is a code of ISO 3166-2.
    BirthPlaceUnknown,
    /// Sex is M, F or empty.
    SexUnknown,
    /// A language is a code of ISO 639.
    LanguageUnknown,
    /// Need of an interpreter is Y, N or empty.
    InterpreterUnknown,
    /// The status is RECEIVED, `UNDER_INVESTIGATION` or empty.
    StatusUnknown,
}

impl Rule {
    /// What a breach of this rule does to the record.
    pub fn verdict(self) -> Verdict {
        match self {
            Self::ColumnCount
            | Self::OpenQuote
            | Self::BrokenUtf8
            | Self::CellTooLong
            | Self::SerialMissing
            | Self::SerialShape
            | Self::SerialCheck
            | Self::BatchMissing
            | Self::ModeUnknown
            | Self::TransferDateMissing
            | Self::TransferDateInexact
            | Self::TransferDateFuture
            | Self::DateShape
            | Self::DateImpossible
            | Self::DateAmbiguous
            | Self::BirthAfterTransfer
            | Self::BirthTooEarly
            | Self::NationalityMissing
            | Self::CountryUnknown
            | Self::NotTaken => Verdict::SetAside,
            Self::SerialHeldByAnother => Verdict::Conflict,
            Self::SpreadsheetFormula
            | Self::DirectionControl
            | Self::HiddenCharacter
            | Self::ReplacementCharacter
            | Self::OtherDigits
            | Self::BatchSeqUnreadable
            | Self::NameMissing
            | Self::PrecisionUnknown
            | Self::PrecisionDiffers
            | Self::BirthPlaceUnknown
            | Self::SexUnknown
            | Self::LanguageUnknown
            | Self::InterpreterUnknown
            | Self::StatusUnknown => Verdict::AcceptWarn,
        }
    }

    /// The message key under which the reader's language has what is wrong; with `-mend` behind it, what to do.
    pub fn key(self) -> String {
        format!("manifest-{self}")
    }

    /// What is wrong, in English.
    pub fn what(self) -> &'static str {
        match self {
            Self::ColumnCount => "the record has another number of cells than the header",
            Self::OpenQuote => "a quotation mark was not closed, and further records may be inside this cell",
            Self::BrokenUtf8 => "the cell is not valid UTF-8",
            Self::CellTooLong => "the cell is longer than its column allows",
            Self::SerialMissing => "the serial is missing",
            Self::SerialShape => "this is not a serial",
            Self::SerialCheck => "the check character does not belong to the digits of the serial",
            Self::BatchMissing => "the batch is missing",
            Self::ModeUnknown => "the mode of transfer is not known",
            Self::TransferDateMissing => "the date of transfer is missing",
            Self::TransferDateInexact => "the date of transfer is not a day",
            Self::TransferDateFuture => "the date of transfer lies in the future",
            Self::DateShape => "this is not a date a manifest may hold",
            Self::DateImpossible => "the calendar has no such day",
            Self::DateAmbiguous => "the date can be read in two ways",
            Self::BirthAfterTransfer => "the birth lies after the transfer",
            Self::BirthTooEarly => "the birth lies more than 120 years before the transfer",
            Self::NationalityMissing => "the nationality is missing",
            Self::CountryUnknown => "this is not a country code",
            Self::SerialHeldByAnother => "the serial is already held by another person",
            Self::NotTaken => "no case takes the record",
            Self::SpreadsheetFormula => "the cell starts like a spreadsheet formula",
            Self::DirectionControl => {
                "the cell held characters that turn the direction of writing; they were taken out"
            }
            Self::HiddenCharacter => "the cell held characters that show nothing; they were taken out",
            Self::ReplacementCharacter => "the cell was damaged before it came here",
            Self::OtherDigits => "the digits are not 0 to 9; they were read as such",
            Self::BatchSeqUnreadable => "the place within the batch is not a number",
            Self::NameMissing => "there is no name",
            Self::PrecisionUnknown => "the precision of the birth date is not known",
            Self::PrecisionDiffers => {
                "the precision does not agree with the birth date; the less exact one was kept"
            }
            Self::BirthPlaceUnknown => "the place of birth is not a code of ISO 3166-2",
            Self::SexUnknown => "the sex is not M, F or empty; it was kept as not stated",
            Self::LanguageUnknown => "this is not a language code",
            Self::InterpreterUnknown => {
                "the need of an interpreter is not Y, N or empty; it was kept as not stated"
            }
            Self::StatusUnknown => "the status of the investigation is not known",
        }
    }

    /// What to do about it, in English.
    pub fn mend(self) -> &'static str {
        match self {
            Self::ColumnCount => "compare the record with the header; quote cells that hold the delimiter",
            Self::OpenQuote => {
                "close the quotation mark, or write it twice if it belongs to the text, and send the rest again"
            }
            Self::BrokenUtf8 => "save the file as UTF-8 and send this record again",
            Self::CellTooLong => "shorten the cell; put long papers into the case file",
            Self::SerialMissing => "ask the transferring side for the serial; do not make one up",
            Self::SerialShape => {
                "write SYN-, seven digits, a hyphen and the check character, in capital letters"
            }
            Self::SerialCheck => "compare every digit and the check character with the transfer paper",
            Self::BatchMissing => "write the batch from the transfer paper",
            Self::ModeUnknown => "write LAND or AIR",
            Self::TransferDateMissing | Self::TransferDateInexact => {
                "write the day of the handover as YYYY-MM-DD"
            }
            Self::TransferDateFuture => "check the year of the transfer",
            Self::DateShape => "write YYYY-MM-DD; a birth date may also be YYYY or ~YYYY",
            Self::DateImpossible => {
                "check day and month on the paper; if only the year is certain, write YYYY"
            }
            Self::DateAmbiguous => "check on the paper which number is the day, and write YYYY-MM-DD",
            Self::BirthAfterTransfer => "check both dates",
            Self::BirthTooEarly => "check the year of birth; leave it empty if it is not known",
            Self::NationalityMissing => {
                "write the code of three letters; XXX if it is not known, XXA if stateless"
            }
            Self::CountryUnknown => {
                "write the code of three letters of ISO 3166; XXX if it is not known, XXA if stateless"
            }
            Self::SerialHeldByAnother => {
                "compare both persons with their papers; one of the serials is wrong"
            }
            Self::NotTaken => "mend what the case lacks, and send this record again",
            Self::SpreadsheetFormula => {
                "check that the text is what was meant; never open the original in a spreadsheet"
            }
            Self::DirectionControl | Self::HiddenCharacter => "check that the text still reads as it should",
            Self::ReplacementCharacter => "ask the transferring side for the text",
            Self::OtherDigits => "check the value as it was read",
            Self::BatchSeqUnreadable => "write the number of the line on the transfer paper",
            Self::NameMissing => "write the name, if only in one script, as soon as it is known",
            Self::PrecisionUnknown | Self::PrecisionDiffers => {
                "write day, year, approx or unknown, as the date is written"
            }
            Self::BirthPlaceUnknown => "write the code of the governorate, such as IQ-NI",
            Self::SexUnknown => "write M or F, or leave it empty",
            Self::LanguageUnknown => "write the code of ISO 639, such as ar or ku",
            Self::InterpreterUnknown => "write Y or N, or leave it empty",
            Self::StatusUnknown => "write RECEIVED or UNDER_INVESTIGATION",
        }
    }
}

/// One finding about one record. It can hold personal values: it belongs to the case file, never to a log line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The record, counted from 1 after the header.
    pub record: u64,
    /// The line of the file on which the record begins.
    pub line: u64,
    /// The column; `None` if the record as a whole is meant.
    pub column: Option<Column>,
    /// The value that was found, shortened, with everything invisible made visible.
    pub value: String,
    /// The rule.
    pub rule: Rule,
    /// What makes the mending easier: the code probably meant, the limit, what differs.
    pub hint: Option<String>,
}

impl Finding {
    /// What to do, in English, with the hint.
    pub fn mend(&self) -> String {
        self.hint
            .as_ref()
            .map_or_else(|| self.rule.mend().to_owned(), |hint| format!("{} ({hint})", self.rule.mend()))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "record {} (line {})", self.record, self.line)?;
        if let Some(column) = self.column {
            write!(to, ", {column}")?;
        }
        if !self.value.is_empty() {
            write!(to, " `{}`", self.value)?;
        }
        write!(to, ": {}; {} [{}]", self.rule.what(), self.mend(), self.rule)
    }
}

/// Characters of a value that a finding shows.
const SHOWN: usize = 60;

/// A value as a finding may show it: at most 60 characters, everything invisible written as `<U+202E>`.
pub fn shown(value: &str) -> String {
    let visible = value.chars().take(SHOWN).map(|letter| {
        let spelling = matches!(letter, '\u{200c}' | '\u{200d}' | '\u{640}');
        if letter.is_control() || is_invisible(letter) && !spelling {
            format!("<U+{:04X}>", u32::from(letter))
        } else {
            letter.to_string()
        }
    });
    let more = if value.chars().nth(SHOWN).is_some() { "…" } else { "" };
    visible.chain([more.to_owned()]).collect()
}

/// Bytes as text: what is valid UTF-8 as it is, every other byte as `\xCF`.
pub(super) fn bytes_as_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02X}")));
    }
    text
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator;

    use super::*;

    #[test]
    fn the_wire_words_of_verdicts_are_those_of_the_manifest_guide() {
        let words: Vec<&str> = [Verdict::Accept, Verdict::AcceptWarn, Verdict::SetAside, Verdict::Conflict]
            .map(Into::into)
            .to_vec();
        assert_eq!(words, ["accept", "accept_warn", "reject", "conflict"]);
        assert_eq!(serde_json::to_string(&Verdict::SetAside).unwrap(), "\"reject\"");
    }

    #[test]
    fn every_rule_has_one_name_a_reason_and_a_mend() {
        let mut names = Vec::new();
        for rule in Rule::iter() {
            assert!(!rule.what().is_empty() && !rule.mend().is_empty(), "{rule}");
            assert_eq!(serde_json::to_string(&rule).unwrap(), format!("\"{rule}\""));
            assert_eq!(rule.to_string().parse::<Rule>().unwrap(), rule);
            names.push(rule.key());
        }
        names.sort();
        names.dedup();
        assert_eq!(names.len(), Rule::iter().count());
    }

    #[test]
    fn a_shown_value_is_short_and_hides_nothing() {
        assert_eq!(shown("a\u{202e}b\nc"), "a<U+202E>b<U+000A>c");
        assert_eq!(shown(&"x".repeat(70_000)), format!("{}…", "x".repeat(60)));
        assert_eq!(bytes_as_text(b"ab\xcf\xf0 \xd8\xa7"), "ab\\xCF\\xF0 ا");
    }
}
