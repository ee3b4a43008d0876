//! The ledger seen from outside: one binary, one file for each part.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests stop the test where they fail, as tests do"
)]

mod canonical;
mod chain;
mod golden;
mod hostile;
mod note;
mod receipt;
mod serde_forms;
mod support;
mod tree;
mod verify;
