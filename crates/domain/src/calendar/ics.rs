//! A small strict reader of iCalendar (RFC 5545) holiday lists: whole days with a name, nothing that would need guessing.

use std::collections::BTreeMap;

use jiff::civil::Date;
use sha2::{Digest, Sha256};

use super::{Calendar, CalendarFault, file};

/// Longest event read as holidays, in days. A longer one is a season or a mistake.
const MOST_DAYS: usize = 60;

pub(super) fn add(mut calendar: Calendar, text: &str) -> Result<Calendar, Vec<CalendarFault>> {
    let Some(import) = calendar.wanted_import() else {
        return Err(vec![fault(
            1,
            format!("calendar `{}` names no import that is still to be read", calendar.name),
        )]);
    };
    let import = import.to_owned();
    let (days, mut faults) = read(text);
    if days.is_empty() && faults.is_empty() {
        faults.push(fault(1, format!("{import} holds no holiday (no VEVENT with a whole day)")));
    }
    for (date, (name, line)) in days {
        let year = date.year();
        let known = calendar.covers_stated.as_ref();
        if known.is_some_and(|ranges| !ranges.iter().any(|&(first, last)| first <= year && year <= last)) {
            faults.push(fault(
                line,
                format!("{date} lies in a year that `covers` of the calendar does not name"),
            ));
        }
        match calendar.holidays.get_mut(&date) {
            Some(known) if *known == name => {
                faults.push(fault(line, format!("{date} `{name}` is in the calendar file already")));
            }
            Some(known) if known.is_empty() => *known = name,
            Some(known) => *known = format!("{known}; {name}"),
            None => {
                calendar.holidays.insert(date, name);
            }
        }
    }
    if !faults.is_empty() {
        faults.sort_by_key(|fault| fault.line);
        return Err(faults);
    }
    calendar.import_done = true;
    calendar.covered = file::covered(calendar.covers_stated.as_deref(), &calendar.holidays);
    let mut hash = Sha256::new();
    hash.update(calendar.hash);
    hash.update(Sha256::digest(text.as_bytes()));
    calendar.hash = hash.finalize().into();
    Ok(calendar)
}

fn fault(line: u64, message: impl Into<String>) -> CalendarFault {
    CalendarFault { line, column: 1, message: message.into() }
}

/// A content line, unfolded, with the number of its first physical line.
struct Line {
    number: u64,
    text: String,
}

/// Joins folded lines (a line that begins with a blank continues the one before).
fn unfold(text: &str) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for (number, line) in (1_u64..).zip(text.lines()) {
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(rest), Some(before)) => before.text.push_str(rest),
            (Some(_) | None, _) => lines.push(Line { number, text: line.to_owned() }),
        }
    }
    lines.retain(|line| !line.text.is_empty());
    lines
}

/// An event while it is read.
#[derive(Default)]
struct Event {
    line: u64,
    start: Option<Date>,
    end: Option<Date>,
    name: Option<String>,
    faulty: bool,
}

type Days = BTreeMap<Date, (String, u64)>;

fn read(text: &str) -> (Days, Vec<CalendarFault>) {
    let mut days = Days::new();
    let mut faults = Vec::new();
    let mut open: Vec<String> = Vec::new();
    let mut event: Option<Event> = None;
    let lines = unfold(text.strip_prefix('\u{feff}').unwrap_or(text));
    for line in &lines {
        let Some((head, value)) = line.text.split_once(':') else {
            faults.push(fault(line.number, "this is no iCalendar line: NAME:VALUE"));
            continue;
        };
        let (name, parameters) = head.split_once(';').unwrap_or((head, ""));
        let name = name.to_ascii_uppercase();
        match name.as_str() {
            "BEGIN" => {
                let begun = value.to_ascii_uppercase();
                match (open.is_empty(), begun == "VCALENDAR") {
                    (true, false) => {
                        faults.push(fault(line.number, "an iCalendar file begins with BEGIN:VCALENDAR"))
                    }
                    (false, true) => faults.push(fault(line.number, "a VCALENDAR inside another part")),
                    (true, true) | (false, false) => {}
                }
                if begun == "VEVENT" {
                    event = Some(Event { line: line.number, ..Event::default() });
                }
                open.push(begun);
            }
            "END" => {
                let ended = value.to_ascii_uppercase();
                if open.pop().as_ref() != Some(&ended) {
                    faults.push(fault(line.number, format!("END:{value} ends nothing that is open")));
                    return (days, faults);
                }
                if ended == "VEVENT"
                    && let Some(event) = event.take()
                {
                    enter(event, &mut days, &mut faults);
                }
            }
            _ if open.is_empty() => {
                faults.push(fault(line.number, "an iCalendar file begins with BEGIN:VCALENDAR"));
                return (days, faults);
            }
            // Only the event itself is read, not the alarms inside it or the zones beside it.
            property if open.last().is_some_and(|part| part == "VEVENT") => {
                if let Some(event) = &mut event
                    && let Err(message) = event.take(property, parameters, value)
                {
                    event.faulty = true;
                    faults.push(fault(line.number, message));
                }
            }
            _ => {}
        }
    }
    if let Some(part) = open.last() {
        let last = lines.last().map_or(1, |line| line.number);
        faults.push(fault(last, format!("the file ends inside {part}: END:{part} is missing")));
    } else if lines.is_empty() {
        faults.push(fault(1, "the file is empty"));
    }
    (days, faults)
}

