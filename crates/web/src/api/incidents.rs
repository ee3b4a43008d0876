//! Work that gave up, and letting it run again.

use axum::extract::State;
use axum::response::Response;
use qadiya_domain::ids::JobId;
use qadiya_engine::query::IncidentView;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::answer;
use crate::app::App;
use crate::auth::Asker;
use crate::extract::{Key, KeyHeader, Params, PathParts};
use crate::problem::{Code, Problem, ReadProblems, WriteProblems};
use crate::wire::{at, text};

/// Which part of the list.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the fields document the parameters; `Params` reads them")]
pub struct IncidentParams {
    /// `next` of the page before.
    #[param(nullable = false, format = Uuid)]
    after: Option<String>,
    /// How many.
    #[param(nullable = false, minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

/// A page of incidents.
#[derive(Debug, Serialize, ToSchema)]
pub struct Incidents {
    /// Jobs that gave up.
    pub items: Vec<IncidentWire>,
    /// Send it as `after` for the next page; missing on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = Uuid)]
    pub next: Option<String>,
}

/// A job that gave up.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Incident)]
pub struct IncidentWire {
    /// The job.
    #[schema(format = Uuid)]
    pub id: String,
    /// The stream that queued it.
    #[schema(format = Uuid)]
    pub stream: String,
    /// What was to be done.
    pub name: String,
    /// Tries so far.
    pub attempts: u32,
    /// The kind of fault of the last try.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub fault: Option<String>,
    /// When it was last due.
    #[schema(format = DateTime)]
    pub due: String,
}

/// A job that runs again.
#[derive(Debug, Serialize, ToSchema)]
pub struct Retried {
    /// The job.
    #[schema(format = Uuid)]
    pub id: String,
}

impl From<IncidentView> for IncidentWire {
    fn from(view: IncidentView) -> Self {
        Self {
            id: text(view.id),
            stream: text(view.stream),
            name: view.name,
            attempts: view.attempts,
            fault: view.fault,
            due: at(view.due),
        }
    }
}

/// Lists jobs that gave up.
#[utoipa::path(
    get, path = "/incidents", tag = "oversight", operation_id = "list_incidents", params(IncidentParams),
    responses((status = 200, description = "A page.", body = Incidents), ReadProblems),
)]
pub async fn list(State(app): State<App>, asker: Asker, mut params: Params) -> Result<Response, Problem> {
    let after = params.id("after").map(JobId);
    let limit = params.limit();
    params.end()?;
    let page = app.engine.incidents(&asker.0, after, limit).await?;
    let full = u32::try_from(page.len()).is_ok_and(|length| length == limit);
    let next = page.last().filter(|_| full).map(|last| text(last.id));
    Ok(answer::ok(Incidents { items: page.into_iter().map(IncidentWire::from).collect(), next }))
}

/// Lets a job that gave up run again, once for each key.
#[utoipa::path(
    post, path = "/incidents/{id}/retry", tag = "oversight", operation_id = "retry_incident",
    params(("id" = String, Path, description = "The id of the job", min_length = 1, max_length = 200), KeyHeader),
    responses((status = 200, description = "It runs again.", body = Retried), WriteProblems),
)]
pub async fn retry(
    State(app): State<App>,
    asker: Asker,
    key: Key,
    path: PathParts,
) -> Result<Response, Problem> {
    let id = JobId(path.id("id")?);
    if app.engine.retry_incident(&asker.0, id, key.bind(&app, &asker, &[])).await? {
        return Ok(answer::ok(Retried { id: text(id) }));
    }
    Err(Problem::new(Code::NotFound))
}
