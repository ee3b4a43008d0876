//! Who saw what. The records are written by batches (`append`).

use async_trait::async_trait;
use jiff::Timestamp;
use qadiya_domain::ids::{OfficialId, StreamId};
use qadiya_store::access::AccessRecord;
use qadiya_store::{AccessStore, StoreError};
use uuid::Uuid;

use crate::open::PostgresStore;
use crate::rows::{Reading, micros};

struct AccessColumns {
    id: Uuid,
    at: i64,
    official: Option<Uuid>,
    capacity: Option<String>,
    purpose: Option<String>,
    query: String,
    streams: String,
    outcome: String,
    refusals: String,
}

impl TryFrom<AccessColumns> for AccessRecord {
    type Error = StoreError;

    fn try_from(row: AccessColumns) -> Result<Self, StoreError> {
        let id = row.id;
        let read = Reading { table: "access", row: &id };
        Ok(Self {
            id,
            at: read.instant("at", row.at)?,
            official: row.official.map(OfficialId),
            capacity: row.capacity,
            purpose: row.purpose,
            query: row.query,
            streams: read.json("streams", serde_json::from_str(&row.streams))?,
            outcome: row.outcome.parse().map_err(|_| read.bad("outcome", "not an outcome"))?,
            refusals: read.json("refusals", serde_json::from_str(&row.refusals))?,
        })
    }
}

#[async_trait]
impl AccessStore for PostgresStore {
    async fn accesses(
        &self,
        stream: Option<StreamId>,
        official: Option<OfficialId>,
        before: Option<(Timestamp, Uuid)>,
        limit: u32,
    ) -> Result<Vec<AccessRecord>, StoreError> {
        // No record lies at or after the end of time.
        let (at, id) = before.map_or((i64::MAX, Uuid::max()), |(at, id)| (micros(at), id));
        let limit = i64::from(limit);
        let rows = self
            .read("reading access records", move |db| {
                Box::pin(async move {
                    match (stream, official.map(|official| official.0)) {
                        (Some(stream), official) => {
                            sqlx::query_as!(
                                AccessColumns,
                                "SELECT a.id, a.at, a.official, a.capacity, a.purpose, a.query, a.streams, a.outcome,
                                        a.refusals
                                 FROM access_stream AS s JOIN access AS a ON a.id = s.id
                                 WHERE s.stream = $1 AND (s.at, s.id) < ($2, $3)
                                   AND ($4::uuid IS NULL OR a.official = $4)
                                 ORDER BY s.at DESC, s.id DESC LIMIT $5",
                                stream.0,
                                at,
                                id,
                                official,
                                limit,
                            )
                            .fetch_all(db)
                            .await
                        }
                        (None, Some(official)) => {
                            sqlx::query_as!(
                                AccessColumns,
                                "SELECT id, at, official, capacity, purpose, query, streams, outcome, refusals
                                 FROM access
                                 WHERE official = $1 AND at <= $2 AND (at, id) < ($2, $3)
                                 ORDER BY at DESC, id DESC LIMIT $4",
                                official,
                                at,
                                id,
                                limit,
                            )
                            .fetch_all(db)
                            .await
                        }
                        (None, None) => {
                            sqlx::query_as!(
                                AccessColumns,
                                "SELECT id, at, official, capacity, purpose, query, streams, outcome, refusals
                                 FROM access
                                 WHERE at <= $1 AND (at, id) < ($1, $2)
                                 ORDER BY at DESC, id DESC LIMIT $3",
                                at,
                                id,
                                limit,
                            )
                            .fetch_all(db)
                            .await
                        }
                    }
                })
            })
            .await?;
        rows.into_iter().map(AccessRecord::try_from).collect()
    }
}
