//! Leases, jobs, operations, health. The clock of leases is SQLite's own, in whole milliseconds; it stands still within
//! a statement.

pub(crate) mod queue;

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use qadiya_domain::ids::{JobId, OfficialId, StreamId};
use qadiya_store::append::NewJob;
use qadiya_store::error::StoreError;
use qadiya_store::work::{
    DAMAGED, DueClock, DueJob, Health, JobRow, Operation, Settle, Started, WorkStore, clock_incident,
};
use sqlx::Connection as _;
use uuid::Uuid;

use crate::open::{Done, SqliteStore, faults};
use crate::rows::{Reading, blob, json, key_of, micros, signed, span};
use queue::{JobText, Left, queue_jobs};

/// The stream of a damaged row, as far as it can be read.
fn shown(stream: &[u8]) -> StreamId {
    StreamId(Uuid::from_slice(stream).unwrap_or_default())
}

#[async_trait]
impl WorkStore for SqliteStore {
    async fn claim_clocks(
        &self,
        now: Timestamp,
        owner: Uuid,
        lease: Duration,
        limit: u32,
    ) -> Result<Vec<DueClock>, StoreError> {
        let at = now;
        let (now, owner, lease, limit) = (micros(now), blob(owner), span(lease), i64::from(limit));
        let (claimed, damaged) = self
            .write("claiming clocks", move |connection| {
                Box::pin(async move {
                    let rows = sqlx::query!(
                        r#"UPDATE deadline SET owner = $1, epoch = epoch + 1,
                              until = CAST(unixepoch('subsec') * 1000000 AS INTEGER) + $2
                       WHERE (stream, key) IN (
                         SELECT stream, key FROM deadline
                         WHERE next <= $3 AND until <= CAST(unixepoch('subsec') * 1000000 AS INTEGER)
                         ORDER BY next, stream, key LIMIT $4)
                       RETURNING stream AS "stream!: Vec<u8>", key AS "key!: String", step AS "step!: i64",
                                 next AS "next!: i64", epoch AS "epoch!: i64""#,
                        owner,
                        lease,
                        now,
                        limit
                    )
                    .fetch_all(connection)
                    .await?;
                    let (mut claimed, mut damaged) = (Vec::new(), Vec::new());
                    for row in rows {
                        let key = format!("{}/{}", key_of(&row.stream), row.key);
                        let read = Reading { table: "deadline", row: &key };
                        let clock = || -> Result<DueClock, StoreError> {
                            Ok(DueClock {
                                stream: StreamId(read.id("stream", &row.stream)?),
                                step: read.number("step", row.step)?,
                                due: read.instant("next", row.next)?,
                                epoch: read.number("epoch", row.epoch)?,
                                key: row.key.clone(),
                            })
                        };
                        match clock() {
                            Ok(clock) => claimed.push(clock),
                            Err(_) => damaged.push((shown(&row.stream), row.key)),
                        }
                    }
                    // RETURNING has no order of its own.
                    claimed.sort_by(|a, b| (a.due, a.stream, &a.key).cmp(&(b.due, b.stream, &b.key)));
                    Ok((claimed, damaged))
                })
            })
            .await?;
        for (stream, key) in damaged {
            self.raise_incident(stream, &clock_incident(stream, &key, at), DAMAGED).await?;
        }
        Ok(claimed)
    }

    async fn release_clock(&self, stream: StreamId, key: &str, epoch: u64) -> Result<bool, StoreError> {
        let (stream, key, epoch) = (blob(stream.0), key.to_owned(), signed(epoch));
        self.write("giving a clock back", move |connection| {
            Box::pin(async move {
                let given = sqlx::query!(
                    "UPDATE deadline SET owner = NULL, until = 0 WHERE stream = $1 AND key = $2 AND epoch = $3",
                    stream,
                    key,
                    epoch
                )
                .execute(connection)
                .await?;
                Ok(given.rows_affected() > 0)
            })
        })
        .await
    }

