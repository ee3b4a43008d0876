//! XLSX: the first sheet of a workbook, every cell as the text a clerk would have written into a CSV file.
//!
//! Cells are read one after the other, never as a rectangle: one cell in the last corner of a sheet would otherwise
//! reserve the memory of a billion empty ones.

use std::{
    collections::BTreeMap,
    io::{Read, Seek},
};

use calamine::{DataRef, ExcelDateTime, Reader as _, Xlsx, XlsxError};
use qadiya_domain::manifest::{Header, RawRecord, shown};

use super::FileRefusal;

/// The most cells and the most bytes of text a workbook may hold.
const MOST_CELLS: usize = 5_000_000;
const MOST_TEXT: usize = 256 * 1024 * 1024;

/// The records of the first sheet of a workbook.
#[derive(Debug)]
pub struct XlsxRecords {
    header: Header,
    records: std::vec::IntoIter<RawRecord>,
}

/// The cells of one row by their column.
type SheetRow = BTreeMap<u32, String>;

impl XlsxRecords {
    /// Reads the sheet. The header is its first row that holds anything; rows that hold nothing are passed by.
    pub fn open<R: Read + Seek>(file: R) -> Result<Self, FileRefusal> {
        let mut book: Xlsx<R> = Xlsx::new(file).map_err(workbook)?;
        let sheet = book.sheet_names().into_iter().next().ok_or(FileRefusal::Empty)?;
        let rows = sheet_rows(&mut book, &sheet)?;
        let mut filled = rows.into_iter().filter(|(_, row)| row.values().any(|cell| !cell.trim().is_empty()));
        let (_, names) = filled.next().ok_or(FileRefusal::Empty)?;
        let width =
            names.iter().filter(|(_, name)| !name.trim().is_empty()).map(|(place, _)| place + 1).max();
        let names = cells(&names, width.unwrap_or(0));
        if Header::known_names(&names) == 0 {
            let line: Vec<_> = names.iter().map(|name| String::from_utf8_lossy(name)).collect();
            return Err(FileRefusal::NoHeader { line: shown(&line.join(", ")) });
        }
        let header = Header::parse(&names).map_err(FileRefusal::Header)?;
        let mut records = Vec::new();
        for ((line, row), record) in filled.zip(1_u64..) {
            let cells = cells(&row, width.unwrap_or(0));
            records.push(RawRecord { record, line: u64::from(line) + 1, cells, swallowed: 0 });
        }
        Ok(Self { header, records: records.into_iter() })
    }

    /// The columns of the sheet.
    pub fn header(&self) -> &Header {
        &self.header
    }
}

impl Iterator for XlsxRecords {
    type Item = RawRecord;

    fn next(&mut self) -> Option<RawRecord> {
        self.records.next()
    }
}

fn sheet_rows<R: Read + Seek>(
    book: &mut Xlsx<R>,
    sheet: &str,
) -> Result<BTreeMap<u32, SheetRow>, FileRefusal> {
    let mut reader = book.worksheet_cells_reader(sheet).map_err(workbook)?;
    let mut rows: BTreeMap<u32, SheetRow> = BTreeMap::new();
    let (mut count, mut text) = (0_usize, 0_usize);
    while let Some(cell) = reader.next_cell_with_formula().map_err(workbook)? {
        let written = match &cell.formula {
            // what a formula shows depends on the program that opened it: the formula itself goes to the row's rules
            Some(formula) => format!("={}", formula.trim_start_matches('=')),
            None => written(&cell.value),
        };
        count = count.saturating_add(1);
        text = text.saturating_add(written.len());
        if count > MOST_CELLS {
            return Err(FileRefusal::TooLarge { limit: format!("{MOST_CELLS} cells") });
        }
        if text > MOST_TEXT {
            return Err(FileRefusal::TooLarge { limit: format!("{MOST_TEXT} bytes of text") });
        }
        let (row, column) = cell.pos;
        rows.entry(row).or_default().insert(column, written);
    }
    Ok(rows)
}

/// The cells of a row: as many as the header has, more only where the row holds more.
fn cells(row: &SheetRow, width: u32) -> Vec<Vec<u8>> {
    let beyond = row.iter().filter(|(place, cell)| **place >= width && !cell.is_empty()).count();
    let mut cells: Vec<Vec<u8>> = (0..width)
        .map(|place| row.get(&place).map_or_else(Vec::new, |cell| cell.clone().into_bytes()))
        .collect();
    if beyond > 0 {
        cells.extend(
            row.range(width..)
                .filter(|(_, cell)| !cell.is_empty())
                .map(|(_, cell)| cell.clone().into_bytes()),
        );
    }
    cells
}

/// A value as a clerk would write it: dates as `YYYY-MM-DD`, whole numbers without a decimal point.
fn written(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => number.to_string(),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Bool(truth) => if *truth { "TRUE" } else { "FALSE" }.to_owned(),
        DataRef::DateTime(moment) => written_date(*moment),
        DataRef::Error(fault) => fault.to_string(),
        DataRef::Empty => String::new(),
    }
}

fn written_date(moment: ExcelDateTime) -> String {
    if moment.is_duration() {
        return moment.as_f64().to_string();
    }
    let (year, month, day, hour, minute, second, _) = moment.to_ymd_hms_milli();
    let date = format!("{year:04}-{month:02}-{day:02}");
    if (hour, minute, second) == (0, 0, 0) {
        date
    } else {
        format!("{date}T{hour:02}:{minute:02}:{second:02}")
    }
}

fn workbook(fault: XlsxError) -> FileRefusal {
    FileRefusal::Workbook(Box::new(fault))
}
