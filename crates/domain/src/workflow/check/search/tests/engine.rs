//! The engine as oracle: cases of drawn files go through `case::decide`, with records and their tracks, deadlines, sums,
//! annulments and automatic commands, and wherever a case comes to stand, the search must have been there too.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use uuid::Uuid;

use super::naive::Draws;
use super::*;
use crate::actor::{Actor, Moment};
use crate::case::act::{Act, Paper, Perform, RecordGiven};
use crate::case::decide::{Opening, decide};
use crate::case::seal::seal;
use crate::case::state::{Case, ClockKey};
use crate::case::view::CaseView;
use crate::ids::{OfficialId, StreamId};
use crate::value::{Given, Value};
use crate::workflow::guard::{Constant, Guard, Quantifier, SinceUnit, View};
use crate::workflow::model::{Ask, NamedRule, Table};

/// The most records that a case gets.
const MOST_RECORDS: usize = 3;

fn guard(draws: &mut Draws<'_>) -> String {
    let atom = |draws: &mut Draws<'_>| match draws.below(12) {
        0 => format!("kind is {}", ["red", "green"][draws.below(2)]),
        1 => "flagged is yes".to_owned(),
        2 => "note is filed".to_owned(),
        3 => "limit has passed".to_owned(),
        4 => format!("sum of size of item at least {}", 1 + draws.below(4)),
        5 => format!("at s{}", draws.below(4)),
        6 => format!("{} item", ["some", "no"][draws.below(2)]),
        _ => {
            let inner = |draws: &mut Draws<'_>| {
                ["grave is yes", "size at least 2", "at raised", "at heard", "at settled"][draws.below(5)]
            };
            let (one, two) = (inner(draws), inner(draws));
            let both = match draws.below(3) {
                0 => one.to_owned(),
                1 => format!("{one} and not {two}"),
                _ => format!("{one} or {two}"),
            };
            format!("{} item has ({both})", ["some", "no", "every"][draws.below(3)])
        }
    };
    let first = atom(draws);
    match draws.below(4) {
        0 => format!("{first} and not ({})", atom(draws)),
        1 => format!("{first} or {}", atom(draws)),
        _ => first,
    }
}

