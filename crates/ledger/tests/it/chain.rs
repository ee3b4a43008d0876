//! One stream: what breaks its chain, and what its commitments promise.

use proptest::prelude::*;
use qadiya_ledger::{
    Hash, Value,
    chain::{ChainFault, Head, Seal, event_hash, verify_chain, verify_sealed_chain},
    commitment::{Salt, commit, verify},
};

use crate::support::{Row, stream, text, value};

fn check(rows: &[Row]) -> Result<Head, ChainFault> {
    verify_sealed_chain("case/1", rows.iter().map(Row::link))
}

#[test]
fn an_untouched_stream_verifies_to_its_head() {
    let rows = stream("case/1", 5);
    assert_eq!(check(&rows), Ok(Head { seq: 5, hash: rows[4].hash }));
    assert_eq!(verify_chain(rows.iter().map(Row::link)), check(&rows));
    assert_eq!(check(&[]), Ok(Head::EMPTY));
    assert_eq!(
        Seal::read(&rows[0].bytes).unwrap(),
        Seal { stream: "case/1".into(), seq: 1, prev: Hash::ZERO }
    );
}

#[test]
fn a_deleted_event_is_a_gap() {
    let mut rows = stream("case/1", 4);
    rows.remove(1);
    assert_eq!(check(&rows), Err(ChainFault::Gap { expected: 2, found: 3 }));
    assert_eq!(check(&rows[1..]), Err(ChainFault::Gap { expected: 1, found: 3 }));
}

#[test]
fn a_changed_byte_is_another_hash() {
    let mut rows = stream("case/1", 3);
    rows[1].bytes[10] ^= 1;
    assert!(matches!(check(&rows), Err(ChainFault::HashMismatch { seq: 2, .. })));
    // Whoever also mends the hash column breaks the next link.
    rows[1].bytes[10] ^= 1;
    let text = String::from_utf8(rows[1].bytes.clone()).unwrap().replace("recorded", "released");
    rows[1].bytes = text.into_bytes();
    rows[1].hash = event_hash(&rows[1].bytes);
    assert!(matches!(check(&rows), Err(ChainFault::PrevMismatch { seq: 3, .. })));
}

#[test]
fn renumbering_after_a_deletion_shows_in_the_bytes() {
    let mut rows = stream("case/1", 3);
    rows.remove(1);
    rows[1].seq = 2;
    rows[1].prev = rows[0].hash;
    // The columns look right; the bytes say where the event belongs.
    assert!(verify_chain(rows.iter().map(Row::link)).is_ok());
    assert_eq!(
        check(&rows),
        Err(ChainFault::Misplaced { seq: 2, says_stream: "case/1".into(), says_seq: 3 })
    );
    let foreign = stream("case/2", 1);
    assert!(matches!(check(&foreign), Err(ChainFault::Misplaced { seq: 1, .. })));
}

#[test]
fn a_column_that_differs_from_the_bytes_is_found() {
    let first = &stream("case/1", 1)[0];
    let mut second = stream("case/1", 2).remove(1);
    let text = String::from_utf8(second.bytes).unwrap();
    second.bytes = text.replace(&first.hash.to_string(), &Hash::of(b"other").to_string()).into_bytes();
    second.hash = event_hash(&second.bytes);
    assert!(matches!(check(&[first.clone(), second]), Err(ChainFault::PrevColumn { seq: 2, .. })));
    let bytes = b"[1]".to_vec();
    let row = Row { stream: "case/1".into(), seq: 1, hash: event_hash(&bytes), bytes, prev: Hash::ZERO };
    assert!(matches!(check(&[row]), Err(ChainFault::Unreadable { seq: 1, .. })));
}

#[test]
fn a_salt_is_not_shown() {
    let salt = Salt::from_bytes([0xAB; 32]);
    assert_eq!(format!("{salt:?}"), "Salt(..)");
    let text = serde_json::to_string(&salt).unwrap();
    assert_eq!(text, format!("\"{}\"", "ab".repeat(32)));
    assert_eq!(serde_json::from_str::<Salt>(&text).unwrap(), salt);
    let refused = serde_json::from_str::<Salt>(&text.replace("ab", "AB")).unwrap_err().to_string();
    assert!(!refused.contains("AB"), "{refused}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn a_commitment_binds_salt_path_and_value(
        salt in any::<[u8; 32]>(), other in any::<[u8; 32]>(), path in text(), elsewhere in text(), value in value(), changed in value(),
    ) {
        let commitment = commit(&Salt::from_bytes(salt), &path, &value);
        let holds = |salt, path: &str, value: &Value| verify(&commitment, &Salt::from_bytes(salt), path, value);
        prop_assert!(holds(salt, &path, &value));
        prop_assert_eq!(holds(other, &path, &value), other == salt);
        prop_assert_eq!(holds(salt, &elsewhere, &value), elsewhere == path);
        prop_assert_eq!(holds(salt, &path, &changed), changed == value);
    }
}
