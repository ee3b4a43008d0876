//! One run: two servers with their workers on one store, officials who ask at the same time, and whatever goes wrong.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use qadiya_domain::actor::Actor;
use qadiya_domain::ids::StreamId;
use qadiya_domain::name::Name;
use qadiya_engine::authorize::Principal;
use qadiya_engine::clock::{Clock as _, ManualClock};
use qadiya_engine::ids::{IdSource as _, SeededIds};
use qadiya_engine::submit::{AccessContext, ActInput, ActorChoice, Submission, SubmitError, Target};
use qadiya_engine::{Engine, Settings};
use qadiya_ledger::Value;
use qadiya_ledger::key::Ed25519Signer;
use qadiya_store::read::{CaseFilter, Loaded};
use qadiya_store::{CaseStore as _, Store};
use qadiya_worker::{Worker, WorkerSettings};
use tokio::task::JoinSet;

use super::history;
use super::store::{Line, Without, World};

/// How the cases of a run behave.
const LAW: &[u8] = include_bytes!("simulated.yaml");
const CALENDAR: &[u8] = include_bytes!("../../../../../workflows/calendars/italy.v1.yaml");
/// Rounds of a run; in each, several things happen at once.
const ROUNDS: u64 = 10;
/// Servers of a run.
const SERVERS: usize = 2;
/// How long a worker's claim holds, by the store's clock.
const LEASE: Duration = Duration::from_secs(30);

/// What a run did, to see that runs mean something.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) accepted: u64,
    pub(super) refused: u64,
    pub(super) unknown: u64,
    pub(super) deaths: u64,
    pub(super) steps: u64,
    pub(super) events: u64,
}

/// What a client heard of one try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Heard {
    /// Done, with the stored answer.
    Done(Vec<u8>),
    /// Not done by this try.
    No,
    /// Nobody knows.
    Unknown,
}

/// A request of an official, with everything heard of it.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) who: usize,
    pub(super) key: String,
    pub(super) target: Option<StreamId>,
    act: Value,
    pub(super) heard: Mutex<Vec<Heard>>,
}

/// A server with its worker.
struct Process {
    line: Arc<Line>,
    engine: Engine,
    worker: Worker,
    clock: Arc<ManualClock>,
    fatal: Arc<AtomicBool>,
}

/// Everything of a run.
pub(super) struct Court {
    pub(super) world: Arc<World>,
    ids: Arc<SeededIds>,
    pub(super) people: Vec<Principal>,
    processes: Mutex<Vec<Arc<Process>>>,
    pub(super) asks: Mutex<Vec<Arc<Ask>>>,
    cases: Mutex<Vec<StreamId>>,
    deaths: Mutex<u64>,
    steps: Mutex<u64>,
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// A note that carries the number of its request.
fn note(number: usize) -> Value {
    let fields = Value::map([("count", Value::Int(i64::try_from(number).unwrap()))]);
    let record = Value::map([("record", text("note")), ("fields", fields)]);
    Value::map([("command", text("write-note")), ("records", Value::List(vec![record]))])
}

fn beginning() -> Timestamp {
    "2026-03-02T06:00:00.000001Z".parse().unwrap()
}

/// Runs a seed.
///
/// # Errors
/// What was wrong, in words.
pub(super) fn run(seed: u64, without: Without) -> Result<Report, String> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let court = Arc::new(Court::open(seed, without).await);
        court.world.faults.store(*court.world.dice.pick(&[0, 10, 40]), Ordering::SeqCst);
        for _ in 0..ROUNDS {
            court.round().await;
        }
        court.settle().await?;
        history::judge(&court).await
    })
}

