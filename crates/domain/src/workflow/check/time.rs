//! E-time: minimum waits fit into maximum times, warnings come before the limit, retries end before the limit that waits
//! for them.
//!
//! A way through a machine is a simple temporal network: each move is a moment, moments do not go back, a `not-before` is
//! a least distance and a limit a greatest one. The way can be gone in time exactly if the network has no negative cycle
//! (Bellman-Ford). Ways without a repeated state are looked at, from each command that waits back as far as its wait or a
//! limit that holds there reaches; conditions are not looked at. Told is only what is certain: a span counts with the least time it can take as a
//! wait, and with the most as a limit, over every day its calendar covers.
//!
//! A paper that a wait counts from may be filed as soon as the case is where a command that needs it is given; if none on
//! the way needs it but some other does, it may have been filed before. Limits with a condition, a pause, a beginning
//! that is not a state, or per record, and waits with `unless`, are not certain and are left out.

mod bounds;
mod network;
mod ways;

use crate::calendar::{Rule, Span};
use crate::workflow::check::ladder::{Order, order};
use crate::workflow::finding::{CheckId, Finding};
use crate::workflow::model::{
    CalendarRef, Command, Deadline, Definition, From, Job, Machine, MomentRef, Term,
};
use crate::workflow::read::finding;
use bounds::Bounds;

/// The findings of this file.
pub fn findings(definition: &Definition) -> Vec<Finding> {
    let bounds = Bounds::of(definition);
    let mut found = Vec::new();
    warnings(definition, &mut found);
    retries(definition, &bounds, &mut found);
    let machines = std::iter::once(Machine::Main)
        .chain(definition.tracks.iter().map(|track| Machine::Track(track.name.clone())));
    for machine in machines {
        ways::findings(definition, &bounds, &machine, &mut found);
    }
    found
}

/// The least and the most seconds that a span takes, over every day its calendar covers; nothing where nobody can say.
pub(in crate::workflow) fn bounds_of(
    definition: &Definition,
    span: Span,
    calendar: Option<&CalendarRef>,
    rule: &Rule,
) -> Option<(i64, i64)> {
    Bounds::of(definition).span(span, calendar, rule)
}

fn warnings(definition: &Definition, found: &mut Vec<Finding>) {
    for deadline in &definition.deadlines {
        let Term::Within(within) = deadline.term else { continue };
        for warn in &deadline.warn {
            if matches!(order(warn.before, within), Order::Same | Order::After) {
                let message = format!(
                    "`{}` warns {} before a limit of {within}, which is before it begins",
                    deadline.name, warn.before
                );
                found.push(finding(deadline.place, CheckId::Time, &deadline.name, message));
            }
        }
    }
}

/// A job whose answer leads out of a state, and a limit there that passes before the last try is over.
fn retries(definition: &Definition, bounds: &Bounds<'_>, found: &mut Vec<Finding>) {
    for job in &definition.jobs {
        let runs: Vec<&Command> = job
            .answers
            .iter()
            .map(|answer| &answer.runs)
            .chain(&job.fails_run)
            .filter_map(|name| definition.commands.get(name))
            .collect();
        let Some(tries) = tries(job) else { continue };
        for state in definition.states.iter().filter(|state| state.jobs.contains(&job.name)) {
            let waits_for_it = runs.iter().any(|command| match &command.from {
                From::States(Machine::Main, names) => names.contains(&state.name),
                From::EveryState | From::Always => true,
                From::States(Machine::Track(_), _) | From::New => false,
            });
            if !waits_for_it {
                continue;
            }
            for deadline in &definition.deadlines {
                let Some(most) = certain(deadline).and_then(|within| bounds.limit(deadline, within)) else {
                    continue;
                };
                let here = deadline.machine == Machine::Main
                    && deadline.while_in.contains(definition, &state.name)
                    && deadline.since.is_none();
                if !here || tries <= most {
                    continue;
                }
                let message = format!(
                    "the last try of the job `{}`, whose answer `{}` waits for, ends after {} hours, when `{}` has passed",
                    job.name,
                    state.name,
                    tries / 3_600,
                    deadline.name
                );
                let mut one = finding(job.place, CheckId::Time, &job.name, message);
                one.hint = Some("fewer tries or shorter waits, or a longer limit".to_owned());
                found.push(one);
            }
        }
    }
}

/// The least seconds from the first try to the end of the last, when each takes its limit.
fn tries(job: &Job) -> Option<i64> {
    let attempt = bounds::elapsed(job.attempt_limit)?;
    let ceiling = job.doubles_to.map_or(Some(i64::MAX), bounds::elapsed)?;
    let mut wait = job.first_wait.map_or(Some(0), bounds::elapsed)?;
    let mut total = attempt;
    for _ in 0..job.retry_times.min(10_000) {
        total = total.saturating_add(wait).saturating_add(attempt);
        wait = if job.doubles_to.is_some() { wait.saturating_mul(2).min(ceiling) } else { wait };
    }
    Some(total)
}

/// The span of a limit that holds for every case, counted from the entry into its states or into the state it names.
fn certain(deadline: &Deadline) -> Option<Span> {
    let plain = deadline.guard.is_always() && deadline.pauses_while.is_none() && deadline.per.is_none();
    let from_state = deadline.since.as_ref().is_none_or(|since| matches!(since, MomentRef::State(_)));
    match deadline.term {
        Term::Within(within) if plain && from_state => Some(within),
        Term::Within(_) | Term::Until(_) | Term::UntilAuthority | Term::UntilLimitOf(_) => None,
    }
}
