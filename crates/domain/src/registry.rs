//! Streams that are not cases: officials, detained persons, manifests, definitions, the installation. Everything
//! accountable is an event of one of them (DESIGN D10).
//!
//! As with cases, an event tells a deed whole, folding cannot refuse, and protected values are sealed before they
//! reach the log.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use qadiya_ledger::Hash;
use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::ids::{AppointmentId, DefinitionHash, Seq, StreamId, StreamKind, TokenId};
use crate::name::Name;
use crate::value::Protected;

/// One event of such a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistryEvent {
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
    /// When it was recorded.
    #[serde(with = "crate::moment")]
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What was done.
    #[serde(flatten)]
    pub deed: Deed,
}

/// What was done to such a stream. Closed vocabulary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, strum::IntoStaticStr)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Deed {
    /// An official is known under this name.
    OfficialNamed {
        /// The name; officials act in the open.
        name: String,
    },
    /// An official holds a capacity for a time.
    Appointed(Appointment),
    /// An appointment ends earlier than it said.
    AppointmentEnded {
        /// The appointment.
        appointment: AppointmentId,
        /// When it ends.
        #[serde(with = "crate::moment")]
        until: Timestamp,
        /// The paper that ends it.
        instrument: String,
    },
    /// A token was issued. Its secret was shown once; only its hash is kept.
    TokenIssued(Token),
    /// A token was revoked.
    TokenRevoked {
        /// The token.
        token: TokenId,
    },
    /// A transfer list was opened for import.
    ManifestOpened {
        /// What people call it: file name or batch.
        title: String,
        /// SHA-256 of the file.
        file: Hash,
    },
    /// All records of a file were gone through.
    ManifestImported {
        /// Records by verdict.
        verdicts: BTreeMap<String, u64>,
    },
    /// The list is closed: every record that was set aside has been dealt with.
    ManifestClosed,
    /// A detained person is known.
    PersonRegistered {
        /// The serial number, if any.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        serial: Option<String>,
        /// The first claim about who this is.
        claim: IdentityClaim,
    },
    /// Another claim about who this is: unconfirmed until a named official decides.
    ClaimAttached(IdentityClaim),
    /// A version of a workflow was published.
    DefinitionPublished {
        /// Its hash.
        definition: DefinitionHash,
        /// Its version.
        version: u32,
        /// Whether the checks proved it.
        proved: bool,
    },
    /// A version became the active one.
    DefinitionActivated {
        /// Its hash.
        definition: DefinitionHash,
    },
    /// The installation was made.
    Installed {
        /// The name of its log.
        origin: String,
        /// The public key that signs its receipts and checkpoints, hex.
        key: String,
        /// Only synthetic people live here.
        synthetic: bool,
    },
    /// The database was moved here from another store; its log is continued.
    MovedFrom {
        /// Product of the store before.
        store: String,
        /// How many events came along.
        events: u64,
    },
}

/// The capacity of an official for a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Appointment {
    /// Its id.
    pub id: AppointmentId,
    /// The capacity: a role of workflow files.
    pub role: Name,
    /// Only for cases of this workflow.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub workflow: Option<Name>,
    /// The paper that gives it.
    pub instrument: String,
    /// From this instant.
    #[serde(with = "crate::moment")]
    pub from: Timestamp,
    /// Until before this instant.
    #[serde(with = "crate::moment::option", skip_serializing_if = "Option::is_none", default)]
    pub until: Option<Timestamp>,
}

impl Appointment {
    /// Whether it gives a capacity for cases of a workflow at an instant.
    pub fn gives(&self, role: &str, workflow: &str, at: Timestamp) -> bool {
        self.role == *role && self.serves(workflow) && self.is_valid(at)
    }

    /// Whether it is for cases of this workflow.
    pub fn serves(&self, workflow: &str) -> bool {
        self.workflow.as_ref().is_none_or(|only| *only == *workflow)
    }

    /// Whether it runs at an instant.
    pub fn is_valid(&self, at: Timestamp) -> bool {
        self.from <= at && self.until.is_none_or(|until| at < until)
    }
}

/// A credential of a program or of an official.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Its id.
    pub id: TokenId,
    /// What it is for.
    pub title: String,
    /// SHA-256 of the secret.
    pub hash: Hash,
    /// It belongs to a program: clerical commands only.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub service: bool,
    /// Only these capacities of the official; empty: all.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub roles: Vec<Name>,
    /// Not from this instant on.
    #[serde(with = "crate::moment::option", skip_serializing_if = "Option::is_none", default)]
    pub expires: Option<Timestamp>,
}

/// A claim about who a person is, with its source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityClaim {
    /// Where it comes from: manifest and record.
    pub source: String,
    /// The attributes, each behind a commitment.
    pub attributes: BTreeMap<Name, Protected>,
}

/// The folded state of an official.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Official {
    /// The name.
    pub name: String,
    /// All appointments, ended ones too.
    pub appointments: Vec<Appointment>,
    /// Tokens that are not revoked.
    pub tokens: Vec<Token>,
    /// Tokens that are.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    pub revoked: BTreeSet<TokenId>,
}

/// The folded state of a manifest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// What people call it.
    pub title: String,
    /// SHA-256 of the file.
    pub file: Option<Hash>,
    /// Records by verdict, once all were gone through.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub verdicts: Option<BTreeMap<String, u64>>,
    /// Whether it is closed.
    pub closed: bool,
}

/// The folded state of a person.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The serial number, if any.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub serial: Option<String>,
    /// How many claims there are.
    pub claims: u32,
    /// Folded spellings and birth year of the first claim, by which a second record under the same serial is told from
    /// another person. A projection of secret values: an erasure empties it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub agreement: BTreeMap<String, String>,
}

/// The folded state of a workflow's publications.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publications {
    /// Published versions.
    pub versions: BTreeMap<u32, DefinitionHash>,
    /// The active one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub active: Option<DefinitionHash>,
}

/// The folded state of the installation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installation {
    /// The name of its log.
    pub origin: String,
    /// The public key, hex.
    pub key: String,
    /// Only synthetic people live here.
    pub synthetic: bool,
}

impl Official {
    /// Folds a deed; deeds of other kinds of stream change nothing.
    #[must_use]
    pub fn evolve(mut self, deed: &Deed) -> Self {
        match deed {
            Deed::OfficialNamed { name } => self.name.clone_from(name),
            Deed::Appointed(appointment) => self.appointments.push(appointment.clone()),
            Deed::AppointmentEnded { appointment, until, .. } => {
                for held in self.appointments.iter_mut().filter(|held| held.id == *appointment) {
                    held.until = Some(held.until.map_or(*until, |old| old.min(*until)));
                }
            }
            Deed::TokenIssued(token) => self.tokens.push(token.clone()),
            Deed::TokenRevoked { token } => {
                self.tokens.retain(|held| held.id != *token);
                self.revoked.insert(*token);
            }
            Deed::ManifestOpened { .. }
            | Deed::ManifestImported { .. }
            | Deed::ManifestClosed
            | Deed::PersonRegistered { .. }
            | Deed::ClaimAttached(_)
            | Deed::DefinitionPublished { .. }
            | Deed::DefinitionActivated { .. }
            | Deed::Installed { .. }
            | Deed::MovedFrom { .. } => {}
        }
        self
    }
}
