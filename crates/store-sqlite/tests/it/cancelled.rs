//! A caller that goes away (a closed tab, a timeout) never leaves half a transaction behind (DESIGN D9).

use std::task::{Context, Waker};

use qadiya_store::append::BatchOutcome;
use qadiya_store::conformance::make::{batch, case, commit, job, open_case, stream, version};
use qadiya_store::{CaseStore as _, LedgerStore as _, WorkStore as _};
use qadiya_store_sqlite::SqliteStore;

use crate::place::fresh;

/// Each round drops the future after one more look at it.
const ROUNDS: u128 = 60;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_whose_caller_goes_away_is_whole_and_the_next_write_is_fine() {
    let (_folder, options) = fresh().await;
    let store = SqliteStore::open(&options).await.unwrap();
    for polls in 0..ROUNDS {
        let mut opens = open_case(case(polls + 1));
        opens.jobs = vec![job(polls + 1, "q", 1)];
        let written = batch(vec![opens]);
        let mut write = store.append_many(&written);
        let mut done = false;
        for _ in 0..polls {
            done = done || write.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
            if done {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(write);
        // Acknowledged, so visible to everybody and durable.
        commit(&store, vec![open_case(case(1_000 + polls))]).await;
        assert_eq!(version(&store, stream(1_000 + polls)).await, 1);
    }
    store.close().await;
    drop(store);

    let store = SqliteStore::open(&options).await.unwrap();
    for polls in 0..ROUNDS {
        let id = stream(polls + 1);
        // A call that was never looked at does nothing; one that was begun is carried out to the end by its own task.
        let expected = u64::from(polls > 0);
        assert_eq!(version(&store, id).await, expected, "dropped after {polls} polls");
        let events = store.events(id, 1, 9).await.unwrap().len();
        assert_eq!(u64::try_from(events).unwrap(), expected, "dropped after {polls} polls");
        assert_eq!(version(&store, stream(1_000 + polls)).await, 1);
    }
    let jobs = store.jobs(false, None, 1_000).await.unwrap().len();
    assert_eq!(jobs, usize::try_from(ROUNDS).unwrap() - 1);
    let waiting = store.pending(1_000).await.unwrap().len();
    assert_eq!(waiting, 2 * usize::try_from(ROUNDS).unwrap() - 1);
    let more = store.append_many(&batch(vec![open_case(case(5_000))])).await.unwrap();
    assert_eq!(more, BatchOutcome::Committed);
}
