//! Random scripts: the same operations on the store under test and in memory, with the same answer after every step.
//!
//! A script is decided by its number alone. Nothing in it reads a clock: leases last for no time or for an hour, and
//! time passes in both stores by two hours at once.

use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

use qadiya_domain::ids::{DefinitionHash, JobId, StreamId, StreamKind};
use uuid::Uuid;

use super::Subject;
use super::ledger::numbered;
use super::make::{
    LONG, access, append, at, case, clock, entity, event, hash, job, lookup, name, official, request, seal,
    stream,
};
use crate::append::{
    Activates, Append, Batch, BatchOutcome, DeadlineChange, DeadlineRow, EntityRow, Lookup, Row, Settles,
    StageMove,
};
use crate::error::StoreError;
use crate::read::{CaseFilter, CaseRef, CaseRow, Loaded, RequestRef};
use crate::work::{DueClock, DueJob, Operation, Settle};
use crate::{MemoryStore, Store};

/// Scripts that share a store: their streams are their own, their queue and log are common.
const CHUNK: u32 = 200;
/// Operations of a script.
const STEPS: u32 = 14;
/// Streams of a script: the first half cases, the others not.
const STREAMS: u128 = 6;

/// Lanes that run side by side.
const LANES: u32 = 5;

/// Runs so many scripts, the first ones always the same. The lanes have stores of their own: a script waits for its disk
/// most of the time, and commits that wait together are flushed together.
pub async fn run<S: Subject, F: Future<Output = S>>(open: impl Fn() -> F, scripts: u32) {
    let from = |number: u32| lane(&open, number * CHUNK, scripts);
    tokio::join!(from(0), from(1), from(2), from(3), from(4));
}

/// Every chunk of a lane, of which `first` is the first script.
async fn lane<S: Subject, F: Future<Output = S>>(open: &impl Fn() -> F, mut first: u32, scripts: u32) {
    while first < scripts {
        let (subject, twin) = (open().await, MemoryStore::new(at(0)));
        let last = scripts.min(first + CHUNK);
        let mut committed = 0;
        for number in first..last {
            committed += Script::new(number, &subject, &twin).run().await;
        }
        assert!(
            committed >= u64::from(last - first),
            "scripts {first}..{last} wrote too little to mean anything"
        );
        first += LANES * CHUNK;
    }
}

/// xorshift64*, see Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled" (2016).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`.
    fn below(&mut self, end: u64) -> u64 {
        (self.roll() >> 11) % end
    }

    /// True once in so many.
    fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    fn seconds(&mut self) -> i64 {
        i64::try_from(self.below(20)).unwrap()
    }
}

fn job_id(stream: StreamId, which: u64) -> JobId {
    JobId(Uuid::from_u128(stream.0.as_u128() * 10 + u128::from(which)))
}

struct Script<'a> {
    number: u32,
    step: u32,
    dice: Dice,
    subject: &'a dyn Subject,
    store: std::sync::Arc<dyn Store>,
    twin: &'a MemoryStore,
    clocks: Vec<DueClock>,
    jobs: Vec<DueJob>,
    epoch: u64,
    committed: u64,
}

