//! What the verifier can find, each with its place.

use std::fmt;

use serde::Serialize;

use crate::hash::Hash;

/// An event's place: stream and number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// The stream.
    pub stream: String,
    /// The number in the stream, from 1.
    pub seq: u64,
}

impl Place {
    /// The place of an event.
    pub fn new(stream: impl Into<String>, seq: u64) -> Self {
        Self { stream: stream.into(), seq }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.stream, self.seq)
    }
}

/// A finding of the verifier. `Display` is one English line; the fields are for programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "fault", rename_all = "kebab-case")]
pub enum Fault {
    /// The bytes of an event are not those that were hashed.
    #[error("event {at}: the bytes were changed (their hash is {computed}, stored was {stored})")]
    ChangedBytes {
        /// The event.
        at: Place,
        /// The hash of the bytes as they are.
        computed: Hash,
        /// The hash that was stored.
        stored: Hash,
    },
    /// The bytes of an event are not a readable event.
    #[error("event {at}: the bytes are no canonical event: {reason}")]
    UnreadableEvent {
        /// The event.
        at: Place,
        /// What is wrong; never holds a value of the event.
        reason: String,
    },
    /// Events are missing from a stream.
    #[error("stream {stream}: the events {first} to {last} were deleted")]
    DeletedEvents {
        /// The stream.
        stream: String,
        /// The first missing event.
        first: u64,
        /// The last missing event.
        last: u64,
    },
    /// Two events of a stream stand in each other's place.
    #[error("stream {stream}: the events {first} and {second} were swapped")]
    SwappedEvents {
        /// The stream.
        stream: String,
        /// The lower place.
        first: u64,
        /// The higher place.
        second: u64,
    },
    /// An event stands in a place that its bytes do not name.
    #[error("event {at}: the bytes are those of event {says}")]
    MisplacedEvent {
        /// Where it stands.
        at: Place,
        /// Where its bytes say it belongs.
        says: Place,
    },
    /// A place was given twice, or the rows came out of order.
    #[error("event {at}: the place is taken twice or out of order")]
    RepeatedEvent {
        /// The place.
        at: Place,
    },
    /// The event does not follow the event before it.
    #[error("event {at}: it follows {found}, but the event before it has the hash {expected}")]
    BrokenLink {
        /// The event.
        at: Place,
        /// The hash of the bytes before it.
        expected: Hash,
        /// The hash that it names.
        found: Hash,
    },
    /// The column with the previous hash differs from the bytes.
    #[error("event {at}: the column with the previous hash was changed")]
    ChangedColumn {
        /// The event.
        at: Place,
    },
    /// An event has no entry in the global log and is not waiting for one.
    #[error("event {at}: it is not in the log")]
    NotInLog {
        /// The event.
        at: Place,
    },
    /// An entry of the log stands for an event that is not there.
    #[error("log entry {index}: its event {at} is not there")]
    EntryWithoutEvent {
        /// The entry.
        index: u64,
        /// The event it names.
        at: Place,
    },
    /// The logged hash is not the event's.
    #[error("log entry {index}: it was logged with another hash than event {at} has")]
    EntryMismatch {
        /// The entry.
        index: u64,
        /// The event it names.
        at: Place,
    },
    /// An event is in the log twice.
    #[error("log entry {index}: event {at} is in the log already")]
    LoggedTwice {
        /// The second entry.
        index: u64,
        /// The event.
        at: Place,
    },
    /// An event was logged before an earlier event of its stream.
    #[error("log entry {index}: event {at} comes after a later event of its stream")]
    LogOrder {
        /// The entry.
        index: u64,
        /// The event.
        at: Place,
    },
    /// The log's numbers have a hole or do not rise by one.
    #[error("log: entry {expected} is missing, entry {found} stands in its place")]
    LogHole {
        /// The number that had to come.
        expected: u64,
        /// The number that came.
        found: u64,
    },
    /// The log ends before a signed checkpoint does.
    #[error("log: it has {entries} entries, a signed checkpoint covers {size}; its end was cut off")]
    LogTooShort {
        /// Entries there.
        entries: u64,
        /// Entries signed for.
        size: u64,
    },
    /// The log has another root than was signed.
    #[error("checkpoint of {size} entries: the log leads to the root {computed}, signed was {signed}")]
    CheckpointMismatch {
        /// The size of the checkpoint.
        size: u64,
        /// The root over the entries as they are.
        computed: Hash,
        /// The root that was signed.
        signed: Hash,
    },
    /// A checkpoint without a valid signature of the log.
    #[error("checkpoint of {} entries: the log's signature is missing or does not hold", shown(*size))]
    CheckpointNotSigned {
        /// The size it claims.
        size: Option<u64>,
    },
    /// A checkpoint that cannot be read.
    #[error("checkpoint of {} entries: {reason}", shown(*size))]
    CheckpointUnreadable {
        /// The size it claims.
        size: Option<u64>,
        /// What is wrong.
        reason: String,
    },
}

fn shown(size: Option<u64>) -> String {
    size.map_or_else(|| "unknown".to_owned(), |size| size.to_string())
}
