//! What questions are answered with.

use std::collections::BTreeMap;

use jiff::Timestamp;
use qadiya_domain::calendar::Explanation;
use qadiya_domain::case::event::{Event, EventKind, Incident, Missing};
use qadiya_domain::case::refusal::Refusal;
use qadiya_domain::ids::{DefinitionHash, OfficialId, PersonId, Seq, StreamId};
use qadiya_domain::name::Name;
use qadiya_domain::value::{Given, Value};
use qadiya_ledger::Hash;

/// The columns of a case that lists and files share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseHead {
    /// The stream.
    pub stream: StreamId,
    /// The case number.
    pub reference: String,
    /// What another system calls it.
    pub alias: Option<String>,
    /// The workflow.
    pub workflow: Name,
    /// The definition the case is bound to.
    pub definition: DefinitionHash,
    /// The person.
    pub person: Option<PersonId>,
    /// The manifest or other group it came with.
    pub group: Option<StreamId>,
    /// The main state.
    pub state: Name,
    /// The public stage.
    pub stage: Option<Name>,
    /// Since when.
    pub stage_since: Option<Timestamp>,
    /// The office that must act.
    pub office: Option<Name>,
    /// Deprived of liberty here.
    pub held: bool,
    /// End of the unbroken cover.
    pub authority_until: Option<Timestamp>,
    /// Held, and covered no longer at the instant of the answer.
    pub authority_lapsed: bool,
    /// The earliest limit of a running clock.
    pub next_date: Option<Timestamp>,
    /// The outcome, when the case has ended.
    pub outcome: Option<Name>,
    /// How many irregular facts are open.
    pub irregular: u32,
    /// The version: the number of the last event.
    pub version: Seq,
    /// When it was opened.
    pub opened: Timestamp,
    /// When it last changed.
    pub updated: Timestamp,
}

/// A value as this viewer may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// What the log says.
    pub given: Given,
    /// The protected value, where the viewer may see it and it was not erased.
    pub clear: Option<Value>,
}

/// A case file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseView {
    /// Its columns.
    pub head: CaseHead,
    /// Open tracks and their states.
    pub tracks: BTreeMap<Name, Name>,
    /// Instances of tracks per record: track → record → state.
    pub instances: BTreeMap<Name, BTreeMap<u32, Name>>,
    /// Facts.
    pub facts: BTreeMap<Name, Shown>,
    /// Records by number.
    pub records: BTreeMap<u32, RecordView>,
    /// Papers in order of filing.
    pub papers: Vec<PaperView>,
    /// Proposals that wait for signatures.
    pub proposals: Vec<ProposalView>,
    /// Facts recorded although something was missing, by their event.
    pub irregular: BTreeMap<Seq, Vec<Missing>>,
    /// Open incidents, by their event.
    pub incidents: BTreeMap<Seq, Vec<Incident>>,
    /// The hash of the last event.
    pub chain_head: Hash,
}

/// A record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordView {
    /// Its kind.
    pub record: Name,
    /// The record it is about.
    pub about: Option<u32>,
    /// The event that filed it.
    pub seq: Seq,
    /// When it was filed.
    pub at: Timestamp,
    /// Its fields.
    pub fields: BTreeMap<Name, Shown>,
    /// The act that filed it was annulled.
    pub annulled: bool,
}

/// A paper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaperView {
    /// Its kind.
    pub document: Name,
    /// The event that filed it.
    pub seq: Seq,
    /// When.
    pub at: Timestamp,
    /// Its number or file mark.
    pub reference: String,
    /// SHA-256 of its bytes, if it is kept as a file.
    pub sha256: Option<Hash>,
    /// Whether it is signed.
    pub signed: bool,
}

