//! Reading out and filling whole tables. The statements are composed of the names in `qadiya_store::transfer::TABLES`
//! alone; values are bound.
//!
//! A numbered column (`GENERATED ALWAYS AS IDENTITY`) is given its numbers and its sequence set after them, so filling a
//! store takes the owner's account, as migrating does.

use async_trait::async_trait;
use qadiya_store::StoreError;
use qadiya_store::transfer::{Cell, Kind, Row, Table, Transfer};
use sqlx::postgres::PgRow;
use sqlx::query_builder::Separated;
use sqlx::{Postgres, QueryBuilder, Row as _};
use uuid::Uuid;

use crate::errors::corrupt;
use crate::open::PostgresStore;

/// The column names of a table, as in a statement.
fn names(table: &Table) -> String {
    table.columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

fn misfit(table: &Table, column: &'static str) -> StoreError {
    corrupt(table.name, column, &"being moved", "the value is of another kind than the column")
}

fn cell(row: &PgRow, at: usize, kind: Kind) -> Result<Cell, sqlx::Error> {
    Ok(match kind {
        Kind::Number => row.try_get::<Option<i64>, _>(at)?.map_or(Cell::Null, Cell::Int),
        Kind::Small => row.try_get::<Option<i16>, _>(at)?.map_or(Cell::Null, |small| Cell::Int(small.into())),
        Kind::Flag => row.try_get::<Option<bool>, _>(at)?.map_or(Cell::Null, |flag| Cell::Int(flag.into())),
        Kind::Text => row.try_get::<Option<String>, _>(at)?.map_or(Cell::Null, Cell::Text),
        Kind::Bytes => row.try_get::<Option<Vec<u8>>, _>(at)?.map_or(Cell::Null, Cell::Bytes),
        Kind::Id => {
            row.try_get::<Option<Uuid>, _>(at)?.map_or(Cell::Null, |id| Cell::Bytes(id.as_bytes().to_vec()))
        }
        Kind::Holder => Cell::Null,
        Kind::HeldUntil => Cell::Int(0),
    })
}

/// A value in the type of its column.
enum Value {
    Null,
    Number(i64),
    Small(i16),
    Flag(bool),
    Text(String),
    Bytes(Vec<u8>),
    Id(Uuid),
}

/// Turns a cell into the type of its column; `None` when it does not fit.
fn value(cell: Cell, kind: Kind) -> Option<Value> {
    Some(match (cell, kind) {
        (Cell::Null, _) => Value::Null,
        (Cell::Int(number), Kind::Number | Kind::HeldUntil) => Value::Number(number),
        (Cell::Int(number), Kind::Small) => Value::Small(i16::try_from(number).ok()?),
        (Cell::Int(number @ (0 | 1)), Kind::Flag) => Value::Flag(number == 1),
        (Cell::Text(text), Kind::Text) => Value::Text(text),
        (Cell::Bytes(bytes), Kind::Bytes) => Value::Bytes(bytes),
        (Cell::Bytes(bytes), Kind::Id | Kind::Holder) => Value::Id(Uuid::from_slice(&bytes).ok()?),
        (Cell::Int(_) | Cell::Text(_) | Cell::Bytes(_), _) => return None,
    })
}

fn bind(to: &mut Separated<'_, Postgres, &'static str>, value: Value) {
    match value {
        Value::Null => to.push("NULL"),
        Value::Number(number) => to.push_bind(number),
        Value::Small(number) => to.push_bind(number),
        Value::Flag(flag) => to.push_bind(flag),
        Value::Text(text) => to.push_bind(text),
        Value::Bytes(bytes) => to.push_bind(bytes),
        Value::Id(id) => to.push_bind(id),
    };
}

fn select(
    table: &'static Table,
    after: Option<&[Cell]>,
    limit: u32,
) -> Result<QueryBuilder<Postgres>, StoreError> {
    let key = table.key.join(", ");
    let mut query = QueryBuilder::new(format!("SELECT {} FROM {}", names(table), table.name));
    if let Some(after) = after {
        query.push(format!(" WHERE ({key}) > ("));
        let mut values = query.separated(", ");
        for ((kind, name), cell) in table.key_kinds().zip(table.key).zip(after) {
            bind(&mut values, value(cell.clone(), kind).ok_or_else(|| misfit(table, name))?);
        }
        query.push(")");
    }
    query.push(format!(" ORDER BY {key} LIMIT ")).push_bind(i64::from(limit));
    Ok(query)
}

/// The statement that writes the rows; of a numbered table it sets the sequence too.
fn insert(table: &'static Table, rows: Vec<Row>) -> Result<QueryBuilder<Postgres>, StoreError> {
    let mut typed = Vec::with_capacity(rows.len());
    for row in rows {
        let mut values = Vec::with_capacity(row.len());
        for ((name, kind), cell) in table.columns.iter().zip(row) {
            values.push(value(cell, *kind).ok_or_else(|| misfit(table, name))?);
        }
        typed.push(values);
    }
    let (name, columns) = (table.name, names(table));
    let mut query = QueryBuilder::new(match table.numbered {
        None => format!("INSERT INTO {name} ({columns}) "),
        Some(_) => format!("WITH moved AS (INSERT INTO {name} ({columns}) OVERRIDING SYSTEM VALUE "),
    });
    query.push_values(typed, |mut row, values| {
        for value in values {
            bind(&mut row, value);
        }
    });
    if let Some(number) = table.numbered {
        query.push(format!(
            " RETURNING {number}) SELECT setval(pg_get_serial_sequence('{name}', '{number}'), max({number})) FROM moved"
        ));
    }
    Ok(query)
}

#[async_trait]
impl Transfer for PostgresStore {
    fn product(&self) -> &'static str {
        "PostgreSQL"
    }

    async fn rows(&self, table: &'static Table) -> Result<u64, StoreError> {
        let count = self
            .read("counting rows to move", move |db| {
                Box::pin(async move {
                    let mut query =
                        QueryBuilder::<Postgres>::new(format!("SELECT count(*) FROM {}", table.name));
                    query.build_query_scalar::<i64>().fetch_one(db).await
                })
            })
            .await?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    async fn dump(
        &self,
        table: &'static Table,
        after: Option<&[Cell]>,
        limit: u32,
    ) -> Result<Vec<Row>, StoreError> {
        let mut query = select(table, after, limit)?;
        let found = self
            .read("reading rows to move", move |db| {
                Box::pin(async move { query.build().fetch_all(db).await })
            })
            .await?;
        let mut rows = Vec::with_capacity(found.len());
        for row in &found {
            let mut cells = Vec::with_capacity(table.columns.len());
            for (at, (name, kind)) in table.columns.iter().enumerate() {
                cells.push(cell(row, at, *kind).map_err(|_| misfit(table, name))?);
            }
            rows.push(cells);
        }
        Ok(rows)
    }

    async fn restore(&self, table: &'static Table, rows: Vec<Row>) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut query = insert(table, rows)?;
        self.write("writing rows that were moved", move |db| {
            Box::pin(async move {
                query.build().persistent(false).execute(db).await?;
                Ok(())
            })
        })
        .await
    }
}
