//! Leases, jobs, operations, health. No test waits: a lease of no time is over at once, and the subject lets time pass.

use std::time::Duration;

use qadiya_domain::ids::JobId;
use uuid::Uuid;

use super::Subject;
use super::make::{
    LONG, append, at, batch, case, clock, commit, full_case, hash, job, lose, next, official, open_case,
    sets, stream, version,
};
use crate::append::{Append, DeadlineRow, Loser, NewJob, Row, Settles};
use crate::read::CaseRow;
use crate::work::{DueClock, DueJob, JobRow, Operation, Settle, Started, clock_incident};
use crate::{Store, StoreError};

const WORKER: Uuid = Uuid::from_u128(0xa);
const OTHER: Uuid = Uuid::from_u128(0xb);
const AN_HOUR_AND_MORE: Duration = Duration::from_secs(3_601);

fn with_clocks(number: u128, clocks: &[(&str, i64)]) -> Append {
    let mut opens = open_case(case(number));
    opens.deadlines = clocks.iter().map(|(key, next)| sets(key, clock(*next))).collect();
    opens
}

fn due(number: u128, key: &str, next: i64, epoch: u64) -> DueClock {
    DueClock { stream: stream(number), key: key.to_owned(), step: 2, due: at(next), epoch }
}

fn settles(number: u128, version: u64, key: &str, epoch: u64) -> Append {
    let mut act = next(&CaseRow { version, ..case(number) });
    act.settles = Some(Settles::Deadline { key: key.to_owned(), epoch });
    act
}

async fn claim(store: &dyn Store, now: i64, lease: Duration) -> Vec<DueClock> {
    store.claim_clocks(at(now), WORKER, lease, 99).await.unwrap()
}

async fn claim_one(store: &dyn Store, lease: Duration) -> Option<DueJob> {
    let queues = ["q".to_owned()];
    let mut claimed = store.claim_jobs(at(99), &queues, WORKER, lease, 1).await.unwrap();
    claimed.pop()
}

pub async fn clocks_are_claimed_earliest_first_and_once(subject: &dyn Subject) {
    let store = subject.store();
    let mut idle = with_clocks(4, &[]);
    idle.deadlines = vec![sets("idle", DeadlineRow { next: None, ..clock(1) })];
    commit(
        &*store,
        vec![
            with_clocks(1, &[("b", 5), ("a", 5)]),
            with_clocks(2, &[("a", 3), ("late", 50)]),
            with_clocks(3, &[("a", 5)]),
            idle,
        ],
    )
    .await;
    let first = store.claim_clocks(at(5), WORKER, LONG, 2).await.unwrap();
    assert_eq!(first, [due(2, "a", 3, 1), due(1, "a", 5, 1)]);
    assert_eq!(store.health(at(5)).await.unwrap().overdue, 2);
    let second = store.claim_clocks(at(5), OTHER, LONG, 9).await.unwrap();
    assert_eq!(second, [due(1, "b", 5, 1), due(3, "a", 5, 1)]);
    assert_eq!(claim(&*store, 5, LONG).await, []);
    assert_eq!(store.health(at(5)).await.unwrap().overdue, 0);
}

pub async fn a_step_settled_under_an_old_epoch_changes_nothing(subject: &dyn Subject) {
    let store = subject.store();
    commit(&*store, vec![with_clocks(1, &[("a", 1)])]).await;
    let old = claim(&*store, 9, Duration::ZERO).await;
    assert_eq!(old, [due(1, "a", 1, 1)]);
    let new = store.claim_clocks(at(9), OTHER, LONG, 9).await.unwrap();
    assert_eq!(new, [due(1, "a", 1, 2)]);
    for epoch in [0, 1, 3] {
        assert_eq!(
            lose(&*store, vec![settles(1, 1, "a", epoch)]).await,
            [(0, Loser::LeaseLost)],
            "epoch {epoch}"
        );
    }
    assert_eq!(lose(&*store, vec![settles(1, 1, "b", 2)]).await, [(0, Loser::LeaseLost)]);
    assert_eq!(version(&*store, stream(1)).await, 1);
    commit(&*store, vec![settles(1, 1, "a", 2)]).await;
}