impl<'a> Script<'a> {
    fn new(number: u32, subject: &'a dyn Subject, twin: &'a MemoryStore) -> Self {
        let mut dice = Dice(u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        dice.roll();
        Self {
            number,
            step: 0,
            dice,
            subject,
            store: subject.store(),
            twin,
            clocks: Vec::new(),
            jobs: Vec::new(),
            epoch: 0,
            committed: 0,
        }
    }

    async fn run(mut self) -> u64 {
        for step in 0..STEPS {
            self.step = step;
            match self.dice.below(24) {
                0..=9 | 22 => self.writes().await,
                10 | 11 => self.claims_clocks().await,
                12 => self.releases().await,
                13 | 14 => self.claims_jobs().await,
                15 | 16 => self.settles().await,
                17 => self.queues().await,
                18 => self.folds().await,
                19 | 20 => self.numbers().await,
                21 => self.passes().await,
                _ => self.operates().await,
            }
        }
        self.compare().await;
        self.committed
    }

    /// Equal answers; an error equals an error.
    fn same<T: Debug + PartialEq>(
        &self,
        what: &str,
        got: Result<T, StoreError>,
        twin: Result<T, StoreError>,
    ) -> T {
        let place = format!("script {} step {}: {what}", self.number, self.step);
        match (got, twin) {
            (Ok(got), Ok(twin)) => {
                assert_eq!(got, twin, "{place}: left is the store, right is memory");
                got
            }
            (got, twin) => panic!("{place}: the store says {got:?}, memory {twin:?}"),
        }
    }

    fn id(&self, index: u128) -> StreamId {
        stream(u128::from(self.number) * 1_000 + index + 1)
    }

    fn workflow(&self) -> qadiya_domain::name::Name {
        name(&format!("w{}", self.number % 5))
    }

    fn key(&mut self) -> Lookup {
        lookup("s", &format!("{}-{}", self.number, self.dice.below(4)))
    }

    async fn writes(&mut self) {
        let count = 1 + self.dice.below(4);
        let mut indexes: Vec<u128> = (0..STREAMS).collect();
        let mut appends = Vec::new();
        for _ in 0..count {
            let place = usize::try_from(self.dice.below(u64::try_from(indexes.len()).unwrap())).unwrap();
            appends.push(self.an_append(indexes.remove(place)).await);
        }
        let unique = u128::from(self.number) * 1_000 + u128::from(self.step);
        let seal = self.dice.one_in(2).then(|| seal(unique, &appends));
        let second = u128::from(self.dice.below(6));
        let seen = vec![self.id(0), self.id(second)];
        let access =
            if self.dice.one_in(3) { vec![access(unique, self.dice.seconds(), seen)] } else { Vec::new() };
        let batch = Batch { appends, access, seal };
        let (got, twin) = (self.store.append_many(&batch).await, self.twin_store().append_many(&batch).await);
        if self.same("append_many", got, twin) == BatchOutcome::Committed {
            self.committed += 1;
        }
        if let Some(seal) = &batch.seal {
            let (got, twin) =
                (self.store.is_sealed(seal.id).await, self.twin_store().is_sealed(seal.id).await);
            self.same("is_sealed", got, twin);
        }
    }

    fn twin_store(&self) -> &'a dyn Store {
        self.twin
    }

    async fn an_append(&mut self, index: u128) -> Append {
        let id = self.id(index);
        let held = self.twin_store().load_many(&[id]).await.unwrap().remove(0);
        let current = match held {
            Loaded::Absent => 0,
            Loaded::Case(row) => row.version,
            Loaded::Entity(row) => row.version,
            Loaded::Damaged(error) => panic!("{error}"),
        };
        let expected = if self.dice.one_in(12) { current + self.dice.below(2) + 1 } else { current };
        let events: Vec<_> = (1..=1 + self.dice.below(3)).map(|more| event(id, expected + more)).collect();
        let (version, last_hash) = events.last().map(|last| (last.seq, last.hash)).unwrap();
        let number = id.0.as_u128();
        let row = if index < STREAMS / 2 {
            let word = ["received", "tried", "held"][usize::try_from(self.dice.below(3)).unwrap()];
            let own = self.dice.below(12) > 0;
            let owner = if own { number } else { self.id(0).0.as_u128() };
            let alias = match self.dice.below(4) {
                0 => Some(format!("{}-{}", self.number, self.dice.below(3))),
                _ => None,
            };
            Row::Case(Box::new(CaseRow {
                reference: format!("{}-{owner}-{}", self.number, self.dice.below(2)),
                alias,
                workflow: self.workflow(),
                main: name(word),
                stage: (!self.dice.one_in(3)).then(|| name(word)),
                office: (!self.dice.one_in(4)).then(|| name("judge")),
                group: self.dice.one_in(3).then(|| self.id(5)),
                held: self.dice.one_in(2),
                authority_until: self.dice.one_in(2).then(|| at(self.dice.seconds())),
                next_date: self.dice.one_in(2).then(|| at(self.dice.seconds())),
                outcome: self.dice.one_in(5).then(|| name("ended")),
                irregular: u32::try_from(self.dice.below(3)).unwrap(),
                state: self.dice.roll().to_string().into_bytes(),
                version,
                head: last_hash,
                updated: at(self.dice.seconds()),
                ..case(number)
            }))
        } else {
            let kind = if index == 3 { StreamKind::Person } else { StreamKind::Manifest };
            let parent = self.dice.one_in(2).then(|| self.id(0));
            Row::Entity(EntityRow { parent, version, head: last_hash, ..entity(number, kind) })
        };
        let mut act = Append { expected, events, ..append(row) };
        self.decorate(&mut act);
        act
    }

