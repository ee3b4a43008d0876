//! An installation with one workflow whose cases ask outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use qadiya_domain::actor::Actor;
use qadiya_domain::ids::StreamId;
use qadiya_domain::name::Name;
use qadiya_engine::authorize::Principal;
use qadiya_engine::clock::ManualClock;
use qadiya_engine::ids::SeededIds;
use qadiya_engine::submit::{ActInput, ActorChoice, Submission, Target};
use qadiya_engine::{Engine, Settings};
use qadiya_ledger::Value;
use qadiya_ledger::key::Ed25519Signer;
use qadiya_store::read::{CaseStore as _, Loaded};
use qadiya_store::work::{JobRow, WorkStore as _};
use qadiya_store::{MemoryStore, StoreError};
use qadiya_worker::{Channels, Worker, WorkerSettings};
use uuid::Uuid;

use crate::receiver::Receiver;

pub(crate) struct Court {
    pub(crate) engine: Engine,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) clock: Arc<ManualClock>,
    clerk: Principal,
    keys: AtomicU32,
}

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

impl Court {
    pub(crate) async fn new() -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let start: Timestamp = "2026-03-02T06:00:00Z".parse().unwrap();
        let store = Arc::new(MemoryStore::new(start));
        let clock = Arc::new(ManualClock::new(start));
        let fatal = Arc::new(|error: &StoreError| panic!("fatal: {error}"));
        let engine = Engine::start(
            store.clone(),
            clock.clone(),
            Arc::new(SeededIds::new(1)),
            Arc::new(Ed25519Signer::from_seed(&[7; 32])),
            Settings::new("court.example/log", fatal),
        )
        .await
        .unwrap();
        engine.install(true).await.unwrap();
        let italy =
            std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../workflows/calendars/italy.v1.yaml"))
                .unwrap();
        let file = include_bytes!("asking.yaml");
        let signers = engine.name_administrators(["First", "Second"], "order 1").await.unwrap();
        let signers = signers.map(|named| named.actor);
        engine.publish_signed(&signers, file, &[(name("italy"), italy)]).await.unwrap();
        let official = engine.name_official(&Actor::System, "Clerk").await.unwrap();
        let since = Timestamp::UNIX_EPOCH;
        engine.appoint(&Actor::System, official, name("clerk"), None, "order 1", since, None).await.unwrap();
        let issued =
            engine.issue_token(&Actor::System, official, false, Vec::new(), None, "test").await.unwrap();
        let clerk = engine.authenticate(issued.1.expose()).await.unwrap();
        Self { engine, store, clock, clerk, keys: AtomicU32::new(0) }
    }

    pub(crate) async fn does(&self, target: Target, command: &str) -> StreamId {
        self.acts(target, Value::map([("command", Value::Text(command.to_owned()))])).await
    }

    /// Annuls the act of an event.
    pub(crate) async fn annuls(&self, case: StreamId, event: i64) {
        let reason = Value::Text("sent by mistake".to_owned());
        self.acts(Target::Case(case), Value::map([("annul", Value::Int(event)), ("reason", reason)])).await;
    }

    async fn acts(&self, target: Target, act: Value) -> StreamId {
        let actor = ActorChoice::ByPrincipal { principal: self.clerk.clone(), role: None };
        let key = format!("key-{}", self.keys.fetch_add(1, Ordering::SeqCst));
        let ask = Submission { key: Some(key), ..Submission::new(actor, target, ActInput::Raw(act)) };
        self.engine.submit(ask).await.unwrap().stream
    }

    pub(crate) async fn open(&self) -> StreamId {
        let target = Target::New { workflow: name("asking"), alias: None, group: None, person: None };
        let case = self.does(target, "receive").await;
        self.does(Target::Case(case), "send").await
    }

    pub(crate) fn worker(&self, number: u128, channel: &str) -> Worker {
        let settings = WorkerSettings {
            channels: Channels::parse(&[format!("council={channel}")]).unwrap(),
            serves: vec!["out".to_owned()],
            ..WorkerSettings::default()
        };
        Worker::new(self.engine.clone(), settings, Uuid::from_u128(number))
    }

    pub(crate) fn calling(&self, receiver: &Receiver) -> Worker {
        self.worker(1, &format!("private:{}", receiver.address))
    }

    pub(crate) async fn main(&self, case: StreamId) -> String {
        match self.store.load_many(&[case]).await.unwrap().remove(0) {
            Loaded::Case(row) => row.main.to_string(),
            other @ (Loaded::Absent | Loaded::Entity(_) | Loaded::Damaged(_)) => panic!("{other:?}"),
        }
    }

    /// The kinds of what happened in a case, in order.
    pub(crate) async fn kinds(&self, case: StreamId) -> Vec<String> {
        let events = self.store.events(case, 1, 1000).await.unwrap();
        let kind = |bytes: &[u8]| {
            let event: serde_json::Value = serde_json::from_slice(bytes).unwrap();
            event["kind"].as_str().unwrap().to_owned()
        };
        events.iter().map(|event| kind(&event.bytes)).collect()
    }

    pub(crate) async fn jobs(&self, incidents: bool) -> Vec<JobRow> {
        let jobs = self.store.jobs(incidents, None, 100).await.unwrap();
        jobs.into_iter().filter(|job| job.name != "notice").collect()
    }

    /// Business time and lease time go on together.
    pub(crate) fn pass(&self, by: Duration) {
        self.clock.advance(by);
        self.store.advance(by);
    }
}
