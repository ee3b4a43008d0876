//! Counter-examples of bad files and of random ones run and show what they say; and what the checks pass is walked at
//! random by real cases.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test names the checks it looks for")]

use std::collections::{BTreeMap, VecDeque};

use qadiya_devkit::trials;

use super::*;
use crate::workflow::check::search::tests::{engine, naive};
use crate::workflow::check::search::{LIMIT, findings, symbolic};
use crate::workflow::finding::CheckId;
use crate::workflow::model::From;
use crate::workflow::{Source, load};

/// Splitmix64, for numbers that a seed repeats.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    fn bytes(&mut self) -> Vec<u8> {
        (0..160).map(|_| u8::try_from(self.below(256)).unwrap()).collect()
    }
}

type Draw = fn(&[u8]) -> String;

/// Random files that the reader takes.
fn files(seed: u64, draw: Draw) -> impl Iterator<Item = (String, Definition)> {
    let mut dice = Dice(seed);
    std::iter::repeat_with(move || draw(&dice.bytes())).filter_map(|text| {
        let def = load(&Source { text: text.as_bytes(), calendars: &|_| None }).ok()?;
        Some((text, def))
    })
}

/// A case of a test, after its steps.
fn after<'d>(def: &'d Definition, test: &Test) -> Path<'d> {
    let mut path = Path { stage: Stage::set(def, test.at, &[]).unwrap(), steps: Vec::new() };
    for step in &test.steps {
        if step.refused_because.is_empty() {
            path = path.take(step.what.clone()).unwrap_or_else(|_| panic!("{step}"));
        }
    }
    path
}

/// Everything that anybody can do to a case: commands, edits, papers.
fn acts<'g>(guide: &Guide<'g>, path: &Path<'g>) -> Vec<Path<'g>> {
    let def = guide.def;
    let opened = path.stage.case.opened.is_some();
    let mut found = Vec::new();
    for command in def.commands.iter().filter(|command| command.when.is_none()) {
        if opened == matches!(command.from, From::New) {
            continue;
        }
        for (outcome, _) in command.branches() {
            for doing in choices::doings(guide.ground, &path.stage, command, outcome) {
                let done = guide.people(&command.by).into_iter();
                found.extend(done.map(|who| guide.done(path, &who, command, &doing)).find_map(Result::ok));
            }
        }
    }
    for fact in def.facts.iter().filter(|fact| !fact.editable_by.is_empty()) {
        for value in choices::values(guide.ground, None, &fact.name, &fact.value, path.stage.civil()) {
            let who = guide.people(&fact.editable_by).remove(0);
            found.extend(path.take(What::Edit(who, vec![(fact.name.clone(), value)])).ok());
        }
    }
    for document in &def.documents {
        let who = guide.people(&document.from).remove(0);
        found.extend(path.take(What::File(who, document.name.clone())).ok());
    }
    found
}

fn state<'d>(path: &Path<'d>) -> Option<&'d crate::workflow::model::State> {
    path.stage.case.main.as_ref().and_then(|main| path.stage.def.states.get(main))
}

fn has_ended_well(path: &Path<'_>) -> bool {
    state(path).is_some_and(|state| state.final_outcome.is_some() && !state.exceptional)
}

/// Whether real acts bring a case to a normal end, past no exceptional state: everything it can become is met, but what
/// no guard tells apart.
fn can_end(guide: &Guide<'_>, from: &Path<'_>) -> bool {
    let place = |path: &Path<'_>| standing(&path.stage, |standing| guide.ground.place(standing));
    let mut met = BTreeSet::from([place(from)]);
    let mut open = VecDeque::from([from.clone()]);
    while let Some(path) = open.pop_front() {
        if has_ended_well(&path) {
            return true;
        }
        for next in acts(guide, &path) {
            if !state(&next).is_some_and(|state| state.exceptional) && met.insert(place(&next)) {
                assert!(met.len() < 5_000, "the file is too large for this test");
                open.push_back(Path { steps: Vec::new(), ..next });
            }
        }
    }
    false
}

/// What a counter-example says, seen by acts that it does not name.
fn shows(guide: &Guide<'_>, finding: &Finding, test: &Test) -> bool {
    let path = after(guide.def, test);
    let last = &test.steps.last().unwrap().expect;
    let stage = |expect: &Expect| {
        let name = expect.stage.clone().unwrap();
        name.and_then(|name| guide.def.stages.position(&name)).map(|at| at + 1)
    };
    let held = state(&path).is_some_and(|state| state.held);
    match finding.check {
        CheckId::Complete => {
            let exceptional = state(&path).is_some_and(|state| state.exceptional);
            exceptional || !can_end(guide, &path)
        }
        CheckId::Gap => acts(guide, &path).iter().all(|next| {
            next.stage.case.main == path.stage.case.main || state(next).is_some_and(|state| state.exceptional)
        }),
        CheckId::Stage => {
            let before = &test.steps[test.steps.len() - 2].expect;
            stage(last) < stage(before)
        }
        CheckId::Escape => last.not_open.len() == 1 && *last.not_open[0] == *finding.at,
        CheckId::Route => test.steps.last().unwrap().refused_because == ["no-route"],
        CheckId::Irregular => held,
        CheckId::Held => held && last.covered == Some(false),
        CheckId::Proper | CheckId::Roles => last.outcome.is_some() && has_ended_well(&path),
        _ => false,
    }
}

