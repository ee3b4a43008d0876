//! Replays of recorded logs through the engine and a store.

use std::collections::BTreeMap;

use qadiya_domain::case::event::{Change, EventKind};
use qadiya_domain::case::seal::open_event;
use qadiya_domain::ids::StreamId;
use qadiya_engine::event_log::{EventLog, LogEvent, LogSource, ReadOptions, Trace};
use qadiya_engine::replay::{ReplayError, ReplayReport};
use qadiya_store::CaseStore;
use tokio_util::task::TaskTracker;

use crate::bench::{self, Bench};

const NOTHING: &(dyn Fn(u64, u64) + Send + Sync) = &|_, _| {};

fn log(name: &str) -> EventLog {
    let bytes = bench::data(&format!("logs/{name}.xes"));
    LogSource::open(bytes.as_slice(), name, &ReadOptions::default()).unwrap().read_all().unwrap()
}

fn machine(name: &str) -> String {
    let json = String::from_utf8(bench::data(&format!("logs/{name}.machine.json"))).unwrap();
    qadiya_devkit::convert::from_machine(&json).unwrap().yaml
}

async fn replay(bench: &Bench, workflow: &str, log: &EventLog) -> ReplayReport {
    let definition = bench.publish(workflow).await;
    let by = bench.engine.replayer(&definition).await.unwrap();
    bench.engine.replay(&by, log, &definition.workflow, NOTHING).await.unwrap()
}

fn lines(report: &ReplayReport) -> String {
    let mut csv = Vec::new();
    report.write_csv(&mut csv).unwrap();
    String::from_utf8(csv).unwrap()
}

/// Every event of the cases of a replay, by stream; the chains are checked on the way.
async fn chains(bench: &Bench, report: &ReplayReport) -> BTreeMap<StreamId, usize> {
    let streams: Vec<StreamId> = report.cases.iter().filter_map(|case| case.stream).collect();
    let mut lengths: BTreeMap<StreamId, usize> = BTreeMap::new();
    for (stream, stored) in bench.store.events_of(&streams).await.unwrap() {
        let event = open_event(&stored.bytes).unwrap();
        assert_eq!(event.kind, EventKind::Acted);
        assert!(event.changes.iter().any(|change| matches!(change, Change::Did(_))));
        *lengths.entry(stream).or_default() += 1;
    }
    lengths
}

#[tokio::test]
async fn the_three_replays_give_exactly_the_expected_lines_and_one_entry_for_each_accepted_event() {
    for (log_name, machine_name, expected, accepted, clean) in [
        ("running-example", "running-example", "running-example", 42, 6),
        ("roadtraffic100traces", "roadtraffic-discovered", "roadtraffic100traces.on-discovered", 390, 100),
        ("roadtraffic100traces", "roadtraffic-first40", "roadtraffic100traces.on-first40", 379, 92),
    ] {
        let bench = Bench::start().await;
        let log = log(log_name);
        let report = replay(&bench, &machine(machine_name), &log).await;
        let expected = String::from_utf8(bench::data(&format!("logs/{expected}.expected.csv"))).unwrap();
        assert_eq!(lines(&report), expected.replace("\r\n", "\n"), "{log_name} on {machine_name}");
        assert_eq!(report.cases.iter().map(|case| case.accepted).sum::<usize>(), accepted);
        assert_eq!(report.clean(), clean);

        let lengths = chains(&bench, &report).await;
        assert_eq!(lengths.len(), log.traces.len());
        for case in &report.cases {
            // the opening that is no event of the log stands before them
            assert_eq!(lengths[&case.stream.unwrap()], case.accepted + 1, "{}", case.case_id);
        }
        while bench.engine.sequence_once().await.unwrap() > 0 {}
        let verified = bench.engine.verify(NOTHING).await.unwrap();
        assert!(verified.is_clean(), "{:?}", verified.faults);
        assert_eq!(verified.pending, 0);
        bench.engine.stop().await;
    }
}

#[tokio::test]
async fn a_repeated_replay_adds_nothing_and_gives_the_same_report() {
    let bench = Bench::start().await;
    let log = log("roadtraffic100traces");
    let workflow = machine("roadtraffic-first40");
    let first = replay(&bench, &workflow, &log).await;
    let events = bench.events();
    let second = replay(&bench, &workflow, &log).await;
    assert_eq!(lines(&second), lines(&first));
    assert_eq!(bench.events(), events);
    bench.engine.stop().await;
}

