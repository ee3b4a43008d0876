//! The closure, held against a mapping of whole cases written from the page alone and a walk to the end.

use proptest::prelude::*;
use qadiya_devkit::trials;

use super::naive::{Draws, Met, Seen, Whole, completing, derived, drawn, explore, start};
use super::*;
use crate::workflow::guard::{Constant, Guard};
use crate::workflow::model::{OnLeave, ValueType};

/// Where a whole case goes, or why it has no place. What `migrate` does not name stays.
fn moved(old: &Definition, new: &Definition, whole: &Whole) -> Result<Whole, Reason> {
    let states = new.migrate.as_ref().map(|migrate| migrate.states.as_slice()).unwrap_or_default();
    let to = |state: &Name| states.iter().find(|(from, _)| from == state).map_or(state, |(_, to)| to).clone();
    let main = |state: &Name| {
        let to = to(state);
        if new.states.get(&to).is_some() { Ok(to) } else { Err(Reason::NoSuchState(to)) }
    };
    let mut after = Whole { filed: whole.filed, ..Whole::default() };
    after.at.main = whole.at.main.as_ref().map(main).transpose()?;
    if after.at.main.as_ref().is_some_and(|main| new.states.get(main).unwrap().suspended) {
        after.at.before = whole.at.before.as_ref().map(main).transpose()?;
    }
    for track in &old.tracks {
        let Some(state) = whole.at.tracks.get(&track.name) else { continue };
        let to = to(state);
        let into = new.tracks.iter().find(|track| track.states.get(&to).is_some());
        let unfinished = track.on_leave == OnLeave::MustFinish && !track.states.get(state).unwrap().is_final;
        match into {
            Some(into) => {
                after.at.tracks.insert(into.name.clone(), to);
            }
            None if new.tracks.get(&track.name).is_none() && !unfinished => {}
            None => return Err(Reason::NoSuchState(to)),
        }
    }
    let given = new.migrate.as_ref().map(|migrate| migrate.facts.as_slice()).unwrap_or_default();
    for fact in &new.facts {
        let value = match given.iter().find(|(name, _)| *name == fact.name) {
            Some((_, value)) => Some(value.clone()),
            None if old.facts.get(&fact.name).is_none() => fact.starts.clone(),
            None => whole.facts.get(&fact.name).cloned(),
        };
        let Some(value) = value else { continue };
        let can_be = match (&fact.value, &value) {
            (ValueType::Choice(choices), Constant::Choice(name)) => choices.get(name).is_some(),
            (ValueType::Flag, Constant::Flag(_)) | (ValueType::Number, Constant::Number(_)) => true,
            _ => false,
        };
        if !can_be {
            return Err(Reason::ValueGone { record: None, name: fact.name.clone() });
        }
        after.facts.insert(fact.name.clone(), value);
    }
    Ok(derived(new, after))
}

/// What the guards of a file can tell of a whole case.
fn told(def: &Definition, whole: &Whole) -> (crate::workflow::configuration::Configuration, bool, Vec<bool>) {
    let atoms = super::atoms::Atoms::of(def);
    let view = Seen { machines: &whole.at, whole };
    let facts: Vec<&Guard> = atoms.facts.values().flatten().collect();
    let filed = whole.filed && !atoms.filed.is_empty();
    (whole.at.clone(), filed, facts.iter().map(|atom| atom.holds(&def.rules, &view)).collect())
}

/// How much was compared.
#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    pairs: usize,
    safe: usize,
    left_out: [usize; 4],
}

/// A drawn file; half of them let a case end from most of its states.
fn first_version(numbers: &[u8]) -> String {
    let text = drawn(numbers);
    let end = text.lines().find_map(|line| line.trim().strip_suffix(": {final: done}"));
    match end.filter(|_| numbers[0].is_multiple_of(2)) {
        Some(end) => {
            let close = format!("  close: {{from: [s0, s1], to: {end}, by: [clerk], stops-tracks: true}}\n");
            text.replace("deadlines:\n", &[&close, "deadlines:\n"].concat())
        }
        None => text,
    }
}

