//! A future that is dropped half-way (a clerk closes the tab) must lose nothing (TRUST 3.3.1, DESIGN D9).

use std::future::{Future, poll_fn};
use std::str::FromStr as _;
use std::sync::Arc;
use std::task::Poll;

use qadiya_domain::ids::{JobId, OfficialId};
use qadiya_ledger::Hash;
use qadiya_store::append::NewJob;
use qadiya_store::read::Loaded;
use qadiya_store::work::{Operation, Started};
use qadiya_store::{CaseStore as _, WorkStore as _};
use qadiya_store_postgres::connections::Connections;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{Connection as _, PgConnection, Postgres, QueryBuilder};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio_util::task::TaskTracker;

use crate::rows::{at, batch, entity, stream};
use crate::server::{Database, number};

const ROUNDS: u32 = 200;

/// Connections are lent (decision 13): whoever ends early must not hand one on in the middle of a transaction.
#[tokio::test]
async fn an_operation_asked_for_twice_leaves_no_transaction_open() {
    let database = Database::migrated().await;
    let store = database.open().await;
    let operation = Operation {
        id: uuid::Uuid::from_u128(5),
        principal: OfficialId(uuid::Uuid::from_u128(1)),
        kind: "export".to_owned(),
        request: b"{}".to_vec(),
        asked: Hash::of(b"asked"),
        percent: 0,
        result: None,
        created: at(1),
        updated: at(1),
    };
    let job = NewJob {
        id: JobId(uuid::Uuid::from_u128(1)),
        seq: 0,
        name: "operation".to_owned(),
        queue: "q".to_owned(),
        payload: Vec::new(),
        principal: None,
        run_at: at(1),
    };
    let open = "SELECT count(*) FROM pg_stat_activity
                WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
    for expected in [Started::Now, Started::Before, Started::Before] {
        assert_eq!(store.start_operation(&operation, &job).await, Ok(expected));
        assert_eq!(number(&database.url(), open).await, 0);
    }
}

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

/// Stands between the clients of a database and its server.
struct Between {
    url: String,
    hold: watch::Sender<bool>,
    sent: Arc<Notify>,
    _tasks: TaskTracker,
}

impl Between {
    /// Passes bytes on; while told to hold, it keeps what the server answers, and says when a client has sent something.
    async fn start(database: &Database) -> Self {
        let url = database.url();
        let (account, rest) = url.rsplit_once('@').unwrap();
        let (server, name) = rest.rsplit_once('/').unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let ((hold, held), sent) = (watch::channel(false), Arc::new(Notify::new()));
        let (tasks, server, heard) = (TaskTracker::new(), server.to_owned(), sent.clone());
        let clients = tasks.clone();
        tasks.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.unwrap();
                clients.spawn(pass(client, server, held.clone(), heard.clone()));
            }
        });
        Self { url: format!("{account}@127.0.0.1:{port}/{name}"), hold, sent, _tasks: tasks }
    }

    /// Begins a transaction and gives up waiting once the BEGIN is with the server and before its answer is here.
    async fn begin_and_give_up(&self, connection: &mut PgConnection) {
        // What was sent before is answered by now; the next thing sent is the BEGIN.
        self.hold.send(true).unwrap();
        self.sent.notify_one();
        self.sent.notified().await;
        let mut begin = std::pin::pin!(connection.begin());
        tokio::select! {
            _ = &mut begin => panic!("it was answered while the answers were held"),
            () = self.sent.notified() => {}
        }
    }

    fn answer_again(&self) {
        self.hold.send(false).unwrap();
    }
}

async fn pass(client: TcpStream, server: TcpStream, mut held: watch::Receiver<bool>, sent: Arc<Notify>) {
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
        let mut bytes = vec![0; 65_536];
        while let Ok(length @ 1..) = from_server.read(&mut bytes).await
            && held.wait_for(|held| !held).await.is_ok()
            && to_client.write_all(&bytes[..length]).await.is_ok()
        {}
    };
    tokio::join!(asking, answering);
}

/// Writes a row, which is acknowledged.
async fn write(connection: &mut PgConnection) {
    let insert = "INSERT INTO setting (key, value) VALUES ('acknowledged', '')";
    QueryBuilder::<Postgres>::new(insert).build().execute(connection).await.unwrap();
}

/// How many of the rows of [`write`] somebody else sees.
async fn seen(database: &Database) -> i64 {
    number(&database.url(), "SELECT count(*) FROM setting WHERE key = 'acknowledged'").await
}

#[tokio::test]
async fn a_begin_that_is_dropped_in_a_pool_of_the_driver_swallows_what_is_acknowledged_after_it() {
    let database = Database::migrated().await;
    let between = Between::start(&database).await;
    let pool = PgPoolOptions::new().max_connections(1).connect(&between.url).await.unwrap();
    let mut connection = pool.acquire().await.unwrap();
    between.begin_and_give_up(&mut connection).await;
    drop(connection);
    between.answer_again();
    write(&mut pool.acquire().await.unwrap()).await;
    assert_eq!(seen(&database).await, 0, "the fault is gone from sqlx: its pool may be used again");
}

#[tokio::test]
async fn a_begin_that_is_dropped_takes_its_lent_connection_with_it() {
    let database = Database::migrated().await;
    let between = Between::start(&database).await;
    let options = PgConnectOptions::from_str(&between.url).unwrap();
    let connections = Connections::new(options, 1, |_| Box::pin(std::future::ready(Ok(()))));
    let mut lent = connections.lend().await.unwrap();
    between.begin_and_give_up(lent.get()).await;
    drop(lent);
    between.answer_again();
    let mut lent = connections.lend().await.unwrap();
    write(lent.get()).await;
    lent.back(false).await;
    assert_eq!(seen(&database).await, 1);
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
            Loaded::Case(_) | Loaded::Damaged(_) => panic!("round {round}: a case"),
        }
    }
}
