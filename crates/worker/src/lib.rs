//! What happens by itself: clocks whose step is due, jobs with retry, the numbering of the log, folded counters, the
//! sweep of dead workers.
//!
//! A worker decides nothing: every consequence for a case goes through `engine::submit` as *System*, with the lease
//! attached, so a worker that lost its lease changes nothing. This crate must not know HTTP servers, SQL or how a case
//! is folded.
//!
//! * One round of everything is [`Worker::tick`]; it is what tests call, with a clock of their own.
//! * [`Worker::run`] repeats it: woken by the store, by a finished job, or by time. A wake-up is a hint.
//! * How many to claim: [`limits`]. When again: [`retry`]. Both are pure.
//! * A new kind of job: a file in `jobs/` and one line in `jobs.rs`.
//! * A new way out of the house: `channels.rs`, and only for addresses the operator named.

pub mod channels;
pub mod clocks;
pub mod error;
pub mod jobs;
pub mod limits;
pub mod retry;
pub mod run;

pub use channels::{Channel, Channels};
pub use error::WorkerError;
pub use run::{Ticked, Worker, WorkerSettings};
