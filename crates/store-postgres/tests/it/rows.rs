//! Synthetic streams.

use jiff::Timestamp;
use qadiya_domain::ids::{DefinitionHash, StreamId, StreamKind};
use qadiya_domain::name::Name;
use qadiya_ledger::Hash;
use qadiya_ledger::chain::event_hash;
use qadiya_store::append::{Append, Batch, EntityRow, Row, StoredEvent};
use qadiya_store::read::CaseRow;
use uuid::Uuid;

pub(crate) fn stream(number: u128) -> StreamId {
    StreamId(Uuid::from_u128(number))
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_microsecond(1_767_225_600_000_001 + second * 1_000_003).unwrap()
}

fn event(number: u128, seq: u64) -> StoredEvent {
    let bytes = format!("{{\"seq\":{seq},\"stream\":{number}}}").into_bytes();
    StoredEvent { seq, hash: event_hash(&bytes), bytes, at: at(1), secret: None }
}

/// The next event of a stream that is not a case.
pub(crate) fn entity(number: u128, expected: u64) -> Append {
    let event = event(number, expected + 1);
    let row = EntityRow {
        stream: stream(number),
        kind: StreamKind::Person,
        parent: None,
        state: b"{}".to_vec(),
        version: expected + 1,
        head: event.hash,
        updated: at(1),
    };
    append(number, expected, event, Row::Entity(row))
}

/// The next event of a case.
pub(crate) fn case(number: u128, expected: u64) -> Append {
    let event = event(number, expected + 1);
    let row = CaseRow {
        id: stream(number),
        reference: format!("Q-{number:08}"),
        alias: None,
        workflow: Name::new(if number.is_multiple_of(2) { "detainee" } else { "civil" }).unwrap(),
        definition: DefinitionHash(Hash::of(b"definition")),
        person: None,
        group: None,
        main: Name::new("received").unwrap(),
        stage: Some(Name::new(if number.is_multiple_of(3) { "tried" } else { "received" }).unwrap()),
        stage_since: Some(at(1)),
        office: Some(Name::new("registry").unwrap()),
        held: number.is_multiple_of(5),
        authority_until: Some(at(i64::try_from(number).unwrap())),
        next_date: None,
        outcome: None,
        irregular: u32::from(number.is_multiple_of(50)),
        state: b"{}".to_vec(),
        version: expected + 1,
        head: event.hash,
        opened: at(1),
        updated: at(1),
    };
    append(number, expected, event, Row::Case(Box::new(row)))
}

fn append(number: u128, expected: u64, event: StoredEvent, row: Row) -> Append {
    Append {
        stream: stream(number),
        expected,
        events: vec![event],
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

pub(crate) fn batch(appends: Vec<Append>) -> Batch {
    Batch { appends, ..Batch::default() }
}
