//! Work asked for with 202: carried out by the engine, which knows what may be done on whose behalf.

use qadiya_engine::Engine;
use qadiya_store::work::{DueJob, Settle};

use super::{BROKE_OFF, Ended};
use crate::retry::{FIRST_WAIT, Retry};

/// An operation that keeps failing for reasons of the store is given up after this many tries.
const RETRY: Retry = Retry { times: 20, first_wait: FIRST_WAIT, doubles_to: FIRST_WAIT.saturating_mul(20) };

pub(super) async fn perform(engine: &Engine, job: &DueJob) -> Ended {
    if RETRY.is_spent(job.attempt) {
        return Ended::Alone(Settle::Incident { fault: BROKE_OFF.to_owned() });
    }
    match engine.run_operation(job.stream.0).await {
        Ok(()) => Ended::Alone(Settle::Done),
        Err(fault) => {
            tracing::warn!(job.id = %job.id, attempt = job.attempt, %fault, "an operation failed");
            Ended::again(engine, job, &RETRY, "operation-failed".to_owned())
        }
    }
}
