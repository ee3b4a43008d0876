//! CCD case types, reduced to states, events, conditions and access rights.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use super::condition::{self, Condition, Subject};
use super::yaml::{Node, quoted};
use super::{
    ConvertError, Converted, Fault, Finding, Mending, NameMaps, document, labels, names, null_is_empty,
    place, print, push_new, read,
};

mod write;

use write::Writer;

const WHAT: &str = "a CCD case type";
/// The value of a fact that catches text which no condition names.
const CATCH_ALL: &str = "other";
/// Any state, or no change of state.
const ANY: &str = "*";

#[derive(Debug, Deserialize)]
struct CaseType {
    #[serde(rename = "caseType")]
    id: String,
    #[serde(default, deserialize_with = "null_is_empty")]
    name: String,
    #[serde(default, deserialize_with = "null_is_empty")]
    source: BTreeMap<String, Value>,
    #[serde(default, deserialize_with = "null_is_empty")]
    counts: BTreeMap<String, Value>,
    #[serde(default, deserialize_with = "null_is_empty")]
    defects: BTreeMap<String, Value>,
    states: Vec<State>,
    events: Vec<Event>,
    #[serde(default, deserialize_with = "null_is_empty")]
    roles: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct State {
    id: String,
    name: Option<String>,
    #[serde(default, deserialize_with = "null_is_empty")]
    roles: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    id: String,
    name: Option<String>,
    #[serde(default, deserialize_with = "null_is_empty")]
    pre_states: Vec<String>,
    #[serde(default, deserialize_with = "null_is_empty")]
    post_states: Vec<PostState>,
    enabled_when: Option<String>,
    #[serde(default, deserialize_with = "null_is_empty")]
    roles: BTreeMap<String, String>,
    callbacks: Option<Value>,
    retry_timeouts_seconds: Option<Value>,
    ttl_increment_days: Option<Value>,
    publish: Option<Value>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct PostState {
    state: String,
    when: Option<String>,
    priority: Option<i64>,
}

/// An event with its conditions read and its identifier made unique.
struct Ready<'a> {
    place: String,
    id: String,
    event: &'a Event,
    enabled: Option<Condition>,
    /// Targets in the order they are tried; at most the last has no condition.
    targets: Vec<Target<'a>>,
}

/// One place that an event may lead to.
struct Target<'a> {
    state: &'a str,
    when: Option<Condition>,
    /// Conditions of targets before it that the language cannot have; where one holds, this target is not for the case.
    unless: Vec<Condition>,
}

impl Ready<'_> {
    fn opens(&self) -> bool {
        self.event.pre_states.is_empty()
    }

    fn conditions(&self) -> impl Iterator<Item = &Condition> {
        self.enabled.iter().chain(self.targets.iter().flat_map(|each| each.unless.iter().chain(&each.when)))
    }
}

