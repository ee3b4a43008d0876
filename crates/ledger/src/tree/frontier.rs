//! The growing right edge of a tree: all that is needed to append.

use serde::{Deserialize, Serialize};

use super::node_hash;
use crate::hash::Hash;

/// A completed inner node: the root over the leaves from `index * 2^level` up to `(index + 1) * 2^level`.
/// Completed nodes never change, so a store may keep them for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Height above the leaves; the leaves have level 0.
    pub level: u8,
    /// Place among the nodes of its level.
    pub index: u64,
    /// Its hash.
    pub hash: Hash,
}

/// The roots of the complete subtrees that a tree of this size consists of, the largest first: one for each set bit
/// of the size.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

/// Stored parts that cannot be a frontier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "restoring a tree of {size} leaves: needs {needed} subtree roots, got {found}; read them again from the log's nodes"
)]
pub struct FrontierError {
    /// The stored size.
    pub size: u64,
    /// How many subtree roots a tree of that size has.
    pub needed: u32,
    /// How many were given.
    pub found: usize,
}

impl Frontier {
    /// The empty tree.
    pub const fn new() -> Self {
        Self { size: 0, peaks: Vec::new() }
    }

    /// Appends a leaf hash and gives the inner nodes it completes, from the lowest up; every second leaf completes
    /// none.
    pub fn push(&mut self, leaf: Hash) -> Vec<Node> {
        let mut completed = Vec::new();
        let mut hash = leaf;
        let mut index = self.size;
        // Each trailing one of the size is a complete subtree that the new leaf makes half of a larger one.
        for level in (1..=64_u8).take_while(|level| (self.size >> (level - 1)) & 1 == 1) {
            let Some(left) = self.peaks.pop() else { break };
            hash = node_hash(&left, &hash);
            index >>= 1;
            completed.push(Node { level, index, hash });
        }
        self.peaks.push(hash);
        self.size = self.size.saturating_add(1);
        completed
    }

    /// The number of leaves.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The root of the tree as it is now.
    pub fn root(&self) -> Hash {
        let joined = self.peaks.iter().rev().copied().reduce(|right, left| node_hash(&left, &right));
        joined.unwrap_or_else(|| Hash::of(&[]))
    }

    /// Size and subtree roots, to be stored.
    pub fn parts(&self) -> (u64, &[Hash]) {
        (self.size, &self.peaks)
    }

    /// The frontier that was stored.
    pub fn from_parts(size: u64, peaks: Vec<Hash>) -> Result<Self, FrontierError> {
        let needed = size.count_ones();
        if usize::try_from(needed) == Ok(peaks.len()) {
            Ok(Self { size, peaks })
        } else {
            Err(FrontierError { size, needed, found: peaks.len() })
        }
    }

    /// The places of the subtree roots of a tree of `size` leaves, as (level, index), the largest first: what a
    /// store must read to restore the frontier from completed nodes and leaves.
    pub fn places(size: u64) -> impl Iterator<Item = (u8, u64)> {
        (0..64_u8)
            .rev()
            .filter(move |level| (size >> level) & 1 == 1)
            .map(move |level| (level, (size >> level) & !1))
    }
}
