//! When to try again: pure.

use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

/// How a job is tried again, as its workflow file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// How many tries after the first.
    pub times: u32,
    /// The wait after the first try.
    pub first_wait: Duration,
    /// The wait doubles up to this.
    pub doubles_to: Duration,
}

/// The wait that a file without `first-wait` gets.
pub const FIRST_WAIT: Duration = Duration::from_secs(30);

impl Retry {
    /// Whether a try was begun that is not granted. Each is counted when it is claimed, so the last ones broke off.
    pub fn is_spent(&self, attempt: u32) -> bool {
        attempt > self.times.saturating_add(1)
    }

    /// When the next try is due after the given one (from 1) failed at `now`, or `None` when that was the last.
    ///
    /// The wait is spread by up to a quarter, told by the job's id, so that jobs that failed together do not come back
    /// together; no random numbers are needed.
    pub fn next(&self, attempt: u32, job: Uuid, now: Timestamp) -> Option<Timestamp> {
        if attempt > self.times {
            return None;
        }
        let doublings = attempt.saturating_sub(1).min(40);
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        let wait = self.first_wait.saturating_mul(factor).min(self.doubles_to.max(self.first_wait));
        let spread = u32::from(job.as_bytes().last().copied().unwrap_or(0));
        let jitter = wait.saturating_mul(spread) / 1024;
        now.checked_add(wait.saturating_add(jitter)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retry() -> Retry {
        Retry { times: 3, first_wait: Duration::from_secs(10), doubles_to: Duration::from_secs(30) }
    }

    #[test]
    fn waits_double_up_to_the_limit_and_then_end() {
        let now = Timestamp::UNIX_EPOCH;
        let seconds = |attempt| retry().next(attempt, Uuid::nil(), now).map(Timestamp::as_second);
        assert_eq!([seconds(1), seconds(2), seconds(3), seconds(4)], [Some(10), Some(20), Some(30), None]);
    }

    #[test]
    fn the_spread_stays_below_a_quarter() {
        let now = Timestamp::UNIX_EPOCH;
        let job = Uuid::from_bytes([255; 16]);
        let wait = retry().next(1, job, now).unwrap().as_millisecond();
        assert!((10_000..12_500).contains(&wait), "{wait}");
    }

    #[test]
    fn no_number_of_tries_overflows() {
        let endless = Retry { times: u32::MAX, ..retry() };
        assert!(endless.next(u32::MAX - 1, Uuid::max(), Timestamp::UNIX_EPOCH).is_some());
        assert_eq!(endless.next(5, Uuid::max(), Timestamp::MAX), None);
    }
}