    /// What may come with an append.
    fn decorate(&mut self, act: &mut Append) {
        for key in ["a", "b"] {
            if self.dice.one_in(3) {
                let row = (!self.dice.one_in(4)).then(|| DeadlineRow {
                    due: self.dice.one_in(2).then(|| at(self.dice.seconds())),
                    next: (!self.dice.one_in(4)).then(|| at(self.dice.seconds())),
                    passed: self.dice.one_in(2),
                    step: u32::try_from(self.dice.below(5)).unwrap(),
                    ..clock(1)
                });
                act.deadlines.push(DeadlineChange { key: key.to_owned(), row });
            }
        }
        if self.dice.one_in(3) {
            let which = self.dice.below(3);
            let id = job_id(act.stream, which);
            act.jobs.push(crate::append::NewJob { id, ..job(1, "q", self.dice.seconds()) });
        }
        if self.dice.one_in(3) {
            act.requests = vec![request(1 + u128::from(self.dice.below(2)), &self.dice.below(4).to_string())];
        }
        if self.dice.one_in(4) {
            let mine = self.clocks.iter().find(|clock| clock.stream == act.stream);
            let job = self.jobs.iter().find(|job| job.stream == act.stream);
            let incident = self.dice.one_in(4).then(|| "given up".to_owned());
            act.settles = match (mine, job) {
                (Some(clock), _) => Some(Settles::Deadline { key: clock.key.clone(), epoch: clock.epoch }),
                (None, Some(job)) => Some(Settles::Job { id: job.id, epoch: job.epoch, incident }),
                (None, None) if self.dice.one_in(5) => {
                    Some(Settles::Deadline { key: "a".to_owned(), epoch: 1 })
                }
                (None, None) => None,
            };
        }
        for _ in 0..self.dice.below(3) {
            let net = i64::try_from(self.dice.below(5)).unwrap() - 2;
            let stage = self.dice.one_in(2).then(|| name("tried"));
            let office = self.dice.one_in(2).then(|| name("judge"));
            act.stages.push(StageMove { workflow: self.workflow(), stage, office, net });
        }
        if self.dice.one_in(4) {
            act.lookups.push(self.key());
        }
        if self.dice.one_in(5) {
            act.forgets.push(self.key());
        }
        if self.dice.one_in(8) {
            act.opens_under = Some((self.workflow(), self.definition()));
        }
        if self.dice.one_in(6) {
            let (workflow, definition) = (self.workflow(), self.definition());
            act.activates = Some(Activates { workflow, definition, at: at(self.dice.seconds()) });
        }
    }

    fn definition(&mut self) -> DefinitionHash {
        DefinitionHash(hash(&self.dice.below(2).to_string()))
    }

    /// No time, an hour, or so long that only a sweep ends it.
    fn lease(&mut self) -> Duration {
        match self.dice.below(6) {
            0 | 1 => Duration::ZERO,
            2 => LONG * 1_000,
            _ => LONG,
        }
    }

    fn worker(&mut self) -> Uuid {
        Uuid::from_u128(1 + u128::from(self.dice.below(3)))
    }

    async fn claims_clocks(&mut self) {
        let (now, owner, lease, limit) = (at(self.dice.seconds()), self.worker(), self.lease(), 5);
        let got = self.store.claim_clocks(now, owner, lease, limit).await;
        let twin = self.twin_store().claim_clocks(now, owner, lease, limit).await;
        let claimed = self.same("claim_clocks", got, twin);
        self.clocks.extend(claimed);
    }

    async fn releases(&mut self) {
        let Some(held) = self.clocks.pop() else { return };
        let epoch = held.epoch + self.dice.below(3) / 2;
        let got = self.store.release_clock(held.stream, &held.key, epoch).await;
        let twin = self.twin_store().release_clock(held.stream, &held.key, epoch).await;
        self.same("release_clock", got, twin);
    }

    async fn claims_jobs(&mut self) {
        let (now, owner, lease) = (at(self.dice.seconds()), self.worker(), self.lease());
        let queues = ["q".to_owned(), "exports".to_owned()];
        let got = self.store.claim_jobs(now, &queues, owner, lease, 4).await;
        let twin = self.twin_store().claim_jobs(now, &queues, owner, lease, 4).await;
        let claimed = self.same("claim_jobs", got, twin);
        self.jobs.extend(claimed);
    }

