//! Manifests as files: CSV and XLSX in, refused rows out.
//!
//! The readers only find cells; every rule about them is in [`qadiya_domain::manifest`]. A fault of the file as a whole
//! (no header, an unknown column, not a spreadsheet) is a [`FileRefusal`] and nothing of the file is taken; a fault of
//! one record never stops the records after it.

mod csv;
mod refused;
mod xlsx;

use std::io::{Read, Seek};

use qadiya_domain::manifest::{Header, HeaderRefusal, RawRecord};

pub use self::{csv::CsvRecords, refused::RefusedRows, xlsx::XlsxRecords};

/// Why a file cannot be taken at all.
#[derive(Debug, thiserror::Error)]
pub enum FileRefusal {
    /// Reading the bytes failed.
    #[error("the manifest could not be read; try again, or copy the file to another place first")]
    Read(#[source] std::io::Error),
    /// No header line.
    #[error("the manifest is empty: its first line must name the columns")]
    Empty,
    /// UTF-16, as some programs save "Unicode text".
    #[error("the manifest is written in UTF-16; save it as CSV in UTF-8")]
    Utf16,
    /// The header line names no column that is known.
    #[error("the first line names no column of a manifest, separated by comma, semicolon or tab: {line}")]
    NoHeader {
        /// The line, shortened.
        line: String,
    },
    /// The header line has faults, all of them named.
    #[error("the header of the manifest is not right: {0}")]
    Header(HeaderRefusal),
    /// Not a workbook that can be opened.
    #[error("the file is not a readable XLSX workbook; save it as XLSX or as CSV in UTF-8")]
    Workbook(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// More than a spreadsheet of people can hold.
    #[error("the workbook holds more than {limit}; split it, or save it as CSV")]
    TooLarge {
        /// What the limit is.
        limit: String,
    },
    /// A record so long that a quotation mark must have been left open.
    #[error(
        "the record beginning on line {line} is longer than {limit} bytes; a quotation mark was probably left open there"
    )]
    RecordTooLong {
        /// Where it begins.
        line: u64,
        /// The limit.
        limit: u64,
    },
}

/// The records of a manifest file, in order.
#[derive(Debug)]
pub enum ManifestRecords<R> {
    /// From a CSV file, one at a time.
    Csv(Box<CsvRecords<R>>),
    /// From a workbook.
    Xlsx(XlsxRecords),
}

/// Opens a manifest of either kind, told apart by its content: a workbook is a ZIP archive, all else is read as CSV.
pub fn open<R: Read + Seek>(mut file: R) -> Result<ManifestRecords<R>, FileRefusal> {
    let mut start = [0_u8; 4];
    let mut seen = 0;
    while let Some(rest) = start.get_mut(seen..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => break,
            Ok(more) => seen = seen.saturating_add(more),
            Err(fault) if fault.kind() == std::io::ErrorKind::Interrupted => {}
            Err(fault) => return Err(FileRefusal::Read(fault)),
        }
    }
    file.rewind().map_err(FileRefusal::Read)?;
    if start.starts_with(b"PK") {
        XlsxRecords::open(file).map(ManifestRecords::Xlsx)
    } else {
        CsvRecords::open(file).map(Box::new).map(ManifestRecords::Csv)
    }
}

impl<R: Read> ManifestRecords<R> {
    /// The columns of the file.
    pub fn header(&self) -> &Header {
        match self {
            Self::Csv(records) => records.header(),
            Self::Xlsx(records) => records.header(),
        }
    }
}

impl<R: Read> Iterator for ManifestRecords<R> {
    type Item = Result<RawRecord, FileRefusal>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Csv(records) => records.next(),
            Self::Xlsx(records) => records.next().map(Ok),
        }
    }
}
