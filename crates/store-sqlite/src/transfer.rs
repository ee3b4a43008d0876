//! Reading out and filling whole tables. The statements are composed of the names in `qadiya_store::transfer::TABLES` alone; values are bound.
//!
//! A numbered column (`AUTOINCREMENT`) keeps the numbers it is given, and SQLite goes on after the largest by itself.

use async_trait::async_trait;
use qadiya_store::StoreError;
use qadiya_store::transfer::{Cell, Kind, Row, Table, Transfer};
use sqlx::query_builder::Separated;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row as _, Sqlite};

use crate::errors::Fault;
use crate::open::{Done, SqliteStore};

/// The column names of a table, as in a statement.
fn names(table: &Table) -> String {
    table.columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

fn misfit(table: &Table, column: &'static str) -> StoreError {
    StoreError::Corrupt {
        table: table.name,
        column,
        row: "being moved".to_owned(),
        detail: "the value is of another kind than the column".to_owned(),
    }
}

fn cell(row: &SqliteRow, at: usize, kind: Kind) -> Result<Cell, sqlx::Error> {
    Ok(match kind {
        Kind::Number | Kind::Small | Kind::Flag => {
            row.try_get::<Option<i64>, _>(at)?.map_or(Cell::Null, Cell::Int)
        }
        Kind::Text => row.try_get::<Option<String>, _>(at)?.map_or(Cell::Null, Cell::Text),
        Kind::Bytes | Kind::Id => row.try_get::<Option<Vec<u8>>, _>(at)?.map_or(Cell::Null, Cell::Bytes),
        Kind::Holder => Cell::Null,
        Kind::HeldUntil => Cell::Int(0),
    })
}

/// Binds a value. The kinds of cell and column were compared before.
fn bind(to: &mut Separated<'_, Sqlite, &'static str>, cell: Cell) {
    match cell {
        Cell::Null => to.push("NULL"),
        Cell::Int(number) => to.push_bind(number),
        Cell::Text(text) => to.push_bind(text),
        Cell::Bytes(bytes) => to.push_bind(bytes),
    };
}

/// Whether a cell is of the kind of its column.
fn fits(cell: &Cell, kind: Kind) -> bool {
    match cell {
        Cell::Null => true,
        Cell::Int(_) => matches!(kind, Kind::Number | Kind::Small | Kind::Flag | Kind::HeldUntil),
        Cell::Text(_) => kind == Kind::Text,
        Cell::Bytes(_) => matches!(kind, Kind::Bytes | Kind::Id | Kind::Holder),
    }
}

fn select(table: &'static Table, after: Option<&[Cell]>, limit: u32) -> QueryBuilder<Sqlite> {
    let key = table.key.join(", ");
    let mut query = QueryBuilder::new(format!("SELECT {} FROM {}", names(table), table.name));
    if let Some(after) = after {
        query.push(format!(" WHERE ({key}) > ("));
        let mut values = query.separated(", ");
        for value in after {
            bind(&mut values, value.clone());
        }
        query.push(")");
    }
    query.push(format!(" ORDER BY {key} LIMIT ")).push_bind(i64::from(limit));
    query
}

fn insert(table: &'static Table, rows: Vec<Row>) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::new(format!("INSERT INTO {} ({}) ", table.name, names(table)));
    query.push_values(rows, |mut values, row| {
        for value in row {
            bind(&mut values, value);
        }
    });
    query
}

#[async_trait]
impl Transfer for SqliteStore {
    fn product(&self) -> &'static str {
        "SQLite"
    }

    async fn rows(&self, table: &'static Table) -> Result<u64, StoreError> {
        self.read("counting rows to move", move |connection| {
            Box::pin(async move {
                let mut query = QueryBuilder::<Sqlite>::new(format!("SELECT count(*) FROM {}", table.name));
                let count: i64 = query.build_query_scalar().fetch_one(connection).await?;
                Ok(u64::try_from(count).unwrap_or(0))
            })
        })
        .await
    }

    async fn dump(
        &self,
        table: &'static Table,
        after: Option<&[Cell]>,
        limit: u32,
    ) -> Result<Vec<Row>, StoreError> {
        let mut query = select(table, after, limit);
        self.read("reading rows to move", move |connection| {
            Box::pin(async move {
                let found = query.build().fetch_all(connection).await?;
                let mut rows = Vec::with_capacity(found.len());
                for row in &found {
                    let mut cells = Vec::with_capacity(table.columns.len());
                    for (at, (name, kind)) in table.columns.iter().enumerate() {
                        cells.push(cell(row, at, *kind).map_err(|_| Fault::Store(misfit(table, name)))?);
                    }
                    rows.push(cells);
                }
                Ok(rows)
            })
        })
        .await
    }

    async fn restore(&self, table: &'static Table, rows: Vec<Row>) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        for row in &rows {
            for ((name, kind), value) in table.columns.iter().zip(row) {
                if !fits(value, *kind) {
                    return Err(misfit(table, name));
                }
            }
        }
        let mut query = insert(table, rows);
        self.transaction("writing rows that were moved", move |connection| {
            Box::pin(async move {
                query.build().persistent(false).execute(connection).await?;
                Ok(Done::Keep(()))
            })
        })
        .await
    }
}
