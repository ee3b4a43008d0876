//! What comes in is read once, and every fault is told with its place.

use qadiya_domain::case::Change;
use qadiya_domain::case::RefusalCode::{Form, Outcome, UnknownCommand};
use qadiya_domain::case::input::{LONGEST_TEXT, read_act};
use qadiya_domain::value::{Given, Protected, Value};
use qadiya_ledger::Hash;

use crate::bench::{Bench, flow, json, name};

const FORMS: &str = "
facts: {kind: {type: choice, of: {plain: {id: P}, grave: {id: G}}}, note: {type: text}}
records:
  statement:
    fields: {language: {type: choice, of: [ar, ckb, other]}, counsel: {type: person, may-be: [refused, none]}, day: {type: date}, fee: {type: money}, span: {type: range}, by: {type: official}}
documents: {report: {from: [clerk], signed: true}}
states: {waiting: {}, decided: {final: decided}}
commands:
  open:   {id: OPN, from: new, to: waiting, by: [clerk], asks: {kind: required, note: optional}}
  hear:   {from: waiting, stays: true, by: [clerk], records: {statement: optional}}
  decide: {from: waiting, by: [clerk], outcomes: {yes-way: {id: YW, to: decided}}}
deadlines: {}
";

const STATEMENT: &str = r#""language": "ar", "counsel": {"refused": "said so"}, "day": "2026-03-01", "fee": {"minor": 1000, "currency": "IQD"}, "span": {"from": "2026-03-01T09:00:00+03:00", "until": "2026-03-01T10:00:00+03:00"}, "by": "7f0b3e4c-0000-4000-8000-000000000001""#;