pub(crate) fn drawn(numbers: &[u8]) -> String {
    let mut draws = Draws(numbers.iter());
    let draws = &mut draws;
    let mut text = String::from(
        "workflow: drawn\nversion: 1\ntitle: Drawn\nstages: {open: {when: at s0}}\nroles: {clerk: {}}\n\
         facts:\n  kind: {type: choice, of: [red, green], starts: red}\n  flagged: {type: flag, starts: no, editable-by: [clerk]}\n\
         records:\n  item: {fields: {grave: {type: flag}, size: {type: number}}, many: true}\n\
         documents: {note: {from: [clerk]}}\n\
         states:\n  s0: {}\n  s1: {}\n",
    );
    text.push_str(["  s2: {}\n", "  s2: {suspended: true}\n", "  s2: {exceptional: true}\n"][draws.below(3)]);
    text.push_str("  s3: {final: done}\ntracks:\n  items:\n    per: item\n    begins: raised\n");
    writeln!(text, "    open-in: {}", ["every-state", "[s0, s1]", "[s0]"][draws.below(3)]).unwrap();
    writeln!(text, "    on-leave: {}", ["must-finish", "stop"][draws.below(2)]).unwrap();
    if draws.once_in(3) {
        writeln!(text, "    open-if: {}", ["kind is red", "flagged is no"][draws.below(2)]).unwrap();
    }
    text.push_str("    states: {raised: {}, heard: {}, settled: {final: true}}\ncommands:\n");
    text.push_str("  start: {from: new, to: s0, by: [clerk], records: {item: optional}}\n");
    text.push_str("  add: {from: [s0, s1, s2], stays: true, by: [clerk], records: {item: required}}\n");
    for number in 0..2 {
        let from = ["raised", "[raised, heard]", "heard"][draws.below(3)];
        let to = ["to: heard", "to: settled", "stays: true"][draws.below(3)];
        let own = [", if: at raised", ", if: not at raised", ", if: kind is red", ""][draws.below(4)];
        writeln!(text, "  own{number}: {{from: {from}, {to}, by: [clerk]{own}}}").unwrap();
    }
    for number in 0..3 + draws.below(4) {
        let from = ["s0", "s1", "s2", "[s0, s1]", "every-state"][draws.below(5)];
        writeln!(text, "  c{number}:\n    from: {from}\n    by: [clerk]").unwrap();
        if !draws.once_in(3) {
            writeln!(text, "    if: {}", guard(draws)).unwrap();
        }
        if draws.once_in(3) {
            text.push_str(
                ["    sets: {kind: green}\n", "    sets: {flagged: yes}\n", "    sets: {kind: red}\n"]
                    [draws.below(3)],
            );
        }
        if draws.once_in(4) {
            text.push_str(["    records: {item: required}\n", "    stops-tracks: true\n"][draws.below(2)]);
        }
        if draws.once_in(8) {
            text.push_str("    irregular: true\n");
        }
        match draws.below(5) {
            0 => text.push_str("    stays: true\n"),
            1 => writeln!(
                text,
                "    routes:\n      - {{to: s{}, if: {}}}\n      - {{to: s{}}}",
                draws.below(4),
                guard(draws),
                draws.below(3)
            )
            .unwrap(),
            2 => text.push_str("    to: back\n"),
            _ => writeln!(text, "    to: s{}", draws.below(4)).unwrap(),
        }
    }
    if draws.once_in(2) {
        // It leads on, or makes its own condition false: automatic commands must come to an end.
        let way = ["from: s0, to: s1", "from: s1, to: s2", "from: [s0, s1], to: s2"][draws.below(3)];
        writeln!(text, "  auto: {{{way}, by: [system], clerical: for this test, when: {}}}", guard(draws))
            .unwrap();
    }
    text.push_str("deadlines:\n  limit:\n    within: 2 days\n    late: [{after: 0 days, tell: [clerk]}]\n");
    writeln!(text, "    while: {}", ["s0", "[s1, s2]", "every-state"][draws.below(3)]).unwrap();
    text.push_str("time: {first-day: excluded, ends: same-time, if-not-working: same}\n");
    if draws.once_in(2) {
        let command = ["add", "c0", "c1"][draws.below(3)];
        writeln!(
            text,
            "corrections: {{annul: [{{command: {command}, while: every-state, returns-to: s{}, by: [clerk]}}]}}",
            draws.below(2)
        )
        .unwrap();
    }
    text
}

/// The fields of one record.
struct Fields<'a>(&'a BTreeMap<Name, Given>);

impl View for Fields<'_> {
    fn value(&self, subject: &Name) -> Option<Constant> {
        self.0.get(subject).and_then(Given::value).and_then(Value::constant)
    }
    fn is_known(&self, subject: &Name) -> bool {
        self.0.get(subject).is_some_and(Given::is_known)
    }
    fn at(&self, _: &Name) -> bool {
        panic!("where a record stands is no condition about its fields")
    }
    fn filed(&self, _: &Name) -> bool {
        panic!("a paper is of the case")
    }
    fn passed(&self, _: &Name) -> bool {
        panic!("no drawn file asks this of a record")
    }
    fn authority_has_lapsed(&self) -> bool {
        panic!("the authority is of the case")
    }
    fn since(&self, _: SinceUnit, _: &Name) -> Option<i64> {
        panic!("no drawn file has dates")
    }
    fn records(&self, _: Quantifier, _: &Name, _: Option<&Guard>, _: &Table<NamedRule>) -> bool {
        panic!("records do not hold records")
    }
    fn sum(&self, _: &Name, _: &Name) -> i64 {
        panic!("records do not hold records")
    }
}

