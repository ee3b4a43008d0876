//! Transfer lists, as whoever works on them sees them: the rights asked and the access recorded around
//! [`crate::intake`].

use std::io::Cursor;

use qadiya_domain::ids::StreamId;
use qadiya_domain::name::Name;
use qadiya_store::access::AccessOutcome;

use super::{QueryError, Viewer};
use crate::Engine;
use crate::authorize::{Sight, sight};
use crate::error::EngineError;
use crate::intake::{INTAKE_RECORD, ImportError, ImportOptions, ImportReport, ManifestView};
use crate::submit::ActorChoice;

impl Engine {
    /// Imports a list for somebody, in a task of its own: an import goes on when nobody waits for it any more. What the
    /// report shows is recorded before it is given; a refusal is recorded too.
    ///
    /// # Errors
    /// Those of [`Engine::import_manifest`].
    pub async fn import_list(
        &self,
        who: &Viewer,
        title: &str,
        bytes: Vec<u8>,
        options: ImportOptions,
    ) -> Result<ImportReport, ImportError> {
        let (engine, who, title) = (self.clone(), who.clone(), title.to_owned());
        let work = async move {
            let by = ActorChoice::ByPrincipal { principal: who.principal.clone(), role: who.role.clone() };
            let report = engine.import_manifest(&by, &title, Cursor::new(bytes), &options, &|_, _| ()).await;
            let (streams, outcome) = match &report {
                Ok(report) if report.dry_run => (vec![report.manifest], AccessOutcome::Shown),
                Ok(report) => (vec![report.manifest], AccessOutcome::Acted),
                Err(ImportError::Forbidden(_)) => (Vec::new(), AccessOutcome::Denied),
                Err(_) => (Vec::new(), AccessOutcome::Refused),
            };
            let noted = engine.note_access(&who, streams, outcome, engine.clock().now()).await;
            match (report, noted) {
                (Err(error), _) => Err(error),
                (Ok(_), Err(QueryError::Unavailable(error))) => Err(EngineError::Store(error).into()),
                (Ok(_), Err(_)) => Err(EngineError::Busy.into()),
                (Ok(report), Ok(())) => Ok(report),
            }
        };
        self.apart(work).await?
    }

    /// A page of transfer lists in order of id.
    ///
    /// # Errors
    /// [`QueryError::Forbidden`] for whoever may not read records that were set aside.
    pub async fn transfer_lists(
        &self,
        who: &Viewer,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Vec<ManifestView>, QueryError> {
        let (engine, who) = (self.clone(), who.clone());
        let work = async move {
            engine.may_see_lists(&who).await?;
            let page = engine.manifests(after, limit).await?;
            let streams = page.iter().map(|view| view.id).collect();
            engine.note_access(&who, streams, AccessOutcome::Shown, engine.clock().now()).await?;
            Ok(page)
        };
        self.apart(work).await?
    }

    /// One transfer list.
    ///
    /// # Errors
    /// [`QueryError::NotFound`] when there is none; otherwise those of [`Engine::transfer_lists`].
    pub async fn transfer_list(&self, who: &Viewer, id: StreamId) -> Result<ManifestView, QueryError> {
        let (engine, who) = (self.clone(), who.clone());
        let work = async move {
            engine.may_see_lists(&who).await?;
            let view = engine.manifest(id).await?;
            let outcome = if view.is_some() { AccessOutcome::Shown } else { AccessOutcome::Absent };
            engine.note_access(&who, vec![id], outcome, engine.clock().now()).await?;
            view.ok_or(QueryError::NotFound)
        };
        self.apart(work).await?
    }

    async fn may_see_lists(&self, who: &Viewer) -> Result<(), QueryError> {
        let now = self.clock().now();
        self.admit(who, now).await?;
        let name = Name::new(INTAKE_RECORD).map_err(|error| QueryError::Malformed(error.to_string()))?;
        let seen = match self.active(&name).await {
            Ok(definition) => sight(&who.principal, who.role.as_ref(), &definition, now),
            Err(EngineError::NotActive(_)) => Sight::Nothing,
            Err(error) => return Err(error.into()),
        };
        if seen >= Sight::File {
            return Ok(());
        }
        self.note_access(who, Vec::new(), AccessOutcome::Denied, now).await?;
        Err(QueryError::Forbidden("your capacity does not read transfer lists".to_owned()))
    }
}
