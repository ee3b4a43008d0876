//! Clocks: when a limit is, when its next step is, and which clocks a case has now.
//!
//! Everything here is computed from the definition and the folded case and written into the log, so that a deadline row
//! that was changed by hand shows when the log is folded again.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Span as JiffSpan, Timestamp};
use qadiya_ledger::Hash;

use crate::calendar::{Calendar, Ends, IfNotWorking, MonthEnd, Rule, Span, Unit};
use crate::case::act::RecordNo;
use crate::case::state::{Case, Clock, ClockKey};
use crate::case::view::{self, CaseView};
use crate::name::Name;
use crate::value::{Given, Value};
use crate::workflow::Definition;
use crate::workflow::model::{
    CalendarRef, Deadline, Limit, LimitPart, Machine, MomentRef, Record, Term, TrackState,
};

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

/// The instant of a step, counted over the ladder and its repetitions.
pub(crate) fn step_at<'a>(
    deadline: &'a Deadline,
    calendar: Option<&Calendar>,
    due: Timestamp,
    number: u32,
    last: Option<Timestamp>,
) -> Option<(Timestamp, Step<'a>)> {
    let steps = ladder(deadline, calendar, due);
    let position = usize::try_from(number).ok()?;
    if let Some(step) = steps.get(position) {
        return Some(step.clone());
    }
    let repeat = deadline.repeat?;
    let from = last.or_else(|| steps.last().map(|(at, _)| *at))?;
    Some((shift(calendar, from, repeat, true)?, Step::Repeat))
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
        Unit::WorkingDays => working(calendar, at, span.count, forward),
    }
}

fn working(calendar: Option<&Calendar>, at: Timestamp, count: u32, forward: bool) -> Option<Timestamp> {
    let calendar = calendar?;
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

/// The calendar of a deadline for this case.
pub(crate) fn calendar_of<'a>(
    def: &'a Definition,
    case: &Case,
    which: Option<&CalendarRef>,
) -> Option<&'a Calendar> {
    view::calendar(def, case, which)
}

/// When a span ends that starts now, by a rule.
pub(crate) fn ends(
    calendar: Option<&Calendar>,
    start: Timestamp,
    span: &Span,
    rule: &Rule,
) -> Option<Timestamp> {
    match calendar {
        Some(calendar) => calendar.due(start, span, rule).ok(),
        None => shift(None, start, *span, true),
    }
}

/// When a limit is that starts now. A calendar that does not cover the year must not leave a clock without a limit:
/// then working days count as days and nothing is moved, which never gives a later limit than the right one, but for
/// `if-not-working: previous`.
pub(crate) fn limit(
    calendar: Option<&Calendar>,
    start: Timestamp,
    span: &Span,
    rule: &Rule,
) -> Option<Timestamp> {
    ends(calendar, start, span, rule).or_else(|| {
        let unit = if span.unit == Unit::WorkingDays { Unit::Days } else { span.unit };
        let rule = Rule { if_not_working: IfNotWorking::Same, month_end: MonthEnd::Earlier, ..*rule };
        calendar?.due(start, &Span { unit, ..*span }, &rule).ok()
    })
}

