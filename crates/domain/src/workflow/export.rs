//! Exports for tools of others: SCXML for state machine interpreters, PNML for Petri net tools. Equal definitions give
//! equal text.
//!
//! Both say what happened, not what may happen: an event (SCXML) or a transition (PNML) stands for an act that took
//! effect, and is named `COMMAND`, `COMMAND.OUTCOME`, `COMMAND.TARGET` (for a route) or `annul.COMMAND`. Who may act,
//! facts, papers, clocks, and tracks per record are not in them, because neither form can say them. A track with
//! `open-if` is opened and closed by the events `open.TRACK` and `close.TRACK`.

use std::collections::{BTreeMap, BTreeSet};

use crate::name::Name;
use crate::workflow::model::{Branch, Command, Definition, From, Machine, States, Target, Track, Ways};

/// The state of a machine before its first entry, in the exports. No name of a file can be written so.
const UNOPENED: &str = "_unopened";

/// One act of the file on one machine: from these states to that one.
struct Move {
    event: String,
    from: Vec<String>,
    to: To,
}

enum To {
    State(Name),
    /// The last state that was not suspended.
    Back,
}

fn closed(track: &Name) -> String {
    format!("_closed.{track}")
}

/// The name of what a command does on one of its ways.
pub fn event_name(command: &Command, outcome: Option<&Name>, branch: &Branch) -> String {
    match (outcome, &command.ways, &branch.target) {
        (Some(outcome), _, _) => format!("{}.{outcome}", command.name),
        (None, Ways::Routes(_), Target::To(states)) => {
            format!("{}.{}", command.name, states.first().map_or("stays", |state| state.as_str()))
        }
        (None, Ways::Routes(_), Target::Back) => format!("{}.back", command.name),
        (None, Ways::Routes(_), Target::Stays) => format!("{}.stays", command.name),
        (None, Ways::One(_) | Ways::Outcomes(_), _) => command.name.to_string(),
    }
}

/// The states a command starts from on a machine that is its own; every one on another.
fn sources(definition: &Definition, command: &Command, machine: &Machine, own: &[String]) -> Vec<String> {
    let main = |states: &States| {
        let named = definition.states.iter().filter(|state| states.contains(definition, &state.name));
        named.map(|state| state.name.to_string()).collect()
    };
    match (&command.from, machine) {
        (From::New, Machine::Main) => vec![UNOPENED.to_owned()],
        (From::EveryState, Machine::Main) => main(&States::Every),
        (From::Always, Machine::Main) => main(&States::Always),
        (From::States(of, states), _) if of == machine => states.iter().map(Name::to_string).collect(),
        (From::New | From::EveryState | From::Always | From::States(..), _) => own.to_vec(),
    }
}

fn moves(definition: &Definition, machine: &Machine, own: &[String]) -> Vec<Move> {
    let mut moves: Vec<Move> = Vec::new();
    let mut known = BTreeSet::new();
    for command in &definition.commands {
        for (outcome, branch) in command.branches() {
            let event = event_name(command, outcome, branch);
            let to = match &branch.target {
                Target::Stays => continue,
                Target::Back if *machine == Machine::Main => To::Back,
                Target::Back => continue,
                Target::To(states) => {
                    let of = |state: &&Name| definition.machine_of(state).as_ref() == Some(machine);
                    let Some(state) = states.iter().find(of) else { continue };
                    To::State(state.clone())
                }
            };
            if known.insert(event.clone()) {
                moves.push(Move { event, from: sources(definition, command, machine, own), to });
            }
        }
    }
    if *machine == Machine::Main {
        for rule in &definition.corrections.annul {
            let from = rule.while_in.iter().map(Name::to_string).collect();
            let to = To::State(rule.returns_to.clone());
            moves.push(Move { event: format!("annul.{}", rule.command), from, to });
        }
    }
    moves
}

/// The tracks that the exports can say: one of each.
fn single_tracks(definition: &Definition) -> impl Iterator<Item = &Track> {
    definition.tracks.iter().filter(|track| track.per.is_none())
}

fn main_states(definition: &Definition) -> Vec<String> {
    definition.states.iter().map(|state| state.name.to_string()).collect()
}

fn track_states(track: &Track) -> Vec<String> {
    track.states.iter().map(|state| state.name.to_string()).collect()
}