/// The configuration in which a case stands.
fn packed(model: &Model<'_>, packing: &Packing, case: &Case) -> space::Key {
    let def = model.def;
    let main = |name: &Option<Name>| name.as_ref().map_or(0, |name| model.main_state(name).unwrap());
    let mut key = packing.put(0, model.main, main(&case.main));
    key = packing.put(key, model.before, main(&case.before));
    for (name, fact) in &model.facts {
        let value = case.facts.get(name).and_then(Given::value).and_then(Value::constant);
        key = packing.put(key, fact.var, fact.region(value.as_ref()));
    }
    for (document, var) in &model.filed {
        let filed = case.papers.get(document).is_some_and(|papers| !papers.is_empty());
        key = packing.put(key, *var, usize::from(filed));
    }
    for clock in &model.clocks {
        let passed = case
            .passed
            .iter()
            .any(|key| matches!(key, ClockKey::Deadline { name, .. } if *name == clock.name));
        key = packing.put(key, clock.var, usize::from(passed));
    }
    let live = || case.records.iter().filter(|(_, held)| !held.annulled);
    for record in &model.records {
        for (no, held) in live().filter(|(_, held)| held.record == record.name) {
            let form: Vec<bool> =
                record.atoms.iter().map(|atom| atom.holds(&def.rules, &Fields(&held.fields))).collect();
            let form = record.forms.iter().position(|known| *known == form).unwrap();
            let states: Vec<usize> = record
                .tracks
                .iter()
                .map(|track| {
                    let track = def.tracks.iter().nth(*track).unwrap();
                    let instance = case.instances.get(&track.name).and_then(|held| held.get(no));
                    instance.map_or(0, |at| track.states.position(&at.state).unwrap() + 1)
                })
                .collect();
            let cell = record.cell(form, &states).unwrap();
            key = packing.put(key, record.cells[cell].var, 1);
        }
    }
    for (field, record, var, cut, atoms) in &model.sums {
        let sum: i64 = live()
            .filter(|(_, held)| held.record == *record)
            .map(|(_, held)| match held.fields[field].value() {
                Some(Value::Number(number)) => *number,
                _ => 0,
            })
            .sum();
        key = packing.put(key, *var, super::cut::region_of(cut, atoms, Some(&Constant::Number(sum))));
    }
    key
}

fn item(draws: &mut Draws<'_>) -> RecordGiven {
    let name = |text: &str| Name::new(text).unwrap();
    let size = i64::try_from(draws.below(4)).unwrap();
    RecordGiven {
        record: name("item"),
        about: None,
        fields: BTreeMap::from([
            (name("grave"), Given::Is(Value::Flag(draws.once_in(2)))),
            (name("size"), Given::Is(Value::Number(size))),
        ]),
    }
}

/// Something that somebody may do, sensible or not.
fn act(def: &Definition, case: &Case, draws: &mut Draws<'_>) -> Act {
    match draws.below(12) {
        0 => Act::FilePaper(Paper {
            document: Name::new("note").unwrap(),
            reference: "1".to_owned(),
            sha256: None,
            signed: true,
        }),
        1 => Act::EditFact {
            fact: Name::new("flagged").unwrap(),
            value: Given::Is(Value::Flag(draws.once_in(2))),
        },
        2 | 3 if !case.doings.is_empty() => {
            let doing = &case.doings[draws.below(case.doings.len())];
            Act::Annul { event: doing.seq, reason: crate::value::Protected::text("a test") }
        }
        _ => {
            let commands: Vec<_> = def
                .commands
                .iter()
                .filter(|command| command.when.is_none() && (command.name == "start") == case.main.is_none())
                .collect();
            let command = commands[draws.below(commands.len())];
            let mut perform = Perform::of(command.name.clone());
            for (_, ask) in &command.records {
                let room = case.records.len() < MOST_RECORDS;
                if room && (*ask == Ask::Required || draws.once_in(2)) {
                    perform.records.push(item(draws));
                }
            }
            if command.name.starts_with("own") {
                let count = u32::try_from(MOST_RECORDS).unwrap();
                perform.instance = Some(1 + u32::try_from(draws.below(MOST_RECORDS)).unwrap() % count);
            }
            Act::Perform(perform)
        }
    }
}

