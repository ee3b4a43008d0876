//! Tests of the calendar: fixtures of the law, a naive walk as oracle, and the files that are shipped.

use jiff::{Timestamp, civil::Date};

use super::*;

mod faults;
mod fixtures;
mod ics;
mod shipped;
mod walk;

const IRAQ: &[u8] = include_bytes!("../../../../workflows/calendars/iraq.v1.yaml");
const ITALY: &[u8] = include_bytes!("../../../../workflows/calendars/italy.v1.yaml");

fn iraq() -> Calendar {
    Calendar::read(IRAQ).unwrap()
}

fn italy() -> Calendar {
    Calendar::read(ITALY).unwrap()
}

/// A calendar without holidays, working Monday to Friday from 1990 to 2030.
fn plain(zone: &str) -> Calendar {
    let text = format!(
        "calendar: plain\nversion: 1\nzone: {zone}\nweek: [mon, tue, wed, thu, fri]\ncovers: 1990 to 2030\nholidays: []\n"
    );
    Calendar::read(text.as_bytes()).unwrap()
}

fn date(text: &str) -> Date {
    text.parse().unwrap()
}

/// A wall-clock time in the zone of the calendar.
fn at(calendar: &Calendar, text: &str) -> Timestamp {
    let wall: jiff::civil::DateTime = text.parse().unwrap();
    calendar.zone().to_timestamp(wall).unwrap()
}

fn span(text: &str) -> Span {
    text.parse().unwrap()
}

/// A rule in the words of the language, `-` for the default.
fn rule(first_day: &str, ends: &str, if_not_working: &str, month_end: &str) -> Rule {
    Rule {
        first_day: if first_day == "-" { FirstDay::default() } else { first_day.parse().unwrap() },
        ends: if ends == "-" { Ends::default() } else { ends.parse().unwrap() },
        if_not_working: if if_not_working == "-" {
            IfNotWorking::default()
        } else {
            if_not_working.parse().unwrap()
        },
        month_end: if month_end == "-" { MonthEnd::default() } else { month_end.parse().unwrap() },
    }
}

/// The limit on the wall clock of the calendar, and the explanation with it.
fn due_wall(calendar: &Calendar, start: &str, length: &str, rule: &Rule) -> String {
    let start = at(calendar, start);
    let due = calendar.due(start, &span(length), rule).unwrap();
    assert_eq!(calendar.explain(start, &span(length), rule).unwrap().due, due);
    calendar.zone().to_datetime(due).to_string()
}
