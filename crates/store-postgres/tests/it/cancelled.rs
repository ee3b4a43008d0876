//! A future that is dropped half-way (a clerk closes the tab) must lose nothing (TRUST 3.3.1, DESIGN D9).

use std::future::{Future, poll_fn};
use std::str::FromStr as _;
use std::task::Poll;

use qadiya_store::CaseStore as _;
use qadiya_store::read::Loaded;
use qadiya_store_postgres::connections::Connections;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{Connection as _, PgConnection, Postgres, QueryBuilder};
use tokio_util::task::TaskTracker;

use crate::rows::{batch, entity, stream};
use crate::server::Database;

const ROUNDS: u32 = 200;

/// Polls a future so often and drops it.
async fn polled<F: Future>(future: F, times: u32) {
    let mut future = Box::pin(future);
    for _ in 0..times {
        let done = poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_ready())).await;
        if done {
            break;
        }
        tokio::task::yield_now().await;
    }
}

/// A pool of the driver as it comes.
async fn pool_of_one(database: &Database) -> PgPool {
    PgPoolOptions::new().max_connections(1).connect(&database.url()).await.unwrap()
}

/// Rounds in which a row was acknowledged that nobody else can see.
async fn unseen(database: &Database, pool: &PgPool, begin: impl AsyncFn(&PgPool, u32)) -> u32 {
    let mut witness = PgConnection::connect(&database.url()).await.unwrap();
    let mut unseen = 0;
    for round in 0..ROUNDS {
        begin(pool, round).await;
        let key = format!("round {round}");
        let mut insert = QueryBuilder::<Postgres>::new("INSERT INTO setting (key, value) VALUES (");
        insert.push_bind(&key).push(", '')").build().execute(pool).await.unwrap();
        let mut count = QueryBuilder::<Postgres>::new("SELECT count(*) FROM setting WHERE key = ");
        let seen: i64 = count.push_bind(&key).build_query_scalar().fetch_one(&mut witness).await.unwrap();
        unseen += u32::from(seen == 0);
    }
    unseen
}

#[tokio::test]
async fn a_begin_that_is_dropped_in_a_pool_of_the_driver_swallows_what_is_acknowledged_after_it() {
    let database = Database::migrated().await;
    let pool = pool_of_one(&database).await;
    let unseen =
        unseen(&database, &pool, async |pool, round| polled(pool.begin(), 1 + round % 4).await).await;
    assert!(unseen > 0, "the fault is gone from sqlx: its pool may be used again");
}

#[tokio::test]
async fn a_connection_whose_work_broke_off_is_never_lent_again() {
    let database = Database::migrated().await;
    let options = PgConnectOptions::from_str(&database.url()).unwrap();
    let connections = Connections::new(options, 1, |_| Box::pin(std::future::ready(Ok(()))));
    let mut witness = PgConnection::connect(&database.url()).await.unwrap();
    let (mut unseen, mut broken_off) = (0, 0);
    for round in 0..ROUNDS {
        let mut begun = None;
        polled(
            async {
                let mut lent = connections.lend().await.unwrap();
                begun = Some(());
                lent.get().begin().await.unwrap().commit().await.unwrap();
                lent.back(false).await;
                begun = None;
            },
            1 + round % 8,
        )
        .await;
        broken_off += u32::from(begun.is_some());
        let key = format!("round {round}");
        let mut lent = connections.lend().await.unwrap();
        let mut insert = QueryBuilder::<Postgres>::new("INSERT INTO setting (key, value) VALUES (");
        insert.push_bind(&key).push(", '')").build().execute(lent.get()).await.unwrap();
        lent.back(false).await;
        let mut count = QueryBuilder::<Postgres>::new("SELECT count(*) FROM setting WHERE key = ");
        let seen: i64 = count.push_bind(&key).build_query_scalar().fetch_one(&mut witness).await.unwrap();
        unseen += u32::from(seen == 0);
    }
    assert_eq!(unseen, 0);
    assert!(broken_off > 0, "no round broke off in the middle of its work");
}

#[tokio::test]
async fn work_in_a_task_of_its_own_keeps_every_acknowledged_row() {
    let database = Database::migrated().await;
    let pool = pool_of_one(&database).await;
    let tasks = TaskTracker::new();
    let unseen = unseen(&database, &pool, async |pool, round| {
        let pool = pool.clone();
        let task = tasks.spawn(async move { pool.begin().await.unwrap().rollback().await });
        polled(task, 1 + round % 4).await;
    })
    .await;
    assert_eq!(unseen, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_append_is_whole_or_absent_and_poisons_nothing() {
    let database = Database::migrated().await;
    let store = database.open().await;
    for round in 0..ROUNDS {
        polled(store.append_many(&batch(vec![entity(u128::from(round), 0)])), round % 12).await;
        // The next write is seen by all, whatever the dropped one left behind.
        store.append_many(&batch(vec![entity(u128::from(round) + 10_000, 0)])).await.unwrap();
    }
    store.close().await;
    let witness = database.open().await;
    for round in 0..u128::from(ROUNDS) {
        let rows = witness.load_many(&[stream(round), stream(round + 10_000)]).await.unwrap();
        assert!(matches!(&rows[1], Loaded::Entity(row) if row.version == 1), "round {round}");
        let events = witness.events(stream(round), 1, 9).await.unwrap().len();
        match &rows[0] {
            Loaded::Absent => assert_eq!(events, 0, "round {round}"),
            Loaded::Entity(row) => assert_eq!((row.version, events), (1, 1), "round {round}"),
            Loaded::Case(_) | Loaded::Damaged(_) => panic!("round {round}: {:?}", rows[0]),
        }
    }
}
