//! Moving a whole store into another one: every row with its bytes, table by table, page by page.
//!
//! This port is not part of [`crate::Store`]: nobody who serves cases needs it. Only the databases have it.
//!
//! * Rows go through [`Cell`]s, so that what one database reads is what the other writes: no value is interpreted.
//! * Left behind is what belongs to running processes: `fence`, `worker`, and who holds a lease until when. The epochs of
//!   leases come along, so a worker of the old store can never finish a piece of work in the new one.
//! * `setting` is written last. It holds the name of the log, without which a store is not opened, so a move that broke
//!   off leaves nothing behind that somebody could take for a store.

mod tables;

use async_trait::async_trait;

use crate::error::StoreError;
pub use tables::TABLES;

/// Rows in one page. A page is one statement, and SQLite takes 32,766 values in one.
pub const PAGE: u32 = 1_000;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A number of 64 bits.
    Number,
    /// A number of 16 bits where the database knows such.
    Small,
    /// Yes or no: 1 or 0.
    Flag,
    /// Text.
    Text,
    /// Bytes.
    Bytes,
    /// An id: 16 bytes.
    Id,
    /// Who holds a lease: nobody after a move.
    Holder,
    /// Until when a lease is held: 0 after a move.
    HeldUntil,
}

/// A table that is moved.
#[derive(Debug)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// Its columns in order, each with what it holds.
    pub columns: &'static [(&'static str, Kind)],
    /// The columns of its primary key; pages are in this order.
    pub key: &'static [&'static str],
    /// The column that the database numbers by itself. The numbers come along, and the database goes on after them.
    pub numbered: Option<&'static str>,
}

impl Table {
    /// The key of a row.
    pub fn key_of(&self, row: &[Cell]) -> Vec<Cell> {
        let at = |name: &str| self.columns.iter().position(|(column, _)| *column == name);
        self.key.iter().filter_map(|name| at(name).and_then(|at| row.get(at)).cloned()).collect()
    }

    /// What the columns of the key hold, in the order of the key.
    pub fn key_kinds(&self) -> impl Iterator<Item = Kind> + '_ {
        self.key
            .iter()
            .filter_map(|name| self.columns.iter().find(|(column, _)| column == name).map(|(_, kind)| *kind))
    }
}

/// One value of a row. Flags are numbers, ids are their 16 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// No value.
    Null,
    /// A number.
    Int(i64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// A row in the order of [`Table::columns`].
pub type Row = Vec<Cell>;

/// A store that can be read out and filled, row by row.
#[async_trait]
pub trait Transfer: std::fmt::Debug + Send + Sync {
    /// What the database is called.
    fn product(&self) -> &'static str;

    /// How many rows a table holds.
    async fn rows(&self, table: &'static Table) -> Result<u64, StoreError>;

    /// The next rows after this key, in order of the key. Fewer than `limit` rows: these were the last.
    async fn dump(
        &self,
        table: &'static Table,
        after: Option<&[Cell]>,
        limit: u32,
    ) -> Result<Vec<Row>, StoreError>;

    /// Writes rows, all or none, in one statement. A key that is there already is a fault.
    async fn restore(&self, table: &'static Table, rows: Vec<Row>) -> Result<(), StoreError>;
}

/// Why a move did not come to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransferError {
    /// Nothing was written.
    #[error("the new store is not empty: its table {table} holds {rows} rows")]
    NotEmpty {
        /// The first table that is not empty.
        table: &'static str,
        /// How many rows it holds.
        rows: u64,
    },
    /// The old store was written to meanwhile, or a row was lost on the way.
    #[error(
        "the table {table} held {found} rows in the end, but {moved} were moved: the old store was in use"
    )]
    Changed {
        /// The table.
        table: &'static str,
        /// Rows that were moved.
        moved: u64,
        /// Rows of the old store in the end.
        found: u64,
    },
    /// The old store could not be read.
    #[error("the table {table} could not be read from the old store")]
    From {
        /// The table.
        table: &'static str,
        /// What it said.
        source: StoreError,
    },
    /// The new store could not be written.
    #[error("the table {table} could not be written to the new store")]
    To {
        /// The table.
        table: &'static str,
        /// What it said.
        source: StoreError,
    },
}

/// Rows that were moved, by table.
pub type Moved = Vec<(&'static str, u64)>;

/// Moves everything into an empty store. Nobody may write to the old one meanwhile. `progress` is told how many rows of
/// how many are done.
///
/// # Errors
/// [`TransferError::NotEmpty`] before anything is written. After any other error the new store is unfinished and must
/// be thrown away; the old one is never changed.
pub async fn move_all(
    from: &dyn Transfer,
    to: &dyn Transfer,
    progress: &(dyn Fn(u64, u64) + Send + Sync),
) -> Result<Moved, TransferError> {
    let mut total = 0_u64;
    for table in TABLES {
        let held = rows_to(to, table).await?;
        if held > 0 {
            return Err(TransferError::NotEmpty { table: table.name, rows: held });
        }
        total = total.saturating_add(rows_from(from, table).await?);
    }
    let mut done = 0_u64;
    progress(done, total);
    let mut moved = Moved::with_capacity(TABLES.len());
    for table in TABLES {
        let before = done;
        let mut after: Option<Vec<Cell>> = None;
        loop {
            let read = from.dump(table, after.as_deref(), PAGE).await;
            let rows = read.map_err(|source| TransferError::From { table: table.name, source })?;
            let Some(last) = rows.last() else { break };
            after = Some(table.key_of(last));
            done = done.saturating_add(u64::try_from(rows.len()).unwrap_or(u64::MAX));
            let written = to.restore(table, rows).await;
            written.map_err(|source| TransferError::To { table: table.name, source })?;
            progress(done, total);
        }
        moved.push((table.name, done.saturating_sub(before)));
    }
    // Whatever came into a table behind our back is found here; what changed within a row, `verify` finds.
    for (table, (name, moved)) in TABLES.iter().zip(&moved) {
        for found in [rows_from(from, table).await?, rows_to(to, table).await?] {
            if found != *moved {
                return Err(TransferError::Changed { table: name, moved: *moved, found });
            }
        }
    }
    Ok(moved)
}

async fn rows_from(from: &dyn Transfer, table: &'static Table) -> Result<u64, TransferError> {
    from.rows(table).await.map_err(|source| TransferError::From { table: table.name, source })
}

async fn rows_to(to: &dyn Transfer, table: &'static Table) -> Result<u64, TransferError> {
    to.rows(table).await.map_err(|source| TransferError::To { table: table.name, source })
}