/// SCXML with the null data model: the main machine and each track are parallel regions. Conditions ask only `In`.
/// What ends a case is an ordinary state, because an ended case may be reopened.
pub fn scxml(definition: &Definition) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // A name of the language has no sign that XML reads otherwise.
    let name = &definition.workflow;
    writeln_to(
        &mut out,
        &format!(
            "<scxml xmlns=\"http://www.w3.org/2005/07/scxml\" version=\"1.0\" datamodel=\"null\" name=\"{name}\" initial=\"_case\">"
        ),
    );
    writeln_to(&mut out, "  <parallel id=\"_case\">");
    main_region(definition, &mut out);
    for track in single_tracks(definition) {
        track_region(definition, track, &mut out);
    }
    out.push_str("  </parallel>\n</scxml>\n");
    out
}

fn writeln_to(out: &mut String, line: &str) {
    out.push_str(line);
    out.push('\n');
}

fn main_region(definition: &Definition, out: &mut String) {
    let moves = moves(definition, &Machine::Main, &main_states(definition));
    let suspended = |name: &str| definition.states.get(name).is_some_and(|state| state.suspended);
    let one = |out: &mut String, indent: &str, name: &str| {
        writeln_to(out, &format!("{indent}<state id=\"{name}\">"));
        for act in moves.iter().filter(|act| act.from.iter().any(|from| from == name)) {
            let target = match &act.to {
                To::State(state) => state.as_str(),
                To::Back => "_back",
            };
            writeln_to(out, &format!("{indent}  <transition event=\"{}\" target=\"{target}\"/>", act.event));
        }
        writeln_to(out, &format!("{indent}</state>"));
    };
    writeln_to(out, "    <state id=\"_main\" initial=\"_line\">");
    writeln_to(out, &format!("      <state id=\"_line\" initial=\"{UNOPENED}\">"));
    writeln_to(out, "        <history id=\"_back\" type=\"shallow\">");
    writeln_to(out, &format!("          <transition target=\"{UNOPENED}\"/>"));
    writeln_to(out, "        </history>");
    one(out, "        ", UNOPENED);
    for state in definition.states.iter().filter(|state| !suspended(&state.name)) {
        one(out, "        ", &state.name);
    }
    writeln_to(out, "      </state>");
    for state in definition.states.iter().filter(|state| suspended(&state.name)) {
        one(out, "      ", &state.name);
    }
    writeln_to(out, "    </state>");
}

fn track_region(definition: &Definition, track: &Track, out: &mut String) {
    let own = track_states(track);
    let moves = moves(definition, &Machine::Track(track.name.clone()), &own);
    let shut = closed(&track.name);
    let asks_facts = !track.open_if.is_always();
    writeln_to(out, &format!("    <state id=\"_track.{}\" initial=\"{shut}\">", track.name));
    writeln_to(out, &format!("      <state id=\"{shut}\">"));
    if asks_facts {
        let begins = &track.begins;
        writeln_to(out, &format!("        <transition event=\"open.{}\" target=\"{begins}\"/>", track.name));
    } else {
        for state in definition.states.iter().filter(|state| track.open_in.contains(definition, &state.name))
        {
            let begins = &track.begins;
            writeln_to(
                out,
                &format!("        <transition cond=\"In('{}')\" target=\"{begins}\"/>", state.name),
            );
        }
    }
    writeln_to(out, "      </state>");
    // In a suspended state a track runs on.
    let closes = || {
        let outside =
            definition.states.iter().filter(|state| !track.open_in.contains(definition, &state.name));
        outside.filter(|state| !state.suspended)
    };
    for state in &track.states {
        writeln_to(out, &format!("      <state id=\"{}\">", state.name));
        for act in moves.iter().filter(|act| act.from.iter().any(|from| *from == *state.name)) {
            if let To::State(to) = &act.to {
                writeln_to(out, &format!("        <transition event=\"{}\" target=\"{to}\"/>", act.event));
            }
        }
        if asks_facts {
            writeln_to(
                out,
                &format!("        <transition event=\"close.{}\" target=\"{shut}\"/>", track.name),
            );
        } else {
            for outside in closes() {
                writeln_to(
                    out,
                    &format!("        <transition cond=\"In('{}')\" target=\"{shut}\"/>", outside.name),
                );
            }
        }
        writeln_to(out, "      </state>");
    }
    writeln_to(out, "    </state>");
}

