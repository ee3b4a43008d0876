//! Which version of a workflow new cases come under: two administrators sign for the change (decision 17).
//!
//! The rule is [`Publications::sign`]; here stand the rights, the record, and who is told. Signatures are events of the
//! workflow's stream, so they are chained, numbered in the log, and never taken away; the row that opening a case is held
//! against is written in the transaction of the second one.

use std::sync::Arc;

use jiff::Timestamp;
use qadiya_domain::actor::Actor;
use qadiya_domain::case::refusal::{Refusal, RefusalCode};
use qadiya_domain::ids::{DefinitionHash, StreamKind};
use qadiya_domain::name::Name;
use qadiya_domain::registry::publications::{ADMINISTRATOR, Change, Publications, Signature, Signed};
use qadiya_domain::registry::{Deed, Entity, RegistryEvent};
use qadiya_ledger::canonical;
use qadiya_store::{Store, StoreError};

use crate::Engine;
use crate::error::EngineError;
use crate::library::{PublishError, Published, SYNTHETIC, definition_stream};
use crate::once::By;
use crate::registry_write::{Recorded, RegistryError, RegistryWrite};

/// Why a signature was not taken, or not given back.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ActivateError {
    /// It was never published here.
    #[error("no version of {workflow} with the hash {hash} was published")]
    Unknown {
        /// The workflow.
        workflow: Name,
        /// The hash.
        hash: DefinitionHash,
    },
    /// Its checks did not prove it, and real people live here.
    #[error(
        "the definition {0} is on trial: it may run synthetic cases only, and this installation is not synthetic"
    )]
    Trial(DefinitionHash),
    /// It was refused or not recorded.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl From<EngineError> for ActivateError {
    fn from(error: EngineError) -> Self {
        if let EngineError::Store(error) = error { Self::Store(error) } else { Self::Registry(error.into()) }
    }
}

/// Why a file did not become the active version.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SetUpError {
    /// It was not published.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// It was not signed for.
    #[error(transparent)]
    Activate(#[from] ActivateError),
}

/// What came of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signing {
    /// It was the second one: the version is the one for new cases since then.
    pub activated: bool,
    /// When it was recorded.
    pub at: Timestamp,
}

fn refused(code: RefusalCode, about: String, message: String) -> ActivateError {
    RegistryError::RefusedFor(Box::new(Refusal::new(code, about, message))).into()
}

impl Engine {
    /// The versions of a workflow with every signature; empty where nothing was published.
    pub async fn publications(&self, workflow: &Name) -> Result<Publications, EngineError> {
        let held = self.entity(definition_stream(workflow)).await?;
        Ok(held.and_then(|held| held.entity.publications().cloned()).unwrap_or_default())
    }

    /// Signs for a change of the active version. The first signature waits; the second one, of another person, makes the
    /// version the one for new cases. Running cases keep theirs.
    ///
    /// # Errors
    /// [`ActivateError::Trial`] for a file that was not proved, where the installation is not synthetic;
    /// [`RegistryError::RefusedFor`] when the signature does not count.
    pub async fn sign(
        &self,
        by: impl Into<By>,
        workflow: &Name,
        change: Change,
    ) -> Result<Signing, ActivateError> {
        let hash = change.definition;
        let read = move |store: Arc<dyn Store>| async move {
            Ok((store.definition(&hash).await?, store.setting(SYNTHETIC).await?))
        };
        let (stored, synthetic) = self.on_store(read).await?;
        let Some(stored) = stored.filter(|stored| stored.workflow == *workflow) else {
            return Err(ActivateError::Unknown { workflow: workflow.clone(), hash });
        };
        if !stored.proved && synthetic.as_deref() != Some("true") {
            return Err(ActivateError::Trial(hash));
        }
        let By { actor, once } = by.into();
        let name = self.signer(&actor).await?;
        let write = RegistryWrite::new(definition_stream(workflow), StreamKind::Definition, actor.clone());
        let write = write.of_workflow(workflow).once(once);
        let recorded =
            self.record(write.judging(move |entity| held(entity).sign(&actor, &name, change))).await?;
        self.library().forget_active(workflow);
        self.signing(&recorded).await
    }

    /// Takes a signature back that still waits for the second one.
    ///
    /// # Errors
    /// [`RegistryError::RefusedFor`] when no waiting signature under the change is theirs.
    pub async fn withdraw(
        &self,
        by: impl Into<By>,
        workflow: &Name,
        change: Change,
    ) -> Result<Signing, ActivateError> {
        let By { actor, once } = by.into();
        let write = RegistryWrite::new(definition_stream(workflow), StreamKind::Definition, actor.clone());
        let write = write.once(once).judging(move |entity| held(entity).withdraw(&actor, change));
        let recorded = self.record(write).await?;
        self.signing(&recorded).await
    }

    /// Publishes a file and lets two administrators sign for it, one after the other: for setting up. What is done
    /// already is not done again.
    ///
    /// # Errors
    /// Those of [`Engine::publish`] and [`Engine::sign`].
    pub async fn publish_signed(
        &self,
        by: &[Actor; 2],
        bytes: &[u8],
        calendars: &[(Name, Vec<u8>)],
    ) -> Result<Published, SetUpError> {
        let [first, _] = by;
        let published = self.publish(first, bytes, calendars).await?;
        let held = self.publications(&published.workflow).await.map_err(ActivateError::from)?;
        if held.active == Some(published.hash) && held.in_force().is_some_and(Signed::is_by_two_people) {
            return Ok(published);
        }
        let change = Change { definition: published.hash, replaces: held.active };
        let signed = |signer: &&Actor| {
            let mut waiting =
                held.open.iter().filter(|open| open.change == change).flat_map(|open| &open.signatures);
            waiting.any(|signature: &Signature| signer.official() == Some(signature.person))
        };
        for signer in by.iter().filter(|signer| !signed(signer)) {
            self.sign(signer, &published.workflow, change).await?;
        }
        Ok(published)
    }

    /// The name of who signs, from the record of officials. Who holds no office of administrator now does not sign,
    /// whoever says that they may.
    async fn signer(&self, actor: &Actor) -> Result<String, ActivateError> {
        let Some(person) = actor.official() else {
            // The rule refuses it, with its reason.
            return Ok(actor.role().to_string());
        };
        let now = self.clock().now();
        let official = self.official(person).await?;
        let official = official.filter(|official| {
            let mut held = official.appointments.iter();
            held.any(|held| held.role == *ADMINISTRATOR && held.is_valid(now))
        });
        official.map(|official| official.name).ok_or_else(|| {
            let why = "whoever signs holds the capacity administrator at that time".to_owned();
            refused(RefusalCode::Appointment, person.to_string(), why)
        })
    }

    /// What was recorded, also when that was long ago under the same key: the last event of it says so.
    async fn signing(&self, recorded: &Recorded) -> Result<Signing, ActivateError> {
        let (stream, seq) = (recorded.stream, recorded.done);
        let events = self.on_store(move |store| async move { store.events(stream, seq, 1).await }).await?;
        let damaged = |detail: String| EngineError::Integrity { stream, detail };
        let event = events.first().ok_or_else(|| damaged(format!("the event {seq} is missing")))?;
        let event: RegistryEvent =
            canonical::decode(&event.bytes).map_err(|error| damaged(format!("the event {seq}: {error}")))?;
        let activated = matches!(event.deed, Deed::DefinitionActivated { .. });
        Ok(Signing { activated, at: event.at })
    }
}

/// The publications of a workflow's stream; none yet where the stream is new.
fn held(entity: &Entity) -> Publications {
    entity.publications().cloned().unwrap_or_default()
}
