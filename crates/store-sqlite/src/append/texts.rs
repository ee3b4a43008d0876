//! A batch as JSON texts, one per table, as `json_each` reads them: instants in microseconds, short bytes in hexadecimal,
//! long bytes as their place in one heap. Hexadecimal would make each long one three times: written, parsed, read back.

use std::collections::BTreeMap;

use qadiya_store::append::{Append, Batch, Lookup, NewRequest, Row, Settles, first_epoch};
use qadiya_store::error::StoreError;
use qadiya_store::packed;
use qadiya_store::read::CaseRow;
use serde::Serialize;
use uuid::Uuid;

use crate::rows::{json, micros, word};
use crate::work::queue::JobText;

fn hexed(id: Uuid) -> String {
    hex::encode(id.as_bytes())
}

/// The long bytes of a batch, one after the other, as `substr` cuts them out again.
#[derive(Default)]
struct Heap(Vec<u8>);

/// Where bytes stand in the heap: the first (from 1), and how many.
type Place = (usize, usize);

impl Heap {
    fn put(&mut self, bytes: &[u8]) -> Place {
        let first = self.0.len().saturating_add(1);
        self.0.extend_from_slice(bytes);
        (first, bytes.len())
    }
}

/// What is asked about an append before it is written.
#[derive(Serialize)]
struct Question<'a> {
    i: String,
    dk: Option<&'a str>,
    j: Option<String>,
    w: Option<&'a str>,
    r: Option<&'a str>,
    a: Option<&'a str>,
    person: Option<String>,
    cohort: Option<String>,
}

impl<'a> Question<'a> {
    fn about(append: &'a Append) -> Self {
        let case = case_of(append);
        let (clock, job) = match &append.settles {
            Some(Settles::Deadline { key, .. }) => (Some(key.as_str()), None),
            Some(Settles::Job { id, .. }) => (None, Some(hexed(id.0))),
            None => (None, None),
        };
        Self {
            i: hexed(append.stream.0),
            dk: clock,
            j: job,
            w: append.opens_under.as_ref().map(|(workflow, _)| workflow.as_str()),
            r: case.map(|row| row.reference.as_str()),
            a: case.and_then(|row| row.alias.as_deref()),
            person: case.and_then(|row| row.person).map(|person| hexed(person.0)),
            cohort: case.and_then(|row| row.group).map(|group| hexed(group.0)),
        }
    }
}

/// The case row of an append, if it is one to a case.
pub(super) fn case_of(append: &Append) -> Option<&CaseRow> {
    match &append.row {
        Row::Case(row) => Some(row),
        Row::Entity(_) => None,
    }
}

#[derive(Serialize)]
struct CaseText<'a> {
    i: String,
    r: &'a str,
    a: Option<&'a str>,
    w: &'a str,
    d: String,
    person: Option<String>,
    cohort: Option<String>,
    m: &'a str,
    s: String,
    ss: Option<i64>,
    o: String,
    h: u8,
    au: Option<i64>,
    nd: Option<i64>,
    out: Option<&'a str>,
    irr: u32,
    so: usize,
    sn: usize,
    v: u64,
    hd: String,
    op: i64,
    up: i64,
}

impl<'a> CaseText<'a> {
    fn of(row: &'a CaseRow, heap: &mut Heap) -> Self {
        let (so, sn) = heap.put(&packed::pack(&row.state));
        Self {
            i: hexed(row.id.0),
            r: &row.reference,
            a: row.alias.as_deref(),
            w: &row.workflow,
            d: row.definition.to_string(),
            person: row.person.map(|person| hexed(person.0)),
            cohort: row.group.map(|group| hexed(group.0)),
            m: &row.main,
            s: word(row.stage.as_ref()),
            ss: row.stage_since.map(micros),
            o: word(row.office.as_ref()),
            h: u8::from(row.held),
            au: row.authority_until.map(micros),
            nd: row.next_date.map(micros),
            out: row.outcome.as_deref(),
            irr: row.irregular,
            so,
            sn,
            v: row.version,
            hd: row.head.to_string(),
            op: micros(row.opened),
            up: micros(row.updated),
        }
    }
}

/// What changes seldom in a case row: its keys. Writing them each time would rewrite their indexes.
#[derive(Serialize)]
pub(super) struct KeysText<'a> {
    i: String,
    r: &'a str,
    a: Option<&'a str>,
    person: Option<String>,
    cohort: Option<String>,
}

impl<'a> KeysText<'a> {
    pub(super) fn of(row: &'a CaseRow) -> Self {
        Self {
            i: hexed(row.id.0),
            r: &row.reference,
            a: row.alias.as_deref(),
            person: row.person.map(|person| hexed(person.0)),
            cohort: row.group.map(|group| hexed(group.0)),
        }
    }
}

