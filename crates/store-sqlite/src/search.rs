//! Lists and counts by a filter: the one place where SQL is composed. Values are bound, never written into the text.

use std::collections::HashMap;

use qadiya_domain::ids::StreamId;
use qadiya_store::StoreError;
use qadiya_store::append::StoredEvent;
use qadiya_store::read::{CaseFilter, CaseRow};
use sqlx::{QueryBuilder, Sqlite};

use crate::open::SqliteStore;
use crate::rows::{CaseColumns, EventColumns, blob, json_ids, micros, word};

/// Adds the filter's restrictions.
fn restrict(query: &mut QueryBuilder<Sqlite>, filter: &CaseFilter) {
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
        query.push(" AND cohort = ").push_bind(blob(group.0));
    }
    if let Some(now) = filter.lapsed_at {
        query
            .push(" AND held = 1 AND (authority_until IS NULL OR authority_until <= ")
            .push_bind(micros(now))
            .push(")");
    }
    if filter.irregular {
        query.push(" AND irregular > 0");
    }
    if filter.open {
        query.push(" AND outcome IS NULL");
    }
}

/// A page of cases in order of id.
pub(crate) async fn list(
    store: &SqliteStore,
    filter: &CaseFilter,
    after: Option<StreamId>,
    limit: u32,
) -> Result<Vec<CaseRow>, StoreError> {
    let mut query = QueryBuilder::new(
        "SELECT id, reference, alias, workflow, definition, person, cohort, main, stage, stage_since, office, held, \
         authority_until, next_date, outcome, irregular, state, version, head, opened, updated \
         FROM court_case WHERE true",
    );
    if let Some(after) = after {
        query.push(" AND id > ").push_bind(blob(after.0));
    }
    restrict(&mut query, filter);
    query.push(" ORDER BY id LIMIT ").push_bind(i64::from(limit));
    store
        .read("listing cases", move |connection| {
            Box::pin(async move {
                let rows: Vec<CaseColumns> = query.build_query_as().fetch_all(connection).await?;
                Ok(rows.into_iter().map(CaseRow::try_from).collect::<Result<_, _>>()?)
            })
        })
        .await
}

/// How many cases a filter shows.
pub(crate) async fn count(store: &SqliteStore, filter: &CaseFilter) -> Result<u64, StoreError> {
    let mut query = QueryBuilder::new("SELECT count(*) FROM court_case WHERE true");
    restrict(&mut query, filter);
    store
        .read("counting cases", move |connection| {
            Box::pin(async move {
                let count: i64 = query.build_query_scalar().fetch_one(connection).await?;
                Ok(u64::try_from(count).unwrap_or(0))
            })
        })
        .await
}

/// How many cases of each group a filter shows.
pub(crate) async fn count_groups(
    store: &SqliteStore,
    filter: &CaseFilter,
    groups: &[StreamId],
) -> Result<Vec<u64>, StoreError> {
    let wanted = json_ids(groups.iter().map(|group| group.0))?;
    let mut query = QueryBuilder::new(
        "SELECT cohort, count(*) FROM court_case WHERE cohort IN (SELECT unhex(value) FROM json_each(",
    );
    query.push_bind(wanted).push("))");
    restrict(&mut query, filter);
    query.push(" GROUP BY cohort");
    let counted: HashMap<Vec<u8>, i64> = store
        .read("counting the cases of groups", move |connection| {
            Box::pin(async move {
                let rows: Vec<(Vec<u8>, i64)> = query.build_query_as().fetch_all(connection).await?;
                Ok(rows.into_iter().collect())
            })
        })
        .await?;
    let count =
        |group: &StreamId| counted.get(&blob(group.0)).map_or(0, |count| u64::try_from(*count).unwrap_or(0));
    Ok(groups.iter().map(count).collect())
}

/// The first events of a page of cases in order of id.
pub(crate) async fn openings(
    store: &SqliteStore,
    filter: &CaseFilter,
    after: Option<StreamId>,
    limit: u32,
) -> Result<Vec<(StreamId, StoredEvent)>, StoreError> {
    let mut query = QueryBuilder::new(
        // A case without its first event has no hash there, and is refused as damaged when it is read.
        "SELECT id AS stream, 1 AS seq, coalesce(e.bytes, x'') AS bytes, coalesce(e.hash, x'') AS hash, \
         coalesce(e.recorded, 0) AS recorded, s.content AS secret \
         FROM court_case LEFT JOIN event e ON e.stream = id AND e.seq = 1 \
         LEFT JOIN secret s ON s.stream = e.stream AND s.seq = e.seq WHERE true",
    );
    if let Some(after) = after {
        query.push(" AND id > ").push_bind(blob(after.0));
    }
    restrict(&mut query, filter);
    query.push(" ORDER BY id LIMIT ").push_bind(i64::from(limit));
    store
        .read("reading first events", move |connection| {
            Box::pin(async move {
                let rows: Vec<EventColumns> = query.build_query_as().fetch_all(connection).await?;
                Ok(rows.into_iter().map(EventColumns::event).collect::<Result<_, StoreError>>()?)
            })
        })
        .await
}
