//! Connections that break around a commit: the outcome is unknown, and the heads tell what happened.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use qadiya_domain::ids::JobId;
use qadiya_store::append::{BatchOutcome, NewJob};
use qadiya_store::read::Loaded;
use qadiya_store::{CaseStore as _, StoreError, WorkStore as _};
use qadiya_store_postgres::PostgresStore;
use sqlx::{Connection as _, Executor as _, PgConnection, Postgres, QueryBuilder};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;

use crate::rows::{at, batch, entity, stream};
use crate::server::{Database, number, run};

/// Ends the session that waits for a lock; `false` while there is none.
const END_WAITING: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'qadiya' AND wait_event_type = 'Lock'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_ended_before_the_commit_is_unknown_and_the_heads_say_not_written() {
    let database = Database::migrated().await;
    let store = database.open().await;
    let mut other = PgConnection::connect(&database.url()).await.unwrap();
    let mut lock = other.begin().await.unwrap();
    lock.execute("LOCK TABLE event IN EXCLUSIVE MODE").await.unwrap();
    let tasks = TaskTracker::new();
    let append = tasks.spawn({
        let store = store.clone();
        async move { store.append_many(&batch(vec![entity(1, 0)])).await }
    });
    let mut owner = PgConnection::connect(&database.url()).await.unwrap();
    loop {
        let ended: Option<bool> = QueryBuilder::<Postgres>::new(END_WAITING)
            .build_query_scalar()
            .fetch_optional(&mut owner)
            .await
            .unwrap();
        if ended == Some(true) {
            break;
        }
        tokio::task::yield_now().await;
    }
    let outcome = append.await.unwrap();
    assert!(matches!(outcome, Err(StoreError::Unknown { .. })), "{outcome:?}");
    lock.rollback().await.unwrap();
    assert_eq!(store.load_many(&[stream(1)]).await.unwrap(), [Loaded::Absent]);
    assert_eq!(store.append_many(&batch(vec![entity(1, 0)])).await, Ok(BatchOutcome::Committed));
}

