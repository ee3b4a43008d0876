//! The Merkle tree of RFC 6962 (section 2.1): roots, the growing edge, and proofs.
//!
//! Proof making is written once over a source of nodes, so that a store that keeps completed nodes makes a proof
//! from a few reads, and a list of leaves serves as a source too. Proof checking follows RFC 9162, sections
//! 2.1.3.2 and 2.1.4.2, and neither panics nor loops on any input.

mod frontier;

pub use frontier::{Frontier, FrontierError, Node};

use std::cell::RefCell;

use crate::hash::Hash;

/// The hash of a leaf's content, RFC 6962: SHA-256 of a zero byte and the content.
pub fn leaf_hash(content: &[u8]) -> Hash {
    Hash::of_parts(&[&[0], content])
}

/// The hash of an inner node, RFC 6962: SHA-256 of a one byte and both children.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Hash::of_parts(&[&[1], left.as_bytes(), right.as_bytes()])
}

/// The root over leaf hashes; of no leaves it is the SHA-256 of nothing.
pub fn root(leaves: &[Hash]) -> Hash {
    let mut frontier = Frontier::new();
    for leaf in leaves {
        frontier.push(*leaf);
    }
    frontier.root()
}

/// Why a proof does not convince.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The leaf or the older tree lies outside the tree.
    #[error("the proof speaks of a place outside the tree")]
    OutsideTree,
    /// The proof has too few or too many hashes for its sizes.
    #[error("the proof has the wrong length for these sizes")]
    WrongLength,
    /// The proof leads to another root.
    #[error("the proof leads to another root")]
    OtherRoot,
}

/// The path from leaf `index` to the root of the tree over `leaves`; `None` when there is no such leaf.
pub fn inclusion_proof(leaves: &[Hash], index: u64) -> Option<Vec<Hash>> {
    inclusion_proof_from(u64::try_from(leaves.len()).ok()?, index, &leaves_as_nodes(leaves))
}

/// The proof that the tree over the first `old_size` of `leaves` is a beginning of the tree over all.
/// `None` when `old_size` is larger than the tree. Sizes 0 and *all* need no hashes.
pub fn consistency_proof(leaves: &[Hash], old_size: u64) -> Option<Vec<Hash>> {
    consistency_proof_from(u64::try_from(leaves.len()).ok()?, old_size, &leaves_as_nodes(leaves))
}

/// [`inclusion_proof`] from stored nodes.
///
/// `node(level, index)` gives the root of the complete subtree over the leaves `index * 2^level` up to
/// `(index + 1) * 2^level`, or `None` when it is not stored. A missing inner node is computed from the nodes
/// below it; a missing leaf makes the proof impossible, and the answer `None`.
pub fn inclusion_proof_from(
    size: u64,
    index: u64,
    node: &(impl Fn(u8, u64) -> Option<Hash> + ?Sized),
) -> Option<Vec<Hash>> {
    if index >= size {
        return None;
    }
    let (mut low, mut high) = (0, size);
    let mut path = Vec::new();
    // From the root down; the proof lists the siblings from the leaf up.
    while high - low > 1 {
        let middle = low + split(high - low);
        if index < middle {
            path.push(range_root(middle, high, node)?);
            high = middle;
        } else {
            path.push(range_root(low, middle, node)?);
            low = middle;
        }
    }
    path.reverse();
    Some(path)
}

/// [`consistency_proof`] from stored nodes; see [`inclusion_proof_from`].
pub fn consistency_proof_from(
    size: u64,
    old_size: u64,
    node: &(impl Fn(u8, u64) -> Option<Hash> + ?Sized),
) -> Option<Vec<Hash>> {
    if old_size > size {
        return None;
    }
    let mut path = Vec::new();
    if old_size == 0 || old_size == size {
        return Some(path);
    }
    let (mut low, mut high) = (0, size);
    // Whether the subtree in view is the whole older tree, whose root the checker has already.
    let mut known = true;
    while high > old_size {
        let middle = low + split(high - low);
        if old_size <= middle {
            path.push(range_root(middle, high, node)?);
            high = middle;
        } else {
            path.push(range_root(low, middle, node)?);
            low = middle;
            known = false;
        }
    }
    if !known {
        path.push(range_root(low, high, node)?);
    }
    path.reverse();
    Some(path)
}

/// The complete nodes, as (level, index), that [`inclusion_proof_from`] asks for when all of them are stored: a store that
/// reads asynchronously fetches these first.
pub fn inclusion_places(size: u64, index: u64) -> Vec<(u8, u64)> {
    asked_for(|node| inclusion_proof_from(size, index, node))
}

/// The complete nodes that [`consistency_proof_from`] asks for; see [`inclusion_places`].
pub fn consistency_places(size: u64, old_size: u64) -> Vec<(u8, u64)> {
    asked_for(|node| consistency_proof_from(size, old_size, node))
}

