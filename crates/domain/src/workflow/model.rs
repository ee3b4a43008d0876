//! The shape of a checked workflow: what the reader makes of a file, what the checks walk over and what the case
//! rules run on. Every name in it has been resolved by the reader; nothing here is text to be parsed again.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::calendar::{Calendar, Rule, Span};
use crate::ids::DefinitionHash;
use crate::name::Name;
use crate::workflow::finding::{Finding, Place, Severity};
use crate::workflow::guard::{Constant, Guard};

/// Something that has a name in a file.
pub trait Named {
    /// Its name.
    fn name(&self) -> &Name;
    /// Its title and foreign identifier.
    fn label(&self) -> &Label;
}

/// Named things in the order of the file, found by name or by foreign identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table<T> {
    items: Vec<T>,
    index: BTreeMap<String, usize>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { items: Vec::new(), index: BTreeMap::new() }
    }
}

impl<T: Named> Table<T> {
    /// Adds a thing. A second thing of the same name is handed back.
    ///
    /// # Errors
    /// The thing itself, when its name is taken.
    pub fn add(&mut self, item: T) -> Result<(), T> {
        if self
            .index
            .get(item.name().as_str())
            .and_then(|&at| self.items.get(at))
            .is_some_and(|old| old.name() == item.name())
        {
            return Err(item);
        }
        let at = self.items.len();
        // A name beats a foreign identifier that happens to be spelled like it.
        self.index.insert(item.name().as_str().to_owned(), at);
        if let Some(id) = &item.label().id {
            self.index.entry(id.clone()).or_insert(at);
        }
        self.items.push(item);
        Ok(())
    }

    /// Finds by name or, failing that, by foreign identifier.
    pub fn get(&self, name: &str) -> Option<&T> {
        self.index.get(name).and_then(|&at| self.items.get(at))
    }

    /// The position in the file.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.index.get(name).copied()
    }

    /// What stands at a position in the file.
    pub fn at(&self, position: usize) -> Option<&T> {
        self.items.get(position)
    }

    /// All things in the order of the file.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.items.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

impl<'a, T: Named> IntoIterator for &'a Table<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Title and foreign identifier of a named thing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Label {
    /// What people read.
    pub title: Option<String>,
    /// What another system calls it; the API accepts it beside the name.
    pub id: Option<String>,
}

macro_rules! named {
    ($($type:ident),+) => {$(
        impl Named for $type {
            fn name(&self) -> &Name { &self.name }
            fn label(&self) -> &Label { &self.label }
        }
    )+};
}
named!(
    Stage, Role, Fact, Choice, Record, Field, Document, NamedRule, State, Track, TrackState, Command,
    Deadline, Job
);

/// A workflow that has been read and checked.
#[derive(Debug, Clone)]
pub struct Definition {
    /// SHA-256 over the raw bytes of the file and its calendars.
    pub hash: DefinitionHash,
    /// Which workflow.
    pub workflow: Name,
    /// Rises by one with each published change.
    pub version: u32,
    /// What people read.
    pub title: String,
    /// Public stages in order.
    pub stages: Table<Stage>,
    /// Capacities.
    pub roles: Table<Role>,
    /// Facts about a case.
    pub facts: Table<Fact>,
    /// Forms with fields.
    pub records: Table<Record>,
    /// Papers.
    pub documents: Table<Document>,
    /// Guards with a name.
    pub rules: Table<NamedRule>,
    /// Who may read what.
    pub access: Access,
    /// States of the main machine.
    pub states: Table<State>,
    /// Tracks beside the main machine.
    pub tracks: Table<Track>,
    /// Legal acts.
    pub commands: Table<Command>,
    /// Limits of time.
    pub deadlines: Table<Deadline>,
    /// Work for workers.
    pub jobs: Table<Job>,
    /// Who must be different, who must be the same.
    pub separation: Vec<Separation>,
    /// What may be corrected and annulled, and by whom.
    pub corrections: Corrections,
    /// How cases of the version before come here.
    pub migrate: Option<Migration>,
    /// How long closed cases are kept.
    pub keep_for: Option<KeepFor>,
    /// Warnings accepted with a reason.
    pub accept: Vec<Accepted>,
    /// The calendars the file names, by name.
    pub calendars: BTreeMap<Name, Arc<Calendar>>,
    /// What the checks found, accepted warnings included, in the order of the file.
    pub findings: Vec<Finding>,
}

