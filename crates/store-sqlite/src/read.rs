//! Reading cases, other streams, events, counters and clocks.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use jiff::Timestamp;
use qadiya_domain::ids::{Seq, StreamId, StreamKind};
use qadiya_ledger::Hash;
use qadiya_store::append::{Batch, BatchOutcome, BatchSeal, EntityRow, Lookup, StoredEvent};
use qadiya_store::error::StoreError;
use qadiya_store::read::{
    CaseFilter, CaseRef, CaseRow, CaseStore, KnownRequest, Loaded, RequestRef, StageCount, StoredDeadline,
};
use sqlx::Connection as _;

use crate::open::{Done, SqliteStore};
use crate::rows::{
    CaseColumns, DeadlineColumns, EntityColumns, EventColumns, Reading, blob, json, json_ids, key_of, micros,
    signed,
};
use crate::{append, search};

/// Case rows: the columns in one place, what is read from in another. The parameters follow.
macro_rules! case_rows {
    ($from:literal, $($parameter:expr),+) => {
        sqlx::query_as!(
            CaseColumns,
            r#"SELECT c.id AS "id!", c.reference AS "reference!", c.alias AS "alias?", c.workflow AS "workflow!",
                      c.definition AS "definition!", c.person AS "person?", c.cohort AS "cohort?", c.main AS "main!",
                      c.stage AS "stage!", c.stage_since AS "stage_since?", c.office AS "office!", c.held AS "held!",
                      c.authority_until AS "authority_until?", c.next_date AS "next_date?", c.outcome AS "outcome?",
                      c.irregular AS "irregular!", c.state AS "state!", c.version AS "version!", c.head AS "head!",
                      c.opened AS "opened!", c.updated AS "updated!" "#
                + $from,
            $($parameter),+
        )
    };
}

/// What a request was answered, with its seal.
struct RequestColumns {
    position: i64,
    asked: Vec<u8>,
    answer: Vec<u8>,
    batch: Option<Vec<u8>>,
    leaf: Option<i64>,
    leaves: Option<Vec<u8>>,
    signature: Option<Vec<u8>>,
    key_id: Option<String>,
}

impl RequestColumns {
    fn known(self, asked: Option<&RequestRef>) -> Result<KnownRequest, StoreError> {
        let key = asked.map_or_else(String::new, |asked| format!("{}/{}", asked.stream, asked.principal));
        let read = Reading { table: "request", row: &key };
        let seal = match (self.batch, self.leaf) {
            (None, _) => None,
            (Some(id), leaf) => {
                let (Some(leaf), Some(leaves), Some(signature), Some(key_id)) =
                    (leaf, self.leaves, self.signature, self.key_id)
                else {
                    return Err(read.bad("batch", "its batch or its place in it is missing"));
                };
                let seal_key = key_of(&id);
                let sealed = Reading { table: "batch", row: &seal_key };
                let leaves =
                    leaves.chunks(32).map(|leaf| sealed.hash("leaves", leaf)).collect::<Result<_, _>>()?;
                let seal = BatchSeal { id: sealed.id("id", &id)?, leaves, signature, key_id };
                Some((seal, read.number("leaf", leaf)?))
            }
        };
        let asked: Hash = read.hash("asked", &self.asked)?;
        Ok(KnownRequest { asked, answer: self.answer, seal })
    }
}

#[async_trait]
impl CaseStore for SqliteStore {
    async fn load_many(&self, streams: &[StreamId]) -> Result<Vec<Loaded>, StoreError> {
        let ids = json_ids(streams.iter().map(|stream| stream.0))?;
        let streams = streams.to_vec();
        self.read("loading streams", move |connection| {
            Box::pin(async move {
                // Both reads see one snapshot.
                let mut snapshot = connection.begin().await?;
                let cases = case_rows!(
                    "FROM (SELECT DISTINCT unhex(value) AS id FROM json_each($1)) j CROSS JOIN court_case c ON c.id = j.id",
                    ids
                )
                .fetch_all(&mut *snapshot)
                .await?;
                let entities = sqlx::query_as!(
                    EntityColumns,
                    r#"SELECT e.stream AS "stream!", e.kind AS "kind!", e.parent AS "parent?", e.state AS "state!",
                              e.version AS "version!", e.head AS "head!", e.updated AS "updated!"
                       FROM (SELECT DISTINCT unhex(value) AS id FROM json_each($1)) j
                       CROSS JOIN entity e ON e.stream = j.id"#,
                    ids
                )
                .fetch_all(&mut *snapshot)
                .await?;
                snapshot.rollback().await?;
                let mut found = BTreeMap::new();
                // A row that cannot be read spoils no other.
                for row in entities {
                    let stream = row.stream.clone();
                    found.insert(stream, EntityRow::try_from(row).map_or_else(Loaded::Damaged, Loaded::Entity));
                }
                for row in cases {
                    let (stream, row) = (row.id.clone(), CaseRow::try_from(row).map(Box::new));
                    found.insert(stream, row.map_or_else(Loaded::Damaged, Loaded::Case));
                }
                let loaded = |stream: &StreamId| found.get(&blob(stream.0)).cloned().unwrap_or(Loaded::Absent);
                Ok(streams.iter().map(loaded).collect())
            })
        })
        .await
    }

