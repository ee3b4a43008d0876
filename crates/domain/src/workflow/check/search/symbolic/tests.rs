//! The symbolic search against the explicit one: the same findings in the same words, and stories that can be gone.

use proptest::prelude::*;

use super::super::tests::naive::drawn;
use super::super::tests::{ORACLE, file, read};
use super::super::*;
use super::*;
use crate::workflow::model::Definition;
use crate::workflow::read::{Source, load};

/// What a finding says, and how long its story is. Of several shortest stories each search may tell another, and with it
/// other stages that are left and come to.
type Said = (CheckId, String, Place, String, Option<String>, usize);

fn said(all: &[Finding]) -> BTreeSet<Said> {
    all.iter()
        .map(|one| {
            let (check, at, mut message) = (one.check, one.at.clone(), one.message.clone());
            if check == CheckId::Stage
                && let (Some(from), Some(to)) = (message.find(" from "), message.find(", in "))
            {
                message.replace_range(from..to, "");
            }
            (check, at, one.place, message, one.hint.clone(), one.story.len())
        })
        .collect()
}

/// Both searches over the whole file; every step told by the symbolic one is a step of the explicit one.
fn compare(def: &Definition) -> Result<Vec<Finding>, String> {
    let model = Model::of(def);
    let watched = watched(def);
    let tests: Vec<Test> = watched.iter().map(|watched| model.test(watched.guard)).collect();
    let tests: Vec<&Test> = tests.iter().collect();
    let cones = Cones::of(&model, &tests);
    let whole: BTreeSet<Var> = (0..model.vars.len()).collect();
    let packing = Packing::of(&model.sizes, &whole).unwrap();
    let items: Vec<Item> = cones.items.iter().map(|(item, _)| *item).collect();

    let explicit = Graph::search(&model, &packing, &whole, cones.acts(&whole), &tests, ORACLE).unwrap();
    let answers = Answers::of(&explicit, &items);
    let mut expected = Vec::new();
    items.iter().for_each(|item| judge(&explicit, &answers, *item, &watched, &mut expected));

    let (graph, answers) =
        search(&model, &packing, &whole, cones.acts(&whole), (&items, &tests), 1 << 20).unwrap();
    let mut found = Vec::new();
    items.iter().for_each(|item| judge(&graph, &answers, *item, &watched, &mut found));

    let (one, other) = (said(&expected), said(&found));
    if one != other {
        return Err(format!(
            "explicit only: {:#?}\nsymbolic only: {:#?}",
            one.difference(&other).collect::<Vec<_>>(),
            other.difference(&one).collect::<Vec<_>>()
        ));
    }
    for node in 0..graph.keys.len() {
        let mut before = graph.key(0);
        for (at, number) in graph.path(node) {
            let mut edges = Vec::new();
            for act in &explicit.compiled {
                explicit.stepper.act(act, before, &mut edges);
            }
            for free in &model.free {
                explicit.stepper.free(free, before, &mut edges);
            }
            if !edges.iter().any(|edge| edge.number == number && edge.to == graph.key(at)) {
                return Err(format!("this step cannot be gone: {}", story::story(&graph, at).join("\n")));
            }
            before = graph.key(at);
        }
    }
    Ok(found)
}

#[test]
fn both_searches_say_the_same_of_the_worked_example_and_the_workflows_of_this_repository() {
    for path in [
        "good/detainee-example.yaml",
        "../../../workflows/road-fine.v1.yaml",
        "../../../workflows/intake-record.v1.yaml",
        "../../../workflows/detainee-case.v1.yaml",
    ] {
        compare(&read(&file(path))).unwrap_or_else(|difference| panic!("{path}\n{difference}"));
    }
}

#[test]
fn both_searches_say_the_same_of_random_files() {
    let compared = std::cell::Cell::new(0);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    runner
        .run(&proptest::collection::vec(any::<u8>(), 40..160), |numbers| {
            let text = drawn(&numbers);
            if let Ok(def) = load(&Source { text: text.as_bytes(), calendars: &|_| None }) {
                compare(&def).map_err(|difference| TestCaseError::fail(format!("{difference}\n{text}")))?;
                compared.set(compared.get() + 1);
            }
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
    assert!(compared.get() > 50, "only {} of the drawn files could be read", compared.get());
}