/// A proposal that waits for signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProposalView {
    /// The event that opened it.
    pub seq: Seq,
    /// The hash to sign.
    pub hash: Hash,
    /// The command, where it is one.
    pub command: Option<Name>,
    /// The outcome proposed.
    pub outcome: Option<Name>,
    /// Who proposed it.
    pub proposer: Option<OfficialId>,
    /// In which capacity.
    pub role: Name,
    /// When.
    pub at: Timestamp,
    /// When it lapses.
    pub lapses: Option<Timestamp>,
    /// Signatures: who, in which capacity, consent or dissent.
    pub signatures: Vec<(OfficialId, Name, bool)>,
    /// Countersignature of a fact that already took effect.
    pub afterwards: bool,
}

/// The prosecutor's answer: stage, since when, by which act, next step, next date, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageView {
    /// The case number.
    pub reference: String,
    /// The public stage; `None` where no stage holds.
    pub stage: Option<Name>,
    /// The stage as people read it.
    pub title: Option<String>,
    /// Since when.
    pub since: Option<Timestamp>,
    /// By which act.
    pub act: Option<StageAct>,
    /// What can be done next by people: titles or names of the commands of the present states.
    pub next_steps: Vec<String>,
    /// The earliest limit of a running clock.
    pub next_date: Option<Timestamp>,
    /// The person is held, and the authority to hold has lapsed.
    pub authority_lapsed: bool,
}

/// The act that brought a case to its stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageAct {
    /// The event.
    pub seq: Seq,
    /// What kind of event it is.
    pub kind: EventKind,
    /// The command, where it was one.
    pub command: Option<Name>,
}

/// A command of the file, and whether the viewer can give it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenCommandView {
    /// The command.
    pub command: Name,
    /// As people read it.
    pub title: Option<String>,
    /// The record whose track it would move, for a track per record.
    pub instance: Option<u32>,
    /// Whether it is a decision about a person.
    pub decision: bool,
    /// Who may give it.
    pub by: Vec<Name>,
    /// Whether it can be given; what it must carry is not counted against it.
    pub open: bool,
    /// Why not: every reason.
    pub why_not: Vec<Refusal>,
    /// The outcomes to choose from.
    pub outcomes: Vec<Name>,
    /// Facts it asks for.
    pub asks: Vec<Name>,
    /// Records it files.
    pub records: Vec<Name>,
    /// Those of the facts and records that may be left out.
    pub optional: Vec<Name>,
    /// Papers it still needs.
    pub papers: Vec<Name>,
    /// Whether others have to sign.
    pub approval: bool,
    /// The legal basis the file names.
    pub basis: Option<String>,
}

/// An event as this viewer may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEvent {
    /// The event.
    pub event: Event,
    /// Its hash.
    pub hash: Hash,
    /// Its canonical bytes, for those who check the chain.
    pub bytes: Vec<u8>,
    /// Protected values by their path in the event, where the viewer may see them and they were not erased.
    pub clear: BTreeMap<String, Value>,
    /// Paths whose stored value is not the one that was recorded; it is not shown.
    pub altered: Vec<String>,
}

/// A page of the log of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPage {
    /// The case number.
    pub reference: String,
    /// Events in order.
    pub events: Vec<LogEvent>,
    /// Where to go on.
    pub next: Option<Seq>,
}

/// A running clock, explained.
#[derive(Debug, Clone, PartialEq)]
pub struct DeadlineView {
    /// The clock.
    pub clock: String,
    /// As people read it.
    pub title: Option<String>,
    /// The instant it counts from.
    pub since: Timestamp,
    /// The limit.
    pub due: Option<Timestamp>,
    /// When its next step (warning, limit, escalation) is due.
    pub next: Option<Timestamp>,
    /// The number of the next step.
    pub step: u32,
    /// The limit has passed, by the clock of the answer.
    pub passed: bool,
    /// Since when it is paused.
    pub paused: Option<Timestamp>,
    /// How often it was extended.
    pub extended: u32,
    /// The office that must act.
    pub office: Option<Name>,
    /// The legal basis the file names.
    pub basis: Option<String>,
    /// Day by day, for a span that is counted in a calendar.
    pub explanation: Option<Explanation>,
    /// In words, where there are no days to list.
    pub words: String,
}

