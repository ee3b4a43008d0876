//! A store behind a fence: the first input/output error of any call ends it (DESIGN D9, TRUST 3.4.11).
//!
//! After a failed flush nobody knows what is on the disk, and what a later flush reports as written may be missing.
//! One place looks at the answer of every port, so that no call site can forget to, or try again.

use std::sync::{Arc, OnceLock};
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

/// Told of the first input/output error. In production it ends the process and does not return.
pub type OnIo = Arc<dyn Fn(&StoreError) + Send + Sync>;

/// A store whose first [`StoreError::Io`] is told once; from then on it answers every call with that error, those
/// included that were under way.
pub struct Fenced {
    inner: Arc<dyn Store>,
    on_io: OnIo,
    fallen: OnceLock<StoreError>,
}

impl std::fmt::Debug for Fenced {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fenced")
            .field("inner", &self.inner)
            .field("fallen", &self.fallen)
            .finish_non_exhaustive()
    }
}

impl Fenced {
    /// Puts the fence before a store.
    pub fn new(inner: Arc<dyn Store>, on_io: OnIo) -> Self {
        Self { inner, on_io, fallen: OnceLock::new() }
    }

    /// The answer of a call, unless the fence has fallen meanwhile or falls with it.
    async fn through<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        if let Some(error) = self.fallen.get() {
            return Err(error.clone());
        }
        let answer = call.await;
        if let Err(error @ StoreError::Io { .. }) = &answer
            && self.fallen.set(error.clone()).is_ok()
        {
            (self.on_io)(error);
        }
        match self.fallen.get() {
            Some(error) => Err(error.clone()),
            None => answer,
        }
    }
}

/// A port of the fence: each method is that of the store behind it.
macro_rules! port {
    ($port:ident { $(fn $name:ident($($argument:ident: $kind:ty),*) -> $answer:ty;)+ } $($own:tt)*) => {
        #[async_trait]
        impl $port for Fenced {
            $(
                async fn $name(&self, $($argument: $kind),*) -> Result<$answer, StoreError> {
                    self.through(self.inner.$name($($argument),*)).await
                }
            )+
            $($own)*
        }
    };
}

port!(CaseStore {
    fn load_many(streams: &[StreamId]) -> Vec<Loaded>;
    fn requests(asked: &[RequestRef]) -> Vec<Option<KnownRequest>>;
    fn append_many(batch: &Batch) -> BatchOutcome;
    fn is_sealed(seal: Uuid) -> bool;
    fn find(case: &CaseRef) -> Option<CaseRow>;
    fn list(filter: &CaseFilter, after: Option<StreamId>, limit: u32) -> Vec<CaseRow>;
    fn counts() -> Vec<StageCount>;
    fn count(filter: &CaseFilter) -> u64;
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
    fn claim_clocks(now: Timestamp, owner: Uuid, lease: Duration, limit: u32) -> Vec<DueClock>;
    fn release_clock(stream: StreamId, key: &str, epoch: u64) -> bool;
    fn hold_clock(stream: StreamId, key: &str, epoch: u64, lease: Duration) -> bool;
    fn claim_jobs(now: Timestamp, queues: &[String], owner: Uuid, lease: Duration, limit: u32) -> Vec<DueJob>;
    fn extend_job(id: JobId, epoch: u64, lease: Duration) -> bool;
    fn settle_job(id: JobId, epoch: u64, how: &Settle) -> bool;
    fn queue_jobs(stream: StreamId, jobs: &[NewJob]) -> ();
    fn raise_incident(stream: StreamId, job: &NewJob, fault: &str) -> ();
    fn retry_job(id: JobId, run_at: Timestamp) -> bool;
    fn jobs(incidents: bool, after: Option<JobId>, limit: u32) -> Vec<JobRow>;
    fn heartbeat(worker: Uuid) -> ();
    fn sweep(silent: Duration) -> u64;
    fn start_operation(operation: &Operation, job: &NewJob) -> Started;
    fn update_operation(id: Uuid, percent: u8, result: Option<&[u8]>, at: Timestamp) -> ();
    fn operation(id: Uuid) -> Option<Operation>;
    fn health(now: Timestamp) -> Health;
} async fn wait_for_work(&self, at_most: Duration) {
    self.inner.wait_for_work(at_most).await;
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
    fn activate(workflow: &Name, hash: &DefinitionHash, at: Timestamp) -> ();
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
