//! Many clerical commands in one request: each with its own case, act and key, each answered on its own.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use qadiya_engine::operations::BatchItem;
use qadiya_engine::submit::{AccessContext, ActInput, ActorChoice, Submission, Target};
use qadiya_ledger::Value;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::answer;
use crate::api::commands::{CommandInput, read_act};
use crate::api::operations::Begun;
use crate::app::App;
use crate::auth::Asker;
use crate::extract::{Body, idempotency_key, is_key, prefers_async};
use crate::json::Fields;
use crate::problem::{Code, Problem, ProblemBody, WriteProblems};
use crate::wire::Accepted;

/// The most commands of one request.
pub const MOST: usize = 500;

/// Commands to give.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchInput {
    /// The commands.
    #[schema(min_items = 1, max_items = 500)]
    pub items: Vec<BatchInputItem>,
}

/// A command to give.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchInputItem {
    /// Case number, alias or id.
    #[schema(min_length = 1, max_length = 200)]
    pub case: String,
    /// The idempotency key of this item.
    #[schema(min_length = 1, max_length = 128, pattern = "^[!-~]+$")]
    pub key: String,
    /// The version that was seen; another one is a conflict.
    #[schema(nullable = false, minimum = 0)]
    pub seen: Option<u64>,
    /// What is to be done: clerical commands only.
    pub act: CommandInput,
}

/// The answers, in the order of the items.
#[derive(Debug, Serialize, ToSchema)]
pub struct BatchAnswer {
    /// One for each item.
    pub items: Vec<BatchAnswerItem>,
    /// How many were done.
    pub done: usize,
}

/// The answer to one item.
#[derive(Debug, Serialize, ToSchema)]
pub struct BatchAnswerItem {
    /// The status it would have had alone.
    pub status: u16,
    /// What the act did, for 200.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Accepted, nullable = false, required = false)]
    pub accepted: Option<serde_json::Value>,
    /// The act had been done before under the same key.
    pub replayed: bool,
    /// Why it was not done.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub problem: Option<ProblemBody>,
}

/// Gives many clerical commands, all in flight together. Decisions about a person are refused, item by item.
///
/// With `Prefer: respond-async` and an `Idempotency-Key` the work is queued and answered 202.
#[utoipa::path(
    post, path = "/commands:batch", tag = "commands", operation_id = "perform_batch",
    params(
        ("Idempotency-Key" = Option<String>, Header, nullable = false, description = "Needed with `Prefer: respond-async`", min_length = 1, max_length = 128, pattern = "^[!-~]+$"),
        ("Prefer" = Option<String>, Header, nullable = false, description = "`respond-async` queues the work"),
    ),
    request_body = BatchInput,
    responses(
        (status = 200, description = "An answer for each item.", body = BatchAnswer),
        (status = 202, description = "Queued.", body = Begun, headers(("Location" = String, description = "The operation"))),
        WriteProblems,
    ),
)]
pub async fn submit(
    State(app): State<App>,
    asker: Asker,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Response, Problem> {
    let items = read(body)?;
    let key = headers.contains_key("idempotency-key").then(|| idempotency_key(&headers)).transpose()?;
    if prefers_async(&headers) {
        let key = key.map_or_else(|| idempotency_key(&headers), Ok)?;
        let id = app.engine.queue_batch(&asker.0, items, &key).await?;
        return Ok(answer::begun(&format!("/api/v1/operations/{id}"), Begun { operation: id.to_string() }));
    }
    let mut ids = Vec::with_capacity(items.len());
    let mut submissions = Vec::with_capacity(items.len());
    for item in items {
        let request = app.new_id()?;
        ids.push(request);
        let actor =
            ActorChoice::ByPrincipal { principal: asker.0.principal.clone(), role: asker.0.role.clone() };
        let access =
            AccessContext { request, route: asker.0.route.clone(), purpose: asker.0.purpose.clone() };
        submissions.push(Submission {
            key: Some(item.key),
            seen: item.seen,
            happened: item.happened,
            batch: true,
            access: Some(access),
            ..Submission::new(actor, Target::Named(item.case), ActInput::Raw(item.act))
        });
    }
    let mut answers = Vec::with_capacity(submissions.len());
    for (answer, request) in app.engine.submit_apart(submissions).await.into_iter().zip(ids) {
        let answer = answer.map_err(Problem::from).and_then(|accepted| {
            let body = answer::accepted_body(&accepted)?;
            Ok((accepted.replayed, body))
        });
        answers.push(match answer {
            Ok((replayed, body)) => BatchAnswerItem {
                status: StatusCode::OK.as_u16(),
                accepted: Some(body),
                replayed,
                problem: None,
            },
            Err(problem) => BatchAnswerItem {
                status: problem.code().status().as_u16(),
                accepted: None,
                replayed: false,
                problem: Some(problem.body(request)),
            },
        });
    }
    let done = answers.iter().filter(|answer| answer.accepted.is_some()).count();
    Ok(answer::ok(BatchAnswer { items: answers, done }))
}

/// Reads the items; every fault of every item comes back at once.
fn read(body: Value) -> Result<Vec<BatchItem>, Problem> {
    let mut fields = Fields::of(body, "")?;
    let items = fields.list("items");
    if items.is_empty() || items.len() > MOST {
        fields.fault::<()>("items", format!("expected 1 to {MOST} items"));
    }
    fields.end(Some(()))?;
    let mut read = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        let mut fields = Fields::of(item, &format!("/items/{index}"))?;
        let case = fields.text("case");
        let case = fields.need("case", case);
        let key = fields.text("key");
        let key = match fields.need("key", key) {
            Some(key) if !is_key(&key) => fields.fault("key", "expected 1 to 128 visible ASCII characters"),
            other => other,
        };
        let seen = fields.natural("seen");
        let act = fields.raw("act");
        let act = fields.need("act", act);
        let ((case, key), act) = fields.end(case.zip(key).zip(act))?;
        let (act, happened) = read_act(act, &format!("/items/{index}/act"))?;
        read.push(BatchItem { case, act, happened, key, seen });
    }
    if read.iter().any(|item| item.case.len() > 200) {
        return Err(Problem::field(Code::Field, "/items", "a case is named in at most 200 bytes"));
    }
    Ok(read)
}
