//! The offline verifier: one test for each thing an intruder can do to the rows.

use proptest::prelude::*;
use qadiya_ledger::{
    Hash,
    chain::event_hash,
    checkpoint::Checkpoint,
    key::{Ed25519Signer, Signer},
    note::Origin,
    tree,
    verify::{Fault, LogEntry, Place, Report, StoredEvent, Verifier},
};

use crate::support::{Row, stream};

/// Everything a store holds for the verifier, in a form that tests can damage.
#[derive(Debug, Clone)]
struct Rows {
    events: Vec<Row>,
    pending: Vec<(String, u64)>,
    log: Vec<(u64, String, u64, Hash)>,
    checkpoints: Vec<String>,
}

fn origin() -> Origin {
    Origin::new("court.example/log").unwrap()
}

fn signer() -> Ed25519Signer {
    Ed25519Signer::from_seed(&[5; 32])
}

fn root_of(log: &[(u64, String, u64, Hash)]) -> Hash {
    let leaves: Vec<_> = log.iter().map(|(_, _, _, hash)| tree::leaf_hash(hash.as_bytes())).collect();
    tree::root(&leaves)
}

/// Two streams of four and three events, logged in turn, with checkpoints at 3 and 7.
fn rows() -> Rows {
    let (a, b) = (stream("case/a", 4), stream("case/b", 3));
    let order = [&a[0], &b[0], &a[1], &a[2], &b[1], &b[2], &a[3]];
    let log: Vec<_> =
        (0..).zip(order).map(|(index, row)| (index, row.stream.clone(), row.seq, row.hash)).collect();
    let checkpoints = [3, 7].map(|size: usize| checkpoint(&log[..size])).to_vec();
    Rows { events: [a, b].concat(), pending: Vec::new(), log, checkpoints }
}

fn checkpoint(log: &[(u64, String, u64, Hash)]) -> String {
    let size = u64::try_from(log.len()).unwrap();
    Checkpoint { origin: origin(), size, root: root_of(log) }.sign(&signer()).unwrap().to_string()
}

fn verify(rows: &Rows) -> Report {
    let mut verifier = Verifier::new(origin(), signer().public_key());
    for row in &rows.events {
        let (stream, seq, bytes) = (row.stream.as_str(), row.seq, row.bytes.as_slice());
        verifier.event(&StoredEvent { stream, seq, bytes, prev_hash: row.prev, hash: row.hash });
    }
    for (stream, seq) in &rows.pending {
        verifier.pending(stream, *seq);
    }
    for (index, stream, seq, hash) in &rows.log {
        verifier.entry(&LogEntry { index: *index, stream, seq: *seq, event_hash: *hash });
    }
    for checkpoint in &rows.checkpoints {
        verifier.checkpoint(checkpoint);
    }
    verifier.finish()
}

fn a(seq: u64) -> Place {
    Place::new("case/a", seq)
}

#[test]
fn untouched_rows_are_clean() {
    let report = verify(&rows());
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(
        (report.streams, report.events, report.entries, report.checkpoints, report.covered),
        (2, 7, 7, 2, 7)
    );
    let mut without_order = rows();
    without_order.checkpoints.reverse();
    assert_eq!(verify(&without_order), report);
}

#[test]
fn a_changed_byte_is_found_at_its_place() {
    let mut rows = rows();
    let text = String::from_utf8(rows.events[1].bytes.clone()).unwrap();
    rows.events[1].bytes = text.replace("recorded", "released").into_bytes();
    let computed = event_hash(&rows.events[1].bytes);
    let stored = rows.events[1].hash;
    assert_eq!(verify(&rows).faults, [Fault::ChangedBytes { at: a(2), computed, stored }]);

    // With the hash column mended, the next link and the log still show it.
    rows.events[1].hash = computed;
    assert_eq!(
        verify(&rows).faults,
        [
            Fault::BrokenLink { at: a(3), expected: computed, found: stored },
            Fault::EntryMismatch { index: 2, at: a(2) },
        ]
    );

    // A byte that makes the event unreadable is named without repeating what it says.
    let mut rows = self::rows();
    rows.events[0].bytes[0] = b'[';
    let faults = verify(&rows).faults;
    assert!(matches!(&faults[..], [Fault::ChangedBytes { .. }, Fault::UnreadableEvent { .. }]), "{faults:?}");
}

