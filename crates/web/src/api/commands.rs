//! Commands on one case: which are open and why not, and giving one.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use jiff::Timestamp;
use qadiya_engine::operations::BatchItem;
use qadiya_engine::query::OpenCommandView;
use qadiya_engine::submit::{AccessContext, ActInput, ActorChoice, Submission, Target};
use qadiya_ledger::Value;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::answer;
use crate::api::operations::Begun;
use crate::app::App;
use crate::auth::Asker;
use crate::extract::{Body, Params, PathParts, idempotency_key, if_match, prefers_async};
use crate::json::Fields;
use crate::problem::{Problem, ReadProblems, RefusalWire, WriteProblems};
use crate::wire::{Accepted, text};

/// The commands of a case.
#[derive(Debug, Serialize, ToSchema)]
pub struct OpenCommands {
    /// Every command of the file.
    pub items: Vec<OpenCommand>,
}

/// A command of the file, and whether the caller can give it now.
#[derive(Debug, Serialize, ToSchema)]
pub struct OpenCommand {
    /// The command.
    pub command: String,
    /// As people read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub title: Option<String>,
    /// The record whose track it would move.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub instance: Option<u32>,
    /// Whether it is a decision about a person.
    pub decision: bool,
    /// Whether it can be given; what it must carry is not yet counted against it.
    pub open: bool,
    /// Why not: every reason.
    pub why_not: Vec<RefusalWire>,
    /// The outcomes to choose from.
    pub outcomes: Vec<String>,
    /// Facts it asks for.
    pub asks: Vec<String>,
    /// Records it asks for.
    pub records: Vec<String>,
    /// Papers it needs.
    pub papers: Vec<String>,
    /// The legal basis the file names.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub basis: Option<String>,
}

impl From<OpenCommandView> for OpenCommand {
    fn from(view: OpenCommandView) -> Self {
        let texts = |names: Vec<qadiya_domain::name::Name>| names.into_iter().map(text).collect();
        Self {
            command: text(view.command),
            title: view.title,
            instance: view.instance,
            decision: view.decision,
            open: view.open,
            why_not: view.why_not.iter().map(RefusalWire::from).collect(),
            outcomes: texts(view.outcomes),
            asks: texts(view.asks),
            records: texts(view.records),
            papers: texts(view.papers),
            basis: view.basis,
        }
    }
}

/// The form of a member of an act.
#[derive(Debug, Clone, Copy)]
enum Form {
    /// A text that is not empty.
    Text,
    /// The hash of an event.
    Hash,
    /// The number of an event or record, from 1.
    Number,
    /// True or false.
    Flag,
    /// A list of objects.
    Objects,
    /// A list of texts.
    Texts,
    /// An object.
    Object,
    /// Whatever the fact is.
    Any,
}

/// The members that an act may have, beside `happened`: those of [`CommandInput`].
const MEMBERS: [(&str, Form); 19] = [
    ("command", Form::Text),
    ("instance", Form::Number),
    ("outcome", Form::Text),
    ("answers", Form::Object),
    ("records", Form::Objects),
    ("papers", Form::Objects),
    ("reason", Form::Text),
    ("sign", Form::Number),
    ("hash", Form::Hash),
    ("agree", Form::Flag),
    ("note", Form::Text),
    ("reject", Form::Number),
    ("withdraw", Form::Number),
    ("file-paper", Form::Object),
    ("edit-fact", Form::Text),
    ("value", Form::Any),
    ("correct-facts", Form::Object),
    ("unset", Form::Texts),
    ("annul", Form::Number),
];

