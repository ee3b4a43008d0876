//! Between rows and the types of the port. Whatever does not fit is `Corrupt` and names table, column and row.

use std::fmt::Display;
use std::time::Duration;

use jiff::Timestamp;
use qadiya_domain::ids::{DefinitionHash, PersonId, Seq, StreamId};
use qadiya_domain::name::Name;
use qadiya_ledger::Hash;
use qadiya_store::StoreError;
use qadiya_store::append::{DeadlineRow, EntityRow, StoredEvent};
use qadiya_store::packed;
use qadiya_store::read::{CaseRow, StoredDeadline};
use uuid::Uuid;

/// An instant as it is stored: microseconds since 1970 UTC.
pub(crate) fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

/// The longest lease, so that the end of a lease stays an instant.
const LONGEST: Duration = Duration::from_hours(24 * 365 * 100);

/// A span in microseconds.
pub(crate) fn span(span: Duration) -> i64 {
    i64::try_from(span.min(LONGEST).as_micros()).unwrap_or(i64::MAX)
}

/// A number as it is stored. Numbers beyond `i64` do not occur; as a bound they mean "no bound".
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A length or position as it is stored.
pub(crate) fn length(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// An id as it is stored.
pub(crate) fn blob(id: Uuid) -> Vec<u8> {
    id.as_bytes().to_vec()
}

/// A name that may be missing, as it is stored: empty.
pub(crate) fn word(name: Option<&Name>) -> String {
    name.map(ToString::to_string).unwrap_or_default()
}

/// A list as the JSON text that `json_each` reads.
pub(crate) fn json<T: serde::Serialize + ?Sized>(list: &T) -> Result<String, StoreError> {
    serde_json::to_string(list)
        .map_err(|error| StoreError::Other { during: "writing rows as JSON", detail: error.to_string() })
}

/// Ids as a JSON list of hexadecimal texts.
pub(crate) fn json_ids(ids: impl IntoIterator<Item = Uuid>) -> Result<String, StoreError> {
    let list: Vec<String> = ids.into_iter().map(|id| hex::encode(id.as_bytes())).collect();
    json(&list)
}

/// The key of a row that is an id, for messages.
pub(crate) fn key_of(bytes: &[u8]) -> String {
    Uuid::from_slice(bytes).map_or_else(|_| hex::encode(bytes), |id| id.to_string())
}

/// The row being read, for messages.
#[derive(Clone, Copy)]
pub(crate) struct Reading<'a> {
    pub(crate) table: &'static str,
    pub(crate) row: &'a dyn Display,
}

impl Reading<'_> {
    pub(crate) fn bad(&self, column: &'static str, detail: &str) -> StoreError {
        StoreError::Corrupt {
            table: self.table,
            column,
            row: self.row.to_string(),
            detail: detail.to_owned(),
        }
    }

    pub(crate) fn id(&self, column: &'static str, bytes: &[u8]) -> Result<Uuid, StoreError> {
        Uuid::from_slice(bytes).map_err(|_| self.bad(column, "not 16 bytes"))
    }

    pub(crate) fn id_if(
        &self,
        column: &'static str,
        bytes: Option<&[u8]>,
    ) -> Result<Option<Uuid>, StoreError> {
        bytes.map(|bytes| self.id(column, bytes)).transpose()
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

    pub(crate) fn flag(&self, column: &'static str, number: i64) -> Result<bool, StoreError> {
        match number {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.bad(column, "neither 0 nor 1")),
        }
    }

    pub(crate) fn state(&self, row: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        packed::unpack(row).ok_or_else(|| self.bad("state", "packed, and damaged"))
    }

    pub(crate) fn json<T: serde::de::DeserializeOwned>(
        &self,
        column: &'static str,
        text: &str,
    ) -> Result<T, StoreError> {
        serde_json::from_str(text).map_err(|_| self.bad(column, "not the JSON it must be"))
    }
}

