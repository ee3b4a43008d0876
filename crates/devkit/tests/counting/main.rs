//! How many statements a request costs does not depend on how much the court holds: counted on both stores, with few
//! cases and with many, at the driver itself. A process of its own, since the counter sees every statement of its process.
#![cfg(test)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use jiff::Timestamp;
use qadiya_devkit::postgres::test_url;
use qadiya_domain::actor::Actor;
use qadiya_domain::name::Name;
use qadiya_engine::authorize::Principal;
use qadiya_engine::clock::ManualClock;
use qadiya_engine::ids::SeededIds;
use qadiya_engine::submit::{ActInput, ActorChoice, Submission, Target};
use qadiya_engine::{Engine, Settings};
use qadiya_ledger::canonical::parse_lenient;
use qadiya_ledger::key::Ed25519Signer;
use qadiya_store::Store;
use qadiya_store_postgres::PostgresStore;
use qadiya_store_postgres::baseline::Scratch;
use qadiya_store_sqlite::SqliteStore;
use qadiya_store_sqlite::open::Options;
use qadiya_web::{WebSettings, router};
use qadiya_worker::{Worker, WorkerSettings};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tower::ServiceExt as _;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Cases, events of one case, and officials: few and many.
const SIZES: [u64; 2] = [100, 10_000];
const BEGIN: &str = "2026-03-02T06:00:00.000001Z";

/// Statements that the driver has told of.
static STATEMENTS: AtomicU64 = AtomicU64::new(0);

struct Counter;

