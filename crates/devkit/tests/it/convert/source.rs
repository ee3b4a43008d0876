//! What the README of the data says, run on the source JSON itself: the oracle of the converters.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// A case as the source sees it.
#[derive(Debug, Clone, Default)]
pub(super) struct SourceCase {
    pub(super) state: Option<String>,
    data: BTreeMap<String, String>,
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().map(|list| list.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
}

/// The event of that identifier; the first where it stands twice.
pub(super) fn event<'a>(source: &'a Value, id: &str) -> Option<&'a Value> {
    source["events"].as_array().unwrap().iter().find(|each| each["id"] == id)
}

/// Whether a condition holds, by cutting at the quotation marks: even parts are fields and joiners, odd ones values.
fn holds(condition: &Value, state: &str, data: &BTreeMap<String, String>) -> bool {
    let text = condition.as_str().unwrap_or_default().trim();
    if text.is_empty() {
        return true;
    }
    let parts: Vec<&str> = text.split('"').collect();
    let (mut all, mut any, mut is_or) = (true, false, false);
    for pair in parts.chunks(2).filter(|pair| pair.len() == 2) {
        let mut left = pair[0].trim();
        if let Some(rest) = left.strip_prefix("AND ") {
            left = rest;
        } else if let Some(rest) = left.strip_prefix("OR ") {
            left = rest;
            is_or = true;
        }
        let left = left.strip_suffix('=').unwrap().trim();
        let (field, wants_equal) = left.strip_suffix('!').map_or((left, true), |field| (field, false));
        let field = field.trim();
        let found = if field == "[STATE]" { state } else { data.get(field).map_or("", String::as_str) };
        let one = (found == pair[1]) == wants_equal;
        all &= one;
        any |= one;
    }
    if is_or { any } else { all }
}

/// Offers an event; gives all refusal codes of ours, or moves the case. Nothing where the source leaves it open.
pub(super) fn offer(
    source: &Value,
    case: &mut SourceCase,
    event: &Value,
    role: &str,
    data: &BTreeMap<String, String>,
) -> BTreeSet<&'static str> {
    let mut refusals = BTreeSet::new();
    let pre = texts(&event["preStates"]);
    let is_open_here = match &case.state {
        None => pre.is_empty(),
        Some(state) => pre.contains(&"*") || pre.contains(&state.as_str()),
    };
    if !is_open_here {
        refusals.insert("state");
    }
    if !event["roles"][role].as_str().unwrap_or_default().contains('C') {
        refusals.insert("role");
    }
    if let Some(state) = &case.state {
        let may_act = source["states"].as_array().unwrap().iter().any(|each| {
            each["id"] == state.as_str() && each["roles"][role].as_str().unwrap_or_default().contains('U')
        });
        if !may_act {
            refusals.insert("acts-by");
        }
    }
    let mut merged = case.data.clone();
    merged.extend(data.clone());
    let before = case.state.clone().unwrap_or_default();
    if !holds(&event["enabledWhen"], &before, &merged) {
        refusals.insert("guard");
    }
    if !refusals.is_empty() {
        return refusals;
    }
    let mut posts: Vec<&Value> =
        event["postStates"].as_array().map(|list| list.iter().collect()).unwrap_or_default();
    posts.sort_by_key(|post| {
        let is_rest =
            post["priority"].is_null() && post["when"].as_str().unwrap_or_default().trim().is_empty();
        (is_rest, post["priority"].as_i64().unwrap_or(i64::MAX))
    });
    let chosen = if posts.is_empty() {
        Some("*")
    } else {
        posts
            .iter()
            .find(|post| holds(&post["when"], &before, &merged))
            .and_then(|post| post["state"].as_str())
    };
    match chosen {
        None => {
            refusals.insert("no-route");
        }
        Some("*") if case.state.is_none() => {
            refusals.insert("no-route");
        }
        Some("*") => case.data = merged,
        Some(state) => {
            case.state = Some(state.to_owned());
            case.data = merged;
        }
    }
    refusals
}

/// Replays a case on the machine itself: where it ends, and which events (from 1) were refused.
pub(super) fn replay(machine: &Value, events: &[String]) -> (String, Vec<usize>) {
    let mut state = machine["initial"].as_str().unwrap().to_owned();
    let mut refused = Vec::new();
    for (index, event) in events.iter().enumerate() {
        let hit = machine["transitions"]
            .as_array()
            .unwrap()
            .iter()
            .find(|each| each["from"] == state.as_str() && each["event"] == event.as_str());
        match hit {
            Some(transition) => state = transition["to"].as_str().unwrap().to_owned(),
            None => refused.push(index + 1),
        }
    }
    (state, refused)
}
