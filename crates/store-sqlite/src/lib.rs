//! The store in SQLite: one court, one file, one process.
//!
//! * [`SqliteStore::open`] opens it, [`migrate()`] makes and updates the schema.
//! * One connection writes, each batch in one `BEGIN IMMEDIATE` transaction of set-based statements, each fed
//!   with one JSON text by `json_each` (`append`, DESIGN D8). Other connections only read.
//! * Leases count by the database's clock (`work`).
//! * Statements are checked against the schema when the crate is compiled, but for the writes of a batch (`append`,
//!   decision 6), which are one fixed text, and for filters (`search`) and the moving of whole tables (`transfer`), whose
//!   text is composed.
//!
//! What this crate must not know: a second process (a lock file beside the database refuses it), a network file system,
//! rules of a court, clocks of business, and PostgreSQL. Whatever is refused at the start, and why, stands in [`open`].

mod access;
mod append;
pub mod baseline;
pub mod connections;
mod directory;
mod errors;
mod ledger;
pub mod migrate;
pub mod open;
mod read;
mod registry;
mod rows;
mod search;
mod transfer;
mod wake;
mod work;

pub use migrate::migrate;
pub use open::{Options, SqliteStore};
