//! Questions about many cases.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use qadiya_domain::ids::{DefinitionHash, StreamId};
use qadiya_domain::name::Name;
use qadiya_store::access::AccessOutcome;
use qadiya_store::ledger::LogEntry;
use qadiya_store::read::{CaseFilter, CaseRow, Loaded};

use super::access::head;
use super::damage::{Damage, is_logged};
use super::{
    CaseHead, CountRow, Counts, FeedEvent, FeedPage, HealthView, ListFilter, ListPage, Oversight, QueryError,
    Viewer, WorkItem, WorkPage,
};
use crate::Engine;
use crate::authorize::{Sight, sight};
use crate::error::EngineError;

/// The longest page.
const PAGE: u32 = 1000;
/// Rows read at once, however short the page: what is not shown must not cost a query each.
const FETCH: u32 = 200;
/// Rows looked at for one page. A page that is not full by then ends early and says where to go on.
const LOOKED_AT: usize = 10_000;
/// How many cases oversight names.
const NAMED: usize = 100;
/// A worker silent for longer is taken for dead (DESIGN D18).
const SILENCE: jiff::SignedDuration = jiff::SignedDuration::from_secs(60);

/// What a viewer may see of each definition met so far.
#[derive(Default)]
struct Sights(BTreeMap<DefinitionHash, Sight>);

impl Sights {
    async fn of(
        &mut self,
        engine: &Engine,
        who: &Viewer,
        hash: DefinitionHash,
        now: Timestamp,
    ) -> Result<Sight, QueryError> {
        if let Some(known) = self.0.get(&hash) {
            return Ok(*known);
        }
        let definition = engine.library().get(hash).await?;
        let found = sight(&who.principal, who.role.as_ref(), &definition, now);
        self.0.insert(hash, found);
        Ok(found)
    }
}

impl Engine {
    /// A page of cases in order of id, at most 1,000.
    pub async fn list(
        &self,
        who: &Viewer,
        filter: ListFilter,
        after: Option<String>,
        limit: u32,
    ) -> Result<ListPage, QueryError> {
        let (engine, who) = (self.clone(), who.clone());
        self.apart(async move { engine.read_list(&who, filter, after, limit).await }).await?
    }

    /// How many cases stand where.
    pub async fn counts(&self, who: &Viewer) -> Result<Counts, QueryError> {
        let (engine, who) = (self.clone(), who.clone());
        self.apart(async move { engine.read_counts(&who).await }).await?
    }

    /// Events of the log from a number on, those of cases whose file the viewer may see.
    pub async fn feed(&self, who: &Viewer, from: u64, limit: u32) -> Result<FeedPage, QueryError> {
        let (engine, who) = (self.clone(), who.clone());
        self.apart(async move { engine.read_feed(&who, from, limit).await }).await?
    }

    /// What the viewer's offices must do. The order is published: the earliest limit first, then the case, then the clock.
    pub async fn work(
        &self,
        who: &Viewer,
        after: Option<String>,
        limit: u32,
    ) -> Result<WorkPage, QueryError> {
        let (engine, who) = (self.clone(), who.clone());
        self.apart(async move { engine.read_work(&who, after, limit).await }).await?
    }

    /// Whether the promise is kept.
    pub async fn oversight(&self, who: &Viewer) -> Result<Oversight, QueryError> {
        let (engine, who) = (self.clone(), who.clone());
        self.apart(async move { engine.read_oversight(&who).await }).await?
    }

    /// How the installation is. Nothing about any case.
    pub async fn health(&self) -> Result<HealthView, EngineError> {
        let engine = self.clone();
        self.apart(async move { engine.read_health().await }).await?
    }