#[derive(Serialize)]
struct EntityText {
    i: String,
    k: String,
    p: Option<String>,
    so: usize,
    sn: usize,
    v: u64,
    hd: String,
    up: i64,
}

#[derive(Serialize)]
struct EventText {
    i: String,
    n: u64,
    bo: usize,
    bn: usize,
    h: String,
    at: i64,
}

#[derive(Serialize)]
struct ClockText<'a> {
    i: String,
    k: &'a str,
    since: i64,
    due: Option<i64>,
    next: Option<i64>,
    step: u32,
    passed: u8,
    cal: Option<String>,
    e: u64,
}

#[derive(Serialize)]
struct RequestText<'a> {
    i: String,
    p: String,
    k: &'a str,
    asked: String,
    ao: usize,
    an: usize,
    leaf: Option<usize>,
}

#[derive(Serialize)]
struct AccessText<'a> {
    i: String,
    at: i64,
    off: Option<String>,
    cap: Option<&'a str>,
    why: Option<&'a str>,
    q: &'a str,
    s: String,
    ids: Vec<String>,
    out: String,
    no: String,
}

/// A batch as texts, one per table; `None` where there is nothing to write.
pub(super) struct Texts {
    pub(super) questions: Option<String>,
    pub(super) asked_lookups: Option<String>,
    pub(super) asked_keys: Option<String>,
    pub(super) opened: Option<String>,
    pub(super) changed: Option<String>,
    pub(super) entities: Option<String>,
    pub(super) events: Option<String>,
    pub(super) secrets: Option<String>,
    pub(super) pending: Option<String>,
    pub(super) clocks: Option<String>,
    pub(super) stopped: Option<String>,
    pub(super) steps: Option<String>,
    pub(super) done: Option<String>,
    pub(super) incidents: Option<String>,
    pub(super) cancels: Option<String>,
    pub(super) jobs: Option<String>,
    pub(super) requests: Option<String>,
    pub(super) stages: Option<String>,
    pub(super) forgets: Option<String>,
    pub(super) lookups: Option<String>,
    pub(super) activated: Option<String>,
    pub(super) access: Option<String>,
    /// The long bytes, to which the texts point.
    pub(super) heap: Vec<u8>,
}

/// The text of a list, unless it is empty.
pub(super) fn text<T: Serialize>(list: impl IntoIterator<Item = T>) -> Result<Option<String>, StoreError> {
    let list: Vec<T> = list.into_iter().collect();
    if list.is_empty() { Ok(None) } else { json(&list).map(Some) }
}