/// A version after a drawn one: some draws fall otherwise, a state has another name, a value is gone; and a `migrate`
/// that is often wrong.
fn next_version(numbers: &[u8], edits: &[u8]) -> String {
    let mut draws = Draws(edits.iter());
    let mut changed = numbers.to_vec();
    for _ in 0..draws.below(4) {
        let at = draws.below(changed.len());
        changed[at] = changed[at].wrapping_add(1 + u8::try_from(draws.below(3)).unwrap());
    }
    if draws.once_in(5) {
        // The second number says how many tracks there are.
        changed[1] = u8::try_from(draws.below(2)).unwrap();
    }
    let mut text = first_version(&changed).replace("version: 1\n", "version: 2\n");
    let mut states = Vec::new();
    if draws.once_in(3) {
        let number = draws.below(3);
        let (state, renamed) = (format!("s{number}"), format!("r{number}"));
        text = text.replace(&state, &renamed);
        if !draws.once_in(3) {
            states.push(format!("{state}: {renamed}"));
        }
    }
    if draws.once_in(4) {
        text = text.replace("[red, green, blue]", "[red, green]").replace("blue", "green");
    }
    if draws.once_in(6) {
        text = text.replace("t0c", "t0z");
        if !draws.once_in(3) {
            states.push("t0c: t0z".to_owned());
        }
    }
    // A line that is wrong more often than not.
    if draws.once_in(3) {
        let (from, to) = (1 + draws.below(3), draws.below(4));
        states.retain(|line| !line.starts_with(&format!("s{from}:")));
        states.push(format!("s{from}: s{to}"));
    }
    if draws.once_in(5) {
        states.push("t0a: t0b".to_owned());
    }
    let facts = ["", ", facts: {kind: red}", ", facts: {flagged: yes, size: 2}", ", facts: {size: 0}"];
    let facts = if draws.once_in(2) { facts[draws.below(4)] } else { "" };
    text.push_str(&format!(
        "migrate: {{from-version: 1, states: {{{}}}{facts}, otherwise: ask}}\n",
        states.join(", ")
    ));
    text
}

/// Compares one pair; nothing when a file could not be read.
fn compare(numbers: &[u8], edits: &[u8], tally: &mut Tally) -> Result<(), TestCaseError> {
    let (one, other) = (first_version(numbers), next_version(numbers, edits));
    let read = |text: &str| load(&Source { text: text.as_bytes(), calendars: &|_| None });
    let (Ok(old), Ok(new)) = (read(&one), read(&other)) else { return Ok(()) };
    // As in the comparison of the searches: the naive step leaves this to its caller.
    let breaks_open = |def: &Definition| {
        def.commands.iter().any(|command| command.irregular) && def.tracks.iter().len() > 0
    };
    if breaks_open(&old) || breaks_open(&new) {
        return Ok(());
    }
    let pair = || format!("{one}\n---\n{other}");
    let closure = Closure::of(&old, &new, LIMIT).unwrap();
    let ends = |whole: &Whole| {
        let main = whole.at.main.as_ref().and_then(|main| old.states.get(main));
        main.is_none_or(|main| main.final_outcome.is_some())
    };
    let open: Vec<Whole> = explore(&old, [start(&old)]).into_keys().filter(|whole| !ends(whole)).collect();
    let images: Vec<Result<Whole, Reason>> = open.iter().map(|whole| moved(&old, &new, whole)).collect();
    let known: BTreeSet<_> = explore(&new, [start(&new)]).keys().map(|whole| told(&new, whole)).collect();
    // Walked from where the cases land, not from the beginning.
    let onward: Met = explore(&new, images.iter().flatten().cloned());
    let good = completing(&new, &onward);
    let mut expected: BTreeSet<(Name, Reason)> = BTreeSet::new();
    for (whole, image) in open.iter().zip(images) {
        let lands = image.and_then(|image| {
            if !known.contains(&told(&new, &image)) {
                Err(Reason::NotReachable)
            } else if good.contains(&image) {
                Ok(())
            } else {
                Err(Reason::NoEnd)
            }
        });
        let standing = Standing {
            machines: whole.at.clone(),
            view: &Seen { machines: &whole.at, whole },
            covered: false,
        };
        prop_assert_eq!(&closure.brings_over(&standing), &lands, "{:?}\n{}", whole, pair());
        match lands {
            Ok(()) => tally.safe += 1,
            Err(reason) => {
                tally.left_out[match reason {
                    Reason::NoSuchState(_) => 0,
                    Reason::ValueGone { .. } => 1,
                    Reason::NotReachable => 2,
                    Reason::NoEnd => 3,
                }] += 1;
                expected.insert((whole.at.main.clone().unwrap(), reason));
            }
        }
    }
    let listed: BTreeSet<(Name, Reason)> =
        closure.left_out.iter().map(|left| (left.state.clone(), left.reason.clone())).collect();
    prop_assert_eq!(&listed, &expected, "{}", pair());
    for left in &closure.left_out {
        let named = format!("`{}`", left.state);
        let here = left.story.iter().find(|line| line.starts_with("Here: "));
        prop_assert!(here.is_some_and(|here| here.contains(&named)), "{:?}\n{}", left, pair());
    }
    prop_assert!(closure.safe() <= closure.open, "{}", pair());
    prop_assert_eq!(closure.safe() == closure.open, listed.is_empty(), "{}", pair());
    tally.pairs += 1;
    Ok(())
}

