//! The global log, and the finding of whatever an insider changes.

use std::sync::Arc;

use qadiya_domain::ids::StreamId;
use qadiya_engine::error::EngineError;
use qadiya_engine::submit::Accepted;
use qadiya_engine::verify::{FaultKind, VerifyReport};
use qadiya_ledger::canonical;
use qadiya_ledger::chain::event_hash;
use qadiya_store::memory::Tables;

use super::fixtures::{Court, engine_on, settings};

async fn worked() -> (Court, Vec<Accepted>) {
    let court = Court::new().await;
    let mut cases = Vec::new();
    for number in 0..3 {
        let case = court.open().await;
        for said in 0..number {
            court.note(&case, &format!("note {said}")).await.unwrap();
        }
        cases.push(case);
    }
    assert!(court.engine.sequence_once().await.unwrap() > 0);
    cases.push(court.open().await);
    (court, cases)
}

async fn verify(court: &Court) -> VerifyReport {
    court.engine.verify(&|_, _| {}).await.unwrap()
}

#[tokio::test]
async fn untouched_rows_verify_clean() {
    let (court, _) = worked().await;
    let report = verify(&court).await;
    assert_eq!(report.faults, [], "{:#?}", report.faults);
    assert_eq!((report.cases, report.pending), (4, 1));
    assert_eq!((report.checkpoints, report.covered), (1, report.entries));
    court.engine.sequence_once().await.unwrap();
    let report = verify(&court).await;
    assert!(report.is_clean(), "{:#?}", report.faults);
    assert_eq!((report.checkpoints, report.pending), (2, 0));
    assert_eq!(report.events, report.entries);
}

/// Changes the text of the secret row of the third event.
fn change_secret(tables: &mut Tables, case: StreamId, change: impl Fn(&str) -> String) {
    let secret = tables.events.get_mut(&(case, 3)).unwrap().secret.as_mut().unwrap();
    let before = String::from_utf8(secret.clone()).unwrap();
    let after = change(&before);
    assert_ne!(before, after);
    *secret = after.into_bytes();
}

#[tokio::test]
async fn an_erased_secret_value_is_no_fault() {
    let (court, cases) = worked().await;
    court.store.inner.tamper(|tables| {
        tables.events.get_mut(&(cases[2].stream, 3)).unwrap().secret = None;
    });
    let report = verify(&court).await;
    assert_eq!(report.faults, [], "{:#?}", report.faults);
}

#[tokio::test]
async fn whatever_is_changed_is_found() {
    type Change = fn(&mut Tables, StreamId);
    let table: &[(&str, FaultKind, Change)] = &[
        ("a changed byte", FaultKind::Chain, |tables, case| {
            let event = tables.events.get_mut(&(case, 2)).unwrap();
            let at = event.bytes.len() / 2;
            event.bytes[at] ^= 1;
        }),
        ("a deleted event", FaultKind::Chain, |tables, case| {
            tables.events.remove(&(case, 2));
        }),
        ("a swapped pair", FaultKind::Chain, |tables, case| {
            let (two, three) = (tables.events[&(case, 2)].clone(), tables.events[&(case, 3)].clone());
            let swap = |mut event: qadiya_store::append::StoredEvent, seq| {
                event.seq = seq;
                event
            };
            tables.events.insert((case, 2), swap(three, 2));
            tables.events.insert((case, 3), swap(two, 3));
        }),
        ("a changed secret value", FaultKind::Secret, |tables, case| {
            change_secret(tables, case, |text| text.replacen("note 1", "note 7", 1));
        }),
        ("a changed salt", FaultKind::Secret, |tables, case| {
            change_secret(tables, case, |text| {
                let (head, rest) = text.split_once("\"salt\":\"").unwrap();
                let digit = if rest.starts_with('0') { "1" } else { "0" };
                let kept: String = rest.chars().skip(1).collect();
                format!("{head}\"salt\":\"{digit}{kept}")
            });
        }),
        ("a swapped pair of secret rows", FaultKind::Secret, |tables, case| {
            let [two, three] = [2, 3].map(|seq| tables.events[&(case, seq)].secret.clone());
            assert!(two.is_some() && three.is_some());
            tables.events.get_mut(&(case, 2)).unwrap().secret = three;
            tables.events.get_mut(&(case, 3)).unwrap().secret = two;
        }),
        ("an unreadable secret row", FaultKind::Secret, |tables, case| {
            change_secret(tables, case, |text| format!("{text} "));
        }),
        ("a changed case row", FaultKind::Row, |tables, case| {
            tables.cases.get_mut(&case).unwrap().office = None;
        }),
        ("a changed folded state", FaultKind::Row, |tables, case| {
            let row = tables.cases.get_mut(&case).unwrap();
            row.state =
                String::from_utf8(row.state.clone()).unwrap().replace("received", "receives").into_bytes();
        }),
        ("a changed clock", FaultKind::Deadline, |tables, case| {
            let clock = tables.deadlines.iter_mut().find(|((stream, _), _)| *stream == case).unwrap().1;
            clock.row.due = clock.row.due.map(|due| due + jiff::SignedDuration::from_hours(24));
        }),
        ("a deleted clock", FaultKind::Deadline, |tables, case| {
            tables.deadlines.retain(|(stream, _), _| *stream != case);
        }),
        ("a clock of nothing", FaultKind::Deadline, |tables, case| {
            let (key, held) = tables.deadlines.iter().find(|((stream, _), _)| *stream == case).unwrap();
            let (key, held) = ((key.0, "invented".to_owned()), held.clone());
            tables.deadlines.insert(key, held);
        }),
        ("a changed counter", FaultKind::Counter, |tables, _| {
            tables.deltas.pop();
        }),
        ("a deleted log entry", FaultKind::Log, |tables, case| {
            tables.entries.retain(|entry| entry.stream != case);
        }),
        ("a doubled log entry", FaultKind::Log, |tables, case| {
            let entry = tables.entries.iter().find(|entry| entry.stream == case).unwrap().clone();
            let index = u64::try_from(tables.entries.len()).unwrap();
            tables.entries.push(qadiya_store::ledger::LogEntry { index, ..entry });
        }),
        ("another hash in the log", FaultKind::Log, |tables, case| {
            let entry = tables.entries.iter_mut().find(|entry| entry.stream == case).unwrap();
            entry.hash = qadiya_ledger::Hash::ZERO;
        }),
        ("a changed tree node", FaultKind::Tree, |tables, _| {
            *tables.nodes.values_mut().next().unwrap() = qadiya_ledger::Hash::ZERO;
        }),
        ("a changed checkpoint", FaultKind::Checkpoint, |tables, _| {
            let checkpoint = tables.checkpoints.values_mut().next().unwrap();
            checkpoint.text = checkpoint.text.replacen("court", "other", 1);
        }),
        ("a changed definition", FaultKind::Definition, |tables, _| {
            tables.definitions.values_mut().next().unwrap().bytes.push(b'\n');
        }),
        ("a changed official", FaultKind::Row, |tables, _| {
            let official = tables
                .entities
                .values_mut()
                .find(|row| row.kind == qadiya_domain::ids::StreamKind::Official)
                .unwrap();
            official.state = String::from_utf8(official.state.clone())
                .unwrap()
                .replace("clerk", "judge")
                .replace("Clerk", "Judge")
                .replace("Judge", "Head")
                .into_bytes();
        }),
    ];
    for (what, kind, change) in table {
        let (court, cases) = worked().await;
        let case = cases[2].stream;
        court.store.inner.tamper(|tables| change(tables, case));
        let report = verify(&court).await;
        assert!(report.faults.iter().any(|fault| fault.kind == *kind), "{what}: {:#?}", report.faults);
    }
}

