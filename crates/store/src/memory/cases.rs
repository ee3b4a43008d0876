//! Cases and other streams, access records, definitions.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use jiff::Timestamp;
use qadiya_domain::ids::{DefinitionHash, OfficialId, Seq, StreamId, StreamKind};
use qadiya_domain::name::Name;
use qadiya_ledger::Hash;
use uuid::Uuid;

use super::MemoryStore;
use super::tables::{DeadlineEntry, JobEntry, Lease, RequestEntry, Tables};
use crate::access::{AccessRecord, AccessStore};
use crate::append::{Append, Batch, BatchOutcome, EntityRow, Lookup, Row, Settles, StoredEvent, first_epoch};
use crate::directory::{Directory, TOKEN_SPACE};
use crate::error::StoreError;
use crate::judge::{Found, losers, well_formed};
use crate::ledger::Pending;
use crate::read::{
    CaseFilter, CaseRef, CaseRow, CaseStore, KnownRequest, Loaded, RequestRef, StageCount, StoredDeadline,
};
use crate::registry::{Registry, StoredDefinition};

fn version(tables: &Tables, stream: StreamId) -> Option<Seq> {
    let case = tables.cases.get(&stream).map(|row| row.version);
    case.or_else(|| tables.entities.get(&stream).map(|row| row.version))
}

/// What stands in the tables about a batch.
fn found(tables: &Tables, batch: &Batch) -> Found {
    let mut found = Found::default();
    for append in &batch.appends {
        found.versions.extend(version(tables, append.stream).map(|version| (append.stream, version)));
        for request in &append.requests {
            let (stream, principal, key) = (append.stream, request.principal, request.key.clone());
            if tables.requests.contains_key(&(stream, principal, key.clone())) {
                found.bound.insert(RequestRef { stream, principal, key });
            }
        }
        match &append.settles {
            Some(Settles::Deadline { key, .. }) => {
                let clock = (append.stream, key.clone());
                found.clocks.extend(tables.deadlines.get(&clock).map(|held| (clock, held.lease.epoch)));
            }
            Some(Settles::Job { id, .. }) => {
                let job = tables.jobs.get(id).filter(|held| !held.incident);
                found.jobs.extend(job.map(|held| (*id, held.lease.epoch)));
            }
            None => {}
        }
        if let Some((workflow, _)) = &append.opens_under {
            found.active.extend(tables.active.get(workflow).map(|hash| (workflow.clone(), *hash)));
        }
        for lookup in &append.lookups {
            let held = tables.lookups.get(&(lookup.space.clone(), lookup.key.clone()));
            found.lookups.extend(held.map(|held| (lookup.clone(), *held)));
        }
        if let Row::Case(row) = &append.row {
            let held = tables.references.get(&row.reference);
            found.references.extend(held.map(|held| (row.reference.clone(), *held)));
            if let Some(alias) = &row.alias {
                found.aliases.extend(tables.aliases.get(alias).map(|held| (alias.clone(), *held)));
            }
        }
    }
    found
}

