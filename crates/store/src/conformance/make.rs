//! Synthetic rows. Instants have odd microseconds, so that a store which rounds is found out.

use std::time::Duration;

use jiff::Timestamp;
use qadiya_domain::ids::{DefinitionHash, JobId, OfficialId, PersonId, Seq, StreamId, StreamKind};
use qadiya_domain::name::Name;
use qadiya_ledger::Hash;
use qadiya_ledger::chain::event_hash;
use uuid::Uuid;

use crate::access::{AccessOutcome, AccessRecord};
use crate::append::{
    Activates, Append, Batch, BatchOutcome, BatchSeal, DeadlineChange, DeadlineRow, EntityRow, Lookup, Loser,
    NewJob, NewRequest, Row, StoredEvent,
};
use crate::read::{CaseRow, Loaded};
use crate::{MemoryStore, Store};

/// The lease of tests that are not about its end.
pub const LONG: Duration = Duration::from_hours(1);

/// An instant: so many seconds after a fixed one, at an odd microsecond.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_microsecond(1_767_225_600_000_001 + seconds * 1_000_003).unwrap()
}

/// A stream.
pub fn stream(number: u128) -> StreamId {
    StreamId(Uuid::from_u128(number))
}

/// A name.
pub fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// A hash.
pub fn hash(text: &str) -> Hash {
    Hash::of(text.as_bytes())
}

/// An official.
pub fn official(number: u128) -> OfficialId {
    OfficialId(Uuid::from_u128(number + 0x0ff1))
}

/// A key.
pub fn lookup(space: &str, key: &str) -> Lookup {
    Lookup { space: space.to_owned(), key: key.to_owned() }
}

/// An event that says which one it is.
pub fn event(stream: StreamId, seq: Seq) -> StoredEvent {
    let bytes = format!("{{\"seq\":{seq},\"stream\":\"{stream}\"}}").into_bytes();
    let hash = event_hash(&bytes);
    let secret = seq.is_multiple_of(2).then(|| format!("secret of {stream} {seq}").into_bytes());
    StoredEvent { seq, bytes, hash, at: at(i64::try_from(seq).unwrap()), secret }
}

/// The row of a case with its first event.
pub fn case(number: u128) -> CaseRow {
    let id = stream(number);
    CaseRow {
        id,
        reference: format!("JK-{number:06}"),
        alias: None,
        workflow: name("detainee"),
        definition: DefinitionHash(hash("detainee")),
        person: None,
        group: None,
        main: name("received"),
        stage: Some(name("received")),
        stage_since: Some(at(1)),
        office: Some(name("registry")),
        held: true,
        authority_until: None,
        next_date: None,
        outcome: None,
        irregular: 0,
        state: b"{}".to_vec(),
        version: 1,
        head: event(id, 1).hash,
        opened: at(1),
        updated: at(1),
    }
}

/// A case row in which every field has a value.
pub fn full_case(number: u128) -> CaseRow {
    CaseRow {
        alias: Some(format!("ق-{number}")),
        person: Some(PersonId(Uuid::from_u128(number + 7))),
        group: Some(stream(number + 8)),
        authority_until: Some(at(90)),
        next_date: Some(at(60)),
        outcome: Some(name("released")),
        irregular: 3,
        state: format!("{{\"case\":{number}}}").into_bytes(),
        ..case(number)
    }
}

/// The row of another stream with its first event.
pub fn entity(number: u128, kind: StreamKind) -> EntityRow {
    let stream = stream(number);
    EntityRow {
        stream,
        kind,
        parent: None,
        state: b"{}".to_vec(),
        version: 1,
        head: event(stream, 1).hash,
        updated: at(1),
    }
}

/// The append that brings a row to its version with one event.
pub fn append(row: Row) -> Append {
    let (stream, version) = match &row {
        Row::Case(row) => (row.id, row.version),
        Row::Entity(row) => (row.stream, row.version),
    };
    Append {
        stream,
        expected: version - 1,
        events: vec![event(stream, version)],
        row,
        deadlines: Vec::new(),
        jobs: Vec::new(),
        requests: Vec::new(),
        settles: None,
        stages: Vec::new(),
        lookups: Vec::new(),
        cancels: Vec::new(),
        forgets: Vec::new(),
        opens_under: None,
        activates: None,
    }
}

