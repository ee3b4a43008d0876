//! Work asked for with 202: carried out by the engine, which knows what may be done on whose behalf.

use qadiya_engine::Engine;
use qadiya_store::work::{DueJob, Settle};

use super::Ended;
use crate::retry::{FIRST_WAIT, Retry};

/// An operation that keeps failing for reasons of the store is given up after this many tries.
const RETRY: Retry = Retry { times: 20, first_wait: FIRST_WAIT, doubles_to: FIRST_WAIT.saturating_mul(20) };

pub(super) async fn perform(engine: &Engine, job: &DueJob) -> Ended {
    // More tries than are granted: the last ones broke off.
    if job.attempt > RETRY.times.saturating_add(1) {
        return Ended::Alone(Settle::Incident { fault: "broke-off".to_owned() });
    }
    match engine.run_operation(job.stream.0).await {
        Ok(()) => Ended::Alone(Settle::Done),
        Err(fault) => {
            tracing::warn!(job.id = %job.id, attempt = job.attempt, %fault, "an operation failed");
            let text = "operation-failed".to_owned();
            Ended::Alone(match RETRY.next(job.attempt, job.id.0, engine.clock().now()) {
                Some(run_at) => Settle::Again { run_at, fault: text },
                None => Settle::Incident { fault: text },
            })
        }
    }
}
