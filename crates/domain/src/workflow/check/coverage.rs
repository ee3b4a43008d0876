//! E-deadline, E-exit and E-final: every state has a clock, a way in, and ends are ends.

use std::collections::{BTreeMap, BTreeSet};

use crate::name::Name;
use crate::workflow::check::known;
use crate::workflow::finding::{CheckId, Finding, Place};
use crate::workflow::model::{
    Ask, Branch, CalendarRef, Command, Deadline, Definition, From, LimitPart, Machine, MomentRef, State,
    Target, Term,
};
use crate::workflow::read::finding;

/// The findings of this file.
pub fn findings(definition: &Definition) -> Vec<Finding> {
    let mut found = Vec::new();
    let certain = Certain::of(definition);
    deadlines(definition, &certain, &mut found);
    exits(definition, &certain, &mut found);
    finals(definition, &mut found);
    found
}

/// Whether a deadline runs in every case that waits in this state.
fn covers(definition: &Definition, deadline: &Deadline, machine: &Machine, state: &Name) -> bool {
    let names = match machine {
        Machine::Main => deadline.machine == Machine::Main && deadline.while_in.contains(definition, state),
        Machine::Track(_) => {
            matches!(&deadline.while_in, crate::workflow::model::States::These(names) if names.contains(state))
        }
    };
    names && deadline.machine == *machine
}

/// What is known of the clocks of a state.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Clock {
    /// None names it.
    Missing,
    /// Those that name it run only under a condition, or only for a record.
    Conditional,
    /// Those that name it may have no date to count to, as the last of them.
    Dateless(Name),
    /// One runs in every case that waits there.
    Runs,
}

/// What certainly stands when a case is in a main state: facts with a value, and what has been filed.
struct Certain {
    facts: BTreeMap<Name, BTreeSet<Name>>,
    filed: BTreeMap<Name, BTreeSet<Filed>>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Filed {
    Record(Name),
    Document(Name),
}

impl Certain {
    fn of(definition: &Definition) -> Self {
        let filed = known::certain(definition, &BTreeSet::new(), &|command, branch, before| {
            let mut filed = before.clone();
            let asked = command.records.iter().chain(&branch.records);
            filed.extend(
                asked
                    .filter(|(_, ask)| *ask == Ask::Required)
                    .map(|(record, _)| Filed::Record(record.clone())),
            );
            // What has happened is recorded without its papers too.
            if !command.irregular {
                filed.extend(
                    command.needs.iter().chain(&branch.needs).map(|paper| Filed::Document(paper.clone())),
                );
            }
            filed
        });
        Self { facts: known::flow(definition), filed }
    }

