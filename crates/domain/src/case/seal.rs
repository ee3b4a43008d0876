//! Sealing: protected values leave the event for its secret row, the event gets its place in the chain and its bytes.

use std::collections::{BTreeMap, BTreeSet};

use qadiya_ledger::canonical::{self, CanonicalError};
use qadiya_ledger::commitment::{self, Salt};
use qadiya_ledger::{Hash, chain};
use serde::{Deserialize, Serialize};

use crate::case::act::{Act, JobReport, Perform};
use crate::case::event::{Change, EVENT_VERSION, Event};
use crate::value::{Given, Protected, Value};

/// A sealed event with everything the store keeps of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The event, with commitments in place of protected values.
    pub event: Event,
    /// Its canonical bytes.
    pub bytes: Vec<u8>,
    /// The hash of the bytes.
    pub hash: Hash,
    /// Salts and values by path; empty when nothing was protected.
    pub secrets: Secrets,
}

/// What the secret row of an event holds: path → salt and value.
pub type Secrets = BTreeMap<String, Secret>;

/// One protected value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret {
    /// The salt of its commitment.
    pub salt: Salt,
    /// The value.
    pub value: Value,
}

/// Why an event cannot be sealed or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// A value has no canonical form.
    #[error("event {seq} has no canonical form")]
    Canonical {
        /// The event.
        seq: u64,
        /// Why.
        source: CanonicalError,
    },
    /// The bytes are of another version of the form.
    #[error("an event is of form {found}, this program reads form {EVENT_VERSION}")]
    Version {
        /// Its version.
        found: u32,
    },
    /// The bytes are no event.
    #[error("the bytes are no event")]
    Unreadable {
        /// Why.
        source: CanonicalError,
    },
}

/// Seals events in order behind a head. `seed` is fresh for each decision; salts are derived from it, so that nothing
/// random happens here.
///
/// # Errors
/// [`SealError::Canonical`] when a value has no canonical form; reading from outside has refused such values before.
pub fn seal(events: Vec<Event>, head: Hash, seed: &[u8; 32]) -> Result<Vec<Sealed>, SealError> {
    let mut prev = head;
    let mut sealed = Vec::with_capacity(events.len());
    for mut event in events {
        event.prev = prev;
        let seq = event.seq;
        let fault = |source| SealError::Canonical { seq, source };
        let mut secrets = Secrets::new();
        visit(&mut event, &mut |path, protected| {
            if let Protected::Clear(value) = protected {
                let salt = salt(seed, seq, path);
                let canonical = canonical::to_value(value)?;
                let commitment = commitment::commit(&salt, path, &canonical);
                let Protected::Clear(value) = std::mem::replace(protected, Protected::Sealed(commitment))
                else {
                    return Ok(());
                };
                secrets.insert(path.to_owned(), Secret { salt, value });
            }
            Ok(())
        })
        .map_err(fault)?;
        let bytes = canonical::encode(&event).map_err(fault)?;
        let hash = chain::event_hash(&bytes);
        prev = hash;
        sealed.push(Sealed { event, bytes, hash, secrets });
    }
    Ok(sealed)
}

fn salt(seed: &[u8; 32], seq: u64, path: &str) -> Salt {
    let mut text = Vec::with_capacity(64);
    text.extend_from_slice(b"qadiya/salt/v1\n");
    text.extend_from_slice(seed);
    text.extend_from_slice(&seq.to_be_bytes());
    text.extend_from_slice(path.as_bytes());
    Salt::from_bytes(*Hash::of(&text).as_bytes())
}

/// Reads stored bytes back.
///
/// # Errors
/// [`SealError`] when the bytes are not canonical, no event, or of another version.
pub fn open_event(bytes: &[u8]) -> Result<Event, SealError> {
    let event: Event = canonical::decode(bytes).map_err(|source| SealError::Unreadable { source })?;
    if event.v == EVENT_VERSION { Ok(event) } else { Err(SealError::Version { found: event.v }) }
}

/// The commitments that an event carries, by their path: what its secret row is held against.
pub fn commitments(mut event: Event) -> BTreeMap<String, Hash> {
    let mut carried = BTreeMap::new();
    let visited = visit(&mut event, &mut |path, protected| {
        if let Protected::Sealed(commitment) = protected {
            carried.insert(path.to_owned(), *commitment);
        }
        Ok(())
    });
    // Looking makes no canonical form, so nothing can be refused.
    debug_assert!(visited.is_ok());
    carried
}

pub(crate) type Visit<'a> = dyn FnMut(&str, &mut Protected) -> Result<(), CanonicalError> + 'a;

/// Every protected part of an event, with its path. The paths are part of the commitments: they never change.
pub(crate) fn visit(event: &mut Event, each: &mut Visit<'_>) -> Result<(), CanonicalError> {
    visit_act(&mut event.act, "", each)?;
    let mut seen = BTreeSet::new();
    for (position, change) in event.changes.iter_mut().enumerate() {
        let Change::Fact(fact) = change else { continue };
        // The value that the act gives stands in the first change too: both take the commitment of the one path. What
        // is set over it has a path of its own, or one secret would stand for two values.
        let again = !seen.insert(fact.fact.clone());
        if let Some(protected) = fact.value.protected_mut() {
            let name = &fact.fact;
            let path = if again { format!("/changes/{position}/{name}") } else { format!("/facts/{name}") };
            each(&path, protected)?;
        }
    }
    Ok(())
}

fn visit_act(act: &mut Act, at: &str, each: &mut Visit<'_>) -> Result<(), CanonicalError> {
    match act {
        Act::Perform(perform) => visit_perform(perform, at, each),
        Act::Sign { note: Some(note), .. } => each(&format!("{at}/note"), note),
        Act::Reject { reason, .. } | Act::Withdraw { reason, .. } | Act::Annul { reason, .. } => {
            each(&format!("{at}/reason"), reason)
        }
        Act::EditFact { fact, value } => visit_given(value, &format!("{at}/facts/{fact}"), each),
        Act::CorrectFacts { facts, reason } => {
            for (fact, value) in facts {
                if let Some(value) = value {
                    visit_given(value, &format!("{at}/facts/{fact}"), each)?;
                }
            }
            each(&format!("{at}/reason"), reason)
        }
        Act::ReportJob { report: JobReport::Answered { protected, .. }, .. } => {
            for (field, value) in protected {
                each(&format!("{at}/answer/{field}"), value)?;
            }
            Ok(())
        }
        Act::ReportJob { report: JobReport::Done { .. } | JobReport::Failed { .. }, .. }
        | Act::Sign { note: None, .. }
        | Act::FilePaper(_)
        | Act::Enact { .. }
        | Act::Lapse { .. }
        | Act::StepClock { .. } => Ok(()),
    }
}

fn visit_perform(perform: &mut Perform, at: &str, each: &mut Visit<'_>) -> Result<(), CanonicalError> {
    for (fact, value) in &mut perform.answers {
        visit_given(value, &format!("{at}/facts/{fact}"), each)?;
    }
    for (position, record) in perform.records.iter_mut().enumerate() {
        for (field, value) in &mut record.fields {
            visit_given(value, &format!("{at}/records/{position}/{field}"), each)?;
        }
    }
    if let Some(reason) = &mut perform.reason {
        each(&format!("{at}/reason"), reason)?;
    }
    Ok(())
}

fn visit_given(given: &mut Given, path: &str, each: &mut Visit<'_>) -> Result<(), CanonicalError> {
    match given.protected_mut() {
        Some(protected) => each(path, protected),
        None => Ok(()),
    }
}
