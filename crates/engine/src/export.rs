//! Export: our own log for the tools of process analysts, as XES (IEEE 1849) and as OCEL 2.0.
//!
//! What leaves the house is what was done, when, in which capacity and by whose id: never a name, never a value behind a
//! commitment, never a refusal. Every page of cases is in the access log before its first byte leaves.
//!
//! * A trace is a case, called by its alias or, without one, by its number.
//! * An event is a command that took effect, called by its foreign identifier, its title or its name, in this order. It
//!   stands at the time it happened, which is the time it was recorded unless the actor said otherwise.
//! * The opening that a converted file needs and its source does not know is left out: a clerical command `from: new`
//!   without a foreign identifier, in a file whose other commands have one. So a log that was replayed comes out as it
//!   went in.
//!
//! Cases are read page by page, in order of id; nothing but a page is in memory (for OCEL: the ids too).

mod ocel;
mod told;
mod xes;

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use jiff::Timestamp;
use qadiya_domain::case::event::Event;
use qadiya_domain::case::seal::open_event;
use qadiya_domain::ids::{DefinitionHash, StreamId};
use qadiya_domain::name::Name;
use qadiya_domain::workflow::Definition;
use qadiya_store::access::{AccessOutcome, AccessRecord};
use qadiya_store::read::{CaseFilter, CaseRow};
use uuid::Uuid;

use crate::Engine;
use crate::authorize::{Sight, sight};
use crate::error::EngineError;
use crate::event_log::WriteFault;
use crate::ids::derived;
use crate::query::Viewer;

/// Cases read at once.
const PAGE: u32 = 100;

/// The form of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display, strum::EnumString)]
#[strum(serialize_all = "kebab-case")]
pub enum ExportForm {
    /// XES: traces with events.
    Xes,
    /// OCEL 2.0 in JSON: events about cases, persons, transfer lists and officials.
    Ocel,
}

/// Why an export did not come to its end. The output then holds an unfinished file.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The capacity is missing.
    #[error("not permitted: {0}")]
    Forbidden(String),
    /// The store failed, or what it holds is damaged.
    #[error("the cases cannot be read")]
    Engine(#[from] EngineError),
    /// The output, or something that the form cannot carry.
    #[error("the export cannot be written")]
    Write(#[from] WriteFault),
}

/// A case as it is exported.
struct CaseLog {
    row: CaseRow,
    definition: Arc<Definition>,
    events: Vec<Event>,
}

impl CaseLog {
    /// What the case is called outside.
    fn called(&self) -> String {
        self.row.alias.clone().unwrap_or_else(|| self.row.reference.clone())
    }
}

/// An export under way.
struct Export<'a> {
    engine: &'a Engine,
    who: Option<&'a Viewer>,
    request: Uuid,
    form: ExportForm,
    workflow: Option<Name>,
    now: Timestamp,
    definitions: BTreeMap<DefinitionHash, Arc<Definition>>,
    after: Option<StreamId>,
    pages: u64,
}

impl Engine {
    /// Exports cases, of one workflow or of all. `who` may read their files; `None` is the operator at the machine, who is
    /// recorded as such. `progress` is told how many cases of how many were gone through.
    ///
    /// # Errors
    /// [`ExportError::Forbidden`] for a workflow whose files the viewer may not read; of an export of all workflows, such
    /// cases are left out.
    pub async fn export<W: Write + Send>(
        &self,
        who: Option<&Viewer>,
        form: ExportForm,
        workflow: Option<Name>,
        to: W,
        progress: &(dyn Fn(u64, u64) + Send + Sync),
    ) -> Result<W, ExportError> {
        let now = self.clock().now();
        let request = match who {
            Some(viewer) => viewer.request,
            None => self.ids().id(now).map_err(EngineError::from)?,
        };
        let filter = CaseFilter { workflow: workflow.clone(), ..CaseFilter::default() };
        let total = self.on_store(move |store| async move { store.count(&filter).await }).await?;
        progress(0, total);
        let export = Export {
            engine: self,
            who,
            request,
            form,
            workflow,
            now,
            definitions: BTreeMap::new(),
            after: None,
            pages: 0,
        };
        match form {
            ExportForm::Xes => xes::write(export, to, &|done| progress(done, total)).await,
            ExportForm::Ocel => ocel::write(export, to, &|done| progress(done, total)).await,
        }
    }
}

