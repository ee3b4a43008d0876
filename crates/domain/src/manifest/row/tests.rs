//! Every rule has a bad cell with its exact message; no record makes the check panic.

use jiff::civil::date;
use proptest::prelude::*;

use super::*;

const TODAY: Date = date(2026, 3, 1);

fn header() -> Header {
    let names: Vec<&str> = Column::iter().map(Column::name).collect();
    Header::parse(&names).unwrap()
}

/// A good record with some cells replaced.
fn record(changes: &[(Column, &str)]) -> RawRecord {
    let good = [
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
        "SYR;IRQ",
        "IQ-NI",
        "M",
        "ar;ku",
        "N",
        "diabetes",
        "passport:1",
        "RECEIVED",
        "",
    ];
    let mut cells: Vec<Vec<u8>> = good.iter().map(|cell| cell.as_bytes().to_vec()).collect();
    for (column, value) in changes {
        cells[header().place(*column).unwrap()] = value.as_bytes().to_vec();
    }
    RawRecord { record: 7, line: 9, cells, swallowed: 0 }
}

fn check(changes: &[(Column, &str)]) -> Checked {
    check_row(&header(), &record(changes), TODAY)
}

fn messages(checked: &Checked) -> Vec<String> {
    checked.findings.iter().map(ToString::to_string).collect()
}

#[test]
fn a_good_record_is_kept_as_it_is() {
    let checked = check(&[]);
    assert_eq!(checked.verdict(), Verdict::Accept, "{:?}", checked.findings);
    let row = checked.row.unwrap();
    assert_eq!(row.isn.to_string(), "SYN-1003493-P");
    assert_eq!(row.nationalities, ["SYR", "IRQ"]);
    assert_eq!(row.birth, Birth::Year(1987));
    assert_eq!(row.interpreter_needed, Some(false));
    assert_eq!(row.remarks, None);
    assert!(row.marks().is_empty());
}