pub async fn a_changed_clock_is_free_and_its_old_lease_is_void(subject: &dyn Subject) {
    let store = subject.store();
    commit(&*store, vec![with_clocks(1, &[("a", 1)])]).await;
    assert_eq!(claim(&*store, 9, LONG).await, [due(1, "a", 1, 1)]);
    // An act of a person moves the clock on while the worker holds it.
    let mut act = next(&case(1));
    act.deadlines = vec![sets("a", clock(4))];
    commit(&*store, vec![act]).await;
    assert_eq!(lose(&*store, vec![settles(1, 2, "a", 1)]).await, [(0, Loser::LeaseLost)]);
    assert!(!store.release_clock(stream(1), "a", 1).await.unwrap());
    assert_eq!(claim(&*store, 9, LONG).await, [due(1, "a", 4, 3)]);
    // The settled step writes its own next step.
    let mut step = settles(1, 2, "a", 3);
    step.deadlines = vec![sets("a", clock(8))];
    commit(&*store, vec![step]).await;
    assert_eq!(claim(&*store, 9, LONG).await, [due(1, "a", 8, 5)]);
    let mut last = settles(1, 3, "a", 5);
    last.deadlines = vec![crate::append::DeadlineChange { key: "a".to_owned(), row: None }];
    commit(&*store, vec![last]).await;
    assert_eq!(store.deadlines(&[stream(1)]).await.unwrap(), []);
}

pub async fn a_clock_that_starts_again_fits_no_lease_of_before(subject: &dyn Subject) {
    let store = subject.store();
    commit(&*store, vec![with_clocks(1, &[("a", 1)])]).await;
    let mut seen = std::collections::BTreeSet::new();
    for version in (1..9).step_by(2) {
        // Claimed several times, so that counting from where the row began would meet the old numbers again.
        for _ in 0..version {
            let held = claim(&*store, 9, Duration::ZERO).await.remove(0);
            assert!(seen.insert(held.epoch), "epoch {} twice", held.epoch);
            assert_eq!(seen.last(), Some(&held.epoch), "epochs only rise");
        }
        let mut stops = next(&CaseRow { version, ..case(1) });
        stops.deadlines = vec![crate::append::DeadlineChange { key: "a".to_owned(), row: None }];
        commit(&*store, vec![stops]).await;
        let mut starts = next(&CaseRow { version: version + 1, ..case(1) });
        starts.deadlines = vec![sets("a", clock(1))];
        commit(&*store, vec![starts]).await;
    }
    let held = claim(&*store, 9, LONG).await.remove(0);
    for old in seen {
        assert!(!store.hold_clock(stream(1), "a", old, LONG).await.unwrap(), "epoch {old}");
        assert!(!store.release_clock(stream(1), "a", old).await.unwrap(), "epoch {old}");
        assert_eq!(lose(&*store, vec![settles(1, 9, "a", old)]).await, [(0, Loser::LeaseLost)]);
    }
    commit(&*store, vec![settles(1, 9, "a", held.epoch)]).await;
}

pub async fn an_append_takes_back_the_jobs_its_case_waits_for_no_longer(subject: &dyn Subject) {
    let store = subject.store();
    let mut opens = open_case(case(1));
    opens.jobs = vec![job(1, "q", 1), job(2, "q", 1), job(3, "q", 1)];
    let mut other = open_case(case(2));
    other.jobs = vec![job(4, "q", 1)];
    commit(&*store, vec![opens, other]).await;
    // One is held by a worker, one was given up: both go.
    let held = claim_one(&*store, LONG).await.unwrap();
    store.raise_incident(stream(1), &job(2, "q", 1), "status-500").await.unwrap();
    let mut act = next(&case(1));
    act.cancels = vec![held.id, job(2, "q", 1).id, job(4, "q", 1).id, job(9, "q", 1).id];
    // What belongs to another stream is not this one's to take back.
    commit(&*store, vec![act]).await;
    let left: Vec<JobId> = store.jobs(false, None, 9).await.unwrap().into_iter().map(|job| job.id).collect();
    assert_eq!(left, [job(3, "q", 1).id, job(4, "q", 1).id]);
    assert!(!store.extend_job(held.id, held.epoch, LONG).await.unwrap());
    assert!(!store.settle_job(held.id, held.epoch, &Settle::Done).await.unwrap());
    // An append that loses takes nothing back.
    let mut late = next(&case(1));
    late.cancels = vec![job(3, "q", 1).id];
    assert_eq!(lose(&*store, vec![late]).await, [(0, Loser::Conflict)]);
    assert_eq!(store.jobs(false, None, 9).await.unwrap().len(), 2);
    // Nor can one cancel what it queues or settles.
    let mut broken = next(&CaseRow { version: 2, ..case(1) });
    broken.jobs = vec![job(5, "q", 1)];
    broken.cancels = vec![job(5, "q", 1).id];
    let refused = store.append_many(&batch(vec![broken])).await;
    assert!(matches!(refused, Err(StoreError::Other { .. })), "{refused:?}");
}

