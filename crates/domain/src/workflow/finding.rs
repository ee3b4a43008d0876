//! What the checks of a workflow file have to say.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A place in a workflow file, counted from 1. Line 0 means the file as a whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// How much a finding weighs.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, strum::Display,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Severity {
    /// The file is refused; it loads only as `trial`.
    Error,
    /// A warning; `accept` takes it with a reason.
    Warning,
    /// Information.
    Info,
}

/// The checks of LANGUAGE 4.6. E-migrate and W-rights compare two versions: `plan` finds them, not `check`.
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
#[expect(missing_docs, reason = "the ids are documented in LANGUAGE 4.6 and by their golden files")]
pub enum CheckId {
    #[strum(serialize = "E-yaml")]
    #[serde(rename = "E-yaml")]
    Yaml,
    #[strum(serialize = "E-shape")]
    #[serde(rename = "E-shape")]
    Shape,
    #[strum(serialize = "E-name")]
    #[serde(rename = "E-name")]
    Name,
    #[strum(serialize = "W-unused")]
    #[serde(rename = "W-unused")]
    Unused,
    #[strum(serialize = "E-type")]
    #[serde(rename = "E-type")]
    Type,
    #[strum(serialize = "E-reach")]
    #[serde(rename = "E-reach")]
    Reach,
    #[strum(serialize = "E-dead")]
    #[serde(rename = "E-dead")]
    Dead,
    #[strum(serialize = "E-complete")]
    #[serde(rename = "E-complete")]
    Complete,
    #[strum(serialize = "E-route")]
    #[serde(rename = "E-route")]
    Route,
    #[strum(serialize = "E-irregular")]
    #[serde(rename = "E-irregular")]
    Irregular,
    #[strum(serialize = "E-held")]
    #[serde(rename = "E-held")]
    Held,
    #[strum(serialize = "E-proper")]
    #[serde(rename = "E-proper")]
    Proper,
    #[strum(serialize = "W-exit")]
    #[serde(rename = "W-exit")]
    Gap,
    #[strum(serialize = "E-auto")]
    #[serde(rename = "E-auto")]
    Auto,
    #[strum(serialize = "W-escape")]
    #[serde(rename = "W-escape")]
    Escape,
    #[strum(serialize = "E-stage")]
    #[serde(rename = "E-stage")]
    Stage,
    #[strum(serialize = "E-deadline")]
    #[serde(rename = "E-deadline")]
    Deadline,
    #[strum(serialize = "E-escalate")]
    #[serde(rename = "E-escalate")]
    Escalate,
    #[strum(serialize = "E-ladder")]
    #[serde(rename = "E-ladder")]
    Ladder,
    #[strum(serialize = "E-system")]
    #[serde(rename = "E-system")]
    System,
    #[strum(serialize = "E-date")]
    #[serde(rename = "E-date")]
    Date,
    #[strum(serialize = "E-time")]
    #[serde(rename = "E-time")]
    Time,
    #[strum(serialize = "E-people")]
    #[serde(rename = "E-people")]
    People,
    #[strum(serialize = "E-jobs")]
    #[serde(rename = "E-jobs")]
    Jobs,
    #[strum(serialize = "E-final")]
    #[serde(rename = "E-final")]
    Final,
    #[strum(serialize = "E-clerical")]
    #[serde(rename = "E-clerical")]
    Clerical,
    #[strum(serialize = "E-exit")]
    #[serde(rename = "E-exit")]
    Exit,
    #[strum(serialize = "W-roles")]
    #[serde(rename = "W-roles")]
    Roles,
    #[strum(serialize = "E-migrate")]
    #[serde(rename = "E-migrate")]
    Migrate,
    #[strum(serialize = "W-rights")]
    #[serde(rename = "W-rights")]
    Rights,
    #[strum(serialize = "I-size")]
    #[serde(rename = "I-size")]
    Size,
    #[strum(serialize = "I-not-proved")]
    #[serde(rename = "I-not-proved")]
    NotProved,
}

impl CheckId {
    /// How much a finding of this check weighs, told by the first letter of its id.
    pub fn severity(self) -> Severity {
        let id: &'static str = self.into();
        match id.as_bytes().first() {
            Some(b'W') => Severity::Warning,
            Some(b'I') => Severity::Info,
            _ => Severity::Error,
        }
    }
}

/// One thing a check found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Finding {
    /// Where in the file.
    pub place: Place,
    /// Which check.
    pub check: CheckId,
    /// What the finding is about: the name of the state, command, deadline …; `accept` refers to it.
    pub at: String,
    /// What is wrong, in one sentence.
    pub message: String,
    /// What to do about it, if that can be said.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub hint: Option<String>,
    /// The counter-example, told as a story, one step a line.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub story: Vec<String>,
    /// The reason with which the file accepts this warning.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub accepted: Option<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.place, self.check, self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, " ({hint})")?;
        }
        for step in &self.story {
            write!(f, "\n    {step}")?;
        }
        if let Some(reason) = &self.accepted {
            write!(f, "\n    accepted: {reason}")?;
        }
        Ok(())
    }
}
