//! Lists of cases: the one place where SQL is composed, since a filter has 256 shapes. Values are always bound.

use jiff::Timestamp;
use qadiya_domain::ids::StreamId;
use qadiya_store::StoreError;
use qadiya_store::read::{CaseFilter, CaseRow};
use sqlx::{Postgres, QueryBuilder};

use crate::open::PostgresStore;
use crate::rows::{CaseColumns, Reading, micros, word};

const LIST: &str = "SELECT id, reference, alias, workflow, definition, person, cohort, main, stage, stage_since, office, \
                    held, authority_until, next_date, outcome, irregular, state, version, head, opened, updated \
                    FROM court_case WHERE true";

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

impl PostgresStore {
    pub(crate) async fn page(
        &self,
        filter: &CaseFilter,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Vec<CaseRow>, StoreError> {
        let mut query = QueryBuilder::new(LIST);
        restrict(&mut query, filter);
        if let Some(after) = after {
            query.push(" AND id > ").push_bind(after.0);
        }
        query.push(" ORDER BY id LIMIT ").push_bind(i64::from(limit));
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
}
