//! Work that was queued: how far it is, and what came of it.

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer;
use crate::api::log::event_json;
use crate::app::App;
use crate::auth::Asker;
use crate::extract::{Params, PathParts};
use crate::problem::{Problem, ReadProblems};
use crate::wire::at;

/// Work that was queued.
#[derive(Debug, Serialize, ToSchema)]
pub struct Begun {
    /// Its id; look at `/api/v1/operations/{id}`.
    #[schema(format = Uuid)]
    pub operation: String,
}

/// Queued work.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Operation)]
pub struct OperationWire {
    /// Its id.
    #[schema(format = Uuid)]
    pub id: String,
    /// What kind of work.
    pub kind: String,
    /// How far it is, 0 to 100.
    pub percent: u8,
    /// The result, once done.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Value, nullable = false, required = false)]
    pub result: Option<serde_json::Value>,
    /// When it was asked.
    #[schema(format = DateTime)]
    pub created: String,
    /// When it last changed.
    #[schema(format = DateTime)]
    pub updated: String,
}

/// Says how far queued work is. Another person's looks like none.
#[utoipa::path(
    get, path = "/operations/{id}", tag = "work", operation_id = "read_operation",
    params(("id" = String, Path, description = "The id of the operation", min_length = 1, max_length = 200)),
    responses((status = 200, description = "The operation.", body = OperationWire), ReadProblems),
)]
pub async fn show(
    State(app): State<App>,
    asker: Asker,
    path: PathParts,
    params: Params,
) -> Result<Response, Problem> {
    params.end()?;
    let view = app.engine.operation(&asker.0, path.id("id")?).await?;
    let result = view.result.as_deref().map(event_json).transpose()?;
    Ok(answer::ok(OperationWire {
        id: view.id.to_string(),
        kind: view.kind,
        percent: view.percent,
        result,
        created: at(view.created),
        updated: at(view.updated),
    }))
}
