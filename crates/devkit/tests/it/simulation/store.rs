//! A process's line to the store in memory: it is slow, breaks off, loses answers, and goes dead with its process.
//!
//! Each call waits before and after it is carried out, so that the calls of several processes mix in every order that a
//! seed can give. Time in here is tokio's paused time: nothing really waits.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use qadiya_domain::ids::{DefinitionHash, JobId, OfficialId, Seq, StreamId, StreamKind};
use qadiya_domain::name::Name;
use qadiya_ledger::Hash;
use qadiya_store::access::AccessRecord;
use qadiya_store::append::{Batch, BatchOutcome, EntityRow, Lookup, NewJob, Row, Settles, StoredEvent};
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

use super::dice::Dice;

/// A guard that is taken away on purpose, to see that the run notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Without {
    /// Nothing.
    Nothing,
    /// Appends are written whatever version they were decided on.
    VersionCheck,
    /// Leases count whatever their epoch is.
    LeaseEpochs,
    /// Request keys are neither stored nor found.
    RequestKeys,
}

/// What all processes of a run share.
#[derive(Debug)]
pub(super) struct World {
    pub(super) memory: MemoryStore,
    pub(super) dice: Dice,
    /// Faults in a thousand calls; 0 once the faults are over.
    pub(super) faults: AtomicU64,
    pub(super) without: Without,
    /// The newest lease of each clock and job, as it was handed out.
    leases: Mutex<BTreeMap<String, u64>>,
    /// Writes under a lease that had been handed on.
    pub(super) stale: Mutex<Vec<String>>,
}

impl World {
    pub(super) fn new(seed: u64, clock: Timestamp, without: Without) -> Arc<Self> {
        Arc::new(Self {
            memory: MemoryStore::new(clock),
            dice: Dice::new(seed),
            faults: AtomicU64::new(0),
            without,
            leases: Mutex::default(),
            stale: Mutex::default(),
        })
    }

    fn fault(&self) -> bool {
        self.dice.chance(self.faults.load(Ordering::SeqCst))
    }

    async fn delay(&self) {
        if self.faults.load(Ordering::SeqCst) > 0 && self.dice.chance(500) {
            tokio::time::sleep(Duration::from_millis(1 + self.dice.below(40))).await;
        }
    }

    fn handed_out(&self, lease: String, epoch: u64) {
        self.leases.lock().unwrap().insert(lease, epoch);
    }

    fn written_under(&self, lease: &str, epoch: u64) {
        if let Some(newest) = self.leases.lock().unwrap().get(lease).filter(|newest| **newest > epoch) {
            self.stale.lock().unwrap().push(format!("{lease}: epoch {epoch} wrote, {newest} was handed out"));
        }
    }

    fn newest(&self, lease: &str, epoch: u64) -> u64 {
        match self.without {
            Without::LeaseEpochs => self.leases.lock().unwrap().get(lease).copied().unwrap_or(epoch),
            Without::Nothing | Without::VersionCheck | Without::RequestKeys => epoch,
        }
    }
}

fn clock_lease(stream: StreamId, key: &str) -> String {
    format!("clock {stream} {key}")
}

fn job_lease(id: JobId) -> String {
    format!("job {id}")
}

fn lease_of(stream: StreamId, settles: &Settles) -> (String, u64) {
    match settles {
        Settles::Deadline { key, epoch } => (clock_lease(stream, key), *epoch),
        Settles::Job { id, epoch, .. } => (job_lease(*id), *epoch),
    }
}

/// One process's line.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) world: Arc<World>,
    /// The process is gone: nothing it still does reaches the store, and no answer reaches it.
    pub(super) dead: AtomicBool,
}

impl Line {
    pub(super) fn new(world: &Arc<World>) -> Arc<Self> {
        Arc::new(Self { world: Arc::clone(world), dead: AtomicBool::new(false) })
    }

