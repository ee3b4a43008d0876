//! Clock steps that are due: each becomes a `StepClock` act of *System* through the one door, with its lease attached.
//!
//! A step carries no request key. The epoch of its lease, the step in the case and the version of the case are its fence;
//! a key made of clock, step and limit would stop a clock that was started again with the same limit for ever.

use qadiya_domain::case::Act;
use qadiya_domain::case::state::ClockKey;
use qadiya_engine::Engine;
use qadiya_engine::submit::{ActInput, ActorChoice, Submission, SubmitError, Target};
use qadiya_store::append::Settles;
use qadiya_store::work::{DueClock, clock_incident};
use uuid::Uuid;

use crate::error::{WorkerError, store};
use crate::run::WorkerSettings;

/// Claims what is due and steps it. Returns how many steps were taken, and how many were due but left for another
/// round.
pub(crate) async fn step_due(
    engine: &Engine,
    owner: Uuid,
    settings: &WorkerSettings,
) -> Result<Stepped, WorkerError> {
    let now = engine.clock().now();
    let claimed = engine
        .store()
        .claim_clocks(now, owner, settings.lease, settings.clocks_at_once)
        .await
        .map_err(store("claim due clocks"))?;
    let mut stepped = Stepped { claimed: claimed.len(), ..Stepped::default() };
    let mut kept = Vec::with_capacity(claimed.len());
    let mut submissions = Vec::with_capacity(claimed.len());
    for due in claimed {
        match due.key.parse::<ClockKey>() {
            Ok(clock) => {
                submissions.push(submission(&due, clock));
                kept.push(due);
            }
            Err(fault) => {
                tracing::error!(case.id = %due.stream, clock = due.key, %fault, "a deadline row has a key that is no clock");
                stepped.left = stepped.left.saturating_add(1);
                set_aside(engine, settings, &due, "unreadable-key").await;
            }
        }
    }
    let answers = engine.submit_many(submissions).await;
    for (due, answer) in kept.iter().zip(answers) {
        match answer {
            Ok(_) => stepped.taken = stepped.taken.saturating_add(1),
            // Another worker has it: exactly what the epoch is for.
            Err(SubmitError::LeaseLost) => {}
            Err(fault) => {
                tracing::warn!(case.id = %due.stream, clock = due.key, step = due.step, %fault, "a clock step was not taken");
                stepped.left = stepped.left.saturating_add(1);
                match fault {
                    // Nothing is wrong with the clock: it is tried again when the queue has room, or by another worker.
                    SubmitError::Busy | SubmitError::Stopped => release(engine, due).await,
                    // The store failed under it: the lease is the wait before the next try.
                    SubmitError::Store(_) | SubmitError::Conflict { .. } => {}
                    // The row and the case say different things, and waiting does not mend that.
                    SubmitError::Refused(_) => set_aside(engine, settings, due, "not-due-in-the-case").await,
                    SubmitError::NotFound => set_aside(engine, settings, due, "no-such-case").await,
                    SubmitError::Integrity(_)
                    | SubmitError::KeyReused
                    | SubmitError::Malformed(_)
                    | SubmitError::Forbidden(_)
                    | SubmitError::AliasTaken(_)
                    | SubmitError::LeaseLost => set_aside(engine, settings, due, "cannot-be-stepped").await,
                }
            }
        }
    }
    Ok(stepped)
}

/// How a round of clocks went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Stepped {
    pub(crate) claimed: usize,
    pub(crate) taken: usize,
    pub(crate) left: usize,
}

fn submission(due: &DueClock, clock: ClockKey) -> Submission {
    let act = ActInput::Typed(Act::StepClock { clock, step: due.step });
    Submission {
        settles: Some(Settles::Deadline { key: due.key.clone(), epoch: due.epoch }),
        ..Submission::new(ActorChoice::System, Target::Case(due.stream), act)
    }
}

/// Gives the lease back, so that the step need not wait for it to run out. If that fails too, the lease runs out.
async fn release(engine: &Engine, due: &DueClock) {
    if let Err(fault) = engine.store().release_clock(due.stream, &due.key, due.epoch).await {
        tracing::warn!(case.id = %due.stream, clock = due.key, %fault, "a clock lease could not be given back");
    }
}

/// How many leases a clock that cannot be stepped waits before it is tried again.
const LEASES: u32 = 20;

/// A clock that cannot be stepped stands in nobody's way, is tried again at leisure, and is shown as an incident. A
/// clock that was changed meanwhile is none: its lease is void.
async fn set_aside(engine: &Engine, settings: &WorkerSettings, due: &DueClock, why: &str) {
    let store = engine.store();
    let wait = settings.lease.saturating_mul(LEASES);
    let ours = match store.hold_clock(due.stream, &due.key, due.epoch, wait).await {
        Ok(ours) => ours,
        Err(fault) => {
            tracing::warn!(case.id = %due.stream, clock = due.key, %fault, "a clock could not be set aside");
            return;
        }
    };
    if !ours {
        return;
    }
    let incident = clock_incident(due.stream, &due.key, engine.clock().now());
    if let Err(fault) = store.raise_incident(due.stream, &incident, why).await {
        tracing::error!(case.id = %due.stream, clock = due.key, why, %fault, "a clock stands still and could not be shown");
    }
}
