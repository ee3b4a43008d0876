use super::*;

#[track_caller]
fn check(calendar: &Calendar, cases: &[(&str, &str, [&str; 4], &str)]) {
    for (start, length, [first_day, ends, roll, month_end], expected) in cases {
        let rule = rule(first_day, ends, roll, month_end);
        let found = due_wall(calendar, start, length, &rule);
        assert_eq!(found, *expected, "{length} from {start} with {rule:?}");
    }
}

const PLAIN: [&str; 4] = ["-", "-", "-", "-"];

#[test]
fn hours_stay_hours_over_midnight_weekend_and_feast() {
    check(
        &iraq(),
        &[
            ("2024-04-09T18:30", "24 hours", PLAIN, "2024-04-10T18:30:00"),
            ("2024-04-11T23:59:59", "24 hours", PLAIN, "2024-04-12T23:59:59"),
            (
                "2024-04-04T10:00",
                "48 hours",
                ["included", "end-of-day", "same", "earlier"],
                "2024-04-06T10:00:00",
            ),
            ("2024-04-11T10:00", "90 minutes", PLAIN, "2024-04-11T11:30:00"),
            ("2024-04-11T10:00", "0 hours", PLAIN, "2024-04-11T10:00:00"),
            // Only a rule that says so moves them: Thursday of the feast to Sunday, at the same time of day.
            ("2024-04-10T10:00", "24 hours", ["-", "-", "next", "-"], "2024-04-14T10:00:00"),
            ("2024-04-10T10:00", "24 hours", ["-", "-", "previous", "-"], "2024-04-10T10:00:00"),
        ],
    );
}

#[test]
fn a_day_ends_when_it_is_over_in_baghdad() {
    check(
        &iraq(),
        &[
            ("2026-02-10T00:00", "1 day", PLAIN, "2026-02-12T00:00:00"),
            ("2026-02-10T23:59:59.999999", "1 day", PLAIN, "2026-02-12T00:00:00"),
            ("2026-02-10T23:59:59.999999", "1 day", ["included", "-", "-", "-"], "2026-02-11T00:00:00"),
            ("2026-02-10T12:00", "15 days", PLAIN, "2026-02-26T00:00:00"),
            ("2026-02-10T12:00", "15 days", ["included", "-", "-", "-"], "2026-02-25T00:00:00"),
            ("2026-02-10T12:00", "15 days", ["-", "same-time", "-", "-"], "2026-02-25T12:00:00"),
            ("2026-02-10T12:00", "2 weeks", PLAIN, "2026-02-25T00:00:00"),
            ("2026-02-10T12:00", "0 days", PLAIN, "2026-02-11T00:00:00"),
            ("2026-02-10T12:00", "0 days", ["included", "same-time", "-", "-"], "2026-02-10T12:00:00"),
        ],
    );
    // 21:00 in UTC is midnight in Baghdad: the civil day is that of the calendar, not that of UTC.
    let due = iraq().due("2026-02-10T21:00:00Z".parse().unwrap(), &span("1 day"), &Rule::default()).unwrap();
    assert_eq!(due.to_string(), "2026-02-12T21:00:00Z");
    let due =
        iraq().due("2026-02-10T20:59:59.999999Z".parse().unwrap(), &span("1 day"), &Rule::default()).unwrap();
    assert_eq!(due.to_string(), "2026-02-11T21:00:00Z");
}

#[test]
fn working_days_pass_over_the_weekend_and_the_feast() {
    check(
        &iraq(),
        &[
            // Eid al-Fitr 2024: Wednesday 10 to Friday 12 April, then Saturday.
            ("2024-04-08T09:00", "1 working day", PLAIN, "2024-04-10T00:00:00"),
            ("2024-04-08T09:00", "2 working days", PLAIN, "2024-04-15T00:00:00"),
            ("2024-04-08T09:00", "2 working days", ["included", "-", "-", "-"], "2024-04-10T00:00:00"),
            ("2024-04-08T09:00", "2 working days", ["-", "same-time", "-", "-"], "2024-04-14T09:00:00"),
            // Beginning on a free day: it is not counted even when the first day is.
            ("2024-04-12T09:00", "1 working day", ["included", "-", "-", "-"], "2024-04-15T00:00:00"),
            ("2024-04-12T09:00", "1 working day", PLAIN, "2024-04-15T00:00:00"),
            // Friday and Saturday are free, Sunday is not.
            ("2024-02-01T15:00", "1 working day", PLAIN, "2024-02-05T00:00:00"),
            ("2024-02-01T15:00", "5 working days", PLAIN, "2024-02-09T00:00:00"),
            ("2024-04-12T09:00", "0 working days", PLAIN, "2024-04-13T00:00:00"),
            ("2024-04-12T09:00", "0 working days", ["-", "-", "next", "-"], "2024-04-15T00:00:00"),
        ],
    );
}

