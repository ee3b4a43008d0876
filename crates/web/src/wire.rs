//! Forms that several answers share. They are written here and not derived from the domain's types, so that a change of
//! the core breaks no client.

use std::collections::BTreeMap;

use jiff::Timestamp;
use qadiya_domain::moment;
use qadiya_domain::value::{Given, Value};
use qadiya_engine::query::{CaseHead, Shown};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

/// An instant as it is sent: UTC, six digits after the second.
pub fn at(instant: Timestamp) -> String {
    moment::text(instant)
}

/// An instant that may be missing.
pub fn maybe_at(instant: Option<Timestamp>) -> Option<String> {
    instant.map(at)
}

/// Anything that prints, as text.
#[expect(clippy::needless_pass_by_value, reason = "it is given to `map` as it stands")]
pub fn text(thing: impl ToString) -> String {
    thing.to_string()
}

/// The columns of a case.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CaseHead)]
pub struct CaseHeadWire {
    /// The case number, with check character.
    #[schema(example = "7K3QD-9V2XM-4")]
    pub reference: String,
    /// The id of its stream.
    #[schema(format = Uuid)]
    pub id: String,
    /// What another system calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub alias: Option<String>,
    /// The workflow.
    #[schema(example = "detainee-case")]
    pub workflow: String,
    /// The hash of the definition the case is bound to.
    pub definition: String,
    /// The person.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = Uuid)]
    pub person: Option<String>,
    /// The manifest or other group it came with.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = Uuid)]
    pub group: Option<String>,
    /// The main state.
    pub state: String,
    /// The public stage; missing where no stage holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "investigated")]
    pub stage: Option<String>,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    pub stage_since: Option<String>,
    /// The office that must act.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub office: Option<String>,
    /// Deprived of liberty here.
    pub held: bool,
    /// The end of the unbroken cover.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    pub authority_until: Option<String>,
    /// Held, and covered no longer, worked out at the instant of the answer.
    pub authority_lapsed: bool,
    /// The earliest limit of a running clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    pub next_date: Option<String>,
    /// The outcome, once the case has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub outcome: Option<String>,
    /// How many irregular facts are open.
    pub irregular: u32,
    /// The version: the number of the last event.
    pub version: u64,
    /// When it was opened.
    #[schema(format = DateTime)]
    pub opened: String,
    /// When it last changed.
    #[schema(format = DateTime)]
    pub updated: String,
}

impl From<CaseHead> for CaseHeadWire {
    fn from(head: CaseHead) -> Self {
        Self {
            reference: head.reference,
            id: text(head.stream),
            alias: head.alias,
            workflow: text(head.workflow),
            definition: text(head.definition),
            person: head.person.map(text),
            group: head.group.map(text),
            state: text(head.state),
            stage: head.stage.map(text),
            stage_since: maybe_at(head.stage_since),
            office: head.office.map(text),
            held: head.held,
            authority_until: maybe_at(head.authority_until),
            authority_lapsed: head.authority_lapsed,
            next_date: maybe_at(head.next_date),
            outcome: head.outcome.map(text),
            irregular: head.irregular,
            version: head.version,
            opened: at(head.opened),
            updated: at(head.updated),
        }
    }
}

/// How a value was given.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A value in the clear.
    Is,
    /// A value behind a commitment.
    Protected,
    /// Nobody knows.
    Unknown,
    /// The person refused.
    Refused,
    /// There is none.
    None,
}

/// A value as the caller may see it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Shown)]
pub struct ShownWire {
    /// How it was given.
    pub kind: Kind,
    /// The value; for `unknown`, `refused` and `none` the reason. Missing where the caller may not see it, and where it was
    /// erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Value, nullable = false, required = false)]
    pub value: Option<serde_json::Value>,
}

impl From<&Shown> for ShownWire {
    fn from(shown: &Shown) -> Self {
        let kind = match &shown.given {
            Given::Is(_) => Kind::Is,
            Given::Protected(_) => Kind::Protected,
            Given::Unknown(_) => Kind::Unknown,
            Given::Refused(_) => Kind::Refused,
            Given::None(_) => Kind::None,
        };
        Self { kind, value: shown.given.value().or(shown.clear.as_ref()).map(plain) }
    }
}

/// A value as plain JSON.
pub fn plain(value: &Value) -> serde_json::Value {
    match value {
        Value::Flag(flag) => json!(flag),
        Value::Choice(name) => json!(name.as_str()),
        Value::Number(number) => json!(number),
        Value::Date(date) => json!(date.to_string()),
        Value::Instant(instant) => json!(at(*instant)),
        Value::Range(range) => json!({ "from": at(range.from), "until": at(range.until) }),
        Value::Text(text) | Value::Person(text) | Value::Place(text) | Value::Reference(text) => json!(text),
        Value::Official(official) => json!(official.to_string()),
        Value::Money(money) => json!({ "minor": money.minor, "currency": money.currency }),
    }
}

/// Values by name.
pub fn shown<K: ToString>(values: &BTreeMap<K, Shown>) -> BTreeMap<String, ShownWire> {
    values.iter().map(|(name, value)| (name.to_string(), ShownWire::from(value))).collect()
}

/// What an act did. The same bytes come back when the act is sent again under its key.
#[derive(Debug, Serialize, ToSchema)]
pub struct Accepted {
    /// The id of the stream of the case.
    #[schema(format = Uuid)]
    pub stream: String,
    /// The case number.
    pub reference: String,
    /// The version after the act.
    pub version: u64,
    /// The public stage.
    #[schema(nullable = false)]
    pub stage: Option<String>,
    /// The main state.
    #[schema(nullable = false)]
    pub state: Option<String>,
    /// The events of the act.
    pub events: Vec<AcceptedEvent>,
    /// The signed word that the act is recorded; it can be checked without this server.
    #[schema(nullable = false)]
    pub receipt: Option<ReceiptWire>,
}

/// An event of an act.
#[derive(Debug, Serialize, ToSchema)]
pub struct AcceptedEvent {
    /// Its number in the case.
    pub seq: u64,
    /// What kind of thing happened.
    pub kind: String,
    /// Its hash.
    pub hash: String,
}

/// The proof that an event was in a signed batch.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Receipt)]
pub struct ReceiptWire {
    /// The log that signed.
    pub origin: String,
    /// The number of events in the batch.
    pub size: u64,
    /// The place of the event in the batch, from 0.
    pub index: u64,
    /// The siblings from the event's leaf up to the batch's root.
    pub path: Vec<String>,
    /// The signature.
    pub signature: String,
    /// Which key of the log signed.
    pub key_id: String,
}
