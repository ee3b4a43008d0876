//! Logs as tables.

use super::{read, why};
use jiff::tz::TimeZone;
use qadiya_engine::event_log::csv::{Column, Columns};
use qadiya_engine::event_log::moment::Dates;
use qadiya_engine::event_log::{Attribute, LogSource, ReadOptions, Trace};

fn told(traces: &[Trace]) -> Vec<(&str, Vec<&str>)> {
    traces
        .iter()
        .map(|trace| (trace.id.as_str(), trace.events.iter().map(|event| event.activity.as_str()).collect()))
        .collect()
}

#[test]
fn a_case_keeps_its_events_together_in_file_order_though_its_rows_are_apart() {
    let table = "case,activity,time\n2,a,2026-01-02T00:00Z\n1,a,2026-01-01T00:00Z\n2,b,2026-01-01T00:00Z\n1,c,2026-01-03T00:00Z\n2,a,2026-01-04T00:00Z\n";
    let traces = read(table, "log.csv").unwrap();
    assert_eq!(told(&traces), [("2", vec!["a", "b", "a"]), ("1", vec!["a", "c"])]);
}

#[test]
fn usual_names_and_delimiters_are_known() {
    for header in [
        "Case ID,Activity,Complete Timestamp,Resource,lifecycle:transition",
        "\u{feff}case_id;event;timestamp;org:resource;Lifecycle",
        "caseid\ttask\tstart_time\tuser\ttransition",
        "case:concept:name|concept:name|time:timestamp|org:resource|lifecycle:transition",
    ] {
        let delimiter = header.chars().find(|c| [',', ';', '\t', '|'].contains(c)).unwrap();
        let row = ["7", "\"file, open; it\"", "2026-01-02 03:04:05+03:00", "clerk", "start"];
        let table = format!("{header}\r\n{}\r\n\r\n", row.join(&delimiter.to_string()));
        let traces = read(&table, "log.csv").unwrap();
        assert_eq!(told(&traces), [("7", vec!["file, open; it"])], "{header}");
        let event = &traces[0].events[0];
        assert_eq!(event.at, Some("2026-01-02T00:04:05Z".parse().unwrap()), "{header}");
        assert_eq!(event.resource.as_deref(), Some("clerk"), "{header}");
        assert_eq!(event.lifecycle.as_deref(), Some("start"), "{header}");
        assert!(event.attributes.is_empty(), "{header}");
    }
}

#[test]
fn other_columns_become_attributes_of_the_trace_or_of_the_event() {
    let table =
        "case:concept:name,concept:name,time:timestamp,case:court,,note\n1,a,,كرخ,0,\n1,b,,رصافة,1,late\n";
    let traces = read(table, "log.csv").unwrap();
    let text = |text: &str| Attribute::Text(text.to_owned());
    assert_eq!(traces[0].attributes["court"], text("كرخ"));
    let [first, second] = &traces[0].events[..] else { panic!("two events") };
    assert_eq!(first.at, None);
    assert_eq!(
        first.attributes.clone().into_iter().collect::<Vec<_>>(),
        [("column 5".to_owned(), text("0"))]
    );
    assert_eq!(second.attributes["note"], text("late"));
    assert_eq!(second.attributes["case:court"], text("رصافة"), "what contradicts the case is kept");
}

#[test]
fn columns_dates_and_zone_can_be_given() {
    let options = ReadOptions {
        columns: Columns {
            case: Column::Named("الملف".to_owned()),
            activity: Column::Named("case".to_owned()),
            timestamp: Column::Named("يوم".to_owned()),
            resource: Column::Absent,
            lifecycle: Column::Detect,
        },
        dates: Dates {
            zone: Some(TimeZone::get("Asia/Baghdad").unwrap()),
            form: Some("%d/%m/%Y".to_owned()),
        },
        delimiter: Some(b'#'),
        ..ReadOptions::default()
    };
    let table = "الملف#case#يوم#resource\n5#تسجيل#23/03/2026#x\n";
    let traces = LogSource::open(table.as_bytes(), "log.csv", &options).unwrap().read_all().unwrap().traces;
    assert_eq!(told(&traces), [("5", vec!["تسجيل"])]);
    let event = &traces[0].events[0];
    assert_eq!(event.at, Some("2026-03-22T21:00:00Z".parse().unwrap()));
    assert_eq!(event.resource, None);
    assert_eq!(event.attributes["resource"], Attribute::Text("x".to_owned()));

    let undated = Columns { timestamp: Column::Absent, ..Columns::default() };
    let options = ReadOptions { columns: undated, ..ReadOptions::default() };
    let traces = LogSource::open(&b"case,activity\n1,a\n"[..], "log.csv", &options).unwrap();
    assert_eq!(traces.read_all().unwrap().traces[0].events[0].at, None);
}

