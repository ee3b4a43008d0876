//! The desk of transfer lists: which lists there are, what was refused of them, and when one may be closed.

use std::io::Write;

use qadiya_domain::case::event::{Event, EventKind};
use qadiya_domain::ids::{StreamId, StreamKind};
use qadiya_domain::manifest::{Column, Finding, RawRecord, Verdict};
use qadiya_domain::name::Name;
use qadiya_domain::registry::{Deed, Manifest};
use qadiya_domain::value::Value;
use qadiya_ledger::canonical;
use qadiya_store::access::{AccessOutcome, AccessRecord};
use qadiya_store::append::EntityRow;
use qadiya_store::read::CaseFilter;
use serde::Serialize;
use strum::IntoEnumIterator;

use super::INTAKE_RECORD;
use super::acts::{Kept, header_of};
use crate::Engine;
use crate::authorize::{Sight, sight};
use crate::error::EngineError;
use crate::law;
use crate::manifest_file::RefusedRows;
use crate::once::Once;
use crate::query::Viewer;
use crate::registry_write::{RegistryError, RegistryWrite};
use crate::submit::ActorChoice;

/// Records read at once.
const PAGE: u32 = 500;
/// Where the event of a record keeps its cells and its findings.
const CELLS: &str = "/records/0/cells";
const FAULTS: &str = "/records/0/faults";

/// A transfer list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ManifestView {
    /// Its stream.
    pub id: StreamId,
    /// Title, file, verdicts, closed.
    #[serde(flatten)]
    pub state: Manifest,
    /// Records of it that were set aside and are not dealt with.
    pub open_records: u64,
}

