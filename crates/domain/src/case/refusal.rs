//! Refusals: why an act may not be done. They are answers, not errors; all of them come at once, and each says what is
//! missing, on which legal basis, and who can supply it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::name::Name;

/// Why. Closed vocabulary; the words are part of the API.
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
pub enum RefusalCode {
    /// The workflow has no such command.
    UnknownCommand,
    /// A value is missing, of the wrong type, not on the list, or not asked for.
    Form,
    /// The capacity may not give this command.
    Role,
    /// The capacity may not act on a case in this state.
    ActsBy,
    /// The actor is the engine, a program or a batch, and the command is a decision about a person.
    Decision,
    /// The official does not hold this capacity on this day.
    Appointment,
    /// The case (or the track) is not in a state from which this is possible.
    State,
    /// The record named has no such track, or none was named.
    Instance,
    /// A minimum wait has not run.
    NotBefore,
    /// A paper is missing or not signed.
    Papers,
    /// A record is missing.
    Records,
    /// A condition of the file does not hold.
    Guard,
    /// No route is true.
    NoRoute,
    /// The outcome is not one of the command's.
    Outcome,
    /// Two acts need different people, or the same person.
    Separation,
    /// A track must be finished first.
    TrackHold,
    /// A ceiling would be crossed.
    Ceiling,
    /// The act claims to have happened at a time that cannot be.
    Happened,
    /// There is no such open proposal.
    Proposal,
    /// The hash signed is not the hash of the proposal.
    ProposalChanged,
    /// The same person has already proposed or signed.
    SamePerson,
    /// The clock step or job is no longer open.
    NotOpen,
    /// The act cannot be annulled or corrected, or a later act relied on it.
    Correction,
    /// The limit cannot be lengthened again.
    Extension,
    /// The case has ended.
    Ended,
}

/// One reason.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Refusal {
    /// Which test failed.
    pub code: RefusalCode,
    /// What it is about: the command, field, paper, track, rule.
    pub about: String,
    /// In English; other languages are made from `code`, `about` and `with`.
    pub message: String,
    /// The parts of the message, for translation.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub with: BTreeMap<String, String>,
    /// The legal basis the file names.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub basis: Option<String>,
    /// Who can supply what is missing.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub who: Vec<Name>,
}

impl Refusal {
    /// A reason without basis and supplier.
    pub fn new(code: RefusalCode, about: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code,
            about: about.into(),
            message: message.into(),
            with: BTreeMap::new(),
            basis: None,
            who: Vec::new(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)?;
        if let Some(basis) = &self.basis {
            write!(f, " [{basis}]")?;
        }
        Ok(())
    }
}

/// All reasons, at least one, sorted and without repetition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusals(Vec<Refusal>);

impl Refusals {
    /// All reasons, if there are any.
    pub fn of(mut reasons: Vec<Refusal>) -> Option<Self> {
        reasons.sort();
        reasons.dedup();
        if reasons.is_empty() { None } else { Some(Self(reasons)) }
    }

    /// The reasons.
    pub fn iter(&self) -> std::slice::Iter<'_, Refusal> {
        self.0.iter()
    }

    /// Whether one of the reasons is of this kind.
    pub fn has(&self, code: RefusalCode) -> bool {
        self.0.iter().any(|refusal| refusal.code == code)
    }
}

impl<'a> IntoIterator for &'a Refusals {
    type Item = &'a Refusal;
    type IntoIter = std::slice::Iter<'a, Refusal>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl From<Refusal> for Refusals {
    fn from(reason: Refusal) -> Self {
        Self(vec![reason])
    }
}

impl fmt::Display for Refusals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, refusal) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{refusal}")?;
        }
        Ok(())
    }
}
