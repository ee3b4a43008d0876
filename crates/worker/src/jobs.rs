//! Jobs: claimed, tried, settled. A job result that moves a case goes through the one door with the job's lease
//! attached; one that moves none is settled in the queue. The last failed try becomes an incident, never silence.

mod call;
pub mod notice;
mod operation;

use std::sync::Arc;
use std::time::Duration;

use qadiya_engine::operations::OPERATION_QUEUE;
use qadiya_engine::{Engine, NOTICE_QUEUE};
use qadiya_store::work::{CLOCK_QUEUE, DAMAGE_QUEUE, DueJob, Settle};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::error::{WorkerError, store};
use crate::retry::{FIRST_WAIT, Retry};
use crate::run::WorkerSettings;

/// The fault of a job whose try ended without a word.
const BROKE_OFF: &str = "broke-off";

/// How a try ended, for the queue.
pub(crate) enum Ended {
    /// The engine has settled the row together with the case.
    WithCase,
    /// The row is to be settled alone.
    Alone(Settle),
}

impl Ended {
    /// Another try, or after the last one an incident.
    pub(crate) fn again(engine: &Engine, job: &DueJob, retry: &Retry, fault: String) -> Self {
        Self::Alone(match retry.next(job.attempt, job.id.0, engine.clock().now()) {
            Some(run_at) => Settle::Again { run_at, fault },
            None => Settle::Incident { fault },
        })
    }
}

/// Claims jobs of the queues this worker serves.
pub(crate) async fn claim(
    engine: &Engine,
    owner: Uuid,
    settings: &WorkerSettings,
    limit: u32,
) -> Result<Vec<DueJob>, WorkerError> {
    let now = engine.clock().now();
    let queues = settings.queues();
    engine
        .store()
        .claim_jobs(now, &queues, owner, settings.lease, limit)
        .await
        .map_err(store("claim due jobs"))
}

/// A job that panics is tried again so often.
const PANICS: Retry = Retry { times: 3, first_wait: FIRST_WAIT, doubles_to: FIRST_WAIT.saturating_mul(20) };

/// Tries one job while its lease is kept alive.
pub(crate) async fn perform(engine: &Engine, settings: &Arc<WorkerSettings>, job: &Arc<DueJob>) {
    // A task of its own, so that a panic is a fault of this job and of nothing else.
    let mut work = TaskTracker::new().spawn({
        let (engine, settings, job) = (engine.clone(), Arc::clone(settings), Arc::clone(job));
        async move { attempt(&engine, &settings, &job).await }
    });
    let beat = keep_alive(engine, job, settings.lease);
    let ended = tokio::select! {
        ended = &mut work => ended,
        () = beat => {
            // The lease is lost: another worker has the job, and the epoch keeps this one from writing.
            tracing::warn!(job.id = %job.id, job.name, "the lease of a job was lost");
            work.abort();
            return;
        }
    };
    let ended = ended.unwrap_or_else(|fault| {
        tracing::error!(job.id = %job.id, job.name, %fault, "a job broke off");
        Ended::again(engine, job, &PANICS, BROKE_OFF.to_owned())
    });
    if let Ended::Alone(how) = ended {
        match engine.store().settle_job(job.id, job.epoch, &how).await {
            Ok(true) => {}
            Ok(false) => tracing::warn!(job.id = %job.id, job.name, "a job was settled by another worker"),
            Err(fault) => {
                tracing::warn!(job.id = %job.id, job.name, %fault, "a job could not be settled; its lease runs out")
            }
        }
    }
}

async fn attempt(engine: &Engine, settings: &WorkerSettings, job: &DueJob) -> Ended {
    if job.queue == DAMAGE_QUEUE {
        // Whoever lets it run again has seen it; the next reader that meets the damage shows it anew.
        Ended::Alone(Settle::Done)
    } else if job.queue == CLOCK_QUEUE {
        // The clock itself is tried again when it is due; if it still cannot be stepped, the incident comes back.
        Ended::Alone(Settle::Done)
    } else if job.queue == OPERATION_QUEUE {
        operation::perform(engine, job).await
    } else if job.queue == NOTICE_QUEUE {
        notice::perform(engine, settings, job).await
    } else {
        call::perform(engine, settings, job).await
    }
}

/// Lengthens the lease at a third of it, for as long as the work runs; returns when the lease is lost.
async fn keep_alive(engine: &Engine, job: &DueJob, lease: Duration) {
    let third = (lease / 3).max(Duration::from_millis(1));
    loop {
        tokio::time::sleep(third).await;
        match engine.store().extend_job(job.id, job.epoch, lease).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(fault) => {
                tracing::warn!(job.id = %job.id, %fault, "the lease of a job could not be lengthened")
            }
        }
    }
}
