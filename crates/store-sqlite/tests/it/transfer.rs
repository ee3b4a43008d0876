//! Moving whole stores: the list of tables is the schema, and values of every kind come back.

use std::collections::BTreeSet;

use qadiya_store::conformance::transfer::{
    a_value_of_another_kind_is_refused, every_table_gives_back_what_it_took,
};
use qadiya_store::transfer::{Cell, Kind, TABLES, Transfer as _};
use sqlx::{QueryBuilder, Sqlite};

use crate::place::{beside, fresh, opened, run};

/// Of a column: table, name, type, whether it must have a value, position in the primary key from 1.
type Column = (String, String, String, bool, i64);

async fn schema() -> Vec<Column> {
    let (_folder, options) = fresh().await;
    let mut connection = beside(&options.path).await;
    QueryBuilder::<Sqlite>::new(
        "SELECT t.name, c.name, c.type, c.\"notnull\", c.pk FROM sqlite_schema t, pragma_table_info(t.name) c
         WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%' AND t.name <> '_sqlx_migrations'
         ORDER BY t.name, c.cid",
    )
    .build_query_as()
    .fetch_all(&mut connection)
    .await
    .unwrap()
}

fn stored(kind: Kind) -> &'static str {
    match kind {
        Kind::Number | Kind::Small | Kind::Flag | Kind::HeldUntil => "INTEGER",
        Kind::Text => "TEXT",
        Kind::Bytes | Kind::Id | Kind::Holder => "BLOB",
    }
}

#[tokio::test]
async fn the_list_of_moved_tables_is_the_schema() {
    let schema = schema().await;
    let tables: BTreeSet<&str> = schema.iter().map(|column| column.0.as_str()).collect();
    let listed: BTreeSet<&str> = TABLES.iter().map(|table| table.name).collect();
    assert_eq!(listed.len(), TABLES.len());
    assert_eq!(tables.difference(&listed).copied().collect::<Vec<_>>(), ["fence", "worker"]);
    for table in TABLES {
        let columns: Vec<&Column> = schema.iter().filter(|column| column.0 == table.name).collect();
        let found: Vec<(&str, &str)> =
            columns.iter().map(|column| (column.1.as_str(), column.2.as_str())).collect();
        let expected: Vec<(&str, &str)> =
            table.columns.iter().map(|(name, kind)| (*name, stored(*kind))).collect();
        assert_eq!(found, expected, "{}", table.name);
        let mut key: Vec<(i64, &str)> = columns
            .iter()
            .filter(|column| column.4 > 0)
            .map(|column| (column.4, column.1.as_str()))
            .collect();
        key.sort_unstable();
        assert_eq!(key.iter().map(|(_, name)| *name).collect::<Vec<_>>(), table.key, "{}", table.name);
    }
}

#[tokio::test]
async fn every_table_comes_back_with_its_values() {
    let schema = schema().await;
    let nullable = |table: &str, name: &str| {
        schema.iter().any(|column| column.0 == table && column.1 == name && !column.3)
    };
    let (_folder, store) = opened().await;
    every_table_gives_back_what_it_took(&store, &nullable).await;
    store.close().await;
}

#[tokio::test]
async fn a_column_takes_no_value_of_another_kind() {
    let (_folder, store) = opened().await;
    a_value_of_another_kind_is_refused(&store).await;
    store.close().await;
}

#[tokio::test]
async fn numbering_goes_on_after_the_rows_that_were_moved() {
    let (folder, store) = opened().await;
    let pending = TABLES.iter().find(|table| table.name == "log_pending").unwrap();
    assert_eq!(pending.numbered, Some("ord"));
    let row = |ord| vec![Cell::Int(ord), Cell::Bytes(vec![7; 16]), Cell::Int(1), Cell::Bytes(vec![9; 32])];
    store.restore(pending, vec![row(3), row(41)]).await.unwrap();
    store.close().await;
    drop(store);
    let mut connection = beside(&folder.path().join("court.db")).await;
    run(&mut connection, "INSERT INTO log_pending (stream, seq, hash) VALUES (x'00', 2, x'00')")
        .await
        .unwrap();
    let last: i64 = QueryBuilder::<Sqlite>::new("SELECT max(ord) FROM log_pending")
        .build_query_scalar()
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(last, 42);
}
