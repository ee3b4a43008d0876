//! Questions about the installation and not about a case: what is published, what gave up, what is signed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use qadiya_domain::ids::{DefinitionHash, JobId, StreamId, StreamKind};
use qadiya_domain::name::Name;
use qadiya_domain::registry::Deed;
use qadiya_domain::registry::publications::{Publications, Signed};
use qadiya_domain::workflow::Definition;

use super::{QueryError, Viewer};
use crate::Engine;
use crate::authorize::{Sight, sight};
use crate::error::EngineError;
use crate::library::definition_stream;
use crate::once::Once;
use crate::registry_write::{RegistryError, RegistryWrite, system_stream};
use qadiya_store::access::AccessOutcome;

/// Why a job was not let run again.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RetryError {
    /// It may not be, or it cannot be found out.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The deed was not recorded.
    #[error("it was not recorded")]
    Registry(#[from] RegistryError),
}

/// A published version of a workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowVersion {
    /// The workflow.
    pub workflow: Name,
    /// Its version.
    pub version: u32,
    /// The hash of the definition.
    pub hash: DefinitionHash,
    /// Whether the checks proved it.
    pub proved: bool,
    /// Whether new cases are opened under it.
    pub active: bool,
    /// When it was stored.
    pub stored: Timestamp,
    /// The change that made it the active one, the last time; `None` while it never was.
    pub made: Option<Signed>,
    /// Changes that would make it the active one and wait for a second signature.
    pub waiting: Vec<Signed>,
}

/// A job that gave up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentView {
    /// The job.
    pub id: JobId,
    /// The stream that queued it.
    pub stream: StreamId,
    /// What was to be done.
    pub name: String,
    /// Tries so far.
    pub attempts: u32,
    /// The kind of fault of the last try.
    pub fault: Option<String>,
    /// When it was last due.
    pub due: Timestamp,
}

impl Engine {
    /// Every published version, by workflow and version.
    pub async fn workflows(&self) -> Result<Vec<WorkflowVersion>, EngineError> {
        let engine = self.clone();
        self.apart(async move { engine.read_workflows().await }).await?
    }

    async fn read_workflows(&self) -> Result<Vec<WorkflowVersion>, EngineError> {
        let stored = self.store().definitions().await?;
        let workflows: BTreeSet<Name> = stored.iter().map(|definition| definition.workflow.clone()).collect();
        let streams = workflows.iter().map(definition_stream).collect();
        let held = self.entities(streams).await?.into_iter();
        let held =
            held.map(|held| held.and_then(|held| held.entity.publications().cloned()).unwrap_or_default());
        let held: BTreeMap<Name, Publications> = workflows.into_iter().zip(held).collect();
        let version = |definition: qadiya_store::registry::StoredDefinition| {
            let held = held.get(&definition.workflow);
            let about = |signed: &&Signed| signed.change.definition == definition.hash;
            WorkflowVersion {
                active: held.is_some_and(|held| held.active == Some(definition.hash)),
                made: held.and_then(|held| held.last_made(definition.hash).cloned()),
                waiting: held
                    .map(|held| held.open.iter().filter(about).cloned().collect())
                    .unwrap_or_default(),
                workflow: definition.workflow,
                version: definition.version,
                hash: definition.hash,
                proved: definition.proved,
                stored: definition.stored,
            }
        };
        Ok(stored.into_iter().map(version).collect())
    }

    /// The active definition of a workflow with the bytes of its file.
    ///
    /// # Errors
    /// [`EngineError::NotActive`] when none is.
    pub async fn active_file(&self, workflow: &Name) -> Result<(Arc<Definition>, Vec<u8>), EngineError> {
        let (engine, workflow) = (self.clone(), workflow.clone());
        self.apart(async move { engine.read_active_file(&workflow).await }).await?
    }

    async fn read_active_file(&self, workflow: &Name) -> Result<(Arc<Definition>, Vec<u8>), EngineError> {
        let definition = self.active(workflow).await?;
        let stored = self.store().definition(&definition.hash).await?;
        let stored = stored.ok_or_else(|| EngineError::Definition {
            hash: definition.hash,
            detail: "it is not stored".to_owned(),
        })?;
        Ok((definition, stored.bytes))
    }

