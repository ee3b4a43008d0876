//! Identifiers. Every kind of thing has its own type, so that a person is never passed for a case.

use std::fmt;
use std::str::FromStr;

use qadiya_ledger::Hash;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

uuid_id!(
    /// A stream of events: a case, a person, a manifest, an official, a definition … (DESIGN D10).
    StreamId
);
uuid_id!(
    /// A natural person who holds office. Four-eyes rules compare these, never logins or roles.
    OfficialId
);
uuid_id!(
    /// A detained person.
    PersonId
);
uuid_id!(
    /// The appointment that gave an official a capacity for a time.
    AppointmentId
);
uuid_id!(
    /// An API token (not its secret).
    TokenId
);
uuid_id!(
    /// A job in the durable queue.
    JobId
);

/// The number of an event in its stream, counted from 1.
pub type Seq = u64;

/// The hash of a definition: SHA-256 over the raw bytes of the workflow file and its calendars (LANGUAGE 4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DefinitionHash(pub Hash);

impl fmt::Display for DefinitionHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for DefinitionHash {
    type Err = <Hash as FromStr>::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// What a stream is about.
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
pub enum StreamKind {
    /// One case of one person.
    Case,
    /// A detained person: identity claims.
    Person,
    /// A transfer list and its records.
    Manifest,
    /// A place of detention.
    Facility,
    /// An office of a court.
    Office,
    /// An official: appointments and tokens.
    Official,
    /// A workflow: publication and activation of its versions.
    Definition,
    /// The installation itself: keys, migrations, restores.
    System,
}