/// Passes bytes on until it is told to cut: then the next answer of the server is swallowed and the line goes dead.
async fn proxy(listener: TcpListener, server: String, cut: Arc<AtomicBool>) {
    let tasks = TaskTracker::new();
    while let Ok((client, _)) = listener.accept().await {
        let server = TcpStream::connect(&server).await.unwrap();
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let cut = cut.clone();
        tasks.spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
        tasks.spawn(async move {
            let mut bytes = vec![0; 65_536];
            while let Ok(length) = from_server.read(&mut bytes).await
                && length > 0
                && !cut.load(Ordering::SeqCst)
                && to_client.write_all(&bytes[..length]).await.is_ok()
            {}
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_cut_after_the_commit_is_unknown_and_the_heads_say_written() {
    let database = Database::migrated().await;
    let direct = database.open().await;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let url = database.url();
    let (account, rest) = url.rsplit_once('@').unwrap();
    let (server, name) = rest.rsplit_once('/').unwrap();
    let cut = Arc::new(AtomicBool::new(false));
    let tasks = TaskTracker::new();
    tasks.spawn(proxy(listener, server.to_owned(), cut.clone()));
    let store = PostgresStore::connect(&format!("{account}@127.0.0.1:{port}/{name}")).await.unwrap();
    // The connection that writes is there and its statement prepared, so the one answer that is cut is the commit's.
    assert_eq!(store.append_many(&batch(vec![entity(1, 0)])).await, Ok(BatchOutcome::Committed));
    cut.store(true, Ordering::SeqCst);
    let outcome = store.append_many(&batch(vec![entity(2, 0)])).await;
    assert!(
        matches!(outcome, Err(StoreError::Unknown { .. } | StoreError::Unavailable { .. })),
        "{outcome:?}"
    );
    let loaded = direct.load_many(&[stream(2)]).await.unwrap();
    let written = matches!(&loaded[..], [Loaded::Entity(row)] if row.version == 1);
    assert_eq!(written, matches!(outcome, Err(StoreError::Unknown { .. })), "{outcome:?} {loaded:?}");
    let again = direct.append_many(&batch(vec![entity(2, 0)])).await.unwrap();
    assert_eq!(again == BatchOutcome::Committed, !written);
}

const APPENDS: u128 = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_ended_at_random_lose_no_acknowledged_append() {
    let database = Database::migrated().await;
    let store = database.open().await;
    let done = Arc::new(AtomicBool::new(false));
    let tasks = TaskTracker::new();
    let killer = tasks.spawn({
        let (url, done) = (database.url(), done.clone());
        async move {
            let mut owner = PgConnection::connect(&url).await.unwrap();
            let mut ended = 0_usize;
            let mut tick = tokio::time::interval(Duration::from_millis(50));
            while !done.load(Ordering::SeqCst) {
                tick.tick().await;
                let pids: Vec<bool> = QueryBuilder::<Postgres>::new(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                     WHERE datname = current_database() AND application_name = 'qadiya'",
                )
                .build_query_scalar()
                .fetch_all(&mut owner)
                .await
                .unwrap();
                ended += pids.len();
            }
            ended
        }
    });
    let mut unclear = 0;
    for number in 0..APPENDS {
        while !matches!(store.append_many(&batch(vec![entity(number, 0)])).await, Ok(BatchOutcome::Committed))
        {
            unclear += 1;
            let head = loop {
                if let Ok(head) = store.load_many(&[stream(number)]).await {
                    break head;
                }
            };
            if head != [Loaded::Absent] {
                break;
            }
        }
    }
    done.store(true, Ordering::SeqCst);
    assert!(killer.await.unwrap() > 0 && unclear > 0, "no session was ended at work");
    let url = database.url();
    assert_eq!(number(&url, "SELECT count(*) FROM event").await, i64::try_from(APPENDS).unwrap());
    assert_eq!(
        number(&url, "SELECT count(*) FROM entity WHERE version = 1").await,
        i64::try_from(APPENDS).unwrap()
    );
    assert_eq!(number(&url, "SELECT count(*) FROM log_pending").await, i64::try_from(APPENDS).unwrap());
}

#[tokio::test]
async fn an_address_where_nobody_answers_is_unavailable() {
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let outcome = PostgresStore::connect(&format!("postgres://nobody@127.0.0.1:{free}/none")).await;
    assert!(matches!(outcome, Err(StoreError::Unavailable { .. })), "{outcome:?}");
}

type Judge = fn(&StoreError) -> bool;

#[tokio::test]
async fn what_the_database_says_becomes_what_the_caller_must_do() {
    let database = Database::migrated().await;
    let store = database.open().await;
    let during = "committing a batch";
    let kinds: [(&str, Judge); 11] = [
        ("40001", |error| matches!(error, StoreError::Retry { .. })),
        ("40P01", |error| matches!(error, StoreError::Retry { .. })),
        ("55P03", |error| matches!(error, StoreError::Retry { .. })),
        ("53100", |error| matches!(error, StoreError::Full { .. })),
        ("53200", |error| matches!(error, StoreError::Unavailable { .. })),
        ("58030", |error| matches!(error, StoreError::Io { .. })),
        ("XX001", |error| matches!(error, StoreError::Corrupt { .. })),
        ("57P01", |error| matches!(error, StoreError::Unknown { .. })),
        ("57014", |error| matches!(error, StoreError::Unavailable { .. })),
        ("42P01", |error| matches!(error, StoreError::Schema(_))),
        ("23514", |error| matches!(error, StoreError::Other { .. })),
    ];
    run(
        &database.url(),
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    )
    .await
    .unwrap();
    run(&database.url(), "CREATE TRIGGER fails BEFORE INSERT ON entity FOR EACH ROW EXECUTE FUNCTION fail()")
        .await
        .unwrap();
    for (code, right) in kinds {
        let body = format!(
            "CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN RAISE EXCEPTION 'a secret name' USING ERRCODE = '{code}'; END $$"
        );
        run(&database.url(), &body).await.unwrap();
        let error = store.append_many(&batch(vec![entity(1, 0)])).await.unwrap_err();
        assert!(right(&error), "{code}: {error:?}");
        assert!(
            error.to_string().contains(during) || matches!(error, StoreError::Schema(_)),
            "{code}: {error}"
        );
        assert_eq!(store.load_many(&[stream(1)]).await.unwrap(), [Loaded::Absent], "{code}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_queued_by_one_server_wakes_another() {
    let database = Database::migrated().await;
    let (writer, worker) = (database.open().await, database.open().await);
    let tasks = TaskTracker::new();
    let mut waiting = tasks.spawn(async move { worker.wait_for_work(Duration::from_hours(1)).await });
    // The other server may not listen yet, so it is told until it hears.
    let mut told = 0;
    while tokio::time::timeout(Duration::from_millis(50), &mut waiting).await.is_err() {
        let job = NewJob {
            id: JobId(stream(told).0),
            seq: 0,
            name: "notice".to_owned(),
            queue: "notices".to_owned(),
            payload: b"{}".to_vec(),
            principal: None,
            run_at: at(1),
        };
        writer.queue_jobs(stream(1), &[job]).await.unwrap();
        told += 1;
        assert!(told < 400, "the other server never heard of the work");
    }
    assert!(told > 0, "it woke before there was work");
}
