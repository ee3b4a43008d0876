//! Lists and counts by a filter: the one place where SQL is composed. Values are bound, never written into the text.

use qadiya_domain::ids::StreamId;
use qadiya_store::StoreError;
use qadiya_store::read::{CaseFilter, CaseRow};
use sqlx::{QueryBuilder, Sqlite};

use crate::open::SqliteStore;
use crate::rows::{CaseColumns, blob, micros, word};

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
