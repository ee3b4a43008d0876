//! Streams held against their rows: each case is folded again from its events, and its row, its clocks and the legality
//! of every act are compared.

use std::collections::BTreeMap;

use qadiya_domain::case::Case;
use qadiya_domain::case::event::Event;
use qadiya_domain::case::seal::commitments;
use qadiya_domain::ids::{StreamId, StreamKind};
use qadiya_domain::registry::{Deed, Entity, RegistryEvent};
use qadiya_domain::value::Protected;
use qadiya_ledger::chain::Seal;
use qadiya_ledger::{Hash, canonical, verify as ledger};
use qadiya_store::append::{EntityRow, StoredEvent};
use qadiya_store::read::{CaseFilter, CaseRow, Loaded, StoredDeadline};
use strum::IntoEnumIterator;

use super::secrets::{self, Carried, Rows};
use super::{Check, FaultKind, STREAMS, VerifyFault};
use crate::committer::{case_row, deadline_row};
use crate::error::EngineError;
use crate::law;

/// Everything stored of some cases.
struct Page {
    rows: Vec<CaseRow>,
    events: BTreeMap<StreamId, Vec<StoredEvent>>,
    deadlines: BTreeMap<StreamId, Vec<StoredDeadline>>,
    secrets: Rows,
}

fn grouped(events: Vec<(StreamId, StoredEvent)>) -> BTreeMap<StreamId, Vec<StoredEvent>> {
    let mut groups: BTreeMap<StreamId, Vec<StoredEvent>> = BTreeMap::new();
    for (stream, event) in events {
        groups.entry(stream).or_default().push(event);
    }
    groups
}

impl Check {
    pub(super) async fn cases(
        &mut self,
        progress: &(dyn Fn(u64, u64) + Send + Sync),
    ) -> Result<(), EngineError> {
        let everything = CaseFilter::default();
        let total = self.engine.on_store(|store| async move { store.count(&everything).await }).await?;
        let mut after = None;
        loop {
            let rows = self
                .engine
                .on_store(
                    move |store| async move { store.list(&CaseFilter::default(), after, STREAMS).await },
                )
                .await?;
            let Some(last) = rows.last() else { break };
            after = Some(last.id);
            let page = self.page(rows).await?;
            for row in &page.rows {
                let found = self.check_case(row, &page).await?;
                if !found.is_empty() && self.moved(row).await? {
                    // It moved between two reads: look at it once more, all of it.
                    let again = self.reread(row.id).await?;
                    let page = self.page(again).await?;
                    if let Some(row) = page.rows.first() {
                        let found = self.check_case(row, &page).await?;
                        self.report.faults.extend(found);
                        self.take(row.id, page.events.get(&row.id).map(Vec::as_slice).unwrap_or_default());
                    }
                } else {
                    self.report.faults.extend(found);
                    self.take(row.id, page.events.get(&row.id).map(Vec::as_slice).unwrap_or_default());
                }
                let place = (row.workflow.clone(), row.stage.clone(), row.office.clone());
                *self.counted.entry(place).or_default() += 1;
                self.report.cases += 1;
            }
            progress(self.report.cases, total.max(self.report.cases));
        }
        Ok(())
    }

    async fn page(&self, rows: Vec<CaseRow>) -> Result<Page, EngineError> {
        let streams: Vec<StreamId> = rows.iter().map(|row| row.id).collect();
        let wanted = streams.clone();
        let secrets = self.secrets(streams.clone()).await?;
        let events = self.engine.on_store(move |store| async move { store.events_of(&wanted).await }).await?;
        let clocks =
            self.engine.on_store(move |store| async move { store.deadlines(&streams).await }).await?;
        let mut deadlines: BTreeMap<StreamId, Vec<StoredDeadline>> = BTreeMap::new();
        for clock in clocks {
            deadlines.entry(clock.stream).or_default().push(clock);
        }
        Ok(Page { rows, events: grouped(events), deadlines, secrets })
    }