impl Definition {
    /// Whether the file may run real cases: no finding refuses it, no warning is open and every search was finished.
    pub fn is_proved(&self) -> bool {
        self.findings.iter().all(|finding| match finding.check.severity() {
            Severity::Error => false,
            Severity::Warning => finding.accepted.is_some(),
            Severity::Info => finding.check != crate::workflow::CheckId::NotProved,
        })
    }

    /// The calendar in whose zone the days of a case begin where no clock rule names one.
    pub fn first_calendar(&self) -> Option<&Calendar> {
        self.calendars.values().next().map(AsRef::as_ref)
    }

    /// A state of the version before, as this one calls it: as `migrate` says, or as it was.
    pub fn renamed<'n>(&'n self, state: &'n Name) -> &'n Name {
        let mut said = self.migrate.iter().flat_map(|migrate| &migrate.states);
        said.find(|(old, _)| old == state).map_or(state, |(_, new)| new)
    }

    /// What becomes of a clock of the version before that runs or has passed: as `migrate` says, or it is kept.
    pub fn carried(&self, deadline: &Name) -> DeadlineMigration {
        let mut said = self.migrate.iter().flat_map(|migrate| &migrate.deadlines);
        said.find(|(old, _)| old == deadline).map_or(DeadlineMigration::Keep, |(_, how)| *how)
    }

    /// The machine a state belongs to.
    pub fn machine_of(&self, state: &str) -> Option<Machine> {
        if self.states.get(state).is_some() {
            return Some(Machine::Main);
        }
        self.tracks
            .iter()
            .find(|track| track.states.get(state).is_some())
            .map(|track| Machine::Track(track.name.clone()))
    }

    /// The record of which a machine has an instance each; none of the main machine and of a single track.
    pub fn record_of(&self, machine: &Machine) -> Option<&Name> {
        match machine {
            Machine::Main => None,
            Machine::Track(track) => self.tracks.get(track)?.per.as_ref(),
        }
    }

    /// The record of which a command names one: it belongs to a track of this record.
    pub fn record_named(&self, command: &Command) -> Option<&Name> {
        match &command.from {
            From::States(machine, _) => self.record_of(machine),
            From::New | From::EveryState | From::Always => None,
        }
    }

    /// The record for each of which a deadline runs, by itself or by its track.
    pub fn record_timed<'a>(&'a self, deadline: &'a Deadline) -> Option<&'a Name> {
        deadline.per.as_ref().or_else(|| self.record_of(&deadline.machine))
    }
}

/// A machine of a workflow.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Machine {
    /// The main line.
    Main,
    /// A track.
    Track(Name),
}

/// A public stage: what its guard says now.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by the grammar of LANGUAGE 4.2")]
pub struct Stage {
    pub name: Name,
    pub label: Label,
    pub place: Place,
    pub when: Guard,
}

/// A capacity.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by the grammar of LANGUAGE 4.2")]
pub struct Role {
    pub name: Name,
    pub label: Label,
    pub place: Place,
    pub at_least: Option<u32>,
}

/// Who may learn a value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Clear in the log, readable by guards.
    #[default]
    Open,
    /// Behind a salted commitment.
    Personal,
    /// Behind a salted commitment, for the capacities under `access: sealed`.
    Sealed,
}

/// A value of a choice.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by the grammar of LANGUAGE 4.2")]
pub struct Choice {
    pub name: Name,
    pub label: Label,
}

