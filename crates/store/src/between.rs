//! What stands between a caller and a store: the one list of every call of every port.
//!
//! A fence that ends the process, a line that loses answers in a simulation, a disk that is full in a test: each says what
//! comes before and after a call, and changes the few calls it is about. No call can be forgotten by one of them.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use qadiya_domain::ids::{DefinitionHash, JobId, OfficialId, Seq, StreamId, StreamKind};
use qadiya_domain::name::Name;
use qadiya_ledger::Hash;
use uuid::Uuid;

use crate::Store;
use crate::access::{AccessRecord, AccessStore};
use crate::append::{Batch, BatchOutcome, EntityRow, Lookup, NewJob, StoredEvent};
use crate::directory::Directory;
use crate::error::StoreError;
use crate::ledger::{FeedItem, LedgerStore, LogEntry, Pending, Sequenced, StoredCheckpoint};
use crate::read::{
    CaseFilter, CaseRef, CaseRow, CaseStore, KnownRequest, Loaded, RequestRef, StageCount, StoredDeadline,
};
use crate::registry::{Registry, StoredDefinition};
use crate::work::{DueClock, DueJob, Health, JobRow, Operation, Settle, Started, WorkStore};

/// Stands before a store and is one itself: each call is passed on, with [`Between::before`] and [`Between::after`]
/// around it.
#[async_trait]
pub trait Between: fmt::Debug + Send + Sync {
    /// The store behind.
    fn beyond(&self) -> &dyn Store;

