//! Who may do what, and in which order: commands through one door, questions with their access record, definitions by
//! hash, the log's numbers, and the verification of all of it. This crate must not know HTTP, SQL
//! or a concrete store.
//!
//! * [`submit`]: the one door for every change of a case; behind it the committers gather commands into batches.
//! * [`query`]: every question records who asked before it answers.
//! * [`registry_write`], [`officials`], [`library`]: streams that are not cases.
//! * [`sequencer`], [`verify`]: the global log.
//! * [`clock`], [`ids`]: the ports through which time and randomness come in.
//! * [`event_log`], [`manifest_file`]: files of others.

pub mod activation;
pub mod authorize;
pub mod clock;
mod committer;
pub mod error;
pub mod event_log;
pub mod export;
mod gather;
pub mod ids;
pub mod intake;
mod law;
pub mod library;
pub mod manifest_file;
pub mod officials;
pub mod once;
pub mod operations;
mod patience;
pub mod query;
pub mod reference;
mod references;
pub mod registry_write;
pub mod replay;
pub mod sequencer;
pub mod submit;
pub mod verify;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use qadiya_domain::ids::{JobId, StreamId};
use qadiya_ledger::Hash;
use qadiya_ledger::key::Signer;
use qadiya_ledger::note::Origin;
use qadiya_store::append::EntityRow;
use qadiya_store::read::Loaded;
use qadiya_store::{Fenced, Store, StoreError};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

pub use law::{JobPayload, NOTICE_JOB, NOTICE_QUEUE, Notice};

use authorize::{Denied, Principal};
use clock::Clock;
use committer::Committers;
use error::EngineError;
use gather::Gather;
use ids::IdSource;
use library::Library;
use references::References;

/// The setting with the name of the log.
const ORIGIN: &str = "origin";

/// What is called when the store reports an input/output error, or a committer breaks off in the middle of a batch: what
/// is on the disk is not known, and the process must end (DESIGN D9).
pub type OnFatal = Arc<dyn Fn(&StoreError) + Send + Sync>;

/// How the engine is set up.
#[derive(Clone)]
pub struct Settings {
    /// Committers. With two, one decides while the store writes what the other has decided.
    pub committers: usize,
    /// Commands and access records in one batch, at the most.
    pub batch: usize,
    /// Commands and access records that may wait for one committer; beyond it the engine is busy.
    pub queue: usize,
    /// Folded cases kept per committer.
    pub cache: usize,
    /// The name of the log.
    pub origin: String,
    /// Called when what is stored is not known any more, from whatever call.
    pub on_fatal: OnFatal,
}

impl Settings {
    /// The usual settings.
    pub fn new(origin: impl Into<String>, on_fatal: OnFatal) -> Self {
        Self { committers: 2, batch: 512, queue: 4096, cache: 10_000, origin: origin.into(), on_fatal }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("committers", &self.committers)
            .field("batch", &self.batch)
            .field("queue", &self.queue)
            .field("cache", &self.cache)
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

/// The engine. A clone is a handle to the same engine.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
    committers: Arc<Committers>,
}

/// What every part of the engine uses.
struct Shared {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    signer: Arc<dyn Signer>,
    origin: Origin,
    library: Library,
    tracker: TaskTracker,
    references: References,
    /// Who stands behind a token.
    tokens: Gather<Hash, Option<EntityRow>>,
    /// The row of a stream.
    rows: Gather<StreamId, Loaded>,
    /// Ends both.
    asking: CancellationToken,
    /// A secret that only the holder of the signing key can make again.
    pepper: [u8; 64],
    /// Who this process is when it takes an office.
    process: Uuid,
    /// Damaged rows that this process has shown as incidents.
    told: std::sync::Mutex<BTreeSet<JobId>>,
    sequencing: tokio::sync::Mutex<Option<qadiya_ledger::tree::Frontier>>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("origin", &self.shared.origin).finish_non_exhaustive()
    }
}