    /// Whether the deadline has a date from the moment a case enters this state.
    fn dates(&self, definition: &Definition, deadline: &Deadline, machine: &Machine, state: &Name) -> bool {
        let mains: Vec<&Name> = match machine {
            Machine::Main => vec![state],
            Machine::Track(track) => definition
                .tracks
                .get(track)
                .map(|track| known::states_in(definition, &track.open_in))
                .unwrap_or_default(),
        };
        // A state that is never entered is reported elsewhere.
        let entered = |filed: &Filed| {
            mains.iter().filter_map(|main| self.filed.get(*main)).all(|certain| certain.contains(filed))
        };
        let calendar = match &deadline.calendar {
            Some(CalendarRef::ByFact(fact)) => {
                mains.iter().filter_map(|main| self.facts.get(*main)).all(|known| known.contains(fact))
            }
            Some(CalendarRef::Named(_)) | None => true,
        };
        calendar
            && match &deadline.term {
                Term::Within(_) | Term::UntilAuthority => true,
                Term::Until(MomentRef::Field { field, record }) => {
                    let fields = definition.records.get(record).map(|record| &record.fields);
                    let given = fields
                        .and_then(|fields| fields.get(field))
                        .is_some_and(|field| field.may_be.is_empty());
                    given && entered(&Filed::Record(record.clone()))
                }
                Term::Until(MomentRef::Document(paper)) => entered(&Filed::Document(paper.clone())),
                Term::Until(MomentRef::State(other)) => other == state,
                Term::UntilLimitOf(record) => {
                    let total = definition
                        .records
                        .get(record)
                        .and_then(|record| record.limit.as_ref()?.total.as_ref());
                    // A ceiling made only of numbers that may be missing has no length.
                    let long = total.is_some_and(|total| {
                        total.parts.iter().any(|part| matches!(part, LimitPart::Span(_)))
                    });
                    long && entered(&Filed::Record(record.clone()))
                }
            }
    }
}

fn clock_of(definition: &Definition, certain: &Certain, machine: &Machine, state: &Name) -> Clock {
    let mut best = Clock::Missing;
    for deadline in
        definition.deadlines.iter().filter(|deadline| covers(definition, deadline, machine, state))
    {
        // A deadline per record on the main line runs only where there is a record.
        let always = deadline.guard.is_always() && (*machine != Machine::Main || deadline.per.is_none());
        if !always {
            if best == Clock::Missing {
                best = Clock::Conditional;
            }
        } else if certain.dates(definition, deadline, machine, state) {
            return Clock::Runs;
        } else {
            best = Clock::Dateless(deadline.name.clone());
        }
    }
    best
}

fn deadlines(definition: &Definition, certain: &Certain, found: &mut Vec<Finding>) {
    let mut report = |place: Place, machine: &Machine, state: &Name, reason: Option<&String>| {
        if reason.is_some() {
            return;
        }
        let message = match clock_of(definition, certain, machine, state) {
            Clock::Runs => return,
            Clock::Conditional => format!("the state `{state}` has a deadline only under a condition"),
            Clock::Dateless(deadline) => format!(
                "the state `{state}` has the deadline `{deadline}`, which may have no date to count to there"
            ),
            Clock::Missing => format!("the state `{state}` has no deadline"),
        };
        let mut one = finding(place, CheckId::Deadline, state, message);
        one.hint = Some(format!("add a deadline `while: {state}`, or give the reason under `no-deadline`"));
        found.push(one);
    };
    for state in definition.states.iter().filter(|state| state.final_outcome.is_none()) {
        report(state.place, &Machine::Main, &state.name, state.no_deadline.as_ref());
    }
    for track in &definition.tracks {
        for state in track.states.iter().filter(|state| !state.is_final) {
            report(state.place, &Machine::Track(track.name.clone()), &state.name, state.no_deadline.as_ref());
        }
    }
}

/// Whether a command may be given in a main state.
fn open_in(command: &Command, state: &State) -> bool {
    match &command.from {
        From::New => false,
        From::EveryState => state.final_outcome.is_none(),
        From::Always => true,
        From::States(machine, states) => *machine == Machine::Main && states.contains(&state.name),
    }
}

fn exits(definition: &Definition, certain: &Certain, found: &mut Vec<Finding>) {
    let entered = |name: &Name| {
        let targets =
            definition.commands.iter().flat_map(Command::branches).map(|(_, branch)| &branch.target);
        let by_command =
            targets.into_iter().any(|target| matches!(target, Target::To(states) if states.contains(name)));
        by_command || definition.corrections.annul.iter().any(|annul| annul.returns_to == *name)
    };
    for state in &definition.states {
        if !entered(&state.name) {
            let message = format!("no command leads to the state `{}`", state.name);
            found.push(finding(state.place, CheckId::Exit, &state.name, message));
        }
        let leaves = |branch: &Branch| match &branch.target {
            Target::Stays => false,
            Target::Back => true,
            Target::To(states) => {
                states.iter().any(|to| *to != state.name && definition.states.get(to).is_some())
            }
        };
        let way_out = || {
            let mut open = definition.commands.iter().filter(|command| open_in(command, state));
            open.any(|command| {
                let exceptional = |branch: &Branch| match &branch.target {
                    Target::To(states) => {
                        states.iter().filter_map(|to| definition.states.get(to)).any(|to| to.exceptional)
                    }
                    Target::Stays | Target::Back => false,
                };
                // Death or release by court order is no exit from a suspended state.
                command.branches().iter().any(|(_, branch)| leaves(branch) && !exceptional(branch))
            })
        };
        if state.suspended && !way_out() {
            let message = format!("no command leads out of the suspended state `{}`", state.name);
            let mut one = finding(state.place, CheckId::Exit, &state.name, message);
            one.hint = Some("add a command with `to: back`".to_owned());
            found.push(one);
        }
        let ceiling =
            || definition.records.iter().any(|record| record.covers.is_some() && record.limit.is_some());
        let clock = || clock_of(definition, certain, &Machine::Main, &state.name) == Clock::Runs;
        if state.held && state.final_outcome.is_none() && !clock() && !ceiling() {
            let message = format!(
                "a person is held in `{}`, and neither a deadline nor a ceiling of authority runs there",
                state.name
            );
            found.push(finding(state.place, CheckId::Exit, &state.name, message));
        }
    }
    for track in &definition.tracks {
        for state in track.states.iter().filter(|state| state.name != track.begins && !entered(&state.name)) {
            let message =
                format!("no command leads to the state `{}` of the track `{}`", state.name, track.name);
            found.push(finding(state.place, CheckId::Exit, &state.name, message));
        }
    }
}

/// Ends of the main line; a track that is final may be opened again by its own commands.
fn finals(definition: &Definition, found: &mut Vec<Finding>) {
    for state in definition.states.iter().filter(|state| state.final_outcome.is_some()) {
        for command in definition.commands.iter().filter(|command| open_in(command, state)) {
            for (_, branch) in command.branches() {
                let moves = match &branch.target {
                    Target::Stays => false,
                    Target::Back => true,
                    Target::To(states) => states.iter().any(|to| definition.states.get(to).is_some()),
                };
                if moves && !branch.reopens && !command.reopens {
                    let message = format!(
                        "`{}` leads out of the end `{}` without `reopens: true`",
                        command.name, state.name
                    );
                    found.push(finding(branch.place, CheckId::Final, &command.name, message));
                }
            }
        }
    }
    if definition.states.iter().all(|state| state.final_outcome.is_none()) {
        found.push(finding(
            Place::default(),
            CheckId::Final,
            "states",
            "no state is final: a case could never end",
        ));
    } else if definition.keep_for.is_none() {
        let mut one = finding(
            Place::default(),
            CheckId::Final,
            "keep-for",
            "the file does not say how long ended cases are kept",
        );
        one.hint = Some("write `keep-for: {after: final, years: 50, then: archive}`".to_owned());
        found.push(one);
    }
    for annul in &definition.corrections.annul {
        let from_end = annul
            .while_in
            .iter()
            .filter_map(|state| definition.states.get(state))
            .any(|state| state.final_outcome.is_some());
        if from_end && !annul.reopens {
            let message =
                format!("annulling `{}` leads out of an end without `reopens: true`", annul.command);
            found.push(finding(annul.place, CheckId::Final, &annul.command, message));
        }
    }
}
