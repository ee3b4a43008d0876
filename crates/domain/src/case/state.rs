//! The folded state of a case. It is stored beside the log for speed; the log is the truth, and `verify` folds it again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use qadiya_ledger::Hash;
use serde::{Deserialize, Serialize};

use crate::case::act::{Act, RecordNo};
use crate::case::event::{Did, Incident, JobQueued, Missing, Opened, SubcasePending};
use crate::ids::{OfficialId, Seq, StreamId};
use crate::name::Name;
use crate::value::Given;
use crate::workflow::configuration::Configuration;
use crate::workflow::model::Machine;

/// A case as its log has made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// The stream.
    pub id: StreamId,
    /// The number of the last event; 0 before the first.
    pub version: Seq,
    /// The hash of the last event.
    pub head: Hash,
    /// What the opening said; `None` before the first event.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub opened: Option<Opened>,
    /// When it was opened.
    #[serde(with = "crate::moment::option", skip_serializing_if = "Option::is_none", default)]
    pub opened_at: Option<Timestamp>,
    /// The state of the main machine.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub main: Option<Name>,
    /// The state to which `back` leads.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub before: Option<Name>,
    /// When each state of any machine was last entered (main and single tracks).
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub entered: BTreeMap<Name, Entered>,
    /// States of open single tracks.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub tracks: BTreeMap<Name, Name>,
    /// States of open instances of tracks per record: track → record → state and time of entry.
    #[serde(with = "crate::numbered::inner", skip_serializing_if = "BTreeMap::is_empty", default)]
    pub instances: BTreeMap<Name, BTreeMap<RecordNo, Instance>>,
    /// Facts.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub facts: BTreeMap<Name, Given>,
    /// The event that last wrote each fact, also one that took its value away.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub written: BTreeMap<Name, Seq>,
    /// Records by number.
    #[serde(with = "crate::numbered", skip_serializing_if = "BTreeMap::is_empty", default)]
    pub records: BTreeMap<RecordNo, RecordState>,
    /// Papers by kind, in order of filing.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub papers: BTreeMap<Name, Vec<PaperState>>,
    /// Every doing of a command that separation, waits or annulment may ask for: the latest per command and instance,
    /// and all that are not annulled and can be.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub doings: Vec<Doing>,
    /// Open proposals, by the event that opened them.
    #[serde(with = "crate::numbered", skip_serializing_if = "BTreeMap::is_empty", default)]
    pub proposals: BTreeMap<Seq, Proposal>,
    /// Running clocks.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub clocks: BTreeMap<ClockKey, Clock>,
    /// Clocks whose limit has passed and that were not started again since, running or not.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    pub passed: BTreeSet<ClockKey>,
    /// The public stage.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub stage: Option<Name>,
    /// Since when, and by which event.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub stage_since: Option<Entered>,
    /// The office that must act.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub office: Option<Name>,
    /// Whether the person is deprived of liberty here.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub held: bool,
    /// The end of the unbroken cover; covered or lapsed follows from it and *now* (DESIGN D18).
    #[serde(with = "crate::moment::option", skip_serializing_if = "Option::is_none", default)]
    pub authority_until: Option<Timestamp>,
    /// The outcome, when the case has ended.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub outcome: Option<Name>,
    /// Facts recorded although something was missing, by their event, until they are regularised.
    #[serde(with = "crate::numbered", skip_serializing_if = "BTreeMap::is_empty", default)]
    pub irregular: BTreeMap<Seq, Vec<Missing>>,
    /// Jobs that have not come back.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    pub jobs: BTreeSet<JobQueued>,
    /// Open incidents, by their event.
    #[serde(with = "crate::numbered", skip_serializing_if = "BTreeMap::is_empty", default)]
    pub incidents: BTreeMap<Seq, Vec<Incident>>,
    /// Cases to be opened beside this one.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub subcases: Vec<SubcasePending>,
    /// The number of the last record filed.
    #[serde(default)]
    pub last_record: RecordNo,
}

/// An entry into a state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entered {
    /// When it happened.
    #[serde(with = "crate::moment")]
    pub at: Timestamp,
    /// By which event.
    pub seq: Seq,
}