/// A row of `court_case`.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct CaseColumns {
    pub(crate) id: Vec<u8>,
    pub(crate) reference: String,
    pub(crate) alias: Option<String>,
    pub(crate) workflow: String,
    pub(crate) definition: Vec<u8>,
    pub(crate) person: Option<Vec<u8>>,
    pub(crate) cohort: Option<Vec<u8>>,
    pub(crate) main: String,
    pub(crate) stage: String,
    pub(crate) stage_since: Option<i64>,
    pub(crate) office: String,
    pub(crate) held: i64,
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
        let key = key_of(&row.id);
        let read = Reading { table: "court_case", row: &key };
        Ok(Self {
            id: StreamId(read.id("id", &row.id)?),
            reference: row.reference,
            alias: row.alias,
            workflow: read.name("workflow", &row.workflow)?,
            definition: DefinitionHash(read.hash("definition", &row.definition)?),
            person: read.id_if("person", row.person.as_deref())?.map(PersonId),
            group: read.id_if("cohort", row.cohort.as_deref())?.map(StreamId),
            main: read.name("main", &row.main)?,
            stage: read.name_if("stage", &row.stage)?,
            stage_since: read.instant_if("stage_since", row.stage_since)?,
            office: read.name_if("office", &row.office)?,
            held: read.flag("held", row.held)?,
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
    pub(crate) stream: Vec<u8>,
    pub(crate) kind: String,
    pub(crate) parent: Option<Vec<u8>>,
    pub(crate) state: Vec<u8>,
    pub(crate) version: i64,
    pub(crate) head: Vec<u8>,
    pub(crate) updated: i64,
}

impl TryFrom<EntityColumns> for EntityRow {
    type Error = StoreError;

    fn try_from(row: EntityColumns) -> Result<Self, StoreError> {
        let key = key_of(&row.stream);
        let read = Reading { table: "entity", row: &key };
        Ok(Self {
            stream: StreamId(read.id("stream", &row.stream)?),
            kind: row.kind.parse().map_err(|_| read.bad("kind", "not a kind of stream"))?,
            parent: read.id_if("parent", row.parent.as_deref())?.map(StreamId),
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
    pub(crate) stream: Vec<u8>,
    pub(crate) seq: i64,
    pub(crate) bytes: Vec<u8>,
    pub(crate) hash: Vec<u8>,
    pub(crate) recorded: i64,
    pub(crate) secret: Option<Vec<u8>>,
}

impl EventColumns {
    pub(crate) fn event(self) -> Result<(StreamId, StoredEvent), StoreError> {
        let key = format!("{}/{}", key_of(&self.stream), self.seq);
        let read = Reading { table: "event", row: &key };
        let event = StoredEvent {
            seq: read.number::<Seq>("seq", self.seq)?,
            bytes: self.bytes,
            hash: read.hash("hash", &self.hash)?,
            at: read.instant("recorded", self.recorded)?,
            secret: self.secret,
        };
        Ok((StreamId(read.id("stream", &self.stream)?), event))
    }
}

/// A row of `deadline` without its lease.
#[derive(Debug)]
pub(crate) struct DeadlineColumns {
    pub(crate) stream: Vec<u8>,
    pub(crate) key: String,
    pub(crate) since: i64,
    pub(crate) due: Option<i64>,
    pub(crate) next: Option<i64>,
    pub(crate) step: i64,
    pub(crate) passed: i64,
    pub(crate) calendar: Option<Vec<u8>>,
}

impl TryFrom<DeadlineColumns> for StoredDeadline {
    type Error = StoreError;

    fn try_from(row: DeadlineColumns) -> Result<Self, StoreError> {
        let key = format!("{}/{}", key_of(&row.stream), row.key);
        let read = Reading { table: "deadline", row: &key };
        let values = DeadlineRow {
            since: read.instant("since", row.since)?,
            due: read.instant_if("due", row.due)?,
            next: read.instant_if("next", row.next)?,
            step: read.number("step", row.step)?,
            passed: read.flag("passed", row.passed)?,
            calendar: row.calendar.as_deref().map(|hash| read.hash("calendar", hash)).transpose()?,
        };
        Ok(Self { stream: StreamId(read.id("stream", &row.stream)?), key: row.key, row: values })
    }
}