#[test]
fn a_limit_on_a_free_day_moves_only_as_the_rule_says() {
    check(
        &iraq(),
        &[
            // 9 April + 1 day is the first day of Eid.
            ("2024-04-09T09:00", "1 day", PLAIN, "2024-04-11T00:00:00"),
            ("2024-04-09T09:00", "1 day", ["-", "-", "next", "-"], "2024-04-15T00:00:00"),
            ("2024-04-09T09:00", "1 day", ["-", "-", "previous", "-"], "2024-04-10T00:00:00"),
            ("2024-04-09T09:00", "1 day", ["-", "same-time", "next", "-"], "2024-04-14T09:00:00"),
            // Back, but never before the day of the beginning, and never before the beginning.
            ("2024-04-10T09:00", "2 days", ["-", "-", "previous", "-"], "2024-04-11T00:00:00"),
            ("2024-04-10T09:00", "2 days", ["-", "same-time", "previous", "-"], "2024-04-10T09:00:00"),
            ("2024-04-12T10:00", "23 hours", ["-", "-", "previous", "-"], "2024-04-12T10:00:00"),
            // A limit on a working day stays.
            ("2024-04-08T09:00", "1 day", ["-", "-", "next", "-"], "2024-04-10T00:00:00"),
        ],
    );
}

#[test]
fn a_short_month_follows_its_rule() {
    check(
        &iraq(),
        &[
            ("2026-01-31T08:00", "1 month", ["-", "-", "-", "earlier"], "2026-03-01T00:00:00"),
            ("2026-01-31T08:00", "1 month", ["-", "-", "-", "later"], "2026-03-02T00:00:00"),
            ("2028-01-31T08:00", "1 month", ["-", "-", "-", "earlier"], "2028-03-01T00:00:00"),
            ("2026-01-31T08:00", "1 month", ["included", "-", "-", "earlier"], "2026-02-28T00:00:00"),
            ("2026-01-31T08:00", "1 month", ["included", "-", "-", "later"], "2026-03-01T00:00:00"),
            ("2026-01-15T08:00", "1 month", ["included", "-", "-", "-"], "2026-02-15T00:00:00"),
            ("2026-01-15T08:00", "6 months", PLAIN, "2026-07-16T00:00:00"),
            ("2024-02-29T08:00", "1 year", ["-", "same-time", "-", "earlier"], "2025-02-28T08:00:00"),
            ("2024-02-29T08:00", "1 year", ["-", "same-time", "-", "later"], "2025-03-01T08:00:00"),
            ("2024-02-29T08:00", "4 years", ["-", "same-time", "-", "-"], "2028-02-29T08:00:00"),
            ("2026-12-31T08:00", "2 months", ["-", "-", "-", "later"], "2027-03-02T00:00:00"),
        ],
    );
    let start = at(&iraq(), "2026-01-31T08:00");
    let error = iraq().due(start, &span("1 month"), &Rule::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "1 month from 2026-01-31 would end on day 31 of 2026-02, which does not exist: state `month-end`"
    );
}

#[test]
fn sixty_days_are_not_1440_hours_when_the_clocks_change() {
    let italy = italy();
    let start = at(&italy, "2013-03-01T12:00");
    let same_time = rule("-", "same-time", "-", "-");
    let days = italy.due(start, &span("60 days"), &same_time).unwrap();
    let hours = italy.due(start, &span("1440 hours"), &same_time).unwrap();
    assert_eq!(italy.zone().to_datetime(days).to_string(), "2013-04-30T12:00:00");
    assert_eq!(italy.zone().to_datetime(hours).to_string(), "2013-04-30T13:00:00");
    let baghdad = iraq();
    let start = at(&baghdad, "2025-03-01T12:00");
    assert_eq!(
        baghdad.due(start, &span("60 days"), &same_time),
        baghdad.due(start, &span("1440 hours"), &same_time)
    );
}

