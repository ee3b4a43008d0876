//! Definitions by hash, and which version of a workflow is active.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use qadiya_domain::calendar::Calendar;
use qadiya_domain::ids::{DefinitionHash, StreamId, StreamKind};
use qadiya_domain::name::Name;
use qadiya_domain::registry::Deed;
use qadiya_domain::workflow::read::{Source, load, read};
use qadiya_domain::workflow::{Definition, Finding};
use qadiya_ledger::Hash;
use qadiya_store::registry::StoredDefinition;
use qadiya_store::{Store, StoreError};

use crate::Engine;
use crate::error::EngineError;
use crate::ids::derived;
use crate::once::By;
use crate::registry_write::{RegistryError, RegistryWrite};

/// The collection of files in which a request key stands for one workflow.
const COLLECTION: &str = "workflows";

/// The setting that says that only synthetic people live in an installation.
pub const SYNTHETIC: &str = "synthetic";

/// Definitions in memory. A definition never changes under its hash, so nothing is ever stale here but the mark of the
/// active one, and that one is tested again by every commit that opens a case.
pub struct Library {
    store: Arc<dyn Store>,
    definitions: Mutex<BTreeMap<DefinitionHash, Arc<Definition>>>,
    active: Mutex<BTreeMap<Name, DefinitionHash>>,
}

impl std::fmt::Debug for Library {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Library").field("definitions", &self.lock().len()).finish_non_exhaustive()
    }
}

/// What publishing a file gave.
#[derive(Debug, Clone)]
pub struct Published {
    /// The definition's hash.
    pub hash: DefinitionHash,
    /// Which workflow.
    pub workflow: Name,
    /// Which version.
    pub version: u32,
    /// What the checks found.
    pub findings: Vec<Finding>,
    /// Whether it may run real cases; otherwise it is a trial.
    pub proved: bool,
}

/// Why a file was not published.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PublishError {
    /// The file is no workflow; every fault at once.
    #[error("the file has {} faults; the first: {}", .0.len(), .0.first().map(ToString::to_string).unwrap_or_default())]
    Faults(Vec<Finding>),
    /// A calendar cannot be read.
    #[error("the calendar {name} cannot be read: {detail}")]
    Calendar {
        /// Its name.
        name: Name,
        /// Every fault.
        detail: String,
    },
    /// Another file was published under this version.
    #[error("version {version} of {workflow} was published with other contents; raise the version")]
    VersionTaken {
        /// The workflow.
        workflow: Name,
        /// The version.
        version: u32,
    },
    /// It could not be recorded.
    #[error("the publication was not recorded")]
    Registry(#[from] RegistryError),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl From<EngineError> for PublishError {
    fn from(error: EngineError) -> Self {
        if let EngineError::Store(error) = error { Self::Store(error) } else { Self::Registry(error.into()) }
    }
}

/// The stream of a workflow's publications.
pub fn definition_stream(workflow: &Name) -> StreamId {
    StreamId(derived(&["definition", workflow]))
}

impl Library {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, definitions: Mutex::default(), active: Mutex::default() }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<DefinitionHash, Arc<Definition>>> {
        self.definitions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A definition, if it is in memory already.
    fn known(&self, hash: &DefinitionHash) -> Option<Arc<Definition>> {
        self.lock().get(hash).cloned()
    }

    /// A definition by hash.
    ///
    /// # Errors
    /// [`EngineError::Definition`] when it is not stored or its bytes no longer have its hash.
    pub async fn get(&self, hash: DefinitionHash) -> Result<Arc<Definition>, EngineError> {
        if let Some(known) = self.known(&hash) {
            return Ok(known);
        }
        let definition = Arc::new(self.read_stored(hash).await?);
        self.lock().insert(hash, Arc::clone(&definition));
        Ok(definition)
    }

    /// Reads a definition out of the store, whether it is in memory or not.
    pub(crate) async fn read_stored(&self, hash: DefinitionHash) -> Result<Definition, EngineError> {
        let bad = |detail: String| EngineError::Definition { hash, detail };
        let stored = self.store.definition(&hash).await?.ok_or_else(|| bad("it is not stored".to_owned()))?;
        let mut calendars = BTreeMap::new();
        for (name, calendar) in &stored.calendars {
            let bytes = self.store.calendar(calendar).await?;
            let bytes = bytes.ok_or_else(|| bad(format!("its calendar {name} is not stored")))?;
            let calendar = Calendar::read(&bytes).map_err(|faults| bad(calendar_faults(name, &faults)))?;
            calendars.insert(name.clone(), Arc::new(calendar));
        }
        let source = Source { text: &stored.bytes, calendars: &|name| calendars.get(name).cloned() };
        let definition = load(&source).map_err(|findings| {
            bad(findings.first().map_or_else(|| "it cannot be read".to_owned(), ToString::to_string))
        })?;
        if definition.hash != hash {
            return Err(bad(format!("its bytes have the hash {}", definition.hash)));
        }
        Ok(definition)
    }

