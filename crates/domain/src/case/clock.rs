//! Clocks: when a limit is, when its next step is, and which clocks a case has now.
//!
//! Everything here is computed from the definition and the folded case and written into the log, so that a deadline row
//! that was changed by hand shows when the log is folded again.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Span as JiffSpan, Timestamp};
use qadiya_ledger::Hash;

use crate::calendar::{Calendar, Ends, IfNotWorking, MonthEnd, Rule, Span, Unit};
use crate::case::act::RecordNo;
use crate::case::cover::ceiling;
use crate::case::state::{Case, Clock, ClockKey};
use crate::case::view::CaseView;
use crate::name::Name;
use crate::value::{Given, Value};
use crate::workflow::Definition;
use crate::workflow::model::{CalendarRef, Deadline, Machine, MomentRef, Term, TrackState};

/// A step of a ladder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step<'a> {
    /// A warning before the limit.
    Warn(&'a [Name]),
    /// The limit, with the late steps that come at once.
    Limit,
    /// A later step, by its position under `late`.
    Late(usize),
    /// The last step again.
    Repeat,
}

/// The steps of a deadline in order: warnings, the limit, late steps; without repetitions.
pub(crate) fn ladder<'a>(
    deadline: &'a Deadline,
    calendar: Option<&Calendar>,
    due: Timestamp,
) -> Vec<(Timestamp, Step<'a>)> {
    let mut steps: Vec<(Timestamp, Step<'a>)> = deadline
        .warn
        .iter()
        .filter_map(|warn| Some((shift(calendar, due, warn.before, false)?, Step::Warn(&warn.tell))))
        .collect();
    steps.sort_by_key(|(at, _)| *at);
    steps.push((due, Step::Limit));
    let late = deadline.late.iter().enumerate().filter(|(_, late)| late.after.count > 0);
    let mut late: Vec<(Timestamp, Step<'a>)> = late
        .filter_map(|(at, late)| Some((shift(calendar, due, late.after, true)?, Step::Late(at))))
        .collect();
    late.sort_by_key(|(at, _)| *at);
    steps.extend(late);
    steps
}

/// The instant of a step, counted over the ladder and its repetitions. A repetition comes at the first of its instants
/// after `after`: those that nobody saw in time are not made up for one by one.
pub(crate) fn step_at<'a>(
    deadline: &'a Deadline,
    calendar: Option<&Calendar>,
    due: Timestamp,
    number: u32,
    (last, after): (Option<Timestamp>, Timestamp),
) -> Option<(Timestamp, Step<'a>)> {
    let steps = ladder(deadline, calendar, due);
    let position = usize::try_from(number).ok()?;
    if let Some(step) = steps.get(position) {
        return Some(step.clone());
    }
    let repeat = deadline.repeat?;
    let from = last.or_else(|| steps.last().map(|(at, _)| *at))?;
    Some((first_after(calendar, from, repeat, after)?, Step::Repeat))
}

/// The first instant after `after` that is reached from `from` by whole spans, at least one.
pub(crate) fn first_after(
    calendar: Option<&Calendar>,
    from: Timestamp,
    every: Span,
    after: Timestamp,
) -> Option<Timestamp> {
    let mut at = shift(calendar, from, every, true)?;
    if matches!(every.unit, Unit::Seconds | Unit::Minutes | Unit::Hours) {
        let length = at.duration_since(from).as_secs();
        let missed = after.duration_since(from).as_secs().checked_div(length)?.max(0);
        let skip = length.checked_mul(missed.checked_add(1)?)?;
        return from.checked_add(SignedDuration::from_secs(skip)).ok();
    }
    while at <= after {
        at = shift(calendar, at, every, true).filter(|next| *next > at)?;
    }
    Some(at)
}

/// An instant moved by a span, on the wall clock of the calendar for civil units.
pub(crate) fn shift(
    calendar: Option<&Calendar>,
    at: Timestamp,
    span: Span,
    forward: bool,
) -> Option<Timestamp> {
    let count = i64::from(span.count);
    let elapsed = |seconds: i64| {
        let span = SignedDuration::from_secs(count.checked_mul(seconds)?);
        if forward { at.checked_add(span).ok() } else { at.checked_sub(span).ok() }
    };
    let zone = calendar.map_or(jiff::tz::TimeZone::UTC, |calendar| calendar.zone().clone());
    let civil = |by: JiffSpan| {
        let zoned = at.to_zoned(zone.clone());
        let moved = if forward { zoned.checked_add(by) } else { zoned.checked_sub(by) };
        moved.ok().map(|zoned| zoned.timestamp())
    };
    match span.unit {
        Unit::Seconds => elapsed(1),
        Unit::Minutes => elapsed(60),
        Unit::Hours => elapsed(3_600),
        Unit::Days => civil(JiffSpan::new().try_days(count).ok()?),
        Unit::Weeks => civil(JiffSpan::new().try_weeks(count).ok()?),
        Unit::Months => civil(JiffSpan::new().try_months(count).ok()?),
        Unit::Years => civil(JiffSpan::new().try_years(count).ok()?),
        Unit::WorkingDays => match calendar {
            Some(calendar) => working(calendar, at, span.count, forward),
            // Which calendar it is is not known yet: days, which never end later.
            None => civil(JiffSpan::new().try_days(count).ok()?),
        },
    }
}

fn working(calendar: &Calendar, at: Timestamp, count: u32, forward: bool) -> Option<Timestamp> {
    let mut zoned = at.to_zoned(calendar.zone().clone());
    let mut left = count;
    let day = JiffSpan::new().days(1);
    while left > 0 {
        zoned = if forward { zoned.checked_add(day) } else { zoned.checked_sub(day) }.ok()?;
        if calendar.is_working(zoned.date()) {
            left = left.saturating_sub(1);
        }
    }
    Some(zoned.timestamp())
}

/// The calendar that counts in this case; `None` while the fact that says which has no value.
pub(crate) fn calendar_of<'a>(
    def: &'a Definition,
    case: &Case,
    which: Option<&CalendarRef>,
) -> Option<&'a Calendar> {
    let name = match which? {
        CalendarRef::Named(name) => name,
        CalendarRef::ByFact(fact) => match case.facts.get(fact).and_then(Given::value) {
            Some(Value::Choice(name)) => name,
            Some(_) | None => return None,
        },
    };
    def.calendars.get(name).map(AsRef::as_ref)
}

