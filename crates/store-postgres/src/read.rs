//! Reading cases, other streams, their events and clocks.

use async_trait::async_trait;
use jiff::Timestamp;
use qadiya_domain::ids::{Seq, StreamId, StreamKind};
use qadiya_ledger::Hash;
use qadiya_store::StoreError;
use qadiya_store::append::{Batch, BatchOutcome, BatchSeal, EntityRow, Lookup, StoredEvent};
use qadiya_store::read::{
    CaseFilter, CaseRef, CaseRow, CaseStore, KnownRequest, Loaded, RequestRef, StageCount, StoredDeadline,
};
use std::collections::BTreeMap;
use uuid::Uuid;

use crate::open::PostgresStore;
use crate::rows::{CaseColumns, DeadlineColumns, EntityColumns, EventColumns, Reading, micros, signed};

/// `query_as!` over all columns of `court_case`.
macro_rules! cases {
    ($condition:tt, $($argument:expr),*) => {
        sqlx::query_as!(
            CaseColumns,
            "SELECT id, reference, alias, workflow, definition, person, cohort, main, stage, stage_since, office, held,
                    authority_until, next_date, outcome, irregular, state, version, head, opened, updated
             FROM court_case WHERE " + $condition,
            $($argument),*
        )
    };
}

#[async_trait]
impl CaseStore for PostgresStore {
    async fn load_many(&self, streams: &[StreamId]) -> Result<Vec<Loaded>, StoreError> {
        let ids: Vec<Uuid> = streams.iter().map(|stream| stream.0).collect();
        let (cases, entities) = self
            .read("loading streams", move |db| {
                Box::pin(async move {
                    let cases = cases!("id = ANY($1)", &ids).fetch_all(&mut *db).await?;
                    let known: std::collections::BTreeSet<Uuid> = cases.iter().map(|case| case.id).collect();
                    let rest: Vec<Uuid> = ids.into_iter().filter(|id| !known.contains(id)).collect();
                    if rest.is_empty() {
                        return Ok((cases, Vec::new()));
                    }
                    let entities = sqlx::query_as!(
                        EntityColumns,
                        "SELECT stream, kind, parent, state, version, head, updated FROM entity
                         WHERE stream = ANY($1)",
                        &rest,
                    )
                    .fetch_all(db)
                    .await?;
                    Ok((cases, entities))
                })
            })
            .await?;
        let mut loaded = BTreeMap::new();
        // A row that cannot be read spoils no other.
        for row in cases {
            let (stream, row) = (row.id, CaseRow::try_from(row).map(Box::new));
            loaded.insert(stream, row.map_or_else(Loaded::Damaged, Loaded::Case));
        }
        for row in entities {
            let stream = row.stream;
            loaded.insert(stream, EntityRow::try_from(row).map_or_else(Loaded::Damaged, Loaded::Entity));
        }
        Ok(streams.iter().map(|stream| loaded.get(&stream.0).cloned().unwrap_or(Loaded::Absent)).collect())
    }

