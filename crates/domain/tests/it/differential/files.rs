//! Random workflow files.

use super::dice::Dice;

const ROLES: [&str; 3] = ["clerk", "judge", "guard"];
const STATES: [&str; 5] = ["waiting", "heard", "paused", "decided", "dead"];

fn atom(dice: &mut Dice) -> String {
    let sentences = [
        "ready is yes",
        "ready is not yes",
        "kind is a",
        "kind is not b",
        "kind is either a or b",
        "kind is known",
        "kind is not known",
        "size at least 5",
        "size less than 5",
        "size more than 2",
        "size at most 7",
        "some charge",
        "no charge",
        "every charge has (days at least 10)",
        "some charge has (days less than 10 and grave is yes)",
        "no charge has (grave is not yes)",
        "some verdict has (result is guilty)",
        "sum of days of charge more than 30",
        "at heard",
        "at missing",
        "at complete",
        "some charge has (at judged)",
        "every charge has (at judged)",
        "report is filed",
        "first has passed",
        "second has passed",
        "authority has lapsed",
        "strict holds",
        "days since day at least 3",
    ];
    (*dice.pick(&sentences)).to_owned()
}

/// A guard that reads no machine: whether a track opens is asked of facts and records.
fn of_facts(dice: &mut Dice) -> String {
    loop {
        let guard = guard(dice);
        if ["at heard", "at missing", "at complete", "at judged", "lapsed", "passed"]
            .iter()
            .all(|word| !guard.contains(word))
        {
            return guard;
        }
    }
}

/// A guard that does not ask about one thing: a clock that is asked whether it has passed does not stop itself.
fn without(dice: &mut Dice, word: &str) -> String {
    loop {
        let guard = guard(dice);
        if !guard.contains(word) {
            return guard;
        }
    }
}

/// A guard of up to four sentences.
pub(crate) fn guard(dice: &mut Dice) -> String {
    match dice.below(8) {
        0..4 => atom(dice),
        4 => format!("{} and {}", atom(dice), atom(dice)),
        5 => format!("{} or {}", atom(dice), atom(dice)),
        6 => format!("not ({} and {})", atom(dice), atom(dice)),
        _ => format!("{} and ({} or not {})", atom(dice), atom(dice), atom(dice)),
    }
}

fn approval(dice: &mut Dice) -> String {
    let within = if dice.percent(60) { ", within: 4 days" } else { "" };
    let steps = [
        "{by: [judge, clerk, guard]}",
        "{by: [judge]}",
        "{by: [judge, clerk], people: 2, agree: 1}, {by: [guard, judge]}",
        "{by: [judge, guard], people: 2}",
        "{by: [judge, guard, clerk], people: 3, agree: 2}",
    ];
    format!("approval: {{steps: [{}]{within}}}", dice.pick(&steps))
}

fn command(dice: &mut Dice, outcomes: bool) -> String {
    let from = *dice.pick(&[
        "[waiting, heard]",
        "waiting",
        "heard",
        "every-state",
        "paused",
        "every-state",
        "[heard, paused]",
    ]);
    let to = *dice.pick(&STATES);
    let target = match dice.below(9) {
        0..4 => format!("to: {to}"),
        4 => "stays: true".to_owned(),
        5 if from == "paused" => "to: back".to_owned(),
        6 if outcomes => format!(
            "outcomes: {{good: {{to: {to}, if: {}, sets: {{ready: yes}}}}, bad: {{stays: true, needs: [report]}}}}",
            guard(dice)
        ),
        7 => format!(
            "routes: [{{if: {}, to: heard}}, {{if: {}, stays: true, sets: {{kind: c}}}}, {{if: {}, to: waiting}}]",
            guard(dice),
            guard(dice),
            guard(dice)
        ),
        _ => format!("to: {to}"),
    };
    let mut words = vec![format!("from: {from}"), target, format!("by: [{}]", dice.pick(&ROLES))];
    if dice.percent(40) {
        words.push(format!("if: {}", guard(dice)));
    }
    if dice.percent(30) {
        words.push(
            (*dice.pick(&[
                "asks: {kind: required, note: optional}",
                "asks: {size: required, day: optional}",
                "asks: {ready: optional}",
            ]))
            .to_owned(),
        );
    }
    match dice.below(7) {
        0 => words.push("records: {order: required, charge: optional}".to_owned()),
        1 => words.push("records: {charge: optional, order: optional}".to_owned()),
        2 => words.push("records: {verdict: one-per charge}".to_owned()),
        3 => words.push("records: {charge: required}".to_owned()),
        _ => {}
    }
    match dice.below(9) {
        0 => words.push("needs: [report, deed]".to_owned()),
        1 => words.push("sets: {ready: yes}".to_owned()),
        2 => words.push("jobs: [ask]".to_owned()),
        3 => words.push("stops-tracks: true".to_owned()),
        4 => words.push("not-before: {wait: 2 days, after: report, unless: charge}".to_owned()),
        5 => words.push("not-before: {wait: 30 hours, after: waiting}".to_owned()),
        6 => words.push("sets: {kind: unset, ready: no}".to_owned()),
        _ => {}
    }
    if dice.percent(12) {
        words.push("irregular: true".to_owned());
    }
    if dice.percent(15) {
        words.push("clerical: office work".to_owned());
    } else if dice.percent(45) {
        words.push(approval(dice));
    }
    words.join(", ")
}

