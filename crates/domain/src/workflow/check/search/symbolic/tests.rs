//! The symbolic search against the explicit one: the same findings in the same words, and stories that can be gone.

use std::fmt::Write as _;

use proptest::prelude::*;
use qadiya_devkit::trials;

use super::super::tests::naive::{Draws, drawn};
use super::super::tests::{ORACLE, file, read};
use super::super::*;
use super::*;
use crate::workflow::model::Definition;
use crate::workflow::read::{Source, load};

/// What a finding says, and how long its story is. Of several shortest stories each search may tell another, and with it
/// other stages that are left and come to.
type Said = (CheckId, String, Place, String, Option<String>, usize);

fn said(all: &[Found]) -> BTreeSet<Said> {
    all.iter()
        .map(|Found { finding: one, .. }| {
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
fn compare(def: &Definition) -> Result<(), String> {
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
    for item in &items {
        judge(&explicit, &answers, *item, &watched, &mut expected);
    }

    let (graph, answers) =
        search(&model, &packing, &whole, cones.acts(&whole), (&items, &tests), 1 << 20).unwrap();
    let mut found = Vec::new();
    for item in &items {
        judge(&graph, &answers, *item, &watched, &mut found);
    }

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
    Ok(())
}

#[test]
fn both_searches_say_the_same_of_the_files_of_this_repository() {
    for path in [
        "good/detainee-example.yaml",
        "../../../workflows/road-fine.v1.yaml",
        "../../../workflows/intake-record.v1.yaml",
        "../../../workflows/detainee-case.v1.yaml",
        "bad/search/E-auto-round-and-round.yaml",
        "bad/search/E-auto-two-at-once.yaml",
        "bad/search/E-complete-annulled-payment.yaml",
        "bad/search/E-complete-nobody-leads-on.yaml",
        "bad/search/E-complete-track-never-final.yaml",
        "bad/search/E-dead-entry-and-outcome.yaml",
        "bad/search/E-dead-nothing-to-wait-for.yaml",
        "bad/search/E-dead-where-the-record-named-stands.yaml",
        "bad/search/E-held-cover-filed-elsewhere.yaml",
        "bad/search/E-irregular-death-alone.yaml",
        "bad/search/E-irregular-nothing-can-be-recorded.yaml",
        "bad/search/E-proper-open-at-the-end.yaml",
        "bad/search/E-route-none-is-true.yaml",
        "bad/search/E-stage-lowers.yaml",
        "bad/search/W-escape-held-by-a-track.yaml",
        "bad/search/W-exit-guard-gap.yaml",
    ] {
        compare(&read(&file(path))).unwrap_or_else(|difference| panic!("{path}\n{difference}"));
    }
}

#[test]
fn both_searches_say_the_same_of_random_files() {
    agree_on(drawn);
}

#[test]
fn both_searches_say_the_same_of_random_files_with_records_clocks_and_automatic_commands() {
    agree_on(with_records);
}

/// Draws files and compares as many as are asked for: a thousand in each of the two tests at the published size.
fn agree_on(draw: fn(&[u8]) -> String) {
    let wanted = trials::count(250, 1_000).unwrap();
    let compared = std::cell::Cell::new(0);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: wanted * 16,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    runner
        .run(&proptest::collection::vec(any::<u8>(), 40..160), |numbers| {
            if compared.get() == wanted {
                return Ok(());
            }
            let text = draw(&numbers);
            if let Ok(def) = load(&Source { text: text.as_bytes(), calendars: &|_| None }) {
                compare(&def).map_err(|difference| TestCaseError::fail(format!("{difference}\n{text}")))?;
                compared.set(compared.get() + 1);
            }
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
    println!("{} files compared", compared.get());
    assert_eq!(compared.get(), wanted, "too few of the drawn files could be read");
}

/// A small file with what the other one leaves out: records with a track, clocks, automatic commands, annulments.
pub(crate) fn with_records(numbers: &[u8]) -> String {
    let mut draws = Draws(numbers.iter());
    let draws = &mut draws;
    let atoms = [
        "some item",
        "no item",
        "some item has (grade is high)",
        "every item has (at tidy)",
        "no item has (grade is high and at loose)",
        "slow has passed",
        "kind is red",
        "kind is not red",
        "at s1",
        "at loose",
        "at tidy",
        "at far",
        "authority has lapsed",
        "some item has (early has passed)",
        "sum of weight of item more than 3",
    ];
    let guard = |draws: &mut Draws<'_>| {
        let one = atoms[draws.below(atoms.len())];
        match draws.below(4) {
            0 => format!("{one} and {}", atoms[draws.below(atoms.len())]),
            1 => format!("not ({one} or {})", atoms[draws.below(atoms.len())]),
            _ => one.to_owned(),
        }
    };
    let mut text = format!(
        "workflow: drawn\nversion: 1\ntitle: Drawn\nstages:\n  open: {{when: at s0}}\n  later: {{when: {}}}\n\
         roles: {{clerk: {{}}}}\nfacts:\n  kind: {{type: choice, of: [red, green], starts: red}}\n\
         records:\n  item:\n    many: true\n    fields: {{grade: {{type: choice, of: [low, high]}}, weight: {{type: number}}}}\n\
         states:\n  s0: {{}}\n  s1: {{suspended: {}}}\n  s2: {{held: true, acts: clerk}}\n  s3: {{final: done}}\n  s4: {{final: lost, exceptional: true}}\n",
        guard(draws),
        draws.once_in(2)
    )
    .replace("{suspended: false}", "{}");
    let opened = |draws: &mut Draws<'_>| {
        ["every-state", "[s0, s1]", "s0", "[s1, s2]", "[s0, s2]"][draws.below(5)].to_owned()
    };
    let leave = |draws: &mut Draws<'_>| if draws.once_in(2) { "must-finish" } else { "stop" };
    write!(
        text,
        "tracks:\n  care:\n    per: item\n    open-in: {}\n    on-leave: {}\n",
        opened(draws),
        leave(draws)
    )
    .unwrap();
    if draws.once_in(3) {
        writeln!(text, "    open-if: {}", guard(draws)).unwrap();
    }
    text.push_str("    begins: loose\n    states: {loose: {}, tidy: {final: true}}\n");
    write!(text, "  side:\n    open-in: {}\n    on-leave: {}\n", opened(draws), leave(draws)).unwrap();
    if draws.once_in(2) {
        writeln!(text, "    open-if: {}", guard(draws)).unwrap();
    }
    text.push_str("    begins: near\n    states: {near: {}, far: {final: true}}\n");
    text.push_str("commands:\n  start: {from: new, to: s0, by: [clerk], records: {item: optional}}\n");
    for (name, way) in [("care-for", "from: loose, to: tidy"), ("let-go", "from: tidy, to: loose")] {
        let by = match draws.below(4) {
            0 => format!("by: [system], clerical: it follows, when: {}", guard(draws)),
            1 => format!("by: [clerk], if: {}", guard(draws)),
            _ => "by: [clerk]".to_owned(),
        };
        writeln!(text, "  {name}: {{{way}, {by}}}").unwrap();
    }
    for number in 0..3 + draws.below(5) {
        let from = ["s0", "s1", "s2", "[s0, s1]", "every-state", "near", "[near, far]"][draws.below(7)];
        writeln!(text, "  c{number}:\n    from: {from}").unwrap();
        if draws.once_in(4) {
            writeln!(text, "    by: [system]\n    clerical: it follows\n    when: {}", guard(draws)).unwrap();
        } else {
            text.push_str("    by: [clerk]\n");
            if draws.once_in(3) {
                text.push_str(
                    ["    records: {item: required}\n", "    records: {item: one-per item}\n"]
                        [draws.below(2)],
                );
            }
        }
        if draws.once_in(3) {
            writeln!(text, "    if: {}", guard(draws)).unwrap();
        }
        if draws.once_in(3) {
            text.push_str(["    sets: {kind: green}\n", "    sets: {kind: red}\n"][draws.below(2)]);
        }
        if draws.once_in(5) {
            text.push_str("    irregular: true\n");
        }
        if draws.once_in(4) {
            text.push_str("    stops-tracks: true\n");
        }
        let to = if from.contains("near") {
            ["to: near", "to: far", "stays: true"][draws.below(3)]
        } else {
            ["to: s0", "to: s1", "to: s2", "to: s3", "to: s4", "to: back", "stays: true", "to: [s2, far]"]
                [draws.below(8)]
        };
        writeln!(text, "    {to}").unwrap();
    }
    text.push_str("deadlines:\n");
    for (name, per) in [("slow", ""), ("early", "    per: item\n")] {
        let during =
            if per.is_empty() { ["s0", "[s0, s1]", "every-state", "near"][draws.below(4)] } else { "loose" };
        writeln!(text, "  {name}:\n    while: {during}\n    within: 9 hours").unwrap();
        text.push_str(per);
        if per.is_empty() && draws.once_in(3) {
            text.push_str(["    since: s1\n", "    since: far\n"][draws.below(2)]);
        }
        text.push_str("    late: [{after: 0 hours, tell: [clerk]}]\n");
    }
    if draws.once_in(3) {
        text.push_str(
            "corrections: {annul: [{command: c0, while: [s1, s2], returns-to: s0, by: [clerk]}]}\n",
        );
    }
    text.push_str("time: {first-day: excluded, ends: same-time, if-not-working: same}\n");
    text
}
