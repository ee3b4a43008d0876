//! Counting of time, by the clock rule of the file and a calendar.

use std::collections::BTreeSet;

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp, Zoned};

use super::tree::Node;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Seconds(i64),
    Days,
    WorkingDays,
    Months,
}

/// A duration of the file: hours and smaller are seconds, weeks are days, years are months.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Length {
    pub(crate) count: i64,
    pub(crate) unit: Unit,
}

impl Length {
    pub(crate) fn read(text: &str) -> Self {
        let (count, unit) = text.split_once(' ').unwrap();
        let count: i64 = count.parse().unwrap();
        let (times, unit) = match unit.trim_end_matches('s') {
            "second" => (1, Unit::Seconds(1)),
            "minute" => (1, Unit::Seconds(60)),
            "hour" => (1, Unit::Seconds(3600)),
            "day" => (1, Unit::Days),
            "working day" => (1, Unit::WorkingDays),
            "week" => (7, Unit::Days),
            "month" => (1, Unit::Months),
            "year" => (12, Unit::Months),
            other => panic!("{other}"),
        };
        Self { count: count * times, unit }
    }
}

/// The clock rule.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rule {
    pub(crate) calendar: Option<String>,
    first_included: bool,
    same_time: bool,
    if_not_working: String,
    month_later: bool,
}

impl Rule {
    /// Hours are elapsed time: only a rule of their own moves them.
    pub(crate) fn of(&self, length: Length) -> Self {
        match length.unit {
            Unit::Seconds(_) => Self { if_not_working: "same".to_owned(), ..self.clone() },
            Unit::Days | Unit::WorkingDays | Unit::Months => self.clone(),
        }
    }

    pub(crate) fn ends_at_time(&self) -> bool {
        self.same_time
    }

    /// This rule, but where the keys say otherwise.
    pub(crate) fn but(&self, node: &Node) -> Self {
        let mut rule = self.clone();
        let word = |key: &str| node.get(key).map(Node::text);
        if let Some(calendar) = word("calendar") {
            rule.calendar = Some(calendar.to_owned());
        }
        if let Some(first) = word("first-day") {
            rule.first_included = first == "included";
        }
        if let Some(ends) = word("ends") {
            rule.same_time = ends == "same-time";
        }
        if let Some(how) = word("if-not-working") {
            how.clone_into(&mut rule.if_not_working);
        }
        if let Some(end) = word("month-end") {
            rule.month_later = end == "later";
        }
        rule
    }
}

/// A calendar, from its own file.
#[derive(Debug, Clone)]
pub(crate) struct Days {
    zone: TimeZone,
    week: Vec<Weekday>,
    holidays: BTreeSet<Date>,
}

impl Days {
    pub(crate) fn read(text: &str) -> Self {
        let node: Node = serde_saphyr::from_str(text).unwrap();
        let day = |name: &String| match name.as_str() {
            "mon" => Weekday::Monday,
            "tue" => Weekday::Tuesday,
            "wed" => Weekday::Wednesday,
            "thu" => Weekday::Thursday,
            "fri" => Weekday::Friday,
            "sat" => Weekday::Saturday,
            "sun" => Weekday::Sunday,
            other => panic!("{other}"),
        };
        Self {
            zone: TimeZone::get(node.get("zone").unwrap().text()).unwrap(),
            week: node.get("week").unwrap().names().iter().map(day).collect(),
            holidays: node
                .get("holidays")
                .map(Node::names)
                .unwrap_or_default()
                .iter()
                .map(|date| date.parse().unwrap())
                .collect(),
        }
    }

    fn works(&self, date: Date) -> bool {
        self.week.contains(&date.weekday()) && !self.holidays.contains(&date)
    }

    pub(crate) fn local(&self, at: Timestamp) -> Zoned {
        at.to_zoned(self.zone.clone())
    }

    fn instant(&self, date: Date, time: jiff::civil::Time) -> Timestamp {
        date.to_datetime(time).to_zoned(self.zone.clone()).unwrap().timestamp()
    }

    /// The end of a day is the instant at which the next one begins.
    pub(crate) fn end_of(&self, date: Date) -> Timestamp {
        date.tomorrow().unwrap().to_zoned(self.zone.clone()).unwrap().timestamp()
    }

    /// The limit of a duration that starts at an instant.
    pub(crate) fn count(&self, rule: &Rule, start: Timestamp, length: Length) -> Timestamp {
        let local = self.local(start);
        if let Unit::Seconds(each) = length.unit {
            let end = start.checked_add(SignedDuration::from_secs(each * length.count)).unwrap();
            let there = self.local(end);
            let day = self.working(rule, there.date(), local.date());
            return if day == there.date() { end } else { self.instant(day, there.time()) }.max(start);
        }
        self.end(rule, local.date(), local.time(), length).max(start)
    }

    /// The day on which a limit ends by `if-not-working`; it never moves to before the day on which it began.
    fn working(&self, rule: &Rule, mut end: Date, begin: Date) -> Date {
        while !self.works(end) {
            end = match rule.if_not_working.as_str() {
                "next" => end.tomorrow().unwrap(),
                "previous" if end > begin => end.yesterday().unwrap(),
                _ => break,
            };
        }
        end
    }

    fn end(&self, rule: &Rule, day: Date, time: jiff::civil::Time, length: Length) -> Timestamp {
        let base = if rule.first_included { day.yesterday().unwrap() } else { day };
        let end = match length.unit {
            Unit::WorkingDays => self.walk(base, length.count),
            Unit::Months => {
                // The day with the same number; the day before it, when the first day counts.
                let end = day.checked_add(Span::new().months(length.count)).unwrap();
                let end =
                    if rule.month_later && end.day() != day.day() { end.tomorrow().unwrap() } else { end };
                if rule.first_included { end.yesterday().unwrap() } else { end }
            }
            Unit::Days | Unit::Seconds(_) => base.checked_add(Span::new().days(length.count)).unwrap(),
        };
        let end = self.working(rule, end, day);
        if rule.same_time { self.instant(end, time) } else { self.end_of(end) }
    }

    /// The working day that is so many after (or before) a day.
    fn walk(&self, from: Date, count: i64) -> Date {
        let mut day = from;
        let mut left = count.abs();
        while left > 0 {
            day = if count > 0 { day.tomorrow() } else { day.yesterday() }.unwrap();
            left -= i64::from(self.works(day));
        }
        day
    }

    /// An instant moved on or back, at the same time of the day: the steps of a ladder, its
    /// warnings, and a limit that is lengthened.
    pub(crate) fn moved(&self, at: Timestamp, length: Length, back: bool) -> Timestamp {
        let sign = if back { -1 } else { 1 };
        let local = self.local(at);
        let days = |count: i64| local.checked_add(Span::new().days(count)).unwrap().timestamp();
        match length.unit {
            Unit::Seconds(each) => {
                at.checked_add(SignedDuration::from_secs(sign * each * length.count)).unwrap()
            }
            Unit::Days => days(sign * length.count),
            Unit::Months => local.checked_add(Span::new().months(sign * length.count)).unwrap().timestamp(),
            Unit::WorkingDays => {
                let end = self.walk(local.date(), sign * length.count);
                days(i64::from(local.date().until(end).unwrap().get_days()))
            }
        }
    }
}
