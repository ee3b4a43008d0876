//! Moves of the machines, and what the engine does by itself after each step.

use std::collections::btree_map::Entry;

use jiff::Timestamp;

use super::case::{Act, Case, Doing, Who};
use super::file::Track;
use super::world::View;
use super::{Fault, Oracle};

/// `back` leads nowhere.
#[derive(Debug)]
pub(crate) struct NothingBefore;

impl Oracle {
    /// The state of the main machine that a target names; an error when there is nothing to go back to.
    pub(crate) fn main_target(&self, case: &Case, to: &[String]) -> Result<Option<String>, NothingBefore> {
        if to.iter().any(|word| word == "back") {
            let back = match self.fault {
                Some(Fault::BackToTheBeginning) => Some(self.file.states[0].0.clone()),
                _ => case.memory.clone(),
            };
            return back.map(Some).ok_or(NothingBefore);
        }
        Ok(to.iter().find(|state| self.file.state(state).is_some()).cloned())
    }

    fn is_final(track: &Track, state: &str) -> bool {
        track.states.iter().any(|(name, is_final, _)| name == state && *is_final)
    }

    fn names(&self, states: &[String], state: &str) -> bool {
        let open = self.file.state(state).is_some_and(|state| state.outcome.is_none());
        states.iter().any(|word| word == state || word == "every-state" && open || word == "always")
    }

    /// Whether tracks and clocks of these states run: the case is in one of them, or it is suspended and will go back
    /// to one.
    pub(crate) fn runs(&self, case: &Case, states: &[String], with_memory: bool) -> bool {
        let main = case.main.as_ref().unwrap();
        let suspended = self.file.state(main).unwrap().suspended;
        let memory = case.memory.as_ref().filter(|_| suspended && with_memory);
        self.names(states, main) || memory.is_some_and(|memory| self.names(states, memory))
    }

    /// The main machine moves. Entering a suspended state from another keeps the memory for `back`.
    pub(crate) fn enter(&self, case: &mut Case, next: &str, now: Timestamp) {
        let old = case.main.replace(next.to_owned());
        if !self.file.state(next).unwrap().suspended {
            case.memory = None;
        } else if let Some(old) = old.filter(|old| !self.file.state(old).unwrap().suspended) {
            case.memory = Some(old);
        }
        case.came_to.push(next.to_owned());
        self.arrive(case, next, now);
    }

    /// Whether a track that must be finished keeps the main machine from going there.
    pub(crate) fn holds_back(
        &self,
        case: &Case,
        doing: &Doing,
        to: &[String],
        next: &str,
        stops: bool,
    ) -> bool {
        let mut after = case.clone();
        self.enter(&mut after, next, Timestamp::UNIX_EPOCH);
        let exceptional = self.file.state(next).unwrap().exceptional;
        self.file.tracks.iter().any(|track| {
            if !track.must_finish || self.runs(&after, &track.open_in, true) {
                return false;
            }
            if stops && (track.per.is_none() || exceptional) {
                return false;
            }
            // A command may finish a track and leave its states in one act.
            let target = to.iter().find(|state| track.states.iter().any(|(name, _, _)| name == *state));
            let single = case.tracks.get(&track.name).map(|state| target.unwrap_or(state));
            let each = case.instances.get(&track.name).into_iter().flatten();
            let each =
                each.map(|(no, state)| target.filter(|_| doing.instance == Some(*no)).unwrap_or(state));
            single.into_iter().chain(each).any(|state| !Self::is_final(track, state))
        })
    }

    pub(crate) fn move_tracks(&self, case: &mut Case, to: &[String], instance: Option<u32>, now: Timestamp) {
        for state in to {
            let Some(track) = self.file.track_of(state) else { continue };
            case.tracks_came.push((track.name.clone(), instance, state.clone()));
            match instance.filter(|_| track.per.is_some()) {
                Some(no) => {
                    case.instances.entry(track.name.clone()).or_default().insert(no, state.clone());
                }
                None => {
                    case.tracks.insert(track.name.clone(), state.clone());
                }
            }
            self.arrive(case, state, now);
        }
    }

    fn arrive(&self, case: &mut Case, state: &str, now: Timestamp) {
        case.entered.insert(state.to_owned(), now);
        let main = self.file.state(state).map(|state| state.jobs.clone());
        let track = || {
            let track = self.file.track_of(state)?;
            track.states.iter().find(|(name, _, _)| name == state).map(|(_, _, jobs)| jobs.clone())
        };
        let doing = u32::try_from(case.done.len()).unwrap();
        let jobs = main.or_else(track).unwrap_or_default();
        case.jobs.extend(jobs.into_iter().map(|job| (doing, job)));
    }

