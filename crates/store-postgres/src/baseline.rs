//! The raw measure beside which `qadiya bench` puts the engine: what a program would write by hand with the same driver,
//! BEGIN, one UPDATE with a version check, one INSERT, COMMIT.
//!
//! It has tables of its own. Those of cases it only reads: to count, and to ask by hand what the engine answers.
#![expect(
    clippy::disallowed_methods,
    reason = "the measure stands beside the schema, not in it: no migration knows its tables"
)]

use std::str::FromStr as _;

use qadiya_ledger::Hash;
use qadiya_store::StoreError;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, PgConnection, Row as _};
use uuid::Uuid;

use crate::errors::{Reach, fault, unreachable};
use crate::open::connect_options;

const DURING: &str = "measuring";

#[expect(clippy::needless_pass_by_value, reason = "the form that `map_err` takes")]
fn failed(error: sqlx::Error) -> StoreError {
    fault(DURING, Reach::Read, &error)
}

/// A database that a run makes for itself and throws away.
#[derive(Debug, Clone, Copy)]
pub struct Scratch {
    name: &'static str,
    make: &'static str,
    remove: &'static str,
}

macro_rules! scratch {
    ($name:literal) => {
        Scratch {
            name: $name,
            make: concat!("CREATE DATABASE ", $name),
            remove: concat!("DROP DATABASE IF EXISTS ", $name, " WITH (FORCE)"),
        }
    };
}

impl Scratch {
    /// The store under load.
    pub const LOAD: Self = scratch!("qadiya_bench");
    /// A court with few cases.
    pub const FEW: Self = scratch!("qadiya_bench_few");
    /// A court with many cases.
    pub const MANY: Self = scratch!("qadiya_bench_many");
    /// A court that a long list comes into.
    pub const LIST: Self = scratch!("qadiya_bench_list");
    /// All of them.
    pub const ALL: [Self; 4] = [Self::LOAD, Self::FEW, Self::MANY, Self::LIST];

    /// Makes the database anew on the server of `url` and gives its address.
    ///
    /// # Errors
    /// `Unavailable` when the server does not answer, `Other` when it does not let us make databases.
    pub async fn make(self, url: &str) -> Result<String, StoreError> {
        self.remove(url).await?;
        connected(url).await?.execute(self.make).await.map_err(failed)?;
        let options = PgConnectOptions::from_str(url).map_err(failed)?;
        Ok(options.database(self.name).to_url_lossy().to_string())
    }

    /// Throws the database away.
    ///
    /// # Errors
    /// As [`Scratch::make`].
    pub async fn remove(self, url: &str) -> Result<(), StoreError> {
        connected(url).await?.execute(self.remove).await.map_err(failed)?;
        Ok(())
    }
}

async fn connected(url: &str) -> Result<PgConnection, StoreError> {
    connect_options(url)?.connect().await.map_err(|error| unreachable(DURING, &error))
}

/// What a server counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counters {
    /// Bytes of write-ahead log since the cluster was made.
    pub written: u64,
    /// Batches committed by committers.
    pub batches: u64,
}

/// The measure in a database.
#[derive(Debug)]
pub struct Baseline {
    url: String,
    asking: PgConnection,
}

impl Baseline {
    /// Makes the tables of the measure, with so many rows to change.
    ///
    /// # Errors
    /// `Unavailable` when the server does not answer.
    pub async fn open(url: &str, rows: u32) -> Result<Self, StoreError> {
        let mut asking = connected(url).await?;
        asking
            .execute(
                "CREATE SCHEMA IF NOT EXISTS baseline;
                 CREATE TABLE IF NOT EXISTS baseline.item (
                     id BIGINT PRIMARY KEY, state TEXT NOT NULL, version BIGINT NOT NULL, head BYTEA NOT NULL
                 ) WITH (fillfactor = 75);
                 CREATE TABLE IF NOT EXISTS baseline.entry (
                     id BIGINT NOT NULL, seq BIGINT NOT NULL, body TEXT NOT NULL, prev BYTEA NOT NULL,
                     hash BYTEA NOT NULL, PRIMARY KEY (id, seq)
                 )",
            )
            .await
            .map_err(failed)?;
        sqlx::query(
            "INSERT INTO baseline.item (id, state, version, head)
             SELECT id, 'begun', 0, decode(repeat('00', 32), 'hex') FROM generate_series(0, $1::bigint - 1) AS id
             ON CONFLICT DO NOTHING",
        )
        .bind(i64::from(rows))
        .execute(&mut asking)
        .await
        .map_err(failed)?;
        Ok(Self { url: url.to_owned(), asking })
    }

    /// A connection that changes rows one after the other; every lane has rows of its own.
    ///
    /// # Errors
    /// `Unavailable` when the server does not answer.
    pub async fn lane(&self, first: u32, rows: u32) -> Result<Lane, StoreError> {
        let mut db = connected(&self.url).await?;
        let mut items = Vec::new();
        for id in first..first.saturating_add(rows) {
            let row = sqlx::query("SELECT version, head FROM baseline.item WHERE id = $1")
                .bind(i64::from(id))
                .fetch_one(&mut db)
                .await
                .map_err(failed)?;
            items.push((i64::from(id), row.try_get(0).map_err(failed)?, row.try_get(1).map_err(failed)?));
        }
        Ok(Lane { db, items: items.into() })
    }

