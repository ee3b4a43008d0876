//! How a limit was counted, day by day, for the person it binds and the judge who must decide whether it was kept.

use std::fmt;

use jiff::{
    Timestamp,
    civil::{Date, DateTime, Weekday},
};
use serde::Serialize;

use super::{Calendar, CalendarError, Ends, FirstDay, IfNotWorking, Rule, Span, Unit, count::Counted};

/// More lines than this are shortened in the text form; the list of days stays complete.
const SHORT: usize = 62;

/// The calendar that an explanation rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CalendarName {
    /// Name of the calendar.
    pub name: String,
    /// Version of its file.
    pub version: u32,
}

/// What one civil day did to the count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "verdict")]
pub enum DayVerdict {
    /// The day of the beginning, which does not count.
    StartExcluded,
    /// Counted, with its number.
    Counted {
        /// 1 for the first day that counts.
        number: u32,
    },
    /// Passed over, because the court does not work.
    NotWorking {
        /// The holiday or the free weekday.
        reason: String,
    },
    /// The last day of the count: the limit falls here, or is moved from here.
    Limit,
    /// The day to which the limit was moved.
    MovedTo,
}

/// One civil day of an explanation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DayLine {
    /// The day, in the zone of the calendar.
    pub date: Date,
    /// Its English name.
    pub weekday: &'static str,
    /// What it did.
    #[serde(flatten)]
    pub verdict: DayVerdict,
}

/// A limit that `if-not-working` moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// The day on which the count ended.
    pub from: Date,
    /// The day on which the limit falls.
    pub to: Date,
    /// Why the court does not work on `from`.
    pub reason: String,
}

/// A limit with its count. [`fmt::Display`] writes it in plain English, one line a day.
///
/// A civil span lists every day from the beginning to the limit. A span of hours, minutes or seconds counts no days and
/// lists only the day of the limit and those over which it was moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The calendar used.
    pub calendar: CalendarName,
    /// IANA zone in which days were counted.
    pub zone: String,
    /// The beginning, in whole microseconds.
    pub start: Timestamp,
    /// The beginning on the wall clock of the zone.
    pub start_local: DateTime,
    /// What was counted.
    pub span: Span,
    /// How.
    pub rule: Rule,
    /// Every day, in order of date.
    pub days: Vec<DayLine>,
    /// Whether and why the limit was moved.
    pub moved: Option<Moved>,
    /// Whether the limit would have come before the beginning and was put on it.
    pub held_at_start: bool,
    /// The limit: acts before this instant are in time.
    pub due: Timestamp,
    /// The limit on the wall clock of the zone.
    pub due_local: DateTime,
}

impl Calendar {
    /// The same limit as [`Calendar::due`], with the days that led to it.
    ///
    /// # Errors
    /// Those of [`Calendar::due`].
    pub fn explain(&self, start: Timestamp, span: &Span, rule: &Rule) -> Result<Explanation, CalendarError> {
        let counted = self.count(start, *span, *rule)?;
        let moved = (counted.target != counted.last).then(|| Moved {
            from: counted.last,
            to: counted.target,
            reason: self.reason_not_working(counted.last).unwrap_or_default(),
        });
        Ok(Explanation {
            calendar: CalendarName { name: self.name.clone(), version: self.version },
            zone: self.zone_name.clone(),
            start: counted.start,
            start_local: self.zone.to_datetime(counted.start),
            span: *span,
            rule: *rule,
            days: self.days(&counted, *span, *rule),
            moved,
            held_at_start: counted.held_at_start,
            due: counted.due,
            due_local: self.zone.to_datetime(counted.due),
        })
    }

    fn days(&self, counted: &Counted, span: Span, rule: Rule) -> Vec<DayLine> {
        let elapsed = span.unit.is_elapsed();
        let from = if elapsed { counted.last.min(counted.target) } else { counted.first };
        let to = counted.last.max(counted.target);
        let mut number = 0;
        // Not `Date::series` up to `to`: its end is exclusive and the last date of all has no next one.
        from.series(jiff::Span::new().days(1))
            .take_while(|date| *date <= to)
            .map(|date| {
                let excluded = date == counted.first && rule.first_day == FirstDay::Excluded;
                let free = if elapsed || date > counted.last || span.unit == Unit::WorkingDays {
                    self.reason_not_working(date)
                } else {
                    None
                };
                let counts = !elapsed && !excluded && date <= counted.last && free.is_none();
                if counts {
                    number += 1;
                }
                let verdict = if date == counted.target && date != counted.last {
                    DayVerdict::MovedTo
                } else if date == counted.last {
                    DayVerdict::Limit
                } else if excluded && !elapsed {
                    DayVerdict::StartExcluded
                } else {
                    match free {
                        Some(reason) => DayVerdict::NotWorking { reason },
                        None => DayVerdict::Counted { number },
                    }
                };
                DayLine { date, weekday: weekday_name(date.weekday()), verdict }
            })
            .collect()
    }
}

