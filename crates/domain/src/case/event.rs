//! Events: what has happened to a case. The stored form is the canonical JSON of [`Event`]; its version tag is
//! [`EVENT_VERSION`], and golden files hold every form ever released.

use jiff::Timestamp;
use qadiya_ledger::Hash;
use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::case::act::{Act, RecordNo};
use crate::case::refusal::RefusalCode;
use crate::case::state::{Clock, ClockKey};
use crate::ids::{DefinitionHash, PersonId, Seq, StreamId, StreamKind};
use crate::name::Name;
use crate::value::Given;

/// The version of the stored form.
pub const EVENT_VERSION: u32 = 1;

/// What kind of thing happened, for readers of the log. Closed vocabulary.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    strum::Display,
    strum::EnumString,
    strum::EnumIter,
    strum::IntoStaticStr,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum EventKind {
    /// A command took effect.
    Acted,
    /// A command waits for signatures.
    Proposed,
    /// A signature or dissent under a proposal (or a countersignature under an irregular fact).
    Signed,
    /// A proposal was sent back.
    Rejected,
    /// A proposal was taken back.
    Withdrawn,
    /// A proposal ran out of time, or its case left the states it was made in.
    Lapsed,
    /// A paper was filed on its own.
    PaperFiled,
    /// A fact was edited.
    FactEdited,
    /// Facts were corrected.
    Corrected,
    /// An act was annulled.
    Annulled,
    /// A clock warned before its limit.
    DeadlineWarned,
    /// A limit passed, or a later step of its ladder was reached.
    DeadlinePassed,
    /// A step of a clock came that was no longer needed.
    DeadlineNotNeeded,
    /// A job reported done.
    JobDone,
    /// A job gave up: an incident is open.
    JobFailed,
}

/// One event of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Version of this form.
    pub v: u32,
    /// The stream.
    pub stream: StreamId,
    /// What the stream is about.
    pub about: StreamKind,
    /// Its number in the stream, from 1.
    pub seq: Seq,
    /// The hash of the event before; [`Hash::ZERO`] for the first.
    pub prev: Hash,
    /// What kind of thing happened.
    pub kind: EventKind,
    /// When it was recorded.
    #[serde(with = "crate::moment")]
    pub at: Timestamp,
    /// When it happened, if the actor says that this was earlier.
    #[serde(with = "crate::moment::option", skip_serializing_if = "Option::is_none", default)]
    pub happened: Option<Timestamp>,
    /// Who.
    pub actor: Actor,
    /// The act came in a batch.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub batch: bool,
    /// The event of the same decision that this one follows from.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cause: Option<Seq>,
    /// What was asked.
    #[serde(flatten)]
    pub act: Act,
    /// The legal basis the file names.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub basis: Option<String>,
    /// What it changed; [`crate::case::Case::evolve`] needs nothing else.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub changes: Vec<Change>,
}

/// How a proposal ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum ProposalEnd {
    /// It took effect.
    Enacted,
    /// An approver sent it back, or consent can no longer be reached.
    Rejected,
    /// The proposer took it back.
    Withdrawn,
    /// Its time ran out.
    TimedOut,
    /// The case left the states it was made in, or came to them again.
    Overtaken,
}