    async fn requests(&self, asked: &[RequestRef]) -> Result<Vec<Option<KnownRequest>>, StoreError> {
        if asked.is_empty() {
            return Ok(Vec::new());
        }
        let streams: Vec<Uuid> = asked.iter().map(|asked| asked.stream.0).collect();
        let principals: Vec<Uuid> = asked.iter().map(|asked| asked.principal.0).collect();
        let keys: Vec<String> = asked.iter().map(|asked| asked.key.clone()).collect();
        let rows = self
            .read("looking request keys up", move |db| {
                Box::pin(async move {
                    sqlx::query!(
                        r#"SELECT a.ord AS "ord!", r.stream, r.asked, r.answer, r.leaf, r.batch AS "batch?",
                                  b.leaves AS "leaves?", b.signature AS "signature?", b.key_id AS "key_id?"
                           FROM unnest($1::uuid[], $2::uuid[], $3::text[]) WITH ORDINALITY
                                AS a (stream, principal, key, ord)
                           JOIN request AS r ON r.stream = a.stream AND r.principal = a.principal AND r.key = a.key
                           LEFT JOIN batch AS b ON b.id = r.batch"#,
                        &streams,
                        &principals,
                        &keys,
                    )
                    .fetch_all(db)
                    .await
                })
            })
            .await?;
        let mut known = BTreeMap::new();
        for row in rows {
            let read = Reading { table: "request", row: &row.stream };
            let seal = match (row.batch, row.leaf, row.leaves, row.signature, row.key_id) {
                (Some(id), Some(leaf), Some(leaves), Some(signature), Some(key_id)) => {
                    let leaves = leaves
                        .chunks(32)
                        .map(|leaf| Reading { table: "batch", row: &id }.hash("leaves", leaf))
                        .collect::<Result<Vec<Hash>, StoreError>>()?;
                    Some((BatchSeal { id, leaves, signature, key_id }, read.number("leaf", leaf)?))
                }
                (None, ..) => None,
                _ => return Err(read.bad("batch", "its seal is missing")),
            };
            let request = KnownRequest { asked: read.hash("asked", &row.asked)?, answer: row.answer, seal };
            known.insert(row.ord, request);
        }
        Ok((1..).zip(asked).map(|(ord, _)| known.get(&ord).cloned()).collect())
    }

    async fn append_many(&self, batch: &Batch) -> Result<BatchOutcome, StoreError> {
        self.write_batch(batch).await
    }

    async fn find(&self, case: &CaseRef) -> Result<Option<CaseRow>, StoreError> {
        let case = case.clone();
        let row = self
            .read("finding a case", move |db| {
                Box::pin(async move {
                    match case {
                        CaseRef::Id(id) => cases!("id = $1", id.0).fetch_optional(db).await,
                        CaseRef::Reference(reference) => {
                            cases!("reference = $1", reference).fetch_optional(db).await
                        }
                        CaseRef::Alias(alias) => cases!("alias = $1", alias).fetch_optional(db).await,
                    }
                })
            })
            .await?;
        row.map(CaseRow::try_from).transpose()
    }

