//! The store in memory: the plainest thing that keeps the promises of the ports. Simulations run on it, and the
//! conformance suite holds the two databases to the same answers.
//!
//! One mutex stands for serial transactions. The lease clock stands still until [`MemoryStore::advance`] moves it, so
//! a simulation decides when a lease is over.

mod cases;
mod log;
mod tables;
mod work;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;

pub use tables::Tables;

/// A store in memory.
#[derive(Debug)]
pub struct MemoryStore {
    tables: Mutex<Tables>,
    wake: Notify,
}

impl MemoryStore {
    /// An empty store. `clock` is where its lease clock stands.
    pub fn new(clock: Timestamp) -> Self {
        Self { tables: Mutex::new(Tables::new(clock)), wake: Notify::new() }
    }

    /// Moves the lease clock on.
    pub fn advance(&self, by: Duration) {
        let mut tables = self.lock();
        tables.clock = tables.after(by);
        drop(tables);
        self.wake.notify_waiters();
    }

    /// Looks at or changes the tables, for tests that tamper with rows as an insider would.
    pub fn tamper<T>(&self, change: impl FnOnce(&mut Tables) -> T) -> T {
        change(&mut self.lock())
    }

    /// The tables. A thread that panicked while it held them left no half-done transaction: every method checks first
    /// and writes last.
    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        self.wake.notify_waiters();
    }
}
