//! The count itself: from a beginning, a span and a rule to the days and the instant of the limit.

use jiff::{SignedDuration, Timestamp, civil::Date};

use super::{Calendar, CalendarError, Ends, FirstDay, IfNotWorking, MonthEnd, Rule, Span, Unit};

/// The result of a count. [`Calendar::due`] gives away `due`; the explanation writes out the rest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counted {
    /// The beginning, cut to microseconds.
    pub(super) start: Timestamp,
    /// Civil day of the beginning.
    pub(super) first: Date,
    /// The day on which the limit falls before any move.
    pub(super) last: Date,
    /// The day on which it falls after `if-not-working`.
    pub(super) target: Date,
    /// The limit.
    pub(super) due: Timestamp,
    /// Whether the limit would have come before the beginning.
    pub(super) held_at_start: bool,
}

impl Calendar {
    /// The limit: an exclusive end in whole microseconds, never before `start`. The module says how it is counted.
    ///
    /// # Errors
    /// [`CalendarError`] when a needed year is not covered, the day does not exist, or the numbers are out of range.
    pub fn due(&self, start: Timestamp, span: &Span, rule: &Rule) -> Result<Timestamp, CalendarError> {
        self.count(start, *span, *rule).map(|counted| counted.due)
    }

    pub(super) fn count(&self, start: Timestamp, span: Span, rule: Rule) -> Result<Counted, CalendarError> {
        span.check()?;
        let out = || CalendarError::OutOfRange { span, start };
        let start = Timestamp::from_microsecond(start.as_microsecond()).map_err(|_| out())?;
        let begin = self.zone.to_datetime(start);
        let first = begin.date();

        let (last, target, limit) = if let Some(unit) = span.unit.seconds() {
            let elapsed = SignedDuration::from_secs(i64::from(span.count) * unit);
            let limit = start.checked_add(elapsed).map_err(|_| out())?;
            let at = self.zone.to_datetime(limit);
            let target =
                self.moved(at.date(), first, rule.if_not_working).map_err(|halt| halt.error(self, out))?;
            let limit = if target == at.date() { Some(limit) } else { self.instant(target, at.time()) };
            (at.date(), target, limit)
        } else {
            let last = self.last_day(first, span, rule, start)?;
            let target =
                self.moved(last, first, rule.if_not_working).map_err(|halt| halt.error(self, out))?;
            let limit = match rule.ends {
                Ends::SameTime => self.instant(target, begin.time()),
                Ends::EndOfDay => {
                    target.tomorrow().ok().and_then(|next| self.instant(next, jiff::civil::Time::midnight()))
                }
            };
            (last, target, limit)
        };
        let limit = limit.ok_or_else(out)?;
        Ok(Counted { start, first, last, target, due: limit.max(start), held_at_start: limit < start })
    }

    fn last_day(&self, first: Date, span: Span, rule: Rule, start: Timestamp) -> Result<Date, CalendarError> {
        let out = || CalendarError::OutOfRange { span, start };
        if span.count == 0 {
            return Ok(first);
        }
        let included = rule.first_day == FirstDay::Included;
        let count = i64::from(span.count);
        match span.unit {
            Unit::WorkingDays => {
                self.nth_working_day(first, span.count, included).map_err(|halt| halt.error(self, out))
            }
            Unit::Months => month_day(first, count, span, rule, start),
            Unit::Years => month_day(first, count * 12, span, rule, start),
            Unit::Weeks => add_days(first, count * 7 - i64::from(included)).ok_or_else(out),
            Unit::Days | Unit::Hours | Unit::Minutes | Unit::Seconds => {
                add_days(first, count - i64::from(included)).ok_or_else(out)
            }
        }
    }

    /// The n-th working day after `first`, or from `first` on when that day counts. Each day passed must be covered.
    fn nth_working_day(&self, first: Date, count: u32, included: bool) -> Result<Date, Halt> {
        let mut day = if included { first } else { first.tomorrow().map_err(|_| Halt::OutOfRange)? };
        let mut left = count;
        loop {
            if self.known_working(day)? {
                left = left.saturating_sub(1);
                if left == 0 {
                    return Ok(day);
                }
            }
            day = day.tomorrow().map_err(|_| Halt::OutOfRange)?;
        }
    }

    /// Where `if-not-working` puts a limit that falls on `day`; `floor` is the day of the beginning.
    fn moved(&self, mut day: Date, floor: Date, rule: IfNotWorking) -> Result<Date, Halt> {
        match rule {
            IfNotWorking::Same => Ok(day),
            IfNotWorking::Next => loop {
                if self.known_working(day)? {
                    return Ok(day);
                }
                day = day.tomorrow().map_err(|_| Halt::OutOfRange)?;
            },
            IfNotWorking::Previous => loop {
                if self.known_working(day)? || day <= floor {
                    return Ok(day);
                }
                day = day.yesterday().map_err(|_| Halt::OutOfRange)?;
            },
        }
    }

    fn known_working(&self, day: Date) -> Result<bool, Halt> {
        if self.covers(day.year()) { Ok(self.is_working(day)) } else { Err(Halt::NotCovered(day.year())) }
    }

    /// The instant of a civil time; skipped times move on by the gap, repeated ones are the first.
    fn instant(&self, day: Date, time: jiff::civil::Time) -> Option<Timestamp> {
        self.zone.to_ambiguous_timestamp(day.to_datetime(time)).compatible().ok()
    }
}

/// Why a walk over days ended without a day. Small, so that the walk copies no texts.
#[derive(Clone, Copy, Debug)]
enum Halt {
    NotCovered(i16),
    OutOfRange,
}

impl Halt {
    fn error(self, calendar: &Calendar, out: impl FnOnce() -> CalendarError) -> CalendarError {
        match self {
            Self::OutOfRange => out(),
            Self::NotCovered(year) => match calendar.wanted_import() {
                Some(import) => CalendarError::ImportNotRead {
                    calendar: calendar.name.clone(),
                    import: import.to_owned(),
                },
                None => CalendarError::NotCovered {
                    calendar: calendar.name.clone(),
                    version: calendar.version,
                    year,
                },
            },
        }
    }
}

fn add_days(day: Date, count: i64) -> Option<Date> {
    day.checked_add(jiff::Span::new().try_days(count).ok()?).ok()
}

/// The day with the same number, `months` later, as `month-end` says; the day before it when the first day counts.
fn month_day(
    first: Date,
    months: i64,
    span: Span,
    rule: Rule,
    start: Timestamp,
) -> Result<Date, CalendarError> {
    let out = || CalendarError::OutOfRange { span, start };
    let step = jiff::Span::new().try_months(months).map_err(|_| out())?;
    let month = first.first_of_month().checked_add(step).map_err(|_| out())?;
    let day = if first.day() <= month.days_in_month() {
        month.with().day(first.day()).build().map_err(|_| out())?
    } else {
        match rule.month_end {
            MonthEnd::Earlier => month.last_of_month(),
            MonthEnd::Later => month.last_of_month().tomorrow().map_err(|_| out())?,
            MonthEnd::Refuse => {
                return Err(CalendarError::NoSuchDay {
                    span,
                    from: first,
                    year: month.year(),
                    month: month.month(),
                    day: first.day(),
                });
            }
        }
    };
    match rule.first_day {
        FirstDay::Excluded => Ok(day),
        FirstDay::Included => day.yesterday().map_err(|_| out()),
    }
}
