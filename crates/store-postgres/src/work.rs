//! Work that waits. Claims skip rows that another claim holds at this moment; lease times are the database's clock.

mod queue;

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use qadiya_domain::ids::{JobId, OfficialId, StreamId};
use qadiya_store::append::NewJob;
use qadiya_store::work::{
    DAMAGED, DueClock, DueJob, Health, JobRow, Operation, Settle, Started, clock_incident,
};
use qadiya_store::{StoreError, WorkStore};
use uuid::Uuid;

use crate::errors::{Reach, fault};
use crate::open::{PostgresStore, faults};
use crate::rows::{Reading, micros, signed};
use queue::{Queued, insert_jobs, span};

#[async_trait]
impl WorkStore for PostgresStore {
    async fn claim_clocks(
        &self,
        now: Timestamp,
        owner: Uuid,
        lease: Duration,
        limit: u32,
    ) -> Result<Vec<DueClock>, StoreError> {
        let at = now;
        let (now, lease, limit) = (micros(now), span(lease), i64::from(limit));
        let rows = self
            .write("claiming clocks", move |db| {
                Box::pin(async move {
                    // By the places of the rows just locked: a join would be planned for a tenth of the table.
                    sqlx::query!(
                        r#"UPDATE deadline AS d
                           SET owner = $2, epoch = d.epoch + 1, until = clock.now + $3::bigint
                           FROM (SELECT lease_clock() AS now OFFSET 0) AS clock
                           WHERE d.ctid = ANY (ARRAY(
                               SELECT free.ctid FROM deadline AS free
                               WHERE free.next <= $1 AND free.until <= (SELECT lease_clock())
                               ORDER BY free.next, free.stream, free.key LIMIT $4
                               FOR UPDATE SKIP LOCKED
                           ))
                           RETURNING d.stream, d.key, d.step, d.next AS "next!", d.epoch"#,
                        now,
                        owner,
                        lease,
                        limit,
                    )
                    .fetch_all(db)
                    .await
                })
            })
            .await?;
        let (mut claimed, mut damaged) = (Vec::with_capacity(rows.len()), Vec::new());
        for row in rows {
            let key = format!("{}/{}", row.stream, row.key);
            let read = Reading { table: "deadline", row: &key };
            let stream = StreamId(row.stream);
            let clock = || -> Result<DueClock, StoreError> {
                Ok(DueClock {
                    stream,
                    key: row.key.clone(),
                    step: read.number("step", row.step)?,
                    due: read.instant("next", row.next)?,
                    epoch: read.number("epoch", row.epoch)?,
                })
            };
            match clock() {
                Ok(clock) => claimed.push(clock),
                Err(_) => damaged.push((stream, row.key)),
            }
        }
        for (stream, key) in damaged {
            self.raise_incident(stream, &clock_incident(stream, &key, at), DAMAGED).await?;
        }
        claimed.sort_by(|a, b| (a.due, a.stream, &a.key).cmp(&(b.due, b.stream, &b.key)));
        Ok(claimed)
    }

    async fn release_clock(&self, stream: StreamId, key: &str, epoch: u64) -> Result<bool, StoreError> {
        let (key, epoch) = (key.to_owned(), signed(epoch));
        let done = self
            .write("giving a clock back", move |db| {
                Box::pin(async move {
                    sqlx::query!(
                        "UPDATE deadline SET owner = NULL, until = 0 WHERE stream = $1 AND key = $2 AND epoch = $3",
                        stream.0,
                        key,
                        epoch,
                    )
                    .execute(db)
                    .await
                })
            })
            .await?;
        Ok(done.rows_affected() > 0)
    }

    async fn hold_clock(
        &self,
        stream: StreamId,
        key: &str,
        epoch: u64,
        lease: Duration,
    ) -> Result<bool, StoreError> {
        let (key, epoch, lease) = (key.to_owned(), signed(epoch), span(lease));
        let done = self
            .write("keeping a clock", move |db| {
                Box::pin(async move {
                    sqlx::query!(
                        "UPDATE deadline SET until = lease_clock() + $4::bigint
                         WHERE stream = $1 AND key = $2 AND epoch = $3",
                        stream.0,
                        key,
                        epoch,
                        lease,
                    )
                    .execute(db)
                    .await
                })
            })
            .await?;
        Ok(done.rows_affected() > 0)
    }

