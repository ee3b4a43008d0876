//! A small installation: one workflow, a clerk, two judges, a prosecutor.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use jiff::Timestamp;
use qadiya_domain::actor::Actor;
use qadiya_domain::ids::OfficialId;
use qadiya_domain::name::Name;
use qadiya_engine::authorize::Principal;
use qadiya_engine::clock::{Clock, ManualClock};
use qadiya_engine::ids::{IdSource, SeededIds};
use qadiya_engine::query::Viewer;
use qadiya_engine::submit::{
    Accepted, AccessContext, ActInput, ActorChoice, Submission, SubmitError, Target,
};
use qadiya_engine::{Engine, Settings};
use qadiya_ledger::Value;
use qadiya_ledger::key::Ed25519Signer;

use super::faulty::FaultyStore;

pub(crate) const FLOW: &[u8] = include_bytes!("small-case.yaml");

pub(crate) fn start() -> Timestamp {
    "2026-03-02T06:00:00Z".parse().unwrap()
}

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(crate) fn italy() -> Vec<u8> {
    std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../workflows/calendars/italy.v1.yaml")).unwrap()
}

pub(crate) struct Court {
    pub(crate) engine: Engine,
    pub(crate) store: Arc<FaultyStore>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) ids: Arc<SeededIds>,
    pub(crate) fatal: Arc<AtomicUsize>,
    pub(crate) administrators: [Actor; 2],
    pub(crate) clerk: Principal,
    pub(crate) judge: Principal,
    pub(crate) other_judge: Principal,
    pub(crate) prosecutor: Principal,
    keys: AtomicU32,
}

/// An engine on a store; several may run on one.
pub(crate) async fn engine_on(
    store: &Arc<FaultyStore>,
    clock: &Arc<ManualClock>,
    ids: &Arc<SeededIds>,
    settings: Settings,
) -> Engine {
    let signer = Arc::new(Ed25519Signer::from_seed(&[7; 32]));
    Engine::start(store.clone(), clock.clone(), ids.clone(), signer, settings).await.unwrap()
}

pub(crate) fn settings(fatal: &Arc<AtomicUsize>) -> Settings {
    let fatal = Arc::clone(fatal);
    let count = move |_: &qadiya_store::StoreError| {
        fatal.fetch_add(1, Ordering::SeqCst);
    };
    Settings::new("court.example/log", Arc::new(count))
}

impl Court {
    pub(crate) async fn new() -> Self {
        Self::with(|settings| settings).await
    }

    pub(crate) async fn with(change: impl FnOnce(Settings) -> Settings) -> Self {
        let store = Arc::new(FaultyStore::new(start()));
        let clock = Arc::new(ManualClock::new(start()));
        let ids = Arc::new(SeededIds::new(1));
        let fatal = Arc::new(AtomicUsize::new(0));
        let engine = engine_on(&store, &clock, &ids, change(settings(&fatal))).await;
        engine.install(true).await.unwrap();
        let administrators = administrators(&engine).await;
        engine.publish_signed(&administrators, FLOW, &[(name("italy"), italy())]).await.unwrap();
        let clerk = official(&engine, "Clerk One", "clerk").await;
        let judge = official(&engine, "Judge One", "judge").await;
        let other_judge = official(&engine, "Judge Two", "judge").await;
        let prosecutor = official(&engine, "Prosecutor One", "prosecutor").await;
        Self {
            engine,
            store,
            clock,
            ids,
            fatal,
            administrators,
            clerk,
            judge,
            other_judge,
            prosecutor,
            keys: AtomicU32::new(0),
        }
    }

    pub(crate) fn key(&self) -> String {
        format!("key-{}", self.keys.fetch_add(1, Ordering::SeqCst))
    }

    pub(crate) fn context(&self, route: &str) -> AccessContext {
        let request = self.ids.id(self.clock.now()).unwrap();
        AccessContext { request, route: route.to_owned(), purpose: Some("work".to_owned()) }
    }

    pub(crate) fn viewer(&self, who: &Principal) -> Viewer {
        Viewer {
            principal: who.clone(),
            role: None,
            purpose: Some("work".to_owned()),
            request: self.ids.id(self.clock.now()).unwrap(),
            route: "GET".to_owned(),
        }
    }

    /// A submission with a fresh key and its access record.
    pub(crate) fn asking(&self, who: &Principal, target: Target, act: Value) -> Submission {
        let actor = ActorChoice::ByPrincipal { principal: who.clone(), role: None };
        Submission {
            key: Some(self.key()),
            access: Some(self.context("POST")),
            ..Submission::new(actor, target, ActInput::Raw(act))
        }
    }

    pub(crate) async fn open(&self) -> Accepted {
        self.engine.submit(self.asking(&self.clerk, new_case(), command("receive"))).await.unwrap()
    }

    pub(crate) async fn note(&self, case: &Accepted, text: &str) -> Result<Accepted, SubmitError> {
        self.engine.submit(self.asking(&self.clerk, Target::Case(case.stream), note(text))).await
    }

    /// The numbers of a case's events.
    pub(crate) async fn events(&self, case: &Accepted) -> Vec<u64> {
        let events = self.engine.store().events(case.stream, 1, 1000).await.unwrap();
        events.iter().map(|event| event.seq).collect()
    }
}

/// Two more who may sign for the versions of a workflow.
pub(crate) async fn administrators(engine: &Engine) -> [Actor; 2] {
    let named = engine.name_administrators(["Administrator One", "Administrator Two"], "order 1/2026").await;
    named.unwrap().map(|named| named.actor)
}

pub(crate) async fn official(engine: &Engine, called: &str, role: &str) -> Principal {
    let official = engine.name_official(&Actor::System, called).await.unwrap();
    engine
        .appoint(&Actor::System, official, name(role), None, "order 1/2026", Timestamp::UNIX_EPOCH, None)
        .await
        .unwrap();
    token(engine, official, false).await
}

pub(crate) async fn token(engine: &Engine, official: OfficialId, service: bool) -> Principal {
    let issued =
        engine.issue_token(&Actor::System, official, service, Vec::new(), None, "test").await.unwrap();
    engine.authenticate(issued.1.expose()).await.unwrap()
}

pub(crate) fn new_case() -> Target {
    Target::New { workflow: name("small-case"), alias: None, group: None, person: None }
}

pub(crate) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

pub(crate) fn command(command: &str) -> Value {
    Value::map([("command", text(command))])
}

pub(crate) fn note(said: &str) -> Value {
    let record = Value::map([("record", text("note")), ("fields", Value::map([("text", text(said))]))]);
    Value::map([("command", text("write-note")), ("records", Value::List(vec![record]))])
}
