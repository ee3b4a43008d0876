//! Where a case can be when a job comes back or a wait is over: worked out on the main states alone, without conditions,
//! so that nothing possible is left out.

use super::model::Model;
use crate::name::Name;
use crate::workflow::check::known::{main_states, states_in};
use crate::workflow::model::{Command, Definition, From, MomentRef, NotBefore, Target};

/// Main states from which each leads on, by position from 0.
fn ways(def: &Definition) -> Vec<(usize, usize)> {
    let mut ways = Vec::new();
    let at = |name: &Name| def.states.position(name);
    for command in &def.commands {
        for from in main_states(def, &command.from).into_iter().filter_map(at) {
            for (_, branch) in command.branches() {
                match &branch.target {
                    Target::To(states) => {
                        ways.extend(
                            states
                                .iter()
                                .filter(|name| is_main(def, name))
                                .filter_map(at)
                                .map(|to| (from, to)),
                        );
                    }
                    Target::Back => {
                        let left = def.states.iter().enumerate().filter(|(_, state)| !state.suspended);
                        ways.extend(left.map(|(to, _)| (from, to)));
                    }
                    Target::Stays => {}
                }
            }
        }
    }
    for annul in &def.corrections.annul {
        if let Some(to) = at(&annul.returns_to).filter(|_| is_main(def, &annul.returns_to)) {
            ways.extend(annul.while_in.iter().filter_map(at).map(|from| (from, to)));
        }
    }
    ways
}

fn is_main(def: &Definition, name: &Name) -> bool {
    def.states.get(name).is_some()
}

/// The main states in which a case can be after one of these, itself included; from 1, and none before it is opened.
pub(in crate::workflow) fn after(def: &Definition, seeds: impl IntoIterator<Item = Name>) -> Vec<bool> {
    let ways = ways(def);
    let mut reached = vec![false; def.states.len() + 1];
    let mut open: Vec<usize> = seeds.into_iter().filter_map(|name| def.states.position(&name)).collect();
    while let Some(state) = open.pop() {
        let Some(mark) = reached.get_mut(state + 1).filter(|mark| !**mark) else { continue };
        *mark = true;
        open.extend(ways.iter().filter(|(from, _)| *from == state).map(|(_, to)| *to));
    }
    reached
}

/// The main states in which a command leaves a case.
fn left_in(def: &Definition, command: &Command) -> Vec<Name> {
    let mut states = Vec::new();
    for (_, branch) in command.branches() {
        let moved: Vec<&Name> = match &branch.target {
            Target::To(names) => names.iter().filter(|name| is_main(def, name)).collect(),
            Target::Back => {
                def.states.iter().filter(|state| !state.suspended).map(|state| &state.name).collect()
            }
            Target::Stays => Vec::new(),
        };
        if moved.is_empty() && command.from != From::New {
            states.extend(main_states(def, &command.from).into_iter().cloned());
        }
        states.extend(moved.into_iter().cloned());
    }
    states
}

/// The main states in which an answer of this job can arrive: it was queued there or before.
pub(super) fn while_job(model: &Model<'_>, job: &Name) -> Vec<bool> {
    let def = model.def;
    let mut seeds: Vec<Name> =
        def.states.iter().filter(|state| state.jobs.contains(job)).map(|state| state.name.clone()).collect();
    for track in &def.tracks {
        if track.states.iter().any(|state| state.jobs.contains(job)) {
            seeds.extend(states_in(def, &track.open_in).into_iter().cloned());
        }
    }
    for command in def.commands.iter().filter(|command| command.jobs.contains(job)) {
        seeds.extend(left_in(def, command));
    }
    after(def, seeds)
}

/// The main states in which the wait of a command can be over; `None` when that may be anywhere.
pub(super) fn once_waited(model: &Model<'_>, command: &Command, wait: &NotBefore) -> Option<Vec<bool>> {
    let def = model.def;
    let files = |command: &Command, record: &Name| command.all_records().any(|(kind, _)| kind == record);
    if wait.unless.as_ref().is_some_and(|record| files(command, record)) {
        return None;
    }
    let mut seeds = Vec::new();
    let mut records: Vec<&Name> = wait.unless.iter().collect();
    match &wait.after {
        // A paper may be filed at any time.
        MomentRef::Document(_) => return None,
        MomentRef::Field { record, .. } => records.push(record),
        MomentRef::State(state) if is_main(def, state) => seeds.push(state.clone()),
        MomentRef::State(state) => {
            for track in def.tracks.iter().filter(|track| track.states.get(state).is_some()) {
                seeds.extend(states_in(def, &track.open_in).into_iter().cloned());
            }
        }
    }
    for record in records {
        for command in def.commands.iter().filter(|command| files(command, record)) {
            seeds.extend(left_in(def, command));
        }
    }
    Some(after(def, seeds))
}
