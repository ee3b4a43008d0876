//! Form rules between things: E-irregular (what an irregular fact may do, and that an arrival can be recorded), E-shape
//! (an opening that waits for signatures), E-type (commands of tracks per record), E-jobs (retry and failure route).

use crate::calendar::Span;
use crate::name::Name;
use crate::workflow::check::ladder::{Order, order};
use crate::workflow::finding::{CheckId, Finding};
use crate::workflow::guard::Guard;
use crate::workflow::model::{Command, Definition, From, Machine, Target, Track};
use crate::workflow::read::finding;

/// The findings of this file.
pub fn findings(definition: &Definition) -> Vec<Finding> {
    let mut found = Vec::new();
    irregular(definition, &mut found);
    openings(definition, &mut found);
    per_record(definition, &mut found);
    jobs(definition, &mut found);
    found
}

fn irregular(definition: &Definition, found: &mut Vec<Finding>) {
    for command in definition.commands.iter().filter(|command| command.irregular) {
        let name = &command.name;
        for (_, branch) in command.branches() {
            let Target::To(states) = &branch.target else { continue };
            for end in states.iter().filter_map(|to| definition.states.get(to)) {
                if end.final_outcome.is_some() && !end.exceptional {
                    let message = format!(
                        "`{name}` records a fact (`irregular`) and may not lead to the normal end `{}`",
                        end.name
                    );
                    found.push(finding(branch.place, CheckId::Irregular, name, message));
                }
            }
        }
        if command.when.is_some() || command.by.iter().any(|role| role == "system") {
            let message = format!(
                "`{name}` records what has happened to a person (`irregular`), so a person must say so"
            );
            found.push(finding(command.place, CheckId::Irregular, name, message));
        }
    }
}

/// A case cannot wait for signatures before there is one; and where people are held, the arrival of somebody whom no
/// list announced can be recorded.
fn openings(definition: &Definition, found: &mut Vec<Finding>) {
    let openings = || definition.commands.iter().filter(|command| command.from == From::New);
    for command in openings().filter(|command| command.approval.is_some() && !command.irregular) {
        let name = &command.name;
        let message =
            format!("`{name}` opens the case and waits for signatures (`approval`), so it is always refused");
        let mut one = finding(command.place, CheckId::Shape, name, message);
        one.hint = Some("let a second command ask for the signatures".to_owned());
        found.push(one);
    }
    if let Some(held) = definition.states.iter().find(|state| state.held && state.final_outcome.is_none())
        && !openings().any(|command| command.irregular)
    {
        let message = format!(
            "people are held in `{}`, and no `irregular` command `from: new` can record an arrival that nobody announced",
            held.name
        );
        found.push(finding(held.place, CheckId::Irregular, &held.name, message));
    }
}

/// The track per record that a command belongs to.
fn per_track<'d>(definition: &'d Definition, command: &Command) -> Option<(&'d Track, &'d Name)> {
    let From::States(Machine::Track(track), _) = &command.from else { return None };
    let track = definition.tracks.get(track)?;
    Some((track, track.per.as_ref()?))
}

/// LANGUAGE 4.4: a command in a track per record names one record, moves only that one, sets no facts and reads no other
/// record of that kind.
fn per_record(definition: &Definition, found: &mut Vec<Finding>) {
    for command in &definition.commands {
        let name = &command.name;
        let own = per_track(definition, command);
        for (_, branch) in command.branches() {
            if let Target::To(states) = &branch.target {
                for state in states {
                    let Some(Machine::Track(other)) = definition.machine_of(state) else {
                        if let Some((track, record)) = own {
                            let message = format!(
                                "`{name}` acts on one `{record}` of the track `{}`, so it cannot move the main line",
                                track.name
                            );
                            found.push(finding(branch.place, CheckId::Type, name, message));
                        }
                        continue;
                    };
                    let Some(target) = definition.tracks.get(&other) else { continue };
                    if target.per.is_some() && own.is_none_or(|(track, _)| track.name != other) {
                        let message = format!(
                            "`{name}` names no record of the track `{other}`, so it cannot move one to `{state}`"
                        );
                        found.push(finding(branch.place, CheckId::Type, name, message));
                    } else if let Some((track, record)) = own
                        && track.name != other
                    {
                        let message = format!(
                            "`{name}` acts on one `{record}` of the track `{}`, so it cannot move the track `{other}`",
                            track.name
                        );
                        found.push(finding(branch.place, CheckId::Type, name, message));
                    }
                }
            }
        }
        let Some((track, record)) = own else { continue };
        let asked = command.asks.iter().map(|(fact, _)| (fact, "ask for"));
        let branches = command.branches();
        if let Some((fact, how)) = asked.chain(command.all_sets().map(|(fact, _)| (fact, "set"))).next() {
            let message = format!(
                "`{name}` acts on one `{record}` of the track `{}`, so it cannot {how} the fact `{fact}`",
                track.name
            );
            found.push(finding(command.place, CheckId::Type, name, message));
        }
        let own_guards = std::iter::once(&command.guard).chain(command.when.as_ref());
        let guards = own_guards.chain(branches.iter().map(|(_, branch)| &branch.guard));
        if guards.into_iter().any(|guard| reads(definition, guard, record)) {
            let message =
                format!("`{name}` acts on one `{record}`, so its guard cannot ask about the others");
            found.push(finding(command.place, CheckId::Type, name, message));
        }
    }
}

fn reads(definition: &Definition, guard: &Guard, record: &Name) -> bool {
    match guard {
        Guard::Or(parts) | Guard::And(parts) => parts.iter().any(|part| reads(definition, part, record)),
        Guard::Not(inner) => reads(definition, inner, record),
        Guard::Records(_, other, _) | Guard::Sum { record: other, .. } => other == record,
        Guard::Holds(rule) => {
            definition.rules.get(rule).is_some_and(|rule| reads(definition, &rule.guard, record))
        }
        Guard::Is(..)
        | Guard::IsNot(..)
        | Guard::Either(..)
        | Guard::Known(..)
        | Guard::Compare(..)
        | Guard::At(_)
        | Guard::Filed(_)
        | Guard::Passed(_)
        | Guard::AuthorityLapsed
        | Guard::Since(..) => false,
    }
}

fn jobs(definition: &Definition, found: &mut Vec<Finding>) {
    let mut report =
        |place, name: &Name, message: String| found.push(finding(place, CheckId::Jobs, name, message));
    for job in &definition.jobs {
        let name = &job.name;
        if job.fails_tell.is_empty() && job.fails_run.is_none() {
            report(
                job.place,
                name,
                format!("when the job `{name}` fails for good nobody is told and nothing is done"),
            );
        }
        if job.attempt_limit.count == 0 {
            report(job.place, name, format!("an attempt of the job `{name}` has no time (`attempt-limit`)"));
        }
        if job.retry_times > 0 && job.first_wait.is_none_or(|wait: Span| wait.count == 0) {
            report(
                job.place,
                name,
                format!("the job `{name}` is tried again without a wait: state `first-wait`"),
            );
        }
        match (job.first_wait, job.doubles_to) {
            (None, Some(_)) => {
                report(job.place, name, format!("`doubles-to` of the job `{name}` needs a `first-wait`"));
            }
            (Some(first), Some(last)) if order(last, first) == Order::Before => {
                report(
                    job.place,
                    name,
                    format!("the waits of the job `{name}` double from {first} to {last}, which is less"),
                );
            }
            (None | Some(_), None | Some(_)) => {}
        }
    }
}
