//! Numbers for the operator's monitoring.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::auth::Asker;
use crate::problem::{Code, Problem, ReadProblems};
use crate::telemetry;

/// Gives the numbers of this process in the text format of Prometheus. No label names a case or a person.
#[utoipa::path(
    get, path = "/metrics", tag = "administration", operation_id = "metrics",
    responses((status = 200, description = "Numbers.", body = String, content_type = "text/plain"), ReadProblems),
)]
pub async fn read(State(app): State<App>, _asker: Asker) -> Result<Response, Problem> {
    let health = app.engine.health().await?;
    telemetry::gauges(&health);
    let recorder = telemetry::recorder().ok_or_else(|| {
        Problem::new(Code::NotReady).with_detail("another recorder of numbers is installed in this process")
    })?;
    recorder.run_upkeep();
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], recorder.render())
        .into_response())
}
