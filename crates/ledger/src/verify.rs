//! The offline verifier: everything that can be found wrong from the stored rows alone.
//!
//! It believes nothing: hashes are computed from the bytes, places are read out of the bytes, roots are
//! computed from the entries, signatures are checked with a key the caller brings. It goes on after each
//! fault and names the place of every one.
//!
//! It is fed row by row ([`Verifier::event`] in order of stream and place, then [`Verifier::entry`] in order of index, then
//! [`Verifier::checkpoint`]), so a store need not be held in memory; it keeps one hash per event.
//!
//! What stored rows alone cannot show: a whole stream or the end of the log removed together with every
//! checkpoint that covers it. That needs a checkpoint or receipt kept by somebody else, given here as one more
//! checkpoint.

mod fault;
mod streams;

use serde::Serialize;

pub use fault::{Fault, Place};

use crate::{
    checkpoint::{Checkpoint, CheckpointError},
    hash::Hash,
    key::PublicKey,
    note::{NoteError, Origin, SignedNote},
    tree::{self, Frontier},
};
use streams::Streams;

/// One stored event: the bytes and the columns beside them.
#[derive(Debug, Clone, Copy)]
pub struct StoredEvent<'a> {
    /// The stream column.
    pub stream: &'a str,
    /// The place column.
    pub seq: u64,
    /// The canonical bytes.
    pub bytes: &'a [u8],
    /// The column with the hash of the event before.
    pub prev_hash: Hash,
    /// The column with this event's hash.
    pub hash: Hash,
}

/// One stored entry of the global log.
#[derive(Debug, Clone, Copy)]
pub struct LogEntry<'a> {
    /// Its place in the log, from 0.
    pub index: u64,
    /// The stream of the event it stands for.
    pub stream: &'a str,
    /// The place of the event in its stream.
    pub seq: u64,
    /// The event's hash as it was logged.
    pub event_hash: Hash,
}

/// What was looked at and what was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Streams seen.
    pub streams: u64,
    /// Events seen.
    pub events: u64,
    /// Entries of the global log seen.
    pub entries: u64,
    /// Checkpoints that convinced.
    pub checkpoints: u64,
    /// The largest size that a convincing checkpoint covers.
    pub covered: u64,
    /// Every fault, in the order of the rows.
    pub faults: Vec<Fault>,
}

impl Report {
    /// Whether nothing was found wrong.
    pub fn is_clean(&self) -> bool {
        self.faults.is_empty()
    }
}

/// A verification under way; see the module.
#[derive(Debug)]
pub struct Verifier {
    origin: Origin,
    key: PublicKey,
    streams: Streams,
    frontier: Frontier,
    /// The leaves of the log as it is stored.
    leaves: Vec<Hash>,
    checkpoints: Vec<Checkpoint>,
    report: Report,
}

impl Verifier {
    /// A verification of the log `origin`, whose checkpoints `key` signs.
    pub fn new(origin: Origin, key: PublicKey) -> Self {
        Self {
            origin,
            key,
            streams: Streams::default(),
            frontier: Frontier::new(),
            leaves: Vec::new(),
            checkpoints: Vec::new(),
            report: Report::default(),
        }
    }

    /// Takes one event. The events of one stream come together, in order of their places.
    pub fn event(&mut self, event: &StoredEvent<'_>) {
        self.report.events += 1;
        self.streams.event(event, &mut self.report.faults);
    }

    /// Says that an event waits for its number and need not be in the log yet.
    pub fn pending(&mut self, stream: &str, seq: u64) {
        self.streams.pending(stream, seq);
    }

    /// Takes one entry of the global log, after all events, in order of the index.
    pub fn entry(&mut self, entry: &LogEntry<'_>) {
        self.report.entries += 1;
        let expected = self.frontier.size();
        if entry.index != expected {
            self.report.faults.push(Fault::LogHole { expected, found: entry.index });
        }
        self.streams.entry(entry, &mut self.report.faults);
        let leaf = tree::leaf_hash(entry.event_hash.as_bytes());
        self.frontier.push(leaf);
        self.leaves.push(leaf);
    }

    /// Takes one stored checkpoint, a signed note.
    pub fn checkpoint(&mut self, note: &str) {
        let opened = note
            .parse::<SignedNote>()
            .map_err(CheckpointError::from)
            .and_then(|note| Checkpoint::open(&note, &self.origin, &self.key));
        match opened {
            Ok(checkpoint) => self.checkpoints.push(checkpoint),
            Err(error) => {
                // The size is worth naming even though nobody vouches for it.
                let claimed = note.lines().nth(1).and_then(|line| line.parse().ok());
                self.report.faults.push(match error {
                    CheckpointError::Note(NoteError::BadSignature { .. } | NoteError::NotSigned { .. }) => {
                        Fault::CheckpointNotSigned { size: claimed }
                    }
                    CheckpointError::Note(_)
                    | CheckpointError::Lines
                    | CheckpointError::Size
                    | CheckpointError::Root
                    | CheckpointError::OtherOrigin => {
                        Fault::CheckpointUnreadable { size: claimed, reason: error.to_string() }
                    }
                });
            }
        }
    }

    /// Compares the checkpoints with the log and gives the report.
    pub fn finish(mut self) -> Report {
        self.streams.finish(&mut self.report);
        self.checkpoints.sort_by_key(|checkpoint| checkpoint.size);
        let mut frontier = Frontier::new();
        let mut rest = self.leaves.iter();
        for checkpoint in &self.checkpoints {
            while frontier.size() < checkpoint.size
                && let Some(leaf) = rest.next()
            {
                frontier.push(*leaf);
            }
            if frontier.size() < checkpoint.size {
                self.report
                    .faults
                    .push(Fault::LogTooShort { entries: frontier.size(), size: checkpoint.size });
            } else if frontier.root() == checkpoint.root {
                self.report.checkpoints += 1;
                self.report.covered = checkpoint.size;
            } else {
                self.report.faults.push(Fault::CheckpointMismatch {
                    size: checkpoint.size,
                    computed: frontier.root(),
                    signed: checkpoint.root,
                });
            }
        }
        self.report
    }
}