    async fn claim_jobs(
        &self,
        now: Timestamp,
        queues: &[String],
        owner: Uuid,
        lease: Duration,
        limit: u32,
    ) -> Result<Vec<DueJob>, StoreError> {
        let mut queues = queues.to_vec();
        queues.sort();
        queues.dedup();
        let (now, lease, limit) = (micros(now), span(lease), i64::from(limit));
        let rows = self
            .write("claiming jobs", move |db| {
                Box::pin(async move {
                    // Queue by queue along the index, so that a long backlog is not sorted for each claim.
                    sqlx::query!(
                        r#"WITH clock AS MATERIALIZED (SELECT lease_clock() AS now),
                                free AS MATERIALIZED (
                                    SELECT one.id, one.run_at
                                    FROM unnest($2::text[]) AS wanted (queue)
                                    CROSS JOIN LATERAL (
                                        SELECT j.id, j.run_at FROM job AS j
                                        WHERE j.queue = wanted.queue AND NOT j.incident AND j.run_at <= $1
                                          AND j.until <= (SELECT now FROM clock)
                                        ORDER BY j.run_at, j.id LIMIT $5
                                        FOR UPDATE SKIP LOCKED
                                    ) AS one
                                )
                           UPDATE job AS j
                           SET owner = $3, epoch = j.epoch + 1, attempt = j.attempt + 1,
                               until = (SELECT now FROM clock) + $4::bigint
                           WHERE j.id = ANY (ARRAY(SELECT id FROM free ORDER BY run_at, id LIMIT $5))
                           RETURNING j.id, j.stream, j.seq, j.name, j.queue, j.payload, j.principal, j.attempt, j.run_at,
                                     j.epoch"#,
                        now,
                        &queues,
                        owner,
                        lease,
                        limit,
                    )
                    .fetch_all(db)
                    .await
                })
            })
            .await?;
        let (mut claimed, mut damaged) = (Vec::with_capacity(rows.len()), Vec::new());
        for row in rows {
            let read = Reading { table: "job", row: &row.id };
            let job = || -> Result<DueJob, StoreError> {
                Ok(DueJob {
                    id: JobId(row.id),
                    stream: StreamId(row.stream),
                    seq: read.number("seq", row.seq)?,
                    name: row.name.clone(),
                    queue: row.queue.clone(),
                    payload: row.payload.clone(),
                    principal: row.principal.map(OfficialId),
                    attempt: read.number("attempt", row.attempt)?,
                    epoch: read.number("epoch", row.epoch)?,
                })
            };
            match job() {
                Ok(job) => claimed.push((row.run_at, job)),
                Err(_) => damaged.push(row.id),
            }
        }
        if !damaged.is_empty() {
            self.write("setting damaged jobs aside", move |db| {
                Box::pin(async move {
                    sqlx::query!(
                        "UPDATE job SET incident = true, fault = $2, owner = NULL, until = 0 WHERE id = ANY($1)",
                        &damaged,
                        DAMAGED,
                    )
                    .execute(db)
                    .await
                })
            })
            .await?;
        }
        claimed.sort_by_key(|(run_at, job)| (*run_at, job.id));
        Ok(claimed.into_iter().map(|(_, job)| job).collect())
    }

    async fn extend_job(&self, id: JobId, epoch: u64, lease: Duration) -> Result<bool, StoreError> {
        let (epoch, lease) = (signed(epoch), span(lease));
        let done = self
            .write("lengthening a lease", move |db| {
                Box::pin(async move {
                    sqlx::query!(
                        "UPDATE job SET until = lease_clock() + $3::bigint
                         WHERE id = $1 AND epoch = $2 AND NOT incident",
                        id.0,
                        epoch,
                        lease,
                    )
                    .execute(db)
                    .await
                })
            })
            .await?;
        Ok(done.rows_affected() > 0)
    }