/// When a span ends that starts now, by a rule; `None` when the calendar does not tell, or is not known yet.
pub(crate) fn ends(
    calendar: Option<&Calendar>,
    start: Timestamp,
    span: &Span,
    rule: &Rule,
) -> Option<Timestamp> {
    match calendar {
        Some(calendar) => calendar.due(start, span, rule).ok(),
        None if span.unit == Unit::WorkingDays => None,
        None => shift(None, start, *span, true),
    }
}

/// When a limit is that starts now. A calendar that does not cover the year, or that is not known yet, must not leave a
/// clock without a limit: then working days count as days and nothing is moved, which never gives a later limit than the
/// right one, but for `if-not-working: previous`.
pub(crate) fn limit(
    calendar: Option<&Calendar>,
    start: Timestamp,
    span: &Span,
    rule: &Rule,
) -> Option<Timestamp> {
    ends(calendar, start, span, rule).or_else(|| {
        let unit = if span.unit == Unit::WorkingDays { Unit::Days } else { span.unit };
        let (rule, span) = (
            Rule { if_not_working: IfNotWorking::Same, month_end: MonthEnd::Earlier, ..*rule },
            Span { unit, ..*span },
        );
        match calendar {
            Some(calendar) => calendar.due(start, &span, &rule).ok(),
            None => shift(None, start, span, true),
        }
    })
}

/// What a day stands for, when a moment is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DayEdge {
    /// Its first instant: a span is counted from the day.
    Begin,
    /// The first instant after it: the day itself still belongs to the time that it ends.
    End,
}

/// The instant a value stands for, if it has to do with time: of a range its end, of a day one of its edges.
pub(crate) fn instant(value: &Value, calendar: Option<&Calendar>, edge: DayEdge) -> Option<Timestamp> {
    match value {
        Value::Instant(at) => Some(*at),
        Value::Range(range) => Some(range.until),
        Value::Date(date) => {
            let zone = calendar.map_or(jiff::tz::TimeZone::UTC, |calendar| calendar.zone().clone());
            let date = if edge == DayEdge::End { date.tomorrow().ok()? } else { *date };
            date.to_zoned(zone).ok().map(|zoned| zoned.timestamp())
        }
        Value::Flag(_)
        | Value::Choice(_)
        | Value::Number(_)
        | Value::Text(_)
        | Value::Person(_)
        | Value::Official(_)
        | Value::Place(_)
        | Value::Money(_)
        | Value::Reference(_) => None,
    }
}

/// The latest instant a moment stands for.
pub(crate) fn moment(
    case: &Case,
    calendar: Option<&Calendar>,
    edge: DayEdge,
    moment: &MomentRef,
    subject: Option<RecordNo>,
) -> Option<Timestamp> {
    match moment {
        MomentRef::Field { field, record } => {
            let own = subject.and_then(|no| case.records.get(&no)).filter(|held| held.record == *record);
            let latest = || case.live(record).next_back().map(|(_, held)| held);
            let value = own.or_else(latest)?.fields.get(field).and_then(Given::value)?;
            instant(value, calendar, edge)
        }
        MomentRef::Document(document) => case.papers.get(document)?.last().map(|paper| paper.at),
        MomentRef::State(state) => case.entered.get(state).map(|entered| entered.at),
    }
}

