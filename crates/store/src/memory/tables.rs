//! The tables, as ordered maps.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use qadiya_domain::ids::{DefinitionHash, JobId, OfficialId, Seq, StreamId};
use qadiya_domain::name::Name;
use qadiya_ledger::Hash;
use uuid::Uuid;

use crate::access::AccessRecord;
use crate::append::{BatchSeal, DeadlineRow, EntityRow, NewJob, StoredEvent};
use crate::ledger::{LogEntry, Pending, StoredCheckpoint};
use crate::read::CaseRow;
use crate::registry::StoredDefinition;
use crate::work::Operation;

/// A lease on a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Who holds it.
    pub owner: Option<Uuid>,
    /// Rises with every claim.
    pub epoch: u64,
    /// Over from this instant on.
    pub until: Timestamp,
}

impl Lease {
    /// A lease nobody holds.
    pub fn free() -> Self {
        Self { owner: None, epoch: 0, until: Timestamp::UNIX_EPOCH }
    }
}

/// A clock row with its lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadlineEntry {
    /// The row.
    pub row: DeadlineRow,
    /// The lease.
    pub lease: Lease,
}

/// A job row with its lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobEntry {
    /// The stream.
    pub stream: StreamId,
    /// The job.
    pub job: NewJob,
    /// Tries so far.
    pub attempt: u32,
    /// Not before.
    pub run_at: Timestamp,
    /// The fault of the last try.
    pub fault: Option<String>,
    /// Given up.
    pub incident: bool,
    /// The lease.
    pub lease: Lease,
}

/// A bound request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestEntry {
    /// What was asked.
    pub asked: Hash,
    /// The answer.
    pub answer: Vec<u8>,
    /// The batch and the position of its first event in it.
    pub batch: Option<(Uuid, usize)>,
}

/// All tables.
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "the tables of DESIGN section 3, under the names of the migrations")]
pub struct Tables {
    pub clock: Timestamp,
    pub settings: BTreeMap<String, String>,
    pub cases: BTreeMap<StreamId, CaseRow>,
    pub references: BTreeMap<String, StreamId>,
    pub aliases: BTreeMap<String, StreamId>,
    pub entities: BTreeMap<StreamId, EntityRow>,
    pub lookups: BTreeMap<(String, String), StreamId>,
    pub events: BTreeMap<(StreamId, Seq), StoredEvent>,
    pub pending: Vec<Pending>,
    pub entries: Vec<LogEntry>,
    pub nodes: BTreeMap<(u8, u64), Hash>,
    pub checkpoints: BTreeMap<u64, StoredCheckpoint>,
    pub fences: BTreeMap<String, Lease>,
    pub deadlines: BTreeMap<(StreamId, String), DeadlineEntry>,
    pub jobs: BTreeMap<JobId, JobEntry>,
    pub requests: BTreeMap<(StreamId, OfficialId, String), RequestEntry>,
    pub batches: BTreeMap<Uuid, BatchSeal>,
    pub deltas: Vec<(String, String, String, i64)>,
    pub counts: BTreeMap<(String, String, String), i64>,
    pub accesses: Vec<AccessRecord>,
    pub access_ids: BTreeSet<Uuid>,
    pub workers: BTreeMap<Uuid, Timestamp>,
    pub operations: BTreeMap<Uuid, Operation>,
    pub calendars: BTreeMap<Hash, (Name, Vec<u8>)>,
    pub definitions: BTreeMap<DefinitionHash, StoredDefinition>,
    pub active: BTreeMap<Name, DefinitionHash>,
}

impl Tables {
    /// Empty tables.
    pub fn new(clock: Timestamp) -> Self {
        Self { clock, ..Self::default() }
    }

    /// The lease clock plus a span; at the end of time it stops.
    pub fn after(&self, span: Duration) -> Timestamp {
        self.clock.checked_add(span).unwrap_or(Timestamp::MAX)
    }
}
