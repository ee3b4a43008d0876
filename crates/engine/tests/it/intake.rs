//! Transfer lists through the one door: every record gets its verdict, nothing is lost, twice is once.

mod broken_off;
mod places;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::civil::{Date, date};
use qadiya_domain::ids::StreamId;
use qadiya_domain::manifest::Verdict;
use qadiya_engine::authorize::Principal;
use qadiya_engine::intake::{CloseError, ImportError, ImportOptions, ImportReport};
use qadiya_engine::query::Viewer;
use qadiya_engine::submit::ActorChoice;
use qadiya_store::access::AccessOutcome;
use qadiya_store::read::{CaseFilter, CaseStore};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::bench::{self, Bench, name};
use crate::engine::faulty::FaultyStore;

const NOTHING: &(dyn Fn(u64, u64) + Send + Sync) = &|_, _| {};
const TODAY: Date = date(2026, 3, 1);

/// A court that takes lists.
struct Court {
    bench: Bench,
    clerk: Principal,
}

impl Court {
    async fn open() -> Self {
        Self::on(Bench::start().await).await
    }

    /// One whose store fails as it is told.
    async fn open_faulty() -> (Arc<FaultyStore>, Self) {
        let store = Arc::new(FaultyStore::new(bench::now()));
        let memory = Arc::clone(&store.inner);
        let bench = Bench::behind(Arc::<FaultyStore>::clone(&store), memory, true).await;
        (store, Self::on(bench).await)
    }

    async fn on(bench: Bench) -> Self {
        for file in ["detainee-case", "intake-record"] {
            let path = bench::root().join(format!("workflows/{file}.v1.yaml"));
            bench.publish(&std::fs::read_to_string(path).unwrap()).await;
        }
        let clerk = bench.official("Clerk One", &["intake-clerk"]).await;
        Self { bench, clerk }
    }

    fn by(&self) -> ActorChoice {
        ActorChoice::ByPrincipal { principal: self.clerk.clone(), role: None }
    }

    async fn run(&self, title: &str, bytes: &[u8], options: &ImportOptions) -> ImportReport {
        self.bench
            .engine
            .import_manifest(&self.by(), title, Cursor::new(bytes.to_vec()), options, NOTHING)
            .await
            .unwrap()
    }

    async fn import(&self, title: &str, bytes: &[u8]) -> ImportReport {
        self.run(title, bytes, &ImportOptions::dry_run(TODAY).unwrap().for_real()).await
    }

    async fn dry_run(&self, title: &str, bytes: &[u8]) -> ImportReport {
        self.run(title, bytes, &ImportOptions::dry_run(TODAY).unwrap()).await
    }

    /// What the store holds, without what depends on ids of the run.
    fn state(&self) -> State {
        self.bench.store.tamper(|tables| {
            let cases = tables.cases.values();
            State {
                cases: cases
                    .map(|row| {
                        let about = (row.workflow.to_string(), row.main.to_string(), row.version);
                        (row.alias.clone().unwrap(), about)
                    })
                    .collect(),
                lookups: tables
                    .lookups
                    .iter()
                    .filter(|((space, _), _)| space != "token")
                    .map(|((space, key), stream)| (space.clone(), key.clone(), *stream))
                    .collect(),
                entities: tables
                    .entities
                    .values()
                    .filter(|row| matches!(row.kind.to_string().as_str(), "person" | "manifest"))
                    .map(|row| (row.stream, row.version))
                    .collect(),
                events: tables.events.len(),
            }
        })
    }

