//! A small interpreter of the part of the workflow language that the converters write, over the values of the file.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// A case as the converted file sees it: names only, no foreign identifier.
#[derive(Debug, Clone, Default)]
pub(super) struct Case {
    pub(super) state: Option<String>,
    facts: BTreeMap<String, String>,
}

/// The name of the thing with that foreign identifier.
fn by_id<'a>(things: &'a Value, id: &str) -> Option<(&'a String, &'a Value)> {
    things.as_object()?.iter().find(|(_, thing)| thing["id"] == id)
}

pub(super) fn id_of_state(file: &Value, name: &str) -> String {
    file["states"][name]["id"].as_str().unwrap().to_owned()
}

/// Whether a stage of the file holds at a state; a stage that is not there holds nowhere.
pub(super) fn in_stage(file: &Value, stage: &str, state: &str) -> bool {
    let when = &file["stages"][stage]["when"];
    let facts = BTreeMap::new();
    !when.is_null() && Reader { file, state: Some(state), facts: &facts }.is_true(when)
}

fn lists(list: &Value, name: &str) -> bool {
    list.as_array().is_some_and(|names| names.iter().any(|each| each == name))
}

/// Offers the command with a foreign identifier. None: the file has no such command.
pub(super) fn offer(
    file: &Value,
    case: &mut Case,
    event: &str,
    role: &str,
    data: &BTreeMap<String, String>,
) -> Option<BTreeSet<&'static str>> {
    let (_, command) = by_id(&file["commands"], event)?;
    Some(run(file, case, command, role, data))
}

/// Runs a command of the file.
pub(super) fn run(
    file: &Value,
    case: &mut Case,
    command: &Value,
    role: &str,
    data: &BTreeMap<String, String>,
) -> BTreeSet<&'static str> {
    let mut refusals = BTreeSet::new();
    let role = by_id(&file["roles"], role).map_or(role, |(name, _)| name.as_str());
    let is_open_here = match (&case.state, &command["from"]) {
        (None, from) => from == "new",
        (Some(state), Value::String(from)) if from == "every-state" => {
            file["states"][state]["final"].is_null()
        }
        (Some(state), Value::String(from)) => from == state,
        (Some(state), from) => lists(from, state),
    };
    if !is_open_here {
        refusals.insert("state");
    }
    if !lists(&command["by"], role) {
        refusals.insert("role");
    }
    if let Some(state) = &case.state {
        let actors = &file["states"][state]["acts-by"];
        if actors.is_array() && !lists(actors, role) {
            refusals.insert("acts-by");
        }
    }
    let mut facts = case.facts.clone();
    for (field, text) in data {
        let Some((fact, declared)) = by_id(&file["facts"], field) else { continue };
        assert_eq!(command["asks"][fact], "optional", "the command does not take {fact}");
        let value = by_id(&declared["of"], text).map_or("other", |(name, _)| name.as_str());
        assert!(declared["of"][value].is_object());
        facts.insert(fact.clone(), value.to_owned());
    }
    let read = Reader { file, state: case.state.as_deref(), facts: &facts };
    if !read.is_true(&command["if"]) {
        refusals.insert("guard");
    }
    if !refusals.is_empty() {
        return refusals;
    }
    let chosen = match command["routes"].as_array() {
        None => command.as_object(),
        Some(routes) => routes.iter().find(|route| read.is_true(&route["if"])).and_then(Value::as_object),
    };
    match chosen.map(goal) {
        None => {
            refusals.insert("no-route");
        }
        Some(goal) => {
            case.facts = facts;
            if let Some(state) = goal {
                assert!(file["states"][&state].is_object(), "no state {state}");
                case.state = Some(state);
            }
        }
    }
    refusals
}

/// The state to go to, none for `stays`.
fn goal(target: &Map<String, Value>) -> Option<String> {
    match (target.get("to"), target.get("stays")) {
        (Some(Value::String(to)), None) => Some(to.clone()),
        (None, Some(Value::Bool(true))) => None,
        other => panic!("a target is `to` or `stays`, not {other:?}"),
    }
}

struct Reader<'a> {
    file: &'a Value,
    state: Option<&'a str>,
    facts: &'a BTreeMap<String, String>,
}

impl Reader<'_> {
    fn is_true(&self, guard: &Value) -> bool {
        let Some(text) = guard.as_str() else {
            assert!(guard.is_null());
            return true;
        };
        let spaced = text.replace('(', " ( ").replace(')', " ) ");
        let mut words: Vec<&str> = spaced.split_whitespace().rev().collect();
        let truth = self.any(&mut words);
        assert!(words.is_empty(), "words left over in `{text}`");
        truth
    }

    fn any(&self, words: &mut Vec<&str>) -> bool {
        let mut truth = self.all(words);
        while words.last() == Some(&"or") {
            words.pop();
            truth |= self.all(words);
        }
        truth
    }

    fn all(&self, words: &mut Vec<&str>) -> bool {
        let mut truth = self.one(words);
        while words.last() == Some(&"and") {
            words.pop();
            truth &= self.one(words);
        }
        truth
    }

    fn one(&self, words: &mut Vec<&str>) -> bool {
        match words.pop().unwrap() {
            "not" => !self.one(words),
            "(" => {
                let truth = self.any(words);
                assert_eq!(words.pop(), Some(")"));
                truth
            }
            "at" => {
                let state = words.pop().unwrap();
                assert!(self.file["states"][state].is_object(), "no state {state}");
                self.state == Some(state)
            }
            fact => {
                let declared = &self.file["facts"][fact]["of"];
                assert!(declared.is_object(), "no fact {fact}");
                assert_eq!(words.pop(), Some("is"));
                let is_negated = words.last() == Some(&"not");
                if is_negated {
                    words.pop();
                }
                let value = words.pop().unwrap();
                let found = self.facts.get(fact);
                let truth = if value == "known" {
                    found.is_some()
                } else {
                    assert!(declared[value].is_object(), "no value {value} of {fact}");
                    found.is_some_and(|each| each == value)
                };
                truth != is_negated
            }
        }
    }
}
