//! How long a span can be, from the shortest to the longest, over every day a calendar covers.

use std::cell::RefCell;
use std::collections::HashMap;

use jiff::Timestamp;
use jiff::civil::{Date, Time};

use crate::calendar::{Calendar, Rule, Span, Unit};
use crate::workflow::model::{CalendarRef, Deadline, Definition, NotBefore};

/// Seconds from the least to the most.
type Seconds = (i64, i64);

/// The bounds of the spans of a file, each counted once at most.
#[derive(Debug)]
pub(super) struct Bounds<'d> {
    definition: &'d Definition,
    counted: RefCell<HashMap<Asked<'d>, Option<Seconds>>>,
}

/// A span as a calendar counts it by a rule.
type Asked<'d> = (&'d str, Span, Rule);

impl<'d> Bounds<'d> {
    /// The bounds of a file; a span is counted when it is first asked for.
    pub(super) fn of(definition: &'d Definition) -> Self {
        Self { definition, counted: RefCell::default() }
    }

    /// The most seconds from the beginning of a limit to its end, lengthened as often as may be.
    pub(super) fn limit(&self, deadline: &Deadline, within: Span) -> Option<i64> {
        let (_, most) = self.span(within, deadline.calendar.as_ref(), &deadline.rule)?;
        let Some(extend) = &deadline.extend_by else { return Some(most) };
        let (_, more) = self.span(extend.by, deadline.calendar.as_ref(), &deadline.rule)?;
        Some(most.saturating_add(more.saturating_mul(i64::from(extend.times))))
    }

    /// The least seconds of a wait.
    pub(super) fn wait(&self, wait: &NotBefore) -> Option<i64> {
        self.span(wait.wait, wait.calendar.as_ref(), &wait.rule).map(|(least, _)| least)
    }

    /// Least and most over every calendar that may count here; nothing where one does not say.
    pub(super) fn span(&self, span: Span, named: Option<&CalendarRef>, rule: &Rule) -> Option<Seconds> {
        let calendars = self.calendars(named);
        if calendars.is_empty() {
            return by_the_clock(span);
        }
        let mut all: Option<Seconds> = None;
        for calendar in calendars {
            let mut counted = self.counted.borrow_mut();
            let asked = (calendar.name(), span, *rule);
            let bounds = counted.entry(asked).or_insert_with(|| by_calendar(calendar, span, rule));
            let (least, most) = (*bounds)?;
            all = Some(all.map_or((least, most), |(low, high)| (low.min(least), high.max(most))));
        }
        all
    }

    fn calendars(&self, named: Option<&CalendarRef>) -> Vec<&'d Calendar> {
        let definition = self.definition;
        match named {
            Some(CalendarRef::Named(name)) => {
                definition.calendars.get(name).map(|calendar| &**calendar).into_iter().collect()
            }
            Some(CalendarRef::ByFact(_)) => {
                definition.calendars.values().map(|calendar| &**calendar).collect()
            }
            None => Vec::new(),
        }
    }
}

/// The seconds of a span of elapsed time.
pub(super) fn elapsed(span: Span) -> Option<i64> {
    match span.unit {
        Unit::Seconds => Some(i64::from(span.count)),
        Unit::Minutes => Some(i64::from(span.count) * 60),
        Unit::Hours => Some(i64::from(span.count) * 3_600),
        Unit::Days | Unit::WorkingDays | Unit::Weeks | Unit::Months | Unit::Years => None,
    }
}

/// Bounds where no calendar is named: a civil day may be an hour or two longer or shorter, and a span of days ends up to
/// a day before or after its count of hours.
fn by_the_clock(span: Span) -> Option<Seconds> {
    let count = i64::from(span.count);
    let days = |least: i64, most: i64| Some(((least * 24 - 26).max(0) * 3_600, (most * 24 + 26) * 3_600));
    match span.unit {
        Unit::Seconds | Unit::Minutes | Unit::Hours => elapsed(span).map(|seconds| (seconds, seconds)),
        Unit::Days => days(count, count),
        Unit::Weeks => days(count * 7, count * 7),
        Unit::Months => days(count * 28, count * 31),
        Unit::Years => days(count * 365, count * 366),
        Unit::WorkingDays => None,
    }
}

/// Bounds by counting from the first and the last instant of every day the calendar covers.
fn by_calendar(calendar: &Calendar, span: Span, rule: &Rule) -> Option<Seconds> {
    let mut all: Option<Seconds> = None;
    let (first, last) = (calendar.first_year()?, calendar.last_year()?);
    let mut day = Date::new(first, 1, 1).ok()?;
    while day.year() <= last {
        for time in [Time::midnight(), Time::constant(23, 59, 59, 999_999_000)] {
            let length = start(calendar, day, time)
                .and_then(|start| Some((start, calendar.due(start, &span, rule).ok()?)))
                .map(|(start, due)| due.as_second().saturating_sub(start.as_second()));
            if let Some(length) = length {
                all = Some(all.map_or((length, length), |(low, high)| (low.min(length), high.max(length))));
            }
        }
        let Ok(next) = day.tomorrow() else { break };
        day = next;
    }
    all
}

fn start(calendar: &Calendar, day: Date, time: Time) -> Option<Timestamp> {
    day.to_datetime(time).to_zoned(calendar.zone().clone()).ok().map(|at| at.timestamp())
}
