//! What can go wrong in the engine itself. Refusals and conflicts are answers and stand in [`crate::submit`].

use qadiya_domain::ids::{DefinitionHash, StreamId};
use qadiya_ledger::note::NoteError;
use qadiya_store::StoreError;

use crate::committer::NotTaken;
use crate::ids::NoRandomness;

/// A fault of the engine or of what it stands on.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EngineError {
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// No random bytes.
    #[error("no id, salt or secret can be made")]
    Randomness(#[from] NoRandomness),
    /// The origin cannot name a log.
    #[error("{origin:?} cannot be the name of a log; write a host and path such as court.example/log")]
    Origin {
        /// The name that was set.
        origin: String,
        /// Why.
        #[source]
        source: NoteError,
    },
    /// The installation was made under another key.
    #[error(
        "the signing key is not the one of this installation: its public key is {found}, the installation has {wanted}; \
         copy the key file of the installation"
    )]
    OtherKey {
        /// The public key of the key that was given, hex.
        found: String,
        /// The public key that the installation recorded, hex.
        wanted: String,
    },
    /// The installation was made under another log name.
    #[error("this store belongs to the log {found:?}, the settings name {wanted:?}; correct the settings")]
    OtherLog {
        /// What the store says.
        found: String,
        /// What the settings say.
        wanted: String,
    },
    /// A definition that a case is bound to is not stored, or can no longer be read.
    #[error("the definition {hash} cannot be loaded: {detail}; run `qadiya verify`")]
    Definition {
        /// The definition.
        hash: DefinitionHash,
        /// What is wrong.
        detail: String,
    },
    /// Nothing is active for this workflow.
    #[error("no version of the workflow {0} is active; publish one, and let two administrators sign for it")]
    NotActive(String),
    /// The stored state of a stream cannot be read.
    #[error("the stream {stream} is damaged: {detail}; it is stopped until `qadiya verify` is clean")]
    Integrity {
        /// The stream.
        stream: StreamId,
        /// What is wrong.
        detail: String,
    },
    /// The log contradicts what was signed before. Nothing is signed any more.
    #[error("the log contradicts its last checkpoint: {0}; nothing is signed until this is cleared up")]
    Log(String),
    /// The engine is busy: its queue is full.
    #[error("the engine is busy; try again in a moment")]
    Busy,
    /// A task of the engine broke.
    #[error("a task of the engine broke: {0}")]
    Broken(String),
    /// The engine is shutting down.
    #[error("the engine is shutting down")]
    Stopped,
}

/// What can be done about a fault of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Space must be freed first.
    Full,
    /// A row is damaged: trying again does not help.
    Damaged,
    /// Try again later.
    Unavailable,
}

/// Tells faults of the store apart for those who know no store. Any other error counts as one that passes.
pub fn trouble(error: &(dyn std::error::Error + 'static)) -> Trouble {
    match error.downcast_ref::<StoreError>() {
        Some(StoreError::Full { .. }) => Trouble::Full,
        Some(StoreError::Corrupt { .. }) => Trouble::Damaged,
        Some(
            StoreError::Retry { .. }
            | StoreError::Unknown { .. }
            | StoreError::Unavailable { .. }
            | StoreError::Io { .. }
            | StoreError::Unsafe(_)
            | StoreError::Schema(_)
            | StoreError::Other { .. },
        )
        | None => Trouble::Unavailable,
    }
}

impl From<NotTaken> for EngineError {
    fn from(why: NotTaken) -> Self {
        match why {
            NotTaken::Busy => Self::Busy,
            NotTaken::Stopped => Self::Stopped,
        }
    }
}
