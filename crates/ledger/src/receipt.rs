//! Receipts: the signed word that an act was recorded, given with its answer.
//!
//! A batch of commands is committed together and signed once, over the RFC 6962 root of its events' hashes. Each caller gets
//! the path from its own event to that root, so a receipt is checked without the others' events. The
//! leaf of an event is `leaf_hash` of its 32-byte event hash, as in the global log.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};

use crate::{
    hash::Hash,
    key::{KeyError, PublicKey, Signature, Signer},
    note::{KeyId, Origin},
    tree::{self, ProofError},
};

/// A batch whose events are signed for. It is made before the commit, stored with the batch's hashes, and
/// released after the commit only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedBatch {
    /// The log that signs.
    pub origin: Origin,
    /// The root over the events' leaves.
    pub root: Hash,
    /// The number of events.
    pub size: u64,
    /// The signature over [`receipt_text`].
    pub signature: Signature,
    /// Which key of the log signed.
    pub key_id: KeyId,
}

/// The proof that one event was in a signed batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The log that signed.
    pub origin: Origin,
    /// The number of events in the batch.
    pub size: u64,
    /// The place of this event in the batch, from 0.
    pub index: u64,
    /// The siblings from this event's leaf up to the batch's root.
    pub path: Vec<Hash>,
    /// The signature over [`receipt_text`].
    pub signature: Signature,
    /// Which key of the log signed.
    pub key_id: KeyId,
}

/// Why a receipt cannot be made or does not convince.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// The batch has no such event.
    #[error("making a receipt: the batch of {size} events has no event {index}")]
    NoSuchEvent {
        /// Events in the batch.
        size: u64,
        /// The place that was asked for.
        index: u64,
    },
    /// The stored hashes are not those that were signed.
    #[error(
        "making a receipt: the stored hashes do not lead to the signed root; run a verification of the store"
    )]
    OtherHashes,
    /// The receipt was signed by another key.
    #[error("checking a receipt: it names the key {named}, the given key is {given}")]
    OtherKey {
        /// The label in the receipt.
        named: KeyId,
        /// The label of the given key.
        given: KeyId,
    },
    /// The path has no sense for the place and size.
    #[error("checking a receipt: the path does not fit the batch")]
    Path(#[source] ProofError),
    /// The signature does not cover this event.
    #[error("checking a receipt: the signature does not cover this event")]
    Signature(#[source] KeyError),
}

/// The text that is signed for a batch: `qadiya/receipt/v1`, origin, size and base64 root, a line each.
pub fn receipt_text(origin: &Origin, size: u64, root: &Hash) -> String {
    format!("qadiya/receipt/v1\n{origin}\n{size}\n{}\n", BASE64_STANDARD.encode(root.as_bytes()))
}

impl SealedBatch {
    /// Signs for a batch of events, given by their event hashes in the batch's order.
    pub fn seal(signer: &dyn Signer, origin: &Origin, events: &[Hash]) -> Self {
        let leaves = leaves(events);
        let root = tree::root(&leaves);
        let size = u64::try_from(leaves.len()).unwrap_or(u64::MAX);
        let signature = signer.sign(receipt_text(origin, size, &root).as_bytes());
        let key_id = KeyId::of(origin, &signer.public_key());
        Self { origin: origin.clone(), root, size, signature, key_id }
    }

    /// The receipt of the event at `index`, rebuilt from the batch's event hashes.
    pub fn receipt_for(&self, events: &[Hash], index: u64) -> Result<Receipt, ReceiptError> {
        let leaves = leaves(events);
        let missing = ReceiptError::NoSuchEvent { size: self.size, index };
        let path = tree::inclusion_proof(&leaves, index).ok_or(missing)?;
        let place = usize::try_from(index).ok().and_then(|index| leaves.get(index)).ok_or(missing)?;
        tree::verify_inclusion(*place, index, self.size, &path, &self.root)
            .map_err(|_| ReceiptError::OtherHashes)?;
        Ok(Receipt {
            origin: self.origin.clone(),
            size: self.size,
            index,
            path,
            signature: self.signature,
            key_id: self.key_id,
        })
    }
}

impl Receipt {
    /// Checks that the holder of `key` signed for the event with this hash. Which key a log has, the checker must
    /// know from elsewhere.
    pub fn verify(&self, key: &PublicKey, event: &Hash) -> Result<(), ReceiptError> {
        let given = KeyId::of(&self.origin, key);
        if given != self.key_id {
            return Err(ReceiptError::OtherKey { named: self.key_id, given });
        }
        let leaf = tree::leaf_hash(event.as_bytes());
        let root = tree::root_by_path(leaf, self.index, self.size, &self.path).map_err(ReceiptError::Path)?;
        key.verify(receipt_text(&self.origin, self.size, &root).as_bytes(), &self.signature)
            .map_err(ReceiptError::Signature)
    }
}

fn leaves(events: &[Hash]) -> Vec<Hash> {
    events.iter().map(|event| tree::leaf_hash(event.as_bytes())).collect()
}
