//! E-type, the part that needs the whole file: a guard compares a fact only where it certainly has a value.
//!
//! A forward data-flow over the main states: the facts that certainly have a value in a state are those that have one
//! on every way into it. A fact has a value from the beginning (`starts`), from a command that requires an answer, or
//! from `sets`; `unset` takes it away. Conservative in three ways: conditions are not looked at, a command of a track
//! counts as possible in every state the track is open in, and `back` leads to every state that can have been entered and
//! is neither suspended nor final. Within a guard, `F is known and F is …` and `F is not known or F is …` count, as does
//! every comparison that was true before.
//! Edits, corrections and annulments are people's doing after the fact and are not followed.

use std::collections::{BTreeMap, BTreeSet};

use crate::name::Name;
use crate::workflow::finding::{CheckId, Finding, Place};
use crate::workflow::guard::Guard;
use crate::workflow::model::{Ask, Branch, Command, Definition, From, Machine, Set, States, Target};
use crate::workflow::read::finding;

pub(super) type Facts = BTreeSet<Name>;

/// The findings of this file.
pub fn findings(definition: &Definition) -> Vec<Finding> {
    let in_state = flow(definition);
    let at = |states: Vec<&Name>| -> Option<Facts> {
        let mut reached = states.into_iter().filter_map(|state| in_state.get(state));
        let first = reached.next()?.clone();
        Some(reached.fold(first, |common, other| common.intersection(other).cloned().collect()))
    };
    let mut found = Vec::new();
    let mut test = |guard: &Guard, known: Option<&Facts>, place: Place, name: &Name, what: &str| {
        let Some(known) = known else { return };
        let mut missing = BTreeSet::new();
        walk(definition, guard, known, &mut missing);
        for fact in missing {
            let message = format!("`{fact}` may have no value yet where {what} `{name}` compares it");
            let mut one = finding(place, CheckId::Type, name, message);
            one.hint = Some(format!("write `{fact} is known and …`, or give the fact a value with `starts`"));
            found.push(one);
        }
    };
    for command in &definition.commands {
        let mut known = match &command.from {
            From::New => Some(beginning(definition)),
            From::EveryState | From::Always | From::States(..) => at(main_states(definition, &command.from)),
        };
        if let Some(known) = &mut known {
            known.extend(answers(command));
        }
        test(&command.guard, known.as_ref(), command.place, &command.name, "the guard of");
        if let Some(when) = &command.when {
            test(when, known.as_ref(), command.place, &command.name, "the `when` of");
        }
        if let Some(known) = &mut known {
            // What the guard of the command found true is still true on its ways.
            known.extend(walk(definition, &command.guard, &known.clone(), &mut BTreeSet::new()).0);
        }
        for (_, branch) in command.branches() {
            test(&branch.guard, known.as_ref(), branch.place, &command.name, "a way of");
        }
    }
    let everywhere = at(definition.states.iter().map(|state| &state.name).collect());
    for stage in &definition.stages {
        test(&stage.when, everywhere.as_ref(), stage.place, &stage.name, "the stage");
    }
    for rule in definition.rules.iter().filter(|rule| rule.show) {
        test(&rule.guard, everywhere.as_ref(), rule.place, &rule.name, "the shown rule");
    }
    for track in &definition.tracks {
        let known = at(states_in(definition, &track.open_in));
        test(&track.open_if, known.as_ref(), track.place, &track.name, "the track");
    }
    for deadline in &definition.deadlines {
        let states = match &deadline.machine {
            Machine::Main => states_in(definition, &deadline.while_in),
            Machine::Track(track) => definition
                .tracks
                .get(track)
                .map(|track| states_in(definition, &track.open_in))
                .unwrap_or_default(),
        };
        let known = at(states);
        test(&deadline.guard, known.as_ref(), deadline.place, &deadline.name, "the deadline");
        if let Some(pauses) = &deadline.pauses_while {
            test(pauses, known.as_ref(), deadline.place, &deadline.name, "the pause of the deadline");
        }
    }
    found
}

pub(super) fn states_in<'d>(definition: &'d Definition, states: &States) -> Vec<&'d Name> {
    definition
        .states
        .iter()
        .map(|state| &state.name)
        .filter(|name| states.contains(definition, name))
        .collect()
}

/// The main states in which a command may be given.
pub(super) fn main_states<'d>(definition: &'d Definition, from: &From) -> Vec<&'d Name> {
    match from {
        From::New => Vec::new(),
        From::EveryState => states_in(definition, &States::Every),
        From::Always => states_in(definition, &States::Always),
        From::States(Machine::Main, states) => states_in(definition, &States::These(states.clone())),
        From::States(Machine::Track(track), _) => definition
            .tracks
            .get(track)
            .map(|track| states_in(definition, &track.open_in))
            .unwrap_or_default(),
    }
}

fn beginning(definition: &Definition) -> Facts {
    definition.facts.iter().filter(|fact| fact.starts.is_some()).map(|fact| fact.name.clone()).collect()
}

