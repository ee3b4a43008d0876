//! A batch turned into columns: one array for each column of each table, all of equal length (`queries/append.sql`).

use std::collections::{BTreeMap, BTreeSet};

use qadiya_store::StoreError;
use qadiya_store::access::AccessRecord;
use qadiya_store::append::{Append, Batch, DeadlineRow, EntityRow, Row, Settles, first_epoch};
use qadiya_store::packed;
use qadiya_store::read::CaseRow;
use uuid::Uuid;

use crate::rows::{length, micros, signed, word};

/// The arrays of one table. `unnest` pads shorter arrays with NULL without a word, so the lengths are compared.
macro_rules! columns {
    ($(#[$doc:meta])* $name:ident { $($column:ident: $kind:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Default)]
        pub(super) struct $name { $(pub(super) $column: Vec<$kind>,)* }

        impl $name {
            fn even(&self) -> bool {
                let lengths = [$(self.$column.len(),)*];
                lengths.iter().all(|length| Some(length) == lengths.first())
            }
        }
    };
}

columns! {
    /// `case_given` of the statement.
    Cases {
        id: Uuid,
        reference: String,
        alias: Option<String>,
        workflow: String,
        definition: Vec<u8>,
        person: Option<Uuid>,
        cohort: Option<Uuid>,
        main: String,
        stage: String,
        stage_since: Option<i64>,
        office: String,
        held: bool,
        authority_until: Option<i64>,
        next_date: Option<i64>,
        outcome: Option<String>,
        irregular: i64,
        state: Vec<u8>,
        version: i64,
        head: Vec<u8>,
        opened: i64,
        updated: i64,
        expected: i64,
    }
}

columns! {
    /// `entity_given` of the statement.
    Entities {
        stream: Uuid,
        kind: String,
        parent: Option<Uuid>,
        state: Vec<u8>,
        version: i64,
        head: Vec<u8>,
        updated: i64,
        expected: i64,
    }
}

columns! {
    /// `event_given` of the statement.
    Events {
        stream: Uuid,
        seq: i64,
        bytes: Vec<u8>,
        hash: Vec<u8>,
        recorded: i64,
    }
}

columns! {
    /// `secret_given` of the statement.
    Secrets {
        stream: Uuid,
        seq: i64,
        content: Vec<u8>,
    }
}

columns! {
    /// `deadline_given` of the statement.
    Deadlines {
        stream: Uuid,
        key: String,
        mode: i16,
        expected: Option<i64>,
        since: i64,
        due: Option<i64>,
        next: Option<i64>,
        step: i64,
        passed: bool,
        calendar: Option<Vec<u8>>,
        first_epoch: i64,
    }
}

columns! {
    /// `job_given` of the statement.
    Jobs {
        id: Uuid,
        stream: Uuid,
        seq: i64,
        name: String,
        queue: String,
        payload: Vec<u8>,
        principal: Option<Uuid>,
        run_at: i64,
    }
}

columns! {
    /// `job_cancelled` of the statement.
    CancelledJobs {
        id: Uuid,
        stream: Uuid,
    }
}

columns! {
    /// `job_settled` of the statement.
    SettledJobs {
        id: Uuid,
        epoch: i64,
        fault: Option<String>,
    }
}

columns! {
    /// `request_given` of the statement.
    Requests {
        stream: Uuid,
        principal: Uuid,
        key: String,
        asked: Vec<u8>,
        answer: Vec<u8>,
        leaf: Option<i64>,
    }
}

columns! {
    /// `lookup_given` of the statement.
    Lookups {
        space: String,
        key: String,
        stream: Uuid,
    }
}

columns! {
    /// `lookup_forgotten` of the statement.
    Forgotten {
        space: String,
        key: String,
        stream: Uuid,
    }
}

columns! {
    /// `stage_given` of the statement.
    Stages {
        workflow: String,
        stage: String,
        office: String,
        net: i64,
    }
}

columns! {
    /// `opens_under` of the statement.
    Opens {
        workflow: String,
        hash: Vec<u8>,
    }
}

columns! {
    /// `active_given` of the statement.
    Active {
        workflow: String,
        hash: Vec<u8>,
        since: i64,
    }
}

columns! {
    /// `access_given` of the statement.
    Accesses {
        id: Uuid,
        at: i64,
        official: Option<Uuid>,
        capacity: Option<String>,
        purpose: Option<String>,
        query: String,
        streams: String,
        outcome: String,
        refusals: String,
    }
}

columns! {
    /// `access_shown` of the statement.
    Shown {
        stream: Uuid,
        at: i64,
        id: Uuid,
    }
}

/// Write the row.
const PUT: i16 = 0;
/// Take the row away.
const REMOVE: i16 = 1;
/// End the row's lease only.
const RELEASE: i16 = 2;

/// Everything that one batch writes, ready to be sent.
#[derive(Debug, Default)]
pub(super) struct Columns {
    pub(super) cases: Cases,
    pub(super) entities: Entities,
    pub(super) events: Events,
    pub(super) secrets: Secrets,
    pub(super) deadlines: Deadlines,
    pub(super) jobs: Jobs,
    pub(super) cancelled: CancelledJobs,
    pub(super) settled: SettledJobs,
    pub(super) requests: Requests,
    pub(super) seal: Option<Seal>,
    pub(super) lookups: Lookups,
    pub(super) forgotten: Forgotten,
    pub(super) stages: Stages,
    pub(super) opens: Opens,
    pub(super) active: Active,
    pub(super) accesses: Accesses,
    pub(super) shown: Shown,
    /// Whether there may be new work for a worker.
    pub(super) wake: bool,
}

#[derive(Debug)]
pub(super) struct Seal {
    pub(super) id: Uuid,
    pub(super) leaves: Vec<u8>,
    pub(super) signature: Vec<u8>,
    pub(super) key_id: String,
}

impl Columns {
    /// The columns of a batch.
    pub(super) fn of(batch: &Batch) -> Result<Self, StoreError> {
        let mut columns = Self::default();
        // The leaf of an append's first event, counted in the order of the batch, which is that of the seal.
        let mut leaf = 0;
        let mut placed: Vec<(usize, &Append)> = Vec::with_capacity(batch.appends.len());
        for append in &batch.appends {
            placed.push((leaf, append));
            leaf += append.events.len();
        }
        placed.sort_by_key(|(_, append)| append.stream);
        let sealed = batch.seal.is_some();
        let mut moves: BTreeMap<(String, String, String), i64> = BTreeMap::new();
        let (mut opens, mut active) = (BTreeSet::new(), BTreeMap::new());
        for (leaf, append) in placed {
            columns.append(append, leaf, sealed);
            for moved in &append.stages {
                let key =
                    (moved.workflow.to_string(), word(moved.stage.as_ref()), word(moved.office.as_ref()));
                let net = moves.entry(key).or_default();
                *net = net.saturating_add(moved.net);
            }
            active.extend(append.activates.as_ref().map(|active| (active.workflow.as_str(), active)));
            opens.extend(append.opens_under.as_ref().map(|(workflow, hash)| (workflow.to_string(), hash.0)));
        }
        for ((workflow, stage, office), net) in moves.into_iter().filter(|(_, net)| *net != 0) {
            columns.stages.workflow.push(workflow);
            columns.stages.stage.push(stage);
            columns.stages.office.push(office);
            columns.stages.net.push(net);
        }
        for (workflow, hash) in opens {
            columns.opens.workflow.push(workflow);
            columns.opens.hash.push(hash.as_bytes().to_vec());
        }
        for (workflow, active) in active {
            columns.active.workflow.push(workflow.to_owned());
            columns.active.hash.push(active.definition.0.as_bytes().to_vec());
            columns.active.since.push(micros(active.at));
        }
        columns.seal = batch.seal.as_ref().map(|seal| Seal {
            id: seal.id,
            leaves: seal.leaves.iter().flat_map(|leaf| leaf.as_bytes().iter().copied()).collect(),
            signature: seal.signature.clone(),
            key_id: seal.key_id.clone(),
        });
        for record in &batch.access {
            columns.access(record)?;
        }
        columns.wake = !columns.jobs.id.is_empty() || !columns.deadlines.stream.is_empty();
        columns.even()
    }

    fn append(&mut self, append: &Append, leaf: usize, sealed: bool) {
        match &append.row {
            Row::Case(row) => self.case(row, append.expected),
            Row::Entity(row) => self.entity(row, append.expected),
        }
        let stream = append.stream.0;
        for event in &append.events {
            self.events.stream.push(stream);
            self.events.seq.push(signed(event.seq));
            self.events.bytes.push(event.bytes.clone());
            self.events.hash.push(event.hash.as_bytes().to_vec());
            self.events.recorded.push(micros(event.at));
            if let Some(secret) = &event.secret {
                self.secrets.stream.push(stream);
                self.secrets.seq.push(signed(event.seq));
                self.secrets.content.push(secret.clone());
            }
        }
        self.clocks(append);
        for job in &append.jobs {
            self.jobs.id.push(job.id.0);
            self.jobs.stream.push(stream);
            self.jobs.seq.push(signed(job.seq));
            self.jobs.name.push(job.name.clone());
            self.jobs.queue.push(job.queue.clone());
            self.jobs.payload.push(job.payload.clone());
            self.jobs.principal.push(job.principal.map(|principal| principal.0));
            self.jobs.run_at.push(micros(job.run_at));
        }
        for id in &append.cancels {
            self.cancelled.id.push(id.0);
            self.cancelled.stream.push(stream);
        }
        if let Some(Settles::Job { id, epoch, incident }) = &append.settles {
            self.settled.id.push(id.0);
            self.settled.epoch.push(signed(*epoch));
            self.settled.fault.push(incident.clone());
        }
        for request in &append.requests {
            self.requests.stream.push(stream);
            self.requests.principal.push(request.principal.0);
            self.requests.key.push(request.key.clone());
            self.requests.asked.push(request.asked.as_bytes().to_vec());
            self.requests.answer.push(request.answer.clone());
            self.requests.leaf.push(sealed.then(|| length(leaf.saturating_add(request.first))));
        }
        let lookups: BTreeSet<_> = append.lookups.iter().collect();
        for lookup in append.forgets.iter().filter(|forgotten| !lookups.contains(forgotten)) {
            self.forgotten.space.push(lookup.space.clone());
            self.forgotten.key.push(lookup.key.clone());
            self.forgotten.stream.push(stream);
        }
        for lookup in lookups {
            self.lookups.space.push(lookup.space.clone());
            self.lookups.key.push(lookup.key.clone());
            self.lookups.stream.push(stream);
        }
    }

    fn case(&mut self, row: &CaseRow, expected: u64) {
        let cases = &mut self.cases;
        cases.id.push(row.id.0);
        cases.reference.push(row.reference.clone());
        cases.alias.push(row.alias.clone());
        cases.workflow.push(row.workflow.to_string());
        cases.definition.push(row.definition.0.as_bytes().to_vec());
        cases.person.push(row.person.map(|person| person.0));
        cases.cohort.push(row.group.map(|group| group.0));
        cases.main.push(row.main.to_string());
        cases.stage.push(word(row.stage.as_ref()));
        cases.stage_since.push(row.stage_since.map(micros));
        cases.office.push(word(row.office.as_ref()));
        cases.held.push(row.held);
        cases.authority_until.push(row.authority_until.map(micros));
        cases.next_date.push(row.next_date.map(micros));
        cases.outcome.push(row.outcome.as_ref().map(ToString::to_string));
        cases.irregular.push(i64::from(row.irregular));
        cases.state.push(packed::pack(&row.state));
        cases.version.push(signed(row.version));
        cases.head.push(row.head.as_bytes().to_vec());
        cases.opened.push(micros(row.opened));
        cases.updated.push(micros(row.updated));
        cases.expected.push(signed(expected));
    }

    fn entity(&mut self, row: &EntityRow, expected: u64) {
        let entities = &mut self.entities;
        entities.stream.push(row.stream.0);
        entities.kind.push(row.kind.to_string());
        entities.parent.push(row.parent.map(|parent| parent.0));
        entities.state.push(packed::pack(&row.state));
        entities.version.push(signed(row.version));
        entities.head.push(row.head.as_bytes().to_vec());
        entities.updated.push(micros(row.updated));
        entities.expected.push(signed(expected));
    }

    /// Clock rows, each once: the last change of a key counts, and a lease that is settled goes with its row.
    fn clocks(&mut self, append: &Append) {
        let mut changes: BTreeMap<&str, Option<&DeadlineRow>> = BTreeMap::new();
        for change in &append.deadlines {
            changes.insert(&change.key, change.row.as_ref());
        }
        let settled = match &append.settles {
            Some(Settles::Deadline { key, epoch }) => Some((key.as_str(), signed(*epoch))),
            Some(Settles::Job { .. }) | None => None,
        };
        for (key, row) in &changes {
            let expected = settled.filter(|(settled, _)| settled == key).map(|(_, epoch)| epoch);
            self.clock(append, key, if row.is_some() { PUT } else { REMOVE }, expected, *row);
        }
        if let Some((key, epoch)) = settled.filter(|(key, _)| !changes.contains_key(key)) {
            self.clock(append, key, RELEASE, Some(epoch), None);
        }
    }

    fn clock(
        &mut self,
        append: &Append,
        key: &str,
        mode: i16,
        expected: Option<i64>,
        row: Option<&DeadlineRow>,
    ) {
        let deadlines = &mut self.deadlines;
        deadlines.stream.push(append.stream.0);
        deadlines.key.push(key.to_owned());
        deadlines.mode.push(mode);
        deadlines.expected.push(expected);
        deadlines.since.push(row.map_or(0, |row| micros(row.since)));
        deadlines.due.push(row.and_then(|row| row.due).map(micros));
        deadlines.next.push(row.and_then(|row| row.next).map(micros));
        deadlines.step.push(row.map_or(0, |row| i64::from(row.step)));
        deadlines.passed.push(row.is_some_and(|row| row.passed));
        deadlines.calendar.push(row.and_then(|row| row.calendar).map(|hash| hash.as_bytes().to_vec()));
        deadlines.first_epoch.push(signed(first_epoch(append.expected)));
    }

    fn access(&mut self, record: &AccessRecord) -> Result<(), StoreError> {
        let fault = |_| StoreError::Other {
            during: "writing access records",
            detail: "a list of streams or refusals has no JSON".to_owned(),
        };
        let accesses = &mut self.accesses;
        accesses.id.push(record.id);
        accesses.at.push(micros(record.at));
        accesses.official.push(record.official.map(|official| official.0));
        accesses.capacity.push(record.capacity.clone());
        accesses.purpose.push(record.purpose.clone());
        accesses.query.push(record.query.clone());
        accesses.streams.push(serde_json::to_string(&record.streams).map_err(fault)?);
        accesses.outcome.push(record.outcome.to_string());
        accesses.refusals.push(serde_json::to_string(&record.refusals).map_err(fault)?);
        for stream in &record.streams {
            self.shown.stream.push(stream.0);
            self.shown.at.push(micros(record.at));
            self.shown.id.push(record.id);
        }
        Ok(())
    }

    fn even(self) -> Result<Self, StoreError> {
        let even = self.cases.even()
            && self.entities.even()
            && self.events.even()
            && self.secrets.even()
            && self.deadlines.even()
            && self.jobs.even()
            && self.cancelled.even()
            && self.settled.even()
            && self.requests.even()
            && self.lookups.even()
            && self.forgotten.even()
            && self.stages.even()
            && self.opens.even()
            && self.active.even()
            && self.accesses.even()
            && self.shown.even();
        if even {
            Ok(self)
        } else {
            Err(StoreError::Other {
                during: "writing a batch",
                detail: "the columns of a table differ in length; nothing was written".to_owned(),
            })
        }
    }
}