impl Subscriber for Counter {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "sqlx::query"
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {
        STATEMENTS.fetch_add(1, Ordering::SeqCst);
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// A court with so many cases, and one old case of many events.
struct Court {
    engine: Engine,
    clock: Arc<ManualClock>,
    router: Router,
    clerk: Principal,
    token: String,
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn payment(key: &str) -> Value {
    let why = format!("the slip {key} is torn");
    let record =
        json!({"record": "payment", "fields": {"amount": {"unknown": why}, "received-on": {"unknown": why}}});
    json!({"command": "receive-payment", "records": [record]})
}

impl Court {
    async fn open(store: Arc<dyn Store>, size: u64) -> Self {
        let clock = Arc::new(ManualClock::new(BEGIN.parse().unwrap()));
        let settings = Settings::new("court.example/log", Arc::new(|error| panic!("fatal: {error}")));
        let signer = Arc::new(Ed25519Signer::from_seed(&[7; 32]));
        let ids = Arc::new(SeededIds::new(1));
        let engine = Engine::start(store, clock.clone(), ids, signer, settings).await.unwrap();
        engine.install(true).await.unwrap();
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../workflows");
        let file = std::fs::read(root.join("road-fine.v1.yaml")).unwrap();
        let calendar = std::fs::read(root.join("calendars/italy.v1.yaml")).unwrap();
        let signers = engine.name_administrators(["First", "Second"], "order 1").await.unwrap();
        let signers = signers.map(|named| named.actor);
        engine.publish_signed(&signers, &file, &[(name("italy"), calendar)]).await.unwrap();
        for number in 0..size / 10 {
            engine.name_official(&Actor::System, &format!("Official {number}")).await.unwrap();
        }
        let official = engine.name_official(&Actor::System, "Clerk").await.unwrap();
        for role in ["police-clerk", "payment-office"] {
            let from: Timestamp = BEGIN.parse().unwrap();
            engine.appoint(&Actor::System, official, name(role), None, "Order 1", from, None).await.unwrap();
        }
        let issued = engine.issue_token(&Actor::System, official, false, Vec::new(), None, "test").await;
        let token = issued.unwrap().1.expose().to_owned();
        let clerk = engine.authenticate(&token).await.unwrap();
        let router = router(engine.clone(), WebSettings::default());
        let court = Self { engine, clock, router, clerk, token };
        court.fill(size).await;
        court
    }

    fn act(&self, target: Target, act: &Value, key: String) -> Submission {
        let actor = ActorChoice::ByPrincipal { principal: self.clerk.clone(), role: None };
        let act = ActInput::Raw(parse_lenient(act.to_string().as_bytes()).unwrap());
        Submission { key: Some(key), ..Submission::new(actor, target, act) }
    }

    fn opening(&self, alias: &str) -> Submission {
        let workflow = name("road-fine");
        let target = Target::New { workflow, alias: Some(alias.to_owned()), group: None, person: None };
        self.act(target, &json!({"command": "create-fine"}), format!("open {alias}"))
    }

    /// The old case a day before all others, so that its clock is the first; then the others.
    async fn fill(&self, size: u64) {
        let old = self.engine.submit(self.opening("OLD")).await.unwrap().stream;
        let mut acts = vec![json!({"command": "send-fine"}), json!({"command": "insert-notification"})];
        acts.extend((0..size / 20).map(|number| payment(&number.to_string())));
        for (number, act) in acts.iter().enumerate() {
            let act = self.act(Target::Case(old), act, format!("fill {number}"));
            self.engine.submit(act).await.unwrap();
        }
        self.clock.advance(Duration::from_hours(24));
        let mut flying = JoinSet::new();
        for number in 0..size {
            let (engine, opening) = (self.engine.clone(), self.opening(&format!("CASE-{number}")));
            flying.spawn(async move { engine.submit(opening).await.unwrap() });
            if flying.len() >= 500 {
                flying.join_next().await.unwrap().unwrap();
            }
        }
        flying.join_all().await;
        while self.engine.sequence_once().await.unwrap() > 0 {}
        self.engine.store().fold_stages().await.unwrap();
    }

    async fn ask(&self, request: axum::http::request::Builder, body: Body) -> (u16, Value) {
        let request = request.header("authorization", format!("Bearer {}", self.token));
        let answer = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let status = answer.status().as_u16();
        let bytes = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    async fn get(&self, path: &str) -> u16 {
        self.ask(Request::get(path), Body::empty()).await.0
    }

    async fn post(&self, path: &str, key: &str, body: &Value) -> u16 {
        let request = Request::post(path).header("content-type", "application/json");
        self.ask(request.header("idempotency-key", key), Body::from(body.to_string())).await.0
    }

    /// What each request costs, with what it is.
    async fn costs(&self) -> Vec<(String, u64)> {
        let mut costs = Vec::new();
        let paths = [
            "cases/OLD",
            "cases/OLD/commands",
            "cases/OLD/log?limit=20",
            "cases/OLD/deadlines",
            "stages/OLD",
            "stages",
            "cases?limit=20",
            "cases?stage=fined&limit=20",
            "work?limit=20",
            "feed?limit=20",
            "workflows",
            "workflows/road-fine",
        ];
        // The first time fills what is kept in memory; the second is counted.
        for counted in [false, true] {
            for path in paths {
                let before = STATEMENTS.load(Ordering::SeqCst);
                assert_eq!(self.get(&format!("/api/v1/{path}")).await, 200, "{path}");
                if counted {
                    costs.push((format!("GET {path}"), STATEMENTS.load(Ordering::SeqCst) - before));
                }
            }
        }
        for (what, path, body, expected) in [
            ("an act", "cases/OLD/commands", payment("late"), 200),
            ("a refused act", "cases/OLD/commands", json!({"command": "send-fine"}), 422),
            ("a new case", "cases", json!({"workflow": "road-fine", "act": {"command": "create-fine"}}), 201),
        ] {
            for counted in [false, true] {
                let before = STATEMENTS.load(Ordering::SeqCst);
                let key = format!("{what} {counted}").replace(' ', "-");
                assert_eq!(self.post(&format!("/api/v1/{path}"), &key, &body).await, expected, "{what}");
                if counted {
                    costs.push((what.to_owned(), STATEMENTS.load(Ordering::SeqCst) - before));
                }
            }
        }
        let before = STATEMENTS.load(Ordering::SeqCst);
        assert!(self.engine.sequence_once().await.unwrap() > 0);
        costs.push(("numbering".to_owned(), STATEMENTS.load(Ordering::SeqCst) - before));
        self.tick(&mut costs).await;
        costs
    }

    /// A round of a worker in which a clock of the old case is due, more than sixty days after its notice, and of no other.
    async fn tick(&self, costs: &mut Vec<(String, u64)>) {
        self.clock.advance(Duration::from_hours(24 * 65));
        let worker = Worker::new(self.engine.clone(), WorkerSettings::default(), uuid::Uuid::from_u128(9));
        let before = STATEMENTS.load(Ordering::SeqCst);
        let done = worker.tick().await.unwrap();
        assert_eq!(done.clocks, 1, "{done:?}");
        costs.push(("a round with a due clock".to_owned(), STATEMENTS.load(Ordering::SeqCst) - before));
    }
}

/// Fails where a request costs another number of statements in the large court, or where nothing was counted at all.
fn compare(store: &str, costs: &[Vec<(String, u64)>]) {
    let [few, many] = costs else { panic!("{costs:?}") };
    let grown: Vec<_> = few.iter().zip(many).filter(|(few, many)| few != many).collect();
    assert!(grown.is_empty(), "{store}: with {SIZES:?} cases these cost {grown:#?}");
    // A page of twenty that is read row by row costs more than twenty.
    assert!(few.iter().all(|(_, statements)| (1..20).contains(statements)), "{store}: {few:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_costs_more_statements_where_the_court_holds_more() {
    tracing::subscriber::set_global_default(Counter).unwrap();
    let mut costs = Vec::new();
    for size in SIZES {
        let folder = tempfile::tempdir().unwrap();
        let options = Options::new(folder.path().join("court.db"));
        qadiya_store_sqlite::migrate(&options).await.unwrap();
        let store = SqliteStore::open(&options).await.unwrap();
        costs.push(Court::open(Arc::new(store), size).await.costs().await);
    }
    compare("SQLite", &costs);
    let server = test_url().unwrap();
    costs.clear();
    for size in SIZES {
        let url = Scratch::LOAD.make(&server).await.unwrap();
        qadiya_store_postgres::migrate(&url).await.unwrap();
        let store = PostgresStore::connect(&url).await.unwrap();
        let court = Court::open(Arc::new(store), size).await;
        costs.push(court.costs().await);
        court.engine.stop().await;
    }
    Scratch::LOAD.remove(&server).await.unwrap();
    compare("PostgreSQL", &costs);
}
