//! Clock steps that are due: each becomes a `StepClock` act of *System* through the one door, with its lease attached.

use qadiya_domain::case::Act;
use qadiya_domain::case::state::ClockKey;
use qadiya_engine::Engine;
use qadiya_engine::submit::{ActInput, ActorChoice, Submission, SubmitError, Target};
use qadiya_store::append::Settles;
use qadiya_store::work::DueClock;
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
                // The row stays leased and comes back; verify names it, and other clocks go on.
                tracing::error!(case.id = %due.stream, clock = due.key, %fault, "a deadline row has a key that is no clock");
                stepped.left = stepped.left.saturating_add(1);
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
                release(engine, due).await;
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
    let key = format!("clock/{}/{}/{}", due.key, due.step, due.due.as_microsecond());
    let act = ActInput::Typed(Act::StepClock { clock, step: due.step });
    Submission {
        key: Some(key),
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