    async fn settles(&mut self) {
        let Some(held) = self.jobs.pop() else { return };
        let epoch = held.epoch + self.dice.below(4) / 3;
        if self.dice.one_in(4) {
            let lease = self.lease();
            let got = self.store.extend_job(held.id, epoch, lease).await;
            let twin = self.twin_store().extend_job(held.id, epoch, lease).await;
            self.same("extend_job", got, twin);
            self.jobs.push(held);
            return;
        }
        let how = match self.dice.below(4) {
            0 => Settle::Done,
            1 => Settle::Again { run_at: at(self.dice.seconds()), fault: "net".to_owned() },
            2 => Settle::HandBack,
            _ => Settle::Incident { fault: "poison".to_owned() },
        };
        let got = self.store.settle_job(held.id, epoch, &how).await;
        let twin = self.twin_store().settle_job(held.id, epoch, &how).await;
        self.same("settle_job", got, twin);
        if self.dice.one_in(2) {
            let run_at = at(self.dice.seconds());
            let got = self.store.retry_job(held.id, run_at).await;
            let twin = self.twin_store().retry_job(held.id, run_at).await;
            self.same("retry_job", got, twin);
        }
    }

    async fn queues(&mut self) {
        let index = u128::from(self.dice.below(3));
        let id = self.id(index);
        let jobs: Vec<_> = (0..=self.dice.below(2))
            .map(|which| crate::append::NewJob {
                id: job_id(id, which),
                principal: self.dice.one_in(2).then(|| official(4)),
                ..job(1, "exports", self.dice.seconds())
            })
            .collect();
        let (got, twin) =
            (self.store.queue_jobs(id, &jobs).await, self.twin_store().queue_jobs(id, &jobs).await);
        self.same("queue_jobs", got, twin);
    }

    async fn folds(&mut self) {
        let (got, twin) = (self.store.counts().await, self.twin_store().counts().await);
        let before = self.same("counts", got, twin);
        // How many rows that were is the store's own affair: it may have kept the net moves of each batch.
        self.store.fold_stages().await.unwrap();
        self.twin_store().fold_stages().await.unwrap();
        assert_eq!(self.store.counts().await.unwrap(), before, "folding changes no count");
    }

    async fn numbers(&mut self) {
        let (owner, lease) = (self.worker(), self.lease());
        let got = self.store.take_fence("sequencer", owner, lease).await;
        let twin = self.twin_store().take_fence("sequencer", owner, lease).await;
        if let Some(epoch) = self.same("take_fence", got, twin) {
            self.epoch = epoch;
        }
        let limit = u32::try_from(1 + self.dice.below(30)).unwrap();
        let (got, twin) = (self.store.pending(limit).await, self.twin_store().pending(limit).await);
        let pending = self.same("pending", got, twin);
        let (got, twin) = (self.store.log_size().await, self.twin_store().log_size().await);
        let from = self.same("log_size", got, twin);
        if pending.is_empty() {
            return;
        }
        let work = numbered(from + self.dice.below(8) / 7, &pending, Vec::new());
        let got = self.store.sequence("sequencer", self.epoch, &work).await;
        let twin = self.twin_store().sequence("sequencer", self.epoch, &work).await;
        self.same("sequence", got, twin);
        let (got, twin) = (self.store.feed(from, 9).await, self.twin_store().feed(from, 9).await);
        self.same("feed", got, twin);
    }

    async fn passes(&mut self) {
        let worker = self.worker();
        let (got, twin) = (self.store.heartbeat(worker).await, self.twin_store().heartbeat(worker).await);
        self.same("heartbeat", got, twin);
        if self.dice.one_in(2) {
            self.subject.let_pass(LONG * 2).await;
            self.twin.advance(LONG * 2);
        }
        let (got, twin) = (self.store.sweep(LONG).await, self.twin_store().sweep(LONG).await);
        self.same("sweep", got, twin);
    }

