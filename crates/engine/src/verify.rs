//! The verification of everything stored: chains, hashes, secret values, legality, rows, clocks, counters, log, checkpoints.

mod activations;
mod secrets;
mod streams;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use qadiya_domain::ids::Seq;
use qadiya_domain::name::Name;
use qadiya_ledger::tree::{Frontier, Node, leaf_hash};
use qadiya_ledger::verify::{self as ledger, Fault, Verifier};
use qadiya_store::read::StageCount;
use qadiya_store::{Store, StoreError};
use serde::Serialize;

use crate::Engine;
use crate::error::EngineError;

/// What is wrong. Closed vocabulary; the words are part of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, strum::Display)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum FaultKind {
    /// An event is missing, doubled, misplaced, or its bytes do not have its hash.
    Chain,
    /// The bytes of an event cannot be read.
    Unreadable,
    /// A secret value is not what its event committed to.
    Secret,
    /// An event was never legal under the definition of its case.
    Illegal,
    /// The row of a stream is not what its events make of it.
    Row,
    /// A clock row is not what the events make of it.
    Deadline,
    /// A counter is not what the cases make of it.
    Counter,
    /// An entry of the log is missing, doubled, or stands for another event.
    Log,
    /// A node of the tree is not what the entries make of it.
    Tree,
    /// A checkpoint is not signed by this installation, or contradicts the log.
    Checkpoint,
    /// A definition is missing or its bytes do not have its hash.
    Definition,
    /// A version became the active one without the signatures of two people, or another is active than they signed for.
    Activation,
}

/// One fault with its place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct VerifyFault {
    /// What is wrong.
    pub kind: FaultKind,
    /// The stream, the entry or the counter.
    pub place: String,
    /// The event, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<Seq>,
    /// What was found.
    pub detail: String,
}

impl fmt::Display for VerifyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.place)?;
        if let Some(seq) = self.seq {
            write!(f, ", event {seq}")?;
        }
        write!(f, ": {}", self.detail)
    }
}

/// What was looked at, and what was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    /// Cases.
    pub cases: u64,
    /// Other streams.
    pub entities: u64,
    /// Events.
    pub events: u64,
    /// Entries of the log.
    pub entries: u64,
    /// Checkpoints that convinced.
    pub checkpoints: u64,
    /// Entries that a convincing checkpoint covers.
    pub covered: u64,
    /// Events that wait for their number.
    pub pending: u64,
    /// Every fault.
    pub faults: Vec<VerifyFault>,
}

impl VerifyReport {
    /// Whether nothing was found wrong: exit code 0.
    pub fn is_clean(&self) -> bool {
        self.faults.is_empty()
    }
}

/// Streams read at once.
const STREAMS: u32 = 200;
/// Entries of the log read at once.
const ENTRIES: u32 = 10_000;

impl Engine {
    /// Verifies everything stored. `progress` is told how many cases of how many were gone through.
    ///
    /// What cannot be seen from inside: a whole stream removed together with its log entries and every checkpoint over
    /// them; that needs a checkpoint or a receipt kept by somebody else.
    ///
    /// # Errors
    /// Only when the store cannot be read; whatever is wrong with what was read stands in the report.
    pub async fn verify(
        &self,
        progress: &(dyn Fn(u64, u64) + Send + Sync),
    ) -> Result<VerifyReport, EngineError> {
        let mut check = Check {
            engine: self.clone(),
            // What is written while this runs comes after this size, and is left to the next verification.
            size: self.on_store(|store| async move { store.log_size().await }).await?,
            ledger: Verifier::new(self.origin().clone(), self.public_key()),
            counted: BTreeMap::new(),
            report: VerifyReport::default(),
        };
        let counts = self.on_store(|store| async move { store.counts().await }).await?;
        check.definitions().await?;
        check.cases(progress).await?;
        check.entities().await?;
        check.activations().await?;
        check.counters(&counts).await?;
        check.log().await?;
        Ok(check.finish())
    }

    /// Runs one read in a task of its own.
    pub(crate) async fn on_store<T, F, R>(&self, read: F) -> Result<T, EngineError>
    where
        T: Send + 'static,
        F: FnOnce(Arc<dyn Store>) -> R,
        R: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        Ok(self.apart(read(Arc::clone(self.store()))).await??)
    }
}

/// A verification under way.
struct Check {
    engine: Engine,
    size: u64,
    ledger: Verifier,
    /// Cases by workflow, stage and office, counted again.
    counted: BTreeMap<(Name, Option<Name>, Option<Name>), i64>,
    report: VerifyReport,
}

impl Check {
    fn fault(
        &mut self,
        kind: FaultKind,
        place: &dyn fmt::Display,
        seq: Option<Seq>,
        detail: impl Into<String>,
    ) {
        self.report.faults.push(VerifyFault { kind, place: place.to_string(), seq, detail: detail.into() });
    }

    async fn definitions(&mut self) -> Result<(), EngineError> {
        for stored in self.engine.on_store(|store| async move { store.definitions().await }).await? {
            let (engine, hash) = (self.engine.clone(), stored.hash);
            let read = self.engine.apart(async move { engine.library().read_stored(hash).await }).await?;
            match read {
                Ok(definition)
                    if definition.workflow == stored.workflow && definition.version == stored.version => {}
                Ok(definition) => {
                    let found = format!("its row says {} {}", stored.workflow, stored.version);
                    let detail = format!("it is {} {}; {found}", definition.workflow, definition.version);
                    self.fault(FaultKind::Definition, &hash, None, detail);
                }
                Err(EngineError::Store(error)) => return Err(EngineError::Store(error)),
                Err(error) => self.fault(FaultKind::Definition, &hash, None, error.to_string()),
            }
        }
        Ok(())
    }

