//! The one way of writing. A batch is one transaction of at most three questions and one text of statements, however many
//! appends it has: each statement reads one JSON text by `json_each` (decision 6).
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
                write(connection, &batch, &moved, &texts).await?;
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

/// Everything of the batch in one call to the connection's thread (`queries/append.sql`).
#[expect(
    clippy::disallowed_methods,
    reason = "the checking macros take one statement; the conformance suite writes every column of this text"
)]
async fn write(
    connection: &mut SqliteConnection,
    batch: &Batch,
    moved: &[usize],
    texts: &Texts,
) -> Result<(), Fault> {
    let keys = moved.iter().filter_map(|position| batch.appends.get(*position).and_then(case_of));
    let keys = text(keys.map(KeysText::of))?;
    let seal = batch.seal.as_ref();
    let leaves = seal.map(|seal| {
        let mut leaves = Vec::with_capacity(seal.leaves.len().saturating_mul(32));
        seal.leaves.iter().for_each(|leaf| leaves.extend_from_slice(leaf.as_bytes()));
        leaves
    });
    sqlx::query(include_str!("../queries/append.sql"))
        .bind(texts.opened.as_deref())
        .bind(keys)
        .bind(texts.changed.as_deref())
        .bind(texts.entities.as_deref())
        .bind(texts.events.as_deref())
        .bind(texts.secrets.as_deref())
        .bind(texts.pending.as_deref())
        .bind(texts.clocks.as_deref())
        .bind(texts.stopped.as_deref())
        .bind(texts.steps.as_deref())
        .bind(texts.done.as_deref())
        .bind(texts.incidents.as_deref())
        .bind(texts.jobs.as_deref())
        .bind(texts.requests.as_deref())
        .bind(seal.map(|seal| blob(seal.id)))
        .bind(leaves)
        .bind(seal.map(|seal| seal.signature.as_slice()))
        .bind(seal.map(|seal| seal.key_id.as_str()))
        .bind(texts.stages.as_deref())
        .bind(texts.forgets.as_deref())
        .bind(texts.lookups.as_deref())
        .bind(texts.access.as_deref())
        .bind(texts.cancels.as_deref())
        .bind(texts.heap.as_slice())
        .bind(texts.activated.as_deref())
        .execute(connection)
        .await?;
    Ok(())
}
