//! The tests of analysts that lie beside the shipped workflows run against the rules as they are.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use qadiya_domain::calendar::Calendar;
use qadiya_domain::case::rehearse::rehearse;
use qadiya_domain::name::Name;
use qadiya_domain::workflow::{self, Source, test_file};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../workflows")
}

fn calendar(name: &Name) -> Option<Arc<Calendar>> {
    let bytes = std::fs::read(folder().join(format!("calendars/{name}.v1.yaml"))).ok()?;
    Some(Arc::new(Calendar::read(&bytes).unwrap()))
}

#[test]
fn the_tests_of_the_shipped_workflows_pass() {
    let (mut tests, mut surprises) = (0, Vec::new());
    for workflow in ["detainee-case", "intake-record", "road-fine"] {
        let text = std::fs::read(folder().join(format!("{workflow}.v1.yaml"))).unwrap();
        let definition = workflow::load(&Source { text: &text, calendars: &calendar }).unwrap();
        let text = std::fs::read(folder().join(format!("tests/{workflow}.yaml"))).unwrap();
        for test in test_file::read(&text).unwrap() {
            tests += 1;
            if let Err(surprise) = rehearse(&definition, &test) {
                surprises.push(format!("{workflow}, {}: {surprise}", test.title));
            }
        }
    }
    assert!(tests >= 9 && surprises.is_empty(), "of {tests} tests: {surprises:#?}");
}