/// The type of a fact or of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueType {
    /// `yes` or `no`.
    Flag,
    /// One of a list; a value named `other` catches unlisted text.
    Choice(Table<Choice>),
    /// A whole number.
    Number,
    /// A civil day.
    Date,
    /// Free text.
    Text,
    /// An instant to the microsecond.
    Instant,
    /// From an instant to an instant.
    Range,
    /// A detained or other private person, by name or id: never clear.
    Person,
    /// An official, by id.
    Official,
    /// A place, by its code.
    Place,
    /// An amount in minor units with its currency.
    Money,
    /// A number of a paper, a file, an article.
    Reference,
}

impl ValueType {
    /// Free text and persons are never clear in the log, whatever their class says (DESIGN D10).
    pub fn is_always_protected(&self) -> bool {
        matches!(self, Self::Text | Self::Person)
    }
}

/// A fact.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by the grammar of LANGUAGE 4.2")]
pub struct Fact {
    pub name: Name,
    pub label: Label,
    pub place: Place,
    pub value: ValueType,
    pub starts: Option<Constant>,
    pub editable_by: Vec<Name>,
    pub class: Class,
}

impl Fact {
    /// Whether the value goes behind a commitment.
    pub fn is_protected(&self) -> bool {
        self.class != Class::Open || self.value.is_always_protected()
    }
}

/// The ways in which a field may lack a value; blank does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, strum::Display, strum::EnumString)]
#[strum(serialize_all = "kebab-case")]
pub enum Lack {
    /// Nobody knows.
    Unknown,
    /// The person refused to answer.
    Refused,
    /// There is none.
    None,
}

/// A field of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by the grammar of LANGUAGE 4.2")]
pub struct Field {
    pub name: Name,
    pub label: Label,
    pub place: Place,
    pub value: ValueType,
    pub class: Class,
    pub may_be: Vec<Lack>,
}

impl Field {
    /// Whether the value goes behind a commitment.
    pub fn is_protected(&self) -> bool {
        self.class != Class::Open || self.value.is_always_protected()
    }
}

/// A form with fields, folded from events.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by the grammar of LANGUAGE 4.2")]
pub struct Record {
    pub name: Name,
    pub label: Label,
    pub place: Place,
    pub fields: Table<Field>,
    pub many: bool,
    pub about: Option<Name>,
    pub covers: Option<Name>,
    pub limit: Option<RecordLimit>,
}

/// Ceilings of a record with a range (LANGUAGE 4.2 `limit`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordLimit {
    /// For each record.
    pub each: Option<Limit>,
    /// For all together; hours covered twice count once.
    pub total: Option<Limit>,
    /// The record without which the total may not be crossed.
    pub beyond_needs: Option<Name>,
}

/// `DURATION | least of [DURATION | greatest FIELD of RECORD * FRACTION, …]`: the least of the parts that have a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// Never empty.
    pub parts: Vec<LimitPart>,
}

/// One part of a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LimitPart {
    /// A span of time.
    Span(Span),
    /// The greatest value of a number field (in days) over the live records, times a fraction; drops out when there is none.
    Greatest {
        /// The number field, in days.
        field: Name,
        /// Its record.
        record: Name,
        /// Times this …
        numerator: u32,
        /// … over this.
        denominator: u32,
    },
}

/// A paper.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by the grammar of LANGUAGE 4.2")]
pub struct Document {
    pub name: Name,
    pub label: Label,
    pub place: Place,
    pub from: Vec<Name>,
    pub signed: bool,
    pub may_be_sealed: bool,
}

/// A guard with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by the grammar of LANGUAGE 4.2")]
pub struct NamedRule {
    pub name: Name,
    pub label: Label,
    pub place: Place,
    pub guard: Guard,
    pub show: bool,
}

/// Who may read what. An empty list means: nobody but those who act on the case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by the grammar of LANGUAGE 4.2")]
pub struct Access {
    pub stage: Vec<Name>,
    pub file: Vec<Name>,
    pub sealed: Vec<Name>,
}

