//! What the database said, in the words of the port.
//!
//! No value of a row ever enters a message: PostgreSQL quotes values in details and in some messages, so only the code,
//! the constraint and messages about the server itself are passed on.

use std::fmt::Display;

use qadiya_store::StoreError;
use sqlx::error::DatabaseError;

/// The SQLSTATE with which `close_batch` undoes a batch that has a loser.
pub(crate) const LOST: &str = "QD001";
/// The SQLSTATE of a row that one statement would write twice: two appends of the batch want one lookup key.
pub(crate) const TWICE: &str = "21000";

/// Whether a statement that failed may have been committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Nothing was asked to change.
    Read,
    /// A change may be durable although no answer came.
    Write,
}

/// No connection could be had: nothing was done.
pub(crate) fn unreachable(during: &'static str, error: &sqlx::Error) -> StoreError {
    StoreError::Unavailable { during, detail: told(error) }
}

/// What a failed statement means.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the error of sqlx may grow; what is not listed is `Other`"
)]
pub(crate) fn fault(during: &'static str, reach: Reach, error: &sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::Database(database) => by_code(during, reach, database.as_ref()),
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Configuration(_) => {
            unreachable(during, error)
        }
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => {
            broken(during, reach, told(error))
        }
        _ => StoreError::Other { during, detail: told(error) },
    }
}

/// The connection is gone.
fn broken(during: &'static str, reach: Reach, detail: String) -> StoreError {
    match reach {
        Reach::Read => StoreError::Unavailable { during, detail },
        Reach::Write => StoreError::Unknown { during, detail },
    }
}

/// By SQLSTATE (PostgreSQL documentation, appendix A).
fn by_code(during: &'static str, reach: Reach, error: &dyn DatabaseError) -> StoreError {
    let code = error.code().unwrap_or_default();
    let detail = said(error);
    match code.as_ref() {
        // Serialization failure, deadlock, lock not had in time: rolled back, worth another try.
        "40001" | "40P01" | "55P03" => StoreError::Retry { during },
        "53100" => StoreError::Full { during },
        "58030" => StoreError::Io { during, detail },
        // A damaged table or index: of these rows, not of the whole.
        "XX001" | "XX002" => StoreError::Corrupt {
            table: "(a table or index)",
            column: "(a page)",
            row: during.to_owned(),
            detail,
        },
        // The server ends the session. A COMMIT may have become durable just before.
        "57P01" | "57P02" | "57P05" | "40003" | "25P03" => broken(during, reach, detail),
        // Starting or stopping; too little memory or too many connections; read-only (a standby); statement timed out.
        "57P03" | "57014" | "25006" => StoreError::Unavailable { during, detail },
        other => match other.get(..2) {
            Some("08") => broken(during, reach, detail),
            Some("53") => StoreError::Unavailable { during, detail },
            // Undefined table, column or function: another schema than ours.
            Some("42") if other != "42501" => StoreError::Schema(detail),
            _ => StoreError::Other { during, detail },
        },
    }
}

/// The constraint that a statement would have broken by writing a key twice.
pub(crate) fn taken(error: &sqlx::Error) -> Option<&str> {
    let database = error.as_database_error()?;
    if coded(error, "23505") { database.constraint() } else { None }
}

/// Whether the database said this SQLSTATE.
pub(crate) fn coded(error: &sqlx::Error, code: &str) -> bool {
    error.as_database_error().is_some_and(|error| error.code().as_deref() == Some(code))
}

/// What may be repeated of a database's message.
fn said(error: &dyn DatabaseError) -> String {
    let code = error.code().unwrap_or_default().into_owned();
    let about_the_server = ["08", "25", "28", "3D", "40", "42", "53", "57", "58"];
    if code.get(..2).is_some_and(|class| about_the_server.contains(&class)) {
        format!("{} (SQLSTATE {code})", error.message())
    } else if let Some(constraint) = error.constraint() {
        format!("SQLSTATE {code}, constraint {constraint}")
    } else {
        format!("SQLSTATE {code}")
    }
}

fn told(error: &sqlx::Error) -> String {
    error.as_database_error().map_or_else(|| error.to_string(), said)
}

/// A row that cannot be read as what it must be.
pub(crate) fn corrupt(
    table: &'static str,
    column: &'static str,
    row: &dyn Display,
    detail: &str,
) -> StoreError {
    StoreError::Corrupt { table, column, row: row.to_string(), detail: detail.to_owned() }
}
