//! CSV, read as bytes: one broken record does not stop the rest, memory stays flat.

use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Read},
};

use csv::{ByteRecord, Reader, ReaderBuilder};
use qadiya_domain::manifest::{Header, RawRecord, shown};

use super::FileRefusal;

/// A record longer than this has swallowed the file behind an open quotation mark.
const LONGEST_RECORD: u64 = 8 * 1024 * 1024;

/// How much of the file may be looked at to find the header line.
const LONGEST_HEADER: u64 = 64 * 1024;

const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];

/// The records of a CSV file, one at a time.
#[derive(Debug)]
pub struct CsvRecords<R> {
    header: Header,
    delimiter: u8,
    reader: Reader<Watched<R>>,
    record: ByteRecord,
    read: u64,
    broken: bool,
}

/// The file, watched for two things: how much one record takes, and on which line each byte stands. (The line that the
/// `csv` crate gives is too low behind empty lines and behind line ends of two bytes.)
#[derive(Debug)]
struct Watched<R> {
    start: std::io::Cursor<Vec<u8>>,
    file: BufReader<R>,
    /// Bytes the record being read may still take.
    left: u64,
    /// Bytes handed on so far.
    read: u64,
    /// The line being read, from 1.
    line: u64,
    /// Whether this line has held anything but its end.
    begun: bool,
    /// Whether the last byte was a carriage return, which makes one line end with a line feed behind it.
    returned: bool,
    /// Lines that hold anything and were not yet asked for: where they begin, and their number.
    lines: VecDeque<(u64, u64)>,
}

impl<R> Watched<R> {
    fn watch(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match byte {
                b'\n' if self.returned => {}
                b'\n' | b'\r' => {
                    self.line = self.line.saturating_add(1);
                    self.begun = false;
                }
                _ if !self.begun => {
                    self.begun = true;
                    self.lines.push_back((self.read, self.line));
                }
                _ => {}
            }
            self.returned = *byte == b'\r';
            self.read = self.read.saturating_add(1);
        }
    }

    /// The first line with content that begins at or behind a byte; the ones before it are forgotten.
    fn line_from(&mut self, byte: u64) -> Option<u64> {
        while self.lines.front().is_some_and(|(begins, _)| *begins < byte) {
            self.lines.pop_front();
        }
        self.lines.front().map(|(_, line)| *line)
    }
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.left == 0 {
            return Err(std::io::Error::other("record too long"));
        }
        let mut read = self.start.read(into)?;
        if read == 0 {
            read = self.file.read(into)?;
        }
        self.left = self.left.saturating_sub(u64::try_from(read).unwrap_or(u64::MAX));
        self.watch(into.get(..read).unwrap_or_default());
        Ok(read)
    }
}

impl<R: Read> CsvRecords<R> {
    /// Reads the header line and finds the delimiter by which it names the most columns.
    pub fn open(file: R) -> Result<Self, FileRefusal> {
        let mut file = BufReader::new(file);
        let mut line = Vec::new();
        let mut number = 0_u64;
        while line.iter().all(u8::is_ascii_whitespace) {
            line.clear();
            number = number.saturating_add(1);
            let more =
                file.by_ref().take(LONGEST_HEADER).read_until(b'\n', &mut line).map_err(FileRefusal::Read)?;
            if more == 0 {
                return Err(FileRefusal::Empty);
            }
        }
        if line.starts_with(&[0xff, 0xfe]) || line.starts_with(&[0xfe, 0xff]) {
            return Err(FileRefusal::Utf16);
        }
        let named = |delimiter: &u8| Header::known_names(&cells_of(&line, *delimiter));
        let delimiter = DELIMITERS.into_iter().rev().max_by_key(named).unwrap_or(b',');
        if named(&delimiter) == 0 {
            let line = String::from_utf8_lossy(&line);
            return Err(FileRefusal::NoHeader { line: shown(line.trim()) });
        }
        let header = Header::parse(&cells_of(&line, delimiter)).map_err(FileRefusal::Header)?;
        let start = std::io::Cursor::new(line);
        let mut reader =
            ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(
                Watched {
                    start,
                    file,
                    left: LONGEST_RECORD,
                    read: 0,
                    line: number,
                    begun: false,
                    returned: false,
                    lines: VecDeque::new(),
                },
            );
        let mut record = ByteRecord::new();
        // the header was read above; this passes it by with the line count kept
        reader.read_byte_record(&mut record).map_err(refusal)?;
        Ok(Self { header, delimiter, reader, record, read: 0, broken: false })
    }

    /// The columns of the file.
    pub fn header(&self) -> &Header {
        &self.header
    }

    fn swallowed(&self, cell: &[u8]) -> usize {
        let in_a_record = self.header.width().saturating_sub(1);
        let delimiters = |line: &[u8]| line.split(|byte| *byte == self.delimiter).count().saturating_sub(1);
        cell.split(|byte| *byte == b'\n').skip(1).filter(|line| delimiters(line) >= in_a_record).count()
    }
}

impl<R: Read> Iterator for CsvRecords<R> {
    type Item = Result<RawRecord, FileRefusal>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.broken {
            return None;
        }
        self.reader.get_mut().left = LONGEST_RECORD;
        let begins = self.reader.position().byte();
        match self.reader.read_byte_record(&mut self.record) {
            Ok(true) => {
                self.read = self.read.saturating_add(1);
                let cells: Vec<Vec<u8>> = self.record.iter().map(<[u8]>::to_vec).collect();
                let swallowed = cells.iter().map(|cell| self.swallowed(cell)).sum::<usize>();
                Some(Ok(RawRecord {
                    record: self.read,
                    line: self.reader.get_mut().line_from(begins).unwrap_or(0),
                    cells,
                    swallowed: u64::try_from(swallowed).unwrap_or(u64::MAX),
                }))
            }
            Ok(false) => None,
            Err(fault) => {
                self.broken = true;
                let file = self.reader.get_mut();
                Some(Err(if file.left == 0 {
                    let line = file.line_from(begins).unwrap_or(0);
                    FileRefusal::RecordTooLong { line, limit: LONGEST_RECORD }
                } else {
                    refusal(fault)
                }))
            }
        }
    }
}

/// The cells of one line under one delimiter.
fn cells_of(line: &[u8], delimiter: u8) -> Vec<Vec<u8>> {
    let mut reader =
        ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(line);
    let mut record = ByteRecord::new();
    match reader.read_byte_record(&mut record) {
        Ok(true) => record.iter().map(<[u8]>::to_vec).collect(),
        Ok(false) | Err(_) => Vec::new(),
    }
}

/// Only reading can fail for byte records of any width.
fn refusal(fault: csv::Error) -> FileRefusal {
    FileRefusal::Read(fault.into())
}
