//! Between rows and the types of the port. Whatever does not fit is `Corrupt` and names table, column and row.

use std::fmt::Display;

use jiff::Timestamp;
use qadiya_domain::ids::{DefinitionHash, PersonId, Seq, StreamId};
use qadiya_domain::name::Name;
use qadiya_ledger::Hash;
use qadiya_store::StoreError;
use qadiya_store::append::{DeadlineRow, EntityRow, StoredEvent};
use qadiya_store::packed;
use qadiya_store::read::CaseRow;
use uuid::Uuid;

use crate::errors::corrupt;

/// An instant as it is stored: microseconds since 1970 UTC.
pub(crate) fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

/// A number as it is stored. Numbers beyond `i64` do not occur; as a bound they mean "no bound".
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A length or position as it is stored.
pub(crate) fn length(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A name that may be missing, as it is stored: empty.
pub(crate) fn word(name: Option<&Name>) -> String {
    name.map(ToString::to_string).unwrap_or_default()
}

/// The row being read, for messages.
#[derive(Clone, Copy)]
pub(crate) struct Reading<'a> {
    pub(crate) table: &'static str,
    pub(crate) row: &'a dyn Display,
}

impl Reading<'_> {
    pub(crate) fn bad(&self, column: &'static str, detail: &str) -> StoreError {
        corrupt(self.table, column, self.row, detail)
    }

    pub(crate) fn instant(&self, column: &'static str, at: i64) -> Result<Timestamp, StoreError> {
        Timestamp::from_microsecond(at).map_err(|_| self.bad(column, "not an instant"))
    }

    pub(crate) fn instant_if(
        &self,
        column: &'static str,
        at: Option<i64>,
    ) -> Result<Option<Timestamp>, StoreError> {
        at.map(|at| self.instant(column, at)).transpose()
    }

    pub(crate) fn hash(&self, column: &'static str, bytes: &[u8]) -> Result<Hash, StoreError> {
        Hash::from_slice(bytes).ok_or_else(|| self.bad(column, "not 32 bytes"))
    }

    pub(crate) fn name(&self, column: &'static str, text: &str) -> Result<Name, StoreError> {
        Name::new(text).map_err(|_| self.bad(column, "not a name"))
    }

    /// A name stored as empty where there is none.
    pub(crate) fn name_if(&self, column: &'static str, text: &str) -> Result<Option<Name>, StoreError> {
        if text.is_empty() { Ok(None) } else { self.name(column, text).map(Some) }
    }

    pub(crate) fn number<T: TryFrom<i64>>(&self, column: &'static str, number: i64) -> Result<T, StoreError> {
        T::try_from(number).map_err(|_| self.bad(column, "out of range"))
    }

    pub(crate) fn state(&self, row: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        packed::unpack(row).ok_or_else(|| self.bad("state", "packed, and damaged"))
    }

    pub(crate) fn json<T>(
        &self,
        column: &'static str,
        parsed: serde_json::Result<T>,
    ) -> Result<T, StoreError> {
        parsed.map_err(|_| self.bad(column, "not the JSON it must be"))
    }
}

/// A row of `court_case`.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct CaseColumns {
    pub(crate) id: Uuid,
    pub(crate) reference: String,
    pub(crate) alias: Option<String>,
    pub(crate) workflow: String,
    pub(crate) definition: Vec<u8>,
    pub(crate) person: Option<Uuid>,
    pub(crate) cohort: Option<Uuid>,
    pub(crate) main: String,
    pub(crate) stage: String,
    pub(crate) stage_since: Option<i64>,
    pub(crate) office: String,
    pub(crate) held: bool,
    pub(crate) authority_until: Option<i64>,
    pub(crate) next_date: Option<i64>,
    pub(crate) outcome: Option<String>,
    pub(crate) irregular: i64,
    pub(crate) state: Vec<u8>,
    pub(crate) version: i64,
    pub(crate) head: Vec<u8>,
    pub(crate) opened: i64,
    pub(crate) updated: i64,
}

impl TryFrom<CaseColumns> for CaseRow {
    type Error = StoreError;

