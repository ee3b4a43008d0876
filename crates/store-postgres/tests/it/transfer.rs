//! Moving whole stores: the list of tables is the schema, and values of every kind come back.

use std::collections::BTreeSet;

use qadiya_store::conformance::transfer::{
    a_value_of_another_kind_is_refused, every_table_gives_back_what_it_took,
};
use qadiya_store::transfer::{Cell, Kind, TABLES, Transfer as _};
use sqlx::{Connection as _, PgConnection, Postgres, QueryBuilder};

use crate::server::{Database, number, run};

/// Of a column: table, name, type, whether it may be without a value, whether the database numbers it, position in the
/// primary key from 1.
type Column = (String, String, String, bool, bool, i32);

async fn schema(database: &Database) -> Vec<Column> {
    let mut connection = PgConnection::connect(&database.url()).await.unwrap();
    QueryBuilder::<Postgres>::new(
        "SELECT c.table_name::text, c.column_name::text, c.data_type::text, c.is_nullable = 'YES', c.is_identity = 'YES',
                coalesce((SELECT k.ordinal_position::int FROM information_schema.key_column_usage k
                          JOIN information_schema.table_constraints t USING (constraint_name, table_name)
                          WHERE t.constraint_type = 'PRIMARY KEY' AND k.table_name = c.table_name
                            AND k.column_name = c.column_name), 0)
         FROM information_schema.columns c
         WHERE c.table_schema = 'public' AND c.table_name <> '_sqlx_migrations'
         ORDER BY c.table_name, c.ordinal_position",
    )
    .build_query_as()
    .fetch_all(&mut connection)
    .await
    .unwrap()
}

fn stored(kind: Kind) -> &'static str {
    match kind {
        Kind::Number | Kind::HeldUntil => "bigint",
        Kind::Small => "smallint",
        Kind::Flag => "boolean",
        Kind::Text => "text",
        Kind::Bytes => "bytea",
        Kind::Id | Kind::Holder => "uuid",
    }
}

#[tokio::test]
async fn the_list_of_moved_tables_is_the_schema() {
    let database = Database::migrated().await;
    let schema = schema(&database).await;
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
        let numbered = columns.iter().find(|column| column.4).map(|column| column.1.as_str());
        assert_eq!(numbered, table.numbered, "{}", table.name);
        let mut key: Vec<(i32, &str)> = columns
            .iter()
            .filter(|column| column.5 > 0)
            .map(|column| (column.5, column.1.as_str()))
            .collect();
        key.sort_unstable();
        assert_eq!(key.iter().map(|(_, name)| *name).collect::<Vec<_>>(), table.key, "{}", table.name);
    }
}

#[tokio::test]
async fn every_table_comes_back_with_its_values() {
    let database = Database::migrated().await;
    let schema = schema(&database).await;
    let nullable = |table: &str, name: &str| {
        schema.iter().any(|column| column.0 == table && column.1 == name && column.3)
    };
    let store = database.open().await;
    every_table_gives_back_what_it_took(&store, &nullable).await;
    store.close().await;
}

#[tokio::test]
async fn a_column_takes_no_value_of_another_kind() {
    let database = Database::migrated().await;
    let store = database.open().await;
    a_value_of_another_kind_is_refused(&store).await;
    store.close().await;
}

#[tokio::test]
async fn numbering_goes_on_after_the_rows_that_were_moved() {
    let database = Database::migrated().await;
    let store = database.open().await;
    let pending = TABLES.iter().find(|table| table.name == "log_pending").unwrap();
    let row = |ord| vec![Cell::Int(ord), Cell::Bytes(vec![7; 16]), Cell::Int(1), Cell::Bytes(vec![9; 32])];
    store.restore(pending, vec![row(3), row(41)]).await.unwrap();
    store.close().await;
    let url = database.url();
    run(&url, "INSERT INTO log_pending (stream, seq, hash) VALUES (gen_random_uuid(), 2, '')").await.unwrap();
    assert_eq!(number(&url, "SELECT max(ord) FROM log_pending").await, 42);
}