/// A state of the main machine.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by the grammar of LANGUAGE 4.2")]
pub struct State {
    pub name: Name,
    pub label: Label,
    pub place: Place,
    /// The office that must act: as written, or the first `by` of the state's commands.
    pub acts: Option<Name>,
    /// Whether the file itself names the office.
    pub acts_written: bool,
    /// Empty: whoever a command allows.
    pub acts_by: Option<Vec<Name>>,
    pub held: bool,
    pub final_outcome: Option<Name>,
    pub exceptional: bool,
    pub suspended: bool,
    pub jobs: Vec<Name>,
    pub no_deadline: Option<String>,
}

/// What happens to a track when the main machine leaves the states it is open in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnLeave {
    /// The move is refused until the track is final.
    MustFinish,
    /// The track stops.
    Stop,
}

/// A set of main states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum States {
    /// Main states that are not final.
    Every,
    /// All main states.
    Always,
    /// These.
    These(Vec<Name>),
}

/// A track.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by the grammar of LANGUAGE 4.2")]
pub struct Track {
    pub name: Name,
    pub label: Label,
    pub place: Place,
    pub open_in: States,
    pub open_if: Guard,
    pub on_leave: OnLeave,
    pub begins: Name,
    pub per: Option<Name>,
    pub states: Table<TrackState>,
}

/// A state of a track.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by the grammar of LANGUAGE 4.2")]
pub struct TrackState {
    pub name: Name,
    pub label: Label,
    pub place: Place,
    pub acts: Option<Name>,
    pub is_final: bool,
    pub jobs: Vec<Name>,
    pub no_deadline: Option<String>,
}

/// From where a command may be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum From {
    /// The command opens the case.
    New,
    /// Every main state that is not final.
    EveryState,
    /// Every main state, final ones too; the command stays.
    Always,
    /// These states of one machine.
    States(Machine, Vec<Name>),
}

/// Where a command leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Nothing moves.
    Stays,
    /// The last main state that was not suspended.
    Back,
    /// At most one state per machine; machines not named stay.
    To(Vec<Name>),
}

/// What a fact is set to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Set {
    /// A value.
    Value(Constant),
    /// No value.
    Unset,
}

/// How a record is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// Must be given.
    Required,
    /// May be given.
    Optional,
    /// One for each live record of this kind (a verdict for each charge).
    OnePer(Name),
}

/// One way a command can go.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by the grammar of LANGUAGE 4.2")]
pub struct Branch {
    pub place: Place,
    pub target: Target,
    pub guard: Guard,
    pub needs: Vec<Name>,
    pub records: Vec<(Name, Ask)>,
    pub sets: Vec<(Name, Set)>,
    pub steps_back: bool,
    pub reopens: bool,
    pub stops_tracks: bool,
}

/// The ways of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ways {
    /// One way; its guard, papers, records and sets are those of the command and stand in [`Command`], not here.
    One(Branch),
    /// The actor names the outcome.
    Outcomes(Vec<(Name, Label, Branch)>),
    /// The first route whose guard is true is taken; none is the refusal `no-route`.
    Routes(Vec<Branch>),
}

/// The moment a wait or a limit counts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MomentRef {
    /// A date, instant or range (its end) field of the latest live record.
    Field {
        /// The field.
        field: Name,
        /// Its record.
        record: Name,
    },
    /// The latest filing of a paper.
    Document(Name),
    /// The latest entry into a state.
    State(Name),
}

impl fmt::Display for MomentRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field { field, record } => write!(f, "{field} of {record}"),
            Self::Document(name) | Self::State(name) => write!(f, "{name}"),
        }
    }
}

/// `not-before`: a minimum wait.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by the grammar of LANGUAGE 4.2")]
pub struct NotBefore {
    pub wait: Span,
    pub after: MomentRef,
    pub unless: Option<Name>,
    pub calendar: Option<CalendarRef>,
    pub rule: Rule,
}

