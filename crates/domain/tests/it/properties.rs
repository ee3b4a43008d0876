//! Properties over small random workflows and random acts. The bench itself asserts what must hold after each act: the
//! events fold, are read back from their bytes, move exactly the clock rows that changed, and fit into the row of the
//! case; when it goes out of scope, the whole log must be legal and give the same case.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::SignedDuration;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use qadiya_domain::actor::{Actor, Moment};
use qadiya_domain::case::act::{JobReport, Perform};
use qadiya_domain::case::input::read_act;
use qadiya_domain::case::open::next_steps;
use qadiya_domain::case::{Act, Change, Event, RefusalCode};
use qadiya_domain::value::{Given, Value};
use qadiya_domain::workflow::Definition;
use qadiya_domain::workflow::model::From;
use qadiya_ledger::{Hash, Value as Tree, canonical, chain};

use crate::bench::{Bench, actor, flow, name};

const PLANTED: &str = "planted-and-private";
const ROLES: [&str; 3] = ["clerk", "judge", "guard"];
const STATES: [&str; 5] = ["waiting", "heard", "paused", "decided", "dead"];

/// The choices of a random workflow.
#[derive(Debug, Clone)]
struct Shape {
    commands: Vec<Line>,
    track_stops: bool,
    per_stops: bool,
    track_if: bool,
    clock: u8,
    apart: Option<(usize, usize, bool)>,
    automatic: bool,
}

/// The choices of one of its commands.
#[derive(Debug, Clone)]
struct Line {
    from: u8,
    to: u8,
    by: u8,
    guard: u8,
    asks: u8,
    extras: u8,
    approval: u8,
}

fn shapes() -> impl Strategy<Value = Shape> {
    let line = (any::<u8>(), any::<u8>(), any::<u8>(), any::<u8>(), any::<u8>(), any::<u8>(), any::<u8>())
        .prop_map(|(from, to, by, guard, asks, extras, approval)| Line {
            from,
            to,
            by,
            guard,
            asks,
            extras,
            approval,
        });
    let apart = prop::option::of((0_usize..9, 0_usize..9, any::<bool>()));
    (
        prop::collection::vec(line, 4..9),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        any::<u8>(),
        apart,
        any::<bool>(),
    )
        .prop_map(|(commands, track_stops, per_stops, track_if, clock, apart, automatic)| Shape {
            commands,
            track_stops,
            per_stops,
            track_if,
            clock,
            apart,
            automatic,
        })
}

fn leave(stops: bool) -> &'static str {
    if stops { "stop" } else { "must-finish" }
}