/// Makes a proof from a source that has every node, and remembers which were asked for.
fn asked_for(proof: impl FnOnce(&dyn Fn(u8, u64) -> Option<Hash>) -> Option<Vec<Hash>>) -> Vec<(u8, u64)> {
    let places = RefCell::new(Vec::new());
    let made = proof(&|level, index| {
        places.borrow_mut().push((level, index));
        Some(Hash::ZERO)
    });
    if made.is_some() { places.into_inner() } else { Vec::new() }
}

/// The root of a tree of `size` leaves that holds `leaf` at `index`, by a path from the leaf up.
pub fn root_by_path(leaf: Hash, index: u64, size: u64, path: &[Hash]) -> Result<Hash, ProofError> {
    if index >= size {
        return Err(ProofError::OutsideTree);
    }
    let (mut place, mut last) = (index, size - 1);
    let mut hash = leaf;
    for sibling in path {
        if last == 0 {
            return Err(ProofError::WrongLength);
        }
        if place % 2 == 1 || place == last {
            hash = node_hash(sibling, &hash);
            // A last node without a right neighbour rises unchanged until it is a right child.
            // INVARIANT: `place` is odd or equal to `last`, which is not 0; so the shift is below 64.
            let rise = place.trailing_zeros();
            place >>= rise;
            last >>= rise;
        } else {
            hash = node_hash(&hash, sibling);
        }
        place >>= 1;
        last >>= 1;
    }
    if last == 0 { Ok(hash) } else { Err(ProofError::WrongLength) }
}

/// Checks that `leaf` (a leaf hash) stands at `index` in the tree of `size` leaves with this root.
pub fn verify_inclusion(
    leaf: Hash,
    index: u64,
    size: u64,
    path: &[Hash],
    root: &Hash,
) -> Result<(), ProofError> {
    if root_by_path(leaf, index, size, path)? == *root { Ok(()) } else { Err(ProofError::OtherRoot) }
}

/// Checks that the tree of `old_size` leaves is a beginning of the tree of `new_size` leaves.
pub fn verify_consistency(
    old_size: u64,
    old_root: &Hash,
    new_size: u64,
    new_root: &Hash,
    path: &[Hash],
) -> Result<(), ProofError> {
    if old_size > new_size {
        return Err(ProofError::OutsideTree);
    }
    if old_size == 0 || old_size == new_size {
        let expected = if old_size == 0 { root(&[]) } else { *new_root };
        return match path {
            [] if *old_root == expected => Ok(()),
            [] => Err(ProofError::OtherRoot),
            _ => Err(ProofError::WrongLength),
        };
    }
    // Below its lowest set bit the older tree is one complete subtree: both trees share it, and the walk starts
    // at its root. When that is the whole older tree, the proof leaves it out.
    let whole = old_size.trailing_zeros();
    let (mut place, mut last) = ((old_size - 1) >> whole, (new_size - 1) >> whole);
    let (start, rest) = if old_size.is_power_of_two() {
        (*old_root, path)
    } else {
        let (first, rest) = path.split_first().ok_or(ProofError::WrongLength)?;
        (*first, rest)
    };
    let (mut old_hash, mut new_hash) = (start, start);
    for sibling in rest {
        if last == 0 {
            return Err(ProofError::WrongLength);
        }
        if place % 2 == 1 || place == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            // INVARIANT: `place` is odd or equal to `last`, which is not 0; so the shift is below 64.
            let rise = place.trailing_zeros();
            place >>= rise;
            last >>= rise;
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        place >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(ProofError::WrongLength);
    }
    if old_hash == *old_root && new_hash == *new_root { Ok(()) } else { Err(ProofError::OtherRoot) }
}

/// The size of the left part of a tree of `size` >= 2 leaves: the largest power of two below `size`.
fn split(size: u64) -> u64 {
    1 << (u64::BITS - 1 - (size.max(2) - 1).leading_zeros())
}

/// The exponent of a power of two.
fn log2(power: u64) -> u8 {
    u8::try_from(power.trailing_zeros()).unwrap_or(u8::MAX)
}

/// The root over the leaves from `low` up to `high` (not empty), where `low` is a multiple of the largest power
/// of two in the range, as every range of a tree's division is.
fn range_root(low: u64, high: u64, node: &(impl Fn(u8, u64) -> Option<Hash> + ?Sized)) -> Option<Hash> {
    let size = high - low;
    if size.is_power_of_two() {
        let level = log2(size);
        let stored = node(level, low >> level);
        if stored.is_some() || size == 1 {
            return stored;
        }
    }
    let middle = low + split(size);
    Some(node_hash(&range_root(low, middle, node)?, &range_root(middle, high, node)?))
}

/// A list of leaves as a source of nodes: level 0 only.
fn leaves_as_nodes(leaves: &[Hash]) -> impl Fn(u8, u64) -> Option<Hash> {
    |level, index| {
        if level > 0 {
            return None;
        }
        usize::try_from(index).ok().and_then(|index| leaves.get(index)).copied()
    }
}
