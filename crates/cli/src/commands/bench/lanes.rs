//! Lanes: each carries one case after the other from its opening to its end, one act at a time, and waits for every
//! answer. So many lanes, so many commands in flight.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use qadiya_domain::actor::Actor;
use qadiya_domain::ids::StreamId;
use qadiya_domain::name::Name;
use qadiya_engine::Engine;
use qadiya_engine::authorize::Principal;
use qadiya_engine::submit::{ActInput, ActorChoice, Submission, Target};
use qadiya_ledger::Value;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::commands::init::{administrators, install};
use crate::exit::Failure;
use crate::files::WorkflowFile;

/// The workflow of the benchmark's cases.
pub(super) const WORKFLOW: &str = "bench-appeal";
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
    /// Makes a fresh store ready: installation, workflow, officials.
    ///
    /// # Errors
    /// What the engine says.
    pub(super) async fn set_up(engine: &Engine) -> Result<(), Failure> {
        install(engine, true).await?;
        let file = WorkflowFile::bundled("appeal.v1.yaml", FILE)?;
        let definition = file.definition_or_fail()?;
        let signers = administrators(engine, ["First administrator", "Second administrator"], "benchmark");
        let signers = signers.await?.map(|named| named.actor);
        engine
            .publish_signed(&signers, &file.bytes, &file.calendars_of(&definition))
            .await
            .map_err(|error| failed("publish its workflow", &error))
            .map(drop)
    }

    /// The load on an engine. `mark` tells the request keys of this load from those of others on the same store.
    ///
    /// # Errors
    /// What the engine says.
    pub(super) async fn new(engine: &Engine, mark: &str) -> Result<Arc<Self>, Failure> {
        let mut officials = Vec::new();
        for role in ["clerk", "judge"] {
            let capacity = Name::new(role).map_err(|error| failed("name a capacity", &error))?;
            let named = engine.name_official(&Actor::System, role).await;
            let official = named.map_err(|error| failed("name an official", &error))?;
            let now = engine.clock().now();
            engine
                .appoint(&Actor::System, official, capacity, None, "benchmark", now, None)
                .await
                .map_err(|error| failed("appoint an official", &error))?;
            let issued =
                engine.issue_token(&Actor::System, official, false, Vec::new(), None, "benchmark").await;
            let (_, secret) = issued.map_err(|error| failed("issue a token", &error))?;
            let principal = engine.authenticate(secret.expose()).await;
            let principal = principal.map_err(|error| failed("recognise an official", &error))?;
            officials.push((role, principal, secret.expose().to_owned()));
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

    /// One case from its opening on, at most so many acts; tells each act that was done.
    async fn case(&self, acts: usize, until: Option<Instant>, done: &AtomicU64) -> Result<bool, Failure> {
        let case = self.next_case();
        let mut stream = None;
        for act in 0..acts.min(self.acts.len()) {
            if until.is_some_and(|until| Instant::now() >= until) {
                return Ok(false);
            }
            let Some(submission) = self.submission(act, &case, stream) else { return Ok(false) };
            let accepted = self.engine.submit(submission).await;
            stream = Some(accepted.map_err(|error| failed("do an act", &error))?.stream);
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
                    while load.case(usize::MAX, Some(until), &done).await? {}
                    Ok(())
                })
            })
            .collect();
        finish(running).await?;
        Ok(done.load(Ordering::Relaxed))
    }

    /// Opens so many cases, 512 in flight, and leaves them there.
    ///
    /// # Errors
    /// As [`Load::run`].
    pub(super) async fn fill(self: &Arc<Self>, cases: u64) -> Result<(), Failure> {
        let (left, tasks) = (Arc::new(AtomicU64::new(cases)), TaskTracker::new());
        let running: Vec<_> = (0..512)
            .map(|_| {
                let (load, left) = (Arc::clone(self), Arc::clone(&left));
                tasks.spawn(async move {
                    let done = AtomicU64::new(0);
                    let take = |left: u64| left.checked_sub(1);
                    while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
                        load.case(1, None, &done).await?;
                    }
                    Ok(())
                })
            })
            .collect();
        finish(running).await
    }
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