/// The latest instant a moment stands for.
pub(crate) fn moment(
    case: &Case,
    calendar: Option<&Calendar>,
    rule: &Rule,
    moment: &MomentRef,
    subject: Option<RecordNo>,
) -> Option<Timestamp> {
    match moment {
        MomentRef::Field { field, record } => {
            let own = subject.and_then(|no| case.records.get(&no)).filter(|held| held.record == *record);
            let latest = case.records.values().rev().find(|held| held.record == *record && !held.annulled);
            let value = own.or(latest)?.fields.get(field).and_then(Given::value)?;
            match value {
                Value::Instant(at) => Some(*at),
                Value::Range(range) => Some(range.until),
                Value::Date(date) => {
                    let zone = calendar.map_or(jiff::tz::TimeZone::UTC, |calendar| calendar.zone().clone());
                    let date = if rule.ends == Ends::EndOfDay { date.tomorrow().ok()? } else { *date };
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
        MomentRef::Document(document) => case.papers.get(document)?.last().map(|paper| paper.at),
        MomentRef::State(state) => case.entered.get(state).map(|entered| entered.at),
    }
}

/// The ranges in which live records of these kinds cover, each never before its signature when it was signed after a
/// gap began (DESIGN D19), merged and in order.
pub(crate) fn cover(def: &Definition, case: &Case) -> Vec<(Timestamp, Timestamp)> {
    let mut ranges: Vec<(Timestamp, Timestamp, Timestamp)> = def
        .records
        .iter()
        .filter_map(|record| Some((record, record.covers.as_ref()?)))
        .flat_map(|(record, field)| {
            case.records.values().filter(|held| held.record == record.name && !held.annulled).filter_map(
                |held| match held.fields.get(field).and_then(Given::value) {
                    Some(Value::Range(range)) => Some((held.at, range.from, range.until)),
                    Some(_) | None => None,
                },
            )
        })
        .collect();
    // In the order of signature: an order that is signed while an earlier one still covers may begin before its
    // signature, one that is signed in a gap may not.
    ranges.sort();
    let mut merged: Vec<(Timestamp, Timestamp)> = Vec::new();
    for (signed, from, until) in ranges {
        let covering = merged.iter().find(|(from, until)| *from <= signed && signed < *until);
        let earliest = covering.map_or(signed, |(begin, _)| *begin);
        let from = from.max(earliest.min(signed));
        if from < until {
            merged.push((from, until));
            merged = union(merged);
        }
    }
    merged
}

/// Ranges merged where they touch.
pub(crate) fn union(mut ranges: Vec<(Timestamp, Timestamp)>) -> Vec<(Timestamp, Timestamp)> {
    ranges.sort();
    let mut merged: Vec<(Timestamp, Timestamp)> = Vec::new();
    for (from, until) in ranges {
        match merged.last_mut() {
            Some((_, last)) if from <= *last => *last = (*last).max(until),
            Some(_) | None => merged.push((from, until)),
        }
    }
    merged
}

/// The end of the unbroken cover from now.
pub(crate) fn authority_until(def: &Definition, case: &Case, now: Timestamp) -> Option<Timestamp> {
    cover(def, case).into_iter().find(|(from, until)| *from <= now && now < *until).map(|(_, until)| until)
}

/// How long a limit is, counted from a start; `None` when every part drops out.
pub(crate) fn limit_length(
    case: &Case,
    calendar: Option<&Calendar>,
    limit: &Limit,
    start: Timestamp,
) -> Option<SignedDuration> {
    limit
        .parts
        .iter()
        .filter_map(|part| match part {
            LimitPart::Span(span) => shift(calendar, start, *span, true).map(|end| end.duration_since(start)),
            LimitPart::Greatest { field, record, numerator, denominator } => {
                let live = case.records.values().filter(|held| held.record == *record && !held.annulled);
                let numbers = live.filter_map(|held| match held.fields.get(field).and_then(Given::value) {
                    Some(Value::Number(days)) => Some(*days),
                    Some(_) | None => None,
                });
                let hours = numbers.max()?.checked_mul(24)?.checked_mul(i64::from(*numerator))?;
                Some(SignedDuration::from_hours(hours.checked_div(i64::from(*denominator))?))
            }
        })
        .min()
}

/// The ranges of the live records of a kind, merged.
pub(crate) fn ranges_of(case: &Case, record: &Record) -> Vec<(Timestamp, Timestamp)> {
    let Some(field) = &record.covers else { return Vec::new() };
    let live = case.records.values().filter(|held| held.record == record.name && !held.annulled);
    union(
        live.filter_map(|held| match held.fields.get(field).and_then(Given::value) {
            Some(Value::Range(range)) => Some((range.from, range.until)),
            Some(_) | None => None,
        })
        .collect(),
    )
}

/// The instant at which the ceiling of a record is reached if its cover goes on without a gap.
fn ceiling(def: &Definition, case: &Case, calendar: Option<&Calendar>, record: &Name) -> Option<Timestamp> {
    let record = def.records.get(record)?;
    let limit = record.limit.as_ref()?.total.as_ref()?;
    let ranges = ranges_of(case, record);
    let (first, _) = ranges.first()?;
    let (_, last) = ranges.last()?;
    let length = limit_length(case, calendar, limit, *first)?;
    let used = ranges
        .iter()
        .fold(SignedDuration::ZERO, |sum, (from, until)| sum.saturating_add(until.duration_since(*from)));
    last.checked_add(length.saturating_sub(used)).ok()
}

/// The subjects for which a deadline is open now: `None` for the case itself, or record numbers.
fn open_subjects(def: &Definition, case: &Case, deadline: &Deadline) -> Vec<Option<RecordNo>> {
    if case.outcome.is_some() && deadline.machine == Machine::Main && !final_named(def, case, deadline) {
        return Vec::new();
    }
    match &deadline.machine {
        Machine::Main => {
            let inside = case.main.as_ref().is_some_and(|main| deadline.while_in.contains(def, main));
            match (&deadline.per, inside) {
                (_, false) => Vec::new(),
                (None, true) => vec![None],
                (Some(record), true) => {
                    let live =
                        case.records.iter().filter(|(_, held)| held.record == *record && !held.annulled);
                    live.map(|(no, _)| Some(*no)).collect()
                }
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
        deadline.since.as_ref().and_then(|since| moment(case, calendar, &deadline.rule, since, subject));
    let entry = before.map_or(happened, |clock| clock.since);
    let since = moment_since.unwrap_or(entry);
    let due = match &deadline.term {
        Term::Within(span) => match before {
            Some(clock) if clock.since == since => clock.due,
            Some(_) | None => limit(calendar, since, span, &deadline.rule),
        },
        // A limit that was extended or paused stands as long as what it was counted from does.
        Term::Until(until) => {
            let found = |case: &Case| moment(case, calendar, &deadline.rule, until, subject);
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
    let same =
        before.is_some_and(|clock| clock.since == since && (clock.due == due || clock.paused.is_some()));
    let mut clock = match before {
        Some(clock) if same => clock.clone(),
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
                let stood = now.duration_since(since);
                let due = clock.due.and_then(|due| due.checked_add(stood).ok());
                let (step, extended) = (clock.step, clock.extended);
                let passed = clock.passed;
                clock = Clock { step, passed, extended, ..fresh(deadline, calendar, clock.since, due, now) };
                clock.next =
                    due.and_then(|due| step_at(deadline, calendar, due, step, None)).map(|(at, _)| at);
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
        calendar: calendar.map(|calendar| Hash::from_bytes(calendar.hash())),
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
pub(crate) fn stepped(deadline: &Deadline, calendar: Option<&Calendar>, clock: &Clock) -> Clock {
    let mut after = clock.clone();
    let Some(due) = clock.due else { return after };
    let taken = step_at(deadline, calendar, due, clock.step, clock.next);
    if matches!(taken, Some((_, Step::Limit))) {
        after.passed = true;
    }
    after.step = clock.step.saturating_add(1);
    after.next = step_at(deadline, calendar, due, after.step, clock.next).map(|(at, _)| at);
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
    Clock { extended: clock.extended.saturating_add(1), ..fresh(deadline, calendar, clock.since, due, now) }
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
            let old = before.clocks.get(&key);
            clocks.insert(key, wanted(def, (before, old), case, deadline, subject, happened, now));
        }
    }
    clocks
}
