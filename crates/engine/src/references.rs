//! Which stream a case number belongs to, remembered: a number never moves to another case.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use qadiya_domain::ids::StreamId;

/// How many numbers are remembered.
const LIMIT: usize = 100_000;

/// Case numbers of cases that were asked for.
#[derive(Debug, Default)]
pub(crate) struct References(Mutex<HashMap<String, StreamId>>);

impl References {
    pub(crate) fn get(&self, reference: &str) -> Option<StreamId> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(reference).copied()
    }

    pub(crate) fn put(&self, reference: &str, stream: StreamId) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= LIMIT {
            held.clear();
        }
        held.insert(reference.to_owned(), stream);
    }
}
