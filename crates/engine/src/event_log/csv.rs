//! Logs as tables: one row per event, a column for the case.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, BufRead, Read};

use super::fault::{LogFault, Part, Place, brief};
use super::model::{Attribute, LogEvent, Trace};
use super::moment::Dates;
use super::source::ReadOptions;

/// Which column plays a part.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Column {
    /// The first column whose name is one of the usual ones.
    #[default]
    Detect,
    /// The column of this name.
    Named(String),
    /// No column does. A log needs a case and an activity, so those two refuse it.
    Absent,
}

/// The parts that columns play. All others become attributes: of the trace when the name begins with `case:`,
/// else of the event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Columns {
    /// The case; always needed.
    pub case: Column,
    /// The activity; always needed.
    pub activity: Column,
    /// The instant; refused when it is to be detected and is not there.
    pub timestamp: Column,
    /// Who or what did it.
    pub resource: Column,
    /// The step in the activity's life.
    pub lifecycle: Column,
}

/// The usual names of each part, best first, in lower case and with all that is no letter or digit taken out.
const CASE: &[&str] = &["caseconceptname", "caseid", "case", "casenumber", "caseno", "traceid", "trace"];
const ACTIVITY: &[&str] =
    &["conceptname", "activity", "activityname", "event", "eventname", "task", "taskname", "action"];
const TIMESTAMP: &[&str] = &[
    "timetimestamp",
    "timestamp",
    "completetimestamp",
    "completetime",
    "eventtime",
    "datetime",
    "time",
    "date",
    "starttimestamp",
    "starttime",
    "start",
];
const RESOURCE: &[&str] = &["orgresource", "resource", "user", "performer"];
const LIFECYCLE: &[&str] = &["lifecycletransition", "lifecycle", "transition"];

/// The delimiters that are tried on the header.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// At most so many bytes of the first line are looked at for the delimiter.
const HEADER_BYTES: u64 = 64 * 1024;

/// The traces of a table, grouped by case in the order of first appearance; within a case in the order of the
/// file, whether or not a case's rows are adjacent.
#[derive(Debug)]
pub struct CsvReader {
    traces: std::vec::IntoIter<Trace>,
}

impl CsvReader {
    /// Reads a whole table (RFC 4180, UTF-8 with or without byte-order mark); `name` is the file's name for
    /// messages.
    pub fn new(mut input: impl BufRead, name: &str, options: &ReadOptions) -> Result<Self, LogFault> {
        let top = Box::new(Place { file: name.to_owned(), line: 1, column: 0, part: Part::Log });
        let mut first = Vec::new();
        if let Err(source) = input.by_ref().take(HEADER_BYTES).read_until(b'\n', &mut first) {
            return Err(LogFault::Unreadable { place: top, source });
        }
        let body = first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&first);
        let delimiter = options.delimiter.unwrap_or_else(|| delimiter(body));
        let guard = Guard {
            inner: io::Cursor::new(body.to_vec()).chain(input),
            left: options.limits.table_bytes,
            over: false,
            quotes: 0,
            lines: Lines::default(),
        };
        let mut records = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .from_reader(guard);
        let mut record = csv::ByteRecord::new();
        let mut table: Option<Table> = None;
        let mut number = 0_u64;
        let mut last = 1;
        loop {
            let place = |line| Box::new(Place { file: name.to_owned(), line, column: 0, part: Part::Log });
            match records.read_byte_record(&mut record) {
                Ok(true) => {}
                Ok(false) => break,
                Err(_) if records.get_ref().over => {
                    return Err(LogFault::OverLimit {
                        place: place(last),
                        what: "the table, in bytes,",
                        limit: options.limits.table_bytes,
                        mend: "cut it into smaller ones, or give it as XES, which is read case by case",
                    });
                }
                Err(error) => return Err(unreadable(place(last), error)),
            }
            let begin = record.position().map_or(0, csv::Position::byte);
            let line = records.get_mut().lines.at(begin).unwrap_or(last);
            last = line;
            match &mut table {
                None => table = Some(Table::with_header(&record, name, options)?),
                Some(table) => {
                    let blank = record.len() == 1 && record.iter().all(|field| field.trim_ascii().is_empty());
                    if !blank {
                        number += 1;
                        table.take(&record, line, number)?;
                    }
                }
            }
        }
        let quotes = records.get_ref().quotes;
        let table = table.ok_or_else(|| LogFault::NotALog {
            file: name.to_owned(),
            found: "it has no header".to_owned(),
            mend: "give a table whose first row names the columns".to_owned(),
        })?;
        if quotes % 2 == 1 {
            return Err(LogFault::Broken {
                place: Box::new(Place { file: name.to_owned(), line: last, column: 0, part: Part::Log }),
                what: format!(
                    "the table has an odd number of quotation marks ({quotes}), so one is not closed"
                ),
                mend: "close it; a quotation mark inside a field is written twice, in a quoted field"
                    .to_owned(),
            });
        }
        Ok(Self { traces: table.traces.into_iter() })
    }
}

