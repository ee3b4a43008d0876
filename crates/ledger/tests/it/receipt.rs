//! Receipts: one signature for a batch, one proof for each event.

use proptest::prelude::*;
use qadiya_ledger::{
    Hash, canonical,
    key::{Ed25519Signer, Signer},
    note::Origin,
    receipt::{Receipt, ReceiptError, SealedBatch},
};

use crate::support::digest;

fn log() -> (Origin, Ed25519Signer) {
    (Origin::new("court.example/receipts").unwrap(), Ed25519Signer::from_seed(&[3; 32]))
}

#[test]
fn each_event_of_a_batch_of_any_size_has_its_receipt() {
    let (origin, signer) = log();
    let events: Vec<Hash> = (0..33_u8).map(|i| Hash::of(&[i])).collect();
    for size in 1..=events.len() {
        let events = &events[..size];
        let batch = SealedBatch::seal(&signer, &origin, events);
        for (index, event) in (0_u64..).zip(events) {
            let receipt = batch.receipt_for(events, index).unwrap();
            assert_eq!(receipt.verify(&signer.public_key(), event), Ok(()));
        }
    }
}

#[test]
fn a_receipt_survives_storage() {
    let (origin, signer) = log();
    let events = [Hash::of(b"a"), Hash::of(b"b"), Hash::of(b"c")];
    let batch = SealedBatch::seal(&signer, &origin, &events);
    let stored: SealedBatch = canonical::decode(&canonical::encode(&batch).unwrap()).unwrap();
    let receipt = stored.receipt_for(&events, 2).unwrap();
    let sent: Receipt = serde_json::from_str(&serde_json::to_string(&receipt).unwrap()).unwrap();
    assert_eq!(sent, batch.receipt_for(&events, 2).unwrap());
    assert_eq!(sent.verify(&signer.public_key(), &events[2]), Ok(()));
}

#[test]
fn no_receipt_is_made_from_hashes_that_were_not_signed() {
    let (origin, signer) = log();
    let events = [Hash::of(b"a"), Hash::of(b"b")];
    let batch = SealedBatch::seal(&signer, &origin, &events);
    assert_eq!(batch.receipt_for(&events, 2), Err(ReceiptError::NoSuchEvent { size: 2, index: 2 }));
    assert_eq!(batch.receipt_for(&[Hash::of(b"a"), Hash::of(b"x")], 0), Err(ReceiptError::OtherHashes));
    assert_eq!(batch.receipt_for(&events[..1], 0), Err(ReceiptError::OtherHashes));
    let empty = SealedBatch::seal(&signer, &origin, &[]);
    assert_eq!(empty.receipt_for(&[], 0), Err(ReceiptError::NoSuchEvent { size: 0, index: 0 }));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn a_changed_receipt_never_verifies(
        events in prop::collection::vec(digest(), 1..20), at in any::<prop::sample::Index>(),
        which in 0..7_usize, bit in any::<u8>(), other in digest(),
    ) {
        let (origin, signer) = log();
        let place = at.index(events.len());
        let batch = SealedBatch::seal(&signer, &origin, &events);
        let good = batch.receipt_for(&events, u64::try_from(place).unwrap()).unwrap();
        let mut bad = good.clone();
        let mut event = events[place];
        match which {
            0 => bad.size = bad.size.wrapping_add(1 + u64::from(bit)),
            1 => bad.index = bad.index.wrapping_add(1 + u64::from(bit)),
            2 => bad.path.push(other),
            3 => { bad.path.pop(); }
            4 => bad.origin = Origin::new("other.example").unwrap(),
            5 => {
                let mut bytes = *bad.signature.as_bytes();
                bytes[usize::from(bit % 64)] ^= 1;
                bad.signature = qadiya_ledger::key::Signature::from_bytes(bytes);
            }
            _ => event = other,
        }
        let unchanged = bad == good && event == events[place];
        prop_assert_eq!(bad.verify(&signer.public_key(), &event).is_ok(), unchanged);
        let stranger = Ed25519Signer::from_seed(&[4; 32]).public_key();
        let is_refused = matches!(good.verify(&stranger, &events[place]), Err(ReceiptError::OtherKey { .. }));
        prop_assert!(is_refused);
    }
}
