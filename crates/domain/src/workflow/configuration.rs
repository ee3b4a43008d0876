//! What a command does to the machines of a case: the one place where moves, tracks and `back` are worked out. The
//! case rules and the searches of the checks both come here.

use std::collections::BTreeMap;

use crate::name::Name;
use crate::workflow::model::{Branch, Definition, Machine, OnLeave, States, Target, Track};

/// Where the machines stand.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Configuration {
    /// The main state; `None` before the case is opened.
    pub main: Option<Name>,
    /// The main state to which `back` leads.
    pub before: Option<Name>,
    /// Open single tracks and their states. Tracks per record are the caller's: each instance moves on its own.
    pub tracks: BTreeMap<Name, Name>,
}

/// Why a move is not possible.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hold {
    /// A `must-finish` track is not final.
    MustFinish {
        /// The track.
        track: Name,
    },
    /// The move names a state of a track that is not open.
    NotOpen {
        /// The track.
        track: Name,
    },
    /// `back`, but nothing is remembered.
    NothingBefore,
}

/// What a move leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Where the machines stand afterwards.
    pub to: Configuration,
    /// The main state entered, also when it is entered again.
    pub main_entered: Option<Name>,
    /// Single tracks whose state was entered or which were opened, with their state.
    pub tracks_entered: Vec<(Name, Name)>,
    /// Single tracks closed, with their last state.
    pub tracks_closed: Vec<(Name, Name)>,
    /// The state an instance of a track per record moves to.
    pub instance_to: Option<(Name, Name)>,
}

/// What the caller knows and this file cannot see.
pub trait Surroundings {
    /// Whether the `open-if` of a track holds after the command.
    fn opens(&self, track: &Track) -> bool;
    /// Whether a track per record has an instance that is open and not final, when the one that the move names goes
    /// to this state.
    fn has_unfinished_instance(&self, track: &Track, moved_to: Option<&Name>) -> bool;
    /// Whether the move tells what has happened: no track holds it, and it passes over a track that is not open.
    fn has_happened(&self) -> bool {
        false
    }
}

impl States {
    /// Whether a main state is meant.
    pub fn contains(&self, def: &Definition, state: &Name) -> bool {
        match self {
            Self::Every => def.states.get(state).is_some_and(|state| state.final_outcome.is_none()),
            Self::Always => def.states.get(state).is_some(),
            Self::These(names) => names.contains(state),
        }
    }

    /// Whether tracks and clocks of these states run: the case is in one of them, or it is suspended and will go back to
    /// one (LANGUAGE 4.4 "Suspended").
    pub fn run_in(&self, def: &Definition, main: &Name, before: Option<&Name>) -> bool {
        let suspended = || def.states.get(main).is_some_and(|state| state.suspended);
        self.contains(def, main) || before.is_some_and(|before| self.contains(def, before) && suspended())
    }
}

/// Works out a move (LANGUAGE 4.4 "Moves"): targets, `back`, tracks that open, stop or hold.
///
/// # Errors
/// Every hold at once, when the move is not possible.
pub fn step(
    def: &Definition,
    from: &Configuration,
    branch: &Branch,
    stops_tracks: bool,
    around: &dyn Surroundings,
) -> Result<Step, Vec<Hold>> {
    let mut holds = Vec::new();
    let mut to = from.clone();
    let mut main_entered = None;
    let mut instance_to = None;
    let mut wanted: Vec<(Name, Name)> = Vec::new();

    match &branch.target {
        Target::Stays => {}
        Target::Back => match &from.before {
            Some(before) => main_entered = Some(before.clone()),
            None => holds.push(Hold::NothingBefore),
        },
        Target::To(states) => {
            for state in states {
                match def.machine_of(state) {
                    Some(Machine::Main) => main_entered = Some(state.clone()),
                    Some(Machine::Track(track))
                        if def.tracks.get(&track).is_some_and(|t| t.per.is_some()) =>
                    {
                        instance_to = Some((track, state.clone()));
                    }
                    Some(Machine::Track(track)) => wanted.push((track, state.clone())),
                    None => {}
                }
            }
        }
    }

    if let Some(state) = &main_entered {
        to.before = remembered(def, from, state);
        to.main = Some(state.clone());
    }

    let mut tracks_entered = Vec::new();
    let mut tracks_closed = Vec::new();
    let exceptional =
        main_entered.as_ref().and_then(|state| def.states.get(state)).is_some_and(|state| state.exceptional);
    for track in &def.tracks {
        let inside = to.main.as_ref().is_some_and(|main| track.open_in.run_in(def, main, to.before.as_ref()));
        let open_now = inside && around.opens(track);
        // Only a move out of its states is held by a track. One whose condition has ceased stays until it is finished.
        let left = main_entered.is_some() && !inside;
        let must_finish = track.on_leave == OnLeave::MustFinish;
        if track.per.is_some() {
            if !open_now {
                let may_stop = stops_tracks && exceptional || around.has_happened();
                let moved_to = instance_to.as_ref().filter(|(name, _)| *name == track.name).map(|(_, to)| to);
                if left && must_finish && !may_stop && around.has_unfinished_instance(track, moved_to) {
                    holds.push(Hold::MustFinish { track: track.name.clone() });
                }
            }
            continue;
        }
        let target = wanted.iter().find(|(name, _)| *name == track.name).map(|(_, state)| state);
        match (from.tracks.get(&track.name), open_now) {
            (Some(_), true) => {
                if let Some(state) = target {
                    to.tracks.insert(track.name.clone(), state.clone());
                    tracks_entered.push((track.name.clone(), state.clone()));
                }
            }
            (None, true) => {
                let state = target.unwrap_or(&track.begins);
                to.tracks.insert(track.name.clone(), state.clone());
                tracks_entered.push((track.name.clone(), state.clone()));
            }
            (Some(state), false) => {
                // A command may finish a track and leave its states in one act.
                let last = target.unwrap_or(state);
                let finished = track.states.get(last).is_some_and(|state| state.is_final);
                if must_finish && !finished && !stops_tracks && !left {
                    if let Some(state) = target {
                        to.tracks.insert(track.name.clone(), state.clone());
                        tracks_entered.push((track.name.clone(), state.clone()));
                    }
                    continue;
                }
                if must_finish && !finished && !stops_tracks && !around.has_happened() {
                    holds.push(Hold::MustFinish { track: track.name.clone() });
                }
                to.tracks.remove(&track.name);
                tracks_closed.push((track.name.clone(), last.clone()));
            }
            (None, false) => {
                if target.is_some() && !around.has_happened() {
                    holds.push(Hold::NotOpen { track: track.name.clone() });
                }
            }
        }
    }

    if holds.is_empty() {
        Ok(Step { to, main_entered, tracks_entered, tracks_closed, instance_to })
    } else {
        Err(holds)
    }
}

/// Entering a suspended state from one that is not remembers where `back` leads; from another suspended one it keeps
/// the memory; any other state forgets it.
fn remembered(def: &Definition, from: &Configuration, entered: &Name) -> Option<Name> {
    let is_suspended = |name: &Name| def.states.get(name).is_some_and(|state| state.suspended);
    if !is_suspended(entered) {
        return None;
    }
    match &from.main {
        Some(main) if is_suspended(main) => from.before.clone(),
        Some(main) => Some(main.clone()),
        None => None,
    }
}
