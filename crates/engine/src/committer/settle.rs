//! After the commit: answers, receipts, the cache.

use std::collections::BTreeMap;
use std::sync::Arc;

use qadiya_domain::case::event::Event;
use qadiya_domain::ids::{Seq, StreamId};
use qadiya_ledger::Hash;
use qadiya_ledger::canonical;
use qadiya_ledger::key::Signature;
use qadiya_ledger::note::KeyId;
use qadiya_ledger::receipt::{Receipt, SealedBatch};
use qadiya_ledger::tree::{Frontier, inclusion_proof_from, leaf_hash};
use qadiya_store::append::{Batch, BatchSeal};

use super::cache::Held;
use super::decide::{Reply, Round, Step, Working, Written};
use super::queue::{Slot, Work};
use super::{Committer, Next};
use crate::Shared;
use crate::submit::{AnswerEvent, SubmitError};

/// How many events a conflict tells about, at the most.
const TOLD: u32 = 50;

/// The tree over the events of a batch, from which every receipt of the batch is read.
struct BatchTree<'a> {
    signed: &'a SealedBatch,
    nodes: BTreeMap<(u8, u64), Hash>,
}

impl<'a> BatchTree<'a> {
    fn new(signed: &'a SealedBatch, events: &[Hash]) -> Self {
        let mut frontier = Frontier::new();
        let mut nodes = BTreeMap::new();
        for event in events {
            let leaf = leaf_hash(event.as_bytes());
            nodes.insert((0, frontier.size()), leaf);
            nodes.extend(frontier.push(leaf).into_iter().map(|node| ((node.level, node.index), node.hash)));
        }
        Self { signed, nodes }
    }

    fn receipt(&self, index: usize) -> Option<Receipt> {
        let index = u64::try_from(index).ok()?;
        let node = |level, index| self.nodes.get(&(level, index)).copied();
        let path = inclusion_proof_from(self.signed.size, index, &node)?;
        Some(Receipt {
            origin: self.signed.origin.clone(),
            size: self.signed.size,
            index,
            path,
            signature: self.signed.signature,
            key_id: self.signed.key_id,
        })
    }
}

/// The receipt of a stored batch for the event at a position.
pub(super) fn receipt_again(shared: &Shared, seal: &BatchSeal, leaf: usize) -> Result<Receipt, String> {
    let signature: [u8; 64] =
        seal.signature.as_slice().try_into().map_err(|_| "its signature has no 64 bytes")?;
    let ours = KeyId::of(&shared.origin, &shared.signer.public_key());
    // A batch that was sealed before the key was changed names the older key.
    let key_id = if ours.to_string() == seal.key_id {
        ours
    } else {
        let text = canonical::encode(&seal.key_id).map_err(|error| error.to_string())?;
        canonical::decode(&text).map_err(|error| error.to_string())?
    };
    let leaves: Vec<Hash> = seal.leaves.iter().map(|leaf| leaf_hash(leaf.as_bytes())).collect();
    let signed = SealedBatch {
        origin: shared.origin.clone(),
        root: qadiya_ledger::tree::root(&leaves),
        size: u64::try_from(leaves.len()).map_err(|error| error.to_string())?,
        signature: Signature::from_bytes(signature),
        key_id,
    };
    let index = u64::try_from(leaf).map_err(|error| error.to_string())?;
    signed.receipt_for(&seal.leaves, index).map_err(|error| error.to_string())
}

impl Committer {
    /// The batch is durable: keep the states, answer, and give back what waits.
    pub(super) async fn settle(
        &mut self,
        slots: Vec<Slot>,
        round: Round,
        batch: &Batch,
        signed: Option<&SealedBatch>,
    ) -> Next {
        let mut offsets: BTreeMap<StreamId, usize> = BTreeMap::new();
        let mut events = 0;
        for append in &batch.appends {
            offsets.insert(append.stream, events);
            events += append.events.len();
        }
        let leaves = batch.seal.as_ref().map(|seal| seal.leaves.as_slice()).unwrap_or_default();
        let tree = signed.map(|signed| BatchTree::new(signed, leaves));
        let receipt = |stream: &StreamId, first: usize| {
            let offset = offsets.get(stream).copied()?;
            tree.as_ref()?.receipt(offset.saturating_add(first))
        };
        for (stream, working) in round.streams {
            let held = match working {
                Working::Case(work) => Held::Case(work.after),
                Working::Entity(work) => Held::Entity(Arc::new(work.now)),
            };
            self.cache.put(stream, held);
        }
        let mut later = Vec::new();
        for (slot, step) in slots.into_iter().zip(round.steps) {
            let Slot { work, tries, number, afresh } = slot;
            match (work, step) {
                (work, Step::Later) => later.push(Slot { work, tries, number, afresh }),
                (work, Step::Afresh) => later.push(Slot { work, tries, number, afresh: true }),
                (Work::Command(command), Step::Written(Written::Command { first, mut accepted })) => {
                    accepted.receipt = receipt(&accepted.stream, first);
                    drop(command.reply.send(Ok(accepted)));
                }
                (Work::Registry(registry), Step::Written(Written::Registry { first, mut recorded })) => {
                    recorded.receipt = receipt(&recorded.stream, first);
                    drop(registry.reply.send(Ok(recorded)));
                }
                (Work::Command(command), Step::Answer(Reply::Command(answer))) => {
                    let answer = match (answer, command.submission.seen) {
                        (Err(SubmitError::Conflict { found, .. }), Some(seen)) => {
                            Err(self.conflict(command.stream, seen, found).await)
                        }
                        (answer, _) => answer,
                    };
                    drop(command.reply.send(answer));
                }
                (Work::Registry(registry), Step::Answer(Reply::Registry(answer))) => {
                    drop(registry.reply.send(answer));
                }
                (Work::Access(access), _) => drop(access.reply.send(Ok(()))),
                (work, Step::Answer(Reply::Damaged(error))) => work.damaged(error),
                // A step is made from the work of its own slot, so nothing else can meet here; if it did, nobody may
                // be told that something was done.
                (work, Step::Answer(_) | Step::Written(_)) => work.stop(),
            }
        }
        Next::Again(later)
    }

    /// A conflict, with what happened since the version that was seen.
    pub(super) async fn conflict(&self, stream: StreamId, seen: Seq, found: Seq) -> SubmitError {
        let events = self.shared.store.events(stream, seen.saturating_add(1), TOLD).await.unwrap_or_default();
        let changed = events.iter().map(|stored| {
            let kind = canonical::decode::<Event>(&stored.bytes).map(|event| event.kind.to_string());
            AnswerEvent { seq: stored.seq, kind: kind.unwrap_or_default(), hash: stored.hash }
        });
        SubmitError::Conflict { found, changed: changed.collect() }
    }
}
