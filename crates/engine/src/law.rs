//! Where the engine meets the law of a case: the pure functions of `domain::case`, in the shape a committer needs, and
//! what workers find in the jobs that follow from them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use qadiya_domain::case::effects::JobNeeded;
use qadiya_domain::case::event::{Change, Event};
use qadiya_domain::case::seal::{self, Sealed, Secret, Secrets};
use qadiya_domain::case::{Case, legality};
use qadiya_domain::ids::{DefinitionHash, JobId, OfficialId, Seq, StreamId};
use qadiya_domain::name::Name;
use qadiya_domain::value::{Protected, Value};
use qadiya_domain::workflow::Definition;
use qadiya_ledger::commitment::{self, Salt};
use qadiya_ledger::{Hash, canonical};
use qadiya_store::append::{NewJob, StoredEvent};
use serde::{Deserialize, Serialize};

use crate::error::EngineError;
use crate::ids::{IdSource, derived};

/// An act read against a definition.
pub(crate) use qadiya_domain::case::input::read_act;

/// Decides an act on a case.
pub(crate) use qadiya_domain::case::decide;

/// What a new case is opened with.
pub(crate) use qadiya_domain::case::Opening;

/// Seals the events of a decision behind the head of their case, and folds them.
pub(crate) fn seal(
    before: &Case,
    events: Vec<Event>,
    ids: &dyn IdSource,
) -> Result<(Vec<Sealed>, Case), EngineError> {
    let damaged = |error: &dyn std::error::Error| {
        let why = error.source().map(|source| format!(": {source}")).unwrap_or_default();
        EngineError::Integrity { stream: before.id, detail: format!("{error}{why}") }
    };
    let sealed = seal::seal(events, before.head, &ids.bytes()?).map_err(|error| damaged(&error))?;
    let after =
        sealed.iter().fold(before.clone(), |case, sealed| case.evolve(&sealed.event).at_head(sealed.hash));
    Ok((sealed, after))
}

/// A sealed event as the store keeps it.
pub(crate) fn stored(stream: StreamId, sealed: &Sealed) -> Result<StoredEvent, EngineError> {
    Ok(StoredEvent {
        seq: sealed.event.seq,
        bytes: sealed.bytes.clone(),
        hash: sealed.hash,
        at: sealed.event.at,
        secret: secret_row(stream, &sealed.secrets)?,
    })
}

fn secret_row(stream: StreamId, secrets: &Secrets) -> Result<Option<Vec<u8>>, EngineError> {
    if secrets.is_empty() {
        return Ok(None);
    }
    let damaged =
        |error: canonical::CanonicalError| EngineError::Integrity { stream, detail: error.to_string() };
    canonical::encode(secrets).map(Some).map_err(damaged)
}

/// Seals the protected parts of a deed: each value goes into the secret row, and its commitment takes its place.
pub(crate) fn seal_parts(
    stream: StreamId,
    parts: Vec<(String, &mut Protected)>,
    ids: &dyn IdSource,
) -> Result<Option<Vec<u8>>, EngineError> {
    let damaged =
        |error: canonical::CanonicalError| EngineError::Integrity { stream, detail: error.to_string() };
    let mut secrets = Secrets::new();
    for (path, part) in parts {
        if let Protected::Clear(value) = part {
            let salt = Salt::from_bytes(ids.bytes()?);
            let committed = commitment::commit(&salt, &path, &canonical::to_value(value).map_err(damaged)?);
            secrets.insert(path, Secret { salt, value: value.clone() });
            *part = Protected::Sealed(committed);
        }
    }
    secret_row(stream, &secrets)
}

/// The values of a secret row with the commitments they were sealed under, by path.
///
/// # Errors
/// When the row is no secret row.
pub(crate) fn open_secret(
    secret: &[u8],
) -> Result<BTreeMap<String, (Hash, Value)>, canonical::CanonicalError> {
    let mut opened = BTreeMap::new();
    for (path, secret) in canonical::decode::<Secrets>(secret)? {
        let committed = commitment::commit(&secret.salt, &path, &canonical::to_value(&secret.value)?);
        opened.insert(path, (committed, secret.value));
    }
    Ok(opened)
}

