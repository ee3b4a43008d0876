//! Which way a running case goes, and that the way is a true one.

use qadiya_devkit::trials;
use qadiya_domain::case::verdict::{Judged, Verdict, verdict};
use qadiya_domain::case::{Case, Change, Event, decide};
use qadiya_domain::workflow::Definition;
use qadiya_domain::workflow::plan::Plan;
use qadiya_ledger::Hash;

use super::changed;
use crate::bench::{Bench, HEAD, flow};
use crate::differential::dice::Dice;
use crate::differential::{definition, file, goes_on, walked};

fn judged(old: &Definition, new: &Definition, bench: &Bench) -> Judged {
    let plan = Plan::of(old, new);
    verdict(&plan, &bench.case, &log(bench), bench.now)
}

/// The same where no case has to be mapped: what cannot be proved keeps it from nothing but the last ways.
fn judged_by_its_log(old: &Definition, new: &Definition, bench: &Bench) -> Judged {
    verdict(&Plan::within(old, new, 1), &bench.case, &log(bench), bench.now)
}

fn log(bench: &Bench) -> Vec<(Event, Hash)> {
    bench.log.iter().map(|sealed| (sealed.event.clone(), sealed.hash)).collect()
}

const OLD: &str = "
facts: {kind: {type: choice, of: [plain, grave], starts: plain}}
documents: {report: {from: [clerk]}}
states: {waiting: {}, heard: {}, closing: {}, decided: {final: decided}}
commands:
  open:   {from: new, to: waiting, by: [clerk]}
  hear:   {from: waiting, to: heard, by: [judge], approval: {steps: [{by: [prosecutor]}]}}
  close:  {from: heard, to: closing, by: [judge], asks: {kind: required}}
  decide: {from: closing, to: decided, by: [judge]}
deadlines:
  in-time: {while: [waiting, heard, closing], within: 90 days, late: [{after: 0 days, tell: [judge]}]}
corrections:
  annul: [{command: close, while: closing, returns-to: heard, by: [judge]}]
";

const MIGRATE: &str = "migrate: {from-version: 1, states: {heard: listened}, otherwise: ask}\n";

