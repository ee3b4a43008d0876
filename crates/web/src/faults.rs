//! What the engine answers instead of the thing asked for, as problems. The cause goes to the log, not to the client.

use qadiya_domain::case::Refusals;
use qadiya_engine::activation::ActivateError;
use qadiya_engine::error::{EngineError, Trouble, trouble};
use qadiya_engine::intake::{CloseError, ImportError, RefusedRowsError};
use qadiya_engine::library::PublishError;
use qadiya_engine::manifest_file::FileRefusal;
use qadiya_engine::officials::OfficialError;
use qadiya_engine::once::KEY_SPACE;
use qadiya_engine::operations::OperationError;
use qadiya_engine::query::{QueryError, RetryError};
use qadiya_engine::registry_write::RegistryError;
use qadiya_engine::submit::SubmitError;

use crate::problem::{Code, FindingWire, Problem};

/// Logs the chain of causes once, here, where it is handled, and answers the code.
fn hidden(code: Code, error: &(dyn std::error::Error + 'static)) -> Problem {
    let mut chain = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        chain.push_str(": ");
        chain.push_str(&inner.to_string());
        source = inner.source();
    }
    if matches!(code, Code::Internal | Code::Damaged) {
        tracing::error!(error = chain, "a request failed");
    } else {
        tracing::warn!(error = chain, "a request could not be served");
    }
    Problem::new(code)
}

/// A fault of the store, by what the caller can do about it.
fn store(error: &(dyn std::error::Error + 'static)) -> Problem {
    let code = match trouble(error) {
        Trouble::Full => Code::StorageFull,
        Trouble::Damaged => Code::Damaged,
        Trouble::Unavailable => Code::Unavailable,
    };
    hidden(code, error)
}

/// A stream that is stopped is told from a fault of the program.
fn integrity(error: &EngineError) -> Problem {
    let damaged = matches!(error, EngineError::Integrity { .. } | EngineError::Definition { .. });
    hidden(if damaged { Code::Damaged } else { Code::Internal }, error)
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        match &error {
            QueryError::NotFound => Self::new(Code::NotFound),
            QueryError::Forbidden(why) => Self::new(Code::Forbidden).with_detail(why.clone()),
            QueryError::Malformed(why) => Self::new(Code::Parameter).with_detail(why.clone()),
            QueryError::Unavailable(cause) => store(cause),
            QueryError::Busy => Self::new(Code::Busy),
            QueryError::Integrity(cause) => integrity(cause),
            QueryError::Refused(refusals) => Self::refused(refusals),
        }
    }
}

impl From<SubmitError> for Problem {
    fn from(error: SubmitError) -> Self {
        match &error {
            SubmitError::Refused(refusals) => Self::refused(refusals),
            SubmitError::Conflict { found, changed } => {
                let changed = changed.iter().map(|event| format!("{}: {}", event.seq, event.kind)).collect();
                Self::new(Code::Conflict).with_found(*found, changed)
            }
            SubmitError::KeyReused => Self::new(Code::KeyReused),
            SubmitError::NotFound => Self::new(Code::NotFound),
            SubmitError::Forbidden(why) => Self::new(Code::Forbidden).with_detail(why.clone()),
            SubmitError::Malformed(why) => Self::new(Code::Field).with_detail(why.clone()),
            SubmitError::AliasTaken(_) => {
                Self::new(Code::Conflict).with_detail("another case is known under this alias")
            }
            SubmitError::LeaseLost => Self::new(Code::Conflict),
            SubmitError::Busy | SubmitError::Stopped => Self::new(Code::Busy),
            SubmitError::Store(cause) => store(cause),
            SubmitError::Integrity(cause) => integrity(cause),
        }
    }
}

impl From<RetryError> for Problem {
    fn from(error: RetryError) -> Self {
        match error {
            RetryError::Query(error) => error.into(),
            RetryError::Registry(error) => error.into(),
        }
    }
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        match &error {
            EngineError::Store(cause) => store(cause),
            EngineError::NotActive(_) => Self::new(Code::NotFound),
            EngineError::Busy | EngineError::Stopped => Self::new(Code::Busy),
            EngineError::Randomness(_)
            | EngineError::Origin { .. }
            | EngineError::OtherLog { .. }
            | EngineError::OtherKey { .. }
            | EngineError::Definition { .. }
            | EngineError::Integrity { .. }
            | EngineError::Broken(_)
            | EngineError::Log(_) => integrity(&error),
        }
    }
}

/// Whether a key is bound to another request: to send the same again would not help.
fn is_key_reused(error: &RegistryError) -> bool {
    match error {
        RegistryError::KeyReused => true,
        RegistryError::KeyTaken(key) => key.space == KEY_SPACE,
        RegistryError::Refused(_)
        | RegistryError::RefusedFor(_)
        | RegistryError::Conflict
        | RegistryError::Busy
        | RegistryError::Store(_)
        | RegistryError::Integrity(_) => false,
    }
}

