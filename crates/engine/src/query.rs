//! Questions about cases. Each one checks the right to ask, reads, records the access durably, and only then answers
//! (DESIGN D14). Whether an authority has lapsed is worked out from the clock on every answer (D18).

mod access;
mod case;
mod damage;
mod installation;
mod lists;
mod transfer_lists;
mod views;

use qadiya_domain::case::refusal::Refusals;
use qadiya_domain::name::Name;
use qadiya_store::StoreError;
use uuid::Uuid;

use crate::authorize::Principal;
use crate::error::EngineError;

pub use installation::{IncidentView, RetryError, WorkflowVersion};
pub use views::*;

/// Who asks, as what, and why.
#[derive(Debug, Clone)]
pub struct Viewer {
    /// Who.
    pub principal: Principal,
    /// In which capacity; `None`: in all that are held.
    pub role: Option<Name>,
    /// Why, as the viewer says.
    pub purpose: Option<String>,
    /// A new id for each request: the id of its access record.
    pub request: Uuid,
    /// Method and route, without personal values.
    pub route: String,
}

/// Why a question is not answered.
#[derive(Debug, Clone, thiserror::Error)]
pub enum QueryError {
    /// There is no such case, or the viewer may not know of it.
    #[error("there is no such case")]
    NotFound,
    /// The viewer holds no capacity that may ask this (never an empty list instead, TRUST S11).
    #[error("not permitted: {0}")]
    Forbidden(String),
    /// The question cannot be understood.
    #[error("{0}")]
    Malformed(String),
    /// The access cannot be recorded or the store cannot be read: no data.
    #[error("the store cannot answer now")]
    Unavailable(#[source] StoreError),
    /// The engine is busy or shutting down: no data.
    #[error("the engine is busy; try again in a moment")]
    Busy,
    /// Something stored is damaged.
    #[error("what is stored cannot be read")]
    Integrity(#[source] EngineError),
    /// The appointment of the viewer does not run.
    #[error("refused: {0}")]
    Refused(Refusals),
}

impl From<StoreError> for QueryError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error)
    }
}

impl From<EngineError> for QueryError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Store(error) => Self::Unavailable(error),
            EngineError::Busy | EngineError::Stopped => Self::Busy,
            EngineError::Randomness(_)
            | EngineError::Broken(_)
            | EngineError::Origin { .. }
            | EngineError::OtherLog { .. }
            | EngineError::OtherKey { .. }
            | EngineError::Definition { .. }
            | EngineError::NotActive(_)
            | EngineError::Integrity { .. }
            | EngineError::Log(_) => Self::Integrity(error),
        }
    }
}
