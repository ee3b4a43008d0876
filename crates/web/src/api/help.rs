//! Documentation that the server carries with it: no network is needed to read it.

use std::sync::LazyLock;

use axum::body::Bytes;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::extract::PathParts;
use crate::problem::{Code, OpenProblems, Problem};

/// The OpenAPI document of this server.
#[utoipa::path(
    get, path = "/openapi.json", tag = "help", operation_id = "openapi", security(()),
    responses((status = 200, description = "OpenAPI 3.1.", body = Object), OpenProblems),
)]
pub async fn openapi() -> Response {
    // It is long and never changes while the program runs.
    static DOCUMENT: LazyLock<serde_json::Result<Bytes>> =
        LazyLock::new(|| serde_json::to_vec(&crate::openapi()).map(Bytes::from));
    match &*DOCUMENT {
        Ok(bytes) => ([(header::CONTENT_TYPE, "application/json")], bytes.clone()).into_response(),
        Err(error) => {
            tracing::error!(error = %error, "the document of the API cannot be written");
            Problem::new(Code::Internal).into_response()
        }
    }
}

/// Says what a problem means and what to do.
#[utoipa::path(
    get, path = "/help/errors/{code}", tag = "help", operation_id = "explain_problem", security(()),
    params(("code" = String, Path, description = "The code of a problem", min_length = 1, max_length = 200)),
    responses(
        (status = 200, description = "The meaning.", body = String, content_type = "text/plain"),
        (status = 404, description = "There is no such code.", body = crate::problem::ProblemBody, content_type = "application/problem+json"),
        OpenProblems,
    ),
)]
pub async fn error(path: PathParts) -> Result<Response, Problem> {
    let code: Code = path.text("code")?.parse().map_err(|_| Problem::new(Code::NotFound))?;
    let page = format!("{code} (status {})\n{}\n\n{}\n", code.status().as_u16(), code.title(), code.help());
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], page).into_response())
}
