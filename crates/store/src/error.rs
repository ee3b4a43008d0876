//! What can go wrong with a store. Refusals and conflicts are answers, not errors, and stand elsewhere.

/// A fault of the store, by what the caller must do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The transaction was rolled back by the database and may be decided and tried again.
    #[error("{during}: the database asks to try again")]
    Retry {
        /// What was being done.
        during: &'static str,
    },
    /// The connection broke: whether the transaction was committed is not known. Look the heads and keys up.
    #[error("{during}: the connection broke, so whether it was committed is not known: {detail}")]
    Unknown {
        /// What was being done.
        during: &'static str,
        /// What the driver said, without values.
        detail: String,
    },
    /// The store cannot be reached or refuses new work; nothing was done.
    #[error("{during}: the database cannot be reached: {detail}")]
    Unavailable {
        /// What was being done.
        during: &'static str,
        /// What the driver said, without values.
        detail: String,
    },
    /// The disk is full; nothing was done.
    #[error("{during}: the disk is full; free space, then try again")]
    Full {
        /// What was being done.
        during: &'static str,
    },
    /// A flush failed: what is on the disk is not known. The process must end (DESIGN D9).
    #[error("{during}: the disk reported an input/output error: {detail}")]
    Io {
        /// What was being done.
        during: &'static str,
        /// What the driver said, without values.
        detail: String,
    },
    /// A row cannot be read as what it must be.
    #[error("{table}.{column} of row {row} is damaged: {detail}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The key of the row.
        row: String,
        /// What is wrong with it.
        detail: String,
    },
    /// A setting is unsafe: the store refuses to start.
    #[error("the store does not start: {0}")]
    Unsafe(String),
    /// The schema is not the one this program was written for.
    #[error("the schema does not fit this program: {0}; run `qadiya migrate`")]
    Schema(String),
    /// Anything else the database said.
    #[error("{during}: {detail}")]
    Other {
        /// What was being done.
        during: &'static str,
        /// What the driver said, without values.
        detail: String,
    },
}