    async fn requests(&self, asked: &[RequestRef]) -> Result<Vec<Option<KnownRequest>>, StoreError> {
        let asked = asked.to_vec();
        let keys: Vec<(String, String, &str)> = asked
            .iter()
            .map(|asked| {
                (
                    hex::encode(asked.stream.0.as_bytes()),
                    hex::encode(asked.principal.0.as_bytes()),
                    asked.key.as_str(),
                )
            })
            .collect();
        let keys = json(&keys)?;
        self.read("looking requests up", move |connection| {
            Box::pin(async move {
                let rows = sqlx::query_as!(
                    RequestColumns,
                    r#"SELECT j.key + 0 AS "position!: i64", r.asked AS "asked!", r.answer AS "answer!",
                              r.batch AS "batch?", r.leaf AS "leaf?",
                              b.leaves AS "leaves?", b.signature AS "signature?", b.key_id AS "key_id?"
                       FROM json_each($1) j
                       CROSS JOIN request r ON r.stream = unhex(j.value ->> 0) AND r.principal = unhex(j.value ->> 1)
                         AND r.key = j.value ->> 2
                       LEFT JOIN batch b ON b.id = r.batch"#,
                    keys
                )
                .fetch_all(connection)
                .await?;
                let mut answers = vec![None; asked.len()];
                for row in rows {
                    let position = usize::try_from(row.position).unwrap_or(usize::MAX);
                    let known = row.known(asked.get(position))?;
                    if let Some(place) = answers.get_mut(position) {
                        *place = Some(known);
                    }
                }
                Ok(answers)
            })
        })
        .await
    }

    async fn append_many(&self, batch: &Batch) -> Result<BatchOutcome, StoreError> {
        append::append_many(self, batch).await
    }

    async fn find(&self, case: &CaseRef) -> Result<Option<CaseRow>, StoreError> {
        let case = case.clone();
        self.read("finding a case", move |connection| {
            Box::pin(async move {
                let row = match case {
                    CaseRef::Id(id) => {
                        let id = blob(id.0);
                        case_rows!("FROM court_case c WHERE c.id = $1", id).fetch_optional(connection).await?
                    }
                    CaseRef::Reference(reference) => {
                        case_rows!("FROM court_case c WHERE c.reference = $1", reference)
                            .fetch_optional(connection)
                            .await?
                    }
                    CaseRef::Alias(alias) => {
                        case_rows!("FROM court_case c WHERE c.alias = $1", alias)
                            .fetch_optional(connection)
                            .await?
                    }
                };
                Ok(row.map(CaseRow::try_from).transpose()?)
            })
        })
        .await
    }