/// PNML, a place/transition net: one token in the main net, one in the net of each track. The nets stand beside each
/// other; opening and closing of a track are transitions of its own, `open.TRACK` and `close.TRACK`.
pub fn pnml(definition: &Definition) -> String {
    let mut net = Net::default();
    net.places.push((UNOPENED.to_owned(), true));
    let main = main_states(definition);
    net.places.extend(main.iter().map(|state| (state.clone(), false)));
    let rest: Vec<String> = definition
        .states
        .iter()
        .filter(|state| !state.suspended)
        .map(|state| state.name.to_string())
        .collect();
    net.acts(&moves(definition, &Machine::Main, &main), &rest);
    net.stays(definition);
    for track in single_tracks(definition) {
        let (own, shut) = (track_states(track), closed(&track.name));
        net.places.push((shut.clone(), true));
        net.places.extend(own.iter().map(|state| (state.clone(), false)));
        net.acts(&moves(definition, &Machine::Track(track.name.clone()), &own), &[]);
        net.transition(&format!("open.{}", track.name), &shut, &track.begins);
        for state in &own {
            net.transition(&format!("close.{}", track.name), state, &shut);
        }
    }
    net.text(definition)
}

#[derive(Default)]
struct Net {
    /// Place, and whether it has a token at the beginning.
    places: Vec<(String, bool)>,
    /// Label, place before, place after.
    transitions: BTreeMap<String, (String, String, String)>,
}

impl Net {
    fn transition(&mut self, label: &str, from: &str, to: &str) {
        self.transitions
            .insert(format!("{label}/{from}/{to}"), (label.to_owned(), from.to_owned(), to.to_owned()));
    }

    /// `back` is one transition for each state it may lead to: a net remembers nothing but its tokens.
    fn acts(&mut self, moves: &[Move], rest: &[String]) {
        for act in moves {
            for from in &act.from {
                match &act.to {
                    To::State(to) => self.transition(&act.event, from, to),
                    To::Back => rest.iter().for_each(|to| self.transition(&act.event, from, to)),
                }
            }
        }
    }

    /// What moves nothing on the main line takes its token and puts it back.
    fn stays(&mut self, definition: &Definition) {
        let main = main_states(definition);
        for command in &definition.commands {
            if matches!(command.from, From::States(Machine::Track(_), _)) {
                continue;
            }
            for (outcome, branch) in command.branches() {
                if matches!(branch.target, Target::Stays) {
                    let event = event_name(command, outcome, branch);
                    for state in sources(definition, command, &Machine::Main, &main) {
                        self.transition(&event, &state, &state);
                    }
                }
            }
        }
    }

    fn text(&self, definition: &Definition) -> String {
        let name = &definition.workflow;
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        out.push_str("<pnml xmlns=\"http://www.pnml.org/version-2009/grammar/pnml\">\n");
        out.push_str("  <net id=\"net\" type=\"http://www.pnml.org/version-2009/grammar/ptnet\">\n");
        writeln_to(&mut out, &format!("    <name><text>{name}</text></name>"));
        out.push_str("    <page id=\"page\">\n");
        for (place, marked) in &self.places {
            let marking = if *marked { "<initialMarking><text>1</text></initialMarking>" } else { "" };
            writeln_to(
                &mut out,
                &format!("      <place id=\"{place}\"><name><text>{place}</text></name>{marking}</place>"),
            );
        }
        let mut arcs = String::new();
        for (number, (label, from, to)) in self.transitions.values().enumerate() {
            writeln_to(
                &mut out,
                &format!("      <transition id=\"t{number}\"><name><text>{label}</text></name></transition>"),
            );
            writeln_to(
                &mut arcs,
                &format!("      <arc id=\"a{number}-in\" source=\"{from}\" target=\"t{number}\"/>"),
            );
            writeln_to(
                &mut arcs,
                &format!("      <arc id=\"a{number}-out\" source=\"t{number}\" target=\"{to}\"/>"),
            );
        }
        out.push_str(&arcs);
        out.push_str("    </page>\n  </net>\n</pnml>\n");
        out
    }
}
