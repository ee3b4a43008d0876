//! Who loses: the one decision that every store takes before it writes a batch.
//!
//! A store gathers what stands in its tables about a batch by set queries inside the transaction ([`Found`]) and asks
//! [`losers`]. The reasons and their order of precedence are written here once, so no two stores can differ about them.

use std::collections::{BTreeMap, BTreeSet};

use qadiya_domain::ids::{DefinitionHash, JobId, Seq, StreamId};
use qadiya_domain::name::Name;

use crate::append::{Append, Batch, Lookup, Loser, Row, Settles};
use crate::error::StoreError;
use crate::read::RequestRef;

/// What stands in the tables about the streams and keys of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The version of every stream of the batch that exists.
    pub versions: BTreeMap<StreamId, Seq>,
    /// Those request keys of the batch that are bound.
    pub bound: BTreeSet<RequestRef>,
    /// The lease epoch of every clock row that the batch settles.
    pub clocks: BTreeMap<(StreamId, String), u64>,
    /// The lease epoch of every job that the batch settles and that is no incident.
    pub jobs: BTreeMap<JobId, u64>,
    /// The active definition of every workflow under which the batch opens cases.
    pub active: BTreeMap<Name, DefinitionHash>,
    /// Who holds the lookup keys that the batch adds.
    pub lookups: BTreeMap<Lookup, StreamId>,
    /// Who holds the case numbers of the batch.
    pub references: BTreeMap<String, StreamId>,
    /// Who holds the aliases of the batch.
    pub aliases: BTreeMap<String, StreamId>,
}

/// Why each losing append loses, by position. Empty when the whole batch may be written.
///
/// An append has one reason, the first of: request key bound, version, lease, active definition, taken key (its
/// lookups in their order, then the case number, then the alias). Of two appends of one batch that want the same key,
/// the later one loses.
pub fn losers(batch: &Batch, found: &Found) -> Vec<(usize, Loser)> {
    let mut losers: Vec<(usize, Loser)> = batch
        .appends
        .iter()
        .enumerate()
        .filter_map(|(position, append)| reason(append, found).map(|why| (position, why)))
        .collect();
    collide(batch, &mut losers);
    losers
}

fn reason(append: &Append, found: &Found) -> Option<Loser> {
    let bound = append.requests.iter().any(|request| {
        let (principal, key) = (request.principal, request.key.clone());
        found.bound.contains(&RequestRef { stream: append.stream, principal, key })
    });
    if bound {
        return Some(Loser::KeyBound);
    }
    if found.versions.get(&append.stream).copied().unwrap_or(0) != append.expected {
        return Some(Loser::Conflict);
    }
    let held = match &append.settles {
        Some(Settles::Deadline { key, epoch }) => {
            found.clocks.get(&(append.stream, key.clone())) == Some(epoch)
        }
        Some(Settles::Job { id, epoch, .. }) => found.jobs.get(id) == Some(epoch),
        None => true,
    };
    if !held {
        return Some(Loser::LeaseLost);
    }
    if let Some((workflow, hash)) = &append.opens_under
        && found.active.get(workflow) != Some(hash)
    {
        return Some(Loser::DefinitionChanged);
    }
    let another = |holder: Option<&StreamId>| holder.is_some_and(|holder| *holder != append.stream);
    if let Some(lookup) = append.lookups.iter().find(|lookup| another(found.lookups.get(*lookup))) {
        return Some(Loser::KeyTaken(lookup.clone()));
    }
    if let Row::Case(row) = &append.row {
        if another(found.references.get(&row.reference)) {
            return Some(Loser::KeyTaken(reference_key(&row.reference)));
        }
        if let Some(alias) = &row.alias
            && another(found.aliases.get(alias))
        {
            return Some(Loser::KeyTaken(alias_key(alias)));
        }
    }
    None
}

fn collide(batch: &Batch, losers: &mut Vec<(usize, Loser)>) {
    let mut taken: BTreeMap<Lookup, StreamId> = BTreeMap::new();
    for (position, append) in batch.appends.iter().enumerate() {
        let mut keys = append.lookups.clone();
        if let Row::Case(row) = &append.row {
            keys.push(reference_key(&row.reference));
            keys.extend(row.alias.as_deref().map(alias_key));
        }
        for key in keys {
            let holder = *taken.entry(key.clone()).or_insert(append.stream);
            if holder != append.stream && !losers.iter().any(|(at, _)| *at == position) {
                losers.push((position, Loser::KeyTaken(key)));
            }
        }
    }
    losers.sort_by_key(|(position, _)| *position);
}

/// How a taken case number is named.
fn reference_key(reference: &str) -> Lookup {
    Lookup { space: "reference".to_owned(), key: reference.to_owned() }
}

/// How a taken alias is named.
fn alias_key(alias: &str) -> Lookup {
    Lookup { space: "alias".to_owned(), key: alias.to_owned() }
}

/// Refuses a batch that breaks the contract of [`Batch`]: two appends to one stream, an append without events, numbers
/// that do not follow one another, a row of another stream or version. A committer never builds one; a store that
/// wrote it would break the log.
pub fn well_formed(batch: &Batch) -> Result<(), StoreError> {
    let mut streams = BTreeSet::new();
    let broken = |append: &Append, what: &str| {
        Err(StoreError::Other {
            during: "checking a batch",
            detail: format!("the append to stream {} {what}", append.stream),
        })
    };
    for append in &batch.appends {
        if !streams.insert(append.stream) {
            return broken(append, "is the second of its batch");
        }
        if append.events.is_empty() {
            return broken(append, "has no event");
        }
        let mut last = append.expected;
        for event in &append.events {
            if event.seq != last.saturating_add(1) {
                return broken(append, "has events whose numbers do not follow one another");
            }
            last = event.seq;
        }
        let mut keys = BTreeSet::new();
        if append.requests.iter().any(|request| !keys.insert((request.principal, &request.key))) {
            return broken(append, "binds one request key twice");
        }
        if append.requests.iter().any(|request| request.first >= append.events.len()) {
            return broken(append, "answers a request with an event that it does not have");
        }
        let settled =
            |id: &JobId| matches!(&append.settles, Some(Settles::Job { id: settled, .. }) if settled == id);
        if append.cancels.iter().any(|id| settled(id) || append.jobs.iter().any(|job| job.id == *id)) {
            return broken(append, "cancels a job that it settles or queues");
        }
        let (stream, version) = match &append.row {
            Row::Case(row) => (row.id, row.version),
            Row::Entity(row) => (row.stream, row.version),
        };
        if stream != append.stream || version != last {
            return broken(append, "carries the row of another stream or version");
        }
    }
    let mut records = BTreeSet::new();
    match batch.access.iter().find(|record| !records.insert(record.id)) {
        None => Ok(()),
        Some(record) => Err(StoreError::Other {
            during: "checking a batch",
            detail: format!("access record {} stands in it twice", record.id),
        }),
    }
}
