//! Intake: the records of a transfer list go through the one door. A dry run judges with the same rules and writes
//! nothing.
//!
//! * A record that is kept and whose serial is free opens a case (alias: the serial) and registers a person.
//! * A record whose serial is known and whose name, father and year of birth do not disagree is attached to that person
//!   and case as an unconfirmed claim, unless that very record is there already.
//! * A record whose serial another person holds, and a record that was set aside, opens an `intake-record` case: it keeps
//!   every cell, an office and a clock, and its list cannot be closed before it is dealt with.
//!
//! *Twice is once.* What is written hangs on keys made from the batch and the cells of a record, so that the same record
//! adds nothing again, in this file or in another one, by this clerk or another. An import that was broken off is simply
//! started again. Records with equal cells that cannot be kept are told apart by counting them: each stays.
//!
//! *Order.* The case is written before the person, so that whoever finds the person finds the case.

mod acts;
mod desk;
mod held;
mod judge;
mod report;
mod write;

use std::collections::{HashMap, HashSet};
use std::io::{Read, Seek};

use jiff::civil::Date;
use qadiya_domain::actor::Actor;
use qadiya_domain::ids::{OfficialId, StreamId, StreamKind};
use qadiya_domain::manifest::{Header, RawRecord, Serial};
use qadiya_domain::name::{BadName, Name};
use qadiya_domain::registry::Deed;
use qadiya_ledger::Hash;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::Engine;
use crate::committer::SYSTEM_SCOPE;
use crate::error::EngineError;
use crate::ids::derived;
use crate::manifest_file::{self, FileRefusal, ManifestRecords};
use crate::once::Once;
use crate::registry_write::{RegistryError, RegistryWrite};
use crate::submit::{AccessContext, ActorChoice, SubmitError};
pub use desk::{CloseError, ManifestView, RefusedRowsError};
use judge::Holder;
pub use report::{FindingLine, ImportReport, RecordLine};
use write::Done;

/// The workflow of a detained person's case.
pub const DETAINEE_CASE: &str = "detainee-case";
/// The workflow of a record that was set aside.
pub const INTAKE_RECORD: &str = "intake-record";
/// The lookup space of serials; the key leads to the person.
pub const SERIAL_SPACE: &str = "serial";
/// The lookup space of records that are kept; the key leads to the person.
const ROW_SPACE: &str = "manifest-row";
/// The lookup space of transfer lists by the SHA-256 of their file.
pub const MANIFEST_SPACE: &str = "manifest";
/// The collection of lists in which a request key stands for one file.
const COLLECTION: &str = "manifests";
/// Records in flight together.
const CHUNK: usize = 256;

/// How a list is imported.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// Judge only; nothing is written. This is the default.
    pub dry_run: bool,
    /// The civil day at the court.
    pub today: Date,
    /// The workflow of the cases.
    pub workflow: Name,
    /// What the access log records: an import shows whose serial is known, and in which case. `None`: an import by the
    /// operator at the machine.
    pub access: Option<AccessContext>,
    /// The key under which the list is opened; it is of no use for another file.
    pub once: Option<Once>,
}

impl ImportOptions {
    /// A dry run for detainee cases.
    ///
    /// # Errors
    /// Never: the name is one.
    pub fn dry_run(today: Date) -> Result<Self, BadName> {
        Ok(Self { dry_run: true, today, workflow: Name::new(DETAINEE_CASE)?, access: None, once: None })
    }

    /// The same, and written.
    #[must_use]
    pub fn for_real(self) -> Self {
        Self { dry_run: false, ..self }
    }
}