    async fn read_list(
        &self,
        who: &Viewer,
        filter: ListFilter,
        after: Option<String>,
        limit: u32,
    ) -> Result<ListPage, QueryError> {
        let now = self.clock().now();
        self.admit(who, now).await?;
        if self.visible_workflows(who, now).await?.is_empty() {
            self.note_access(who, Vec::new(), AccessOutcome::Denied, now).await?;
            return Err(QueryError::Forbidden("your capacities see no workflow".to_owned()));
        }
        let limit = limit.clamp(1, PAGE);
        let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
        let fetch = limit.max(FETCH);
        let fetched = usize::try_from(fetch).unwrap_or(usize::MAX);
        let mut after = match after {
            Some(text) => Some(text.parse().map(StreamId).map_err(|_| bad_position(&text))?),
            None => None,
        };
        let filter = CaseFilter {
            workflow: filter.workflow,
            stage: filter.stage,
            main: filter.state,
            office: filter.office,
            group: filter.group,
            lapsed_at: filter.lapsed.then_some(now),
            irregular: filter.irregular,
            open: filter.open,
        };
        let (mut sights, mut items) = (Sights::default(), Vec::new());
        let (mut denied, mut looked) = (false, 0_usize);
        let next = loop {
            let rows = self.store().list(&filter, after, fetch).await?;
            let mut more = rows.len() >= fetched;
            looked = looked.saturating_add(rows.len());
            for row in rows {
                if items.len() >= wanted {
                    more = true;
                    break;
                }
                after = Some(row.id);
                if sights.of(self, who, row.definition, now).await? >= Sight::File {
                    items.push(head(&row, now));
                } else {
                    denied = true;
                }
            }
            if !more {
                break None;
            }
            if items.len() >= wanted || looked >= LOOKED_AT {
                break after.map(|stream| stream.to_string());
            }
        };
        self.answer_page(who, &items, denied && next.is_none(), now).await?;
        Ok(ListPage { items, next })
    }

    /// Records a page. A page that shows nothing because nothing of it may be seen is an error, never an empty list.
    async fn answer_page(
        &self,
        who: &Viewer,
        items: &[CaseHead],
        denied: bool,
        now: Timestamp,
    ) -> Result<(), QueryError> {
        if items.is_empty() && denied {
            self.note_access(who, Vec::new(), AccessOutcome::Denied, now).await?;
            return Err(QueryError::Forbidden("your capacities see no file of these cases".to_owned()));
        }
        let streams = items.iter().map(|item| item.stream).collect();
        self.note_access(who, streams, AccessOutcome::Shown, now).await
    }

    async fn read_counts(&self, who: &Viewer) -> Result<Counts, QueryError> {
        let now = self.clock().now();
        self.admit(who, now).await?;
        let visible = self.visible_workflows(who, now).await?;
        if visible.is_empty() {
            self.note_access(who, Vec::new(), AccessOutcome::Denied, now).await?;
            return Err(QueryError::Forbidden("your capacities see no workflow".to_owned()));
        }
        let rows = self.store().counts().await?;
        let rows = rows.into_iter().filter(|row| visible.contains(&row.workflow)).map(|row| CountRow {
            workflow: row.workflow,
            stage: row.stage,
            office: row.office,
            count: row.count,
        });
        let (mut lapsed, mut irregular) = (0_u64, 0_u64);
        for workflow in &visible {
            let of = CaseFilter { workflow: Some(workflow.clone()), ..CaseFilter::default() };
            let held = CaseFilter { lapsed_at: Some(now), ..of.clone() };
            lapsed = lapsed.saturating_add(self.store().count(&held).await?);
            irregular =
                irregular.saturating_add(self.store().count(&CaseFilter { irregular: true, ..of }).await?);
        }
        let counts = Counts { rows: rows.collect(), lapsed, irregular, at: now };
        self.note_access(who, Vec::new(), AccessOutcome::Shown, now).await?;
        Ok(counts)
    }

    /// The workflows of which the viewer may see at least the stages.
    async fn visible_workflows(&self, who: &Viewer, now: Timestamp) -> Result<BTreeSet<Name>, QueryError> {
        let (mut sights, mut visible) = (Sights::default(), BTreeSet::new());
        for stored in self.store().definitions().await? {
            if !visible.contains(&stored.workflow)
                && sights.of(self, who, stored.hash, now).await? >= Sight::Stage
            {
                visible.insert(stored.workflow);
            }
        }
        Ok(visible)
    }

