//! Lanes: each carries one case after the other from its opening to its end, one act at a time, and waits for every
//! answer. So many lanes, so many commands in flight.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use qadiya_domain::actor::Actor;
use qadiya_domain::ids::StreamId;
use qadiya_domain::name::Name;
use qadiya_engine::Engine;
use qadiya_engine::authorize::Principal;
use qadiya_engine::query::Viewer;
use qadiya_engine::submit::{Accepted, ActInput, ActorChoice, Submission, Target};
use qadiya_ledger::Value;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::commands::init::{administrators, install};
use crate::exit::Failure;
use crate::files::WorkflowFile;

/// The workflow of the benchmark's cases.
pub(super) const WORKFLOW: &str = "bench-appeal";
/// The stage in which its cases stand until the judge has heard them.
pub(super) const STAGE: &str = "lodged";
const FILE: &[u8] = include_bytes!("../../../bench/appeal.v1.yaml");

/// The acts of a case in order: who, and what.
pub(super) const ACTS: [(&str, &str); 6] = [
    ("clerk", r#"{"command":"lodge"}"#),
    ("clerk", r#"{"command":"summon"}"#),
    (
        "clerk",
        r#"{"command":"appear","records":[{"record":"statement","fields":{"text":"The appellant came and was heard on the measurements of the road.","pages":3}}]}"#,
    ),
    (
        "judge",
        r#"{"command":"hear","reason":"The file is complete; the parties have said what they have to say."}"#,
    ),
    ("judge", r#"{"command":"adjourn"}"#),
    (
        "judge",
        r#"{"command":"hear","reason":"The expert has answered; nothing more is to be asked of anybody."}"#,
    ),
];

/// How many acts bring a case before the judge.
pub(super) const BEFORE_THE_JUDGE: usize = 3;
/// The act by which the judge hears a case that is before him, and the one by which he has it come again.
const HEAR: usize = 3;
const ADJOURN: usize = 4;

/// Officials with their tokens, and the acts as they come in.
#[derive(Debug)]
pub(super) struct Load {
    pub(super) engine: Engine,
    officials: Vec<(&'static str, Principal, String)>,
    acts: Vec<(usize, Value)>,
    workflow: Name,
    cases: AtomicU64,
    mark: String,
}

fn failed(what: &str, error: &dyn std::error::Error) -> Failure {
    Failure::new(format!("the benchmark could not {what}")).because(error)
}

impl Load {
    /// Makes a fresh store ready: installation, administrators, workflow. Returns who signs for workflows.
    ///
    /// # Errors
    /// What the engine says.
    pub(super) async fn set_up(engine: &Engine) -> Result<[Actor; 2], Failure> {
        install(engine, true).await?;
        let file = WorkflowFile::bundled("appeal.v1.yaml", FILE)?;
        let definition = file.definition_or_fail()?;
        let signers = administrators(engine, ["First administrator", "Second administrator"], "benchmark");
        let signers = signers.await?.map(|named| named.actor);
        engine
            .publish_signed(&signers, &file.bytes, &file.calendars_of(&definition))
            .await
            .map_err(|error| failed("publish its workflow", &error))?;
        Ok(signers)
    }

    /// The load on an engine. `mark` tells the request keys of this load from those of others on the same store.
    ///
    /// # Errors
    /// What the engine says.
    pub(super) async fn new(engine: &Engine, mark: &str) -> Result<Arc<Self>, Failure> {
        let mut officials = Vec::new();
        for role in ["clerk", "judge"] {
            let (principal, token) = official(engine, role).await?;
            officials.push((role, principal, token));
        }
        let mut acts = Vec::new();
        for (role, text) in ACTS {
            let who = officials.iter().position(|(held, ..)| *held == role).unwrap_or(0);
            let act = qadiya_ledger::canonical::parse_lenient(text.as_bytes())
                .map_err(|error| failed("read its own acts", &error))?;
            acts.push((who, act));
        }
        let workflow = Name::new(WORKFLOW).map_err(|error| failed("name its workflow", &error))?;
        let (engine, mark) = (engine.clone(), mark.to_owned());
        Ok(Arc::new(Self { engine, officials, acts, workflow, cases: AtomicU64::new(0), mark }))
    }

    /// A request key that was not used before in this load.
    pub(super) fn next_case(&self) -> String {
        format!("{}-{}", self.mark, self.cases.fetch_add(1, Ordering::Relaxed))
    }

    /// The token of the official who does an act.
    pub(super) fn token(&self, act: usize) -> &str {
        let who = self.acts.get(act).map_or(0, |(who, _)| *who);
        self.officials.get(who).map_or("", |(_, _, token)| token.as_str())
    }

    fn submission(&self, act: usize, case: &str, stream: Option<StreamId>) -> Option<Submission> {
        let (who, value) = self.acts.get(act)?;
        let (_, principal, _) = self.officials.get(*who)?;
        let actor = ActorChoice::ByPrincipal { principal: principal.clone(), role: None };
        let target = match stream {
            Some(stream) => Target::Case(stream),
            None => Target::New { workflow: self.workflow.clone(), alias: None, group: None, person: None },
        };
        let key = Some(format!("{case}-{act}"));
        Some(Submission { key, ..Submission::new(actor, target, ActInput::Raw(value.clone())) })
    }

    async fn act(&self, act: usize, case: &str, stream: Option<StreamId>) -> Result<Accepted, Failure> {
        let missing = || Failure::new(format!("the benchmark has no act {act}"));
        let submission = self.submission(act, case, stream).ok_or_else(missing)?;
        self.engine.submit(submission).await.map_err(|error| failed("do an act", &error))
    }

    /// One case from its opening on; returns whether there is time for another.
    async fn case(&self, until: Instant, done: &AtomicU64) -> Result<bool, Failure> {
        let case = self.next_case();
        let mut stream = None;
        for act in 0..self.acts.len() {
            if Instant::now() >= until {
                return Ok(false);
            }
            stream = Some(self.act(act, &case, stream).await?.stream);
            done.fetch_add(1, Ordering::Relaxed);
        }
        Ok(true)
    }

    /// So many lanes until an instant; returns how many commands were done.
    ///
    /// # Errors
    /// The first act that was refused: the load itself is wrong then.
    pub(super) async fn run(self: &Arc<Self>, lanes: usize, until: Instant) -> Result<u64, Failure> {
        let done = Arc::new(AtomicU64::new(0));
        let tasks = TaskTracker::new();
        let running: Vec<_> = (0..lanes)
            .map(|_| {
                let (load, done) = (Arc::clone(self), Arc::clone(&done));
                tasks.spawn(async move {
                    while load.case(until, &done).await? {}
                    Ok(())
                })
            })
            .collect();
        finish(running).await?;
        Ok(done.load(Ordering::Relaxed))
    }

    /// Opens so many cases, 512 in flight, does their first acts, and leaves them there.
    ///
    /// # Errors
    /// As [`Load::run`].
    pub(super) async fn fill(self: &Arc<Self>, cases: u64, acts: usize) -> Result<Arc<Standing>, Failure> {
        let (left, tasks) = (Arc::new(AtomicU64::new(cases)), TaskTracker::new());
        let found = Arc::new(Mutex::new(Vec::new()));
        let running: Vec<_> = (0..512)
            .map(|_| {
                let (load, left, found) = (Arc::clone(self), Arc::clone(&left), Arc::clone(&found));
                tasks.spawn(async move {
                    let take = |left: u64| left.checked_sub(1);
                    while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
                        let case = load.next_case();
                        let opened = load.act(0, &case, None).await?;
                        for act in 1..acts {
                            load.act(act, &case, Some(opened.stream)).await?;
                        }
                        found
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .push((opened.stream, opened.reference));
                    }
                    Ok(())
                })
            })
            .collect();
        finish(running).await?;
        let cases = std::mem::take(&mut *found.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(Arc::new(Standing { cases, turns: AtomicUsize::new(0) }))
    }

    /// So many lanes until an instant, each doing the next act of the next case that stands there: the judge hears and
    /// adjourns in turn. Returns how many commands were done.
    ///
    /// # Errors
    /// As [`Load::run`].
    pub(super) async fn turn(
        self: &Arc<Self>,
        standing: &Arc<Standing>,
        lanes: usize,
        until: Instant,
    ) -> Result<u64, Failure> {
        let done = Arc::new(AtomicU64::new(0));
        let tasks = TaskTracker::new();
        // Two acts of one case in flight at once could overtake each other.
        let lanes = lanes.min(standing.cases.len() / 2);
        let running: Vec<_> = (0..lanes)
            .map(|_| {
                let (load, done, standing) = (Arc::clone(self), Arc::clone(&done), Arc::clone(standing));
                tasks.spawn(async move {
                    while Instant::now() < until {
                        let turn = standing.turns.fetch_add(1, Ordering::Relaxed);
                        let count = standing.cases.len().max(1);
                        let Some((stream, _)) = standing.cases.get(turn % count) else { break };
                        let act = if (turn / count).is_multiple_of(2) { HEAR } else { ADJOURN };
                        load.act(act, &load.next_case(), Some(*stream)).await?;
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok(())
                })
            })
            .collect();
        finish(running).await?;
        Ok(done.load(Ordering::Relaxed))
    }

    /// Who asks: the clerk, in a request of its own.
    ///
    /// # Errors
    /// Where there is no randomness.
    pub(super) fn viewer(&self) -> Result<Viewer, Failure> {
        let (_, principal, _) = self.officials.first().ok_or_else(|| Failure::new("nobody asks"))?;
        let request = self.engine.ids().id(self.engine.clock().now());
        Ok(Viewer {
            principal: principal.clone(),
            role: None,
            purpose: None,
            request: request.map_err(|error| failed("ask", &error))?,
            route: "bench".to_owned(),
        })
    }
}

/// Names an official with one capacity, and gives the token.
///
/// # Errors
/// What the engine says.
pub(super) async fn official(engine: &Engine, role: &str) -> Result<(Principal, String), Failure> {
    let capacity = Name::new(role).map_err(|error| failed("name a capacity", &error))?;
    let named = engine.name_official(&Actor::System, role).await;
    let official = named.map_err(|error| failed("name an official", &error))?;
    let now = engine.clock().now();
    engine
        .appoint(&Actor::System, official, capacity, None, "benchmark", now, None)
        .await
        .map_err(|error| failed("appoint an official", &error))?;
    let issued = engine.issue_token(&Actor::System, official, false, Vec::new(), None, "benchmark").await;
    let (_, secret) = issued.map_err(|error| failed("issue a token", &error))?;
    let principal = engine.authenticate(secret.expose()).await;
    let principal = principal.map_err(|error| failed("recognise an official", &error))?;
    Ok((principal, secret.expose().to_owned()))
}

/// Cases that lie in a store, and whose turn it is.
#[derive(Debug)]
pub(super) struct Standing {
    /// Stream and number of each.
    pub(super) cases: Vec<(StreamId, String)>,
    turns: AtomicUsize,
}

/// Waits for all lanes.
pub(super) async fn finish(
    running: Vec<tokio::task::JoinHandle<Result<(), Failure>>>,
) -> Result<(), Failure> {
    let mut fault = None;
    for lane in running {
        match lane.await {
            Ok(Ok(())) => {}
            Ok(Err(failure)) => fault = fault.or(Some(failure)),
            Err(error) => fault = fault.or_else(|| Some(failed("end a lane", &error))),
        }
    }
    fault.map_or(Ok(()), Err)
}
