//! An engine on the store in memory, for tests that go through the one door.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use qadiya_domain::actor::Actor;
use qadiya_domain::calendar::Calendar;
use qadiya_domain::ids::OfficialId;
use qadiya_domain::name::Name;
use qadiya_domain::workflow::Definition;
use qadiya_domain::workflow::read::{Source, read};
use qadiya_engine::authorize::Principal;
use qadiya_engine::clock::ManualClock;
use qadiya_engine::ids::SeededIds;
use qadiya_engine::{Engine, Settings};
use qadiya_ledger::key::Ed25519Signer;
use qadiya_store::{MemoryStore, Store};

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A file of the outside data, which `QADIYA_DATA` names.
pub(crate) fn data(path: &str) -> Vec<u8> {
    let folder = std::env::var_os("QADIYA_DATA").map_or_else(|| root().join("../shared/data"), PathBuf::from);
    let file = folder.join(path);
    std::fs::read(&file)
        .unwrap_or_else(|error| panic!("set QADIYA_DATA: {} cannot be read: {error}", file.display()))
}

/// A name of the workflow language.
pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// An engine with its store and clock.
pub(crate) struct Bench {
    pub(crate) engine: Engine,
    pub(crate) store: Arc<MemoryStore>,
}

/// When the clock of the bench stands still.
pub(crate) fn now() -> Timestamp {
    "2026-03-02T06:00:00Z".parse().unwrap()
}

impl Bench {
    pub(crate) async fn start() -> Self {
        Self::start_as(true).await
    }

    pub(crate) async fn start_as(synthetic: bool) -> Self {
        let store = Arc::new(MemoryStore::new(now()));
        Self::over(store, synthetic).await
    }

    /// An engine on a store that is there already.
    pub(crate) async fn over(store: Arc<MemoryStore>, synthetic: bool) -> Self {
        Self::behind(Arc::<MemoryStore>::clone(&store), store, synthetic).await
    }

    /// An engine on a store that stands in front of the one in memory.
    pub(crate) async fn behind(front: Arc<dyn Store>, store: Arc<MemoryStore>, synthetic: bool) -> Self {
        let settings = Settings::new("court.example/log", Arc::new(|error| panic!("{error}")));
        let engine = Engine::start(
            front,
            Arc::new(ManualClock::new(now())),
            Arc::new(SeededIds::new(7)),
            Arc::new(Ed25519Signer::from_seed(&[7; 32])),
            settings,
        )
        .await
        .unwrap();
        engine.install(synthetic).await.unwrap();
        Self { engine, store }
    }

    fn calendars() -> Vec<(Name, Vec<u8>)> {
        std::fs::read_dir(root().join("workflows/calendars"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
            .map(|path| {
                let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
                (name(stem.split('.').next().unwrap()), std::fs::read(&path).unwrap())
            })
            .collect()
    }

    /// Reads a workflow file without storing it.
    pub(crate) fn read(text: &str) -> Definition {
        let calendars: BTreeMap<Name, Arc<Calendar>> = Self::calendars()
            .into_iter()
            .map(|(name, bytes)| (name, Arc::new(Calendar::read(&bytes).unwrap())))
            .collect();
        let source = Source { text: text.as_bytes(), calendars: &|name| calendars.get(name).cloned() };
        read(&source).unwrap()
    }

    /// Publishes a workflow and makes it the active one.
    pub(crate) async fn publish(&self, text: &str) -> Arc<Definition> {
        let signers = self.engine.replay_signers().await.unwrap();
        let published =
            self.engine.publish_signed(&signers, text.as_bytes(), &Self::calendars()).await.unwrap();
        self.engine.active(&published.workflow).await.unwrap()
    }

    /// An official with capacities for every workflow.
    pub(crate) async fn official(&self, called: &str, roles: &[&str]) -> Principal {
        let official: OfficialId = self.engine.name_official(&Actor::System, called).await.unwrap();
        for role in roles {
            self.engine
                .appoint(&Actor::System, official, name(role), None, "order 1", Timestamp::UNIX_EPOCH, None)
                .await
                .unwrap();
        }
        let (_, secret) =
            self.engine.issue_token(&Actor::System, official, false, Vec::new(), None, "test").await.unwrap();
        self.engine.authenticate(secret.expose()).await.unwrap()
    }

    /// How many events all streams hold.
    pub(crate) fn events(&self) -> usize {
        self.store.tamper(|tables| tables.events.len())
    }
}