    async fn reread(&self, stream: StreamId) -> Result<Vec<CaseRow>, EngineError> {
        let found =
            self.engine.on_store(move |store| async move { store.load_many(&[stream]).await }).await?;
        let case = |row| if let Loaded::Case(row) = row { Some(*row) } else { None };
        Ok(found.into_iter().filter_map(case).collect())
    }

    async fn moved(&self, row: &CaseRow) -> Result<bool, EngineError> {
        Ok(self.reread(row.id).await?.first().is_some_and(|now| now.version != row.version))
    }

    /// Hands the events of a stream to the verifier of chains and log.
    fn take(&mut self, stream: StreamId, events: &[StoredEvent]) {
        let stream = stream.to_string();
        for event in events {
            // The store keeps no column beside the bytes for the hash before; what the bytes say is compared.
            let prev_hash = Seal::read(&event.bytes).map_or(Hash::ZERO, |seal| seal.prev);
            self.ledger.event(&ledger::StoredEvent {
                stream: &stream,
                seq: event.seq,
                bytes: &event.bytes,
                prev_hash,
                hash: event.hash,
            });
        }
    }

    async fn check_case(&self, row: &CaseRow, page: &Page) -> Result<Vec<VerifyFault>, EngineError> {
        let stream = row.id;
        let mut faults = Vec::new();
        let mut fault = |kind, seq, detail: String| {
            faults.push(VerifyFault { kind, place: stream.to_string(), seq, detail });
        };
        let stored = page.events.get(&stream).map(Vec::as_slice).unwrap_or_default();
        let mut events: Vec<(Event, Hash)> = Vec::with_capacity(stored.len());
        let mut carried = Carried::new();
        for event in stored.iter().filter(|event| event.seq <= row.version) {
            match canonical::decode::<Event>(&event.bytes) {
                Ok(read) => {
                    if read.at != event.at {
                        fault(
                            FaultKind::Row,
                            Some(event.seq),
                            "the column with its time was changed".to_owned(),
                        );
                    }
                    carried.insert(event.seq, commitments(read.clone()));
                    events.push((read, event.hash));
                }
                Err(error) => fault(FaultKind::Unreadable, Some(event.seq), error.to_string()),
            }
        }
        let definition = match self.engine.library().get(row.definition).await {
            Ok(definition) => definition,
            Err(EngineError::Store(error)) => return Err(EngineError::Store(error)),
            Err(error) => {
                fault(FaultKind::Definition, None, error.to_string());
                return Ok(faults);
            }
        };
        if let Some(illegal) = law::illegal(&definition, stream, &events) {
            fault(FaultKind::Illegal, Some(illegal.seq), illegal.why);
        }
        let folded =
            events.iter().fold(Case::unopened(stream), |case, (event, hash)| law::fold(case, event, *hash));
        match case_row(&folded, row.updated) {
            Ok(expected) => {
                for column in differing(&expected, row) {
                    fault(
                        FaultKind::Row,
                        None,
                        format!("the column {column} is not what the events make of it"),
                    );
                }
            }
            Err(error) => fault(FaultKind::Row, None, format!("its events make no case: {error}")),
        }
        let clocks = page.deadlines.get(&stream).map(Vec::as_slice).unwrap_or_default();
        let mut rows: BTreeMap<&str, _> =
            clocks.iter().map(|clock| (clock.key.as_str(), &clock.row)).collect();
        for (key, clock) in &folded.clocks {
            let key = key.to_string();
            match rows.remove(key.as_str()) {
                Some(row) if *row == deadline_row(clock) => {}
                Some(_) => fault(FaultKind::Deadline, None, format!("the clock {key} was changed")),
                None => fault(FaultKind::Deadline, None, format!("the clock {key} is missing")),
            }
        }
        for key in rows.keys() {
            fault(FaultKind::Deadline, None, format!("the clock {key} does not follow from any event"));
        }
        faults.extend(secrets::faults(stream, row.version, &carried, &page.secrets));
        Ok(faults)
    }

