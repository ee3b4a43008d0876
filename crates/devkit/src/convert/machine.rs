//! `*.machine.json`: deterministic state machines learned from event logs.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::yaml::{Node, quoted};
use super::{
    ConvertError, Converted, Fault, Finding, Mending, NameMaps, document, labels, names, null_is_empty,
    place, print, push_new, read,
};

const WHAT: &str = "a state machine";
const NO_DEADLINE: &str = "the source machine names no time limit";
const OPENING_REASON: &str = "opens the case so that the recorded events can be replayed";
const REPLAYER: &str = "replayer";
/// The stage of the states in which a replay may end.
const ACCEPTING: &str = "accepting";

#[derive(Debug, Deserialize)]
struct Machine {
    #[serde(default, deserialize_with = "null_is_empty")]
    name: String,
    initial: String,
    #[serde(default, rename = "final", deserialize_with = "null_is_empty")]
    finals: Vec<String>,
    #[serde(default, deserialize_with = "null_is_empty")]
    states: Vec<String>,
    #[serde(default, deserialize_with = "null_is_empty")]
    events: Vec<String>,
    transitions: Vec<Transition>,
}

#[derive(Debug, Deserialize)]
struct Transition {
    from: String,
    event: String,
    to: String,
}

/// The machine with every state and event declared once, and the moves of each event in the order of the source.
struct Tidy {
    states: Vec<String>,
    events: Vec<String>,
    moves: BTreeMap<String, Vec<(String, String)>>,
    /// States with some transition, self loops included.
    left: BTreeSet<String>,
    findings: Vec<Finding>,
    faults: Vec<Fault>,
}

pub(super) fn convert(json: &str) -> Result<Converted, ConvertError> {
    let machine: Machine = read(WHAT, json)?;
    let tidy = tidy(&machine);
    if !tidy.faults.is_empty() {
        return Err(ConvertError::Meaning { what: WHAT, name: machine.name, faults: tidy.faults });
    }
    let used: Vec<String> =
        tidy.events.iter().filter(|each| tidy.moves.contains_key(*each)).cloned().collect();
    let opening = opening_name(&tidy.events);
    let maps = NameMaps {
        workflow: workflow_name(&machine.name),
        states: names::assign("state", &tidy.states, &[]),
        roles: BTreeMap::from([(REPLAYER.to_owned(), REPLAYER.to_owned())]),
        commands: names::assign("event", &used, &[&opening]),
        opening: Some(opening.clone()),
        ..NameMaps::default()
    };
    let name_of = |state: &str| maps.states.get(state).cloned().unwrap_or_default();

    let finals: BTreeSet<&str> = machine.finals.iter().map(String::as_str).collect();
    let accepting: Vec<String> =
        tidy.states.iter().filter(|each| finals.contains(each.as_str())).map(|each| name_of(each)).collect();
    let states = tidy
        .states
        .iter()
        .map(|state| {
            let mut entries = labels(None, state);
            if finals.contains(state.as_str()) && !tidy.left.contains(state) {
                entries.push(("final".to_owned(), Node::word("ended")));
            } else {
                entries.push(("no-deadline".to_owned(), Node::text(NO_DEADLINE)));
            }
            (name_of(state), Node::Line(entries))
        })
        .collect();

    let mut commands = vec![(
        opening,
        Node::Block(vec![
            ("from".to_owned(), Node::word("new")),
            ("by".to_owned(), Node::Names(vec![REPLAYER.to_owned()])),
            ("to".to_owned(), Node::Word(name_of(&machine.initial))),
            ("clerical".to_owned(), Node::text(OPENING_REASON)),
        ]),
    )];
    for event in &used {
        let moves = tidy.moves.get(event).map(Vec::as_slice).unwrap_or_default();
        let mut entries = labels(None, event);
        entries.push(("from".to_owned(), Node::Names(moves.iter().map(|(from, _)| name_of(from)).collect())));
        entries.push(("by".to_owned(), Node::Names(vec![REPLAYER.to_owned()])));
        entries.push(target(moves, &maps.states));
        commands.push((maps.commands.get(event).cloned().unwrap_or_default(), Node::Block(entries)));
    }
    let roles = vec![(
        REPLAYER.to_owned(),
        Node::Line(vec![("title".to_owned(), Node::text("Replays a recorded log"))]),
    )];
    let title = if machine.name.trim().is_empty() { maps.workflow.as_str() } else { machine.name.as_str() };
    let tree = document(&maps.workflow, title, stages(&accepting), roles, Vec::new(), states, commands);
    let mut yaml = print(&head(&machine), &tidy.findings, &tree);
    yaml.shrink_to_fit();
    Ok(Converted { yaml, document: tree, accepting, names: maps, findings: tidy.findings })
}