pub async fn a_settled_step_that_leaves_its_row_is_free_again(subject: &dyn Subject) {
    let store = subject.store();
    commit(&*store, vec![with_clocks(1, &[("a", 1)])]).await;
    assert_eq!(claim(&*store, 9, LONG).await.len(), 1);
    commit(&*store, vec![settles(1, 1, "a", 1)]).await;
    assert_eq!(claim(&*store, 9, LONG).await, [due(1, "a", 1, 2)]);
}

pub async fn a_clock_is_given_back(subject: &dyn Subject) {
    let store = subject.store();
    commit(&*store, vec![with_clocks(1, &[("a", 1), ("b", 2)])]).await;
    assert_eq!(claim(&*store, 9, LONG).await.len(), 2);
    assert!(!store.release_clock(stream(1), "a", 7).await.unwrap());
    assert!(!store.release_clock(stream(2), "a", 1).await.unwrap());
    assert!(store.release_clock(stream(1), "a", 1).await.unwrap());
    assert_eq!(claim(&*store, 9, LONG).await, [due(1, "a", 1, 2)]);
}

pub async fn a_clock_is_held_by_its_lease_only(subject: &dyn Subject) {
    let store = subject.store();
    commit(&*store, vec![with_clocks(1, &[("a", 1)])]).await;
    assert_eq!(claim(&*store, 9, LONG).await.len(), 1);
    assert!(!store.hold_clock(stream(1), "a", 7, LONG).await.unwrap());
    assert!(store.hold_clock(stream(1), "a", 1, LONG.saturating_mul(2)).await.unwrap());
    subject.let_pass(AN_HOUR_AND_MORE).await;
    assert_eq!(claim(&*store, 9, LONG).await, []);
    subject.let_pass(AN_HOUR_AND_MORE).await;
    assert_eq!(claim(&*store, 9, LONG).await, [due(1, "a", 1, 2)]);
}

pub async fn a_postponed_job_has_not_been_tried(subject: &dyn Subject) {
    let store = subject.store();
    store.queue_jobs(stream(1), &[job(1, "q", 1)]).await.unwrap();
    let held = claim_one(&*store, LONG).await.unwrap();
    let later = Settle::Postponed { run_at: at(5), fault: "no-channel".to_owned() };
    assert!(store.settle_job(held.id, held.epoch, &later).await.unwrap());
    let row = store.jobs(false, None, 9).await.unwrap().remove(0);
    assert_eq!((row.attempt, row.run_at, row.fault.as_deref()), (0, at(5), Some("no-channel")));
    assert!(!store.settle_job(held.id, held.epoch + 1, &later).await.unwrap());
}

pub async fn an_incident_is_raised_once(subject: &dyn Subject) {
    let store = subject.store();
    let shown = clock_incident(stream(1), "a", at(3));
    for fault in ["first", "second"] {
        store.raise_incident(stream(1), &shown, fault).await.unwrap();
    }
    let other = clock_incident(stream(1), "b", at(3));
    assert_ne!(shown.id, other.id);
    let rows = store.jobs(true, None, 9).await.unwrap();
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!((rows[0].id, rows[0].fault.as_deref(), rows[0].run_at), (shown.id, Some("second"), at(3)));
    // Seen, and raised again before it was carried out: an incident still.
    assert!(store.retry_job(shown.id, at(4)).await.unwrap());
    assert_eq!(store.jobs(true, None, 9).await.unwrap(), []);
    store.raise_incident(stream(1), &shown, "third").await.unwrap();
    assert_eq!(store.jobs(true, None, 9).await.unwrap().len(), 1);
}

