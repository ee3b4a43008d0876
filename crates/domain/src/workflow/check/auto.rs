//! E-auto, the part without search: automatic commands cannot run for ever, and never on time alone.
//!
//! The states are nodes and every automatic command an edge from each state it is open in to each state it leads to
//! (itself, when it stays). A command that makes its own `when` false by what it sets, while no other automatic command
//! sets that fact back, can be done only once and is left out. What is still a circle is reported.

use std::collections::{BTreeMap, BTreeSet};

use crate::name::Name;
use crate::workflow::finding::{CheckId, Finding};
use crate::workflow::guard::{Constant, Guard};
use crate::workflow::model::{Command, Definition, From, Set, State, Target};
use crate::workflow::read::finding;

/// The findings of this file.
pub fn findings(definition: &Definition) -> Vec<Finding> {
    let mut found = Vec::new();
    let automatic: Vec<&Command> =
        definition.commands.iter().filter(|command| command.when.is_some()).collect();
    for command in &automatic {
        if command.when.as_ref().is_some_and(only_time) {
            let message = format!(
                "`{}` runs on time alone: a deadline with `late: … do` is the place for that",
                command.name
            );
            found.push(finding(command.place, CheckId::Auto, &command.name, message));
        }
    }
    let endless: Vec<&Command> =
        automatic.iter().filter(|command| !ends_itself(command, &automatic)).copied().collect();
    let mut edges: BTreeMap<&Name, BTreeSet<&Name>> = BTreeMap::new();
    for command in &endless {
        for from in open_states(definition, command) {
            for (_, branch) in command.branches() {
                edges.entry(from).or_default().extend(targets(definition, from, &branch.target));
            }
        }
    }
    for command in &endless {
        let circle = open_states(definition, command).into_iter().find_map(|from| {
            let branches = command.branches();
            let targets = branches.iter().flat_map(|(_, branch)| targets(definition, from, &branch.target));
            targets.into_iter().find_map(|to| path(&edges, to, from))
        });
        if let Some(circle) = circle {
            let states = circle.iter().map(|state| state.as_str()).collect::<Vec<_>>().join(" → ");
            let message = format!("the automatic command `{}` can run for ever: {states}", command.name);
            let mut one = finding(command.place, CheckId::Auto, &command.name, message);
            one.hint = Some("let it set a fact that makes its `when` false".to_owned());
            found.push(one);
        }
    }
    found
}

/// Where a way leads from a state. `back` leads from a suspended state to any that can have been left for it.
fn targets<'d>(definition: &'d Definition, from: &'d Name, target: &'d Target) -> Vec<&'d Name> {
    let suspended = |name: &Name| definition.states.get(name).is_some_and(|state| state.suspended);
    match target {
        Target::To(states) => states.iter().collect(),
        Target::Stays => vec![from],
        Target::Back if suspended(from) => {
            let left = |state: &&State| !state.suspended && state.final_outcome.is_none();
            definition.states.iter().filter(left).map(|state| &state.name).collect()
        }
        Target::Back => Vec::new(),
    }
}

fn open_states<'d>(definition: &'d Definition, command: &'d Command) -> Vec<&'d Name> {
    match &command.from {
        From::New => Vec::new(),
        From::States(_, states) => states.iter().collect(),
        From::EveryState => definition
            .states
            .iter()
            .filter(|state| state.final_outcome.is_none())
            .map(|state| &state.name)
            .collect(),
        From::Always => definition.states.iter().map(|state| &state.name).collect(),
    }
}

/// The states from one to another along automatic commands, if there is a way.
fn path<'d>(
    edges: &BTreeMap<&'d Name, BTreeSet<&'d Name>>,
    from: &'d Name,
    to: &'d Name,
) -> Option<Vec<&'d Name>> {
    let mut before: BTreeMap<&Name, Option<&'d Name>> = BTreeMap::from([(from, None)]);
    let mut open = vec![from];
    while let Some(next) = open.pop() {
        if next == to {
            let mut way = vec![next];
            let mut at = next;
            while let Some(Some(previous)) = before.get(at) {
                way.push(previous);
                at = previous;
            }
            way.push(to);
            way.reverse();
            return Some(way);
        }
        for after in edges.get(next).into_iter().flatten() {
            if !before.contains_key(*after) {
                before.insert(after, Some(next));
                open.push(after);
            }
        }
    }
    None
}

/// Whether every way of the command makes its `when` false, and no automatic command makes it true again.
fn ends_itself(command: &Command, automatic: &[&Command]) -> bool {
    let Some(when) = &command.when else { return true };
    let asked = demands(when);
    let sets_all = |command: &Command| {
        let mut all: Vec<Vec<(Name, Set)>> = Vec::new();
        for (_, branch) in command.branches() {
            all.push(command.sets.iter().chain(&branch.sets).cloned().collect());
        }
        all
    };
    asked.iter().any(|(fact, value)| {
        let denies = |set: &Set| match set {
            Set::Unset => true,
            Set::Value(other) => value.as_ref().is_some_and(|value| value != other),
        };
        let spent =
            sets_all(command).iter().all(|sets| sets.iter().any(|(set, to)| set == *fact && denies(to)));
        let restored = automatic
            .iter()
            .any(|other| sets_all(other).iter().flatten().any(|(set, to)| set == *fact && !denies(to)));
        spent && !restored
    })
}

/// Values that a guard needs: `F is V` (with the value) or `F is known` among its `and` parts.
fn demands(guard: &Guard) -> Vec<(&Name, Option<Constant>)> {
    match guard {
        Guard::And(parts) => parts.iter().flat_map(demands).collect(),
        Guard::Is(fact, value) => vec![(fact, Some(value.clone()))],
        Guard::Known(fact, true) => vec![(fact, None)],
        Guard::IsNot(..)
        | Guard::Known(_, false)
        | Guard::Or(_)
        | Guard::Not(_)
        | Guard::Holds(_)
        | Guard::Either(..)
        | Guard::Compare(..)
        | Guard::Records(..)
        | Guard::Sum { .. }
        | Guard::At(_)
        | Guard::Filed(_)
        | Guard::Passed(_)
        | Guard::AuthorityLapsed
        | Guard::Since(..) => Vec::new(),
    }
}

fn only_time(guard: &Guard) -> bool {
    match guard {
        Guard::And(parts) | Guard::Or(parts) => parts.iter().all(only_time),
        Guard::Not(inner) => only_time(inner),
        Guard::Passed(_) | Guard::AuthorityLapsed | Guard::Since(..) => true,
        Guard::Holds(_)
        | Guard::Is(..)
        | Guard::IsNot(..)
        | Guard::Either(..)
        | Guard::Known(..)
        | Guard::Compare(..)
        | Guard::Records(..)
        | Guard::Sum { .. }
        | Guard::At(_)
        | Guard::Filed(_) => false,
    }
}