#[test]
fn a_deleted_event_is_found_in_its_stream_and_in_the_log() {
    let mut inside = rows();
    inside.events.remove(1);
    assert_eq!(
        verify(&inside).faults,
        [
            Fault::DeletedEvents { stream: "case/a".into(), first: 2, last: 2 },
            Fault::EntryWithoutEvent { index: 2, at: a(2) },
        ]
    );
    let mut tail = rows();
    tail.events.remove(3);
    assert_eq!(verify(&tail).faults, [Fault::EntryWithoutEvent { index: 6, at: a(4) }]);
    let mut whole = rows();
    whole.events.truncate(4);
    assert_eq!(verify(&whole).faults.len(), 3);
    let mut head = rows();
    head.events.remove(0);
    assert!(verify(&head).faults.contains(&Fault::DeletedEvents {
        stream: "case/a".into(),
        first: 1,
        last: 1
    }));
}

#[test]
fn a_swapped_pair_is_found_as_one() {
    for (first, second) in [(0, 1), (1, 3), (2, 3)] {
        let mut rows = rows();
        rows.events.swap(first, second);
        let (low, high) = (rows.events[second].seq, rows.events[first].seq);
        rows.events[first].seq = low;
        rows.events[second].seq = high;
        let faults = verify(&rows).faults;
        assert!(
            faults.contains(&Fault::SwappedEvents { stream: "case/a".into(), first: low, second: high }),
            "{faults:?}"
        );
        assert!(
            faults
                .iter()
                .all(|fault| matches!(fault, Fault::SwappedEvents { .. } | Fault::EntryMismatch { .. })),
            "{faults:?}"
        );
    }
}

#[test]
fn an_event_of_another_stream_is_found_misplaced() {
    let mut rows = rows();
    let foreign = stream("case/c", 4).remove(3);
    rows.events[3] = Row { stream: "case/a".into(), ..foreign };
    let faults = verify(&rows).faults;
    assert!(
        faults.contains(&Fault::MisplacedEvent { at: a(4), says: Place::new("case/c", 4) }),
        "{faults:?}"
    );
}

#[test]
fn a_changed_column_and_a_repeated_row_are_found() {
    let mut column = rows();
    column.events[2].prev = Hash::of(b"other");
    assert_eq!(verify(&column).faults, [Fault::ChangedColumn { at: a(3) }]);
    let mut twice = rows();
    twice.events.insert(2, twice.events[1].clone());
    assert_eq!(verify(&twice).faults, [Fault::RepeatedEvent { at: a(2) }]);
}

#[test]
fn an_event_outside_the_log_is_found_unless_it_waits() {
    let mut rows = rows();
    rows.events.extend(stream("case/c", 1));
    assert_eq!(verify(&rows).faults, [Fault::NotInLog { at: Place::new("case/c", 1) }]);
    rows.pending.push(("case/c".into(), 1));
    assert!(verify(&rows).is_clean());
}

