//! Calendars of courts, and the counting of legal time limits.
//!
//! A [`Calendar`] is data: a time zone, the weekdays on which the court works, its holidays, and the years for which the
//! list of holidays is complete. [`Calendar::due`] turns a beginning, a [`Span`] and a [`Rule`] into the instant of the
//! limit; [`Calendar::explain`] gives the same instant with the count, day by day. Nothing here reads a clock, and the
//! time zone rules are those compiled into the binary, so that two machines never disagree about a limit.
//!
//! # Meaning
//!
//! **The limit is an exclusive end.** An act at an instant before it is in time; at the limit or later it is late.
//! Instants have whole microseconds; finer parts of a beginning are cut off before counting.
//!
//! **Hours, minutes and seconds are elapsed time.** `24 hours` is 86,400 seconds after the beginning, over nights,
//! feasts and clock changes. `first-day`, `ends` and `month-end` have no meaning for them. `if-not-working` moves them
//! (to the same time of day) only where the [`Rule`] given says so; [`StatedRule::settle`] sees to it that they never
//! inherit it from the defaults of a file.
//!
//! **All other units count civil days in the zone of the calendar.** `60 days` differs from 1,440 hours when the offset
//! changes in between. The day of the beginning is the civil day of that instant in the zone.
//!
//! 1. *The last day.* `n days` or `n weeks`: the n-th (7n-th) civil day after the day of the beginning, one earlier with
//!    `first-day: included`. `n working days`: the n-th working day that follows it, or that follows or equals it with
//!    `included`; free days are passed over and not counted. `n months`, `n years`: the day with the same number in
//!    that month; where there is none, `month-end` decides (last day, first of the next month, or an error); with
//!    `included`, the day before the day so found. A count of 0 gives the day of the beginning itself.
//! 2. *If it is not a working day*, `if-not-working` leaves it (`same`) or moves it to the `next` or `previous` working
//!    day; `previous` never goes before the day of the beginning.
//! 3. *The instant.* `end-of-day`: the first instant of the civil day that follows the last day. `same-time`: the time
//!    of day of the beginning, on the last day. Where clocks skip or repeat that time, it is read as the calendar
//!    standard (RFC 5545) does: skipped times move on by the length of the gap, repeated times are the first of the two.
//! 4. A limit never lies before its beginning; one that would (a repeated hour, a `previous`) falls on the beginning.
//!
//! A date that a zone once left out (30 December 2011 in Apia) is counted like any other; it is over when it begins.
//!
//! **A day that the calendar does not cover is never guessed.** Working days are counted, and limits moved, only inside
//! the years that the file covers; else the answer is [`CalendarError::NotCovered`], which names the year. Limits in
//! hours or days that stay where they are need no list of holidays and are given for any year. The office hours of a
//! calendar enter no limit; they are shown to people.
//!
//! How libraries disagree on months is surveyed by Monat, Fromherz and Merigoux (ESOP 2024,
//! doi 10.1007/978-3-031-57267-8_16); their answer, a rounding rule that must be stated, is `month-end`.

use std::collections::BTreeMap;

use jiff::{
    Timestamp,
    civil::{Date, Time, Weekday},
    tz::TimeZone,
};

mod count;
mod explain;
mod file;
mod ics;
mod rule;
mod span;

#[cfg(test)]
mod tests;

pub use explain::{CalendarName, DayLine, DayVerdict, Explanation, Moved};
pub use file::CalendarFault;
pub use rule::{Ends, FirstDay, IfNotWorking, MonthEnd, Rule, RuleFault, StatedRule};
pub use span::{Span, SpanFault, Unit};

/// The weekdays on which a court works; never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Week(u8);

impl Week {
    /// The given weekdays; `None` without any, since a week without work has no next working day.
    pub fn new(days: impl IntoIterator<Item = Weekday>) -> Option<Self> {
        let bits = days.into_iter().fold(0, |bits, day| bits | Self::bit(day));
        if bits == 0 { None } else { Some(Self(bits)) }
    }

