//! The ledger: what is signed over the log.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::auth::Asker;
use crate::extract::Params;
use crate::problem::{Code, Problem, ReadProblems};

/// Gives the newest checkpoint: a signed note (C2SP `tlog-checkpoint`). 404 while nothing is signed yet.
#[utoipa::path(
    get, path = "/ledger/checkpoint", tag = "ledger", operation_id = "read_checkpoint",
    responses((status = 200, description = "A signed note.", body = String, content_type = "text/plain"), ReadProblems),
)]
pub async fn checkpoint(State(app): State<App>, _asker: Asker, params: Params) -> Result<Response, Problem> {
    params.end()?;
    let note = app.engine.newest_checkpoint().await?.ok_or_else(|| Problem::new(Code::NotFound))?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], note).into_response())
}
