//! Workbooks: what a clerk typed into cells comes out as the text of a CSV file.

use std::{fs::File, io::Cursor};

use qadiya_domain::manifest::{Birth, Rule, Verdict};
use qadiya_engine::manifest_file;
use rust_xlsxwriter::{ExcelDateTime, Format, Formula, Workbook, Worksheet};

use super::{
    bench::{data, judge},
    files::{GOOD, names},
};

pub(super) fn workbook(fill: impl FnOnce(&mut Worksheet)) -> Cursor<Vec<u8>> {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    for (place, name) in names().iter().enumerate() {
        sheet.write(0, u16::try_from(place).unwrap(), *name).unwrap();
    }
    fill(sheet);
    Cursor::new(book.save_to_buffer().unwrap())
}

pub(super) fn write(sheet: &mut Worksheet, row: u32, cells: &[&str]) {
    for (place, cell) in cells.iter().enumerate() {
        sheet.write(row, u16::try_from(place).unwrap(), *cell).unwrap();
    }
}

#[test]
fn a_manifest_saved_as_a_workbook_gets_the_same_verdicts() {
    let path = data("manifest").join("manifest-200.csv");
    let by_csv = judge(File::open(&path).unwrap());
    let records: Vec<_> =
        manifest_file::open(File::open(&path).unwrap()).unwrap().map(Result::unwrap).collect();
    // what a workbook cannot hold: bytes that are no text, cells beyond 32,767 characters, rows of other widths
    let holds = |raw: &qadiya_domain::manifest::RawRecord| {
        raw.cells.len() == 22
            && raw.cells.iter().all(|cell| cell.len() < 32_767 && std::str::from_utf8(cell).is_ok())
    };
    let kept: Vec<_> = records.iter().filter(|raw| holds(raw)).collect();
    let book = workbook(|sheet| {
        for (raw, row) in kept.iter().zip(1..) {
            let cells: Vec<&str> = raw.cells.iter().map(|cell| std::str::from_utf8(cell).unwrap()).collect();
            write(sheet, row, &cells);
        }
    });
    let by_sheet = judge(book);
    assert_eq!(by_sheet.len(), kept.len());
    assert!(kept.len() > 190);
    for (mine, raw) in by_sheet.iter().zip(&kept) {
        let other = by_csv.iter().find(|one| one.record == raw.record).unwrap();
        assert_eq!(mine.verdict, other.verdict, "record {}", raw.record);
        assert_eq!(mine.checked.row, other.checked.row, "record {}", raw.record);
    }
}

#[test]
fn dates_and_numbers_come_out_as_they_are_written_in_a_manifest() {
    let book = workbook(|sheet| {
        write(sheet, 1, &GOOD);
        let day = Format::new().set_num_format("dd/mm/yyyy");
        sheet.write_with_format(1, 4, ExcelDateTime::from_ymd(2026, 1, 21).unwrap(), &day).unwrap();
        sheet.write_with_format(1, 11, ExcelDateTime::from_ymd(1987, 5, 4).unwrap(), &day).unwrap();
        sheet.write(1, 12, "day").unwrap();
        sheet.write(1, 2, 41).unwrap();
        write(sheet, 4, &GOOD);
        sheet.write(4, 11, 1987).unwrap();
    });
    let judged = judge(book);
    assert_eq!(judged.len(), 2, "rows that hold nothing are passed by");
    let first = judged[0].checked.row.as_ref().unwrap();
    assert_eq!((first.batch_seq, first.birth), (Some(41), Birth::Day(jiff::civil::date(1987, 5, 4))));
    assert_eq!(first.transfer_date, jiff::civil::date(2026, 1, 21));
    assert_eq!(judged[0].verdict, Verdict::Accept, "{:?}", judged[0].findings);
    assert_eq!(judged[1].checked.row.as_ref().unwrap().birth, Birth::Year(1987));
    assert_eq!(judged[1].record, 2);
}

#[test]
fn a_formula_is_never_believed() {
    let book = workbook(|sheet| {
        write(sheet, 1, &GOOD);
        sheet.write_formula(1, 21, Formula::new("=1+1").set_result("fine")).unwrap();
        write(sheet, 2, &GOOD);
        sheet.write_formula(2, 0, Formula::new("=A2").set_result("SYN-1003493-P")).unwrap();
    });
    let judged = judge(book);
    assert_eq!(judged[0].verdict, Verdict::AcceptWarn);
    assert_eq!(judged[0].findings[0].rule, Rule::SpreadsheetFormula);
    assert_eq!(judged[0].findings[0].value, "=1+1");
    assert_eq!(judged[1].verdict, Verdict::SetAside);
    assert_eq!(judged[1].findings[0].line, 3);
}

#[test]
fn a_cell_in_the_last_corner_costs_nothing_and_is_told() {
    let book = workbook(|sheet| {
        write(sheet, 1, &GOOD);
        sheet.write(1_048_575, 16_383, "x").unwrap();
    });
    let judged = judge(book);
    assert_eq!(judged.len(), 2);
    assert_eq!(judged[1].findings[0].rule, Rule::ColumnCount);
    assert_eq!(judged[1].findings[0].line, 1_048_576);
}

#[test]
fn a_workbook_with_an_unknown_column_is_refused_by_name() {
    let book = workbook(|sheet| {
        sheet.write(0, 3, "mode").unwrap();
    });
    let refusal = manifest_file::open(book).unwrap_err().to_string();
    assert_eq!(
        refusal,
        "the header of the manifest is not right: column 4 `mode` is not known; column `transfer_mode` is missing"
    );
}
