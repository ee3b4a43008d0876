//! What leaves us is read by a program that nobody in this project wrote: pm4py reads our XES and our OCEL 2.0.

use std::path::Path;
use std::process::Command;

use qadiya_devkit::chores::outside::program;
use qadiya_devkit::convert;
use serde_json::{Value, json};

use crate::server::{Kind, Store, data};

/// Has the outside reader count what stands in both files; `None` when it does not accept one.
fn outside(xes: &Path, ocel: &Path) -> Option<Value> {
    let root = crate::repository();
    let python = program(&root, "python").unwrap();
    let read = Command::new(python)
        .arg(root.root().join("crates/devkit/outside/read_logs.py"))
        .args([xes, ocel])
        .output()
        .unwrap();
    match read.status.code() {
        Some(0) => Some(serde_json::from_slice(&read.stdout).unwrap()),
        Some(1) => {
            eprintln!("the outside reader said: {}", String::from_utf8_lossy(&read.stderr));
            None
        }
        other => panic!("{other:?}: {}", String::from_utf8_lossy(&read.stderr)),
    }
}

#[test]
fn an_outside_reader_finds_every_case_event_and_object_in_our_exports() {
    let store = Store::new(Kind::Sqlite);
    let machine = std::fs::read_to_string(data("logs/running-example.machine.json")).unwrap();
    let workflow = store.folder().join("running-example.v1.yaml");
    std::fs::write(&workflow, convert::from_machine(&machine).unwrap().yaml).unwrap();
    let log = data("logs/running-example.xes");
    let replayed =
        store.run(&["--json", "replay", log.to_str().unwrap(), "--workflow", workflow.to_str().unwrap()]);
    assert_eq!(replayed.json(&[0])["accepted"], 42);
    let (xes, ocel) = (store.folder().join("ours.xes"), store.folder().join("ours.json"));
    for (form, file) in [("xes", &xes), ("ocel", &ocel)] {
        let ran = store.run(&["--json", "export", form, "--output", file.to_str().unwrap()]);
        assert_eq!(ran.json(&[0])["cases"], 6, "{form}");
    }
    // Six cases and the official who replayed them are the objects; every event leads to its case and to him.
    let expected =
        json!({"cases": 6, "events": 42, "activities": 8, "objects": 7, "ocel_events": 42, "relations": 84});
    assert_eq!(outside(&xes, &ocel), Some(expected.clone()));

    // The reader does read: half a log, and a log from which one object was taken, are not the same to it.
    let whole = std::fs::read_to_string(&xes).unwrap();
    let broken = store.folder().join("broken.xes");
    std::fs::write(&broken, whole.split_at(whole.len() / 2).0).unwrap();
    assert_ne!(outside(&broken, &ocel), Some(expected.clone()));
    let mut document: Value = serde_json::from_str(&std::fs::read_to_string(&ocel).unwrap()).unwrap();
    document["objects"].as_array_mut().unwrap().pop();
    std::fs::write(&ocel, document.to_string()).unwrap();
    assert_ne!(outside(&xes, &ocel), Some(expected));
}