    async fn hold_clock(
        &self,
        stream: StreamId,
        key: &str,
        epoch: u64,
        lease: Duration,
    ) -> Result<bool, StoreError> {
        let (stream, key, epoch, lease) = (blob(stream.0), key.to_owned(), signed(epoch), span(lease));
        self.write("keeping a clock", move |connection| {
            Box::pin(async move {
                let held = sqlx::query!(
                    "UPDATE deadline SET until = CAST(unixepoch('subsec') * 1000000 AS INTEGER) + $4
                     WHERE stream = $1 AND key = $2 AND epoch = $3",
                    stream,
                    key,
                    epoch,
                    lease
                )
                .execute(connection)
                .await?;
                Ok(held.rows_affected() > 0)
            })
        })
        .await
    }

    async fn claim_jobs(
        &self,
        now: Timestamp,
        queues: &[String],
        owner: Uuid,
        lease: Duration,
        limit: u32,
    ) -> Result<Vec<DueJob>, StoreError> {
        let (now, owner, lease, limit) = (micros(now), blob(owner), span(lease), i64::from(limit));
        let queues = json(queues)?;
        let (claimed, damaged) = self.write("claiming jobs", move |connection| {
            Box::pin(async move {
                let rows = sqlx::query!(
                    r#"UPDATE job SET owner = $1, epoch = epoch + 1, attempt = attempt + 1,
                              until = CAST(unixepoch('subsec') * 1000000 AS INTEGER) + $2
                       WHERE id IN (
                         SELECT id FROM job
                         WHERE incident = 0 AND run_at <= $3
                           AND until <= CAST(unixepoch('subsec') * 1000000 AS INTEGER)
                           AND queue IN (SELECT value FROM json_each($4))
                         ORDER BY run_at, id LIMIT $5)
                       RETURNING id AS "id!: Vec<u8>", stream AS "stream!: Vec<u8>", seq AS "seq!: i64",
                                 name AS "name!: String", queue AS "queue!: String", payload AS "payload!: Vec<u8>",
                                 principal AS "principal?: Vec<u8>", attempt AS "attempt!: i64",
                                 run_at AS "run_at!: i64", epoch AS "epoch!: i64""#,
                    owner,
                    lease,
                    now,
                    queues,
                    limit
                )
                .fetch_all(connection)
                .await?;
                let (mut claimed, mut damaged) = (Vec::new(), Vec::new());
                for row in rows {
                    let key = key_of(&row.id);
                    let read = Reading { table: "job", row: &key };
                    let job = || -> Result<DueJob, StoreError> {
                        Ok(DueJob {
                            id: JobId(read.id("id", &row.id)?),
                            stream: StreamId(read.id("stream", &row.stream)?),
                            seq: read.number("seq", row.seq)?,
                            principal: read.id_if("principal", row.principal.as_deref())?.map(OfficialId),
                            attempt: read.number("attempt", row.attempt)?,
                            epoch: read.number("epoch", row.epoch)?,
                            name: row.name.clone(),
                            queue: row.queue.clone(),
                            payload: row.payload.clone(),
                        })
                    };
                    match job() {
                        Ok(job) => claimed.push((row.run_at, job)),
                        Err(_) => damaged.push(row.id),
                    }
                }
                // RETURNING has no order of its own.
                claimed.sort_by_key(|(run_at, job)| (*run_at, job.id));
                Ok((claimed.into_iter().map(|(_, job)| job).collect(), damaged))
            })
        })
        .await?;
        for id in damaged {
            self.write("setting a damaged job aside", move |connection| {
                Box::pin(async move {
                    sqlx::query!(
                        "UPDATE job SET incident = 1, fault = $2, owner = NULL, until = 0 WHERE id = $1",
                        id,
                        DAMAGED
                    )
                    .execute(connection)
                    .await?;
                    Ok(())
                })
            })
            .await?;
        }
        Ok(claimed)
    }

    async fn extend_job(&self, id: JobId, epoch: u64, lease: Duration) -> Result<bool, StoreError> {
        let (id, epoch, lease) = (blob(id.0), signed(epoch), span(lease));
        self.write("extending a lease", move |connection| {
            Box::pin(async move {
                let extended = sqlx::query!(
                    "UPDATE job SET until = CAST(unixepoch('subsec') * 1000000 AS INTEGER) + $3
                     WHERE id = $1 AND epoch = $2 AND incident = 0",
                    id,
                    epoch,
                    lease
                )
                .execute(connection)
                .await?;
                Ok(extended.rows_affected() > 0)
            })
        })
        .await
    }