impl Form {
    /// What is expected, when the value is of another form.
    fn fault(self, value: &Value) -> Option<&'static str> {
        let all = |fits: fn(&Value) -> bool| value.as_list().is_some_and(|items| items.iter().all(fits));
        let (fits, expected) = match self {
            Self::Text => (value.as_text().is_some_and(|text| !text.is_empty()), "expected a text"),
            Self::Hash => (
                value.as_text().is_some_and(|text| {
                    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
                }),
                "expected 64 lower-case hexadecimal digits",
            ),
            Self::Number => {
                (value.as_int().is_some_and(|number| number >= 1), "expected a whole number from 1")
            }
            Self::Flag => (value.as_bool().is_some(), "expected true or false"),
            Self::Objects => (all(|item| item.as_map().is_some()), "expected a list of objects"),
            Self::Texts => (all(|item| item.as_text().is_some()), "expected a list of texts"),
            Self::Object => (value.as_map().is_some(), "expected an object"),
            Self::Any => (true, ""),
        };
        (!fits).then_some(expected)
    }
}

/// Takes the time of the deed out of an act and refuses members that no act has; the rest is read by the engine against
/// the definition of the case.
///
/// # Errors
/// 400 when it is no object, the time is no instant, or a member is unknown or of another form.
pub fn read_act(act: Value, at: &str) -> Result<(Value, Option<Timestamp>), Problem> {
    let mut fields = Fields::of(act, at)?;
    let happened = fields.instant("happened");
    let mut members = std::collections::BTreeMap::new();
    for (name, form) in MEMBERS {
        if let Some(value) = fields.raw(name) {
            if let Some(expected) = form.fault(&value) {
                fields.fault::<()>(name, expected);
            }
            members.insert(name.to_owned(), value);
        }
    }
    Ok((Value::Map(fields.end(Some(members))?), happened))
}

/// Says which commands can be given, and of each other one why not.
#[utoipa::path(
    get, path = "/cases/{ref}/commands", tag = "commands", operation_id = "list_commands",
    params(("ref" = String, Path, description = "Case number, alias or id", min_length = 1, max_length = 200)),
    responses((status = 200, description = "Every command of the file.", body = OpenCommands), ReadProblems),
)]
pub async fn list(
    State(app): State<App>,
    asker: Asker,
    path: PathParts,
    params: Params,
) -> Result<Response, Problem> {
    params.end()?;
    let views = app.engine.commands(&asker.0, path.text("ref")?).await?;
    Ok(answer::ok(OpenCommands { items: views.into_iter().map(OpenCommand::from).collect() }))
}

