//! What somebody asks to be done to a case. An act is stored whole in its event, with protected values sealed, so that
//! it can be decided again when the log is verified.

use std::collections::BTreeMap;

use qadiya_ledger::Hash;
use serde::{Deserialize, Serialize};

use crate::case::state::ClockKey;
use crate::ids::Seq;
use crate::name::Name;
use crate::value::{Given, Protected};

/// The number of a record within its case, counted from 1 over all kinds in order of filing.
pub type RecordNo = u32;

/// An act on one case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "kebab-case")]
pub enum Act {
    /// A command of the workflow file.
    Perform(Perform),
    /// A signature under a proposal; `agree: false` is a dissent that is kept with the decision.
    Sign {
        /// The event that opened the proposal.
        proposal: Seq,
        /// The hash of that event: the signer signs what was proposed, not what is shown later.
        signed: Hash,
        /// Consent or dissent.
        agree: bool,
        /// The reason of a dissent.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        note: Option<Protected>,
    },
    /// An approver sends a proposal back.
    Reject {
        /// The proposal.
        proposal: Seq,
        /// Why.
        reason: Protected,
    },
    /// The proposer takes a proposal back.
    Withdraw {
        /// The proposal.
        proposal: Seq,
        /// Why.
        reason: Protected,
    },
    /// A paper is filed on its own.
    FilePaper(Paper),
    /// A fact with `editable-by` is changed.
    EditFact {
        /// The fact.
        fact: Name,
        /// Its new value.
        value: Given,
    },
    /// Facts are corrected; both versions stay in the log.
    CorrectFacts {
        /// New values; `None` takes a value away.
        #[serde(with = "crate::value::or_unset")]
        facts: BTreeMap<Name, Option<Given>>,
        /// Why.
        reason: Protected,
    },
    /// An earlier act is annulled.
    Annul {
        /// The event of the act.
        event: Seq,
        /// Why.
        reason: Protected,
    },
    /// A proposal that has all its signatures takes effect. Only the engine does this, after the last signature.
    Enact {
        /// The proposal.
        proposal: Seq,
    },
    /// A proposal is overtaken: its case left the states it was made in, or came to them again. Only the engine does
    /// this.
    Lapse {
        /// The proposal.
        proposal: Seq,
    },
    /// A clock has reached its next step. Only the engine does this.
    StepClock {
        /// The clock.
        clock: ClockKey,
        /// The step that was due.
        step: u32,
    },
    /// A job came back. Only the engine does this.
    ReportJob {
        /// The event that queued it.
        queued: Seq,
        /// The job.
        job: Name,
        /// What came back.
        report: JobReport,
    },
}

/// A command with everything it carries.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Perform {
    /// The command.
    pub command: Option<Name>,
    /// The record whose track it moves, for a track `per` record.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub instance: Option<RecordNo>,
    /// The outcome, for a command with outcomes.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub outcome: Option<Name>,
    /// Facts asked for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub answers: BTreeMap<Name, Given>,
    /// Records filed.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub records: Vec<RecordGiven>,
    /// Papers filed.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub papers: Vec<Paper>,
    /// The reasons of a decision.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<Protected>,
}

impl Perform {
    /// A command without anything else.
    pub fn of(command: Name) -> Self {
        Self { command: Some(command), ..Self::default() }
    }
}

/// A record as filed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordGiven {
    /// Its kind.
    pub record: Name,
    /// The record it is about (a verdict is about a charge).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub about: Option<RecordNo>,
    /// Its fields; every field of the kind has an entry.
    pub fields: BTreeMap<Name, Given>,
}

/// A paper as filed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paper {
    /// Its kind.
    pub document: Name,
    /// Its number or file mark.
    pub reference: String,
    /// SHA-256 of its bytes, if it is kept as a file.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sha256: Option<Hash>,
    /// Whether it is signed.
    pub signed: bool,
}

/// What a job reported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "report", rename_all = "kebab-case")]
pub enum JobReport {
    /// Done, with the code and fields of the answer, as they came in.
    Done {
        /// The code, to be found under `when-done: answers`.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        code: Option<String>,
        /// Fields of the answer, as text.
        #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
        fields: BTreeMap<String, String>,
    },
    /// Done, as the log keeps it: fields that a command asks for, with those of protected facts behind commitments.
    /// Made from [`JobReport::Done`] by the decision; nothing else that came back is kept.
    Answered {
        /// The code.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        code: Option<String>,
        /// Fields of open facts.
        #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
        fields: BTreeMap<String, String>,
        /// Fields of protected facts.
        #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
        protected: BTreeMap<String, Protected>,
    },
    /// The last try failed.
    Failed {
        /// How often it was tried.
        attempts: u32,
        /// A class of fault without personal data, such as `timeout` or `status-500`.
        fault: String,
    },
}
