//! The schema: made once, by one at a time, and refused when it is another program's.

use qadiya_store::StoreError;
use qadiya_store_sqlite::{Options, SqliteStore, migrate};

use crate::place::{beside, fresh, opened, run};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_tasks_may_migrate_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options::new(folder.path().join("court.db"));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let options = options.clone();
        tasks.spawn(async move { migrate(&options).await });
    }
    assert!(tasks.join_all().await.into_iter().all(|done| done == Ok(())));
    SqliteStore::open(&options).await.unwrap();
}

#[tokio::test]
async fn a_database_in_use_is_not_migrated() {
    let (folder, store) = opened().await;
    let options = Options::new(folder.path().join("court.db"));
    let refused = migrate(&options).await.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable { .. }), "{refused:?}");
    assert!(refused.to_string().contains("another process has it open"), "{refused}");
    store.close().await;
    drop(store);
    migrate(&options).await.unwrap();
}

#[tokio::test]
async fn a_second_process_is_refused_until_the_first_has_ended() {
    let (folder, store) = opened().await;
    let options = Options::new(folder.path().join("court.db"));
    let refused = SqliteStore::open(&options).await.unwrap_err().to_string();
    assert!(refused.contains("another process has it open"), "{refused}");
    assert!(refused.contains("PostgreSQL"), "what to do next: {refused}");
    store.close().await;
    drop(store);
    SqliteStore::open(&options).await.unwrap();
}

#[tokio::test]
async fn a_file_without_our_schema_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let absent = Options::new(folder.path().join("absent.db"));
    assert!(matches!(SqliteStore::open(&absent).await, Err(StoreError::Schema(_))));
    assert!(!absent.path.exists(), "opening makes no file");
    let foreign = Options::new(folder.path().join("foreign.db"));
    std::fs::write(&foreign.path, b"").unwrap();
    assert!(matches!(SqliteStore::open(&foreign).await, Err(StoreError::Schema(_))));
    std::fs::write(&foreign.path, vec![b'x'; 4096]).unwrap();
    let refused = SqliteStore::open(&foreign).await;
    assert!(matches!(refused, Err(StoreError::Corrupt { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_newer_an_altered_and_an_unfinished_schema_are_refused() {
    for (change, named) in [
        (
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             VALUES (999, 'later', 1, x'00', 1)",
            "newer program",
        ),
        ("UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 1", "altered"),
        ("UPDATE _sqlx_migrations SET success = 0 WHERE version = 1", "not finished"),
        ("DELETE FROM _sqlx_migrations WHERE version = 1", "missing"),
    ] {
        let (_folder, options) = fresh().await;
        run(&mut beside(&options.path).await, change).await.unwrap();
        let refused = SqliteStore::open(&options).await.unwrap_err();
        assert!(matches!(refused, StoreError::Schema(_)), "{refused:?}");
        assert!(refused.to_string().contains(named), "{refused}");
        assert!(migrate(&options).await.is_err(), "{named}: migrating does not paper over it");
    }
}
