//! Whether the promise is kept: of all held persons, those without authority, office or date.

use axum::extract::State;
use axum::response::Response;
use qadiya_engine::query::Oversight;
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer;
use crate::app::App;
use crate::auth::Asker;
use crate::extract::Params;
use crate::problem::{Problem, ReadProblems};
use crate::wire::{CaseHeadWire, at};

/// The promise as numbers; the three `without_` are 0 when it is kept.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Oversight)]
pub struct OversightWire {
    /// Persons held.
    pub held: u64,
    /// Held without authority.
    pub without_authority: u64,
    /// Held, and no office must act.
    pub without_office: u64,
    /// Held, and no clock runs.
    pub without_date: u64,
    /// The first cases of these three, at most 100.
    pub cases: Vec<CaseHeadWire>,
    /// Cases with open irregular facts.
    pub irregular: u64,
    /// Jobs that gave up.
    pub incidents: u64,
    /// Clock steps that are due and that nobody has taken.
    pub overdue: u64,
    /// No worker has been heard of for a minute.
    pub workers_silent: bool,
    /// When this was found.
    #[schema(format = DateTime)]
    pub at: String,
}

impl From<Oversight> for OversightWire {
    fn from(found: Oversight) -> Self {
        Self {
            held: found.held,
            without_authority: found.without_authority,
            without_office: found.without_office,
            without_date: found.without_date,
            cases: found.cases.into_iter().map(CaseHeadWire::from).collect(),
            irregular: found.irregular,
            incidents: found.incidents,
            overdue: found.overdue,
            workers_silent: found.workers_silent,
            at: at(found.at),
        }
    }
}

/// Counts what must not be.
#[utoipa::path(
    get, path = "/oversight", tag = "oversight", operation_id = "read_oversight",
    responses((status = 200, description = "The promise as numbers.", body = OversightWire), ReadProblems),
)]
pub async fn show(State(app): State<App>, asker: Asker, params: Params) -> Result<Response, Problem> {
    params.end()?;
    let found = app.engine.oversight(&asker.0).await?;
    Ok(answer::ok(OversightWire::from(found)))
}
