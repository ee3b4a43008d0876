//! A store that fails as it is told, in front of the store in memory.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::Timestamp;
use qadiya_domain::ids::StreamKind;
use qadiya_store::append::{Batch, BatchOutcome, Loser, Row};
use qadiya_store::work::Health;
use qadiya_store::{Between, CaseStore as _, MemoryStore, Store, StoreError, WorkStore as _};

/// What happens to the next batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Every append lost to another writer.
    Conflict,
    /// A deadlock: rolled back, try again.
    Retry,
    /// The connection broke before the commit.
    UnknownBefore,
    /// The connection broke after the commit.
    UnknownAfter,
    /// The disk is full.
    Full,
    /// A flush failed.
    Io,
}

/// Reads of streams and their events.
const READS: [&str; 9] =
    ["load_many", "find", "list", "count", "count_groups", "openings", "events", "events_of", "secrets_of"];

/// The store in memory with faults in front of it.
#[derive(Debug)]
pub(crate) struct FaultyStore {
    pub(crate) inner: Arc<MemoryStore>,
    pub(crate) faults: Mutex<VecDeque<Fault>>,
    pub(crate) batches: Mutex<Vec<Batch>>,
    /// The reads of streams and their events, in their order.
    pub(crate) asked: Mutex<Vec<&'static str>>,
    /// The method that fails, and how.
    pub(crate) broken: Mutex<Option<(&'static str, StoreError)>>,
    /// Streams of this kind are written so many times more, and then no more.
    closed: Mutex<Option<(StreamKind, usize)>>,
    /// Whoever holds this lets no batch be written.
    pub(crate) gate: tokio::sync::Mutex<()>,
    /// What a health check finds.
    pub(crate) unsafe_about: Mutex<Vec<String>>,
}

impl FaultyStore {
    pub(crate) fn new(clock: Timestamp) -> Self {
        Self {
            inner: Arc::new(MemoryStore::new(clock)),
            faults: Mutex::default(),
            batches: Mutex::default(),
            asked: Mutex::default(),
            broken: Mutex::default(),
            closed: Mutex::default(),
            gate: tokio::sync::Mutex::default(),
            unsafe_about: Mutex::default(),
        }
    }

    /// Takes so many more appends to streams of a kind; every later one meets a full disk.
    pub(crate) fn close_to(&self, kind: StreamKind, after: usize) {
        *self.closed.lock().unwrap() = Some((kind, after));
    }

    /// Takes everything again.
    pub(crate) fn open_again(&self) {
        *self.closed.lock().unwrap() = None;
    }

    /// Whether the batch writes where nothing is written any more.
    fn is_closed_to(&self, batch: &Batch) -> bool {
        let mut closed = self.closed.lock().unwrap();
        let Some((kind, left)) = closed.as_mut() else { return false };
        let rows = batch.appends.iter().map(|append| &append.row);
        let wanted = rows.filter(|row| matches!(row, Row::Entity(row) if row.kind == *kind)).count();
        if wanted > *left {
            return true;
        }
        *left -= wanted;
        false
    }

    /// The next batches fail like this.
    pub(crate) fn fail(&self, faults: &[Fault]) {
        self.faults.lock().unwrap().extend(faults);
    }

    /// From now on this method fails like this.
    pub(crate) fn break_at(&self, method: &'static str, error: StoreError) {
        *self.broken.lock().unwrap() = Some((method, error));
    }

    /// How many batches were committed.
    pub(crate) fn committed(&self) -> usize {
        self.batches.lock().unwrap().len()
    }
}

#[async_trait]
impl Between for FaultyStore {
    fn beyond(&self) -> &dyn Store {
        self.inner.as_ref()
    }

    async fn before(&self, call: &'static str) -> Result<(), StoreError> {
        if READS.contains(&call) {
            self.asked.lock().unwrap().push(call);
        }
        match self.broken.lock().unwrap().as_ref() {
            Some((broken, error)) if *broken == call => Err(error.clone()),
            _ => Ok(()),
        }
    }

    async fn after(&self, _: &'static str, _: Option<&StoreError>) -> Result<(), StoreError> {
        Ok(())
    }

    async fn append(&self, batch: &Batch) -> Result<BatchOutcome, StoreError> {
        drop(self.gate.lock().await);
        let fault = self.faults.lock().unwrap().pop_front();
        let during = "committing a batch";
        if self.is_closed_to(batch) {
            return Err(StoreError::Full { during });
        }
        match fault {
            Some(Fault::Conflict) if !batch.appends.is_empty() => {
                return Ok(BatchOutcome::Lost(
                    (0..batch.appends.len()).map(|at| (at, Loser::Conflict)).collect(),
                ));
            }
            Some(Fault::Retry) => return Err(StoreError::Retry { during }),
            Some(Fault::UnknownBefore) => {
                return Err(StoreError::Unknown { during, detail: "cut".to_owned() });
            }
            Some(Fault::Full) => return Err(StoreError::Full { during }),
            Some(Fault::Io) => return Err(StoreError::Io { during, detail: "flush".to_owned() }),
            Some(Fault::Conflict | Fault::UnknownAfter) | None => {}
        }
        let outcome = self.inner.append_many(batch).await?;
        if outcome == BatchOutcome::Committed {
            self.batches.lock().unwrap().push(batch.clone());
        }
        if fault == Some(Fault::UnknownAfter) {
            return Err(StoreError::Unknown { during, detail: "cut".to_owned() });
        }
        Ok(outcome)
    }

    async fn check_health(&self, now: Timestamp) -> Result<Health, StoreError> {
        let mut health = self.inner.health(now).await?;
        health.faults.extend(self.unsafe_about.lock().unwrap().iter().cloned());
        Ok(health)
    }
}