impl Iterator for CsvReader {
    type Item = Trace;

    fn next(&mut self) -> Option<Self::Item> {
        self.traces.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.traces.size_hint()
    }
}

/// The part that one column plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Case,
    Activity,
    Timestamp,
    Resource,
    Lifecycle,
    OfTrace,
    OfEvent,
}

#[derive(Debug)]
struct Table<'a> {
    file: &'a str,
    dates: &'a Dates,
    columns: Vec<(String, Role)>,
    traces: Vec<Trace>,
    known: BTreeMap<String, usize>,
}

impl<'a> Table<'a> {
    fn with_header(
        record: &csv::ByteRecord,
        file: &'a str,
        options: &'a ReadOptions,
    ) -> Result<Self, LogFault> {
        let place = || Box::new(Place { file: file.to_owned(), line: 1, column: 0, part: Part::Log });
        let mut names: Vec<String> = Vec::new();
        for (at, field) in record.iter().enumerate() {
            let name = std::str::from_utf8(field).map_err(|_| not_utf8(place()))?.trim();
            let name = if name.is_empty() { format!("column {}", at + 1) } else { name.to_owned() };
            if names.contains(&name) {
                return Err(LogFault::Twice {
                    place: place(),
                    key: format!("the column “{}”", brief(&name)),
                });
            }
            names.push(name);
        }
        let wanted = &options.columns;
        let parts = [
            (Role::Case, &wanted.case, CASE, "the case"),
            (Role::Activity, &wanted.activity, ACTIVITY, "the activity"),
            (Role::Timestamp, &wanted.timestamp, TIMESTAMP, "the timestamp"),
            (Role::Resource, &wanted.resource, RESOURCE, "the resource"),
            (Role::Lifecycle, &wanted.lifecycle, LIFECYCLE, "the lifecycle"),
        ];
        let mut columns: Vec<(String, Role)> = names
            .into_iter()
            .map(|name| {
                let role = if name.starts_with("case:") { Role::OfTrace } else { Role::OfEvent };
                (name, role)
            })
            .collect();
        // What the caller names is taken first, so that detection cannot snatch it.
        for named in [true, false] {
            for (role, column, usual, words) in parts {
                if matches!(column, Column::Named(_)) != named {
                    continue;
                }
                let free = |(_, taken): &(String, Role)| matches!(taken, Role::OfTrace | Role::OfEvent);
                let found = match column {
                    Column::Named(name) => {
                        columns.iter_mut().find(|column| column.0 == *name && free(column))
                    }
                    Column::Detect => usual
                        .iter()
                        .find_map(|usual| {
                            columns.iter().position(|column| folded(&column.0) == *usual && free(column))
                        })
                        .and_then(|at| columns.get_mut(at)),
                    Column::Absent => None,
                };
                if let Some(found) = found {
                    found.1 = role;
                    continue;
                }
                let optional = match role {
                    Role::Case | Role::Activity => false,
                    Role::Timestamp => *column == Column::Absent,
                    Role::Resource | Role::Lifecycle | Role::OfTrace | Role::OfEvent => {
                        !matches!(column, Column::Named(_))
                    }
                };
                if !optional {
                    let header: Vec<_> = columns.iter().map(|(name, _)| brief(name)).collect();
                    return Err(LogFault::NoColumn {
                        file: file.to_owned(),
                        role: words,
                        header: header.join(", "),
                    });
                }
            }
        }
        Ok(Self { file, dates: &options.dates, columns, traces: Vec::new(), known: BTreeMap::new() })
    }