/// The subjects for which a deadline is open now: `None` for the case itself, or record numbers.
fn open_subjects(def: &Definition, case: &Case, deadline: &Deadline) -> Vec<Option<RecordNo>> {
    if case.outcome.is_some() && deadline.machine == Machine::Main && !final_named(def, case, deadline) {
        return Vec::new();
    }
    match &deadline.machine {
        Machine::Main => {
            let inside = case.main.as_ref().is_some_and(|main| runs(def, case, deadline, main));
            match (&deadline.per, inside) {
                (_, false) => Vec::new(),
                (None, true) => vec![None],
                (Some(record), true) => case.live(record).map(|(no, _)| Some(no)).collect(),
            }
        }
        Machine::Track(track) => {
            let named = |state: &Name| match &deadline.while_in {
                crate::workflow::model::States::These(states) => states.contains(state),
                crate::workflow::model::States::Every | crate::workflow::model::States::Always => {
                    def.tracks.get(track).and_then(|track| track.states.get(state)).is_some_and(waits)
                }
            };
            if let Some(state) = case.tracks.get(track) {
                return if named(state) { vec![None] } else { Vec::new() };
            }
            let instances = case.instances.get(track).into_iter().flatten();
            instances.filter(|(_, instance)| named(&instance.state)).map(|(no, _)| Some(*no)).collect()
        }
    }
}

/// Whether a deadline of the main machine runs in a state. A suspended state interrupts no clock; but an authority is not
/// asked for where nobody is held.
fn runs(def: &Definition, case: &Case, deadline: &Deadline, main: &Name) -> bool {
    let asks_for_authority = matches!(deadline.term, Term::UntilAuthority);
    let held = def.states.get(main).is_some_and(|state| state.held);
    let before = case.before.as_ref().filter(|_| held || !asks_for_authority);
    deadline.while_in.run_in(def, main, before)
}

fn waits(state: &TrackState) -> bool {
    !state.is_final
}

fn final_named(def: &Definition, case: &Case, deadline: &Deadline) -> bool {
    case.main.as_ref().is_some_and(|main| deadline.while_in.contains(def, main))
}

/// What a clock should show now, for a subject for which its deadline is open. `earlier` is the case before, with the
/// clock as it stood.
fn wanted(
    def: &Definition,
    (earlier, before): (&Case, Option<&Clock>),
    case: &Case,
    deadline: &Deadline,
    subject: Option<RecordNo>,
    happened: Timestamp,
    now: Timestamp,
) -> Clock {
    let calendar = calendar_of(def, case, deadline.calendar.as_ref());
    let moment_since =
        deadline.since.as_ref().and_then(|since| moment(case, calendar, DayEdge::Begin, since, subject));
    let entry = before.map_or(happened, |clock| clock.since);
    let since = moment_since.unwrap_or(entry);
    let due = match &deadline.term {
        Term::Within(span) => match before {
            Some(clock) if clock.since == since && clock.calendar == hash_of(calendar) => clock.due,
            // Another calendar counts now: what extensions and pauses have added stays.
            Some(clock) if clock.since == since => {
                let old = calendar_of(def, earlier, deadline.calendar.as_ref());
                let added = clock.due.zip(limit(old, since, span, &deadline.rule));
                let added = added.map_or(SignedDuration::ZERO, |(due, old)| due.duration_since(old));
                limit(calendar, since, span, &deadline.rule).and_then(|due| due.checked_add(added).ok())
            }
            Some(_) | None => limit(calendar, since, span, &deadline.rule),
        },
        // A limit that was extended or paused stands as long as what it was counted from does.
        Term::Until(until) => {
            let edge = if deadline.rule.ends == Ends::EndOfDay { DayEdge::End } else { DayEdge::Begin };
            let found = |case: &Case| moment(case, calendar, edge, until, subject);
            kept(before, found(earlier), found(case))
        }
        // Held without any authority: the limit is now, and the ladder begins at once.
        Term::UntilAuthority => Some(case.authority_until.unwrap_or_else(|| {
            before.and_then(|clock| clock.due.filter(|due| *due <= now)).unwrap_or(since.min(now))
        })),
        Term::UntilLimitOf(record) => {
            kept(before, ceiling(def, earlier, calendar, record), ceiling(def, case, calendar, record))
        }
    };
    let mut clock = match before {
        Some(clock) if clock.since == since && clock.due == due => clock.clone(),
        // Counted anew from the same beginning, as when another calendar counts: extensions stay used.
        Some(clock) if clock.since == since && matches!(deadline.term, Term::Within(_)) => {
            Clock { extended: clock.extended, ..fresh(deadline, calendar, since, due, now) }
        }
        Some(_) | None => fresh(deadline, calendar, since, due, now),
    };
    if let Some(pauses) = &deadline.pauses_while {
        let pause = pauses.holds(&def.rules, &CaseView::plain(def, case, now));
        match (pause, clock.paused) {
            (true, None) => {
                clock.paused = Some(now);
                clock.next = None;
            }
            (false, Some(since)) => {
                // An authority ends when it ends, whatever stood still meanwhile.
                let stood = match deadline.term {
                    Term::UntilAuthority => SignedDuration::ZERO,
                    Term::Within(_) | Term::Until(_) | Term::UntilLimitOf(_) => now.duration_since(since),
                };
                let due = clock.due.and_then(|due| due.checked_add(stood).ok());
                let (step, extended) = (clock.step, clock.extended);
                let passed = clock.passed;
                clock = Clock { step, passed, extended, ..fresh(deadline, calendar, clock.since, due, now) };
                clock.next =
                    due.and_then(|due| step_at(deadline, calendar, due, step, (None, now))).map(|(at, _)| at);
            }
            (true, Some(_)) | (false, None) => {}
        }
    }
    clock
}

