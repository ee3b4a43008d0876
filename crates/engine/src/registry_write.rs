//! Writing to streams that are not cases: officials, persons, manifests, definitions, the installation. They go through
//! the same committers as commands, so they share batches, seals and the log.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use qadiya_domain::actor::Actor;
use qadiya_domain::case::refusal::Refusal;
use qadiya_domain::ids::{Seq, StreamId, StreamKind};
use qadiya_domain::name::Name;
use qadiya_domain::registry::{Deed, Entity, Installation};
use qadiya_ledger::Hash;
use qadiya_ledger::receipt::Receipt;
use qadiya_store::append::Lookup;
use qadiya_store::read::Loaded;
use qadiya_store::{Store, StoreError};
use tokio::sync::oneshot;

use crate::Engine;
use crate::committer::queue::{Registry, Work};
use crate::error::EngineError;
use crate::once::Once;

/// Says what deeds follow on the state of a stream, or why none may. It is asked again when the stream has moved.
pub type Decide = Arc<dyn Fn(&Entity) -> Result<Vec<Deed>, RegistryError> + Send + Sync>;

/// What is to be written to one stream.
#[derive(Clone)]
pub struct RegistryWrite {
    /// The stream.
    pub stream: StreamId,
    /// What it is about.
    pub kind: StreamKind,
    /// The stream it belongs to (a person: its manifest), set when it is opened.
    pub parent: Option<StreamId>,
    /// Who.
    pub actor: Actor,
    /// What follows. No deeds: nothing is written, and that is a success.
    pub decide: Decide,
    /// Keys by which the stream is found from now on.
    pub lookups: Vec<Lookup>,
    /// Keys that lead to it no more.
    pub forgets: Vec<Lookup>,
    /// Folded spellings and birth year of a person, to be kept beside its state; `None` leaves them.
    pub agreement: Option<BTreeMap<String, String>>,
    /// The instant of a virtual clock; `None`: the engine's clock.
    pub at: Option<Timestamp>,
    /// The workflow whose versions the stream is about: the store is told which of them a deed makes the active one.
    pub workflow: Option<Name>,
    /// The key under which it is done once. It is bound by the deeds: a write without deeds binds nothing.
    pub once: Option<Once>,
}

impl fmt::Debug for RegistryWrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistryWrite")
            .field("stream", &self.stream)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

impl RegistryWrite {
    /// A write that does nothing yet.
    pub fn new(stream: StreamId, kind: StreamKind, actor: Actor) -> Self {
        Self {
            stream,
            kind,
            parent: None,
            actor,
            decide: Arc::new(|_| Ok(Vec::new())),
            lookups: Vec::new(),
            forgets: Vec::new(),
            agreement: None,
            at: None,
            workflow: None,
            once: None,
        }
    }

    /// With these deeds, whatever the state.
    #[must_use]
    pub fn doing(self, deeds: Vec<Deed>) -> Self {
        self.deciding(move |_| Ok(deeds.clone()))
    }

    /// With the deeds that follow on the state.
    #[must_use]
    pub fn deciding(
        mut self,
        decide: impl Fn(&Entity) -> Result<Vec<Deed>, String> + Send + Sync + 'static,
    ) -> Self {
        self.decide = Arc::new(move |entity| decide(entity).map_err(RegistryError::Refused));
        self
    }

    /// With the deeds that follow by a rule of the domain.
    #[must_use]
    pub fn judging(
        mut self,
        judge: impl Fn(&Entity) -> Result<Vec<Deed>, Box<Refusal>> + Send + Sync + 'static,
    ) -> Self {
        self.decide = Arc::new(move |entity| judge(entity).map_err(RegistryError::RefusedFor));
        self
    }

    /// About the versions of a workflow.
    #[must_use]
    pub fn of_workflow(mut self, workflow: &Name) -> Self {
        self.workflow = Some(workflow.clone());
        self
    }

    /// Done once under a key.
    #[must_use]
    pub fn once(mut self, once: Option<Once>) -> Self {
        self.once = once;
        self
    }

    /// The same, where the stream follows from what is sent: the key is of no use for another stream of the collection.
    #[must_use]
    pub fn once_in(mut self, collection: &str, once: Option<Once>) -> Self {
        self.lookups.extend(once.as_ref().map(|once| once.lookup(collection)));
        self.once(once)
    }

    /// With a key by which the stream is found.
    #[must_use]
    pub fn found_by(mut self, space: &str, key: impl Into<String>) -> Self {
        self.lookups.push(Lookup { space: space.to_owned(), key: key.into() });
        self
    }
}

/// A write that is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The stream.
    pub stream: StreamId,
    /// Its version now.
    pub version: Seq,
    /// The hash of its last event.
    pub head: Hash,
    /// Its state now.
    pub entity: Entity,
    /// The signed word for the first event; `None` when nothing was written.
    pub receipt: Option<Receipt>,
    /// The same was done before under the same key; nothing was written now.
    pub replayed: bool,
    /// The version right after it was done: that of now, or that of the time when it was done under the key.
    pub done: Seq,
}

