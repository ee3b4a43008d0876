//! Lists, counts and first events by a filter, whose SQL is composed, since it has 256 shapes. Values are bound, never
//! written into the text.

use std::collections::HashMap;

use jiff::Timestamp;
use qadiya_domain::ids::StreamId;
use qadiya_store::StoreError;
use qadiya_store::append::StoredEvent;
use qadiya_store::read::{CaseFilter, CaseRow};
use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use crate::open::PostgresStore;
use crate::rows::{CaseColumns, EventColumns, Reading, micros, word};

const LIST: &str = "SELECT id, reference, alias, workflow, definition, person, cohort, main, stage, stage_since, office, \
                    held, authority_until, next_date, outcome, irregular, state, version, head, opened, updated \
                    FROM court_case WHERE true";

// A case without its first event has no hash there, and is refused as damaged when it is read.
const OPENINGS: &str = "SELECT id AS stream, 1::bigint AS seq, coalesce(e.bytes, '') AS bytes, coalesce(e.hash, '') AS hash, \
                        coalesce(e.recorded, 0) AS recorded, s.content AS secret \
                        FROM court_case LEFT JOIN event e ON e.stream = id AND e.seq = 1 \
                        LEFT JOIN secret s ON s.stream = e.stream AND s.seq = e.seq WHERE true";

fn restrict(query: &mut QueryBuilder<Postgres>, filter: &CaseFilter) {
    if let Some(workflow) = &filter.workflow {
        query.push(" AND workflow = ").push_bind(workflow.to_string());
    }
    if let Some(stage) = &filter.stage {
        query.push(" AND stage = ").push_bind(word(stage.as_ref()));
    }
    if let Some(main) = &filter.main {
        query.push(" AND main = ").push_bind(main.to_string());
    }
    if let Some(office) = &filter.office {
        query.push(" AND office = ").push_bind(office.to_string());
    }
    if let Some(group) = filter.group {
        query.push(" AND cohort = ").push_bind(group.0);
    }
    if let Some(now) = filter.lapsed_at {
        lapsed(query, now);
    }
    if filter.irregular {
        query.push(" AND irregular > 0");
    }
    if filter.open {
        query.push(" AND outcome IS NULL");
    }
}

/// Held and covered no longer: the cover ended, or there never was any (DESIGN D18).
fn lapsed(query: &mut QueryBuilder<Postgres>, now: Timestamp) {
    query
        .push(" AND held AND (authority_until IS NULL OR authority_until <= ")
        .push_bind(micros(now))
        .push(")");
}

/// The question behind a page.
fn paged(
    select: &'static str,
    filter: &CaseFilter,
    after: Option<StreamId>,
    limit: u32,
) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new(select);
    restrict(&mut query, filter);
    if let Some(after) = after {
        query.push(" AND id > ").push_bind(after.0);
    }
    query.push(" ORDER BY id LIMIT ").push_bind(i64::from(limit));
    query
}

impl PostgresStore {
    pub(crate) async fn page(
        &self,
        filter: &CaseFilter,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Vec<CaseRow>, StoreError> {
        let mut query = paged(LIST, filter, after, limit);
        let rows = self
            .read("listing cases", move |db| {
                Box::pin(async move { query.build_query_as::<CaseColumns>().fetch_all(db).await })
            })
            .await?;
        rows.into_iter().map(CaseRow::try_from).collect()
    }

    pub(crate) async fn number_of(&self, filter: &CaseFilter) -> Result<u64, StoreError> {
        let mut query = QueryBuilder::new("SELECT count(*) FROM court_case WHERE true");
        restrict(&mut query, filter);
        let count = self
            .read("counting cases", move |db| {
                Box::pin(async move { query.build_query_scalar::<i64>().fetch_one(db).await })
            })
            .await?;
        Reading { table: "court_case", row: &"count" }.number("id", count)
    }

    pub(crate) async fn numbers_of(
        &self,
        filter: &CaseFilter,
        groups: &[StreamId],
    ) -> Result<Vec<u64>, StoreError> {
        let wanted: Vec<Uuid> = groups.iter().map(|group| group.0).collect();
        let mut query = QueryBuilder::new("SELECT cohort, count(*) FROM court_case WHERE cohort = ANY(");
        query.push_bind(wanted).push(")");
        restrict(&mut query, filter);
        query.push(" GROUP BY cohort");
        let rows = self
            .read("counting the cases of groups", move |db| {
                Box::pin(async move { query.build_query_as::<(Uuid, i64)>().fetch_all(db).await })
            })
            .await?;
        let mut counted = HashMap::new();
        for (group, count) in rows {
            let read = Reading { table: "court_case", row: &group };
            counted.insert(group, read.number::<u64>("cohort", count)?);
        }
        Ok(groups.iter().map(|group| counted.get(&group.0).copied().unwrap_or_default()).collect())
    }

    pub(crate) async fn openings_of(
        &self,
        filter: &CaseFilter,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Vec<(StreamId, StoredEvent)>, StoreError> {
        let mut query = paged(OPENINGS, filter, after, limit);
        let rows = self
            .read("reading first events", move |db| {
                Box::pin(async move { query.build_query_as::<EventColumns>().fetch_all(db).await })
            })
            .await?;
        rows.into_iter().map(EventColumns::event).collect()
    }
}
