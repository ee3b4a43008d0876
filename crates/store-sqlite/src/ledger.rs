//! The global log. One writer and one process make the fence plain: it still counts epochs, so that a sequencer whose
//! lease ran out while it slept changes nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use qadiya_domain::ids::{Seq, StreamId};
use qadiya_ledger::Hash;
use qadiya_store::error::StoreError;
use qadiya_store::ledger::{FeedItem, LedgerStore, LogEntry, Pending, Sequenced, StoredCheckpoint};
use uuid::Uuid;

use crate::open::{Done, SqliteStore};
use crate::rows::{Reading, blob, json, length, micros, signed, span};

/// A row of `log_entry`.
struct EntryColumns {
    idx: i64,
    stream: Vec<u8>,
    seq: i64,
    hash: Vec<u8>,
}

impl TryFrom<EntryColumns> for LogEntry {
    type Error = StoreError;

    fn try_from(row: EntryColumns) -> Result<Self, StoreError> {
        let read = Reading { table: "log_entry", row: &row.idx };
        Ok(Self {
            index: read.number("idx", row.idx)?,
            stream: StreamId(read.id("stream", &row.stream)?),
            seq: read.number("seq", row.seq)?,
            hash: read.hash("hash", &row.hash)?,
        })
    }
}

/// A row of `checkpoint`.
struct CheckpointColumns {
    size: i64,
    note: String,
    signed: i64,
}

impl TryFrom<CheckpointColumns> for StoredCheckpoint {
    type Error = StoreError;

    fn try_from(row: CheckpointColumns) -> Result<Self, StoreError> {
        let read = Reading { table: "checkpoint", row: &row.size };
        Ok(Self {
            size: read.number("size", row.size)?,
            text: row.note,
            at: read.instant("signed", row.signed)?,
        })
    }
}

#[async_trait]
impl LedgerStore for SqliteStore {
    async fn take_fence(&self, name: &str, owner: Uuid, lease: Duration) -> Result<Option<u64>, StoreError> {
        let (name, owner, lease) = (name.to_owned(), blob(owner), span(lease));
        self.write("taking a fence", move |connection| {
            Box::pin(async move {
                // Kept while it is the caller's own and not over; taken with a new epoch once it is over.
                let epoch = sqlx::query_scalar!(
                    r#"INSERT INTO fence (name, owner, epoch, until)
                       VALUES ($1, $2, 1, CAST(unixepoch('subsec') * 1000000 AS INTEGER) + $3)
                       ON CONFLICT (name) DO UPDATE SET
                         epoch = epoch + (until <= CAST(unixepoch('subsec') * 1000000 AS INTEGER)),
                         owner = excluded.owner, until = excluded.until
                       WHERE owner = excluded.owner OR until <= CAST(unixepoch('subsec') * 1000000 AS INTEGER)
                       RETURNING epoch AS "epoch!: i64""#,
                    name,
                    owner,
                    lease
                )
                .fetch_all(connection)
                .await?;
                let read = Reading { table: "fence", row: &name };
                Ok(epoch.first().map(|epoch| read.number("epoch", *epoch)).transpose()?)
            })
        })
        .await
    }

    async fn pending(&self, limit: u32) -> Result<Vec<Pending>, StoreError> {
        let limit = i64::from(limit);
        self.read("reading events that wait for a number", move |connection| {
            Box::pin(async move {
                let rows = sqlx::query!(
                    "SELECT ord, stream, seq, hash FROM log_pending ORDER BY ord LIMIT $1",
                    limit
                )
                .fetch_all(connection)
                .await?;
                let mut pending = Vec::new();
                for row in rows {
                    let read = Reading { table: "log_pending", row: &row.ord };
                    pending.push(Pending {
                        stream: StreamId(read.id("stream", &row.stream)?),
                        seq: read.number::<Seq>("seq", row.seq)?,
                        hash: read.hash("hash", &row.hash)?,
                    });
                }
                Ok(pending)
            })
        })
        .await
    }

