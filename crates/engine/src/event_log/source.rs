//! One door for every kind of log file: the kind is told from the first bytes and the name.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;

use super::csv::{Columns, CsvReader};
use super::fault::{LogFault, Part, Place};
use super::model::{Attributes, EventLog, Trace};
use super::moment::Dates;
use super::xes::XesReader;

/// How a log is to be read.
#[derive(Debug, Clone, Default)]
pub struct ReadOptions {
    /// How dates are to be understood.
    pub dates: Dates,
    /// Which columns of a table play which part.
    pub columns: Columns,
    /// The delimiter of a table; told from the header when not given.
    pub delimiter: Option<u8>,
    /// How much a file may ask of the memory.
    pub limits: Limits,
}

/// Bounds that keep a hostile file from filling the memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one tag, comment or text of XML.
    pub markup_bytes: usize,
    /// Elements inside elements.
    pub depth: usize,
    /// Bytes of one trace of XML.
    pub trace_bytes: u64,
    /// Bytes of a whole table, which is read at once because a case's rows need not be adjacent.
    pub table_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { markup_bytes: 1 << 20, depth: 64, trace_bytes: 256 << 20, table_bytes: 512 << 20 }
    }
}

/// A log file of any kind that can be read: an iterator over its traces.
#[derive(Debug)]
pub enum LogSource<'a> {
    /// XES, read trace by trace.
    Xes(Box<XesReader<Input<'a>>>),
    /// A table, already read and grouped by case.
    Table(CsvReader),
}

/// The unpacked bytes of a file.
pub struct Input<'a>(Box<dyn BufRead + Send + 'a>);

impl std::fmt::Debug for Input<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Input")
    }
}

impl Read for Input<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into)
    }
}

impl BufRead for Input<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.0.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.0.consume(amount);
    }
}

/// How many bytes are looked at to tell a file's kind.
const LOOK: u64 = 1024;

impl<'a> LogSource<'a> {
    /// Opens a log by its bytes; `name` is the file's name. Gzip is unpacked on the way. A table is read
    /// whole here, XES only when traces are asked for.
    pub fn open(input: impl Read + Send + 'a, name: &str, options: &ReadOptions) -> Result<Self, LogFault> {
        let (head, input) = look(Box::new(BufReader::new(input)), name)?;
        let (head, input) = if head.starts_with(&[0x1f, 0x8b]) {
            look(Box::new(BufReader::new(MultiGzDecoder::new(input))), name)?
        } else {
            (head, input)
        };
        match kind(&head, name)? {
            Kind::Xes => Ok(Self::Xes(Box::new(XesReader::new(input, name, options)))),
            Kind::Table => CsvReader::new(input, name, options).map(Self::Table),
        }
    }

    /// What the file says of the log itself, as far as it was read; a table says nothing.
    pub fn attributes(&self) -> Attributes {
        match self {
            Self::Xes(reader) => reader.attributes().clone(),
            Self::Table(_) => Attributes::new(),
        }
    }

    /// The whole log in memory.
    pub fn read_all(self) -> Result<EventLog, LogFault> {
        match self {
            Self::Xes(reader) => reader.read_all(),
            Self::Table(reader) => Ok(EventLog { traces: reader.collect(), attributes: Attributes::new() }),
        }
    }
}

impl Iterator for LogSource<'_> {
    type Item = Result<Trace, LogFault>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Xes(reader) => reader.next(),
            Self::Table(reader) => reader.next().map(Ok),
        }
    }
}

/// The first bytes, and an input that still begins with them.
fn look<'a>(mut input: Box<dyn BufRead + Send + 'a>, name: &str) -> Result<(Vec<u8>, Input<'a>), LogFault> {
    let mut head = Vec::new();
    input.by_ref().take(LOOK).read_to_end(&mut head).map_err(|source| {
        let place = Box::new(Place { file: name.to_owned(), line: 1, column: 0, part: Part::Log });
        if source.kind() == io::ErrorKind::UnexpectedEof {
            LogFault::CutOff { place }
        } else {
            LogFault::Unreadable { place, source }
        }
    })?;
    let again = io::Cursor::new(head.clone()).chain(input);
    Ok((head, Input(Box::new(again))))
}

enum Kind {
    Xes,
    Table,
}

/// The kind of an unpacked file by its first bytes, checked against its name.
fn kind(head: &[u8], name: &str) -> Result<Kind, LogFault> {
    let not_a_log = |found: &str, mend: &str| {
        Err(LogFault::NotALog { file: name.to_owned(), found: found.to_owned(), mend: mend.to_owned() })
    };
    let lower = name.to_ascii_lowercase();
    let stem = lower.strip_suffix(".gz").unwrap_or(&lower);
    let ending = stem.rsplit_once('.').map_or("", |(_, ending)| ending);
    let named_xml = matches!(ending, "xes" | "xml");
    let named_table = matches!(ending, "csv" | "tsv" | "txt");
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    match text {
        [] => not_a_log("it is empty", "give an XES or CSV file"),
        [0x1f, 0x8b, ..] => not_a_log("it is packed twice", "unpack it once"),
        [b'P', b'K', 3, 4, ..] => {
            not_a_log("it is a ZIP or spreadsheet file", "unpack it, or save the sheet as CSV")
        }
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => not_a_log("it is UTF-16", "save it as UTF-8"),
        [b'<', ..] if named_table => {
            not_a_log("it is named as a table and begins like XML", "give it its right name")
        }
        [b'<', ..] => Ok(Kind::Xes),
        _ if named_xml => {
            not_a_log("it is named as XES and does not begin like XML", "give it its right name")
        }
        [b'{' | b'[', ..] if !named_table => not_a_log("it begins like JSON", "give an XES or CSV file"),
        _ if text.contains(&0) => not_a_log("it is not text", "give an XES or CSV file"),
        _ => Ok(Kind::Table),
    }
}
