//! The clock port. Business time is an argument everywhere below; here it comes in.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use qadiya_domain::moment;

/// Tells the business time, in whole microseconds.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place where the clock of the machine is read"
    )]
    fn now(&self) -> Timestamp {
        moment::micros(Timestamp::now())
    }
}

/// A clock that stands still until it is moved: for the demo, the replay of logs and tests.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that stands at an instant.
    pub fn new(at: Timestamp) -> Self {
        Self(AtomicI64::new(at.as_microsecond()))
    }

    /// Puts it to an instant.
    pub fn set(&self, at: Timestamp) {
        self.0.store(at.as_microsecond(), Ordering::SeqCst);
    }

    /// Moves it on.
    pub fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        self.0.fetch_add(by, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.0.load(Ordering::SeqCst)).unwrap_or(Timestamp::MAX)
    }
}

/// A clock that runs at the pace of another one, from an instant of its own: the demo goes on in the time in which its
/// officials have acted.
#[derive(Debug)]
pub struct ShiftedClock<C> {
    pace: C,
    began: Timestamp,
    from: Timestamp,
}

impl<C: Clock> ShiftedClock<C> {
    /// A clock that shows `from` now.
    pub fn new(pace: C, from: Timestamp) -> Self {
        let began = pace.now();
        Self { pace, began, from }
    }
}

impl<C: Clock> Clock for ShiftedClock<C> {
    fn now(&self) -> Timestamp {
        let passed = self.pace.now().duration_since(self.began);
        moment::micros(self.from.checked_add(passed).unwrap_or(self.from))
    }
}
