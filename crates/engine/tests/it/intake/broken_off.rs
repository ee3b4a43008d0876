//! A store that fails between the opening of cases and the claims on persons: the import breaks off there, and started
//! again it ends like one in one go.

use std::collections::BTreeMap;
use std::io::Cursor;

use qadiya_devkit::trials;
use qadiya_domain::ids::StreamKind;
use qadiya_engine::intake::{ImportError, ImportOptions};

use super::{Court, NOTHING, TODAY, compare, manifest};

/// Cases by workflow and state, and persons, with the number of their events.
fn counts(court: &Court) -> (BTreeMap<(String, String, u64), u64>, u64, u64) {
    court.bench.store.tamper(|tables| {
        let mut cases = BTreeMap::new();
        for row in tables.cases.values() {
            *cases.entry((row.workflow.to_string(), row.main.to_string(), row.version)).or_default() += 1;
        }
        let persons = tables.entities.values().filter(|row| row.kind == StreamKind::Person);
        let (mut known, mut claims) = (0, 0);
        for person in persons {
            known += 1;
            claims += person.version;
        }
        (cases, known, claims)
    })
}

#[tokio::test]
async fn an_import_whose_store_fails_between_cases_and_persons_ends_like_one_in_one_go() {
    let list = manifest("manifest-2225");
    let whole = Court::open().await;
    whole.import("list", &list).await;
    let expected = counts(&whole);
    let persons = whole.bench.store.tamper(|tables| {
        tables
            .events
            .keys()
            .filter(|(stream, _)| {
                tables.entities.get(stream).is_some_and(|row| row.kind == StreamKind::Person)
            })
            .count()
    });
    whole.bench.engine.stop().await;

    let n = usize::try_from(trials::count(4, 60).unwrap()).unwrap();
    for trial in 0..n {
        // So many claims on persons are written before the store takes no more.
        let taken = persons * trial / n;
        let (store, court) = Court::open_faulty().await;
        store.close_to(StreamKind::Person, taken);
        let options = ImportOptions::dry_run(TODAY).unwrap().for_real();
        let bytes = Cursor::new(list.clone());
        let error = court
            .bench
            .engine
            .import_manifest(&court.by(), "list", bytes, &options, NOTHING)
            .await
            .unwrap_err();
        assert!(matches!(error, ImportError::Registry { .. }), "{error}");
        let (cases, known, _) = counts(&court);
        let opened: u64 = cases
            .iter()
            .filter(|((workflow, ..), _)| workflow == "detainee-case")
            .map(|(_, count)| count)
            .sum();
        assert!(opened > known, "{opened} cases, {known} persons: it broke off between the two");
        store.open_again();
        let report = court.import("list", &list).await;
        compare(&report, "manifest-2225");
        assert!(report.lines.iter().all(|line| line.case.is_some()), "no record is without a case");
        assert_eq!(counts(&court), expected, "after {taken} claims on persons");
        court.bench.engine.stop().await;
    }
}