/// Counter-examples of one file that do not show what they say; how many there are of each check, with and without file.
fn wrong(text: &str, def: &Definition, counts: &mut BTreeMap<CheckId, (u32, u32)>) -> Vec<String> {
    let ground = Ground::of(def);
    let guide = Guide { def, ground: &ground, role: None };
    let mut wrong = Vec::new();
    for (finding, test) in counter_examples(def) {
        let count = counts.entry(finding.check).or_default();
        let Some(test) = test else {
            count.1 += 1;
            continue;
        };
        count.0 += 1;
        let printed = test.to_string();
        let read = test_file::read(printed.as_bytes()).unwrap();
        let run = rehearse(def, &read[0]);
        if run.is_err() || !shows(&guide, &finding, &test) {
            wrong.push(format!("{finding}\n{printed}{run:?}\n{text}"));
        }
    }
    wrong
}

#[test]
fn every_counter_example_of_a_random_file_runs_and_shows_what_it_says() {
    let each = usize::try_from(trials::count(3, 350).unwrap()).unwrap();
    let mut counts = BTreeMap::new();
    let draws: [(u64, Draw); 3] = [(1, naive::drawn), (2, engine::drawn), (3, symbolic::tests::with_records)];
    for (seed, draw) in draws {
        for (text, def) in files(seed, draw).take(each) {
            // With records, a search takes more for stuck than is: there a file shows where the case stands.
            let exact = def.records.is_empty();
            let wrong = wrong(&text, &def, &mut counts);
            let wrong: Vec<_> = wrong.iter().filter(|_| exact).collect();
            assert!(wrong.is_empty(), "{}", wrong[0]);
        }
    }
    println!("with a file, without: {counts:?}");
    let of = |check| counts.get(&check).copied().unwrap_or_default();
    let shown = [CheckId::Complete, CheckId::Gap, CheckId::Stage, CheckId::Escape, CheckId::Roles].map(of);
    let (with, without) = shown.iter().fold((0, 0), |(a, b), (with, without)| (a + with, b + without));
    assert!(with > without && with > 8, "{with} with a file, {without} without");
    assert_eq!(of(CheckId::Reach).0 + of(CheckId::Dead).0 + of(CheckId::Auto).0, 0);
}

#[test]
fn nearly_every_finding_of_a_file_without_records_that_a_run_can_show_has_one() {
    let mut counts = BTreeMap::new();
    let each = usize::try_from(trials::count(12, 350).unwrap()).unwrap();
    for (text, def) in files(4, naive::drawn).take(each) {
        let wrong = wrong(&text, &def, &mut counts);
        assert!(wrong.is_empty(), "{}", wrong[0]);
    }
    println!("with a file, without: {counts:?}");
    for check in [CheckId::Gap, CheckId::Route, CheckId::Escape, CheckId::Roles, CheckId::Proper] {
        let (_, without) = counts.get(&check).copied().unwrap_or_default();
        assert_eq!(without, 0, "{check}");
    }
}

#[test]
fn a_counter_example_that_says_too_much_does_not_run() {
    let mut refuted = 0;
    for (_, def) in files(1, naive::drawn).take(30) {
        for (_, test) in counter_examples(&def) {
            let Some(mut test) = test else { continue };
            let expect = &mut test.steps.last_mut().unwrap().expect;
            if expect.not_open.is_empty() {
                continue;
            }
            expect.open = std::mem::take(&mut expect.not_open);
            let read = test_file::read(test.to_string().as_bytes()).unwrap();
            assert!(rehearse(&def, &read[0]).is_err(), "{test}");
            refuted += 1;
        }
    }
    assert!(refuted > 10, "only {refuted} were turned round");
}

/// Random walks over files that the checks pass, or refuse as stuck; how many files and how many walks got stuck.
fn walks(each: usize, draw: Draw, passes: impl Fn(&[Finding]) -> bool) -> (u32, u32) {
    let mut dice = Dice(77);
    let (mut walked, mut stuck) = (0, 0);
    for (_, def) in files(5, draw).filter(|(_, def)| passes(&findings(def, LIMIT))).take(each) {
        let ground = Ground::of(&def);
        let guide = Guide { def: &def, ground: &ground, role: None };
        let at = guide.begins();
        let mut path = Path { stage: Stage::set(&def, at, &[]).unwrap(), steps: Vec::new() };
        for _ in 0..20 {
            if path.stage.case.outcome.is_some() {
                break;
            }
            let mut next = acts(&guide, &path);
            let clock = path.stage.case.next_step().is_some();
            if next.is_empty() && !clock {
                break;
            }
            if next.is_empty() {
                let due = path.stage.case.next_step().map(|(at, ..)| at).unwrap();
                path.stage.wait(due).unwrap();
            } else {
                path = next.swap_remove(dice.below(next.len()));
            }
        }
        walked += 1;
        let exceptional = state(&path).is_some_and(|state| state.exceptional);
        let fine = exceptional || can_end(&guide, &path);
        stuck += u32::from(!fine);
    }
    (walked, stuck)
}

#[test]
fn a_random_walk_through_a_file_that_passes_never_gets_stuck() {
    let each = usize::try_from(trials::count(12, 1_000).unwrap()).unwrap();
    let passes = |found: &[Finding]| !found.iter().any(|one| one.check == CheckId::Complete);
    let (walked, stuck) = walks(each, naive::drawn, passes);
    assert_eq!((usize::try_from(walked).unwrap(), stuck), (each, 0));
    // Without the check there are walks that do.
    let (walked, stuck) = walks(20, naive::drawn, |_| true);
    assert!(stuck > 3, "{stuck} of {walked} walks got stuck where nothing was checked");
}
