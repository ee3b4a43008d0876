//! Migrations, and the equality of the two dialects.

use std::collections::{BTreeMap, BTreeSet};

use qadiya_store::{CaseStore as _, StoreError};
use qadiya_store_postgres::{PostgresStore, migrate};
use sqlx::{Connection as _, PgConnection, Postgres, QueryBuilder};

use crate::rows::{batch, case};
use crate::server::{Database, number, run};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_first_starts_at_once_migrate_once() {
    let database = Database::empty("").await;
    let url = database.url();
    let (one, two) = tokio::join!(migrate(&url), migrate(&url));
    assert_eq!((one, two), (Ok(()), Ok(())));
    let files = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations/postgres");
    let files = i64::try_from(std::fs::read_dir(files).unwrap().count()).unwrap();
    assert_eq!(number(&url, "SELECT count(*) FROM _sqlx_migrations WHERE success").await, files);
    assert_eq!(migrate(&url).await, Ok(()));
}

async fn refused(database: &Database) -> String {
    match PostgresStore::connect(&database.url()).await {
        Err(StoreError::Schema(why)) => why,
        other => panic!("not refused for its schema: {other:?}"),
    }
}

#[tokio::test]
async fn a_database_without_our_schema_is_refused() {
    let database = Database::empty("").await;
    assert!(refused(&database).await.contains("_sqlx_migrations"));
}

#[tokio::test]
async fn an_altered_missing_newer_or_unfinished_migration_is_refused() {
    for (change, why) in [
        ("UPDATE _sqlx_migrations SET checksum = '\\x00'", "altered"),
        ("DELETE FROM _sqlx_migrations", "missing"),
        (
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (9999, 'later', true, '\\x00', 0)",
            "newer",
        ),
        ("UPDATE _sqlx_migrations SET success = false", "not finished"),
    ] {
        let database = Database::migrated().await;
        run(&database.url(), change).await.unwrap();
        let said = refused(&database).await;
        assert!(said.contains(why), "{change}: {said}");
    }
}

/// Tables with their columns, read from the text of a migration.
fn tables(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut tables: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut table = None;
    for line in text.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix("CREATE TABLE ") {
            table = rest.split([' ', '(']).next().map(str::to_owned);
        } else if line.starts_with(')') {
            table = None;
        } else if let Some(table) = &table {
            let word = line.split(' ').next().unwrap_or_default();
            if !word.is_empty()
                && !["PRIMARY", "CONSTRAINT", "UNIQUE", "CHECK", "FOREIGN", "--"].contains(&word)
            {
                tables.entry(table.clone()).or_default().insert(word.to_owned());
            }
        }
    }
    tables
}

#[tokio::test]
async fn both_dialects_have_the_same_tables_and_columns() {
    let sqlite = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations/sqlite");
    let mut files: Vec<_> = std::fs::read_dir(sqlite).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let text: String = files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let expected = tables(&text);
    assert!(expected.len() > 20, "the SQLite migrations were not understood: {expected:?}");

    let database = Database::migrated().await;
    let mut connection = PgConnection::connect(&database.url()).await.unwrap();
    let rows: Vec<(String, String)> = QueryBuilder::<Postgres>::new(
        "SELECT table_name::text, column_name::text FROM information_schema.columns
         WHERE table_schema = 'public' AND table_name <> '_sqlx_migrations'",
    )
    .build_query_as()
    .fetch_all(&mut connection)
    .await
    .unwrap();
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (table, column) in rows {
        found.entry(table).or_default().insert(column);
    }
    assert_eq!(found, expected);
}

#[tokio::test]
async fn no_column_that_every_row_needs_may_be_null() {
    // unnest pads short arrays with NULL: these are all the columns in which it could go unnoticed.
    let database = Database::migrated().await;
    let mut connection = PgConnection::connect(&database.url()).await.unwrap();
    let nullable: Vec<String> = QueryBuilder::<Postgres>::new(
        "SELECT table_name || '.' || column_name FROM information_schema.columns
         WHERE table_schema = 'public' AND is_nullable = 'YES' ORDER BY 1",
    )
    .build_query_scalar()
    .fetch_all(&mut connection)
    .await
    .unwrap();
    assert_eq!(
        nullable,
        [
            "access.capacity",
            "access.official",
            "access.purpose",
            "court_case.alias",
            "court_case.authority_until",
            "court_case.cohort",
            "court_case.next_date",
            "court_case.outcome",
            "court_case.person",
            "court_case.stage_since",
            "deadline.calendar",
            "deadline.due",
            "deadline.next",
            "deadline.owner",
            "entity.parent",
            "job.fault",
            "job.owner",
            "job.principal",
            "operation.result",
            "request.batch",
            "request.leaf",
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_role_of_the_program_writes_batches_and_cannot_touch_the_log() {
    let database = Database::empty("").await;
    let owner = database.url();
    run(
        &owner,
        "DO $$ BEGIN
             IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'qadiya_app') THEN CREATE ROLE qadiya_app; END IF;
         END $$",
    )
    .await
    .unwrap();
    migrate(&owner).await.unwrap();
    run(&owner, "ALTER ROLE qadiya_app LOGIN PASSWORD 'synthetic'").await.unwrap();
    let (_, place) = owner.rsplit_once('@').unwrap();
    let program = format!("postgres://qadiya_app:synthetic@{place}");
    let store = PostgresStore::connect(&program).await.unwrap();
    let written = store.append_many(&batch(vec![case(1, 0)])).await;
    assert_eq!(written, Ok(qadiya_store::BatchOutcome::Committed));
    assert_eq!(store.append_many(&batch(vec![case(1, 1)])).await, Ok(qadiya_store::BatchOutcome::Committed));
    for table in [
        "event",
        "log_entry",
        "tree_node",
        "checkpoint",
        "access",
        "request",
        "definition",
        "batch",
        "secret",
    ] {
        for change in
            [format!("DELETE FROM {table}"), format!("TRUNCATE {table}"), format!("DROP TABLE {table}")]
        {
            let refused = run(&program, &change).await.unwrap_err();
            let code =
                refused.as_database_error().and_then(|error| error.code().map(std::borrow::Cow::into_owned));
            assert_eq!(code.as_deref(), Some("42501"), "{change}: {refused}");
        }
    }
    let refused = run(&program, "UPDATE event SET bytes = bytes").await.unwrap_err();
    assert!(refused.to_string().contains("permission denied"), "{refused}");
    let refused = run(&owner, "UPDATE event SET bytes = bytes").await.unwrap_err();
    assert!(refused.to_string().contains("events are never changed"), "{refused}");
}
