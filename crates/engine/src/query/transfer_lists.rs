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
use crate::ids::derived;
use crate::intake::{INTAKE_RECORD, ImportError, ImportOptions, ImportReport, ManifestView};
use crate::submit::{AccessContext, ActorChoice};

/// Without the record there is no answer.
fn unrecorded(error: QueryError) -> ImportError {
    match error {
        QueryError::Unavailable(error) => EngineError::Store(error).into(),
        QueryError::Integrity(error) => error.into(),
        QueryError::NotFound
        | QueryError::Forbidden(_)
        | QueryError::Malformed(_)
        | QueryError::Busy
        | QueryError::Refused(_) => EngineError::Busy.into(),
    }
}

impl Engine {
    /// Whether the viewer may import, to be asked before a file is read. A refusal is recorded.
    ///
    /// # Errors
    /// Those of [`Engine::may_import`].
    pub async fn admit_import(&self, who: &Viewer, options: &ImportOptions) -> Result<(), ImportError> {
        let (engine, who, options) = (self.clone(), who.clone(), options.clone());
        let work = async move {
            let by = ActorChoice::ByPrincipal { principal: who.principal.clone(), role: who.role.clone() };
            match engine.may_import(&by, &options).await {
                Err(ImportError::Forbidden(why)) => {
                    let noted =
                        engine.note_access(&who, Vec::new(), AccessOutcome::Denied, engine.clock().now());
                    noted.await.map_err(unrecorded)?;
                    Err(ImportError::Forbidden(why))
                }
                other => other,
            }
        };
        self.apart(work).await?
    }

    /// Imports a list for somebody, in a task of its own: an import goes on when nobody waits for it any more. What the
    /// report shows is recorded part by part before it is given, the first part under the id of the request; an import
    /// that breaks off is recorded too.
    ///
    /// # Errors
    /// Those of [`Engine::import_manifest`].
    pub async fn import_list(
        &self,
        who: &Viewer,
        title: &str,
        bytes: Vec<u8>,
        mut options: ImportOptions,
    ) -> Result<ImportReport, ImportError> {
        let (engine, who, title) = (self.clone(), who.clone(), title.to_owned());
        let work = async move {
            let by = ActorChoice::ByPrincipal { principal: who.principal.clone(), role: who.role.clone() };
            let route = who.route.clone();
            options.access =
                Some(AccessContext { request: who.request, route, purpose: who.purpose.clone() });
            let report = engine.import_manifest(&by, &title, Cursor::new(bytes), &options, &|_, _| ()).await;
            if report.is_err() {
                // The id of the request may stand with a part that was shown.
                let request = derived(&["access", &who.request.to_string(), "broken off"]);
                let who = Viewer { request, ..who };
                let noted =
                    engine.note_access(&who, Vec::new(), AccessOutcome::Refused, engine.clock().now());
                noted.await.map_err(unrecorded)?;
            }
            report
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
