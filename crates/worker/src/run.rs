//! One round of everything, and the loop around it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use qadiya_domain::ids::JobId;
use qadiya_engine::Engine;
use qadiya_engine::operations::OPERATION_QUEUE;
use qadiya_store::work::{CLOCK_QUEUE, DAMAGE_QUEUE, Settle};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::channels::Channels;
use crate::error::{WorkerError, engine as engine_fault, store};
use crate::{clocks, jobs, limits};

/// How a worker works.
#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// How long a claim holds without a heartbeat.
    pub lease: Duration,
    /// A worker silent for longer than this is dead: what it holds is freed.
    pub silent: Duration,
    /// How long to wait for a wake-up before looking again.
    pub poll: Duration,
    /// How many clock steps are claimed in one round.
    pub clocks_at_once: u32,
    /// How many jobs run at the same time.
    pub jobs_at_once: usize,
    /// The ways out of the house.
    pub channels: Channels,
    /// Queues this worker serves besides the engine's own for operations, clocks and damage; a queue nobody serves waits
    /// and shows.
    pub serves: Vec<String>,
    /// Whether this worker also numbers the log and folds the counters.
    pub keeps_log: bool,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(30),
            silent: Duration::from_mins(1),
            poll: Duration::from_millis(500),
            clocks_at_once: 512,
            jobs_at_once: 16,
            channels: Channels::default(),
            serves: Vec::new(),
            keeps_log: true,
        }
    }
}

impl WorkerSettings {
    pub(crate) fn queues(&self) -> Vec<String> {
        let mut queues = vec![OPERATION_QUEUE.to_owned(), CLOCK_QUEUE.to_owned(), DAMAGE_QUEUE.to_owned()];
        queues.extend(self.serves.iter().cloned());
        queues
    }
}

/// What a round did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ticked {
    /// Clock steps taken.
    pub clocks: usize,
    /// Jobs started.
    pub jobs: usize,
    /// Events numbered.
    pub numbered: usize,
    /// Stage moves folded into the counters.
    pub folded: u64,
    /// Leases of dead workers freed.
    pub freed: u64,
    /// There was more than one round could take.
    pub more: bool,
}

impl Ticked {
    /// Whether the round found nothing to do.
    pub fn is_idle(&self) -> bool {
        *self == Self::default()
    }
}

/// A worker.
#[derive(Debug, Clone)]
pub struct Worker {
    engine: Engine,
    settings: Arc<WorkerSettings>,
    id: Uuid,
    running: TaskTracker,
    /// The leases of the jobs that run here.
    held: Arc<Mutex<BTreeMap<JobId, u64>>>,
    finished: Arc<Notify>,
    last_beat: Arc<Mutex<Option<tokio::time::Instant>>>,
}

impl Worker {
    /// A worker with an id of its own; two workers never share one.
    pub fn new(engine: Engine, settings: WorkerSettings, id: Uuid) -> Self {
        Self {
            engine,
            settings: Arc::new(settings),
            id,
            running: TaskTracker::new(),
            held: Arc::default(),
            finished: Arc::new(Notify::new()),
            last_beat: Arc::new(Mutex::new(None)),
        }
    }

    /// One round: heartbeat, sweep, due clocks, due jobs (started, not awaited), numbering, counters.
    ///
    /// # Errors
    /// [`WorkerError`] when the store fails; what was claimed is freed by its lease.
    pub async fn tick(&self) -> Result<Ticked, WorkerError> {
        let keeper = self.engine.store();
        let freed = if self.beat_is_due() {
            keeper.heartbeat(self.id).await.map_err(store("say that it lives"))?;
            keeper.sweep(self.settings.silent).await.map_err(store("sweep dead workers"))?
        } else {
            0
        };
        let stepped = clocks::step_due(&self.engine, self.id, &self.settings).await?;
        let room = limits::claimable(self.running.len(), self.settings.jobs_at_once);
        let due = if room == 0 {
            Vec::new()
        } else {
            jobs::claim(&self.engine, self.id, &self.settings, room).await?
        };
        let started = due.len();
        for job in due {
            let (engine, settings, job) = (self.engine.clone(), Arc::clone(&self.settings), Arc::new(job));
            let (held, finished) = (Arc::clone(&self.held), Arc::clone(&self.finished));
            held.lock().unwrap_or_else(PoisonError::into_inner).insert(job.id, job.epoch);
            self.running.spawn(async move {
                jobs::perform(&engine, &settings, &job).await;
                // A lease that was lost may be held here again, by a later try that still runs.
                let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
                if held.get(&job.id) == Some(&job.epoch) {
                    held.remove(&job.id);
                }
                drop(held);
                finished.notify_one();
            });
        }
        let (mut numbered, mut folded) = (0, 0);
        if self.settings.keeps_log {
            numbered = self.engine.sequence_once().await.map_err(engine_fault("number the log"))?;
            folded = keeper.fold_stages().await.map_err(store("fold the stage counters"))?;
        }
        let full = usize::try_from(self.settings.clocks_at_once).unwrap_or(usize::MAX);
        let more = stepped.claimed >= full && stepped.taken > 0;
        Ok(Ticked { clocks: stepped.taken, jobs: started, numbered, folded, freed, more })
    }