    async fn counters(&mut self, before: &[StageCount]) -> Result<(), EngineError> {
        let after = self.engine.on_store(|store| async move { store.counts().await }).await?;
        if before != after.as_slice() {
            // Cases moved while they were counted: a difference would say nothing.
            return Ok(());
        }
        let mut stored: BTreeMap<_, i64> = BTreeMap::new();
        for row in after {
            *stored.entry((row.workflow, row.stage, row.office)).or_default() += row.count;
        }
        let counted = std::mem::take(&mut self.counted);
        let places: BTreeSet<_> = stored.keys().chain(counted.keys()).cloned().collect();
        for place in places {
            let (says, is) =
                (stored.get(&place).copied().unwrap_or(0), counted.get(&place).copied().unwrap_or(0));
            if says != is {
                let (workflow, stage, office) = place;
                let word = |name: Option<Name>| name.map_or_else(|| "-".to_owned(), |name| name.to_string());
                let place = format!("{workflow} / {} / {}", word(stage), word(office));
                self.fault(FaultKind::Counter, &place, None, format!("it says {says}, the cases are {is}"));
            }
        }
        Ok(())
    }

    /// Pending events, entries, tree nodes and checkpoints.
    async fn log(&mut self) -> Result<(), EngineError> {
        let pending = self.engine.on_store(|store| async move { store.pending(u32::MAX).await }).await?;
        self.report.pending = u64::try_from(pending.len()).unwrap_or(u64::MAX);
        for event in pending {
            self.ledger.pending(&event.stream.to_string(), event.seq);
        }
        let (mut from, mut frontier, size) = (0, Frontier::new(), self.size);
        loop {
            let entries =
                self.engine.on_store(move |store| async move { store.entries(from, ENTRIES).await }).await?;
            let Some(last) = entries.last() else { break };
            // A hole in the numbers must not make this go in circles.
            from = last.index.max(from).saturating_add(1);
            let mut nodes = Vec::new();
            for entry in &entries {
                let stream = entry.stream.to_string();
                if entry.index >= size {
                    self.ledger.pending(&stream, entry.seq);
                    continue;
                }
                self.ledger.entry(&ledger::LogEntry {
                    index: entry.index,
                    stream: &stream,
                    seq: entry.seq,
                    event_hash: entry.hash,
                });
                nodes.extend(frontier.push(leaf_hash(entry.hash.as_bytes())));
            }
            self.nodes(nodes).await?;
        }
        let mut after = 0;
        loop {
            let page =
                self.engine.on_store(move |store| async move { store.checkpoints(after, 100).await }).await?;
            let Some(last) = page.last() else { break };
            after = last.size;
            for checkpoint in page.iter().filter(|checkpoint| checkpoint.size <= size) {
                self.ledger.checkpoint(&checkpoint.text);
            }
        }
        Ok(())
    }

    async fn nodes(&mut self, expected: Vec<Node>) -> Result<(), EngineError> {
        if expected.is_empty() {
            return Ok(());
        }
        let places: Vec<(u8, u64)> = expected.iter().map(|node| (node.level, node.index)).collect();
        let stored = self.engine.on_store(move |store| async move { store.nodes(&places).await }).await?;
        for (node, stored) in expected.into_iter().zip(stored) {
            let place = format!("node {}/{}", node.level, node.index);
            match stored {
                Some(stored) if stored == node.hash => {}
                Some(stored) => {
                    self.fault(
                        FaultKind::Tree,
                        &place,
                        None,
                        format!("it is {stored}, the entries make {}", node.hash),
                    );
                }
                None => self.fault(FaultKind::Tree, &place, None, "it is missing"),
            }
        }
        Ok(())
    }

    fn finish(self) -> VerifyReport {
        let mut report = self.report;
        let ledger = self.ledger.finish();
        report.events = ledger.events;
        report.entries = ledger.entries;
        report.checkpoints = ledger.checkpoints;
        report.covered = ledger.covered;
        report.faults.extend(ledger.faults.iter().map(ledger_fault));
        report.faults.sort();
        report.faults.dedup();
        report
    }
}

/// A fault of the ledger in the words of this report.
fn ledger_fault(fault: &Fault) -> VerifyFault {
    let detail = fault.to_string();
    let at = |kind, at: &ledger::Place| VerifyFault {
        kind,
        place: at.stream.clone(),
        seq: Some(at.seq),
        detail: detail.clone(),
    };
    let on = |kind, place: String| VerifyFault { kind, place, seq: None, detail: detail.clone() };
    match fault {
        Fault::UnreadableEvent { at: place, .. } => at(FaultKind::Unreadable, place),
        Fault::ChangedBytes { at: place, .. }
        | Fault::MisplacedEvent { at: place, .. }
        | Fault::RepeatedEvent { at: place }
        | Fault::BrokenLink { at: place, .. }
        | Fault::ChangedColumn { at: place } => at(FaultKind::Chain, place),
        Fault::DeletedEvents { stream, .. } | Fault::SwappedEvents { stream, .. } => {
            on(FaultKind::Chain, stream.clone())
        }
        Fault::NotInLog { at: place }
        | Fault::EntryWithoutEvent { at: place, .. }
        | Fault::EntryMismatch { at: place, .. }
        | Fault::LoggedTwice { at: place, .. }
        | Fault::LogOrder { at: place, .. } => at(FaultKind::Log, place),
        Fault::LogHole { .. } | Fault::LogTooShort { .. } => on(FaultKind::Log, "log".to_owned()),
        Fault::CheckpointMismatch { .. }
        | Fault::CheckpointNotSigned { .. }
        | Fault::CheckpointUnreadable { .. } => on(FaultKind::Checkpoint, "checkpoint".to_owned()),
    }
}
