//! CCD case types, reduced to states, events, conditions and access rights.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::condition::{self, Condition, Joined, Subject, Test};
use super::yaml::{Node, quoted};
use super::{
    Converted, ConvertError, Fault, Finding, Mending, NameMaps, document, labels, names, null_is_empty, place, print,
    push_new, read,
};

const WHAT: &str = "a CCD case type";
const NO_DEADLINE: &str = "the source case type names no time limit";
/// The value of a fact that catches text which no condition names.
const CATCH_ALL: &str = "other";
/// The value of a fact that stands for the empty text, where a condition compares with it.
const EMPTY: &str = "empty-text";
/// Any state, or no change of state.
const ANY: &str = "*";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CaseType {
    case_type: String,
    #[serde(default, deserialize_with = "null_is_empty")]
    name: String,
    #[serde(default, deserialize_with = "null_is_empty")]
    source: BTreeMap<String, serde_json::Value>,
    #[serde(default, deserialize_with = "null_is_empty")]
    counts: BTreeMap<String, serde_json::Value>,
    #[serde(default, deserialize_with = "null_is_empty")]
    defects: BTreeMap<String, serde_json::Value>,
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
    callbacks: Option<serde_json::Value>,
    retry_timeouts_seconds: Option<serde_json::Value>,
    ttl_increment_days: Option<serde_json::Value>,
    publish: Option<serde_json::Value>,
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
    targets: Vec<(&'a str, Option<Condition>)>,
}

impl Ready<'_> {
    fn opens(&self) -> bool {
        self.event.pre_states.is_empty()
    }

    fn conditions(&self) -> impl Iterator<Item = &Condition> {
        self.enabled.iter().chain(self.targets.iter().filter_map(|(_, when)| when.as_ref()))
    }
}

/// What a condition says once the parts that cannot vary are worked out.
enum Guard {
    Always,
    Never,
    If(String),
}

