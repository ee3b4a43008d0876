//! A server in memory with officials, tokens and the road-fine workflow.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use jiff::Timestamp;
use qadiya_domain::actor::Actor;
use qadiya_domain::ids::OfficialId;
use qadiya_domain::name::Name;
use qadiya_engine::clock::ManualClock;
use qadiya_engine::ids::SeededIds;
use qadiya_engine::{Engine, Settings};
use qadiya_ledger::key::Ed25519Signer;
use qadiya_store::Registry as _;
use qadiya_web::{WebSettings, admin_router, router};
use serde_json::Value;
use tower::ServiceExt as _;

use crate::faulty::FaultyStore;

/// Where the clock of every test begins: an odd microsecond.
pub(crate) const BEGIN: &str = "2026-03-02T06:00:00.000001Z";

/// The capacities of the tests, beside nobody at all.
pub(crate) const ROLES: [&str; 5] = ["police-clerk", "payment-office", "judge", "administrator", "stranger"];

/// The administrator beside the one of the roles.
pub(crate) const SECOND: &str = "second-administrator";

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(crate) fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

pub(crate) struct Server {
    pub(crate) engine: Engine,
    pub(crate) store: Arc<FaultyStore>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) router: Router,
    pub(crate) admin: Router,
    signers: Option<[Actor; 2]>,
    tokens: BTreeMap<String, String>,
    pub(crate) officials: BTreeMap<String, OfficialId>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|_| {
            panic!("{} is no JSON: {}", self.status, String::from_utf8_lossy(&self.bytes))
        })
    }

    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Fails with the body when the status is another.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", String::from_utf8_lossy(&self.bytes));
        self
    }
}

pub(crate) async fn send(router: &Router, request: Request<Body>) -> Answer {
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap().to_vec();
    Answer { status: parts.status, headers: parts.headers, bytes }
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(WebSettings::default()).await
    }

    pub(crate) async fn with(settings: WebSettings) -> Self {
        let begin: Timestamp = BEGIN.parse().unwrap();
        let store = Arc::new(FaultyStore::new(begin));
        store.put_setting("synthetic", "true").await.unwrap();
        let clock = Arc::new(ManualClock::new(begin));
        let signer = Arc::new(Ed25519Signer::from_seed(&[7; 32]));
        let on_fatal: qadiya_engine::OnFatal = Arc::new(|error| panic!("fatal: {error}"));
        let engine = Engine::start(
            store.clone(),
            clock.clone(),
            Arc::new(SeededIds::new(1)),
            signer,
            Settings::new("court.example/log", on_fatal),
        )
        .await
        .unwrap();
        let mut server = Self {
            router: router(engine.clone(), settings.clone()),
            admin: admin_router(engine.clone(), settings),
            engine,
            store,
            clock,
            signers: None,
            tokens: BTreeMap::new(),
            officials: BTreeMap::new(),
        };
        for role in ROLES {
            server.appoint(role, false).await;
        }
        let [first, second] = ["administrator", SECOND];
        server.named(second, "administrator", false).await;
        server.signers = Some([server.administrator(first).await, server.administrator(second).await]);
        server.publish("road-fine.v1.yaml").await;
        server
    }

    /// A new official with a token, holding a capacity of the same name.
    pub(crate) async fn appoint(&mut self, role: &str, service: bool) {
        self.named(role, role, service).await;
    }

    /// The administrator behind one of the tokens.
    async fn administrator(&self, called: &str) -> Actor {
        let principal = self.engine.authenticate(self.token(called)).await.unwrap();
        principal.administrator(self.engine.clock().now()).unwrap()
    }

    async fn named(&mut self, called: &str, role: &str, service: bool) {
        let system = Actor::System;
        let official = self.engine.name_official(&system, &format!("Official {called}")).await.unwrap();
        let from = BEGIN.parse().unwrap();
        if role != "stranger" {
            self.engine
                .appoint(&system, official, name(role), None, "Order 1/2026", from, None)
                .await
                .unwrap();
        }
        let (_, secret) =
            self.engine.issue_token(&system, official, service, Vec::new(), None, "test").await.unwrap();
        let key = if service { format!("{called}-service") } else { called.to_owned() };
        self.tokens.insert(key.clone(), secret.expose().to_owned());
        self.officials.insert(key, official);
    }

    pub(crate) async fn publish(&self, file: &str) {
        let bytes = std::fs::read(repository(&format!("workflows/{file}"))).unwrap();
        let mut calendars = Vec::new();
        for calendar in ["iraq", "italy"] {
            let path = repository(&format!("workflows/calendars/{calendar}.v1.yaml"));
            calendars.push((name(calendar), std::fs::read(path).unwrap()));
        }
        let signers = self.signers.clone().unwrap();
        self.engine.publish_signed(&signers, &bytes, &calendars).await.unwrap();
    }

    pub(crate) fn token(&self, role: &str) -> &str {
        &self.tokens[role]
    }

    pub(crate) fn request(&self, method: &str, role: &str, uri: &str) -> axum::http::request::Builder {
        Request::builder()
            .method(Method::from_bytes(method.as_bytes()).unwrap())
            .uri(uri)
            .header("authorization", format!("Bearer {}", self.token(role)))
    }

    pub(crate) async fn get(&self, role: &str, uri: &str) -> Answer {
        send(&self.router, self.request("GET", role, uri).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, role: &str, uri: &str, key: &str, body: Value) -> Answer {
        self.post_bytes(role, uri, key, body.to_string().into_bytes()).await
    }

    pub(crate) async fn post_bytes(&self, role: &str, uri: &str, key: &str, body: Vec<u8>) -> Answer {
        let request = self
            .request("POST", role, uri)
            .header("content-type", "application/json")
            .header("idempotency-key", key)
            .body(Body::from(body))
            .unwrap();
        let router = if uri.starts_with("/admin") { &self.admin } else { &self.router };
        send(router, request).await
    }

    /// Opens a fine and returns its number.
    pub(crate) async fn fine(&self, key: &str) -> String {
        let body = serde_json::json!({"workflow": "road-fine", "act": {"command": "create-fine"}});
        let answer = self.post("police-clerk", "/api/v1/cases", key, body).await.expect(201);
        answer.json()["reference"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn act(&self, role: &str, case: &str, key: &str, body: Value) -> Answer {
        self.post(role, &format!("/api/v1/cases/{case}/commands"), key, body).await
    }
}
