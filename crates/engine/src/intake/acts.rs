//! What is written for a record: acts on cases and deeds on persons.

use std::collections::BTreeMap;

use qadiya_domain::case::act::{Act, Perform, RecordGiven};
use qadiya_domain::ids::{PersonId, StreamId, StreamKind};
use qadiya_domain::manifest::{Birth, Column, Header, Row};
use qadiya_domain::name::{BadName, Name};
use qadiya_domain::registry::{Deed, IdentityClaim};
use qadiya_domain::value::{Given, Protected, Value};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use super::judge::{Judged, agreement, open_key};
use super::{Import, ROW_SPACE, SERIAL_SPACE};
use crate::registry_write::RegistryWrite;
use crate::submit::{ActInput, Submission, Target};

/// The command that names a person on a list.
pub(super) const LIST_PERSON: &str = "list-person";
/// The command that keeps one more claim.
pub(super) const ATTACH_CLAIM: &str = "attach-claim";
/// The command that puts a record aside.
pub(super) const SET_ASIDE: &str = "set-aside-record";

/// The record of a list that was set aside, as its case keeps it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    /// Its number in the file, from 1.
    pub(super) record: u64,
    /// The header of the file; `None` for a column that is not read.
    pub(super) columns: Vec<Option<Column>>,
    /// Every cell, with every byte shown.
    pub(super) cells: Vec<String>,
}

impl Import<'_> {
    /// Opens the case of a person.
    pub(super) fn opening(
        &self,
        record: &Judged,
        row: &Row,
        person: PersonId,
    ) -> Result<Submission, BadName> {
        let target = Target::New {
            workflow: self.options.workflow.clone(),
            alias: Some(row.isn.to_string()),
            group: Some(self.manifest),
            person: Some(person),
        };
        self.claiming(LIST_PERSON, target, record, row)
    }

    /// Attaches a claim to a case.
    pub(super) fn attaching(
        &self,
        record: &Judged,
        row: &Row,
        case: StreamId,
    ) -> Result<Submission, BadName> {
        self.claiming(ATTACH_CLAIM, Target::Case(case), record, row)
    }

    fn claiming(
        &self,
        command: &str,
        target: Target,
        record: &Judged,
        row: &Row,
    ) -> Result<Submission, BadName> {
        let given = RecordGiven {
            record: Name::new("identity-claim")?,
            about: None,
            fields: claim(row, &source(record))?,
        };
        let perform =
            Perform { command: Some(Name::new(command)?), records: vec![given], ..Perform::default() };
        Ok(self.submission(target, perform, open_key(&record.key)))
    }

    /// Puts a record aside, with every cell.
    pub(super) fn setting_aside(&self, record: &Judged, conflict: bool) -> Result<Submission, BadName> {
        let target = Target::New {
            workflow: self.intake_record.clone(),
            alias: Some(aside_alias(record)),
            group: Some(self.manifest),
            person: None,
        };
        let kept = Kept {
            record: record.raw.record,
            columns: self.header.columns().to_vec(),
            cells: record.raw.shown_cells(),
        };
        let json = |text: Result<String, serde_json::Error>| text.unwrap_or_else(|fault| fault.to_string());
        let rules: Vec<String> =
            record.checked.findings.iter().map(|finding| finding.rule.to_string()).collect();
        let line = i64::try_from(record.raw.line).unwrap_or(i64::MAX);
        let fields = [
            ("line", Given::Is(Value::Number(line))),
            ("rules", Given::Is(Value::Reference(rules.join(", ")))),
            ("cells", Given::Protected(Protected::text(json(serde_json::to_string(&kept))))),
            (
                "faults",
                Given::Protected(Protected::text(json(serde_json::to_string(&record.checked.findings)))),
            ),
        ];
        let mut perform = Perform { command: Some(Name::new(SET_ASIDE)?), ..Perform::default() };
        perform.records.push(RecordGiven {
            record: Name::new("as-received")?,
            about: None,
            fields: named(fields)?,
        });
        if conflict {
            perform.answers.insert(Name::new("conflict")?, Given::Is(Value::Flag(true)));
        }
        Ok(self.submission(target, perform, aside_key(record)))
    }

    fn submission(&self, target: Target, perform: Perform, key: String) -> Submission {
        Submission {
            key: Some(key),
            batch: true,
            ..Submission::new(self.by.clone(), target, ActInput::Typed(Act::Perform(perform)))
        }
    }

    /// Registers a person with the first claim.
    pub(super) fn registering(
        &self,
        record: &Judged,
        row: &Row,
        person: PersonId,
        case: StreamId,
    ) -> Result<RegistryWrite, BadName> {
        let serial = row.isn.to_string();
        let deed =
            Deed::PersonRegistered { serial: Some(serial.clone()), claim: self.identity_claim(record)? };
        let mut write = self
            .person_write(person)
            .found_by(SERIAL_SPACE, serial)
            .found_by(ROW_SPACE, record.key.clone())
            .deciding(move |entity| {
                let held = entity.person().ok_or_else(|| "the id belongs to another record".to_owned())?;
                Ok(if held.claims > 0 { Vec::new() } else { vec![deed.clone()] })
            });
        write.parent = Some(self.manifest);
        write.agreement = Some(agreement(row, case));
        Ok(write)
    }

    /// Attaches one more claim to a person.
    pub(super) fn claiming_of(&self, record: &Judged, person: PersonId) -> Result<RegistryWrite, BadName> {
        let deed = Deed::ClaimAttached(self.identity_claim(record)?);
        Ok(self.person_write(person).found_by(ROW_SPACE, record.key.clone()).doing(vec![deed]))
    }

    fn person_write(&self, person: PersonId) -> RegistryWrite {
        RegistryWrite::new(StreamId(person.0), StreamKind::Person, self.actor.clone())
    }

    /// Everything the record says, each cell by its column, as it stands in the list: nothing of it is lost.
    fn identity_claim(&self, record: &Judged) -> Result<IdentityClaim, BadName> {
        let mut attributes = BTreeMap::new();
        for (column, cell) in self.header.columns().iter().zip(record.raw.shown_cells()) {
            if let Some(column) = column.filter(|_| !cell.trim().is_empty()) {
                attributes.insert(Name::new(&column.name().replace('_', "-"))?, Protected::text(cell));
            }
        }
        Ok(IdentityClaim { source: source(record), attributes })
    }
}

