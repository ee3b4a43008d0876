//! What is refused at the start, and that the settings hold.

use std::os::unix::fs::PermissionsExt as _;

use qadiya_store::conformance::make::{at, case, commit, open_case};
use qadiya_store::{StoreError, WorkStore as _};
use qadiya_store_sqlite::open::faults;
use qadiya_store_sqlite::{Options, SqliteStore, migrate};
use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};

use crate::place::{opened, run};

#[tokio::test]
async fn each_unsafe_setting_is_named_with_its_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let safe = |name: &str| {
        SqliteConnectOptions::new()
            .filename(folder.path().join(name))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
    };
    // The control: without an unsafe setting there is no fault.
    assert_eq!(faults(&mut safe("a").connect().await.unwrap()).await.unwrap(), Vec::<String>::new());
    for (options, named) in [
        (safe("b").synchronous(SqliteSynchronous::Normal), "synchronous"),
        (safe("c").synchronous(SqliteSynchronous::Off), "synchronous"),
        (safe("d").journal_mode(SqliteJournalMode::Delete), "journal mode is delete"),
        (safe("e").foreign_keys(false), "foreign_keys"),
        (safe("f").pragma("encoding", "'UTF-16'"), "UTF-16"),
    ] {
        let faults = faults(&mut options.connect().await.unwrap()).await.unwrap();
        assert_eq!(faults.len(), 1, "{named}: {faults:?}");
        assert!(faults[0].contains(named), "{faults:?}");
    }
}

#[tokio::test]
async fn a_file_with_an_unsafe_setting_is_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options::new(folder.path().join("court.db"));
    let made = SqliteConnectOptions::new().filename(&options.path).create_if_missing(true);
    let mut first = made.pragma("encoding", "'UTF-16'").connect().await.unwrap();
    run(&mut first, "CREATE TABLE x (y TEXT) STRICT").await.unwrap();
    drop(first);
    migrate(&options).await.unwrap();
    let refused = SqliteStore::open(&options).await;
    assert!(matches!(&refused, Err(StoreError::Unsafe(why)) if why.contains("UTF-16")), "{refused:?}");
}

#[tokio::test]
async fn a_healthy_store_names_its_version_and_no_fault_of_settings() {
    let (_folder, store) = opened().await;
    let health = store.health(at(1)).await.unwrap();
    assert!(health.database.starts_with("SQLite 3."), "{}", health.database);
    assert!(health.faults.iter().all(|fault| fault.contains("% free")), "{:?}", health.faults);
}

#[tokio::test]
async fn only_the_owner_reads_the_files() {
    let (folder, store) = opened().await;
    commit(&store, vec![open_case(case(1))]).await;
    let mut seen = Vec::new();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{:?}", entry.file_name());
        seen.push(entry.file_name().into_string().unwrap());
    }
    seen.sort();
    assert_eq!(seen, ["court.db", "court.db-shm", "court.db-wal", "court.db.lock", "court.db.migrate.lock"]);
}