pub async fn a_lease_of_no_time_is_over_at_once(subject: &dyn Subject) {
    let store = subject.store();
    let mut opens = with_clocks(1, &[("a", 1)]);
    opens.jobs = vec![job(1, "q", 1)];
    commit(&*store, vec![opens]).await;
    for epoch in 1..=5 {
        assert_eq!(claim(&*store, 9, Duration::ZERO).await, [due(1, "a", 1, epoch)]);
        assert_eq!(claim_one(&*store, Duration::ZERO).await.map(|job| job.epoch), Some(epoch));
    }
}

pub async fn a_lease_ends_when_its_time_has_passed(subject: &dyn Subject) {
    let store = subject.store();
    let mut opens = with_clocks(1, &[("a", 1)]);
    opens.jobs = vec![job(1, "q", 1)];
    commit(&*store, vec![opens]).await;
    assert_eq!(claim(&*store, 9, LONG).await.len(), 1);
    assert!(claim_one(&*store, LONG).await.is_some());
    subject.let_pass(LONG / 2).await;
    assert_eq!(claim(&*store, 9, LONG).await, []);
    assert_eq!(claim_one(&*store, LONG).await, None);
    subject.let_pass(AN_HOUR_AND_MORE / 2).await;
    assert_eq!(claim(&*store, 9, LONG).await, [due(1, "a", 1, 2)]);
    assert_eq!(claim_one(&*store, LONG).await.map(|job| (job.epoch, job.attempt)), Some((2, 2)));
}

pub async fn jobs_are_claimed_by_queue_earliest_first(subject: &dyn Subject) {
    let store = subject.store();
    let mut opens = open_case(full_case(1));
    let whole = NewJob { seq: 7, principal: Some(official(3)), ..job(4, "b", 2) };
    opens.jobs = vec![job(3, "a", 5), job(2, "a", 5), whole.clone(), job(1, "c", 1), job(5, "a", 50)];
    commit(&*store, vec![opens]).await;
    let ab = ["a".to_owned(), "b".to_owned()];
    let claimed = store.claim_jobs(at(5), &ab, WORKER, LONG, 2).await.unwrap();
    let got = |job: NewJob| DueJob {
        id: job.id,
        stream: stream(1),
        seq: job.seq,
        name: job.name,
        queue: job.queue,
        payload: job.payload,
        principal: job.principal,
        attempt: 1,
        epoch: 1,
    };
    assert_eq!(claimed, [got(whole), got(job(2, "a", 5))]);
    assert_eq!(store.claim_jobs(at(5), &ab, OTHER, LONG, 9).await.unwrap(), [got(job(3, "a", 5))]);
    assert_eq!(store.claim_jobs(at(5), &ab, WORKER, LONG, 9).await.unwrap(), []);
    assert_eq!(store.claim_jobs(at(5), &[], WORKER, LONG, 9).await.unwrap(), []);
    let all: Vec<JobId> = store.jobs(false, None, 99).await.unwrap().iter().map(|job| job.id).collect();
    assert_eq!(all, [1, 2, 3, 4, 5].map(|n| job(n, "a", 1).id));
    let page = store.jobs(false, Some(job(2, "a", 1).id), 2).await.unwrap();
    assert_eq!(
        page[0],
        JobRow {
            id: job(3, "a", 5).id,
            stream: stream(1),
            name: "notice".to_owned(),
            queue: "a".to_owned(),
            attempt: 1,
            run_at: at(5),
            fault: None,
            incident: false,
        }
    );
    assert_eq!(page.len(), 2);
}

