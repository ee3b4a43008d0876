//! What the engine itself reports: a clock has reached a step, a job came back. Neither changes a person's position by
//! itself: they tell, they log, and they run clerical commands that the file declares for *System*.

use std::collections::BTreeMap;

use super::perform::{open_to_system, run_as_system};
use super::{Draft, approval};
use crate::actor::Actor;
use crate::case::act::{Act, JobReport, Perform, RecordNo};
use crate::case::clock::{self, Step};
use crate::case::event::{Change, ClockChange, EventKind, Incident, JobQueued, ProposalEnd, Told};
use crate::case::refusal::{Refusal, RefusalCode};
use crate::case::state::{Clock, ClockKey};
use crate::ids::Seq;
use crate::name::Name;
use crate::value::{Given, Protected, Value};
use crate::workflow::model::{Deadline, Fact, Job, JobAnswer, ValueType};

/// The longest code of an answer or fault that is kept, in bytes.
const LONGEST_CODE: usize = 64;

fn engine_only(draft: &Draft<'_>, about: &str, reasons: &mut Vec<Refusal>) {
    if draft.moment.actor != Actor::System {
        let text = "only the engine reports this";
        reasons.push(Refusal::new(RefusalCode::Role, about, text));
    }
}

/// A clock has reached its next step.
pub(super) fn step_clock(
    draft: &mut Draft<'_>,
    act: &Act,
    key: &ClockKey,
    step: u32,
    reasons: &mut Vec<Refusal>,
) {
    engine_only(draft, &key.to_string(), reasons);
    let case = draft.case.clone();
    let now = draft.moment.now;
    let running =
        case.clocks.get(key).filter(|clock| clock.step == step && clock.next.is_some_and(|next| next <= now));
    let Some(running) = running else {
        let text = format!("step {step} of the clock {key} is not due in this case");
        reasons.push(Refusal::new(RefusalCode::NotOpen, key.to_string(), text));
        return;
    };
    if !reasons.is_empty() {
        return;
    }
    match key {
        ClockKey::Proposal(number) => proposal(draft, act, key, *number, running),
        ClockKey::Deadline { name, subject } => {
            if let Some(deadline) = draft.def.deadlines.get(name) {
                ladder(draft, act, (key, *subject), deadline, running);
            }
        }
    }
}

/// The time of a proposal is over: it lapses; a countersignature that is late is called for instead.
fn proposal(draft: &mut Draft<'_>, act: &Act, key: &ClockKey, number: Seq, running: &Clock) {
    let afterwards = draft.case.proposals.get(&number).is_some_and(|proposal| proposal.afterwards);
    if afterwards {
        let mut entry = draft.entry(EventKind::DeadlinePassed, act);
        // The signature is called for again and again, each time after the span that it was given.
        let proposal = draft.case.proposals.get(&number);
        let asked = proposal.and_then(|proposal| approval::asked(draft.def, &draft.case, &proposal.act));
        let next = asked.and_then(|asked| {
            let calendar = clock::calendar_of(draft.def, &draft.case, asked.calendar.as_ref());
            clock::first_after(calendar, running.next?, asked.within?, draft.moment.now)
        });
        let now = Clock { passed: true, next, step: running.step.saturating_add(1), ..running.clone() };
        entry.changes.push(Change::Clock(ClockChange { clock: key.clone(), now }));
        entry.changes.extend(draft.case.office.clone().map(|office| tell(vec![office], key)));
        draft.push(entry);
    } else {
        let mut entry = draft.entry(EventKind::Lapsed, act);
        approval::close(draft, number, ProposalEnd::TimedOut, &mut entry.changes);
        draft.push(entry);
    }
}

fn tell(roles: Vec<Name>, key: &ClockKey) -> Change {
    Change::Told(Told { roles, about: key.to_string() })
}

