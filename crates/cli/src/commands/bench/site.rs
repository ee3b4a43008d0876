//! A store under measurement: its engine, its load, its server, and the plain SQL beside it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use qadiya_domain::actor::Actor;
use qadiya_domain::moment::micros;
use qadiya_engine::clock::{Clock, SystemClock};
use qadiya_engine::ids::SystemIds;
use qadiya_store::StoreError;
use qadiya_store_postgres::baseline::{self as postgres, Scratch};
use qadiya_store_sqlite::baseline as sqlite;
use qadiya_worker::{Worker, WorkerSettings};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::http::{self, Server};
use super::lanes::{Load, Standing, finish};
use super::measure::{Counted, Slice, bytes_written, cpu_us, flush_us, parent};
use crate::exit::Failure;
use crate::files::{remove, store_files};
use crate::session::{Place, Session, Start, make_key};

/// Connections of the measure on PostgreSQL; SQLite has one writer.
const CONNECTIONS: u32 = 8;
/// Rows that each connection of the measure changes in turn.
const ROWS: u32 = 1_000;
/// The log row of the measure: about as long as an event.
const BODY: &str = r#"{"act":{"perform":{"command":"hear"}},"actor":{"official":"0190b6c2-7d2e-7c31-9a54-0f2f2b7a9c11","role":"judge"},"at":"2026-03-02T06:00:00.000007Z"}"#;

/// On what the stores of a run are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Home<'a> {
    /// A PostgreSQL server on which databases may be made.
    Postgres(&'a str),
    /// Files in the folder of the run.
    Sqlite,
}

impl Home<'_> {
    /// What the names of rows and files begin with.
    pub(super) fn prefix(self) -> &'static str {
        match self {
            Self::Postgres(_) => "pg",
            Self::Sqlite => "sqlite",
        }
    }
}

/// What a store is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// It is put under load.
    Load,
    /// A court with few cases.
    Few,
    /// A court with many.
    Many,
    /// A long list comes into it.
    List,
}

impl Purpose {
    const ALL: [Self; 4] = [Self::Load, Self::Few, Self::Many, Self::List];

    fn scratch(self) -> Scratch {
        match self {
            Self::Load => Scratch::LOAD,
            Self::Few => Scratch::FEW,
            Self::Many => Scratch::MANY,
            Self::List => Scratch::LIST,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Few => "few",
            Self::Many => "many",
            Self::List => "list",
        }
    }
}

/// The file of a store, that of the plain SQL beside it, and the key.
fn files(home: Home<'_>, purpose: Purpose) -> [String; 3] {
    let stem = format!("{}-{}", home.prefix(), purpose.word());
    [format!("{stem}.db"), format!("{stem}-plain.db"), format!("{stem}.key")]
}

/// Takes the files of a run away, and no others.
///
/// # Errors
/// When one cannot be removed.
pub(super) fn clear(folder: &Path) -> Result<(), Failure> {
    let all = Purpose::ALL.into_iter().flat_map(|purpose| {
        let [store, plain, key] = files(Home::Sqlite, purpose);
        let [.., other] = files(Home::Postgres(""), purpose);
        store_files(&store).chain(store_files(&plain)).chain([key, other]).collect::<Vec<_>>()
    });
    remove(folder, all.chain([LIST_FILE.to_owned()]))
}

/// Throws the databases of a run away.
///
/// # Errors
/// What the server says.
pub(super) async fn clear_server(url: &str) -> Result<(), StoreError> {
    for scratch in Scratch::ALL {
        scratch.remove(url).await?;
    }
    Ok(())
}

/// The list of a run, beside the stores.
pub(super) const LIST_FILE: &str = "list.csv";

/// A business clock that runs so many times as fast as that of the machine and can be put ahead.
pub(super) struct Racing {
    began: Timestamp,
    speed: i32,
    ahead_us: AtomicI64,
}

impl Racing {
    /// A clock that shows the time of the machine now.
    pub(super) fn new(speed: i32) -> Arc<Self> {
        Arc::new(Self { began: SystemClock.now(), speed, ahead_us: AtomicI64::new(0) })
    }

    /// Puts it ahead.
    pub(super) fn skip(&self, time: Duration) {
        let time = i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        self.ahead_us.fetch_add(time, Ordering::Relaxed);
    }
}

impl fmt::Debug for Racing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Racing").field("speed", &self.speed).finish_non_exhaustive()
    }
}