    async fn list(
        &self,
        filter: &CaseFilter,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Vec<CaseRow>, StoreError> {
        self.page(filter, after, limit).await
    }

    async fn counts(&self) -> Result<Vec<StageCount>, StoreError> {
        // One statement is one snapshot, so a move is counted once, whether it was folded or not.
        let rows = self
            .read("counting by stage", move |db| {
                Box::pin(async move {
                    sqlx::query!(
                        r#"SELECT workflow AS "workflow!", stage AS "stage!", office AS "office!",
                                  sum(cases)::bigint AS "cases!"
                           FROM (SELECT workflow, stage, office, cases FROM stage_count
                                 UNION ALL SELECT workflow, stage, office, net FROM stage_delta) AS moves
                           GROUP BY workflow, stage, office HAVING sum(cases) <> 0
                           ORDER BY workflow, stage, office"#
                    )
                    .fetch_all(db)
                    .await
                })
            })
            .await?;
        rows.into_iter()
            .map(|row| {
                let key = format!("{}/{}/{}", row.workflow, row.stage, row.office);
                let read = Reading { table: "stage_count", row: &key };
                Ok(StageCount {
                    workflow: read.name("workflow", &row.workflow)?,
                    stage: read.name_if("stage", &row.stage)?,
                    office: read.name_if("office", &row.office)?,
                    count: row.cases,
                })
            })
            .collect()
    }

    async fn count(&self, filter: &CaseFilter) -> Result<u64, StoreError> {
        self.number_of(filter).await
    }

    async fn count_groups(&self, filter: &CaseFilter, groups: &[StreamId]) -> Result<Vec<u64>, StoreError> {
        self.numbers_of(filter, groups).await
    }

    async fn openings(
        &self,
        filter: &CaseFilter,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Vec<(StreamId, StoredEvent)>, StoreError> {
        self.openings_of(filter, after, limit).await
    }

    async fn is_sealed(&self, seal: uuid::Uuid) -> Result<bool, StoreError> {
        self.read("looking for a batch", move |db| {
            Box::pin(async move {
                let found = sqlx::query_scalar!(r#"SELECT 1 AS "found!" FROM batch WHERE id = $1"#, seal)
                    .fetch_optional(db)
                    .await?;
                Ok(found.is_some())
            })
        })
        .await
    }

    async fn fold_stages(&self) -> Result<u64, StoreError> {
        let folded = self
            .write("folding stage moves", move |db| {
                Box::pin(async move {
                    sqlx::query_scalar!(
                        r#"WITH taken AS (DELETE FROM stage_delta RETURNING workflow, stage, office, net),
                                folded AS (
                                    INSERT INTO stage_count AS c (workflow, stage, office, cases)
                                    SELECT workflow, stage, office, sum(net) FROM taken
                                    GROUP BY workflow, stage, office ORDER BY workflow, stage, office
                                    ON CONFLICT (workflow, stage, office) DO UPDATE SET cases = c.cases + EXCLUDED.cases
                                )
                           SELECT count(*) AS "folded!" FROM taken"#
                    )
                    .fetch_one(db)
                    .await
                })
            })
            .await?;
        Reading { table: "stage_delta", row: &"count" }.number("id", folded)
    }

    async fn events(&self, stream: StreamId, from: Seq, limit: u32) -> Result<Vec<StoredEvent>, StoreError> {
        let (from, limit) = (signed(from), i64::from(limit));
        let rows = self
            .read("reading events", move |db| {
                Box::pin(async move {
                    sqlx::query_as!(
                        EventColumns,
                        r#"SELECT e.stream, e.seq, e.bytes, e.hash, e.recorded, s.content AS "secret?"
                           FROM event AS e LEFT JOIN secret AS s ON s.stream = e.stream AND s.seq = e.seq
                           WHERE e.stream = $1 AND e.seq >= $2
                           ORDER BY e.seq LIMIT $3"#,
                        stream.0,
                        from,
                        limit,
                    )
                    .fetch_all(db)
                    .await
                })
            })
            .await?;
        rows.into_iter().map(|row| row.event().map(|(_, event)| event)).collect()
    }

    async fn events_of(&self, streams: &[StreamId]) -> Result<Vec<(StreamId, StoredEvent)>, StoreError> {
        let ids: Vec<Uuid> = streams.iter().map(|stream| stream.0).collect();
        let rows = self
            .read("reading events", move |db| {
                Box::pin(async move {
                    sqlx::query_as!(
                        EventColumns,
                        r#"SELECT stream, seq, bytes, hash, recorded, NULL::bytea AS "secret?"
                           FROM event WHERE stream = ANY($1) ORDER BY stream, seq"#,
                        &ids,
                    )
                    .fetch_all(db)
                    .await
                })
            })
            .await?;
        rows.into_iter().map(EventColumns::event).collect()
    }

    async fn secrets_of(&self, streams: &[StreamId]) -> Result<Vec<(StreamId, Seq, Vec<u8>)>, StoreError> {
        let ids: Vec<Uuid> = streams.iter().map(|stream| stream.0).collect();
        let rows = self
            .read("reading secret rows", move |db| {
                Box::pin(async move {
                    sqlx::query!(
                        "SELECT stream, seq, content FROM secret WHERE stream = ANY($1) ORDER BY stream, seq",
                        &ids,
                    )
                    .fetch_all(db)
                    .await
                })
            })
            .await?;
        rows.into_iter()
            .map(|row| {
                let read = Reading { table: "secret", row: &row.stream };
                Ok((StreamId(row.stream), read.number("seq", row.seq)?, row.content))
            })
            .collect()
    }

    async fn entities(
        &self,
        kind: StreamKind,
        parent: Option<StreamId>,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Vec<EntityRow>, StoreError> {
        let (kind, limit) = (kind.to_string(), i64::from(limit));
        let rows = self
            .read("listing streams", move |db| {
                Box::pin(async move {
                    let after = after.map(|after| after.0);
                    match parent {
                        Some(parent) => {
                            sqlx::query_as!(
                                EntityColumns,
                                "SELECT stream, kind, parent, state, version, head, updated FROM entity
                                 WHERE kind = $1 AND parent = $2 AND ($3::uuid IS NULL OR stream > $3)
                                 ORDER BY stream LIMIT $4",
                                kind,
                                parent.0,
                                after,
                                limit,
                            )
                            .fetch_all(db)
                            .await
                        }
                        None => {
                            sqlx::query_as!(
                                EntityColumns,
                                "SELECT stream, kind, parent, state, version, head, updated FROM entity
                                 WHERE kind = $1 AND ($2::uuid IS NULL OR stream > $2)
                                 ORDER BY stream LIMIT $3",
                                kind,
                                after,
                                limit,
                            )
                            .fetch_all(db)
                            .await
                        }
                    }
                })
            })
            .await?;
        rows.into_iter().map(EntityRow::try_from).collect()
    }

    async fn lookups(&self, keys: &[Lookup]) -> Result<Vec<Option<StreamId>>, StoreError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let spaces: Vec<String> = keys.iter().map(|key| key.space.clone()).collect();
        let names: Vec<String> = keys.iter().map(|key| key.key.clone()).collect();
        let rows = self
            .read("looking keys up", move |db| {
                Box::pin(async move {
                    sqlx::query!(
                        r#"SELECT asked.ord AS "ord!", l.stream
                           FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS asked (space, key, ord)
                           JOIN lookup AS l ON l.space = asked.space AND l.key = asked.key"#,
                        &spaces,
                        &names,
                    )
                    .fetch_all(db)
                    .await
                })
            })
            .await?;
        let found: BTreeMap<i64, Uuid> = rows.into_iter().map(|row| (row.ord, row.stream)).collect();
        Ok((1..).zip(keys).map(|(ord, _)| found.get(&ord).copied().map(StreamId)).collect())
    }

    async fn deadlines(&self, streams: &[StreamId]) -> Result<Vec<StoredDeadline>, StoreError> {
        let ids: Vec<Uuid> = streams.iter().map(|stream| stream.0).collect();
        let rows = self
            .read("reading clocks", move |db| {
                Box::pin(async move {
                    sqlx::query_as!(
                        DeadlineColumns,
                        "SELECT stream, key, since, due, next, step, passed, calendar FROM deadline
                         WHERE stream = ANY($1) ORDER BY stream, key",
                        &ids,
                    )
                    .fetch_all(db)
                    .await
                })
            })
            .await?;
        rows.into_iter().map(StoredDeadline::try_from).collect()
    }

    async fn deadlines_before(
        &self,
        before: Timestamp,
        after: Option<(Timestamp, StreamId, String)>,
        limit: u32,
    ) -> Result<Vec<Result<StoredDeadline, StoreError>>, StoreError> {
        // Before the first clock lies the beginning of time.
        let (due, stream, key) = after
            .map_or((i64::MIN, Uuid::nil(), String::new()), |(due, stream, key)| {
                (micros(due), stream.0, key)
            });
        let (before, limit) = (micros(before), i64::from(limit));
        let rows = self
            .read("reading clocks", move |db| {
                Box::pin(async move {
                    sqlx::query_as!(
                        DeadlineColumns,
                        "SELECT stream, key, since, due, next, step, passed, calendar FROM deadline
                         WHERE due < $1 AND due >= $2 AND (due, stream, key) > ($2, $3, $4)
                         ORDER BY due, stream, key LIMIT $5",
                        before,
                        due,
                        stream,
                        key,
                        limit,
                    )
                    .fetch_all(db)
                    .await
                })
            })
            .await?;
        Ok(rows.into_iter().map(StoredDeadline::try_from).collect())
    }
}