    async fn read_feed(&self, who: &Viewer, from: u64, limit: u32) -> Result<FeedPage, QueryError> {
        let now = self.clock().now();
        self.admit(who, now).await?;
        if self.visible_workflows(who, now).await?.is_empty() {
            self.note_access(who, Vec::new(), AccessOutcome::Denied, now).await?;
            return Err(QueryError::Forbidden("your capacities see no workflow".to_owned()));
        }
        let items = self.store().feed(from, limit.clamp(1, PAGE)).await?;
        let size = self.store().log_size().await?;
        let next = items.last().map_or(from, |last| last.index.saturating_add(1));
        let (mut events, mut damage) = (Vec::with_capacity(items.len()), Damage::default());
        for item in items {
            match item.entry {
                Ok(entry) => {
                    let bytes = item.bytes.filter(|bytes| is_logged(bytes, entry.hash));
                    if bytes.is_none() {
                        damage.at(entry.stream, "event", format!("{}/{}", entry.stream, entry.seq));
                    }
                    let LogEntry { index, stream, seq, hash } = entry;
                    events.push(FeedEvent { index, stream, seq, hash, bytes });
                }
                // Whose event it is cannot be read, so nobody's right to see it can be told.
                Err(error) => damage.found(error)?,
            }
        }
        let streams: BTreeSet<StreamId> = events.iter().map(|event| event.stream).collect();
        let streams: Vec<StreamId> = streams.into_iter().collect();
        let (mut sights, mut shown) = (Sights::default(), BTreeSet::new());
        for (stream, row) in streams.iter().zip(self.store().load_many(&streams).await?) {
            match row {
                Loaded::Case(row) if sights.of(self, who, row.definition, now).await? >= Sight::File => {
                    shown.insert(*stream);
                }
                Loaded::Damaged(error) => damage.of(*stream, error)?,
                Loaded::Case(_) | Loaded::Entity(_) | Loaded::Absent => {}
            }
        }
        events.retain(|event| shown.contains(&event.stream));
        self.show_damage(damage, now).await;
        self.note_access(who, shown.into_iter().collect(), AccessOutcome::Shown, now).await?;
        Ok(FeedPage { events, next, size })
    }

    async fn read_work(
        &self,
        who: &Viewer,
        after: Option<String>,
        limit: u32,
    ) -> Result<WorkPage, QueryError> {
        let now = self.clock().now();
        self.admit(who, now).await?;
        if self.visible_workflows(who, now).await?.is_empty() {
            self.note_access(who, Vec::new(), AccessOutcome::Denied, now).await?;
            return Err(QueryError::Forbidden("your capacities see no workflow".to_owned()));
        }
        let limit = limit.clamp(1, PAGE);
        let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
        let fetch = limit.max(FETCH);
        let fetched = usize::try_from(fetch).unwrap_or(usize::MAX);
        let mut position = match after {
            Some(text) => Some(work_position(&text)?),
            None => None,
        };
        let offices: BTreeSet<Name> = who
            .principal
            .usable()
            .filter(|held| held.is_valid(now) && who.role.as_ref().is_none_or(|role| *role == held.role))
            .map(|held| held.role.clone())
            .collect();
        let (mut sights, mut items, mut looked) = (Sights::default(), Vec::new(), 0_usize);
        let mut damage = Damage::default();
        let next = loop {
            let page = self.store().deadlines_before(Timestamp::MAX, position.clone(), fetch).await?;
            let full = page.len() >= fetched;
            looked = looked.saturating_add(page.len());
            let mut clocks = Vec::with_capacity(page.len());
            for clock in page {
                match clock {
                    Ok(clock) => clocks.push(clock),
                    Err(error) => damage.found(error)?,
                }
            }
            // A page of damaged rows only tells no position to go on from.
            let mut more = full && !clocks.is_empty();
            let streams: BTreeSet<StreamId> = clocks.iter().map(|clock| clock.stream).collect();
            let streams: Vec<StreamId> = streams.into_iter().collect();
            let mut rows = BTreeMap::new();
            for (stream, row) in streams.iter().zip(self.store().load_many(&streams).await?) {
                match row {
                    Loaded::Case(row) => drop(rows.insert(row.id, row)),
                    Loaded::Damaged(error) => damage.of(*stream, error)?,
                    Loaded::Entity(_) | Loaded::Absent => {}
                }
            }
            for clock in clocks {
                if items.len() >= wanted {
                    more = true;
                    break;
                }
                let Some(due) = clock.row.due else { continue };
                position = Some((due, clock.stream, clock.key.clone()));
                let Some(row) = rows.get(&clock.stream) else { continue };
                let mine = row.office.as_ref().is_some_and(|office| offices.contains(office));
                if mine && sights.of(self, who, row.definition, now).await? >= Sight::File {
                    items.push(WorkItem { case: head(row, now), clock: clock.key, due, passed: due <= now });
                }
            }
            if !more {
                break None;
            }
            if items.len() >= wanted || looked >= LOOKED_AT {
                break position.map(|(due, stream, key)| format!("{} {stream} {key}", due.as_microsecond()));
            }
        };
        let streams: BTreeSet<StreamId> = items.iter().map(|item| item.case.stream).collect();
        self.note_access(who, streams.into_iter().collect(), AccessOutcome::Shown, now).await?;
        let left_out = damage.len();
        self.show_damage(damage, now).await;
        Ok(WorkPage { items, left_out, next })
    }