#[test]
fn every_rule_of_one_cell_has_its_exact_message() {
    use Column as C;
    let cases: &[(Column, &str, &str)] = &[
        (
            C::Isn,
            "",
            "record 7 (line 9), isn: the serial is missing; ask the transferring side for the serial; do not make one up [serial-missing]",
        ),
        (
            C::Isn,
            "1003493",
            "record 7 (line 9), isn `1003493`: this is not a serial; write SYN-, seven digits, a hyphen and the check character, in capital letters [serial-shape]",
        ),
        (
            C::Isn,
            "syn-1003493-p",
            "record 7 (line 9), isn `syn-1003493-p`: this is not a serial; write SYN-, seven digits, a hyphen and the check character, in capital letters (perhaps SYN-1003493-P) [serial-shape]",
        ),
        (
            C::Isn,
            "SYN-1003493-Q",
            "record 7 (line 9), isn `SYN-1003493-Q`: the check character does not belong to the digits of the serial; compare every digit and the check character with the transfer paper [serial-check]",
        ),
        (
            C::BatchId,
            " ",
            "record 7 (line 9), batch_id: the batch is missing; write the batch from the transfer paper [batch-missing]",
        ),
        (
            C::BatchSeq,
            "first",
            "record 7 (line 9), batch_seq `first`: the place within the batch is not a number; write the number of the line on the transfer paper [batch-seq-unreadable]",
        ),
        (
            C::TransferMode,
            "SEA",
            "record 7 (line 9), transfer_mode `SEA`: the mode of transfer is not known; write LAND or AIR [mode-unknown]",
        ),
        (
            C::TransferMode,
            "",
            "record 7 (line 9), transfer_mode: the mode of transfer is not known; write LAND or AIR [mode-unknown]",
        ),
        (
            C::TransferMode,
            "land",
            "record 7 (line 9), transfer_mode `land`: the mode of transfer is not known; write LAND or AIR (perhaps LAND) [mode-unknown]",
        ),
        (
            C::TransferDate,
            "",
            "record 7 (line 9), transfer_date: the date of transfer is missing; write the day of the handover as YYYY-MM-DD [transfer-date-missing]",
        ),
        (
            C::TransferDate,
            "2026",
            "record 7 (line 9), transfer_date `2026`: the date of transfer is not a day; write the day of the handover as YYYY-MM-DD [transfer-date-inexact]",
        ),
        (
            C::TransferDate,
            "2026-03-02",
            "record 7 (line 9), transfer_date `2026-03-02`: the date of transfer lies in the future; check the year of the transfer (today is 2026-03-01) [transfer-date-future]",
        ),
        (
            C::TransferDate,
            "2026-02-30",
            "record 7 (line 9), transfer_date `2026-02-30`: the calendar has no such day; check day and month on the paper; if only the year is certain, write YYYY [date-impossible]",
        ),
        (
            C::Dob,
            "19911",
            "record 7 (line 9), dob `19911`: this is not a date a manifest may hold; write YYYY-MM-DD; a birth date may also be YYYY or ~YYYY [date-shape]",
        ),
        (
            C::Dob,
            "25/12/1990",
            "record 7 (line 9), dob `25/12/1990`: this is not a date a manifest may hold; write YYYY-MM-DD; a birth date may also be YYYY or ~YYYY (perhaps 1990-12-25) [date-shape]",
        ),
        (
            C::Dob,
            "1991-13-05",
            "record 7 (line 9), dob `1991-13-05`: the calendar has no such day; check day and month on the paper; if only the year is certain, write YYYY [date-impossible]",
        ),
        (
            C::Dob,
            "03/04/1990",
            "record 7 (line 9), dob `03/04/1990`: the date can be read in two ways; check on the paper which number is the day, and write YYYY-MM-DD [date-ambiguous]",
        ),
        (
            C::Dob,
            "2027",
            "record 7 (line 9), dob `2027`: the birth lies after the transfer; check both dates [birth-after-transfer]",
        ),
        (
            C::Dob,
            "1905",
            "record 7 (line 9), dob `1905`: the birth lies more than 120 years before the transfer; check the year of birth; leave it empty if it is not known [birth-too-early]",
        ),
        (
            C::DobPrecision,
            "exact",
            "record 7 (line 9), dob_precision `exact`: the precision of the birth date is not known; write day, year, approx or unknown, as the date is written [precision-unknown]",
        ),
        (
            C::DobPrecision,
            "day",
            "record 7 (line 9), dob_precision `day`: the precision does not agree with the birth date; the less exact one was kept; write day, year, approx or unknown, as the date is written (the date is written as year) [precision-differs]",
        ),
        (
            C::Nationality,
            "",
            "record 7 (line 9), nationality: the nationality is missing; write the code of three letters; XXX if it is not known, XXA if stateless [nationality-missing]",
        ),
        (
            C::Nationality,
            "SYR;UK",
            "record 7 (line 9), nationality `UK`: this is not a country code; write the code of three letters of ISO 3166; XXX if it is not known, XXA if stateless (perhaps GBR) [country-unknown]",
        ),
        (
            C::BirthPlace,
            "Mosul",
            "record 7 (line 9), birth_place `Mosul`: the place of birth is not a code of ISO 3166-2; write the code of the governorate, such as IQ-NI [birth-place-unknown]",
        ),
        (
            C::Sex,
            "male",
            "record 7 (line 9), sex `male`: the sex is not M, F or empty; it was kept as not stated; write M or F, or leave it empty [sex-unknown]",
        ),
        (
            C::Languages,
            "Arabic",
            "record 7 (line 9), languages `Arabic`: this is not a language code; write the code of ISO 639, such as ar or ku [language-unknown]",
        ),
        (
            C::InterpreterNeeded,
            "yes",
            "record 7 (line 9), interpreter_needed `yes`: the need of an interpreter is not Y, N or empty; it was kept as not stated; write Y or N, or leave it empty [interpreter-unknown]",
        ),
        (
            C::InvestigationStatus,
            "DONE",
            "record 7 (line 9), investigation_status `DONE`: the status of the investigation is not known; write RECEIVED or UNDER_INVESTIGATION [status-unknown]",
        ),
        (
            C::Remarks,
            "\t=1+1",
            "record 7 (line 9), remarks `<U+0009>=1+1`: the cell starts like a spreadsheet formula; check that the text is what was meant; never open the original in a spreadsheet [spreadsheet-formula]",
        ),
        (
            C::NameLatn,
            "Khalid\u{202e}txt.exe",
            "record 7 (line 9), name_latn `Khalid<U+202E>txt.exe`: the cell held characters that turn the direction of writing; they were taken out; check that the text still reads as it should [direction-control]",
        ),
        (
            C::NameLatn,
            "Kha\u{200b}lid",
            "record 7 (line 9), name_latn `Kha<U+200B>lid`: the cell held characters that show nothing; they were taken out; check that the text still reads as it should [hidden-character]",
        ),
        (
            C::NameLatn,
            "Kh\u{fffd}lid",
            "record 7 (line 9), name_latn `Kh\u{fffd}lid`: the cell was damaged before it came here; ask the transferring side for the text [replacement-character]",
        ),
        (
            C::Dob,
            "١٩٨٧",
            "record 7 (line 9), dob `١٩٨٧`: the digits are not 0 to 9; they were read as such; check the value as it was read (read as 1987) [other-digits]",
        ),
    ];
    let mut seen = Vec::new();
    for (column, value, message) in cases {
        let checked = check(&[(*column, value)]);
        assert_eq!(messages(&checked), [*message], "{column} {value:?}");
        assert_eq!(checked.row.is_some(), checked.verdict() == Verdict::AcceptWarn, "{column} {value:?}");
        seen.push(checked.findings[0].rule);
    }
    let elsewhere = [
        Rule::ColumnCount,
        Rule::OpenQuote,
        Rule::BrokenUtf8,
        Rule::CellTooLong,
        Rule::NameMissing,
        Rule::SerialHeldByAnother,
        Rule::NotTaken,
    ];
    let untested: Vec<Rule> =
        Rule::iter().filter(|rule| !seen.contains(rule) && !elsewhere.contains(rule)).collect();
    assert_eq!(untested, []);
}

