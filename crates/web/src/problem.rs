//! Every answer that is not the thing asked for: problem details (RFC 9457).
//!
//! A handler returns a [`Problem`]; the outermost layer writes the body, so that every problem carries the id of its
//! request. Nothing of SQL, paths or personal values enters: texts are written here or come from refusals, which are
//! made of words of the workflow file.

pub mod code;

use std::collections::BTreeMap;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use qadiya_domain::case::{Refusal, Refusals};
use qadiya_domain::workflow::Finding;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::{Content, Ref, RefOr, Response as Documented};
use uuid::Uuid;

pub use code::Code;

/// The media type of problems.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// A problem on its way to the outermost layer.
#[derive(Debug, Clone)]
pub struct Problem {
    code: Code,
    body: Box<Details>,
    retry_after: Option<u32>,
    allow: Option<HeaderValue>,
}

#[derive(Debug, Clone, Default)]
struct Details {
    detail: Option<String>,
    refusals: Vec<RefusalWire>,
    fields: Vec<FieldFault>,
    findings: Vec<FindingWire>,
    found_version: Option<u64>,
    changed: Vec<String>,
}

/// A problem as it is sent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// `/help/errors/<code>`: an address of this server.
    #[serde(rename = "type")]
    #[schema(example = "/help/errors/refused")]
    pub kind: String,
    /// The same for every problem of this type.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The stable word for the kind of problem.
    #[schema(example = "refused")]
    pub code: &'static str,
    /// What is wrong this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub detail: Option<String>,
    /// The id of the request, `urn:uuid:…`; also in `X-Request-Id`.
    pub instance: String,
    /// Every reason why an act may not be done.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub refusals: Vec<RefusalWire>,
    /// Fields, parameters or headers that are not right.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub fields: Vec<FieldFault>,
    /// Faults of a workflow file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub findings: Vec<FindingWire>,
    /// The version the case is at, for a conflict.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub found_version: Option<u64>,
    /// What was done to the case since the version that the client had seen.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub changed: Vec<String>,
}

/// One reason why an act may not be done.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Refusal)]
pub struct RefusalWire {
    /// Which test failed.
    #[schema(example = "papers")]
    pub code: String,
    /// The command, field, paper, track or rule it is about.
    #[schema(example = "detention-order")]
    pub about: String,
    /// In English.
    pub message: String,
    /// The legal basis the workflow file names.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub basis: Option<String>,
    /// Who can supply what is missing.
    pub who: Vec<String>,
    /// The parts of the message, for translation.
    pub with: BTreeMap<String, String>,
}

/// A field that is not right.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FieldFault {
    /// Where: a JSON pointer (RFC 6901), the name of a parameter, or the name of a header.
    #[schema(example = "/records/0/fields")]
    pub field: String,
    /// What is wrong, without the value that was sent.
    pub message: String,
    /// The nearest name that is known here.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub nearest: Option<String>,
}

/// A fault of a workflow file, or a remark.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Finding)]
pub struct FindingWire {
    /// Which check.
    pub check: String,
    /// `error`, `warning` or `info`.
    pub severity: String,
    /// Line in the file, from 1; 0 for the file as a whole.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
    /// The state, command or deadline it is about.
    pub about: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub hint: Option<String>,
    /// The reason with which the file accepts it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub accepted: Option<String>,
}

impl From<&Refusal> for RefusalWire {
    fn from(refusal: &Refusal) -> Self {
        Self {
            code: refusal.code.to_string(),
            about: refusal.about.clone(),
            message: refusal.message.clone(),
            basis: refusal.basis.clone(),
            who: refusal.who.iter().map(ToString::to_string).collect(),
            with: refusal.with.clone(),
        }
    }
}

impl From<&Finding> for FindingWire {
    fn from(finding: &Finding) -> Self {
        Self {
            check: finding.check.to_string(),
            severity: finding.check.severity().to_string(),
            line: finding.place.line,
            column: finding.place.column,
            about: finding.at.clone(),
            message: finding.message.clone(),
            hint: finding.hint.clone(),
            accepted: finding.accepted.clone(),
        }
    }
}

impl Problem {
    /// A problem of a kind, without more to say than its title.
    pub fn new(code: Code) -> Self {
        let retry_after = match code {
            Code::Busy | Code::NotReady => Some(1),
            Code::Unavailable => Some(2),
            Code::StorageFull => Some(30),
            Code::Malformed
            | Code::Field
            | Code::Parameter
            | Code::Header
            | Code::Unauthenticated
            | Code::Forbidden
            | Code::NotFound
            | Code::Method
            | Code::Timeout
            | Code::Conflict
            | Code::TooLarge
            | Code::UriTooLong
            | Code::MediaType
            | Code::Refused
            | Code::KeyReused
            | Code::Definition
            | Code::ManifestFile
            | Code::Damaged
            | Code::Internal => None,
        };
        Self { code, body: Box::default(), retry_after, allow: None }
    }

