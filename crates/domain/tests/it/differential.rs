//! Two readings of the language under the same acts: the engine, and the interpreter written from the page alone.

mod acts;
pub(crate) mod dice;
pub(crate) mod engine;
mod files;
mod outside;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::SignedDuration;
use qadiya_devkit::trials;
use qadiya_domain::calendar::Calendar;
use qadiya_domain::name::Name;
use qadiya_domain::workflow::{self, Definition, Source};

pub(crate) use acts::Turn;
use acts::turn;
use dice::Dice;
use engine::{Engine, picture};

use crate::bench::{CALENDAR, HEAD};
use crate::oracle::{Fault, Oracle};

/// Things that happen in one run.
const TURNS: usize = 40;

const FAULTS: [Fault; 16] = [
    Fault::GuardNegated,
    Fault::DayOff,
    Fault::NoSeparation,
    Fault::OwnSignature,
    Fault::RoutesBackwards,
    Fault::NoTrack,
    Fault::NoPause,
    Fault::NoExtension,
    Fault::LadderOnlyTells,
    Fault::NoHold,
    Fault::SetsFirst,
    Fault::UnsignedPapers,
    Fault::NoWait,
    Fault::FactsStayAnnulled,
    Fault::BackToTheBeginning,
    Fault::IrregularRefused,
];

fn workflows() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../workflows")
}

fn calendar_text(name: &str) -> String {
    if name == "court" {
        return CALENDAR.to_owned();
    }
    std::fs::read_to_string(workflows().join("calendars").join(format!("{name}.v1.yaml"))).unwrap()
}

