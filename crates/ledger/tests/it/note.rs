//! Signed notes and checkpoints.

use proptest::prelude::*;
use qadiya_ledger::{
    Hash,
    checkpoint::{Checkpoint, CheckpointError, GrowthError, check_continuation, check_growth},
    key::{Ed25519Signer, KeyError, PublicKey, Signer},
    note::{KeyId, NoteError, Origin, SignedNote, parse_verifier_key, verifier_key},
    tree,
};

use crate::support::text;

fn log() -> (Origin, Ed25519Signer) {
    (Origin::new("court.example/log").unwrap(), Ed25519Signer::from_seed(&[7; 32]))
}

#[test]
fn the_key_label_is_that_of_the_specification() {
    // The verifier key of the Go checksum database, which uses this format.
    let line = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
    let (name, key) = parse_verifier_key(line).unwrap();
    assert_eq!(name.as_str(), "sum.golang.org");
    assert_eq!(KeyId::of(&name, &key).to_string(), "033de0ae");
    assert_eq!(verifier_key(&name, &key), line);
    for bad in [
        "sum.golang.org+033de0af+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
        "sum.golang.org+033de0ae+BM4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
        "sum.golang.org+033de0ae",
        "sum golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
    ] {
        assert!(parse_verifier_key(bad).is_err(), "{bad}");
    }
}

#[test]
fn names_that_could_break_a_line_are_refused() {
    for bad in ["", "a b", "a+b", "a\nb", "a\u{a0}b", "a\u{0}b", "a\u{2028}b", "\u{85}"] {
        assert_eq!(Origin::new(bad), Err(NoteError::BadName), "{bad:?}");
        assert!(serde_json::from_value::<Origin>(serde_json::json!(bad)).is_err());
    }
    assert_eq!(Origin::new("محكمة.example/سجل").unwrap().as_str(), "محكمة.example/سجل");
}

#[test]
fn a_note_carries_several_signatures_and_each_key_is_held_to_its_own() {
    let (origin, signer) = log();
    let witness_name = Origin::new("witness.example").unwrap();
    let witness = Ed25519Signer::from_seed(&[8; 32]);
    let mut note = SignedNote::sign("one\n\ntwo\n", &origin, &signer).unwrap();
    note.add(&witness_name, &witness).unwrap();
    let written = note.to_string();
    let read: SignedNote = written.parse().unwrap();
    assert_eq!(read, note);
    assert_eq!((read.text(), read.signatures().len()), ("one\n\ntwo\n", 2));
    assert_eq!(read.verify(&origin, &signer.public_key()), Ok(()));
    assert_eq!(read.verify(&witness_name, &witness.public_key()), Ok(()));
    let unknown = Ed25519Signer::from_seed(&[9; 32]).public_key();
    assert!(matches!(read.verify(&origin, &unknown), Err(NoteError::NotSigned { .. })));
    assert!(matches!(read.verify(&witness_name, &signer.public_key()), Err(NoteError::NotSigned { .. })));
    let forged: SignedNote = written.replace("two", "too").parse().unwrap();
    assert!(matches!(forged.verify(&origin, &signer.public_key()), Err(NoteError::BadSignature { .. })));
}

#[test]
fn malformed_notes_are_refused_with_the_reason() {
    let (origin, signer) = log();
    let good = SignedNote::sign("text\n", &origin, &signer).unwrap().to_string();
    let line = good.lines().last().unwrap();
    for (note, error) in [
        (String::new(), NoteError::BadText),
        ("text\n".into(), NoteError::NoSignatures),
        ("text\n\n".into(), NoteError::NoSignatures),
        (format!("\n\n{line}\n"), NoteError::NoSignatures),
        (format!("text\n\n{line}"), NoteError::BadText),
        (format!("te\txt\n\n{line}\n"), NoteError::BadText),
        (format!("text\n\n{line}\n-- {line}\n"), NoteError::BadLine { line: 2 }),
        (format!("text\n\n{line}==\n"), NoteError::BadLine { line: 1 }),
        ("text\n\n\u{2014} name AAAAAA==\n".into(), NoteError::BadLine { line: 1 }),
        ("text\n\n\u{2014} name\n".into(), NoteError::BadLine { line: 1 }),
        (format!("text\n\n{}", format!("{line}\n").repeat(65)), NoteError::TooLarge),
        (format!("{}\n\n{line}\n", "x".repeat(1 << 20)), NoteError::TooLarge),
    ] {
        assert_eq!(SignedNote::parse(&note), Err(error), "{:?}", note.get(..80));
    }
    for text in ["", "no newline", "\n", "bell\u{7}\n"] {
        assert_eq!(SignedNote::sign(text, &origin, &signer), Err(NoteError::BadText));
    }
}

#[test]
fn a_checkpoint_is_opened_only_when_its_log_signed_it() {
    let (origin, signer) = log();
    let checkpoint = Checkpoint { origin: origin.clone(), size: 42, root: Hash::of(b"root") };
    let note = checkpoint.sign(&signer).unwrap();
    assert_eq!(Checkpoint::open(&note, &origin, &signer.public_key()), Ok(checkpoint.clone()));
    let other = Origin::new("other.example/log").unwrap();
    assert!(matches!(
        Checkpoint::open(&note, &other, &signer.public_key()),
        Err(CheckpointError::Note(NoteError::NotSigned { .. }))
    ));
    // The right key under the right name, over another log's checkpoint.
    let foreign = Checkpoint { origin: other, ..checkpoint };
    let note = SignedNote::sign(foreign.to_string(), &origin, &signer).unwrap();
    assert_eq!(Checkpoint::open(&note, &origin, &signer.public_key()), Err(CheckpointError::OtherOrigin));
}

