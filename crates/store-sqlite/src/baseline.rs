//! The raw measure beside which `qadiya bench` puts the engine: what a program would write by hand with the same driver,
//! BEGIN, one UPDATE with a version check, one INSERT, COMMIT.
//!
//! It has a file of its own, set as the store sets its file. The tables of cases it only reads: to count, and to ask by
//! hand what the engine answers.
#![expect(
    clippy::disallowed_methods,
    reason = "the measure stands beside the schema, not in it: no migration knows its tables"
)]

use std::path::Path;

use qadiya_ledger::Hash;
use qadiya_store::StoreError;
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, Row as _, SqliteConnection};
use uuid::Uuid;

use crate::errors::meaning;
use crate::open::{Options, connect_options};
use crate::rows::blob;

const DURING: &str = "measuring";

#[expect(clippy::needless_pass_by_value, reason = "the form that `map_err` takes")]
fn failed(error: sqlx::Error) -> StoreError {
    meaning(DURING, &error)
}

/// What a store has counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counters {
    /// Batches committed by the committer.
    pub batches: u64,
}

/// The measure beside a store.
#[derive(Debug)]
pub struct Baseline {
    store: Options,
    beside: Options,
    asking: SqliteConnection,
}

impl Baseline {
    /// Makes the file of the measure at `beside`, with so many rows to change. `store` is only read.
    ///
    /// # Errors
    /// `Unavailable` when a file cannot be opened.
    pub async fn open(store: &Path, beside: &Path, rows: u32) -> Result<Self, StoreError> {
        let beside = Options::new(beside);
        let mut db = connect_options(&beside).create_if_missing(true).connect().await.map_err(failed)?;
        db.execute(
            "CREATE TABLE IF NOT EXISTS baseline_item (
                 id INTEGER PRIMARY KEY, state TEXT NOT NULL, version INTEGER NOT NULL, head BLOB NOT NULL
             );
             CREATE TABLE IF NOT EXISTS baseline_entry (
                 id INTEGER NOT NULL, seq INTEGER NOT NULL, body TEXT NOT NULL, prev BLOB NOT NULL,
                 hash BLOB NOT NULL, PRIMARY KEY (id, seq)
             )",
        )
        .await
        .map_err(failed)?;
        sqlx::query(
            "WITH RECURSIVE ids(id) AS (SELECT 0 UNION ALL SELECT id + 1 FROM ids WHERE id + 1 < $1)
             INSERT INTO baseline_item (id, state, version, head)
             SELECT id, 'begun', 0, zeroblob(32) FROM ids WHERE true ON CONFLICT DO NOTHING",
        )
        .bind(i64::from(rows))
        .execute(&mut db)
        .await
        .map_err(failed)?;
        db.close().await.map_err(failed)?;
        let store = Options::new(store);
        let asking = connect_options(&store).read_only(true).connect().await.map_err(failed)?;
        Ok(Self { store, beside, asking })
    }

    /// A connection that changes rows one after the other; every lane has rows of its own.
    ///
    /// # Errors
    /// `Unavailable` when the file cannot be opened.
    pub async fn lane(&self, first: u32, rows: u32) -> Result<Lane, StoreError> {
        let mut db = connect_options(&self.beside).connect().await.map_err(failed)?;
        let mut items = Vec::new();
        for id in first..first.saturating_add(rows) {
            let row = sqlx::query("SELECT version, head FROM baseline_item WHERE id = $1")
                .bind(i64::from(id))
                .fetch_one(&mut db)
                .await
                .map_err(failed)?;
            items.push((i64::from(id), row.try_get(0).map_err(failed)?, row.try_get(1).map_err(failed)?));
        }
        Ok(Lane { db, items: items.into() })
    }

    /// What the store has counted so far.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn counters(&mut self) -> Result<Counters, StoreError> {
        Ok(Counters { batches: self.counted("SELECT count(*) FROM batch").await? })
    }

    /// A connection that asks by hand.
    ///
    /// # Errors
    /// `Unavailable` when the file cannot be opened.
    pub async fn reader(&self) -> Result<Reader, StoreError> {
        let db = connect_options(&self.store).read_only(true).connect().await.map_err(failed)?;
        Ok(Reader { db })
    }

    async fn counted(&mut self, question: &'static str) -> Result<u64, StoreError> {
        let row = sqlx::query(question).fetch_one(&mut self.asking).await.map_err(failed)?;
        let count: i64 = row.try_get(0).map_err(failed)?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// Clocks and jobs that a worker holds.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn leases(&mut self) -> Result<u64, StoreError> {
        let held = "SELECT (SELECT count(*) FROM deadline WHERE owner IS NOT NULL)
                         + (SELECT count(*) FROM job WHERE owner IS NOT NULL)";
        self.counted(held).await
    }

    /// Bytes that the file takes, without its write-ahead log.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn size(&mut self) -> Result<u64, StoreError> {
        self.counted("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()").await
    }

    /// What the run depends on: version and settings of the library.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn about(&mut self) -> Result<String, StoreError> {
        let row = self
            .asking
            .fetch_one("SELECT 'SQLite ' || sqlite_version() || ', journal_mode WAL, synchronous FULL'")
            .await
            .map_err(failed)?;
        row.try_get(0).map_err(failed)
    }
}

/// One connection that asks what the engine answers, as a program would by hand: of the same tables, with no right
/// asked for and no record of the access.
#[derive(Debug)]
pub struct Reader {
    db: SqliteConnection,
}

impl Reader {
    /// The stage of a case. Returns how many rows came.
    ///
    /// # Errors
    /// When the file cannot be read.
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
    /// When the file cannot be read.
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
        .bind(blob(after))
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
    /// When the file cannot be read.
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
    db: SqliteConnection,
    /// Id, version and head of each row.
    items: std::collections::VecDeque<(i64, i64, Vec<u8>)>,
}

impl Lane {
    /// One transition of the next row: durable when it returns.
    ///
    /// # Errors
    /// When the file cannot be written, or the row is not at the version it was left at.
    pub async fn step(&mut self, body: &str) -> Result<(), StoreError> {
        let Some((id, version, head)) = self.items.pop_front() else { return Ok(()) };
        let next = version.saturating_add(1);
        let hash = Hash::of(&[head.as_slice(), body.as_bytes()].concat()).as_bytes().to_vec();
        let mut transaction = self.db.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
        let changed = sqlx::query(
            "UPDATE baseline_item SET state = $1, version = $2, head = $3 WHERE id = $4 AND version = $5",
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
        sqlx::query("INSERT INTO baseline_entry (id, seq, body, prev, hash) VALUES ($1, $2, $3, $4, $5)")
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