#[test]
fn a_broken_table_is_refused_with_the_record_and_the_mend() {
    let rows = "case,activity,time\n1,a,2026-01-01T00:00Z\n";
    for (what, table, message) in [
        (
            "no case column",
            "activity,time\na,b\n".to_owned(),
            "log.csv: no column holds the case; the header has activity, time; name the column that does",
        ),
        (
            "no activity column",
            "case,time\n1,b\n".to_owned(),
            "log.csv: no column holds the activity; the header has case, time; name the column that does",
        ),
        (
            "no timestamp column",
            "case,activity,when\n1,a,b\n".to_owned(),
            "log.csv: no column holds the timestamp; the header has case, activity, when; name the column that does",
        ),
        (
            "a column twice",
            "case,activity,time,case\n".to_owned(),
            "log.csv:1: the column “case” is given twice; keep one of them, or rename the other",
        ),
        (
            "a row too short",
            format!("{rows}1,b\n"),
            "log.csv:3, record 2: the record has 2 fields, the header 3; put a field that holds the delimiter or a line break in quotation marks",
        ),
        (
            "a row too short after empty lines",
            format!("{rows}\n\r\n1,b\n"),
            "log.csv:5, record 2: the record has 2 fields, the header 3; put a field that holds the delimiter or a line break in quotation marks",
        ),
        (
            "a row too short in a file with the line ends of Windows",
            format!("{rows}1,b\n").replace('\n', "\r\n"),
            "log.csv:3, record 2: the record has 2 fields, the header 3; put a field that holds the delimiter or a line break in quotation marks",
        ),
        (
            "a row after a field with a line break",
            "case,activity,time\n1,\"a\nb\",2026-01-01T00:00Z\n1,c\n".to_owned(),
            "log.csv:4, record 2: the record has 2 fields, the header 3; put a field that holds the delimiter or a line break in quotation marks",
        ),
        (
            "no case in a row",
            format!("{rows} ,b,2026-01-01T00:00Z\n"),
            "log.csv:3, record 2, column “case”: the value is missing; every event needs its case and its activity",
        ),
        (
            "a date that is none",
            format!("{rows}1,b,01/02/2026\n"),
            "log.csv:3, record 2, column “time”: time is “01/02/2026”, which is not a date; write it like 2005-03-23T00:00:00+01:00, or give the form of the dates",
        ),
        (
            "a date of no zone",
            format!("{rows}1,b,2026-02-01 10:00\n"),
            "log.csv:3, record 2, column “time”: time is “2026-02-01 10:00”, which is not an instant, since it has no offset; write it like 2005-03-23T00:00:00+01:00, or give the zone of the dates",
        ),
        (
            "an open quotation mark",
            "case,time,activity\n1,2026-01-01T00:00Z,\"a\n1,2026-01-01T00:00Z,b\n".to_owned(),
            "log.csv:2: the table has an odd number of quotation marks (1), so one is not closed; close it; a quotation mark inside a field is written twice, in a quoted field",
        ),
    ] {
        assert_eq!(why(table, "log.csv"), message, "{what}");
    }
    assert_eq!(
        why(b"case,activity,time\n1,\xc7\xe1,2026-01-01T00:00Z\n", "log.csv"),
        "log.csv:2, record 1, column “activity”: the text is not UTF-8; save the file as UTF-8"
    );
}

#[test]
fn a_hostile_value_cannot_rewrite_the_message() {
    let message = why("case,activity,time\n1,a,\u{1b}[2J\u{202e}x\n", "log.csv");
    assert!(message.contains("“\u{fffd}[2J\u{fffd}x”"), "{message}");
}