impl Shape {
    fn definition(&self) -> Arc<Definition> {
        let mut text = vec![format!(
            "
facts: {{ready: {{type: flag, starts: no, editable-by: [clerk]}}, kind: {{type: choice, of: [a, b, c]}}, note: {{type: text, editable-by: [guard]}}}}
records:
  order:  {{many: true, fields: {{period: {{type: range}}, words: {{type: text, may-be: [unknown]}}}}, covers: period, limit: {{each: 90 days, total: 200 days}}}}
  charge: {{many: true, fields: {{days: {{type: number}}}}}}
documents: {{report: {{from: [clerk, judge]}}, deed: {{from: [judge], signed: true}}}}
states:
  waiting: {{held: true}}
  heard:   {{held: true, jobs: [ask], acts-by: [clerk, judge]}}
  paused:  {{suspended: true}}
  decided: {{final: decided}}
  dead:    {{final: dead, exceptional: true}}
tracks:
  papers: {{open-in: [waiting, heard], {}on-leave: {}, begins: missing, states: {{missing: {{}}, complete: {{final: true}}}}}}
  trial:  {{open-in: [waiting, heard], on-leave: {}, begins: charged, per: charge, states: {{charged: {{}}, judged: {{final: true}}}}}}
jobs:
  ask: {{queue: out, attempt-limit: 1 hours, retry: {{times: 1}}, when-done: {{answers: {{found: {{do: enter, with: {{note: remark, kind: sort}}}}}}}}, if-it-fails: {{tell: [clerk], do: enter}}}}
commands:
  open:    {{from: new, to: waiting, by: [clerk], asks: {{kind: optional, note: optional}}}}
  enter:   {{from: [waiting, heard], stays: true, by: [system], clerical: what came back, asks: {{note: optional, kind: optional}}}}
  finish:  {{from: missing, to: complete, by: [clerk], clerical: office work}}
  judge-it: {{from: charged, to: judged, by: [judge], approval: {{steps: [{{by: [judge, guard]}}], within: 3 days}}}}
  reopen:  {{from: decided, to: waiting, by: [judge], reopens: true}}
  remark:  {{from: always, stays: true, by: [clerk], clerical: a remark, needs: [report]}}
",
            if self.track_if { "open-if: kind is a, " } else { "" },
            leave(self.track_stops),
            leave(self.per_stops)
        )];
        if self.automatic {
            text.push("  follow: {from: waiting, to: heard, by: [system], clerical: follows, when: ready is yes and kind is b, stops-tracks: true, sets: {ready: no}}\n".to_owned());
        }
        for (position, line) in self.commands.iter().enumerate() {
            text.push(format!("  c{position}: {{{}}}\n", line.words()));
        }
        let term = [
            "within: 10 days",
            "until: authority",
            "until: limit of order",
            "within: 48 hours, since: report",
        ][usize::from(self.clock % 4)];
        text.push(format!(
            "deadlines:
  first: {{while: [waiting, heard], {term}, {}warn: [{{before: 12 hours, tell: [clerk]}}], late: [{{after: 0 days, tell: [judge], do: enter}}, {{after: 3 days, tell: [guard]}}]}}
  second: {{while: charged, within: 5 working days, late: [{{after: 0 days, tell: [judge]}}], repeat: 2 days}}
corrections:
  facts: {{by: [judge], reason: required}}
  annul: [{{command: c0, while: [waiting, heard, paused], returns-to: waiting, by: [judge], approval: {{steps: [{{by: [judge, clerk]}}]}}}}]
",
            if self.clock & 4 == 0 { "pauses-while: ready is yes, " } else { "" }
        ));
        if let Some((one, other, same)) = self.apart {
            let (one, other) = (one % self.commands.len(), other % self.commands.len());
            if one != other {
                let word = if same { "same-person" } else { "different-people" };
                text.push(format!("separation: [{{{word}: [c{one}, c{other}.approval]}}]\n"));
            }
        }
        flow(&text.concat().replace(".approval]", if self.apart_has_approval() { ".approval]" } else { "]" }))
    }

    fn apart_has_approval(&self) -> bool {
        self.apart.is_some_and(|(_, other, _)| {
            !self.commands[other % self.commands.len()].approval.is_multiple_of(3)
        })
    }
}

impl Line {
    fn words(&self) -> String {
        let from = ["[waiting, heard]", "waiting", "heard", "every-state", "paused", "every-state"]
            [usize::from(self.from % 6)];
        let main = STATES[usize::from(self.to % 5)];
        let to = match self.to % 8 {
            0..=4 => format!("to: {main}"),
            5 => "stays: true".to_owned(),
            6 if from == "paused" => "to: back".to_owned(),
            6 => "outcomes: {good: {to: decided, if: ready is yes}, bad: {stays: true, needs: [report]}}"
                .to_owned(),
            _ => "routes: [{if: kind is a, to: heard}, {if: ready is yes, stays: true}]".to_owned(),
        };
        let mut words =
            vec![format!("from: {from}"), to, format!("by: [{}]", ROLES[usize::from(self.by % 3)])];
        match self.guard % 5 {
            0 => words.push("if: ready is yes or kind is either a or b".to_owned()),
            1 => words.push("if: no charge or every charge has (days at least 1)".to_owned()),
            _ => {}
        }
        if self.asks & 1 != 0 {
            words.push("asks: {kind: required, note: optional}".to_owned());
        }
        match self.asks % 5 {
            2 => words.push("records: {order: required, charge: optional}".to_owned()),
            3 => words.push("records: {charge: optional, order: optional}".to_owned()),
            _ => {}
        }
        match self.extras % 7 {
            0 => words.push("needs: [report, deed]".to_owned()),
            1 => words.push("sets: {ready: yes}".to_owned()),
            2 => words.push("jobs: [ask]".to_owned()),
            3 => words.push("stops-tracks: true".to_owned()),
            4 => words.push("not-before: {wait: 2 days, after: report, unless: charge}".to_owned()),
            _ => {}
        }
        if self.extras & 64 != 0 {
            words.push("irregular: true".to_owned());
        }
        match self.approval % 3 {
            1 => words.push("approval: {steps: [{by: [judge, clerk, guard]}], within: 4 days}".to_owned()),
            2 => words.push(
                "approval: {steps: [{by: [judge, clerk], people: 2, agree: 1}, {by: [guard, judge]}]}"
                    .to_owned(),
            ),
            _ => {}
        }
        words.join(", ")
    }
}