    fn take(&mut self, record: &csv::ByteRecord, line: u64, number: u64) -> Result<(), LogFault> {
        let place = |column: Option<&str>| {
            Box::new(Place {
                file: self.file.to_owned(),
                line,
                column: 0,
                part: Part::Record { number, column: column.map(str::to_owned) },
            })
        };
        if record.len() != self.columns.len() {
            return Err(LogFault::Broken {
                place: place(None),
                what: format!("the record has {} fields, the header {}", record.len(), self.columns.len()),
                mend: "put a field that holds the delimiter or a line break in quotation marks".to_owned(),
            });
        }
        let mut case = String::new();
        let mut of_trace = Vec::new();
        let mut event = LogEvent::default();
        for ((name, role), field) in self.columns.iter().zip(record) {
            let text = std::str::from_utf8(field).map_err(|_| not_utf8(place(Some(name))))?;
            if text.trim().is_empty() {
                if matches!(role, Role::Case | Role::Activity) {
                    return Err(LogFault::Missing {
                        place: place(Some(name)),
                        what: "the value".to_owned(),
                        mend: "every event needs its case and its activity".to_owned(),
                    });
                }
                continue;
            }
            let text = text.to_owned();
            match role {
                Role::Case => case = text,
                Role::Activity => event.activity = text,
                Role::Timestamp => {
                    let instant = self.dates.read(&text).map_err(|reason| LogFault::BadValue {
                        place: place(Some(name)),
                        key: brief(name),
                        value: brief(&text),
                        expected: reason.expected(self.dates),
                    })?;
                    event.at = Some(instant);
                }
                Role::Resource => event.resource = Some(text),
                Role::Lifecycle => event.lifecycle = Some(text),
                Role::OfTrace => of_trace.push((name.as_str(), text)),
                Role::OfEvent => {
                    event.attributes.insert(name.clone(), Attribute::Text(text));
                }
            }
        }
        let at = *self.known.entry(case.clone()).or_insert_with(|| {
            self.traces.push(Trace { id: case, ..Trace::default() });
            self.traces.len() - 1
        });
        let Some(trace) = self.traces.get_mut(at) else { return Ok(()) };
        for (name, text) in of_trace {
            // The first row speaks for the case; a later row that says otherwise keeps its word on its event.
            let key = name.strip_prefix("case:").unwrap_or(name);
            let text = Attribute::Text(text);
            let stated = trace.attributes.entry(key.to_owned()).or_insert_with(|| text.clone());
            if *stated != text {
                event.attributes.insert(name.to_owned(), text);
            }
        }
        trace.events.push(event);
        Ok(())
    }
}

/// A column's name without what people write differently: case, spaces, dashes, colons.
fn folded(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The delimiter that stands most often outside quotation marks in the header; the comma when none does.
fn delimiter(header: &[u8]) -> u8 {
    let count = |delimiter: u8| {
        let mut quoted = false;
        header
            .iter()
            .filter(|byte| {
                quoted ^= **byte == b'"';
                !quoted && **byte == delimiter
            })
            .count()
    };
    let mut best = (b',', 0);
    for candidate in DELIMITERS {
        let found = count(candidate);
        if found > best.1 {
            best = (candidate, found);
        }
    }
    best.0
}

fn not_utf8(place: Box<Place>) -> LogFault {
    LogFault::Broken {
        place,
        what: "the text is not UTF-8".to_owned(),
        mend: "save the file as UTF-8".to_owned(),
    }
}

fn unreadable(place: Box<Place>, error: csv::Error) -> LogFault {
    let text = error.to_string();
    if let csv::ErrorKind::Io(source) = error.into_kind() {
        if source.kind() == io::ErrorKind::UnexpectedEof {
            LogFault::CutOff { place }
        } else {
            LogFault::Unreadable { place, source }
        }
    } else {
        LogFault::Broken { place, what: text, mend: "mend the table here".to_owned() }
    }
}

/// Bounds the bytes of a table, counts its quotation marks and its lines on the way.
#[derive(Debug)]
struct Guard<R> {
    inner: R,
    left: u64,
    over: bool,
    quotes: u64,
    lines: Lines,
}

impl<R: Read> Read for Guard<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let taken = self.inner.read(into)?;
        let bytes = u64::try_from(taken).unwrap_or(u64::MAX);
        let Some(left) = self.left.checked_sub(bytes) else {
            self.over = true;
            return Err(io::Error::other("the limit of a table is passed"));
        };
        self.left = left;
        for byte in into.iter().take(taken) {
            self.quotes += u64::from(*byte == b'"');
            self.lines.pass(*byte);
        }
        Ok(taken)
    }
}

/// Where lines that are not empty begin, from the record at hand to what was read ahead. The parser counts
/// the empty lines before a record as its own, which would send the reader of a message to the wrong line.
#[derive(Debug, Default)]
struct Lines {
    begun: VecDeque<(u64, u64)>,
    offset: u64,
    ended: u64,
    inside: bool,
    after_return: bool,
}

impl Lines {
    fn pass(&mut self, byte: u8) {
        match byte {
            b'\n' if self.after_return => {}
            b'\r' | b'\n' => {
                self.ended += 1;
                self.inside = false;
            }
            _ if self.inside => {}
            _ => {
                self.begun.push_back((self.offset, self.ended + 1));
                self.inside = true;
            }
        }
        self.after_return = byte == b'\r';
        self.offset += 1;
    }

    /// The line of the first text at or after this byte; what lies before it is forgotten.
    fn at(&mut self, byte: u64) -> Option<u64> {
        while self.begun.front().is_some_and(|(begin, _)| *begin < byte) {
            self.begun.pop_front();
        }
        self.begun.front().map(|(_, line)| *line)
    }
}