fn deadline(dice: &mut Dice, name: &str) -> String {
    let during = *dice.pick(&["[waiting, heard]", "waiting", "heard", "every-state", "[waiting, paused]"]);
    let limit = *dice.pick(&[
        "within: 10 days",
        "within: 5 working days",
        "within: 1 months",
        "within: 3 weeks",
        "until: authority",
        "until: limit of order",
        "until: due-on of charge",
        "within: 48 hours, since: report",
        "within: 48 hours",
        "within: 36 hours, extend-by: {command: more, by: 12 hours, times: 1}",
        "within: 8 days, extend-by: {command: more, by: 2 days, times: 2}",
    ]);
    let mut words = vec![format!("while: {during}"), limit.to_owned()];
    if dice.percent(25) {
        words.push(format!("pauses-while: {}", without(dice, name)));
    }
    if dice.percent(20) {
        words.push(format!("if: {}", without(dice, name)));
    }
    if dice.percent(40) {
        words.push("warn: [{before: 12 hours, tell: [clerk]}]".to_owned());
    }
    if dice.percent(30) {
        words.push("repeat: 2 days".to_owned());
    }
    if dice.percent(30) {
        words.push(
            (*dice.pick(&[
                "ends: same-time",
                "first-day: included",
                "if-not-working: same",
                "if-not-working: previous",
                "month-end: later",
            ]))
            .to_owned(),
        );
    }
    words.push(
        (*dice.pick(&[
            "late: [{after: 0 days, tell: [judge], do: enter}, {after: 3 days, tell: [guard]}]",
            "late: [{after: 0 days, tell: [judge]}]",
            "late: [{after: 6 hours, tell: [judge]}, {after: 2 days, tell: [judge]}, {after: 4 working days, do: enter}]",
        ]))
        .to_owned(),
    );
    format!("  {name}: {{{}}}\n", words.join(", "))
}

fn separation(dice: &mut Dice, approved: &[usize], commands: usize) -> String {
    let mut rules = Vec::new();
    for _ in 0..dice.below(3) {
        let (one, other) = (dice.below(commands), dice.below(commands));
        if one == other {
            continue;
        }
        let word = *dice.pick(&["different-people", "different-people", "same-person"]);
        let only = if approved.contains(&other) && dice.percent(40) { ".approval" } else { "" };
        rules.push(format!("{{{word}: [c{one}, c{other}{only}]}}"));
    }
    if rules.is_empty() { String::new() } else { format!("separation: [{}]\n", rules.join(", ")) }
}