/// One change of the folded state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// The case exists.
    Opened(Opened),
    /// The main machine moved.
    Moved(Name),
    /// The state to which `back` leads; `None`-like absence is [`Change::Forgot`].
    Remembered(Name),
    /// No state is remembered any more.
    Forgot,
    /// A track, or one instance of it, is in this state (opened or moved).
    Track(TrackChange),
    /// A track, or one instance of it, closed.
    TrackClosed(TrackChange),
    /// A fact has a value.
    Fact(FactChange),
    /// A fact has no value.
    FactUnset(Name),
    /// A record of the act was filed under this number.
    RecordFiled(RecordFiled),
    /// A paper of the act was filed: its position in the act.
    PaperFiled(u32),
    /// Records are annulled.
    RecordsAnnulled(Vec<RecordNo>),
    /// The act of an event is annulled.
    ActAnnulled(Seq),
    /// The public stage is this one now.
    Stage(Name),
    /// No public stage holds now.
    StageNone,
    /// The office that must act.
    Office(Name),
    /// Whether the person is deprived of liberty here.
    Held(bool),
    /// The end of the unbroken cover.
    AuthorityUntil(#[serde(with = "crate::moment")] Timestamp),
    /// No authority covers now.
    AuthorityNone,
    /// The case ended with this outcome.
    Ended(Name),
    /// An ended case is open again.
    Reopened,
    /// A clock has these values now (started, stepped, extended, paused, resumed or recomputed).
    Clock(ClockChange),
    /// A clock stopped.
    ClockStopped(ClockKey),
    /// A proposal was opened by this event.
    ProposalOpened(ProposalOpened),
    /// A signature was put under a proposal.
    ProposalSigned(ProposalSigned),
    /// A proposal ended.
    ProposalClosed(ProposalClosed),
    /// A fact about a person was recorded although these things were missing.
    Irregular(Vec<Missing>),
    /// An irregular fact was completed.
    Regularised(Seq),
    /// A part of what an irregular fact lacked is there now; this is what it still lacks.
    StillLacks(StillLacks),
    /// These capacities are told.
    Told(Told),
    /// A job was queued.
    JobQueued(JobQueued),
    /// A queued job came back.
    JobClosed(JobQueued),
    /// Something needs a person: a job gave up, an answer was not known, an annulled act had jobs already done.
    Incident(Incident),
    /// A case is to be opened beside this one.
    SubcasePending(SubcasePending),
    /// A command was performed (for separation, minimum waits and annulment).
    Did(Did),
}

/// The first change of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// The definition the case is bound to.
    pub definition: DefinitionHash,
    /// Its workflow.
    pub workflow: Name,
    /// The case number.
    pub reference: String,
    /// What another system calls the case.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub alias: Option<String>,
    /// The manifest or other group it came with.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub group: Option<StreamId>,
    /// The person it is about.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub person: Option<PersonId>,
}

/// The state of a track.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackChange {
    /// The track.
    pub track: Name,
    /// The record, for a track per record.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub instance: Option<RecordNo>,
    /// Its state.
    pub state: Name,
}

/// The value of a fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactChange {
    /// The fact.
    pub fact: Name,
    /// Its value.
    pub value: Given,
}

/// A record filed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordFiled {
    /// Its number in the case.
    pub no: RecordNo,
    /// Its position in the act's records.
    pub position: u32,
}

/// The values of a clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockChange {
    /// Which clock.
    pub clock: ClockKey,
    /// Its values.
    pub now: Clock,
}

/// A proposal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposalOpened {
    /// When it lapses.
    #[serde(with = "crate::moment::option", skip_serializing_if = "Option::is_none", default)]
    pub lapses: Option<Timestamp>,
    /// Countersignature of a fact that already took effect, not consent before.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub afterwards: bool,
}

/// A signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposalSigned {
    /// The proposal.
    pub proposal: Seq,
    /// The step of the approval, from 0.
    pub step: u32,
    /// Consent or dissent.
    pub agree: bool,
}

/// The end of a proposal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposalClosed {
    /// The proposal.
    pub proposal: Seq,
    /// How.
    pub how: ProposalEnd,
}

/// What an irregular fact lacked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Missing {
    /// Which test failed.
    pub code: RefusalCode,
    /// What is missing: the paper, record, signature, rule.
    pub what: String,
}

/// What an irregular fact still lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StillLacks {
    /// The event of the fact.
    pub event: Seq,
    /// What is missing.
    pub missing: Vec<Missing>,
}

/// Who is told what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The capacities.
    pub roles: Vec<Name>,
    /// The clock, job or command it is about.
    pub about: String,
}

/// A job, by the event that queued it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct JobQueued {
    /// The job of the file.
    pub job: Name,
    /// The event that queued it.
    pub queued: Seq,
}

/// Something that needs a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// What happened: `job-failed`, `unknown-answer`, `late-answer`, `done-before-annulment`.
    pub what: Name,
    /// The job or act.
    pub about: String,
    /// Who is to look at it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub tell: Vec<Name>,
}

/// A case that is to be opened beside this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubcasePending {
    /// Its workflow.
    pub workflow: Name,
    /// What it is to this case.
    pub relation: Name,
}

/// The doing of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Did {
    /// The command.
    pub command: Name,
    /// The instance, for a track per record.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub instance: Option<RecordNo>,
    /// The state of its machine before.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub before: Option<Name>,
}