#[test]
fn a_time_of_day_that_is_skipped_or_repeated_is_read_as_rfc_5545_does() {
    let same_time = ["-", "same-time", "-", "-"];
    check(
        &italy(),
        &[
            // 31 March 2013: 02:00 becomes 03:00.
            ("2013-03-30T02:30", "1 day", same_time, "2013-03-31T03:30:00"),
            // 27 October 2013: 03:00 becomes 02:00; the first 02:30 is meant.
            ("2013-10-26T02:30", "1 day", same_time, "2013-10-27T02:30:00"),
        ],
    );
    let due = italy()
        .due(at(&italy(), "2013-10-26T02:30"), &span("1 day"), &rule("-", "same-time", "-", "-"))
        .unwrap();
    assert_eq!(due.to_string(), "2013-10-27T00:30:00Z");
    // Beginning in the second 02:30: the same day at the same time would be an hour earlier, and is held.
    let second: Timestamp = "2013-10-27T01:30:00Z".parse().unwrap();
    let explained = italy().explain(second, &span("0 days"), &rule("-", "same-time", "-", "-")).unwrap();
    assert_eq!((explained.due, explained.held_at_start), (second, true));
}

#[test]
fn a_day_without_a_midnight_begins_at_its_first_instant() {
    // Cairo, 26 April 2024: 00:00 becomes 01:00.
    let cairo = plain("Africa/Cairo");
    let due = cairo.due(at(&cairo, "2024-04-24T09:00"), &span("1 day"), &Rule::default()).unwrap();
    assert_eq!(due.to_string(), "2024-04-25T22:00:00Z");
    assert_eq!(cairo.zone().to_datetime(due).to_string(), "2024-04-26T01:00:00");
    // A day of 25 hours in New York: the whole day belongs to the limit.
    let new_york = plain("America/New_York");
    let due = new_york.due(at(&new_york, "2024-11-02T09:00"), &span("1 day"), &Rule::default()).unwrap();
    assert_eq!(due.to_string(), "2024-11-04T05:00:00Z");
}

#[test]
fn a_date_that_a_zone_left_out_is_counted() {
    let apia = plain("Pacific/Apia");
    let start = at(&apia, "2011-12-29T10:00");
    let one = apia.due(start, &span("1 day"), &Rule::default()).unwrap();
    let two = apia.due(start, &span("2 days"), &Rule::default()).unwrap();
    // 30 December did not exist there: it is over in the instant in which it begins.
    assert_eq!(one, at(&apia, "2011-12-31T00:00"));
    assert_eq!(two, at(&apia, "2012-01-01T00:00"));
}

#[test]
fn a_beginning_is_cut_to_microseconds() {
    let calendar = iraq();
    let start: Timestamp = "2026-02-10T09:00:00.123456789Z".parse().unwrap();
    let due = calendar.due(start, &span("1 hour"), &Rule::default()).unwrap();
    assert_eq!(due.to_string(), "2026-02-10T10:00:00.123456Z");
    let due = calendar.due(start, &span("1 day"), &rule("-", "same-time", "-", "-")).unwrap();
    assert_eq!(due.to_string(), "2026-02-11T09:00:00.123456Z");
}

#[test]
fn a_year_without_a_list_of_holidays_is_an_error_that_names_it() {
    let calendar = iraq();
    let next = rule("-", "-", "next", "-");
    let missing = |year| CalendarError::NotCovered { calendar: "iraq".to_owned(), version: 1, year };
    let end = at(&calendar, "2028-12-28T09:00");
    assert_eq!(calendar.due(end, &span("5 working days"), &Rule::default()), Err(missing(2029)));
    assert_eq!(calendar.due(end, &span("10 days"), &next), Err(missing(2029)));
    let early = at(&calendar, "2023-12-20T09:00");
    assert_eq!(calendar.due(early, &span("1 working day"), &Rule::default()), Err(missing(2023)));
    assert_eq!(calendar.due(early, &span("200 working days"), &Rule::default()), Err(missing(2023)));
    // What needs no list of holidays needs no covered year.
    assert!(calendar.due(early, &span("60 days"), &Rule::default()).is_ok());
    assert!(calendar.due(end, &span("24 hours"), &Rule::default()).is_ok());
    assert!(calendar.due(end, &span("5 years"), &Rule::default()).is_ok());
    assert_eq!(
        missing(2029).to_string(),
        "calendar `iraq` version 1 does not cover the year 2029: publish a version that lists its holidays"
    );
}

