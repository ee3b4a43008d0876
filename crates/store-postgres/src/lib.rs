//! The store in PostgreSQL: one country, many processes. This crate must not know what a command means, which rules
//! a case follows, or what time it is outside the database.
//!
//! * [`PostgresStore::connect`] opens it, [`migrate()`] makes and updates the schema.
//! * A batch is one statement that commits by itself (`append`, `queries/append.sql`); READ COMMITTED, the version
//!   check and the unique keys are the fence (DESIGN D8).
//! * Leases count by the database's clock; claims skip locked rows (`work`).
//! * Statements are checked against the schema when the crate is compiled; composed SQL stands in `search` (filters)
//!   and `transfer` (moving whole tables) only.
//!
//! Server settings that are refused, and why, stand in [`open`]. The owner's account migrates; the program may connect
//! as a member of the role `qadiya_app`, which cannot change or remove what is add-only (`queries/grants.sql`).

mod access;
mod append;
pub mod baseline;
pub mod connections;
mod directory;
mod errors;
mod ledger;
mod listen;
pub mod migrate;
pub mod open;
mod read;
mod registry;
mod rows;
mod search;
mod transfer;
mod work;

pub use migrate::migrate;
pub use open::{Pools, PostgresStore};
