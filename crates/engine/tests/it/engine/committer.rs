//! Exactly once, whatever the store does.

use std::sync::atomic::Ordering;

use qadiya_domain::case::refusal::RefusalCode;
use qadiya_engine::Settings;
use qadiya_engine::submit::{Answer, Submission, SubmitError, Target};
use qadiya_ledger::canonical;
use qadiya_store::StoreError;

use super::faulty::Fault::{self, Conflict, Full, Io, Retry, UnknownAfter, UnknownBefore};
use super::fixtures::{Court, command, engine_on, new_case, note, settings};

#[tokio::test]
async fn an_accepted_command_comes_back_byte_for_byte_under_its_key() {
    let court = Court::new().await;
    let ask = court.asking(&court.clerk, new_case(), command("receive"));
    let first = court.engine.submit(ask.clone()).await.unwrap();
    let mut again = ask.clone();
    again.access = Some(court.context("POST"));
    let second = court.engine.submit(again.clone()).await.unwrap();
    assert!(!first.replayed && second.replayed);
    assert_eq!(
        (first.answer.clone(), first.receipt.clone()),
        (second.answer.clone(), second.receipt.clone())
    );
    let answer: Answer = canonical::decode(&first.answer).unwrap();
    assert_eq!((answer.version, answer.reference.clone()), (first.version, first.reference.clone()));
    let receipt = first.receipt.unwrap();
    receipt.verify(&court.engine.public_key(), &answer.events[0].hash).unwrap();

    let mut other = court.asking(&court.clerk, new_case(), note("another body"));
    other.key.clone_from(&ask.key);
    assert!(matches!(court.engine.submit(other).await, Err(SubmitError::KeyReused)));
    let mut stranger = court.asking(&court.prosecutor, Target::Case(first.stream), command("receive"));
    stranger.key.clone_from(&ask.key);
    assert!(
        matches!(court.engine.submit(stranger).await, Err(SubmitError::Refused(_))),
        "a key is its owner's only"
    );
}

#[tokio::test]
async fn every_fault_of_the_store_leaves_a_command_done_exactly_once() {
    let table: &[&[Fault]] = &[
        &[],
        &[Conflict],
        &[Conflict, Conflict, Conflict],
        &[Retry],
        &[Retry, Retry, Retry],
        &[UnknownBefore],
        &[UnknownAfter],
        &[UnknownBefore, UnknownAfter],
        &[Conflict, Retry, UnknownBefore],
    ];
    for faults in table {
        let court = Court::new().await;
        let case = court.open().await;
        court.store.fail(faults);
        let done = court.note(&case, "once").await.unwrap_or_else(|error| panic!("{faults:?}: {error:?}"));
        assert_eq!(done.version, 2, "{faults:?}");
        assert_eq!(court.events(&case).await, [1, 2], "{faults:?}");
        let accesses = court.engine.store().accesses(Some(case.stream), None, None, 10).await.unwrap();
        assert_eq!(accesses.len(), 2, "{faults:?}: one record for each request");
        assert!(court.note(&case, "and on").await.unwrap().version == 3, "{faults:?}: the cache is sound");
    }
}

#[tokio::test]
async fn four_conflicts_are_an_answer_and_write_nothing() {
    let court = Court::new().await;
    let case = court.open().await;
    court.store.fail(&[Conflict; 4]);
    let found = court.note(&case, "never").await;
    assert!(matches!(found, Err(SubmitError::Conflict { found: 1, .. })), "{found:?}");
    assert_eq!(court.events(&case).await, [1]);
}

#[tokio::test]
async fn a_full_disk_is_an_answer_and_binds_nothing() {
    let court = Court::new().await;
    let case = court.open().await;
    let ask = court.asking(&court.clerk, Target::Case(case.stream), note("room"));
    court.store.fail(&[Full]);
    let found = court.engine.submit(ask.clone()).await;
    assert!(matches!(found, Err(SubmitError::Store(StoreError::Full { .. }))), "{found:?}");
    assert_eq!(court.events(&case).await, [1]);
    let again = court.engine.submit(ask).await.unwrap();
    assert!(!again.replayed);
    assert_eq!(court.events(&case).await, [1, 2]);
}