/// The limit as it stands, unless what it is counted to has changed.
fn kept(before: Option<&Clock>, earlier: Option<Timestamp>, now: Option<Timestamp>) -> Option<Timestamp> {
    match before {
        Some(clock) if earlier == now => clock.due,
        Some(_) | None => now,
    }
}

/// The hash of a calendar, as a clock carries it.
pub(crate) fn hash_of(calendar: Option<&Calendar>) -> Option<Hash> {
    calendar.map(|calendar| Hash::from_bytes(calendar.hash()))
}

/// A clock at its start: warnings whose time is over already are left out, the limit never is.
fn fresh(
    deadline: &Deadline,
    calendar: Option<&Calendar>,
    since: Timestamp,
    due: Option<Timestamp>,
    now: Timestamp,
) -> Clock {
    let mut clock = Clock {
        since,
        due,
        next: None,
        step: 0,
        passed: false,
        extended: 0,
        paused: None,
        calendar: hash_of(calendar),
    };
    if let Some(due) = due {
        let steps = ladder(deadline, calendar, due);
        let first =
            steps.iter().position(|(at, step)| !matches!(step, Step::Warn(_)) || *at > now).unwrap_or(0);
        clock.step = u32::try_from(first).unwrap_or(u32::MAX);
        clock.next = steps.get(first).map(|(at, _)| *at);
    }
    clock
}

/// The clock after its step has been taken.
pub(crate) fn stepped(
    deadline: &Deadline,
    calendar: Option<&Calendar>,
    clock: &Clock,
    now: Timestamp,
) -> Clock {
    let mut after = clock.clone();
    let Some(due) = clock.due else { return after };
    let taken = step_at(deadline, calendar, due, clock.step, (clock.next, now));
    if matches!(taken, Some((_, Step::Limit))) {
        after.passed = true;
    }
    after.step = clock.step.saturating_add(1);
    after.next = step_at(deadline, calendar, due, after.step, (clock.next, now)).map(|(at, _)| at);
    after
}

/// The clock with its limit moved by an extension.
pub(crate) fn extended(
    deadline: &Deadline,
    calendar: Option<&Calendar>,
    clock: &Clock,
    by: Span,
    now: Timestamp,
) -> Clock {
    let due = clock.due.and_then(|due| shift(calendar, due, by, true));
    let fresh = fresh(deadline, calendar, clock.since, due, now);
    // What stands still goes on standing still, until its limit.
    let next = fresh.next.filter(|_| clock.paused.is_none());
    Clock { extended: clock.extended.saturating_add(1), paused: clock.paused, next, ..fresh }
}

/// All deadline clocks the case should have now. `happened` is when the states were entered.
pub(crate) fn clocks(
    def: &Definition,
    before: &Case,
    case: &Case,
    happened: Timestamp,
    now: Timestamp,
) -> BTreeMap<ClockKey, Clock> {
    let mut clocks = BTreeMap::new();
    for deadline in &def.deadlines {
        let holds =
            deadline.guard.is_always() || deadline.guard.holds(&def.rules, &CaseView::plain(def, case, now));
        if !holds {
            continue;
        }
        for subject in open_subjects(def, case, deadline) {
            let key = ClockKey::Deadline { name: deadline.name.clone(), subject };
            // A case that left the states of a deadline and came back has no old clock: it was stopped on leaving.
            // One that this event itself has stepped or lengthened goes on from there.
            let old = case.clocks.get(&key);
            clocks.insert(key, wanted(def, (before, old), case, deadline, subject, happened, now));
        }
    }
    clocks
}