/// Why nothing was written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RegistryError {
    /// What was asked does not follow on the state of the stream.
    #[error("refused: {0}")]
    Refused(String),
    /// What was asked is refused by a rule of the domain.
    #[error("refused: {0}")]
    RefusedFor(Box<Refusal>),
    /// The request key is bound to something else.
    #[error("this request key was used for another request; choose a new one")]
    KeyReused,
    /// A key leads to another stream already.
    #[error("the {} {:?} belongs to another record", .0.space, .0.key)]
    KeyTaken(Lookup),
    /// The stream changed under every try.
    #[error("the record changed under every try; look at it again")]
    Conflict,
    /// The queue is full.
    #[error("the engine is busy; try again in a moment")]
    Busy,
    /// The store cannot take it now.
    #[error("the store failed")]
    Store(#[source] StoreError),
    /// Something stored is damaged.
    #[error("the record cannot be worked on")]
    Integrity(#[source] EngineError),
}

/// A stream that is not a case, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEntity {
    /// The stream.
    pub stream: StreamId,
    /// What it is about.
    pub kind: StreamKind,
    /// Its version.
    pub version: Seq,
    /// Its state.
    pub entity: Entity,
}

/// The stream of the installation itself.
pub fn system_stream() -> StreamId {
    StreamId(crate::ids::derived(&["system"]))
}

/// What a store says about its own installation; `None` when it was never set up.
///
/// # Errors
/// When the store cannot be read, or the record is damaged.
pub async fn installation(store: &dyn Store) -> Result<Option<Installation>, EngineError> {
    let stream = system_stream();
    let found = store.load_many(&[stream]).await?.pop().unwrap_or(Loaded::Absent);
    let held = stored_entity(stream, found)?.and_then(|stored| stored.entity.installation().cloned());
    Ok(held.filter(|held| !held.origin.is_empty()))
}

/// What was loaded of one stream that is not a case; `None` when there is none.
fn stored_entity(stream: StreamId, found: Loaded) -> Result<Option<StoredEntity>, EngineError> {
    match found {
        Loaded::Entity(row) => {
            let entity = Entity::from_bytes(row.kind, &row.state)
                .map_err(|error| EngineError::Integrity { stream, detail: error.to_string() })?;
            Ok(Some(StoredEntity { stream, kind: row.kind, version: row.version, entity }))
        }
        Loaded::Damaged(error) => Err(error.into()),
        Loaded::Case(_) | Loaded::Absent => Ok(None),
    }
}

impl Engine {
    /// A stream that is not a case; `None` when there is none.
    pub async fn entity(&self, stream: StreamId) -> Result<Option<StoredEntity>, EngineError> {
        Ok(self.entities(vec![stream]).await?.pop().flatten())
    }

    /// Streams that are not cases, in the order of the ids, in one question; `None` where there is none.
    pub async fn entities(&self, streams: Vec<StreamId>) -> Result<Vec<Option<StoredEntity>>, EngineError> {
        let asked = streams.clone();
        let found = self.on_store(move |store| async move { store.load_many(&asked).await }).await?;
        streams.into_iter().zip(found).map(|(stream, found)| stored_entity(stream, found)).collect()
    }

    /// Writes to one stream that is not a case, and answers once it is durable.
    ///
    /// # Errors
    /// [`RegistryError::Refused`] with the words of [`RegistryWrite::decide`]; otherwise what the store or another
    /// writer did.
    pub async fn record(&self, write: RegistryWrite) -> Result<Recorded, RegistryError> {
        let (reply, answer) = oneshot::channel();
        let stream = write.stream;
        let work = Work::Registry(Box::new(Registry { write, reply }));
        self.committers.give(stream, work).map_err(EngineError::from)?;
        answer.await.unwrap_or(Err(RegistryError::Busy))
    }

    /// Writes to many streams, all in flight together; the answers come in the order of the writes.
    pub async fn record_many(&self, writes: Vec<RegistryWrite>) -> Vec<Result<Recorded, RegistryError>> {
        let tasks: Vec<_> = writes
            .into_iter()
            .map(|write| {
                let engine = self.clone();
                self.shared.tracker.spawn(async move { engine.record(write).await })
            })
            .collect();
        let mut answers = Vec::with_capacity(tasks.len());
        for task in tasks {
            answers.push(task.await.unwrap_or(Err(RegistryError::Busy)));
        }
        answers
    }

    /// Makes the installation known to its own log, once: the name of the log, its key, and whether only synthetic
    /// people live here. The same again changes nothing.
    ///
    /// # Errors
    /// [`RegistryError::Refused`] when it is known already with another name, key or mark: these never change.
    pub async fn install(&self, synthetic: bool) -> Result<(), RegistryError> {
        let deed = Deed::Installed {
            origin: self.origin().to_string(),
            key: self.public_key().to_string(),
            synthetic,
        };
        let wanted =
            Installation { origin: self.origin().to_string(), key: self.public_key().to_string(), synthetic };
        let stream = system_stream();
        let write =
            RegistryWrite::new(stream, StreamKind::System, Actor::System).deciding(
                move |entity| match entity.installation().filter(|held| !held.origin.is_empty()) {
                    None => Ok(vec![deed.clone()]),
                    Some(held) if *held == wanted => Ok(Vec::new()),
                    Some(_) => Err("the installation is set up already, and differently".to_owned()),
                },
            );
        self.record(write).await?;
        let mark = if synthetic { "true" } else { "false" };
        self.on_store(move |store| async move { store.put_setting(crate::library::SYNTHETIC, mark).await })
            .await?;
        Ok(())
    }
}