    /// A problem with one faulty field, parameter or header.
    pub fn field(code: Code, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(code).with_fields(vec![FieldFault {
            field: field.into(),
            message: message.into(),
            nearest: None,
        }])
    }

    /// All reasons of a refused act.
    pub fn refused(refusals: &Refusals) -> Self {
        let mut problem = Self::new(Code::Refused);
        problem.body.refusals = refusals.iter().map(RefusalWire::from).collect();
        problem
    }

    /// Says what is wrong this time.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.body.detail = Some(detail.into());
        self
    }

    /// Names what is not right.
    #[must_use]
    pub fn with_fields(mut self, fields: Vec<FieldFault>) -> Self {
        self.body.fields = fields;
        self
    }

    /// Lists the faults of a workflow file.
    #[must_use]
    pub fn with_findings(mut self, findings: Vec<FindingWire>) -> Self {
        self.body.findings = findings;
        self
    }

    /// Says at which version the case is, and what was done meanwhile.
    #[must_use]
    pub fn with_found(mut self, version: u64, changed: Vec<String>) -> Self {
        self.body.found_version = Some(version);
        self.body.changed = changed;
        self
    }

    /// Names the methods that are served.
    #[must_use]
    pub fn with_allow(mut self, methods: &str) -> Self {
        self.allow = HeaderValue::from_str(methods).ok();
        self
    }

    /// What kind of problem.
    pub fn code(&self) -> Code {
        self.code
    }

    /// The codes of the refusals, for counting.
    pub fn refusal_codes(&self) -> impl Iterator<Item = &str> {
        self.body.refusals.iter().map(|refusal| refusal.code.as_str())
    }

    /// The body, as it is sent for a request.
    pub fn body(&self, request: Uuid) -> ProblemBody {
        let Details { detail, refusals, fields, findings, found_version, changed } = (*self.body).clone();
        ProblemBody {
            kind: format!("/help/errors/{}", self.code),
            title: self.code.title(),
            status: self.code.status().as_u16(),
            code: self.code.into(),
            detail,
            instance: format!("urn:uuid:{request}"),
            refusals,
            fields,
            findings,
            found_version,
            changed,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if let Some(methods) = &self.allow {
            headers.insert(header::ALLOW, methods.clone());
        }
        if self.code == Code::Unauthenticated {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"qadiya\""));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// The problems that a read may be answered with.
#[derive(Debug)]
pub struct ReadProblems;

/// The problems that a write may be answered with.
#[derive(Debug)]
pub struct WriteProblems;

/// The problems of an address that anybody may read.
#[derive(Debug)]
pub struct OpenProblems;

const OPEN: [(&str, &str); 3] = [
    ("400", "A part of the address is not right."),
    ("414", "The address is too long."),
    ("503", "Busy, not ready, or the store cannot be used; see `Retry-After`."),
];
const READ: [(&str, &str); 3] = [
    ("401", "No credential, or one that is not valid."),
    ("403", "The capacity does not allow this."),
    ("404", "There is no such thing, or it may not be known."),
];
const WRITE: [(&str, &str); 5] = [
    ("408", "The body did not arrive in time."),
    ("409", "The case has moved on; also the answer to an `If-Match` that no longer holds."),
    ("413", "The body is too large."),
    ("415", "The body is of a type that is not read here."),
    ("422", "Refused, with every reason; or the idempotency key belongs to another request."),
];

type Responses = BTreeMap<String, RefOr<Documented>>;

fn documented(parts: &[&[(&str, &str)]]) -> Responses {
    parts
        .iter()
        .flat_map(|part| part.iter())
        .map(|(status, text)| {
            let content =
                Content::new(Some(RefOr::<utoipa::openapi::Schema>::Ref(Ref::from_schema_name("Problem"))));
            let response = utoipa::openapi::ResponseBuilder::new()
                .description(*text)
                .content(MEDIA_TYPE, content)
                .build();
            ((*status).to_owned(), RefOr::T(response))
        })
        .collect()
}

impl utoipa::IntoResponses for OpenProblems {
    fn responses() -> Responses {
        documented(&[&OPEN])
    }
}

impl utoipa::IntoResponses for ReadProblems {
    fn responses() -> Responses {
        documented(&[&OPEN, &READ])
    }
}

impl utoipa::IntoResponses for WriteProblems {
    fn responses() -> Responses {
        documented(&[&OPEN, &READ, &WRITE])
    }
}
