//! A store under measurement: its engine, its load, its server, and the plain SQL beside it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use qadiya_engine::ids::SystemIds;
use qadiya_store::StoreError;
use qadiya_store_postgres::baseline as postgres;
use qadiya_store_sqlite::baseline as sqlite;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::http::{self, Server};
use super::lanes::{Load, finish};
use super::measure::{Counted, Slice, bytes_written, cpu_us, flush_us, parent};
use crate::exit::Failure;
use crate::session::{Place, Session, Start, make_key};

/// Connections of the measure on PostgreSQL; SQLite has one writer.
const CONNECTIONS: u32 = 8;
/// Rows that each connection of the measure changes in turn.
const ROWS: u32 = 1_000;
/// The log row of the measure: about as long as an event.
const BODY: &str = r#"{"act":{"perform":{"command":"hear"}},"actor":{"official":"0190b6c2-7d2e-7c31-9a54-0f2f2b7a9c11","role":"judge"},"at":"2026-03-02T06:00:00.000007Z"}"#;

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

/// What a slice does.
#[derive(Debug, Clone, Copy)]
pub(super) enum Job {
    /// The measure, over so many connections.
    Plain(u32),
    /// Commands in process, so many in flight.
    Process(usize),
    /// Commands over HTTP, so many clients, so many reads after each.
    Http(usize, usize),
}

/// A store under measurement.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) load: Arc<Load>,
    pub(super) measure: Measure,
    pub(super) place: Place,
    session: Session,
    server: Server,
    folder: PathBuf,
    /// The first process of the database server, where it runs here.
    process: Option<u32>,
}

fn failed(error: &StoreError) -> Failure {
    Failure::new("plain SQL could not be measured").because(error)
}

impl Site {
    /// Makes a store at this place and everything around it. `folder` holds the files.
    ///
    /// # Errors
    /// What the store and the engine say.
    pub(super) async fn make(place: Place, folder: &Path, name: &str) -> Result<Self, Failure> {
        let key = folder.join(format!("{name}.key"));
        place.migrate().await?;
        make_key(&key, &SystemIds)?;
        let start = Start { origin: Some("bench.example/log".to_owned()), ..Start::default() };
        let session = Session::start(place.clone(), &key, start).await?;
        Load::set_up(&session.engine).await?;
        let load = Load::new(&session.engine, name).await?;
        let rows = CONNECTIONS.saturating_mul(ROWS);
        let mut measure = match &place {
            Place::Sqlite(path) => {
                let beside = folder.join(format!("{name}-plain.db"));
                Measure::Sqlite(
                    sqlite::Baseline::open(path, &beside, rows).await.map_err(|error| failed(&error))?,
                )
            }
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
        Ok(Self { load, measure, place, session, server, folder: folder.to_owned(), process })
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
    pub(super) async fn slice(&mut self, job: Job, time: Duration) -> Result<Slice, Failure> {
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
                http::run(&self.load, self.server.address, clients, reads, until).await?
            }
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
