//! The port: what the program asks of durable storage, in whole transactions, and the conformance suite that says what
//! the answers mean.
//!
//! What this crate must not know: a database, SQL, rules of a court, who may do what.
//!
//! A store never decides and never reads a business clock. Every method is one whole transaction; no transaction object
//! crosses the port. Futures of a store are never cancelled half-way: callers run them in tasks of their own
//! (DESIGN D9, TRUST 3.3.1).
//!
//! How to write a third store: a crate with the file names of `store-sqlite`, `migrations/<name>/` with equal numbers
//! and names, and a test file that stamps out [`conformance`].

pub mod access;
pub mod append;
pub mod between;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod directory;
pub mod error;
pub mod fenced;
pub mod judge;
pub mod ledger;
pub mod memory;
pub mod packed;
pub mod read;
pub mod registry;
pub mod transfer;
pub mod work;

pub use access::{AccessRecord, AccessStore};
pub use append::{Append, Batch, BatchOutcome, Loser};
pub use between::Between;
pub use directory::Directory;
pub use error::StoreError;
pub use fenced::Fenced;
pub use ledger::LedgerStore;
pub use memory::MemoryStore;
pub use read::{CaseRow, CaseStore};
pub use registry::Registry;
pub use transfer::Transfer;
pub use work::WorkStore;

/// A whole store: every port behind one object.
pub trait Store:
    CaseStore + WorkStore + Directory + Registry + AccessStore + LedgerStore + std::fmt::Debug
{
}

impl<T: CaseStore + WorkStore + Directory + Registry + AccessStore + LedgerStore + std::fmt::Debug> Store
    for T
{
}
