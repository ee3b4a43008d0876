//! The outermost layer: request ids, limits of the address, the bodies of problems, headers, counts.

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use uuid::Uuid;

use crate::app::App;
use crate::problem::{Code, MEDIA_TYPE, Problem};
use crate::telemetry;

/// The id of a request: of its answer, its access record and its log lines.
#[derive(Debug, Clone, Copy)]
pub struct RequestId(pub Uuid);

/// Stands around everything else.
pub async fn outermost(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let started = tokio::time::Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let route = route.as_deref().unwrap_or("none");
    let (id, mut response) = match app.new_id() {
        Err(problem) => (Uuid::nil(), problem.into_response()),
        Ok(id) => {
            request.extensions_mut().insert(RequestId(id));
            let answer = if request.uri().path_and_query().map_or(0, |uri| uri.as_str().len())
                > app.settings.uri_limit
            {
                Problem::new(Code::UriTooLong).into_response()
            } else {
                let places = if matches!(route, "/live" | "/ready") { &app.probes } else { &app.slots };
                match places.clone().try_acquire_owned() {
                    Err(_) => Problem::new(Code::Busy).into_response(),
                    Ok(permit) => {
                        // The engine works in tasks of its own: giving up waiting cancels nothing there.
                        let answer = tokio::time::timeout(app.settings.answer_time, next.run(request)).await;
                        drop(permit);
                        answer.unwrap_or_else(|_| Problem::new(Code::Busy).into_response())
                    }
                }
            };
            (id, answer)
        }
    };
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        write_problem(&mut response, &problem, id);
    }
    harden(&mut response, id);
    let status = response.status().as_u16();
    telemetry::count(method.as_str(), route, status, started.elapsed());
    tracing::info!(request = %id, method = %method, route, status, "answered");
    response
}

fn write_problem(response: &mut Response, problem: &Problem, id: Uuid) {
    telemetry::refused(problem);
    match serde_json::to_vec(&problem.body(id)) {
        Ok(bytes) => {
            *response.body_mut() = Body::from(bytes);
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
            response.headers_mut().remove(header::CONTENT_LENGTH);
        }
        Err(error) => tracing::error!(request = %id, error = %error, "a problem could not be written"),
    }
}

/// The headers of every answer (TRUST S26).
fn harden(response: &mut Response, id: Uuid) {
    const FIXED: [(HeaderName, &str); 6] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'; sandbox"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    let headers = response.headers_mut();
    for (name, value) in FIXED {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(id) = HeaderValue::from_str(&id.to_string()) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
    headers.remove(header::SERVER);
}

/// The answer to an address that is not served.
pub async fn no_such_address() -> Problem {
    Problem::new(Code::NotFound)
}

/// The answer to a handler that panicked: the process lives, the fault is logged without its text, which may quote
/// what was sent.
pub fn panicked(_: Box<dyn std::any::Any + Send + 'static>) -> Response {
    tracing::error!("a handler panicked; the request was answered 500");
    Problem::new(Code::Internal).into_response()
}