pub async fn a_known_job_is_not_queued_again(subject: &dyn Subject) {
    let store = subject.store();
    store.queue_jobs(stream(1), &[job(1, "q", 1), job(2, "q", 2)]).await.unwrap();
    let changed = NewJob { queue: "other".to_owned(), ..job(1, "q", 50) };
    store.queue_jobs(stream(2), std::slice::from_ref(&changed)).await.unwrap();
    let mut opens = open_case(case(2));
    opens.jobs = vec![changed, job(3, "q", 3), job(3, "q", 4)];
    commit(&*store, vec![opens]).await;
    let rows = store.jobs(false, None, 9).await.unwrap();
    let seen: Vec<_> = rows.iter().map(|row| (row.stream, row.queue.as_str(), row.run_at)).collect();
    assert_eq!(seen, [(stream(1), "q", at(1)), (stream(1), "q", at(2)), (stream(2), "q", at(3))]);
    store.queue_jobs(stream(1), &[]).await.unwrap();
}

pub async fn a_job_runs_again_after_a_fault(subject: &dyn Subject) {
    let store = subject.store();
    store.queue_jobs(stream(1), &[job(1, "q", 1)]).await.unwrap();
    let held = claim_one(&*store, LONG).await.unwrap();
    let again = Settle::Again { run_at: at(30), fault: "net-down".to_owned() };
    assert!(!store.settle_job(held.id, held.epoch + 1, &again).await.unwrap());
    assert!(store.settle_job(held.id, held.epoch, &again).await.unwrap());
    let row = store.jobs(false, None, 9).await.unwrap().remove(0);
    assert_eq!((row.run_at, row.fault.as_deref(), row.incident), (at(30), Some("net-down"), false));
    let queues = ["q".to_owned()];
    assert_eq!(store.claim_jobs(at(29), &queues, WORKER, LONG, 1).await.unwrap(), []);
    let held = store.claim_jobs(at(30), &queues, WORKER, LONG, 1).await.unwrap().remove(0);
    assert_eq!((held.attempt, held.epoch), (2, 2));
    assert!(store.settle_job(held.id, held.epoch, &Settle::Done).await.unwrap());
    assert!(!store.settle_job(held.id, held.epoch, &Settle::Done).await.unwrap());
    assert_eq!(store.jobs(false, None, 9).await.unwrap(), []);
}

pub async fn a_job_handed_back_has_not_been_tried(subject: &dyn Subject) {
    let store = subject.store();
    store.queue_jobs(stream(1), &[job(1, "q", 1)]).await.unwrap();
    let held = claim_one(&*store, LONG).await.unwrap();
    assert!(store.settle_job(held.id, held.epoch, &Settle::HandBack).await.unwrap());
    let held = claim_one(&*store, LONG).await.unwrap();
    assert_eq!((held.attempt, held.epoch), (1, 2));
}

pub async fn an_incident_waits_for_people_and_runs_again(subject: &dyn Subject) {
    let store = subject.store();
    store.queue_jobs(stream(1), &[job(1, "q", 1), job(2, "q", 2)]).await.unwrap();
    let held = claim_one(&*store, Duration::ZERO).await.unwrap();
    let gives_up = Settle::Incident { fault: "poison".to_owned() };
    assert!(store.settle_job(held.id, held.epoch, &gives_up).await.unwrap());
    // Nothing moves an incident but people.
    assert!(!store.settle_job(held.id, held.epoch, &Settle::Done).await.unwrap());
    assert!(!store.extend_job(held.id, held.epoch, LONG).await.unwrap());
    let mut act = open_case(case(1));
    act.settles = Some(Settles::Job { id: held.id, epoch: held.epoch, incident: None });
    assert_eq!(lose(&*store, vec![act]).await, [(0, Loser::LeaseLost)]);
    assert_eq!(claim_one(&*store, LONG).await.map(|job| job.id), Some(job(2, "q", 2).id));
    assert_eq!(claim_one(&*store, LONG).await, None);
    let incidents = store.jobs(true, None, 9).await.unwrap();
    assert_eq!(incidents.len(), 1);
    assert_eq!((incidents[0].id, incidents[0].fault.as_deref()), (held.id, Some("poison")));
    assert_eq!(store.health(at(9)).await.unwrap().incidents, 1);
    assert!(!store.retry_job(job(2, "q", 2).id, at(1)).await.unwrap());
    assert!(!store.retry_job(job(9, "q", 2).id, at(1)).await.unwrap());
    assert!(store.retry_job(held.id, at(5)).await.unwrap());
    assert!(!store.retry_job(held.id, at(5)).await.unwrap());
    assert_eq!(store.jobs(true, None, 9).await.unwrap(), []);
    let held = claim_one(&*store, LONG).await.unwrap();
    assert_eq!((held.attempt, held.epoch), (1, 2));
}

