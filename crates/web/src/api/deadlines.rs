//! The running clocks of one case, each explaining itself day by day.

use axum::extract::State;
use axum::response::Response;
use qadiya_domain::calendar::{DayVerdict, Explanation};
use qadiya_engine::query::DeadlineView;
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer;
use crate::app::App;
use crate::auth::Asker;
use crate::extract::{Params, PathParts};
use crate::problem::{Problem, ReadProblems};
use crate::wire::{at, maybe_at, text};

/// The clocks of a case.
#[derive(Debug, Serialize, ToSchema)]
pub struct Deadlines {
    /// Running clocks.
    pub items: Vec<DeadlineWire>,
}

/// A running clock.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Deadline)]
pub struct DeadlineWire {
    /// The clock.
    pub clock: String,
    /// As people read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub title: Option<String>,
    /// It counts from here.
    #[schema(format = DateTime)]
    pub since: String,
    /// The limit: acts before this instant are in time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    pub due: Option<String>,
    /// When its next step (warning, limit, escalation) is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    pub next: Option<String>,
    /// The number of the next step.
    pub step: u32,
    /// The limit has passed, worked out at the instant of the answer.
    pub passed: bool,
    /// Since when it is paused.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    pub paused: Option<String>,
    /// How often it was extended.
    pub extended: u32,
    /// The office that must act.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub office: Option<String>,
    /// The legal basis the file names.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub basis: Option<String>,
    /// How the limit was found, in words.
    pub words: String,
    /// How the limit was found, day by day.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub explanation: Option<ExplanationWire>,
}

/// A count of days.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Explanation)]
pub struct ExplanationWire {
    /// The calendar used, with its version.
    pub calendar: String,
    /// The zone in which days were counted.
    pub zone: String,
    /// The beginning on the wall clock of the zone.
    pub start_local: String,
    /// Every day, in order.
    pub days: Vec<DayWire>,
    /// Why the limit was moved, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub moved_because: Option<String>,
    /// The limit on the wall clock of the zone.
    pub due_local: String,
}

/// One day of a count.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Day)]
pub struct DayWire {
    /// The day, in the zone of the calendar.
    #[schema(format = Date)]
    pub date: String,
    /// Its English name.
    pub weekday: &'static str,
    /// `start-excluded`, `counted`, `not-working`, `limit` or `moved-to`.
    pub verdict: &'static str,
    /// 1 for the first day that counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub number: Option<u32>,
    /// The holiday or the free weekday.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<String>,
}

impl From<Explanation> for ExplanationWire {
    fn from(explanation: Explanation) -> Self {
        let day = |line: qadiya_domain::calendar::DayLine| {
            let (verdict, number, reason) = match line.verdict {
                DayVerdict::StartExcluded => ("start-excluded", None, None),
                DayVerdict::Counted { number } => ("counted", Some(number), None),
                DayVerdict::NotWorking { reason } => ("not-working", None, Some(reason)),
                DayVerdict::Limit => ("limit", None, None),
                DayVerdict::MovedTo => ("moved-to", None, None),
            };
            DayWire { date: text(line.date), weekday: line.weekday, verdict, number, reason }
        };
        Self {
            calendar: format!("{} v{}", explanation.calendar.name, explanation.calendar.version),
            zone: explanation.zone,
            start_local: text(explanation.start_local),
            days: explanation.days.into_iter().map(day).collect(),
            moved_because: explanation.moved.map(|moved| moved.reason),
            due_local: text(explanation.due_local),
        }
    }
}

impl From<DeadlineView> for DeadlineWire {
    fn from(view: DeadlineView) -> Self {
        Self {
            clock: view.clock,
            title: view.title,
            since: at(view.since),
            due: maybe_at(view.due),
            next: maybe_at(view.next),
            step: view.step,
            passed: view.passed,
            paused: maybe_at(view.paused),
            extended: view.extended,
            office: view.office.map(text),
            basis: view.basis,
            words: view.words,
            explanation: view.explanation.map(ExplanationWire::from),
        }
    }
}

/// Explains the running clocks of a case.
#[utoipa::path(
    get, path = "/cases/{ref}/deadlines", tag = "cases", operation_id = "read_deadlines",
    params(("ref" = String, Path, description = "Case number, alias or id", min_length = 1, max_length = 200)),
    responses((status = 200, description = "Running clocks.", body = Deadlines), ReadProblems),
)]
pub async fn show(
    State(app): State<App>,
    asker: Asker,
    path: PathParts,
    params: Params,
) -> Result<Response, Problem> {
    params.end()?;
    let views = app.engine.deadlines(&asker.0, path.text("ref")?).await?;
    Ok(answer::ok(Deadlines { items: views.into_iter().map(DeadlineWire::from).collect() }))
}
