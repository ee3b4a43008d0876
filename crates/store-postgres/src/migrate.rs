//! The schema: bringing it up to date, and checking that it is the one this program was written for.

use qadiya_store::StoreError;
use sqlx::migrate::{Migrate as _, MigrateError, Migrator};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, PgConnection};

use crate::errors::{Reach, fault, unreachable};
use crate::open::connect_options;

static MIGRATOR: Migrator = sqlx::migrate!("../../migrations/postgres");

/// What the account of the program may do, where there is one beside the owner.
const GRANTS: &str = include_str!("../queries/grants.sql");

const CHECKING: &str = "checking the schema";
const DURING: &str = "migrating the database";
/// How long one try waits for a lock before it lets others through.
const LOCK_TIMEOUT: &str = "2s";
/// How often a lock is tried for: two minutes together.
const TRIES: u32 = 60;

/// Brings the schema up to date, as the owner of the tables. Two programs may do so at once: one waits for the other.
///
/// Where a role `qadiya_app` exists, it gets what the program needs and no more: no UPDATE and no DELETE on any
/// add-only table. Let the program connect as a member of that role, and migrate as the owner.
///
/// # Errors
/// `Schema` when the database was made by another program or a migration was altered, `Retry` when locks were not had
/// in time, `Unavailable` when the server does not answer.
pub async fn migrate(url: &str) -> Result<(), StoreError> {
    let options = connect_options(url)?.options([
        ("lock_timeout", LOCK_TIMEOUT),
        ("statement_timeout", "0"),
        ("idle_in_transaction_session_timeout", "0"),
    ]);
    // In a task of its own: a dropped caller must not leave a migration half-way (DESIGN D9).
    let task = tokio_util::task::TaskTracker::new().spawn(async move {
        for _ in 0..TRIES {
            // A new connection each time: one that failed may still hold the migrator's advisory lock.
            let mut connection = options.connect().await.map_err(|error| unreachable(DURING, &error))?;
            let done = run(&mut connection).await;
            connection.close().await.map_err(|error| fault(DURING, Reach::Read, &error))?;
            match done {
                Err(StoreError::Retry { .. }) => {}
                done => return done,
            }
        }
        Err(StoreError::Retry { during: DURING })
    });
    task.await.unwrap_or_else(|_| {
        Err(StoreError::Unknown { during: DURING, detail: "the task that did the work broke off".to_owned() })
    })
}

async fn run(connection: &mut PgConnection) -> Result<(), StoreError> {
    MIGRATOR.run_direct(None, connection, false).await.map_err(|error| meaning(DURING, &error))?;
    connection.execute(GRANTS).await.map_err(|error| fault(DURING, Reach::Write, &error))?;
    Ok(())
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the error of sqlx may grow; the rest is about the schema"
)]
fn meaning(during: &'static str, error: &MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            fault(during, Reach::Write, error)
        }
        other => StoreError::Schema(other.to_string()),
    }
}

/// Refuses a schema that is older or newer than this program, or was made by altered files.
pub(crate) async fn check(connection: &mut PgConnection) -> Result<(), StoreError> {
    let table = MIGRATOR.table_name.as_ref();
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