impl Clock for Racing {
    fn now(&self) -> Timestamp {
        let passed = SystemClock.now().duration_since(self.began).saturating_mul(self.speed);
        let ahead = SignedDuration::from_micros(self.ahead_us.load(Ordering::Relaxed));
        micros(self.began.saturating_add(passed.saturating_add(ahead)).unwrap_or(self.began))
    }
}

/// The plain SQL beside a store.
#[derive(Debug)]
pub(super) enum Measure {
    Sqlite(sqlite::Baseline),
    Postgres(postgres::Baseline),
}

/// One connection of it.
enum Lane {
    Sqlite(sqlite::Lane),
    Postgres(postgres::Lane),
}

impl Lane {
    async fn step(&mut self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(lane) => lane.step(BODY).await,
            Self::Postgres(lane) => lane.step(BODY).await,
        }
    }
}

/// A connection that asks by hand.
#[derive(Debug)]
pub(super) enum Reader {
    Sqlite(sqlite::Reader),
    Postgres(postgres::Reader),
}

/// What a slice does.
#[derive(Debug, Clone, Copy)]
pub(super) enum Job<'a> {
    /// The measure, over so many connections.
    Plain(u32),
    /// Commands in process, so many in flight.
    Process(usize),
    /// Commands over HTTP, so many clients, so many reads after each.
    Http(usize, usize),
    /// Acts on cases that stand there, so many in flight.
    Turn(&'a Arc<Standing>, usize),
}

/// A store under measurement.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) load: Arc<Load>,
    pub(super) measure: Measure,
    pub(super) place: Place,
    pub(super) server: Server,
    pub(super) key: PathBuf,
    /// Who signs for workflows.
    pub(super) signers: [Actor; 2],
    session: Session,
    folder: PathBuf,
    /// The first process of the database server, where it runs here.
    process: Option<u32>,
}

fn failed(error: &StoreError) -> Failure {
    Failure::new("plain SQL could not be measured").because(error)
}