impl Engine {
    /// Starts the committers. A store that was made under another log name or signing key is refused: two keys in one log
    /// would be a break in it that nobody could heal. A fresh store is marked.
    pub async fn start(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
        signer: Arc<dyn Signer>,
        settings: Settings,
    ) -> Result<Self, EngineError> {
        let store: Arc<dyn Store> = Arc::new(Fenced::new(store, Arc::clone(&settings.on_fatal)));
        let origin = Origin::new(settings.origin.clone())
            .map_err(|source| EngineError::Origin { origin: settings.origin.clone(), source })?;
        let found = store.setting(ORIGIN).await?;
        match found {
            Some(found) if found != settings.origin => {
                return Err(EngineError::OtherLog { found, wanted: settings.origin.clone() });
            }
            Some(_) => {}
            None => store.put_setting(ORIGIN, &settings.origin).await?,
        }
        let given = signer.public_key().to_string();
        if let Some(held) = registry_write::installation(store.as_ref()).await?
            && held.key != given
        {
            return Err(EngineError::OtherKey { found: given, wanted: held.key });
        }
        let process = ids.id(clock.now())?;
        let library = Library::new(Arc::clone(&store));
        let pepper = *signer.sign(b"qadiya/asked/v1\n").as_bytes();
        let tracker = TaskTracker::new();
        let asking = CancellationToken::new();
        let asked = Arc::clone(&store);
        let tokens = Gather::start(&tracker, asking.clone(), move |hashes: Vec<Hash>| {
            let store = Arc::clone(&asked);
            Box::pin(async move { store.by_tokens(&hashes).await })
        });
        let asked = Arc::clone(&store);
        let rows = Gather::start(&tracker, asking.clone(), move |streams: Vec<StreamId>| {
            let store = Arc::clone(&asked);
            Box::pin(async move { store.load_many(&streams).await })
        });
        let shared = Arc::new(Shared {
            store,
            clock,
            ids,
            signer,
            origin,
            library,
            tracker: tracker.clone(),
            references: References::default(),
            tokens,
            rows,
            asking,
            pepper,
            process,
            told: std::sync::Mutex::default(),
            sequencing: tokio::sync::Mutex::new(None),
        });
        let committers = Arc::new(Committers::start(&shared, &settings, &tracker));
        Ok(Self { shared, committers })
    }

    /// The business clock.
    pub fn clock(&self) -> &dyn Clock {
        self.shared.clock.as_ref()
    }

    /// Where ids come from.
    pub fn ids(&self) -> &dyn IdSource {
        self.shared.ids.as_ref()
    }

    /// The store, behind the fence that ends the process at its first input/output error.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.shared.store
    }

    /// Definitions.
    pub fn library(&self) -> &Library {
        &self.shared.library
    }

    /// The name of the log.
    pub fn origin(&self) -> &Origin {
        &self.shared.origin
    }

    /// The key that checks receipts and checkpoints.
    pub fn public_key(&self) -> qadiya_ledger::key::PublicKey {
        self.shared.signer.public_key()
    }

    /// Takes no new work, finishes what waits, and returns once everything is durable or answered.
    pub async fn stop(&self) {
        self.committers.end();
        self.shared.asking.cancel();
        self.shared.tracker.close();
        self.shared.tracker.wait().await;
    }

    /// Runs work on the store in a task of its own, so that it is finished even when nobody waits for it any more
    /// (DESIGN D9).
    async fn apart<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, EngineError> {
        self.shared.tracker.spawn(work).await.map_err(|error| EngineError::Broken(error.to_string()))
    }

    /// Recognises the bearer of a token: one indexed read, which begins after this call and which it shares with others.
    pub async fn authenticate(&self, bearer: &str) -> Result<Principal, Denied> {
        let (engine, bearer) = (self.clone(), bearer.to_owned());
        let asked =
            async move { authorize::authenticate(&engine.shared, &bearer, engine.clock().now()).await };
        match self.apart(asked).await {
            Ok(answer) => answer,
            Err(error) => Err(Denied::Broken(error.to_string())),
        }
    }
}