/// One instance of a track per record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Its state.
    pub state: Name,
    /// When the state was entered.
    #[serde(with = "crate::moment")]
    pub entered: Timestamp,
}

/// A record in the folded state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordState {
    /// Its kind.
    pub record: Name,
    /// The record it is about.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub about: Option<RecordNo>,
    /// The event that filed it.
    pub seq: Seq,
    /// When it was filed (signed).
    #[serde(with = "crate::moment")]
    pub at: Timestamp,
    /// Its fields.
    pub fields: BTreeMap<Name, Given>,
    /// The act that filed it was annulled.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub annulled: bool,
}

/// A paper in the folded state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaperState {
    /// The event that filed it.
    pub seq: Seq,
    /// When.
    #[serde(with = "crate::moment")]
    pub at: Timestamp,
    /// Its number or file mark.
    pub reference: String,
    /// SHA-256 of its bytes, if it is kept as a file.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sha256: Option<Hash>,
    /// Whether it is signed.
    pub signed: bool,
}

/// A doing of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doing {
    /// The event.
    pub seq: Seq,
    /// When.
    #[serde(with = "crate::moment")]
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub did: Did,
    /// Who did it or proposed it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub by: Option<OfficialId>,
    /// Who consented.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub approvers: Vec<OfficialId>,
    /// The values of the facts it set, as they were before, for annulment.
    #[serde(with = "crate::value::or_unset", skip_serializing_if = "BTreeMap::is_empty", default)]
    pub facts_before: BTreeMap<Name, Option<Given>>,
    /// The clocks it stopped, as they were before, for annulment.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub stopped: BTreeMap<ClockKey, Clock>,
}

/// A proposal that waits for signatures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// What was proposed.
    pub act: Act,
    /// The hash of the event that opened it.
    pub hash: Hash,
    /// Who proposed it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub proposer: Option<OfficialId>,
    /// In which capacity.
    pub role: Name,
    /// When it was proposed.
    #[serde(with = "crate::moment")]
    pub at: Timestamp,
    /// When the proposed act happened, if the proposer says earlier.
    #[serde(with = "crate::moment::option", skip_serializing_if = "Option::is_none", default)]
    pub happened: Option<Timestamp>,
    /// The signatures so far.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub signatures: Vec<Signature>,
    /// When it lapses.
    #[serde(with = "crate::moment::option", skip_serializing_if = "Option::is_none", default)]
    pub lapses: Option<Timestamp>,
    /// Countersignature of a fact that already took effect.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub afterwards: bool,
}

/// A signature under a proposal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// The natural person.
    pub official: OfficialId,
    /// The capacity.
    pub role: Name,
    /// The step of the approval, from 0.
    pub step: u32,
    /// Consent or dissent.
    pub agree: bool,
    /// The event.
    pub seq: Seq,
}

/// Which clock.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClockKey {
    /// A deadline of the file.
    Deadline {
        /// Its name.
        name: Name,
        /// The record, for a deadline per record or on a track per record.
        subject: Option<RecordNo>,
    },
    /// The time of a proposal.
    Proposal(Seq),
}

impl fmt::Display for ClockKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deadline { name, subject: None } => write!(f, "{name}"),
            Self::Deadline { name, subject: Some(no) } => write!(f, "{name}#{no}"),
            Self::Proposal(seq) => write!(f, "@{seq}"),
        }
    }
}

/// A text that is not the key of a clock.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a clock: write NAME, NAME#RECORD or @EVENT")]
pub struct BadClockKey(String);

impl std::str::FromStr for ClockKey {
    type Err = BadClockKey;
    fn from_str(text: &str) -> Result<Self, BadClockKey> {
        let bad = || BadClockKey(text.to_owned());
        if let Some(seq) = text.strip_prefix('@') {
            return seq.parse().map(Self::Proposal).map_err(|_| bad());
        }
        let (name, subject) = match text.split_once('#') {
            Some((name, no)) => (name, Some(no.parse().map_err(|_| bad())?)),
            None => (text, None),
        };
        Ok(Self::Deadline { name: Name::new(name).map_err(|_| bad())?, subject })
    }
}

