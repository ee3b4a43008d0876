//! Long work: asked for now, answered with an id, carried out by a worker out of the durable queue, and looked at until
//! it is done.

mod door;

use jiff::Timestamp;
use qadiya_domain::case::refusal::Refusal;
use qadiya_domain::ids::{JobId, OfficialId, StreamId};
use qadiya_domain::name::Name;
use qadiya_ledger::Hash;
use qadiya_ledger::canonical::{self, CanonicalError};
use qadiya_store::StoreError;
use qadiya_store::access::AccessOutcome;
use qadiya_store::append::NewJob;
use qadiya_store::work::{Operation, Started};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Engine;
use crate::authorize::Principal;
use crate::error::EngineError;
use crate::ids::derived;
use crate::query::{QueryError, Viewer};
use crate::submit::{
    Accepted, AccessContext, ActInput, ActorChoice, Answer, Submission, SubmitError, Target,
};

/// The queue in which operations wait (named as [`qadiya_store::work::CLOCK_QUEUE`] is).
pub const OPERATION_QUEUE: &str = "engine:operations";
/// The name of the job that carries an operation out; its payload is the operation's id as JSON text.
pub const OPERATION_JOB: &str = "operation";

/// What an operation is to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Work {
    /// Clerical commands on many cases.
    Batch {
        /// The token whose rights are read again when the work is done.
        token: Uuid,
        /// In which capacity.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        role: Option<Name>,
        /// The commands.
        items: Vec<BatchItem>,
    },
}

/// One command of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchItem {
    /// The case, by number, alias or id.
    pub case: String,
    /// The act, as it came in, without the time of the deed.
    pub act: qadiya_ledger::Value,
    /// When it happened, if earlier than it is done.
    #[serde(with = "qadiya_domain::moment::option", skip_serializing_if = "Option::is_none", default)]
    pub happened: Option<Timestamp>,
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
    /// The key is bound to another request.
    #[error("this request key was used for another request; choose a new one")]
    KeyReused,
    /// Whoever asks may not ask this, or what is asked can never be done.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// The engine failed.
    #[error("the engine failed")]
    Engine(#[from] EngineError),
}

impl Engine {
    /// Stores an operation with its job. The same request under the same id begins it once.
    async fn begin(
        &self,
        by: &Principal,
        id: Uuid,
        work: &Work,
        asked: Hash,
    ) -> Result<Uuid, OperationError> {
        let damaged = |error: CanonicalError| OperationError::Damaged { id, detail: error.to_string() };
        let now = self.clock().now();
        let Work::Batch { .. } = work;
        let operation = Operation {
            id,
            principal: by.official,
            kind: "batch".to_owned(),
            request: canonical::encode(work).map_err(damaged)?,
            asked,
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
            payload: canonical::encode(&id).map_err(damaged)?,
            principal: Some(by.official),
            run_at: now,
        };
        match self.on_store(move |store| async move { store.start_operation(&operation, &job).await }).await?
        {
            Started::Now | Started::Before => Ok(id),
            Started::OtherRequest => Err(OperationError::KeyReused),
        }
    }

    /// How far an operation is. Another person's looks like none. Which cases its result tells about is recorded before
    /// it is given.
    ///
    /// # Errors
    /// [`QueryError`] for whoever holds no capacity today, and when the access cannot be recorded.
    pub async fn operation(&self, who: &Viewer, id: Uuid) -> Result<OperationView, OperationError> {
        let (engine, who) = (self.clone(), who.clone());
        self.apart(async move { engine.read_operation(&who, id).await }).await?
    }