pub(super) fn convert(json: &str) -> Result<Converted, ConvertError> {
    let source: CaseType = read(WHAT, json)?;
    let mut findings = Vec::new();
    let mut faults = Vec::new();
    let events = read_events(&source, &mut findings, &mut faults);
    if !events.iter().any(Ready::opens) {
        faults.push(Fault {
            place: "events".to_owned(),
            text: "no event that can be kept opens a case (empty preStates and a state to go to); add one"
                .to_owned(),
        });
    }
    if !faults.is_empty() {
        return Err(ConvertError::Meaning { what: WHAT, name: source.id, faults });
    }
    let states = states(&source, &events, &mut findings);
    let roles = roles(&source, &mut findings);
    let values = values(&events);

    let state_ids: Vec<String> = states.iter().map(|each| each.id.clone()).collect();
    let event_ids: Vec<String> = events.iter().map(|each| each.id.clone()).collect();
    let field_ids: Vec<String> = values.iter().map(|(field, _)| field.clone()).collect();
    let nobody = nobody(&roles);
    let names = NameMaps {
        workflow: workflow_name(&source.id),
        opening: None,
        states: names::assign("state", &state_ids, &[]),
        roles: names::assign("role", &roles, &[&nobody]),
        commands: names::assign("event", &event_ids, &[]),
        facts: names::assign("field", &field_ids, &[]),
        values: values
            .iter()
            .map(|(field, values)| (field.clone(), names::assign("value", values, &[CATCH_ALL])))
            .collect(),
    };
    let writer = Writer {
        names: &names,
        roles: &roles,
        nobody: &nobody,
        first_state: state_ids.first().map_or("", String::as_str),
    };
    let mut role_lines: Vec<(String, Node)> =
        roles.iter().map(|id| (found(&names.roles, id), Node::Line(labels(None, id)))).collect();
    if states.iter().any(|each| each.actors.is_empty()) {
        let title = Node::text("Nobody: stands where the source lets no role act");
        role_lines.push((nobody.clone(), Node::Line(vec![("title".to_owned(), title)])));
    }
    let tree = document(
        &names.workflow,
        if source.name.trim().is_empty() { &source.id } else { &source.name },
        Vec::new(),
        role_lines,
        values.iter().map(|(field, values)| writer.fact(field, values)).collect(),
        states.iter().map(|state| writer.state(state)).collect(),
        events.iter().map(|event| writer.command(event)).collect(),
    );
    let yaml = print(&head(&source), &findings, &tree);
    Ok(Converted { yaml, document: tree, accepting: Vec::new(), names, findings })
}

fn found(names: &BTreeMap<String, String>, id: &str) -> String {
    names.get(id).cloned().unwrap_or_default()
}

/// Events with unique identifiers and their conditions read, in the order of the source.
fn read_events<'a>(
    source: &'a CaseType,
    findings: &mut Vec<Finding>,
    faults: &mut Vec<Fault>,
) -> Vec<Ready<'a>> {
    let all_ids: BTreeSet<&str> = source.events.iter().map(|each| each.id.as_str()).collect();
    let mut seen: BTreeMap<String, Vec<&Event>> = BTreeMap::new();
    let mut given: BTreeSet<String> = BTreeSet::new();
    let mut ready = Vec::new();
    for (index, event) in source.events.iter().enumerate() {
        let at = place("events", index, &event.id);
        let before = seen.entry(event.id.clone()).or_default();
        if before.contains(&event) {
            findings.push(mended(&at, "the event stands twice, word for word; it is one command"));
            continue;
        }
        before.push(event);
        let mut id = event.id.clone();
        let mut count = before.len();
        while count > 1 && (all_ids.contains(id.as_str()) || !given.insert(id.clone())) {
            id = format!("{}#{count}", event.id);
            count = count.saturating_add(1);
        }
        if id != event.id {
            let text = format!(
                "the identifier is taken by an earlier, different event; this one is {}",
                quoted(&id)
            );
            findings.push(mended(&at, &text));
        }
        let enabled = read_condition(event.enabled_when.as_deref(), &at, "enabledWhen", faults);
        let targets = targets(event, &at, findings, faults);
        if targets.is_empty() && event.pre_states.is_empty() {
            findings.push(left_out(
                &at,
                "the event opens a case but names no state for it; it is no command here",
            ));
            continue;
        }
        ready.push(Ready { place: at, id, event, enabled, targets });
    }
    ready
}

