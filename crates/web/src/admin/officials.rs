//! Officials, their appointments and their tokens.

use axum::extract::State;
use axum::response::Response;
use qadiya_domain::ids::{AppointmentId, OfficialId, TokenId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::answer;
use crate::app::App;
use crate::auth::Asker;
use crate::extract::{Body, Key, KeyHeader, PathParts};
use crate::json::Fields;
use crate::problem::{Problem, WriteProblems};

/// An official to make known.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OfficialInput {
    /// The name; officials act in the open.
    #[schema(min_length = 1, max_length = 1000, example = "Judge One (synthetic)")]
    pub name: String,
}

/// A capacity to give for a time.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AppointmentInput {
    /// The capacity.
    #[schema(pattern = "^[a-z][a-z0-9-]*$", min_length = 1, max_length = 1000)]
    pub role: String,
    /// Only for cases of this workflow.
    #[schema(nullable = false, pattern = "^[a-z][a-z0-9-]*$", max_length = 1000)]
    pub workflow: Option<String>,
    /// The paper that gives it.
    #[schema(min_length = 1, max_length = 1000)]
    pub instrument: String,
    /// From this instant; now when missing.
    #[schema(nullable = false, format = DateTime)]
    pub from: Option<String>,
    /// Until before this instant.
    #[schema(nullable = false, format = DateTime)]
    pub until: Option<String>,
}

/// The end of an appointment.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndInput {
    /// When it ends; now when missing.
    #[schema(nullable = false, format = DateTime)]
    pub until: Option<String>,
    /// The paper that ends it.
    #[schema(min_length = 1, max_length = 1000)]
    pub instrument: String,
}

/// A token to issue.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenInput {
    /// What it is for.
    #[schema(min_length = 1, max_length = 1000)]
    pub title: String,
    /// It belongs to a program: clerical commands only.
    #[schema(nullable = false)]
    pub service: Option<bool>,
    /// Only these capacities of the official.
    #[schema(nullable = false)]
    pub roles: Option<Vec<String>>,
    /// Not from this instant on.
    #[schema(nullable = false, format = DateTime)]
    pub expires: Option<String>,
}

/// The id of something new, or of something that ended.
#[derive(Debug, Serialize, ToSchema)]
pub struct Noted {
    /// Its id.
    #[schema(format = Uuid)]
    pub id: String,
}

/// A new token. Its secret is shown once and kept nowhere.
#[derive(Debug, Serialize, ToSchema)]
pub struct Issued {
    /// Its id, by which it can be revoked.
    #[schema(format = Uuid)]
    pub id: String,
    /// The secret: send it as `Authorization: Bearer`. Missing when the same was asked before under the same key: no second
    /// token was made. Whoever has lost the secret revokes the token and asks for another one under a new key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub secret: Option<String>,
    /// The token was issued before under the same key, and its secret was shown then.
    pub shown_before: bool,
}

/// Makes an official known.
#[utoipa::path(
    post, path = "/admin/officials", tag = "administration", operation_id = "name_official", params(KeyHeader),
    request_body = OfficialInput,
    responses((status = 201, description = "Known.", body = Noted), WriteProblems),
)]
pub async fn name(State(app): State<App>, asker: Asker, key: Key, body: Body) -> Result<Response, Problem> {
    let by = asker.administrator(&app)?;
    let once = key.bind(&app, &asker, &[&body.told()]);
    let mut fields = Fields::of(body.0, "")?;
    let name = fields.text("name");
    let name = fields.need("name", name);
    let name = fields.end(name)?;
    let id = app.engine.name_official((&by, &once), &name).await?;
    Ok(answer::created(&format!("/admin/officials/{id}"), Noted { id: id.to_string() }))
}

/// Gives an official a capacity for a time.
#[utoipa::path(
    post, path = "/admin/officials/{id}/appointments", tag = "administration", operation_id = "appoint",
    params(("id" = String, Path, description = "The official", min_length = 1, max_length = 200), KeyHeader),
    request_body = AppointmentInput,
    responses((status = 201, description = "Appointed.", body = Noted), WriteProblems),
)]
pub async fn appoint(
    State(app): State<App>,
    asker: Asker,
    key: Key,
    path: PathParts,
    body: Body,
) -> Result<Response, Problem> {
    let by = asker.administrator(&app)?;
    let once = key.bind(&app, &asker, &[&body.told()]);
    let official = OfficialId(path.id("id")?);
    let mut fields = Fields::of(body.0, "")?;
    let role = fields.name("role");
    let role = fields.need("role", role);
    let workflow = fields.name("workflow");
    let instrument = fields.text("instrument");
    let instrument = fields.need("instrument", instrument);
    let from = fields.instant("from");
    let until = fields.instant("until");
    let (role, instrument) = fields.end(role.zip(instrument))?;
    let from = from.unwrap_or_else(|| app.engine.clock().now());
    let id = app.engine.appoint((&by, &once), official, role, workflow, &instrument, from, until).await?;
    let place = format!("/admin/officials/{official}/appointments/{id}");
    Ok(answer::created(&place, Noted { id: id.to_string() }))
}

