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
use qadiya_domain::ids::{JobId, StreamId};
use qadiya_store::append::{Batch, BatchOutcome, Row, Settles};
use qadiya_store::read::{KnownRequest, Loaded, RequestRef};
use qadiya_store::work::{DueClock, DueJob, Settle};
use qadiya_store::{Between, CaseStore as _, MemoryStore, Store, StoreError, WorkStore as _};
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

#[async_trait]
impl Between for Line {
    fn beyond(&self) -> &dyn Store {
        &self.world.memory
    }

    /// A call may as well not arrive.
    async fn before(&self, during: &'static str) -> Result<(), StoreError> {
        self.world.delay().await;
        self.gone()?;
        if self.world.fault() {
            return Err(StoreError::Unavailable { during, detail: "connection refused".to_owned() });
        }
        Ok(())
    }

    /// An answer may be lost.
    async fn after(&self, during: &'static str, failed: Option<&StoreError>) -> Result<(), StoreError> {
        if failed.is_some() {
            return Ok(());
        }
        self.world.delay().await;
        if self.dead.load(Ordering::SeqCst) || self.world.fault() {
            return Err(StoreError::Unknown { during, detail: "the line broke".to_owned() });
        }
        Ok(())
    }

    async fn append(&self, batch: &Batch) -> Result<BatchOutcome, StoreError> {
        let during = "committing a batch";
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
        Ok(outcome)
    }

    async fn known(&self, asked: &[RequestRef]) -> Result<Vec<Option<KnownRequest>>, StoreError> {
        let found = self.world.memory.requests(asked).await?;
        let blind = self.world.without == Without::RequestKeys;
        Ok(if blind { found.into_iter().map(|_| None).collect() } else { found })
    }

    async fn lease_clocks(
        &self,
        now: Timestamp,
        owner: Uuid,
        lease: Duration,
        limit: u32,
    ) -> Result<Vec<DueClock>, StoreError> {
        let claimed = self.world.memory.claim_clocks(now, owner, lease, limit).await?;
        for due in &claimed {
            self.world.handed_out(clock_lease(due.stream, &due.key), due.epoch);
        }
        Ok(claimed)
    }

    async fn give_clock_back(&self, stream: StreamId, key: &str, epoch: u64) -> Result<bool, StoreError> {
        let lease = clock_lease(stream, key);
        let epoch = self.world.newest(&lease, epoch);
        let done = self.world.memory.release_clock(stream, key, epoch).await?;
        if done {
            self.world.written_under(&lease, epoch);
        }
        Ok(done)
    }

    async fn keep_clock(
        &self,
        stream: StreamId,
        key: &str,
        epoch: u64,
        lease: Duration,
    ) -> Result<bool, StoreError> {
        let lease_name = clock_lease(stream, key);
        let used = self.world.newest(&lease_name, epoch);
        let done = self.world.memory.hold_clock(stream, key, used, lease).await?;
        if done {
            self.world.written_under(&lease_name, epoch);
        }
        Ok(done)
    }

    async fn lease_jobs(
        &self,
        now: Timestamp,
        queues: &[String],
        owner: Uuid,
        lease: Duration,
        limit: u32,
    ) -> Result<Vec<DueJob>, StoreError> {
        let claimed = self.world.memory.claim_jobs(now, queues, owner, lease, limit).await?;
        for due in &claimed {
            self.world.handed_out(job_lease(due.id), due.epoch);
        }
        Ok(claimed)
    }

    async fn keep_job(&self, id: JobId, epoch: u64, lease: Duration) -> Result<bool, StoreError> {
        let epoch = self.world.newest(&job_lease(id), epoch);
        self.world.memory.extend_job(id, epoch, lease).await
    }

    async fn end_job(&self, id: JobId, epoch: u64, how: &Settle) -> Result<bool, StoreError> {
        let used = self.world.newest(&job_lease(id), epoch);
        let done = self.world.memory.settle_job(id, used, how).await?;
        if done {
            self.world.written_under(&job_lease(id), epoch);
        }
        Ok(done)
    }
}