/// The next version of [`OLD`] with these edits.
fn next(edits: &[(&str, &str)], migrate: &str) -> Definition {
    let mut text = format!("{HEAD}{OLD}{migrate}").replace("version: 1\ntitle", "version: 2\ntitle");
    for (from, to) in edits {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    std::sync::Arc::unwrap_or_clone(definition(&text).unwrap())
}

fn heard() -> Bench {
    let mut bench = Bench::opened(OLD);
    bench.does("judge jane", r#"{"command": "hear"}"#);
    bench.signs("prosecutor paul");
    assert_eq!(bench.main(), "heard");
    bench
}

#[test]
fn what_a_case_can_no_longer_meet_leaves_it_the_same() {
    let old = flow(OLD);
    // Who hears, and how a case is opened: both lie behind it.
    let behind = next(
        &[
            (
                "hear:   {from: waiting, to: heard, by: [judge]",
                "hear:   {from: waiting, to: heard, by: [judge, clerk]",
            ),
            (
                "open:   {from: new, to: waiting, by: [clerk]",
                "open:   {from: new, to: waiting, by: [clerk, judge]",
            ),
        ],
        "",
    );
    assert_eq!(judged(&old, &behind, &heard()).verdict, Verdict::Same);
    // For a case that still waits, the first lies ahead.
    let waiting = Bench::opened(OLD);
    assert!(matches!(judged(&old, &behind, &waiting).verdict, Verdict::Replays(_)));
}

#[test]
fn a_log_that_is_legal_under_the_new_version_replays() {
    let old = flow(OLD);
    let new = next(&[("within: 90 days", "within: 60 days")], "");
    let bench = heard();
    let judged = judged(&old, &new, &bench);
    let Verdict::Replays(case) = &judged.verdict else { panic!("{judged:?}") };
    assert_eq!(case.main, bench.case.main);
    assert_ne!(case.clocks, bench.case.clocks, "the clock is that of the new version");
    assert!(judged.why[0].contains("`in-time`"), "{:?}", judged.why);
}

#[test]
fn annulled_parts_of_a_log_are_not_asked_of_the_new_version() {
    let old = flow(OLD);
    let mut bench = heard();
    bench.does("judge jane", r#"{"command": "close", "answers": {"kind": "grave"}}"#);
    let seq = bench.case.doings.iter().find(|doing| doing.did.command == "close").unwrap().seq;
    bench.does("judge jane", &format!(r#"{{"annul": {seq}, "reason": "so"}}"#));
    assert_eq!(bench.main(), "heard");
    // Nobody could have closed it under the new version.
    let new = next(
        &[(
            "close:  {from: heard, to: closing, by: [judge]",
            "close:  {from: heard, to: closing, by: [guard]",
        )],
        "",
    );
    let judged = judged(&old, &new, &bench);
    let Verdict::Replays(case) = &judged.verdict else { panic!("{judged:?}") };
    assert_eq!((case.main.as_ref().unwrap().as_str(), case.version), ("heard", 4), "{judged:?}");
    assert_eq!(judged.why[1], "its log, without annulled parts, is a legal run of version 2");
}

#[test]
fn what_took_effect_must_not_become_a_proposal() {
    let old = flow(OLD);
    let mut bench = heard();
    bench.does("judge jane", r#"{"command": "close", "answers": {"kind": "grave"}}"#);
    let new = next(
        &[
            ("asks: {kind: required}}", "asks: {kind: required}, approval: {steps: [{by: [prosecutor]}]}}"),
            ("within: 90 days", "within: 60 days"),
        ],
        "migrate: {from-version: 1, otherwise: keep}\n",
    );
    let judged = judged(&old, &new, &bench);
    assert_eq!(judged.verdict, Verdict::Maps, "{judged:?}");
    assert!(judged.why[1].contains("it was acted, it would be proposed"), "{judged:?}");
}

#[test]
fn a_case_without_a_replay_maps_or_goes_as_otherwise_says() {
    let old = flow(OLD);
    let bench = heard();
    let rename = |migrate: &str| {
        let mut text = format!("{HEAD}{}", OLD.replace("heard", "listened"));
        text = text.replace("version: 1\ntitle", "version: 2\ntitle");
        text = changed(&text, "by: [judge], approval", "by: [clerk], approval");
        text.push_str(migrate);
        definition(&text).unwrap()
    };
    let with = rename(MIGRATE);
    let maps = judged(&old, &with, &bench);
    assert_eq!(maps.verdict, Verdict::Maps, "{maps:?}");
    for (migrate, expected) in [
        ("migrate: {from-version: 1, otherwise: ask}\n", Verdict::Ask),
        ("migrate: {from-version: 1, otherwise: keep}\n", Verdict::Keep),
        ("", Verdict::Keep),
    ] {
        let judged = judged(&old, &rename(migrate), &bench);
        assert_eq!(judged.verdict, expected, "{judged:?}");
        let told = if migrate.is_empty() { "has no `migrate`" } else { "no such state `heard`" };
        assert!(judged.why.iter().any(|line| line.contains(told)), "{judged:?}");
    }
}

/// The next version of a random file: one command more, which every case can meet, or which none can that is open.
fn grown(text: &str, for_all: bool) -> String {
    let command = if for_all {
        "  extra: {from: every-state, stays: true, by: [guard], clerical: office work}\n"
    } else {
        "  another: {from: new, to: waiting, by: [judge]}\n"
    };
    let text = changed(text, "version: 1\n", "version: 2\n");
    // After the others: the office of a state without `acts` is that of its first command.
    let (head, commands) = text.split_once("\ncommands:\n").unwrap();
    let own: String = commands.split_inclusive('\n').take_while(|line| line.starts_with(' ')).collect();
    format!("{head}\ncommands:\n{own}{command}{}", commands.strip_prefix(&own).unwrap())
}

/// A case without what differs between two runs of the same acts: hashes, and the definition it was opened under.
fn plain(case: &Case) -> String {
    let mut case = case.clone();
    case.opened = None;
    let json = serde_json::to_string(&case).unwrap();
    let mut out = String::new();
    for word in json.split('"') {
        let is_hash = word.len() == 64 && word.chars().all(|char| char.is_ascii_hexdigit());
        out.push_str(if is_hash { "#" } else { word });
        out.push('"');
    }
    out
}

#[test]
fn a_random_log_replays_under_the_same_law_to_the_same_case() {
    let trials = trials::count(50, 500).unwrap();
    let (mut replayed, mut annulled) = (0, 0);
    for seed in 0..u64::from(trials) {
        let mut dice = Dice::new(seed);
        let (text, old) = file(&mut dice);
        let new = definition(&grown(&text, true)).unwrap();
        let turns = 5 + dice.below(25);
        let (engine, _) = walked(&old, &text, &mut dice, turns);
        let bench = &engine.bench;
        // A case whose clocks are behind is not where its log run again would be: there they step at their time.
        let is_behind =
            bench.case.clocks.values().any(|clock| clock.next.is_some_and(|next| next < bench.now));
        if bench.case.main.is_none() || is_behind {
            continue;
        }
        let judged = judged_by_its_log(&old, &new, bench);
        let is_annulled = bench
            .log
            .iter()
            .any(|sealed| sealed.event.changes.iter().any(|change| matches!(change, Change::ActAnnulled(_))));
        if is_annulled {
            annulled += 1;
            continue;
        }
        let Verdict::Replays(case) = &judged.verdict else { panic!("seed {seed}: {judged:?}\n{text}") };
        assert_eq!(plain(case), plain(&bench.case), "seed {seed}\n{text}");
        replayed += 1;
    }
    println!("{replayed} logs replayed, {annulled} with annulled parts left aside");
    assert!(replayed > trials / 2);
}

#[test]
fn a_case_that_is_the_same_goes_on_alike_under_both_versions() {
    let trials = trials::count(50, 500).unwrap();
    let (mut same, mut acts) = (0, 0);
    for seed in 0..u64::from(trials) {
        let mut dice = Dice::new(seed);
        let (text, old) = file(&mut dice);
        let edits = [
            ("c0: {from: waiting,", "c0: {from: heard,"),
            ("reopens: true}", "reopens: true, basis: article 5}"),
            ("  first: {while: waiting, within", "  first: {while: waiting, basis: article 5, within"),
            ("  second: {while: heard, ", "  second: {while: heard, basis: article 6, "),
        ];
        let able: Vec<_> = edits.iter().filter(|(from, _)| text.contains(from)).collect();
        let mut edited = grown(&text, false);
        if dice.percent(70) && !able.is_empty() {
            let (from, to) = dice.pick(&able);
            edited = changed(&edited, from, to);
        }
        let Ok(new) = definition(&edited) else { continue };
        let turns = 3 + dice.below(25);
        let (mut engine, mut oracle) = walked(&old, &text, &mut dice, turns);
        if engine.bench.case.main.is_none()
            || judged_by_its_log(&old, &new, &engine.bench).verdict != Verdict::Same
        {
            continue;
        }
        same += 1;
        for _ in 0..15 {
            let before = engine.bench.case.clone();
            let length = engine.bench.log.len();
            goes_on(&mut engine, &mut oracle, &mut dice);
            // Every act that was accepted is accepted by the new version, and writes the same.
            let mut case = before;
            for sealed in &engine.bench.log[length..] {
                let event = &sealed.event;
                if event.cause.is_none() {
                    acts += 1;
                    let moment = qadiya_domain::actor::Moment {
                        actor: event.actor.clone(),
                        now: event.at,
                        happened: event.happened,
                        batch: event.batch,
                    };
                    let one = decide(&old, &case, &event.act, &moment, None);
                    let other = decide(&new, &case, &event.act, &moment, None);
                    assert_eq!(one, other, "seed {seed}: {:?}\n{text}\n{edited}", event.act);
                }
                case = case.evolve(event).at_head(sealed.hash);
            }
        }
    }
    println!("{same} cases were the same, {acts} acts more");
    assert!(same > trials / 10 && acts > same * 3, "{same} {acts}");
}
