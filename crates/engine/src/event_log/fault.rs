//! What can be wrong with a log, said so that the person who holds the file can mend it.

use std::fmt;
use std::io;

/// Why a log could not be read. Texts quote at most forty characters of the file.
#[derive(Debug, thiserror::Error)]
pub enum LogFault {
    /// The bytes could not be had.
    #[error("{place}: the file could not be read on; check the medium, or fetch the file again")]
    Unreadable {
        /// How far reading had come.
        place: Box<Place>,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file is of another kind.
    #[error("{file} is not an event log that can be read: {found}; {mend}")]
    NotALog {
        /// The file's name.
        file: String,
        /// What it seems to be.
        found: String,
        /// What to do.
        mend: String,
    },
    /// The text breaks the rules of its format.
    #[error("{place}: {what}; {mend}")]
    Broken {
        /// Where.
        place: Box<Place>,
        /// What is broken.
        what: String,
        /// What to do.
        mend: String,
    },
    /// The file ends in the middle.
    #[error("{place}: the file ends before the log is closed; it was cut off, fetch it again")]
    CutOff {
        /// Where the file ends.
        place: Box<Place>,
    },
    /// A limit that keeps a hostile file from filling the memory was passed.
    #[error("{place}: {what} is over the limit of {limit}; {mend}")]
    OverLimit {
        /// Where.
        place: Box<Place>,
        /// What is too large.
        what: &'static str,
        /// The limit in the unit of `what` (bytes, levels, attributes).
        limit: u64,
        /// What to do.
        mend: &'static str,
    },
    /// Something that a trace, an event or a record must have is not there.
    #[error("{place}: {what} is missing; {mend}")]
    Missing {
        /// Where.
        place: Box<Place>,
        /// What is missing.
        what: String,
        /// What to do.
        mend: String,
    },
    /// A value is not of its kind.
    #[error("{place}: {key} is “{value}”, which is not {expected}")]
    BadValue {
        /// Where.
        place: Box<Place>,
        /// The attribute or column.
        key: String,
        /// The value's first forty characters.
        value: String,
        /// What would be right.
        expected: String,
    },
    /// A key or a column comes twice where it must be unique.
    #[error("{place}: {key} is given twice; keep one of them, or rename the other")]
    Twice {
        /// Where the second one is.
        place: Box<Place>,
        /// The attribute or column.
        key: String,
    },
    /// No column of a table plays a part that must be played.
    #[error("{file}: no column holds {role}; the header has {header}; name the column that does")]
    NoColumn {
        /// The file's name.
        file: String,
        /// The part: the case, the activity, the timestamp.
        role: &'static str,
        /// The names in the header.
        header: String,
    },
}

/// Where in a log: file, line, column, and the part of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file's name as the caller gave it.
    pub file: String,
    /// Line, counted from 1.
    pub line: u64,
    /// Character in the line, counted from 1; 0 when not known.
    pub column: u64,
    /// Which part of the log.
    pub part: Part,
}

/// The part of a log that a fault is about. All numbers count from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// The log itself.
    Log,
    /// A trace, with its name when it was already read.
    Trace {
        /// Which one.
        number: u64,
        /// Its `concept:name`.
        id: Option<String>,
    },
    /// An event of a trace.
    Event {
        /// Which trace.
        trace: u64,
        /// The trace's `concept:name`.
        id: Option<String>,
        /// Which event of it.
        number: u64,
    },
    /// A record of a table (the header is not counted), with the column when one is meant.
    Record {
        /// Which one.
        number: u64,
        /// The column's name in the header.
        column: Option<String>,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)?;
        if self.column > 0 {
            write!(f, ":{}", self.column)?;
        }
        let name =
            |id: &Option<String>| id.as_deref().map_or_else(String::new, |id| format!(" “{}”", brief(id)));
        match &self.part {
            Part::Log => Ok(()),
            Part::Trace { number, id } => write!(f, ", trace {number}{}", name(id)),
            Part::Event { trace, id, number } => write!(f, ", trace {trace}{}, event {number}", name(id)),
            Part::Record { number, column } => {
                write!(f, ", record {number}")?;
                column.as_ref().map_or(Ok(()), |column| write!(f, ", column “{}”", brief(column)))
            }
        }
    }
}

/// Why a log could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteFault {
    /// The output does not take bytes.
    #[error("writing the log failed; check the disk or the connection and export again")]
    Output(#[from] io::Error),
    /// The log says something that the format cannot carry, or that would not be read back as it is.
    #[error("{place}: {what}; {mend}")]
    Unwritable {
        /// The trace, event or object, in words.
        place: String,
        /// What cannot be written.
        what: String,
        /// What to do.
        mend: &'static str,
    },
}

/// The first forty characters, on one line, so that a message stays a message. Control and direction marks
/// are shown as U+FFFD: a hostile value must not rewrite the reader's terminal.
pub(crate) fn brief(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut short: String = text.chars().take(40).map(|c| if hidden(c) { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(40).is_some() {
        short.push('…');
    }
    short
}