impl Site {
    /// Makes a store and everything around it. `folder` holds the files.
    ///
    /// # Errors
    /// What the store and the engine say.
    pub(super) async fn make(
        home: Home<'_>,
        purpose: Purpose,
        folder: &Path,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Failure> {
        let [store, plain, key] = files(home, purpose).map(|file| folder.join(file));
        let place = match home {
            Home::Sqlite => Place::Sqlite(store),
            Home::Postgres(url) => Place::Postgres(purpose.scratch().make(url).await.map_err(|error| {
                Failure::new("the benchmark could not make its database").because(&error).next(
                    "name a server on which the account may create databases; `cargo dev bench` starts one",
                )
            })?),
        };
        place.migrate().await?;
        make_key(&key, &SystemIds)?;
        let start = Start { origin: Some("bench.example/log".to_owned()), clock, ..Start::default() };
        let session = Session::start(place.clone(), &key, start).await?;
        let signers = Load::set_up(&session.engine).await?;
        let load = Load::new(&session.engine, purpose.word()).await?;
        let rows = CONNECTIONS.saturating_mul(ROWS);
        let mut measure = match &place {
            Place::Sqlite(path) => Measure::Sqlite(
                sqlite::Baseline::open(path, &plain, rows).await.map_err(|error| failed(&error))?,
            ),
            Place::Postgres(url) => {
                Measure::Postgres(postgres::Baseline::open(url, rows).await.map_err(|error| failed(&error))?)
            }
        };
        let process = match &mut measure {
            Measure::Sqlite(_) => None,
            Measure::Postgres(plain) => {
                parent(plain.process().await.map_err(|error| failed(&error))?).filter(|process| *process > 1)
            }
        };
        let server = Server::start(&load).await?;
        Ok(Self { load, measure, place, server, key, signers, session, folder: folder.to_owned(), process })
    }

    /// What this store is, and how it is set.
    ///
    /// # Errors
    /// What the store says.
    pub(super) async fn about(&mut self) -> Result<String, Failure> {
        let about = match &mut self.measure {
            Measure::Sqlite(plain) => plain.about().await,
            Measure::Postgres(plain) => plain.about().await,
        };
        about.map_err(|error| failed(&error))
    }

    /// Ends the server and the engine.
    pub(super) async fn close(self) {
        self.server.stop().await;
        self.session.close().await;
    }

    /// A connection that asks by hand.
    ///
    /// # Errors
    /// What the store says.
    pub(super) async fn reader(&self) -> Result<Reader, Failure> {
        let reader = match &self.measure {
            Measure::Sqlite(plain) => plain.reader().await.map(Reader::Sqlite),
            Measure::Postgres(plain) => plain.reader().await.map(Reader::Postgres),
        };
        reader.map_err(|error| failed(&error))
    }

    /// Clocks and jobs that a worker holds.
    ///
    /// # Errors
    /// What the store says.
    pub(super) async fn leases(&mut self) -> Result<u64, Failure> {
        let held = match &mut self.measure {
            Measure::Sqlite(plain) => plain.leases().await,
            Measure::Postgres(plain) => plain.leases().await,
        };
        held.map_err(|error| failed(&error))
    }

    /// Bytes that the store takes on the disk, without its write-ahead log.
    ///
    /// # Errors
    /// What the store says.
    pub(super) async fn size(&mut self) -> Result<u64, Failure> {
        let size = match &mut self.measure {
            Measure::Sqlite(plain) => plain.size().await,
            Measure::Postgres(plain) => plain.size().await,
        };
        size.map_err(|error| failed(&error))
    }

    /// Numbers every event and folds every stage move.
    ///
    /// # Errors
    /// What the engine says.
    pub(super) async fn settle(&self) -> Result<(), Failure> {
        let engine = &self.load.engine;
        let broken =
            |error: &dyn std::error::Error| Failure::new("the log could not be numbered").because(error);
        while engine.sequence_once().await.map_err(|error| broken(&error))? > 0 {}
        while engine.store().fold_stages().await.map_err(|error| broken(&error))? > 0 {}
        Ok(())
    }

    /// A worker with an id of its own.
    ///
    /// # Errors
    /// Where there is no randomness.
    pub(super) fn worker(&self, settings: WorkerSettings) -> Result<Worker, Failure> {
        let engine = &self.load.engine;
        let id = engine.ids().id(engine.clock().now());
        let id = id.map_err(|error| Failure::new("a worker could not get an id").because(&error))?;
        Ok(Worker::new(engine.clone(), settings, id))
    }

    async fn counted(&mut self) -> Result<Counted, Failure> {
        let (bytes, batches) = match &mut self.measure {
            Measure::Sqlite(plain) => {
                let counters = plain.counters().await.map_err(|error| failed(&error))?;
                (bytes_written(), counters.batches)
            }
            Measure::Postgres(plain) => {
                let counters = plain.counters().await.map_err(|error| failed(&error))?;
                (Some(counters.written), counters.batches)
            }
        };
        Ok(Counted { cpu_us: cpu_us(self.process), bytes, batches: Some(batches) })
    }

    /// One slice of a job.
    ///
    /// # Errors
    /// The first thing that failed: then there is nothing to measure.
    pub(super) async fn slice(&mut self, job: Job<'_>, time: Duration) -> Result<Slice, Failure> {
        let flush = flush_us(&self.folder)?;
        let mut lanes = Vec::new();
        if let Job::Plain(connections) = job {
            for lane in 0..connections.min(CONNECTIONS) {
                let first = lane.saturating_mul(ROWS);
                let opened = match &self.measure {
                    Measure::Sqlite(plain) => plain.lane(first, ROWS).await.map(Lane::Sqlite),
                    Measure::Postgres(plain) => plain.lane(first, ROWS).await.map(Lane::Postgres),
                };
                lanes.push(opened.map_err(|error| failed(&error))?);
            }
        }
        let begin = self.counted().await?;
        let began = Instant::now();
        let until = began.checked_add(time).unwrap_or(began);
        let done = match job {
            Job::Plain(_) => plain(lanes, until).await?,
            Job::Process(flying) => self.load.run(flying, until).await?,
            Job::Http(clients, reads) => {
                http::run(&self.load, &[self.server.address], clients, reads, until).await?
            }
            Job::Turn(standing, flying) => self.load.turn(standing, flying, until).await?,
        };
        let took = began.elapsed();
        let mut slice = begin.until(self.counted().await?, done, took, flush);
        if matches!(job, Job::Plain(_)) {
            slice.batch = None;
        }
        Ok(slice)
    }

    /// How many connections the measure of this store uses.
    pub(super) fn connections(&self) -> u32 {
        match self.measure {
            Measure::Sqlite(_) => 1,
            Measure::Postgres(_) => CONNECTIONS,
        }
    }
}

async fn plain(lanes: Vec<Lane>, until: Instant) -> Result<u64, Failure> {
    let (done, tasks) = (Arc::new(AtomicU64::new(0)), TaskTracker::new());
    let running: Vec<_> = lanes
        .into_iter()
        .map(|mut lane| {
            let done = Arc::clone(&done);
            tasks.spawn(async move {
                while Instant::now() < until {
                    lane.step().await.map_err(|error| failed(&error))?;
                    done.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            })
        })
        .collect();
    finish(running).await?;
    Ok(done.load(Ordering::Relaxed))
}