impl Court {
    async fn open(seed: u64, without: Without) -> Self {
        let world = World::new(seed, beginning(), without);
        let ids = Arc::new(SeededIds::new(seed));
        let mut court = Self {
            world,
            ids,
            people: Vec::new(),
            processes: Mutex::default(),
            asks: Mutex::default(),
            cases: Mutex::default(),
            deaths: Mutex::default(),
            steps: Mutex::default(),
        };
        let first = court.start(beginning()).await;
        let engine = &first.engine;
        engine.install(true).await.unwrap();
        let calendars = [(name("italy"), CALENDAR.to_vec())];
        let signers = engine.name_administrators(["First", "Second"], "order 1").await.unwrap();
        let signers = signers.map(|named| named.actor);
        engine.publish_signed(&signers, LAW, &calendars).await.unwrap();
        for (number, role) in ["clerk", "clerk", "judge", "judge", "judge"].into_iter().enumerate() {
            let who = engine.name_official(&Actor::System, &format!("Official {number}")).await.unwrap();
            let since = Timestamp::UNIX_EPOCH;
            engine.appoint(&Actor::System, who, name(role), None, "order 1", since, None).await.unwrap();
            let (_, token) =
                engine.issue_token(&Actor::System, who, false, Vec::new(), None, "run").await.unwrap();
            court.people.push(engine.authenticate(token.expose()).await.unwrap());
        }
        let second = court.start(beginning()).await;
        *court.processes.get_mut().unwrap() = vec![first, second];
        court
    }

    async fn start(&self, now: Timestamp) -> Arc<Process> {
        let faults = self.world.faults.swap(0, Ordering::SeqCst);
        let line = Line::new(&self.world);
        let clock = Arc::new(ManualClock::new(now));
        let fatal = Arc::new(AtomicBool::new(false));
        let mark = Arc::clone(&fatal);
        let settings = Settings {
            committers: 1 + usize::try_from(self.world.dice.below(2)).unwrap(),
            batch: 1 + usize::try_from(self.world.dice.below(8)).unwrap(),
            cache: 1 + usize::try_from(self.world.dice.below(8)).unwrap(),
            ..Settings::new("court.example/log", Arc::new(move |_| mark.store(true, Ordering::SeqCst)))
        };
        let store: Arc<dyn Store> = line.clone();
        let signer = Arc::new(Ed25519Signer::from_seed(&[7; 32]));
        let ids = Arc::clone(&self.ids);
        let engine = Engine::start(store, clock.clone(), ids, signer, settings).await.unwrap();
        let id = self.ids.id(now).unwrap();
        let worker = Worker::new(engine.clone(), WorkerSettings { lease: LEASE, ..Default::default() }, id);
        self.world.faults.store(faults, Ordering::SeqCst);
        Arc::new(Process { line, engine, worker, clock, fatal })
    }

    fn process(&self) -> Arc<Process> {
        let processes = self.processes.lock().unwrap();
        Arc::clone(self.world.dice.pick(&processes))
    }

    /// Several things at once.
    async fn round(self: &Arc<Self>) {
        let dice = &self.world.dice;
        let mut doing = JoinSet::new();
        for _ in 0..=dice.below(6) {
            let court = Arc::clone(self);
            let wait = Duration::from_millis(dice.below(60));
            let process = self.process();
            match dice.below(100) {
                0..55 => {
                    let ask = self.another();
                    doing.spawn(async move {
                        tokio::time::sleep(wait).await;
                        court.send(&process, &ask).await;
                    });
                }
                55..68 => {
                    let Some(ask) = self.earlier() else { continue };
                    doing.spawn(async move {
                        tokio::time::sleep(wait).await;
                        court.send(&process, &ask).await;
                    });
                }
                68..88 => {
                    doing.spawn(async move {
                        tokio::time::sleep(wait).await;
                        court.tick(&process).await;
                    });
                }
                88..92 => {
                    doing.spawn(async move {
                        tokio::time::sleep(wait).await;
                        process.line.dead.store(true, Ordering::SeqCst);
                    });
                }
                92..97 => {
                    // The leases of everybody run out while their holders are still at work.
                    doing.spawn(async move {
                        tokio::time::sleep(wait).await;
                        court.world.memory.advance(LEASE * 2);
                    });
                }
                _ => {
                    // One server's clock is wrong for a while.
                    let by = Duration::from_secs(dice.below(3_600));
                    let now = process.clock.now();
                    let wrong = if dice.chance(500) { now.checked_sub(by) } else { now.checked_add(by) };
                    process.clock.set(wrong.unwrap());
                }
            }
        }
        while let Some(done) = doing.join_next().await {
            done.unwrap();
        }
        self.bury().await;
        if dice.chance(600) {
            let by = Duration::from_secs(60 * dice.below(60 * 24 * 3));
            for process in self.processes.lock().unwrap().iter() {
                process.clock.advance(by);
            }
        }
    }