impl Serialize for ClockKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ClockKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A running clock. `due` and `next` are facts of the log, so that a changed deadline row shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// The instant it counts from.
    #[serde(with = "crate::moment")]
    pub since: Timestamp,
    /// The limit; `None` while what it is counted to is not there (a moment that has not come, a ceiling under which
    /// nothing is filed), or no calendar can count it. A pause leaves it; the time that stood still is added when the clock
    /// goes on, but not to the end of an authority.
    #[serde(with = "crate::moment::option", skip_serializing_if = "Option::is_none", default)]
    pub due: Option<Timestamp>,
    /// When the next step is due; `None` when the ladder is finished, the clock is paused or there is no limit.
    #[serde(with = "crate::moment::option", skip_serializing_if = "Option::is_none", default)]
    pub next: Option<Timestamp>,
    /// The number of the next step: warnings first, then the limit, then the late steps, then repetitions.
    #[serde(default)]
    pub step: u32,
    /// The limit has passed.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub passed: bool,
    /// How often it was extended.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub extended: u32,
    /// Since when it is paused.
    #[serde(with = "crate::moment::option", skip_serializing_if = "Option::is_none", default)]
    pub paused: Option<Timestamp>,
    /// SHA-256 of the calendar it counts by.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub calendar: Option<Hash>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Clock {
    /// Whether its limit is over at this moment, whether or not a worker has stepped it (DESIGN D18).
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.paused.is_none() && self.due.is_some_and(|due| due <= now)
    }
}

impl Case {
    /// A case before its first event.
    pub fn unopened(id: StreamId) -> Self {
        Self {
            id,
            version: 0,
            head: Hash::ZERO,
            opened: None,
            opened_at: None,
            main: None,
            before: None,
            entered: BTreeMap::new(),
            tracks: BTreeMap::new(),
            instances: BTreeMap::new(),
            facts: BTreeMap::new(),
            written: BTreeMap::new(),
            records: BTreeMap::new(),
            papers: BTreeMap::new(),
            doings: Vec::new(),
            proposals: BTreeMap::new(),
            clocks: BTreeMap::new(),
            passed: BTreeSet::new(),
            stage: None,
            stage_since: None,
            office: None,
            held: false,
            authority_until: None,
            outcome: None,
            irregular: BTreeMap::new(),
            jobs: BTreeSet::new(),
            incidents: BTreeMap::new(),
            subcases: Vec::new(),
            last_record: 0,
        }
    }

    /// The state of a machine; of a track per record, that of the instance named.
    pub fn stands(&self, machine: &Machine, instance: Option<RecordNo>) -> Option<&Name> {
        match (machine, instance) {
            (Machine::Main, _) => self.main.as_ref(),
            (Machine::Track(track), None) => self.tracks.get(track),
            (Machine::Track(track), Some(no)) => {
                self.instances.get(track)?.get(&no).map(|instance| &instance.state)
            }
        }
    }

    /// The records of a kind that are not annulled, by number.
    pub fn live(&self, kind: &str) -> impl DoubleEndedIterator<Item = (RecordNo, &RecordState)> {
        let live = self.records.iter().filter(move |(_, held)| *held.record == *kind && !held.annulled);
        live.map(|(no, held)| (*no, held))
    }

    /// Whether the authority to hold the person has lapsed at this moment: the person is held, and no cover reaches
    /// beyond now.
    pub fn authority_has_lapsed(&self, now: Timestamp) -> bool {
        self.held && self.authority_until.is_none_or(|until| until <= now)
    }

    /// Where its machines stand, tracks per record apart.
    pub fn configuration(&self) -> Configuration {
        Configuration { main: self.main.clone(), before: self.before.clone(), tracks: self.tracks.clone() }
    }

    /// The next step that falls due: when, of which clock, and its number.
    pub fn next_step(&self) -> Option<(Timestamp, ClockKey, u32)> {
        let due = self.clocks.iter().filter_map(|(key, clock)| Some((clock.next?, key.clone(), clock.step)));
        due.min()
    }

    /// The earliest date at which somebody must act, if a clock runs.
    pub fn next_date(&self) -> Option<Timestamp> {
        self.clocks.values().filter_map(|clock| clock.due).min()
    }
}
