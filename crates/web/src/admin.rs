//! Administration: officials, appointments, tokens, metrics. It has a listener of its own (TRUST S36).

pub mod metrics;
pub mod officials;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::app::App;

/// Everything on the listener of administrators.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(metrics::read))
        .routes(routes!(officials::name))
        .routes(routes!(officials::appoint))
        .routes(routes!(officials::end))
        .routes(routes!(officials::issue))
        .routes(routes!(officials::revoke))
}