pub(super) fn weekday_name(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
        Weekday::Sunday => "Sunday",
    }
}

impl fmt::Display for DayVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StartExcluded => f.write_str("the day of the beginning, not counted"),
            Self::Counted { number } => write!(f, "day {number}"),
            Self::NotWorking { reason } => write!(f, "not a working day: {reason}"),
            Self::Limit => f.write_str("the last day"),
            Self::MovedTo => f.write_str("the limit moves to this day"),
        }
    }
}

impl fmt::Display for DayLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:<9}  {}", self.date, self.weekday, self.verdict)
    }
}

/// A run of days that the text form may put into one line.
#[derive(Clone, Copy)]
struct Run {
    from: Date,
    to: Date,
    numbers: Option<(u32, u32)>,
    free: u32,
    lines: u32,
}

impl Run {
    fn of(line: &DayLine) -> Option<Self> {
        let (numbers, free) = match &line.verdict {
            DayVerdict::Counted { number } => (Some((*number, *number)), 0),
            DayVerdict::NotWorking { .. } => (None, 1),
            DayVerdict::StartExcluded | DayVerdict::Limit | DayVerdict::MovedTo => return None,
        };
        Some(Self { from: line.date, to: line.date, numbers, free, lines: 1 })
    }

    fn join(self, next: Self) -> Self {
        let numbers = match (self.numbers, next.numbers) {
            (Some((first, _)), Some((_, last))) => Some((first, last)),
            (one, other) => one.or(other),
        };
        Self {
            from: self.from,
            to: next.to,
            numbers,
            free: self.free + next.free,
            lines: self.lines + next.lines,
        }
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}  ", self.from, self.to)?;
        match self.numbers {
            Some((first, last)) => write!(f, "days {first} to {last}")?,
            None => f.write_str("no day counted")?,
        }
        match self.free {
            0 => Ok(()),
            1 => f.write_str(", 1 day was not a working day"),
            free => write!(f, ", {free} days were not working days"),
        }
    }
}

impl Explanation {
    fn write_days(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shorten = self.days.len() > SHORT;
        let mut open: Option<(Run, &DayLine)> = None;
        for line in &self.days {
            let run = if shorten { Run::of(line) } else { None };
            open = match (open, run) {
                (Some((before, first)), Some(run)) => Some((before.join(run), first)),
                (None, Some(run)) => Some((run, line)),
                (before, None) => {
                    write_run(f, before)?;
                    writeln!(f, "  {line}")?;
                    None
                }
            };
        }
        write_run(f, open)
    }
}

fn write_run(f: &mut fmt::Formatter<'_>, run: Option<(Run, &DayLine)>) -> fmt::Result {
    match run {
        None => Ok(()),
        Some((Run { lines: 1, .. }, line)) => writeln!(f, "  {line}"),
        Some((run, _)) => writeln!(f, "  {run}"),
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} from {} {}, calendar {} version {}.",
            self.span,
            Wall(self.start_local),
            self.zone,
            self.calendar.name,
            self.calendar.version
        )?;
        if self.span.unit.is_elapsed() {
            f.write_str("Counted: elapsed time, free days and clock changes do not matter")?;
        } else {
            write!(
                f,
                "Counted: civil days, first day {}, ends at {}",
                self.rule.first_day,
                match self.rule.ends {
                    Ends::EndOfDay => "the end of the day",
                    Ends::SameTime => "the same time of day",
                }
            )?;
            if matches!(self.span.unit, Unit::Months | Unit::Years) {
                write!(f, ", month end {}", self.rule.month_end)?;
            }
        }
        match self.rule.if_not_working {
            IfNotWorking::Same => f.write_str(".\n")?,
            rule @ (IfNotWorking::Next | IfNotWorking::Previous) => {
                writeln!(f, ", a limit on a free day moves to the {rule} working day.")?;
            }
        }
        self.write_days(f)?;
        if let Some(moved) = &self.moved {
            writeln!(f, "Moved from {} to {}: {}.", moved.from, moved.to, moved.reason)?;
        }
        if self.held_at_start {
            f.write_str("A limit cannot lie before its beginning, so it is the beginning.\n")?;
        }
        write!(f, "In time before {} {} ({}).", Wall(self.due_local), self.zone, self.due)
    }
}

/// Date, time without needless seconds, and weekday.
struct Wall(DateTime);

impl fmt::Display for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.0.time();
        write!(
            f,
            "{} {} {:02}:{:02}",
            weekday_name(self.0.weekday()),
            self.0.date(),
            time.hour(),
            time.minute()
        )?;
        if time.second() == 0 && time.subsec_nanosecond() == 0 {
            return Ok(());
        }
        write!(f, ":{:02}", time.second())?;
        match time.subsec_nanosecond() {
            0 => Ok(()),
            nanos => write!(f, ".{:06}", nanos / 1_000),
        }
    }
}
