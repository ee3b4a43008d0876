//! What the interpreter knows of a case, and the acts it is given.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;

/// A value in an act or in the case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// A choice, a flag (`yes`, `no`) or a number, as its word.
    Word(String),
    Text(String),
    Date(Date),
    Instant(Timestamp),
    Range(Timestamp, Timestamp),
    /// `unknown`, `refused` or `none`, with a reason.
    Answer(String),
}

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Who {
    pub(crate) role: String,
    /// The natural person; the engine itself is none.
    pub(crate) person: Option<String>,
    /// A person who acts in one case: no program and no batch.
    pub(crate) decides: bool,
}

impl Who {
    pub(crate) fn system() -> Self {
        Self { role: "system".to_owned(), person: None, decides: false }
    }

    pub(crate) fn is_system(&self) -> bool {
        self.role == "system"
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Filed {
    pub(crate) record: String,
    pub(crate) about: Option<u32>,
    pub(crate) fields: Vec<(String, Value)>,
}

/// A command with what it carries.
#[derive(Debug, Clone, Default)]
pub(crate) struct Doing {
    pub(crate) command: String,
    pub(crate) instance: Option<u32>,
    pub(crate) outcome: Option<String>,
    pub(crate) answers: Vec<(String, Value)>,
    pub(crate) records: Vec<Filed>,
    /// Document, and whether it is signed.
    pub(crate) papers: Vec<(String, bool)>,
}

/// An act. Proposals, doings and records are named by their number in order, each counted from 1.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    Do(Doing),
    Sign { proposal: u32, agree: bool },
    Reject { proposal: u32 },
    Withdraw { proposal: u32 },
    File { document: String, signed: bool },
    Edit { fact: String, value: Value },
    Correct { facts: Vec<(String, Option<Value>)> },
    Annul { doing: u32 },
    Job { job: String, code: Option<String>, fields: Vec<(String, String)> },
    JobFailed { job: String },
}

#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) kind: String,
    pub(crate) at: Timestamp,
    pub(crate) fields: BTreeMap<String, Value>,
    pub(crate) annulled: bool,
    /// The doing that filed it.
    pub(crate) doing: u32,
}

/// A command that took effect.
#[derive(Debug, Clone)]
pub(crate) struct Done {
    pub(crate) number: u32,
    pub(crate) command: String,
    pub(crate) instance: Option<u32>,
    pub(crate) proposer: Option<String>,
    pub(crate) approvers: Vec<String>,
    pub(crate) annulled: bool,
    /// The facts it wrote, as they were before.
    pub(crate) before: BTreeMap<String, Option<Value>>,
    /// The clocks it stopped, as they were before.
    pub(crate) stopped: BTreeMap<Key, Clock>,
    /// What an irregular fact lacked: papers, and kinds of records beyond their ceiling.
    pub(crate) lacks: Vec<(String, bool)>,
}

#[derive(Debug, Clone)]
pub(crate) struct Proposal {
    pub(crate) number: u32,
    pub(crate) act: Act,
    pub(crate) who: Who,
    /// Person, step, consent.
    pub(crate) signatures: Vec<(String, usize, bool)>,
    pub(crate) lapses: Option<Timestamp>,
    /// When it comes next: the time is over, or a countersignature is called for again.
    pub(crate) next: Option<Timestamp>,
    /// Countersignature of a fact; the number of its doing.
    pub(crate) afterwards: Option<u32>,
}

/// Deadline and record; a proposal has no name but its number.
pub(crate) type Key = (bool, String, Option<u32>);

pub(crate) fn of_deadline(name: &str, subject: Option<u32>) -> Key {
    (false, name.to_owned(), subject)
}

pub(crate) fn of_proposal(number: u32) -> Key {
    (true, String::new(), Some(number))
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Clock {
    pub(crate) since: Timestamp,
    pub(crate) due: Option<Timestamp>,
    /// The step that comes next.
    pub(crate) step: usize,
    pub(crate) next: Option<Timestamp>,
    pub(crate) extended: usize,
    /// Since when it is paused.
    pub(crate) paused: Option<Timestamp>,
    /// The limit that `until` gave, to notice another.
    pub(crate) given: Option<Timestamp>,
}

/// A case.
#[derive(Debug, Clone, Default)]
pub(crate) struct Case {
    pub(crate) main: Option<String>,
    /// Where `back` leads.
    pub(crate) memory: Option<String>,
    pub(crate) tracks: BTreeMap<String, String>,
    pub(crate) instances: BTreeMap<String, BTreeMap<u32, String>>,
    pub(crate) facts: BTreeMap<String, Value>,
    /// The doing that last wrote a fact; `None`: an edit, a correction.
    pub(crate) written_by: BTreeMap<String, Option<u32>>,
    /// The running number of the last writing of each fact.
    pub(crate) written: BTreeMap<String, u32>,
    pub(crate) writes: u32,
    pub(crate) records: Vec<Record>,
    pub(crate) papers: BTreeMap<String, Vec<(Timestamp, bool)>>,
    /// When each state was last entered.
    pub(crate) entered: BTreeMap<String, Timestamp>,
    pub(crate) done: Vec<Done>,
    pub(crate) proposals: Vec<Proposal>,
    pub(crate) proposed: u32,
    pub(crate) clocks: BTreeMap<Key, Clock>,
    pub(crate) passed: BTreeSet<Key>,
    pub(crate) stage: Option<String>,
    pub(crate) authority: Option<Timestamp>,
    /// Jobs that have not come back, by the doing that queued them.
    pub(crate) jobs: BTreeSet<(u32, String)>,
    /// Main states entered in this decision, also again.
    pub(crate) came_to: Vec<String>,
    /// Tracks moved in this decision: track, record, state.
    pub(crate) tracks_came: Vec<(String, Option<u32>, String)>,
    /// What the command of this event does to tracks: stops them, and moved the main machine.
    pub(crate) tracks_stop: bool,
    pub(crate) has_moved: bool,
    /// The doing whose event is not complete yet.
    pub(crate) closing: Option<usize>,
    /// From when the clocks that start now count, where an annulment leads back.
    pub(crate) counts_from: Option<Timestamp>,
}

impl Case {
    pub(crate) fn record(&self, number: u32) -> Option<&Record> {
        let record = self.records.get(usize::try_from(number).ok()?.checked_sub(1)?)?;
        (!record.annulled).then_some(record)
    }

    /// Live records of a kind, with their numbers.
    pub(crate) fn live(&self, kind: &str) -> Vec<(u32, &Record)> {
        (1_u32..).zip(&self.records).filter(|(_, record)| record.kind == kind && !record.annulled).collect()
    }

    /// Where a track stands, or one instance of it.
    pub(crate) fn track_state(&self, track: &str, instance: Option<u32>) -> Option<&String> {
        match instance {
            Some(no) => self.instances.get(track)?.get(&no),
            None => self.tracks.get(track),
        }
    }

    /// Whether a machine is in this state; an instance is asked for by its record.
    pub(crate) fn is_at(&self, state: &str, instance: Option<u32>) -> bool {
        self.main.as_deref() == Some(state)
            || self.tracks.values().any(|found| found == state)
            || self.instances.values().any(|open| {
                open.iter().any(|(no, found)| found == state && instance.is_none_or(|wanted| wanted == *no))
            })
    }
}
