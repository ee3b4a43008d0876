//! How people and programs speak to the engine: the JSON API with its OpenAPI document.
//!
//! This crate must not know SQL, stores, workers or the rules of a case: a handler reads the request, calls the engine
//! once, and writes the answer. What is right is decided behind that call.
//!
//! * [`policy`]: every route and who may call it; what does not stand there is not served.
//! * [`api`], [`admin`]: one file for each kind of thing, with its wire types and its documentation.
//! * [`json`], [`extract`]: reading requests strictly, naming the field that is wrong.
//! * [`problem`], [`faults`]: every answer that is not the thing asked for (RFC 9457).
//! * [`mod@serve`]: the listener with its limits.
//!
//! To add an endpoint: wire types, handler and documentation in one file of `api/`, one line in `api.rs`, one in
//! `policy.rs`, a test file, a row in the matrix of routes and roles, `cargo dev schema` for the document.

pub mod admin;
pub mod answer;
pub mod api;
pub mod app;
pub mod auth;
pub mod extract;
pub mod faults;
pub mod inside;
pub mod json;
pub mod outermost;
pub mod policy;
pub mod problem;
pub mod serve;
pub mod settings;
pub mod telemetry;
pub mod wire;

use axum::Router;
use axum::middleware::from_fn_with_state;
use qadiya_engine::Engine;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi as _;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;

use app::App;

pub use serve::serve;
pub use settings::WebSettings;

/// The head of the OpenAPI document.
#[derive(Debug, utoipa::OpenApi)]
#[openapi(
    info(
        title = "Qadiya",
        version = "1",
        description = "Cases of detained people: who must act, until when, on which basis. Every answer that is not the thing \
                       asked for is a problem (RFC 9457) whose `type` is an address of this server.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    components(schemas(problem::ProblemBody)),
    security(("token" = [])),
)]
struct Head;

fn documented() -> (OpenApiRouter<App>, OpenApiRouter<App>) {
    let public =
        OpenApiRouter::with_openapi(Head::openapi()).nest("/api/v1", api::routes()).merge(api::open_routes());
    (public, admin::routes())
}

/// The OpenAPI document of everything that is served, administration included.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let (public, admin) = documented();
    let mut document = public.merge(admin).into_openapi();
    let token = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("An API token. It was shown once, when it was issued."))
        .build();
    let components = document.components.get_or_insert_default();
    components.security_schemes.insert("token".to_owned(), SecurityScheme::Http(token).into());
    document
}

fn dressed(routes: OpenApiRouter<App>, app: App) -> Router {
    let (router, _) = routes.split_for_parts();
    router
        .fallback(outermost::no_such_address)
        .layer(from_fn_with_state(app.clone(), auth::gate))
        .layer(CatchPanicLayer::custom(outermost::panicked))
        .layer(from_fn_with_state(app.clone(), outermost::outermost))
        .with_state(app)
}

/// What anybody on the network may reach.
pub fn router(engine: Engine, settings: WebSettings) -> Router {
    let app = App::new(engine, settings);
    telemetry::recorder();
    dressed(documented().0, app)
}

/// What only administrators may reach: to be served on a listener of its own.
pub fn admin_router(engine: Engine, settings: WebSettings) -> Router {
    let app = App::new(engine, settings);
    telemetry::recorder();
    dressed(documented().1, app)
}