/// Why an import did not come to its end. What was written stays; the same import goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be read.
    #[error("the file of the list could not be read; try again, or copy the file to another place first")]
    Read(#[source] std::io::Error),
    /// The file is no transfer list, or breaks off.
    #[error("the file cannot be taken as a transfer list")]
    File(#[from] FileRefusal),
    /// Nobody may import without the capacity.
    #[error("not permitted: {0}")]
    Forbidden(String),
    /// The workflow cannot take persons from a list.
    #[error("the workflow {workflow} has no {missing}, which an import needs")]
    Workflow {
        /// The workflow.
        workflow: Name,
        /// What it lacks.
        missing: String,
    },
    /// A record could not be written.
    #[error("record {record} could not be written; start the import again, it goes on there")]
    Submit {
        /// The record, from 1.
        record: u64,
        /// What failed.
        #[source]
        source: SubmitError,
    },
    /// A person or the list itself could not be written.
    #[error("{what} could not be written; start the import again, it goes on there")]
    Registry {
        /// What: the list, or the person of a record.
        what: String,
        /// What failed.
        #[source]
        source: RegistryError,
    },
    /// A name is none.
    #[error("a name of the import is none")]
    Name(#[from] BadName),
    /// The engine or its store failed.
    #[error("the import was broken off")]
    Engine(#[from] EngineError),
}

/// An import under way.
struct Import<'a> {
    engine: &'a Engine,
    by: &'a ActorChoice,
    /// Who writes to streams that are not cases.
    actor: Actor,
    scope: OfficialId,
    header: Header,
    manifest: StreamId,
    options: &'a ImportOptions,
    intake_record: Name,
    /// The id of the first access record.
    request: Uuid,
    chunks: u64,
    /// How often each record stood in the file so far: 36 bytes for each record.
    twins: HashMap<[u8; 32], u32>,
    /// Who holds which serial, from this chunk; of a dry run, from the whole file.
    holders: HashMap<Serial, Holder>,
    /// Records kept, likewise.
    rows: HashSet<String>,
    report: ImportReport,
}

/// The stream of a list, by the SHA-256 of its file.
pub fn manifest_stream(file: &Hash) -> StreamId {
    StreamId(derived(&["manifest", &file.to_string()]))
}

impl Engine {
    /// Imports a transfer list, CSV or XLSX. `progress` is told how many records of about how many were gone through;
    /// at the end both are the number of records.
    ///
    /// # Errors
    /// A fault of the file as a whole before anything is written; otherwise what stopped it. Whatever is wrong with a
    /// record is in the report.
    pub async fn import_manifest<R: Read + Seek + Send + 'static>(
        &self,
        by: &ActorChoice,
        title: &str,
        bytes: R,
        options: &ImportOptions,
        progress: &(dyn Fn(u64, u64) + Send + Sync),
    ) -> Result<ImportReport, ImportError> {
        // a large workbook keeps its thread busy for seconds
        let opened = tokio::task::spawn_blocking(move || open_list(bytes)).await;
        let (file, lines, mut records) =
            opened.map_err(|fault| ImportError::Read(std::io::Error::other(fault)))??;
        let intake_record = Name::new(INTAKE_RECORD)?;
        let actor = self.importer(by, options, &intake_record).await?;
        let scope = match by {
            ActorChoice::ByPrincipal { principal, .. } => principal.scope(),
            ActorChoice::System => SYSTEM_SCOPE,
        };
        let manifest = manifest_stream(&file);
        let request = match &options.access {
            Some(context) => context.request,
            None => self.ids().id(self.clock().now()).map_err(EngineError::from)?,
        };
        let mut import = Import {
            engine: self,
            by,
            actor,
            scope,
            header: records.header().clone(),
            manifest,
            options,
            intake_record,
            request,
            chunks: 0,
            twins: HashMap::new(),
            holders: HashMap::new(),
            rows: HashSet::new(),
            report: ImportReport::new(manifest, title, options.dry_run),
        };
        if !options.dry_run {
            import.open(title, file).await?;
        }
        progress(0, lines);
        loop {
            let chunk = records.by_ref().take(CHUNK).collect::<Result<Vec<RawRecord>, FileRefusal>>()?;
            if chunk.is_empty() {
                break;
            }
            import.chunk(chunk).await?;
            progress(import.report.records, lines.max(import.report.records));
        }
        if import.chunks == 0 {
            // A list without records shows that it is there or not.
            import.note_access(&[], &Done::default()).await?;
        }
        if !options.dry_run {
            import.finish().await?;
        }
        progress(import.report.records, import.report.records);
        Ok(import.report)
    }

    /// Whether somebody may import: to be asked before a file is read.
    ///
    /// # Errors
    /// [`ImportError::Forbidden`], and [`ImportError::Workflow`] where the workflows take no lists.
    pub async fn may_import(&self, by: &ActorChoice, options: &ImportOptions) -> Result<(), ImportError> {
        self.importer(by, options, &Name::new(INTAKE_RECORD)?).await.map(drop)
    }

    /// In which capacity an import writes: one that may name a person on a list.
    async fn importer(
        &self,
        by: &ActorChoice,
        options: &ImportOptions,
        intake_record: &Name,
    ) -> Result<Actor, ImportError> {
        let definition = self.active(&options.workflow).await?;
        let lacks = |missing: &str| ImportError::Workflow {
            workflow: options.workflow.clone(),
            missing: missing.to_owned(),
        };
        let listing =
            definition.commands.get(acts::LIST_PERSON).ok_or_else(|| lacks("command list-person"))?;
        let attaching =
            definition.commands.get(acts::ATTACH_CLAIM).ok_or_else(|| lacks("command attach-claim"))?;
        let aside = self.active(intake_record).await?;
        let setting_aside = aside.commands.get(acts::SET_ASIDE).ok_or_else(|| ImportError::Workflow {
            workflow: intake_record.clone(),
            missing: "command set-aside-record".to_owned(),
        })?;
        let ActorChoice::ByPrincipal { principal, role } = by else { return Ok(Actor::System) };
        let now = self.clock().now();
        let held = |workflow: &Name, by: &[Name]| {
            principal
                .valid(workflow, now)
                .filter(|held| role.as_ref().is_none_or(|role| *role == held.role))
                .find(|held| by.contains(&held.role))
                .map(|held| principal.actor(&held.role, Some(held.id)))
                .ok_or_else(|| {
                    let roles: Vec<&str> = by.iter().map(Name::as_str).collect();
                    let roles = roles.join(" or ");
                    ImportError::Forbidden(format!("an import needs the capacity {roles} for {workflow}"))
                })
        };
        // Any record may turn out to be one that is attached or put aside: found before the first is written.
        held(&options.workflow, &attaching.by)?;
        held(intake_record, &setting_aside.by)?;
        held(&options.workflow, &listing.by)
    }
}

impl Import<'_> {
    /// Opens the list; one that is there is left as it is. A key is bound by a deed, so the same list under another key
    /// leaves one more.
    async fn open(&self, title: &str, file: Hash) -> Result<(), ImportError> {
        let title = title.to_owned();
        let keyed = self.options.once.is_some();
        let write = RegistryWrite::new(self.manifest, StreamKind::Manifest, self.actor.clone())
            .found_by(MANIFEST_SPACE, file.to_string())
            .once_in(COLLECTION, self.options.once.clone())
            .deciding(move |entity| {
                let held = entity.manifest().ok_or_else(|| "the id belongs to another record".to_owned())?;
                let title = match held.file {
                    None => title.clone(),
                    Some(_) if keyed => held.title.clone(),
                    Some(_) => return Ok(Vec::new()),
                };
                Ok(vec![Deed::ManifestOpened { title, file }])
            });
        self.record("the list", vec![write]).await
    }

    /// Notes that every record was gone through, once.
    async fn finish(&self) -> Result<(), ImportError> {
        let verdicts =
            self.report.verdicts.iter().map(|(verdict, count)| (verdict.to_string(), *count)).collect();
        let imported = Deed::ManifestImported { verdicts };
        let write = RegistryWrite::new(self.manifest, StreamKind::Manifest, self.actor.clone()).deciding(
            move |entity| {
                let held = entity.manifest().ok_or_else(|| "the id belongs to another record".to_owned())?;
                Ok(if held.verdicts.is_some() { Vec::new() } else { vec![imported.clone()] })
            },
        );
        self.record("the list", vec![write]).await
    }

    /// Writes to streams that are not cases.
    async fn record(&self, what: &str, writes: Vec<RegistryWrite>) -> Result<(), ImportError> {
        for answer in self.engine.record_patiently(writes).await {
            answer.map_err(|source| ImportError::Registry { what: what.to_owned(), source })?;
        }
        Ok(())
    }
}

