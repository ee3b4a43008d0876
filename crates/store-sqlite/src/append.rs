//! The one way of writing. A batch is one transaction of at most two dozen statements, however many appends it has:
//! each reads one JSON text by `json_each` (SPEED). What a batch does not have costs no statement.
//!
//! Order: what stands about the batch is gathered by set queries inside the transaction, [`judge::losers`] decides, and
//! only then anything is written. Every text is made before the transaction begins, so that the writer is held shortly.

mod texts;

use qadiya_domain::ids::{DefinitionHash, OfficialId, StreamId};
use qadiya_store::append::{Batch, BatchOutcome, Lookup, Settles};
use qadiya_store::error::StoreError;
use qadiya_store::judge::{self, Found};
use qadiya_store::read::RequestRef;
use sqlx::SqliteConnection;

use crate::errors::Fault;
use crate::open::{Done, SqliteStore};
use crate::rows::{Reading, blob};
use crate::work::queue::queue_jobs;
use texts::{KeysText, Texts, case_of, text};

/// Commits a batch, or names its losers.
pub(crate) async fn append_many(store: &SqliteStore, batch: &Batch) -> Result<BatchOutcome, StoreError> {
    judge::well_formed(batch)?;
    let texts = Texts::of(batch)?;
    let work = texts.clocks.is_some() || texts.stopped.is_some() || texts.jobs.is_some();
    let batch = batch.clone();
    let outcome = store
        .transaction("committing a batch", move |connection| {
            Box::pin(async move {
                let (found, moved) = found(connection, &batch, &texts).await?;
                let losers = judge::losers(&batch, &found);
                if !losers.is_empty() {
                    return Ok(Done::Undo(BatchOutcome::Lost(losers)));
                }
                write_rows(connection, &batch, &moved, &texts).await?;
                write_work(connection, &texts).await?;
                write_records(connection, &batch, &texts).await?;
                Ok(Done::Keep(BatchOutcome::Committed))
            })
        })
        .await?;
    if outcome == BatchOutcome::Committed && work {
        store.0.wake.all();
    }
    Ok(outcome)
}

