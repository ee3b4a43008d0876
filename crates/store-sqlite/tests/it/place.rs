//! Fresh databases, and connections beside the store.

use std::path::Path;

use qadiya_store_sqlite::{Options, SqliteStore, migrate};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Executor as _};
use tempfile::TempDir;

/// A folder with a migrated, empty database.
pub(crate) async fn fresh() -> (TempDir, Options) {
    let folder = tempfile::tempdir().unwrap();
    let options = Options::new(folder.path().join("court.db"));
    migrate(&options).await.unwrap();
    (folder, options)
}

/// The same, opened.
pub(crate) async fn opened() -> (TempDir, SqliteStore) {
    let (folder, options) = fresh().await;
    (folder, SqliteStore::open(&options).await.unwrap())
}

/// A connection as an insider opens it: past the store, with SQLite's usual settings.
pub(crate) async fn beside(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).connect().await.unwrap()
}

/// Runs SQL that only a test composes.
pub(crate) async fn run(connection: &mut SqliteConnection, sql: &str) -> Result<(), sqlx::Error> {
    connection.execute(sqlx::AssertSqlSafe(sql.to_owned())).await.map(drop)
}
