//! Who acts, in which capacity, and when.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{AppointmentId, OfficialId, TokenId};
use crate::name::Name;

/// Who performs an act.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Actor {
    /// A named official.
    Official {
        /// The natural person.
        official: OfficialId,
        /// The capacity used for this act.
        role: Name,
        /// The appointment that gives the capacity, as it stood at the act.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        appointment: Option<AppointmentId>,
        /// The token the act came through.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        token: Option<TokenId>,
    },
    /// A program with a token of its own, bound to the official who answers for it. It may run clerical commands only.
    Service {
        /// The official who answers for the program.
        owner: OfficialId,
        /// The capacity the program was given.
        role: Name,
        /// The token the act came through.
        token: TokenId,
    },
    /// The engine: clocks, job answers, automatic commands. It may run clerical commands of `system` only.
    System,
}

impl Actor {
    /// The capacity used; `system` for the engine.
    pub fn role(&self) -> Name {
        match self {
            Self::Official { role, .. } | Self::Service { role, .. } => role.clone(),
            Self::System => Name::system(),
        }
    }

    /// The natural person behind the act, if it is one who decides.
    pub fn official(&self) -> Option<OfficialId> {
        match self {
            Self::Official { official, .. } => Some(*official),
            Self::Service { .. } | Self::System => None,
        }
    }

    /// The natural person who answers for the act: the official, or the one whose program it is. People are compared by
    /// this, so that nobody signs what a program of theirs has proposed.
    pub fn person(&self) -> Option<OfficialId> {
        match self {
            Self::Official { official, .. } | Self::Service { owner: official, .. } => Some(*official),
            Self::System => None,
        }
    }

    /// Whether this actor may take a decision about a person (DESIGN D7).
    pub fn may_decide(&self) -> bool {
        matches!(self, Self::Official { .. })
    }
}

/// When an act is done, and by whom. The clock is an argument everywhere in this crate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// Who acts.
    pub actor: Actor,
    /// When the act reaches the engine, to the microsecond.
    pub now: Timestamp,
    /// When it happened outside, if that was earlier.
    pub happened: Option<Timestamp>,
    /// The act came in a batch: clerical commands only.
    pub batch: bool,
}

impl Moment {
    /// When the act happened: the time given, or now.
    pub fn happened(&self) -> Timestamp {
        self.happened.unwrap_or(self.now)
    }
}