/// Gives a command, signs a proposal, files a paper, corrects or annuls.
///
/// The answer comes after the act is durable. With `Prefer: respond-async` a clerical act is queued instead.
#[utoipa::path(
    post, path = "/cases/{ref}/commands", tag = "commands", operation_id = "perform",
    params(
        ("ref" = String, Path, description = "Case number, alias or id", min_length = 1, max_length = 200),
        ("Idempotency-Key" = String, Header, description = "Chosen once for each act", min_length = 1, max_length = 128, pattern = "^[!-~]+$"),
        ("If-Match" = Option<String>, Header, nullable = false, description = "The ETag that was seen; another version is a conflict", pattern = "^\"[0-9]{1,16}\"$"),
        ("Prefer" = Option<String>, Header, nullable = false, description = "`respond-async` queues the act"),
    ),
    request_body = CommandInput,
    responses(
        (status = 200, description = "Done, and durable.", body = Accepted, headers(
            ("ETag" = String, description = "The version of the case"),
        )),
        (status = 202, description = "Queued.", body = Begun, headers(("Location" = String, description = "The operation"))),
        WriteProblems,
    ),
)]
pub async fn perform(
    State(app): State<App>,
    asker: Asker,
    path: PathParts,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Response, Problem> {
    let case = path.text("ref")?.to_owned();
    let key = idempotency_key(&headers)?;
    let seen = if_match(&headers)?;
    let (act, happened) = read_act(body, "")?;
    if prefers_async(&headers) {
        let item = BatchItem { case, act, happened, key, seen };
        let id = app.engine.queue_act(&asker.0, item).await?;
        return Ok(answer::begun(&format!("/api/v1/operations/{id}"), Begun { operation: id.to_string() }));
    }
    let actor = ActorChoice::ByPrincipal { principal: asker.0.principal.clone(), role: asker.0.role.clone() };
    let submission = Submission {
        key: Some(key),
        seen,
        happened,
        access: Some(AccessContext {
            request: asker.0.request,
            route: asker.0.route,
            purpose: asker.0.purpose,
        }),
        ..Submission::new(actor, Target::Named(case), ActInput::Raw(act))
    };
    let accepted = app.engine.submit(submission).await?;
    answer::accepted(StatusCode::OK, &accepted)
}

/// An act on a case: exactly one of `command`, `sign`, `reject`, `withdraw`, `file-paper`, `edit-fact`, `correct-facts`
/// and `annul`, with what belongs to it. What a command must carry follows from the definition of the case; names that
/// another system gives to commands, roles and facts are read as well. Unknown members are refused.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CommandInput {
    /// The command of the workflow file.
    #[schema(nullable = false, example = "register-arrival", min_length = 1)]
    pub command: Option<String>,
    /// The record whose track it moves.
    #[schema(nullable = false, minimum = 1)]
    pub instance: Option<u32>,
    /// The outcome, for a command with outcomes.
    #[schema(nullable = false, min_length = 1)]
    pub outcome: Option<String>,
    /// Facts asked for: a value, or `{"unknown": why}`, `{"refused": why}`, `{"none": why}`.
    #[schema(nullable = false, required = false, value_type = Object)]
    pub answers: Option<serde_json::Value>,
    /// Records filed: `{"record": kind, "about": number, "fields": {…}}`.
    #[schema(nullable = false, required = false, value_type = Vec<Object>)]
    pub records: Option<serde_json::Value>,
    /// Papers filed: `{"document": kind, "reference": number, "sha256": …, "signed": true}`.
    #[schema(nullable = false, required = false, value_type = Vec<Object>)]
    pub papers: Option<serde_json::Value>,
    /// The reasons of a decision, a rejection, a correction, an annulment.
    #[schema(nullable = false, min_length = 1)]
    pub reason: Option<String>,
    /// When it happened, if earlier than now.
    #[schema(nullable = false, format = DateTime)]
    pub happened: Option<String>,
    /// Signs the proposal of this event; needs `hash`.
    #[schema(nullable = false, minimum = 1)]
    pub sign: Option<u64>,
    /// The hash of the proposal that was read.
    #[schema(nullable = false, pattern = "^[0-9a-f]{64}$")]
    pub hash: Option<String>,
    /// Consent or dissent; consent when missing.
    #[schema(nullable = false)]
    pub agree: Option<bool>,
    /// The reason of a dissent.
    #[schema(nullable = false, min_length = 1)]
    pub note: Option<String>,
    /// Sends the proposal of this event back.
    #[schema(nullable = false, minimum = 1)]
    pub reject: Option<u64>,
    /// Takes the proposal of this event back.
    #[schema(nullable = false, minimum = 1)]
    pub withdraw: Option<u64>,
    /// Files a paper on its own.
    #[schema(nullable = false, required = false, value_type = Object)]
    pub file_paper: Option<serde_json::Value>,
    /// Changes this fact to `value`.
    #[schema(nullable = false, min_length = 1)]
    pub edit_fact: Option<String>,
    /// The new value of the fact.
    #[schema(nullable = false, required = false, value_type = Value)]
    pub value: Option<serde_json::Value>,
    /// Corrects facts; both versions stay in the log.
    #[schema(nullable = false, required = false, value_type = Object)]
    pub correct_facts: Option<serde_json::Value>,
    /// Facts whose value is taken away by the correction.
    #[schema(nullable = false)]
    pub unset: Option<Vec<String>>,
    /// Annuls the act of this event.
    #[schema(nullable = false, minimum = 1)]
    pub annul: Option<u64>,
}
