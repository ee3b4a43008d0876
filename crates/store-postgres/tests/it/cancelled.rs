//! A future that is dropped half-way (a clerk closes the tab) must lose nothing (TRUST 3.3.1, DESIGN D9).

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use qadiya_store::CaseStore as _;
use qadiya_store::read::Loaded;
use qadiya_store_postgres::open::{Guards, guarded};
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::{Connection as _, PgConnection, Postgres, QueryBuilder};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio_util::task::TaskTracker;

use crate::rows::{batch, entity, stream};
use crate::server::{Database, number};

const ROUNDS: u32 = 200;
const NONE: Guards = Guards { after_release: false, before_acquire: None };

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

async fn pool_of_one(database: &Database, guards: Guards) -> PgPool {
    guarded(PgPoolOptions::new(), guards).max_connections(1).connect(&database.url()).await.unwrap()
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

/// Passes bytes between one client and the server; while told to, it keeps what the server answers, and says when the
/// client has sent something.
async fn hold_answers(listener: TcpListener, server: String, held: watch::Receiver<bool>, sent: Arc<Notify>) {
    let (client, _) = listener.accept().await.unwrap();
    let server = TcpStream::connect(&server).await.unwrap();
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let asking = async {
        let mut bytes = vec![0; 65_536];
        while let Ok(length @ 1..) = from_client.read(&mut bytes).await
            && to_server.write_all(&bytes[..length]).await.is_ok()
        {
            sent.notify_one();
        }
    };
    let answering = async {
        let (mut bytes, mut held) = (vec![0; 65_536], held);
        while let Ok(length @ 1..) = from_server.read(&mut bytes).await
            && held.wait_for(|held| !held).await.is_ok()
            && to_client.write_all(&bytes[..length]).await.is_ok()
        {}
    };
    tokio::join!(asking, answering);
}

/// How often somebody else sees a row that was acknowledged after a BEGIN whose answer nobody waited for.
async fn seen_after_a_dropped_begin(guards: Guards) -> i64 {
    let database = Database::migrated().await;
    let url = database.url();
    let (account, rest) = url.rsplit_once('@').unwrap();
    let (server, name) = rest.rsplit_once('/').unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let ((hold, held), sent) = (watch::channel(false), Arc::new(Notify::new()));
    let tasks = TaskTracker::new();
    tasks.spawn(hold_answers(listener, server.to_owned(), held, sent.clone()));
    let through = format!("{account}@127.0.0.1:{port}/{name}");
    let pool = guarded(PgPoolOptions::new(), guards).max_connections(1).connect(&through).await.unwrap();
    let mut connection = pool.acquire().await.unwrap();
    // What was sent before is answered by now; the next thing sent is the BEGIN.
    hold.send(true).unwrap();
    sent.notify_one();
    sent.notified().await;
    {
        let mut begin = std::pin::pin!(connection.begin());
        tokio::select! {
            _ = &mut begin => panic!("it was answered while the answers were held"),
            () = sent.notified() => {}
        }
    }
    drop(connection);
    hold.send(false).unwrap();
    let insert = "INSERT INTO setting (key, value) VALUES ('acknowledged', '')";
    QueryBuilder::<Postgres>::new(insert).build().execute(&pool).await.unwrap();
    let count = "SELECT count(*) FROM setting WHERE key = 'acknowledged'";
    number(&url, count).await
}

#[tokio::test]
async fn without_guards_a_dropped_begin_swallows_what_is_acknowledged_after_it() {
    assert_eq!(
        seen_after_a_dropped_begin(NONE).await,
        0,
        "the fault is gone from sqlx: the guards may go too"
    );
    for guards in
        [Guards { after_release: true, ..NONE }, Guards { before_acquire: Some(Duration::ZERO), ..NONE }]
    {
        assert_eq!(seen_after_a_dropped_begin(guards).await, 1, "{guards:?}");
    }
}

#[tokio::test]
async fn each_guard_alone_keeps_every_acknowledged_row() {
    for guards in
        [Guards { after_release: true, ..NONE }, Guards { before_acquire: Some(Duration::ZERO), ..NONE }]
    {
        let database = Database::migrated().await;
        let pool = pool_of_one(&database, guards).await;
        let unseen =
            unseen(&database, &pool, async |pool, round| polled(pool.begin(), 1 + round % 8).await).await;
        assert_eq!(unseen, 0, "{guards:?}");
    }
}

#[tokio::test]
async fn work_in_a_task_of_its_own_keeps_every_acknowledged_row() {
    let database = Database::migrated().await;
    let pool = pool_of_one(&database, NONE).await;
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
            Loaded::Case(_) | Loaded::Damaged(_) => panic!("round {round}: a case"),
        }
    }
}