    async fn operates(&mut self) {
        let id = Uuid::from_u128(u128::from(self.number) * 1_000 + u128::from(self.dice.below(2)) + 500);
        let asked = Operation {
            id,
            principal: official(1),
            kind: "export".to_owned(),
            request: self.step.to_string().into_bytes(),
            asked: hash(&self.dice.below(2).to_string()),
            percent: 0,
            result: None,
            created: at(1),
            updated: at(1),
        };
        let work = crate::append::NewJob { id: JobId(id), ..job(1, "exports", 1) };
        let got = self.store.start_operation(&asked, &work).await;
        let twin = self.twin_store().start_operation(&asked, &work).await;
        self.same("start_operation", got, twin);
        let (percent, result) = (u8::try_from(self.dice.below(101)).unwrap(), self.dice.one_in(2));
        let result = result.then_some(&b"result"[..]);
        let got = self.store.update_operation(id, percent, result, at(2)).await;
        let twin = self.twin_store().update_operation(id, percent, result, at(2)).await;
        self.same("update_operation", got, twin);
        let (got, twin) = (self.store.operation(id).await, self.twin_store().operation(id).await);
        self.same("operation", got, twin);
    }

    /// Everything the script may have touched.
    async fn compare(&mut self) {
        self.step = STEPS;
        let (store, memory) = (self.store.clone(), self.twin_store());
        let ids: Vec<StreamId> = (0..STREAMS).map(|index| self.id(index)).collect();
        let loaded = self.same("load_many", store.load_many(&ids).await, memory.load_many(&ids).await);
        self.same("events_of", store.events_of(&ids).await, memory.events_of(&ids).await);
        self.same("events", store.events(ids[0], 2, 3).await, memory.events(ids[0], 2, 3).await);
        self.same("deadlines", store.deadlines(&ids).await, memory.deadlines(&ids).await);
        let keys: Vec<Lookup> = (0..4).map(|n| lookup("s", &format!("{}-{n}", self.number))).collect();
        self.same("lookups", store.lookups(&keys).await, memory.lookups(&keys).await);
        let asked: Vec<RequestRef> = ids
            .iter()
            .flat_map(|stream| {
                let with = |principal: u128, key: u64| RequestRef {
                    stream: *stream,
                    principal: official(principal),
                    key: key.to_string(),
                };
                (0..4).flat_map(move |key| [with(1, key), with(2, key)])
            })
            .collect();
        self.same("requests", store.requests(&asked).await, memory.requests(&asked).await);
        for row in &loaded {
            if let Loaded::Case(row) = row {
                let by = CaseRef::Reference(row.reference.clone());
                self.same("find", store.find(&by).await, memory.find(&by).await);
            }
        }
        for alias in 0..3 {
            let by = CaseRef::Alias(format!("{}-{alias}", self.number));
            self.same("find", store.find(&by).await, memory.find(&by).await);
        }
        let filter = CaseFilter {
            workflow: Some(self.workflow()),
            stage: self.dice.one_in(3).then_some(None),
            office: self.dice.one_in(3).then(|| name("judge")),
            lapsed_at: self.dice.one_in(3).then(|| at(self.dice.seconds())),
            irregular: self.dice.one_in(4),
            open: self.dice.one_in(4),
            ..CaseFilter::default()
        };
        let after = Some(self.id(0)).filter(|_| self.dice.one_in(2));
        self.same("list", store.list(&filter, after, 7).await, memory.list(&filter, after, 7).await);
        self.same("count", store.count(&filter).await, memory.count(&filter).await);
        let (kind, last) = (StreamKind::Manifest, Some(self.id(0)));
        let (got, twin) =
            (store.entities(kind, None, last, 5).await, memory.entities(kind, None, last, 5).await);
        self.same("entities", got, twin);
        let job = Some(JobId(Uuid::from_u128(u128::from(self.number) * 10_000)));
        self.same("jobs", store.jobs(false, job, 20).await, memory.jobs(false, job, 20).await);
        self.same("incidents", store.jobs(true, None, 20).await, memory.jobs(true, None, 20).await);
        self.same("entries_of", store.entries_of(ids[1]).await, memory.entries_of(ids[1]).await);
        self.same("checkpoint", store.checkpoint().await, memory.checkpoint().await);
        let now = at(self.dice.seconds());
        let seen = |health: crate::work::Health| {
            (health.overdue, health.jobs, health.incidents, health.pending, health.entries)
        };
        self.same("health", store.health(now).await.map(seen), memory.health(now).await.map(seen));
        let (got, twin) =
            (store.deadlines_before(now, None, 9).await, memory.deadlines_before(now, None, 9).await);
        self.same("deadlines_before", got, twin);
        let seen_by = Some(ids[0]);
        let (got, twin) =
            (store.accesses(seen_by, None, None, 9).await, memory.accesses(seen_by, None, None, 9).await);
        self.same("accesses", got, twin);
    }
}