impl Event {
    fn take(&mut self, property: &str, parameters: &str, value: &str) -> Result<(), String> {
        match property {
            "DTSTART" => set(&mut self.start, whole_day(property, parameters, value)?, property),
            "DTEND" => set(&mut self.end, whole_day(property, parameters, value)?, property),
            "SUMMARY" => set(&mut self.name, unescape(value), property),
            "RRULE" | "RDATE" | "EXDATE" | "EXRULE" | "DURATION" | "RECURRENCE-ID" => {
                Err(format!("{property} is not read: export every holiday as a whole day of its own"))
            }
            "STATUS" if value.eq_ignore_ascii_case("cancelled") => {
                Err("a cancelled event: remove it from the list of holidays".to_owned())
            }
            _ => Ok(()),
        }
    }
}

fn set<T>(slot: &mut Option<T>, value: T, property: &str) -> Result<(), String> {
    if slot.is_some() {
        return Err(format!("{property} is stated twice in one event"));
    }
    *slot = Some(value);
    Ok(())
}

fn whole_day(property: &str, parameters: &str, value: &str) -> Result<Date, String> {
    let wrong = || format!("{property} `{value}`: write a whole day, such as {property};VALUE=DATE:20261225");
    if !parameters.split(';').any(|parameter| parameter.eq_ignore_ascii_case("VALUE=DATE")) {
        return Err(wrong());
    }
    let (year, rest) = value.split_at_checked(4).ok_or_else(wrong)?;
    let (month, day) = rest.split_at_checked(2).ok_or_else(wrong)?;
    file::date(year, month, day).ok_or_else(wrong)
}

/// Text escapes of RFC 5545, 3.3.11; a line break becomes a space.
fn unescape(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut characters = value.chars();
    while let Some(one) = characters.next() {
        match one {
            '\\' => match characters.next() {
                Some('n' | 'N') => text.push(' '),
                Some(escaped) => text.push(escaped),
                None => {}
            },
            other => text.push(other),
        }
    }
    text.trim().to_owned()
}

fn enter(event: Event, days: &mut Days, faults: &mut Vec<CalendarFault>) {
    if event.faulty {
        return;
    }
    let Some(start) = event.start else {
        faults.push(fault(event.line, "an event without DTSTART"));
        return;
    };
    let name = event.name.unwrap_or_default();
    let end = event.end.or_else(|| start.tomorrow().ok()).unwrap_or(start);
    let length =
        start.series(jiff::Span::new().days(1)).take_while(|day| *day < end).take(MOST_DAYS + 1).count();
    if length == 0 || length > MOST_DAYS {
        faults.push(fault(
            event.line,
            format!("the event from {start} to {end} (exclusive) must last 1 to {MOST_DAYS} days"),
        ));
        return;
    }
    for day in start.series(jiff::Span::new().days(1)).take(length) {
        match days.get_mut(&day) {
            Some((known, first)) if *known == name => {
                faults.push(fault(
                    event.line,
                    format!("{day} `{name}` is listed twice, first on line {first}"),
                ));
            }
            Some((known, _)) => *known = format!("{known}; {name}"),
            None => {
                days.insert(day, (name.clone(), event.line));
            }
        }
    }
}