#[test]
fn spans_and_beginnings_beyond_all_reason_are_errors() {
    let calendar = iraq();
    for unit in [
        Unit::Seconds,
        Unit::Minutes,
        Unit::Hours,
        Unit::Days,
        Unit::WorkingDays,
        Unit::Weeks,
        Unit::Months,
        Unit::Years,
    ] {
        let huge = Span::new(u32::MAX, unit);
        for start in [Timestamp::MIN, Timestamp::UNIX_EPOCH, Timestamp::MAX] {
            for count in [u32::MAX, 200, 1, 0] {
                for rule in [Rule::default(), rule("included", "same-time", "next", "later")] {
                    // Must answer, whatever the answer is; and twice the same.
                    let span = Span { count, ..huge };
                    let due = calendar.due(start, &span, &rule);
                    assert_eq!(calendar.explain(start, &span, &rule).map(|explained| explained.due), due);
                }
            }
        }
        // 2^32 seconds are 136 years and may be counted; nothing longer than 200 years may.
        let due = calendar.due(Timestamp::UNIX_EPOCH, &huge, &Rule::default());
        assert_eq!(matches!(due, Err(CalendarError::TooLong { .. })), unit != Unit::Seconds);
    }
    let out = calendar.due(Timestamp::MAX, &span("1 day"), &Rule::default());
    assert!(matches!(out, Err(CalendarError::OutOfRange { .. })), "{out:?}");
}

#[test]
fn days_and_complete_months_between_two_instants_are_civil() {
    let calendar = iraq();
    for (from, to, days, months) in [
        ("2026-02-10T23:59", "2026-02-11T00:00", 1, 0),
        ("2026-02-10T00:00", "2026-02-10T23:59", 0, 0),
        ("2026-01-31T12:00", "2026-02-28T12:00", 28, 0),
        ("2026-01-31T12:00", "2026-03-01T00:00", 29, 1),
        ("2026-01-15T12:00", "2026-02-15T00:00", 31, 1),
        ("2025-12-15T12:00", "2026-12-14T23:00", 364, 11),
        ("2024-02-29T12:00", "2025-02-28T12:00", 365, 11),
        ("2024-02-29T12:00", "2028-02-29T00:00", 1461, 48),
    ] {
        let (start, end) = (at(&calendar, from), at(&calendar, to));
        assert_eq!(calendar.civil_days_between(start, end), days, "{from} {to}");
        assert_eq!(calendar.civil_days_between(end, start), -days, "{from} {to}");
        assert_eq!(calendar.months_between(start, end), months, "{from} {to}");
        assert_eq!(calendar.months_between(end, start), -months, "{from} {to}");
    }
    assert_eq!(days_from(Date::MIN, Date::MAX), 7_304_483);
    // From 1 January of -9999 to 31 December of 9999: 19,998 years and 11 months.
    assert_eq!(months_from(Date::MIN, Date::MAX), 239_987);
    assert_eq!(calendar.civil_days_between(Timestamp::MIN, Timestamp::MIN), 0);
}

