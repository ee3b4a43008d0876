//! The ledger seen from outside: one binary, one file for each part.

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
