//! The one door for every change of a case: API, console, batches, clocks, job answers and imports come through here.

use jiff::Timestamp;
use qadiya_domain::case::act::Act;
use qadiya_domain::case::refusal::Refusals;
use qadiya_domain::ids::{OfficialId, PersonId, Seq, StreamId};
use qadiya_domain::name::Name;
use qadiya_ledger::receipt::Receipt;
use qadiya_ledger::{Hash, canonical};
use qadiya_store::StoreError;
use qadiya_store::access::{AccessOutcome, AccessRecord};
use qadiya_store::append::Settles;
use qadiya_store::read::CaseRef;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::Engine;
use crate::authorize::{Principal, appointment_refusal};
use crate::committer::SYSTEM_SCOPE;
use crate::committer::queue::{Access, Command, Work};
use crate::error::EngineError;
use crate::ids::derived;

/// Who asks.
#[derive(Debug, Clone)]
pub enum ActorChoice {
    /// Somebody with a credential.
    ByPrincipal {
        /// Who.
        principal: Principal,
        /// The capacity; `None`: the first of the principal's valid ones in which the act is possible.
        role: Option<Name>,
    },
    /// The engine itself: clocks, job answers, imports.
    System,
}

/// On which case.
#[derive(Debug, Clone)]
pub enum Target {
    /// The case of this stream.
    Case(StreamId),
    /// A case by its number, by the name another system gives it, or by its id as text.
    Named(String),
    /// A case that is opened by this act. The request key fixes its stream.
    New {
        /// Its workflow.
        workflow: Name,
        /// What another system calls it.
        alias: Option<String>,
        /// The manifest or other group it comes with.
        group: Option<StreamId>,
        /// The person it is about.
        person: Option<PersonId>,
    },
}

/// What is to be done.
#[derive(Debug, Clone)]
pub enum ActInput {
    /// As it came in; it is read against the definition of the case.
    Raw(qadiya_ledger::Value),
    /// An act made by a program of this house.
    Typed(Act),
}

/// What the access log needs to know about a request.
#[derive(Debug, Clone)]
pub struct AccessContext {
    /// A new id for each request: the id of its access record.
    pub request: Uuid,
    /// Method and route, without personal values.
    pub route: String,
    /// Why, as the actor says.
    pub purpose: Option<String>,
}

/// A command on its way in.
#[derive(Debug, Clone)]
pub struct Submission {
    /// Who asks.
    pub actor: ActorChoice,
    /// On which case.
    pub target: Target,
    /// What is to be done.
    pub act: ActInput,
    /// The key that makes a repeated request harmless. A new case needs one.
    pub key: Option<String>,
    /// The version the actor has seen; another one is a conflict.
    pub seen: Option<Seq>,
    /// When it happened, if earlier than now.
    pub happened: Option<Timestamp>,
    /// It is one of many: clerical commands only.
    pub batch: bool,
    /// The lease it settles.
    pub settles: Option<Settles>,
    /// What the access log records with it.
    pub access: Option<AccessContext>,
    /// The instant of a virtual clock (replay, demo); `None`: the engine's clock.
    pub at: Option<Timestamp>,
}

impl Submission {
    /// A submission without the parts that are seldom needed.
    pub fn new(actor: ActorChoice, target: Target, act: ActInput) -> Self {
        Self {
            actor,
            target,
            act,
            key: None,
            seen: None,
            happened: None,
            batch: false,
            settles: None,
            access: None,
            at: None,
        }
    }
}

/// An act that is done and durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The case.
    pub stream: StreamId,
    /// Its number.
    pub reference: String,
    /// Its version after the act.
    pub version: Seq,
    /// The stored answer, byte for byte: canonical JSON of [`Answer`].
    pub answer: Vec<u8>,
    /// The signed word that the first event of the act is recorded.
    pub receipt: Option<Receipt>,
    /// The act had been done before under the same key.
    pub replayed: bool,
}

/// The stored answer. It knows no language, so that it can be given again to anybody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The stream of the case.
    pub stream: StreamId,
    /// The case number.
    pub reference: String,
    /// The version after the act.
    pub version: Seq,
    /// The public stage.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub stage: Option<Name>,
    /// The main state.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub state: Option<Name>,
    /// The events of the act.
    pub events: Vec<AnswerEvent>,
}

/// An event in a stored answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerEvent {
    /// Its number in the case.
    pub seq: Seq,
    /// What kind of thing happened.
    pub kind: String,
    /// Its hash.
    pub hash: Hash,
}