#[test]
fn the_closure_agrees_with_cases_mapped_one_by_one_and_walked_to_their_end() {
    let wanted = usize::try_from(trials::count(500, 500).unwrap()).unwrap();
    let tally = std::cell::RefCell::new(Tally::default());
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: u32::try_from(wanted).unwrap() * 16,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let numbers = |length| proptest::collection::vec(any::<u8>(), length);
    runner
        .run(&(numbers(120), numbers(24)), |(file, edits)| {
            let mut tally = tally.borrow_mut();
            if tally.pairs < wanted { compare(&file, &edits, &mut tally) } else { Ok(()) }
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
    let tally = tally.into_inner();
    println!("{tally:?}");
    assert_eq!(tally.pairs, wanted, "too few of the drawn files could be read");
    assert!(tally.safe > wanted && tally.left_out.iter().all(|times| *times > wanted / 10), "{tally:?}");
}

/// Appeals with a clock each; a command that leads on when all are late, and one that comes of itself at the end.
const APPEALS: &str = "\
workflow: appeals
version: 1
title: Appeals
stages: {open: {when: at waiting}}
roles: {clerk: {}}
facts: {}
records: {appeal: {many: true, fields: {kind: {type: text}}}}
states:
  waiting: {}
  closing: {}
  lost: {final: lost, exceptional: true}
  closed: {final: closed}
tracks:
  appeals: {open-in: [waiting, closing], on-leave: stop, per: appeal, begins: lodged, states: {lodged: {}, heard: {final: true}}}
commands:
  open: {from: new, to: waiting, by: [clerk]}
  appeal: {from: waiting, stays: true, by: [clerk], records: {appeal: required}}
  go: {from: waiting, to: closing, by: [clerk], if: every appeal has (in-time has passed)}
  lose: {from: closing, to: lost, by: [system], when: AT-ONCE, clerical: for this test}
  close: {from: closing, to: closed, by: [clerk]}
deadlines:
  in-time: {while: lodged, within: 9 hours, late: [{after: 0 hours, tell: [clerk]}]}
time: {first-day: excluded, ends: same-time, if-not-working: same}
";

#[test]
fn clocks_of_records_come_over_as_migrate_says() {
    let left_out = |at_once: &str, migrate: &str| -> Vec<(String, Reason)> {
        let old = APPEALS.replace("AT-ONCE", at_once);
        let new = old.replace("version: 1\n", "version: 2\n");
        let new = format!("{new}migrate: {{from-version: 1{migrate}, otherwise: ask}}\n");
        let (old, new) = (read(&old), read(&new));
        let closure = Closure::of(&old, &new, LIMIT).unwrap();
        assert!(closure.open > 3);
        closure.left_out.iter().map(|left| (left.state.to_string(), left.reason.clone())).collect()
    };
    // An appeal in time loses the case; in every case that waits to be closed all of them are late.
    let in_time = "some appeal has (not (in-time has passed))";
    // One in time beside one that is late loses it: where all are late they all begin again, but may be recomputed apart.
    let apart = "some appeal has (in-time has passed) and some appeal has (not (in-time has passed))";
    let closing = ("closing".to_owned(), Reason::NoEnd);
    let mut wrong = Vec::new();
    for (at_once, migrate, expected) in [
        (in_time, "", None),
        (in_time, ", deadlines: {in-time: keep}", None),
        (in_time, ", deadlines: {in-time: restart}", Some(&closing)),
        (in_time, ", deadlines: {in-time: recompute}", Some(&closing)),
        (apart, ", deadlines: {in-time: keep}", None),
        (apart, ", deadlines: {in-time: restart}", None),
        (apart, ", deadlines: {in-time: recompute}", Some(&closing)),
    ] {
        let left = left_out(at_once, migrate);
        if left.iter().collect::<Vec<_>>() != expected.into_iter().collect::<Vec<_>>() {
            wrong.push((at_once, migrate, left));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn too_many_clocks_of_one_record_to_be_recomputed_are_told() {
    let asked = |clocks: usize| {
        let all: Vec<String> = (0..clocks).map(|at| format!("some appeal has (c{at} has passed)")).collect();
        let late = |at| {
            format!(
                "  c{at}: {{while: lodged, within: 9 hours, late: [{{after: 0 hours, tell: [clerk]}}]}}\n"
            )
        };
        let deadlines: String = (0..clocks).map(late).collect();
        let old = APPEALS
            .replace("AT-ONCE", &all.join(" and "))
            .replace("\ntime:", &["\n", &deadlines, "time:"].concat());
        let recomputed: Vec<String> = (0..clocks).map(|at| format!("c{at}: recompute")).collect();
        let new = old.replace("version: 1\n", "version: 2\n");
        let new = format!(
            "{new}migrate: {{from-version: 1, deadlines: {{{}}}, otherwise: ask}}\n",
            recomputed.join(", ")
        );
        Closure::of(&read(&old), &read(&new), LIMIT).map(|closure| closure.open)
    };
    assert!(asked(2).unwrap() > 3);
    assert_eq!(asked(3).unwrap_err(), "3 clocks of each `appeal` are recomputed, and guards tell them apart");
}