    fn try_from(row: CaseColumns) -> Result<Self, StoreError> {
        let id = row.id;
        let read = Reading { table: "court_case", row: &id };
        Ok(Self {
            id: StreamId(id),
            reference: row.reference,
            alias: row.alias,
            workflow: read.name("workflow", &row.workflow)?,
            definition: DefinitionHash(read.hash("definition", &row.definition)?),
            person: row.person.map(PersonId),
            group: row.cohort.map(StreamId),
            main: read.name("main", &row.main)?,
            stage: read.name_if("stage", &row.stage)?,
            stage_since: read.instant_if("stage_since", row.stage_since)?,
            office: read.name_if("office", &row.office)?,
            held: row.held,
            authority_until: read.instant_if("authority_until", row.authority_until)?,
            next_date: read.instant_if("next_date", row.next_date)?,
            outcome: row.outcome.as_deref().map(|outcome| read.name("outcome", outcome)).transpose()?,
            irregular: read.number("irregular", row.irregular)?,
            state: read.state(row.state)?,
            version: read.number("version", row.version)?,
            head: read.hash("head", &row.head)?,
            opened: read.instant("opened", row.opened)?,
            updated: read.instant("updated", row.updated)?,
        })
    }
}

/// A row of `entity`.
#[derive(Debug)]
pub(crate) struct EntityColumns {
    pub(crate) stream: Uuid,
    pub(crate) kind: String,
    pub(crate) parent: Option<Uuid>,
    pub(crate) state: Vec<u8>,
    pub(crate) version: i64,
    pub(crate) head: Vec<u8>,
    pub(crate) updated: i64,
}

impl TryFrom<EntityColumns> for EntityRow {
    type Error = StoreError;

    fn try_from(row: EntityColumns) -> Result<Self, StoreError> {
        let stream = row.stream;
        let read = Reading { table: "entity", row: &stream };
        Ok(Self {
            stream: StreamId(stream),
            kind: row.kind.parse().map_err(|_| read.bad("kind", "not a kind of stream"))?,
            parent: row.parent.map(StreamId),
            state: read.state(row.state)?,
            version: read.number("version", row.version)?,
            head: read.hash("head", &row.head)?,
            updated: read.instant("updated", row.updated)?,
        })
    }
}

/// A row of `event`, with its secret where it was asked for.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct EventColumns {
    pub(crate) stream: Uuid,
    pub(crate) seq: i64,
    pub(crate) bytes: Vec<u8>,
    pub(crate) hash: Vec<u8>,
    pub(crate) recorded: i64,
    pub(crate) secret: Option<Vec<u8>>,
}

impl EventColumns {
    pub(crate) fn event(self) -> Result<(StreamId, StoredEvent), StoreError> {
        let key = format!("{}/{}", self.stream, self.seq);
        let read = Reading { table: "event", row: &key };
        let event = StoredEvent {
            seq: read.number::<Seq>("seq", self.seq)?,
            bytes: self.bytes,
            hash: read.hash("hash", &self.hash)?,
            at: read.instant("recorded", self.recorded)?,
            secret: self.secret,
        };
        Ok((StreamId(self.stream), event))
    }
}

/// A row of `deadline` without its lease.
#[derive(Debug)]
pub(crate) struct DeadlineColumns {
    pub(crate) stream: Uuid,
    pub(crate) key: String,
    pub(crate) since: i64,
    pub(crate) due: Option<i64>,
    pub(crate) next: Option<i64>,
    pub(crate) step: i64,
    pub(crate) passed: bool,
    pub(crate) calendar: Option<Vec<u8>>,
}

impl TryFrom<DeadlineColumns> for qadiya_store::read::StoredDeadline {
    type Error = StoreError;

    fn try_from(row: DeadlineColumns) -> Result<Self, StoreError> {
        let key = format!("{}/{}", row.stream, row.key);
        let read = Reading { table: "deadline", row: &key };
        let values = DeadlineRow {
            since: read.instant("since", row.since)?,
            due: read.instant_if("due", row.due)?,
            next: read.instant_if("next", row.next)?,
            step: read.number("step", row.step)?,
            passed: row.passed,
            calendar: row.calendar.as_deref().map(|hash| read.hash("calendar", hash)).transpose()?,
        };
        Ok(Self { stream: StreamId(row.stream), key: row.key, row: values })
    }
}