    /// The active definition of a workflow, as this process knows it.
    ///
    /// # Errors
    /// [`EngineError::NotActive`] when none is.
    pub async fn active(&self, workflow: &Name) -> Result<Arc<Definition>, EngineError> {
        let known = self.active.lock().unwrap_or_else(PoisonError::into_inner).get(workflow).copied();
        match known {
            Some(hash) => self.get(hash).await,
            None => self.active_now(workflow).await,
        }
    }

    /// The active definition of a workflow, as the store names it now.
    pub(crate) async fn active_now(&self, workflow: &Name) -> Result<Arc<Definition>, EngineError> {
        let hash = self.store.active(workflow).await?;
        let Some(hash) = hash else {
            self.forget_active(workflow);
            return Err(EngineError::NotActive(workflow.to_string()));
        };
        self.active.lock().unwrap_or_else(PoisonError::into_inner).insert(workflow.clone(), hash);
        self.get(hash).await
    }

    /// Forgets which version is active, so that it is read again.
    pub(crate) fn forget_active(&self, workflow: &Name) {
        self.active.lock().unwrap_or_else(PoisonError::into_inner).remove(workflow);
    }
}

fn calendar_faults(name: &Name, faults: &[qadiya_domain::calendar::CalendarFault]) -> String {
    let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
    format!("its calendar {name}: {}", faults.join("; "))
}

impl Engine {
    /// A definition by hash.
    pub async fn definition(&self, hash: DefinitionHash) -> Result<Arc<Definition>, EngineError> {
        let engine = self.clone();
        self.apart(async move { engine.library().get(hash).await }).await?
    }

    /// The active definition of a workflow.
    pub async fn active(&self, workflow: &Name) -> Result<Arc<Definition>, EngineError> {
        let (engine, workflow) = (self.clone(), workflow.clone());
        self.apart(async move { engine.library().active(&workflow).await }).await?
    }

    /// Checks a workflow file and stores it with its calendars. Whatever the checks found is in the answer; a file with
    /// open findings is a trial. Publishing the same bytes again changes nothing.
    ///
    /// # Errors
    /// [`PublishError::Faults`] when the file cannot be read as a workflow at all.
    pub async fn publish(
        &self,
        by: impl Into<By>,
        bytes: &[u8],
        calendars: &[(Name, Vec<u8>)],
    ) -> Result<Published, PublishError> {
        let By { actor, once } = by.into();
        let mut parsed = BTreeMap::new();
        for (name, bytes) in calendars {
            let calendar = Calendar::read(bytes).map_err(|faults| PublishError::Calendar {
                name: name.clone(),
                detail: calendar_faults(name, &faults),
            })?;
            parsed.insert(name.clone(), (Arc::new(calendar), Hash::of(bytes), bytes));
        }
        let definition = {
            let calendar = |name: &Name| parsed.get(name).map(|(calendar, ..)| Arc::clone(calendar));
            read(&Source { text: bytes, calendars: &calendar }).map_err(PublishError::Faults)?
        };
        let (hash, workflow, version) = (definition.hash, definition.workflow.clone(), definition.version);
        let (proved, findings) = (definition.is_proved(), definition.findings.clone());
        let published = Published { hash, workflow: workflow.clone(), version, findings, proved };
        let stream = definition_stream(&workflow);
        // Before the file is stored: under a key that belongs to another file nothing of this one is kept.
        if let Some(once) = &once {
            self.was_done(once, stream, Some(COLLECTION)).await?;
        }
        let now = self.clock().now();
        let used: Vec<(Name, Hash)> = definition
            .calendars
            .keys()
            .filter_map(|name| parsed.get(name).map(|(_, hash, _)| (name.clone(), *hash)))
            .collect();
        let stored = StoredDefinition {
            hash,
            workflow: workflow.clone(),
            version,
            bytes: bytes.to_vec(),
            calendars: used,
            proved,
            stored: now,
        };
        let calendars: Vec<(Name, Hash, Vec<u8>)> = parsed
            .into_iter()
            .filter(|(name, _)| definition.calendars.contains_key(name))
            .map(|(name, (_, hash, bytes))| (name, hash, bytes.clone()))
            .collect();
        self.on_store(move |store| async move {
            for (name, hash, bytes) in &calendars {
                store.put_calendar(name, hash, bytes, now).await?;
            }
            store.put_definition(&stored).await
        })
        .await?;
        let taken = PublishError::VersionTaken { workflow: workflow.clone(), version };
        let keyed = once.is_some();
        let write = RegistryWrite::new(stream, StreamKind::Definition, actor).once_in(COLLECTION, once);
        let outcome = self
            .record(write.deciding(move |entity| {
                let published = entity.publications().and_then(|held| held.versions.get(&version).copied());
                match published {
                    Some(held) if held == hash && !keyed => Ok(Vec::new()),
                    Some(held) if held != hash => Err("the version is taken".to_owned()),
                    // A key is bound by a deed, so the same file under another key leaves one more.
                    Some(_) | None => {
                        Ok(vec![Deed::DefinitionPublished { definition: hash, version, proved }])
                    }
                }
            }))
            .await;
        match outcome {
            Ok(_) => Ok(published),
            Err(RegistryError::Refused(_)) => Err(taken),
            Err(error) => Err(error.into()),
        }
    }
}
