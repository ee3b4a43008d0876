//! Putting jobs into the queue.

use std::time::Duration;

use qadiya_store::append::NewJob;
use uuid::Uuid;

use crate::rows::{micros, signed};

/// A span in microseconds, far from overflow when it is added to a clock.
pub(super) fn span(lease: Duration) -> i64 {
    i64::try_from(lease.as_micros()).unwrap_or(i64::MAX).min(i64::MAX / 4)
}

/// The job columns of a list of jobs.
#[derive(Default)]
pub(super) struct Queued {
    id: Vec<Uuid>,
    seq: Vec<i64>,
    name: Vec<String>,
    queue: Vec<String>,
    payload: Vec<Vec<u8>>,
    principal: Vec<Option<Uuid>>,
    run_at: Vec<i64>,
}

impl From<&[NewJob]> for Queued {
    fn from(jobs: &[NewJob]) -> Self {
        let mut jobs: Vec<&NewJob> = jobs.iter().collect();
        jobs.sort_by_key(|job| job.id);
        let mut queued = Self::default();
        for job in jobs {
            queued.id.push(job.id.0);
            queued.seq.push(signed(job.seq));
            queued.name.push(job.name.clone());
            queued.queue.push(job.queue.clone());
            queued.payload.push(job.payload.clone());
            queued.principal.push(job.principal.map(|principal| principal.0));
            queued.run_at.push(micros(job.run_at));
        }
        queued
    }
}

#[expect(
    clippy::as_conversions,
    reason = "how sqlx is told that an array may hold NULL; nothing is converted"
)]
pub(super) async fn insert_jobs(
    db: &mut sqlx::PgConnection,
    stream: Uuid,
    jobs: &Queued,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"WITH written AS (
               INSERT INTO job (id, stream, seq, name, queue, payload, principal, attempt, run_at, incident, epoch, until)
               SELECT id, $1, seq, name, queue, payload, principal, 0, run_at, false, 0, 0
               FROM unnest($2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::bytea[], $7::uuid[], $8::bigint[])
                    AS given (id, seq, name, queue, payload, principal, run_at)
               ON CONFLICT (id) DO NOTHING
           )
           SELECT close_batch(true, true) AS "closed!""#,
        stream,
        &jobs.id,
        &jobs.seq,
        &jobs.name,
        &jobs.queue,
        &jobs.payload,
        &jobs.principal as &[Option<Uuid>],
        &jobs.run_at,
    )
    .fetch_one(db)
    .await?;
    Ok(())
}
