//! What SQLite said, in the words of the port: decided by result code, in this one place.
//!
//! No value of a row enters a message: SQLite's own messages name tables, columns and triggers only.

use qadiya_store::StoreError;
use sqlx::error::DatabaseError;

/// A fault on the way: of the driver, or one that has its meaning already.
#[derive(Debug)]
pub(crate) enum Fault {
    Driver(sqlx::Error),
    Store(StoreError),
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        Self::Driver(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Fault {
    /// In the words of the port.
    pub(crate) fn during(self, during: &'static str) -> StoreError {
        match self {
            Self::Driver(error) => meaning(during, &error),
            Self::Store(error) => error,
        }
    }
}

/// What a failed statement means.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the error of sqlx may grow; what is not listed is `Other`"
)]
pub(crate) fn meaning(during: &'static str, error: &sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::Database(database) => by_code(during, database.as_ref()),
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Configuration(_) => {
            StoreError::Unavailable { during, detail: error.to_string() }
        }
        // The thread of the connection ended: whether its last COMMIT was done is not known.
        sqlx::Error::WorkerCrashed | sqlx::Error::Io(_) => {
            StoreError::Unknown { during, detail: error.to_string() }
        }
        // A column of another type than the schema's: a text that is not UTF-8, an absent value.
        sqlx::Error::ColumnDecode { index, .. } => StoreError::Corrupt {
            table: "(the table read)",
            column: "(the column named)",
            row: during.to_owned(),
            detail: format!("column {index} of the answer, counted from 0, cannot be read as its type"),
        },
        other => StoreError::Other { during, detail: other.to_string() },
    }
}

fn by_code(during: &'static str, error: &dyn DatabaseError) -> StoreError {
    let code = error.code().and_then(|code| code.parse().ok()).unwrap_or(1);
    by_number(during, code, error.message())
}

/// `SQLITE_IOERR_SHMSIZE`: the shared index of the log cannot grow. Nothing durable lies in it, and what stops it from
/// growing is a full disk.
const IOERR_SHMSIZE: i32 = 4874;

/// By extended result code (sqlite.org/rescode.html); the low byte is the primary code.
fn by_number(during: &'static str, code: i32, message: &str) -> StoreError {
    let detail = format!("{message} (SQLite code {code})");
    match (code, code & 0xff) {
        // BUSY, LOCKED
        (_, 5 | 6) => StoreError::Retry { during },
        // FULL: SQLite itself turns ENOSPC of a write into this code.
        (_, 13) | (IOERR_SHMSIZE, _) => StoreError::Full { during },
        // IOERR
        (_, 10) => StoreError::Io { during, detail },
        // PERM, READONLY, CANTOPEN, AUTH
        (_, 3 | 8 | 14 | 23) => StoreError::Unavailable { during, detail },
        // CORRUPT, NOTADB: damage of the file, not of one row.
        (_, 11 | 26) => StoreError::Corrupt {
            table: "(the database file)",
            column: "(a page)",
            row: during.to_owned(),
            detail,
        },
        // SCHEMA
        (_, 17) => StoreError::Schema(detail),
        _ => StoreError::Other { during, detail },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_result_code_says_what_the_caller_must_do() {
        let meaning = |code| by_number("testing", code, "words");
        for code in [5, 261, 517, 6, 262] {
            assert_eq!(meaning(code), StoreError::Retry { during: "testing" }, "{code}");
        }
        for code in [13, 4874] {
            assert_eq!(meaning(code), StoreError::Full { during: "testing" }, "{code}");
        }
        // WRITE, FSYNC, READ, SHORT_READ, and the plain code.
        for code in [778, 1034, 266, 522, 10] {
            assert!(matches!(meaning(code), StoreError::Io { .. }), "{code}");
        }
        for code in [8, 264, 14, 526] {
            assert!(matches!(meaning(code), StoreError::Unavailable { .. }), "{code}");
        }
        for code in [11, 267, 26] {
            assert!(matches!(meaning(code), StoreError::Corrupt { .. }), "{code}");
        }
        // A constraint (2067 is UNIQUE, 1811 a trigger) is not to be tried again.
        for code in [1, 19, 2067, 1811, 7] {
            assert!(matches!(meaning(code), StoreError::Other { .. }), "{code}");
        }
    }
}
