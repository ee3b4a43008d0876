use super::*;

/// A calendar that names an import and one holiday of its own.
pub(super) fn wanting() -> Calendar {
    Calendar::read(
        b"calendar: court\nversion: 1\nzone: Asia/Baghdad\nweek: [sun, mon, tue, wed, thu]\n\
          holidays: {2026-01-01: New Year}\nimport: holidays.ics\n",
    )
    .unwrap()
}

fn file(events: &str) -> String {
    format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Test//EN\r\n{events}END:VCALENDAR\r\n")
}

fn event(lines: &str) -> String {
    file(&format!("BEGIN:VEVENT\r\nUID:1\r\n{lines}END:VEVENT\r\n"))
}

#[test]
fn whole_days_are_read_and_the_end_is_exclusive() {
    let text = file(
        "BEGIN:VTIMEZONE\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n\
         BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20260320\r\nDTEND;VALUE=DATE:20260323\r\nSUMMARY:عيد\r\n  الفطر\\, ثلاثة أيام\r\n\
         BEGIN:VALARM\r\nSUMMARY:not this\r\nDURATION:PT1H\r\nEND:VALARM\r\nEND:VEVENT\r\n\
         BEGIN:VEVENT\r\nSUMMARY:Nowruz\r\nDTSTART;VALUE=DATE:20260321\r\nEND:VEVENT\r\n\
         BEGIN:VEVENT\r\nSUMMARY:First of the year\r\nDTSTART;VALUE=DATE:20260101\r\nEND:VEVENT\r\n",
    );
    let before = wanting();
    let calendar = before.clone().with_ics(&text).unwrap();
    let listed: Vec<(String, &str)> =
        calendar.holidays().iter().map(|(day, name)| (day.to_string(), name.as_str())).collect();
    assert_eq!(
        listed,
        [
            ("2026-01-01".to_owned(), "New Year; First of the year"),
            ("2026-03-20".to_owned(), "عيد الفطر, ثلاثة أيام"),
            ("2026-03-21".to_owned(), "عيد الفطر, ثلاثة أيام; Nowruz"),
            ("2026-03-22".to_owned(), "عيد الفطر, ثلاثة أيام"),
        ]
    );
    assert_eq!(calendar.wanted_import(), None);
    assert!(calendar.covers(2026));
    assert_ne!(calendar.hash(), before.hash());
    assert_ne!(calendar.hash(), before.with_ics(&text.replace("Nowruz", "Nawroz")).unwrap().hash());
}

#[test]
fn a_calendar_whose_import_was_not_read_counts_no_working_day() {
    let calendar = wanting();
    assert_eq!(calendar.wanted_import(), Some("holidays.ics"));
    assert!(!calendar.covers(2026));
    let start = at(&calendar, "2026-01-05T09:00");
    let error = calendar.due(start, &span("1 working day"), &Rule::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "calendar `court` imports `holidays.ics`, which was not read: give that file together with the calendar"
    );
    assert!(calendar.due(start, &span("24 hours"), &Rule::default()).is_ok());
}

#[test]
fn what_would_need_guessing_is_refused_with_its_line() {
    for (text, expected) in [
        (String::new(), "line 1, column 1: the file is empty"),
        (file(""), "line 1, column 1: holidays.ics holds no holiday (no VEVENT with a whole day)"),
        ("hello\n".to_owned(), "line 1, column 1: this is no iCalendar line: NAME:VALUE"),
        ("A:B\n".to_owned(), "line 1, column 1: an iCalendar file begins with BEGIN:VCALENDAR"),
        (
            event("DTSTART:20260320T090000\r\n"),
            "line 6, column 1: DTSTART `20260320T090000`: write a whole day, such as DTSTART;VALUE=DATE:20261225",
        ),
        (
            event("DTSTART;VALUE=DATE:20260230\r\n"),
            "line 6, column 1: DTSTART `20260230`: write a whole day, such as DTSTART;VALUE=DATE:20261225",
        ),
        (
            event("DTSTART;VALUE=DATE:20260101\r\nRRULE:FREQ=YEARLY\r\n"),
            "line 7, column 1: RRULE is not read: export every holiday as a whole day of its own",
        ),
        (event("SUMMARY:x\r\n"), "line 4, column 1: an event without DTSTART"),
        (
            event("DTSTART;VALUE=DATE:20260102\r\nDTEND;VALUE=DATE:20260102\r\n"),
            "line 4, column 1: the event from 2026-01-02 to 2026-01-02 (exclusive) must last 1 to 60 days",
        ),
        (
            event("DTSTART;VALUE=DATE:20260102\r\nDTEND;VALUE=DATE:21990102\r\n"),
            "line 4, column 1: the event from 2026-01-02 to 2199-01-02 (exclusive) must last 1 to 60 days",
        ),
        (
            event("DTSTART;VALUE=DATE:20260102\r\nDTSTART;VALUE=DATE:20260103\r\n"),
            "line 7, column 1: DTSTART is stated twice in one event",
        ),
        (
            event("DTSTART;VALUE=DATE:20260102\r\nSTATUS:CANCELLED\r\n"),
            "line 7, column 1: a cancelled event: remove it from the list of holidays",
        ),
        (
            event("DTSTART;VALUE=DATE:20260101\r\nSUMMARY:New Year\r\n"),
            "line 4, column 1: 2026-01-01 `New Year` is in the calendar file already",
        ),
        (
            event("DTSTART;VALUE=DATE:20260102\r\n").replace("END:VCALENDAR\r\n", ""),
            "line 7, column 1: the file ends inside VCALENDAR: END:VCALENDAR is missing",
        ),
        (file("END:VEVENT\r\n"), "line 4, column 1: END:VEVENT ends nothing that is open"),
    ] {
        let found: Vec<String> =
            wanting().with_ics(&text).unwrap_err().iter().map(ToString::to_string).collect();
        assert_eq!(found, [expected], "{text}");
    }
    let twice = wanting().with_ics(&event("DTSTART;VALUE=DATE:20260102\r\n")).unwrap().with_ics("");
    assert!(twice.unwrap_err()[0].message.contains("names no import"));
}