    /// Dead processes are started again, with nothing but the store.
    async fn bury(&self) {
        for at in 0..SERVERS {
            let process = Arc::clone(&self.processes.lock().unwrap()[at]);
            if process.line.dead.load(Ordering::SeqCst) || process.fatal.load(Ordering::SeqCst) {
                process.line.dead.store(true, Ordering::SeqCst);
                process.engine.stop().await;
                *self.deaths.lock().unwrap() += 1;
                let again = self.start(process.clock.now()).await;
                self.processes.lock().unwrap()[at] = again;
            }
        }
    }

    async fn tick(&self, process: &Process) {
        // A failed round is what faults are for; what it claimed comes back with its lease.
        if let Ok(ticked) = process.worker.tick().await {
            *self.steps.lock().unwrap() += u64::try_from(ticked.clocks).unwrap();
        }
        process.worker.settled().await;
    }

    /// A new request, lawful or not.
    fn another(&self) -> Arc<Ask> {
        let dice = &self.world.dice;
        let cases = self.cases.lock().unwrap();
        let mut asks = self.asks.lock().unwrap();
        let number = asks.len();
        let case = (!cases.is_empty() && !dice.chance(120)).then(|| *dice.pick(&cases));
        let command = |command: &str| Value::map([("command", text(command))]);
        let (who, act) = match case {
            None => (dice.below(2), command("receive")),
            Some(_) => {
                let clerk = dice.below(2);
                let judge = 2 + dice.below(3);
                match dice.below(100) {
                    0..20 => (clerk, note(number)),
                    20..35 => (clerk, command("file-paper")),
                    35..60 => (judge, command("review")),
                    60..68 => (judge, command("send-back")),
                    68..82 => (judge, command("close")),
                    82..90 => (judge, Value::Bool(true)),
                    90..94 => (clerk, command("remind")),
                    94..95 => (clerk, command("record-death")),
                    _ => {
                        let odd = dice.pick(&["review", "remind", "close"].map(command)).clone();
                        (dice.below(5), odd)
                    }
                }
            }
        };
        let ask = Arc::new(Ask {
            who: usize::try_from(who).unwrap(),
            key: format!("key-{number}"),
            target: case,
            act: match (act, case) {
                (Value::Bool(true), Some(case)) => self.signature(case),
                (act, _) => act,
            },
            heard: Mutex::default(),
        });
        asks.push(Arc::clone(&ask));
        ask
    }

    /// Signs the newest proposal of a case; a case without one gets an act that is refused.
    fn signature(&self, case: StreamId) -> Value {
        let proposed = self.world.memory.tamper(|tables| history::newest_proposal(tables, case));
        let (proposal, hash) = proposed.unwrap_or((1, String::from("00")));
        let signed = Value::map([
            ("proposal", Value::Int(i64::try_from(proposal).unwrap())),
            ("signed", text(&hash)),
            ("agree", Value::Bool(!self.world.dice.chance(100))),
        ]);
        Value::map([("sign", signed)])
    }

    /// An earlier request, sent again.
    fn earlier(&self) -> Option<Arc<Ask>> {
        let asks = self.asks.lock().unwrap();
        (!asks.is_empty()).then(|| Arc::clone(self.world.dice.pick(&asks)))
    }