#[test]
fn an_explanation_reads_day_by_day() {
    let calendar = iraq();
    let start = at(&calendar, "2024-04-08T09:15");
    let explained = calendar.explain(start, &span("2 working days"), &Rule::default()).unwrap();
    assert_eq!(
        explained.to_string(),
        "\
2 working days from Monday 2024-04-08 09:15 Asia/Baghdad, calendar iraq version 1.
Counted: civil days, first day excluded, ends at the end of the day.
  2024-04-08 Monday     the day of the beginning, not counted
  2024-04-09 Tuesday    day 1
  2024-04-10 Wednesday  not a working day: Eid al-Fitr, day 1 (1445 AH, computed)
  2024-04-11 Thursday   not a working day: Eid al-Fitr, day 2 (1445 AH, computed)
  2024-04-12 Friday     not a working day: Eid al-Fitr, day 3 (1445 AH, computed)
  2024-04-13 Saturday   not a working day: Saturday is a free day
  2024-04-14 Sunday     the last day
In time before Monday 2024-04-15 00:00 Asia/Baghdad (2024-04-14T21:00:00Z)."
    );
    let explained = calendar.explain(start, &span("3 days"), &rule("included", "-", "next", "-")).unwrap();
    assert_eq!(
        explained.to_string(),
        "\
3 days from Monday 2024-04-08 09:15 Asia/Baghdad, calendar iraq version 1.
Counted: civil days, first day included, ends at the end of the day, a limit on a free day moves to the next working day.
  2024-04-08 Monday     day 1
  2024-04-09 Tuesday    day 2
  2024-04-10 Wednesday  the last day
  2024-04-11 Thursday   not a working day: Eid al-Fitr, day 2 (1445 AH, computed)
  2024-04-12 Friday     not a working day: Eid al-Fitr, day 3 (1445 AH, computed)
  2024-04-13 Saturday   not a working day: Saturday is a free day
  2024-04-14 Sunday     the limit moves to this day
Moved from 2024-04-10 to 2024-04-14: Eid al-Fitr, day 1 (1445 AH, computed).
In time before Monday 2024-04-15 00:00 Asia/Baghdad (2024-04-14T21:00:00Z)."
    );
    let odd: Timestamp = "2024-04-08T06:15:07.000001Z".parse().unwrap();
    let explained = calendar.explain(odd, &span("24 hours"), &Rule::default()).unwrap();
    assert_eq!(
        explained.to_string(),
        "\
24 hours from Monday 2024-04-08 09:15:07.000001 Asia/Baghdad, calendar iraq version 1.
Counted: elapsed time, free days and clock changes do not matter.
  2024-04-09 Tuesday    the last day
In time before Tuesday 2024-04-09 09:15:07.000001 Asia/Baghdad (2024-04-09T06:15:07.000001Z)."
    );
}

#[test]
fn a_long_explanation_is_shortened_as_text_only() {
    let calendar = iraq();
    let start = at(&calendar, "2026-02-10T09:00");
    let explained = calendar.explain(start, &span("6 months"), &Rule::default()).unwrap();
    assert_eq!(explained.days.len(), 182);
    assert_eq!(
        explained.to_string(),
        "\
6 months from Tuesday 2026-02-10 09:00 Asia/Baghdad, calendar iraq version 1.
Counted: civil days, first day excluded, ends at the end of the day, month end refuse.
  2026-02-10 Tuesday    the day of the beginning, not counted
  2026-02-11 to 2026-08-09  days 1 to 180
  2026-08-10 Monday     the last day
In time before Tuesday 2026-08-11 00:00 Asia/Baghdad (2026-08-10T21:00:00Z)."
    );
    let explained = calendar.explain(start, &span("100 working days"), &Rule::default()).unwrap();
    let text = explained.to_string();
    assert!(text.contains("  days 1 to 99, "), "{text}");
    assert!(text.lines().count() < 10, "{text}");
}

#[test]
fn an_explanation_is_plain_json() {
    let calendar = iraq();
    let start = at(&calendar, "2024-04-09T09:00");
    let explained = calendar.explain(start, &span("1 day"), &rule("-", "-", "previous", "-")).unwrap();
    assert_eq!(
        serde_json::to_value(&explained).unwrap(),
        serde_json::json!({
            "calendar": {"name": "iraq", "version": 1},
            "zone": "Asia/Baghdad",
            "start": "2024-04-09T06:00:00Z",
            "start_local": "2024-04-09T09:00:00",
            "span": "1 day",
            "rule": {"first-day": "excluded", "ends": "end-of-day", "if-not-working": "previous", "month-end": "refuse"},
            "days": [
                {"date": "2024-04-09", "weekday": "Tuesday", "verdict": "moved-to"},
                {"date": "2024-04-10", "weekday": "Wednesday", "verdict": "limit"},
            ],
            "moved": {"from": "2024-04-10", "to": "2024-04-09", "reason": "Eid al-Fitr, day 1 (1445 AH, computed)"},
            "held_at_start": false,
            "due": "2024-04-09T21:00:00Z",
            "due_local": "2024-04-10T00:00:00",
        })
    );
    let json =
        serde_json::to_string(&calendar.explain(start, &span("2 working days"), &Rule::default()).unwrap())
            .unwrap();
    assert!(json.contains(r#""verdict":"not-working","reason":"Saturday is a free day""#), "{json}");
    assert!(json.contains(r#""verdict":"counted","number":1"#), "{json}");
}