/// Walks one drawn file; how many acts were accepted, or nothing when the file could not be read or compiled.
fn walk(file: &[u8], tries: &[u8]) -> Result<Option<usize>, TestCaseError> {
    let text = drawn(file);
    let Ok(def) = load(&Source { text: text.as_bytes(), calendars: &|_| None }) else { return Ok(None) };
    let model = Model::of(&def);
    if model.too_large.is_some() {
        return Ok(None);
    }
    let cones = Cones::of(&model, &[]);
    let whole: BTreeSet<Var> = (0..model.vars.len()).collect();
    let Some(packing) = Packing::of(&model.sizes, &whole) else { return Ok(None) };
    let Ok(graph) = Graph::search(&model, &packing, &whole, cones.acts(&whole), &[], 60_000) else {
        return Ok(None);
    };
    let met: BTreeSet<space::Key> = graph.keys.iter().copied().collect();
    let closure = Closure::of(&def, &def, 60_000).unwrap();

    let mut draws = Draws(tries.iter());
    let mut case = Case::unopened(StreamId(Uuid::nil()));
    let mut now: Timestamp = "2026-03-02T09:00:00.000001Z".parse().unwrap();
    let clerk = Actor::Official {
        official: OfficialId(Uuid::nil()),
        role: Name::new("clerk").unwrap(),
        appointment: None,
        token: None,
    };
    let opening = Opening { reference: "R".to_owned(), alias: None, group: None, person: None };
    let mut accepted = 0;
    for _ in 0..30 {
        now = now.checked_add(SignedDuration::from_hours(i64::try_from(draws.below(30)).unwrap())).unwrap();
        let due = case.clocks.iter().filter(|(_, clock)| clock.next.is_some_and(|next| next <= now));
        let due = due.map(|(key, clock)| Act::StepClock { clock: key.clone(), step: clock.step }).next();
        let (act, actor) = match due {
            Some(step) => (step, Actor::System),
            None => (act(&def, &case, &mut draws), clerk.clone()),
        };
        let moment = Moment { actor, now, happened: None, batch: false };
        let Ok(events) = decide(&def, &case, &act, &moment, Some(&opening)) else { continue };
        accepted += 1;
        for sealed in seal(events, case.head, &[7; 32]).unwrap() {
            case = case.evolve(&sealed.event).at_head(sealed.hash);
        }
        let key = packed(&model, &packing, &case);
        prop_assert!(
            met.contains(&key),
            "the search never met: {}\nafter {act:?}\n{text}",
            story::stands(&graph, key, &graph.kept.iter().copied().collect())
        );
        // To its own version every case comes over, unless that has no end for it.
        let view = CaseView::plain(&def, &case, now);
        let standing = Standing { machines: case.configuration(), view: &view, covered: false };
        let lands = closure.brings_over(&standing);
        prop_assert!(matches!(lands, Ok(()) | Err(Reason::NoEnd)), "{lands:?} after {act:?}\n{text}");
        let Act::Perform(perform) = &act else { continue };
        let at = def.commands.iter().position(|known| Some(&known.name) == perform.command.as_ref()).unwrap();
        let done = &model.acts[at];
        let ways = done.first..done.first + done.ways.len();
        prop_assert!(ways.into_iter().any(|way| graph.was_taken(way)), "{act:?} was never open\n{text}");
    }
    Ok(Some(accepted))
}

#[test]
fn wherever_the_engine_brings_a_case_the_search_has_been() {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let counted = std::cell::Cell::new((0_usize, 0_usize));
    let numbers = |length| proptest::collection::vec(any::<u8>(), length);
    runner
        .run(&(numbers(120), numbers(200)), |(file, tries)| {
            if let Some(accepted) = walk(&file, &tries)? {
                let (files, acts) = counted.get();
                counted.set((files + 1, acts + accepted));
            }
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
    let (files, acts) = counted.get();
    assert!(files > 100 && acts > 6 * files, "only {files} files and {acts} acts were walked");
}