    async fn settle_job(&self, id: JobId, epoch: u64, how: &Settle) -> Result<bool, StoreError> {
        let (epoch, how) = (signed(epoch), how.clone());
        let done = self
            .write("settling a job", move |db| {
                Box::pin(async move {
                    match how {
                        Settle::Done => {
                            sqlx::query!(
                                "DELETE FROM job WHERE id = $1 AND epoch = $2 AND NOT incident",
                                id.0,
                                epoch,
                            )
                            .execute(db)
                            .await
                        }
                        Settle::Again { run_at, fault } => {
                            sqlx::query!(
                                "UPDATE job SET run_at = $3, fault = $4, owner = NULL, until = 0
                                 WHERE id = $1 AND epoch = $2 AND NOT incident",
                                id.0,
                                epoch,
                                micros(run_at),
                                fault,
                            )
                            .execute(db)
                            .await
                        }
                        Settle::Postponed { run_at, fault } => {
                            sqlx::query!(
                                "UPDATE job SET attempt = greatest(attempt - 1, 0), run_at = $3, fault = $4,
                                        owner = NULL, until = 0
                                 WHERE id = $1 AND epoch = $2 AND NOT incident",
                                id.0,
                                epoch,
                                micros(run_at),
                                fault,
                            )
                            .execute(db)
                            .await
                        }
                        Settle::HandBack => {
                            sqlx::query!(
                                "UPDATE job SET attempt = greatest(attempt - 1, 0), owner = NULL, until = 0
                                 WHERE id = $1 AND epoch = $2 AND NOT incident",
                                id.0,
                                epoch,
                            )
                            .execute(db)
                            .await
                        }
                        Settle::Incident { fault } => {
                            sqlx::query!(
                                "UPDATE job SET incident = true, fault = $3, owner = NULL, until = 0
                                 WHERE id = $1 AND epoch = $2 AND NOT incident",
                                id.0,
                                epoch,
                                fault,
                            )
                            .execute(db)
                            .await
                        }
                    }
                })
            })
            .await?;
        self.wake();
        Ok(done.rows_affected() > 0)
    }

    async fn queue_jobs(&self, stream: StreamId, jobs: &[NewJob]) -> Result<(), StoreError> {
        if jobs.is_empty() {
            return Ok(());
        }
        let queued = Queued::from(jobs);
        self.write("queueing jobs", move |db| {
            Box::pin(async move { insert_jobs(db, stream.0, &queued).await })
        })
        .await?;
        self.wake();
        Ok(())
    }

