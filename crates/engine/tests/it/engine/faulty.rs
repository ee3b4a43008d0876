//! A store that fails as it is told, in front of the store in memory.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use qadiya_domain::ids::{DefinitionHash, JobId, OfficialId, Seq, StreamId, StreamKind};
use qadiya_domain::name::Name;
use qadiya_ledger::Hash;
use qadiya_store::access::AccessRecord;
use qadiya_store::append::{Batch, BatchOutcome, EntityRow, Lookup, Loser, NewJob, Row, StoredEvent};
use qadiya_store::ledger::{FeedItem, LogEntry, Pending, Sequenced, StoredCheckpoint};
use qadiya_store::read::{
    CaseFilter, CaseRef, CaseRow, KnownRequest, Loaded, RequestRef, StageCount, StoredDeadline,
};
use qadiya_store::registry::StoredDefinition;
use qadiya_store::work::{DueClock, DueJob, Health, JobRow, Operation, Settle, Started};
use qadiya_store::{
    AccessStore, CaseStore, Directory, LedgerStore, MemoryStore, Registry, StoreError, WorkStore,
};
use uuid::Uuid;

/// What happens to the next batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Every append lost to another writer.
    Conflict,
    /// A deadlock: rolled back, try again.
    Retry,
    /// The connection broke before the commit.
    UnknownBefore,
    /// The connection broke after the commit.
    UnknownAfter,
    /// The disk is full.
    Full,
    /// A flush failed.
    Io,
}

/// The store in memory with faults in front of it.
#[derive(Debug)]
pub(crate) struct FaultyStore {
    pub(crate) inner: Arc<MemoryStore>,
    pub(crate) faults: Mutex<VecDeque<Fault>>,
    pub(crate) batches: Mutex<Vec<Batch>>,
    /// The method that fails, and how.
    pub(crate) broken: Mutex<Option<(&'static str, StoreError)>>,
    /// Streams of this kind are written so many times more, and then no more.
    closed: Mutex<Option<(StreamKind, usize)>>,
    /// Whoever holds this lets no batch be written.
    pub(crate) gate: tokio::sync::Mutex<()>,
    /// What a health check finds.
    pub(crate) unsafe_about: Mutex<Vec<String>>,
}

impl FaultyStore {
    pub(crate) fn new(clock: Timestamp) -> Self {
        Self {
            inner: Arc::new(MemoryStore::new(clock)),
            faults: Mutex::default(),
            batches: Mutex::default(),
            broken: Mutex::default(),
            closed: Mutex::default(),
            gate: tokio::sync::Mutex::default(),
            unsafe_about: Mutex::default(),
        }
    }

    /// Takes so many more appends to streams of a kind; every later one meets a full disk.
    pub(crate) fn close_to(&self, kind: StreamKind, after: usize) {
        *self.closed.lock().unwrap() = Some((kind, after));
    }

    /// Takes everything again.
    pub(crate) fn open_again(&self) {
        *self.closed.lock().unwrap() = None;
    }

    /// Whether the batch writes where nothing is written any more.
    fn is_closed_to(&self, batch: &Batch) -> bool {
        let mut closed = self.closed.lock().unwrap();
        let Some((kind, left)) = closed.as_mut() else { return false };
        let rows = batch.appends.iter().map(|append| &append.row);
        let wanted = rows.filter(|row| matches!(row, Row::Entity(row) if row.kind == *kind)).count();
        if wanted > *left {
            return true;
        }
        *left -= wanted;
        false
    }

    /// The next batches fail like this.
    pub(crate) fn fail(&self, faults: &[Fault]) {
        self.faults.lock().unwrap().extend(faults);
    }

    /// From now on this method fails like this.
    pub(crate) fn break_at(&self, method: &'static str, error: StoreError) {
        *self.broken.lock().unwrap() = Some((method, error));
    }

    fn disk(&self, method: &str) -> Result<(), StoreError> {
        match self.broken.lock().unwrap().as_ref() {
            Some((broken, error)) if *broken == method => Err(error.clone()),
            _ => Ok(()),
        }
    }

    /// How many batches were committed.
    pub(crate) fn committed(&self) -> usize {
        self.batches.lock().unwrap().len()
    }

    async fn append(&self, batch: &Batch) -> Result<BatchOutcome, StoreError> {
        drop(self.gate.lock().await);
        let fault = self.faults.lock().unwrap().pop_front();
        let during = "committing a batch";
        if self.is_closed_to(batch) {
            return Err(StoreError::Full { during });
        }
        match fault {
            Some(Fault::Conflict) if !batch.appends.is_empty() => {
                return Ok(BatchOutcome::Lost(
                    (0..batch.appends.len()).map(|at| (at, Loser::Conflict)).collect(),
                ));
            }
            Some(Fault::Retry) => return Err(StoreError::Retry { during }),
            Some(Fault::UnknownBefore) => {
                return Err(StoreError::Unknown { during, detail: "cut".to_owned() });
            }
            Some(Fault::Full) => return Err(StoreError::Full { during }),
            Some(Fault::Io) => return Err(StoreError::Io { during, detail: "flush".to_owned() }),
            Some(Fault::Conflict | Fault::UnknownAfter) | None => {}
        }
        let outcome = self.inner.append_many(batch).await?;
        if outcome == BatchOutcome::Committed {
            self.batches.lock().unwrap().push(batch.clone());
        }
        if fault == Some(Fault::UnknownAfter) {
            return Err(StoreError::Unknown { during, detail: "cut".to_owned() });
        }
        Ok(outcome)
    }
}

/// A port of the store: each method is that of the store in memory, unless the disk is broken for it.
macro_rules! port {
    ($port:ident { $(fn $name:ident($($argument:ident: $kind:ty),*) -> $answer:ty;)+ } $($own:tt)*) => {
        #[async_trait]
        impl $port for FaultyStore {
            $(
                async fn $name(&self, $($argument: $kind),*) -> Result<$answer, StoreError> {
                    self.disk(stringify!($name))?;
                    self.inner.$name($($argument),*).await
                }
            )+
            $($own)*
        }
    };
}

port!(CaseStore {
    fn load_many(streams: &[StreamId]) -> Vec<Loaded>;
    fn requests(asked: &[RequestRef]) -> Vec<Option<KnownRequest>>;
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
} async fn append_many(&self, batch: &Batch) -> Result<BatchOutcome, StoreError> {
    self.append(batch).await
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
} async fn wait_for_work(&self, at_most: Duration) {
    self.inner.wait_for_work(at_most).await;
}
async fn health(&self, now: Timestamp) -> Result<Health, StoreError> {
    self.disk("health")?;
    let mut health = self.inner.health(now).await?;
    health.faults.extend(self.unsafe_about.lock().unwrap().iter().cloned());
    Ok(health)
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