    async fn read_oversight(&self, who: &Viewer) -> Result<Oversight, QueryError> {
        let now = self.clock().now();
        self.admit(who, now).await?;
        let visible = self.visible_workflows(who, now).await?;
        if visible.is_empty() {
            self.note_access(who, Vec::new(), AccessOutcome::Denied, now).await?;
            return Err(QueryError::Forbidden("your capacities see no workflow".to_owned()));
        }
        let health = self.store().health(now).await?;
        let mut found = Oversight {
            held: 0,
            without_authority: 0,
            without_office: 0,
            without_date: 0,
            cases: Vec::new(),
            irregular: 0,
            incidents: health.incidents,
            overdue: health.overdue,
            workers_silent: is_silent(health.last_heartbeat, health.clock),
            at: now,
        };
        for workflow in &visible {
            let of = CaseFilter { workflow: Some(workflow.clone()), ..CaseFilter::default() };
            let irregular = CaseFilter { irregular: true, ..of.clone() };
            found.irregular = found.irregular.saturating_add(self.store().count(&irregular).await?);
            // At the end of time every authority has lapsed: this finds all who are held.
            let held = CaseFilter { lapsed_at: Some(Timestamp::MAX), open: true, ..of };
            let mut after = None;
            loop {
                let rows = self.store().list(&held, after, PAGE).await?;
                after = rows.last().map(|row| row.id);
                for row in &rows {
                    note(&mut found, row, now);
                }
                if rows.len() < usize::try_from(PAGE).unwrap_or(usize::MAX) {
                    break;
                }
            }
        }
        let streams = found.cases.iter().map(|case| case.stream).collect();
        self.note_access(who, streams, AccessOutcome::Shown, now).await?;
        Ok(found)
    }

    async fn read_health(&self) -> Result<HealthView, EngineError> {
        let now = self.clock().now();
        let health = self.store().health(now).await?;
        let covered = self.store().checkpoint().await?.map_or(0, |checkpoint| checkpoint.size);
        Ok(HealthView {
            database: health.database,
            now,
            clock: health.clock,
            last_heartbeat: health.last_heartbeat,
            workers_silent: is_silent(health.last_heartbeat, health.clock),
            overdue: health.overdue,
            jobs: health.jobs,
            incidents: health.incidents,
            pending: health.pending,
            entries: health.entries,
            covered,
            queued: self.committers.waiting(),
            faults: health.faults,
        })
    }
}

/// Heartbeats are told by the database's own clock, and so is the silence.
fn is_silent(last: Option<Timestamp>, clock: Timestamp) -> bool {
    last.is_none_or(|last| clock.duration_since(last) > SILENCE)
}

fn note(found: &mut Oversight, row: &CaseRow, now: Timestamp) {
    found.held = found.held.saturating_add(1);
    let uncovered = row.authority_until.is_none_or(|until| until <= now);
    let (no_office, no_date) = (row.office.is_none(), row.next_date.is_none());
    for (is, count) in [
        (uncovered, &mut found.without_authority),
        (no_office, &mut found.without_office),
        (no_date, &mut found.without_date),
    ] {
        *count = count.saturating_add(u64::from(is));
    }
    if (uncovered || no_office || no_date) && found.cases.len() < NAMED {
        found.cases.push(head(row, now));
    }
}

fn bad_position(text: &str) -> QueryError {
    QueryError::Malformed(format!("{text:?} is no position in this list; use the `next` of the page before"))
}

fn work_position(text: &str) -> Result<(Timestamp, StreamId, String), QueryError> {
    let mut parts = text.splitn(3, ' ');
    let due =
        parts.next().and_then(|due| due.parse().ok()).and_then(|due| Timestamp::from_microsecond(due).ok());
    let stream = parts.next().and_then(|stream| stream.parse().ok()).map(StreamId);
    let key = parts.next().map(str::to_owned);
    match (due, stream, key) {
        (Some(due), Some(stream), Some(key)) => Ok((due, stream, key)),
        _ => Err(bad_position(text)),
    }
}
