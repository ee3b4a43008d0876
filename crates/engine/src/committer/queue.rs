//! What waits for a committer, and how each piece of work is answered.

use qadiya_domain::ids::StreamId;
use qadiya_domain::name::Name;
use qadiya_ledger::Hash;
use qadiya_store::StoreError;
use qadiya_store::access::AccessRecord;
use qadiya_store::read::RequestRef;
use tokio::sync::oneshot;

use super::decide::scope;
use crate::error::EngineError;
use crate::registry_write::{Recorded, RegistryError, RegistryWrite};
use crate::submit::{Accepted, Submission, SubmitError, Target};

/// Work for a committer.
#[derive(Debug)]
pub(crate) enum Work {
    /// A command on a case.
    Command(Box<Command>),
    /// A write to another stream.
    Registry(Box<Registry>),
    /// An access record.
    Access(Box<Access>),
}

/// A command, with the stream it goes to.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) submission: Submission,
    pub(crate) stream: StreamId,
    /// What was asked, as it is bound to the key.
    pub(crate) asked: Hash,
    pub(crate) reply: oneshot::Sender<Result<Accepted, SubmitError>>,
}

/// A write to a stream that is not a case.
#[derive(Debug)]
pub(crate) struct Registry {
    pub(crate) write: RegistryWrite,
    pub(crate) reply: oneshot::Sender<Result<Recorded, RegistryError>>,
}

/// An access record that must be durable before an answer is given.
#[derive(Debug)]
pub(crate) struct Access {
    pub(crate) record: AccessRecord,
    pub(crate) reply: oneshot::Sender<Result<(), EngineError>>,
}

/// Work in a batch.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) work: Work,
    /// How often it lost or was rolled back.
    pub(crate) tries: u32,
    /// How many case numbers were taken already.
    pub(crate) number: u32,
    /// It is decided on what the store holds now, not on what was kept in memory.
    pub(crate) afresh: bool,
}

impl Slot {
    pub(crate) fn new(work: Work) -> Self {
        Self { work, tries: 0, number: 0, afresh: false }
    }
}

impl Work {
    /// The stream it changes, if any.
    pub(crate) fn stream(&self) -> Option<StreamId> {
        match self {
            Self::Command(command) => Some(command.stream),
            Self::Registry(registry) => Some(registry.write.stream),
            Self::Access(_) => None,
        }
    }

    /// The key it binds, if it carries one.
    pub(crate) fn request(&self) -> Option<RequestRef> {
        match self {
            Self::Command(command) => Some(RequestRef {
                stream: command.stream,
                principal: scope(command),
                key: command.submission.key.clone()?,
            }),
            Self::Registry(registry) => {
                let once = registry.write.once.as_ref()?;
                let key = once.key.clone();
                Some(RequestRef { stream: registry.write.stream, principal: once.principal, key })
            }
            Self::Access(_) => None,
        }
    }

    /// The workflow under which it opens a case, if it does.
    pub(crate) fn opens(&self) -> Option<&Name> {
        match self {
            Self::Command(command) => match &command.submission.target {
                Target::New { workflow, .. } => Some(workflow),
                Target::Case(_) | Target::Named(_) => None,
            },
            Self::Registry(_) | Self::Access(_) => None,
        }
    }

    /// Answers that the store failed. Who asked may be gone; then nobody needs the answer.
    pub(crate) fn fail(self, error: StoreError) {
        match self {
            Self::Command(command) => drop(command.reply.send(Err(SubmitError::Store(error)))),
            Self::Registry(registry) => drop(registry.reply.send(Err(RegistryError::Store(error)))),
            Self::Access(access) => drop(access.reply.send(Err(EngineError::Store(error)))),
        }
    }

    /// Answers that something stored is damaged.
    pub(crate) fn damaged(self, error: EngineError) {
        match self {
            Self::Command(command) => drop(command.reply.send(Err(error.into()))),
            Self::Registry(registry) => drop(registry.reply.send(Err(error.into()))),
            Self::Access(access) => drop(access.reply.send(Err(error))),
        }
    }

    /// Answers that nothing is taken any more.
    pub(crate) fn stop(self) {
        self.damaged(EngineError::Stopped);
    }
}

impl From<EngineError> for RegistryError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Store(error) => Self::Store(error),
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
