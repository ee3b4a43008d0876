//! Cases: reading them, and the one way of writing.

use async_trait::async_trait;
use jiff::Timestamp;
use qadiya_domain::ids::{DefinitionHash, OfficialId, PersonId, Seq, StreamId};
use qadiya_domain::name::Name;
use qadiya_ledger::Hash;

use crate::append::{Batch, BatchOutcome, BatchSeal, DeadlineRow, EntityRow, StoredEvent};
use crate::error::StoreError;

/// The row of a case: its folded state and the columns that queries need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseRow {
    /// The stream.
    pub id: StreamId,
    /// The case number.
    pub reference: String,
    /// What another system calls it.
    pub alias: Option<String>,
    /// The workflow.
    pub workflow: Name,
    /// The definition the case is bound to.
    pub definition: DefinitionHash,
    /// The person.
    pub person: Option<PersonId>,
    /// The manifest or other group.
    pub group: Option<StreamId>,
    /// The main state.
    pub main: Name,
    /// The public stage.
    pub stage: Option<Name>,
    /// Since when.
    pub stage_since: Option<Timestamp>,
    /// The office that must act.
    pub office: Option<Name>,
    /// Deprived of liberty here.
    pub held: bool,
    /// End of the unbroken cover. Covered or lapsed follows from it and *now*.
    pub authority_until: Option<Timestamp>,
    /// The earliest limit of a running clock.
    pub next_date: Option<Timestamp>,
    /// The outcome, when the case has ended.
    pub outcome: Option<Name>,
    /// How many irregular facts are open.
    pub irregular: u32,
    /// The folded case as canonical JSON.
    pub state: Vec<u8>,
    /// The number of the last event.
    pub version: Seq,
    /// The hash of the last event.
    pub head: Hash,
    /// When the case was opened.
    pub opened: Timestamp,
    /// When it last changed.
    pub updated: Timestamp,
}

/// What a committer needs to decide on a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loaded {
    /// The stream does not exist.
    Absent,
    /// A case.
    Case(Box<CaseRow>),
    /// Another stream.
    Entity(EntityRow),
    /// Its row cannot be read ([`StoreError::Corrupt`]); the other rows are not its fault.
    Damaged(StoreError),
}

/// A request key that was asked for, with the stream it is bound to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestRef {
    /// The stream.
    pub stream: StreamId,
    /// Who asked.
    pub principal: OfficialId,
    /// The key.
    pub key: String,
}

/// A request that was accepted before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownRequest {
    /// SHA-256 of what was asked.
    pub asked: Hash,
    /// The answer, byte for byte.
    pub answer: Vec<u8>,
    /// The seal of its batch and the position of its first event in it, for the receipt.
    pub seal: Option<(BatchSeal, usize)>,
}

/// Which cases a list shows. Absent fields do not restrict.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CaseFilter {
    /// The workflow.
    pub workflow: Option<Name>,
    /// The stage; `Some(None)` where no stage holds.
    pub stage: Option<Option<Name>>,
    /// The main state.
    pub main: Option<Name>,
    /// The office that must act.
    pub office: Option<Name>,
    /// The group.
    pub group: Option<StreamId>,
    /// Held, and covered no longer at this instant.
    pub lapsed_at: Option<Timestamp>,
    /// With open irregular facts only.
    pub irregular: bool,
    /// Not ended only.
    pub open: bool,
}

/// A count of cases.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StageCount {
    /// The workflow.
    pub workflow: Name,
    /// The stage.
    pub stage: Option<Name>,
    /// The office that must act.
    pub office: Option<Name>,
    /// How many cases.
    pub count: i64,
}

/// A deadline row with its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDeadline {
    /// The case.
    pub stream: StreamId,
    /// The clock, as `ClockKey` writes it.
    pub key: String,
    /// Its values.
    pub row: DeadlineRow,
}

/// How a case is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaseRef {
    /// By stream.
    Id(StreamId),
    /// By case number.
    Reference(String),
    /// By the name another system gives it.
    Alias(String),
}

