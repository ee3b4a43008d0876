//! Who saw what is durable before anything is shown.

use qadiya_domain::value::Value;
use qadiya_engine::query::{ListFilter, QueryError};
use qadiya_engine::submit::{SubmitError, Target};
use qadiya_store::access::AccessOutcome;

use super::faulty::Fault::Full;
use super::fixtures::{Court, command, note};

/// The outcomes of all requests in the order in which they were recorded.
fn outcomes(court: &Court) -> Vec<AccessOutcome> {
    court.store.inner.tamper(|tables| tables.accesses.iter().map(|record| record.outcome).collect())
}

#[tokio::test]
async fn without_an_access_record_there_is_no_data() {
    let court = Court::new().await;
    let case = court.open().await;
    let clerk = || court.viewer(&court.clerk);
    let reference = case.reference.as_str();
    for question in 0..7 {
        court.store.fail(&[Full]);
        let error = match question {
            0 => court.engine.case(&clerk(), reference).await.err(),
            1 => court.engine.stage(&clerk(), reference).await.err(),
            2 => court.engine.commands(&clerk(), reference).await.err(),
            3 => court.engine.log(&clerk(), reference, 1, 10).await.err(),
            4 => court.engine.deadlines(&clerk(), reference).await.err(),
            5 => court.engine.list(&clerk(), ListFilter::default(), None, 10).await.err(),
            _ => court.engine.oversight(&clerk()).await.err(),
        };
        assert!(matches!(error, Some(QueryError::Unavailable(_))), "question {question}: {error:?}");
    }
    assert_eq!(outcomes(&court), [AccessOutcome::Acted], "nothing was shown, so nothing is recorded");
    assert!(court.engine.case(&clerk(), reference).await.is_ok());
    assert_eq!(outcomes(&court), [AccessOutcome::Acted, AccessOutcome::Shown]);
}

#[tokio::test]
async fn a_refused_act_is_recorded_with_its_codes_before_the_answer() {
    let court = Court::new().await;
    let case = court.open().await;
    let ask = court.asking(&court.clerk, Target::Case(case.stream), command("rule"));
    let request = ask.access.as_ref().unwrap().request;
    assert!(matches!(court.engine.submit(ask.clone()).await, Err(SubmitError::Refused(_))));
    let records = court.engine.store().accesses(Some(case.stream), None, None, 10).await.unwrap();
    let record = records.iter().find(|record| record.id == request).unwrap();
    assert_eq!(record.outcome, AccessOutcome::Refused);
    assert!(record.refusals.contains(&"role".to_owned()), "{:?}", record.refusals);
    court.store.fail(&[Full]);
    let mut again = ask;
    again.access = Some(court.context("POST"));
    assert!(
        matches!(court.engine.submit(again).await, Err(SubmitError::Store(_))),
        "no record, no refusal either"
    );
}

#[tokio::test]
async fn absent_and_hidden_cases_look_the_same_and_are_told_apart_in_the_access_log() {
    let court = Court::new().await;
    let case = court.open().await;
    let stranger = super::fixtures::official(&court.engine, "Stranger", "archivist").await;
    let hidden = court.engine.case(&court.viewer(&stranger), &case.reference).await.unwrap_err();
    let absent = court.engine.case(&court.viewer(&stranger), "no-such-case").await.unwrap_err();
    assert!(matches!((&hidden, &absent), (QueryError::NotFound, QueryError::NotFound)));
    let act = |target| court.asking(&stranger, target, note("hello"));
    let hidden = court.engine.submit(act(Target::Case(case.stream))).await.unwrap_err();
    let absent = court.engine.submit(act(Target::Named("no-such-case".to_owned()))).await.unwrap_err();
    assert!(
        matches!((&hidden, &absent), (SubmitError::NotFound, SubmitError::NotFound)),
        "{hidden:?} {absent:?}"
    );
    assert_eq!(
        outcomes(&court)[1..],
        [AccessOutcome::Denied, AccessOutcome::Absent, AccessOutcome::Denied, AccessOutcome::Absent]
    );
    let list = court.engine.list(&court.viewer(&stranger), ListFilter::default(), None, 10).await;
    assert!(
        matches!(list, Err(QueryError::Forbidden(_))),
        "a denied search is an error, never an empty list"
    );
}

#[tokio::test]
async fn a_prosecutor_learns_the_stage_and_nothing_else() {
    let court = Court::new().await;
    let case = court.open().await;
    let stage = court.engine.stage(&court.viewer(&court.prosecutor), &case.reference).await.unwrap();
    assert_eq!(stage.reference, case.reference);
    assert_eq!(stage.stage.as_deref(), Some("received"));
    assert_eq!(stage.since, Some(super::fixtures::start()));
    assert_eq!(stage.act.as_ref().map(|act| (act.seq, act.command.as_deref())), Some((1, Some("receive"))));
    assert_eq!(stage.next_steps, ["Write a note", "Rule"]);
    assert!(stage.next_date.is_some());
    let file = court.engine.case(&court.viewer(&court.prosecutor), &case.reference).await;
    assert!(matches!(file, Err(QueryError::Forbidden(_))), "{file:?}");
}