#[test]
fn a_checkpoint_text_has_one_spelling() {
    let root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
    assert!(format!("example.com/log\n20852163\n{root}\n").parse::<Checkpoint>().is_ok());
    assert!(format!("example.com/log\n0\n{root}\n").parse::<Checkpoint>().is_ok());
    for (text, error) in [
        (format!("example.com/log\n020\n{root}\n"), CheckpointError::Size),
        (format!("example.com/log\n+20\n{root}\n"), CheckpointError::Size),
        (format!("example.com/log\n-1\n{root}\n"), CheckpointError::Size),
        (format!("example.com/log\n18446744073709551616\n{root}\n"), CheckpointError::Size),
        (format!("example.com/log\n٤\n{root}\n"), CheckpointError::Size),
        (format!("example.com/log\n20\n{}\n", root.trim_end_matches('=')), CheckpointError::Root),
        ("example.com/log\n20\nAAAA\n".into(), CheckpointError::Root),
        (format!("example.com/log\n20\n{root}"), CheckpointError::Lines),
        (format!("example.com/log\n20\n{root}\nextension\n"), CheckpointError::Lines),
        (format!("\n20\n{root}\n"), CheckpointError::Note(NoteError::BadName)),
    ] {
        assert_eq!(text.parse::<Checkpoint>(), Err(error), "{text}");
    }
}

#[test]
fn a_log_may_only_grow_from_what_it_signed() {
    let (origin, _) = log();
    let leaves: Vec<Hash> = (0..20_u8).map(|i| tree::leaf_hash(&[i])).collect();
    let at = |size: usize| Checkpoint {
        origin: origin.clone(),
        size: u64::try_from(size).unwrap(),
        root: tree::root(&leaves[..size]),
    };
    let proof = tree::consistency_proof(&leaves, 13).unwrap();
    assert_eq!(check_continuation(&at(13), &at(20), &proof), Ok(()));
    assert_eq!(check_continuation(&at(13), &at(13), &[]), Ok(()));
    assert_eq!(check_continuation(&at(0), &at(20), &[]), Ok(()));
    assert_eq!(check_growth(&at(20), &at(13)), Err(GrowthError::Shrunk { old: 20, new: 13 }));
    let rewritten = Checkpoint { root: Hash::of(b"another history"), ..at(20) };
    assert_eq!(check_growth(&at(20), &rewritten), Err(GrowthError::Contradiction { size: 20 }));
    assert!(matches!(
        check_continuation(&at(13), &rewritten, &proof),
        Err(GrowthError::NotContinued { old: 13, new: 20, .. })
    ));
    let foreign = Checkpoint { origin: Origin::new("other").unwrap(), ..at(20) };
    assert_eq!(check_growth(&at(13), &foreign), Err(GrowthError::OtherOrigin));
}

#[test]
fn a_seed_is_never_shown_and_weak_keys_are_refused() {
    let signer = Ed25519Signer::from_seed(&[0xAB; 32]);
    assert_eq!(format!("{signer:?}"), format!("Ed25519Signer({})", signer.public_key()));
    assert!(!format!("{signer:?}").contains("abab"));
    // The identity point: under it one signature serves for every message.
    let mut identity = [0; 32];
    identity[0] = 1;
    assert_eq!(PublicKey::from_bytes(&identity), Err(KeyError::NotAKey));
    let text = signer.public_key().to_string();
    assert_eq!(text.parse::<PublicKey>(), Ok(signer.public_key()));
    assert_eq!(text.to_uppercase().parse::<PublicKey>(), Err(KeyError::NotHex));
    assert_eq!(serde_json::from_value::<PublicKey>(serde_json::json!(text)).unwrap(), signer.public_key());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn whatever_can_be_signed_reads_back(text in text(), tail in text()) {
        let (origin, signer) = log();
        if let Ok(note) = SignedNote::sign(format!("{text}\n{tail}\n"), &origin, &signer) {
            let read = SignedNote::parse(&note.to_string()).unwrap();
            prop_assert_eq!(&read, &note);
            prop_assert_eq!(read.verify(&origin, &signer.public_key()), Ok(()));
        }
    }

    #[test]
    fn a_changed_checkpoint_is_never_believed(size in any::<u64>(), root in any::<[u8; 32]>(), at in any::<prop::sample::Index>(), letter in any::<char>()) {
        let (origin, signer) = log();
        let checkpoint = Checkpoint { origin: origin.clone(), size, root: Hash::from_bytes(root) };
        let written = checkpoint.sign(&signer).unwrap().to_string();
        let mut letters: Vec<char> = written.chars().collect();
        let place = at.index(letters.len());
        letters[place] = letter;
        let changed: String = letters.into_iter().collect();
        if let Ok(note) = changed.parse::<SignedNote>() {
            // The last letter of base64 holds bits that carry nothing, which the reader refuses as well.
            prop_assert_eq!(Checkpoint::open(&note, &origin, &signer.public_key()).is_ok(), changed == written);
        }
    }
}