#[tokio::test]
async fn an_entry_that_was_never_legal_is_found_although_every_hash_is_right() {
    let (court, cases) = worked().await;
    // The insider writes a whole new case file with the right hashes: a clerk rules on the case.
    let case = &cases[3];
    court.store.inner.tamper(|tables| {
        let event = tables.events.get_mut(&(case.stream, 1)).unwrap();
        let text = String::from_utf8(event.bytes.clone()).unwrap();
        assert!(text.contains("\"role\":\"clerk\""), "{text}");
        event.bytes = text.replace("\"role\":\"clerk\"", "\"role\":\"prosecutor\"").into_bytes();
        event.hash = event_hash(&event.bytes);
        let row = tables.cases.get_mut(&case.stream).unwrap();
        let mut state: qadiya_domain::case::Case = canonical::decode(&row.state).unwrap();
        state.head = event.hash;
        row.head = event.hash;
        row.state = canonical::encode(&state).unwrap();
        for pending in &mut tables.pending {
            pending.hash = event.hash;
        }
    });
    let report = verify(&court).await;
    let kinds: Vec<FaultKind> = report.faults.iter().map(|fault| fault.kind).collect();
    assert_eq!(kinds, [FaultKind::Illegal], "{:#?}", report.faults);
}

#[tokio::test]
async fn a_log_that_contradicts_its_checkpoint_is_not_signed_again() {
    let (court, _) = worked().await;
    court.store.inner.tamper(|tables| {
        let last = tables.entries.len() - 1;
        tables.entries.truncate(last);
    });
    // A new process has nothing in memory and believes the store only.
    let second = engine_on(&court.store, &court.clock, &court.ids, settings(&court.fatal)).await;
    court.store.inner.advance(std::time::Duration::from_mins(1));
    let found = second.sequence_once().await;
    assert!(matches!(found, Err(EngineError::Log(_))), "{found:?}");
    assert!(matches!(court.engine.sequence_once().await, Ok(0) | Err(EngineError::Log(_))));
    assert_eq!(court.store.inner.tamper(|tables| tables.checkpoints.len()), 1);
}

#[tokio::test]
async fn two_sequencers_number_every_event_once() {
    let (court, _) = worked().await;
    let second = engine_on(&court.store, &court.clock, &court.ids, settings(&court.fatal)).await;
    let mut numbered = 0;
    for round in 0..10 {
        court.open().await;
        if round % 3 == 0 {
            court.store.inner.advance(std::time::Duration::from_mins(1));
        }
        let (one, two) = tokio::join!(court.engine.sequence_once(), second.sequence_once());
        numbered += one.unwrap() + two.unwrap();
    }
    court.store.inner.advance(std::time::Duration::from_mins(1));
    numbered += second.sequence_once().await.unwrap();
    let report = verify(&court).await;
    assert!(report.is_clean(), "{:#?}", report.faults);
    assert_eq!(report.pending, 0);
    assert!(numbered >= 11, "{numbered}");
}

#[tokio::test]
async fn a_store_of_another_log_is_not_opened() {
    let court = Court::new().await;
    let mut other = settings(&court.fatal);
    other.origin = "other.example/log".to_owned();
    let signer = Arc::new(qadiya_ledger::key::Ed25519Signer::from_seed(&[7; 32]));
    let found = qadiya_engine::Engine::start(
        court.store.clone(),
        court.clock.clone(),
        court.ids.clone(),
        signer,
        other,
    )
    .await;
    assert!(matches!(found, Err(EngineError::OtherLog { .. })));
}