/// Why an act was not done.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SubmitError {
    /// The law of the case refuses it; every reason at once.
    #[error("refused: {0}")]
    Refused(Refusals),
    /// The case is at another version than the one seen, or changed under every try.
    #[error("the case is at version {found} now; look at it again")]
    Conflict {
        /// Where it is.
        found: Seq,
        /// What happened since the version that was seen: number and kind of each event.
        changed: Vec<AnswerEvent>,
    },
    /// The key is bound to another request.
    #[error("this request key was used for another request; choose a new one")]
    KeyReused,
    /// There is no such case, or the actor may not know of it.
    #[error("there is no such case")]
    NotFound,
    /// The actor holds no capacity for this.
    #[error("not permitted: {0}")]
    Forbidden(String),
    /// The request cannot be understood.
    #[error("{0}")]
    Malformed(String),
    /// Another case has this name of another system.
    #[error("another case is known under the alias {0:?}")]
    AliasTaken(String),
    /// The lease was lost: another worker has done it.
    #[error("the lease was lost")]
    LeaseLost,
    /// The queue is full.
    #[error("the engine is busy; try again in a moment")]
    Busy,
    /// The engine is shutting down.
    #[error("the engine is shutting down")]
    Stopped,
    /// The store cannot take it now; nothing was done, or it is not known and the same key will tell.
    #[error("the store failed")]
    Store(#[source] StoreError),
    /// Something stored is damaged or missing; the case is stopped.
    #[error("the case cannot be worked on")]
    Integrity(#[source] EngineError),
}

impl From<EngineError> for SubmitError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Store(error) => Self::Store(error),
            EngineError::Busy => Self::Busy,
            EngineError::Stopped => Self::Stopped,
            EngineError::NotActive(workflow) => {
                Self::Malformed(format!("no version of the workflow {workflow} is active"))
            }
            EngineError::Randomness(_)
            | EngineError::Broken(_)
            | EngineError::Origin { .. }
            | EngineError::OtherLog { .. }
            | EngineError::OtherKey { .. }
            | EngineError::Definition { .. }
            | EngineError::Integrity { .. }
            | EngineError::Log(_) => Self::Integrity(error),
        }
    }
}

impl Engine {
    /// Does an act, and answers once it is durable.
    ///
    /// # Errors
    /// [`SubmitError`] says what to do next; a refusal carries every reason at once.
    pub async fn submit(&self, submission: Submission) -> Result<Accepted, SubmitError> {
        let engine = self.clone();
        // Whoever asked may go away; what was begun is finished.
        match self.apart(async move { engine.hand_over(submission).await }).await {
            Ok(answer) => answer,
            Err(error) => Err(error.into()),
        }
    }

    /// Does many acts, all in flight together; the answers come in the order of the acts.
    pub async fn submit_many(&self, submissions: Vec<Submission>) -> Vec<Result<Accepted, SubmitError>> {
        let apart = submissions.into_iter().enumerate().map(|(position, mut submission)| {
            // One record for each act: the first carries the id of the request, the others ids made from it.
            if let Some(context) = &mut submission.access
                && position > 0
            {
                context.request = derived(&["access", &context.request.to_string(), &position.to_string()]);
            }
            submission
        });
        self.submit_apart(apart.collect()).await
    }

    /// The same for acts of which each carries the id of an access record of its own.
    pub async fn submit_apart(&self, submissions: Vec<Submission>) -> Vec<Result<Accepted, SubmitError>> {
        let tasks: Vec<_> = submissions
            .into_iter()
            .map(|submission| {
                let engine = self.clone();
                self.shared.tracker.spawn(async move { engine.hand_over(submission).await })
            })
            .collect();
        let mut answers = Vec::with_capacity(tasks.len());
        for task in tasks {
            answers.push(task.await.unwrap_or(Err(SubmitError::Stopped)));
        }
        answers
    }

    /// The stream of a case that is opened under a key: the same key opens the same case, whatever else is asked with it.
    pub fn derive_stream(principal: OfficialId, key: &str) -> StreamId {
        StreamId(derived(&["case", &principal.to_string(), key]))
    }

    async fn hand_over(&self, submission: Submission) -> Result<Accepted, SubmitError> {
        let stream = match &submission.target {
            Target::Case(stream) => *stream,
            Target::Named(text) => match self.resolve(text).await.map_err(SubmitError::Store)? {
                Some(stream) => stream,
                None => return Err(self.absent(&submission).await),
            },
            Target::New { .. } => {
                let key = submission.key.as_ref().ok_or_else(|| {
                    SubmitError::Malformed("a new case needs a request key: send Idempotency-Key".to_owned())
                })?;
                let scope = match &submission.actor {
                    ActorChoice::ByPrincipal { principal, .. } => principal.scope(),
                    ActorChoice::System => SYSTEM_SCOPE,
                };
                Self::derive_stream(scope, key)
            }
        };
        let asked = self.asked(&submission)?;
        let (reply, answer) = oneshot::channel();
        let work = Work::Command(Box::new(Command { submission, stream, asked, reply }));
        self.committers.give(stream, work).map_err(EngineError::from)?;
        answer.await.unwrap_or(Err(SubmitError::Stopped))
    }

