//! Facts about SQLite on which the store rests. If one of them changes, the store must be looked at again.

use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode};

use crate::place::run;

async fn two_connections() -> (tempfile::TempDir, SqliteConnection, SqliteConnection) {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteConnectOptions::new()
        .filename(folder.path().join("facts.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .busy_timeout(Duration::from_secs(30));
    let (mut one, two) = (options.connect().await.unwrap(), options.connect().await.unwrap());
    run(&mut one, "CREATE TABLE count (n INTEGER NOT NULL) STRICT; INSERT INTO count VALUES (0)")
        .await
        .unwrap();
    (folder, one, two)
}

const READ: &str = "SELECT n FROM count";
const WRITE: &str = "UPDATE count SET n = n + 1";

/// Why every transaction that writes begins IMMEDIATE: the busy timeout of 30 s does not help this one.
#[tokio::test]
async fn a_deferred_transaction_that_reads_first_fails_at_once_when_another_wrote() {
    let (_folder, mut one, mut two) = two_connections().await;
    run(&mut one, "BEGIN").await.unwrap();
    run(&mut one, READ).await.unwrap();
    run(&mut two, WRITE).await.unwrap();
    let failed = run(&mut one, WRITE).await.unwrap_err();
    let code = failed.as_database_error().unwrap().code().unwrap().into_owned();
    assert_eq!(code, "517", "SQLITE_BUSY_SNAPSHOT");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_immediate_transaction_waits_for_its_turn() {
    let (_folder, mut one, mut two) = two_connections().await;
    run(&mut one, "BEGIN IMMEDIATE").await.unwrap();
    run(&mut one, READ).await.unwrap();
    let mut other = tokio::task::JoinSet::new();
    other.spawn(async move {
        run(&mut two, "BEGIN IMMEDIATE").await?;
        run(&mut two, READ).await?;
        run(&mut two, WRITE).await?;
        run(&mut two, "COMMIT").await
    });
    run(&mut one, WRITE).await.unwrap();
    run(&mut one, "COMMIT").await.unwrap();
    other.join_next().await.unwrap().unwrap().unwrap();
    let n = sqlx::Row::get::<i64, _>(&sqlx::Executor::fetch_one(&mut one, READ).await.unwrap(), 0);
    assert_eq!(n, 2);
}