    fn gone(&self) -> Result<(), StoreError> {
        if self.dead.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable {
                during: "dying",
                detail: "the process is gone".to_owned(),
            });
        }
        Ok(())
    }

    /// Before a call that may as well not arrive.
    async fn before(&self, during: &'static str) -> Result<(), StoreError> {
        self.world.delay().await;
        self.gone()?;
        if self.world.fault() {
            return Err(StoreError::Unavailable { during, detail: "connection refused".to_owned() });
        }
        Ok(())
    }

    /// After a call: its answer may be lost.
    async fn after<T>(&self, during: &'static str, answer: T) -> Result<T, StoreError> {
        self.world.delay().await;
        if self.dead.load(Ordering::SeqCst) || self.world.fault() {
            return Err(StoreError::Unknown { during, detail: "the line broke".to_owned() });
        }
        Ok(answer)
    }

    async fn append(&self, batch: &Batch) -> Result<BatchOutcome, StoreError> {
        let during = "committing a batch";
        self.before(during).await?;
        if self.world.fault() {
            return Err(match self.world.dice.below(3) {
                0 => StoreError::Retry { during },
                1 => StoreError::Unknown { during, detail: "the line broke before the commit".to_owned() },
                _ => StoreError::Full { during },
            });
        }
        let outcome = self.world.memory.append_many(&self.sabotaged(batch).await?).await?;
        if outcome == BatchOutcome::Committed {
            for append in &batch.appends {
                if let Some(settles) = &append.settles {
                    let (lease, epoch) = lease_of(append.stream, settles);
                    self.world.written_under(&lease, epoch);
                }
            }
        }
        self.after(during, outcome).await
    }

    /// The batch as a store without the guard would take it.
    async fn sabotaged(&self, batch: &Batch) -> Result<Batch, StoreError> {
        let mut batch = batch.clone();
        for append in &mut batch.appends {
            match self.world.without {
                Without::Nothing => {}
                Without::RequestKeys => append.requests.clear(),
                Without::LeaseEpochs => {
                    let stream = append.stream;
                    match &mut append.settles {
                        Some(Settles::Deadline { key, epoch }) => {
                            *epoch = self.world.newest(&clock_lease(stream, key), *epoch);
                        }
                        Some(Settles::Job { id, epoch, .. }) => {
                            *epoch = self.world.newest(&job_lease(*id), *epoch);
                        }
                        None => {}
                    }
                }
                Without::VersionCheck => {
                    let found = self.world.memory.load_many(&[append.stream]).await?;
                    let version = match found.first() {
                        Some(Loaded::Case(row)) => row.version,
                        Some(Loaded::Entity(row)) => row.version,
                        Some(Loaded::Absent | Loaded::Damaged(_)) | None => 0,
                    };
                    let shift = version.saturating_sub(append.expected);
                    append.expected += shift;
                    append.events.iter_mut().for_each(|event| event.seq += shift);
                    match &mut append.row {
                        Row::Case(row) => row.version += shift,
                        Row::Entity(row) => row.version += shift,
                    }
                }
            }
        }
        Ok(batch)
    }
}

