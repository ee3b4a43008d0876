//! The searches, held against the worked example, seeded mistakes, random files, a naive second search and the engine.

mod closure;
pub(crate) mod engine;
pub(crate) mod example;
pub(crate) mod naive;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::calendar::Calendar;
use crate::name::Name;
use crate::workflow::read::{Source, load};

/// How many configurations the explicit search meets where it is the oracle of the other one.
pub(crate) const ORACLE: usize = 1_000_000;

/// A file of the folder of test files.
pub(crate) fn file(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(path)).unwrap()
}

fn calendar(name: &Name) -> Option<Arc<Calendar>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/good/calendars/{name}.yaml"));
    let path = if path.exists() {
        path
    } else {
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../workflows/calendars/{name}.v1.yaml"))
    };
    Some(Arc::new(Calendar::read(&std::fs::read(path).ok()?).unwrap()))
}

/// Reads a file without any check.
pub(crate) fn read(text: &str) -> Definition {
    load(&Source { text: text.as_bytes(), calendars: &calendar }).unwrap_or_else(|faults| {
        panic!("{}", faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })
}

/// What all checks find in a file, those of a file that cannot be loaded included.
pub(crate) fn all_findings(text: &str) -> Vec<Finding> {
    match crate::workflow::read(&Source { text: text.as_bytes(), calendars: &calendar }) {
        Ok(def) => def.findings,
        Err(faults) => faults,
    }
}

/// What the searches find in a file.
pub(crate) fn findings_of(text: &str) -> Vec<String> {
    findings(&read(text), LIMIT).iter().map(ToString::to_string).collect()
}

/// How many configurations the whole file has.
pub(crate) fn graph_size(def: &Definition) -> usize {
    let model = Model::of(def);
    let cones = Cones::of(&model, &[]);
    let whole: BTreeSet<Var> = (0..model.vars.len()).collect();
    let packing = Packing::of(&model.sizes, &whole).unwrap();
    Graph::search(&model, &packing, &whole, cones.acts(&whole), &[], ORACLE).unwrap().keys.len()
}
