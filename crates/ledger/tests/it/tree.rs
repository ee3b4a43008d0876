//! The Merkle tree against an independent implementation, and against changed proofs.

use ct_merkle::{ConsistencyProof, InclusionProof, RootHash, mem_backed_tree::MemoryBackedTree};
use proptest::prelude::*;
use qadiya_ledger::{
    Hash,
    tree::{
        Frontier, Node, ProofError, consistency_places, consistency_proof, consistency_proof_from,
        inclusion_places, inclusion_proof, inclusion_proof_from, leaf_hash, root, root_by_path,
        verify_consistency, verify_inclusion,
    },
};
use sha2::Sha256;

use crate::support::digest;

type Oracle = MemoryBackedTree<Sha256, Vec<u8>>;

fn content(index: u64) -> Vec<u8> {
    index.to_be_bytes().to_vec()
}

fn leaves(size: u64) -> Vec<Hash> {
    (0..size).map(|index| leaf_hash(&content(index))).collect()
}

fn oracle(size: u64) -> Oracle {
    let mut tree = Oracle::new();
    (0..size).for_each(|index| tree.push(content(index)));
    tree
}

fn joined(path: &[Hash]) -> Vec<u8> {
    path.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

fn their_root(root: &Hash, size: u64) -> RootHash<Sha256> {
    RootHash::new((*root.as_bytes()).into(), size)
}

/// Compares the proof for one leaf with the other implementation, both ways.
fn compare_inclusion(leaves: &[Hash], tree: &Oracle, index: u64) {
    let size = u64::try_from(leaves.len()).unwrap();
    let place = usize::try_from(index).unwrap();
    let (path, root) = (inclusion_proof(leaves, index).unwrap(), root(leaves));
    let theirs = tree.prove_inclusion(place);
    assert_eq!(joined(&path), theirs.as_bytes(), "leaf {index} of {size}");
    assert_eq!(verify_inclusion(leaves[place], index, size, &path, &root), Ok(()));
    let ours = InclusionProof::try_from_bytes(joined(&path)).unwrap();
    their_root(&root, size).verify_inclusion(&content(index), index, &ours).unwrap();
}

/// Compares the proof that the first `old` leaves are a beginning, both ways.
fn compare_consistency(leaves: &[Hash], tree: &Oracle, old: u64) {
    let size = u64::try_from(leaves.len()).unwrap();
    let beginning = &leaves[..usize::try_from(old).unwrap()];
    let path = consistency_proof(leaves, old).unwrap();
    assert_eq!(
        verify_consistency(old, &root(beginning), size, &root(leaves), &path),
        Ok(()),
        "{old} of {size}"
    );
    if old > 0 && old < size {
        let theirs = tree.prove_consistency(usize::try_from(size - old).unwrap());
        assert_eq!(joined(&path), theirs.as_bytes(), "{old} of {size}");
        let ours = ConsistencyProof::try_from_bytes(joined(&path)).unwrap();
        their_root(&root(leaves), size)
            .verify_consistency(&their_root(&root(beginning), old), &ours)
            .unwrap();
    }
}

#[test]
fn roots_and_proofs_equal_the_oracle_for_every_size_to_257() {
    for size in 0..=257 {
        let (leaves, tree) = (leaves(size), oracle(size));
        assert_eq!(root(&leaves).as_bytes().as_slice(), tree.root().as_bytes().as_slice(), "{size}");
        assert_eq!(inclusion_proof(&leaves, size), None);
        assert_eq!(consistency_proof(&leaves, size + 1), None);
        // Every place of small trees; of larger ones those around the powers of two and a spread.
        let near_power =
            |i: u64| (i + 1).is_power_of_two() || i.is_power_of_two() || (i + size).is_multiple_of(13);
        for index in (0..size).filter(|i| size < 40 || near_power(*i) || size - i < 3) {
            compare_inclusion(&leaves, &tree, index);
        }
        for old in (0..=size).filter(|i| size < 40 || near_power(*i) || size - i < 3) {
            compare_consistency(&leaves, &tree, old);
        }
    }
}

#[test]
fn the_frontier_gives_every_complete_node_once_and_can_be_restored() {
    let all = leaves(257);
    let mut frontier = Frontier::new();
    let mut nodes: Vec<Node> = Vec::new();
    for (size, leaf) in all.iter().enumerate() {
        assert_eq!(frontier.root(), root(&all[..size]));
        let places: Vec<_> = Frontier::places(frontier.size()).collect();
        let stored = |level: u8, index: u64| {
            if level == 0 {
                all[usize::try_from(index).unwrap()]
            } else {
                nodes.iter().find(|n| (n.level, n.index) == (level, index)).unwrap().hash
            }
        };
        let peaks: Vec<_> = places.iter().map(|(level, index)| stored(*level, *index)).collect();
        assert_eq!(frontier.parts(), (u64::try_from(size).unwrap(), peaks.as_slice()));
        assert_eq!(Frontier::from_parts(frontier.size(), peaks).unwrap(), frontier);
        nodes.extend(frontier.push(*leaf));
    }
    // 257 leaves: 128 pairs, 64 fours, … 1 of 256.
    assert_eq!(nodes.len(), 255);
    for node in &nodes {
        let width = 1_usize << node.level;
        let start = usize::try_from(node.index).unwrap() * width;
        assert_eq!(node.hash, root(&all[start..start + width]));
    }
    assert!(Frontier::from_parts(3, vec![Hash::ZERO]).is_err());
}

#[test]
fn proofs_from_stored_nodes_equal_those_from_leaves() {
    let all = leaves(100);
    let mut frontier = Frontier::new();
    let mut nodes = std::collections::BTreeMap::new();
    for (index, leaf) in (0_u64..).zip(&all) {
        nodes.insert((0_u8, index), *leaf);
        nodes.extend(frontier.push(*leaf).into_iter().map(|n| ((n.level, n.index), n.hash)));
    }
    let source = |level, index| nodes.get(&(level, index)).copied();
    for place in 0..100 {
        assert_eq!(inclusion_proof_from(100, place, &source), inclusion_proof(&all, place));
        assert_eq!(consistency_proof_from(100, place, &source), consistency_proof(&all, place));
        // What a store is told to fetch is enough.
        let told = inclusion_places(100, place);
        let fetched = |level, index| told.contains(&(level, index)).then(|| source(level, index)).flatten();
        assert_eq!(inclusion_proof_from(100, place, &fetched), inclusion_proof(&all, place));
        let told = consistency_places(100, place);
        let fetched = |level, index| told.contains(&(level, index)).then(|| source(level, index)).flatten();
        assert_eq!(consistency_proof_from(100, place, &fetched), consistency_proof(&all, place));
    }
    assert_eq!(inclusion_places(100, 100), []);
    assert_eq!(inclusion_proof_from(101, 3, &source), None);
}

#[test]
fn sizes_near_the_end_of_the_number_range_are_answered() {
    let path = vec![Hash::ZERO; 80];
    for size in [0, 1, 2, u64::MAX - 1, u64::MAX, 1 << 63] {
        for index in [0, 1, u64::MAX - 1, u64::MAX, 1 << 63] {
            for length in [0, 1, 2, 63, 64, 65, 80] {
                let leaf = Hash::of(b"leaf");
                assert!(verify_inclusion(leaf, index, size, &path[..length], &Hash::ZERO).is_err());
                let sizes_equal = index == size && length == 0;
                let consistent = verify_consistency(index, &Hash::ZERO, size, &Hash::ZERO, &path[..length]);
                assert_eq!(
                    consistent.is_ok(),
                    sizes_equal && size > 0,
                    "{index} {size} {length}: {consistent:?}"
                );
            }
        }
    }
    assert_eq!(verify_inclusion(Hash::ZERO, 1, 1, &[], &Hash::ZERO), Err(ProofError::OutsideTree));
    assert_eq!(verify_consistency(2, &Hash::ZERO, 1, &Hash::ZERO, &[]), Err(ProofError::OutsideTree));
}

#[test]
fn a_path_has_one_length_for_its_place_and_size() {
    for size in 1_u64..70 {
        let all = leaves(size);
        for (index, leaf) in (0_u64..).zip(&all) {
            let path = inclusion_proof(&all, index).unwrap();
            let longer = [path.as_slice(), &[Hash::ZERO]].concat();
            assert_eq!(root_by_path(*leaf, index, size, &longer), Err(ProofError::WrongLength));
            for length in 0..path.len() {
                let shorter = root_by_path(*leaf, index, size, &path[..length]);
                assert_eq!(shorter, Err(ProofError::WrongLength), "{index} of {size}");
            }
        }
    }
}

/// One way to spoil a proof.
#[derive(Debug, Clone)]
enum Spoil {
    Flip(prop::sample::Index, u8),
    Drop(prop::sample::Index),
    Insert(prop::sample::Index, Hash),
    Swap(prop::sample::Index, prop::sample::Index),
}

fn spoil() -> impl Strategy<Value = Spoil> {
    let place = any::<prop::sample::Index>;
    prop_oneof![
        (place(), any::<u8>()).prop_map(|(p, b)| Spoil::Flip(p, b)),
        place().prop_map(Spoil::Drop),
        (place(), digest()).prop_map(|(p, h)| Spoil::Insert(p, h)),
        (place(), place()).prop_map(|(a, b)| Spoil::Swap(a, b)),
    ]
}

fn spoiled(path: &[Hash], spoil: &Spoil) -> Vec<Hash> {
    let mut path = path.to_vec();
    match spoil {
        Spoil::Insert(place, hash) => path.insert(place.index(path.len() + 1), *hash),
        _ if path.is_empty() => {}
        Spoil::Flip(place, bit) => {
            let place = place.index(path.len());
            let mut bytes = *path[place].as_bytes();
            bytes[usize::from(bit / 8)] ^= 1 << (bit % 8);
            path[place] = Hash::from_bytes(bytes);
        }
        Spoil::Drop(place) => {
            path.remove(place.index(path.len()));
        }
        Spoil::Swap(a, b) => {
            let (a, b) = (a.index(path.len()), b.index(path.len()));
            path.swap(a, b);
        }
    }
    path
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn a_changed_proof_never_verifies(size in 1_u64..300, at in any::<prop::sample::Index>(), spoil in spoil()) {
        let all = leaves(size);
        let place = at.index(all.len());
        let index = u64::try_from(place).unwrap();
        let root_now = root(&all);

        let path = inclusion_proof(&all, index).unwrap();
        let bad = spoiled(&path, &spoil);
        prop_assert_eq!(verify_inclusion(all[place], index, size, &bad, &root_now).is_ok(), bad == path);

        let path = consistency_proof(&all, index).unwrap();
        let bad = spoiled(&path, &spoil);
        let verdict = verify_consistency(index, &root(&all[..place]), size, &root_now, &bad);
        prop_assert_eq!(verdict.is_ok(), bad == path);
    }

    #[test]
    fn a_proof_for_another_leaf_place_or_root_never_verifies(size in 2_u64..300, a in any::<prop::sample::Index>(), b in any::<prop::sample::Index>(), other in digest()) {
        let all = leaves(size);
        let (a, b) = (a.index(all.len()), b.index(all.len()));
        prop_assume!(a != b);
        let index = u64::try_from(a).unwrap();
        let (path, root_now) = (inclusion_proof(&all, index).unwrap(), root(&all));
        prop_assert!(verify_inclusion(all[b], index, size, &path, &root_now).is_err());
        prop_assert!(verify_inclusion(all[a], u64::try_from(b).unwrap(), size, &path, &root_now).is_err());
        prop_assert!(verify_inclusion(all[a], index, size, &path, &other).is_err());
        let path = consistency_proof(&all, index).unwrap();
        prop_assert!(verify_consistency(index, &other, size, &root_now, &path).is_err());
        if a > 0 {
            prop_assert!(verify_consistency(index, &root(&all[..a]), size, &other, &path).is_err());
        }
    }
}

proptest! {
    // Each case builds two trees of up to 4,096 leaves.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    #[test]
    fn large_trees_equal_the_oracle(size in 258_u64..=4096, a in any::<prop::sample::Index>(), b in any::<prop::sample::Index>()) {
        let (leaves, tree) = (leaves(size), oracle(size));
        assert_eq!(root(&leaves).as_bytes().as_slice(), tree.root().as_bytes().as_slice());
        compare_inclusion(&leaves, &tree, u64::try_from(a.index(leaves.len())).unwrap());
        compare_consistency(&leaves, &tree, u64::try_from(b.index(leaves.len())).unwrap());
    }
}
