//! Lists, counts and first events by a filter, whose SQL is composed. Values are bound, never written into the text.

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

const LIST: &str = "SELECT id, reference, alias, workflow, definition, person, cohort, main, stage, stage_since, office, \
                    held, authority_until, next_date, outcome, irregular, state, version, head, opened, updated \
                    FROM court_case WHERE true";

// A case without its first event has no hash there, and is refused as damaged when it is read.
const OPENINGS: &str = "SELECT id AS stream, 1 AS seq, coalesce(e.bytes, x'') AS bytes, coalesce(e.hash, x'') AS hash, \
                        coalesce(e.recorded, 0) AS recorded, s.content AS secret \
                        FROM court_case LEFT JOIN event e ON e.stream = id AND e.seq = 1 \
                        LEFT JOIN secret s ON s.stream = e.stream AND s.seq = e.seq WHERE true";

/// The question behind a page.
fn page(
    select: &'static str,
    filter: &CaseFilter,
    after: Option<StreamId>,
    limit: u32,
) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::new(select);
    if let Some(after) = after {
        query.push(" AND id > ").push_bind(blob(after.0));
    }
    restrict(&mut query, filter);
    query.push(" ORDER BY id LIMIT ").push_bind(i64::from(limit));
    query
}

/// A page of cases in order of id.
pub(crate) async fn list(
    store: &SqliteStore,
    filter: &CaseFilter,
    after: Option<StreamId>,
    limit: u32,
) -> Result<Vec<CaseRow>, StoreError> {
    let mut query = page(LIST, filter, after, limit);
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
    let mut query = page(OPENINGS, filter, after, limit);
    store
        .read("reading first events", move |connection| {
            Box::pin(async move {
                let rows: Vec<EventColumns> = query.build_query_as().fetch_all(connection).await?;
                Ok(rows.into_iter().map(EventColumns::event).collect::<Result<_, StoreError>>()?)
            })
        })
        .await
}

#[cfg(test)]
mod tests {
    use qadiya_domain::name::Name;
    use sqlx::{Connection as _, Executor as _, Row as _, SqliteConnection};

    use super::*;

    /// The steps by which SQLite answers a page.
    async fn plan(connection: &mut SqliteConnection, filter: &CaseFilter, after: bool) -> Vec<String> {
        let after = after.then(|| StreamId(uuid::Uuid::from_u128(7)));
        let asked = page(LIST, filter, after, 50).sql().as_str().to_owned();
        let rows =
            connection.fetch_all(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {asked}"))).await.unwrap();
        rows.iter().map(|row| row.get("detail")).collect()
    }

    #[tokio::test]
    async fn every_list_that_is_served_goes_by_an_index() {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        for schema in [
            include_str!("../../../migrations/sqlite/0001_spine.sql"),
            include_str!("../../../migrations/sqlite/0002_office.sql"),
        ] {
            connection.execute(schema).await.unwrap();
        }
        let name = |text| Name::new(text).unwrap();
        let all = CaseFilter::default();
        let office = CaseFilter { office: Some(name("registry")), ..all.clone() };
        let open = CaseFilter { open: true, ..office.clone() };
        let staged =
            CaseFilter { workflow: Some(name("civil")), stage: Some(Some(name("tried"))), ..all.clone() };
        let group = CaseFilter { group: Some(StreamId(uuid::Uuid::from_u128(1))), ..all.clone() };
        let irregular = CaseFilter { irregular: true, ..all.clone() };
        for (filter, index) in [
            (&office, "court_case_by_office"),
            (&open, "court_case_by_office"),
            (&staged, "court_case_by_stage"),
            (&group, "court_case_by_cohort"),
            (&irregular, "court_case_irregular"),
            // Whatever else restricts, a page walks the cases in order of id until it is full.
            (&all, "sqlite_autoindex_court_case_1"),
        ] {
            for after in [false, true] {
                let steps = plan(&mut connection, filter, after).await;
                assert_eq!(steps.len(), 1, "nothing is sorted or joined: {steps:?}");
                assert!(steps[0].contains(index), "{filter:?}: {steps:?}");
            }
        }
        // The control: without its index the same list reads the cases of all offices.
        connection.execute("DROP INDEX court_case_by_office").await.unwrap();
        let steps = plan(&mut connection, &office, false).await;
        assert!(steps.iter().all(|step| !step.contains("office")), "{steps:?}");
    }
}
