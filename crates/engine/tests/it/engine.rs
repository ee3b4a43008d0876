//! The engine on the store in memory, with faults in front of it.

mod access;
mod activation;
mod committer;
pub(crate) mod faulty;
mod fence;
mod fixtures;
mod log;
mod rights;
mod two_servers;
