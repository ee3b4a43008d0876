//! What a round reads before it decides: states, request keys, definitions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use qadiya_domain::case::Case;
use qadiya_domain::ids::{DefinitionHash, StreamId};
use qadiya_domain::name::Name;
use qadiya_domain::workflow::Definition;
use qadiya_store::StoreError;
use qadiya_store::read::{KnownRequest, Loaded, RequestRef};

use super::Committer;
use super::cache::{Held, HeldEntity};
use super::queue::Slot;
use crate::error::EngineError;

/// What was read for a round.
pub(super) struct Known {
    /// Streams and workflows of which only what was kept in memory was looked at.
    pub(super) kept: BTreeSet<StreamId>,
    pub(super) kept_active: BTreeSet<Name>,
    held: BTreeMap<StreamId, Result<Option<Held>, EngineError>>,
    pub(super) requests: Vec<Option<KnownRequest>>,
    pub(super) definitions: BTreeMap<DefinitionHash, Result<Arc<Definition>, EngineError>>,
    pub(super) active: BTreeMap<Name, Result<Arc<Definition>, EngineError>>,
}

impl Known {
    pub(super) fn held(&self, stream: StreamId) -> Result<Option<Held>, EngineError> {
        self.held.get(&stream).cloned().unwrap_or(Ok(None))
    }
}

impl Committer {
    /// Reads the streams that are not in the cache, the keys, and the definitions.
    pub(super) async fn read(&mut self, slots: &[Slot]) -> Result<Known, StoreError> {
        let store = Arc::clone(&self.shared.store);
        let wanted: BTreeSet<StreamId> = slots.iter().filter_map(|slot| slot.work.stream()).collect();
        for slot in slots.iter().filter(|slot| slot.afresh) {
            slot.work.stream().into_iter().for_each(|stream| self.cache.forget(stream));
        }
        let mut held = BTreeMap::new();
        let (mut kept, mut missing) = (BTreeSet::new(), Vec::new());
        for stream in wanted {
            match self.cache.get(stream) {
                Some(found) => {
                    kept.insert(stream);
                    held.insert(stream, Ok(Some(found)));
                }
                None => missing.push(stream),
            }
        }
        if !missing.is_empty() {
            let rows = store.load_many(&missing).await?;
            for (stream, row) in missing.into_iter().zip(rows) {
                let found = unfold(stream, row);
                if let Ok(Some(found)) = &found {
                    self.cache.put(stream, found.clone());
                }
                held.insert(stream, found);
            }
        }
        let mut asked = Vec::new();
        for (position, slot) in slots.iter().enumerate() {
            // A stream that does not exist has no keys: they are bound in the transaction that opens it.
            if let Some(reference) = slot.work.request()
                && !matches!(held.get(&reference.stream), Some(Ok(None)))
            {
                asked.push((position, reference));
            }
        }
        let mut requests = vec![None; slots.len()];
        if !asked.is_empty() {
            let references: Vec<RequestRef> = asked.iter().map(|(_, reference)| reference.clone()).collect();
            for ((position, _), found) in asked.iter().zip(store.requests(&references).await?) {
                if let Some(place) = requests.get_mut(*position) {
                    *place = found;
                }
            }
        }
        let mut definitions = BTreeMap::new();
        let (mut active, mut kept_active) = (BTreeMap::new(), BTreeSet::new());
        let anew: BTreeSet<&Name> =
            slots.iter().filter(|slot| slot.afresh).filter_map(|slot| slot.work.opens()).collect();
        for found in held.values() {
            if let Ok(Some(Held::Case(case))) = found
                && let Some(opened) = &case.opened
                && !definitions.contains_key(&opened.definition)
            {
                definitions.insert(opened.definition, self.shared.library.get(opened.definition).await);
            }
        }
        for workflow in slots.iter().filter_map(|slot| slot.work.opens()) {
            if active.contains_key(workflow) {
                continue;
            }
            let found = if anew.contains(workflow) {
                self.shared.library.active_now(workflow).await
            } else {
                kept_active.insert(workflow.clone());
                self.shared.library.active(workflow).await
            };
            active.insert(workflow.clone(), found);
        }
        Ok(Known { kept, kept_active, held, requests, definitions, active })
    }
}

/// Reads a stored row.
fn unfold(stream: StreamId, row: Loaded) -> Result<Option<Held>, EngineError> {
    let damaged = |detail: String| EngineError::Integrity { stream, detail };
    match row {
        Loaded::Absent => Ok(None),
        Loaded::Damaged(error) => Err(error.into()),
        Loaded::Case(row) => {
            let case: Case = qadiya_ledger::canonical::decode(&row.state)
                .map_err(|error| damaged(format!("its state: {error}")))?;
            if (case.id, case.version, case.head) != (stream, row.version, row.head) {
                return Err(damaged(format!(
                    "its row is at version {} and its state at version {}",
                    row.version, case.version
                )));
            }
            Ok(Some(Held::Case(Arc::new(case))))
        }
        Loaded::Entity(row) => {
            let entity = qadiya_domain::registry::Entity::from_bytes(row.kind, &row.state)
                .map_err(|error| damaged(error.to_string()))?;
            let held = HeldEntity {
                kind: row.kind,
                parent: row.parent,
                version: row.version,
                head: row.head,
                entity,
            };
            Ok(Some(Held::Entity(Arc::new(held))))
        }
    }
}
