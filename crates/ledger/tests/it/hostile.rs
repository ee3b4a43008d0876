//! Whatever comes from outside is answered, never a panic, and what is accepted writes back to itself.

use proptest::prelude::*;
use qadiya_ledger::{
    canonical,
    chain::Seal,
    checkpoint::Checkpoint,
    key::{Ed25519Signer, Signer},
    note::{Origin, SignedNote, parse_verifier_key, verifier_key},
    receipt::Receipt,
    tree::{consistency_proof, inclusion_proof, root_by_path, verify_consistency, verify_inclusion},
    verify::Verifier,
};

use crate::support::{digest, text};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn any_bytes_are_answered_by_the_readers(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(value) = canonical::parse(&bytes) {
            prop_assert_eq!(canonical::to_bytes(&value), &bytes[..]);
        }
        if let Ok(value) = canonical::parse_lenient(&bytes) {
            prop_assert_eq!(canonical::parse(&canonical::to_bytes(&value)).unwrap(), value);
        }
        prop_assert!(Seal::read(&bytes).is_err());
        prop_assert!(canonical::decode_lenient::<Receipt>(&bytes).is_err());
    }

    #[test]
    fn any_json_like_text_is_answered_by_the_readers(text in "[\\[\\]{}\",:\\\\u0-9a-f\\-. ntrue]{0,40}") {
        if let Ok(value) = canonical::parse(text.as_bytes()) {
            prop_assert_eq!(canonical::to_bytes(&value), text.as_bytes());
        }
        // Whatever we accept, another reader of JSON accepts as the same.
        if let Ok(value) = canonical::parse_lenient(text.as_bytes()) {
            let foreign: qadiya_ledger::Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(value, foreign);
        }
    }

    #[test]
    fn any_text_is_answered_by_the_note_readers(a in text(), b in text(), name in text(), encoded in "[A-Za-z0-9+/=]{0,100}") {
        let note = format!("{a}\n{b}\n\n\u{2014} {name} {encoded}\n");
        if let Ok(read) = note.parse::<SignedNote>() {
            prop_assert_eq!(read.to_string(), note.clone());
        }
        if let Ok(checkpoint) = a.parse::<Checkpoint>() {
            prop_assert_eq!(checkpoint.to_string(), a.clone());
        }
        if let Ok((origin, key)) = parse_verifier_key(&b) {
            prop_assert_eq!(verifier_key(&origin, &key), b);
        }
        let key = Ed25519Signer::from_seed(&[1; 32]).public_key();
        let mut verifier = Verifier::new(Origin::new("log").unwrap(), key);
        verifier.checkpoint(&note);
        prop_assert_eq!(verifier.finish().faults.len(), 1);
    }

    #[test]
    fn any_proof_is_answered(leaf in digest(), root in digest(), a in any::<u64>(), b in any::<u64>(), path in prop::collection::vec(digest(), 0..70)) {
        prop_assert!(verify_inclusion(leaf, a, b, &path, &root).is_err());
        prop_assert!(verify_consistency(a, &leaf, b, &root, &path).is_err());
        // A path leads somewhere exactly when it has the length that place and size ask for.
        if let Ok(reached) = root_by_path(leaf, a % 70, 70, &path) {
            prop_assert!(verify_inclusion(leaf, a % 70, 70, &path, &reached).is_ok());
        }
        prop_assert_eq!(inclusion_proof(&path, a).is_some(), a < u64::try_from(path.len()).unwrap());
        prop_assert_eq!(consistency_proof(&path, b).is_some(), b <= u64::try_from(path.len()).unwrap());
    }
}
