//! `move` and `export`, on a store in which synthetic officials have worked.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use qadiya_devkit::postgres::{Programs, test_url};
use qadiya_store::transfer::{Row, TABLES, Transfer};
use qadiya_store_postgres::PostgresStore;
use qadiya_store_sqlite::{Options, SqliteStore};
use serde_json::Value;

/// How many synthetic people the store has.
const PEOPLE: &str = "40";

fn program(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_qadiya"));
    command.env_remove("QADIYA_STORE").env_remove("QADIYA_KEY_FILE").stdin(Stdio::null());
    command.args(arguments).output().unwrap()
}

/// What the program printed as JSON, after it came to its end.
fn done(arguments: &[&str]) -> Value {
    let ran = program(&[arguments, &["--json"]].concat());
    assert!(ran.status.success(), "{arguments:?}: {ran:?}");
    serde_json::from_slice(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
}

/// What the program said when it could not do it.
fn failed(arguments: &[&str]) -> String {
    let ran = program(arguments);
    assert_eq!(ran.status.code(), Some(1), "{arguments:?}: {ran:?}");
    String::from_utf8(ran.stderr).unwrap()
}

fn psql(url: &str, sql: &str) {
    let mut command = Programs::find().unwrap().command("psql", Path::new("/"));
    command.args(["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--dbname", url, "--command", sql]);
    let ran = command.stdin(Stdio::null()).output().unwrap();
    assert!(ran.status.success(), "{ran:?}");
}

/// Every row of every table that is moved.
async fn everything(store: &dyn Transfer) -> Vec<(&'static str, Vec<Row>)> {
    let mut all = Vec::new();
    for table in TABLES {
        let mut rows: Vec<Row> = Vec::new();
        loop {
            let after = rows.last().map(|row| table.key_of(row));
            let page = store.dump(table, after.as_deref(), 1_000).await.unwrap();
            if page.is_empty() {
                break;
            }
            rows.extend(page);
        }
        all.push((table.name, rows));
    }
    all
}

pub(crate) async fn in_sqlite(path: &str) -> Vec<(&'static str, Vec<Row>)> {
    let store = SqliteStore::open(&Options::new(path)).await.unwrap();
    let all = everything(&store).await;
    store.close().await;
    all
}

async fn in_postgres(url: &str) -> Vec<(&'static str, Vec<Row>)> {
    let store = PostgresStore::connect(url).await.unwrap();
    let all = everything(&store).await;
    store.close().await;
    all
}

/// The rows of the tables that a move and what follows on it (one event about the move, its place in the log, the
/// access that verification does not record) never change.
fn kept(before: &[(&'static str, Vec<Row>)], after: &[(&'static str, Vec<Row>)]) {
    for ((name, before), (_, after)) in before.iter().zip(after) {
        match *name {
            // The log goes on: what was there is there, and more may be.
            "event" | "secret" | "log_entry" | "tree_node" | "checkpoint" | "batch" => {
                let lost = before.iter().filter(|row| !after.contains(row)).count();
                assert_eq!(lost, 0, "{name}");
            }
            // The state of the installation's own stream, and what waits for its place in the log.
            "entity" => {
                let changed = before.iter().filter(|row| !after.contains(row)).count();
                assert_eq!((changed, before.len()), (1, after.len()), "{name}");
            }
            "log_pending" => {}
            _ => assert_eq!(before, after, "{name}"),
        }
    }
}

fn rows(all: &[(&'static str, Vec<Row>)], table: &str) -> usize {
    all.iter().find(|(name, _)| *name == table).map_or(0, |(_, rows)| rows.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_moves_to_a_server_and_back_with_its_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (demo, first, back, key) = (at("demo"), at("demo/qadiya.db"), at("back.db"), at("server.key"));
    let name = format!("qadiya_move_{}", std::process::id());
    let server = test_url().unwrap();
    psql(&server, &format!("CREATE DATABASE {name}"));
    let url = format!("{}/{name}", server.rsplit_once('/').unwrap().0);

    done(&["demo", "--folder", &demo, "--people", PEOPLE, "--no-serve"]);
    let old = in_sqlite(&first).await;
    assert!(rows(&old, "court_case") >= 40 && rows(&old, "event") > rows(&old, "court_case"));
    for table in ["secret", "log_entry", "deadline", "request", "batch", "access", "definition", "calendar"] {
        assert!(rows(&old, table) > 0, "the store has no {table} to move");
    }

    let moved = done(&["move", "--store", &first, "--to", &url, "--key-file", &key]);
    assert_eq!(moved["verify"]["faults"], serde_json::json!([]), "{moved}");
    assert_eq!(moved["tables"]["event"], rows(&old, "event"));
    assert_eq!(in_sqlite(&first).await, old, "the old store is only read");
    let there = in_postgres(&url).await;
    kept(&old, &there);
    assert_eq!(rows(&there, "event"), rows(&old, "event") + 1, "the log says that it was moved");
    assert_eq!(std::fs::read(&key).unwrap(), std::fs::read(format!("{first}.key")).unwrap());
    done(&["verify", "--store", &url, "--key-file", &key]);

    let refused = failed(&["move", "--store", &first, "--to", &url, "--key-file", &key]);
    assert!(refused.contains("not empty") && refused.contains("nothing was written"), "{refused}");
    let same = failed(&["move", "--store", &first, "--to", &first]);
    assert!(same.contains("is the old one"), "{same}");

    done(&["move", "--store", &url, "--to", &back, "--key-file", &key]);
    kept(&in_postgres(&url).await, &in_sqlite(&back).await);
    done(&["verify", "--store", &back]);
    psql(&server, &format!("DROP DATABASE {name} WITH (FORCE)"));

    exported(&back, &at("log.xes"), &at("log.json"));
}

/// What an export leaves, and that nothing is overwritten.
fn exported(store: &str, xes: &str, ocel: &str) {
    let told = done(&["export", "xes", "--output", xes, "--workflow", "detainee-case", "--store", store]);
    let text = std::fs::read_to_string(xes).unwrap();
    assert_eq!(told["cases"], text.matches("<trace>").count(), "{told}");
    assert_eq!(told["bytes"], text.len());
    assert!(told["cases"].as_u64().unwrap() > 0 && text.trim_end().ends_with("</log>"), "{told}");
    let told = done(&["export", "ocel", "-o", ocel, "--store", store]);
    let log: Value = serde_json::from_slice(&std::fs::read(ocel).unwrap()).unwrap();
    assert!(!log["events"].as_array().unwrap().is_empty(), "{told}");
    let again = failed(&["export", "ocel", "-o", ocel, "--store", store]);
    assert!(again.contains("cannot be written") && again.contains("does not exist yet"), "{again}");
}