/// What stands in the tables about a batch, and the positions of cases whose keys the batch changes.
async fn found(
    connection: &mut SqliteConnection,
    batch: &Batch,
    texts: &Texts,
) -> Result<(Found, Vec<usize>), Fault> {
    let mut found = Found::default();
    let mut moved = Vec::new();
    if let Some(questions) = &texts.questions {
        let rows = sqlx::query!(
            r#"SELECT j.key + 0 AS "position!: i64",
                 coalesce(c.version, (SELECT version FROM entity WHERE stream = unhex(j.value ->> 'i')))
                   AS "version?: i64",
                 c.id IS NOT NULL AND NOT (c.reference IS j.value ->> 'r' AND c.alias IS j.value ->> 'a'
                   AND c.person IS unhex(j.value ->> 'person') AND c.cohort IS unhex(j.value ->> 'cohort'))
                   AS "moved!: bool",
                 (SELECT epoch FROM deadline WHERE stream = unhex(j.value ->> 'i') AND key = j.value ->> 'dk')
                   AS "clock?: i64",
                 (SELECT epoch FROM job WHERE id = unhex(j.value ->> 'j') AND incident = 0) AS "job?: i64",
                 (SELECT hash FROM definition_active WHERE workflow = j.value ->> 'w') AS "active?: Vec<u8>",
                 (SELECT id FROM court_case WHERE reference = j.value ->> 'r') AS "reference?: Vec<u8>",
                 (SELECT id FROM court_case WHERE alias = j.value ->> 'a') AS "alias?: Vec<u8>"
               FROM json_each($1) j LEFT JOIN court_case c ON c.id = unhex(j.value ->> 'i')"#,
            questions
        )
        .fetch_all(&mut *connection)
        .await?;
        for row in rows {
            let position = usize::try_from(row.position).unwrap_or(usize::MAX);
            let Some(append) = batch.appends.get(position) else { continue };
            let case = Reading { table: "court_case", row: &append.stream };
            if let Some(version) = row.version {
                found.versions.insert(append.stream, case.number("version", version)?);
            }
            if row.moved && case_of(append).is_some() {
                moved.push(position);
            }
            match (&append.settles, row.clock, row.job) {
                (Some(Settles::Deadline { key, .. }), Some(epoch), _) => {
                    let read = Reading { table: "deadline", row: &append.stream };
                    found.clocks.insert((append.stream, key.clone()), read.number("epoch", epoch)?);
                }
                (Some(Settles::Job { id, .. }), _, Some(epoch)) => {
                    let read = Reading { table: "job", row: id };
                    found.jobs.insert(*id, read.number("epoch", epoch)?);
                }
                _ => {}
            }
            if let (Some((workflow, _)), Some(hash)) = (&append.opens_under, row.active) {
                let read = Reading { table: "definition_active", row: workflow };
                found.active.insert(workflow.clone(), DefinitionHash(read.hash("hash", &hash)?));
            }
            if let (Some(row_after), Some(holder)) = (case_of(append), row.reference) {
                found.references.insert(row_after.reference.clone(), StreamId(case.id("id", &holder)?));
            }
            if let (Some(alias), Some(holder)) =
                (case_of(append).and_then(|row| row.alias.clone()), row.alias)
            {
                found.aliases.insert(alias, StreamId(case.id("id", &holder)?));
            }
        }
    }
    if let Some(keys) = &texts.asked_keys {
        let rows = sqlx::query!(
            r#"SELECT j.value ->> 3 AS "position!: i64", r.principal AS "principal!", r.key AS "key!"
               FROM json_each($1) j CROSS JOIN request r ON r.stream = unhex(j.value ->> 0)
                 AND r.principal = unhex(j.value ->> 1) AND r.key = j.value ->> 2"#,
            keys
        )
        .fetch_all(&mut *connection)
        .await?;
        for row in rows {
            let position = usize::try_from(row.position).unwrap_or(usize::MAX);
            let Some(append) = batch.appends.get(position) else { continue };
            let principal = OfficialId(
                Reading { table: "request", row: &append.stream }.id("principal", &row.principal)?,
            );
            found.bound.insert(RequestRef { stream: append.stream, principal, key: row.key });
        }
    }
    if let Some(lookups) = &texts.asked_lookups {
        let rows = sqlx::query!(
            r#"SELECT l.space AS "space!", l.key AS "key!", l.stream AS "stream!"
               FROM json_each($1) j CROSS JOIN lookup l ON l.space = j.value ->> 0 AND l.key = j.value ->> 1"#,
            lookups
        )
        .fetch_all(&mut *connection)
        .await?;
        for row in rows {
            let read = Reading { table: "lookup", row: &row.space };
            let stream = StreamId(read.id("stream", &row.stream)?);
            found.lookups.insert(Lookup { space: row.space, key: row.key }, stream);
        }
    }
    Ok((found, moved))
}