    /// Jobs that gave up, in order of id after one, at most `limit`.
    ///
    /// # Errors
    /// [`QueryError::Forbidden`] for whoever may see no case file and is no administrator.
    pub async fn incidents(
        &self,
        who: &Viewer,
        after: Option<JobId>,
        limit: u32,
    ) -> Result<Vec<IncidentView>, QueryError> {
        let (engine, who) = (self.clone(), who.clone());
        self.apart(async move { engine.read_incidents(&who, after, limit).await }).await?
    }

    async fn read_incidents(
        &self,
        who: &Viewer,
        after: Option<JobId>,
        limit: u32,
    ) -> Result<Vec<IncidentView>, QueryError> {
        self.may_oversee(who).await?;
        let view = |row: qadiya_store::work::JobRow| IncidentView {
            id: row.id,
            stream: row.stream,
            name: row.name,
            attempts: row.attempt,
            fault: row.fault,
            due: row.run_at,
        };
        let rows = self.store().jobs(true, after, limit).await?;
        let streams = rows.iter().map(|row| row.stream).collect();
        self.note_access(who, streams, AccessOutcome::Shown, self.clock().now()).await?;
        Ok(rows.into_iter().map(view).collect())
    }

    /// Lets a job that gave up run again; `false` when there is none of this id.
    ///
    /// # Errors
    /// Those of [`Engine::incidents`]; [`RetryError`] when the key was used for something else.
    pub async fn retry_incident(&self, who: &Viewer, id: JobId, once: Once) -> Result<bool, RetryError> {
        let (engine, who) = (self.clone(), who.clone());
        self.apart(async move { engine.release_incident(&who, id, once).await })
            .await
            .map_err(QueryError::from)?
    }

    async fn release_incident(&self, who: &Viewer, id: JobId, once: Once) -> Result<bool, RetryError> {
        self.may_oversee(who).await?;
        if who.principal.service {
            let why = "a program cannot let an incident run again".to_owned();
            return Err(QueryError::Forbidden(why).into());
        }
        let now = self.clock().now();
        let mut held = who.principal.usable().filter(|held| held.is_valid(now));
        let held = held.find(|held| who.role.as_ref().is_none_or(|role| *role == held.role));
        let held = held.ok_or_else(|| QueryError::Forbidden("you hold no such capacity".to_owned()))?;
        let actor = who.principal.actor(&held.role, Some(held.id));
        self.note_access(who, Vec::new(), AccessOutcome::Acted, now).await?;
        let stream = system_stream();
        if self.was_done(&once, stream, None).await? {
            return Ok(true);
        }
        if !self.store().retry_job(id, now).await.map_err(QueryError::from)? {
            return Ok(false);
        }
        // After the job: should this break off, the same request finds no incident, and nothing runs twice.
        let write = RegistryWrite::new(stream, StreamKind::System, actor).once(Some(once));
        self.record(write.doing(vec![Deed::IncidentRetried { job: id }])).await?;
        Ok(true)
    }

    /// The newest checkpoint, a signed note; `None` while nothing is signed.
    pub async fn newest_checkpoint(&self) -> Result<Option<String>, EngineError> {
        let store = Arc::clone(self.store());
        let newest = self.apart(async move { store.checkpoint().await }).await??;
        Ok(newest.map(|checkpoint| checkpoint.text))
    }

    /// Whoever may see the files of every active workflow, or administers the installation, may see what gave up in it.
    async fn may_oversee(&self, who: &Viewer) -> Result<(), QueryError> {
        let now = self.clock().now();
        match self.oversees(who, now).await {
            Err(QueryError::Forbidden(why)) => {
                self.note_access(who, Vec::new(), AccessOutcome::Denied, now).await?;
                Err(QueryError::Forbidden(why))
            }
            other => other,
        }
    }

    async fn oversees(&self, who: &Viewer, now: Timestamp) -> Result<(), QueryError> {
        if who.principal.administrator(now).is_ok() {
            return Ok(());
        }
        let mut asked = 0_u32;
        for version in self.workflows().await?.iter().filter(|version| version.active) {
            let definition = self.definition(version.hash).await?;
            if sight(&who.principal, who.role.as_ref(), &definition, now) < Sight::File {
                return Err(QueryError::Forbidden(format!(
                    "the files of {} may not be seen",
                    version.workflow
                )));
            }
            asked = asked.saturating_add(1);
        }
        if asked == 0 {
            return Err(QueryError::Forbidden("nothing may be seen yet".to_owned()));
        }
        Ok(())
    }
}