pub async fn a_lease_that_was_extended_holds_longer(subject: &dyn Subject) {
    let store = subject.store();
    store.queue_jobs(stream(1), &[job(1, "q", 1)]).await.unwrap();
    let held = claim_one(&*store, LONG).await.unwrap();
    subject.let_pass(LONG / 2).await;
    assert!(store.extend_job(held.id, held.epoch, LONG).await.unwrap());
    assert!(!store.extend_job(held.id, held.epoch + 1, LONG).await.unwrap());
    assert!(!store.extend_job(job(9, "q", 1).id, 1, LONG).await.unwrap());
    subject.let_pass(LONG / 2).await;
    assert_eq!(claim_one(&*store, LONG).await, None);
    subject.let_pass(AN_HOUR_AND_MORE / 2).await;
    assert_eq!(claim_one(&*store, LONG).await.map(|job| job.epoch), Some(2));
    assert!(!store.extend_job(held.id, held.epoch, LONG).await.unwrap());
}

pub async fn a_job_is_settled_by_the_append_it_causes(subject: &dyn Subject) {
    let store = subject.store();
    let mut opens = open_case(case(1));
    opens.jobs = vec![job(1, "q", 1), job(2, "q", 2)];
    commit(&*store, vec![opens]).await;
    let (one, two) = (claim_one(&*store, LONG).await.unwrap(), claim_one(&*store, LONG).await.unwrap());
    let mut act = next(&case(1));
    act.settles = Some(Settles::Job { id: one.id, epoch: one.epoch + 1, incident: None });
    assert_eq!(lose(&*store, vec![act.clone()]).await, [(0, Loser::LeaseLost)]);
    act.settles = Some(Settles::Job { id: one.id, epoch: one.epoch, incident: None });
    act.jobs = vec![job(3, "q", 3)];
    commit(&*store, vec![act]).await;
    let mut act = append(Row::Case(Box::new(CaseRow { version: 3, ..case(1) })));
    act.settles = Some(Settles::Job { id: two.id, epoch: two.epoch, incident: Some("no answer".to_owned()) });
    commit(&*store, vec![act]).await;
    let rows = store.jobs(false, None, 9).await.unwrap();
    let seen: Vec<_> = rows.iter().map(|row| (row.id, row.incident, row.fault.as_deref())).collect();
    assert_eq!(seen, [(two.id, true, Some("no answer")), (job(3, "q", 3).id, false, None)]);
}

pub async fn a_dead_worker_loses_its_leases(subject: &dyn Subject) {
    let store = subject.store();
    let mut opens = with_clocks(1, &[("a", 1), ("b", 2)]);
    opens.jobs = vec![job(1, "q", 1), job(2, "q", 2)];
    commit(&*store, vec![opens]).await;
    let long = AN_HOUR_AND_MORE * 100;
    for worker in [WORKER, OTHER] {
        store.heartbeat(worker).await.unwrap();
        assert_eq!(store.claim_clocks(at(9), worker, long, 1).await.unwrap().len(), 1);
        assert_eq!(store.claim_jobs(at(9), &["q".to_owned()], worker, long, 1).await.unwrap().len(), 1);
    }
    subject.let_pass(LONG).await;
    store.heartbeat(OTHER).await.unwrap();
    assert_eq!(store.sweep(LONG * 2).await.unwrap(), 0);
    assert_eq!(store.sweep(LONG / 2).await.unwrap(), 2);
    assert_eq!(store.sweep(LONG / 2).await.unwrap(), 0);
    assert_eq!(claim(&*store, 9, LONG).await, [due(1, "a", 1, 2)]);
    assert_eq!(claim_one(&*store, LONG).await.map(|job| job.id), Some(job(1, "q", 1).id));
    assert_eq!(claim_one(&*store, LONG).await, None);
}