/// The append of workflow stream 900 plus a number that makes a definition the active one of a workflow.
pub fn activate(number: u128, version: Seq, workflow: &str, definition: DefinitionHash) -> Append {
    let (id, workflow) = (stream(900 + number), name(workflow));
    let head = event(id, version).hash;
    let row = EntityRow { version, head, ..entity(900 + number, StreamKind::Definition) };
    let activates = Some(Activates { workflow, definition, at: at(1) });
    Append { activates, ..append(Row::Entity(row)) }
}

/// The append that opens a case.
pub fn open_case(row: CaseRow) -> Append {
    append(Row::Case(Box::new(row)))
}

/// The append that opens another stream.
pub fn open_entity(row: EntityRow) -> Append {
    append(Row::Entity(row))
}

/// The next act on a case.
pub fn next(row: &CaseRow) -> Append {
    let version = row.version + 1;
    let head = event(row.id, version).hash;
    open_case(CaseRow { version, head, updated: at(i64::try_from(version).unwrap()), ..row.clone() })
}

/// A batch of appends only.
pub fn batch(appends: Vec<Append>) -> Batch {
    Batch { appends, ..Batch::default() }
}

/// Commits appends; anything else fails the test.
pub async fn commit(store: &dyn Store, appends: Vec<Append>) {
    commit_batch(store, &batch(appends)).await;
}

/// Commits a batch; anything else fails the test.
pub async fn commit_batch(store: &dyn Store, batch: &Batch) {
    assert_eq!(store.append_many(batch).await.unwrap(), BatchOutcome::Committed);
}

/// Offers a batch that must lose.
pub async fn lose(store: &dyn Store, appends: Vec<Append>) -> Vec<(usize, Loser)> {
    match store.append_many(&batch(appends)).await.unwrap() {
        BatchOutcome::Lost(losers) => losers,
        BatchOutcome::Committed => panic!("the batch must lose"),
    }
}

/// The version of a stream; 0 when there is none.
pub async fn version(store: &dyn Store, stream: StreamId) -> Seq {
    match &store.load_many(&[stream]).await.unwrap()[..] {
        [Loaded::Case(row)] => row.version,
        [Loaded::Entity(row)] => row.version,
        [Loaded::Absent] => 0,
        other => panic!("one answer for one stream, not {other:?}"),
    }
}

/// A request.
pub fn request(principal: u128, key: &str) -> NewRequest {
    NewRequest {
        principal: official(principal),
        key: key.to_owned(),
        asked: hash(key),
        answer: format!("answer to {key}").into_bytes(),
        first: 0,
    }
}

/// A seal over a batch.
pub fn seal(number: u128, appends: &[Append]) -> BatchSeal {
    BatchSeal {
        id: Uuid::from_u128(number),
        leaves: appends.iter().flat_map(|append| &append.events).map(|event| event.hash).collect(),
        signature: vec![7; 64],
        key_id: "court+1a2b3c4d".to_owned(),
    }
}

/// A clock row whose next step is due after so many seconds.
pub fn clock(next: i64) -> DeadlineRow {
    DeadlineRow {
        since: at(0),
        due: Some(at(next + 100)),
        next: Some(at(next)),
        step: 2,
        passed: false,
        calendar: Some(hash("iraq")),
    }
}

/// Writes a clock.
pub fn sets(key: &str, row: DeadlineRow) -> DeadlineChange {
    DeadlineChange { key: key.to_owned(), row: Some(row) }
}

/// A job.
pub fn job(number: u128, queue: &str, run_at: i64) -> NewJob {
    NewJob {
        id: JobId(Uuid::from_u128(number)),
        seq: 1,
        name: "notice".to_owned(),
        queue: queue.to_owned(),
        payload: format!("{{\"job\":{number}}}").into_bytes(),
        principal: None,
        run_at: at(run_at),
    }
}

/// An access record about streams.
pub fn access(number: u128, seconds: i64, streams: Vec<StreamId>) -> AccessRecord {
    AccessRecord {
        id: Uuid::from_u128(number),
        at: at(seconds),
        official: Some(official(1)),
        capacity: Some("judge".to_owned()),
        purpose: Some("هيئة الجلسة".to_owned()),
        query: "GET /cases/{ref}".to_owned(),
        streams,
        outcome: AccessOutcome::Shown,
        refusals: vec!["not-competent".to_owned(), "too-early".to_owned()],
    }
}

/// The same rows in memory, for comparison.
pub async fn twin(appends: Vec<Append>) -> MemoryStore {
    let twin = MemoryStore::new(at(0));
    commit(&twin, appends).await;
    twin
}
