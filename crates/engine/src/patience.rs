//! Long work hands in many acts at once. Where others fill the queue, it waits its turn instead of failing.

use std::time::Duration;

use crate::Engine;
use crate::registry_write::{Recorded, RegistryError, RegistryWrite};
use crate::submit::{Accepted, Submission, SubmitError};

/// How often a full queue is tried again.
const TURNS: u32 = 400;
/// How long a turn lasts.
const TURN: Duration = Duration::from_millis(25);

impl Engine {
    /// Does many acts as [`Engine::submit_many`] does; those that found the queue full are handed in again for some ten
    /// seconds.
    pub(crate) async fn submit_patiently(&self, acts: Vec<Submission>) -> Vec<Result<Accepted, SubmitError>> {
        let hand_in = |acts| {
            let engine = self.clone();
            async move { engine.submit_many(acts).await }
        };
        patiently(acts, hand_in, |answer| matches!(answer, Err(SubmitError::Busy))).await
    }

    /// Writes to many streams as [`Engine::record_many`] does, with the same patience.
    pub(crate) async fn record_patiently(
        &self,
        writes: Vec<RegistryWrite>,
    ) -> Vec<Result<Recorded, RegistryError>> {
        let hand_in = |writes| {
            let engine = self.clone();
            async move { engine.record_many(writes).await }
        };
        patiently(writes, hand_in, |answer| matches!(answer, Err(RegistryError::Busy))).await
    }
}

async fn patiently<T: Clone, A, F: Future<Output = Vec<A>>>(
    work: Vec<T>,
    hand_in: impl Fn(Vec<T>) -> F,
    is_busy: impl Fn(&A) -> bool,
) -> Vec<A> {
    let mut answers = hand_in(work.clone()).await;
    for _ in 0..TURNS {
        let busy: Vec<usize> = answers
            .iter()
            .enumerate()
            .filter_map(|(place, answer)| is_busy(answer).then_some(place))
            .collect();
        if busy.is_empty() {
            break;
        }
        tokio::time::sleep(TURN).await;
        let again = busy.iter().filter_map(|place| work.get(*place).cloned()).collect();
        for (place, answer) in busy.into_iter().zip(hand_in(again).await) {
            if let Some(held) = answers.get_mut(place) {
                *held = answer;
            }
        }
    }
    answers
}
