//! Streams that are not cases: officials, detained persons, manifests, definitions, the installation. Everything
//! accountable is an event of one of them (DESIGN D10).
//!
//! As with cases, an event tells a deed whole, folding cannot refuse, and protected values are sealed before they
//! reach the log.

pub mod publications;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use qadiya_ledger::Hash;
use qadiya_ledger::canonical::{self, CanonicalError};
use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::ids::{AppointmentId, DefinitionHash, JobId, Seq, StreamId, StreamKind, TokenId};
use crate::name::Name;
use crate::value::Protected;
use publications::Change;
pub use publications::Publications;

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
    /// An administrator signed that a version becomes the active one.
    ActivationSigned {
        /// What was signed.
        change: Change,
        /// The name of who signed, at that time.
        name: String,
    },
    /// Who had signed took the signature back before the second one came.
    SignatureWithdrawn {
        /// What had been signed.
        change: Change,
    },
    /// A version became the active one: two people have signed for it.
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
    /// A job that had given up was let run again.
    IncidentRetried {
        /// The job.
        job: JobId,
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

/// The folded state of a stream that is not a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entity {
    /// An official.
    Official(Official),
    /// A transfer list.
    Manifest(Manifest),
    /// A detained person.
    Person(Person),
    /// The publications of a workflow.
    Publications(Publications),
    /// The installation.
    Installation(Installation),
}

/// A stream of a kind that has no deeds yet, or the stream of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("streams about a {0} are not folded by the registry")]
pub struct NotFolded(pub StreamKind);

impl Entity {
    /// The state before the first deed.
    ///
    /// # Errors
    /// [`NotFolded`] for a case, and for places, which have no deeds yet.
    pub fn empty(kind: StreamKind) -> Result<Self, NotFolded> {
        match kind {
            StreamKind::Official => Ok(Self::Official(Official::default())),
            StreamKind::Manifest => Ok(Self::Manifest(Manifest::default())),
            StreamKind::Person => Ok(Self::Person(Person::default())),
            StreamKind::Definition => Ok(Self::Publications(Publications::default())),
            StreamKind::System => Ok(Self::Installation(Installation::default())),
            StreamKind::Case | StreamKind::Facility | StreamKind::Office => Err(NotFolded(kind)),
        }
    }

    /// Folds an event; a deed of another kind of stream changes nothing.
    #[must_use]
    pub fn evolve(self, event: &RegistryEvent) -> Self {
        let deed = &event.deed;
        match self {
            Self::Official(state) => Self::Official(state.evolve(deed)),
            Self::Manifest(state) => Self::Manifest(state.evolve(deed)),
            Self::Person(state) => Self::Person(state.evolve(deed)),
            Self::Publications(state) => Self::Publications(state.evolve(event)),
            Self::Installation(state) => Self::Installation(state.evolve(deed)),
        }
    }

    /// The stored form: canonical JSON of the state.
    ///
    /// # Errors
    /// When a text in it is not in the normal form that canonical JSON asks for.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CanonicalError> {
        match self {
            Self::Official(state) => canonical::encode(state),
            Self::Manifest(state) => canonical::encode(state),
            Self::Person(state) => canonical::encode(state),
            Self::Publications(state) => canonical::encode(state),
            Self::Installation(state) => canonical::encode(state),
        }
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// Why the bytes are not the state of such a stream.
    pub fn from_bytes(kind: StreamKind, bytes: &[u8]) -> Result<Self, UnreadableEntity> {
        Ok(match Self::empty(kind)? {
            Self::Official(_) => Self::Official(canonical::decode(bytes)?),
            Self::Manifest(_) => Self::Manifest(canonical::decode(bytes)?),
            Self::Person(_) => Self::Person(canonical::decode(bytes)?),
            Self::Publications(_) => Self::Publications(canonical::decode(bytes)?),
            Self::Installation(_) => Self::Installation(canonical::decode(bytes)?),
        })
    }

    /// The official, if it is one.
    pub fn official(&self) -> Option<&Official> {
        if let Self::Official(state) = self { Some(state) } else { None }
    }

    /// The transfer list, if it is one.
    pub fn manifest(&self) -> Option<&Manifest> {
        if let Self::Manifest(state) = self { Some(state) } else { None }
    }