    async fn sequence(&self, fence: &str, epoch: u64, work: &Sequenced) -> Result<bool, StoreError> {
        let (fence, epoch, from) = (fence.to_owned(), signed(epoch), signed(work.from));
        let entries: Vec<(u64, String, u64, String)> = work
            .entries
            .iter()
            .map(|entry| {
                (entry.index, hex::encode(entry.stream.0.as_bytes()), entry.seq, entry.hash.to_string())
            })
            .collect();
        let nodes: Vec<(u8, u64, String)> =
            work.nodes.iter().map(|node| (node.level, node.index, node.hash.to_string())).collect();
        let (numbered, entries, nodes) = (length(entries.len()), json(&entries)?, json(&nodes)?);
        let checkpoint = work.checkpoint.clone();
        self.transaction("numbering events", move |connection| {
            Box::pin(async move {
                let held = sqlx::query!(
                    r#"SELECT (SELECT epoch FROM fence WHERE name = $1) AS "epoch?: i64",
                              (SELECT coalesce(max(idx) + 1, 0) FROM log_entry) AS "size!: i64""#,
                    fence
                )
                .fetch_one(&mut *connection)
                .await?;
                if held.epoch != Some(epoch) || held.size != from {
                    return Ok(Done::Undo(false));
                }
                // The events at the front of the queue, as a rule; those that wait behind others are looked for in all.
                let taken = sqlx::query!(
                    "DELETE FROM log_pending WHERE ord IN (SELECT ord FROM log_pending ORDER BY ord LIMIT $2)
                     AND (stream, seq) IN (SELECT unhex(value ->> 1), value ->> 2 FROM json_each($1))",
                    entries,
                    numbered
                )
                .execute(&mut *connection)
                .await?;
                if signed(taken.rows_affected()) < numbered {
                    sqlx::query!(
                        "DELETE FROM log_pending
                         WHERE (stream, seq) IN (SELECT unhex(value ->> 1), value ->> 2 FROM json_each($1))",
                        entries
                    )
                    .execute(&mut *connection)
                    .await?;
                }
                sqlx::query!(
                    "INSERT INTO log_entry (idx, stream, seq, hash)
                     SELECT value ->> 0, unhex(value ->> 1), value ->> 2, unhex(value ->> 3) FROM json_each($1)",
                    entries
                )
                .execute(&mut *connection)
                .await?;
                sqlx::query!(
                    "INSERT INTO tree_node (level, idx, hash)
                     SELECT value ->> 0, value ->> 1, unhex(value ->> 2) FROM json_each($1)",
                    nodes
                )
                .execute(&mut *connection)
                .await?;
                let (size, at) = (signed(checkpoint.size), micros(checkpoint.at));
                sqlx::query!(
                    "INSERT INTO checkpoint (size, note, signed) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                    size,
                    checkpoint.text,
                    at
                )
                .execute(&mut *connection)
                .await?;
                Ok(Done::Keep(true))
            })
        })
        .await
    }