    /// What the server and our tables have counted so far.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn counters(&mut self) -> Result<Counters, StoreError> {
        let row = sqlx::query(
            "SELECT (pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint, (SELECT count(*) FROM public.batch)",
        )
        .fetch_one(&mut self.asking)
        .await
        .map_err(failed)?;
        let (written, batches): (i64, i64) =
            (row.try_get(0).map_err(failed)?, row.try_get(1).map_err(failed)?);
        Ok(Counters {
            written: u64::try_from(written).unwrap_or(0),
            batches: u64::try_from(batches).unwrap_or(0),
        })
    }

    /// A connection that asks by hand.
    ///
    /// # Errors
    /// `Unavailable` when the server does not answer.
    pub async fn reader(&self) -> Result<Reader, StoreError> {
        Ok(Reader { db: connected(&self.url).await? })
    }

    async fn counted(&mut self, question: &'static str) -> Result<u64, StoreError> {
        let row = sqlx::query(question).fetch_one(&mut self.asking).await.map_err(failed)?;
        let count: i64 = row.try_get(0).map_err(failed)?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// Clocks and jobs that a worker holds.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn leases(&mut self) -> Result<u64, StoreError> {
        let held = "SELECT (SELECT count(*) FROM public.deadline WHERE owner IS NOT NULL)
                         + (SELECT count(*) FROM public.job WHERE owner IS NOT NULL)";
        self.counted(held).await
    }

    /// Bytes that the database takes on the disk, without the write-ahead log.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn size(&mut self) -> Result<u64, StoreError> {
        self.counted("SELECT pg_database_size(current_database())").await
    }

    /// The process of the server that serves this connection, where it runs on this machine.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn process(&mut self) -> Result<u32, StoreError> {
        let row = sqlx::query("SELECT pg_backend_pid()").fetch_one(&mut self.asking).await.map_err(failed)?;
        let process: i32 = row.try_get(0).map_err(failed)?;
        Ok(u32::try_from(process).unwrap_or(0))
    }

    /// What the run depends on: version and settings of the server.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn about(&mut self) -> Result<String, StoreError> {
        let row = sqlx::query(
            "SELECT 'PostgreSQL ' || current_setting('server_version') || ', fsync ' || current_setting('fsync')
                 || ', synchronous_commit ' || current_setting('synchronous_commit')
                 || ', full_page_writes ' || current_setting('full_page_writes')
                 || ', shared_buffers ' || current_setting('shared_buffers')
                 || ', max_wal_size ' || current_setting('max_wal_size')",
        )
        .fetch_one(&mut self.asking)
        .await
        .map_err(failed)?;
        row.try_get(0).map_err(failed)
    }
}

/// One connection that asks what the engine answers, as a program would by hand: of the same tables, with no right
/// asked for and no record of the access.
#[derive(Debug)]
pub struct Reader {
    db: PgConnection,
}

impl Reader {
    /// The stage of a case. Returns how many rows came.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn stage(&mut self, reference: &str) -> Result<usize, StoreError> {
        let rows = sqlx::query("SELECT stage, stage_since FROM court_case WHERE reference = $1")
            .bind(reference)
            .fetch_all(&mut self.db)
            .await;
        Ok(rows.map_err(failed)?.len())
    }

    /// A page of the cases of a stage that have not ended, in order of id. Returns how many rows came.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn page(
        &mut self,
        workflow: &str,
        stage: &str,
        after: Uuid,
        limit: u32,
    ) -> Result<usize, StoreError> {
        let rows = sqlx::query(
            "SELECT id, reference, alias, main, stage, stage_since, office, held, authority_until, next_date, irregular
             FROM court_case WHERE id > $1 AND workflow = $2 AND stage = $3 AND outcome IS NULL ORDER BY id LIMIT $4",
        )
        .bind(after)
        .bind(workflow)
        .bind(stage)
        .bind(i64::from(limit))
        .fetch_all(&mut self.db)
        .await;
        Ok(rows.map_err(failed)?.len())
    }

    /// The counts by stage. Returns how many rows came.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn counts(&mut self) -> Result<usize, StoreError> {
        let rows = sqlx::query("SELECT workflow, stage, office, cases FROM stage_count")
            .fetch_all(&mut self.db)
            .await;
        Ok(rows.map_err(failed)?.len())
    }
}

/// One connection at work.
#[derive(Debug)]
pub struct Lane {
    db: PgConnection,
    /// Id, version and head of each row.
    items: std::collections::VecDeque<(i64, i64, Vec<u8>)>,
}

impl Lane {
    /// One transition of the next row: durable when it returns.
    ///
    /// # Errors
    /// When the server fails, or the row is not at the version it was left at.
    pub async fn step(&mut self, body: &str) -> Result<(), StoreError> {
        let Some((id, version, head)) = self.items.pop_front() else { return Ok(()) };
        let next = version.saturating_add(1);
        let hash = Hash::of(&[head.as_slice(), body.as_bytes()].concat()).as_bytes().to_vec();
        let mut transaction = self.db.begin().await.map_err(failed)?;
        let changed = sqlx::query(
            "UPDATE baseline.item SET state = $1, version = $2, head = $3 WHERE id = $4 AND version = $5",
        )
        .bind("changed")
        .bind(next)
        .bind(&hash)
        .bind(id)
        .bind(version)
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
        if changed.rows_affected() != 1 {
            return Err(StoreError::Other {
                during: DURING,
                detail: "a row was at another version".to_owned(),
            });
        }
        sqlx::query("INSERT INTO baseline.entry (id, seq, body, prev, hash) VALUES ($1, $2, $3, $4, $5)")
            .bind(id)
            .bind(next)
            .bind(body)
            .bind(&head)
            .bind(&hash)
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        self.items.push_back((id, next, hash));
        Ok(())
    }
}