pub async fn operations_are_kept_with_their_job(subject: &dyn Subject) {
    let store = subject.store();
    let asked = Operation {
        id: Uuid::from_u128(5),
        principal: official(1),
        kind: "export".to_owned(),
        request: "{\"سبب\":1}".as_bytes().to_vec(),
        asked: hash("asked"),
        percent: 0,
        result: None,
        created: at(1),
        updated: at(1),
    };
    assert_eq!(store.start_operation(&asked, &job(1, "q", 1)).await.unwrap(), Started::Now);
    let again = Operation { created: at(2), ..asked.clone() };
    assert_eq!(store.start_operation(&again, &job(2, "q", 1)).await.unwrap(), Started::Before);
    let other = Operation { asked: hash("another"), ..asked.clone() };
    assert_eq!(store.start_operation(&other, &job(3, "q", 1)).await.unwrap(), Started::OtherRequest);
    assert_eq!(store.operation(asked.id).await.unwrap(), Some(asked.clone()));
    assert_eq!(store.operation(Uuid::from_u128(6)).await.unwrap(), None);
    let jobs = store.jobs(false, None, 9).await.unwrap();
    assert_eq!(jobs.iter().map(|job| job.stream).collect::<Vec<_>>(), [stream(5)]);
    store.update_operation(asked.id, 40, None, at(2)).await.unwrap();
    let half = Operation { percent: 40, updated: at(2), ..asked.clone() };
    assert_eq!(store.operation(asked.id).await.unwrap(), Some(half));
    store.update_operation(asked.id, 100, Some(b"done"), at(3)).await.unwrap();
    store.update_operation(asked.id, 100, None, at(4)).await.unwrap();
    store.update_operation(Uuid::from_u128(6), 1, None, at(4)).await.unwrap();
    let done = Operation {
        percent: 100,
        result: Some(b"done".to_vec()),
        request: Vec::new(),
        updated: at(4),
        ..asked
    };
    assert_eq!(store.operation(done.id).await.unwrap(), Some(done.clone()));
    // What was asked is gone; that it was asked is still known.
    assert_eq!(store.start_operation(&again, &job(2, "q", 1)).await.unwrap(), Started::Before);
    assert_eq!(store.start_operation(&other, &job(3, "q", 1)).await.unwrap(), Started::OtherRequest);
    assert_eq!(store.operation(done.id).await.unwrap(), Some(done));
}

pub async fn health_counts_what_waits(subject: &dyn Subject) {
    let store = subject.store();
    let fresh = store.health(at(9)).await.unwrap();
    // The disk of the machine under the test may be nearly full; nothing else is wrong.
    let faults: Vec<&String> = fresh.faults.iter().filter(|fault| !fault.contains("% free")).collect();
    assert_eq!(faults, Vec::<&String>::new());
    assert_eq!((fresh.overdue, fresh.jobs, fresh.incidents, fresh.pending, fresh.entries), (0, 0, 0, 0, 0));
    assert_eq!(fresh.last_heartbeat, None);
    assert!(!fresh.database.is_empty());
    let mut opens = with_clocks(1, &[("a", 1), ("b", 2), ("late", 60)]);
    opens.jobs = vec![job(1, "q", 1), job(2, "q", 99)];
    commit(&*store, vec![opens]).await;
    store.heartbeat(WORKER).await.unwrap();
    let seen = store.health(at(9)).await.unwrap();
    assert_eq!((seen.overdue, seen.jobs, seen.incidents, seen.pending, seen.entries), (2, 2, 0, 1, 0));
    let beat = seen.last_heartbeat.unwrap();
    assert!(
        fresh.clock <= beat && beat <= seen.clock,
        "{beat} lies between {} and {}",
        fresh.clock,
        seen.clock
    );
    // A free place in the queue wakes a waiting worker, and nobody waits longer than asked.
    store.wait_for_work(Duration::ZERO).await;
}