/// Why a list was not closed.
#[derive(Debug, thiserror::Error)]
pub enum CloseError {
    /// There is no such list.
    #[error("there is no such list")]
    Unknown,
    /// Not all of its records were gone through.
    #[error("the import of this list has not come to its end; start it again first")]
    NotImported,
    /// Records of it are not dealt with.
    #[error(
        "{0} records of this list were set aside and are not dealt with; it cannot be closed before they are"
    )]
    Open(u64),
    /// The capacity is missing.
    #[error("not permitted: {0}")]
    Forbidden(String),
    /// It was not recorded.
    #[error("the closing was not recorded")]
    Registry(#[from] RegistryError),
    /// The store failed.
    #[error("the list cannot be closed now")]
    Engine(#[from] EngineError),
}

/// Why the refused rows were not given.
#[derive(Debug, thiserror::Error)]
pub enum RefusedRowsError {
    /// There is no such list.
    #[error("there is no such list")]
    Unknown,
    /// The capacity is missing.
    #[error("not permitted: {0}")]
    Forbidden(String),
    /// The store failed, or what it holds is damaged.
    #[error("the refused rows cannot be read")]
    Engine(#[from] EngineError),
    /// The output takes no bytes.
    #[error("the refused rows could not be written out")]
    Write(#[from] csv::Error),
    /// The output takes no bytes.
    #[error("the refused rows could not be written out")]
    Output(#[from] std::io::Error),
}

/// A record of a list as its case keeps it.
struct Aside {
    case: StreamId,
    kept: Kept,
    line: u64,
    findings: Vec<Finding>,
}

impl Engine {
    /// Transfer lists in order of id, after one, at most `limit`. Nothing in them is about a person.
    pub async fn manifests(
        &self,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Vec<ManifestView>, EngineError> {
        let page = move |store: std::sync::Arc<dyn qadiya_store::Store>| async move {
            store.entities(StreamKind::Manifest, None, after, limit).await
        };
        let rows = self.on_store(page).await?;
        let lists: Vec<StreamId> = rows.iter().map(|row| row.stream).collect();
        let open = self.open_records(lists).await?;
        rows.iter().zip(open).map(|(row, open)| manifest_view(row, open)).collect()
    }

    /// One transfer list.
    pub async fn manifest(&self, id: StreamId) -> Result<Option<ManifestView>, EngineError> {
        let Some(held) = self.entity(id).await? else { return Ok(None) };
        let Some(state) = held.entity.manifest().cloned() else { return Ok(None) };
        let open_records = self.open_records(vec![id]).await?.first().copied().unwrap_or_default();
        Ok(Some(ManifestView { id, state, open_records }))
    }

    /// How many records of each of these lists are not dealt with: asked once for all.
    async fn open_records(&self, lists: Vec<StreamId>) -> Result<Vec<u64>, EngineError> {
        let filter = aside_filter(None);
        self.on_store(move |store| async move { store.count_groups(&filter, &lists).await }).await
    }

    /// Closes a list. A list that is closed stays so.
    ///
    /// # Errors
    /// [`CloseError::Open`] says how many of its records are not dealt with.
    pub async fn close_manifest(
        &self,
        by: &ActorChoice,
        id: StreamId,
        once: Option<Once>,
    ) -> Result<(), CloseError> {
        let view = self.manifest(id).await?.ok_or(CloseError::Unknown)?;
        if view.state.verdicts.is_none() {
            return Err(CloseError::NotImported);
        }
        if view.open_records > 0 {
            return Err(CloseError::Open(view.open_records));
        }
        let actor = match by {
            ActorChoice::System => qadiya_domain::actor::Actor::System,
            ActorChoice::ByPrincipal { principal, role } => {
                let definition = self.intake_definition().await?;
                let setting_aside = definition.commands.get(super::acts::SET_ASIDE);
                let allowed = setting_aside.map(|command| command.by.as_slice()).unwrap_or_default();
                let held = principal
                    .valid(&definition.workflow, self.clock().now())
                    .filter(|held| role.as_ref().is_none_or(|role| *role == held.role))
                    .find(|held| allowed.contains(&held.role))
                    .ok_or_else(|| {
                        CloseError::Forbidden("closing a list needs an intake clerk".to_owned())
                    })?;
                principal.actor(&held.role, Some(held.id))
            }
        };
        let keyed = once.is_some();
        let write = RegistryWrite::new(id, StreamKind::Manifest, actor).once(once).deciding(move |entity| {
            let held = entity.manifest().ok_or_else(|| "it is no list".to_owned())?;
            // A key is bound by a deed, also where the list is closed already.
            Ok(if held.closed && !keyed { Vec::new() } else { vec![Deed::ManifestClosed] })
        });
        self.record(write).await?;
        Ok(())
    }

    async fn intake_definition(
        &self,
    ) -> Result<std::sync::Arc<qadiya_domain::workflow::Definition>, EngineError> {
        let name = Name::new(INTAKE_RECORD).map_err(|error| EngineError::NotActive(error.0))?;
        self.active(&name).await
    }

    /// Writes the records of a list that were set aside and are not dealt with, as CSV that can be corrected and sent in
    /// again: the cells as they came, and what to do about them, in the order of the file. Who asked is recorded before
    /// the first byte.
    ///
    /// A record that an earlier list had brought already stands with that list.
    ///
    /// # Errors
    /// [`RefusedRowsError::Forbidden`] for whoever may not read the file of such a record.
    pub async fn refused_rows<W: Write + Send>(
        &self,
        who: &Viewer,
        id: StreamId,
        to: W,
    ) -> Result<W, RefusedRowsError> {
        let definition = self.intake_definition().await?;
        let now = self.clock().now();
        let note = |streams: Vec<StreamId>, outcome: AccessOutcome| AccessRecord {
            id: who.request,
            at: now,
            official: Some(who.principal.official),
            capacity: who.role.as_ref().map(ToString::to_string),
            purpose: who.purpose.clone(),
            query: who.route.clone(),
            streams,
            outcome,
            refusals: Vec::new(),
        };
        if sight(&who.principal, who.role.as_ref(), &definition, now) < Sight::File {
            self.record_access(note(Vec::new(), AccessOutcome::Denied)).await?;
            return Err(RefusedRowsError::Forbidden(
                "your capacity does not read records set aside".to_owned(),
            ));
        }
        if self.entity(id).await?.is_none_or(|held| held.entity.manifest().is_none()) {
            self.record_access(note(Vec::new(), AccessOutcome::Absent)).await?;
            return Err(RefusedRowsError::Unknown);
        }
        let mut asides = self.asides(id).await?;
        asides.sort_by_key(|aside| aside.kept.record);
        let shown = asides.iter().map(|aside| aside.case).collect();
        self.record_access(note(shown, AccessOutcome::Shown)).await?;

        let columns = asides.first().map(|aside| aside.kept.columns.clone());
        let columns = columns.unwrap_or_else(|| Column::iter().map(Some).collect());
        let header = header_of(&columns).ok_or_else(|| damaged(id, "its header cannot be read again"))?;
        let mut rows = RefusedRows::begin(to, &header)?;
        for aside in asides {
            let verdict = aside.findings.iter().map(|finding| finding.rule.verdict()).max();
            let raw = RawRecord {
                record: aside.kept.record,
                line: aside.line,
                cells: aside.kept.cells.into_iter().map(String::into_bytes).collect(),
                swallowed: 0,
            };
            rows.write(&header, &raw, verdict.unwrap_or(Verdict::SetAside), &aside.findings)?;
        }
        Ok(rows.finish()?)
    }

    /// The records of a list that are not dealt with.
    async fn asides(&self, manifest: StreamId) -> Result<Vec<Aside>, EngineError> {
        let mut asides = Vec::new();
        let mut after = None;
        loop {
            let filter = aside_filter(Some(manifest));
            let page =
                self.on_store(move |store| async move { store.openings(&filter, after, PAGE).await }).await?;
            let Some((last, _)) = page.last() else { return Ok(asides) };
            after = Some(*last);
            for (case, stored) in page {
                let event: Event =
                    canonical::decode(&stored.bytes).map_err(|error| damaged(case, &error.to_string()))?;
                if event.kind != EventKind::Acted {
                    return Err(damaged(case, "its first event opens nothing"));
                }
                let secret = stored.secret.as_deref().unwrap_or(b"{}");
                let opened = law::open_secret(secret).map_err(|error| damaged(case, &error.to_string()))?;
                let text = |path: &str| match opened.get(path) {
                    Some((_, Value::Text(text))) => Some(text.as_str()),
                    Some(_) | None => None,
                };
                // What was erased is not given out any more.
                let (Some(cells), Some(faults)) = (text(CELLS), text(FAULTS)) else { continue };
                let kept: Kept =
                    serde_json::from_str(cells).map_err(|error| damaged(case, &error.to_string()))?;
                let findings: Vec<Finding> =
                    serde_json::from_str(faults).map_err(|error| damaged(case, &error.to_string()))?;
                let line = findings.first().map_or(0, |finding| finding.line);
                asides.push(Aside { case, kept, line, findings });
            }
        }
    }
}

fn manifest_view(row: &EntityRow, open_records: u64) -> Result<ManifestView, EngineError> {
    let state: Manifest =
        canonical::decode(&row.state).map_err(|error| damaged(row.stream, &error.to_string()))?;
    Ok(ManifestView { id: row.stream, state, open_records })
}

/// Records that were set aside and are not dealt with, of one list or of all.
fn aside_filter(manifest: Option<StreamId>) -> CaseFilter {
    CaseFilter {
        workflow: Name::new(INTAKE_RECORD).ok(),
        group: manifest,
        open: true,
        ..CaseFilter::default()
    }
}

fn damaged(stream: StreamId, detail: &str) -> EngineError {
    EngineError::Integrity { stream, detail: detail.to_owned() }
}