    async fn read_operation(&self, who: &Viewer, id: Uuid) -> Result<OperationView, OperationError> {
        let now = self.clock().now();
        self.admit(who, now).await?;
        let held = self.store().operation(id).await?;
        let Some(held) = held.filter(|held| held.principal == who.principal.official) else {
            self.note_access(who, Vec::new(), AccessOutcome::Absent, now).await?;
            return Err(OperationError::NotFound);
        };
        let mut streams = Vec::new();
        if let Some(result) = &held.result {
            let answers: Vec<ItemAnswer> = canonical::decode(result)
                .map_err(|error| OperationError::Damaged { id, detail: error.to_string() })?;
            streams.extend(answers.iter().filter_map(|answer| answer.stream));
        }
        streams.sort();
        streams.dedup();
        self.note_access(who, streams, AccessOutcome::Shown, now).await?;
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
    ///
    /// # Errors
    /// [`OperationError::RightsEnded`] when the person or the token it was begun with is no longer there.
    pub async fn run_operation(&self, id: Uuid) -> Result<(), OperationError> {
        let held = self.on_store(move |store| async move { store.operation(id).await }).await?;
        let held = held.ok_or(OperationError::NotFound)?;
        if held.result.is_some() {
            return Ok(());
        }
        let damaged = |error: CanonicalError| OperationError::Damaged { id, detail: error.to_string() };
        let work: Work = canonical::decode(&held.request).map_err(damaged)?;
        let Work::Batch { token, role, items } = work;
        let principal = self.principal_again(held.principal, token).await?;
        let answers = self.run_batch(id, &principal, role.as_ref(), items).await?;
        self.say(id, 100, Some(canonical::encode(&answers).map_err(damaged)?)).await
    }

    /// The rights as they are now, not as they were when the operation was begun.
    async fn principal_again(&self, official: OfficialId, token: Uuid) -> Result<Principal, OperationError> {
        let state = self.official(official).await?.ok_or(OperationError::RightsEnded)?;
        let now = self.clock().now();
        let held = state.tokens.iter().find(|held| held.id.0 == token);
        let held = held.filter(|held| held.expires.is_none_or(|expires| now < expires));
        let held = held.ok_or(OperationError::RightsEnded)?;
        Ok(Principal {
            official,
            name: state.name.clone(),
            token: held.id,
            service: held.service,
            roles_of_token: held.roles.clone(),
            appointments: state.appointments.clone(),
        })
    }

    async fn run_batch(
        &self,
        id: Uuid,
        principal: &Principal,
        role: Option<&Name>,
        items: Vec<BatchItem>,
    ) -> Result<Vec<ItemAnswer>, OperationError> {
        let total = items.len();
        let mut answers = Vec::with_capacity(total);
        let mut items = items.into_iter();
        loop {
            let part: Vec<BatchItem> = items.by_ref().take(AT_ONCE).collect();
            if part.is_empty() {
                return Ok(answers);
            }
            let mut submissions = Vec::with_capacity(part.len());
            for item in &part {
                let actor = ActorChoice::ByPrincipal { principal: principal.clone(), role: role.cloned() };
                let route = format!("operation {id}");
                // Every run leaves its own records.
                let request = self.ids().id(self.clock().now()).map_err(EngineError::from)?;
                submissions.push(Submission {
                    key: Some(item.key.clone()),
                    seen: item.seen,
                    happened: item.happened,
                    batch: true,
                    access: Some(AccessContext { request, route, purpose: None }),
                    ..Submission::new(
                        actor,
                        Target::Named(item.case.clone()),
                        ActInput::Raw(item.act.clone()),
                    )
                });
            }
            let done = self.submit_apart(submissions).await;
            for (item, answer) in part.iter().zip(done) {
                let mut answer = ItemAnswer::of(item, answer);
                // The reasons of a refusal tell about the case as well.
                if !answer.refusals.is_empty() {
                    answer.stream = self.resolve(&item.case).await?;
                }
                answers.push(answer);
            }
            let percent = answers.len().saturating_mul(99).checked_div(total).unwrap_or(99);
            self.say(id, u8::try_from(percent).unwrap_or(99), None).await?;
        }
    }

    async fn say(&self, id: Uuid, percent: u8, result: Option<Vec<u8>>) -> Result<(), OperationError> {
        let now = self.clock().now();
        let said = self.on_store(move |store| async move {
            store.update_operation(id, percent, result.as_deref(), now).await
        });
        Ok(said.await?)
    }
}

/// Commands of an operation that are in flight together.
const AT_ONCE: usize = 256;

/// What became of one command of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemAnswer {
    /// The case, as it was named.
    pub case: String,
    /// Its key.
    pub key: String,
    /// The stream of the case that the answer tells about, if it tells about one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub stream: Option<StreamId>,
    /// The answer of an accepted command.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub answer: Option<Answer>,
    /// Every reason of a refused one.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub refusals: Vec<Refusal>,
    /// What else went wrong.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fault: Option<String>,
}

impl ItemAnswer {
    fn of(item: &BatchItem, answer: Result<Accepted, SubmitError>) -> Self {
        let mut said = Self {
            case: item.case.clone(),
            key: item.key.clone(),
            stream: None,
            answer: None,
            refusals: Vec::new(),
            fault: None,
        };
        match answer {
            Ok(accepted) => {
                said.stream = Some(accepted.stream);
                said.answer = canonical::decode(&accepted.answer).ok();
            }
            Err(SubmitError::Refused(refusals)) => said.refusals = refusals.iter().cloned().collect(),
            Err(error) => said.fault = Some(error.to_string()),
        }
        said
    }
}
