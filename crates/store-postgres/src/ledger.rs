//! The global log.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use qadiya_domain::ids::{Seq, StreamId};
use qadiya_ledger::Hash;
use qadiya_store::ledger::{FeedItem, LogEntry, Pending, Sequenced, StoredCheckpoint};
use qadiya_store::{LedgerStore, StoreError};
use sqlx::Connection as _;
use uuid::Uuid;

use crate::errors::{Reach, corrupt, fault, taken};
use crate::open::PostgresStore;
use crate::rows::{Reading, length, micros, signed};

struct EntryColumns {
    idx: i64,
    stream: Uuid,
    seq: i64,
    hash: Vec<u8>,
}

impl TryFrom<EntryColumns> for LogEntry {
    type Error = StoreError;

    fn try_from(row: EntryColumns) -> Result<Self, StoreError> {
        let read = Reading { table: "log_entry", row: &row.idx };
        Ok(Self {
            index: read.number("idx", row.idx)?,
            stream: StreamId(row.stream),
            seq: read.number("seq", row.seq)?,
            hash: read.hash("hash", &row.hash)?,
        })
    }
}

fn stored_checkpoint(size: i64, note: String, signed_at: i64) -> Result<StoredCheckpoint, StoreError> {
    let read = Reading { table: "checkpoint", row: &size };
    Ok(StoredCheckpoint {
        size: read.number("size", size)?,
        text: note,
        at: read.instant("signed", signed_at)?,
    })
}

/// What a sequencer writes, as columns.
struct Numbered {
    from: i64,
    indices: Vec<i64>,
    streams: Vec<Uuid>,
    seqs: Vec<i64>,
    hashes: Vec<Vec<u8>>,
    levels: Vec<i16>,
    places: Vec<i64>,
    nodes: Vec<Vec<u8>>,
    size: i64,
    note: String,
    signed: i64,
}

impl From<&Sequenced> for Numbered {
    fn from(work: &Sequenced) -> Self {
        let entries = &work.entries;
        Self {
            from: signed(work.from),
            indices: entries.iter().map(|entry| signed(entry.index)).collect(),
            streams: entries.iter().map(|entry| entry.stream.0).collect(),
            seqs: entries.iter().map(|entry| signed(entry.seq)).collect(),
            hashes: entries.iter().map(|entry| entry.hash.as_bytes().to_vec()).collect(),
            levels: work.nodes.iter().map(|node| i16::from(node.level)).collect(),
            places: work.nodes.iter().map(|node| signed(node.index)).collect(),
            nodes: work.nodes.iter().map(|node| node.hash.as_bytes().to_vec()).collect(),
            size: signed(work.checkpoint.size),
            note: work.checkpoint.text.clone(),
            signed: micros(work.checkpoint.at),
        }
    }
}