/// One step of an approval.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by the grammar of LANGUAGE 4.2")]
pub struct ApprovalStep {
    pub by: Vec<Name>,
    pub people: u32,
    pub agree: u32,
}

/// Who must sign before a command takes effect (or, for an irregular fact, countersign afterwards).
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by the grammar of LANGUAGE 4.2")]
pub struct Approval {
    pub steps: Vec<ApprovalStep>,
    pub within: Option<Span>,
    pub calendar: Option<CalendarRef>,
    pub rule: Rule,
}

/// A legal act.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by the grammar of LANGUAGE 4.2")]
pub struct Command {
    pub name: Name,
    pub label: Label,
    pub place: Place,
    pub from: From,
    pub by: Vec<Name>,
    pub guard: Guard,
    /// Automatic: performed by the engine as soon as it holds.
    pub when: Option<Guard>,
    pub ways: Ways,
    /// The reason why this is no decision about a person. `None`: it is one.
    pub clerical: Option<String>,
    pub irregular: bool,
    pub asks: Vec<(Name, Ask)>,
    pub records: Vec<(Name, Ask)>,
    pub needs: Vec<Name>,
    pub not_before: Option<NotBefore>,
    pub approval: Option<Approval>,
    pub sets: Vec<(Name, Set)>,
    pub jobs: Vec<Name>,
    pub opens: Option<Opens>,
    pub steps_back: bool,
    pub reopens: bool,
    pub stops_tracks: bool,
    pub basis: Option<String>,
}

impl Command {
    /// Whether only named officials may perform it (DESIGN D7).
    pub fn is_decision(&self) -> bool {
        self.clerical.is_none()
    }

    /// Every way the command can go, with its outcome where it has one.
    pub fn branches(&self) -> Vec<(Option<&Name>, &Branch)> {
        match &self.ways {
            Ways::One(branch) => vec![(None, branch)],
            Ways::Outcomes(outcomes) => {
                outcomes.iter().map(|(name, _, branch)| (Some(name), branch)).collect()
            }
            Ways::Routes(routes) => routes.iter().map(|branch| (None, branch)).collect(),
        }
    }

    /// The records it files, on any of its ways.
    pub fn all_records(&self) -> impl Iterator<Item = &(Name, Ask)> {
        self.records.iter().chain(self.branches().into_iter().flat_map(|(_, branch)| &branch.records))
    }

    /// What it sets, on any of its ways.
    pub fn all_sets(&self) -> impl Iterator<Item = &(Name, Set)> {
        self.sets.iter().chain(self.branches().into_iter().flat_map(|(_, branch)| &branch.sets))
    }
}

/// A case opened beside this one, in two steps with a visible pending state.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by the grammar of LANGUAGE 4.2")]
pub struct Opens {
    pub workflow: Name,
    pub relation: Name,
    pub closes_with_parent: bool,
}

/// Which calendar counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CalendarRef {
    /// This one.
    Named(Name),
    /// The one whose name is the value of this choice fact.
    ByFact(Name),
}

/// Until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Term {
    /// A span from the start.
    Within(Span),
    /// A moment.
    Until(MomentRef),
    /// The end of the authority to hold the person.
    UntilAuthority,
    /// The ceiling of this record.
    UntilLimitOf(Name),
}

/// A limit of time.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by the grammar of LANGUAGE 4.2")]
pub struct Deadline {
    pub name: Name,
    pub label: Label,
    pub place: Place,
    pub machine: Machine,
    pub while_in: States,
    pub term: Term,
    pub since: Option<MomentRef>,
    pub per: Option<Name>,
    pub guard: Guard,
    pub acts: Option<Name>,
    pub pauses_while: Option<Guard>,
    pub repeat: Option<Span>,
    pub extend_by: Option<ExtendBy>,
    pub warn: Vec<Warn>,
    pub late: Vec<Late>,
    pub basis: Option<String>,
    pub calendar: Option<CalendarRef>,
    pub rule: Rule,
}

