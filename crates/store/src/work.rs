//! Work that waits: clocks whose next step is due, jobs, operations. A row is free when its lease is over; there is no
//! status "running". Lease times are the database's own clock; every claim raises the epoch, and a write with an old
//! epoch changes nothing (TRUST 3.4.5).

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use qadiya_domain::ids::{JobId, OfficialId, Seq, StreamId};
use qadiya_ledger::Hash;
use uuid::Uuid;

use crate::append::NewJob;
use crate::error::StoreError;

/// A clock whose step is due, claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueClock {
    /// The case.
    pub stream: StreamId,
    /// The clock, as `ClockKey` writes it.
    pub key: String,
    /// The step that is due.
    pub step: u32,
    /// When it was due.
    pub due: Timestamp,
    /// The epoch of the lease.
    pub epoch: u64,
}

/// The queue under which clocks are shown that cannot be stepped. Letting such an incident run again says that it was
/// seen; the clock itself is tried again after each lease, and where nothing was mended the incident comes back.
///
/// No name in a workflow file has a colon, so a queue of a file is never one of the engine's.
pub const CLOCK_QUEUE: &str = "engine:clocks";

/// The incident that shows a clock which cannot be stepped: one for each clock.
pub fn clock_incident(stream: StreamId, key: &str, at: Timestamp) -> NewJob {
    NewJob {
        id: named_job(&format!("qadiya/clock-incident/v1\n{stream}\n{key}")),
        seq: 0,
        name: "clock".to_owned(),
        queue: CLOCK_QUEUE.to_owned(),
        payload: key.as_bytes().to_vec(),
        principal: None,
        run_at: at,
    }
}

/// The queue under which rows are shown that a reader met and could not read. Letting such an incident run again says
/// that it was seen.
pub const DAMAGE_QUEUE: &str = "engine:damage";

/// The incident that shows a damaged row of a table: one for each place.
pub fn damage_incident(table: &str, place: &str, at: Timestamp) -> NewJob {
    NewJob {
        id: named_job(&format!("qadiya/damage-incident/v1\n{table}\n{place}")),
        seq: 0,
        name: table.to_owned(),
        queue: DAMAGE_QUEUE.to_owned(),
        payload: place.as_bytes().to_vec(),
        principal: None,
        run_at: at,
    }
}

/// The job id that belongs to a text.
fn named_job(text: &str) -> JobId {
    let named = Hash::of(text.as_bytes());
    let mut id = [0; 16];
    id.iter_mut().zip(named.as_bytes()).for_each(|(byte, of)| *byte = *of);
    JobId(Uuid::from_bytes(id))
}

/// The fault of a job or clock whose row cannot be read.
pub const DAMAGED: &str = "damaged-row";

/// A job, claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueJob {
    /// The job.
    pub id: JobId,
    /// The stream that queued it.
    pub stream: StreamId,
    /// The event that queued it.
    pub seq: Seq,
    /// What is to be done.
    pub name: String,
    /// The queue.
    pub queue: String,
    /// What the worker needs.
    pub payload: Vec<u8>,
    /// On whose behalf.
    pub principal: Option<OfficialId>,
    /// The number of this try, from 1.
    pub attempt: u32,
    /// The epoch of the lease.
    pub epoch: u64,
}

/// How a try ended that moves no case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settle {
    /// Done: the row leaves the table.
    Done,
    /// Try again at this instant.
    Again {
        /// Not before.
        run_at: Timestamp,
        /// Why, as a class of fault without personal data.
        fault: String,
    },
    /// Handed back untried (shutdown): the try does not count.
    HandBack,
    /// It could not even be tried: look again at this instant; the try does not count.
    Postponed {
        /// Not before.
        run_at: Timestamp,
        /// Why, as a class of fault without personal data.
        fault: String,
    },
    /// Given up: the row stays as an incident that people see.
    Incident {
        /// Why.
        fault: String,
    },
}

/// A job row as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRow {
    /// The job.
    pub id: JobId,
    /// The stream.
    pub stream: StreamId,
    /// What is to be done.
    pub name: String,
    /// The queue.
    pub queue: String,
    /// Tries so far.
    pub attempt: u32,
    /// Not before.
    pub run_at: Timestamp,
    /// The fault of the last try.
    pub fault: Option<String>,
    /// Whether it was given up.
    pub incident: bool,
}

/// Work asked for with 202: its request and, once done, its result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Its id.
    pub id: Uuid,
    /// Who asked.
    pub principal: OfficialId,
    /// What kind of work.
    pub kind: String,
    /// What was asked, as JSON; emptied when the result is written, for it may hold names and reasons.
    pub request: Vec<u8>,
    /// A digest of what was asked: it tells the same request from another one under the same id.
    pub asked: Hash,
    /// How far it is, 0 to 100.
    pub percent: u8,
    /// The result, once done.
    pub result: Option<Vec<u8>>,
    /// When it was asked.
    pub created: Timestamp,
    /// When it last changed.
    pub updated: Timestamp,
}