/// Where an event leads, in the order of priority, cut after the first target without a condition.
fn targets<'a>(
    event: &'a Event,
    at: &str,
    findings: &mut Vec<Finding>,
    faults: &mut Vec<Fault>,
) -> Vec<Target<'a>> {
    let mut ordered: Vec<(usize, &PostState)> = event.post_states.iter().enumerate().collect();
    ordered.sort_by_key(|(_, each)| each.priority.unwrap_or(i64::MAX));
    // A target without condition and without priority is what is left when no other holds, wherever it is written.
    ordered.sort_by_key(|(_, each)| each.priority.is_none() && is_blank(each.when.as_deref()));
    let mut targets = Vec::new();
    let mut unless: Vec<Condition> = Vec::new();
    let mut is_closed = false;
    for (index, each) in ordered {
        let when = read_condition(each.when.as_deref(), at, &format!("postStates[{index}].when"), faults);
        if is_closed {
            findings.push(left_out(
                at,
                &format!(
                    "postStates[{index}] comes after a target without condition, so it is never reached"
                ),
            ));
            continue;
        }
        is_closed = when.is_none();
        if event.pre_states.is_empty() && each.state == ANY {
            findings.push(left_out(
                at,
                &format!("postStates[{index}] keeps the state of a case that does not exist yet; the command is refused there"),
            ));
            unless.extend(when);
            continue;
        }
        targets.push(Target { state: &each.state, when, unless: unless.clone() });
    }
    if targets.is_empty() && !event.pre_states.is_empty() {
        findings.push(mended(at, "the event names no state to go to; it keeps the state"));
        targets.push(Target { state: ANY, when: None, unless: Vec::new() });
    }
    targets
}

fn is_blank(text: Option<&str>) -> bool {
    text.is_none_or(|each| each.trim().is_empty())
}

fn read_condition(text: Option<&str>, at: &str, key: &str, faults: &mut Vec<Fault>) -> Option<Condition> {
    match condition::parse(text.unwrap_or_default()) {
        Ok(condition) => condition,
        Err(problem) => {
            faults.push(Fault { place: format!("{at} {key}"), text: problem });
            None
        }
    }
}

fn mended(at: &str, text: &str) -> Finding {
    Finding { place: at.to_owned(), mending: Mending::Mended, text: text.to_owned() }
}

fn left_out(at: &str, text: &str) -> Finding {
    Finding { place: at.to_owned(), mending: Mending::LeftOut, text: text.to_owned() }
}

/// One state of the file.
struct Place {
    id: String,
    title: Option<String>,
    /// Roles that may act while a case is here (`U` in the source).
    actors: BTreeSet<String>,
}

/// The declared states, each once, and those that events only refer to. A state that only a condition names is none.
fn states(source: &CaseType, events: &[Ready<'_>], findings: &mut Vec<Finding>) -> Vec<Place> {
    let mut order: Vec<String> = Vec::new();
    let mut seen = BTreeSet::new();
    let mut merged: BTreeMap<String, (Option<String>, BTreeSet<String>)> = BTreeMap::new();
    for (index, state) in source.states.iter().enumerate() {
        if !push_new(&mut order, &state.id, &mut seen) {
            let text = "the state is declared again; it is one state with the rights of both";
            findings.push(mended(&place("states", index, &state.id), text));
        }
        let (title, actors) = merged.entry(state.id.clone()).or_default();
        if title.is_none() {
            title.clone_from(&state.name);
        }
        actors.extend(
            state.roles.iter().filter(|(_, rights)| rights.contains('U')).map(|(role, _)| role.clone()),
        );
    }
    for event in events {
        let sources = event.event.pre_states.iter().map(String::as_str);
        for id in sources.chain(event.targets.iter().map(|each| each.state)).filter(|each| *each != ANY) {
            if push_new(&mut order, id, &mut seen) {
                let text = format!(
                    "the state {} is not declared; it is declared here, and nobody may act in it",
                    quoted(id)
                );
                findings.push(mended(&event.place, &text));
            }
        }
    }
    order
        .into_iter()
        .map(|id| {
            let (title, actors) = merged.remove(&id).unwrap_or_default();
            Place { id, title, actors }
        })
        .collect()
}

/// The declared roles, each once, and those that only rights refer to.
fn roles(source: &CaseType, findings: &mut Vec<Finding>) -> Vec<String> {
    let mut order = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, role) in source.roles.iter().enumerate() {
        if !push_new(&mut order, role, &mut seen) {
            findings.push(mended(&place("roles", index, role), "the role is declared again; it is one role"));
        }
    }
    let of_states =
        source.states.iter().enumerate().map(|(index, each)| (place("states", index, &each.id), &each.roles));
    let of_events =
        source.events.iter().enumerate().map(|(index, each)| (place("events", index, &each.id), &each.roles));
    for (at, rights) in of_states.chain(of_events) {
        for role in rights.keys() {
            if push_new(&mut order, role, &mut seen) {
                findings.push(mended(
                    &at,
                    &format!("the role {} is not declared; it is declared here", quoted(role)),
                ));
            }
        }
    }
    order
}