    async fn log_size(&self) -> Result<u64, StoreError> {
        self.read("reading the size of the log", move |connection| {
            Box::pin(async move {
                let size =
                    sqlx::query_scalar!(r#"SELECT coalesce(max(idx) + 1, 0) AS "size!: i64" FROM log_entry"#)
                        .fetch_one(connection)
                        .await?;
                let read = Reading { table: "log_entry", row: &"the last" };
                Ok(read.number("idx", size)?)
            })
        })
        .await
    }

    async fn nodes(&self, places: &[(u8, u64)]) -> Result<Vec<Option<Hash>>, StoreError> {
        let places = places.to_vec();
        let asked = json(&places)?;
        self.read("reading the tree", move |connection| {
            Box::pin(async move {
                let rows = sqlx::query!(
                    r#"SELECT n.level AS "level!", n.idx AS "idx!", n.hash AS "hash!"
                       FROM json_each($1) j CROSS JOIN tree_node n ON n.level = j.value ->> 0 AND n.idx = j.value ->> 1"#,
                    asked
                )
                .fetch_all(connection)
                .await?;
                let mut found = BTreeMap::new();
                for row in rows {
                    let key = format!("{}/{}", row.level, row.idx);
                    let read = Reading { table: "tree_node", row: &key };
                    let place: (u8, u64) = (read.number("level", row.level)?, read.number("idx", row.idx)?);
                    found.insert(place, read.hash("hash", &row.hash)?);
                }
                Ok(places.iter().map(|place| found.get(place).copied()).collect())
            })
        })
        .await
    }

    async fn entries(&self, from: u64, limit: u32) -> Result<Vec<LogEntry>, StoreError> {
        let (from, limit) = (signed(from), i64::from(limit));
        self.read("reading the log", move |connection| {
            Box::pin(async move {
                let rows = sqlx::query_as!(
                    EntryColumns,
                    "SELECT idx, stream, seq, hash FROM log_entry WHERE idx >= $1 ORDER BY idx LIMIT $2",
                    from,
                    limit
                )
                .fetch_all(connection)
                .await?;
                Ok(rows.into_iter().map(LogEntry::try_from).collect::<Result<_, _>>()?)
            })
        })
        .await
    }

    async fn entries_of(&self, stream: StreamId) -> Result<Vec<LogEntry>, StoreError> {
        let stream = blob(stream.0);
        self.read("reading the log", move |connection| {
            Box::pin(async move {
                let rows = sqlx::query_as!(
                    EntryColumns,
                    "SELECT idx, stream, seq, hash FROM log_entry WHERE stream = $1 ORDER BY seq",
                    stream
                )
                .fetch_all(connection)
                .await?;
                Ok(rows.into_iter().map(LogEntry::try_from).collect::<Result<_, _>>()?)
            })
        })
        .await
    }

    async fn feed(&self, from: u64, limit: u32) -> Result<Vec<FeedItem>, StoreError> {
        let (from, limit) = (signed(from), i64::from(limit));
        self.read("reading the feed", move |connection| {
            Box::pin(async move {
                let rows = sqlx::query!(
                    r#"SELECT l.idx AS "idx!", l.stream AS "stream!", l.seq AS "seq!", l.hash AS "hash!",
                              e.bytes AS "bytes?"
                       FROM log_entry l LEFT JOIN event e ON e.stream = l.stream AND e.seq = l.seq
                       WHERE l.idx >= $1 ORDER BY l.idx LIMIT $2"#,
                    from,
                    limit
                )
                .fetch_all(connection)
                .await?;
                let mut items = Vec::new();
                for row in rows {
                    let read = Reading { table: "log_entry", row: &row.idx };
                    let index = read.number("idx", row.idx)?;
                    let entry =
                        EntryColumns { idx: row.idx, stream: row.stream, seq: row.seq, hash: row.hash };
                    items.push(FeedItem { index, entry: LogEntry::try_from(entry), bytes: row.bytes });
                }
                Ok(items)
            })
        })
        .await
    }

    async fn checkpoint(&self) -> Result<Option<StoredCheckpoint>, StoreError> {
        self.read("reading checkpoints", move |connection| {
            Box::pin(async move {
                let row = sqlx::query_as!(
                    CheckpointColumns,
                    "SELECT size, note, signed FROM checkpoint ORDER BY size DESC LIMIT 1"
                )
                .fetch_optional(connection)
                .await?;
                Ok(row.map(StoredCheckpoint::try_from).transpose()?)
            })
        })
        .await
    }

    async fn checkpoints(&self, after: u64, limit: u32) -> Result<Vec<StoredCheckpoint>, StoreError> {
        let (after, limit) = (signed(after), i64::from(limit));
        self.read("reading checkpoints", move |connection| {
            Box::pin(async move {
                let rows = sqlx::query_as!(
                    CheckpointColumns,
                    "SELECT size, note, signed FROM checkpoint WHERE size > $1 ORDER BY size LIMIT $2",
                    after,
                    limit
                )
                .fetch_all(connection)
                .await?;
                Ok(rows.into_iter().map(StoredCheckpoint::try_from).collect::<Result<_, _>>()?)
            })
        })
        .await
    }
}