    /// Whether the court works on this weekday, holidays aside.
    pub fn has(self, day: Weekday) -> bool {
        self.0 & Self::bit(day) != 0
    }

    fn bit(day: Weekday) -> u8 {
        match day {
            Weekday::Monday => 1,
            Weekday::Tuesday => 2,
            Weekday::Wednesday => 4,
            Weekday::Thursday => 8,
            Weekday::Friday => 16,
            Weekday::Saturday => 32,
            Weekday::Sunday => 64,
        }
    }
}

/// The working days of a court, from one version of a calendar file. See the module for the meaning.
#[derive(Clone, Debug)]
pub struct Calendar {
    name: String,
    version: u32,
    title: Option<String>,
    zone_name: String,
    zone: TimeZone,
    week: Week,
    office_hours: Option<(Time, Time)>,
    holidays: BTreeMap<Date, String>,
    /// Inclusive ranges of years, ascending, apart from each other. `None`: the years that have a holiday.
    covers_stated: Option<Vec<(i16, i16)>>,
    covered: Vec<(i16, i16)>,
    import: Option<String>,
    import_done: bool,
    hash: [u8; 32],
}

/// Why a limit cannot be computed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    /// A year whose holidays are not known.
    #[error(
        "calendar `{calendar}` version {version} does not cover the year {year}: publish a version that lists its holidays"
    )]
    NotCovered {
        /// Name of the calendar.
        calendar: String,
        /// Its version.
        version: u32,
        /// The year that was needed.
        year: i16,
    },
    /// The calendar names an iCalendar file that was not given.
    #[error(
        "calendar `{calendar}` imports `{import}`, which was not read: give that file together with the calendar"
    )]
    ImportNotRead {
        /// Name of the calendar.
        calendar: String,
        /// The file it names.
        import: String,
    },
    /// The month has no such day and the rule says `month-end: refuse`.
    #[error(
        "{span} from {from} would end on day {day} of {year}-{month:02}, which does not exist: state `month-end`"
    )]
    NoSuchDay {
        /// What was counted.
        span: Span,
        /// Civil day of the beginning.
        from: Date,
        /// Year of the missing day.
        year: i16,
        /// Month of the missing day.
        month: i8,
        /// The day that does not exist in that month.
        day: i8,
    },
    /// Longer than [`Span::MAX_YEARS`].
    #[error("{span} is longer than {} years: state a shorter limit", Span::MAX_YEARS)]
    TooLong {
        /// What was to be counted.
        span: Span,
    },
    /// The limit lies outside the years -9999 to 9999.
    #[error(
        "{span} from {start} ends outside the years that can be written: correct the date of the beginning"
    )]
    OutOfRange {
        /// What was counted.
        span: Span,
        /// The beginning.
        start: Timestamp,
    },
}

impl Calendar {
    /// Reads a calendar file (strict YAML); all faults at once, each with its line and column.
    ///
    /// Keys: `calendar` (name), `version`, `title`?, `zone` (IANA name), `week` (`mon` to `sun`), `office-hours`?
    /// (`08:00 to 15:00`), `covers`? (`2024 to 2028`, a year, or a list of those; without it, the years in which a
    /// holiday falls), `holidays` (a list of dates, or a map from date to name) and `import` (an iCalendar file that
    /// the caller reads and hands to [`Calendar::with_ics`]); at least one of the last two.
    ///
    /// # Errors
    /// Every fault found, in the order of the file.
    pub fn read(bytes: &[u8]) -> Result<Self, Vec<CalendarFault>> {
        file::read(bytes)
    }

    /// Adds the holidays of the iCalendar file that `import:` names: whole-day events, `DTEND` exclusive, with their
    /// `SUMMARY` as name. What cannot be read as single days (repeating or timed events) is refused, not skipped. The
    /// hash becomes SHA-256 over the hash of the calendar file followed by the SHA-256 of this text.
    ///
    /// # Errors
    /// Every fault found, with its line in the iCalendar text.
    pub fn with_ics(self, text: &str) -> Result<Self, Vec<CalendarFault>> {
        ics::add(self, text)
    }