/// Numbers events in one transaction; `false` when the office or the size is another's by now.
async fn number(
    db: &mut sqlx::PgConnection,
    fence: &str,
    epoch: i64,
    work: &Numbered,
) -> Result<bool, sqlx::Error> {
    let mut transaction = db.begin().await?;
    // The lock keeps the office until the commit: whoever takes it next waits, and sees what was written here.
    let held = sqlx::query_scalar!(
        "SELECT epoch FROM fence WHERE name = $1 AND epoch = $2 FOR UPDATE",
        fence,
        epoch
    )
    .fetch_optional(&mut *transaction)
    .await?;
    let size = sqlx::query_scalar!(r#"SELECT coalesce(max(idx) + 1, 0) AS "size!" FROM log_entry"#)
        .fetch_one(&mut *transaction)
        .await?;
    if held.is_none() || size != work.from {
        transaction.rollback().await?;
        return Ok(false);
    }
    sqlx::query!(
        "INSERT INTO log_entry (idx, stream, seq, hash)
         SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::bigint[], $4::bytea[])",
        &work.indices,
        &work.streams,
        &work.seqs,
        &work.hashes,
    )
    .execute(&mut *transaction)
    .await?;
    // The entries were the first of the pending rows a moment ago, so the head of the table is where to look.
    let gone = sqlx::query!(
        "DELETE FROM log_pending AS p
         USING (SELECT ord, stream, seq FROM log_pending ORDER BY ord LIMIT $3) AS head,
               unnest($1::uuid[], $2::bigint[]) AS done (stream, seq)
         WHERE p.ord = head.ord AND head.stream = done.stream AND head.seq = done.seq",
        &work.streams,
        &work.seqs,
        length(work.streams.len()).saturating_mul(2).saturating_add(1_000),
    )
    .execute(&mut *transaction)
    .await?;
    if gone.rows_affected() < u64::try_from(work.streams.len()).unwrap_or(u64::MAX) {
        sqlx::query!(
            "DELETE FROM log_pending AS p USING unnest($1::uuid[], $2::bigint[]) AS done (stream, seq)
             WHERE p.stream = done.stream AND p.seq = done.seq",
            &work.streams,
            &work.seqs,
        )
        .execute(&mut *transaction)
        .await?;
    }
    sqlx::query!(
        "INSERT INTO tree_node (level, idx, hash) SELECT * FROM unnest($1::smallint[], $2::bigint[], $3::bytea[])",
        &work.levels,
        &work.places,
        &work.nodes,
    )
    .execute(&mut *transaction)
    .await?;
    sqlx::query!(
        "INSERT INTO checkpoint (size, note, signed) VALUES ($1, $2, $3)",
        work.size,
        work.note,
        work.signed,
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(true)
}

#[async_trait]
impl LedgerStore for PostgresStore {
    async fn take_fence(&self, name: &str, owner: Uuid, lease: Duration) -> Result<Option<u64>, StoreError> {
        let key = name.to_owned();
        let lease = i64::try_from(lease.as_micros()).unwrap_or(i64::MAX / 4);
        let epoch = self
            .write("taking an office", move |db| {
                Box::pin(async move {
                    // EXCLUDED.until - lease is the clock of this very statement.
                    sqlx::query_scalar!(
                        "INSERT INTO fence AS held (name, owner, epoch, until)
                         VALUES ($1, $2, 1, lease_clock() + $3::bigint)
                         ON CONFLICT (name) DO UPDATE SET
                             owner = EXCLUDED.owner,
                             epoch = CASE WHEN held.until > EXCLUDED.until - $3 THEN held.epoch ELSE held.epoch + 1 END,
                             until = EXCLUDED.until
                         WHERE held.owner = EXCLUDED.owner OR held.until <= EXCLUDED.until - $3
                         RETURNING epoch",
                        key,
                        owner,
                        lease,
                    )
                    .fetch_optional(db)
                    .await
                })
            })
            .await?;
        epoch.map(|epoch| Reading { table: "fence", row: &name }.number("epoch", epoch)).transpose()
    }

    async fn pending(&self, limit: u32) -> Result<Vec<Pending>, StoreError> {
        let limit = i64::from(limit);
        let rows = self
            .read("reading events without a number", move |db| {
                Box::pin(async move {
                    sqlx::query!(
                        "SELECT ord, stream, seq, hash FROM log_pending ORDER BY ord LIMIT $1",
                        limit
                    )
                    .fetch_all(db)
                    .await
                })
            })
            .await?;
        rows.into_iter()
            .map(|row| {
                let read = Reading { table: "log_pending", row: &row.ord };
                Ok(Pending {
                    stream: StreamId(row.stream),
                    seq: read.number::<Seq>("seq", row.seq)?,
                    hash: read.hash("hash", &row.hash)?,
                })
            })
            .collect()
    }

    async fn sequence(&self, fence: &str, epoch: u64, work: &Sequenced) -> Result<bool, StoreError> {
        const DURING: &str = "numbering events";
        let (fence, epoch, work) = (fence.to_owned(), signed(epoch), Numbered::from(work));
        self.commit(DURING, move |db| {
            Box::pin(async move {
                match number(db, &fence, epoch, &work).await {
                    Ok(numbered) => Ok(numbered),
                    Err(error) => match taken(&error) {
                        // Another wrote these numbers meanwhile.
                        Some("log_entry_pkey" | "checkpoint_pkey") => Ok(false),
                        Some(_) => {
                            Err(corrupt("log_entry", "seq", &work.from, "an event has a number already"))
                        }
                        None => Err(fault(DURING, Reach::Write, &error)),
                    },
                }
            })
        })
        .await
    }

    async fn log_size(&self) -> Result<u64, StoreError> {
        let size = self
            .read("reading the size of the log", move |db| {
                Box::pin(async move {
                    sqlx::query_scalar!(r#"SELECT coalesce(max(idx) + 1, 0) AS "size!" FROM log_entry"#)
                        .fetch_one(db)
                        .await
                })
            })
            .await?;
        Reading { table: "log_entry", row: &"last" }.number("idx", size)
    }

    async fn nodes(&self, places: &[(u8, u64)]) -> Result<Vec<Option<Hash>>, StoreError> {
        let levels: Vec<i16> = places.iter().map(|(level, _)| i16::from(*level)).collect();
        let indices: Vec<i64> = places.iter().map(|(_, index)| signed(*index)).collect();
        let rows = self
            .read("reading nodes of the tree", move |db| {
                Box::pin(async move {
                    sqlx::query!(
                        r#"SELECT asked.ord AS "ord!", n.hash
                           FROM unnest($1::smallint[], $2::bigint[]) WITH ORDINALITY AS asked (level, idx, ord)
                           JOIN tree_node AS n ON n.level = asked.level AND n.idx = asked.idx"#,
                        &levels,
                        &indices,
                    )
                    .fetch_all(db)
                    .await
                })
            })
            .await?;
        let mut found = BTreeMap::new();
        for row in rows {
            found.insert(row.ord, Reading { table: "tree_node", row: &row.ord }.hash("hash", &row.hash)?);
        }
        Ok((1..).zip(places).map(|(ord, _)| found.get(&ord).copied()).collect())
    }

    async fn entries(&self, from: u64, limit: u32) -> Result<Vec<LogEntry>, StoreError> {
        let (from, limit) = (signed(from), i64::from(limit));
        let rows = self
            .read("reading the log", move |db| {
                Box::pin(async move {
                    sqlx::query_as!(
                        EntryColumns,
                        "SELECT idx, stream, seq, hash FROM log_entry WHERE idx >= $1 ORDER BY idx LIMIT $2",
                        from,
                        limit,
                    )
                    .fetch_all(db)
                    .await
                })
            })
            .await?;
        rows.into_iter().map(LogEntry::try_from).collect()
    }

    async fn entries_of(&self, stream: StreamId) -> Result<Vec<LogEntry>, StoreError> {
        let rows = self
            .read("reading the log of a stream", move |db| {
                Box::pin(async move {
                    sqlx::query_as!(
                        EntryColumns,
                        "SELECT idx, stream, seq, hash FROM log_entry WHERE stream = $1 ORDER BY seq",
                        stream.0,
                    )
                    .fetch_all(db)
                    .await
                })
            })
            .await?;
        rows.into_iter().map(LogEntry::try_from).collect()
    }

    async fn feed(&self, from: u64, limit: u32) -> Result<Vec<FeedItem>, StoreError> {
        let (from, limit) = (signed(from), i64::from(limit));
        let rows = self
            .read("reading the feed", move |db| {
                Box::pin(async move {
                    sqlx::query!(
                        r#"SELECT l.idx, l.stream, l.seq, l.hash,
                                  (SELECT e.bytes FROM event AS e WHERE e.stream = l.stream AND e.seq = l.seq) AS bytes
                           FROM log_entry AS l WHERE l.idx >= $1 ORDER BY l.idx LIMIT $2"#,
                        from,
                        limit,
                    )
                    .fetch_all(db)
                    .await
                })
            })
            .await?;
        rows.into_iter()
            .map(|row| {
                let index = Reading { table: "log_entry", row: &row.idx }.number("idx", row.idx)?;
                let entry = EntryColumns { idx: row.idx, stream: row.stream, seq: row.seq, hash: row.hash };
                Ok(FeedItem { index, entry: entry.try_into(), bytes: row.bytes })
            })
            .collect()
    }

    async fn checkpoint(&self) -> Result<Option<StoredCheckpoint>, StoreError> {
        let row = self
            .read("reading the checkpoint", move |db| {
                Box::pin(async move {
                    sqlx::query!("SELECT size, note, signed FROM checkpoint ORDER BY size DESC LIMIT 1")
                        .fetch_optional(db)
                        .await
                })
            })
            .await?;
        row.map(|row| stored_checkpoint(row.size, row.note, row.signed)).transpose()
    }

    async fn checkpoints(&self, after: u64, limit: u32) -> Result<Vec<StoredCheckpoint>, StoreError> {
        let (after, limit) = (signed(after), i64::from(limit));
        let rows = self
            .read("reading checkpoints", move |db| {
                Box::pin(async move {
                    sqlx::query!(
                        "SELECT size, note, signed FROM checkpoint WHERE size > $1 ORDER BY size LIMIT $2",
                        after,
                        limit,
                    )
                    .fetch_all(db)
                    .await
                })
            })
            .await?;
        rows.into_iter().map(|row| stored_checkpoint(row.size, row.note, row.signed)).collect()
    }
}
