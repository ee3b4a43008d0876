//! Checkpoints of the global log, as specified by C2SP tlog-checkpoint.

use std::{fmt, str::FromStr};

use base64::{Engine as _, prelude::BASE64_STANDARD};

use crate::{
    hash::Hash,
    key::{PublicKey, Signer},
    note::{NoteError, Origin, SignedNote},
    tree::{self, ProofError},
};

/// The state of a log: so many leaves, under this root. `Display` is the text that is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: Origin,
    /// The number of leaves.
    pub size: u64,
    /// The RFC 6962 root over them.
    pub root: Hash,
}

/// Why a text is not a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The signed note around it is malformed or does not convince.
    #[error("reading a checkpoint's note")]
    Note(#[from] NoteError),
    /// Another number of lines. Extension lines are refused: no monitor can check them.
    #[error("reading a checkpoint: expected three lines (origin, size, root)")]
    Lines,
    /// The size is not a plain decimal number.
    #[error("reading a checkpoint: the size is not a decimal number without leading zeros")]
    Size,
    /// The root is not 32 bytes in base64.
    #[error("reading a checkpoint: the root is not 32 bytes in base64")]
    Root,
    /// The checkpoint names another log.
    #[error("checking a checkpoint: it belongs to another log")]
    OtherOrigin,
}

/// Why a newer checkpoint cannot follow an older one. Whoever holds two such checkpoints holds the proof that the log
/// was rewritten or rolled back: keep both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GrowthError {
    /// Two different logs.
    #[error("the checkpoints belong to different logs")]
    OtherOrigin,
    /// The log became smaller.
    #[error("the log shrank from {old} to {new} entries")]
    Shrunk {
        /// Entries before.
        old: u64,
        /// Entries after.
        new: u64,
    },
    /// One size, two roots.
    #[error("two different roots for {size} entries")]
    Contradiction {
        /// The size of both.
        size: u64,
    },
    /// The consistency proof does not hold.
    #[error("the newer log of {new} entries does not begin with the older one of {old}")]
    NotContinued {
        /// Entries before.
        old: u64,
        /// Entries after.
        new: u64,
        /// What is wrong with the proof.
        #[source]
        source: ProofError,
    },
}

impl Checkpoint {
    /// Signs the checkpoint under its origin's name.
    ///
    /// A log must never sign two checkpoints of which neither continues the other: the caller stores the
    /// checkpoint before signing it, and has checked it against the last one stored.
    pub fn sign(&self, signer: &dyn Signer) -> Result<SignedNote, NoteError> {
        SignedNote::sign(self.to_string(), &self.origin, signer)
    }

    /// Reads a signed checkpoint of a known log and checks the log's signature.
    pub fn open(note: &SignedNote, origin: &Origin, key: &PublicKey) -> Result<Self, CheckpointError> {
        note.verify(origin, key)?;
        let checkpoint: Self = note.text().parse()?;
        if checkpoint.origin == *origin { Ok(checkpoint) } else { Err(CheckpointError::OtherOrigin) }
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, BASE64_STANDARD.encode(self.root.as_bytes()))
    }
}

impl FromStr for Checkpoint {
    type Err = CheckpointError;

    /// Reads the text of a checkpoint, without signatures.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let body = text.strip_suffix('\n').ok_or(CheckpointError::Lines)?;
        let lines: Vec<&str> = body.split('\n').collect();
        let [origin, size, root] = lines.as_slice() else { return Err(CheckpointError::Lines) };
        let origin = Origin::new(*origin)?;
        let number: u64 = size.parse().map_err(|_| CheckpointError::Size)?;
        // One size has one spelling: no sign, no leading zeros.
        if number.to_string() != *size {
            return Err(CheckpointError::Size);
        }
        let root = BASE64_STANDARD.decode(root).ok().and_then(|bytes| Hash::from_slice(&bytes));
        Ok(Self { origin, size: number, root: root.ok_or(CheckpointError::Root)? })
    }
}

/// Refuses what needs no proof: another log, a smaller log, one size with two roots. That a larger log begins with the
/// older one needs [`check_continuation`].
pub fn check_growth(old: &Checkpoint, new: &Checkpoint) -> Result<(), GrowthError> {
    if old.origin != new.origin {
        return Err(GrowthError::OtherOrigin);
    }
    if new.size < old.size {
        return Err(GrowthError::Shrunk { old: old.size, new: new.size });
    }
    if new.size == old.size && new.root != old.root {
        return Err(GrowthError::Contradiction { size: new.size });
    }
    Ok(())
}

/// [`check_growth`], and a proof that the newer log begins with the older one.
pub fn check_continuation(old: &Checkpoint, new: &Checkpoint, proof: &[Hash]) -> Result<(), GrowthError> {
    check_growth(old, new)?;
    tree::verify_consistency(old.size, &old.root, new.size, &new.root, proof)
        .map_err(|source| GrowthError::NotContinued { old: old.size, new: new.size, source })
}
