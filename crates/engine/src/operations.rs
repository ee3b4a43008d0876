//! Long work: asked for now, answered with an id, carried out by a worker out of the durable queue, and looked at until
//! it is done.

use jiff::Timestamp;
use qadiya_domain::ids::{JobId, OfficialId};
use qadiya_store::StoreError;
use qadiya_store::append::NewJob;
use qadiya_store::work::Operation;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Engine;
use crate::authorize::Principal;
use crate::error::EngineError;
use crate::ids::derived;

/// The queue in which operations wait.
pub const OPERATION_QUEUE: &str = "operations";
/// The name of the job that carries an operation out; its payload is the operation's id as JSON text.
pub const OPERATION_JOB: &str = "operation";

/// What an operation is to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Work {
    /// Clerical commands on many cases.
    Batch {
        /// The token whose rights are read again when the work is done.
        token: uuid::Uuid,
        /// In which capacity.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        role: Option<qadiya_domain::name::Name>,
        /// The commands.
        items: Vec<BatchItem>,
    },
    /// A verification of everything stored.
    Verify,
}

/// One command of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchItem {
    /// The case, by number, alias or id.
    pub case: String,
    /// The act, as it came in.
    pub act: qadiya_ledger::Value,
    /// Its request key.
    pub key: String,
    /// The version seen.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub seen: Option<u64>,
}

/// An operation as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationView {
    /// Its id.
    pub id: Uuid,
    /// What kind of work.
    pub kind: String,
    /// How far it is, 0 to 100.
    pub percent: u8,
    /// The result as JSON, once done.
    pub result: Option<Vec<u8>>,
    /// When it was asked.
    pub created: Timestamp,
    /// When it last changed.
    pub updated: Timestamp,
}

/// Why an operation was not begun, shown or carried out.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OperationError {
    /// There is none of this id, or it is another person's.
    #[error("there is no such operation")]
    NotFound,
    /// What is stored of it cannot be read.
    #[error("the operation {id} is damaged: {detail}")]
    Damaged {
        /// Its id.
        id: Uuid,
        /// What is wrong.
        detail: String,
    },
    /// The person whose rights it needs no longer has them.
    #[error("the rights this operation was begun with have ended")]
    RightsEnded,
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// The engine failed.
    #[error("the engine failed")]
    Engine(#[from] EngineError),
}

impl Engine {
    /// Begins an operation. The same key of the same principal begins it once.
    pub async fn start_operation(&self, by: &Principal, work: &Work, key: &str) -> Result<Uuid, OperationError> {
        let id = derived(&["operation", &by.scope().to_string(), key]);
        let damaged = |error: qadiya_ledger::canonical::CanonicalError| OperationError::Damaged { id, detail: error.to_string() };
        let now = self.clock().now();
        let kind = match work {
            Work::Batch { .. } => "batch",
            Work::Verify => "verify",
        };
        let operation = Operation {
            id,
            principal: by.official,
            kind: kind.to_owned(),
            request: qadiya_ledger::canonical::encode(work).map_err(damaged)?,
            percent: 0,
            result: None,
            created: now,
            updated: now,
        };
        let job = NewJob {
            id: JobId(derived(&["operation-job", &id.to_string()])),
            seq: 0,
            name: OPERATION_JOB.to_owned(),
            queue: OPERATION_QUEUE.to_owned(),
            payload: qadiya_ledger::canonical::encode(&id).map_err(damaged)?,
            principal: Some(by.official),
            run_at: now,
        };
        self.store().start_operation(&operation, &job).await?;
        Ok(id)
    }

    /// How far an operation is. Another person's looks like none.
    pub async fn operation(&self, who: OfficialId, id: Uuid) -> Result<OperationView, OperationError> {
        let held = self.store().operation(id).await?.filter(|held| held.principal == who);
        let held = held.ok_or(OperationError::NotFound)?;
        Ok(OperationView {
            id: held.id,
            kind: held.kind,
            percent: held.percent,
            result: held.result,
            created: held.created,
            updated: held.updated,
        })
    }

    /// Carries an operation out; a worker calls it for a job named [`OPERATION_JOB`]. Doing it twice is harmless: its
    /// commands carry keys.
    pub async fn run_operation(&self, id: Uuid) -> Result<(), OperationError> {
        let _held = self.store().operation(id).await?.ok_or(OperationError::NotFound)?;
        Err(OperationError::Engine(EngineError::Stopped))
    }
}