/// The fields that conditions read, each with the values it is compared with, in the order they are met. The empty text
/// is a value of its own where a condition asks for it, and falls under the catch-all elsewhere.
fn values(events: &[Ready<'_>]) -> Vec<(String, Vec<String>)> {
    let mut fields = Vec::new();
    let mut seen_fields = BTreeSet::new();
    let mut values: BTreeMap<String, (Vec<String>, BTreeSet<String>)> = BTreeMap::new();
    for test in events.iter().flat_map(Ready::conditions).flat_map(|each| &each.tests) {
        if let Subject::Field(field) = &test.subject {
            push_new(&mut fields, field, &mut seen_fields);
            let (list, seen) = values.entry(field.clone()).or_default();
            push_new(list, &test.value, seen);
        }
    }
    fields
        .into_iter()
        .map(|field| {
            let list = values.remove(&field).map(|(list, _)| list).unwrap_or_default();
            (field, list)
        })
        .collect()
}

/// A role that no source knows and nobody holds: an empty `acts-by` could be read as no rule at all.
fn nobody(roles: &[String]) -> String {
    let mut name = "nobody".to_owned();
    while roles.contains(&name) {
        name.push_str("-at-all");
    }
    name
}

fn workflow_name(case_type: &str) -> String {
    let ids = [case_type.to_owned()];
    names::assign("case", &ids, &[]).remove(case_type).unwrap_or_else(|| "case".to_owned())
}

/// A value of the source in one line, with nothing in it that could end the comment it stands in.
fn shown(value: &Value) -> String {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => quoted(text),
        Value::Array(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", ")),
        Value::Object(entries) => {
            let parts: Vec<String> =
                entries.iter().map(|(key, item)| format!("{}: {}", word(key), shown(item))).collect();
            format!("{{{}}}", parts.join(", "))
        }
    }
}

fn word(key: &str) -> String {
    let is_plain = !key.is_empty() && key.chars().all(|each| each.is_ascii_alphanumeric());
    if is_plain { key.to_owned() } else { quoted(key) }
}

/// Where the file comes from, what the source counted, and what the language does not carry.
fn head(source: &CaseType) -> Vec<String> {
    let mut lines = vec![
        "Converted from a CCD case type; not written by hand. Form fields, texts and call-backs were never in the source."
            .to_owned(),
        format!("case type: {}", quoted(&source.id)),
    ];
    for (title, map) in [
        ("source", &source.source),
        ("counts stated by the source", &source.counts),
        ("defects stated by the source", &source.defects),
    ] {
        if !map.is_empty() {
            let parts: Vec<String> =
                map.iter().map(|(key, value)| format!("{} {}", word(key), shown(value))).collect();
            lines.push(format!("{title}: {}", parts.join(", ")));
        }
    }
    lines.push(format!(
        "counted by the converter: {} states, {} events, {} roles",
        source.states.len(),
        source.events.len(),
        source.roles.len()
    ));
    let with = |key: fn(&Event) -> bool| source.events.iter().filter(|each| key(each)).count();
    lines.push(format!(
        "not carried over: call-backs of {} events, retry waits of {}, retention days of {}, announcements of {}",
        with(|each| each.callbacks.is_some()),
        with(|each| each.retry_timeouts_seconds.is_some()),
        with(|each| each.ttl_increment_days.is_some()),
        with(|each| each.publish.is_some()),
    ));
    lines
}