/// Ends an appointment earlier than it said.
#[utoipa::path(
    post, path = "/admin/officials/{id}/appointments/{appointment}/end", tag = "administration",
    operation_id = "end_appointment",
    params(
        ("id" = String, Path, description = "The official", min_length = 1, max_length = 200),
        ("appointment" = String, Path, description = "The appointment", min_length = 1, max_length = 200),
        KeyHeader,
    ),
    request_body = EndInput,
    responses((status = 200, description = "It ends then.", body = Noted), WriteProblems),
)]
pub async fn end(
    State(app): State<App>,
    asker: Asker,
    key: Key,
    path: PathParts,
    body: Body,
) -> Result<Response, Problem> {
    let by = asker.administrator(&app)?;
    let once = key.bind(&app, &asker, &[&body.told()]);
    let official = OfficialId(path.id("id")?);
    let appointment = AppointmentId(path.id("appointment")?);
    let mut fields = Fields::of(body.0, "")?;
    let until = fields.instant("until");
    let instrument = fields.text("instrument");
    let instrument = fields.need("instrument", instrument);
    let instrument = fields.end(instrument)?;
    let until = until.unwrap_or_else(|| app.engine.clock().now());
    app.engine.end_appointment((&by, &once), official, appointment, until, &instrument).await?;
    Ok(answer::ok(Noted { id: appointment.to_string() }))
}

/// Issues a token. The secret is in the first answer only; the same key again makes no second token.
#[utoipa::path(
    post, path = "/admin/officials/{id}/tokens", tag = "administration", operation_id = "issue_token",
    params(("id" = String, Path, description = "The official", min_length = 1, max_length = 200), KeyHeader),
    request_body = TokenInput,
    responses((status = 201, description = "Issued.", body = Issued), WriteProblems),
)]
pub async fn issue(
    State(app): State<App>,
    asker: Asker,
    key: Key,
    path: PathParts,
    body: Body,
) -> Result<Response, Problem> {
    let by = asker.administrator(&app)?;
    let once = key.bind(&app, &asker, &[&body.told()]);
    let official = OfficialId(path.id("id")?);
    let mut fields = Fields::of(body.0, "")?;
    let title = fields.text("title");
    let title = fields.need("title", title);
    let service = fields.flag("service");
    let roles = fields.names("roles");
    let expires = fields.instant("expires");
    let title = fields.end(title)?;
    let issued = app.engine.issue_token_once(&by, &once, official, service, roles, expires, &title);
    let (id, secret) = issued.await?;
    let place = format!("/admin/officials/{official}/tokens/{id}");
    let secret = secret.map(|secret| secret.expose().to_owned());
    let shown_before = secret.is_none();
    Ok(answer::created(&place, Issued { id: id.to_string(), secret, shown_before }))
}

/// Revokes a token; it opens nothing from this answer on.
#[utoipa::path(
    post, path = "/admin/officials/{id}/tokens/{token}/revoke", tag = "administration", operation_id = "revoke_token",
    params(
        ("id" = String, Path, description = "The official", min_length = 1, max_length = 200),
        ("token" = String, Path, description = "The token", min_length = 1, max_length = 200),
        KeyHeader,
    ),
    responses((status = 200, description = "Revoked.", body = Noted), WriteProblems),
)]
pub async fn revoke(
    State(app): State<App>,
    asker: Asker,
    key: Key,
    path: PathParts,
) -> Result<Response, Problem> {
    let by = asker.administrator(&app)?;
    let once = key.bind(&app, &asker, &[]);
    let official = OfficialId(path.id("id")?);
    let token = TokenId(path.id("token")?);
    app.engine.revoke_token((&by, &once), official, token).await?;
    Ok(answer::ok(Noted { id: token.to_string() }))
}