/// Declares what is only used, drops repetitions, and finds transitions that contradict each other.
fn tidy(machine: &Machine) -> Tidy {
    let mut out = Tidy {
        states: Vec::new(),
        events: Vec::new(),
        moves: BTreeMap::new(),
        left: BTreeSet::new(),
        findings: Vec::new(),
        faults: Vec::new(),
    };
    let (mut seen_states, mut seen_events) = (BTreeSet::new(), BTreeSet::new());
    let mended = |place: String, text: String| Finding { place, mending: Mending::Mended, text };
    for (index, state) in machine.states.iter().enumerate() {
        if !push_new(&mut out.states, state, &mut seen_states) {
            out.findings.push(mended(
                place("states", index, state),
                "the state is declared again; it is one state".to_owned(),
            ));
        }
    }
    for (index, event) in machine.events.iter().enumerate() {
        if !push_new(&mut out.events, event, &mut seen_events) {
            out.findings.push(mended(
                place("events", index, event),
                "the event is declared again; it is one event".to_owned(),
            ));
        }
    }
    let used = std::iter::once((&machine.initial, "initial".to_owned()))
        .chain(machine.finals.iter().enumerate().map(|(index, state)| (state, format!("final[{index}]"))))
        .chain(machine.transitions.iter().enumerate().flat_map(|(index, each)| {
            [
                (&each.from, format!("transitions[{index}].from")),
                (&each.to, format!("transitions[{index}].to")),
            ]
        }));
    for (state, at) in used {
        if push_new(&mut out.states, state, &mut seen_states) {
            out.findings.push(mended(
                at,
                format!("the state {} is not declared; it is declared here", quoted(state)),
            ));
        }
    }
    let mut targets: BTreeMap<(&str, &str), (&str, usize)> = BTreeMap::new();
    for (index, each) in machine.transitions.iter().enumerate() {
        let at = format!("transitions[{index}]");
        if push_new(&mut out.events, &each.event, &mut seen_events) {
            out.findings.push(mended(
                at.clone(),
                format!("the event {} is not declared; it is declared here", quoted(&each.event)),
            ));
        }
        match targets.get(&(each.from.as_str(), each.event.as_str())) {
            Some((to, _)) if *to == each.to => {
                out.findings.push(mended(at, "the transition stands twice; it is one transition".to_owned()));
            }
            Some((to, first)) => out.faults.push(Fault {
                place: at,
                text: format!(
                    "{} in {} leads to {}, but transitions[{first}] leads to {}; make the machine deterministic",
                    quoted(&each.event), quoted(&each.from), quoted(&each.to), quoted(to),
                ),
            }),
            None => {
                targets.insert((&each.from, &each.event), (&each.to, index));
                out.left.insert(each.from.clone());
                out.moves.entry(each.event.clone()).or_default().push((each.from.clone(), each.to.clone()));
            }
        }
    }
    for (index, event) in machine.events.iter().enumerate() {
        if !out.moves.contains_key(event) {
            out.findings.push(Finding {
                place: place("events", index, event),
                mending: Mending::LeftOut,
                text: "no transition has this event, so there is no state to offer it in".to_owned(),
            });
        }
    }
    out
}

/// Where an event leads: one state, nowhere, or a route for each state it is offered in.
fn target(moves: &[(String, String)], states: &BTreeMap<String, String>) -> (String, Node) {
    let name_of = |state: &str| states.get(state).cloned().unwrap_or_default();
    let stays = || ("stays".to_owned(), Node::Flag(true));
    if moves.iter().all(|(from, to)| from == to) {
        return stays();
    }
    if let Some((_, first)) = moves.first()
        && moves.iter().all(|(from, to)| to == first && from != to)
    {
        return ("to".to_owned(), Node::Word(name_of(first)));
    }
    let routes = moves
        .iter()
        .map(|(from, to)| {
            let goal = if from == to { stays() } else { ("to".to_owned(), Node::Word(name_of(to))) };
            Node::Line(vec![("if".to_owned(), Node::Word(format!("at {}", name_of(from)))), goal])
        })
        .collect();
    ("routes".to_owned(), Node::Rows(routes))
}

/// `open-case`, or the first `open-case-N` that is no event of the machine.
fn opening_name(events: &[String]) -> String {
    let taken: BTreeSet<&str> = events.iter().map(String::as_str).collect();
    let mut name = "open-case".to_owned();
    let mut count: u32 = 1;
    while taken.contains(name.as_str()) {
        count = count.saturating_add(1);
        name = format!("open-case-{count}");
    }
    name
}

fn workflow_name(name: &str) -> String {
    let ids = [name.to_owned()];
    names::assign("machine", &ids, &[]).remove(name).unwrap_or_else(|| "machine".to_owned())
}

/// Where a replay may end, as the only public stage: a state that is final in the source but has a way out is no final
/// state of the language. A machine that accepts nowhere has no stage.
fn stages(accepting: &[String]) -> Vec<(String, Node)> {
    if accepting.is_empty() {
        return Vec::new();
    }
    let places: Vec<String> = accepting.iter().map(|state| format!("at {state}")).collect();
    let stage = vec![
        ("title".to_owned(), Node::text("A replay may end here")),
        ("when".to_owned(), Node::word(places.join(" or "))),
    ];
    vec![(ACCEPTING.to_owned(), Node::Block(stage))]
}

fn head(machine: &Machine) -> Vec<String> {
    vec![
        "Converted from a state machine of an event log, for replay; not written by hand.".to_owned(),
        format!("machine: {}", quoted(&machine.name)),
        format!(
            "counted in the source: {} states, {} events, {} transitions, {} final",
            machine.states.len(),
            machine.events.len(),
            machine.transitions.len(),
            machine.finals.len(),
        ),
        format!(
            "A final state with a way out is no final state here; the stage `{ACCEPTING}` names where a replay may end."
        ),
    ]
}
