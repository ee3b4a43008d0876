//! Reading requests: bodies, parameters, headers. Every fault names its field.

use std::collections::BTreeMap;

use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use qadiya_domain::name::Name;
use qadiya_engine::once::Once;
use qadiya_ledger::{Value, canonical};
use uuid::Uuid;

use crate::app::App;
use crate::auth::Asker;
use crate::json::{self, fields::nearest};
use crate::problem::{Code, FieldFault, Problem};

/// The most that a page may hold.
pub const LARGEST_PAGE: u32 = 200;
/// What a page holds when nothing is said.
pub const USUAL_PAGE: u32 = 50;
/// The largest number that every reader of JSON keeps exactly.
const LARGEST_NUMBER: u64 = 9_007_199_254_740_991;
/// The longest reference, key or cursor.
const LONGEST_WORD: usize = 200;

/// A JSON body.
#[derive(Debug)]
pub struct Body(pub Value);

impl FromRequest<App> for Body {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        media_type(request.headers(), &["application/json"])?;
        let bytes = bytes(request, app, app.settings.body_limit).await?;
        json::read(&bytes).map(Self)
    }
}

impl Body {
    /// The bytes by which two bodies are told apart, whatever the order of their members.
    pub fn told(&self) -> Vec<u8> {
        canonical::to_bytes(&self.0)
    }
}

/// A body as bytes, for a file.
///
/// # Errors
/// 413, 408.
pub async fn bytes(request: Request, app: &App, limit: usize) -> Result<Bytes, Problem> {
    let announced = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let too_large =
        || Problem::new(Code::TooLarge).with_detail(format!("at most {limit} bytes are read here"));
    if announced.and_then(|length| length.parse::<usize>().ok()).is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    match tokio::time::timeout(app.settings.body_time, to_bytes(request.into_body(), limit)).await {
        Err(_) => Err(Problem::new(Code::Timeout)),
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) => {
            let mut source = std::error::Error::source(&error);
            while let Some(inner) = source {
                if inner.to_string().contains("length limit") {
                    return Err(too_large());
                }
                source = inner.source();
            }
            Err(Problem::field(Code::Malformed, "", "the body ended early"))
        }
    }
}

/// Holds the header `Content-Type` to one of these types and returns which; parameters other than a UTF-8 charset are
/// refused.
///
/// # Errors
/// 415.
pub fn media_type(headers: &HeaderMap, types: &[&'static str]) -> Result<&'static str, Problem> {
    let wrong = || {
        Problem::new(Code::MediaType)
            .with_detail(format!("send the header Content-Type: {}", types.join(" or ")))
    };
    let mut all = headers.get_all(header::CONTENT_TYPE).iter();
    let given = all.next().and_then(|value| value.to_str().ok()).ok_or_else(wrong)?;
    if all.next().is_some() {
        return Err(wrong());
    }
    let (kind, parameters) = given.split_once(';').unwrap_or((given, ""));
    let parameters = parameters.trim().to_ascii_lowercase().replace('"', "");
    if !(parameters.is_empty() || parameters == "charset=utf-8") {
        return Err(wrong());
    }
    let kind = kind.trim().to_ascii_lowercase();
    types.iter().find(|known| **known == kind).copied().ok_or_else(wrong)
}

/// Parts of the path, by name.
#[derive(Debug)]
pub struct PathParts(BTreeMap<String, String>);

impl<S: Send + Sync> FromRequestParts<S> for PathParts {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read = Path::<BTreeMap<String, String>>::from_request_parts(parts, state).await;
        read.map(|Path(parts)| Self(parts))
            .map_err(|_| Problem::field(Code::Parameter, "path", "the path is not UTF-8 text"))
    }
}

impl PathParts {
    /// A part as text. What can name nothing is not found.
    ///
    /// # Errors
    /// 404.
    pub fn text(&self, name: &str) -> Result<&str, Problem> {
        let text = self.0.get(name).map_or("", String::as_str);
        if text.is_empty() || text.len() > LONGEST_WORD || text.chars().any(char::is_control) {
            return Err(Problem::new(Code::NotFound));
        }
        Ok(text)
    }

    /// A part as id; what is none names nothing.
    ///
    /// # Errors
    /// 404.
    pub fn id(&self, name: &str) -> Result<Uuid, Problem> {
        self.text(name)?.parse().map_err(|_| Problem::new(Code::NotFound))
    }

    /// A part as name; what is none names nothing.
    ///
    /// # Errors
    /// 404.
    pub fn name(&self, name: &str) -> Result<Name, Problem> {
        Name::new(self.text(name)?).map_err(|_| Problem::new(Code::NotFound))
    }
}

/// Query parameters: each at most once, and only known ones.
#[derive(Debug)]
pub struct Params {
    given: BTreeMap<String, String>,
    known: Vec<&'static str>,
    faults: Vec<FieldFault>,
}

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map_err(|_| Problem::field(Code::Parameter, "query", "expected NAME=VALUE pairs in UTF-8"))?;
        let mut params = Self { given: BTreeMap::new(), known: Vec::new(), faults: Vec::new() };
        for (name, value) in pairs.0 {
            if params.given.insert(name.clone(), value).is_some() {
                params.fault(&name, "is given twice");
            }
        }
        Ok(params)
    }
}

impl Params {
    /// A parameter as text.
    pub fn text(&mut self, name: &'static str) -> Option<String> {
        self.known.push(name);
        let text = self.given.remove(name)?;
        if text.is_empty() || text.len() > LONGEST_WORD || text.chars().any(char::is_control) {
            self.fault(name, &format!("expected 1 to {LONGEST_WORD} bytes of text"));
            return None;
        }
        Some(text)
    }

