//! What becomes of the records of a chunk: the rules of one record, then who holds its serial.

use std::collections::{BTreeMap, HashMap};

use jiff::civil::Date;
use qadiya_domain::ids::{PersonId, StreamId};
use qadiya_domain::manifest::{
    Agreement, Birth, Checked, IdentityKey, RawRecord, Row, Verdict, check_row, holder_finding, same_person,
};
use qadiya_domain::registry::{Entity, Person};
use qadiya_ledger::Hash;
use qadiya_store::append::Lookup;
use qadiya_store::read::{CaseRef, Loaded};

use super::{Import, ImportError, ROW_SPACE, SERIAL_SPACE};
use crate::Engine;
use crate::error::EngineError;
use crate::ids::derived;

/// Who holds a serial.
#[derive(Debug, Clone)]
pub(super) struct Holder {
    pub(super) key: IdentityKey,
    pub(super) person: PersonId,
    pub(super) case: StreamId,
    /// How a finding calls the holder.
    pub(super) called: String,
}

/// A record of a chunk with everything known about it.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) raw: RawRecord,
    pub(super) checked: Checked,
    /// The record by batch and cells.
    pub(super) key: String,
    /// How often it stood in the file before.
    pub(super) twin: u32,
    pub(super) plan: Plan,
}

/// What is to be done with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plan {
    /// Opens a case and registers a person.
    Open { case: StreamId, person: PersonId },
    /// One more claim about a known person.
    Attach { case: StreamId, person: PersonId },
    /// It is there already.
    Known { case: StreamId },
    /// It is put aside; in dispute with the case that holds its serial.
    Aside { dispute: Option<StreamId> },
}

impl Judged {
    pub(super) fn verdict(&self) -> Verdict {
        self.checked.verdict()
    }
}

/// What the store knows about the serials and records of a chunk.
#[derive(Debug, Default)]
struct Stored {
    /// By serial.
    holders: HashMap<String, Holder>,
    /// Records that are kept.
    rows: HashMap<String, bool>,
}

impl Import<'_> {
    /// Judges a chunk; nothing is written.
    pub(super) async fn judge(&mut self, raws: Vec<RawRecord>) -> Result<Vec<Judged>, ImportError> {
        if !self.options.dry_run {
            // What the chunks before have written is in the store now.
            self.holders.clear();
            self.rows.clear();
        }
        let mut judged: Vec<Judged> = raws.into_iter().map(|raw| self.check(raw)).collect();
        let stored = self.stored(&judged).await?;
        for record in &mut judged {
            self.plan(record, &stored);
        }
        Ok(judged)
    }

    /// The record alone.
    fn check(&mut self, raw: RawRecord) -> Judged {
        let checked = check_row(&self.header, &raw, self.options.today);
        let digest = raw.digest(&self.header);
        let twins = self.twins.entry(digest).or_default();
        let twin = *twins;
        *twins = twins.saturating_add(1);
        let key = self.engine.row_key(checked.batch_id.as_deref().unwrap_or_default(), &digest);
        Judged { raw, checked, key, twin, plan: Plan::Aside { dispute: None } }
    }

    /// Asks the store once for all serials and records of a chunk.
    async fn stored(&self, judged: &[Judged]) -> Result<Stored, ImportError> {
        let kept: Vec<(&Row, &String)> =
            judged.iter().filter_map(|record| Some((record.checked.row.as_ref()?, &record.key))).collect();
        let lookup = |space: &str, key: String| Lookup { space: space.to_owned(), key };
        let mut asked: Vec<Lookup> =
            kept.iter().map(|(row, _)| lookup(SERIAL_SPACE, row.isn.to_string())).collect();
        asked.extend(kept.iter().map(|(_, key)| lookup(ROW_SPACE, (*key).clone())));
        let found = self.engine.on_store(move |store| async move { store.lookups(&asked).await }).await?;
        let (serials, rows) = found.split_at_checked(kept.len()).unwrap_or_default();
        let mut stored = Stored::default();
        for ((_, key), found) in kept.iter().zip(rows) {
            stored.rows.insert((*key).clone(), found.is_some());
        }
        let mut by_serial: BTreeMap<String, StreamId> = BTreeMap::new();
        for ((row, _), found) in kept.iter().zip(serials) {
            if let Some(person) = found {
                by_serial.insert(row.isn.to_string(), *person);
            }
        }
        if by_serial.is_empty() {
            return Ok(stored);
        }
        let persons: Vec<StreamId> = by_serial.values().copied().collect();
        let loaded =
            self.engine.on_store(move |store| async move { store.load_many(&persons).await }).await?;
        let mut holders = Vec::with_capacity(by_serial.len());
        for ((serial, stream), loaded) in by_serial.into_iter().zip(loaded) {
            let person = person_of(stream, loaded)?;
            let case = match person.agreement.get(CASE).and_then(|case| case.parse().ok()) {
                Some(case) => case,
                // The projection was emptied by an erasure; this is rare, and asks one by one.
                None => self.case_of(&serial).await?.unwrap_or(stream),
            };
            holders.push((serial, StreamId(stream.0), case, person));
        }
        let cases: Vec<StreamId> = holders.iter().map(|(_, _, case, _)| *case).collect();
        let references = self.references(&cases).await?;
        for (serial, stream, case, person) in holders {
            let called = references
                .get(&case)
                .map_or_else(|| "a known person".to_owned(), |reference| format!("case {reference}"));
            let holder = Holder { key: key_of(&person.agreement), person: PersonId(stream.0), case, called };
            stored.holders.insert(serial, holder);
        }
        Ok(stored)
    }

    /// The stream of the case that is known under a serial.
    pub(super) async fn case_of(&self, alias: &str) -> Result<Option<StreamId>, EngineError> {
        let alias = CaseRef::Alias(alias.to_owned());
        let found = self.engine.on_store(move |store| async move { store.find(&alias).await }).await?;
        Ok(found.map(|row| row.id))
    }

    /// The numbers of cases.
    pub(super) async fn references(
        &self,
        cases: &[StreamId],
    ) -> Result<HashMap<StreamId, String>, EngineError> {
        if cases.is_empty() {
            return Ok(HashMap::new());
        }
        let cases = cases.to_vec();
        let loaded = self.engine.on_store(move |store| async move { store.load_many(&cases).await }).await?;
        let rows = loaded.into_iter().filter_map(|loaded| match loaded {
            Loaded::Case(row) => Some((row.id, row.reference)),
            // Only its number is not told; the case itself is looked at where it is worked on.
            Loaded::Absent | Loaded::Entity(_) | Loaded::Damaged(_) => None,
        });
        Ok(rows.collect())
    }

    /// Decides by who holds the serial: the store, or a record before this one.
    fn plan(&mut self, record: &mut Judged, stored: &Stored) {
        let Some(row) = &record.checked.row else { return };
        let serial = row.isn;
        let key = IdentityKey::of(row);
        let held = self.holders.get(&serial).or_else(|| stored.holders.get(&serial.to_string()));
        let Some(holder) = held else {
            let case = Engine::derive_stream(self.scope, &open_key(&record.key));
            let person = PersonId(derived(&["person", &serial.to_string()]));
            record.plan = Plan::Open { case, person };
            let called = format!("record {}", record.raw.record);
            self.holders.insert(serial, Holder { key, person, case, called });
            self.rows.insert(record.key.clone());
            return;
        };
        if self.rows.contains(&record.key) || stored.rows.get(&record.key) == Some(&true) {
            record.plan = Plan::Known { case: holder.case };
            return;
        }
        match same_person(&holder.key, &key) {
            Agreement::SamePerson => {
                record.plan = Plan::Attach { case: holder.case, person: holder.person };
                self.rows.insert(record.key.clone());
            }
            Agreement::Conflict(differences) => {
                let (number, line) = (record.raw.record, record.raw.line);
                let finding = holder_finding(number, line, serial, &holder.called, &differences);
                record.checked.findings.push(finding);
                record.plan = Plan::Aside { dispute: Some(holder.case) };
            }
        }
    }
}

