//! The one source of chance of a run.

use std::sync::{Mutex, PoisonError};

/// xorshift64*, see Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled" (2016).
#[derive(Debug)]
pub(super) struct Dice(Mutex<u64>);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        let dice = Self(Mutex::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1));
        dice.roll();
        dice
    }

    fn roll(&self) -> u64 {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *state ^= *state >> 12;
        *state ^= *state << 25;
        *state ^= *state >> 27;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`.
    pub(super) fn below(&self, end: u64) -> u64 {
        (self.roll() >> 11) % end
    }

    /// True so many times in a thousand.
    pub(super) fn chance(&self, in_a_thousand: u64) -> bool {
        self.below(1_000) < in_a_thousand
    }

    /// One of these.
    pub(super) fn pick<'a, T>(&self, from: &'a [T]) -> &'a T {
        let count = u64::try_from(from.len()).unwrap();
        &from[usize::try_from(self.below(count)).unwrap()]
    }
}