    /// Name, as workflow files refer to it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Version of the file.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Title for people, where the file gives one.
    pub fn title(&self) -> Option<&str> {
        self.title.as_deref()
    }

    /// IANA name of the zone.
    pub fn zone_name(&self) -> &str {
        &self.zone_name
    }

    /// The zone in which civil days are counted.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The weekdays on which the court works.
    pub fn week(&self) -> Week {
        self.week
    }

    /// When the office opens and closes; shown to people, enters no limit.
    pub fn office_hours(&self) -> Option<(Time, Time)> {
        self.office_hours
    }

    /// The holidays with their names, in order of date.
    pub fn holidays(&self) -> &BTreeMap<Date, String> {
        &self.holidays
    }

    /// The covered years as inclusive ranges, ascending, with a gap between any two.
    pub fn covered_years(&self) -> &[(i16, i16)] {
        &self.covered
    }

    /// The first year whose holidays are known.
    pub fn first_year(&self) -> Option<i16> {
        self.covered.first().map(|range| range.0)
    }

    /// The last year whose holidays are known. Years between may be missing: [`Calendar::covers`] decides.
    pub fn last_year(&self) -> Option<i16> {
        self.covered.last().map(|range| range.1)
    }

    /// The iCalendar file that must still be given to [`Calendar::with_ics`].
    pub fn wanted_import(&self) -> Option<&str> {
        if self.import_done { None } else { self.import.as_deref() }
    }

    /// SHA-256 over the raw bytes of the file; see [`Calendar::with_ics`] for a calendar with an import. A deadline row
    /// pins it.
    pub fn hash(&self) -> [u8; 32] {
        self.hash
    }

    /// Whether the holidays of this year are known.
    pub fn covers(&self, year: i16) -> bool {
        self.wanted_import().is_none()
            && self.covered.iter().any(|&(first, last)| first <= year && year <= last)
    }

    /// Whether the court works on this day, as far as the file knows: ask [`Calendar::covers`] for its year first.
    pub fn is_working(&self, date: Date) -> bool {
        self.week.has(date.weekday()) && !self.holidays.contains_key(&date)
    }

    /// Why the court does not work on this day: the name of the holiday, or the free weekday. `None` on a working day.
    pub fn reason_not_working(&self, date: Date) -> Option<String> {
        match self.holidays.get(&date) {
            Some(name) if name.is_empty() => Some("public holiday".to_owned()),
            Some(name) => Some(name.clone()),
            None if self.week.has(date.weekday()) => None,
            None => Some(format!("{} is a free day", explain::weekday_name(date.weekday()))),
        }
    }

    /// The civil day of an instant in the zone of the calendar.
    pub fn day(&self, at: Timestamp) -> Date {
        self.zone.to_datetime(at).date()
    }

    /// How often the civil day changes from one instant to the other; negative when `to` lies on an earlier day. For
    /// guards such as `days since DATE at least 30`.
    pub fn civil_days_between(&self, from: Timestamp, to: Timestamp) -> i64 {
        days_from(self.day(from), self.day(to))
    }

    /// Complete civil months between the days of two instants; see [`months_from`].
    pub fn months_between(&self, from: Timestamp, to: Timestamp) -> i64 {
        months_from(self.day(from), self.day(to))
    }
}

/// Civil days from one day to another; negative when `to` is earlier.
pub fn days_from(from: Date, to: Date) -> i64 {
    from.duration_until(to).as_hours() / 24
}

/// Complete months from one civil day to another. A month is complete when the day with the same number is reached, or,
/// in a month without it, when that month is over: 31 January to 28 February is none, to 1 March one. Negative, with the
/// same size, when the days are exchanged.
pub fn months_from(from: Date, to: Date) -> i64 {
    if to < from {
        return -months_from(to, from);
    }
    let whole = (i64::from(to.year()) - i64::from(from.year())) * 12 + i64::from(to.month())
        - i64::from(from.month());
    if to.day() < from.day() { whole - 1 } else { whole }
}