/// The queue in which notices wait (named as [`qadiya_store::work::CLOCK_QUEUE`] is).
pub const NOTICE_QUEUE: &str = "engine:notices";
/// The name of the job that tells capacities about something; its payload is a [`Notice`].
pub const NOTICE_JOB: &str = "notice";

/// What a worker needs for a job of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobPayload {
    /// The case number.
    pub reference: String,
    /// The workflow.
    pub workflow: Name,
    /// The definition that describes the job.
    pub definition: DefinitionHash,
}

/// What a worker needs to tell somebody something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The case number.
    pub reference: String,
    /// The workflow.
    pub workflow: Name,
    /// The event that is told about.
    pub event: Seq,
    /// Which capacities are told.
    pub roles: Vec<Name>,
    /// The clock, job or command it is about.
    pub about: String,
}

/// The id of a job, from the event that queued it.
fn job_id(stream: StreamId, seq: Seq, name: &str) -> JobId {
    JobId(derived(&["job", &stream.to_string(), &seq.to_string(), name]))
}

/// The jobs that a case waits for no longer: they came back, or the act that queued them was annulled.
pub(crate) fn closed_jobs<'e>(
    stream: StreamId,
    events: impl IntoIterator<Item = &'e Event>,
) -> BTreeSet<JobId> {
    let changes = events.into_iter().flat_map(|event| &event.changes);
    changes
        .filter_map(|change| {
            let Change::JobClosed(closed) = change else { return None };
            Some(job_id(stream, closed.queued, &closed.job))
        })
        .collect()
}

/// The jobs that follow from a decision: those of the file, and the notices. A job's id follows from the event that
/// queued it, so a repeated append cannot queue it twice.
pub(crate) fn jobs<'e>(
    definition: &Definition,
    after: &Case,
    events: impl IntoIterator<Item = &'e Event>,
    needed: &[JobNeeded],
    by: &dyn Fn(Seq) -> Option<OfficialId>,
    at: Timestamp,
) -> Result<Vec<NewJob>, EngineError> {
    let stream = after.id;
    let damaged = |detail: String| EngineError::Integrity { stream, detail };
    let opened = after.opened.as_ref().ok_or_else(|| damaged("nothing has opened it".to_owned()))?;
    let mut jobs = Vec::new();
    for needed in needed {
        let job =
            definition.jobs.get(&needed.job).ok_or_else(|| damaged(format!("no job {}", needed.job)))?;
        let payload = JobPayload {
            reference: opened.reference.clone(),
            workflow: opened.workflow.clone(),
            definition: opened.definition,
        };
        jobs.push(NewJob {
            id: job_id(stream, needed.queued, &needed.job),
            seq: needed.queued,
            name: needed.job.to_string(),
            queue: job.queue.to_string(),
            payload: canonical::encode(&payload).map_err(|error| damaged(error.to_string()))?,
            principal: by(needed.queued),
            run_at: at,
        });
    }
    for event in events {
        let told = event
            .changes
            .iter()
            .filter_map(|change| if let Change::Told(told) = change { Some(told) } else { None });
        for (position, told) in told.enumerate() {
            let notice = Notice {
                reference: opened.reference.clone(),
                workflow: opened.workflow.clone(),
                event: event.seq,
                roles: told.roles.clone(),
                about: told.about.clone(),
            };
            jobs.push(NewJob {
                id: job_id(stream, event.seq, &format!("{NOTICE_JOB}/{position}")),
                seq: event.seq,
                name: NOTICE_JOB.to_owned(),
                queue: NOTICE_QUEUE.to_owned(),
                payload: canonical::encode(&notice).map_err(|error| damaged(error.to_string()))?,
                // Notices are statutory: they never depend on the rights of the person whose act caused them (D18).
                principal: None,
                run_at: at,
            });
        }
    }
    Ok(jobs)
}

/// The acts of a log that its definition would not have taken so; the folding stops at the first.
pub(crate) fn illegal(
    definition: &Arc<Definition>,
    stream: StreamId,
    log: &[(Event, Hash)],
) -> Option<legality::Illegal> {
    let find = |hash: DefinitionHash| (hash == definition.hash).then(|| Arc::clone(definition));
    legality::replay(&find, Case::unopened(stream), log).err()
}

/// The case after an event of its log.
pub(crate) fn fold(case: Case, event: &Event, hash: Hash) -> Case {
    case.evolve(event).at_head(hash)
}
