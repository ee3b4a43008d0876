//! Answers that are the thing asked for.

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use qadiya_engine::submit::Accepted;
use serde::Serialize;

use crate::problem::{Code, Problem};

/// 200 with a JSON body.
pub fn ok<T: Serialize>(body: T) -> Response {
    Json(body).into_response()
}

/// 200 with a JSON body and the version of the case as `ETag`.
pub fn tagged<T: Serialize>(version: u64, body: T) -> Response {
    let mut response = ok(body);
    tag(&mut response, version);
    response
}

/// 201 with the place of the new thing.
pub fn created<T: Serialize>(place: &str, body: T) -> Response {
    let mut response = (StatusCode::CREATED, Json(body)).into_response();
    locate(&mut response, place);
    response
}

/// 202 with the place at which the work can be looked at.
pub fn begun<T: Serialize>(place: &str, body: T) -> Response {
    let mut response = (StatusCode::ACCEPTED, Json(body)).into_response();
    locate(&mut response, place);
    response.headers_mut().insert("preference-applied", HeaderValue::from_static("respond-async"));
    response
}

/// The stored answer with its receipt: the same bytes each time, since the receipt is made from what is stored.
///
/// # Errors
/// 500 when what is stored is no JSON object.
pub fn accepted_body(accepted: &Accepted) -> Result<serde_json::Value, Problem> {
    let damaged = || {
        tracing::error!(stream = %accepted.stream, "a stored answer cannot be read");
        Problem::new(Code::Internal)
    };
    let mut body: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(&accepted.answer).map_err(|_| damaged())?;
    if let Some(receipt) = &accepted.receipt {
        body.insert("receipt".to_owned(), serde_json::to_value(receipt).map_err(|_| damaged())?);
    }
    Ok(serde_json::Value::Object(body))
}

/// The answer to an accepted act.
///
/// # Errors
/// Those of [`accepted_body`].
pub fn accepted(status: StatusCode, accepted: &Accepted) -> Result<Response, Problem> {
    let mut response = (status, Json(accepted_body(accepted)?)).into_response();
    tag(&mut response, accepted.version);
    if status == StatusCode::CREATED {
        locate(&mut response, &format!("/api/v1/cases/{}", accepted.reference));
    }
    if accepted.replayed {
        response
            .headers_mut()
            .insert(HeaderName::from_static("idempotency-replayed"), HeaderValue::from_static("true"));
    }
    Ok(response)
}

fn tag(response: &mut Response, version: u64) {
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{version}\"")) {
        response.headers_mut().insert(header::ETAG, tag);
    }
}

fn locate(response: &mut Response, place: &str) {
    if let Ok(place) = HeaderValue::from_str(place) {
        response.headers_mut().insert(header::LOCATION, place);
    }
}
