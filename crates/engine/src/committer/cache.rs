//! Folded states that a committer keeps. An entry may be stale, since another server may have moved the stream. What is
//! written on it is fenced by the version check of the append; what is answered on it without a write (a refusal, a
//! conflict, "nothing to do") has no such fence and is decided once more on the row itself.

use std::collections::HashMap;
use std::sync::Arc;

use qadiya_domain::case::Case;
use qadiya_domain::ids::{Seq, StreamId, StreamKind};
use qadiya_domain::registry::Entity;
use qadiya_ledger::Hash;

/// The state of a stream.
#[derive(Debug, Clone)]
pub(super) enum Held {
    /// A case.
    Case(Arc<Case>),
    /// Another stream.
    Entity(Arc<HeldEntity>),
}

/// The state of a stream that is not a case.
#[derive(Debug, Clone)]
pub(super) struct HeldEntity {
    pub(super) kind: StreamKind,
    pub(super) parent: Option<StreamId>,
    pub(super) version: Seq,
    pub(super) head: Hash,
    pub(super) entity: Entity,
}

/// A bounded cache in two generations: when the young one is full it becomes the old one, and what nobody asked for
/// since the last change is gone.
#[derive(Debug)]
pub(super) struct Cache {
    limit: usize,
    young: HashMap<StreamId, Held>,
    old: HashMap<StreamId, Held>,
}

impl Cache {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit: limit.div_ceil(2).max(1), young: HashMap::new(), old: HashMap::new() }
    }

    pub(super) fn get(&mut self, stream: StreamId) -> Option<Held> {
        if let Some(held) = self.young.get(&stream) {
            return Some(held.clone());
        }
        let held = self.old.remove(&stream)?;
        self.put(stream, held.clone());
        Some(held)
    }

    pub(super) fn put(&mut self, stream: StreamId, held: Held) {
        if self.young.len() >= self.limit && !self.young.contains_key(&stream) {
            self.old = std::mem::take(&mut self.young);
        }
        self.old.remove(&stream);
        self.young.insert(stream, held);
    }

    pub(super) fn forget(&mut self, stream: StreamId) {
        self.young.remove(&stream);
        self.old.remove(&stream);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn the_cache_is_bounded_and_keeps_what_is_asked_for() {
        let mut cache = Cache::new(10);
        let id = |number: u128| StreamId(Uuid::from_u128(number));
        for number in 0..100 {
            cache.put(id(number), Held::Case(Arc::new(Case::unopened(id(number)))));
            assert!(cache.get(id(0)).is_some(), "the one that is asked for stays");
            assert!(cache.young.len() + cache.old.len() <= 10, "{} + {}", cache.young.len(), cache.old.len());
        }
        cache.forget(id(0));
        assert!(cache.get(id(0)).is_none());
    }
}