#[tokio::test]
async fn personal_values_come_from_the_secret_row_only() {
    let court = Court::new().await;
    let case = court.open().await;
    court.note(&case, "the brother of the witness").await.unwrap();
    let events = court.engine.store().events(case.stream, 2, 1).await.unwrap();
    assert!(
        !String::from_utf8_lossy(&events[0].bytes).contains("witness"),
        "the log holds a commitment only"
    );
    let row = court.store.inner.tamper(|tables| tables.cases.get(&case.stream).cloned()).unwrap();
    assert!(!String::from_utf8_lossy(&row.state).contains("witness"));
    let view = court.engine.case(&court.viewer(&court.clerk), &case.reference).await.unwrap();
    let shown = &view.records[&1].fields[&super::fixtures::name("text")];
    assert_eq!(shown.clear, Some(Value::Text("the brother of the witness".to_owned())));
    let log = court.engine.log(&court.viewer(&court.judge), &case.reference, 1, 1).await.unwrap();
    assert_eq!((log.events.len(), log.next), (1, Some(2)));
    let log = court.engine.log(&court.viewer(&court.judge), &case.reference, 2, 10).await.unwrap();
    assert!(
        log.events[0]
            .clear
            .values()
            .any(|value| *value == Value::Text("the brother of the witness".to_owned()))
    );
    // An erasure takes the value away, and the file still reads.
    court.store.inner.tamper(|tables| tables.events.get_mut(&(case.stream, 2)).unwrap().secret = None);
    let view = court.engine.case(&court.viewer(&court.clerk), &case.reference).await.unwrap();
    assert_eq!(view.records[&1].fields[&super::fixtures::name("text")].clear, None);
}

#[tokio::test]
async fn lists_counts_work_and_feed_agree() {
    let court = Court::new().await;
    let mut cases = Vec::new();
    for _ in 0..5 {
        cases.push(court.open().await);
    }
    court.engine.sequence_once().await.unwrap();
    let judge = || court.viewer(&court.judge);
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = court.engine.list(&judge(), ListFilter::default(), after, 2).await.unwrap();
        seen.extend(page.items.iter().map(|item| item.stream));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let mut expected: Vec<_> = cases.iter().map(|case| case.stream).collect();
    expected.sort();
    assert_eq!(seen, expected);
    let counts = court.engine.counts(&judge()).await.unwrap();
    assert_eq!(counts.rows.iter().map(|row| row.count).sum::<i64>(), 5);
    let work = court.engine.work(&judge(), None, 3).await.unwrap();
    assert_eq!(work.items.len(), 3);
    let rest = court.engine.work(&judge(), work.next, 3).await.unwrap();
    assert_eq!((rest.items.len(), rest.next), (2, None));
    assert!(
        court.engine.work(&court.viewer(&court.clerk), None, 10).await.unwrap().items.is_empty(),
        "not their office"
    );
    let feed = court.engine.feed(&judge(), 0, 1000).await.unwrap();
    assert_eq!(feed.events.len(), 5, "of cases only");
    let health = court.engine.health().await.unwrap();
    assert_eq!((health.pending, health.covered), (0, health.entries));
    assert!(health.workers_silent, "nobody works here");
    let deadlines = court.engine.deadlines(&judge(), &cases[0].reference).await.unwrap();
    assert_eq!(deadlines.len(), 1);
    let explained = deadlines[0].explanation.as_ref().unwrap();
    assert_eq!(Some(explained.due), deadlines[0].due);
    assert!(explained.days.len() > 30);
}

#[tokio::test]
async fn a_damaged_event_stands_marked_in_the_feed_and_is_shown_as_one_incident() {
    let court = Court::new().await;
    let (whole, damaged, gone) = (court.open().await, court.open().await, court.open().await);
    court.engine.sequence_once().await.unwrap();
    let clerk = || court.viewer(&court.clerk);
    let before = court.engine.feed(&clerk(), 0, 1000).await.unwrap();
    assert!(before.events.iter().all(|event| event.bytes.is_some()), "the control: {before:?}");
    assert_eq!(court.engine.store().jobs(true, None, 9).await.unwrap(), []);
    court.store.inner.tamper(|tables| {
        tables.events.get_mut(&(damaged.stream, 1)).unwrap().bytes.push(b' ');
        tables.events.remove(&(gone.stream, 1));
    });
    for _ in 0..2 {
        let after = court.engine.feed(&clerk(), 0, 1000).await.unwrap();
        assert_eq!(after.next, before.next);
        for (was, is) in before.events.iter().zip(&after.events) {
            assert_eq!((was.index, was.stream, was.seq, was.hash), (is.index, is.stream, is.seq, is.hash));
            assert_eq!(is.bytes.is_some(), was.stream == whole.stream);
        }
        let incidents = court.engine.store().jobs(true, None, 9).await.unwrap();
        let mut shown: Vec<_> = incidents.iter().map(|job| (job.stream, job.name.as_str())).collect();
        shown.sort();
        let mut expected = vec![(damaged.stream, "event"), (gone.stream, "event")];
        expected.sort();
        assert_eq!(shown, expected);
    }
}

#[tokio::test]
async fn a_value_that_its_event_does_not_vouch_for_is_marked_and_not_shown() {
    let court = Court::new().await;
    let case = court.open().await;
    court.note(&case, "as recorded").await.unwrap();
    let read = async || {
        let page = court.engine.log(&court.viewer(&court.clerk), &case.reference, 2, 1).await.unwrap();
        page.events.into_iter().next().unwrap()
    };
    let before = read().await;
    assert!(format!("{:?}", before.clear).contains("as recorded"), "{before:?}");
    assert_eq!(before.altered, Vec::<String>::new());
    court.store.inner.tamper(|tables| {
        let event = tables.events.get_mut(&(case.stream, 2)).unwrap();
        let secret = String::from_utf8(event.secret.clone().unwrap()).unwrap();
        event.secret = Some(secret.replace("as recorded", "as invented").into_bytes());
    });
    let after = read().await;
    assert!(!format!("{:?}", after.clear).contains("as invented"), "{after:?}");
    assert_eq!(after.altered.len(), 1);
}
