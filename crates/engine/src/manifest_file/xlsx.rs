//! XLSX: the first sheet of a workbook, every cell as the text a clerk would have written into a CSV file.
//!
//! Cells are read one after the other, never as a rectangle: one cell in the last corner of a sheet would otherwise
//! reserve the memory of a billion empty ones. What the file promises of itself is held to bounds before it is believed
//! ([`bounds`]).

mod bounds;

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
/// The most columns a header may span: each record holds as many cells.
const MOST_WIDTH: u32 = 256;

/// The records of the first sheet of a workbook.
#[derive(Debug)]
pub struct XlsxRecords {
    header: Header,
    width: u32,
    rows: std::collections::btree_map::IntoIter<u32, SheetRow>,
    /// The number of the last record.
    record: u64,
}

/// The cells of one row by their column.
type SheetRow = BTreeMap<u32, String>;

impl XlsxRecords {
    /// Reads the sheet. The header is its first row that holds anything; rows that hold nothing are passed by.
    pub fn open<R: Read + Seek>(mut file: R) -> Result<Self, FileRefusal> {
        bounds::hold(&mut file)?;
        file.rewind().map_err(FileRefusal::Read)?;
        let mut book: Xlsx<R> = Xlsx::new(file).map_err(workbook)?;
        let sheet = book.sheet_names().into_iter().next().ok_or(FileRefusal::Empty)?;
        let mut rows = sheet_rows(&mut book, &sheet)?.into_iter();
        let names = rows.find(|(_, row)| holds(row)).map(|(_, row)| row).ok_or(FileRefusal::Empty)?;
        let named = names.iter().filter(|(_, name)| !name.trim().is_empty()).map(|(place, _)| *place);
        let width = named.max().map_or(0, |last| last.saturating_add(1));
        if width > MOST_WIDTH {
            return Err(FileRefusal::TooLarge { limit: format!("{MOST_WIDTH} columns") });
        }
        let names = cells(&names, width);
        if Header::known_names(&names) == 0 {
            let line: Vec<_> = names.iter().map(|name| String::from_utf8_lossy(name)).collect();
            return Err(FileRefusal::NoHeader { line: shown(&line.join(", ")) });
        }
        let header = Header::parse(&names).map_err(FileRefusal::Header)?;
        Ok(Self { header, width, rows, record: 0 })
    }

    /// The columns of the sheet.
    pub fn header(&self) -> &Header {
        &self.header
    }
}

impl Iterator for XlsxRecords {
    type Item = RawRecord;

    fn next(&mut self) -> Option<RawRecord> {
        let (line, row) = self.rows.find(|(_, row)| holds(row))?;
        self.record = self.record.saturating_add(1);
        let line = u64::from(line).saturating_add(1);
        Some(RawRecord { record: self.record, line, cells: cells(&row, self.width), swallowed: 0 })
    }
}

/// Whether a row holds anything.
fn holds(row: &SheetRow) -> bool {
    row.values().any(|cell| !cell.trim().is_empty())
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
        // a row or a cell that does not say where it stands is counted on from the one before
        bounds::within(column, row)?;
        if !written.is_empty() {
            rows.entry(row).or_default().insert(column, written);
        }
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