fn ladder(
    draft: &mut Draft<'_>,
    act: &Act,
    (key, subject): (&ClockKey, Option<RecordNo>),
    deadline: &Deadline,
    running: &Clock,
) {
    let calendar = clock::calendar_of(draft.def, &draft.case, deadline.calendar.as_ref());
    let now = draft.moment.now;
    let after = clock::stepped(deadline, calendar, running, now);
    let due = running.due.unwrap_or(now);
    let step =
        clock::step_at(deadline, calendar, due, running.step, (running.next, now)).map(|(_, step)| step);
    let at_once = || deadline.late.iter().filter(|late| late.after.count == 0);
    let (kind, told, runs): (EventKind, Vec<Name>, Vec<Name>) = match step {
        Some(Step::Warn(told)) => (EventKind::DeadlineWarned, told.to_vec(), Vec::new()),
        Some(Step::Limit) | None => (
            EventKind::DeadlinePassed,
            at_once().flat_map(|late| late.tell.clone()).collect(),
            at_once().filter_map(|late| late.runs.clone()).collect(),
        ),
        Some(Step::Late(position)) => {
            let late = deadline.late.get(position);
            let told = late.map(|late| late.tell.clone()).unwrap_or_default();
            (EventKind::DeadlinePassed, told, late.and_then(|late| late.runs.clone()).into_iter().collect())
        }
        Some(Step::Repeat) => {
            let late = deadline.late.last();
            (EventKind::DeadlinePassed, late.map(|late| late.tell.clone()).unwrap_or_default(), Vec::new())
        }
    };
    let mut entry = draft.entry(kind, act);
    entry.basis.clone_from(&deadline.basis);
    entry.changes.push(Change::Clock(ClockChange { clock: key.clone(), now: after }));
    if !told.is_empty() {
        entry.changes.push(tell(told, key));
    }
    let first = draft.events.len();
    draft.push(entry);
    let mut done = runs.is_empty();
    for command in runs {
        // On a deadline of each record the command is about that record, if it moves one.
        let moves = draft.def.commands.get(&command).and_then(|command| draft.def.record_named(command));
        let instance = subject.filter(|_| moves.is_some());
        done |= run_as_system(draft, &Perform { instance, ..Perform::of(command) });
    }
    // The command of the ladder was not open: the log says "not needed", and the ladder goes on.
    if !done && let Some(event) = draft.events.get_mut(first) {
        event.kind = EventKind::DeadlineNotNeeded;
    }
}

/// A job came back.
pub(super) fn report_job(
    draft: &mut Draft<'_>,
    queued: Seq,
    name: &Name,
    report: &JobReport,
    reasons: &mut Vec<Refusal>,
) {
    engine_only(draft, name, reasons);
    let waiting = JobQueued { job: name.clone(), queued };
    let Some(job) = draft.def.jobs.get(name).filter(|_| draft.case.jobs.contains(&waiting)) else {
        let text = format!("the case no longer waits for the job {name} of event {queued}");
        reasons.push(Refusal::new(RefusalCode::NotOpen, name.as_str(), text));
        return;
    };
    if !reasons.is_empty() {
        return;
    }
    let report = &kept(draft, job, report);
    let kind = match report {
        JobReport::Done { .. } | JobReport::Answered { .. } => EventKind::JobDone,
        JobReport::Failed { .. } => EventKind::JobFailed,
    };
    let act = Act::ReportJob { queued, job: name.clone(), report: report.clone() };
    let mut entry = draft.entry(kind, &act);
    // A job that gave up may be let run again, and its answer is still waited for.
    if kind == EventKind::JobDone {
        entry.changes.push(Change::JobClosed(waiting));
    }
    let mut next: Option<Perform> = None;
    match report {
        JobReport::Done { code, .. } | JobReport::Answered { code, .. } => {
            match (answer(job, code.as_deref()), code) {
                (Some(answer), _) => {
                    let mut perform = Perform::of(answer.runs.clone());
                    perform.outcome.clone_from(&answer.outcome);
                    for (fact, field) in &answer.with {
                        let given = draft.def.facts.get(fact).and_then(|fact| given(fact, field, report));
                        perform.answers.extend(given.map(|given| (fact.clone(), given)));
                    }
                    next = Some(perform);
                }
                (None, Some(code)) => {
                    entry.changes.extend(incident("unknown-answer", &format!("{name}: {code}"), job));
                }
                (None, None) if !job.answers.is_empty() => {
                    entry.changes.extend(incident("unknown-answer", name, job));
                }
                (None, None) => {}
            }
        }
        JobReport::Failed { fault, .. } => {
            entry.changes.extend(incident("job-failed", &format!("{name}: {fault}"), job));
            if !job.fails_tell.is_empty() {
                let told = Told { roles: job.fails_tell.clone(), about: name.to_string() };
                entry.changes.push(Change::Told(told));
            }
            next = job.fails_run.clone().map(Perform::of);
        }
    }
    let late = next.as_ref().is_some_and(|perform| open_to_system(draft, perform).is_none());
    if late && kind == EventKind::JobDone {
        // The case has moved on: the answer is kept in the log and changes nothing.
        entry.changes.extend(incident("late-answer", name, job));
        next = None;
    }
    draft.push(entry);
    if let Some(perform) = next {
        run_as_system(draft, &perform);
    }
}

