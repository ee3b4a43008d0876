//! Who calls: API tokens as bearer credentials, deny by default.
//!
//! The gate stands before every route. It looks the route up in [`crate::policy`], recognises the caller, and hands the
//! handler a [`Viewer`]; without a rule and a known caller nothing behind it runs, and no body is read.

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::Response;
use qadiya_domain::actor::Actor;
use qadiya_domain::name::Name;
use qadiya_engine::authorize::{Denied, Principal};
use qadiya_engine::query::Viewer;
use unicode_normalization::is_nfc;
use uuid::Uuid;

use crate::app::App;
use crate::outermost::RequestId;
use crate::policy::{Found, Policy, find};
use crate::problem::{Code, Problem};

/// The header that chooses one of the caller's capacities.
pub const ROLE: &str = "qadiya-role";
/// The header that says why a case is looked at.
pub const PURPOSE: &str = "qadiya-purpose";
/// The longest purpose, in characters.
const LONGEST_PURPOSE: usize = 200;

/// Lets a request through to its handler, or answers it.
pub async fn gate(State(app): State<App>, mut request: Request, next: Next) -> Result<Response, Problem> {
    let Some(path) = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned()) else {
        // No route: the fallback says so. Nothing else is behind it.
        return Ok(next.run(request).await);
    };
    let policy = match find(request.method(), &path) {
        Found::Rule(policy) => policy,
        Found::Methods(methods) => return Err(Problem::new(Code::Method).with_allow(&methods)),
        Found::Nothing => {
            tracing::error!(route = path, "a route without a policy was called and denied");
            return Err(Problem::new(Code::Unauthenticated));
        }
    };
    if policy == Policy::Open {
        return Ok(next.run(request).await);
    }
    let id = request.extensions().get::<RequestId>().map_or(Uuid::nil(), |id| id.0);
    let bearer = bearer(request.headers()).ok_or_else(|| Problem::new(Code::Unauthenticated))?.to_owned();
    let principal = app.engine.authenticate(&bearer).await.map_err(|denied| refused(&denied))?;
    let role = role(request.headers())?;
    let purpose = purpose(request.headers())?;
    let now = app.engine.clock().now();
    match policy {
        Policy::Open | Policy::Known => {}
        Policy::Appointed => {
            let holds = match &role {
                None => principal.holds_any(now),
                Some(role) => principal.usable().any(|held| held.role == *role && held.is_valid(now)),
            };
            if !holds {
                return Err(Problem::new(Code::Forbidden)
                    .with_detail("the official behind the token holds no such capacity today"));
            }
        }
        Policy::Administrator => {
            principal.administrator(now).map_err(|denied| refused(&denied))?;
        }
    }
    let route = format!("{} {path}", request.method());
    request.extensions_mut().insert(Asker(Viewer { principal, role, purpose, request: id, route }));
    Ok(next.run(request).await)
}

/// The token after `Bearer`, if there is exactly one such header.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let only = all.next()?.to_str().ok()?;
    if all.next().is_some() {
        return None;
    }
    let (scheme, token) = only.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && token.len() <= 512).then_some(token)
}

/// One answer for every credential that opens nothing, so that nobody learns which tokens exist.
fn refused(denied: &Denied) -> Problem {
    match denied {
        Denied::Unknown | Denied::Expired | Denied::Nameless => Problem::new(Code::Unauthenticated),
        Denied::Capacity(capacity) => {
            Problem::new(Code::Forbidden).with_detail(format!("this needs the capacity {capacity}"))
        }
        Denied::Store(error) => {
            tracing::warn!(error = %error, "the directory cannot be read");
            Problem::new(Code::Unavailable)
        }
        Denied::Broken(error) => {
            tracing::error!(error = %error, "the directory cannot be read");
            Problem::new(Code::Internal)
        }
        Denied::Damaged { official, .. } => {
            tracing::error!(official = %official, "the record of an official is damaged");
            Problem::new(Code::Internal)
        }
    }
}

fn role(headers: &HeaderMap) -> Result<Option<Name>, Problem> {
    let Some(value) = headers.get(ROLE) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    Name::new(text).map(Some).map_err(|_| {
        Problem::field(Code::Header, "Qadiya-Role", "expected the name of a capacity, such as `judge`")
    })
}

fn purpose(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(PURPOSE) else { return Ok(None) };
    let text = std::str::from_utf8(value.as_bytes()).unwrap_or_default().trim();
    let fits = !text.is_empty()
        && text.chars().count() <= LONGEST_PURPOSE
        && is_nfc(text)
        && !text.chars().any(char::is_control);
    if fits {
        return Ok(Some(text.to_owned()));
    }
    let message = format!("expected 1 to {LONGEST_PURPOSE} characters of UTF-8 text in normalization form C");
    Err(Problem::field(Code::Header, "Qadiya-Purpose", message))
}

/// The caller that the gate recognised.
#[derive(Debug, Clone)]
pub struct Asker(pub Viewer);

impl Asker {
    /// Who is behind the credential.
    pub fn principal(&self) -> &Principal {
        &self.0.principal
    }

    /// The caller as administrator.
    ///
    /// # Errors
    /// 403 for everybody else.
    pub fn administrator(&self, app: &App) -> Result<Actor, Problem> {
        self.0.principal.administrator(app.engine.clock().now()).map_err(|denied| refused(&denied))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Asker {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Problem::new(Code::Unauthenticated))
    }
}