/// Cases, other streams, events.
async fn write_rows(
    connection: &mut SqliteConnection,
    batch: &Batch,
    moved: &[usize],
    texts: &Texts,
) -> Result<(), Fault> {
    if let Some(opened) = &texts.opened {
        sqlx::query!(
            "INSERT INTO court_case (id, reference, alias, workflow, definition, person, cohort, main, stage,
                                     stage_since, office, held, authority_until, next_date, outcome, irregular, state,
                                     version, head, opened, updated)
             SELECT unhex(value ->> 'i'), value ->> 'r', value ->> 'a', value ->> 'w', unhex(value ->> 'd'),
                    unhex(value ->> 'person'), unhex(value ->> 'cohort'), value ->> 'm', value ->> 's', value ->> 'ss',
                    value ->> 'o', value ->> 'h', value ->> 'au', value ->> 'nd', value ->> 'out', value ->> 'irr',
                    unhex(value ->> 'st'), value ->> 'v', unhex(value ->> 'hd'), value ->> 'op', value ->> 'up'
             FROM json_each($1) ORDER BY key",
            opened
        )
        .execute(&mut *connection)
        .await?;
    }
    let keys: Vec<KeysText<'_>> = moved
        .iter()
        .filter_map(|position| batch.appends.get(*position).and_then(case_of))
        .map(KeysText::of)
        .collect();
    if let Some(keys) = text(keys)? {
        sqlx::query!(
            "UPDATE court_case SET reference = j.r, alias = j.a, person = j.person, cohort = j.cohort
             FROM (SELECT unhex(value ->> 'i') AS i, value ->> 'r' AS r, value ->> 'a' AS a,
                          unhex(value ->> 'person') AS person, unhex(value ->> 'cohort') AS cohort
                   FROM json_each($1)) AS j
             WHERE court_case.id = j.i",
            keys
        )
        .execute(&mut *connection)
        .await?;
    }
    if let Some(changed) = &texts.changed {
        sqlx::query!(
            "UPDATE court_case SET workflow = j.w, definition = j.d, main = j.m, stage = j.s, stage_since = j.ss,
                    office = j.o, held = j.h, authority_until = j.au, next_date = j.nd, outcome = j.out,
                    irregular = j.irr, state = j.st, version = j.v, head = j.hd, opened = j.op, updated = j.up
             FROM (SELECT unhex(value ->> 'i') AS i, value ->> 'w' AS w, unhex(value ->> 'd') AS d, value ->> 'm' AS m,
                          value ->> 's' AS s, value ->> 'ss' AS ss, value ->> 'o' AS o, value ->> 'h' AS h,
                          value ->> 'au' AS au, value ->> 'nd' AS nd, value ->> 'out' AS out, value ->> 'irr' AS irr,
                          unhex(value ->> 'st') AS st, value ->> 'v' AS v, unhex(value ->> 'hd') AS hd,
                          value ->> 'op' AS op, value ->> 'up' AS up
                   FROM json_each($1)) AS j
             WHERE court_case.id = j.i",
            changed
        )
        .execute(&mut *connection)
        .await?;
    }
    if let Some(entities) = &texts.entities {
        sqlx::query!(
            "INSERT INTO entity (stream, kind, parent, state, version, head, updated)
             SELECT unhex(value ->> 'i'), value ->> 'k', unhex(value ->> 'p'), unhex(value ->> 'st'), value ->> 'v',
                    unhex(value ->> 'hd'), value ->> 'up'
             FROM json_each($1) WHERE true ORDER BY key
             ON CONFLICT (stream) DO UPDATE SET kind = excluded.kind, parent = excluded.parent,
               state = excluded.state, version = excluded.version, head = excluded.head, updated = excluded.updated",
            entities
        )
        .execute(&mut *connection)
        .await?;
    }
    if let Some(events) = &texts.events {
        sqlx::query!(
            "INSERT INTO event (stream, seq, bytes, hash, recorded)
             SELECT unhex(value ->> 'i'), value ->> 'n', unhex(value ->> 'b'), unhex(value ->> 'h'), value ->> 'at'
             FROM json_each($1) ORDER BY key",
            events
        )
        .execute(&mut *connection)
        .await?;
    }
    if let Some(secrets) = &texts.secrets {
        sqlx::query!(
            "INSERT INTO secret (stream, seq, content)
             SELECT unhex(value ->> 0), value ->> 1, unhex(value ->> 2) FROM json_each($1) ORDER BY key",
            secrets
        )
        .execute(&mut *connection)
        .await?;
    }
    if let Some(pending) = &texts.pending {
        sqlx::query!(
            "INSERT INTO log_pending (stream, seq, hash)
             SELECT unhex(value ->> 0), value ->> 1, unhex(value ->> 2) FROM json_each($1) ORDER BY key",
            pending
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Clocks, leases, jobs.
async fn write_work(connection: &mut SqliteConnection, texts: &Texts) -> Result<(), Fault> {
    if let Some(clocks) = &texts.clocks {
        // The epoch survives and rises, so that an old lease never fits a changed clock; the lease itself is over. A row
        // that comes anew begins where no row before it has been.
        sqlx::query!(
            "INSERT INTO deadline (stream, key, since, due, next, step, passed, calendar, owner, epoch, until)
             SELECT unhex(value ->> 'i'), value ->> 'k', value ->> 'since', value ->> 'due', value ->> 'next',
                    value ->> 'step', value ->> 'passed', unhex(value ->> 'cal'), NULL, value ->> 'e', 0
             FROM json_each($1) WHERE true ORDER BY json_each.key
             ON CONFLICT (stream, key) DO UPDATE SET since = excluded.since, due = excluded.due, next = excluded.next,
               step = excluded.step, passed = excluded.passed, calendar = excluded.calendar, owner = NULL,
               epoch = epoch + 1, until = 0",
            clocks
        )
        .execute(&mut *connection)
        .await?;
    }
    if let Some(stopped) = &texts.stopped {
        sqlx::query!(
            "DELETE FROM deadline WHERE (stream, key) IN (SELECT unhex(value ->> 0), value ->> 1 FROM json_each($1))",
            stopped
        )
        .execute(&mut *connection)
        .await?;
    }
    if let Some(steps) = &texts.steps {
        // The step may have left the row as it was; the lease is over in any case.
        sqlx::query!(
            "UPDATE deadline SET owner = NULL, until = 0 WHERE (stream, key, epoch) IN
               (SELECT unhex(value ->> 0), value ->> 1, value ->> 2 FROM json_each($1))",
            steps
        )
        .execute(&mut *connection)
        .await?;
    }
    if let Some(done) = &texts.done {
        sqlx::query!("DELETE FROM job WHERE id IN (SELECT unhex(value) FROM json_each($1))", done)
            .execute(&mut *connection)
            .await?;
    }
    if let Some(incidents) = &texts.incidents {
        sqlx::query!(
            "UPDATE job SET incident = 1, fault = j.fault, owner = NULL, until = 0
             FROM (SELECT unhex(value ->> 0) AS i, value ->> 1 AS fault FROM json_each($1)) AS j WHERE job.id = j.i",
            incidents
        )
        .execute(&mut *connection)
        .await?;
    }
    if let Some(cancels) = &texts.cancels {
        sqlx::query!(
            "DELETE FROM job WHERE (id, stream) IN
               (SELECT unhex(value ->> 0), unhex(value ->> 1) FROM json_each($1))",
            cancels
        )
        .execute(&mut *connection)
        .await?;
    }
    if let Some(jobs) = &texts.jobs {
        queue_jobs(&mut *connection, jobs).await?;
    }
    Ok(())
}

/// Requests with their seal, counters, keys, access records.
async fn write_records(connection: &mut SqliteConnection, batch: &Batch, texts: &Texts) -> Result<(), Fault> {
    let seal = batch.seal.as_ref().map(|seal| blob(seal.id));
    if let Some(requests) = &texts.requests {
        sqlx::query!(
            "INSERT INTO request (stream, principal, key, asked, answer, batch, leaf)
             SELECT unhex(value ->> 'i'), unhex(value ->> 'p'), value ->> 'k', unhex(value ->> 'asked'),
                    unhex(value ->> 'answer'), $2, value ->> 'leaf'
             FROM json_each($1) ORDER BY json_each.key",
            requests,
            seal
        )
        .execute(&mut *connection)
        .await?;
    }
    if let (Some(sealed), Some(id)) = (&batch.seal, seal) {
        let mut leaves = Vec::with_capacity(sealed.leaves.len() * 32);
        sealed.leaves.iter().for_each(|leaf| leaves.extend_from_slice(leaf.as_bytes()));
        sqlx::query!(
            "INSERT INTO batch (id, leaves, signature, key_id) VALUES ($1, $2, $3, $4)",
            id,
            leaves,
            sealed.signature,
            sealed.key_id
        )
        .execute(&mut *connection)
        .await?;
    }
    if let Some(stages) = &texts.stages {
        sqlx::query!(
            "INSERT INTO stage_delta (workflow, stage, office, net)
             SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each($1) ORDER BY key",
            stages
        )
        .execute(&mut *connection)
        .await?;
    }
    if let Some(forgets) = &texts.forgets {
        sqlx::query!(
            "DELETE FROM lookup WHERE (space, key, stream) IN
               (SELECT value ->> 0, value ->> 1, unhex(value ->> 2) FROM json_each($1))",
            forgets
        )
        .execute(&mut *connection)
        .await?;
    }
    if let Some(lookups) = &texts.lookups {
        sqlx::query!(
            "INSERT INTO lookup (space, key, stream)
             SELECT value ->> 0, value ->> 1, unhex(value ->> 2) FROM json_each($1) WHERE true ORDER BY json_each.key
             ON CONFLICT (space, key) DO UPDATE SET stream = excluded.stream",
            lookups
        )
        .execute(&mut *connection)
        .await?;
    }
    if let Some(access) = &texts.access {
        sqlx::query!(
            "INSERT INTO access (id, at, official, capacity, purpose, query, streams, outcome, refusals)
             SELECT unhex(value ->> 'i'), value ->> 'at', unhex(value ->> 'off'), value ->> 'cap', value ->> 'why',
                    value ->> 'q', value ->> 's', value ->> 'out', value ->> 'no'
             FROM json_each($1) ORDER BY key",
            access
        )
        .execute(&mut *connection)
        .await?;
        sqlx::query!(
            "INSERT INTO access_stream (stream, at, id)
             SELECT unhex(s.value), a.value ->> 'at', unhex(a.value ->> 'i')
             FROM json_each($1) a, json_each(a.value, '$.ids') s WHERE true ON CONFLICT DO NOTHING",
            access
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
