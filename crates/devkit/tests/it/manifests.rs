//! Transfer lists, imported by the program: the verdict of the truth file on every record, nothing twice, nothing lost.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::server::{Kind, Ran, Store, data};

const LISTS: [&str; 2] = ["manifest-200", "manifest-2225"];

/// The clerk's store, and the arguments of an import.
fn court(kind: Kind) -> Store {
    let mut store = Store::new(kind);
    store.administrator = store.official("Intake", &["intake-clerk"]);
    store
}

fn words(store: &Store, list: &str) -> Vec<String> {
    let list = data(&format!("manifest/{list}.csv"));
    let verdicts = store.folder().join("verdicts.csv");
    let words = ["--json", "import", list.to_str().unwrap(), "--commit", "--today", "2026-03-01"];
    let more = ["--verdicts", verdicts.to_str().unwrap()];
    words.iter().chain(&more).map(|word| (*word).to_owned()).collect()
}

fn import(store: &Store, list: &str) -> Ran {
    let words = words(store, list);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    store.run(&words)
}

/// A CSV text as its records, by column.
fn table(text: &str) -> Vec<BTreeMap<String, String>> {
    csv::Reader::from_reader(text.as_bytes()).deserialize().map(|row| row.unwrap()).collect()
}

/// Compares the verdicts with the truth file, on every record.
fn compare(store: &Store, list: &str) {
    let truth = table(&std::fs::read_to_string(data(&format!("manifest/{list}.truth-rows.csv"))).unwrap());
    let found = table(&std::fs::read_to_string(store.folder().join("verdicts.csv")).unwrap());
    assert_eq!(found.len(), truth.len());
    let mut wrong = Vec::new();
    for (found, truth) in found.iter().zip(&truth) {
        assert_eq!(found["record"], truth["record"]);
        if found["verdict"] != truth["verdict"] || found["case"].is_empty() {
            wrong.push(format!("{found:?}, expected {truth:?}"));
        }
    }
    assert!(wrong.is_empty(), "{list}: {}", wrong.join("\n"));
}

/// What a store holds, without what depends on the run: counts by kind, and the standing of every case.
fn held(store: &Store) -> Vec<String> {
    // A record that was set aside is named by a hash under a key of the installation; the others by their serial.
    let alias = "CASE WHEN alias LIKE 'row-%' THEN 'row' ELSE alias END";
    let mut held = store.sql(&format!("SELECT workflow, main, {alias}, version FROM court_case"));
    held.sort();
    held.extend(store.sql(
        "SELECT kind, count(*), sum(version) FROM entity WHERE kind IN ('person', 'manifest') GROUP BY kind ORDER BY kind",
    ));
    held.extend(store.sql("SELECT space, count(*) FROM lookup GROUP BY space ORDER BY space"));
    held.extend(store.sql("SELECT count(*), count(DISTINCT stream) FROM event"));
    held.extend(store.sql("SELECT count(*) FROM deadline"));
    held
}

fn every_list(kind: Kind) {
    for list in LISTS {
        let store = court(kind);
        let first = import(&store, list).json(&[3]);
        compare(&store, list);
        let before = held(&store);
        let again = import(&store, list).json(&[3]);
        compare(&store, list);
        assert_eq!(again["known"], first["records"]);
        assert_eq!(held(&store), before, "importing {list} twice adds nothing");
        assert_eq!(store.faults(), Vec::<Value>::new());
    }
}

/// Kills the importer at several places of the list, starts it again each time, and lets it end.
fn killed_importers(kind: Kind) {
    let list = "manifest-2225";
    let whole = court(kind);
    import(&whole, list).json(&[3]);
    let store = court(kind);
    let words = words(&store, list);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut reached = 0;
    for least in [1, 400, 1_000] {
        let mut importer = store.command(&words).stdout(std::process::Stdio::null()).spawn().unwrap();
        while store.number("SELECT count(*) FROM court_case") < least {
            assert_eq!(importer.try_wait().unwrap(), None, "the importer ended before it could be killed");
        }
        importer.kill().unwrap();
        importer.wait().unwrap();
        let cases = store.number("SELECT count(*) FROM court_case");
        assert!(cases >= reached, "{cases} cases after {reached}");
        reached = cases;
    }
    assert!(reached < whole.number("SELECT count(*) FROM court_case"), "the last kill came in the middle");
    import(&store, list).json(&[3]);
    compare(&store, list);
    assert_eq!(held(&store), held(&whole));
    assert_eq!(store.faults(), Vec::<Value>::new());
}

#[test]
fn both_lists_get_their_verdicts_and_importing_twice_adds_nothing_on_sqlite() {
    every_list(Kind::Sqlite);
}

#[test]
fn both_lists_get_their_verdicts_and_importing_twice_adds_nothing_on_postgresql() {
    every_list(Kind::Postgres);
}

#[test]
fn a_killed_importer_that_is_started_again_ends_like_one_in_one_go_on_sqlite() {
    killed_importers(Kind::Sqlite);
}

#[test]
fn a_killed_importer_that_is_started_again_ends_like_one_in_one_go_on_postgresql() {
    killed_importers(Kind::Postgres);
}
