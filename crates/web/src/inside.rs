//! Asking the API from inside the process: the command line gets the same answers, under the same rules and with the
//! same access records, as anybody on the network.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use tower::ServiceExt;

/// An answer longer than this is cut off as an error; no page of the API comes near it.
const LONGEST: usize = 64 * 1024 * 1024;

/// Asks with GET. Returns the status and the body.
///
/// # Errors
/// When the path is no path, or the body breaks off.
pub async fn get(router: Router, path: &str, token: &str, purpose: &str) -> Result<(u16, Vec<u8>), String> {
    let request = Request::get(path)
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header("Qadiya-Purpose", purpose)
        .body(Body::empty())
        .map_err(|error| error.to_string())?;
    let response = match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), LONGEST).await.map_err(|error| error.to_string())?;
    Ok((status, body.to_vec()))
}