pub(super) fn convert(json: &str) -> Result<Converted, ConvertError> {
    let source: CaseType = read(WHAT, json)?;
    let mut findings = Vec::new();
    let mut faults = Vec::new();
    let events = read_events(&source, &mut findings, &mut faults);
    if !events.iter().any(Ready::opens) {
        faults.push(Fault {
            place: "events".to_owned(),
            text: "no event that can be kept opens a case (empty preStates and a state to go to); add one".to_owned(),
        });
    }
    if !faults.is_empty() {
        return Err(ConvertError::Meaning { what: WHAT, name: source.case_type, faults });
    }
    let states = states(&source, &events, &mut findings);
    let roles = roles(&source, &mut findings);
    let values = values(&events);

    let state_ids: Vec<String> = states.iter().map(|each| each.id.clone()).collect();
    let event_ids: Vec<String> = events.iter().map(|each| each.id.clone()).collect();
    let field_ids: Vec<String> = values.iter().map(|(field, _)| field.clone()).collect();
    let names = NameMaps {
        workflow: workflow_name(&source.case_type),
        opening: None,
        states: names::assign("state", &state_ids, &[]),
        roles: names::assign("role", &roles, &[]),
        commands: names::assign("event", &event_ids, &[]),
        facts: names::assign("field", &field_ids, &[]),
        values: values.iter().map(|(field, values)| (field.clone(), value_names(values))).collect(),
    };
    let writer = Writer { names: &names, roles: &roles, first_state: state_ids.first().map_or("", String::as_str) };
    let tree = document(
        &names.workflow,
        if source.name.trim().is_empty() { &source.case_type } else { &source.name },
        roles.iter().map(|id| (found(&names.roles, id), Node::Line(labels(None, id)))).collect(),
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
fn read_events<'a>(source: &'a CaseType, findings: &mut Vec<Finding>, faults: &mut Vec<Fault>) -> Vec<Ready<'a>> {
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
            let text = format!("the identifier is taken by an earlier, different event; this one is {}", quoted(&id));
            findings.push(mended(&at, &text));
        }
        let enabled = read_condition(event.enabled_when.as_deref(), &at, "enabledWhen", faults);
        let targets = targets(event, &at, findings, faults);
        if targets.is_empty() && event.pre_states.is_empty() {
            findings.push(left_out(&at, "the event opens a case but names no state for it; it is no command here"));
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
) -> Vec<(&'a str, Option<Condition>)> {
    let mut ordered: Vec<(usize, &PostState)> = event.post_states.iter().enumerate().collect();
    ordered.sort_by_key(|(_, each)| each.priority.unwrap_or(i64::MAX));
    // A target without condition and without priority is what is left when no other holds, wherever it is written.
    ordered.sort_by_key(|(_, each)| each.priority.is_none() && is_blank(each.when.as_deref()));
    let mut targets = Vec::new();
    let mut is_closed = false;
    for (index, each) in ordered {
        let when = read_condition(each.when.as_deref(), at, &format!("postStates[{index}].when"), faults);
        if is_closed {
            findings.push(left_out(at, &format!("postStates[{index}] comes after a target without condition, so it is never reached")));
            continue;
        }
        is_closed = when.is_none();
        if event.pre_states.is_empty() && each.state == ANY {
            findings.push(left_out(
                at,
                &format!("postStates[{index}] keeps the state of a case that does not exist yet; the command is refused there"),
            ));
            continue;
        }
        targets.push((each.state.as_str(), when));
    }
    if targets.is_empty() && !event.pre_states.is_empty() {
        findings.push(mended(at, "the event names no state to go to; it keeps the state"));
        targets.push((ANY, None));
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
        actors.extend(state.roles.iter().filter(|(_, rights)| rights.contains('U')).map(|(role, _)| role.clone()));
    }
    for event in events {
        let sources = event.event.pre_states.iter().map(String::as_str);
        for id in sources.chain(event.targets.iter().map(|(state, _)| *state)).filter(|each| *each != ANY) {
            if push_new(&mut order, id, &mut seen) {
                let text = format!("the state {} is not declared; it is declared here, and nobody may act in it", quoted(id));
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
    let of_states = source.states.iter().enumerate().map(|(index, each)| (place("states", index, &each.id), &each.roles));
    let of_events = source.events.iter().enumerate().map(|(index, each)| (place("events", index, &each.id), &each.roles));
    for (at, rights) in of_states.chain(of_events) {
        for role in rights.keys() {
            if push_new(&mut order, role, &mut seen) {
                findings.push(mended(&at, &format!("the role {} is not declared; it is declared here", quoted(role))));
            }
        }
    }
    order
}

/// The fields that conditions read, each with the values it is compared with, in the order they are met.
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

/// Names of the values of one field. The empty text is a value of its own only where a condition asks for it.
fn value_names(values: &[String]) -> BTreeMap<String, String> {
    let texts: Vec<String> = values.iter().filter(|each| !each.is_empty()).cloned().collect();
    let mut names = names::assign("value", &texts, &[CATCH_ALL, EMPTY]);
    if values.iter().any(String::is_empty) {
        names.insert(String::new(), EMPTY.to_owned());
    }
    names
}

fn workflow_name(case_type: &str) -> String {
    let ids = [case_type.to_owned()];
    names::assign("case", &ids, &[]).remove(case_type).unwrap_or_else(|| "case".to_owned())
}

/// Writes the parts of the file once everything has its name.
struct Writer<'a> {
    names: &'a NameMaps,
    roles: &'a [String],
    first_state: &'a str,
}

impl Writer<'_> {
    fn fact(&self, field: &str, values: &[String]) -> (String, Node) {
        let mut of: Vec<(String, Node)> = values
            .iter()
            .map(|value| (self.value(field, value), Node::Line(vec![("id".to_owned(), Node::text(value))])))
            .collect();
        of.push((CATCH_ALL.to_owned(), Node::Line(Vec::new())));
        let mut entries = labels(None, field);
        entries.push(("type".to_owned(), Node::word("choice")));
        entries.push(("of".to_owned(), Node::Block(of)));
        (found(&self.names.facts, field), Node::Block(entries))
    }

    fn state(&self, state: &Place) -> (String, Node) {
        let mut entries = labels(state.title.as_deref(), &state.id);
        entries.push(("acts-by".to_owned(), self.role_names(|role| state.actors.contains(role))));
        entries.push(("no-deadline".to_owned(), Node::text(NO_DEADLINE)));
        (found(&self.names.states, &state.id), Node::Block(entries))
    }

    fn command(&self, event: &Ready<'_>) -> (String, Node) {
        let source = event.event;
        let mut entries = labels(source.name.as_deref(), &event.id);
        let from = if event.opens() {
            Node::word("new")
        } else if source.pre_states.iter().any(|each| each == ANY) {
            Node::word("every-state")
        } else {
            let (mut states, mut seen) = (Vec::new(), BTreeSet::new());
            for state in &source.pre_states {
                push_new(&mut states, &found(&self.names.states, state), &mut seen);
            }
            Node::Names(states)
        };
        entries.push(("from".to_owned(), from));
        let may_act = |role: &str| source.roles.get(role).is_some_and(|rights| rights.contains('C'));
        entries.push(("by".to_owned(), self.role_names(may_act)));
        match event.enabled.as_ref().map_or(Guard::Always, |each| self.guard(each, event.opens())) {
            Guard::Always => {}
            Guard::Never => entries.push(("if".to_owned(), Node::Word(self.never()))),
            Guard::If(text) => entries.push(("if".to_owned(), Node::Word(text))),
        }
        entries.push(self.target(event));
        if !self.names.facts.is_empty() {
            let mut facts: Vec<&String> = self.names.facts.values().collect();
            facts.sort();
            let asks = facts.into_iter().map(|fact| (fact.clone(), Node::word("optional"))).collect();
            entries.push(("asks".to_owned(), Node::Line(asks)));
        }
        (found(&self.names.commands, &event.id), Node::Block(entries))
    }

    fn role_names(&self, mut wanted: impl FnMut(&str) -> bool) -> Node {
        Node::Names(self.roles.iter().filter(|role| wanted(role)).map(|role| found(&self.names.roles, role)).collect())
    }

    fn goal(&self, state: &str) -> (String, Node) {
        if state == ANY {
            ("stays".to_owned(), Node::Flag(true))
        } else {
            ("to".to_owned(), Node::Word(found(&self.names.states, state)))
        }
    }

    fn target(&self, event: &Ready<'_>) -> (String, Node) {
        if let [(state, None)] = event.targets.as_slice() {
            return self.goal(state);
        }
        let routes = event
            .targets
            .iter()
            .map(|(state, when)| {
                let mut route = Vec::new();
                match when.as_ref().map_or(Guard::Always, |each| self.guard(each, event.opens())) {
                    Guard::Always => {}
                    Guard::Never => route.push(("if".to_owned(), Node::Word(self.never()))),
                    Guard::If(text) => route.push(("if".to_owned(), Node::Word(text))),
                }
                route.push(self.goal(state));
                Node::Line(route)
            })
            .collect();
        ("routes".to_owned(), Node::Rows(routes))
    }

    fn value(&self, field: &str, value: &str) -> String {
        self.names.values.get(field).map(|names| found(names, value)).unwrap_or_default()
    }

    /// A guard that is never true: the language has no word for it, and the checker is to report it.
    fn never(&self) -> String {
        let state = found(&self.names.states, self.first_state);
        format!("at {state} and (not at {state})")
    }

    /// The condition in the words of the language. A test of the state is worked out here where it cannot vary: a case
    /// that is being opened has no state, and none is ever in a state that no event knows.
    fn guard(&self, condition: &Condition, opens: bool) -> Guard {
        let mut words: Vec<(String, bool)> = Vec::new();
        for test in &condition.tests {
            match (self.test(test, opens), condition.joined) {
                (Guard::Always, Joined::All) | (Guard::Never, Joined::Any) => {}
                (Guard::Always, Joined::Any) => return Guard::Always,
                (Guard::Never, Joined::All) => return Guard::Never,
                (Guard::If(text), Joined::All | Joined::Any) => {
                    let is_simple = !text.contains(" and ") && !text.contains(" or ") && !text.starts_with("not ");
                    words.push((text, is_simple));
                }
            }
        }
        match (words.as_slice(), condition.joined) {
            ([], Joined::All) => Guard::Always,
            ([], Joined::Any) => Guard::Never,
            ([(one, _)], Joined::All | Joined::Any) => Guard::If(one.clone()),
            (many, joined) => {
                let parts: Vec<String> = many
                    .iter()
                    .map(|(text, is_simple)| if *is_simple { text.clone() } else { format!("({text})") })
                    .collect();
                Guard::If(parts.join(match joined {
                    Joined::All => " and ",
                    Joined::Any => " or ",
                }))
            }
        }
    }

    fn test(&self, test: &Test, opens: bool) -> Guard {
        let constant = |is_true: bool| if is_true { Guard::Always } else { Guard::Never };
        match &test.subject {
            Subject::State => match self.names.states.get(&test.value) {
                Some(state) if !opens => {
                    Guard::If(if test.equal { format!("at {state}") } else { format!("not at {state}") })
                }
                Some(_) => constant(!test.equal),
                // A field that was never set equals the empty text, and so does the state of no case.
                None => constant((opens && test.value.is_empty()) == test.equal),
            },
            Subject::Field(field) => {
                let fact = found(&self.names.facts, field);
                let value = self.value(field, &test.value);
                Guard::If(match (test.value.is_empty(), test.equal) {
                    (false, true) => format!("{fact} is {value}"),
                    (false, false) => format!("{fact} is not {value}"),
                    (true, true) => format!("{fact} is not known or {fact} is {value}"),
                    (true, false) => format!("{fact} is known and {fact} is not {value}"),
                })
            }
        }
    }
}

/// Where the file comes from, what the source counted, and what the language does not carry.
fn head(source: &CaseType) -> Vec<String> {
    let shown = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => quoted(text),
        other => other.to_string(),
    };
    let mut lines = vec![
        "Converted from a CCD case type; not written by hand. Form fields, texts and call-backs were never in the source."
            .to_owned(),
        format!("case type: {}", quoted(&source.case_type)),
    ];
    for (title, map) in
        [("source", &source.source), ("counts stated by the source", &source.counts), ("defects stated by the source", &source.defects)]
    {
        if !map.is_empty() {
            let parts: Vec<String> = map.iter().map(|(key, value)| format!("{} {}", quoted(key), shown(value))).collect();
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
