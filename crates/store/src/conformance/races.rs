//! Several tasks at once on one store.

use std::time::Duration;

use tokio::task::JoinSet;
use uuid::Uuid;

use super::Subject;
use super::cases::pages;
use super::make::{
    LONG, at, batch, case, clock, commit, event, job, lookup, name, next, open_case, sets, stream, version,
};
use crate::append::{BatchOutcome, DeadlineChange, Loser, StageMove};
use crate::error::StoreError;
use crate::read::{CaseFilter, CaseRow};

const WRITERS: u128 = 8;

pub async fn of_many_writers_of_one_version_exactly_one_wins(subject: &dyn Subject) {
    let store = subject.store();
    for round in 1..=20_u128 {
        commit(&*store, vec![open_case(case(round))]).await;
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let store = store.clone();
            let mut act = next(&CaseRow { state: writer.to_string().into_bytes(), ..case(round) });
            act.events[0].bytes = format!("{writer}").into_bytes();
            writers.spawn(async move { (writer, store.append_many(&batch(vec![act])).await) });
        }
        let mut winners = Vec::new();
        while let Some(ended) = writers.join_next().await {
            match ended.unwrap() {
                (writer, Ok(BatchOutcome::Committed)) => winners.push(writer),
                (_, Ok(BatchOutcome::Lost(losers))) => assert_eq!(losers, [(0, Loser::Conflict)]),
                (_, Err(StoreError::Retry { .. })) => {}
                (writer, other) => panic!("writer {writer}: {other:?}"),
            }
        }
        assert_eq!(winners.len(), 1, "round {round}");
        let events = store.events(stream(round), 1, 9).await.unwrap();
        assert_eq!(events.len(), 2);
        assert_eq!(events[1].bytes, winners[0].to_string().into_bytes());
    }
}

pub async fn of_many_takers_of_one_key_exactly_one_wins(subject: &dyn Subject) {
    let store = subject.store();
    for round in 0..20_u128 {
        let key = lookup("serial", &round.to_string());
        let mut takers = JoinSet::new();
        for taker in 0..WRITERS {
            let store = store.clone();
            let mut opens = open_case(case(round * 100 + taker));
            opens.lookups = vec![key.clone()];
            takers.spawn(async move { (opens.stream, store.append_many(&batch(vec![opens.clone()])).await) });
        }
        let mut winners = Vec::new();
        while let Some(ended) = takers.join_next().await {
            match ended.unwrap() {
                (taker, Ok(BatchOutcome::Committed)) => winners.push(taker),
                (_, Ok(BatchOutcome::Lost(losers))) => {
                    assert_eq!(losers, [(0, Loser::KeyTaken(key.clone()))]);
                }
                (_, Err(StoreError::Retry { .. })) => {}
                (taker, other) => panic!("taker {taker}: {other:?}"),
            }
        }
        assert_eq!(winners.len(), 1, "round {round}");
        assert_eq!(store.lookups(&[key]).await.unwrap(), [Some(winners[0])]);
        for taker in 0..WRITERS {
            let id = stream(round * 100 + taker);
            assert_eq!(version(&*store, id).await, u64::from(id == winners[0]));
        }
    }
}

pub async fn a_job_is_claimed_by_one_of_many_workers(subject: &dyn Subject) {
    let store = subject.store();
    let jobs: Vec<_> = (0..200).map(|n| job(n, "q", 1)).collect();
    store.queue_jobs(stream(1), &jobs).await.unwrap();
    let mut workers = JoinSet::new();
    for worker in 0..WRITERS {
        let store = store.clone();
        workers.spawn(async move {
            let queues = ["q".to_owned()];
            let mut mine = Vec::new();
            loop {
                let owner = Uuid::from_u128(worker);
                let claimed = store.claim_jobs(at(9), &queues, owner, LONG, 7).await.unwrap();
                if claimed.is_empty() {
                    return mine;
                }
                assert!(claimed.iter().all(|job| (job.attempt, job.epoch) == (1, 1)));
                mine.extend(claimed.into_iter().map(|job| job.id));
            }
        });
    }
    let mut all = workers.join_all().await.concat();
    all.sort();
    // A claim that skips rows locked by another may come back empty while work is left: what is left is claimed here.
    let queues = ["q".to_owned()];
    let rest = store.claim_jobs(at(9), &queues, Uuid::from_u128(99), LONG, 1_000).await.unwrap();
    all.extend(rest.into_iter().map(|job| job.id));
    all.sort();
    assert_eq!(all, jobs.iter().map(|job| job.id).collect::<Vec<_>>());
}