/// One thing that somebody tries.
type Try = (u8, u8, u8, u8, u16);

fn tries() -> impl Strategy<Value = Vec<Try>> {
    prop::collection::vec((any::<u8>(), any::<u8>(), any::<u8>(), any::<u8>(), any::<u16>()), 10..60)
}

fn who(def: &Definition, command: Option<&str>, dice: u8) -> String {
    let person = ["ann", "ben", "cem"][usize::from(dice % 3)];
    let by = command.and_then(|command| def.commands.get(command)).and_then(|command| command.by.first());
    match (by, dice / 3) {
        (_, 0) => "system".to_owned(),
        (_, 1) => "service clerk".to_owned(),
        (_, 2) => format!("batch judge {person}"),
        (Some(role), 3..70) => format!("{role} {person}"),
        (_, rest) => format!("{} {person}", ROLES[usize::from(rest % 3)]),
    }
}

/// A random act, as words.
fn words(bench: &Bench, (kind, one, two, three, _): Try) -> (String, String) {
    let def = &bench.def;
    let latest = bench.case.proposals.iter().next_back().map(|(number, held)| (*number, held.hash));
    let (number, hash) = latest.unwrap_or((u64::from(one % 8), Hash::ZERO));
    match kind % 16 {
        0 | 1 => (who(def, None, two), format!(r#"{{"sign": {number}, "hash": "{hash}"}}"#)),
        2 => (
            who(def, None, two),
            format!(r#"{{"sign": {number}, "hash": "{hash}", "agree": false, "note": "{PLANTED}"}}"#),
        ),
        3 => (who(def, None, two), format!(r#"{{"reject": {number}, "reason": "{PLANTED}"}}"#)),
        4 => (who(def, None, two), format!(r#"{{"withdraw": {number}, "reason": "{PLANTED}"}}"#)),
        5 => {
            let document = ["report", "deed"][usize::from(one % 2)];
            let words = format!(
                r#"{{"file-paper": {{"document": "{document}", "reference": "{one}", "signed": {}}}}}"#,
                two.is_multiple_of(2)
            );
            (who(def, None, three), words)
        }
        6 => {
            (who(def, None, two), format!(r#"{{"edit-fact": "ready", "value": {}}}"#, one.is_multiple_of(2)))
        }
        7 => (who(def, None, two), format!(r#"{{"edit-fact": "note", "value": "{PLANTED}"}}"#)),
        8 => (
            who(def, None, two),
            format!(r#"{{"correct-facts": {{"kind": "c"}}, "unset": ["note"], "reason": "{PLANTED}"}}"#),
        ),
        9 => (
            who(def, None, two),
            format!(
                r#"{{"annul": {}, "reason": "{PLANTED}"}}"#,
                u64::from(one) % bench.case.version.max(1) + 1
            ),
        ),
        _ => {
            // Mostly one that is open for somebody, sometimes any.
            let moment = Moment { actor: Actor::System, now: bench.now, happened: None, batch: false };
            let open = next_steps(def, &bench.case, &moment);
            let at = usize::from(one);
            let command = match open.len() {
                1.. if kind < 170 => def.commands.get(&open[at % open.len()]).unwrap(),
                _ => def.commands.iter().nth(at % def.commands.len()).unwrap(),
            };
            (who(def, Some(&command.name), two), perform(bench, command, three))
        }
    }
}

fn perform(bench: &Bench, command: &qadiya_domain::workflow::model::Command, dice: u8) -> String {
    let mut parts = vec![format!(r#""command": "{}""#, command.name)];
    if !dice.is_multiple_of(3) && !command.asks.is_empty() {
        let kind = ["a", "b", "c"][usize::from(dice % 3)];
        parts.push(format!(r#""answers": {{"kind": "{kind}", "note": "{PLANTED}"}}"#));
    }
    let day = bench.now.to_zoned(jiff::tz::TimeZone::UTC).date();
    let end = day.checked_add(jiff::Span::new().days(i64::from(dice % 40))).unwrap();
    let filed: Vec<String> = command
        .records
        .iter()
        .filter(|_| !dice.is_multiple_of(5))
        .map(|(record, _)| match record.as_str() {
            "order" => format!(
                r#"{{"record": "order", "fields": {{"period": {{"from": "{day}T00:00:00Z", "until": "{end}T00:00:00Z"}}, "words": "{PLANTED}"}}}}"#
            ),
            _ => format!(r#"{{"record": "charge", "fields": {{"days": {dice}}}}}"#),
        })
        .collect();
    parts.push(format!(r#""records": [{}]"#, filed.join(", ")));
    if command.branches().iter().any(|(outcome, _)| outcome.is_some()) {
        parts.push(format!(r#""outcome": "{}""#, ["good", "bad"][usize::from(dice % 2)]));
    }
    if *command.name == *"judge-it" {
        parts.push(format!(r#""instance": {}"#, u32::from(dice % 4) + 1));
    }
    if dice.is_multiple_of(7) {
        parts.push(format!(r#""reason": "{PLANTED}""#));
    }
    format!("{{{}}}", parts.join(", "))
}

fn run(shape: &Shape, tries: &[Try]) -> (Bench, u32) {
    let mut bench = Bench::new(&shape.definition());
    bench.does("clerk olga", &format!(r#"{{"command": "open", "answers": {{"note": "{PLANTED}"}}}}"#));
    let mut accepted = 0;
    for &attempt in tries {
        let (kind, one, two, _, hours) = attempt;
        if kind > 240 {
            bench.passes(i64::from(hours % 400));
            continue;
        }
        if kind > 225 {
            let fields = BTreeMap::from([
                ("remark".to_owned(), PLANTED.to_owned()),
                ("sort".to_owned(), "a".to_owned()),
            ]);
            let code = Some(["found", "lost"][usize::from(one % 2)].to_owned());
            let report = match two % 3 {
                0 => JobReport::Failed { attempts: 2, fault: "timeout".to_owned() },
                _ => JobReport::Done { code, fields },
            };
            accepted += u32::from(bench.job("ask", report).is_ok());
            continue;
        }
        let (who, words) = words(&bench, attempt);
        if hours.is_multiple_of(11) {
            bench.happened = bench.now.checked_sub(SignedDuration::from_mins(i64::from(hours % 90))).ok();
        }
        match bench.tries(&who, &words) {
            Ok(_) => accepted += 1,
            Err(refusals) => {
                let all: Vec<_> = refusals.iter().collect();
                assert!(!all.is_empty() && all.windows(2).all(|pair| pair[0] < pair[1]), "{refusals}");
            }
        }
    }
    (bench, accepted)
}

/// The log again with a change, its hashes made anew: the forger can do that.
fn rechained(bench: &Bench, forge: impl Fn(&mut Event)) -> Vec<(Event, Hash)> {
    let mut head = Hash::ZERO;
    let mut log = Vec::new();
    for mut event in bench.log.iter().map(|sealed| sealed.event.clone()) {
        forge(&mut event);
        event.prev = head;
        head = chain::event_hash(&canonical::encode(&event).unwrap());
        log.push((event, head));
    }
    log
}

/// Ways to forge one event; each must be noticed wherever it applies.
fn forge(way: u8, event: &mut Event) -> bool {
    let place = |wanted: fn(&Change) -> bool, event: &Event| event.changes.iter().position(wanted);
    match way {
        0 => match place(|change| matches!(change, Change::Moved(_)), event) {
            Some(at) => {
                let Change::Moved(state) = &event.changes[at] else { return false };
                let other = if **state == *"heard" { "waiting" } else { "heard" };
                event.changes[at] = Change::Moved(name(other));
                true
            }
            None => false,
        },
        1 => match place(
            |change| matches!(change, Change::Fact(fact) if matches!(fact.value, Given::Is(_))),
            event,
        ) {
            Some(at) => {
                let Change::Fact(fact) = &mut event.changes[at] else { return false };
                let flipped = match &fact.value {
                    Given::Is(Value::Flag(flag)) => Value::Flag(!flag),
                    _ => Value::Number(17),
                };
                fact.value = Given::Is(flipped);
                true
            }
            None => false,
        },
        2 => match place(|change| matches!(change, Change::Clock(clock) if clock.now.due.is_some()), event) {
            Some(at) => {
                let Change::Clock(clock) = &mut event.changes[at] else { return false };
                clock.now.due =
                    clock.now.due.and_then(|due| due.checked_add(SignedDuration::from_secs(1)).ok());
                true
            }
            None => false,
        },
        3 => event.changes.pop().is_some(),
        4 => {
            event.actor = actor("prosecutor paul").0;
            true
        }
        5 => match &mut event.act {
            Act::Perform(perform) => {
                let other = if perform.command.as_ref().is_some_and(|held| **held == *"remark") {
                    "finish"
                } else {
                    "remark"
                };
                *perform = Perform { command: Some(name(other)), ..perform.clone() };
                true
            }
            _ => false,
        },
        6 => {
            event.basis = Some("another law".to_owned());
            true
        }
        7 => {
            let starts = event.changes.iter().any(
                |change| matches!(change, Change::Clock(clock) if clock.now.since == event.at && clock.now.due.is_some()),
            );
            event.at = event.at.checked_add(SignedDuration::from_hours(-1)).unwrap();
            starts && event.happened.is_none()
        }
        8 => match &mut event.act {
            Act::StepClock { step, .. } => {
                *step += 1;
                true
            }
            _ => false,
        },
        _ => match place(|change| matches!(change, Change::ProposalSigned(_)), event) {
            Some(at) => {
                let Change::ProposalSigned(signed) = &mut event.changes[at] else { return false };
                signed.agree = !signed.agree;
                true
            }
            None => false,
        },
    }
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(96))]

    #[test]
    fn whatever_is_tried_folds_replays_and_keeps_its_secrets(shape in shapes(), tries in tries()) {
        let (bench, _) = run(&shape, &tries);
        for sealed in &bench.log {
            let text = String::from_utf8(sealed.bytes.clone()).unwrap();
            prop_assert!(!text.contains(PLANTED), "{text}");
        }
        // Folding what is folded already changes nothing that a reader sees.
        let last = &bench.log.last().unwrap();
        let again = bench.case.clone().evolve(&last.event).at_head(last.hash);
        prop_assert_eq!(&again.main, &bench.case.main);
        prop_assert_eq!(&again.facts, &bench.case.facts);
        prop_assert_eq!(&again.clocks, &bench.case.clocks);
        prop_assert_eq!(&again.records, &bench.case.records);
    }

    #[test]
    fn a_log_with_one_forged_event_was_never_legal(shape in shapes(), tries in tries(), way in 0_u8..10, pick in any::<prop::sample::Index>()) {
        let (bench, _) = run(&shape, &tries);
        let able: Vec<u64> = bench
            .log
            .iter()
            .filter(|sealed| forge(way, &mut sealed.event.clone()))
            .map(|sealed| sealed.event.seq)
            .collect();
        prop_assume!(!able.is_empty());
        let seq = able[pick.index(able.len())];
        let log = rechained(&bench, |event| {
            if event.seq == seq {
                forge(way, event);
            }
        });
        let illegal = bench.replay(&log);
        prop_assert!(illegal.is_err(), "way {way} at event {seq} of {:#?}", log[usize::try_from(seq).unwrap() - 1].0);
        // Nothing forged, nothing found.
        let honest = bench.replay(&rechained(&bench, |_| {}));
        prop_assert!(honest.is_ok(), "{:?}", honest);
    }

    #[test]
    fn an_ended_case_refuses_every_command_but_those_that_are_always_open_or_reopen_it(
        shape in shapes(), tries in tries(), dice in any::<u8>()
    ) {
        let (mut bench, _) = run(&shape, &tries);
        prop_assume!(bench.case.outcome.is_some());
        let def = Arc::clone(&bench.def);
        for command in &def.commands {
            let words = perform(&bench, command, dice);
            let role = command.by.first().unwrap();
            let who = if **role == *"system" { "system".to_owned() } else { format!("{role} zoe") };
            let free = matches!(command.from, From::Always) || command.reopens;
            if let Ok(kinds) = bench.tries(&who, &words) {
                prop_assert!(free, "{} did {kinds:?}", command.name);
                break;
            }
        }
    }

    #[test]
    fn refusals_do_not_depend_on_the_order_of_records(shape in shapes(), tries in tries(), dice in any::<u8>()) {
        let (bench, _) = run(&shape, &tries);
        for command in bench.def.commands.iter().filter(|command| command.records.len() > 1) {
            let words = perform(&bench, command, dice);
            let Ok(Act::Perform(act)) = read_act(&bench.def, &crate::bench::json(&words)) else { continue };
            let mut turned = act.clone();
            turned.records.reverse();
            let codes = |act: Perform| {
                let mut bench = Bench::new(&bench.def);
                bench.does("clerk olga", r#"{"command": "open"}"#);
                match bench.submit("guard gus", &Act::Perform(act)) {
                    Ok(kinds) => (Vec::new(), kinds.len()),
                    Err(refusals) => (refusals.iter().map(|reason| reason.code).collect::<Vec<RefusalCode>>(), 0),
                }
            };
            prop_assert_eq!(codes(act), codes(turned));
        }
    }
}

static DEFINITION: std::sync::OnceLock<Arc<Definition>> = std::sync::OnceLock::new();

fn trees() -> impl Strategy<Value = Tree> {
    let words = prop::sample::select(vec![
        "command",
        "sign",
        "hash",
        "agree",
        "note",
        "reject",
        "reason",
        "withdraw",
        "file-paper",
        "edit-fact",
        "value",
        "correct-facts",
        "unset",
        "annul",
        "records",
        "record",
        "fields",
        "about",
        "papers",
        "document",
        "reference",
        "sha256",
        "signed",
        "answers",
        "kind",
        "ready",
        "order",
        "charge",
        "period",
        "from",
        "until",
        "open",
        "c0",
        "outcome",
        "instance",
        "report",
        "unknown",
        "days",
        "",
    ]);
    let leaf = prop_oneof![
        any::<bool>().prop_map(Tree::Bool),
        any::<i64>().prop_map(Tree::Int),
        (-3_i64..9).prop_map(Tree::Int),
        words.clone().prop_map(|word| Tree::Text(word.to_owned())),
        "\\PC{0,12}".prop_map(Tree::Text),
        Just(Tree::Text("2026-03-02T09:00:00Z".to_owned())),
    ];
    leaf.prop_recursive(5, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Tree::List),
            prop::collection::btree_map(words.clone().prop_map(str::to_owned), inner, 0..6)
                .prop_map(Tree::Map),
        ]
    })
}

proptest! {
    #![proptest_config(config(600))]

    #[test]
    fn no_request_makes_the_reader_panic_and_a_refusal_names_its_field(tree in trees(), form in 0_usize..8) {
        let shape = Shape {
            commands: vec![Line { from: 0, to: 0, by: 0, guard: 9, asks: 3, extras: 9, approval: 0 }],
            track_stops: true,
            per_stops: true,
            track_if: false,
            clock: 0,
            apart: None,
            automatic: false,
        };
        let def = DEFINITION.get_or_init(|| shape.definition());
        // Often with a first word that means something.
        let mut tree = tree;
        if let Tree::Map(map) = &mut tree {
            let forms = ["command", "sign", "reject", "withdraw", "file-paper", "edit-fact", "correct-facts", "annul"];
            let inner = map.values().next().cloned().unwrap_or(Tree::Int(1));
            map.retain(|key, _| !forms.contains(&key.as_str()));
            let head = if form == 0 { Tree::Text("c0".to_owned()) } else { inner };
            map.insert(forms[form].to_owned(), head);
        }
        match read_act(def, &tree) {
            Ok(act) => {
                let mut bench = Bench::new(def);
                bench.does("clerk olga", r#"{"command": "open"}"#);
                drop(bench.submit("clerk olga", &act));
            }
            Err(refusals) => {
                let whole = BTreeSet::from(["say one of", "the request"]);
                for reason in &refusals {
                    let of_all = whole.iter().any(|words| reason.message.starts_with(words));
                    prop_assert!(of_all || !reason.about.is_empty() || matches!(reason.code, RefusalCode::UnknownCommand | RefusalCode::Outcome) || has_empty_key(&tree), "{reason:?}");
                }
            }
        }
    }
}

/// An empty name of a field is named by nothing.
fn has_empty_key(tree: &Tree) -> bool {
    match tree {
        Tree::Map(map) => map.contains_key("") || map.values().any(has_empty_key),
        Tree::List(list) => list.iter().any(has_empty_key),
        Tree::Bool(_) | Tree::Int(_) | Tree::Text(_) => false,
    }
}

#[test]
fn the_random_runs_are_worth_their_name() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = (shapes(), tries());
    let (mut accepted, mut events, mut tried) = (0, 0, 0);
    for _ in 0..60 {
        let (shape, tries) = strategy.new_tree(&mut runner).unwrap().current();
        let (bench, done) = run(&shape, &tries);
        accepted += done;
        tried += tries.len();
        events += bench.log.len();
    }
    assert!(accepted > 350 && events > 600, "{accepted} of {tried} tries were accepted, {events} events");
}
