//! The schema: bringing it up to date, and checking that it is the one this program was written for.

use qadiya_store::StoreError;
use sqlx::migrate::{Migrate as _, MigrateError, Migrator};
use sqlx::{Connection as _, SqliteConnection};
use tokio_util::task::TaskTracker;

use crate::errors::meaning as driver;
use crate::open::{Options, connect, joined, lock, private_file, refuse_network, wait_to_migrate};

static MIGRATOR: Migrator = sqlx::migrate!("../../migrations/sqlite");

const CHECKING: &str = "checking the schema";
const DURING: &str = "migrating the database";

/// Makes the database where there is none and brings its schema up to date. Two programs may do so at once: one waits
/// for the other. A program that has the database open keeps it out.
///
/// # Errors
/// `Schema` when the database was made by a newer program or a migration was altered, `Unsafe` for a place that cannot
/// keep the promises, `Unavailable` when another process has it open.
pub async fn migrate(options: &Options) -> Result<(), StoreError> {
    let options = options.clone();
    // In a task of its own: a dropped caller must not leave a migration half-way (DESIGN D9).
    let task = TaskTracker::new().spawn(async move {
        refuse_network(&options.path)?;
        // sqlx's migrator takes no lock in SQLite (TRUST 3.3.3): ours, then the database's own.
        let path = options.path.clone();
        let waited = tokio::task::spawn_blocking(move || wait_to_migrate(&path)).await;
        let turn = joined(DURING, waited)?;
        let held = lock(&options.path)?;
        drop(private_file(&options.path)?);
        let mut connection = connect(&options).await?;
        let done = run(&mut connection).await;
        connection.close().await.map_err(|error| driver(DURING, &error))?;
        drop((held, turn));
        done
    });
    joined(DURING, task.await)
}

async fn run(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let mut transaction =
        connection.begin_with("BEGIN EXCLUSIVE").await.map_err(|error| driver(DURING, &error))?;
    match MIGRATOR.run_direct(None, &mut *transaction, false).await {
        Ok(()) => transaction.commit().await.map_err(|error| driver(DURING, &error)),
        Err(error) => {
            let told = meaning(DURING, &error);
            transaction.rollback().await.map_err(|error| driver(DURING, &error))?;
            Err(told)
        }
    }
}

/// The newest migration that this program knows.
pub fn schema_version() -> i64 {
    MIGRATOR.iter().map(|migration| migration.version).max().unwrap_or(0)
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the error of sqlx may grow; the rest is about the schema"
)]
fn meaning(during: &'static str, error: &MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => driver(during, error),
        other => StoreError::Schema(other.to_string()),
    }
}

/// Refuses a schema that is older or newer than this program, or was made by altered files.
pub(crate) async fn check(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let table = MIGRATOR.table_name.as_ref();
    let known = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!: i64" FROM sqlite_schema WHERE type = 'table' AND name = '_sqlx_migrations'"#
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(|error| driver(CHECKING, &error))?;
    if known == 0 {
        return Err(StoreError::Schema("the file holds no schema of this program".to_owned()));
    }
    let applied =
        connection.list_applied_migrations(table).await.map_err(|error| meaning(CHECKING, &error))?;
    if let Some(version) = connection.dirty_version(table).await.map_err(|error| meaning(CHECKING, &error))? {
        return Err(StoreError::Schema(format!("migration {version} was not finished")));
    }
    for known in MIGRATOR.iter() {
        match applied.iter().find(|applied| applied.version == known.version) {
            None => return Err(StoreError::Schema(format!("migration {} is missing", known.version))),
            Some(applied) if applied.checksum != known.checksum => {
                return Err(StoreError::Schema(format!("migration {} was altered", known.version)));
            }
            Some(_) => {}
        }
    }
    match applied.iter().find(|applied| !MIGRATOR.version_exists(applied.version)) {
        None => Ok(()),
        Some(newer) => Err(StoreError::Schema(format!("migration {} is of a newer program", newer.version))),
    }
}
