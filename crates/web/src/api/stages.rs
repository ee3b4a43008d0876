//! Stages: the prosecutor's question, and the counts.

use axum::extract::State;
use axum::response::Response;
use qadiya_engine::query::{Counts, StageView};
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer;
use crate::app::App;
use crate::auth::Asker;
use crate::extract::{Params, PathParts};
use crate::problem::{Problem, ReadProblems};
use crate::wire::{at, maybe_at, text};

/// Which stage a case has reached, and nothing else about it.
#[derive(Debug, Serialize, ToSchema)]
pub struct StageAnswer {
    /// The case number.
    pub reference: String,
    /// The public stage; missing where no stage holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "classified")]
    pub stage: Option<String>,
    /// The stage as people read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub title: Option<String>,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    pub since: Option<String>,
    /// By which act.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub act: Option<StageActWire>,
    /// What can be done next.
    pub next_steps: Vec<String>,
    /// The earliest limit of a running clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    pub next_date: Option<String>,
    /// The person is held, and the authority to hold has lapsed, worked out at the instant of the answer.
    pub authority_lapsed: bool,
}

/// The act that brought a case to its stage.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StageAct)]
pub struct StageActWire {
    /// The event.
    pub seq: u64,
    /// What kind of event it is.
    pub kind: String,
    /// The command, where it was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub command: Option<String>,
}

/// How many cases.
#[derive(Debug, Serialize, ToSchema)]
pub struct StageCounts {
    /// By workflow, stage and office.
    pub items: Vec<StageCount>,
    /// Held, and the authority to hold has lapsed at `at`.
    pub lapsed: u64,
    /// With open irregular facts.
    pub irregular: u64,
    /// When this was counted.
    #[schema(format = DateTime)]
    pub at: String,
}

/// How many cases of a workflow stand in a stage before an office.
#[derive(Debug, Serialize, ToSchema)]
pub struct StageCount {
    /// The workflow.
    pub workflow: String,
    /// The stage; missing where no stage holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub stage: Option<String>,
    /// The office that must act.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub office: Option<String>,
    /// How many.
    pub count: i64,
}

impl From<StageView> for StageAnswer {
    fn from(view: StageView) -> Self {
        let act = |act: qadiya_engine::query::StageAct| StageActWire {
            seq: act.seq,
            kind: text(act.kind),
            command: act.command.map(text),
        };
        Self {
            reference: view.reference,
            stage: view.stage.map(text),
            title: view.title,
            since: maybe_at(view.since),
            act: view.act.map(act),
            next_steps: view.next_steps,
            next_date: maybe_at(view.next_date),
            authority_lapsed: view.authority_lapsed,
        }
    }
}

impl From<Counts> for StageCounts {
    fn from(counts: Counts) -> Self {
        let row = |row: qadiya_engine::query::CountRow| StageCount {
            workflow: text(row.workflow),
            stage: row.stage.map(text),
            office: row.office.map(text),
            count: row.count,
        };
        Self {
            items: counts.rows.into_iter().map(row).collect(),
            lapsed: counts.lapsed,
            irregular: counts.irregular,
            at: at(counts.at),
        }
    }
}

/// Says which stage a case has reached: since when, by which act, the next step, the next date, nothing else.
#[utoipa::path(
    get, path = "/stages/{ref}", tag = "stages", operation_id = "read_stage",
    params(("ref" = String, Path, description = "Case number, alias or id", min_length = 1, max_length = 200)),
    responses((status = 200, description = "The stage.", body = StageAnswer), ReadProblems),
)]
pub async fn show(
    State(app): State<App>,
    asker: Asker,
    path: PathParts,
    params: Params,
) -> Result<Response, Problem> {
    params.end()?;
    let view = app.engine.stage(&asker.0, path.text("ref")?).await?;
    Ok(answer::ok(StageAnswer::from(view)))
}

/// Counts the cases that the caller may see, by workflow, stage and office.
#[utoipa::path(
    get, path = "/stages", tag = "stages", operation_id = "count_stages",
    responses((status = 200, description = "Counts.", body = StageCounts), ReadProblems),
)]
pub async fn count(State(app): State<App>, asker: Asker, params: Params) -> Result<Response, Problem> {
    params.end()?;
    let counts = app.engine.counts(&asker.0).await?;
    Ok(answer::ok(StageCounts::from(counts)))
}