#[test]
fn rules_of_bytes_and_whole_records_have_their_exact_messages() {
    let mut broken = record(&[]);
    broken.cells[7] = b"\xce\xc7\xe1\xcf".to_vec();
    assert_eq!(
        messages(&check_row(&header(), &broken, TODAY)),
        [
            r"record 7 (line 9), name_ar `\xCE\xC7\xE1\xCF`: the cell is not valid UTF-8; save the file as UTF-8 and send this record again [broken-utf8]"
        ]
    );
    let mut short = record(&[]);
    short.cells.truncate(20);
    let checked = check_row(&header(), &short, TODAY);
    assert_eq!(
        messages(&checked),
        [
            "record 7 (line 9): the record has another number of cells than the header; compare the record with the header; quote cells that hold the delimiter (20 cells, the header has 22) [column-count]"
        ]
    );
    assert_eq!((checked.verdict(), checked.row), (Verdict::SetAside, None));
    let mut swallowing = record(&[]);
    swallowing.swallowed = 3;
    assert_eq!(
        messages(&check_row(&header(), &swallowing, TODAY)),
        [
            "record 7 (line 9): a quotation mark was not closed, and further records may be inside this cell; close the quotation mark, or write it twice if it belongs to the text, and send the rest again (3 further lines look like records) [open-quote]"
        ]
    );
    let long = check(&[(Column::Remarks, &"A".repeat(70_000))]);
    assert_eq!(
        messages(&long),
        [format!(
            "record 7 (line 9), remarks `{}…`: the cell is longer than its column allows; shorten the cell; put long papers into the case file (at most 10000 characters) [cell-too-long]",
            "A".repeat(60)
        )]
    );
    let nameless = check(&[(Column::NameAr, ""), (Column::NameLatn, " ")]);
    assert_eq!(
        messages(&nameless),
        [
            "record 7 (line 9), name_ar: there is no name; write the name, if only in one script, as soon as it is known [name-missing]"
        ]
    );
    assert_eq!(nameless.verdict(), Verdict::AcceptWarn);
}

#[test]
fn all_findings_of_a_record_come_at_once_in_the_order_of_the_columns() {
    let checked = check(&[
        (Column::Remarks, "=1"),
        (Column::Isn, ""),
        (Column::Dob, "07-08-85"),
        (Column::TransferMode, "BUS"),
        (Column::Nationality, "ZZQ;SYRIA"),
    ]);
    let rules: Vec<Rule> = checked.findings.iter().map(|finding| finding.rule).collect();
    assert_eq!(
        rules,
        [
            Rule::SerialMissing,
            Rule::ModeUnknown,
            Rule::DateAmbiguous,
            Rule::CountryUnknown,
            Rule::CountryUnknown,
            Rule::SpreadsheetFormula
        ]
    );
    assert_eq!(checked.verdict(), Verdict::SetAside);
    assert_eq!(checked.batch_id.as_deref(), Some("TB-1"));
}

