//! The global log: numbers given by a fenced sequencer after the commit, tree nodes, checkpoints (DESIGN D11).

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use qadiya_domain::ids::{Seq, StreamId};
use qadiya_ledger::Hash;
use uuid::Uuid;

use crate::error::StoreError;

/// An event that has no number yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// Its stream.
    pub stream: StreamId,
    /// Its number there.
    pub seq: Seq,
    /// Its hash.
    pub hash: Hash,
}

/// An event with its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Its number in the log, from 0.
    pub index: u64,
    /// Its stream.
    pub stream: StreamId,
    /// Its number there.
    pub seq: Seq,
    /// Its hash: the leaf of the tree.
    pub hash: Hash,
}

/// An inner node of the tree that is complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeNode {
    /// 0 for leaves.
    pub level: u8,
    /// Position in its level.
    pub index: u64,
    /// Its hash.
    pub hash: Hash,
}

/// A signed checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCheckpoint {
    /// How many entries it covers.
    pub size: u64,
    /// The signed note.
    pub text: String,
    /// When it was signed.
    pub at: Timestamp,
}

/// What a sequencer writes in one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sequenced {
    /// The size of the log before; the store refuses when it is another.
    pub from: u64,
    /// The entries, contiguous from `from`; their pending rows are taken away.
    pub entries: Vec<LogEntry>,
    /// Nodes that became complete.
    pub nodes: Vec<TreeNode>,
    /// The checkpoint over `from + entries.len()`.
    pub checkpoint: StoredCheckpoint,
}

/// One entry of the feed. What cannot be read of it spoils no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedItem {
    /// Its number in the log.
    pub index: u64,
    /// The entry, or why it cannot be read ([`StoreError::Corrupt`]).
    pub entry: Result<LogEntry, StoreError>,
    /// The bytes of its event as they are stored; `None` where the event is missing.
    pub bytes: Option<Vec<u8>>,
}

/// The log.
#[async_trait]
pub trait LedgerStore: Send + Sync {
    /// Takes or keeps the office of sequencer: the epoch, or `None` while another holds it.
    async fn take_fence(&self, name: &str, owner: Uuid, lease: Duration) -> Result<Option<u64>, StoreError>;

    /// Events that have no number, in order of their insertion, at most `limit`.
    async fn pending(&self, limit: u32) -> Result<Vec<Pending>, StoreError>;

    /// Numbers them; `false` when the fence or the size is no longer the caller's.
    async fn sequence(&self, fence: &str, epoch: u64, work: &Sequenced) -> Result<bool, StoreError>;

    /// How many entries there are.
    async fn log_size(&self) -> Result<u64, StoreError>;

    /// The complete nodes at these places, in the order asked for.
    async fn nodes(&self, places: &[(u8, u64)]) -> Result<Vec<Option<Hash>>, StoreError>;

    /// Entries from a number on.
    async fn entries(&self, from: u64, limit: u32) -> Result<Vec<LogEntry>, StoreError>;

    /// The entries of a stream, in order.
    async fn entries_of(&self, stream: StreamId) -> Result<Vec<LogEntry>, StoreError>;

    /// Entries from a number on with the bytes of their events; a damaged one stands in its place.
    async fn feed(&self, from: u64, limit: u32) -> Result<Vec<FeedItem>, StoreError>;

    /// The newest checkpoint.
    async fn checkpoint(&self) -> Result<Option<StoredCheckpoint>, StoreError>;

    /// All checkpoints in order of size, after a size.
    async fn checkpoints(&self, after: u64, limit: u32) -> Result<Vec<StoredCheckpoint>, StoreError>;
}
