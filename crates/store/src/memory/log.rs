//! The global log.

use std::time::Duration;

use async_trait::async_trait;
use qadiya_domain::ids::StreamId;
use qadiya_ledger::Hash;
use uuid::Uuid;

use super::MemoryStore;
use super::tables::Lease;
use crate::error::StoreError;
use crate::ledger::{FeedItem, LedgerStore, LogEntry, Pending, Sequenced, StoredCheckpoint};

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

fn position(index: u64) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}

fn at_most(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

#[async_trait]
impl LedgerStore for MemoryStore {
    async fn take_fence(&self, name: &str, owner: Uuid, lease: Duration) -> Result<Option<u64>, StoreError> {
        let mut tables = self.lock();
        let (clock, until) = (tables.clock, tables.after(lease));
        let held = tables.fences.entry(name.to_owned()).or_insert_with(Lease::free);
        if held.owner == Some(owner) && held.until > clock {
            held.until = until;
        } else if held.until <= clock {
            *held = Lease { owner: Some(owner), epoch: held.epoch.saturating_add(1), until };
        } else {
            return Ok(None);
        }
        Ok(Some(held.epoch))
    }

    async fn pending(&self, limit: u32) -> Result<Vec<Pending>, StoreError> {
        Ok(self.lock().pending.iter().take(at_most(limit)).cloned().collect())
    }

    async fn sequence(&self, fence: &str, epoch: u64, work: &Sequenced) -> Result<bool, StoreError> {
        let mut tables = self.lock();
        let holds = tables.fences.get(fence).is_some_and(|held| held.epoch == epoch);
        if !holds || count(tables.entries.len()) != work.from {
            return Ok(false);
        }
        for entry in &work.entries {
            tables.pending.retain(|pending| (pending.stream, pending.seq) != (entry.stream, entry.seq));
        }
        tables.entries.extend(work.entries.iter().cloned());
        for node in &work.nodes {
            tables.nodes.insert((node.level, node.index), node.hash);
        }
        tables.checkpoints.insert(work.checkpoint.size, work.checkpoint.clone());
        Ok(true)
    }

    async fn log_size(&self) -> Result<u64, StoreError> {
        Ok(count(self.lock().entries.len()))
    }

    async fn nodes(&self, places: &[(u8, u64)]) -> Result<Vec<Option<Hash>>, StoreError> {
        let tables = self.lock();
        Ok(places.iter().map(|place| tables.nodes.get(place).copied()).collect())
    }

    async fn entries(&self, from: u64, limit: u32) -> Result<Vec<LogEntry>, StoreError> {
        Ok(self.lock().entries.iter().skip(position(from)).take(at_most(limit)).cloned().collect())
    }

    async fn entries_of(&self, stream: StreamId) -> Result<Vec<LogEntry>, StoreError> {
        let mut entries: Vec<LogEntry> =
            self.lock().entries.iter().filter(|entry| entry.stream == stream).cloned().collect();
        entries.sort_by_key(|entry| entry.seq);
        Ok(entries)
    }

    async fn feed(&self, from: u64, limit: u32) -> Result<Vec<FeedItem>, StoreError> {
        let tables = self.lock();
        let entries = tables.entries.iter().skip(position(from)).take(at_most(limit));
        Ok(entries
            .map(|entry| FeedItem {
                index: entry.index,
                entry: Ok(entry.clone()),
                bytes: tables.events.get(&(entry.stream, entry.seq)).map(|event| event.bytes.clone()),
            })
            .collect())
    }

    async fn checkpoint(&self) -> Result<Option<StoredCheckpoint>, StoreError> {
        Ok(self.lock().checkpoints.last_key_value().map(|(_, checkpoint)| checkpoint.clone()))
    }

    async fn checkpoints(&self, after: u64, limit: u32) -> Result<Vec<StoredCheckpoint>, StoreError> {
        let tables = self.lock();
        let later = tables.checkpoints.range((std::ops::Bound::Excluded(after), std::ops::Bound::Unbounded));
        Ok(later.take(at_most(limit)).map(|(_, checkpoint)| checkpoint.clone()).collect())
    }
}