impl Texts {
    pub(super) fn of(batch: &Batch) -> Result<Self, StoreError> {
        // Where each append's events stand in the batch, for the receipt; then in order of ids, as rows are written.
        let mut leaf = 0;
        let mut placed: Vec<(usize, &Append)> = Vec::new();
        for append in &batch.appends {
            placed.push((leaf, append));
            leaf += append.events.len();
        }
        placed.sort_by_key(|(_, append)| append.stream);
        let sorted = || placed.iter().map(|(_, append)| *append);
        let cases = || sorted().filter_map(|append| case_of(append).map(|row| (append.expected, row)));
        let keyed = |append: &Append, lookup: &Lookup| {
            (lookup.space.clone(), lookup.key.clone(), hexed(append.stream.0))
        };
        let lookups =
            || sorted().flat_map(|append| append.lookups.iter().map(|lookup| keyed(append, lookup)));
        let mut clocks = Vec::new();
        let mut stopped = Vec::new();
        for append in sorted() {
            // The last word about a clock counts.
            let changes: BTreeMap<_, _> =
                append.deadlines.iter().map(|change| (change.key.as_str(), &change.row)).collect();
            for (key, row) in changes {
                let i = hexed(append.stream.0);
                match row {
                    None => stopped.push((i, key)),
                    Some(row) => clocks.push(ClockText {
                        i,
                        k: key,
                        since: micros(row.since),
                        due: row.due.map(micros),
                        next: row.next.map(micros),
                        step: row.step,
                        passed: u8::from(row.passed),
                        cal: row.calendar.map(|hash| hash.to_string()),
                        e: first_epoch(append.expected),
                    }),
                }
            }
        }
        let (mut steps, mut done, mut incidents) = (Vec::new(), Vec::new(), Vec::new());
        for append in sorted() {
            match &append.settles {
                Some(Settles::Deadline { key, epoch }) => steps.push((hexed(append.stream.0), key, epoch)),
                Some(Settles::Job { id, incident: None, .. }) => done.push(hexed(id.0)),
                Some(Settles::Job { id, incident: Some(fault), .. }) => incidents.push((hexed(id.0), fault)),
                None => {}
            }
        }
        let events = || sorted().flat_map(|append| append.events.iter().map(move |event| (append, event)));
        let sealed = batch.seal.is_some();
        let mut heap = Heap::default();
        Ok(Self {
            questions: text(batch.appends.iter().map(Question::about))?,
            asked_lookups: text(lookups())?,
            asked_keys: text(batch.appends.iter().enumerate().flat_map(|(position, append)| {
                let about = move |request: &'_ NewRequest| {
                    (hexed(append.stream.0), hexed(request.principal.0), request.key.clone(), position)
                };
                append.requests.iter().map(about)
            }))?,
            opened: text(
                cases().filter(|(expected, _)| *expected == 0).map(|(_, row)| CaseText::of(row, &mut heap)),
            )?,
            changed: text(
                cases().filter(|(expected, _)| *expected > 0).map(|(_, row)| CaseText::of(row, &mut heap)),
            )?,
            entities: text(sorted().filter_map(|append| match &append.row {
                Row::Case(_) => None,
                Row::Entity(row) => {
                    let (so, sn) = heap.put(&packed::pack(&row.state));
                    Some(EntityText {
                        i: hexed(row.stream.0),
                        k: row.kind.to_string(),
                        p: row.parent.map(|parent| hexed(parent.0)),
                        so,
                        sn,
                        v: row.version,
                        hd: row.head.to_string(),
                        up: micros(row.updated),
                    })
                }
            }))?,
            events: text(events().map(|(append, event)| {
                let (bo, bn) = heap.put(&event.bytes);
                let (i, h) = (hexed(append.stream.0), event.hash.to_string());
                EventText { i, n: event.seq, bo, bn, h, at: micros(event.at) }
            }))?,
            secrets: text(events().filter_map(|(append, event)| {
                let (first, length) = heap.put(event.secret.as_deref()?);
                Some((hexed(append.stream.0), event.seq, first, length))
            }))?,
            pending: text(
                events().map(|(append, event)| (hexed(append.stream.0), event.seq, event.hash.to_string())),
            )?,
            clocks: text(clocks)?,
            stopped: text(stopped)?,
            steps: text(steps)?,
            done: text(done)?,
            incidents: text(incidents)?,
            cancels: text(
                sorted()
                    .flat_map(|append| append.cancels.iter().map(|id| (hexed(id.0), hexed(append.stream.0)))),
            )?,
            jobs: text(
                sorted().flat_map(|append| append.jobs.iter().map(|job| JobText::of(append.stream, job))),
            )?,
            requests: text(
                placed
                    .iter()
                    .flat_map(|(leaf, append)| {
                        append.requests.iter().map(move |request| (leaf, append, request))
                    })
                    .map(|(leaf, append, request)| {
                        let (ao, an) = heap.put(&request.answer);
                        RequestText {
                            i: hexed(append.stream.0),
                            p: hexed(request.principal.0),
                            k: &request.key,
                            asked: request.asked.to_string(),
                            ao,
                            an,
                            leaf: sealed.then_some(leaf.saturating_add(request.first)),
                        }
                    }),
            )?,
            stages: text(sorted().flat_map(|append| &append.stages).map(|moved| {
                (moved.workflow.as_str(), word(moved.stage.as_ref()), word(moved.office.as_ref()), moved.net)
            }))?,
            forgets: text(
                sorted().flat_map(|append| append.forgets.iter().map(|lookup| keyed(append, lookup))),
            )?,
            lookups: text(lookups())?,
            activated: text(
                sorted().filter_map(|append| append.activates.as_ref()).map(|active| {
                    (active.workflow.as_str(), active.definition.to_string(), micros(active.at))
                }),
            )?,
            access: access_text(batch)?,
            heap: heap.0,
        })
    }
}

fn access_text(batch: &Batch) -> Result<Option<String>, StoreError> {
    let mut records = Vec::new();
    for record in &batch.access {
        records.push(AccessText {
            i: hexed(record.id),
            at: micros(record.at),
            off: record.official.map(|official| hexed(official.0)),
            cap: record.capacity.as_deref(),
            why: record.purpose.as_deref(),
            q: &record.query,
            s: json(&record.streams)?,
            ids: record.streams.iter().map(|stream| hexed(stream.0)).collect(),
            out: record.outcome.to_string(),
            no: json(&record.refusals)?,
        });
    }
    text(records)
}