fn answer<'a>(job: &'a Job, code: Option<&str>) -> Option<&'a JobAnswer> {
    let code = code?;
    job.answers.iter().find(|answer| answer.code == code)
}

/// A report as the log keeps it: no field that no command asks for, and none of a protected fact in the clear.
fn kept(draft: &Draft<'_>, job: &Job, report: &JobReport) -> JobReport {
    let (code, came) = match report {
        JobReport::Done { code, fields } if answer(job, code.as_deref()).is_some() => (code, fields),
        JobReport::Done { code, fields } => (&code.as_deref().map(bearable), fields),
        JobReport::Failed { attempts, fault } => {
            return JobReport::Failed { attempts: *attempts, fault: bearable(fault) };
        }
        JobReport::Answered { .. } => return report.clone(),
    };
    let (mut fields, mut protected) = (BTreeMap::new(), BTreeMap::new());
    for (fact, field) in answer(job, code.as_deref()).into_iter().flat_map(|answer| &answer.with) {
        let Some(text) = came.get(field) else { continue };
        if draft.def.facts.get(fact).is_some_and(Fact::is_protected) {
            let read = draft.def.facts.get(fact).and_then(|fact| value(fact, text));
            protected.extend(read.map(|value| (field.clone(), Protected::Clear(value))));
        } else {
            fields.insert(field.clone(), text.clone());
        }
    }
    if protected.is_empty() {
        JobReport::Done { code: code.clone(), fields }
    } else {
        fields.retain(|field, _| !protected.contains_key(field));
        JobReport::Answered { code: code.clone(), fields, protected }
    }
}

/// A code from outside as it may stand clear in the log: a short word, or only that it was none.
fn bearable(code: &str) -> String {
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    if code.len() <= LONGEST_CODE && code.chars().all(word) {
        code.to_owned()
    } else {
        "unreadable".to_owned()
    }
}

/// What a fact gets from a report that the log keeps.
fn given(fact: &Fact, field: &str, report: &JobReport) -> Option<Given> {
    match report {
        JobReport::Answered { protected, .. } if fact.is_protected() => {
            protected.get(field).cloned().map(Given::Protected)
        }
        JobReport::Answered { fields, .. } | JobReport::Done { fields, .. } => {
            value(fact, fields.get(field)?).filter(|_| !fact.is_protected()).map(Given::Is)
        }
        JobReport::Failed { .. } => None,
    }
}

fn incident(what: &str, about: &str, job: &Job) -> Option<Change> {
    let what = Name::new(what).ok()?;
    Some(Change::Incident(Incident { what, about: about.to_owned(), tell: job.fails_tell.clone() }))
}

/// A field of an answer as a value of the fact it goes to.
fn value(fact: &Fact, text: &str) -> Option<Value> {
    Some(match &fact.value {
        ValueType::Flag => Value::Flag(match text {
            "yes" | "true" => true,
            "no" | "false" => false,
            _ => return None,
        }),
        ValueType::Choice(values) => {
            Value::Choice(values.get(text).or_else(|| values.get("other"))?.name.clone())
        }
        ValueType::Number => Value::number(text.parse().ok()?)?,
        ValueType::Date => Value::Date(text.parse().ok()?),
        ValueType::Instant => Value::Instant(text.parse().ok()?),
        ValueType::Text => Value::Text(text.to_owned()),
        ValueType::Person => Value::Person(text.to_owned()),
        ValueType::Place => Value::Place(text.to_owned()),
        ValueType::Reference => Value::Reference(text.to_owned()),
        ValueType::Official => Value::Official(text.parse().ok()?),
        ValueType::Range | ValueType::Money => return None,
    })
}