/// The key under which a record is written.
pub(super) fn open_key(row: &str) -> String {
    format!("import/{row}")
}

impl Engine {
    /// A record by its batch and its cells. Made with the secret of this installation, since it stands clear in the log
    /// and nobody shall try names and birth dates against it.
    fn row_key(&self, batch: &str, digest: &[u8; 32]) -> String {
        let mut text = self.shared.pepper.to_vec();
        text.extend_from_slice(format!("qadiya/manifest-row/v1\n{}:{batch}\n", batch.len()).as_bytes());
        text.extend_from_slice(digest);
        Hash::of(&text).to_string()
    }
}

fn person_of(stream: StreamId, loaded: Loaded) -> Result<Person, EngineError> {
    let damaged = |detail: String| EngineError::Integrity { stream, detail };
    let Loaded::Entity(row) = loaded else {
        return Err(damaged("a serial leads to it, and it is no person".to_owned()));
    };
    let entity = Entity::from_bytes(row.kind, &row.state).map_err(|error| damaged(error.to_string()))?;
    entity.person().cloned().ok_or_else(|| damaged("a serial leads to it, and it is no person".to_owned()))
}

/// Parts of what is kept beside a person to tell a second record from another person.
const CASE: &str = "case";
const NAME_AR: &str = "name-ar";
const NAME_LATN: &str = "name-latn";
const FATHER_AR: &str = "father-name-ar";
const FATHER_LATN: &str = "father-name-latn";
const BIRTH: &str = "birth";

/// What is kept beside a person: the spellings of the first claim, from which the key is made again, and the case.
pub(super) fn agreement(row: &Row, case: StreamId) -> BTreeMap<String, String> {
    let birth = match row.birth {
        Birth::Day(day) => Some(day.to_string()),
        Birth::Year(year) => Some(year.to_string()),
        Birth::About(year) => Some(format!("~{year}")),
        Birth::Unknown => None,
    };
    [
        (CASE, Some(case.to_string())),
        (NAME_AR, row.name_ar.clone()),
        (NAME_LATN, row.name_latn.clone()),
        (FATHER_AR, row.father_name_ar.clone()),
        (FATHER_LATN, row.father_name_latn.clone()),
        (BIRTH, birth),
    ]
    .into_iter()
    .filter_map(|(part, text)| Some((part.to_owned(), text?)))
    .collect()
}

fn key_of(agreement: &BTreeMap<String, String>) -> IdentityKey {
    let part = |name: &str| agreement.get(name).map(String::as_str);
    let birth = part(BIRTH).map_or(Birth::Unknown, birth_of);
    IdentityKey::new((part(NAME_AR), part(NAME_LATN)), (part(FATHER_AR), part(FATHER_LATN)), birth)
}

/// A birth as it is kept: `1987-05-04`, `1987` or `~1987`.
pub(super) fn birth_of(text: &str) -> Birth {
    match text.strip_prefix('~') {
        Some(year) => year.parse().map_or(Birth::Unknown, Birth::About),
        None => match text.parse::<Date>() {
            Ok(day) => Birth::Day(day),
            Err(_) => text.parse().map_or(Birth::Unknown, Birth::Year),
        },
    }
}