/// A command that lengthens a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by the grammar of LANGUAGE 4.2")]
pub struct ExtendBy {
    pub command: Name,
    pub by: Span,
    pub times: u32,
}

/// A warning before the limit.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by the grammar of LANGUAGE 4.2")]
pub struct Warn {
    pub before: Span,
    pub tell: Vec<Name>,
}

/// A step after the limit; `after` counts from the limit.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by the grammar of LANGUAGE 4.2")]
pub struct Late {
    pub place: Place,
    pub after: Span,
    pub tell: Vec<Name>,
    pub runs: Option<Name>,
}

/// What a job sends out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by the grammar of LANGUAGE 4.2")]
pub struct Call {
    pub channel: Name,
    pub sends: Vec<Name>,
}

/// What follows from a job's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by the grammar of LANGUAGE 4.2")]
pub struct JobAnswer {
    pub code: String,
    pub place: Place,
    pub runs: Name,
    pub outcome: Option<Name>,
    /// fact ← field of the answer
    pub with: Vec<(Name, String)>,
}

/// Work for a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by the grammar of LANGUAGE 4.2")]
pub struct Job {
    pub name: Name,
    pub label: Label,
    pub place: Place,
    pub queue: Name,
    pub attempt_limit: Span,
    pub call: Option<Call>,
    pub retry_times: u32,
    pub first_wait: Option<Span>,
    pub doubles_to: Option<Span>,
    pub answers: Vec<JobAnswer>,
    pub fails_tell: Vec<Name>,
    pub fails_run: Option<Name>,
}

/// An act as separation sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActRef {
    /// The command.
    pub command: Name,
    /// Only its approvers; otherwise proposer and approvers.
    pub approval_only: bool,
}

/// Who must be different, who must be the same.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by the grammar of LANGUAGE 4.2")]
pub enum Separation {
    DifferentPeople { place: Place, acts: Vec<ActRef>, unless_short_of: Option<Name> },
    SamePerson { place: Place, acts: Vec<ActRef> },
}

impl Separation {
    /// The acts it speaks of.
    pub fn acts(&self) -> &[ActRef] {
        match self {
            Self::DifferentPeople { acts, .. } | Self::SamePerson { acts, .. } => acts,
        }
    }

    /// Where it stands in the file.
    pub fn place(&self) -> Place {
        match self {
            Self::DifferentPeople { place, .. } | Self::SamePerson { place, .. } => *place,
        }
    }
}

/// What may be corrected and annulled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by the grammar of LANGUAGE 4.2")]
pub struct Corrections {
    /// Empty: facts may not be corrected.
    pub facts_by: Vec<Name>,
    pub facts_approval: Option<Approval>,
    pub annul: Vec<Annul>,
}

/// An act that may be annulled.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by the grammar of LANGUAGE 4.2")]
pub struct Annul {
    pub place: Place,
    pub command: Name,
    pub while_in: Vec<Name>,
    pub returns_to: Name,
    pub by: Vec<Name>,
    pub approval: Option<Approval>,
    pub reopens: bool,
}

/// What happens to a deadline when its case changes version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by the grammar of LANGUAGE 4.2")]
pub enum DeadlineMigration {
    Keep,
    Restart,
    Recompute,
}

/// How cases of the version before come to this one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by the grammar of LANGUAGE 4.2")]
pub struct Migration {
    pub place: Place,
    pub from_version: u32,
    /// old → new
    pub states: Vec<(Name, Name)>,
    pub facts: Vec<(Name, Constant)>,
    pub deadlines: Vec<(Name, DeadlineMigration)>,
    pub otherwise_ask: bool,
}

/// How long closed cases are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by the grammar of LANGUAGE 4.2")]
pub struct KeepFor {
    pub years: u32,
    pub then_erase: bool,
}

/// A warning accepted with a reason.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by the grammar of LANGUAGE 4.2")]
pub struct Accepted {
    pub place: Place,
    pub check: crate::workflow::CheckId,
    pub at: String,
    pub reason: String,
}