    /// Tracks open and stop: after a move, after a new record, and when a fact has changed what `open-if` asks.
    fn tracks(&self, case: &mut Case, now: Timestamp) {
        let stops = std::mem::take(&mut case.tracks_stop);
        let moved = std::mem::take(&mut case.has_moved);
        for track in &self.file.tracks {
            let inside = self.runs(case, &track.open_in, true);
            let view = View { oracle: self, case, now, instance: None };
            let open = inside
                && track.open_if.as_ref().is_none_or(|guard| guard.holds(&view))
                && self.fault != Some(Fault::NoTrack);
            let left = moved && !inside;
            let closes = |state: &str| left || stops || !track.must_finish || Self::is_final(track, state);
            let Some(kind) = &track.per else {
                match case.tracks.get(&track.name).cloned() {
                    None if open => {
                        case.tracks.insert(track.name.clone(), track.begins.clone());
                        self.arrive(case, &track.begins, now);
                    }
                    Some(state) if !open && closes(&state) => {
                        case.tracks.remove(&track.name);
                    }
                    _ => {}
                }
                continue;
            };
            let live: Vec<u32> = case.live(kind).iter().map(|(no, _)| *no).collect();
            let mut running = case.instances.remove(&track.name).unwrap_or_default();
            running.retain(|no, state| {
                let may = left || !track.must_finish || Self::is_final(track, state);
                live.contains(no) && (open || !may)
            });
            for no in live.into_iter().filter(|_| open) {
                if let Entry::Vacant(place) = running.entry(no) {
                    place.insert(track.begins.clone());
                    self.arrive(case, &track.begins, now);
                }
            }
            if !running.is_empty() {
                case.instances.insert(track.name.clone(), running);
            }
        }
    }

    /// Custody, tracks, stage, deadlines, in the order of the page.
    pub(crate) fn follow(&self, case: &mut Case, now: Timestamp) {
        self.regularise(case);
        // A lapse is computed: the end that has passed stays until an act gives another.
        match self.authority(case, now) {
            Some(end) => case.authority = Some(end),
            None if case.authority.is_some_and(|end| end > now) => case.authority = None,
            None => {}
        }
        self.tracks(case, now);
        let view = View { oracle: self, case, now, instance: None };
        let stage = self.file.stages.iter().rfind(|(_, guard)| guard.holds(&view));
        case.stage = stage.map(|(stage, _)| stage.clone());
        let before = case.clocks.clone();
        self.clocks(case, now);
        case.counts_from = None;
        let number = case.done.len();
        if case.closing == Some(number) {
            let gone = before.into_iter().filter(|(key, _)| !case.clocks.contains_key(key)).collect();
            case.done[number - 1].stopped = gone;
            case.closing = None;
        }
    }

    /// Proposals whose case left the states they were made in, or came to them again.
    fn overtake(&self, case: &mut Case, now: Timestamp) {
        let came = std::mem::take(&mut case.came_to);
        let tracks = std::mem::take(&mut case.tracks_came);
        let was = self.case.main.clone();
        let known: Vec<u32> = self.case.proposals.iter().map(|proposal| proposal.number).collect();
        let gone = |proposal: &super::case::Proposal| {
            if proposal.afterwards.is_some() || !known.contains(&proposal.number) {
                return false;
            }
            match &proposal.act {
                Act::Do(doing) => {
                    let command = self.file.command(&doing.command).unwrap();
                    let track = command.from.first().and_then(|state| self.file.track_of(state));
                    if let Some(track) = track {
                        let again = tracks.iter().any(|(name, no, state)| {
                            *name == track.name
                                && *no == doing.instance
                                && self.case.track_state(name, *no) == Some(state)
                        });
                        return again || !self.is_from(case, command, doing);
                    }
                    came.iter().any(|state| !self.names(&command.from, state) || was.as_ref() == Some(state))
                }
                Act::Annul { .. } => !came.is_empty(),
                _ => false,
            }
        };
        let over: Vec<u32> =
            case.proposals.iter().filter(|proposal| gone(proposal)).map(|proposal| proposal.number).collect();
        // Each is an entry of its own, after which everything is read again.
        for number in over {
            case.proposals.retain(|proposal| proposal.number != number);
            self.follow(case, now);
        }
    }

    /// What follows an act, then automatic commands until none is open.
    pub(crate) fn settle(&self, case: &mut Case, now: Timestamp) {
        self.follow(case, now);
        self.automatic(case, now);
    }

    /// Automatic commands until none is open; then proposals that are overtaken.
    pub(crate) fn automatic(&self, case: &mut Case, now: Timestamp) {
        for _ in 0..100 {
            let open =
                self.file.commands.iter().filter(|command| command.when.is_some()).find_map(|command| {
                    let doing = Doing { command: command.name.clone(), ..Doing::default() };
                    self.tests(case, &Who::system(), &[], &doing, now).is_empty().then_some(doing)
                });
            let Some(doing) = open else {
                self.overtake(case, now);
                return;
            };
            *case = self.effect(case, &Who::system(), &[], &doing, now);
            self.follow(case, now);
        }
        panic!("automatic commands without end");
    }
}