    async fn send(&self, process: &Process, ask: &Ask) {
        let principal = self.people[ask.who].clone();
        let request = self.ids.id(process.clock.now()).unwrap();
        let access = AccessContext { request, route: "POST".to_owned(), purpose: None };
        let target = match ask.target {
            Some(case) => Target::Case(case),
            None => Target::New { workflow: name("simulated"), alias: None, group: None, person: None },
        };
        let actor = ActorChoice::ByPrincipal { principal, role: None };
        let answer = process
            .engine
            .submit(Submission {
                key: Some(ask.key.clone()),
                access: Some(access),
                ..Submission::new(actor, target, ActInput::Raw(ask.act.clone()))
            })
            .await;
        let heard = match answer {
            Ok(accepted) => {
                if ask.target.is_none() {
                    let mut cases = self.cases.lock().unwrap();
                    if !cases.contains(&accepted.stream) {
                        cases.push(accepted.stream);
                    }
                }
                Heard::Done(accepted.answer)
            }
            Err(SubmitError::Store(_) | SubmitError::Stopped | SubmitError::Integrity(_)) => Heard::Unknown,
            Err(
                SubmitError::Refused(_)
                | SubmitError::Conflict { .. }
                | SubmitError::KeyReused
                | SubmitError::NotFound
                | SubmitError::Forbidden(_)
                | SubmitError::Malformed(_)
                | SubmitError::AliasTaken(_)
                | SubmitError::LeaseLost
                | SubmitError::Busy,
            ) => Heard::No,
        };
        ask.heard.lock().unwrap().push(heard);
    }

    /// The troubles are over: whoever does not know asks again, and everything that is due is done.
    async fn settle(self: &Arc<Self>) -> Result<(), String> {
        self.world.faults.store(0, Ordering::SeqCst);
        let latest = {
            let processes = self.processes.lock().unwrap();
            processes.iter().map(|process| process.clock.now()).max().unwrap()
        };
        for process in self.processes.lock().unwrap().iter() {
            process.line.dead.store(true, Ordering::SeqCst);
        }
        self.world.memory.advance(LEASE * 10);
        let process = self.start(latest).await;
        let asks = self.asks.lock().unwrap().clone();
        for ask in asks {
            let open = {
                let heard = ask.heard.lock().unwrap();
                heard.contains(&Heard::Unknown) && !heard.iter().any(|one| matches!(one, Heard::Done(_)))
            };
            if open {
                self.send(&process, &ask).await;
                if ask.heard.lock().unwrap().last() == Some(&Heard::Unknown) {
                    return Err(format!("{} is not told what came of {}", ask.who, ask.key));
                }
            }
        }
        let idle = process.worker.until_idle().await.map_err(|error| format!("a round failed: {error:?}"))?;
        *self.steps.lock().unwrap() += u64::try_from(idle.clocks).unwrap();
        *self.processes.lock().unwrap() = vec![process];
        Ok(())
    }

    /// The engine that is left at the end.
    pub(super) fn engine(&self) -> Engine {
        self.processes.lock().unwrap()[0].engine.clone()
    }

    /// The instant of the end.
    pub(super) fn now(&self) -> Timestamp {
        self.processes.lock().unwrap()[0].clock.now()
    }

    /// The rows of all cases.
    pub(super) async fn rows(&self) -> BTreeMap<StreamId, qadiya_store::CaseRow> {
        let page = self.world.memory.list(&CaseFilter::default(), None, 1_000).await.unwrap();
        let ids: Vec<StreamId> = page.iter().map(|row| row.id).collect();
        let loaded = self.world.memory.load_many(&ids).await.unwrap();
        ids.into_iter()
            .zip(loaded)
            .filter_map(|(id, loaded)| match loaded {
                Loaded::Case(row) => Some((id, *row)),
                Loaded::Entity(_) | Loaded::Absent | Loaded::Damaged(_) => None,
            })
            .collect()
    }

    /// What happened, counted.
    pub(super) fn report(&self, events: u64) -> Report {
        let mut report = Report { events, ..Report::default() };
        report.deaths = *self.deaths.lock().unwrap();
        report.steps = *self.steps.lock().unwrap();
        for ask in self.asks.lock().unwrap().iter() {
            for heard in ask.heard.lock().unwrap().iter() {
                match heard {
                    Heard::Done(_) => report.accepted += 1,
                    Heard::No => report.refused += 1,
                    Heard::Unknown => report.unknown += 1,
                }
            }
        }
        report
    }
}
