//! What never ships: the developer commands (`cargo dev …`), throw-away databases, and the means of tests.
//!
//! It sees every crate, but only from `tests/` and as dev-dependencies; the library itself must not know any crate
//! of ours, so that `cargo dev` builds in seconds on a fresh clone. Nobody depends on it outside dev-dependencies.
//!
//! - A new developer command: a file in `chores/`, a variant in `bin/dev.rs`.
//! - A new house rule: a file in `chores/tidy/` with its own failing example in `tests/it/tidy.rs`.
//! - A new edge between crates: `chores/architecture.rs` and `crates/README.md`, in its own pull request.

pub mod chores;
pub mod convert;
pub mod environment;
pub mod postgres;
pub mod replay_expected;
pub mod trials;
pub mod vectors;
