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
    /// The reads of cases and their events, in their order.
    pub(crate) asked: Mutex<Vec<&'static str>>,
    /// Streams of this kind are written so many times more, and then no more.
    closed: Mutex<Option<(StreamKind, usize)>>,
}

impl FaultyStore {
    pub(crate) fn new(clock: Timestamp) -> Self {
        Self {
            inner: Arc::new(MemoryStore::new(clock)),
            faults: Mutex::default(),
            batches: Mutex::default(),
            asked: Mutex::default(),
            closed: Mutex::default(),
        }
    }

    fn ask(&self, what: &'static str) {
        self.asked.lock().unwrap().push(what);
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

    /// How many batches were committed.
    pub(crate) fn committed(&self) -> usize {
        self.batches.lock().unwrap().len()
    }

    async fn append(&self, batch: &Batch) -> Result<BatchOutcome, StoreError> {
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

#[async_trait]
impl CaseStore for FaultyStore {
    async fn load_many(&self, streams: &[StreamId]) -> Result<Vec<Loaded>, StoreError> {
        self.inner.load_many(streams).await
    }
    async fn requests(&self, asked: &[RequestRef]) -> Result<Vec<Option<KnownRequest>>, StoreError> {
        self.inner.requests(asked).await
    }
    async fn append_many(&self, batch: &Batch) -> Result<BatchOutcome, StoreError> {
        self.append(batch).await
    }
    async fn find(&self, case: &CaseRef) -> Result<Option<CaseRow>, StoreError> {
        self.ask("find");
        self.inner.find(case).await
    }
    async fn list(
        &self,
        filter: &CaseFilter,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Vec<CaseRow>, StoreError> {
        self.ask("list");
        self.inner.list(filter, after, limit).await
    }
    async fn counts(&self) -> Result<Vec<StageCount>, StoreError> {
        self.inner.counts().await
    }
    async fn count(&self, filter: &CaseFilter) -> Result<u64, StoreError> {
        self.ask("count");
        self.inner.count(filter).await
    }
    async fn count_groups(&self, filter: &CaseFilter, groups: &[StreamId]) -> Result<Vec<u64>, StoreError> {
        self.ask("count_groups");
        self.inner.count_groups(filter, groups).await
    }
    async fn openings(
        &self,
        filter: &CaseFilter,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Vec<(StreamId, StoredEvent)>, StoreError> {
        self.ask("openings");
        self.inner.openings(filter, after, limit).await
    }
    async fn is_sealed(&self, seal: Uuid) -> Result<bool, StoreError> {
        self.inner.is_sealed(seal).await
    }
    async fn fold_stages(&self) -> Result<u64, StoreError> {
        self.inner.fold_stages().await
    }
    async fn events(&self, stream: StreamId, from: Seq, limit: u32) -> Result<Vec<StoredEvent>, StoreError> {
        self.ask("events");
        self.inner.events(stream, from, limit).await
    }
    async fn events_of(&self, streams: &[StreamId]) -> Result<Vec<(StreamId, StoredEvent)>, StoreError> {
        self.ask("events_of");
        self.inner.events_of(streams).await
    }
    async fn entities(
        &self,
        kind: StreamKind,
        parent: Option<StreamId>,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Vec<EntityRow>, StoreError> {
        self.inner.entities(kind, parent, after, limit).await
    }
    async fn lookups(&self, keys: &[Lookup]) -> Result<Vec<Option<StreamId>>, StoreError> {
        self.inner.lookups(keys).await
    }
    async fn deadlines(&self, streams: &[StreamId]) -> Result<Vec<StoredDeadline>, StoreError> {
        self.inner.deadlines(streams).await
    }
    async fn deadlines_before(
        &self,
        before: Timestamp,
        after: Option<(Timestamp, StreamId, String)>,
        limit: u32,
    ) -> Result<Vec<StoredDeadline>, StoreError> {
        self.inner.deadlines_before(before, after, limit).await
    }
}

#[async_trait]
impl WorkStore for FaultyStore {
    async fn claim_clocks(
        &self,
        now: Timestamp,
        owner: Uuid,
        lease: Duration,
        limit: u32,
    ) -> Result<Vec<DueClock>, StoreError> {
        self.inner.claim_clocks(now, owner, lease, limit).await
    }
    async fn release_clock(&self, stream: StreamId, key: &str, epoch: u64) -> Result<bool, StoreError> {
        self.inner.release_clock(stream, key, epoch).await
    }
    async fn hold_clock(
        &self,
        stream: StreamId,
        key: &str,
        epoch: u64,
        lease: Duration,
    ) -> Result<bool, StoreError> {
        self.inner.hold_clock(stream, key, epoch, lease).await
    }
    async fn claim_jobs(
        &self,
        now: Timestamp,
        queues: &[String],
        owner: Uuid,
        lease: Duration,
        limit: u32,
    ) -> Result<Vec<DueJob>, StoreError> {
        self.inner.claim_jobs(now, queues, owner, lease, limit).await
    }
    async fn extend_job(&self, id: JobId, epoch: u64, lease: Duration) -> Result<bool, StoreError> {
        self.inner.extend_job(id, epoch, lease).await
    }
    async fn settle_job(&self, id: JobId, epoch: u64, how: &Settle) -> Result<bool, StoreError> {
        self.inner.settle_job(id, epoch, how).await
    }
    async fn queue_jobs(&self, stream: StreamId, jobs: &[NewJob]) -> Result<(), StoreError> {
        self.inner.queue_jobs(stream, jobs).await
    }
    async fn raise_incident(&self, stream: StreamId, job: &NewJob, fault: &str) -> Result<(), StoreError> {
        self.inner.raise_incident(stream, job, fault).await
    }
    async fn retry_job(&self, id: JobId, run_at: Timestamp) -> Result<bool, StoreError> {
        self.inner.retry_job(id, run_at).await
    }
    async fn jobs(
        &self,
        incidents: bool,
        after: Option<JobId>,
        limit: u32,
    ) -> Result<Vec<JobRow>, StoreError> {
        self.inner.jobs(incidents, after, limit).await
    }
    async fn heartbeat(&self, worker: Uuid) -> Result<(), StoreError> {
        self.inner.heartbeat(worker).await
    }
    async fn sweep(&self, silent: Duration) -> Result<u64, StoreError> {
        self.inner.sweep(silent).await
    }
    async fn wait_for_work(&self, at_most: Duration) {
        self.inner.wait_for_work(at_most).await;
    }
    async fn start_operation(&self, operation: &Operation, job: &NewJob) -> Result<Started, StoreError> {
        self.inner.start_operation(operation, job).await
    }
    async fn update_operation(
        &self,
        id: Uuid,
        percent: u8,
        result: Option<&[u8]>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.inner.update_operation(id, percent, result, at).await
    }
    async fn operation(&self, id: Uuid) -> Result<Option<Operation>, StoreError> {
        self.inner.operation(id).await
    }
    async fn health(&self, now: Timestamp) -> Result<Health, StoreError> {
        self.inner.health(now).await
    }
}

#[async_trait]
impl Directory for FaultyStore {
    async fn by_token(&self, hash: &Hash) -> Result<Option<EntityRow>, StoreError> {
        self.inner.by_token(hash).await
    }
}

#[async_trait]
impl Registry for FaultyStore {
    async fn put_calendar(
        &self,
        name: &Name,
        hash: &Hash,
        bytes: &[u8],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.inner.put_calendar(name, hash, bytes, at).await
    }
    async fn calendar(&self, hash: &Hash) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.calendar(hash).await
    }
    async fn put_definition(&self, definition: &StoredDefinition) -> Result<(), StoreError> {
        self.inner.put_definition(definition).await
    }
    async fn definition(&self, hash: &DefinitionHash) -> Result<Option<StoredDefinition>, StoreError> {
        self.inner.definition(hash).await
    }
    async fn definitions(&self) -> Result<Vec<StoredDefinition>, StoreError> {
        self.inner.definitions().await
    }
    async fn activate(
        &self,
        workflow: &Name,
        hash: &DefinitionHash,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.inner.activate(workflow, hash, at).await
    }
    async fn active(&self, workflow: &Name) -> Result<Option<DefinitionHash>, StoreError> {
        self.inner.active(workflow).await
    }
    async fn setting(&self, key: &str) -> Result<Option<String>, StoreError> {
        self.inner.setting(key).await
    }
    async fn put_setting(&self, key: &str, value: &str) -> Result<(), StoreError> {
        self.inner.put_setting(key, value).await
    }
}

#[async_trait]
impl AccessStore for FaultyStore {
    async fn accesses(
        &self,
        stream: Option<StreamId>,
        official: Option<OfficialId>,
        before: Option<(Timestamp, Uuid)>,
        limit: u32,
    ) -> Result<Vec<AccessRecord>, StoreError> {
        self.inner.accesses(stream, official, before, limit).await
    }
}

#[async_trait]
impl LedgerStore for FaultyStore {
    async fn take_fence(&self, name: &str, owner: Uuid, lease: Duration) -> Result<Option<u64>, StoreError> {
        self.inner.take_fence(name, owner, lease).await
    }
    async fn pending(&self, limit: u32) -> Result<Vec<Pending>, StoreError> {
        self.inner.pending(limit).await
    }
    async fn sequence(&self, fence: &str, epoch: u64, work: &Sequenced) -> Result<bool, StoreError> {
        self.inner.sequence(fence, epoch, work).await
    }
    async fn log_size(&self) -> Result<u64, StoreError> {
        self.inner.log_size().await
    }
    async fn nodes(&self, places: &[(u8, u64)]) -> Result<Vec<Option<Hash>>, StoreError> {
        self.inner.nodes(places).await
    }
    async fn entries(&self, from: u64, limit: u32) -> Result<Vec<LogEntry>, StoreError> {
        self.inner.entries(from, limit).await
    }
    async fn entries_of(&self, stream: StreamId) -> Result<Vec<LogEntry>, StoreError> {
        self.inner.entries_of(stream).await
    }
    async fn feed(&self, from: u64, limit: u32) -> Result<Vec<FeedItem>, StoreError> {
        self.inner.feed(from, limit).await
    }
    async fn checkpoint(&self) -> Result<Option<StoredCheckpoint>, StoreError> {
        self.inner.checkpoint().await
    }
    async fn checkpoints(&self, after: u64, limit: u32) -> Result<Vec<StoredCheckpoint>, StoreError> {
        self.inner.checkpoints(after, limit).await
    }
}