/// Cases and other streams.
#[async_trait]
pub trait CaseStore: Send + Sync {
    /// The rows of these streams, in the order asked for. A row that cannot be read spoils no other.
    async fn load_many(&self, streams: &[StreamId]) -> Result<Vec<Loaded>, StoreError>;

    /// The requests already bound, in the order asked for.
    async fn requests(&self, asked: &[RequestRef]) -> Result<Vec<Option<KnownRequest>>, StoreError>;

    /// Commits a batch in one transaction: all of it, or nothing and every loser named. Rows are written in the order
    /// of ids. At most one append per stream.
    async fn append_many(&self, batch: &Batch) -> Result<BatchOutcome, StoreError>;

    /// Whether the batch with this seal was committed. A seal belongs to one batch of one process, while two processes
    /// may well write equal events.
    async fn is_sealed(&self, seal: uuid::Uuid) -> Result<bool, StoreError>;

    /// One case by reference, alias or id: one indexed read.
    async fn find(&self, case: &CaseRef) -> Result<Option<CaseRow>, StoreError>;

    /// A page of cases in order of id, after this one, at most `limit` (≤ 1,000).
    async fn list(
        &self,
        filter: &CaseFilter,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Vec<CaseRow>, StoreError>;

    /// Counts by workflow, stage and office: counters and pending moves in one snapshot. Rows that count 0 are left out.
    async fn counts(&self) -> Result<Vec<StageCount>, StoreError>;

    /// How many cases a filter shows, counted.
    async fn count(&self, filter: &CaseFilter) -> Result<u64, StoreError>;

    /// How many cases of each of these groups a filter shows, counted, in the order asked for. A group of the filter itself
    /// restricts as well.
    async fn count_groups(&self, filter: &CaseFilter, groups: &[StreamId]) -> Result<Vec<u64>, StoreError>;

    /// The first events, with their secrets, of a page of cases in order of id, after this one, at most `limit` (≤ 1,000).
    async fn openings(
        &self,
        filter: &CaseFilter,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Vec<(StreamId, StoredEvent)>, StoreError>;

    /// Folds pending stage moves into the counters; returns how many rows were folded, 0 when none was pending. A store
    /// may keep the net moves of a batch, one row for each workflow, stage and office.
    async fn fold_stages(&self) -> Result<u64, StoreError>;

    /// The events of a stream from a number on, at most `limit`, with their secrets.
    async fn events(&self, stream: StreamId, from: Seq, limit: u32) -> Result<Vec<StoredEvent>, StoreError>;

    /// All events of several streams, without secrets, in order of stream and number: for replay and verification.
    async fn events_of(&self, streams: &[StreamId]) -> Result<Vec<(StreamId, StoredEvent)>, StoreError>;

    /// The secret rows of several streams, in order of stream and number: what verification holds against the events. A
    /// row without an event is among them.
    async fn secrets_of(&self, streams: &[StreamId]) -> Result<Vec<(StreamId, Seq, Vec<u8>)>, StoreError>;

    /// A page of other streams of a kind in order of id.
    async fn entities(
        &self,
        kind: qadiya_domain::ids::StreamKind,
        parent: Option<StreamId>,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Vec<EntityRow>, StoreError>;

    /// The streams behind these keys, in the order asked for.
    async fn lookups(&self, keys: &[crate::append::Lookup]) -> Result<Vec<Option<StreamId>>, StoreError>;

    /// The running clocks of these cases, in order of case and key.
    async fn deadlines(&self, streams: &[StreamId]) -> Result<Vec<StoredDeadline>, StoreError>;

    /// Running clocks whose limit lies before an instant, in order of limit, after a position, at most `limit`. A row
    /// that cannot be read ([`StoreError::Corrupt`]) stands in its place and spoils no other.
    async fn deadlines_before(
        &self,
        before: Timestamp,
        after: Option<(Timestamp, StreamId, String)>,
        limit: u32,
    ) -> Result<Vec<Result<StoredDeadline, StoreError>>, StoreError>;
}