/// The key under which a record is put aside: one for each of several records with the same cells.
pub(super) fn aside_key(record: &Judged) -> String {
    format!("import/{}/{}", record.key, record.twin)
}

/// By this name the record is known when somebody else sends it again.
fn aside_alias(record: &Judged) -> String {
    let row: String = record.key.chars().take(32).collect();
    format!("row-{row}-{}", record.twin)
}

/// Where a claim comes from: batch and record.
fn source(record: &Judged) -> String {
    let batch = record.checked.batch_id.as_deref().unwrap_or("?");
    let batch: String = batch.nfc().collect();
    format!("{batch}/{}", record.raw.record)
}

/// The fields of a claim.
fn claim(row: &Row, source: &str) -> Result<BTreeMap<Name, Given>, BadName> {
    let both = |arabic: &Option<String>, latin: &Option<String>| {
        let parts: Vec<&str> = [arabic, latin].into_iter().filter_map(Option::as_deref).collect();
        (!parts.is_empty()).then(|| parts.join(" / ").nfc().collect::<String>())
    };
    let unknown = || Given::Unknown(Protected::text("the list does not say"));
    let person = |name: String| Given::Protected(Protected::Clear(Value::Person(name)));
    // A person without a name on the list is called by the serial.
    let name = both(&row.name_ar, &row.name_latn).unwrap_or_else(|| row.isn.to_string());
    let father = both(&row.father_name_ar, &row.father_name_latn).map_or_else(unknown, person);
    let born = match row.birth {
        Birth::Day(day) => Some(day.to_string()),
        Birth::Year(year) => Some(year.to_string()),
        Birth::About(year) => Some(format!("~{year}")),
        Birth::Unknown => None,
    };
    let born = born.map_or_else(unknown, |born| Given::Protected(Protected::text(born)));
    let source = Given::Is(Value::Reference(source.to_owned()));
    named([("name", person(name)), ("father-name", father), ("born", born), ("source", source)])
}

fn named<const N: usize>(fields: [(&str, Given); N]) -> Result<BTreeMap<Name, Given>, BadName> {
    fields.into_iter().map(|(name, given)| Ok((Name::new(name)?, given))).collect()
}

/// The header of a file, from the columns that a record kept.
pub(super) fn header_of(columns: &[Option<Column>]) -> Option<Header> {
    // Any report column stands for one that is not read.
    let cells: Vec<&str> = columns.iter().map(|column| column.map_or("mend", Column::name)).collect();
    Header::parse(&cells).ok()
}