    async fn list(
        &self,
        filter: &CaseFilter,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Vec<CaseRow>, StoreError> {
        search::list(self, filter, after, limit).await
    }

    async fn counts(&self) -> Result<Vec<StageCount>, StoreError> {
        self.read("reading the counters", move |connection| {
            Box::pin(async move {
                let rows = sqlx::query!(
                    r#"SELECT workflow AS "workflow!: String", stage AS "stage!: String", office AS "office!: String",
                              sum(cases) AS "cases!: i64"
                       FROM (SELECT workflow, stage, office, cases FROM stage_count
                             UNION ALL SELECT workflow, stage, office, net FROM stage_delta)
                       GROUP BY workflow, stage, office HAVING sum(cases) <> 0 ORDER BY workflow, stage, office"#
                )
                .fetch_all(connection)
                .await?;
                let mut counts = Vec::new();
                for row in rows {
                    let key = format!("{}/{}/{}", row.workflow, row.stage, row.office);
                    let read = Reading { table: "stage_count", row: &key };
                    counts.push(StageCount {
                        workflow: read.name("workflow", &row.workflow)?,
                        stage: read.name_if("stage", &row.stage)?,
                        office: read.name_if("office", &row.office)?,
                        count: row.cases,
                    });
                }
                Ok(counts)
            })
        })
        .await
    }

    async fn count(&self, filter: &CaseFilter) -> Result<u64, StoreError> {
        search::count(self, filter).await
    }

    async fn count_groups(&self, filter: &CaseFilter, groups: &[StreamId]) -> Result<Vec<u64>, StoreError> {
        search::count_groups(self, filter, groups).await
    }

    async fn openings(
        &self,
        filter: &CaseFilter,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Vec<(StreamId, StoredEvent)>, StoreError> {
        search::openings(self, filter, after, limit).await
    }

    async fn is_sealed(&self, seal: uuid::Uuid) -> Result<bool, StoreError> {
        let seal = blob(seal);
        self.read("looking for a batch", move |connection| {
            Box::pin(async move {
                let found =
                    sqlx::query_scalar!(r#"SELECT 1 AS "found!: i64" FROM batch WHERE id = $1"#, seal)
                        .fetch_optional(connection)
                        .await?;
                Ok(found.is_some())
            })
        })
        .await
    }

    async fn fold_stages(&self) -> Result<u64, StoreError> {
        self.transaction("folding the counters", move |connection| {
            Box::pin(async move {
                sqlx::query!(
                    "INSERT INTO stage_count (workflow, stage, office, cases)
                     SELECT workflow, stage, office, sum(net) FROM stage_delta WHERE true GROUP BY workflow, stage, office
                     ON CONFLICT (workflow, stage, office) DO UPDATE SET cases = cases + excluded.cases"
                )
                .execute(&mut *connection)
                .await?;
                let folded = sqlx::query!("DELETE FROM stage_delta").execute(&mut *connection).await?;
                Ok(Done::Keep(folded.rows_affected()))
            })
        })
        .await
    }

    async fn events(&self, stream: StreamId, from: Seq, limit: u32) -> Result<Vec<StoredEvent>, StoreError> {
        let (stream, from, limit) = (blob(stream.0), signed(from), i64::from(limit));
        self.read("reading events", move |connection| {
            Box::pin(async move {
                let rows = sqlx::query_as!(
                    EventColumns,
                    r#"SELECT e.stream AS "stream!", e.seq AS "seq!", e.bytes AS "bytes!", e.hash AS "hash!",
                              e.recorded AS "recorded!", s.content AS "secret?"
                       FROM event e LEFT JOIN secret s ON s.stream = e.stream AND s.seq = e.seq
                       WHERE e.stream = $1 AND e.seq >= $2 ORDER BY e.seq LIMIT $3"#,
                    stream,
                    from,
                    limit
                )
                .fetch_all(connection)
                .await?;
                Ok(rows
                    .into_iter()
                    .map(|row| row.event().map(|(_, event)| event))
                    .collect::<Result<_, StoreError>>()?)
            })
        })
        .await
    }

    async fn events_of(&self, streams: &[StreamId]) -> Result<Vec<(StreamId, StoredEvent)>, StoreError> {
        let wanted: BTreeSet<StreamId> = streams.iter().copied().collect();
        let ids = json_ids(wanted.iter().map(|stream| stream.0))?;
        self.read("reading events", move |connection| {
            Box::pin(async move {
                let rows = sqlx::query_as!(
                    EventColumns,
                    r#"SELECT e.stream AS "stream!", e.seq AS "seq!", e.bytes AS "bytes!", e.hash AS "hash!",
                              e.recorded AS "recorded!", NULL AS "secret?: Vec<u8>"
                       FROM json_each($1) j CROSS JOIN event e ON e.stream = unhex(j.value)
                       ORDER BY e.stream, e.seq"#,
                    ids
                )
                .fetch_all(connection)
                .await?;
                Ok(rows.into_iter().map(EventColumns::event).collect::<Result<_, _>>()?)
            })
        })
        .await
    }

    async fn secrets_of(&self, streams: &[StreamId]) -> Result<Vec<(StreamId, Seq, Vec<u8>)>, StoreError> {
        let wanted: BTreeSet<StreamId> = streams.iter().copied().collect();
        let ids = json_ids(wanted.iter().map(|stream| stream.0))?;
        self.read("reading secret rows", move |connection| {
            Box::pin(async move {
                let rows = sqlx::query!(
                    r#"SELECT s.stream AS "stream!", s.seq AS "seq!", s.content AS "content!"
                       FROM json_each($1) j CROSS JOIN secret s ON s.stream = unhex(j.value)
                       ORDER BY s.stream, s.seq"#,
                    ids
                )
                .fetch_all(connection)
                .await?;
                let mut secrets = Vec::with_capacity(rows.len());
                for row in rows {
                    let key = format!("{}/{}", key_of(&row.stream), row.seq);
                    let read = Reading { table: "secret", row: &key };
                    let stream = StreamId(read.id("stream", &row.stream)?);
                    secrets.push((stream, read.number("seq", row.seq)?, row.content));
                }
                Ok(secrets)
            })
        })
        .await
    }

    async fn entities(
        &self,
        kind: StreamKind,
        parent: Option<StreamId>,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Vec<EntityRow>, StoreError> {
        let (kind, limit) = (kind.to_string(), i64::from(limit));
        // Every id is greater than no bytes at all.
        let after = after.map(|after| blob(after.0)).unwrap_or_default();
        let parent = parent.map(|parent| blob(parent.0));
        self.read("listing streams", move |connection| {
            Box::pin(async move {
                let rows = match parent {
                    None => {
                        sqlx::query_as!(
                            EntityColumns,
                            "SELECT stream, kind, parent, state, version, head, updated FROM entity
                             WHERE kind = $1 AND stream > $2 ORDER BY stream LIMIT $3",
                            kind,
                            after,
                            limit
                        )
                        .fetch_all(connection)
                        .await?
                    }
                    Some(parent) => {
                        sqlx::query_as!(
                            EntityColumns,
                            "SELECT stream, kind, parent, state, version, head, updated FROM entity
                             WHERE parent = $1 AND kind = $2 AND stream > $3 ORDER BY stream LIMIT $4",
                            parent,
                            kind,
                            after,
                            limit
                        )
                        .fetch_all(connection)
                        .await?
                    }
                };
                Ok(rows.into_iter().map(EntityRow::try_from).collect::<Result<_, _>>()?)
            })
        })
        .await
    }

    async fn lookups(&self, keys: &[Lookup]) -> Result<Vec<Option<StreamId>>, StoreError> {
        let asked = keys.len();
        let keys: Vec<(&str, &str)> = keys.iter().map(|key| (key.space.as_str(), key.key.as_str())).collect();
        let keys = json(&keys)?;
        self.read("looking keys up", move |connection| {
            Box::pin(async move {
                let rows = sqlx::query!(
                    r#"SELECT j.key + 0 AS "position!: i64", l.stream AS "stream!"
                       FROM json_each($1) j CROSS JOIN lookup l ON l.space = j.value ->> 0 AND l.key = j.value ->> 1"#,
                    keys
                )
                .fetch_all(connection)
                .await?;
                let mut answers = vec![None; asked];
                for row in rows {
                    let read = Reading { table: "lookup", row: &row.position };
                    let stream = StreamId(read.id("stream", &row.stream)?);
                    if let Some(place) = usize::try_from(row.position).ok().and_then(|at| answers.get_mut(at)) {
                        *place = Some(stream);
                    }
                }
                Ok(answers)
            })
        })
        .await
    }

    async fn deadlines(&self, streams: &[StreamId]) -> Result<Vec<StoredDeadline>, StoreError> {
        let wanted: BTreeSet<StreamId> = streams.iter().copied().collect();
        let ids = json_ids(wanted.iter().map(|stream| stream.0))?;
        self.read("reading clocks", move |connection| {
            Box::pin(async move {
                let rows = sqlx::query_as!(
                    DeadlineColumns,
                    r#"SELECT d.stream AS "stream!", d.key AS "key!", d.since AS "since!", d.due AS "due?",
                              d.next AS "next?", d.step AS "step!", d.passed AS "passed!", d.calendar AS "calendar?"
                       FROM json_each($1) j CROSS JOIN deadline d ON d.stream = unhex(j.value)
                       ORDER BY d.stream, d.key"#,
                    ids
                )
                .fetch_all(connection)
                .await?;
                Ok(rows.into_iter().map(StoredDeadline::try_from).collect::<Result<_, _>>()?)
            })
        })
        .await
    }

    async fn deadlines_before(
        &self,
        before: Timestamp,
        after: Option<(Timestamp, StreamId, String)>,
        limit: u32,
    ) -> Result<Vec<Result<StoredDeadline, StoreError>>, StoreError> {
        let (before, limit) = (micros(before), i64::from(limit));
        // No row stands at the first instant with no bytes as its stream, so this bounds nothing.
        let (due, stream, key) = after.map_or((i64::MIN, Vec::new(), String::new()), |(due, stream, key)| {
            (micros(due), blob(stream.0), key)
        });
        self.read("reading clocks", move |connection| {
            Box::pin(async move {
                let rows = sqlx::query_as!(
                    DeadlineColumns,
                    "SELECT stream, key, since, due, next, step, passed, calendar FROM deadline
                     WHERE due < $1 AND due >= $2 AND (due, stream, key) > ($2, $3, $4)
                     ORDER BY due, stream, key LIMIT $5",
                    before,
                    due,
                    stream,
                    key,
                    limit
                )
                .fetch_all(connection)
                .await?;
                Ok(rows.into_iter().map(StoredDeadline::try_from).collect())
            })
        })
        .await
    }
}
