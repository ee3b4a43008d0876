//! The JSON API: one file for each kind of thing. Handlers are registered through `routes!` only, so that what is served
//! and what is documented cannot differ; a handler reads the request, calls the engine once, writes the answer.

pub mod batch;
pub mod cases;
pub mod commands;
pub mod deadlines;
pub mod feed;
pub mod health;
pub mod help;
pub mod incidents;
pub mod ledger;
pub mod log;
pub mod manifests;
pub mod operations;
pub mod oversight;
pub mod stages;
pub mod work;
pub mod workflows;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::app::App;

/// Everything under `/api/v1`.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(cases::list, cases::open))
        .routes(routes!(cases::show))
        .routes(routes!(commands::list, commands::perform))
        .routes(routes!(log::show))
        .routes(routes!(deadlines::show))
        .routes(routes!(batch::submit))
        .routes(routes!(stages::count))
        .routes(routes!(stages::show))
        .routes(routes!(work::list))
        .routes(routes!(operations::show))
        .routes(routes!(workflows::list, workflows::publish))
        .routes(routes!(workflows::show))
        .routes(routes!(workflows::activate))
        .routes(routes!(workflows::withdraw))
        .routes(routes!(manifests::list, manifests::import))
        .routes(routes!(manifests::show))
        .routes(routes!(manifests::refused))
        .routes(routes!(manifests::close))
        .routes(routes!(feed::read))
        .routes(routes!(ledger::checkpoint))
        .routes(routes!(oversight::show))
        .routes(routes!(incidents::list))
        .routes(routes!(incidents::retry))
}

/// What stands outside `/api`.
pub fn open_routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(help::openapi))
        .routes(routes!(help::error))
}
