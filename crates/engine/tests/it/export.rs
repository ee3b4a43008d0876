//! Our own log as a log of others.

use std::collections::BTreeMap;

use jiff::Timestamp;
use qadiya_engine::authorize::Principal;
use qadiya_engine::event_log::{EventLog, LogSource, ReadOptions};
use qadiya_engine::export::{ExportError, ExportForm};
use qadiya_engine::intake::ImportOptions;
use qadiya_engine::query::Viewer;
use qadiya_engine::submit::ActorChoice;
use qadiya_store::access::AccessOutcome;
use serde_json::Value;
use uuid::Uuid;

use crate::bench::{self, Bench, name};

const NOTHING: &(dyn Fn(u64, u64) + Send + Sync) = &|_, _| {};

fn log(name: &str) -> EventLog {
    read(&bench::data(&format!("logs/{name}.xes")))
}

fn read(bytes: &[u8]) -> EventLog {
    LogSource::open(bytes, "log.xes", &ReadOptions::default()).unwrap().read_all().unwrap()
}

fn viewer(principal: &Principal) -> Viewer {
    Viewer {
        principal: principal.clone(),
        role: None,
        purpose: Some("analysis".to_owned()),
        request: Uuid::from_u128(5),
        route: "GET /reports/export".to_owned(),
    }
}

/// A store that holds the replayed running example, and its official.
async fn replayed() -> (Bench, Principal) {
    let bench = Bench::start().await;
    let json = String::from_utf8(bench::data("logs/running-example.machine.json")).unwrap();
    let definition = bench.publish(&qadiya_devkit::convert::from_machine(&json).unwrap().yaml).await;
    let by = bench.engine.replayer(&definition).await.unwrap();
    let report =
        bench.engine.replay(&by, &log("running-example"), &definition.workflow, NOTHING).await.unwrap();
    assert_eq!(report.clean(), 6);
    (bench, by)
}

type Told = BTreeMap<String, Vec<(String, Option<Timestamp>)>>;

fn told(log: &EventLog) -> Told {
    let traces = log.traces.iter().map(|trace| {
        let events = trace.events.iter().map(|event| (event.activity.clone(), event.at));
        (trace.id.clone(), events.collect())
    });
    traces.collect()
}

#[tokio::test]
async fn our_xes_of_a_replayed_log_reads_back_as_the_same_cases() {
    let (bench, by) = replayed().await;
    let viewer = viewer(&by);
    let out = bench.engine.export(Some(&viewer), ExportForm::Xes, None, Vec::new(), NOTHING).await.unwrap();
    let ours = read(&out);
    let theirs = log("running-example");
    assert_eq!(told(&ours), told(&theirs));
    assert_eq!(ours.traces.len(), theirs.traces.len());
    for event in ours.traces.iter().flat_map(|trace| &trace.events) {
        assert_eq!(event.resource.as_deref(), Some(by.official.to_string().as_str()));
        assert_eq!(event.lifecycle.as_deref(), Some("complete"));
        assert_eq!(event.attributes["org:role"].to_text().as_deref(), Some("replayer"));
        assert!(
            event.attributes.contains_key("state-before") && event.attributes.contains_key("state-after")
        );
    }
    let shown = bench.store.tamper(|tables| {
        let shown = tables.accesses.iter().filter(|record| record.outcome == AccessOutcome::Shown);
        shown.map(|record| record.streams.len()).sum::<usize>()
    });
    assert_eq!(shown, 6);
    bench.engine.stop().await;
}

#[tokio::test]
async fn what_we_exported_can_be_replayed_again_with_the_same_result() {
    let (bench, by) = replayed().await;
    let out = bench
        .engine
        .export(None, ExportForm::Xes, Some(name("running-example")), Vec::new(), NOTHING)
        .await
        .unwrap();
    let events = bench.events();
    let report = bench.engine.replay(&by, &read(&out), &name("running-example"), NOTHING).await.unwrap();
    assert_eq!(report.clean(), 6);
    assert_eq!(bench.events(), events, "the exported log is the one that was replayed");
    bench.engine.stop().await;
}