impl From<RegistryError> for Problem {
    fn from(error: RegistryError) -> Self {
        match &error {
            RegistryError::Refused(why) => Self::new(Code::Refused).with_detail(why.clone()),
            RegistryError::RefusedFor(why) => Self::refused(&Refusals::from((**why).clone())),
            RegistryError::KeyReused => Self::new(Code::KeyReused),
            RegistryError::KeyTaken(key) if key.space == KEY_SPACE => Self::new(Code::KeyReused),
            RegistryError::KeyTaken(_) | RegistryError::Conflict => Self::new(Code::Conflict),
            RegistryError::Busy => Self::new(Code::Busy),
            RegistryError::Store(cause) => store(cause),
            RegistryError::Integrity(cause) => integrity(cause),
        }
    }
}

impl From<OfficialError> for Problem {
    fn from(error: OfficialError) -> Self {
        match error {
            OfficialError::Nameless => Self::field(Code::Field, "/name", "is empty"),
            OfficialError::Backwards => Self::field(Code::Field, "/until", "is not after the beginning"),
            OfficialError::Unknown(_) => Self::new(Code::NotFound),
            OfficialError::Registry(error) => error.into(),
            OfficialError::Engine(error) => error.into(),
        }
    }
}

impl From<PublishError> for Problem {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Faults(findings) => {
                Self::new(Code::Definition).with_findings(findings.iter().map(FindingWire::from).collect())
            }
            PublishError::Calendar { name, detail } => {
                Self::new(Code::Definition).with_detail(format!("the calendar {name}: {detail}"))
            }
            PublishError::VersionTaken { workflow, version } => {
                Self::new(Code::Conflict).with_detail(format!(
                    "version {version} of {workflow} was published with other contents; raise the version"
                ))
            }
            PublishError::Registry(error) => error.into(),
            PublishError::Store(error) => store(&error),
        }
    }
}

impl From<ActivateError> for Problem {
    fn from(error: ActivateError) -> Self {
        match error {
            ActivateError::Unknown { .. } => Self::new(Code::NotFound),
            ActivateError::Trial(hash) => Self::new(Code::Refused).with_detail(format!(
                "the definition {hash} is not proved: it may run synthetic cases only, and this installation holds real ones"
            )),
            ActivateError::Registry(error) => error.into(),
            ActivateError::Store(error) => store(&error),
        }
    }
}

impl From<OperationError> for Problem {
    fn from(error: OperationError) -> Self {
        match error {
            OperationError::NotFound => Self::new(Code::NotFound),
            OperationError::RightsEnded => {
                Self::new(Code::Forbidden).with_detail("the rights this operation was begun with have ended")
            }
            OperationError::KeyReused => Self::new(Code::KeyReused),
            OperationError::Query(error) => error.into(),
            OperationError::Store(error) => store(&error),
            OperationError::Engine(error) => error.into(),
            damaged @ OperationError::Damaged { .. } => hidden(Code::Damaged, &damaged),
        }
    }
}

impl From<ImportError> for Problem {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Read(_) => Self::new(Code::ManifestFile).with_detail("the file could not be read"),
            // The line itself may be a person's: the header is what is missing.
            ImportError::File(FileRefusal::NoHeader { .. }) => Self::new(Code::ManifestFile).with_detail(
                "the first line names no column of a manifest, separated by comma, semicolon or tab",
            ),
            ImportError::File(refusal) => Self::new(Code::ManifestFile).with_detail(refusal.to_string()),
            ImportError::Forbidden(why) => Self::new(Code::Forbidden).with_detail(why),
            workflow @ ImportError::Workflow { .. } => {
                Self::new(Code::Refused).with_detail(workflow.to_string())
            }
            ImportError::Submit { record, source } => Self::from(source).with_detail(format!(
                "record {record} could not be written; send the same file again, it goes on there"
            )),
            ImportError::Registry { source, .. } if is_key_reused(&source) => Self::from(source),
            ImportError::Registry { source, .. } => Self::from(source)
                .with_detail("the list could not be written; send the same file again, it goes on there"),
            name @ ImportError::Name(_) => hidden(Code::Internal, &name),
            ImportError::Engine(error) => error.into(),
        }
    }
}

impl From<CloseError> for Problem {
    fn from(error: CloseError) -> Self {
        match error {
            CloseError::Unknown => Self::new(Code::NotFound),
            CloseError::NotImported | CloseError::Open(_) => {
                Self::new(Code::Refused).with_detail(error.to_string())
            }
            CloseError::Forbidden(why) => Self::new(Code::Forbidden).with_detail(why),
            CloseError::Registry(error) => error.into(),
            CloseError::Engine(error) => error.into(),
        }
    }
}

impl From<RefusedRowsError> for Problem {
    fn from(error: RefusedRowsError) -> Self {
        match error {
            RefusedRowsError::Unknown => Self::new(Code::NotFound),
            RefusedRowsError::Forbidden(why) => Self::new(Code::Forbidden).with_detail(why),
            RefusedRowsError::Engine(error) => error.into(),
            output @ (RefusedRowsError::Write(_) | RefusedRowsError::Output(_)) => {
                hidden(Code::Internal, &output)
            }
        }
    }
}