#[test]
fn names_and_foreign_identifiers_are_both_understood() {
    let mut bench = Bench::new(&flow(FORMS));
    bench.does("clerk olga", r#"{"command": "OPN", "answers": {"kind": "G", "note": "قضية"}}"#);
    bench.does(
        "clerk olga",
        &format!(
            r#"{{"command": "hear", "records": [{{"record": "statement", "fields": {{{STATEMENT}}}}}]}}"#
        ),
    );
    bench.does("clerk olga", r#"{"command": "decide", "outcome": "YW"}"#);
    assert_eq!(bench.main(), "decided");
}

#[test]
fn every_fault_names_its_field() {
    let def = flow(FORMS);
    let long = "x".repeat(LONGEST_TEXT + 1);
    let record = |fields: &str| {
        format!(r#"{{"command": "hear", "records": [{{"record": "statement", "fields": {{{fields}}}}}]}}"#)
    };
    for (act, code, about) in [
        ("[]", Form, ""),
        ("{}", Form, ""),
        (r#"{"command": "hear", "annul": 1}"#, Form, ""),
        (r#"{"command": 4}"#, Form, "command"),
        (r#"{"command": "heer"}"#, UnknownCommand, "heer"),
        (r#"{"command": "hear", "colour": "red"}"#, Form, "colour"),
        (r#"{"command": "hear", "records": {}}"#, Form, "records"),
        (r#"{"command": "hear", "instance": -1}"#, Form, "instance"),
        (r#"{"command": "hear", "instance": 4294967296}"#, Form, "instance"),
        (r#"{"command": "decide", "outcome": "no"}"#, Outcome, "no"),
        (r#"{"command": "open", "answers": {"kind": "mild"}}"#, Form, "answers/kind"),
        (r#"{"command": "open", "answers": {"size": 4}}"#, Form, "answers/size"),
        (r#"{"command": "open", "answers": {"note": "a\u0000b"}}"#, Form, "answers/note"),
        (r#"{"command": "open", "reason": " "}"#, Form, "reason"),
        (r#"{"command": "hear", "records": [{"record": "order"}]}"#, Form, "records/0/record"),
        (
            r#"{"command": "hear", "records": [{"record": "statement", "about": 4294967296}]}"#,
            Form,
            "records/0/about",
        ),
        (r#"{"command": "hear", "papers": [{"document": "report"}]}"#, Form, "papers/0/reference"),
        (
            r#"{"command": "hear", "papers": [{"document": "deed", "reference": "1"}]}"#,
            Form,
            "papers/0/document",
        ),
        (
            r#"{"command": "hear", "papers": [{"document": "report", "reference": "1", "sha256": "ab"}]}"#,
            Form,
            "papers/0/sha256",
        ),
        (r#"{"file-paper": {"document": "report", "reference": "1", "signed": "yes"}}"#, Form, "signed"),
        (r#"{"annul": "two", "reason": "x"}"#, Form, "annul"),
        (r#"{"correct-facts": {"kind": "P"}, "unset": "note", "reason": "x"}"#, Form, "unset"),
        (r#"{"edit-fact": "note"}"#, Form, "value"),
    ] {
        let refusals = read_act(&def, &json(act)).unwrap_err();
        let found = refusals.iter().any(|reason| reason.code == code && reason.about == about);
        assert!(found, "{act}: {refusals:?}");
    }
    for (fields, about) in [
        (r#""colour": "red""#, "colour"),
        (r#""day": "2026-02-30""#, "day"),
        (r#""counsel": {"unknown": " "}"#, "counsel"),
        (r#""fee": {"minor": 1.5, "currency": "IQD"}"#, "fee"),
        (r#""fee": {"minor": 15, "currency": "iqd"}"#, "fee"),
        (r#""span": {"from": "2026-03-01T09:00:00", "until": "2026-03-02T09:00:00Z"}"#, "span"),
        (r#""by": "jane""#, "by"),
    ] {
        // A number with a fraction is no value of ours at all.
        let Ok(tree) = qadiya_ledger::canonical::parse_lenient(record(fields).as_bytes()) else {
            assert!(fields.contains("1.5"), "{fields}");
            continue;
        };
        let refusals = read_act(&def, &tree).unwrap_err();
        let at = format!("records/0/fields/{about}");
        assert!(
            refusals.iter().any(|reason| reason.code == Form && reason.about.starts_with(&at)),
            "{fields}: {refusals:?}"
        );
    }
    let text = format!(r#"{{"command": "open", "answers": {{"note": "{long}"}}}}"#);
    assert!(read_act(&def, &json(&text)).unwrap_err().has(Form));
}

#[test]
fn a_record_has_a_value_or_an_allowed_answer_in_every_field() {
    let mut bench = Bench::new(&flow(FORMS));
    bench.refused("clerk olga", r#"{"command": "open"}"#, &[Form]);
    bench.refused("clerk olga", r#"{"command": "open", "answers": {"kind": "P"}, "records": [{"record": "statement", "fields": {}}]}"#, &[Form]);
    bench.does("clerk olga", r#"{"command": "open", "answers": {"kind": "P"}}"#);
    let hear = |fields: &str| {
        format!(r#"{{"command": "hear", "records": [{{"record": "statement", "fields": {{{fields}}}}}]}}"#)
    };
    for fields in [
        STATEMENT.replace(r#""language": "ar", "#, ""),
        STATEMENT.replace(r#""ar""#, r#"{"unknown": "nobody asked"}"#),
        STATEMENT.replace("refused", "unknown"),
        STATEMENT.replace("T10:", "T08:"),
    ] {
        bench.refused("clerk olga", &hear(&fields), &[Form]);
    }
    bench.refused("clerk olga", &hear(STATEMENT).replace(r#""fields""#, r#""about": 1, "fields""#), &[Form]);
    bench.refused(
        "clerk olga",
        &hear(STATEMENT).replace(r#""hear""#, r#""decide", "outcome": "YW""#),
        &[Form],
    );
}

#[test]
fn two_values_of_one_fact_in_one_act_have_two_secrets() {
    let mut bench = Bench::opened(
        "
facts: {level: {type: choice, of: [low, high], class: personal}}
states: {waiting: {}, decided: {final: decided}}
commands:
  open:   {from: new, to: waiting, by: [clerk]}
  weigh:  {from: waiting, stays: true, by: [judge], asks: {level: required}, sets: {level: high}}
  decide: {from: waiting, to: decided, by: [judge], asks: {level: required}, approval: {steps: [{by: [judge]}]}}
deadlines: {}
",
    );
    bench.does("judge jane", r#"{"command": "weigh", "answers": {"level": "low"}}"#);
    let secrets: Vec<_> =
        bench.log[1].secrets.iter().map(|(path, secret)| (path.as_str(), secret.value.clone())).collect();
    let choice = |word: &str| Value::Choice(name(word));
    assert_eq!(secrets, [("/changes/2/level", choice("high")), ("/facts/level", choice("low"))]);
    // What is enacted has the commitment of what was proposed: another one was never legal.
    bench.does("judge jane", r#"{"command": "decide", "answers": {"level": "low"}}"#);
    bench.signs("judge mary");
    let mut events = bench.events();
    let enacted = &mut events.last_mut().unwrap().0;
    let fact = enacted.changes.iter_mut().find_map(|change| match change {
        Change::Fact(fact) => Some(fact),
        _ => None,
    });
    fact.unwrap().value = Given::Protected(Protected::Sealed(Hash::of(b"another value")));
    assert_eq!(bench.replay(&events).unwrap_err().seq, 5);
}
