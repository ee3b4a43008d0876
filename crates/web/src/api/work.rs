//! What the caller's offices have to do.

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::answer;
use crate::app::App;
use crate::auth::Asker;
use crate::extract::Params;
use crate::problem::{Problem, ReadProblems};
use crate::wire::{CaseHeadWire, at};

/// The rule by which work is ordered. It is in every answer: nobody is put behind by a rule that is not published.
const ORDER: &str =
    "by the limit of the running clock, the earliest first; then by the id of the case; no other weight";

/// Which part of the list.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the fields document the parameters; `Params` reads them")]
pub struct WorkParams {
    /// `next` of the page before.
    #[param(nullable = false, min_length = 1, max_length = 200)]
    after: Option<String>,
    /// How many.
    #[param(nullable = false, minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

/// A page of work.
#[derive(Debug, Serialize, ToSchema)]
pub struct Work {
    /// The rule of the order.
    pub order: &'static str,
    /// What is to be done.
    pub items: Vec<WorkWire>,
    /// How many damaged rows were met and left out; each is shown as an incident.
    pub left_out: u32,
    /// Send it as `after` for the next page; missing on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next: Option<String>,
}

/// A thing to be done.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WorkItem)]
pub struct WorkWire {
    /// The case.
    pub case: CaseHeadWire,
    /// The clock that runs.
    pub clock: String,
    /// Its limit.
    #[schema(format = DateTime)]
    pub due: String,
    /// The limit has passed.
    pub passed: bool,
}

/// Lists cases before the caller's offices with their running clocks.
#[utoipa::path(
    get, path = "/work", tag = "work", operation_id = "list_work", params(WorkParams),
    responses((status = 200, description = "A page, the earliest limit first.", body = Work), ReadProblems),
)]
pub async fn list(State(app): State<App>, asker: Asker, mut params: Params) -> Result<Response, Problem> {
    let after = params.text("after");
    let limit = params.limit();
    params.end()?;
    let page = app.engine.work(&asker.0, after, limit).await?;
    let item = |item: qadiya_engine::query::WorkItem| WorkWire {
        case: item.case.into(),
        clock: item.clock,
        due: at(item.due),
        passed: item.passed,
    };
    let items = page.items.into_iter().map(item).collect();
    Ok(answer::ok(Work { order: ORDER, items, left_out: page.left_out, next: page.next }))
}
