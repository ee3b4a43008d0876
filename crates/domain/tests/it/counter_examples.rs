//! Counter-examples of the bad files, as test files: which findings have one, and that it speaks of the mistake alone.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use qadiya_domain::calendar::Calendar;
use qadiya_domain::case::counter_example::counter_examples;
use qadiya_domain::case::rehearse::rehearse;
use qadiya_domain::name::Name;
use qadiya_domain::workflow::test_file::{Test, read};
use qadiya_domain::workflow::{Definition, Source, load};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

fn calendar(name: &Name) -> Option<Arc<Calendar>> {
    let bytes = std::fs::read(folder("good/calendars").join(format!("{name}.yaml"))).ok()?;
    Some(Arc::new(Calendar::read(&bytes).unwrap()))
}

fn definition(text: &str) -> Definition {
    load(&Source { text: text.as_bytes(), calendars: &calendar }).unwrap()
}

fn printed(test: &Test) -> Test {
    let text = test.to_string();
    let mut tests = read(text.as_bytes()).unwrap_or_else(|faults| panic!("{faults:?}\n{text}"));
    tests.remove(0)
}

/// Findings that no run can show, or that no case really has: a payment on which a later act relied is not annulled.
const WITHOUT: [&str; 3] = ["E-reach", "E-dead", "E-auto"];

#[test]
fn every_finding_of_a_bad_file_that_a_run_can_show_has_a_counter_example_that_runs() {
    let mut shown = BTreeSet::new();
    let mut missing = Vec::new();
    let mut paths: Vec<PathBuf> = ["bad", "bad/search"]
        .into_iter()
        .flat_map(|folder_of| std::fs::read_dir(folder(folder_of)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    paths.sort();
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let Ok(def) = load(&Source { text: text.as_bytes(), calendars: &calendar }) else { continue };
        for (finding, test) in counter_examples(&def) {
            let check = finding.check.to_string();
            match test {
                Some(test) => {
                    rehearse(&def, &printed(&test))
                        .unwrap_or_else(|surprise| panic!("{file}: {surprise}\n{test}"));
                    assert_eq!(printed(&test).to_string(), test.to_string());
                    shown.insert(check);
                }
                None if WITHOUT.contains(&check.as_str()) || finding.story.is_empty() => {}
                None if path.parent().is_some_and(|folder| folder.ends_with("search")) => {
                    missing.push(format!("{file}: {check} at {}", finding.at))
                }
                // A file with another mistake may forbid the way by it: a wait that never ends, a system that nobody is.
                None => {}
            }
        }
    }
    let wanted = [
        "E-complete",
        "E-held",
        "E-irregular",
        "E-proper",
        "E-route",
        "E-stage",
        "W-escape",
        "W-exit",
        "W-roles",
    ];
    assert_eq!(shown.iter().map(String::as_str).collect::<Vec<_>>(), wanted);
    assert_eq!(
        missing,
        [
            "E-auto-round-and-round.yaml: E-complete at waiting",
            "E-complete-annulled-payment.yaml: E-complete at paid",
            "E-complete-annulled-payment.yaml: W-exit at paid",
        ]
    );
}

#[test]
fn a_counter_example_does_not_run_where_the_mistake_is_mended() {
    for (file, wrong, right, check) in [
        (
            "E-complete-nobody-leads-on",
            "decide: {from: waiting",
            "decide: {from: [waiting, shelved]",
            "E-complete",
        ),
        ("W-exit-guard-gap", "kind is plain or kind is grave}", "kind is known}", "W-exit"),
        ("E-route-none-is-true", "{if: kind is plain, to: decided}", "{to: decided}", "E-route"),
        ("E-stage-lowers", "at ready or kind is grave", "at ready", "E-stage"),
        ("E-held-no-office", "cell: {held: true}", "cell: {}", "E-held"),
        ("E-proper-open-at-the-end", "open-in: [waiting, decided]", "open-in: waiting", "E-proper"),
        ("W-escape-held-by-a-track", "on-leave: must-finish", "on-leave: stop", "W-escape"),
    ] {
        let text = std::fs::read_to_string(folder(&format!("bad/search/{file}.yaml"))).unwrap();
        let examples = counter_examples(&definition(&text));
        let (_, test) = examples.iter().find(|(finding, _)| finding.check.to_string() == check).unwrap();
        let test = printed(test.as_ref().unwrap());
        assert!(text.contains(wrong), "{file} has no `{wrong}`");
        let mended = definition(&text.replace(wrong, right));
        assert!(rehearse(&mended, &test).is_err(), "{file}: {test}");
    }
}