    fn viewer(&self) -> Viewer {
        Viewer {
            principal: self.clerk.clone(),
            role: None,
            purpose: Some("mending".to_owned()),
            request: Uuid::from_u128(99),
            route: "GET /manifests/refused".to_owned(),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct State {
    cases: BTreeMap<String, (String, String, u64)>,
    lookups: BTreeSet<(String, String, StreamId)>,
    entities: BTreeMap<StreamId, u64>,
    events: usize,
}

fn manifest(name: &str) -> Vec<u8> {
    bench::data(&format!("manifest/{name}.csv"))
}

/// Record, verdict and reason by the truth file.
fn truth(name: &str) -> Vec<(u64, String, String)> {
    let bytes = bench::data(&format!("manifest/{name}.truth-rows.csv"));
    let mut csv = csv::Reader::from_reader(bytes.as_slice());
    csv.records()
        .map(|row| row.unwrap())
        .map(|row| (row[0].parse().unwrap(), row[3].to_owned(), row[4].to_owned()))
        .collect()
}

fn compare(report: &ImportReport, name: &str) {
    let truth = truth(name);
    assert_eq!(report.lines.len(), truth.len());
    for (line, (record, verdict, reason)) in report.lines.iter().zip(&truth) {
        assert_eq!(line.record, *record);
        assert_eq!(&line.verdict.to_string(), verdict, "record {record} ({reason}): {:?}", line.findings);
        assert_eq!(line.findings.is_empty(), line.verdict == Verdict::Accept, "record {record}");
        if reason.starts_with("same_serial") {
            assert!(line.attached || line.verdict == Verdict::Accept, "record {record}");
        }
    }
}

#[tokio::test]
async fn every_record_of_both_manifests_gets_the_verdict_of_its_truth_file_and_stands_in_a_case() {
    for list in ["manifest-200", "manifest-2225"] {
        // each in a court of its own: the two lists give one serial to different people
        let court = Court::open().await;
        let report = court.import(list, &manifest(list)).await;
        compare(&report, list);
        assert_eq!(report.known + report.opened + report.attached + report.set_aside, report.records);
        assert!(report.lines.iter().all(|line| line.case.is_some()), "no record is without a case");
        let counts: serde_json::Value =
            serde_json::from_slice(&bench::data(&format!("manifest/{list}.truth-counts.json"))).unwrap();
        let view = court.bench.engine.manifest(report.manifest).await.unwrap().unwrap();
        assert_eq!(view.state.title, list);
        assert_eq!(view.state.verdicts.unwrap().values().sum::<u64>(), report.records);
        let opened = CaseFilter {
            workflow: Some(name("detainee-case")),
            group: Some(report.manifest),
            ..CaseFilter::default()
        };
        assert_eq!(court.bench.store.count(&opened).await.unwrap(), report.opened);
        if list == "manifest-200" {
            assert_eq!(counts["distinct_serials_in_accepted_records"], report.opened);
        }
        while court.bench.engine.sequence_once().await.unwrap() > 0 {}
        let verified = court.bench.engine.verify(NOTHING).await.unwrap();
        assert!(verified.is_clean(), "{:?}", verified.faults);
        court.bench.engine.stop().await;
    }
}

#[tokio::test]
async fn a_dry_run_says_the_same_and_writes_nothing() {
    let court = Court::open().await;
    let list = manifest("manifest-2225");
    let before = court.state();
    let dry = court.dry_run("list", &list).await;
    assert_eq!(court.state(), before);
    compare(&dry, "manifest-2225");
    let real = court.import("list", &list).await;
    assert_eq!(dry.verdicts, real.verdicts);
    assert_eq!((dry.opened, dry.attached, dry.set_aside), (real.opened, real.attached, real.set_aside));
    let after = court.state();
    let again = court.dry_run("list", &list).await;
    assert_eq!((again.verdicts, again.known), (real.verdicts, real.records));
    assert_eq!(court.state(), after);
    court.bench.engine.stop().await;
}

#[tokio::test]
async fn importing_twice_adds_nothing_and_the_same_rows_in_another_file_add_only_the_list() {
    let court = Court::open().await;
    let list = manifest("manifest-200");
    let first = court.import("list", &list).await;
    let state = court.state();
    let second = court.import("list", &list).await;
    assert_eq!(court.state(), state);
    assert_eq!((second.verdicts.clone(), second.known), (first.verdicts, first.records));
    assert!(second.lines.iter().all(|line| line.case.is_some()));

    // the same rows under other line ends are another file
    let text = list.split(|byte| *byte == b'\n').collect::<Vec<_>>().join(&b"\r\n"[..]);
    let other = court.import("other", &text).await;
    assert_ne!(other.manifest, first.manifest);
    // cells with line breaks inside have changed with them
    let changed = other.records - other.known;
    assert!(changed < 8, "{changed} records were taken for others");
    assert_eq!(court.bench.engine.manifests(None, 10).await.unwrap().len(), 2);
    court.bench.engine.stop().await;
}

#[tokio::test]
async fn another_clerk_who_sends_the_same_list_adds_nothing() {
    let mut court = Court::open().await;
    let list = manifest("manifest-200");
    let first = court.import("list", &list).await;
    court.clerk = court.bench.official("Clerk Two", &["intake-clerk"]).await;
    let state = court.state();
    let second = court.import("list", &list).await;
    assert_eq!(court.state(), state);
    assert_eq!((second.verdicts, second.known), (first.verdicts, first.records));
    court.bench.engine.stop().await;
}

#[tokio::test]
async fn an_import_that_was_killed_ends_like_one_in_one_go() {
    let whole = Court::open().await;
    let list = manifest("manifest-2225");
    whole.import("list", &list).await;
    let expected = whole.state();
    for chunks in [0, 1, 4, 8] {
        let court = Court::open().await;
        let (engine, by, bytes) = (court.bench.engine.clone(), court.by(), list.clone());
        let (told, mut seen) = tokio::sync::mpsc::unbounded_channel();
        let task = TaskTracker::new().spawn(async move {
            let options = ImportOptions::dry_run(TODAY).unwrap().for_real();
            let progress = move |_: u64, _: u64| told.send(()).unwrap_or_default();
            engine.import_manifest(&by, "list", Cursor::new(bytes), &options, &progress).await
        });
        for _ in 0..=chunks {
            seen.recv().await.unwrap();
        }
        // somewhere inside the next chunk
        for _ in 0..(chunks * 2) {
            tokio::task::yield_now().await;
        }
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        let report = court.import("list", &list).await;
        compare(&report, "manifest-2225");
        assert_eq!(court.state(), expected, "after {chunks} chunks");
        court.bench.engine.stop().await;
    }
    whole.bench.engine.stop().await;
}

#[tokio::test]
async fn progress_rises_to_the_number_of_records() {
    let court = Court::open().await;
    let seen = Arc::new(AtomicU64::new(0));
    let kept = Arc::clone(&seen);
    let progress = move |done: u64, total: u64| {
        assert!(done <= total);
        assert!(kept.swap(done, Ordering::SeqCst) <= done);
    };
    let bytes = Cursor::new(manifest("manifest-200"));
    let options = ImportOptions::dry_run(TODAY).unwrap();
    court.bench.engine.import_manifest(&court.by(), "list", bytes, &options, &progress).await.unwrap();
    assert_eq!(seen.load(Ordering::SeqCst), 200);
    court.bench.engine.stop().await;
}

/// A list with the header of the given ones and these cells, by column.
fn list(rows: &[&[(&str, &str)]]) -> Vec<u8> {
    let sample = manifest("manifest-200");
    let mut reader = csv::Reader::from_reader(sample.as_slice());
    let header = reader.headers().unwrap().clone();
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(&header).unwrap();
    for row in rows {
        let cell = |column: &str| {
            let usual = match column {
                "batch_id" => "TB-1",
                "batch_seq" => "1",
                "transfer_mode" => "LAND",
                "transfer_date" => "2026-02-01",
                "dob" => "1987",
                "dob_precision" => "year",
                "nationality" => "SYR",
                _ => "",
            };
            row.iter().find(|(name, _)| *name == column).map_or(usual, |(_, value)| value).to_owned()
        };
        out.write_record(header.iter().map(cell)).unwrap();
    }
    out.into_inner().unwrap()
}

const SERIAL: (&str, &str) = ("isn", "SYN-1003493-P");
const KHALID: (&str, &str) = ("name_ar", "خالد كريم العباسي");

#[tokio::test]
async fn equal_records_that_cannot_be_kept_each_stay_and_equal_kept_records_are_one() {
    let court = Court::open().await;
    let bad: &[(&str, &str)] = &[KHALID];
    let good: &[(&str, &str)] = &[SERIAL, KHALID];
    let report = court.import("list", &list(&[bad, good, bad, good])).await;
    assert_eq!((report.set_aside, report.opened, report.known), (2, 1, 1));
    let state = court.state();
    // the order in the file does not matter: they are counted, not placed
    let other = court.import("other", &list(&[good, bad, bad])).await;
    assert_eq!(other.known, 3);
    assert_eq!(court.state().cases, state.cases);
    court.bench.engine.stop().await;
}

#[tokio::test]
async fn a_known_serial_attaches_a_claim_or_is_a_dispute_that_names_the_holder() {
    let court = Court::open().await;
    let first = court.import("first", &list(&[&[SERIAL, KHALID]])).await;
    let holder = first.lines[0].case.clone().unwrap();
    let same: &[(&str, &str)] = &[SERIAL, ("name_ar", "خالد العباسى"), ("batch_id", "TB-2")];
    let other: &[(&str, &str)] =
        &[SERIAL, ("name_ar", "سامي عمر حرب"), ("dob", "1990"), ("batch_id", "TB-2")];
    let second = court.import("second", &list(&[same, other])).await;
    assert_eq!((second.attached, second.set_aside), (1, 1));
    assert_eq!(second.lines[0].case.as_ref(), Some(&holder));
    let line = &second.lines[1];
    assert_eq!(line.verdict, Verdict::Conflict);
    assert!(line.findings[0].mend.contains(&format!("held by case {holder}")), "{}", line.findings[0].mend);
    let disputed = court
        .bench
        .store
        .tamper(|tables| tables.cases.values().filter(|row| row.main == *"in-dispute").count());
    assert_eq!(disputed, 1);

    // whose serial is known is recorded before a dry run says it
    let holder = court.bench.store.tamper(|tables| tables.aliases["SYN-1003493-P"]);
    court.dry_run("second", &list(&[other])).await;
    let shown = court.bench.store.tamper(|tables| tables.accesses.last().unwrap().clone());
    assert_eq!((shown.official, shown.outcome), (Some(court.clerk.official), AccessOutcome::Shown));
    assert!(shown.streams.contains(&holder));
    court.bench.engine.stop().await;
}

/// The person of the one serial is taken away: so it stands while another clerk is between case and person.
fn forget_person(court: &Court) {
    court.bench.store.tamper(|tables| {
        let before = tables.lookups.len();
        tables.lookups.retain(|(space, _), _| space == "token");
        assert!(tables.lookups.len() < before);
    });
}

#[tokio::test]
async fn a_case_that_another_clerk_opened_meanwhile_is_compared_before_a_record_joins_it() {
    let father = ("father_name_ar", "كريم العباسي");
    let other_father = ("father_name_ar", "سليم الحسن");
    let same: &[(&str, &str)] = &[SERIAL, ("name_ar", "خالد العباسى"), ("batch_id", "TB-2")];
    let stranger: &[(&str, &str)] = &[SERIAL, ("name_ar", "سامي عمر حرب"), ("batch_id", "TB-3")];
    let son: &[(&str, &str)] = &[SERIAL, KHALID, other_father, ("batch_id", "TB-4")];
    let younger: &[(&str, &str)] = &[SERIAL, KHALID, ("dob", "1999"), ("batch_id", "TB-5")];
    for (row, joins) in [(same, true), (stranger, false), (son, false), (younger, false)] {
        let mut court = Court::open().await;
        let first = court.import("first", &list(&[&[SERIAL, KHALID, father]])).await;
        let holder = first.lines[0].case.clone().unwrap();
        forget_person(&court);
        court.clerk = court.bench.official("Clerk Two", &["intake-clerk"]).await;
        // a second record that agrees with the first of its list shares its fate
        let twin: Vec<(&str, &str)> = row.iter().copied().chain([("batch_seq", "2")]).collect();
        let rows = list(&[row, &twin]);
        let report = court.import("second", &rows).await;
        for line in &report.lines {
            assert_eq!(line.attached, joins, "{line:?}");
            assert_eq!(line.case.as_ref() == Some(&holder), joins, "{line:?}");
            assert_eq!(line.verdict == Verdict::Conflict, !joins, "{line:?}");
            if !joins {
                assert!(line.findings[0].mend.contains(&holder), "{line:?}");
            }
        }
        let again = court.import("second", &rows).await;
        assert_eq!((again.known, again.verdicts), (2, report.verdicts));
        court.bench.engine.stop().await;
    }
}

#[tokio::test]
async fn a_serial_that_names_a_case_of_another_workflow_is_a_dispute() {
    let court = Court::open().await;
    let aside = court.import("first", &list(&[&[KHALID]])).await;
    let stream = court.bench.store.tamper(|tables| {
        let stream = *tables.aliases.values().next().unwrap();
        tables.aliases.insert(SERIAL.1.to_owned(), stream);
        stream
    });
    let report = court.import("second", &list(&[&[SERIAL, KHALID]])).await;
    assert_eq!((report.set_aside, report.opened, report.attached), (1, 0, 0));
    assert_eq!(report.lines[0].verdict, Verdict::Conflict);
    let holder = aside.lines[0].case.as_ref().unwrap();
    assert!(report.lines[0].findings[0].mend.contains(holder), "{:?}", report.lines[0]);
    assert_eq!(court.bench.store.tamper(|tables| tables.cases[&stream].version), 1);
    court.bench.engine.stop().await;
}

#[tokio::test]
async fn a_record_that_its_case_refuses_is_put_aside_and_the_others_go_on() {
    let mut court = Court::open().await;
    court.import("first", &list(&[&[SERIAL, KHALID]])).await;
    court.bench.engine.stop().await;
    court.bench.store.tamper(|tables| {
        let case = tables.aliases[SERIAL.1];
        tables.cases.remove(&case).unwrap();
    });
    court.bench = Bench::over(Arc::clone(&court.bench.store), true).await;
    let refused: &[(&str, &str)] = &[SERIAL, KHALID, ("batch_id", "TB-2")];
    let bad: &[(&str, &str)] = &[KHALID];
    let rows = list(&[refused, bad, &[("isn", "SYN-1003494-A")]]);
    let report = court.import("second", &rows).await;
    assert_eq!(report.lines.len(), 3);
    assert_eq!(report.lines[0].verdict, Verdict::SetAside);
    assert_eq!(report.lines[0].findings[0].rule, "not-taken");
    assert!(report.lines[0].case.is_some());
    let again = court.import("second", &rows).await;
    assert_eq!(again.known, 3);
    court.bench.engine.stop().await;
}

#[tokio::test]
async fn whoever_may_not_put_aside_imports_nothing_either() {
    let court = Court::open().await;
    let path = bench::root().join("workflows/intake-record.v1.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let next = text.replacen("version: 1", "version: 2", 1);
    let (before, after) = next.split_at(next.find("set-aside-record:").unwrap());
    let changed = after.replacen("intake-clerk", "custody-head", 1);
    assert!(changed != after && next != text);
    court.bench.publish(&format!("{before}{changed}")).await;
    let (by, events) = (court.by(), court.bench.events());
    let dry = ImportOptions::dry_run(TODAY).unwrap();
    for options in [dry.clone(), dry.for_real()] {
        let bytes = Cursor::new(list(&[&[SERIAL, KHALID]]));
        let import = court.bench.engine.import_manifest(&by, "list", bytes, &options, NOTHING);
        let error = import.await.unwrap_err();
        assert!(matches!(error, ImportError::Forbidden(_)), "{error}");
        assert_eq!(court.bench.events(), events);
    }
    court.bench.engine.stop().await;
}

#[tokio::test]
async fn a_list_is_not_closed_while_a_record_of_it_is_set_aside() {
    let court = Court::open().await;
    let engine = &court.bench.engine;
    let bad = court.import("bad", &list(&[&[KHALID], &[SERIAL, KHALID]])).await;
    let error = engine.close_manifest(&court.by(), bad.manifest, None).await.unwrap_err();
    assert!(matches!(error, CloseError::Open(1)), "{error}");
    let good = court.import("good", &list(&[&[SERIAL, KHALID]])).await;
    engine.close_manifest(&court.by(), good.manifest, None).await.unwrap();
    assert!(engine.manifest(good.manifest).await.unwrap().unwrap().state.closed);
    let events = court.bench.events();
    engine.close_manifest(&court.by(), good.manifest, None).await.unwrap();
    assert_eq!(court.bench.events(), events);
    let error = engine.close_manifest(&court.by(), StreamId(Uuid::nil()), None).await.unwrap_err();
    assert!(matches!(error, CloseError::Unknown), "{error}");
    court.bench.engine.stop().await;
}

#[tokio::test]
async fn the_refused_rows_come_back_as_they_were_sent_and_who_read_them_is_recorded() {
    let court = Court::open().await;
    let bytes = manifest("manifest-200");
    let report = court.import("list", &bytes).await;
    let before = court.bench.store.tamper(|tables| tables.accesses.len());
    let out = court.bench.engine.refused_rows(&court.viewer(), report.manifest, Vec::new()).await.unwrap();
    assert_eq!(court.bench.store.tamper(|tables| tables.accesses.len()), before + 1);
    let mut csv = csv::Reader::from_reader(out.strip_prefix("\u{feff}".as_bytes()).unwrap());
    let header = csv.headers().unwrap().clone();
    let place = header.iter().position(|column| column == "record").unwrap();
    let refused: Vec<u64> = csv.records().map(|row| row.unwrap()[place].parse().unwrap()).collect();
    let expected: Vec<u64> = report
        .lines
        .iter()
        .filter(|line| line.verdict >= Verdict::SetAside)
        .map(|line| line.record)
        .collect();
    assert_eq!(refused, expected);

    // it can be sent in again: its report columns are not read
    let again = court.dry_run("again", &out).await;
    assert_eq!(again.lines.len(), refused.len());
    court.bench.engine.stop().await;
}

#[tokio::test]
async fn whoever_is_no_intake_clerk_imports_and_reads_nothing() {
    let mut court = Court::open().await;
    court.clerk = court.bench.official("Judge", &["investigating-judge"]).await;
    let events = court.bench.events();
    let options = ImportOptions::dry_run(TODAY).unwrap();
    let bytes = Cursor::new(manifest("manifest-200"));
    let error =
        court.bench.engine.import_manifest(&court.by(), "list", bytes, &options, NOTHING).await.unwrap_err();
    assert!(matches!(error, ImportError::Forbidden(_)), "{error}");
    assert_eq!(court.bench.events(), events);
    let error = court
        .bench
        .engine
        .refused_rows(&court.viewer(), StreamId(Uuid::nil()), Vec::new())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("not permitted"), "{error}");
    court.bench.engine.stop().await;
}