/// What became of asking for an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Started {
    /// It is stored now, with its job.
    Now,
    /// The same request stored it before; nothing was changed.
    Before,
    /// Another request holds this id; nothing was changed.
    OtherRequest,
}

/// What a health check sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Product and version of the database.
    pub database: String,
    /// The database's own clock.
    pub clock: Timestamp,
    /// The latest heartbeat of any worker, by the database's clock.
    pub last_heartbeat: Option<Timestamp>,
    /// Clock steps due and not claimed, at the instant asked about.
    pub overdue: u64,
    /// Jobs waiting.
    pub jobs: u64,
    /// Incidents.
    pub incidents: u64,
    /// Events not yet numbered.
    pub pending: u64,
    /// Events in the log.
    pub entries: u64,
    /// What is unsafe or damaged, each with what to do.
    pub faults: Vec<String>,
}

/// The durable queue.
#[async_trait]
pub trait WorkStore: Send + Sync {
    /// Claims clock steps with `next <= now`, earliest first. A row that cannot be read stops no other: it is shown as an
    /// incident ([`clock_incident`]) and looked at again when its lease is over.
    async fn claim_clocks(
        &self,
        now: Timestamp,
        owner: Uuid,
        lease: Duration,
        limit: u32,
    ) -> Result<Vec<DueClock>, StoreError>;

    /// Gives a claimed clock step back untouched.
    async fn release_clock(&self, stream: StreamId, key: &str, epoch: u64) -> Result<bool, StoreError>;

    /// Keeps a claimed clock for this long from now; `false` when the lease was lost.
    async fn hold_clock(
        &self,
        stream: StreamId,
        key: &str,
        epoch: u64,
        lease: Duration,
    ) -> Result<bool, StoreError>;

    /// Claims jobs of these queues with `run_at <= now`, earliest first. A claim counts as a try. A row that cannot be
    /// read stops no other: it becomes an incident ([`DAMAGED`]).
    async fn claim_jobs(
        &self,
        now: Timestamp,
        queues: &[String],
        owner: Uuid,
        lease: Duration,
        limit: u32,
    ) -> Result<Vec<DueJob>, StoreError>;

    /// Lengthens a job's lease; `false` when it was lost.
    async fn extend_job(&self, id: JobId, epoch: u64, lease: Duration) -> Result<bool, StoreError>;

    /// Ends a try that moves no case; `false` when the lease was lost.
    async fn settle_job(&self, id: JobId, epoch: u64, how: &Settle) -> Result<bool, StoreError>;

    /// Queues jobs that no case act causes. A job whose id is known is left as it is.
    async fn queue_jobs(&self, stream: StreamId, jobs: &[NewJob]) -> Result<(), StoreError>;

    /// Shows something that people must look at as a job that was given up; one of this id is shown once.
    async fn raise_incident(&self, stream: StreamId, job: &NewJob, fault: &str) -> Result<(), StoreError>;

    /// Makes an incident run again; `false` when there is none of that id.
    async fn retry_job(&self, id: JobId, run_at: Timestamp) -> Result<bool, StoreError>;

    /// Jobs in order of id: incidents only, or all. What cannot be read of a row is shown as empty, and [`DAMAGED`] as
    /// its fault: the list of what people must look at hides nothing.
    async fn jobs(
        &self,
        incidents: bool,
        after: Option<JobId>,
        limit: u32,
    ) -> Result<Vec<JobRow>, StoreError>;

    /// Says that a worker lives.
    async fn heartbeat(&self, worker: Uuid) -> Result<(), StoreError>;

    /// Forgets workers silent for longer than this and frees what they hold; returns how many leases were freed.
    async fn sweep(&self, silent: Duration) -> Result<u64, StoreError>;

    /// Waits until there may be work, at the most this long. A wake-up is a hint.
    async fn wait_for_work(&self, at_most: Duration);

    /// Stores an operation together with the job that carries it out. An operation whose id is known is left as it is
    /// and no job is queued; the digests tell whether it was asked by the same request.
    async fn start_operation(&self, operation: &Operation, job: &NewJob) -> Result<Started, StoreError>;

    /// Says how far an operation is, or its result. Whoever writes the result empties the request with it.
    async fn update_operation(
        &self,
        id: Uuid,
        percent: u8,
        result: Option<&[u8]>,
        at: Timestamp,
    ) -> Result<(), StoreError>;

    /// An operation.
    async fn operation(&self, id: Uuid) -> Result<Option<Operation>, StoreError>;

    /// How the store is, seen now. `now` is the business clock, for what is overdue.
    async fn health(&self, now: Timestamp) -> Result<Health, StoreError>;
}