#[tokio::test]
async fn our_ocel_names_every_object_once_and_every_event_leads_to_objects() {
    let (bench, by) = replayed().await;
    let out = bench.engine.export(None, ExportForm::Ocel, None, Vec::new(), NOTHING).await.unwrap();
    let ocel: Value = serde_json::from_slice(&out).unwrap();
    let objects = ocel["objects"].as_array().unwrap();
    let of_type = |wanted: &str| objects.iter().filter(|object| object["type"] == wanted).count();
    assert_eq!((of_type("case"), of_type("official")), (6, 1));
    let events = ocel["events"].as_array().unwrap();
    assert_eq!(events.len(), 42);
    let ids: Vec<&str> = objects.iter().map(|object| object["id"].as_str().unwrap()).collect();
    for event in events {
        let related = event["relationships"].as_array().unwrap();
        assert_eq!(related.len(), 2);
        assert!(related.iter().all(|to| ids.contains(&to["objectId"].as_str().unwrap())));
        assert!(related.iter().any(|to| to["objectId"] == by.official.to_string().as_str()));
    }
    bench.engine.stop().await;
}

#[tokio::test]
async fn no_name_and_no_protected_value_leaves_with_an_export() {
    let bench = Bench::start().await;
    for file in ["detainee-case", "intake-record"] {
        let path = bench::root().join(format!("workflows/{file}.v1.yaml"));
        bench.publish(&std::fs::read_to_string(path).unwrap()).await;
    }
    let clerk = bench.official("Clerk One", &["intake-clerk"]).await;
    let by = ActorChoice::ByPrincipal { principal: clerk.clone(), role: None };
    let list = bench::data("manifest/manifest-200.csv");
    let options = ImportOptions::dry_run(jiff::civil::date(2026, 3, 1)).unwrap().for_real();
    let bytes = std::io::Cursor::new(list.clone());
    let report = bench.engine.import_manifest(&by, "list", bytes, &options, NOTHING).await.unwrap();
    let mut names: Vec<String> = Vec::new();
    let mut csv = csv::Reader::from_reader(list.as_slice());
    let header = csv.headers().unwrap().clone();
    for record in csv.byte_records().filter_map(Result::ok) {
        for column in ["name_ar", "name_latn", "father_name_latn"] {
            let place = header.iter().position(|name| name == column).unwrap();
            let cell = record.get(place).and_then(|cell| std::str::from_utf8(cell).ok()).unwrap_or_default();
            if cell.chars().count() > 5 {
                names.push(cell.to_owned());
            }
        }
    }
    assert!(names.len() > 300);
    for (form, request) in [(ExportForm::Xes, 7), (ExportForm::Ocel, 8)] {
        let viewer = Viewer { request: Uuid::from_u128(request), ..viewer(&clerk) };
        let out = bench.engine.export(Some(&viewer), form, None, Vec::new(), NOTHING).await.unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("Name a person on a transfer list"), "an opening that is no convention stays");
        assert!(text.contains(&report.manifest.to_string()) || form == ExportForm::Xes);
        assert!(!text.contains("Clerk One"));
        let leaked: Vec<&String> = names.iter().filter(|name| text.contains(name.as_str())).collect();
        assert!(leaked.is_empty(), "{leaked:?}");
    }
    bench.engine.stop().await;
}

#[tokio::test]
async fn whoever_may_not_read_the_files_exports_nothing_and_is_recorded() {
    let (bench, _) = replayed().await;
    let clerk = bench.official("Clerk One", &["intake-clerk"]).await;
    let viewer = viewer(&clerk);
    let workflow = Some(name("running-example"));
    let error =
        bench.engine.export(Some(&viewer), ExportForm::Xes, workflow, Vec::new(), NOTHING).await.unwrap_err();
    assert!(matches!(error, ExportError::Forbidden(_)), "{error}");
    let denied = bench.store.tamper(|tables| tables.accesses.last().unwrap().outcome);
    assert_eq!(denied, AccessOutcome::Denied);
    let other = Viewer { request: Uuid::from_u128(6), ..viewer };
    let out = bench.engine.export(Some(&other), ExportForm::Xes, None, Vec::new(), NOTHING).await.unwrap();
    assert!(read(&out).traces.is_empty());
    bench.engine.stop().await;
}
