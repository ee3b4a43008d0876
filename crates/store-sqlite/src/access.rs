//! Who saw what, and why.

use async_trait::async_trait;
use jiff::Timestamp;
use qadiya_domain::ids::{OfficialId, StreamId};
use qadiya_store::access::{AccessRecord, AccessStore};
use qadiya_store::error::StoreError;
use uuid::Uuid;

use crate::open::SqliteStore;
use crate::rows::{Reading, blob, key_of, micros};

/// A row of `access`.
struct AccessColumns {
    id: Vec<u8>,
    at: i64,
    official: Option<Vec<u8>>,
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
        let key = key_of(&row.id);
        let read = Reading { table: "access", row: &key };
        Ok(Self {
            id: read.id("id", &row.id)?,
            at: read.instant("at", row.at)?,
            official: read.id_if("official", row.official.as_deref())?.map(OfficialId),
            capacity: row.capacity,
            purpose: row.purpose,
            query: row.query,
            streams: read.json("streams", &row.streams)?,
            outcome: row.outcome.parse().map_err(|_| read.bad("outcome", "not an outcome"))?,
            refusals: read.json("refusals", &row.refusals)?,
        })
    }
}

#[async_trait]
impl AccessStore for SqliteStore {
    async fn accesses(
        &self,
        stream: Option<StreamId>,
        official: Option<OfficialId>,
        before: Option<(Timestamp, Uuid)>,
        limit: u32,
    ) -> Result<Vec<AccessRecord>, StoreError> {
        // Nothing stands after the last instant, so an empty id beside it bounds nothing.
        let (at, id) = before.map_or((i64::MAX, Vec::new()), |(at, id)| (micros(at), blob(id)));
        let (stream, official) = (stream.map(|id| blob(id.0)), official.map(|id| blob(id.0)));
        let limit = i64::from(limit);
        self.read("reading access records", move |connection| {
            Box::pin(async move {
                let rows = match (stream, official) {
                    (Some(stream), official) => {
                        sqlx::query_as!(
                            AccessColumns,
                            r#"SELECT a.id AS "id!", a.at AS "at!", a.official, a.capacity, a.purpose,
                                      a.query AS "query!", a.streams AS "streams!", a.outcome AS "outcome!",
                                      a.refusals AS "refusals!"
                               FROM access_stream s CROSS JOIN access a ON a.id = s.id
                               WHERE s.stream = $1 AND (s.at, s.id) < ($2, $3)
                                 AND ($4 IS NULL OR a.official = $4)
                               ORDER BY s.at DESC, s.id DESC LIMIT $5"#,
                            stream,
                            at,
                            id,
                            official,
                            limit
                        )
                        .fetch_all(connection)
                        .await?
                    }
                    (None, Some(official)) => {
                        sqlx::query_as!(
                            AccessColumns,
                            "SELECT id, at, official, capacity, purpose, query, streams, outcome, refusals FROM access
                             WHERE official = $1 AND (at, id) < ($2, $3) ORDER BY at DESC, id DESC LIMIT $4",
                            official,
                            at,
                            id,
                            limit
                        )
                        .fetch_all(connection)
                        .await?
                    }
                    (None, None) => {
                        sqlx::query_as!(
                            AccessColumns,
                            "SELECT id, at, official, capacity, purpose, query, streams, outcome, refusals FROM access
                             WHERE (at, id) < ($1, $2) ORDER BY at DESC, id DESC LIMIT $3",
                            at,
                            id,
                            limit
                        )
                        .fetch_all(connection)
                        .await?
                    }
                };
                Ok(rows.into_iter().map(AccessRecord::try_from).collect::<Result<_, _>>()?)
            })
        })
        .await
    }
}