fn write(tables: &mut Tables, append: &Append, batch: Option<(Uuid, usize)>) {
    for event in &append.events {
        tables.events.insert((append.stream, event.seq), event.clone());
        tables.pending.push(Pending { stream: append.stream, seq: event.seq, hash: event.hash });
    }
    match &append.row {
        Row::Case(row) => {
            if let Some(old) = tables.cases.get(&row.id) {
                tables.references.remove(&old.reference);
                if let Some(alias) = &old.alias {
                    tables.aliases.remove(alias);
                }
            }
            tables.references.insert(row.reference.clone(), row.id);
            if let Some(alias) = &row.alias {
                tables.aliases.insert(alias.clone(), row.id);
            }
            tables.cases.insert(row.id, (**row).clone());
        }
        Row::Entity(row) => {
            tables.entities.insert(row.stream, row.clone());
        }
    }
    for change in &append.deadlines {
        let key = (append.stream, change.key.clone());
        match &change.row {
            Some(row) => {
                // The epoch survives, so that an old lease never fits a changed clock; the lease itself is over.
                let epoch = tables
                    .deadlines
                    .get(&key)
                    .map_or(first_epoch(append.expected), |held| held.lease.epoch.saturating_add(1));
                let lease = Lease { epoch, ..Lease::free() };
                tables.deadlines.insert(key, DeadlineEntry { row: row.clone(), lease });
            }
            None => {
                tables.deadlines.remove(&key);
            }
        }
    }
    match &append.settles {
        Some(Settles::Deadline { key, epoch }) => {
            // The step may have left the row as it was; the lease is over in any case.
            if let Some(held) = tables.deadlines.get_mut(&(append.stream, key.clone()))
                && held.lease.epoch == *epoch
            {
                held.lease = Lease { epoch: *epoch, ..Lease::free() };
            }
        }
        Some(Settles::Job { id, incident: None, .. }) => {
            tables.jobs.remove(id);
        }
        Some(Settles::Job { id, incident: Some(fault), .. }) => {
            if let Some(job) = tables.jobs.get_mut(id) {
                job.incident = true;
                job.fault = Some(fault.clone());
                job.lease = Lease { epoch: job.lease.epoch, ..Lease::free() };
            }
        }
        None => {}
    }
    for id in &append.cancels {
        if tables.jobs.get(id).is_some_and(|job| job.stream == append.stream) {
            tables.jobs.remove(id);
        }
    }
    for job in &append.jobs {
        queue(tables, append.stream, job);
    }
    for request in &append.requests {
        let batch = batch.map(|(id, leaf)| (id, leaf.saturating_add(request.first)));
        let entry = RequestEntry { asked: request.asked, answer: request.answer.clone(), batch };
        tables.requests.insert((append.stream, request.principal, request.key.clone()), entry);
    }
    for lookup in &append.forgets {
        let key = (lookup.space.clone(), lookup.key.clone());
        if tables.lookups.get(&key) == Some(&append.stream) {
            tables.lookups.remove(&key);
        }
    }
    for lookup in &append.lookups {
        tables.lookups.insert((lookup.space.clone(), lookup.key.clone()), append.stream);
    }
    if let Some(active) = &append.activates {
        tables.active.insert(active.workflow.clone(), active.definition);
    }
    for moved in &append.stages {
        let word = |name: &Option<Name>| name.as_ref().map(ToString::to_string).unwrap_or_default();
        tables.deltas.push((moved.workflow.to_string(), word(&moved.stage), word(&moved.office), moved.net));
    }
}

/// Queues a job unless its id is known.
pub(super) fn queue(tables: &mut Tables, stream: StreamId, job: &crate::append::NewJob) {
    tables.jobs.entry(job.id).or_insert_with(|| JobEntry {
        stream,
        job: job.clone(),
        attempt: 0,
        run_at: job.run_at,
        fault: None,
        incident: false,
        lease: Lease::free(),
    });
}

fn shows(filter: &CaseFilter, row: &CaseRow) -> bool {
    filter.workflow.as_ref().is_none_or(|wanted| *wanted == row.workflow)
        && filter.stage.as_ref().is_none_or(|wanted| *wanted == row.stage)
        && filter.main.as_ref().is_none_or(|wanted| *wanted == row.main)
        && filter.office.as_ref().is_none_or(|wanted| row.office.as_ref() == Some(wanted))
        && filter.group.is_none_or(|wanted| row.group == Some(wanted))
        && filter.lapsed_at.is_none_or(|now| row.held && row.authority_until.is_none_or(|until| until <= now))
        && (!filter.irregular || row.irregular > 0)
        && (!filter.open || row.outcome.is_none())
}

