//! States and tracks.

use crate::name::Name;
use crate::workflow::finding::CheckId;
use crate::workflow::model::{Command, From, Machine, OnLeave, State, Table, Track, TrackState};
use crate::workflow::read::lower::Lower;
use crate::workflow::read::symbols::Sort;
use crate::workflow::read::tree::Node;

impl Lower<'_> {
    pub(super) fn main_states(&mut self, file: &Node) -> Table<State> {
        let mut states = Table::default();
        for (name, entry) in Self::section(file, "states") {
            let node = &entry.value;
            let acts = self.refer(node.get("acts"), Sort::Role);
            let acts_by = node.get("acts-by").map(|roles| self.refer_all(Some(roles), Sort::Role));
            let final_outcome = Self::name(node.get("final"));
            let suspended = Self::flag(node.get("suspended"));
            if final_outcome.is_some() && suspended {
                let message = format!("`{name}` cannot be both `final` and `suspended`");
                self.fault(entry.place, CheckId::Shape, &name, message);
            }
            let jobs = self.refer_all(node.get("jobs"), Sort::Job);
            let state = State {
                name,
                label: Self::label(node),
                place: entry.place,
                acts_written: acts.is_some(),
                acts,
                acts_by,
                held: Self::flag(node.get("held")),
                final_outcome,
                exceptional: Self::flag(node.get("exceptional")),
                suspended,
                jobs,
                no_deadline: Self::text(node.get("no-deadline")),
            };
            self.add(&mut states, state, entry.place);
        }
        states
    }

    #[expect(clippy::similar_names, reason = "open-in and open-if are called so in the grammar")]
    pub(super) fn tracks(&mut self, file: &Node) -> Table<Track> {
        let mut tracks = Table::default();
        for (name, entry) in Self::section(file, "tracks") {
            let node = &entry.value;
            let open_in = match self.states(node.get("open-in"), &name) {
                Some((Machine::Main, states)) => states,
                Some((Machine::Track(_), _)) => {
                    let message = "`open-in` names states of the main line, not of a track".to_owned();
                    self.fault(
                        node.get("open-in").map_or(entry.place, |node| node.place),
                        CheckId::Name,
                        &name,
                        message,
                    );
                    continue;
                }
                None => continue,
            };
            let open_if = self.guard(node.get("open-if"), &name);
            let on_leave = match node.get("on-leave").and_then(Node::text) {
                Some("must-finish") => OnLeave::MustFinish,
                Some("stop") => OnLeave::Stop,
                _ => continue,
            };
            let per = self.refer(node.get("per"), Sort::Record);
            let mut inner_states = Table::default();
            for (state, inner) in Self::section(node, "states") {
                let value = &inner.value;
                let state = TrackState {
                    name: state,
                    label: Self::label(value),
                    place: inner.place,
                    acts: self.refer(value.get("acts"), Sort::Role),
                    is_final: Self::flag(value.get("final")),
                    jobs: self.refer_all(value.get("jobs"), Sort::Job),
                    no_deadline: Self::text(value.get("no-deadline")),
                };
                self.add(&mut inner_states, state, inner.place);
            }
            let Some(begins) = self.refer(node.get("begins"), Sort::State) else { continue };
            if inner_states.get(&begins).is_none() {
                let place = node.get("begins").map_or(entry.place, |node| node.place);
                self.fault(
                    place,
                    CheckId::Name,
                    &name,
                    format!("the track `{name}` has no state `{begins}` to begin in"),
                );
            }
            let track = Track {
                name,
                label: Self::label(node),
                place: entry.place,
                open_in,
                open_if,
                on_leave,
                begins,
                per,
                states: inner_states,
            };
            self.add(&mut tracks, track, entry.place);
        }
        tracks
    }
}

/// Fills in the office that must act where a state does not name one: the first `by` of its commands, those that name
/// the state before those that are open in every state.
pub(super) fn offices(
    states: &Table<State>,
    tracks: &Table<Track>,
    commands: &Table<Command>,
) -> (Table<State>, Table<Track>) {
    let mut filled = Table::default();
    for state in states {
        let mut state = state.clone();
        if state.acts.is_none() {
            let everywhere = || {
                first_by(commands, |from| match from {
                    From::EveryState => state.final_outcome.is_none(),
                    From::Always => true,
                    From::New | From::States(..) => false,
                })
            };
            state.acts = named_in(commands, &state.name).or_else(everywhere);
        }
        drop(filled.add(state));
    }
    let mut filled_tracks = Table::default();
    for track in tracks {
        let mut track = track.clone();
        let mut inner = Table::default();
        for state in &track.states {
            let mut state = state.clone();
            if state.acts.is_none() {
                state.acts = named_in(commands, &state.name);
            }
            drop(inner.add(state));
        }
        track.states = inner;
        drop(filled_tracks.add(track));
    }
    (filled, filled_tracks)
}

fn named_in(commands: &Table<Command>, state: &Name) -> Option<Name> {
    first_by(commands, |from| matches!(from, From::States(_, states) if states.contains(state)))
}

fn first_by(commands: &Table<Command>, is_from: impl Fn(&From) -> bool) -> Option<Name> {
    let mut found = commands.iter().filter(|command| is_from(&command.from));
    found.find_map(|command| command.by.iter().find(|role| *role != "system").cloned())
}