impl Export<'_> {
    /// The next cases that the viewer may read, with how many were gone through; `None` at the end. That they were shown
    /// is recorded by then.
    async fn page(&mut self) -> Result<Option<(Vec<CaseLog>, u64)>, ExportError> {
        let filter = CaseFilter { workflow: self.workflow.clone(), ..CaseFilter::default() };
        let after = self.after;
        let rows =
            self.engine.on_store(move |store| async move { store.list(&filter, after, PAGE).await }).await?;
        let Some(last) = rows.last() else { return Ok(None) };
        self.after = Some(last.id);
        let seen = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        let mut shown = Vec::with_capacity(rows.len());
        for row in rows {
            let definition = self.definition(row.definition).await?;
            if self.may_read(&definition) {
                shown.push((row, definition));
            } else if self.workflow.is_some() {
                self.note(Vec::new(), AccessOutcome::Denied).await?;
                let text = format!("your capacity does not read the files of {}", row.workflow);
                return Err(ExportError::Forbidden(text));
            }
        }
        let streams: Vec<StreamId> = shown.iter().map(|(row, _)| row.id).collect();
        self.note(streams.clone(), AccessOutcome::Shown).await?;
        let mut events: BTreeMap<StreamId, Vec<Event>> = BTreeMap::new();
        for (stream, stored) in
            self.engine.on_store(move |store| async move { store.events_of(&streams).await }).await?
        {
            let event = open_event(&stored.bytes).map_err(|error| EngineError::Integrity {
                stream,
                detail: format!("event {}: {error}", stored.seq),
            })?;
            events.entry(stream).or_default().push(event);
        }
        let cases = shown.into_iter().map(|(row, definition)| {
            let mut events = events.remove(&row.id).unwrap_or_default();
            // The row was read before: what came since belongs to the next export.
            events.retain(|event| event.seq <= row.version);
            CaseLog { row, definition, events }
        });
        Ok(Some((cases.collect(), seen)))
    }

    /// Begins again with the first page.
    fn rewind(&mut self) {
        self.after = None;
    }

    async fn definition(&mut self, hash: DefinitionHash) -> Result<Arc<Definition>, EngineError> {
        if let Some(known) = self.definitions.get(&hash) {
            return Ok(Arc::clone(known));
        }
        let definition = self.engine.definition(hash).await?;
        self.definitions.insert(hash, Arc::clone(&definition));
        Ok(definition)
    }

    fn may_read(&self, definition: &Definition) -> bool {
        self.who.is_none_or(|viewer| {
            sight(&viewer.principal, viewer.role.as_ref(), definition, self.now) >= Sight::File
        })
    }

    async fn note(&mut self, streams: Vec<StreamId>, outcome: AccessOutcome) -> Result<(), EngineError> {
        let of = self.workflow.as_ref().map_or("of all workflows", Name::as_str);
        let id = if self.pages == 0 {
            self.request
        } else {
            derived(&["access", &self.request.to_string(), &self.pages.to_string()])
        };
        self.pages = self.pages.saturating_add(1);
        let record = AccessRecord {
            id,
            at: self.now,
            official: self.who.map(|viewer| viewer.principal.official),
            capacity: self.who.and_then(|viewer| viewer.role.as_ref()).map(ToString::to_string),
            purpose: self.who.and_then(|viewer| viewer.purpose.clone()),
            query: self
                .who
                .map_or_else(|| format!("export {} {of}", self.form), |viewer| viewer.route.clone()),
            streams,
            outcome,
            refusals: Vec::new(),
        };
        self.engine.record_access(record).await
    }
}