/// Which cases a list shows. Absent fields do not restrict.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListFilter {
    /// The workflow.
    pub workflow: Option<Name>,
    /// The stage; `Some(None)` where no stage holds.
    pub stage: Option<Option<Name>>,
    /// The main state.
    pub state: Option<Name>,
    /// The office that must act.
    pub office: Option<Name>,
    /// The group.
    pub group: Option<StreamId>,
    /// Held, and covered no longer now.
    pub lapsed: bool,
    /// With open irregular facts only.
    pub irregular: bool,
    /// Not ended only.
    pub open: bool,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPage {
    /// The cases in order of id.
    pub items: Vec<CaseHead>,
    /// Where to go on.
    pub next: Option<String>,
}

/// How many cases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountRow {
    /// The workflow.
    pub workflow: Name,
    /// The stage.
    pub stage: Option<Name>,
    /// The office that must act.
    pub office: Option<Name>,
    /// How many.
    pub count: i64,
}

/// Counts of the workflows the viewer may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts {
    /// By workflow, stage and office.
    pub rows: Vec<CountRow>,
    /// Held and covered no longer, at the instant of the answer.
    pub lapsed: u64,
    /// With open irregular facts.
    pub irregular: u64,
    /// When this was counted.
    pub at: Timestamp,
}

/// One event of the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedEvent {
    /// Its number in the log.
    pub index: u64,
    /// The case.
    pub stream: StreamId,
    /// Its number there.
    pub seq: Seq,
    /// Its hash.
    pub hash: Hash,
    /// Its canonical bytes; protected values stand in them as commitments only. `None` where the event is missing or is
    /// not the one that was logged: an incident shows it.
    pub bytes: Option<Vec<u8>>,
}

/// A page of the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedPage {
    /// Events of cases that the viewer may see.
    pub events: Vec<FeedEvent>,
    /// The number to go on from.
    pub next: u64,
    /// How many entries the log has.
    pub size: u64,
}

/// A thing to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkItem {
    /// The case.
    pub case: CaseHead,
    /// The clock that runs.
    pub clock: String,
    /// Its limit.
    pub due: Timestamp,
    /// The limit has passed.
    pub passed: bool,
}

/// A page of work, the earliest limit first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkPage {
    /// What is to be done.
    pub items: Vec<WorkItem>,
    /// Rows met on the way that cannot be read and are left out; each is shown as an incident.
    pub left_out: u32,
    /// Where to go on.
    pub next: Option<String>,
}

/// Whether the promise is kept: of all open cases of held persons, those without authority, office or date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Oversight {
    /// Persons held.
    pub held: u64,
    /// Held without authority.
    pub without_authority: u64,
    /// Held, and no office must act.
    pub without_office: u64,
    /// Held, and no clock runs.
    pub without_date: u64,
    /// The first cases of these three, at most 100.
    pub cases: Vec<CaseHead>,
    /// Cases with open irregular facts.
    pub irregular: u64,
    /// Jobs that gave up.
    pub incidents: u64,
    /// Clock steps that are due and that nobody has taken.
    pub overdue: u64,
    /// No worker has been heard of for a minute.
    pub workers_silent: bool,
    /// When this was found.
    pub at: Timestamp,
}

/// How the installation is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthView {
    /// Product and version of the database.
    pub database: String,
    /// The business clock.
    pub now: Timestamp,
    /// The database's own clock, read at the same moment.
    pub clock: Timestamp,
    /// The latest heartbeat of any worker, by the database's clock.
    pub last_heartbeat: Option<Timestamp>,
    /// No worker has been heard of for a minute.
    pub workers_silent: bool,
    /// Clock steps due and not taken.
    pub overdue: u64,
    /// Jobs waiting.
    pub jobs: u64,
    /// Jobs that gave up.
    pub incidents: u64,
    /// Events not yet numbered.
    pub pending: u64,
    /// Entries of the log.
    pub entries: u64,
    /// Entries that a signed checkpoint covers.
    pub covered: u64,
    /// Commands and access records waiting for a committer.
    pub queued: usize,
    /// What is unsafe or damaged, each with what to do.
    pub faults: Vec<String>,
}