/// Calls that are passed on as they are, with the troubles of the line around them.
macro_rules! passed_on {
    ($port:ident: $(fn $method:ident($($argument:ident: $kind:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl $port for Line {
            $(async fn $method(&self, $($argument: $kind),*) -> Result<$answer, StoreError> {
                self.before(stringify!($method)).await?;
                let answer = self.world.memory.$method($($argument),*).await?;
                self.after(stringify!($method), answer).await
            })*
        }
    };
}

#[async_trait]
impl CaseStore for Line {
    async fn append_many(&self, batch: &Batch) -> Result<BatchOutcome, StoreError> {
        self.append(batch).await
    }
    async fn requests(&self, asked: &[RequestRef]) -> Result<Vec<Option<KnownRequest>>, StoreError> {
        self.before("requests").await?;
        let found = self.world.memory.requests(asked).await?;
        let blind = self.world.without == Without::RequestKeys;
        Ok(if blind { found.into_iter().map(|_| None).collect() } else { found })
    }
    async fn load_many(&self, streams: &[StreamId]) -> Result<Vec<Loaded>, StoreError> {
        self.before("load_many").await?;
        let answer = self.world.memory.load_many(streams).await?;
        self.after("load_many", answer).await
    }
    async fn find(&self, case: &CaseRef) -> Result<Option<CaseRow>, StoreError> {
        self.before("find").await?;
        self.world.memory.find(case).await
    }
    async fn list(
        &self,
        filter: &CaseFilter,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Vec<CaseRow>, StoreError> {
        self.before("list").await?;
        self.world.memory.list(filter, after, limit).await
    }
    async fn counts(&self) -> Result<Vec<StageCount>, StoreError> {
        self.before("counts").await?;
        self.world.memory.counts().await
    }
    async fn count(&self, filter: &CaseFilter) -> Result<u64, StoreError> {
        self.before("count").await?;
        self.world.memory.count(filter).await
    }
    async fn is_sealed(&self, seal: Uuid) -> Result<bool, StoreError> {
        self.before("is_sealed").await?;
        self.world.memory.is_sealed(seal).await
    }
    async fn fold_stages(&self) -> Result<u64, StoreError> {
        self.before("fold_stages").await?;
        let answer = self.world.memory.fold_stages().await?;
        self.after("fold_stages", answer).await
    }
    async fn events(&self, stream: StreamId, from: Seq, limit: u32) -> Result<Vec<StoredEvent>, StoreError> {
        self.before("events").await?;
        self.world.memory.events(stream, from, limit).await
    }
    async fn events_of(&self, streams: &[StreamId]) -> Result<Vec<(StreamId, StoredEvent)>, StoreError> {
        self.before("events_of").await?;
        self.world.memory.events_of(streams).await
    }
    async fn secrets_of(&self, streams: &[StreamId]) -> Result<Vec<(StreamId, Seq, Vec<u8>)>, StoreError> {
        self.before("secrets_of").await?;
        self.world.memory.secrets_of(streams).await
    }
    async fn entities(
        &self,
        kind: StreamKind,
        parent: Option<StreamId>,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Vec<EntityRow>, StoreError> {
        self.before("entities").await?;
        self.world.memory.entities(kind, parent, after, limit).await
    }
    async fn lookups(&self, keys: &[Lookup]) -> Result<Vec<Option<StreamId>>, StoreError> {
        self.before("lookups").await?;
        self.world.memory.lookups(keys).await
    }
    async fn deadlines(&self, streams: &[StreamId]) -> Result<Vec<StoredDeadline>, StoreError> {
        self.before("deadlines").await?;
        self.world.memory.deadlines(streams).await
    }
    async fn deadlines_before(
        &self,
        before: Timestamp,
        after: Option<(Timestamp, StreamId, String)>,
        limit: u32,
    ) -> Result<Vec<Result<StoredDeadline, StoreError>>, StoreError> {
        self.before("deadlines_before").await?;
        self.world.memory.deadlines_before(before, after, limit).await
    }
}

#[async_trait]
impl WorkStore for Line {
    async fn claim_clocks(
        &self,
        now: Timestamp,
        owner: Uuid,
        lease: Duration,
        limit: u32,
    ) -> Result<Vec<DueClock>, StoreError> {
        self.before("claim_clocks").await?;
        let claimed = self.world.memory.claim_clocks(now, owner, lease, limit).await?;
        for due in &claimed {
            self.world.handed_out(clock_lease(due.stream, &due.key), due.epoch);
        }
        self.after("claim_clocks", claimed).await
    }
    async fn release_clock(&self, stream: StreamId, key: &str, epoch: u64) -> Result<bool, StoreError> {
        self.before("release_clock").await?;
        let lease = clock_lease(stream, key);
        let epoch = self.world.newest(&lease, epoch);
        let done = self.world.memory.release_clock(stream, key, epoch).await?;
        if done {
            self.world.written_under(&lease, epoch);
        }
        self.after("release_clock", done).await
    }
    async fn hold_clock(
        &self,
        stream: StreamId,
        key: &str,
        epoch: u64,
        lease: Duration,
    ) -> Result<bool, StoreError> {
        self.before("hold_clock").await?;
        let lease_name = clock_lease(stream, key);
        let used = self.world.newest(&lease_name, epoch);
        let done = self.world.memory.hold_clock(stream, key, used, lease).await?;
        if done {
            self.world.written_under(&lease_name, epoch);
        }
        self.after("hold_clock", done).await
    }
    async fn raise_incident(&self, stream: StreamId, job: &NewJob, fault: &str) -> Result<(), StoreError> {
        self.before("raise_incident").await?;
        self.world.memory.raise_incident(stream, job, fault).await
    }
    async fn claim_jobs(
        &self,
        now: Timestamp,
        queues: &[String],
        owner: Uuid,
        lease: Duration,
        limit: u32,
    ) -> Result<Vec<DueJob>, StoreError> {
        self.before("claim_jobs").await?;
        let claimed = self.world.memory.claim_jobs(now, queues, owner, lease, limit).await?;
        for due in &claimed {
            self.world.handed_out(job_lease(due.id), due.epoch);
        }
        self.after("claim_jobs", claimed).await
    }
    async fn extend_job(&self, id: JobId, epoch: u64, lease: Duration) -> Result<bool, StoreError> {
        self.before("extend_job").await?;
        let epoch = self.world.newest(&job_lease(id), epoch);
        let done = self.world.memory.extend_job(id, epoch, lease).await?;
        self.after("extend_job", done).await
    }
    async fn settle_job(&self, id: JobId, epoch: u64, how: &Settle) -> Result<bool, StoreError> {
        self.before("settle_job").await?;
        let used = self.world.newest(&job_lease(id), epoch);
        let done = self.world.memory.settle_job(id, used, how).await?;
        if done {
            self.world.written_under(&job_lease(id), epoch);
        }
        self.after("settle_job", done).await
    }
    async fn queue_jobs(&self, stream: StreamId, jobs: &[NewJob]) -> Result<(), StoreError> {
        self.before("queue_jobs").await?;
        self.world.memory.queue_jobs(stream, jobs).await
    }
    async fn retry_job(&self, id: JobId, run_at: Timestamp) -> Result<bool, StoreError> {
        self.before("retry_job").await?;
        self.world.memory.retry_job(id, run_at).await
    }
    async fn jobs(
        &self,
        incidents: bool,
        after: Option<JobId>,
        limit: u32,
    ) -> Result<Vec<JobRow>, StoreError> {
        self.before("jobs").await?;
        self.world.memory.jobs(incidents, after, limit).await
    }
    async fn heartbeat(&self, worker: Uuid) -> Result<(), StoreError> {
        self.before("heartbeat").await?;
        self.world.memory.heartbeat(worker).await
    }
    async fn sweep(&self, silent: Duration) -> Result<u64, StoreError> {
        self.before("sweep").await?;
        self.world.memory.sweep(silent).await
    }
    async fn wait_for_work(&self, at_most: Duration) {
        self.world.memory.wait_for_work(at_most).await;
    }
    async fn start_operation(&self, operation: &Operation, job: &NewJob) -> Result<Started, StoreError> {
        self.before("start_operation").await?;
        self.world.memory.start_operation(operation, job).await
    }
    async fn update_operation(
        &self,
        id: Uuid,
        percent: u8,
        result: Option<&[u8]>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.before("update_operation").await?;
        self.world.memory.update_operation(id, percent, result, at).await
    }
    async fn operation(&self, id: Uuid) -> Result<Option<Operation>, StoreError> {
        self.before("operation").await?;
        self.world.memory.operation(id).await
    }
    async fn health(&self, now: Timestamp) -> Result<Health, StoreError> {
        self.before("health").await?;
        self.world.memory.health(now).await
    }
}

passed_on! {Directory:
    fn by_tokens(hashes: &[Hash]) -> Vec<Option<EntityRow>>;
}

passed_on! {Registry:
    fn put_calendar(name: &Name, hash: &Hash, bytes: &[u8], at: Timestamp) -> ();
    fn calendar(hash: &Hash) -> Option<Vec<u8>>;
    fn put_definition(definition: &StoredDefinition) -> ();
    fn definition(hash: &DefinitionHash) -> Option<StoredDefinition>;
    fn definitions() -> Vec<StoredDefinition>;
    fn activate(workflow: &Name, hash: &DefinitionHash, at: Timestamp) -> ();
    fn active(workflow: &Name) -> Option<DefinitionHash>;
    fn setting(key: &str) -> Option<String>;
    fn put_setting(key: &str, value: &str) -> ();
}

passed_on! {AccessStore:
    fn accesses(
        stream: Option<StreamId>,
        official: Option<OfficialId>,
        before: Option<(Timestamp, Uuid)>,
        limit: u32
    ) -> Vec<AccessRecord>;
}

passed_on! {LedgerStore:
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
}