#[tokio::test]
async fn a_failed_flush_ends_the_engine() {
    let court = Court::new().await;
    let case = court.open().await;
    court.store.fail(&[Io]);
    assert!(matches!(court.note(&case, "lost").await, Err(SubmitError::Store(StoreError::Io { .. }))));
    assert_eq!(court.fatal.load(Ordering::SeqCst), 1);
    assert!(matches!(court.note(&case, "late").await, Err(SubmitError::Stopped)));
}

#[tokio::test]
async fn one_key_twice_in_a_batch_is_done_once() {
    let court = Court::new().await;
    let case = court.open().await;
    let ask = court.asking(&court.clerk, Target::Case(case.stream), note("twice"));
    let answers = court.engine.submit_many(vec![ask.clone(), ask]).await;
    let [Ok(first), Ok(second)] = answers.as_slice() else { panic!("{answers:?}") };
    assert_eq!((first.replayed, second.replayed), (false, true));
    assert_eq!(first.answer, second.answer);
    assert_eq!(court.events(&case).await, [1, 2]);
}

#[tokio::test]
async fn commands_without_keys_for_one_case_are_chained_into_one_append() {
    let court = Court::new().await;
    let case = court.open().await;
    let before = court.store.committed();
    let asks = (0..8).map(|number| {
        let mut ask = court.asking(&court.clerk, Target::Case(case.stream), note(&format!("note {number}")));
        ask.key = None;
        ask
    });
    let answers = court.engine.submit_many(asks.collect()).await;
    let versions: Vec<u64> = answers.iter().map(|answer| answer.as_ref().unwrap().version).collect();
    assert_eq!(versions, (2..10).collect::<Vec<u64>>());
    assert_eq!(court.events(&case).await, (1..10).collect::<Vec<u64>>());
    let batches = court.store.batches.lock().unwrap();
    assert_eq!(batches.len(), before + 1, "one flush for all");
    assert_eq!(batches.last().unwrap().appends.len(), 1);
    let key = court.engine.public_key();
    for answer in &answers {
        let done = answer.as_ref().unwrap();
        let told: Answer = canonical::decode(&done.answer).unwrap();
        done.receipt.as_ref().unwrap().verify(&key, &told.events[0].hash).unwrap();
    }
}

#[tokio::test]
async fn commands_with_keys_for_one_case_share_one_flush_and_each_key_is_bound() {
    let court = Court::new().await;
    let case = court.open().await;
    let before = court.store.committed();
    let asks: Vec<_> = (0..8)
        .map(|number| court.asking(&court.clerk, Target::Case(case.stream), note(&format!("note {number}"))))
        .collect();
    let answers = court.engine.submit_many(asks.clone()).await;
    assert_eq!(court.events(&case).await, (1..10).collect::<Vec<u64>>());
    assert_eq!(court.store.committed(), before + 1, "one flush for all");
    let key = court.engine.public_key();
    for (ask, answer) in asks.into_iter().zip(answers) {
        let first = answer.unwrap();
        let told: Answer = canonical::decode(&first.answer).unwrap();
        first.receipt.as_ref().unwrap().verify(&key, &told.events[0].hash).unwrap();
        let again = Submission { access: Some(court.context("POST")), ..ask };
        let again = court.engine.submit(again).await.unwrap();
        assert!(again.replayed);
        assert_eq!((again.answer, again.receipt), (first.answer, first.receipt), "with its own receipt");
    }
}

#[tokio::test]
async fn many_cases_in_flight_share_a_flush_and_answer_each_for_itself() {
    let court = Court::new().await;
    let before = court.store.committed();
    let mut asks: Vec<_> =
        (0..40).map(|_| court.asking(&court.clerk, new_case(), command("receive"))).collect();
    asks.push(court.asking(&court.clerk, new_case(), command("rule")));
    let answers = court.engine.submit_many(asks).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 40);
    assert!(matches!(answers.last().unwrap(), Err(SubmitError::Refused(_))));
    assert!(court.store.committed() - before <= 3, "{} flushes", court.store.committed() - before);
}