pub(crate) fn definition(text: &str) -> Result<Arc<Definition>, String> {
    let calendars = |name: &Name| Some(Arc::new(Calendar::read(calendar_text(name).as_bytes()).unwrap()));
    workflow::load(&Source { text: text.as_bytes(), calendars: &calendars })
        .map(Arc::new)
        .map_err(|findings| findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

/// Where the two readings part.
struct Difference {
    turns: Vec<Turn>,
    what: String,
}

/// How a run went.
#[derive(Default)]
struct Tally {
    accepted: u32,
    refused: u32,
}

/// A case of a random file after random turns.
pub(crate) fn walked(def: &Arc<Definition>, text: &str, dice: &mut Dice, turns: usize) -> (Engine, Oracle) {
    let (mut engine, mut oracle) = fresh(def, text, None);
    for _ in 0..turns {
        goes_on(&mut engine, &mut oracle, dice);
    }
    (engine, oracle)
}

/// One random turn more.
pub(crate) fn goes_on(engine: &mut Engine, oracle: &mut Oracle, dice: &mut Dice) -> Turn {
    let next = turn(dice, oracle, engine.bench.now);
    let what = take(engine, oracle, &next, &mut Tally::default());
    assert!(what.is_none(), "{what:?}");
    next
}

/// Takes a turn in both; what differs afterwards.
fn take(engine: &mut Engine, oracle: &mut Oracle, turn: &Turn, tally: &mut Tally) -> Option<String> {
    let now = engine.bench.now;
    let mut what = String::new();
    match turn {
        Turn::Passes(minutes) => {
            let end = now.checked_add(SignedDuration::from_mins(*minutes)).unwrap();
            engine.until(end);
            oracle.until(now, end);
        }
        Turn::Act(who, act) => {
            let (one, other) = (engine.act(who, act), oracle.act(who, act, now));
            match (&one, &other) {
                (Ok(()), Ok(())) => tally.accepted += 1,
                (Err(_), Err(_)) => tally.refused += 1,
                _ => writeln!(what, "  engine {one:?}\n  interpreter {other:?}").unwrap(),
            }
        }
    }
    let (one, other) = (engine.picture(), picture(oracle));
    for line in one.difference(&other) {
        writeln!(what, "  engine: {line}").unwrap();
    }
    for line in other.difference(&one) {
        writeln!(what, "  interpreter: {line}").unwrap();
    }
    (!what.is_empty()).then_some(what)
}

fn fresh(def: &Arc<Definition>, text: &str, fault: Option<Fault>) -> (Engine, Oracle) {
    (Engine::new(def), Oracle::new(text, calendar_text, fault))
}

/// One run of random turns; it ends where the two part.
fn run(
    def: &Arc<Definition>,
    text: &str,
    dice: &mut Dice,
    fault: Option<Fault>,
    tally: &mut Tally,
) -> Option<Difference> {
    let (mut engine, mut oracle) = fresh(def, text, fault);
    let mut turns = Vec::new();
    for _ in 0..TURNS {
        let next = turn(dice, &oracle, engine.bench.now);
        turns.push(next.clone());
        if let Some(what) = take(&mut engine, &mut oracle, &next, tally) {
            return Some(Difference { turns, what });
        }
    }
    None
}

/// The same difference with as few turns as it takes.
fn shortest(def: &Arc<Definition>, text: &str, found: Difference) -> Difference {
    let replay = |turns: &[Turn]| {
        let (mut engine, mut oracle) = fresh(def, text, None);
        turns.iter().enumerate().find_map(|(at, turn)| {
            let what = take(&mut engine, &mut oracle, turn, &mut Tally::default())?;
            Some(Difference { turns: turns[..=at].to_vec(), what })
        })
    };
    let mut best = found;
    let mut at = 0;
    while at < best.turns.len() {
        let mut fewer = best.turns.clone();
        fewer.remove(at);
        match replay(&fewer) {
            Some(smaller) => best = smaller,
            None => at += 1,
        }
    }
    best
}

fn story(seed: u64, text: &str, found: &Difference) -> String {
    let mut story = format!("seed {seed}\n{text}\n");
    for turn in &found.turns {
        writeln!(story, "- {turn:?}").unwrap();
    }
    story + &found.what
}

/// A random file that the reader takes; now and then a draw contradicts itself and is drawn again.
pub(crate) fn file(dice: &mut Dice) -> (String, Arc<Definition>) {
    loop {
        let text = format!("{HEAD}{}", files::body(dice));
        if let Ok(def) = definition(&text) {
            return (text, def);
        }
    }
}

/// The first difference among so many runs over random files.
fn first_difference(
    runs: u64,
    fault: Option<Fault>,
    tally: &mut Tally,
) -> Option<(u64, String, Arc<Definition>, Difference)> {
    (0..runs).find_map(|seed| {
        let mut dice = Dice::new(seed);
        let (text, def) = file(&mut dice);
        let found = run(&def, &text, &mut dice, fault, tally)?;
        Some((seed, text, def, found))
    })
}

#[test]
fn the_engine_and_a_second_reading_of_the_page_never_part() {
    let runs = u64::from(trials::count(1_000, 10_000).unwrap());
    let mut tally = Tally::default();
    if let Some((seed, text, def, found)) = first_difference(runs, None, &mut tally) {
        panic!("{}", story(seed, &text, &shortest(&def, &text, found)));
    }
    println!("{runs} runs: {} acts accepted by both, {} refused by both", tally.accepted, tally.refused);
    let runs = u32::try_from(runs).unwrap();
    assert!(tally.accepted > 10 * runs && tally.refused > 5 * runs, "runs that try too little show nothing");
}

#[test]
fn both_readings_agree_on_every_file_that_ships() {
    let runs = u64::from(trials::count(300, 3_000).unwrap());
    let mut names = Vec::new();
    for entry in std::fs::read_dir(workflows()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let def = definition(&text).unwrap();
        let mut tally = Tally::default();
        for seed in 0..runs {
            if let Some(found) = run(&def, &text, &mut Dice::new(seed), None, &mut tally) {
                let told = story(seed, &path.display().to_string(), &shortest(&def, &text, found));
                panic!("{told}");
            }
        }
        println!("{}: {} accepted, {} refused", path.display(), tally.accepted, tally.refused);
        assert!(u64::from(tally.accepted) > 5 * runs, "{}: {}", path.display(), tally.accepted);
        names.push(def.workflow.to_string());
    }
    assert!(names.len() >= 3, "{names:?}");
}

#[test]
fn a_fault_planted_in_the_interpreter_is_found_within_a_thousand_runs() {
    let mut missed = Vec::new();
    for fault in FAULTS {
        match first_difference(1_000, Some(fault), &mut Tally::default()) {
            Some((seed, ..)) => println!("{fault:?}: found in run {}", seed + 1),
            None => missed.push(fault),
        }
    }
    assert!(missed.is_empty(), "not found: {missed:?}");
}
