//! The header line of a manifest: which column stands where.

use std::fmt;

use strum::IntoEnumIterator;

use super::{column::Column, finding::shown};
use crate::folding::likeness;

/// The columns the download of refused rows puts behind the original ones. A corrected download may be sent in again:
/// these columns are known and not read.
pub const REPORT_COLUMNS: [&str; 6] = ["record", "verdict", "rule", "column", "value", "mend"];

/// The columns of one file, in the file's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// `None` for a column of [`REPORT_COLUMNS`].
    columns: Vec<Option<Column>>,
}

/// A header cell that names no column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownColumn {
    /// The place in the header, from 1.
    pub place: usize,
    /// The cell, shortened and safe to show.
    pub name: String,
    /// The known column it looks most like.
    pub nearest: Option<Column>,
}

/// Why a file is refused at its header; every fault at once. Nothing of such a file is imported.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HeaderRefusal {
    /// Header cells that name no column.
    pub unknown: Vec<UnknownColumn>,
    /// Columns that are not in the header.
    pub missing: Vec<Column>,
    /// Columns that are in the header more than once.
    pub doubled: Vec<Column>,
}

impl Header {
    /// Reads the header cells; the order of the columns is free, every column must be there once.
    pub fn parse<B: AsRef<[u8]>>(cells: &[B]) -> Result<Self, HeaderRefusal> {
        let mut refusal = HeaderRefusal::default();
        let mut columns: Vec<Option<Column>> = Vec::with_capacity(cells.len());
        for (place, cell) in cells.iter().enumerate() {
            let text = String::from_utf8_lossy(cell.as_ref());
            let name = text.trim_matches(|letter: char| letter.is_whitespace() || letter == '\u{feff}');
            match name.parse::<Column>() {
                Ok(column) if columns.contains(&Some(column)) => {
                    refusal.doubled.push(column);
                    columns.push(None);
                }
                Ok(column) => columns.push(Some(column)),
                Err(_) if REPORT_COLUMNS.contains(&name) => columns.push(None),
                Err(_) => {
                    refusal.unknown.push(UnknownColumn {
                        place: place + 1,
                        name: shown(name),
                        nearest: nearest(name),
                    });
                    columns.push(None);
                }
            }
        }
        refusal.missing = Column::iter().filter(|column| !columns.contains(&Some(*column))).collect();
        let sound = refusal.unknown.is_empty() && refusal.missing.is_empty() && refusal.doubled.is_empty();
        if sound { Ok(Self { columns }) } else { Err(refusal) }
    }

    /// How many cells every record must have.
    pub fn width(&self) -> usize {
        self.columns.len()
    }

    /// Where a column stands, from 0.
    pub fn place(&self, column: Column) -> Option<usize> {
        self.columns.iter().position(|known| *known == Some(column))
    }

    /// The columns in the file's order; `None` for a report column, which is not read.
    pub fn columns(&self) -> &[Option<Column>] {
        &self.columns
    }

    /// How many of these cells name a column: tells the right delimiter from the wrong ones.
    pub fn known_names<B: AsRef<[u8]>>(cells: &[B]) -> usize {
        let known = |cell: &B| {
            let text = String::from_utf8_lossy(cell.as_ref());
            text.trim_matches(|letter: char| letter.is_whitespace() || letter == '\u{feff}')
                .parse::<Column>()
                .is_ok()
        };
        cells.iter().filter(|cell| known(cell)).count()
    }
}

/// The column a wrong name was probably meant to be.
fn nearest(name: &str) -> Option<Column> {
    let plain: String = name.to_lowercase().replace([' ', '-', '.'], "_");
    let scored = Column::iter().map(|column| (likeness(&plain, column.name()), column));
    scored.filter(|(score, _)| *score >= 60).max_by_key(|(score, _)| *score).map(|(_, column)| column)
}

impl fmt::Display for HeaderRefusal {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        for unknown in &self.unknown {
            let hint =
                unknown.nearest.map_or_else(String::new, |column| format!(" (did you mean `{column}`?)"));
            parts.push(format!("column {} `{}` is not known{hint}", unknown.place, unknown.name));
        }
        for column in &self.doubled {
            parts.push(format!("column `{column}` is there twice"));
        }
        for column in &self.missing {
            parts.push(format!("column `{column}` is missing"));
        }
        to.write_str(&parts.join("; "))
    }
}

impl std::error::Error for HeaderRefusal {}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        Column::iter().map(|column| column.name().to_owned()).collect()
    }

    #[test]
    fn the_order_of_columns_is_free_and_a_byte_order_mark_is_not_read() {
        let mut cells = names();
        cells.reverse();
        cells[0].insert(0, '\u{feff}');
        cells[3] = format!(" {} ", cells[3]);
        let header = Header::parse(&cells).unwrap();
        assert_eq!(header.place(Column::Isn), Some(21));
        assert_eq!(header.place(Column::Remarks), Some(0));
        assert_eq!(header.width(), 22);
    }

    #[test]
    fn an_unknown_column_is_named_with_the_nearest_known_one() {
        let mut cells = names();
        cells[4] = "transfer date".to_owned();
        let refusal = Header::parse(&cells).unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "column 5 `transfer date` is not known (did you mean `transfer_date`?); column `transfer_date` is missing"
        );
    }

    #[test]
    fn every_fault_of_a_header_is_named_at_once() {
        let mut cells = names();
        cells[0] = "remarks".to_owned();
        cells[15] = "§§".to_owned();
        let refusal = Header::parse(&cells).unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "column 16 `§§` is not known; column `remarks` is there twice; column `isn` is missing; column `sex` is missing"
        );
    }

    #[test]
    fn a_corrected_download_of_refused_rows_may_be_sent_in_again() {
        let mut cells = names();
        cells.extend(REPORT_COLUMNS.map(str::to_owned));
        assert_eq!(Header::parse(&cells).unwrap().width(), 28);
    }
}