    async fn settle_job(&self, id: JobId, epoch: u64, how: &Settle) -> Result<bool, StoreError> {
        let (id, epoch) = (blob(id.0), signed(epoch));
        let left = Left::of(how);
        let settled = self
            .write("settling a job", move |connection| {
                Box::pin(async move {
                    let settled = match left {
                        None => {
                            sqlx::query!(
                                "DELETE FROM job WHERE id = $1 AND epoch = $2 AND incident = 0",
                                id,
                                epoch
                            )
                            .execute(connection)
                            .await?
                        }
                        Some(left) => {
                            sqlx::query!(
                                "UPDATE job SET owner = NULL, until = 0, run_at = coalesce($3, run_at),
                                        fault = coalesce($4, fault), attempt = max(attempt - $5, 0), incident = $6
                                 WHERE id = $1 AND epoch = $2 AND incident = 0",
                                id,
                                epoch,
                                left.run_at,
                                left.fault,
                                left.untried,
                                left.incident
                            )
                            .execute(connection)
                            .await?
                        }
                    };
                    Ok(settled.rows_affected() > 0)
                })
            })
            .await?;
        self.0.wake.all();
        Ok(settled)
    }

    async fn queue_jobs(&self, stream: StreamId, jobs: &[NewJob]) -> Result<(), StoreError> {
        let jobs: Vec<JobText<'_>> = jobs.iter().map(|job| JobText::of(stream, job)).collect();
        let jobs = json(&jobs)?;
        self.write("queueing jobs", move |connection| {
            Box::pin(async move { queue_jobs(connection, &jobs).await })
        })
        .await?;
        self.0.wake.all();
        Ok(())
    }

