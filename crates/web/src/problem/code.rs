//! What can be wrong with a request. Closed vocabulary; the words are part of the API.

use axum::http::StatusCode;

/// The kind of a problem. Its `type` is `/help/errors/<code>`, an address of this server, so that it can be looked up
/// without a network.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    strum::Display,
    strum::EnumString,
    strum::EnumIter,
    strum::IntoStaticStr,
)]
#[strum(serialize_all = "kebab-case")]
pub enum Code {
    /// The body is not JSON, or JSON that a reader could take in two ways.
    Malformed,
    /// A field of the body is missing, unknown or of the wrong form.
    Field,
    /// A part of the address is missing, unknown or of the wrong form.
    Parameter,
    /// A header is missing or of the wrong form.
    Header,
    /// No credential, or one that is not valid.
    Unauthenticated,
    /// The capacity does not allow this.
    Forbidden,
    /// There is no such thing, or it may not be known.
    NotFound,
    /// The address exists, the method does not.
    Method,
    /// The body did not arrive in time.
    Timeout,
    /// The case has moved on since it was read.
    Conflict,
    /// The body is too large.
    TooLarge,
    /// The address is too long.
    UriTooLong,
    /// The body is of another type than this address reads.
    MediaType,
    /// The act may not be done; every reason is in `refusals`.
    Refused,
    /// The idempotency key was used for another request.
    KeyReused,
    /// A workflow file has faults; they are in `findings`.
    Definition,
    /// The file cannot be taken as a transfer list.
    ManifestFile,
    /// Something stored is damaged: trying again does not help.
    Damaged,
    /// A fault of the program.
    Internal,
    /// Too much at once.
    Busy,
    /// The store cannot be reached or written.
    Unavailable,
    /// The disk of the store is full.
    StorageFull,
    /// The server is up but must not be used yet.
    NotReady,
}

impl Code {
    /// The status it is answered with.
    pub fn status(self) -> StatusCode {
        match self {
            Self::Malformed | Self::Field | Self::Parameter | Self::Header => StatusCode::BAD_REQUEST,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Timeout => StatusCode::REQUEST_TIMEOUT,
            Self::Conflict => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UriTooLong => StatusCode::URI_TOO_LONG,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Refused | Self::KeyReused | Self::Definition | Self::ManifestFile => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            Self::Damaged | Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Busy | Self::Unavailable | Self::StorageFull | Self::NotReady => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }

    /// The same for every occurrence.
    pub fn title(self) -> &'static str {
        match self {
            Self::Malformed => "The body is not readable JSON",
            Self::Field => "A field of the body is not right",
            Self::Parameter => "A part of the address is not right",
            Self::Header => "A header is missing or not right",
            Self::Unauthenticated => "Nobody is signed in",
            Self::Forbidden => "This capacity does not allow it",
            Self::NotFound => "There is no such thing here",
            Self::Method => "The method is not served here",
            Self::Timeout => "The request took too long to arrive",
            Self::Conflict => "The case has moved on",
            Self::TooLarge => "The body is too large",
            Self::UriTooLong => "The address is too long",
            Self::MediaType => "The body is of a type that is not read here",
            Self::Refused => "The act is refused",
            Self::KeyReused => "The idempotency key belongs to another request",
            Self::Definition => "The workflow file has faults",
            Self::ManifestFile => "The file cannot be taken as a transfer list",
            Self::Damaged => "What is stored is damaged",
            Self::Internal => "The program made a mistake",
            Self::Busy => "The server is busy",
            Self::Unavailable => "The store cannot be used",
            Self::StorageFull => "The disk of the store is full",
            Self::NotReady => "The server is not ready",
        }
    }

    /// What whoever meets it should do, for the help page of the code.
    pub fn help(self) -> &'static str {
        match self {
            Self::Malformed => {
                "Send one JSON object in UTF-8. Repeated names, null, fractions, numbers beyond 2^53 - 1, the character \
                 NUL and nesting deeper than 32 levels are refused. Leave a name out instead of sending null."
            }
            Self::Field => {
                "The member `fields` names each field, what is wrong with it, and the nearest known name."
            }
            Self::Parameter => "The member `fields` names each parameter and what it may be.",
            Self::Header => {
                "The member `fields` names the header. Requests that write carry `Idempotency-Key`: 1 to 128 visible \
                 ASCII characters, chosen once per act and sent again when the act is tried again."
            }
            Self::Unauthenticated => {
                "Send `Authorization: Bearer TOKEN`. A token may be unknown, expired or revoked; the answer is the same. \
                 Ask the administrator for a new one."
            }
            Self::Forbidden => {
                "The official behind the token holds no capacity that allows this today. Choose another capacity with the \
                 header `Qadiya-Role`, or have the appointment recorded."
            }
            Self::NotFound => {
                "It does not exist, or this capacity may not know of it. The attempt was recorded."
            }
            Self::Method => "The header `Allow` names the methods of this address.",
            Self::Timeout => "Send the body again, faster.",
            Self::Conflict => {
                "Somebody else acted first. Read the case again, look at what changed, then decide again. The version \
                 found is in `found_version`."
            }
            Self::TooLarge => "Send less at once. Uploads have a larger limit of their own.",
            Self::UriTooLong => "Shorten the address; lists continue with `after`.",
            Self::MediaType => {
                "The header `Content-Type` must name the type that the documentation of the address names."
            }
            Self::Refused => {
                "Nothing was done. Each member of `refusals` says what is missing, on which basis, and who can supply it."
            }
            Self::KeyReused => {
                "The same key came before with another body. Use a new key for a new act, the old body for the old one."
            }
            Self::Definition => "Each member of `findings` has its place in the file. Nothing was stored.",
            Self::ManifestFile => {
                "Nothing was taken. The member `detail` says what is wrong with the file as a whole."
            }
            Self::Damaged => {
                "A record cannot be read as what it must be, or does not fit its log. It is stopped; everything else runs \
                 on. Trying again does not help: tell the operator the value of `instance`, who runs `qadiya verify`."
            }
            Self::Internal => {
                "Nothing is known to have been done. Tell the operator the value of `instance`."
            }
            Self::Busy => "Try again after the seconds in `Retry-After`, with the same idempotency key.",
            Self::Unavailable => {
                "Nothing was acknowledged. Try again after the seconds in `Retry-After`, with the same idempotency key: \
                 an act that was done is not done twice."
            }
            Self::StorageFull => {
                "Nothing was done. The operator must free space; then try again with the same key."
            }
            Self::NotReady => "The member `fields` names what is missing. The operator must act.",
        }
    }
}
