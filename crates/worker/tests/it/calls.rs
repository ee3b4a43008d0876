//! Jobs that call somebody outside.

use std::time::Duration;

use qadiya_store::work::{Settle, WorkStore as _};
use uuid::Uuid;

use crate::court::Court;
use crate::receiver::{BROKEN, Receiver, Says, THERE};

const LATER: Duration = Duration::from_mins(2);

#[tokio::test]
async fn an_answer_moves_the_case_through_the_command_that_the_file_declares() {
    let court = Court::new().await;
    let receiver = Receiver::answering(&[THERE]).await;
    let case = court.open().await;
    court.calling(&receiver).until_idle().await.unwrap();
    assert_eq!(court.main(case).await, "told");
    assert_eq!(court.kinds(case).await, ["acted", "acted", "job-done", "acted"]);
    assert_eq!(court.jobs(false).await, []);
    let request = receiver.requests().remove(0).to_lowercase();
    assert!(request.contains("idempotency-key: ") && request.contains(r#""received":true"#), "{request}");
}

#[tokio::test]
async fn an_address_of_the_house_is_not_called_unless_the_operator_said_so() {
    let court = Court::new().await;
    let receiver = Receiver::answering(&[THERE]).await;
    let case = court.open().await;
    court.worker(1, &receiver.address).until_idle().await.unwrap();
    assert_eq!(receiver.requests(), Vec::<String>::new());
    assert_eq!(court.main(case).await, "asking");
    assert_eq!(court.jobs(false).await[0].fault.as_deref(), Some("private-address"));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let court = Court::new().await;
    let other = Receiver::answering(&[THERE]).await;
    let to_other = format!("307 Over There\r\nLocation: {}", other.address).leak();
    let receiver = Receiver::answering(&[Says(to_other, "")]).await;
    let case = court.open().await;
    court.calling(&receiver).until_idle().await.unwrap();
    assert_eq!((receiver.requests().len(), other.requests().len()), (1, 0));
    assert_eq!(court.main(case).await, "asking");
    assert_eq!(court.jobs(false).await[0].fault.as_deref(), Some("status-307"));
}

#[tokio::test]
async fn a_channel_that_is_not_configured_uses_up_no_try() {
    let court = Court::new().await;
    let case = court.open().await;
    let mute = court.worker(2, "private:http://127.0.0.1:9/");
    let elsewhere = qadiya_worker::WorkerSettings { serves: vec!["out".to_owned()], ..Default::default() };
    let elsewhere = qadiya_worker::Worker::new(court.engine.clone(), elsewhere, Uuid::from_u128(3));
    for _ in 0..5 {
        elsewhere.until_idle().await.unwrap();
        court.pass(LATER);
    }
    let job = court.jobs(false).await.remove(0);
    assert_eq!((job.attempt, job.incident, job.fault.as_deref()), (0, false, Some("channel-not-configured")));
    mute.until_idle().await.unwrap();
    assert_eq!(court.jobs(false).await[0].fault.as_deref(), Some("no-connection"));
    assert_eq!(court.main(case).await, "asking");
}

#[tokio::test]
async fn a_job_that_gives_up_is_an_incident_and_a_human_retry_is_heard_once() {
    let court = Court::new().await;
    let receiver = Receiver::answering(&[BROKEN, BROKEN, BROKEN, BROKEN, THERE]).await;
    let case = court.open().await;
    let worker = court.calling(&receiver);
    for round in 1..=2 {
        for _ in 0..4 {
            worker.until_idle().await.unwrap();
            court.pass(LATER);
        }
        assert_eq!(receiver.requests().len(), 2 * round, "one try and one more, then people");
        let incident = court.jobs(true).await.remove(0);
        assert_eq!(incident.fault.as_deref(), Some("status-500"));
        assert!(court.store.retry_job(incident.id, court.engine.clock().now()).await.unwrap());
    }
    worker.until_idle().await.unwrap();
    assert_eq!(court.main(case).await, "told", "the answer after the retry is heard");
    assert_eq!(court.jobs(false).await, [], "and nobody calls again");
    court.pass(LATER);
    worker.until_idle().await.unwrap();
    assert_eq!(receiver.requests().len(), 5);
    let keys: std::collections::BTreeSet<String> = receiver
        .requests()
        .iter()
        .map(|request| {
            request
                .lines()
                .find(|line| line.to_lowercase().starts_with("idempotency-key"))
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(keys.len(), 1, "one message, however often it is sent");
}

#[tokio::test]
async fn tries_that_broke_off_count() {
    let court = Court::new().await;
    let receiver = Receiver::answering(&[]).await;
    court.open().await;
    // Two workers claim the job and are never heard of again.
    for number in [7, 8] {
        let queues = ["out".to_owned()];
        let now = court.engine.clock().now();
        let claimed = court.store.claim_jobs(now, &queues, Uuid::from_u128(number), LATER, 9).await.unwrap();
        assert_eq!(claimed.len(), 1);
        court.pass(LATER);
    }
    court.calling(&receiver).until_idle().await.unwrap();
    assert_eq!(receiver.requests(), Vec::<String>::new(), "a job that kills its worker is not run for ever");
    assert_eq!(court.jobs(true).await[0].fault.as_deref(), Some("broke-off"));
}

#[tokio::test]
async fn a_worker_that_lost_its_lease_writes_nothing() {
    let court = Court::new().await;
    let case = court.open().await;
    let (queues, now) = (["out".to_owned()], court.engine.clock().now());
    let old = court.store.claim_jobs(now, &queues, Uuid::from_u128(7), LATER, 9).await.unwrap().remove(0);
    court.pass(LATER);
    let receiver = Receiver::answering(&[THERE]).await;
    court.calling(&receiver).until_idle().await.unwrap();
    let done = court.kinds(case).await;
    assert!(!court.store.settle_job(old.id, old.epoch, &Settle::Done).await.unwrap());
    assert_eq!(court.kinds(case).await, done);
}

#[tokio::test]
async fn what_a_dead_worker_held_is_taken_over() {
    let court = Court::new().await;
    let case = court.open().await;
    let dead = Uuid::from_u128(7);
    court.store.heartbeat(dead).await.unwrap();
    let (queues, now) = (["out".to_owned()], court.engine.clock().now());
    let long = Duration::from_hours(24);
    assert_eq!(court.store.claim_jobs(now, &queues, dead, long, 9).await.unwrap().len(), 1);
    court.pass(LATER);
    let receiver = Receiver::answering(&[THERE]).await;
    let swept = court.calling(&receiver).until_idle().await.unwrap();
    assert_eq!(swept.freed, 1);
    assert_eq!(court.main(case).await, "told");
}

#[tokio::test]
async fn what_an_annulled_act_had_queued_does_not_go_out() {
    let court = Court::new().await;
    let receiver = Receiver::answering(&[THERE]).await;
    let (case, other) = (court.open().await, court.open().await);
    assert_eq!(court.jobs(false).await.len(), 2);
    court.annuls(case, 2).await;
    assert_eq!(court.main(case).await, "arrived");
    let left: Vec<_> = court.jobs(false).await.into_iter().map(|job| job.stream).collect();
    assert_eq!(left, [other], "it left the queue with the act, and the other case's stands");
    court.calling(&receiver).until_idle().await.unwrap();
    assert_eq!(receiver.requests().len(), 1, "only the other case asks");
    assert_eq!((court.main(case).await, court.main(other).await), ("arrived".to_owned(), "told".to_owned()));
}

#[tokio::test]
async fn a_job_that_was_given_up_is_not_let_run_again_after_its_act_was_annulled() {
    let court = Court::new().await;
    let receiver = Receiver::answering(&[BROKEN, BROKEN, THERE]).await;
    let case = court.open().await;
    let worker = court.calling(&receiver);
    for _ in 0..3 {
        worker.until_idle().await.unwrap();
        court.pass(LATER);
    }
    let incident = court.jobs(true).await.remove(0);
    court.annuls(case, 2).await;
    assert!(!court.store.retry_job(incident.id, court.engine.clock().now()).await.unwrap());
    assert_eq!(receiver.requests().len(), 2);
}

#[tokio::test]
async fn a_job_whose_case_waits_for_it_no_longer_is_not_sent_even_where_its_row_was_left() {
    let court = Court::new().await;
    let receiver = Receiver::answering(&[THERE]).await;
    let case = court.open().await;
    let row = court.store.tamper(|tables| tables.jobs.clone());
    court.annuls(case, 2).await;
    court.store.tamper(|tables| tables.jobs = row);
    court.calling(&receiver).until_idle().await.unwrap();
    assert_eq!(receiver.requests(), Vec::<String>::new());
    assert_eq!(court.jobs(false).await, []);
}