    /// A heartbeat is a write with a flush of its own: six in the time after which a worker counts as dead are enough.
    fn beat_is_due(&self) -> bool {
        let now = tokio::time::Instant::now();
        let mut last = self.last_beat.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last.is_none_or(|last| now.duration_since(last) >= self.settings.silent / 6);
        if due {
            *last = Some(now);
        }
        due
    }

    /// Waits until every job this worker has started is settled.
    pub async fn settled(&self) {
        // The tracker itself is asked: a job says that it has finished while it still counts as running, so whoever waits
        // for that word alone may look too early and then wait for ever.
        self.running.close();
        self.running.wait().await;
        self.running.reopen();
    }

    /// Rounds and started jobs until nothing is due at this instant; returns the sums. For demos, replays and tests.
    ///
    /// # Errors
    /// As [`Worker::tick`].
    pub async fn until_idle(&self) -> Result<Ticked, WorkerError> {
        let mut sum = Ticked::default();
        loop {
            let round = self.tick().await?;
            self.settled().await;
            if round.clocks == 0 && round.jobs == 0 && round.numbered == 0 {
                return Ok(sum);
            }
            sum.clocks = sum.clocks.saturating_add(round.clocks);
            sum.jobs = sum.jobs.saturating_add(round.jobs);
            sum.numbered = sum.numbered.saturating_add(round.numbered);
            sum.folded = sum.folded.saturating_add(round.folded);
            sum.freed = sum.freed.saturating_add(round.freed);
        }
    }

    /// Works until told to stop; then claims nothing more and waits for the jobs that run, at most `grace`.
    pub async fn run(&self, stop: CancellationToken, grace: Duration) {
        let mut fault_wait = self.settings.poll;
        while !stop.is_cancelled() {
            match self.tick().await {
                Ok(round) if round.more || round.jobs > 0 => fault_wait = self.settings.poll,
                Ok(_) => {
                    fault_wait = self.settings.poll;
                    tokio::select! {
                        () = self.engine.store().wait_for_work(self.settings.poll) => {}
                        () = self.finished.notified() => {}
                        () = stop.cancelled() => {}
                    }
                }
                Err(fault) => {
                    tracing::warn!(worker.id = %self.id, %fault, cause = cause(&fault), "a round failed; trying again");
                    tokio::select! {
                        () = tokio::time::sleep(fault_wait) => {}
                        () = stop.cancelled() => {}
                    }
                    fault_wait = fault_wait.saturating_mul(2).min(Duration::from_secs(10));
                }
            }
        }
        if tokio::time::timeout(grace, self.settled()).await.is_err() {
            tracing::warn!(worker.id = %self.id, "jobs still ran when the grace was over; they are handed back");
            self.hand_back().await;
        }
    }

    /// Gives the leases of running jobs back, so that another worker need not wait for their end. Should one of them
    /// still end here, its epoch keeps it from writing once another worker has it.
    async fn hand_back(&self) {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for (id, epoch) in held {
            if let Err(fault) = self.engine.store().settle_job(id, epoch, &Settle::HandBack).await {
                tracing::warn!(job.id = %id, %fault, "a job could not be handed back; its lease runs out");
            }
        }
    }
}

/// The last word of a fault's chain: what really happened.
fn cause(fault: &WorkerError) -> String {
    std::error::Error::source(fault).map_or_else(String::new, ToString::to_string)
}
