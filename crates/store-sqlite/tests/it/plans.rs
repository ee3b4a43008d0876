//! How SQLite carries out the checked statements: no table that grows with the court is read from end to end.

use std::path::Path;

use serde_json::Value;
use sqlx::{Executor as _, Row as _};

use crate::place::{beside, fresh};

/// Tables that grow with the number of cases.
const GROWING: [&str; 11] = [
    "court_case",
    "entity",
    "lookup",
    "event",
    "secret",
    "log_entry",
    "tree_node",
    "deadline",
    "request",
    "access",
    "access_stream",
];

/// Statements that must look at a whole table, by a piece of their text, each with the reason.
const WHOLE: [(&str, &str); 1] =
    [("AND owner IN (SELECT unhex(value) FROM json_each($1))", "the sweep, on the death of a worker only")];

/// The steps of a statement's plan.
async fn plan(connection: &mut sqlx::SqliteConnection, sql: &str) -> Vec<String> {
    let rows = connection.fetch_all(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"))).await.unwrap();
    rows.iter().map(|row| row.get::<String, _>("detail")).collect()
}

/// Whether a step reads a growing table from end to end.
fn reads_whole(step: &str, sql: &str) -> bool {
    let Some(name) = step.strip_prefix("SCAN ").and_then(|rest| rest.split(' ').next()) else { return false };
    // An index that is walked in order until LIMIT is no full read.
    let walks_index = step.contains("USING") && sql.contains("LIMIT");
    let aliased = GROWING.iter().any(|table| sql.contains(&format!("{table} {name} ")));
    !walks_index && (GROWING.contains(&name) || aliased)
}

#[tokio::test]
async fn no_checked_statement_reads_a_growing_table_whole() {
    let (_folder, options) = fresh().await;
    let mut connection = beside(&options.path).await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(".sqlx");
    let mut looked_at = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let described: Value = serde_json::from_str(&text).unwrap();
        let sql = described["query"].as_str().unwrap();
        if WHOLE.iter().any(|(piece, _)| sql.contains(piece)) {
            continue;
        }
        looked_at += 1;
        let steps = plan(&mut connection, sql).await;
        let whole: Vec<&String> = steps.iter().filter(|step| reads_whole(step, sql)).collect();
        assert!(whole.is_empty(), "{sql}\n{steps:#?}");
    }
    assert!(looked_at > 50, "only {looked_at} statements were looked at");
    // The control: a question without an index is seen.
    let sql = "SELECT id FROM court_case c WHERE c.main = 'x'";
    let steps = plan(&mut connection, sql).await;
    assert!(steps.iter().any(|step| reads_whole(step, sql)), "{steps:?}");
}