pub async fn no_old_lease_reaches_a_clock_that_starts_again(subject: &dyn Subject) {
    let store = subject.store();
    let worker = Uuid::from_u128(1);
    for round in 1..=10_u128 {
        let mut opens = open_case(case(round));
        opens.deadlines = vec![sets("a", clock(1))];
        commit(&*store, vec![opens]).await;
        let old = store.claim_clocks(at(9), worker, Duration::ZERO, 9).await.unwrap();
        let old = old.into_iter().find(|clock| clock.stream == stream(round)).unwrap();
        let mut stale = JoinSet::new();
        for _ in 0..WRITERS {
            let (store, old) = (store.clone(), old.clone());
            stale.spawn(async move {
                for _ in 0..10 {
                    store.hold_clock(old.stream, &old.key, old.epoch, Duration::ZERO).await.unwrap();
                    store.release_clock(old.stream, &old.key, old.epoch).await.unwrap();
                }
            });
        }
        let mut stops = next(&case(round));
        stops.deadlines = vec![DeadlineChange { key: "a".to_owned(), row: None }];
        commit(&*store, vec![stops]).await;
        let mut starts = next(&CaseRow { version: 2, ..case(round) });
        starts.deadlines = vec![sets("a", clock(1))];
        commit(&*store, vec![starts]).await;
        // The row is new and free: from here on nobody but the new holder may touch it.
        let new = store.claim_clocks(at(9), Uuid::from_u128(2), LONG, 9).await.unwrap();
        let new = new.into_iter().find(|clock| clock.stream == stream(round)).unwrap();
        stale.join_all().await;
        assert!(!store.release_clock(old.stream, "a", old.epoch).await.unwrap(), "round {round}");
        let others = store.claim_clocks(at(9), worker, Duration::ZERO, 99).await.unwrap();
        assert!(others.iter().all(|clock| clock.stream != stream(round)), "round {round}: it was freed");
        assert!(store.hold_clock(new.stream, "a", new.epoch, LONG).await.unwrap(), "round {round}");
    }
}

pub async fn pages_stay_whole_while_others_write(subject: &dyn Subject) {
    let store = subject.store();
    // Even numbers stand from the beginning; odd ones come while the list is read, and even ones change.
    let old: Vec<u128> = (1..=150).map(|n| n * 2).collect();
    commit(&*store, old.iter().map(|n| open_case(case(*n))).collect()).await;
    let mut writer = JoinSet::new();
    let writing = store.clone();
    writer.spawn(async move {
        for n in 0..100_u128 {
            commit(&*writing, vec![open_case(case(n * 2 + 1)), next(&case((n + 1) * 2))]).await;
        }
    });
    let mut rounds = 0_u32;
    while rounds < 3 || writer.try_join_next().is_none() {
        rounds += 1;
        let ids = pages(&*store, &CaseFilter::default(), 20).await;
        assert!(ids.is_sorted_by(|a, b| a < b), "in order, nothing twice");
        let seen: Vec<_> =
            old.iter().map(|n| stream(*n)).filter(|id| ids.binary_search(id).is_err()).collect();
        assert_eq!(seen, [], "nothing missing");
        if rounds > 3 && writer.is_empty() {
            break;
        }
    }
    writer.join_all().await;
    assert_eq!(pages(&*store, &CaseFilter::default(), 20).await.len(), 250);
}

pub async fn counts_hold_while_moves_are_folded(subject: &dyn Subject) {
    let store = subject.store();
    commit(&*store, vec![open_case(case(1))]).await;
    let mut folder = JoinSet::new();
    let folding = store.clone();
    folder.spawn(async move {
        for _ in 0..60 {
            folding.fold_stages().await.unwrap();
            tokio::task::yield_now().await;
        }
    });
    for version in 1..=60_u64 {
        let mut act = next(&CaseRow { version, head: event(stream(1), version).hash, ..case(1) });
        act.stages =
            vec![StageMove { workflow: name("detainee"), stage: Some(name("tried")), office: None, net: 1 }];
        commit(&*store, vec![act]).await;
        let counts = store.counts().await.unwrap();
        assert_eq!(counts.len(), 1);
        assert_eq!(counts[0].count, i64::try_from(version).unwrap());
    }
    folder.join_all().await;
    store.fold_stages().await.unwrap();
    assert_eq!(store.counts().await.unwrap()[0].count, 60);
    assert_eq!(store.fold_stages().await.unwrap(), 0);
    store.wait_for_work(Duration::ZERO).await;
}