    async fn raise_incident(&self, stream: StreamId, job: &NewJob, fault: &str) -> Result<(), StoreError> {
        let (job, fault) = (job.clone(), fault.to_owned());
        self.write("raising an incident", move |db| {
            Box::pin(async move {
                sqlx::query!(
                    "INSERT INTO job (id, stream, seq, name, queue, payload, principal, attempt, run_at, fault, incident,
                                      epoch, until)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $9, true, 0, 0)
                     ON CONFLICT (id) DO UPDATE SET incident = true, fault = EXCLUDED.fault",
                    job.id.0,
                    stream.0,
                    signed(job.seq),
                    job.name,
                    job.queue,
                    job.payload,
                    job.principal.map(|principal| principal.0),
                    micros(job.run_at),
                    fault,
                )
                .execute(db)
                .await
            })
        })
        .await?;
        Ok(())
    }

    async fn retry_job(&self, id: JobId, run_at: Timestamp) -> Result<bool, StoreError> {
        let run_at = micros(run_at);
        let done = self
            .write("running an incident again", move |db| {
                Box::pin(async move {
                    sqlx::query!(
                        "UPDATE job SET incident = false, attempt = 0, run_at = $2 WHERE id = $1 AND incident",
                        id.0,
                        run_at,
                    )
                    .execute(db)
                    .await
                })
            })
            .await?;
        self.wake();
        Ok(done.rows_affected() > 0)
    }

    async fn jobs(
        &self,
        incidents: bool,
        after: Option<JobId>,
        limit: u32,
    ) -> Result<Vec<JobRow>, StoreError> {
        let (after, limit) = (after.map(|after| after.0), i64::from(limit));
        let rows = self
            .read("listing jobs", move |db| {
                Box::pin(async move {
                    sqlx::query!(
                        "SELECT id, stream, name, queue, attempt, run_at, fault, incident FROM job
                         WHERE (incident OR NOT $1) AND ($2::uuid IS NULL OR id > $2)
                         ORDER BY id LIMIT $3",
                        incidents,
                        after,
                        limit,
                    )
                    .fetch_all(db)
                    .await
                })
            })
            .await?;
        let rows = rows.into_iter().map(|row| {
            let read = Reading { table: "job", row: &row.id };
            let (attempt, run_at) = (read.number("attempt", row.attempt), read.instant("run_at", row.run_at));
            let damaged = attempt.is_err() || run_at.is_err();
            JobRow {
                id: JobId(row.id),
                stream: StreamId(row.stream),
                name: row.name,
                queue: row.queue,
                attempt: attempt.unwrap_or_default(),
                run_at: run_at.unwrap_or_default(),
                fault: if damaged { Some(DAMAGED.to_owned()) } else { row.fault },
                incident: row.incident,
            }
        });
        Ok(rows.collect())
    }

    async fn heartbeat(&self, worker: Uuid) -> Result<(), StoreError> {
        self.write("noting a heartbeat", move |db| {
            Box::pin(async move {
                sqlx::query!(
                    "INSERT INTO worker (id, seen) VALUES ($1, lease_clock())
                     ON CONFLICT (id) DO UPDATE SET seen = EXCLUDED.seen",
                    worker,
                )
                .execute(db)
                .await
            })
        })
        .await?;
        Ok(())
    }

    async fn sweep(&self, silent: Duration) -> Result<u64, StoreError> {
        let silent = span(silent);
        // Should the process end between the statements, the leases end by themselves.
        let freed = self
            .write("sweeping silent workers", move |db| {
                Box::pin(async move {
                    let dead = sqlx::query_scalar!(
                        "DELETE FROM worker WHERE seen + $1::bigint < (SELECT lease_clock()) RETURNING id",
                        silent,
                    )
                    .fetch_all(&mut *db)
                    .await?;
                    if dead.is_empty() {
                        return Ok(0);
                    }
                    sqlx::query_scalar!(
                        r#"WITH clock AS MATERIALIZED (SELECT lease_clock() AS now),
                                clocks AS (
                                    UPDATE deadline SET owner = NULL, until = 0
                                    WHERE owner = ANY($1) AND until > (SELECT now FROM clock) RETURNING 1
                                ),
                                jobs AS (
                                    UPDATE job SET owner = NULL, until = 0
                                    WHERE owner = ANY($1) AND until > (SELECT now FROM clock) RETURNING 1
                                )
                           SELECT (SELECT count(*) FROM clocks) + (SELECT count(*) FROM jobs) AS "freed!""#,
                        &dead,
                    )
                    .fetch_one(db)
                    .await
                })
            })
            .await?;
        self.wake();
        Reading { table: "worker", row: &"freed" }.number("id", freed)
    }

    async fn wait_for_work(&self, at_most: Duration) {
        self.woken(at_most).await;
    }

    async fn start_operation(&self, operation: &Operation, job: &NewJob) -> Result<Started, StoreError> {
        let (operation, queued) = (operation.clone(), Queued::from(std::slice::from_ref(job)));
        let started = self.write("starting an operation", move |db| {
            Box::pin(async move {
                let mut transaction = sqlx::Connection::begin(db).await?;
                let inserted = sqlx::query!(
                    "INSERT INTO operation (id, principal, kind, request, asked, percent, result, created, updated)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO NOTHING",
                    operation.id,
                    operation.principal.0,
                    operation.kind,
                    operation.request,
                    &operation.asked.as_bytes()[..],
                    i16::from(operation.percent),
                    operation.result,
                    micros(operation.created),
                    micros(operation.updated),
                )
                .execute(&mut *transaction)
                .await?;
                if inserted.rows_affected() == 0 {
                    let held = sqlx::query_scalar!("SELECT asked FROM operation WHERE id = $1", operation.id)
                        .fetch_one(&mut *transaction)
                        .await?;
                    let same = held == operation.asked.as_bytes();
                    transaction.rollback().await?;
                    return Ok(if same { Started::Before } else { Started::OtherRequest });
                }
                insert_jobs(&mut transaction, operation.id, &queued).await?;
                transaction.commit().await?;
                Ok(Started::Now)
            })
        })
        .await?;
        self.wake();
        Ok(started)
    }

    async fn update_operation(
        &self,
        id: Uuid,
        percent: u8,
        result: Option<&[u8]>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let (result, at) = (result.map(<[u8]>::to_vec), micros(at));
        self.write("noting how far an operation is", move |db| {
            Box::pin(async move {
                sqlx::query!(
                    "UPDATE operation SET percent = $2, result = coalesce($3, result), updated = $4,
                         request = CASE WHEN $3 IS NULL THEN request ELSE '' END WHERE id = $1",
                    id,
                    i16::from(percent),
                    result,
                    at,
                )
                .execute(db)
                .await
            })
        })
        .await?;
        Ok(())
    }

    async fn operation(&self, id: Uuid) -> Result<Option<Operation>, StoreError> {
        let row = self
            .read("reading an operation", move |db| {
                Box::pin(async move {
                    sqlx::query!(
                        "SELECT id, principal, kind, request, asked, percent, result, created, updated FROM operation
                         WHERE id = $1",
                        id,
                    )
                    .fetch_optional(db)
                    .await
                })
            })
            .await?;
        row.map(|row| {
            let read = Reading { table: "operation", row: &row.id };
            Ok(Operation {
                id: row.id,
                principal: OfficialId(row.principal),
                kind: row.kind,
                request: row.request,
                asked: read.hash("asked", &row.asked)?,
                percent: read.number("percent", row.percent.into())?,
                result: row.result,
                created: read.instant("created", row.created)?,
                updated: read.instant("updated", row.updated)?,
            })
        })
        .transpose()
    }

    async fn health(&self, now: Timestamp) -> Result<Health, StoreError> {
        const DURING: &str = "looking at the database";
        let now = micros(now);
        // On a writing connection: its settings are the ones that count.
        let (seen, faults) = self
            .commit(DURING, move |db| {
                Box::pin(async move {
                    let failed = |error: &sqlx::Error| fault(DURING, Reach::Read, error);
                    let seen = sqlx::query!(
                        r#"SELECT current_setting('server_version') AS "server!",
                                  lease_clock() AS "clock!",
                                  (SELECT max(seen) FROM worker) AS last_heartbeat,
                                  (SELECT count(*) FROM deadline
                                   WHERE next <= $1 AND until <= (SELECT lease_clock())) AS "overdue!",
                                  (SELECT count(*) FROM job WHERE NOT incident) AS "jobs!",
                                  (SELECT count(*) FROM job WHERE incident) AS "incidents!",
                                  (SELECT count(*) FROM log_pending) AS "pending!",
                                  (SELECT coalesce(max(idx) + 1, 0) FROM log_entry) AS "entries!""#,
                        now,
                    )
                    .fetch_one(&mut *db)
                    .await
                    .map_err(|error| failed(&error))?;
                    Ok((seen, faults(db).await.map_err(|error| failed(&error))?))
                })
            })
            .await?;
        let read = Reading { table: "worker", row: &"health" };
        Ok(Health {
            database: format!("PostgreSQL {}", seen.server),
            clock: read.instant("seen", seen.clock)?,
            last_heartbeat: read.instant_if("seen", seen.last_heartbeat)?,
            overdue: read.number("seen", seen.overdue)?,
            jobs: read.number("seen", seen.jobs)?,
            incidents: read.number("seen", seen.incidents)?,
            pending: read.number("seen", seen.pending)?,
            entries: read.number("seen", seen.entries)?,
            faults,
        })
    }
}
