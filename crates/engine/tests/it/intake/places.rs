//! Every record of a list has its place: a case with a named office and a running clock, until it is dealt with.

use std::collections::BTreeMap;

use qadiya_domain::case::act::{Act, Perform, RecordGiven};
use qadiya_domain::ids::StreamId;
use qadiya_domain::manifest::Verdict;
use qadiya_domain::value::{Given, Protected, Value};
use qadiya_engine::intake::CloseError;
use qadiya_engine::query::Viewer;
use qadiya_engine::submit::{ActInput, Submission, Target};
use qadiya_store::read::CaseStore as _;
use uuid::Uuid;

use super::{Court, manifest};
use crate::bench::name;

/// What a clerk notes when a record was mended and entered again.
fn settlement() -> RecordGiven {
    let reasons = Given::Protected(Protected::text("mended and entered again"));
    let case = Given::Is(Value::Reference("none".to_owned()));
    let fields = BTreeMap::from([(name("case"), case), (name("reasons"), reasons)]);
    RecordGiven { record: name("settlement"), about: None, fields }
}

impl Court {
    /// The stream behind a case number.
    fn stream(&self, reference: &str) -> StreamId {
        self.bench.store.tamper(|tables| {
            tables.cases.values().find(|row| row.reference == reference).map(|row| row.id).unwrap()
        })
    }

    async fn admit(&self, case: StreamId) {
        let perform =
            Perform { command: Some(name("admit")), records: vec![settlement()], ..Perform::default() };
        let act = ActInput::Typed(Act::Perform(perform));
        let submission = Submission {
            key: Some("admitted".to_owned()),
            ..Submission::new(self.by(), Target::Case(case), act)
        };
        self.bench.engine.submit(submission).await.unwrap();
    }
}

#[tokio::test]
async fn every_record_set_aside_has_an_office_and_a_clock_and_its_list_is_closed_when_all_are_dealt_with() {
    for list in ["manifest-200", "manifest-2225"] {
        let court = Court::open().await;
        let (engine, store) = (&court.bench.engine, &court.bench.store);
        let report = court.import(list, &manifest(list)).await;
        let asides: Vec<StreamId> = report
            .lines
            .iter()
            .filter(|line| line.verdict >= Verdict::SetAside)
            .map(|line| court.stream(line.case.as_ref().unwrap()))
            .collect();
        assert!(!asides.is_empty());
        let clocks = store.deadlines(&asides).await.unwrap();
        for case in &asides {
            let row = store.tamper(|tables| tables.cases[case].clone());
            assert_eq!(row.workflow, name("intake-record"));
            assert!(row.office.is_some() && row.next_date.is_some() && row.outcome.is_none(), "{row:?}");
            let runs = |clock: &&qadiya_store::read::StoredDeadline| {
                clock.stream == *case && clock.row.due.is_some() && clock.row.next.is_some()
            };
            assert_eq!(clocks.iter().filter(runs).count(), 1, "{row:?}");
        }
        // The list stays open until the last of them is dealt with.
        for (dealt, case) in asides.iter().enumerate() {
            let waiting = u64::try_from(asides.len() - dealt).unwrap();
            let error = engine.close_manifest(&court.by(), report.manifest, None).await.unwrap_err();
            assert!(matches!(error, CloseError::Open(open) if open == waiting), "{error}");
            assert!(error.to_string().starts_with(&format!("{waiting} records")), "{error}");
            court.admit(*case).await;
            let row = store.tamper(|tables| tables.cases[case].clone());
            assert!(row.outcome.is_some() && row.next_date.is_none(), "{row:?}");
        }
        assert_eq!(store.deadlines(&asides).await.unwrap(), Vec::new(), "what is dealt with has no clock");
        engine.close_manifest(&court.by(), report.manifest, None).await.unwrap();
        assert!(engine.manifest(report.manifest).await.unwrap().unwrap().state.closed);
        engine.stop().await;
    }
}

#[tokio::test]
async fn lists_and_their_refused_records_are_read_by_the_page_and_not_by_the_row() {
    let (store, court) = Court::open_faulty().await;
    let engine = &court.bench.engine;
    let big = court.import("big", &manifest("manifest-2225")).await;
    let small = court.import("small", &manifest("manifest-200")).await;
    assert!(big.set_aside > small.set_aside);
    let asked = || std::mem::take(&mut *store.asked.lock().unwrap());
    asked();
    let views = engine.manifests(None, 10).await.unwrap();
    assert_eq!(asked(), ["count_groups"], "two lists, one question");
    for view in &views {
        let report = [&big, &small].into_iter().find(|one| one.manifest == view.id).unwrap();
        assert_eq!(view.open_records, report.set_aside, "each list counts its own records");
    }
    for (report, request) in [(&big, 1), (&small, 2)] {
        let viewer = Viewer { request: Uuid::from_u128(request), ..court.viewer() };
        let rows = engine.refused_rows(&viewer, report.manifest, Vec::new()).await.unwrap();
        // The list is looked up, then come one page and the end, however many records there are.
        assert_eq!(asked(), ["load_many", "openings", "openings"]);
        let lines = csv::Reader::from_reader(rows.as_slice()).records().count();
        assert_eq!(u64::try_from(lines).unwrap(), report.set_aside, "only the records of this file");
    }
    engine.stop().await;
}
