//! Asking the API: of a running server when `QADIYA_SERVER` names one, otherwise inside this process. Either way the
//! answer, the rules and the access record are the same.

use std::time::Duration;

use serde_json::Value;

use crate::args::Global;
use crate::exit::Failure;
use crate::session::{Session, setting, token};

/// Why the command line asks, for the access record.
const PURPOSE: &str = "command line";

/// How long a server may take to be reached, and to answer in full.
const REACHED_WITHIN: Duration = Duration::from_secs(5);
const ANSWERED_WITHIN: Duration = Duration::from_secs(30);

/// Asks with GET.
///
/// # Errors
/// When the answer is a problem; its words are told.
pub(crate) async fn ask(global: &Global, path: &str) -> Result<Value, Failure> {
    let token = token()?;
    let (status, body) = match setting("QADIYA_SERVER") {
        Some(server) => remote(&server, path, &token).await?,
        None => {
            let session = Session::open(global).await?;
            let router = qadiya_web::router(session.engine.clone(), qadiya_web::WebSettings::default());
            let answer = qadiya_web::inside::get(router, path, &token, PURPOSE).await;
            session.close().await;
            answer.map_err(|detail| Failure::new(format!("the question could not be asked: {detail}")))?
        }
    };
    let answer: Value = serde_json::from_slice(&body)
        .map_err(|error| Failure::new(format!("the answer ({status}) is no JSON")).because(&error))?;
    if (200..300).contains(&status) { Ok(answer) } else { Err(problem(status, &answer)) }
}

async fn remote(server: &str, path: &str, token: &str) -> Result<(u16, Vec<u8>), Failure> {
    let failed = |error: reqwest::Error| {
        Failure::new(format!("the server {server} does not answer"))
            .because(&error)
            .next("check QADIYA_SERVER, and that the server runs; without it the store is opened directly")
    };
    let client = reqwest::Client::builder()
        .no_proxy()
        .connect_timeout(REACHED_WITHIN)
        .timeout(ANSWERED_WITHIN)
        .build()
        .map_err(failed)?;
    let address = format!("{}{path}", server.trim_end_matches('/'));
    let request = client.get(address).bearer_auth(token).header("Qadiya-Purpose", PURPOSE);
    let response = request.send().await.map_err(failed)?;
    let status = response.status().as_u16();
    let body = response.bytes().await.map_err(failed)?;
    Ok((status, body.to_vec()))
}

/// A problem document as a failure.
fn problem(status: u16, answer: &Value) -> Failure {
    let text = |key: &str| answer.get(key).and_then(Value::as_str).unwrap_or_default();
    let mut told = format!("{} ({status})", text("title"));
    if !text("detail").is_empty() {
        told.push_str(": ");
        told.push_str(text("detail"));
    }
    let failure = Failure::new(told);
    if status == 401 {
        return failure.next(
            "the token in QADIYA_TOKEN opens nothing here; ask an administrator for one (`qadiya token issue`)",
        );
    }
    failure
}

/// A document as lines for people: keys and values, indented by depth.
pub(crate) fn lines(value: &Value) -> String {
    let mut text = String::new();
    put(value, 0, &mut text);
    text
}

fn put(value: &Value, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match scalar(value) {
                    Some(scalar) => text.push_str(&format!("{indent}{key}: {scalar}\n")),
                    None if is_empty(value) => {}
                    None => {
                        text.push_str(&format!("{indent}{key}:\n"));
                        put(value, depth.saturating_add(1), text);
                    }
                }
            }
        }
        Value::Array(list) => {
            for value in list {
                match scalar(value) {
                    Some(scalar) => text.push_str(&format!("{indent}- {scalar}\n")),
                    None => {
                        text.push_str(&format!("{indent}-\n"));
                        put(value, depth.saturating_add(1), text);
                    }
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            text.push_str(&format!("{indent}{}\n", scalar(value).unwrap_or_default()));
        }
    }
}

fn is_empty(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(serde_json::Map::is_empty)
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some("–".to_owned()),
        Value::Bool(flag) => Some(if *flag { "yes" } else { "no" }.to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        Value::Array(_) | Value::Object(_) => None,
    }
}
