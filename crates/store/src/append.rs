//! The one way in which anything is written: a batch of appends, each to one stream, in one transaction.

use jiff::Timestamp;
use qadiya_domain::ids::{DefinitionHash, JobId, OfficialId, Seq, StreamId, StreamKind};
use qadiya_domain::name::Name;
use qadiya_ledger::Hash;

use crate::access::AccessRecord;
use crate::read::CaseRow;

/// An event as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its number in the stream, from 1.
    pub seq: Seq,
    /// The canonical bytes that were hashed.
    pub bytes: Vec<u8>,
    /// `ledger::chain::event_hash` of the bytes.
    pub hash: Hash,
    /// When it was recorded.
    pub at: Timestamp,
    /// Salts and values of its protected parts, as JSON: the only home of personal values.
    pub secret: Option<Vec<u8>>,
}

/// The row that carries the folded state of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// A case.
    Case(Box<CaseRow>),
    /// Any other stream.
    Entity(EntityRow),
}

/// The folded state of a stream that is not a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityRow {
    /// The stream.
    pub stream: StreamId,
    /// What it is about.
    pub kind: StreamKind,
    /// The stream it belongs to, if any.
    pub parent: Option<StreamId>,
    /// The folded state, as its kind writes it.
    pub state: Vec<u8>,
    /// The number of its last event.
    pub version: Seq,
    /// The hash of its last event.
    pub head: Hash,
    /// When it was last changed.
    pub updated: Timestamp,
}

/// A clock row to write or to remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadlineChange {
    /// The clock, as `ClockKey` writes it.
    pub key: String,
    /// Its row; `None` removes it.
    pub row: Option<DeadlineRow>,
}

/// A row of the deadline table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadlineRow {
    /// Counts from here.
    pub since: Timestamp,
    /// The limit.
    pub due: Option<Timestamp>,
    /// When the next step is due.
    pub next: Option<Timestamp>,
    /// The number of the next step.
    pub step: u32,
    /// The limit has passed.
    pub passed: bool,
    /// The calendar it counts by.
    pub calendar: Option<Hash>,
}

/// The lease epoch of a clock row that an append decided on this version writes anew. A row that was taken away and
/// comes again must fit no lease of the row before: versions only rise, and no row is claimed or changed 2³² times.
pub const fn first_epoch(expected: Seq) -> u64 {
    expected.saturating_mul(1 << 32)
}

/// A job to queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewJob {
    /// Its id, derived from `stream / seq / name`, so that a repeated append cannot queue it twice.
    pub id: JobId,
    /// The event that queued it; 0 for a job of no event.
    pub seq: Seq,
    /// What is to be done: the job of the file, or an engine job such as `notice`.
    pub name: String,
    /// The queue.
    pub queue: String,
    /// What the worker needs, as JSON without personal values.
    pub payload: Vec<u8>,
    /// On whose behalf; `None` for statutory work of the system.
    pub principal: Option<OfficialId>,
    /// Not before this instant.
    pub run_at: Timestamp,
}

/// A request that caused events of an append. It makes a repeated request harmless (DESIGN D17).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRequest {
    /// Who asked: the natural person or program.
    pub principal: OfficialId,
    /// The key the client chose.
    pub key: String,
    /// SHA-256 of what was asked.
    pub asked: Hash,
    /// The stored, locale-free answer.
    pub answer: Vec<u8>,
    /// The position of its first event among those of the append, for the receipt.
    pub first: usize,
}

/// The lease that an append settles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settles {
    /// The clock step that caused it. The lease epoch must still be the row's.
    Deadline {
        /// The clock.
        key: String,
        /// The epoch of the lease.
        epoch: u64,
    },
    /// The job that caused it: the row leaves the table.
    Job {
        /// The job.
        id: JobId,
        /// The epoch of the lease.
        epoch: u64,
        /// Keep the row as an incident with this text instead.
        incident: Option<String>,
    },
}

/// A net move between public stages and offices, for the counters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StageMove {
    /// The workflow.
    pub workflow: Name,
    /// The stage; `None` where no stage holds.
    pub stage: Option<Name>,
    /// The office that must act.
    pub office: Option<Name>,
    /// +1 or −1, or the sum of a batch.
    pub net: i64,
}

/// A key by which a stream is found: a token's hash, a person's serial number, a manifest's file hash.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lookup {
    /// The name space.
    pub space: String,
    /// The key, unique in its space.
    pub key: String,
}

/// A definition that becomes the active one of its workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activates {
    /// The workflow.
    pub workflow: Name,
    /// The definition.
    pub definition: DefinitionHash,
    /// Since when.
    pub at: Timestamp,
}

/// What is written to one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Append {
    /// The stream.
    pub stream: StreamId,
    /// The version it was decided on; 0 opens the stream.
    pub expected: Seq,
    /// Contiguous events from `expected + 1`; never empty.
    pub events: Vec<StoredEvent>,
    /// The row after the last event.
    pub row: Row,
    /// Clock rows that changed.
    pub deadlines: Vec<DeadlineChange>,
    /// Jobs queued.
    pub jobs: Vec<NewJob>,
    /// Jobs of this stream that the case waits for no longer: their rows leave the queue, whoever holds them. The job
    /// that the append settles is not among them, nor one that it queues.
    pub cancels: Vec<JobId>,
    /// The requests that caused it, in order; each key once.
    pub requests: Vec<NewRequest>,
    /// The lease it settles.
    pub settles: Option<Settles>,
    /// Moves of the counters.
    pub stages: Vec<StageMove>,
    /// Keys to add.
    pub lookups: Vec<Lookup>,
    /// Keys to take away, as far as they belong to this stream. They go before the new ones come.
    pub forgets: Vec<Lookup>,
    /// The case is opened under this definition: it must be the workflow's active one when the batch commits.
    pub opens_under: Option<(Name, DefinitionHash)>,
    /// The definition under which cases are opened after this batch. It comes with the event that says so, and by no
    /// other way; cases of this very batch are held against the one before.
    pub activates: Option<Activates>,
}

/// The signed root over a batch's events, stored once for all its requests (DESIGN D11).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchSeal {
    /// Its id.
    pub id: uuid::Uuid,
    /// The event hashes in the order of the batch.
    pub leaves: Vec<Hash>,
    /// `ledger::receipt` signature over the root.
    pub signature: Vec<u8>,
    /// Which key signed.
    pub key_id: String,
}

/// What is committed together. Its new events enter `log_pending` in order of stream and number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// At most one append per stream.
    pub appends: Vec<Append>,
    /// Access records.
    pub access: Vec<AccessRecord>,
    /// The receipt of the batch's events.
    pub seal: Option<BatchSeal>,
}

/// Why an append lost. Nothing of its batch was written.
#[derive(Debug, Clone, PartialEq, Eq, strum::Display)]
#[strum(serialize_all = "kebab-case")]
pub enum Loser {
    /// The stream is at another version.
    Conflict,
    /// The lease was lost.
    LeaseLost,
    /// The request key was bound meanwhile.
    KeyBound,
    /// A lookup key, reference or alias belongs to another stream.
    KeyTaken(Lookup),
    /// The definition is no longer the active one.
    DefinitionChanged,
}

/// How a batch ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BatchOutcome {
    /// All of it is durable.
    Committed,
    /// Nothing of it was written; these appends (by position) have lost, and every loser is named.
    Lost(Vec<(usize, Loser)>),
}