fn answers(command: &Command) -> impl Iterator<Item = Name> {
    command.asks.iter().filter(|(_, ask)| *ask == Ask::Required).map(|(fact, _)| fact.clone())
}

fn after(command: &Command, branch: &Branch, before: &Facts) -> Facts {
    let mut known = before.clone();
    known.extend(answers(command));
    for (fact, set) in command.sets.iter().chain(&branch.sets) {
        match set {
            Set::Value(_) => known.insert(fact.clone()),
            Set::Unset => known.remove(fact),
        };
    }
    known
}

/// The facts that certainly have a value in each main state that can be entered.
pub(super) fn flow(definition: &Definition) -> BTreeMap<Name, Facts> {
    certain(definition, &beginning(definition), &after)
}

/// What holds after a way of a command, from what held before.
type After<'a, T> = dyn Fn(&Command, &Branch, &BTreeSet<T>) -> BTreeSet<T> + 'a;

/// What certainly holds in each main state that can be entered: what holds on every way into it. `after` says what
/// holds after a way of a command, from what held before.
pub(super) fn certain<T: Ord + Clone>(
    definition: &Definition,
    beginning: &BTreeSet<T>,
    after: &After<'_, T>,
) -> BTreeMap<Name, BTreeSet<T>> {
    let mut in_state: BTreeMap<Name, BTreeSet<T>> = BTreeMap::new();
    let backs: Vec<&Name> = definition
        .states
        .iter()
        .filter(|state| !state.suspended && state.final_outcome.is_none())
        .map(|state| &state.name)
        .collect();
    loop {
        let mut changed = false;
        let mut enter = |in_state: &mut BTreeMap<Name, BTreeSet<T>>, state: &Name, known: BTreeSet<T>| {
            let merged = match in_state.get(state) {
                Some(old) => old.intersection(&known).cloned().collect(),
                None => known,
            };
            if in_state.get(state) != Some(&merged) {
                in_state.insert(state.clone(), merged);
                changed = true;
            }
        };
        for command in &definition.commands {
            for (_, branch) in command.branches() {
                let moved: Vec<&Name> = match &branch.target {
                    Target::To(states) => {
                        states.iter().filter(|state| definition.states.get(state).is_some()).collect()
                    }
                    Target::Stays | Target::Back => Vec::new(),
                };
                if command.from == From::New {
                    let known = after(command, branch, beginning);
                    for state in moved {
                        enter(&mut in_state, state, known.clone());
                    }
                    continue;
                }
                for from in main_states(definition, &command.from) {
                    let Some(before) = in_state.get(from) else { continue };
                    let known = after(command, branch, before);
                    if branch.target == Target::Back {
                        // Only states that have been entered can be remembered.
                        for state in &backs {
                            if in_state.contains_key(*state) {
                                enter(&mut in_state, state, known.clone());
                            }
                        }
                    } else if moved.is_empty() {
                        enter(&mut in_state, from, known);
                    } else {
                        for state in &moved {
                            enter(&mut in_state, state, known.clone());
                        }
                    }
                }
            }
        }
        if !changed {
            return in_state;
        }
    }
}

/// Finds facts compared without a certain value; returns what is known when the guard is true, and when it is false.
fn walk(definition: &Definition, guard: &Guard, known: &Facts, missing: &mut Facts) -> (Facts, Facts) {
    let one = |fact: &Name| Facts::from([fact.clone()]);
    let mut compared = |fact: &Name| {
        if !known.contains(fact) && definition.facts.get(fact).is_some() {
            missing.insert(fact.clone());
        }
    };
    match guard {
        Guard::Is(fact, _) | Guard::Either(fact, _) | Guard::Compare(fact, ..) | Guard::Since(_, fact, _) => {
            compared(fact);
            (one(fact), Facts::new())
        }
        Guard::IsNot(fact, _) => {
            compared(fact);
            (Facts::new(), one(fact))
        }
        Guard::Known(fact, true) => (one(fact), Facts::new()),
        Guard::Known(fact, false) => (Facts::new(), one(fact)),
        Guard::Not(inner) => {
            let (yes, no) = walk(definition, inner, known, missing);
            (no, yes)
        }
        Guard::And(parts) => {
            let mut so_far = known.clone();
            for part in parts {
                so_far.extend(walk(definition, part, &so_far.clone(), missing).0);
            }
            (so_far, Facts::new())
        }
        Guard::Or(parts) => {
            let mut so_far = known.clone();
            for part in parts {
                so_far.extend(walk(definition, part, &so_far.clone(), missing).1);
            }
            (Facts::new(), so_far)
        }
        // The reader has refused circles, and rules that go through too many others.
        Guard::Holds(rule) => match definition.rules.get(rule) {
            Some(rule) => walk(definition, &rule.guard, known, missing),
            None => (Facts::new(), Facts::new()),
        },
        Guard::Records(..)
        | Guard::Sum { .. }
        | Guard::At(_)
        | Guard::Filed(_)
        | Guard::Passed(_)
        | Guard::AuthorityLapsed => (Facts::new(), Facts::new()),
    }
}