    /// The stream of a case by its number, its alias, or its id as text.
    pub(crate) async fn resolve(&self, text: &str) -> Result<Option<StreamId>, StoreError> {
        if let Ok(id) = text.parse() {
            return Ok(Some(StreamId(id)));
        }
        let case = match crate::reference::read(text) {
            Some(reference) => {
                if let Some(known) = self.shared.references.get(&reference) {
                    return Ok(Some(known));
                }
                CaseRef::Reference(reference)
            }
            None => CaseRef::Alias(text.to_owned()),
        };
        let found = self.shared.store.find(&case).await?;
        if let Some(row) = &found {
            self.shared.references.put(&row.reference, row.id);
        }
        match (found, case) {
            (Some(row), _) => Ok(Some(row.id)),
            // An alias of another system may happen to look like one of our numbers.
            (None, CaseRef::Reference(_)) => {
                Ok(self.shared.store.find(&CaseRef::Alias(text.to_owned())).await?.map(|row| row.id))
            }
            (None, CaseRef::Alias(_) | CaseRef::Id(_)) => Ok(None),
        }
    }

    /// Records that somebody asked for a case that is not there.
    async fn absent(&self, submission: &Submission) -> SubmitError {
        let (Some(context), ActorChoice::ByPrincipal { principal, role }) =
            (&submission.access, &submission.actor)
        else {
            return SubmitError::NotFound;
        };
        let now = submission.at.unwrap_or_else(|| self.clock().now());
        // The same words as for a case that is there: whoever holds no capacity learns nothing of either.
        let (outcome, answer) = if principal.holds_any(now) {
            (AccessOutcome::Absent, SubmitError::NotFound)
        } else if principal.usable().next().is_some() {
            (AccessOutcome::Refused, SubmitError::Refused(appointment_refusal(principal)))
        } else {
            (AccessOutcome::Denied, SubmitError::Forbidden("you hold no capacity".to_owned()))
        };
        let record = AccessRecord {
            id: context.request,
            at: now,
            official: Some(principal.official),
            capacity: role.as_ref().map(ToString::to_string),
            purpose: context.purpose.clone(),
            query: context.route.clone(),
            streams: Vec::new(),
            outcome,
            refusals: Vec::new(),
        };
        match self.record_access(record).await {
            Ok(()) => answer,
            Err(error) => error.into(),
        }
    }

    /// What a key is bound to. The digest is made with a secret of this installation, so that nobody can try names and
    /// birth dates against it after an erasure.
    fn asked(&self, submission: &Submission) -> Result<Hash, SubmitError> {
        let malformed = |error: canonical::CanonicalError| SubmitError::Malformed(error.to_string());
        let act = match &submission.act {
            ActInput::Raw(raw) => canonical::to_bytes(raw),
            // An act with protected values has no stored form yet; its words are as good for telling two apart.
            ActInput::Typed(act) => {
                canonical::encode(act).unwrap_or_else(|_| format!("{act:?}").into_bytes())
            }
        };
        let opening = match &submission.target {
            Target::New { workflow, alias, group, person } => {
                // Lists of none or one: canonical JSON has no null.
                let group = group.iter().map(ToString::to_string).collect::<Vec<_>>();
                let person = person.iter().map(ToString::to_string).collect::<Vec<_>>();
                canonical::encode(&(workflow, alias.as_slice(), group, person)).map_err(malformed)?
            }
            Target::Case(_) | Target::Named(_) => Vec::new(),
        };
        let happened = submission.happened.map(qadiya_domain::moment::text).unwrap_or_default();
        Ok(self.peppered(&[act.as_slice(), opening.as_slice(), happened.as_bytes()]))
    }

    /// A digest that nobody outside this installation can make.
    pub(crate) fn peppered(&self, parts: &[&[u8]]) -> Hash {
        let mut text = self.shared.pepper.to_vec();
        for part in parts {
            text.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            text.extend_from_slice(part);
        }
        Hash::of(&text)
    }

    /// Makes an access record durable.
    pub(crate) async fn record_access(&self, record: AccessRecord) -> Result<(), EngineError> {
        let (reply, answer) = oneshot::channel();
        let shard = StreamId(record.id);
        self.committers.give(shard, Work::Access(Box::new(Access { record, reply })))?;
        answer.await.unwrap_or(Err(EngineError::Stopped))
    }
}