#[tokio::test]
async fn two_machines_replay_one_log_in_one_store() {
    let bench = Bench::start().await;
    let log = log("roadtraffic100traces");
    let first = replay(&bench, &machine("roadtraffic-discovered"), &log).await;
    let second = replay(&bench, &machine("roadtraffic-first40"), &log).await;
    assert_eq!((first.clean(), second.clean()), (100, 92));
    let again = replay(&bench, &machine("roadtraffic-first40"), &log).await;
    assert_eq!(lines(&again), lines(&second));
    bench.engine.stop().await;
}

#[tokio::test]
async fn a_replay_that_was_broken_off_goes_on_where_it_stood() {
    let log = log("roadtraffic100traces");
    let workflow = machine("roadtraffic-first40");
    let whole = Bench::start().await;
    let expected = replay(&whole, &workflow, &log).await;

    let broken = Bench::start().await;
    let definition = broken.publish(&workflow).await;
    let by = broken.engine.replayer(&definition).await.unwrap();
    let engine = broken.engine.clone();
    let half = log.clone();
    let (told, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let task = TaskTracker::new().spawn(async move {
        let progress = move |done: u64, _: u64| told.send(done).unwrap_or_default();
        engine.replay(&by, &half, &definition.workflow, &progress).await
    });
    while seen.recv().await.is_some_and(|done| done < 200) {}
    task.abort();
    assert!(task.await.is_err(), "the replay was broken off");
    assert_eq!(lines(&replay(&broken, &workflow, &log).await), lines(&expected));
    assert_eq!(broken.events(), whole.events());
    whole.engine.stop().await;
    broken.engine.stop().await;
}

#[tokio::test]
async fn the_road_log_runs_on_the_law_written_by_hand() {
    let bench = Bench::start().await;
    let log = log("roadtraffic100traces");
    let text = std::fs::read_to_string(bench::root().join("workflows/road-fine.v1.yaml")).unwrap();
    let report = replay(&bench, &text, &log).await;
    let accepted: usize = report.cases.iter().map(|case| case.accepted).sum();
    assert_eq!((report.cases.len(), accepted), (100, 390), "the law refuses nothing that happened");
    let mut ends: BTreeMap<&str, usize> = BTreeMap::new();
    for case in &report.cases {
        assert_eq!(case.is_final, case.end_state == "in-collection", "{}", case.case_id);
        *ends.entry(&case.end_state).or_default() += 1;
    }
    // The log says that a fine was paid, not that it was paid in full: nobody settles these cases, so they stay open.
    let expected =
        [("created", 22), ("in-collection", 36), ("notified", 20), ("prefecture-decided", 1), ("sent", 21)];
    assert_eq!(ends, BTreeMap::from(expected));
    assert_eq!(report.clean(), 36);
    bench.engine.stop().await;
}

#[tokio::test]
async fn an_activity_can_mean_a_title_or_an_outcome_and_what_means_nothing_is_refused_with_its_reason() {
    let bench = Bench::start().await;
    let event = |activity: &str| LogEvent { activity: activity.to_owned(), ..LogEvent::default() };
    let trace = |id: &str, activities: &[&str]| Trace {
        id: id.to_owned(),
        events: activities.iter().map(|activity| event(activity)).collect(),
        ..Trace::default()
    };
    let log = EventLog {
        traces: vec![
            trace(
                "a",
                &[
                    "Create Fine",
                    "Send Fine",
                    "insert-notification",
                    "Appeal to Judge",
                    "The fine is annulled",
                ],
            ),
            trace("b", &["Send Fine", "Create Fine", "Dance", "Send Fine"]),
            trace("c", &["Send Fine"]),
        ],
        ..EventLog::default()
    };
    let text = std::fs::read_to_string(bench::root().join("workflows/road-fine.v1.yaml")).unwrap();
    let report = replay(&bench, &text, &log).await;
    assert_eq!(
        lines(&report),
        "case_id,events,accepted,refused,first_refused,end_state,final,clean\n\
         a,5,5,0,,annulled,1,1\nb,4,2,2,1,sent,0,0\nc,1,0,1,1,,0,0\n"
    );
    let mut refusals = Vec::new();
    report.write_refusals(&mut refusals).unwrap();
    assert_eq!(
        String::from_utf8(refusals).unwrap(),
        "case_id,event,activity,reasons\n\
         b,1,Send Fine,state: nothing has opened the case\n\
         b,3,Dance,unknown-command: road-fine means no command\n\
         c,1,Send Fine,state: nothing has opened the case\n"
    );
    bench.engine.stop().await;
}

#[tokio::test]
async fn nobody_replays_where_real_people_may_live() {
    let bench = Bench::start_as(false).await;
    let definition = Bench::read(&machine("running-example"));
    let error = bench.engine.replayer(&definition).await.unwrap_err();
    assert!(matches!(error, ReplayError::NotSynthetic), "{error}");
    bench.engine.stop().await;
}
