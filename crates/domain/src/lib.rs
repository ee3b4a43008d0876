//! The law of a case: the workflow language, and what may happen to a case under it.
//!
//! Pure. This crate must not know a clock, randomness, files, a database, the network or logging: time, ids and
//! salts are arguments, so every answer can be computed again from the log.
//!
//! * [`workflow`]: how to read a workflow file and get a checked [`workflow::Definition`].
//! * [`case`]: what may happen to one case: [`case::decide()`], [`case::Case::evolve`], [`case::effects()`].
//! * [`calendar`]: civil days, working days, and why a limit falls on the day it falls on.
//! * [`folding`], [`manifest`]: spellings of names, and the rules of one row of a transfer list.
//!
//! INVARIANT: `workflow` never imports `case`; what is proved about a definition does not depend on a case.

pub mod actor;
pub mod calendar;
pub mod case;
pub mod folding;
pub mod ids;
pub mod manifest;
pub mod moment;
pub mod name;
pub mod numbered;
pub mod registry;
pub mod value;
pub mod workflow;
