//! Transfer lists, imported by the program: the verdict of the truth file on every record, nothing twice, nothing lost.

use std::collections::BTreeMap;

use qadiya_devkit::trials;
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

/// Kills the importer at many places of the list, starts it again each time, and lets it end. A store takes kills until
/// most of the list is there; then a fresh one follows.
fn killed_importers(kind: Kind) {
    const EVENTS: &str = "SELECT count(*) FROM event";
    let list = "manifest-2225";
    let n = u64::from(trials::count(4, 60).unwrap());
    let whole = court(kind);
    let empty = whole.number(EVENTS);
    import(&whole, list).json(&[3]);
    let (expected, all) = (held(&whole), whole.number(EVENTS) - empty);
    let mut kills = 0;
    while kills < n {
        let store = court(kind);
        let words = words(&store, list);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut reached = store.number(EVENTS);
        while kills < n && reached - empty < all / 2 {
            // Another place each time: cases come before persons, so it is often between the two.
            let least = reached + 1 + kills * 89 % 331;
            let mut importer = store.command(&words).stdout(std::process::Stdio::null()).spawn().unwrap();
            while store.number(EVENTS) < least {
                assert_eq!(
                    importer.try_wait().unwrap(),
                    None,
                    "the importer ended before it could be killed"
                );
            }
            importer.kill().unwrap();
            importer.wait().unwrap();
            kills += 1;
            let now = store.number(EVENTS);
            assert!(now >= reached, "{now} events after {reached}");
            reached = now;
        }
        assert!(reached - empty < all, "the last kill came in the middle");
        import(&store, list).json(&[3]);
        compare(&store, list);
        assert_eq!(held(&store), expected, "after {kills} kills");
        assert_eq!(store.faults(), Vec::<Value>::new());
    }
}

/// What is written out of a list by `--refused` is what was set aside, cell by cell, with what to do about it.
fn refused_records(kind: Kind) {
    for list in LISTS {
        let store = court(kind);
        let file = store.folder().join("refused.csv");
        let path = data(&format!("manifest/{list}.csv"));
        let words = ["--json", "import", path.to_str().unwrap(), "--today", "2026-03-01"];
        let refused = ["--refused", file.to_str().unwrap()];
        let tried = store.run(&[&words[..], &refused].concat());
        assert_eq!(tried.code, Some(1), "a dry run sets nothing aside: {tried:?}");
        assert!(tried.err.contains("--commit") && !file.exists(), "{tried:?}");

        store.run(&[&words[..], &["--commit"], &refused].concat()).json(&[3]);
        let text = std::fs::read_to_string(&file).unwrap();
        let found = table(text.strip_prefix('\u{feff}').unwrap());
        let truth =
            table(&std::fs::read_to_string(data(&format!("manifest/{list}.truth-rows.csv"))).unwrap());
        let asked = |row: &&BTreeMap<String, String>| !row["verdict"].starts_with("accept");
        let truth: Vec<_> = truth.iter().filter(asked).collect();
        let standing = |rows: &mut dyn Iterator<Item = &BTreeMap<String, String>>| -> Vec<(String, String)> {
            rows.map(|row| (row["record"].clone(), row["verdict"].clone())).collect()
        };
        assert_eq!(standing(&mut found.iter()), standing(&mut truth.iter().copied()), "{list}");
        assert!(found.iter().all(|row| !row["rule"].is_empty() && !row["mend"].is_empty()), "{list}");

        // Each cell came back as it was sent: a byte that is no text is shown, a formula is made harmless.
        let bytes = std::fs::read(&path).unwrap();
        let mut sent = csv::ReaderBuilder::new().flexible(true).from_reader(bytes.as_slice());
        let header = sent.headers().unwrap().clone();
        let sent: Vec<csv::ByteRecord> = sent.byte_records().map(|row| row.unwrap()).collect();
        let mut compared = 0;
        for row in &found {
            let record: usize = row["record"].parse().unwrap();
            let cells = &sent[record - 1];
            for (column, cell) in header.iter().zip(cells) {
                let Ok(cell) = std::str::from_utf8(cell) else { continue };
                let back = row[column.trim()].trim_start_matches('\'');
                assert_eq!(back, cell.trim_start_matches('\''), "{list}, record {record}, {column}");
                compared += 1;
            }
        }
        assert!(compared > found.len() * 15, "{list}: {compared} cells compared");

        // Sent in again as it is, it is refused again; but missing cells are there now, and bytes that were no text are
        // shown as text.
        let again = store.folder().join("again.csv");
        let words = ["--json", "import", file.to_str().unwrap(), "--today", "2026-03-01", "--verdicts"];
        store.run(&[&words[..], &[again.to_str().unwrap()]].concat()).json(&[3]);
        let again = table(&std::fs::read_to_string(again).unwrap());
        assert_eq!(again.len(), found.len());
        for (again, found) in again.iter().zip(&found) {
            if !["broken-utf8", "column-count"].contains(&found["rule"].as_str()) {
                assert_eq!(again["verdict"], found["verdict"], "{list}: {found:?}");
            }
        }
    }
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

#[test]
fn the_refused_records_are_written_out_as_they_were_sent_on_sqlite() {
    refused_records(Kind::Sqlite);
}

#[test]
fn the_refused_records_are_written_out_as_they_were_sent_on_postgresql() {
    refused_records(Kind::Postgres);
}