/// The SHA-256 of a file, about how many records it has, and its records.
fn open_list<R: Read + Seek>(mut bytes: R) -> Result<(Hash, u64, ManifestRecords<R>), ImportError> {
    let (file, lines) = fingerprint(&mut bytes).map_err(ImportError::Read)?;
    Ok((file, lines, manifest_file::open(bytes)?))
}

/// The SHA-256 of a file and about how many records it has; the file is at its beginning again afterwards.
fn fingerprint(bytes: &mut (impl Read + Seek)) -> Result<(Hash, u64), std::io::Error> {
    let mut digest = Sha256::new();
    let mut lines = 0_u64;
    let mut block = vec![0_u8; 64 * 1024];
    bytes.rewind()?;
    loop {
        let read = match bytes.read(&mut block) {
            Ok(0) => break,
            Ok(read) => read,
            Err(fault) if fault.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(fault) => return Err(fault),
        };
        let part = block.get(..read).unwrap_or_default();
        digest.update(part);
        let ends = part.split(|byte| *byte == b'\n').skip(1).count();
        lines = lines.saturating_add(u64::try_from(ends).unwrap_or(u64::MAX));
    }
    bytes.rewind()?;
    let hash = Hash::from_slice(&digest.finalize()).unwrap_or(Hash::ZERO);
    Ok((hash, lines))
}