#[tokio::test]
async fn a_loser_is_decided_again_and_its_batch_is_done() {
    let court = Court::new().await;
    let (stale, fresh) = (court.open().await, court.open().await);
    // Another process moves one of the cases; ours has the old state in its cache.
    let other = engine_on(&court.store, &court.clock, &court.ids, settings(&court.fatal)).await;
    other.submit(court.asking(&court.clerk, Target::Case(stale.stream), note("theirs"))).await.unwrap();
    let asks =
        [&stale, &fresh].map(|case| court.asking(&court.clerk, Target::Case(case.stream), note("ours")));
    let answers = court.engine.submit_many(asks.to_vec()).await;
    assert_eq!(answers[0].as_ref().unwrap().version, 3);
    assert_eq!(answers[1].as_ref().unwrap().version, 2);
    assert_eq!(court.events(&stale).await, [1, 2, 3]);
    other.stop().await;
}

#[tokio::test]
async fn a_version_that_was_seen_is_insisted_on() {
    let court = Court::new().await;
    let case = court.open().await;
    court.note(&case, "between").await.unwrap();
    let mut ask = court.asking(&court.clerk, Target::Case(case.stream), note("late"));
    ask.seen = Some(1);
    match court.engine.submit(ask).await {
        Err(SubmitError::Conflict { found: 2, changed }) => {
            assert_eq!(
                changed.iter().map(|event| (event.seq, event.kind.as_str())).collect::<Vec<_>>(),
                [(2, "acted")]
            );
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(court.events(&case).await, [1, 2]);
}

#[tokio::test]
async fn a_full_queue_says_so() {
    let court = Court::with(|settings| Settings { queue: 1, batch: 1, ..settings }).await;
    let asks = (0..50).map(|_| court.asking(&court.clerk, new_case(), command("receive"))).collect();
    let answers = court.engine.submit_many(asks).await;
    let busy = answers.iter().filter(|answer| matches!(answer, Err(SubmitError::Busy))).count();
    assert!(busy > 0, "some must wait");
    assert!(answers.iter().all(|answer| matches!(answer, Ok(_) | Err(SubmitError::Busy))), "{answers:?}");
}

#[tokio::test]
async fn stopping_answers_everything_that_waits() {
    let court = Court::new().await;
    let asks: Vec<_> = (0..20).map(|_| court.asking(&court.clerk, new_case(), command("receive"))).collect();
    let engine = court.engine.clone();
    let waiting = async move { engine.submit_many(asks).await };
    let (answers, ()) = tokio::join!(waiting, court.engine.stop());
    let held = court.store.inner.tamper(|tables| tables.cases.len());
    let done = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(done, held, "what was answered is stored, and nothing else");
    assert!(matches!(
        court.engine.submit(court.asking(&court.clerk, new_case(), command("receive"))).await,
        Err(SubmitError::Stopped)
    ));
}

#[tokio::test]
async fn an_alias_is_given_once() {
    let court = Court::new().await;
    let target = Target::New {
        workflow: super::fixtures::name("small-case"),
        alias: Some("A-17".to_owned()),
        group: None,
        person: None,
    };
    let first =
        court.engine.submit(court.asking(&court.clerk, target.clone(), command("receive"))).await.unwrap();
    let second = court.engine.submit(court.asking(&court.clerk, target, command("receive"))).await;
    assert!(matches!(second, Err(SubmitError::AliasTaken(_))), "{second:?}");
    let by_alias = Target::Named("A-17".to_owned());
    let found = court.engine.submit(court.asking(&court.clerk, by_alias, note("by alias"))).await.unwrap();
    assert_eq!(found.stream, first.stream);
    let spelled = Target::Named(first.reference.to_lowercase().replace('-', ""));
    assert_eq!(
        court.engine.submit(court.asking(&court.clerk, spelled, note("by number"))).await.unwrap().version,
        3
    );
}

#[tokio::test]
async fn refusals_come_all_at_once_and_bind_nothing() {
    let court = Court::new().await;
    let case = court.open().await;
    let ask = court.asking(&court.clerk, Target::Case(case.stream), command("rule"));
    let Err(SubmitError::Refused(refusals)) = court.engine.submit(ask.clone()).await else {
        panic!("not refused")
    };
    assert!(refusals.has(RefusalCode::Role), "{refusals}");
    let mut again = court.asking(&court.clerk, Target::Case(case.stream), note("same key"));
    again.key = ask.key;
    assert!(court.engine.submit(again).await.is_ok());
}