#[test]
fn every_fault_of_the_log_is_found() {
    let mut hole = rows();
    hole.log.remove(4);
    let faults = verify(&hole).faults;
    assert!(faults.contains(&Fault::LogHole { expected: 4, found: 5 }), "{faults:?}");
    assert!(faults.contains(&Fault::NotInLog { at: Place::new("case/b", 2) }));
    assert!(faults.contains(&Fault::LogTooShort { entries: 6, size: 7 }));

    let mut swapped = rows();
    let (third, fourth) = (swapped.log[2].clone(), swapped.log[3].clone());
    swapped.log[2] = (2, fourth.1, fourth.2, fourth.3);
    swapped.log[3] = (3, third.1, third.2, third.3);
    let faults = verify(&swapped).faults;
    assert!(faults.contains(&Fault::LogOrder { index: 3, at: a(2) }), "{faults:?}");
    assert!(faults.iter().any(|fault| matches!(fault, Fault::CheckpointMismatch { size: 3, .. })));

    let mut twice = rows();
    twice.log.push((7, "case/a".into(), 4, twice.log[6].3));
    assert_eq!(verify(&twice).faults, [Fault::LoggedTwice { index: 7, at: a(4) }]);

    let mut other_hash = rows();
    other_hash.log[5].3 = Hash::of(b"other");
    let faults = verify(&other_hash).faults;
    assert_eq!(faults[0], Fault::EntryMismatch { index: 5, at: Place::new("case/b", 3) });
    assert!(matches!(faults[1..], [Fault::CheckpointMismatch { size: 7, .. }]));

    let mut cut = rows();
    let gone = cut.log.pop().unwrap();
    cut.pending.push((gone.1, gone.2));
    assert_eq!(verify(&cut).faults, [Fault::LogTooShort { entries: 6, size: 7 }]);
}

#[test]
fn every_fault_of_a_checkpoint_is_found() {
    let mut forged = rows();
    forged.checkpoints[1] = Checkpoint { origin: origin(), size: 7, root: root_of(&forged.log) }
        .sign(&Ed25519Signer::from_seed(&[6; 32]))
        .unwrap()
        .to_string();
    assert_eq!(verify(&forged).faults, [Fault::CheckpointNotSigned { size: Some(7) }]);
    assert_eq!(verify(&forged).covered, 3);

    let mut edited = rows();
    edited.checkpoints[1] = edited.checkpoints[1].replace("\n7\n", "\n6\n");
    assert_eq!(verify(&edited).faults, [Fault::CheckpointNotSigned { size: Some(6) }]);

    let mut broken = rows();
    broken.checkpoints[0] = "nonsense".into();
    assert!(matches!(&verify(&broken).faults[..], [Fault::CheckpointUnreadable { size: None, .. }]));

    let mut rewritten = rows();
    rewritten.log.truncate(6);
    rewritten.log[4].3 = Hash::of(b"another history");
    rewritten.checkpoints.push(checkpoint(&rewritten.log));
    let faults = verify(&rewritten).faults;
    assert!(faults.contains(&Fault::LogTooShort { entries: 6, size: 7 }), "{faults:?}");
}

#[test]
fn a_fault_prints_for_people_and_for_programs() {
    let fault = Fault::EntryMismatch { index: 5, at: a(3) };
    assert_eq!(fault.to_string(), "log entry 5: it was logged with another hash than event case/a/3 has");
    assert_eq!(
        serde_json::to_value(&fault).unwrap(),
        serde_json::json!({"fault": "entry-mismatch", "index": 5, "at": {"stream": "case/a", "seq": 3}})
    );
    assert_eq!(
        Fault::CheckpointNotSigned { size: None }.to_string(),
        "checkpoint of unknown entries: the log's signature is missing or does not hold"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn no_changed_byte_of_any_event_stays_unseen(event in 0..7_usize, at in any::<prop::sample::Index>(), change in 1..=255_u8) {
        let mut rows = rows();
        let place = at.index(rows.events[event].bytes.len());
        rows.events[event].bytes[place] ^= change;
        let seen = Place::new(rows.events[event].stream.clone(), rows.events[event].seq);
        let faults = verify(&rows).faults;
        let found = faults.iter().any(|fault| matches!(fault, Fault::ChangedBytes { at, .. } if *at == seen));
        prop_assert!(found, "{:?}", faults);
    }

    #[test]
    fn no_removed_row_stays_unseen(which in 0..16_usize) {
        let mut rows = rows();
        match which {
            0..7 => { rows.events.remove(which); }
            7..14 => { rows.log.remove(which - 7); }
            // Fewer checkpoints are no fault: each one that is there must hold.
            _ => { rows.checkpoints.remove(which - 14); }
        }
        prop_assert_eq!(verify(&rows).is_clean(), which >= 14);
    }
}