    pub(super) async fn entities(&mut self) -> Result<(), EngineError> {
        for kind in StreamKind::iter().filter(|kind| *kind != StreamKind::Case) {
            let mut after = None;
            loop {
                let rows = self
                    .engine
                    .on_store(move |store| async move { store.entities(kind, None, after, STREAMS).await })
                    .await?;
                let Some(last) = rows.last() else { break };
                after = Some(last.stream);
                let streams: Vec<StreamId> = rows.iter().map(|row| row.stream).collect();
                let secrets = self.secrets(streams.clone()).await?;
                let events =
                    self.engine.on_store(move |store| async move { store.events_of(&streams).await }).await?;
                let events = grouped(events);
                for row in &rows {
                    let stored = events.get(&row.stream).map(Vec::as_slice).unwrap_or_default();
                    self.check_entity(row, stored, &secrets);
                    self.take(row.stream, stored);
                    self.report.entities += 1;
                }
            }
        }
        Ok(())
    }

    fn check_entity(&mut self, row: &EntityRow, stored: &[StoredEvent], secrets: &Rows) {
        let stream = row.stream;
        let mut entity = match Entity::empty(row.kind) {
            Ok(entity) => entity,
            Err(error) => return self.fault(FaultKind::Row, &stream, None, error.to_string()),
        };
        let (mut version, mut head) = (0, Hash::ZERO);
        let mut carried = Carried::new();
        for event in stored.iter().filter(|event| event.seq <= row.version) {
            match canonical::decode::<RegistryEvent>(&event.bytes) {
                Ok(mut read) => {
                    carried.insert(event.seq, carried_by(&mut read.deed));
                    entity = entity.evolve(&read);
                    (version, head) = (event.seq, event.hash);
                    if read.about != row.kind || read.at != event.at {
                        self.fault(
                            FaultKind::Row,
                            &stream,
                            Some(event.seq),
                            "a column beside its bytes was changed",
                        );
                    }
                }
                Err(error) => self.fault(FaultKind::Unreadable, &stream, Some(event.seq), error.to_string()),
            }
        }
        self.report.faults.extend(secrets::faults(stream, row.version, &carried, secrets));
        if let Some(held) = entity.publications() {
            self.signatures(&stream, held);
        }
        match Entity::from_bytes(row.kind, &row.state) {
            Ok(state) if state.clone().without_projections() == entity => {}
            Ok(_) => self.fault(FaultKind::Row, &stream, None, "its state is not what the events make of it"),
            Err(error) => self.fault(FaultKind::Row, &stream, None, error.to_string()),
        }
        if (version, head) != (row.version, row.head) {
            self.fault(FaultKind::Row, &stream, None, "its version or head is not that of its last event");
        }
    }
}

/// The commitments of a deed, by path.
fn carried_by(deed: &mut Deed) -> BTreeMap<String, Hash> {
    let parts = deed.protected_mut().into_iter();
    parts
        .filter_map(|(path, part)| match part {
            Protected::Sealed(commitment) => Some((path, *commitment)),
            Protected::Clear(_) => None,
        })
        .collect()
}

/// The names of the columns that differ.
fn differing(expected: &CaseRow, row: &CaseRow) -> Vec<&'static str> {
    [
        ("reference", expected.reference == row.reference),
        ("alias", expected.alias == row.alias),
        ("workflow", expected.workflow == row.workflow),
        ("definition", expected.definition == row.definition),
        ("person", expected.person == row.person),
        ("group", expected.group == row.group),
        ("main", expected.main == row.main),
        ("stage", expected.stage == row.stage),
        ("stage_since", expected.stage_since == row.stage_since),
        ("office", expected.office == row.office),
        ("held", expected.held == row.held),
        ("authority_until", expected.authority_until == row.authority_until),
        ("next_date", expected.next_date == row.next_date),
        ("outcome", expected.outcome == row.outcome),
        ("irregular", expected.irregular == row.irregular),
        ("state", expected.state == row.state),
        ("version", expected.version == row.version),
        ("head", expected.head == row.head),
        ("opened", expected.opened == row.opened),
    ]
    .into_iter()
    .filter(|(_, same)| !same)
    .map(|(column, _)| column)
    .collect()
}
