//! Putting jobs into the queue, and what a settled try leaves in it.

use qadiya_domain::ids::StreamId;
use qadiya_store::append::NewJob;
use qadiya_store::work::Settle;
use serde::Serialize;
use sqlx::SqliteConnection;

use crate::errors::Fault;
use crate::rows::micros;

/// A job as JSON for `json_each`.
#[derive(Serialize)]
pub(crate) struct JobText<'a> {
    i: String,
    s: String,
    n: u64,
    name: &'a str,
    q: &'a str,
    payload: String,
    p: Option<String>,
    at: i64,
}

impl<'a> JobText<'a> {
    pub(crate) fn of(stream: StreamId, job: &'a NewJob) -> Self {
        Self {
            i: hex::encode(job.id.0.as_bytes()),
            s: hex::encode(stream.0.as_bytes()),
            n: job.seq,
            name: &job.name,
            q: &job.queue,
            payload: hex::encode(&job.payload),
            p: job.principal.map(|principal| hex::encode(principal.0.as_bytes())),
            at: micros(job.run_at),
        }
    }
}

/// Queues jobs; those whose id is known are left as they are.
pub(crate) async fn queue_jobs(connection: &mut SqliteConnection, jobs: &str) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO job (id, stream, seq, name, queue, payload, principal, attempt, run_at, fault, incident, owner,
                          epoch, until)
         SELECT unhex(value ->> 'i'), unhex(value ->> 's'), value ->> 'n', value ->> 'name', value ->> 'q',
                unhex(value ->> 'payload'), unhex(value ->> 'p'), 0, value ->> 'at', NULL, 0, NULL, 0, 0
         FROM json_each($1) WHERE true ORDER BY key ON CONFLICT DO NOTHING",
        jobs
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What a settled try leaves in its row.
pub(super) struct Left {
    pub(super) run_at: Option<i64>,
    pub(super) fault: Option<String>,
    pub(super) untried: i64,
    pub(super) incident: i64,
}

impl Left {
    /// `None` where the row leaves the table.
    pub(super) fn of(how: &Settle) -> Option<Self> {
        match how {
            Settle::Done => None,
            Settle::Again { run_at, fault } => Some(Left {
                run_at: Some(micros(*run_at)),
                fault: Some(fault.clone()),
                untried: 0,
                incident: 0,
            }),
            Settle::Postponed { run_at, fault } => Some(Left {
                run_at: Some(micros(*run_at)),
                fault: Some(fault.clone()),
                untried: 1,
                incident: 0,
            }),
            Settle::HandBack => Some(Left { run_at: None, fault: None, untried: 1, incident: 0 }),
            Settle::Incident { fault } => {
                Some(Left { run_at: None, fault: Some(fault.clone()), untried: 0, incident: 1 })
            }
        }
    }
}