    /// Says that a parameter must be there, unless something else is already wrong with it.
    pub fn missing(&mut self, name: &str) {
        if !self.faults.iter().any(|fault| fault.field == name) {
            self.fault(name, "is missing");
        }
    }

    /// A parameter as name.
    pub fn name(&mut self, name: &'static str) -> Option<Name> {
        let text = self.text(name)?;
        let read = Name::new(&text).ok();
        if read.is_none() {
            self.fault(name, "expected lower-case letters, digits and hyphens, beginning with a letter");
        }
        read
    }

    /// A parameter as flag: `true` or `false`.
    pub fn flag(&mut self, name: &'static str) -> Option<bool> {
        match self.text(name)?.as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => {
                self.fault(name, "expected true or false");
                None
            }
        }
    }

    /// A parameter as id.
    pub fn id(&mut self, name: &'static str) -> Option<Uuid> {
        let read = self.text(name)?.parse().ok();
        if read.is_none() {
            self.fault(name, "expected an id of 32 hexadecimal digits with hyphens");
        }
        read
    }

    /// A parameter as number from 0.
    pub fn natural(&mut self, name: &'static str) -> Option<u64> {
        let text = self.text(name)?;
        let digits = text.len() <= 16 && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(number) if digits && number <= LARGEST_NUMBER => Some(number),
            Ok(_) | Err(_) => {
                self.fault(name, "expected a whole number from 0 to 2^53 - 1");
                None
            }
        }
    }

    /// How many things a page shall hold: `limit`.
    pub fn limit(&mut self) -> u32 {
        match self.natural("limit") {
            None => USUAL_PAGE,
            Some(number) => match u32::try_from(number) {
                Ok(number @ 1..=LARGEST_PAGE) => number,
                Ok(_) | Err(_) => {
                    self.fault("limit", &format!("expected 1 to {LARGEST_PAGE}"));
                    USUAL_PAGE
                }
            },
        }
    }

    /// Notes what is wrong with a parameter.
    pub fn fault(&mut self, name: &str, message: &str) {
        let fault = FieldFault { field: name.to_owned(), message: message.to_owned(), nearest: None };
        self.faults.push(fault);
    }

    /// Ends the reading: unknown parameters and all faults are answered at once.
    ///
    /// # Errors
    /// 400 with every fault.
    pub fn end(mut self) -> Result<(), Problem> {
        for name in self.given.keys() {
            self.faults.push(FieldFault {
                field: name.chars().take(64).collect(),
                message: "is not known here".to_owned(),
                nearest: nearest(name, self.known.iter().copied()).map(ToOwned::to_owned),
            });
        }
        if self.faults.is_empty() {
            return Ok(());
        }
        Err(Problem::new(Code::Parameter).with_fields(self.faults))
    }
}

/// The header of every write.
#[derive(Debug, utoipa::IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "the field documents the header; `Key` reads it")]
pub struct KeyHeader {
    /// Chosen once for each act. The same request under it is done once; another one is refused with 422.
    #[param(rename = "Idempotency-Key", min_length = 1, max_length = 128, pattern = "^[!-~]+$")]
    key: String,
}

/// The key of a write, with the address it was sent to.
#[derive(Debug)]
pub struct Key {
    key: String,
    place: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Key {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self { key: idempotency_key(&parts.headers)?, place: parts.uri.path().to_owned() })
    }
}

impl Key {
    /// The key of this caller, bound to the address and to what was sent.
    pub fn bind(&self, app: &App, asker: &Asker, sent: &[&[u8]]) -> Once {
        let asked: Vec<&[u8]> = [self.place.as_bytes()].into_iter().chain(sent.iter().copied()).collect();
        app.engine.once(asker.principal(), &self.key, &asked)
    }
}

/// `Idempotency-Key`: chosen by the client, once for each act.
///
/// # Errors
/// 400 when it is missing or not 1 to 128 visible ASCII characters.
pub fn idempotency_key(headers: &HeaderMap) -> Result<String, Problem> {
    let mut all = headers.get_all("idempotency-key").iter();
    let message = match (all.next(), all.next()) {
        (Some(_), Some(_)) => "is given twice",
        (None, _) => "is missing; choose one for each act and send it again when you try again",
        (Some(value), None) => match value.to_str() {
            Ok(text) if is_key(text) => return Ok(text.to_owned()),
            Ok(_) | Err(_) => "expected 1 to 128 visible ASCII characters",
        },
    };
    Err(Problem::field(Code::Header, "Idempotency-Key", message))
}

/// Whether a text can be a key: 1 to 128 visible ASCII characters.
pub fn is_key(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// `If-Match`: the version that the client has seen, as its `ETag`.
///
/// # Errors
/// 400 when it is not one strong tag of ours.
pub fn if_match(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let mut all = headers.get_all(header::IF_MATCH).iter();
    let Some(value) = all.next() else { return Ok(None) };
    let version = value
        .to_str()
        .ok()
        .and_then(|text| text.strip_prefix('"')?.strip_suffix('"'))
        .filter(|digits| (1..=16).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|digits| digits.parse().ok());
    match (version, all.next()) {
        (Some(version), None) => Ok(Some(version)),
        (Some(_) | None, _) => {
            Err(Problem::field(Code::Header, "If-Match", "expected one ETag as it was given, such as \"7\""))
        }
    }
}

/// Whether the client asks for an answer before the work is done (`Prefer: respond-async`, RFC 7240).
pub fn prefers_async(headers: &HeaderMap) -> bool {
    headers
        .get_all("prefer")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|preference| preference.trim().eq_ignore_ascii_case("respond-async"))
}
