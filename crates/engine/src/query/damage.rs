//! Damaged rows that a reader of many rows meets: the others are served, and each damaged one becomes an incident that
//! people see (DESIGN section 6).

use std::collections::BTreeMap;
use std::sync::PoisonError;

use jiff::Timestamp;
use qadiya_domain::ids::StreamId;
use qadiya_ledger::{Hash, canonical, chain};
use qadiya_store::StoreError;
use qadiya_store::work::{DAMAGED, damage_incident};
use uuid::Uuid;

use crate::Engine;

/// Damaged rows met while one question was answered, each once: the table and the key of the row, with its stream.
#[derive(Debug, Default)]
pub(super) struct Damage(BTreeMap<(&'static str, String), StreamId>);

impl Damage {
    /// A row of a stream.
    pub(super) fn at(&mut self, stream: StreamId, table: &'static str, row: String) {
        self.0.insert((table, row), stream);
    }

    /// A row of a stream that the store could not read.
    ///
    /// # Errors
    /// The error itself, where it is no damage of one row.
    pub(super) fn of(&mut self, stream: StreamId, error: StoreError) -> Result<(), StoreError> {
        match error {
            StoreError::Corrupt { table, row, .. } => {
                self.at(stream, table, row);
                Ok(())
            }
            other @ (StoreError::Retry { .. }
            | StoreError::Unknown { .. }
            | StoreError::Unavailable { .. }
            | StoreError::Full { .. }
            | StoreError::Io { .. }
            | StoreError::Unsafe(_)
            | StoreError::Schema(_)
            | StoreError::Other { .. }) => Err(other),
        }
    }

    /// A row whose stream can be told by its key only, if at all.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub(super) fn found(&mut self, error: StoreError) -> Result<(), StoreError> {
        let stream = if let StoreError::Corrupt { row, .. } = &error {
            row.split('/').next().and_then(|id| Uuid::parse_str(id).ok())
        } else {
            None
        };
        self.of(StreamId(stream.unwrap_or_default()), error)
    }

    /// How many rows.
    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }
}

/// Whether the bytes of an event are those that the log stands for.
pub(super) fn is_logged(bytes: &[u8], hash: Hash) -> bool {
    chain::event_hash(bytes) == hash && canonical::decode::<qadiya_ledger::Value>(bytes).is_ok()
}

impl Engine {
    /// Shows damaged rows as incidents. This process tells each once: whoever let the incident go has seen it, and
    /// readers must not write at every look. A row that cannot be told now is told by the next reader.
    pub(super) async fn show_damage(&self, damage: Damage, now: Timestamp) {
        for ((table, row), stream) in damage.0 {
            let incident = damage_incident(table, &row, now);
            let told = || self.shared.told.lock().unwrap_or_else(PoisonError::into_inner);
            if !told().insert(incident.id) {
                continue;
            }
            tracing::error!(%stream, table, row, "a row is damaged and is left out");
            if let Err(fault) = self.store().raise_incident(stream, &incident, DAMAGED).await {
                tracing::error!(%stream, table, row, %fault, "a damaged row could not be shown");
                told().remove(&incident.id);
            }
        }
    }
}
