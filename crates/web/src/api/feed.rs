//! The feed: events in the order of the log, from a position on.

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::answer;
use crate::api::log::event_json;
use crate::app::App;
use crate::auth::Asker;
use crate::extract::Params;
use crate::problem::{Problem, ReadProblems};
use crate::wire::text;

/// Which part of the feed.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the fields document the parameters; `Params` reads them")]
pub struct FeedParams {
    /// The number in the log to begin with; 0 when missing.
    #[param(nullable = false, minimum = 0, maximum = 9_007_199_254_740_991_i64)]
    from: Option<u64>,
    /// How many entries of the log are looked at.
    #[param(nullable = false, minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

/// A page of the feed.
#[derive(Debug, Serialize, ToSchema)]
pub struct Feed {
    /// Events of cases that the caller may see.
    pub events: Vec<FeedWire>,
    /// Send it as `from` to go on. It moves even where nothing may be seen.
    pub next: u64,
    /// How many entries the log has.
    pub size: u64,
}

/// An event of the feed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FeedEvent)]
pub struct FeedWire {
    /// Its number in the log.
    pub index: u64,
    /// The stream of the case.
    #[schema(format = Uuid)]
    pub stream: String,
    /// Its number in the case.
    pub seq: u64,
    /// The hash of its canonical bytes.
    pub hash: String,
    /// The event; protected values stand in it as commitments. Missing where it is damaged.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object, nullable = false)]
    pub event: Option<serde_json::Value>,
    /// The event is missing or is not the one that was logged; an incident shows it.
    pub damaged: bool,
}

/// Reads events from a position on.
#[utoipa::path(
    get, path = "/feed", tag = "feed", operation_id = "read_feed", params(FeedParams),
    responses((status = 200, description = "A page.", body = Feed), ReadProblems),
)]
pub async fn read(State(app): State<App>, asker: Asker, mut params: Params) -> Result<Response, Problem> {
    let from = params.natural("from").unwrap_or_default();
    let limit = params.limit();
    params.end()?;
    let page = app.engine.feed(&asker.0, from, limit).await?;
    let event = |event: qadiya_engine::query::FeedEvent| -> Result<FeedWire, Problem> {
        Ok(FeedWire {
            index: event.index,
            stream: text(event.stream),
            seq: event.seq,
            hash: text(event.hash),
            damaged: event.bytes.is_none(),
            event: event.bytes.as_deref().map(event_json).transpose()?,
        })
    };
    let events = page.events.into_iter().map(event).collect::<Result<Vec<_>, _>>()?;
    Ok(answer::ok(Feed { events, next: page.next, size: page.size }))
}