#[test]
fn a_record_set_aside_still_says_its_serial_and_batch() {
    let checked = check(&[(Column::Nationality, "ZZQ")]);
    assert_eq!(checked.serial.unwrap().number(), 1_003_493);
    assert_eq!(checked.batch_id.as_deref(), Some("TB-1"));
    assert_eq!(checked.row, None);
}

#[test]
fn white_space_at_the_edges_and_stray_separators_are_not_worth_a_word() {
    let checked = check(&[
        (Column::NameLatn, "  Khalid "),
        (Column::Nationality, " SYR; IRQ ;"),
        (Column::Dob, " 1987"),
        (Column::Remarks, "carried,\nseen; said \"none\"\r\nend"),
    ]);
    assert_eq!(checked.verdict(), Verdict::Accept, "{:?}", checked.findings);
    assert_eq!(checked.row.unwrap().nationalities, ["SYR", "IRQ"]);
}

#[test]
fn digits_of_other_scripts_are_read_in_serials_and_dates() {
    let checked = check(&[
        (Column::Isn, "SYN-١٠٠٣٤٩٣-P"),
        (Column::Dob, "۱۹۸۷-۰۵-۰۴"),
        (Column::DobPrecision, "day"),
        (Column::TransferDate, "２０２６-01-21"),
    ]);
    assert_eq!(checked.verdict(), Verdict::AcceptWarn);
    let row = checked.row.unwrap();
    assert_eq!(row.isn.number(), 1_003_493);
    assert_eq!(row.birth, Birth::Day(date(1987, 5, 4)));
    assert_eq!(row.transfer_date, date(2026, 1, 21));
}

#[test]
fn who_may_be_a_minor_is_marked_and_kept() {
    let marks = |dob: &str, precision: &str| {
        check(&[(Column::Dob, dob), (Column::DobPrecision, precision)]).row.unwrap().marks()
    };
    assert_eq!(marks("2008", "year"), [Mark::MayBeMinor]);
    assert_eq!(marks("~2010", "approx"), [Mark::MayBeMinor]);
    assert_eq!(marks("2007-12-31", "day"), []);
    assert_eq!(marks("", "unknown"), [Mark::AgeUnknown]);
}

#[test]
fn the_digest_of_a_record_does_not_depend_on_the_order_of_columns() {
    let reversed: Vec<&str> = Column::iter().map(Column::name).rev().collect();
    let mut turned = record(&[]);
    turned.cells.reverse();
    assert_eq!(turned.digest(&Header::parse(&reversed).unwrap()), record(&[]).digest(&header()));
    assert_ne!(record(&[(Column::Remarks, "x")]).digest(&header()), record(&[]).digest(&header()));
}

/// Cells that come near to the rules, and cells that are anything.
fn any_cell() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..40),
        "[-0-9/~. ٠-٩]{0,12}".prop_map(String::into_bytes),
        "SYN-[0-9]{6,8}-[0-9A-Z]".prop_map(String::into_bytes),
        "[A-Z]{2,4}(;[A-Z]{3})?".prop_map(String::into_bytes),
        ".{0,30}".prop_map(String::into_bytes),
    ]
}

proptest! {
    #[test]
    fn no_record_makes_the_check_panic_and_a_kept_row_has_no_heavy_finding(
        cells in proptest::collection::vec(any_cell(), 20..24),
        swallowed in 0_u64..2,
    ) {
        let raw = RawRecord { record: 1, line: 2, cells, swallowed };
        let checked = check_row(&header(), &raw, TODAY);
        prop_assert_eq!(checked.row.is_some(), checked.verdict() < Verdict::SetAside);
        for finding in &checked.findings {
            prop_assert!(finding.value.chars().all(|letter| !letter.is_control()));
            prop_assert!(!finding.to_string().is_empty());
        }
    }

    #[test]
    fn one_bad_cell_in_a_good_record_is_told_in_its_own_column(place in 0_usize..22, cell in any_cell()) {
        let mut raw = record(&[]);
        raw.cells[place] = cell;
        let checked = check_row(&header(), &raw, TODAY);
        let column = header().columns()[place];
        let related = |told: Option<Column>| {
            told == column
                || column == Some(Column::TransferDate) && told == Some(Column::Dob)
                || column == Some(Column::Dob) && told == Some(Column::DobPrecision)
        };
        prop_assert!(checked.findings.iter().all(|finding| related(finding.column)), "{:?}", checked.findings);
    }
}