    /// Before a call of this name. An error is its answer, and it is not passed on.
    async fn before(&self, call: &'static str) -> Result<(), StoreError>;

    /// After a call of this name, with its error if it failed. An error takes the place of its answer.
    async fn after(&self, call: &'static str, failed: Option<&StoreError>) -> Result<(), StoreError>;

    /// How [`CaseStore::append_many`] is passed on.
    async fn append(&self, batch: &Batch) -> Result<BatchOutcome, StoreError> {
        self.beyond().append_many(batch).await
    }

    /// How [`CaseStore::requests`] is passed on.
    async fn known(&self, asked: &[RequestRef]) -> Result<Vec<Option<KnownRequest>>, StoreError> {
        self.beyond().requests(asked).await
    }

    /// How [`WorkStore::claim_clocks`] is passed on.
    async fn lease_clocks(
        &self,
        now: Timestamp,
        owner: Uuid,
        lease: Duration,
        limit: u32,
    ) -> Result<Vec<DueClock>, StoreError> {
        self.beyond().claim_clocks(now, owner, lease, limit).await
    }

    /// How [`WorkStore::release_clock`] is passed on.
    async fn give_clock_back(&self, stream: StreamId, key: &str, epoch: u64) -> Result<bool, StoreError> {
        self.beyond().release_clock(stream, key, epoch).await
    }

    /// How [`WorkStore::hold_clock`] is passed on.
    async fn keep_clock(
        &self,
        stream: StreamId,
        key: &str,
        epoch: u64,
        lease: Duration,
    ) -> Result<bool, StoreError> {
        self.beyond().hold_clock(stream, key, epoch, lease).await
    }

    /// How [`WorkStore::claim_jobs`] is passed on.
    async fn lease_jobs(
        &self,
        now: Timestamp,
        queues: &[String],
        owner: Uuid,
        lease: Duration,
        limit: u32,
    ) -> Result<Vec<DueJob>, StoreError> {
        self.beyond().claim_jobs(now, queues, owner, lease, limit).await
    }

    /// How [`WorkStore::extend_job`] is passed on.
    async fn keep_job(&self, id: JobId, epoch: u64, lease: Duration) -> Result<bool, StoreError> {
        self.beyond().extend_job(id, epoch, lease).await
    }

    /// How [`WorkStore::settle_job`] is passed on.
    async fn end_job(&self, id: JobId, epoch: u64, how: &Settle) -> Result<bool, StoreError> {
        self.beyond().settle_job(id, epoch, how).await
    }

    /// How [`WorkStore::health`] is passed on.
    async fn check_health(&self, now: Timestamp) -> Result<Health, StoreError> {
        self.beyond().health(now).await
    }
}

/// Passes a call on: as it is, or by the method that may change it.
macro_rules! pass {
    ($between:ident.$name:ident($($argument:ident),*)) => { $between.beyond().$name($($argument),*) };
    ($between:ident.$name:ident($($argument:ident),*) by $own:ident) => { $between.$own($($argument),*) };
}

/// A port of all that stand between.
macro_rules! port {
    ($port:ident {
        $(fn $name:ident($($argument:ident: $kind:ty),*) -> $answer:ty $(as $own:ident)?;)+
    } $($rest:tt)*) => {
        #[async_trait]
        impl<B: Between> $port for B {
            $(
                async fn $name(&self, $($argument: $kind),*) -> Result<$answer, StoreError> {
                    self.before(stringify!($name)).await?;
                    let answer = pass!(self.$name($($argument),*) $(by $own)?).await;
                    self.after(stringify!($name), answer.as_ref().err()).await?;
                    answer
                }
            )+
            $($rest)*
        }
    };
}

port!(CaseStore {
    fn load_many(streams: &[StreamId]) -> Vec<Loaded>;
    fn requests(asked: &[RequestRef]) -> Vec<Option<KnownRequest>> as known;
    fn append_many(batch: &Batch) -> BatchOutcome as append;
    fn is_sealed(seal: Uuid) -> bool;
    fn find(case: &CaseRef) -> Option<CaseRow>;
    fn list(filter: &CaseFilter, after: Option<StreamId>, limit: u32) -> Vec<CaseRow>;
    fn counts() -> Vec<StageCount>;
    fn count(filter: &CaseFilter) -> u64;
    fn count_groups(filter: &CaseFilter, groups: &[StreamId]) -> Vec<u64>;
    fn openings(filter: &CaseFilter, after: Option<StreamId>, limit: u32) -> Vec<(StreamId, StoredEvent)>;
    fn fold_stages() -> u64;
    fn events(stream: StreamId, from: Seq, limit: u32) -> Vec<StoredEvent>;
    fn events_of(streams: &[StreamId]) -> Vec<(StreamId, StoredEvent)>;
    fn secrets_of(streams: &[StreamId]) -> Vec<(StreamId, Seq, Vec<u8>)>;
    fn entities(kind: StreamKind, parent: Option<StreamId>, after: Option<StreamId>, limit: u32) -> Vec<EntityRow>;
    fn lookups(keys: &[Lookup]) -> Vec<Option<StreamId>>;
    fn deadlines(streams: &[StreamId]) -> Vec<StoredDeadline>;
    fn deadlines_before(
        before: Timestamp,
        after: Option<(Timestamp, StreamId, String)>,
        limit: u32
    ) -> Vec<Result<StoredDeadline, StoreError>>;
});

port!(WorkStore {
    fn claim_clocks(now: Timestamp, owner: Uuid, lease: Duration, limit: u32) -> Vec<DueClock> as lease_clocks;
    fn release_clock(stream: StreamId, key: &str, epoch: u64) -> bool as give_clock_back;
    fn hold_clock(stream: StreamId, key: &str, epoch: u64, lease: Duration) -> bool as keep_clock;
    fn claim_jobs(now: Timestamp, queues: &[String], owner: Uuid, lease: Duration, limit: u32) -> Vec<DueJob> as lease_jobs;
    fn extend_job(id: JobId, epoch: u64, lease: Duration) -> bool as keep_job;
    fn settle_job(id: JobId, epoch: u64, how: &Settle) -> bool as end_job;
    fn queue_jobs(stream: StreamId, jobs: &[NewJob]) -> ();
    fn raise_incident(stream: StreamId, job: &NewJob, fault: &str) -> ();
    fn retry_job(id: JobId, run_at: Timestamp) -> bool;
    fn jobs(incidents: bool, after: Option<JobId>, limit: u32) -> Vec<JobRow>;
    fn heartbeat(worker: Uuid) -> ();
    fn sweep(silent: Duration) -> u64;
    fn start_operation(operation: &Operation, job: &NewJob) -> Started;
    fn update_operation(id: Uuid, percent: u8, result: Option<&[u8]>, at: Timestamp) -> ();
    fn operation(id: Uuid) -> Option<Operation>;
    fn health(now: Timestamp) -> Health as check_health;
} async fn wait_for_work(&self, at_most: Duration) {
    self.beyond().wait_for_work(at_most).await;
});

port!(Directory {
    fn by_tokens(hashes: &[Hash]) -> Vec<Option<EntityRow>>;
});

port!(Registry {
    fn put_calendar(name: &Name, hash: &Hash, bytes: &[u8], at: Timestamp) -> ();
    fn calendar(hash: &Hash) -> Option<Vec<u8>>;
    fn put_definition(definition: &StoredDefinition) -> ();
    fn definition(hash: &DefinitionHash) -> Option<StoredDefinition>;
    fn definitions() -> Vec<StoredDefinition>;
    fn active(workflow: &Name) -> Option<DefinitionHash>;
    fn setting(key: &str) -> Option<String>;
    fn put_setting(key: &str, value: &str) -> ();
});

port!(AccessStore {
    fn accesses(
        stream: Option<StreamId>,
        official: Option<OfficialId>,
        before: Option<(Timestamp, Uuid)>,
        limit: u32
    ) -> Vec<AccessRecord>;
});

port!(LedgerStore {
    fn take_fence(name: &str, owner: Uuid, lease: Duration) -> Option<u64>;
    fn pending(limit: u32) -> Vec<Pending>;
    fn sequence(fence: &str, epoch: u64, work: &Sequenced) -> bool;
    fn log_size() -> u64;
    fn nodes(places: &[(u8, u64)]) -> Vec<Option<Hash>>;
    fn entries(from: u64, limit: u32) -> Vec<LogEntry>;
    fn entries_of(stream: StreamId) -> Vec<LogEntry>;
    fn feed(from: u64, limit: u32) -> Vec<FeedItem>;
    fn checkpoint() -> Option<StoredCheckpoint>;
    fn checkpoints(after: u64, limit: u32) -> Vec<StoredCheckpoint>;
});
