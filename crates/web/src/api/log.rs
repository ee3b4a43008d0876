//! The log of one case.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use qadiya_engine::query::LogEvent;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::answer;
use crate::app::App;
use crate::auth::Asker;
use crate::extract::{Params, PathParts};
use crate::problem::{Code, Problem, ReadProblems};
use crate::wire::{plain, text};

/// Which part of a log.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the fields document the parameters; `Params` reads them")]
pub struct LogParams {
    /// The number of the first event; 1 when missing.
    #[param(nullable = false, minimum = 0, maximum = 9_007_199_254_740_991_i64)]
    from: Option<u64>,
    /// How many.
    #[param(nullable = false, minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

/// Events of a case.
#[derive(Debug, Serialize, ToSchema)]
pub struct CaseLog {
    /// The case number.
    pub reference: String,
    /// Events in order.
    pub events: Vec<CaseEvent>,
    /// Send it as `from` to go on; missing at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next: Option<u64>,
}

/// An event as the caller may see it.
#[derive(Debug, Serialize, ToSchema)]
pub struct CaseEvent {
    /// Its number in the case.
    pub seq: u64,
    /// The hash of its canonical bytes.
    pub hash: String,
    /// The event. Written in canonical form (RFC 8785) it has the hash above. Protected values stand in it as commitments.
    #[schema(value_type = Object)]
    pub event: serde_json::Value,
    /// Protected values by their path in the event, where the caller may see them and they were not erased.
    #[schema(value_type = BTreeMap<String, Value>)]
    pub clear: BTreeMap<String, serde_json::Value>,
    /// Paths whose stored value is not the one that was recorded: somebody changed it in the store. It is not shown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub altered: Vec<String>,
}

/// An event from the canonical bytes of the log.
///
/// # Errors
/// 500 when they are no JSON: the store is damaged.
pub fn event_json(bytes: &[u8]) -> Result<serde_json::Value, Problem> {
    serde_json::from_slice(bytes).map_err(|_| {
        tracing::error!("a stored event cannot be read");
        Problem::new(Code::Internal)
    })
}

fn event(event: &LogEvent) -> Result<CaseEvent, Problem> {
    Ok(CaseEvent {
        seq: event.event.seq,
        hash: text(event.hash),
        event: event_json(&event.bytes)?,
        clear: event.clear.iter().map(|(path, value)| (path.clone(), plain(value))).collect(),
        altered: event.altered.clone(),
    })
}

/// Reads the log of a case.
#[utoipa::path(
    get, path = "/cases/{ref}/log", tag = "cases", operation_id = "read_log",
    params(("ref" = String, Path, description = "Case number, alias or id", min_length = 1, max_length = 200), LogParams),
    responses((status = 200, description = "Events in order.", body = CaseLog), ReadProblems),
)]
pub async fn show(
    State(app): State<App>,
    asker: Asker,
    path: PathParts,
    mut params: Params,
) -> Result<Response, Problem> {
    let from = params.natural("from").unwrap_or(1);
    let limit = params.limit();
    params.end()?;
    let page = app.engine.log(&asker.0, path.text("ref")?, from, limit).await?;
    let events = page.events.iter().map(event).collect::<Result<Vec<_>, _>>()?;
    Ok(answer::ok(CaseLog { reference: page.reference, events, next: page.next }))
}
