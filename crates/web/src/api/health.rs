//! Whether the server lives and whether it may be used. Nothing about any case.

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer;
use crate::app::App;
use crate::problem::{Code, FieldFault, OpenProblems, Problem};
use crate::wire::at;

/// Events without a number beyond which the sequencer is behind.
const MANY_PENDING: u64 = 100_000;

/// The server lives.
#[derive(Debug, Serialize, ToSchema)]
pub struct Live {
    /// Always `live`.
    pub status: &'static str,
}

/// The server may be used.
#[derive(Debug, Serialize, ToSchema)]
pub struct Ready {
    /// Always `ready`.
    pub status: &'static str,
    /// The business clock.
    #[schema(format = DateTime)]
    pub now: String,
    /// No worker has been heard of for a minute: clocks do not step, notices do not leave. Reading and deciding go on.
    pub workers_silent: bool,
    /// Clock steps due and not taken.
    pub overdue: u64,
    /// Jobs waiting.
    pub jobs: u64,
    /// Jobs that gave up.
    pub incidents: u64,
    /// Events not yet numbered.
    pub pending: u64,
}

/// Answers as long as the process does.
#[utoipa::path(
    get, path = "/live", tag = "health", operation_id = "live", security(()),
    responses((status = 200, description = "The process answers.", body = Live), OpenProblems),
)]
pub async fn live() -> Response {
    answer::ok(Live { status: "live" })
}

/// Says whether the store can be read and written, is set up right, and workers keep up.
#[utoipa::path(
    get, path = "/ready", tag = "health", operation_id = "ready", security(()),
    responses((status = 200, description = "It may be used.", body = Ready), OpenProblems),
)]
pub async fn ready(State(app): State<App>) -> Result<Response, Problem> {
    let health = app.engine.health().await.map_err(|error| {
        tracing::warn!(error = %error, "not ready");
        Problem::field(Code::NotReady, "store", "cannot be read")
    })?;
    let mut faults = Vec::new();
    // Anybody may ask this: where the store lies and how full its disk is stands in the log only.
    if !health.faults.is_empty() {
        tracing::warn!(faults = health.faults.join("; "), "not ready");
        let message = "is not as it must be; the log of the server says what and how to mend it".to_owned();
        faults.push(FieldFault { field: "store".to_owned(), message, nearest: None });
    }
    if health.pending > MANY_PENDING {
        let message = format!("{} events wait for their number", health.pending);
        faults.push(FieldFault { field: "sequencer".to_owned(), message, nearest: None });
    }
    if !faults.is_empty() {
        return Err(Problem::new(Code::NotReady).with_fields(faults));
    }
    Ok(answer::ok(Ready {
        status: "ready",
        now: at(health.now),
        workers_silent: health.workers_silent,
        overdue: health.overdue,
        jobs: health.jobs,
        incidents: health.incidents,
        pending: health.pending,
    }))
}
