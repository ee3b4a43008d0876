//! The id port: new identifiers and random bytes come in here and nowhere else.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use qadiya_ledger::Hash;
use uuid::{Builder, Uuid};

/// The random source of the machine gave nothing; without it no salt and no token can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("drawing random bytes from the operating system: {0}")]
pub struct NoRandomness(String);

/// Where ids and random bytes come from.
pub trait IdSource: Send + Sync + fmt::Debug {
    /// 32 random bytes: a salt, a secret.
    fn bytes(&self) -> Result<[u8; 32], NoRandomness>;

    /// A new id (UUID version 7) of an instant.
    fn id(&self, at: Timestamp) -> Result<Uuid, NoRandomness> {
        let random = self.bytes()?;
        let mut tail = [0; 10];
        for (to, from) in tail.iter_mut().zip(random) {
            *to = from;
        }
        let millis = u64::try_from(at.as_millisecond()).unwrap_or(0);
        Ok(Builder::from_unix_timestamp_millis(millis, &tail).into_uuid())
    }
}

/// The random source of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemIds;

impl IdSource for SystemIds {
    fn bytes(&self) -> Result<[u8; 32], NoRandomness> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|error| NoRandomness(error.to_string()))?;
        Ok(bytes)
    }
}

/// The same bytes in every run, from a seed: for the demo and for tests. Nothing made from it is secret.
#[derive(Debug)]
pub struct SeededIds {
    seed: u64,
    drawn: AtomicU64,
}

impl SeededIds {
    /// A source from a seed.
    pub fn new(seed: u64) -> Self {
        Self { seed, drawn: AtomicU64::new(0) }
    }
}

impl IdSource for SeededIds {
    fn bytes(&self) -> Result<[u8; 32], NoRandomness> {
        let number = self.drawn.fetch_add(1, Ordering::SeqCst);
        Ok(*Hash::of(format!("qadiya/seeded/v1\n{}\n{number}", self.seed).as_bytes()).as_bytes())
    }
}

/// An id that follows from what it is for, so that doing the same thing twice makes the same id (UUID version 8).
pub fn derived(parts: &[&str]) -> Uuid {
    let mut text = String::from("qadiya/id/v1");
    for part in parts {
        // The length keeps `ab, c` and `a, bc` apart.
        text.push('\n');
        text.push_str(&part.len().to_string());
        text.push(':');
        text.push_str(part);
    }
    let hash = Hash::of(text.as_bytes());
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(hash.as_bytes()) {
        *to = *from;
    }
    Builder::from_custom_bytes(bytes).into_uuid()
}