fn at_most(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

#[async_trait]
impl CaseStore for MemoryStore {
    async fn load_many(&self, streams: &[StreamId]) -> Result<Vec<Loaded>, StoreError> {
        let tables = self.lock();
        Ok(streams
            .iter()
            .map(|stream| match (tables.cases.get(stream), tables.entities.get(stream)) {
                (Some(row), _) => Loaded::Case(Box::new(row.clone())),
                (None, Some(row)) => Loaded::Entity(row.clone()),
                (None, None) => Loaded::Absent,
            })
            .collect())
    }

    async fn requests(&self, asked: &[RequestRef]) -> Result<Vec<Option<KnownRequest>>, StoreError> {
        let tables = self.lock();
        Ok(asked
            .iter()
            .map(|asked| {
                let entry = tables.requests.get(&(asked.stream, asked.principal, asked.key.clone()))?;
                let seal = entry.batch.and_then(|(id, leaf)| Some((tables.batches.get(&id)?.clone(), leaf)));
                Some(KnownRequest { asked: entry.asked, answer: entry.answer.clone(), seal })
            })
            .collect())
    }

    async fn append_many(&self, batch: &Batch) -> Result<BatchOutcome, StoreError> {
        well_formed(batch)?;
        let mut tables = self.lock();
        let losers = losers(batch, &found(&tables, batch));
        if !losers.is_empty() {
            return Ok(BatchOutcome::Lost(losers));
        }
        if batch.access.iter().any(|record| tables.access_ids.contains(&record.id)) {
            return Err(StoreError::Other {
                during: "writing access records",
                detail: "an access record of this id exists".to_owned(),
            });
        }
        let mut leaf = 0;
        let mut places = Vec::new();
        for append in &batch.appends {
            places.push((append, batch.seal.as_ref().map(|seal| (seal.id, leaf))));
            leaf += append.events.len();
        }
        places.sort_by_key(|(append, _)| append.stream);
        for (append, place) in places {
            write(&mut tables, append, place);
        }
        if let Some(seal) = &batch.seal {
            tables.batches.insert(seal.id, seal.clone());
        }
        for record in &batch.access {
            tables.access_ids.insert(record.id);
            tables.accesses.push(record.clone());
        }
        drop(tables);
        self.wake();
        Ok(BatchOutcome::Committed)
    }

    async fn find(&self, case: &CaseRef) -> Result<Option<CaseRow>, StoreError> {
        let tables = self.lock();
        let id = match case {
            CaseRef::Id(id) => Some(*id),
            CaseRef::Reference(reference) => tables.references.get(reference).copied(),
            CaseRef::Alias(alias) => tables.aliases.get(alias).copied(),
        };
        Ok(id.and_then(|id| tables.cases.get(&id).cloned()))
    }

    async fn list(
        &self,
        filter: &CaseFilter,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Vec<CaseRow>, StoreError> {
        let tables = self.lock();
        let rows = tables.cases.values().filter(|row| after.is_none_or(|after| row.id > after));
        Ok(rows.filter(|row| shows(filter, row)).take(at_most(limit)).cloned().collect())
    }

    async fn counts(&self) -> Result<Vec<StageCount>, StoreError> {
        let tables = self.lock();
        let mut sums = tables.counts.clone();
        for (workflow, stage, office, net) in &tables.deltas {
            *sums.entry((workflow.clone(), stage.clone(), office.clone())).or_default() += net;
        }
        let name = |text: &str| if text.is_empty() { Ok(None) } else { Name::new(text).map(Some) };
        let corrupt = |column, row: &str| StoreError::Corrupt {
            table: "stage_count",
            column,
            row: row.to_owned(),
            detail: "not a name".to_owned(),
        };
        let mut counts = Vec::new();
        for ((workflow, stage, office), count) in sums.into_iter().filter(|(_, count)| *count != 0) {
            counts.push(StageCount {
                workflow: Name::new(&workflow).map_err(|_| corrupt("workflow", &workflow))?,
                stage: name(&stage).map_err(|_| corrupt("stage", &stage))?,
                office: name(&office).map_err(|_| corrupt("office", &office))?,
                count,
            });
        }
        Ok(counts)
    }

    async fn count(&self, filter: &CaseFilter) -> Result<u64, StoreError> {
        let tables = self.lock();
        let count = tables.cases.values().filter(|row| shows(filter, row)).count();
        Ok(u64::try_from(count).unwrap_or(u64::MAX))
    }

    async fn count_groups(&self, filter: &CaseFilter, groups: &[StreamId]) -> Result<Vec<u64>, StoreError> {
        let tables = self.lock();
        let mut counted: BTreeMap<StreamId, u64> = BTreeMap::new();
        for group in tables.cases.values().filter(|row| shows(filter, row)).filter_map(|row| row.group) {
            let cases = counted.entry(group).or_default();
            *cases = cases.saturating_add(1);
        }
        Ok(groups.iter().map(|group| counted.get(group).copied().unwrap_or_default()).collect())
    }

    async fn openings(
        &self,
        filter: &CaseFilter,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Vec<(StreamId, StoredEvent)>, StoreError> {
        let page = self.list(filter, after, limit).await?;
        let tables = self.lock();
        let first = |row: &CaseRow| match tables.events.get(&(row.id, 1)) {
            Some(event) => Ok((row.id, event.clone())),
            None => Err(StoreError::Corrupt {
                table: "event",
                column: "hash",
                row: format!("{}/1", row.id),
                detail: "there is no such event".to_owned(),
            }),
        };
        page.iter().map(first).collect()
    }

    async fn is_sealed(&self, seal: uuid::Uuid) -> Result<bool, StoreError> {
        Ok(self.lock().batches.contains_key(&seal))
    }

    async fn fold_stages(&self) -> Result<u64, StoreError> {
        let mut tables = self.lock();
        let deltas = std::mem::take(&mut tables.deltas);
        let folded = u64::try_from(deltas.len()).unwrap_or(u64::MAX);
        for (workflow, stage, office, net) in deltas {
            *tables.counts.entry((workflow, stage, office)).or_default() += net;
        }
        Ok(folded)
    }

    async fn events(&self, stream: StreamId, from: Seq, limit: u32) -> Result<Vec<StoredEvent>, StoreError> {
        let tables = self.lock();
        let rows = tables.events.range((stream, from)..=(stream, Seq::MAX));
        Ok(rows.take(at_most(limit)).map(|(_, event)| event.clone()).collect())
    }

    async fn events_of(&self, streams: &[StreamId]) -> Result<Vec<(StreamId, StoredEvent)>, StoreError> {
        let tables = self.lock();
        let wanted: BTreeSet<StreamId> = streams.iter().copied().collect();
        Ok(wanted
            .into_iter()
            .flat_map(|stream| tables.events.range((stream, 0)..=(stream, Seq::MAX)))
            .map(|((stream, _), event)| (*stream, StoredEvent { secret: None, ..event.clone() }))
            .collect())
    }

    async fn secrets_of(&self, streams: &[StreamId]) -> Result<Vec<(StreamId, Seq, Vec<u8>)>, StoreError> {
        let tables = self.lock();
        let wanted: BTreeSet<StreamId> = streams.iter().copied().collect();
        Ok(wanted
            .into_iter()
            .flat_map(|stream| tables.events.range((stream, 0)..=(stream, Seq::MAX)))
            .filter_map(|((stream, seq), event)| Some((*stream, *seq, event.secret.clone()?)))
            .collect())
    }

    async fn entities(
        &self,
        kind: StreamKind,
        parent: Option<StreamId>,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Vec<EntityRow>, StoreError> {
        let tables = self.lock();
        let rows = tables.entities.values().filter(|row| row.kind == kind);
        let rows = rows.filter(|row| parent.is_none_or(|parent| row.parent == Some(parent)));
        let rows = rows.filter(|row| after.is_none_or(|after| row.stream > after));
        Ok(rows.take(at_most(limit)).cloned().collect())
    }

    async fn lookups(&self, keys: &[Lookup]) -> Result<Vec<Option<StreamId>>, StoreError> {
        let tables = self.lock();
        Ok(keys
            .iter()
            .map(|key| tables.lookups.get(&(key.space.clone(), key.key.clone())).copied())
            .collect())
    }

    async fn deadlines(&self, streams: &[StreamId]) -> Result<Vec<StoredDeadline>, StoreError> {
        let tables = self.lock();
        let wanted: BTreeSet<StreamId> = streams.iter().copied().collect();
        let rows = tables.deadlines.iter().filter(|((stream, _), _)| wanted.contains(stream));
        Ok(rows
            .map(|((stream, key), held)| StoredDeadline {
                stream: *stream,
                key: key.clone(),
                row: held.row.clone(),
            })
            .collect())
    }

    async fn deadlines_before(
        &self,
        before: Timestamp,
        after: Option<(Timestamp, StreamId, String)>,
        limit: u32,
    ) -> Result<Vec<Result<StoredDeadline, StoreError>>, StoreError> {
        let tables = self.lock();
        let mut rows: Vec<(Timestamp, StreamId, String, StoredDeadline)> = tables
            .deadlines
            .iter()
            .filter_map(|((stream, key), held)| {
                let due = held.row.due.filter(|due| *due < before)?;
                let row = StoredDeadline { stream: *stream, key: key.clone(), row: held.row.clone() };
                Some((due, *stream, key.clone(), row))
            })
            .filter(|(due, stream, key, _)| {
                after.as_ref().is_none_or(|after| (*due, *stream, key.clone()) > *after)
            })
            .collect();
        rows.sort_by(|a, b| (a.0, a.1, &a.2).cmp(&(b.0, b.1, &b.2)));
        Ok(rows.into_iter().take(at_most(limit)).map(|(_, _, _, row)| Ok(row)).collect())
    }
}

#[async_trait]
impl Directory for MemoryStore {
    async fn by_tokens(&self, hashes: &[Hash]) -> Result<Vec<Option<EntityRow>>, StoreError> {
        let tables = self.lock();
        let official = |hash: &Hash| {
            let stream = tables.lookups.get(&(TOKEN_SPACE.to_owned(), hash.to_string()));
            stream.and_then(|stream| tables.entities.get(stream).cloned())
        };
        Ok(hashes.iter().map(official).collect())
    }
}

#[async_trait]
impl AccessStore for MemoryStore {
    async fn accesses(
        &self,
        stream: Option<StreamId>,
        official: Option<OfficialId>,
        before: Option<(Timestamp, Uuid)>,
        limit: u32,
    ) -> Result<Vec<AccessRecord>, StoreError> {
        let tables = self.lock();
        let mut records: Vec<AccessRecord> = tables
            .accesses
            .iter()
            .filter(|record| stream.is_none_or(|stream| record.streams.contains(&stream)))
            .filter(|record| official.is_none_or(|official| record.official == Some(official)))
            .filter(|record| before.is_none_or(|before| (record.at, record.id) < before))
            .cloned()
            .collect();
        records.sort_by_key(|record| std::cmp::Reverse((record.at, record.id)));
        records.truncate(at_most(limit));
        Ok(records)
    }
}

#[async_trait]
impl Registry for MemoryStore {
    async fn put_calendar(
        &self,
        name: &Name,
        hash: &Hash,
        bytes: &[u8],
        _at: Timestamp,
    ) -> Result<(), StoreError> {
        self.lock().calendars.entry(*hash).or_insert_with(|| (name.clone(), bytes.to_vec()));
        Ok(())
    }

    async fn calendar(&self, hash: &Hash) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.lock().calendars.get(hash).map(|(_, bytes)| bytes.clone()))
    }

    async fn put_definition(&self, definition: &StoredDefinition) -> Result<(), StoreError> {
        self.lock().definitions.entry(definition.hash).or_insert_with(|| definition.clone());
        Ok(())
    }

    async fn definition(&self, hash: &DefinitionHash) -> Result<Option<StoredDefinition>, StoreError> {
        Ok(self.lock().definitions.get(hash).cloned())
    }

    async fn definitions(&self) -> Result<Vec<StoredDefinition>, StoreError> {
        let mut all: Vec<StoredDefinition> = self.lock().definitions.values().cloned().collect();
        all.sort_by(|a, b| (&a.workflow, a.version, a.hash).cmp(&(&b.workflow, b.version, b.hash)));
        Ok(all)
    }

    async fn active(&self, workflow: &Name) -> Result<Option<DefinitionHash>, StoreError> {
        Ok(self.lock().active.get(workflow).copied())
    }

    async fn setting(&self, key: &str) -> Result<Option<String>, StoreError> {
        Ok(self.lock().settings.get(key).cloned())
    }

    async fn put_setting(&self, key: &str, value: &str) -> Result<(), StoreError> {
        let mut tables = self.lock();
        let held = tables.settings.entry(key.to_owned()).or_insert_with(|| value.to_owned());
        if held == value {
            Ok(())
        } else {
            Err(StoreError::Other {
                during: "writing a setting",
                detail: format!("{key} is already set to another value"),
            })
        }
    }
}