    async fn raise_incident(&self, stream: StreamId, job: &NewJob, fault: &str) -> Result<(), StoreError> {
        let (job, fault) = (json(&JobText::of(stream, job))?, fault.to_owned());
        self.write("raising an incident", move |connection| {
            Box::pin(async move {
                sqlx::query!(
                    "INSERT INTO job (id, stream, seq, name, queue, payload, principal, attempt, run_at, fault, incident,
                                      owner, epoch, until)
                     SELECT unhex($1 ->> 'i'), unhex($1 ->> 's'), $1 ->> 'n', $1 ->> 'name', $1 ->> 'q',
                            unhex($1 ->> 'payload'), unhex($1 ->> 'p'), 0, $1 ->> 'at', $2, 1, NULL, 0, 0
                     WHERE true ON CONFLICT (id) DO UPDATE SET incident = 1, fault = excluded.fault",
                    job,
                    fault
                )
                .execute(connection)
                .await?;
                Ok(())
            })
        })
        .await
    }

    async fn retry_job(&self, id: JobId, run_at: Timestamp) -> Result<bool, StoreError> {
        let (id, run_at) = (blob(id.0), micros(run_at));
        let retried = self
            .write("retrying an incident", move |connection| {
                Box::pin(async move {
                    let retried = sqlx::query!(
                        "UPDATE job SET incident = 0, attempt = 0, run_at = $2 WHERE id = $1 AND incident = 1",
                        id,
                        run_at
                    )
                    .execute(connection)
                    .await?;
                    Ok(retried.rows_affected() > 0)
                })
            })
            .await?;
        self.0.wake.all();
        Ok(retried)
    }

    async fn jobs(
        &self,
        incidents: bool,
        after: Option<JobId>,
        limit: u32,
    ) -> Result<Vec<JobRow>, StoreError> {
        // Every id is greater than no bytes at all.
        let after = after.map(|after| blob(after.0)).unwrap_or_default();
        let limit = i64::from(limit);
        self.read("listing jobs", move |connection| {
            Box::pin(async move {
                struct Columns {
                    id: Vec<u8>,
                    stream: Vec<u8>,
                    name: String,
                    queue: String,
                    attempt: i64,
                    run_at: i64,
                    fault: Option<String>,
                    incident: i64,
                }
                let rows = if incidents {
                    sqlx::query_as!(
                        Columns,
                        "SELECT id, stream, name, queue, attempt, run_at, fault, incident FROM job
                         WHERE incident = 1 AND id > $1 ORDER BY id LIMIT $2",
                        after,
                        limit
                    )
                    .fetch_all(connection)
                    .await?
                } else {
                    sqlx::query_as!(
                        Columns,
                        "SELECT id, stream, name, queue, attempt, run_at, fault, incident FROM job
                         WHERE id > $1 ORDER BY id LIMIT $2",
                        after,
                        limit
                    )
                    .fetch_all(connection)
                    .await?
                };
                let mut jobs = Vec::new();
                for row in rows {
                    let key = key_of(&row.id);
                    let read = Reading { table: "job", row: &key };
                    let (attempt, run_at) =
                        (read.number("attempt", row.attempt), read.instant("run_at", row.run_at));
                    let damaged =
                        attempt.is_err() || run_at.is_err() || read.id("stream", &row.stream).is_err();
                    jobs.push(JobRow {
                        id: JobId(read.id("id", &row.id)?),
                        stream: shown(&row.stream),
                        attempt: attempt.unwrap_or_default(),
                        run_at: run_at.unwrap_or_default(),
                        incident: row.incident != 0,
                        name: row.name,
                        queue: row.queue,
                        fault: if damaged { Some(DAMAGED.to_owned()) } else { row.fault },
                    });
                }
                Ok(jobs)
            })
        })
        .await
    }

    async fn heartbeat(&self, worker: Uuid) -> Result<(), StoreError> {
        let worker = blob(worker);
        self.write("saying that a worker lives", move |connection| {
            Box::pin(async move {
                sqlx::query!(
                    "INSERT INTO worker (id, seen) VALUES ($1, CAST(unixepoch('subsec') * 1000000 AS INTEGER))
                     ON CONFLICT (id) DO UPDATE SET seen = excluded.seen",
                    worker
                )
                .execute(connection)
                .await?;
                Ok(())
            })
        })
        .await
    }

    async fn sweep(&self, silent: Duration) -> Result<u64, StoreError> {
        let silent = span(silent);
        let freed = self
            .transaction("sweeping dead workers", move |connection| {
                Box::pin(async move {
                    let dead = sqlx::query_scalar!(
                        r#"DELETE FROM worker WHERE seen + $1 < CAST(unixepoch('subsec') * 1000000 AS INTEGER)
                           RETURNING hex(id) AS "id!: String""#,
                        silent
                    )
                    .fetch_all(&mut *connection)
                    .await?;
                    if dead.is_empty() {
                        return Ok(Done::Undo(0));
                    }
                    let dead = json(&dead)?;
                    let clocks = sqlx::query!(
                        "UPDATE deadline SET owner = NULL, until = 0
                         WHERE until > CAST(unixepoch('subsec') * 1000000 AS INTEGER)
                           AND owner IN (SELECT unhex(value) FROM json_each($1))",
                        dead
                    )
                    .execute(&mut *connection)
                    .await?;
                    let jobs = sqlx::query!(
                        "UPDATE job SET owner = NULL, until = 0
                         WHERE until > CAST(unixepoch('subsec') * 1000000 AS INTEGER)
                           AND owner IN (SELECT unhex(value) FROM json_each($1))",
                        dead
                    )
                    .execute(&mut *connection)
                    .await?;
                    Ok(Done::Keep(clocks.rows_affected() + jobs.rows_affected()))
                })
            })
            .await?;
        self.0.wake.all();
        Ok(freed)
    }

    async fn wait_for_work(&self, at_most: Duration) {
        self.0.wake.wait(at_most).await;
    }

    async fn start_operation(&self, operation: &Operation, job: &NewJob) -> Result<Started, StoreError> {
        let jobs = json(&[JobText::of(StreamId(operation.id), job)])?;
        let operation = operation.clone();
        let started = self.transaction("starting an operation", move |connection| {
            Box::pin(async move {
                let asked = operation.asked.as_bytes().to_vec();
                let (id, principal) = (blob(operation.id), blob(operation.principal.0));
                let (percent, created, updated) =
                    (i64::from(operation.percent), micros(operation.created), micros(operation.updated));
                let inserted = sqlx::query!(
                    "INSERT INTO operation (id, principal, kind, request, asked, percent, result, created, updated)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
                    id,
                    principal,
                    operation.kind,
                    operation.request,
                    asked,
                    percent,
                    operation.result,
                    created,
                    updated
                )
                .execute(&mut *connection)
                .await?;
                if inserted.rows_affected() == 0 {
                    let held = sqlx::query_scalar!("SELECT asked FROM operation WHERE id = $1", id)
                        .fetch_one(&mut *connection)
                        .await?;
                    let same = held == asked;
                    return Ok(Done::Keep(if same { Started::Before } else { Started::OtherRequest }));
                }
                queue_jobs(connection, &jobs).await?;
                Ok(Done::Keep(Started::Now))
            })
        })
        .await?;
        self.0.wake.all();
        Ok(started)
    }

    async fn update_operation(
        &self,
        id: Uuid,
        percent: u8,
        result: Option<&[u8]>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let (id, percent, result, at) =
            (blob(id), i64::from(percent), result.map(<[u8]>::to_vec), micros(at));
        self.write("updating an operation", move |connection| {
            Box::pin(async move {
                sqlx::query!(
                    "UPDATE operation SET percent = $2, result = coalesce($3, result), updated = $4,
                         request = CASE WHEN $3 IS NULL THEN request ELSE x'' END WHERE id = $1",
                    id,
                    percent,
                    result,
                    at
                )
                .execute(connection)
                .await?;
                Ok(())
            })
        })
        .await
    }

    async fn operation(&self, id: Uuid) -> Result<Option<Operation>, StoreError> {
        self.read("reading an operation", move |connection| {
            Box::pin(async move {
                let key = blob(id);
                let row = sqlx::query!(
                    "SELECT principal, kind, request, asked, percent, result, created, updated FROM operation WHERE id = $1",
                    key
                )
                .fetch_optional(connection)
                .await?;
                let Some(row) = row else { return Ok(None) };
                let read = Reading { table: "operation", row: &id };
                Ok(Some(Operation {
                    id,
                    principal: OfficialId(read.id("principal", &row.principal)?),
                    kind: row.kind,
                    request: row.request,
                    asked: read.hash("asked", &row.asked)?,
                    percent: read.number("percent", row.percent)?,
                    result: row.result,
                    created: read.instant("created", row.created)?,
                    updated: read.instant("updated", row.updated)?,
                }))
            })
        })
        .await
    }

    async fn health(&self, now: Timestamp) -> Result<Health, StoreError> {
        let now = micros(now);
        let mut health = self
            .read("looking at the store's health", move |connection| {
                Box::pin(async move {
                    let mut snapshot = connection.begin().await?;
                    let faults = faults(&mut snapshot).await?;
                    let row = sqlx::query!(
                        r#"SELECT sqlite_version() AS "version!: String",
                             CAST(unixepoch('subsec') * 1000000 AS INTEGER) AS "clock!: i64",
                             (SELECT max(seen) FROM worker) AS "seen?: i64",
                             (SELECT count(*) FROM deadline WHERE next <= $1
                                AND until <= CAST(unixepoch('subsec') * 1000000 AS INTEGER)) AS "overdue!: i64",
                             (SELECT count(*) FROM job WHERE incident = 0) AS "jobs!: i64",
                             (SELECT count(*) FROM job WHERE incident = 1) AS "incidents!: i64",
                             (SELECT count(*) FROM log_pending) AS "pending!: i64",
                             (SELECT coalesce(max(idx) + 1, 0) FROM log_entry) AS "entries!: i64""#,
                        now
                    )
                    .fetch_one(&mut *snapshot)
                    .await?;
                    snapshot.rollback().await?;
                    let read = Reading { table: "worker", row: &"the latest" };
                    let counted = Reading { table: "(counts)", row: &"health" };
                    Ok(Health {
                        database: format!("SQLite {}", row.version),
                        clock: read.instant("(clock)", row.clock)?,
                        last_heartbeat: read.instant_if("seen", row.seen)?,
                        overdue: counted.number("overdue", row.overdue)?,
                        jobs: counted.number("jobs", row.jobs)?,
                        incidents: counted.number("incidents", row.incidents)?,
                        pending: counted.number("pending", row.pending)?,
                        entries: counted.number("entries", row.entries)?,
                        faults,
                    })
                })
            })
            .await?;
        health.faults.extend(self.disk_fault());
        Ok(health)
    }
}