    /// The person, if it is one.
    pub fn person(&self) -> Option<&Person> {
        if let Self::Person(state) = self { Some(state) } else { None }
    }

    /// The publications, if it is a workflow.
    pub fn publications(&self) -> Option<&Publications> {
        if let Self::Publications(state) = self { Some(state) } else { None }
    }

    /// The installation, if it is one.
    pub fn installation(&self) -> Option<&Installation> {
        if let Self::Installation(state) = self { Some(state) } else { None }
    }

    /// The same without projections of secret values, which no log can give again: what a replay must equal.
    #[must_use]
    pub fn without_projections(self) -> Self {
        match self {
            Self::Person(state) => Self::Person(Person { agreement: BTreeMap::new(), ..state }),
            other @ (Self::Official(_)
            | Self::Manifest(_)
            | Self::Publications(_)
            | Self::Installation(_)) => other,
        }
    }
}

/// Why the stored state of a stream cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableEntity {
    /// The kind of stream has no folded state.
    #[error("reading the state of a stream")]
    Kind(#[from] NotFolded),
    /// The bytes are something else.
    #[error("reading the state of a stream: the bytes are no such state")]
    Bytes(#[from] CanonicalError),
}

impl Deed {
    /// The protected parts of a deed, each with its path in the event.
    pub fn protected_mut(&mut self) -> Vec<(String, &mut Protected)> {
        fn parts<'a>(head: &str, claim: &'a mut IdentityClaim) -> Vec<(String, &'a mut Protected)> {
            claim.attributes.iter_mut().map(|(name, part)| (format!("{head}/{name}"), part)).collect()
        }
        match self {
            Self::PersonRegistered { claim, .. } => parts("/claim/attributes", claim),
            Self::ClaimAttached(claim) => parts("/attributes", claim),
            Self::OfficialNamed { .. }
            | Self::Appointed(_)
            | Self::AppointmentEnded { .. }
            | Self::TokenIssued(_)
            | Self::TokenRevoked { .. }
            | Self::ManifestOpened { .. }
            | Self::ManifestImported { .. }
            | Self::ManifestClosed
            | Self::DefinitionPublished { .. }
            | Self::ActivationSigned { .. }
            | Self::SignatureWithdrawn { .. }
            | Self::DefinitionActivated { .. }
            | Self::Installed { .. }
            | Self::IncidentRetried { .. }
            | Self::MovedFrom { .. } => Vec::new(),
        }
    }
}

impl Manifest {
    /// Folds a deed; deeds of other kinds of stream change nothing.
    #[must_use]
    pub fn evolve(mut self, deed: &Deed) -> Self {
        if let Deed::ManifestOpened { title, file } = deed {
            self.title.clone_from(title);
            self.file = Some(*file);
        } else if let Deed::ManifestImported { verdicts } = deed {
            self.verdicts = Some(verdicts.clone());
        } else if *deed == Deed::ManifestClosed {
            self.closed = true;
        }
        self
    }
}

impl Person {
    /// Folds a deed; deeds of other kinds of stream change nothing. The agreement is not folded: it is a projection of
    /// secret values, which the writer sets.
    #[must_use]
    pub fn evolve(mut self, deed: &Deed) -> Self {
        if let Deed::PersonRegistered { serial, .. } = deed {
            self.serial.clone_from(serial);
            self.claims = 1;
        } else if matches!(deed, Deed::ClaimAttached(_)) {
            self.claims = self.claims.saturating_add(1);
        }
        self
    }
}

impl Installation {
    /// Folds a deed; deeds of other kinds of stream change nothing.
    #[must_use]
    pub fn evolve(mut self, deed: &Deed) -> Self {
        if let Deed::Installed { origin, key, synthetic } = deed {
            self.origin.clone_from(origin);
            self.key.clone_from(key);
            self.synthetic = *synthetic;
        }
        self
    }
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
            | Deed::ActivationSigned { .. }
            | Deed::SignatureWithdrawn { .. }
            | Deed::DefinitionActivated { .. }
            | Deed::Installed { .. }
            | Deed::IncidentRetried { .. }
            | Deed::MovedFrom { .. } => {}
        }
        self
    }
}
