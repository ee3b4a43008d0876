//! The active versions held against the signatures in the streams of their workflows.

use std::collections::BTreeSet;

use qadiya_domain::ids::DefinitionHash;
use qadiya_domain::name::Name;
use qadiya_domain::registry::Publications;

use super::{Check, FaultKind};
use crate::error::EngineError;
use crate::library::definition_stream;

/// How often a row and its stream are read until nothing has come between.
const READS: u32 = 3;

impl Check {
    /// Held against the events, not against the folded state: whoever changes the row of the stream changes no signature.
    pub(super) fn signatures(&mut self, place: &dyn std::fmt::Display, held: &Publications) {
        for unsigned in held.unsigned() {
            self.fault(FaultKind::Activation, place, None, unsigned.to_string());
        }
    }

    /// The row that opening a case is held against names the version that was signed for.
    pub(super) async fn activations(&mut self) -> Result<(), EngineError> {
        let stored = self.engine.on_store(|store| async move { store.definitions().await }).await?;
        let workflows: BTreeSet<Name> = stored.into_iter().map(|stored| stored.workflow).collect();
        for workflow in workflows {
            let mut reads = 1;
            let (mut row, mut signed) = self.both(&workflow).await?;
            // An activation between the two reads makes them differ, and is no fault.
            while row != signed && reads < READS {
                (row, signed) = self.both(&workflow).await?;
                reads += 1;
            }
            if row != signed {
                let told = |hash: Option<DefinitionHash>| {
                    hash.map_or_else(|| "none".to_owned(), |hash| hash.to_string())
                };
                let detail = format!("new cases come under {}, its stream says {}", told(row), told(signed));
                self.fault(FaultKind::Activation, &workflow, None, detail);
            }
        }
        Ok(())
    }

    async fn both(
        &self,
        workflow: &Name,
    ) -> Result<(Option<DefinitionHash>, Option<DefinitionHash>), EngineError> {
        let name = workflow.clone();
        let row = self.engine.on_store(move |store| async move { store.active(&name).await }).await?;
        // A stream that cannot be read was told already.
        let held = self.engine.entity(definition_stream(workflow)).await;
        match held {
            Ok(held) => Ok((row, held.and_then(|held| held.entity.publications()?.active))),
            Err(EngineError::Store(error)) => Err(EngineError::Store(error)),
            Err(_) => Ok((row, row)),
        }
    }
}
