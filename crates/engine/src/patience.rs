//! Long work hands in many acts at once. Where others fill the queue, it waits its turn instead of failing.

use std::time::Duration;

use crate::Engine;
use crate::submit::{Accepted, Submission, SubmitError};

/// How often a full queue is tried again.
const TURNS: u32 = 400;
/// How long a turn lasts.
const TURN: Duration = Duration::from_millis(25);

impl Engine {
    /// Does many acts as [`Engine::submit_many`] does; those that found the queue full are handed in again for some ten
    /// seconds.
    pub(crate) async fn submit_patiently(&self, submissions: Vec<Submission>) -> Vec<Result<Accepted, SubmitError>> {
        let mut answers = self.submit_many(submissions.clone()).await;
        for _ in 0..TURNS {
            let busy: Vec<usize> = answers
                .iter()
                .enumerate()
                .filter_map(|(place, answer)| matches!(answer, Err(SubmitError::Busy)).then_some(place))
                .collect();
            if busy.is_empty() {
                break;
            }
            tokio::time::sleep(TURN).await;
            let again = busy.iter().filter_map(|place| submissions.get(*place).cloned()).collect();
            for (place, answer) in busy.into_iter().zip(self.submit_many(again).await) {
                if let Some(held) = answers.get_mut(place) {
                    *held = answer;
                }
            }
        }
        answers
    }
}
