//! Clocks that come due.

use std::time::Duration;

use qadiya_domain::ids::StreamId;
use qadiya_engine::submit::Target;
use qadiya_store::read::CaseStore as _;
use qadiya_store::work::WorkStore as _;
use qadiya_worker::{Worker, WorkerSettings};
use uuid::Uuid;

use crate::court::Court;
use crate::receiver::{Receiver, THERE};

async fn passed(court: &Court, case: StreamId) -> usize {
    court.kinds(case).await.iter().filter(|kind| *kind == "deadline-passed").count()
}

#[tokio::test]
async fn a_clock_that_starts_again_with_the_same_limit_fires_again() {
    let court = Court::new().await;
    let receiver = Receiver::answering(&[THERE]).await;
    let case = court.open().await;
    let row = || async {
        let rows = court.store.deadlines(&[case]).await.unwrap();
        rows.into_iter().find(|row| row.key.contains("reply")).unwrap().row
    };
    // No worker calls outside yet: the limit passes, and only then the answer comes.
    let silent = Worker::new(court.engine.clone(), WorkerSettings::default(), Uuid::from_u128(2));
    let first = row().await;
    court.clock.set(first.next.unwrap());
    silent.tick().await.unwrap();
    assert_eq!(passed(&court, case).await, 1);
    court.calling(&receiver).until_idle().await.unwrap();
    assert_eq!(court.main(case).await, "told");
    court.does(Target::Case(case), "again").await;
    let again = row().await;
    assert_eq!(
        (first.due, first.next, first.step),
        (again.due, again.next, again.step),
        "the same step once more"
    );
    silent.tick().await.unwrap();
    assert_eq!(passed(&court, case).await, 2);
}

#[tokio::test]
async fn a_clock_that_cannot_be_stepped_is_shown_and_starves_no_other() {
    let court = Court::new().await;
    let receiver = Receiver::answering(&[]).await;
    let (broken, whole) = (court.open().await, court.open().await);
    let rows = court.store.deadlines(&[whole]).await.unwrap();
    let due = rows.into_iter().find_map(|row| row.row.next.filter(|_| row.key.contains("reply"))).unwrap();
    // The row says that a step is due which the case does not know.
    court.store.tamper(|tables| {
        let row = tables
            .deadlines
            .iter_mut()
            .find(|((stream, key), _)| *stream == broken && key.contains("reply"))
            .unwrap();
        row.1.row.step = 99;
    });
    court.clock.set(due);
    let worker = court.calling(&receiver);
    worker.tick().await.unwrap();
    assert_eq!((passed(&court, whole).await, passed(&court, broken).await), (1, 0));
    let shown = court.jobs(true).await;
    assert_eq!(shown.len(), 1, "{shown:?}");
    assert_eq!((shown[0].stream, shown[0].fault.as_deref()), (broken, Some("not-due-in-the-case")));
    // Seen and not mended: it comes back after its wait, and not before.
    assert!(court.store.retry_job(shown[0].id, court.engine.clock().now()).await.unwrap());
    worker.tick().await.unwrap();
    worker.settled().await;
    assert_eq!(court.jobs(true).await, []);
    court.store.advance(Duration::from_mins(11));
    worker.tick().await.unwrap();
    assert_eq!(court.jobs(true).await.len(), 1);
}
