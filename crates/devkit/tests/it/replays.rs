//! Public event logs, replayed by the program through a store: exactly the expected line for every case.

use std::path::Path;

use qadiya_devkit::convert;
use qadiya_devkit::replay_expected;
use serde_json::Value;

use crate::server::{Kind, Store, data};

/// The log, its machine, the expected lines.
const PAIRS: [(&str, &str, &str); 3] = [
    ("running-example.xes", "running-example", "running-example"),
    ("roadtraffic100traces.xes", "roadtraffic-discovered", "roadtraffic100traces.on-discovered"),
    ("roadtraffic100traces.csv", "roadtraffic-first40", "roadtraffic100traces.on-first40"),
];

fn every_log(kind: Kind) {
    for (log, machine, expected) in PAIRS {
        let store = Store::new(kind);
        let json = std::fs::read_to_string(data(&format!("logs/{machine}.machine.json"))).unwrap();
        let workflow = store.folder().join("machine.v1.yaml");
        std::fs::write(&workflow, convert::from_machine(&json).unwrap().yaml).unwrap();
        let report = store.folder().join("report.csv");
        let log = data(&format!("logs/{log}"));
        let words = ["--json", "replay", log.to_str().unwrap(), "--workflow", workflow.to_str().unwrap()];
        let ran = store.run(&[&words[..], &["--report", report.to_str().unwrap()]].concat());
        let expected = std::fs::read_to_string(data(&format!("logs/{expected}.expected.csv"))).unwrap();
        let lines = replay_expected::read(&expected).unwrap();
        let refused: usize = lines.iter().map(|line| line.refused).sum();
        let accepted: usize = lines.iter().map(|line| line.accepted).sum();
        let summary = ran.json(&[if refused > 0 { 3 } else { 0 }]);
        assert_eq!(std::fs::read_to_string(&report).unwrap(), expected.replace("\r\n", "\n"), "{machine}");
        assert_eq!(summary["accepted"], accepted);
        assert_eq!(summary["refused"], refused);
        // One event for each accepted one, beside the act that opens each case; after numbering, one entry each.
        let of_cases = "FROM event e JOIN court_case c ON c.id = e.stream";
        let expected = u64::try_from(accepted + lines.len()).unwrap();
        assert_eq!(store.number(&format!("SELECT count(*) {of_cases}")), expected);
        assert_eq!(store.run(&["work", "--until-idle"]).code, Some(0));
        let entries = "FROM log_entry e JOIN court_case c ON c.id = e.stream";
        assert_eq!(store.number(&format!("SELECT count(*) {entries}")), expected);
        assert_eq!(store.faults(), Vec::<Value>::new());
        again(&store, &workflow, lines.len(), accepted);
    }
}

/// What the store exports is replayed into a fresh one of the same kind: the same cases come to the same ends, and of
/// what was accepted once nothing is refused.
fn again(store: &Store, workflow: &Path, cases: usize, accepted: usize) {
    let file = |name: &str| store.folder().join(name).to_str().unwrap().to_owned();
    let (log, workflow) = (file("ours.xes"), workflow.to_str().unwrap());
    let exported = store.run(&["--json", "export", "xes", "--output", &log]).json(&[0]);
    assert_eq!(exported["cases"], cases);
    let fresh = Store::new(store.kind);
    let theirs = file("again.csv");
    let ran = fresh.run(&["--json", "replay", &log, "--workflow", workflow, "--report", &theirs]);
    let summary = ran.json(&[0]);
    assert_eq!((&summary["accepted"], &summary["refused"]), (&Value::from(accepted), &Value::from(0)));
    let told = |name: &str| {
        let text = std::fs::read_to_string(file(name)).unwrap();
        let mut ends: Vec<_> = replay_expected::read(&text)
            .unwrap()
            .into_iter()
            .map(|line| (line.case_id, line.accepted, line.end_state, line.is_final))
            .collect();
        ends.sort();
        ends
    };
    assert_eq!(told("again.csv"), told("report.csv"));
    assert_eq!(fresh.faults(), Vec::<Value>::new());
}

#[test]
fn three_replays_give_the_expected_line_of_every_case_on_sqlite() {
    every_log(Kind::Sqlite);
}

#[test]
fn three_replays_give_the_expected_line_of_every_case_on_postgresql() {
    every_log(Kind::Postgres);
}
