//! CSV files as they come: delimiters, line ends, damage.

use std::io::Cursor;

use proptest::prelude::*;
use qadiya_domain::manifest::{Column, Rule, Verdict, check_row};
use qadiya_engine::manifest_file::{self, FileRefusal};
use strum::IntoEnumIterator;

use super::bench::{TODAY, judge};

pub(super) const GOOD: [&str; 22] = [
    "SYN-1003493-P",
    "TB-1",
    "41",
    "LAND",
    "2026-01-21",
    "Crossing",
    "Centre",
    "خالد حسن",
    "Khalid Hasan",
    "حسن",
    "Hasan",
    "1987",
    "year",
    "SYR",
    "",
    "M",
    "ar",
    "N",
    "",
    "",
    "RECEIVED",
    "",
];

pub(super) fn names() -> Vec<&'static str> {
    Column::iter().map(Column::name).collect()
}

fn file(lines: &[String], line_end: &str) -> Cursor<Vec<u8>> {
    Cursor::new(lines.iter().flat_map(|line| [line.as_bytes(), line_end.as_bytes()].concat()).collect())
}

fn refusal(bytes: impl Into<Vec<u8>>) -> String {
    match manifest_file::open(Cursor::new(bytes.into())) {
        Ok(_) => panic!("the file was taken"),
        Err(refusal) => refusal.to_string(),
    }
}

#[test]
fn the_delimiter_is_found_from_the_header() {
    for delimiter in [",", ";", "\t"] {
        let lines = [names().join(delimiter), GOOD.join(delimiter)];
        let judged = judge(file(&lines, "\n"));
        assert_eq!(judged.len(), 1);
        assert_eq!(judged[0].verdict, Verdict::Accept, "{delimiter:?} {:?}", judged[0].findings);
    }
}

#[test]
fn a_byte_order_mark_and_quoted_names_are_no_hindrance() {
    let header = format!("\u{feff}\"{}\"", names().join("\",\""));
    let judged = judge(file(&[header, GOOD.join(",")], "\r\n"));
    assert_eq!(judged[0].verdict, Verdict::Accept, "{:?}", judged[0].findings);
}

#[test]
fn records_are_counted_apart_from_lines() {
    for line_end in ["\n", "\r\n", "\r"] {
        let mut long = GOOD.map(str::to_owned);
        long[21] = "\"carried,\nseen\"".to_owned();
        let lines =
            [String::new(), names().join(","), long.join(","), GOOD.join(","), String::new(), GOOD.join(",")];
        let records: Vec<_> =
            manifest_file::open(file(&lines, line_end)).unwrap().map(Result::unwrap).collect();
        let places: Vec<(u64, u64)> = records.iter().map(|raw| (raw.record, raw.line)).collect();
        assert_eq!(places, [(1, 3), (2, 5), (3, 7)], "{line_end:?}");
    }
}

#[test]
fn one_broken_record_does_not_stop_the_rest() {
    let mut bytes = format!("{}\n{}\n", names().join(","), GOOD.join(",")).into_bytes();
    bytes.extend(
        GOOD.join(",").replace("خالد", "\u{1}").bytes().map(|byte| if byte == 1 { 0xff } else { byte }),
    );
    bytes.extend(
        format!("\n{}\n{}\n{}", GOOD[..20].join(","), GOOD.join(",") + ",,x", GOOD.join(",")).bytes(),
    );
    let judged = judge(Cursor::new(bytes));
    let verdicts: Vec<&str> = judged.iter().map(|one| one.verdict.into()).collect();
    assert_eq!(verdicts, ["accept", "reject", "reject", "reject", "accept"]);
    let rules: Vec<Rule> =
        judged.iter().flat_map(|one| one.findings.iter().map(|finding| finding.rule)).collect();
    assert_eq!(rules, [Rule::BrokenUtf8, Rule::ColumnCount, Rule::ColumnCount]);
}

#[test]
fn an_open_quotation_mark_is_told_with_the_records_it_swallowed() {
    let mut open = GOOD.map(str::to_owned);
    open[5] = "\"Crossing".to_owned();
    let lines = [names().join(","), GOOD.join(","), open.join(","), GOOD.join(","), GOOD.join(",")];
    let judged = judge(file(&lines, "\n"));
    assert_eq!(judged.len(), 2);
    assert_eq!(judged[1].verdict, Verdict::SetAside);
    let open = judged[1].findings.iter().find(|finding| finding.rule == Rule::OpenQuote).unwrap();
    assert_eq!((open.line, open.hint.as_deref()), (3, Some("2 further lines look like records")));
}

#[test]
fn a_record_without_end_stops_at_a_limit_and_names_its_line() {
    let mut bytes = format!("{}\n{}\n\"", names().join(","), GOOD.join(",")).into_bytes();
    bytes.resize(bytes.len() + 20_000_000, b'x');
    let mut records = manifest_file::open(Cursor::new(bytes)).unwrap();
    assert!(records.next().unwrap().is_ok());
    let refusal = records.next().unwrap().unwrap_err();
    assert!(matches!(refusal, FileRefusal::RecordTooLong { line: 3, .. }), "{refusal}");
    assert!(records.next().is_none());
}

#[test]
fn a_file_that_is_no_manifest_is_refused_with_what_to_do() {
    assert_eq!(refusal(""), "the manifest is empty: its first line must name the columns");
    assert_eq!(refusal("\n\n  \n"), "the manifest is empty: its first line must name the columns");
    assert_eq!(
        refusal(b"\xff\xfei\0s\0n\0".to_vec()),
        "the manifest is written in UTF-16; save it as CSV in UTF-8"
    );
    assert_eq!(
        refusal("name|age\nx|3\n"),
        "the first line names no column of a manifest, separated by comma, semicolon or tab: name|age"
    );
    assert_eq!(
        refusal("PK\u{3}\u{4}junk"),
        "the file is not a readable XLSX workbook; save it as XLSX or as CSV in UTF-8"
    );
    assert_eq!(
        refusal(names().join(",").replace("nationality", "nationalty")),
        "the header of the manifest is not right: column 14 `nationalty` is not known (did you mean `nationality`?); \
         column `nationality` is missing"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_follows_a_good_header_every_record_gets_a_verdict(
        bytes in proptest::collection::vec(prop_oneof![Just(b','), Just(b'"'), Just(b'\n'), Just(b'\r'), any::<u8>()], 0..600),
    ) {
        let file = [names().join(",").as_bytes(), b"\n", &bytes].concat();
        let records = manifest_file::open(Cursor::new(file)).unwrap();
        let header = records.header().clone();
        for (raw, number) in records.zip(1..) {
            let raw = raw.unwrap();
            prop_assert_eq!(raw.record, number);
            let checked = check_row(&header, &raw, TODAY);
            prop_assert_eq!(checked.row.is_some(), checked.verdict() < Verdict::SetAside);
        }
    }
}
