//! The numbers of the global log. One process at a time holds the office of sequencer, fenced by an epoch; what it signs
//! always continues what was signed before (DESIGN D11).

use std::time::Duration;

use qadiya_ledger::checkpoint::{Checkpoint, check_growth};
use qadiya_ledger::note::SignedNote;
use qadiya_ledger::tree::{Frontier, leaf_hash};
use qadiya_store::ledger::{LogEntry, Sequenced, StoredCheckpoint, TreeNode};

use crate::Engine;
use crate::error::EngineError;

/// The office of the sequencer.
const FENCE: &str = "sequencer";
/// How long a silent sequencer keeps its office.
const LEASE: Duration = Duration::from_secs(10);
/// Events numbered in one transaction, at the most.
const AT_ONCE: u32 = 4096;

impl Engine {
    /// Numbers the events that wait, and signs a checkpoint in the same transaction. Returns how many were numbered; 0
    /// also when another process holds the office.
    ///
    /// # Errors
    /// [`EngineError::Log`] when the log as stored contradicts its last checkpoint: nothing is signed then.
    pub async fn sequence_once(&self) -> Result<usize, EngineError> {
        let engine = self.clone();
        self.apart(async move { engine.sequence().await }).await?
    }

    async fn sequence(&self) -> Result<usize, EngineError> {
        let shared = &self.shared;
        let mut kept = shared.sequencing.lock().await;
        // Taking the office is a flush of its own: only when there is something to number.
        if shared.store.pending(1).await?.is_empty() {
            return Ok(0);
        }
        let Some(epoch) = shared.store.take_fence(FENCE, shared.process, LEASE).await? else {
            *kept = None;
            return Ok(0);
        };
        // Read under the office: whoever held it before may have numbered what was seen above.
        let pending = shared.store.pending(AT_ONCE).await?;
        if pending.is_empty() {
            return Ok(0);
        }
        let size = shared.store.log_size().await?;
        let mut frontier = match kept.take() {
            Some(frontier) if frontier.size() == size => frontier,
            Some(_) | None => self.restore(size).await?,
        };
        let (mut entries, mut nodes) = (Vec::with_capacity(pending.len()), Vec::new());
        for event in &pending {
            let index = frontier.size();
            for node in frontier.push(leaf_hash(event.hash.as_bytes())) {
                nodes.push(TreeNode { level: node.level, index: node.index, hash: node.hash });
            }
            entries.push(LogEntry { index, stream: event.stream, seq: event.seq, hash: event.hash });
        }
        let checkpoint =
            Checkpoint { origin: shared.origin.clone(), size: frontier.size(), root: frontier.root() };
        let note =
            checkpoint.sign(shared.signer.as_ref()).map_err(|error| EngineError::Log(error.to_string()))?;
        let checkpoint =
            StoredCheckpoint { size: frontier.size(), text: note.to_string(), at: shared.clock.now() };
        let numbered = entries.len();
        let work = Sequenced { from: size, entries, nodes, checkpoint };
        if shared.store.sequence(FENCE, epoch, &work).await? {
            *kept = Some(frontier);
            Ok(numbered)
        } else {
            Ok(0)
        }
    }

    /// The right edge of the log as it is stored, held against the last checkpoint.
    async fn restore(&self, size: u64) -> Result<Frontier, EngineError> {
        let store = &self.shared.store;
        let places: Vec<(u8, u64)> = Frontier::places(size).collect();
        let wanted: Vec<(u8, u64)> = places.iter().copied().filter(|(level, _)| *level > 0).collect();
        let mut peaks = Vec::new();
        for (found, (level, index)) in store.nodes(&wanted).await?.into_iter().zip(&wanted) {
            let missing = || EngineError::Log(format!("the node {level}/{index} of the tree is missing"));
            peaks.push(found.ok_or_else(missing)?);
        }
        // Only inner nodes are stored: a last leaf that stands alone is read from its entry.
        if let Some((_, index)) = places.iter().find(|(level, _)| *level == 0) {
            let entry = store.entries(*index, 1).await?.into_iter().next();
            let entry = entry.ok_or_else(|| EngineError::Log(format!("entry {index} is missing")))?;
            peaks.push(leaf_hash(entry.hash.as_bytes()));
        }
        let frontier =
            Frontier::from_parts(size, peaks).map_err(|error| EngineError::Log(error.to_string()))?;
        match store.checkpoint().await? {
            None if size == 0 => {}
            None => return Err(EngineError::Log(format!("there are {size} entries and no checkpoint"))),
            Some(last) => {
                let unreadable = |error: &dyn std::error::Error| {
                    EngineError::Log(format!(
                        "the last checkpoint ({} entries) does not convince: {error}",
                        last.size
                    ))
                };
                let note: SignedNote = last.text.parse().map_err(|error| unreadable(&error))?;
                let signed = Checkpoint::open(&note, &self.shared.origin, &self.public_key())
                    .map_err(|error| unreadable(&error))?;
                let now = Checkpoint { origin: self.shared.origin.clone(), size, root: frontier.root() };
                check_growth(&signed, &now).map_err(|error| EngineError::Log(error.to_string()))?;
                if signed.size != size {
                    let detail =
                        format!("{size} entries are stored, and the last checkpoint covers {}", signed.size);
                    return Err(EngineError::Log(detail));
                }
            }
        }
        Ok(frontier)
    }
}