/// The body of a file below the head of the bench.
pub(crate) fn body(dice: &mut Dice) -> String {
    let leave = |dice: &mut Dice| *dice.pick(&["stop", "must-finish"]);
    let (papers, trial) = (leave(dice), leave(dice));
    let open_if = if dice.percent(40) { format!("open-if: {}, ", of_facts(dice)) } else { String::new() };
    let acts_by = if dice.percent(30) { ", acts-by: [clerk, judge]" } else { "" };
    let mut text = format!(
        "
facts: {{ready: {{type: flag, starts: no, editable-by: [clerk]}}, kind: {{type: choice, of: [a, b, c]}}, note: {{type: text, editable-by: [guard]}}, size: {{type: number, editable-by: [clerk]}}, day: {{type: date, editable-by: [judge]}}}}
records:
  order:   {{many: true, fields: {{period: {{type: range}}, words: {{type: text, may-be: [unknown]}}}}, covers: period, limit: {{each: 90 days, total: 200 days}}}}
  charge:  {{many: true, fields: {{days: {{type: number, may-be: [unknown]}}, grave: {{type: flag}}, due-on: {{type: date, may-be: [none]}}}}}}
  verdict: {{many: true, about: charge, fields: {{result: {{type: choice, of: [guilty, not-guilty]}}}}}}
documents: {{report: {{from: [clerk, judge]}}, deed: {{from: [judge], signed: true}}}}
rules: {{strict: {{if: ready is yes and kind is known}}}}
states:
  waiting: {{held: true}}
  heard:   {{held: true, jobs: [ask]{acts_by}}}
  paused:  {{suspended: true}}
  decided: {{final: decided}}
  dead:    {{final: dead, exceptional: true}}
tracks:
  papers: {{open-in: {}, {open_if}on-leave: {papers}, begins: missing, states: {{missing: {{}}, complete: {{final: true}}}}}}
  trial:  {{open-in: [waiting, heard], on-leave: {trial}, begins: charged, per: charge, states: {{charged: {{}}, judged: {{final: true}}}}}}
jobs:
  ask: {{queue: out, attempt-limit: 1 hours, retry: {{times: 1}}, when-done: {{answers: {{found: {{do: enter, with: {{note: remark, kind: sort}}}}}}}}, if-it-fails: {{tell: [clerk], do: enter}}}}
commands:
  open:    {{from: new, to: waiting, by: [clerk], asks: {{kind: optional, note: optional}}}}
  enter:   {{from: [waiting, heard], stays: true, by: [system], clerical: what came back, asks: {{note: optional, kind: optional}}}}
  finish:  {{from: missing, to: complete, by: [clerk], clerical: office work}}
  redo:    {{from: complete, to: missing, by: [clerk], clerical: office work}}
  more:    {{from: [waiting, heard], stays: true, by: [judge]}}
  judge-it: {{from: charged, to: judged, by: [judge], {}{}}}
  reopen:  {{from: decided, to: waiting, by: [judge], reopens: true}}
  remark:  {{from: always, stays: true, by: [clerk], clerical: a remark, needs: [report]}}
",
        dice.pick(&["[waiting, heard]", "heard", "[waiting, heard, decided]"]),
        dice.pick(&["", "if: ready is yes, ", ""]),
        approval(dice),
    );
    if dice.percent(25) {
        text.push_str("  follow: {from: waiting, to: heard, by: [system], clerical: follows, when: ready is yes and kind is b, stops-tracks: true, sets: {ready: no}}\n");
    }
    let commands = 5 + dice.below(4);
    let mut approved = Vec::new();
    for position in 0..commands {
        let words = command(dice, true);
        if words.contains("approval: ") {
            approved.push(position);
        }
        text.push_str(&format!("  c{position}: {{{words}}}\n"));
    }
    text.push_str("deadlines:\n");
    text.push_str(&deadline(dice, "first"));
    text.push_str(&deadline(dice, "second"));
    text.push_str("  each: {while: charged, within: 5 working days, late: [{after: 0 days, tell: [judge]}], repeat: 2 days}\n");
    let (facts, annul) = (dice.percent(50), dice.percent(50));
    text.push_str(&format!(
        "corrections:
  facts: {{by: [judge], reason: required{}}}
  annul: [{{command: c0, while: [waiting, heard, paused], returns-to: waiting, by: [judge]{}}}]
",
        if facts { format!(", {}", approval(dice)) } else { String::new() },
        if annul { ", approval: {steps: [{by: [judge, clerk]}]}" } else { "" },
    ));
    text.push_str(&separation(dice, &approved, commands));
    text
}
