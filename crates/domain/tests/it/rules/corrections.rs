//! Facts edited and corrected, acts annulled.

use std::collections::BTreeMap;

use qadiya_domain::case::RefusalCode::{Correction, Decision, Form, Role};
use qadiya_domain::case::act::JobReport;
use qadiya_domain::case::event::EventKind::{
    Acted, Annulled, Corrected, FactEdited, Lapsed, PaperFiled, Proposed, Signed,
};
use qadiya_domain::value::{Given, Value};

use crate::bench::{Bench, name};

const CASE: &str = "
facts: {level: {type: choice, of: [low, high], starts: low}, place: {type: text, editable-by: [clerk]}, days: {type: number, class: personal}}
records: {charge: {many: true, fields: {days: {type: number}}}}
documents: {report: {from: [clerk]}}
states: {waiting: {}, referred: {jobs: [tell]}, paused: {suspended: true}, heard: {}, decided: {final: decided}}
tracks:
  trial: {open-in: [referred], on-leave: must-finish, begins: set, states: {set: {jobs: [list]}, done: {final: true}}}
commands:
  open:   {from: new, to: waiting, by: [clerk]}
  refer:  {from: waiting, to: referred, by: [judge], records: {charge: required}, asks: {days: optional}, sets: {level: high}, jobs: [tell-all]}
  finish: {from: set, to: done, by: [clerk], clerical: office work}
  hear:   {from: referred, to: heard, by: [judge]}
  pause:  {from: referred, to: paused, by: [clerk], clerical: a pause, stops-tracks: true}
  decide: {from: heard, to: decided, by: [judge]}
jobs:
  tell:     {queue: out, attempt-limit: 5 minutes, retry: {times: 1}, if-it-fails: {tell: [clerk]}}
  tell-all: {queue: out, attempt-limit: 5 minutes, retry: {times: 1}, if-it-fails: {tell: [clerk]}}
  list:     {queue: out, attempt-limit: 5 minutes, retry: {times: 1}, if-it-fails: {tell: [clerk]}}
deadlines:
  refer-in-time: {while: waiting, within: 30 days, late: [{after: 0 days, tell: [judge]}]}
corrections:
  facts: {by: [judge], reason: required, approval: {steps: [{by: [prosecutor]}]}}
  annul:
    - {command: refer, while: [referred, paused, heard], returns-to: waiting, by: [judge], approval: {steps: [{by: [prosecutor]}]}}
    - {command: hear, while: [heard, decided], returns-to: referred, by: [judge], reopens: true}
";

const REFER: &str = r#"{"command": "refer", "answers": {"days": 5}, "records": [{"record": "charge", "fields": {"days": 90}}]}"#;

fn referred() -> Bench {
    let mut bench = Bench::opened(CASE);
    bench.until("2026-03-12T09:00:00Z");
    bench.does("judge jane", REFER);
    assert_eq!((bench.main(), bench.case.jobs.len()), ("referred", 3));
    bench
}

#[test]
fn a_fact_is_edited_by_whom_the_file_names_and_a_paper_filed() {
    let mut bench = Bench::opened(CASE);
    bench.refused("judge jane", r#"{"edit-fact": "place", "value": "block 2"}"#, &[Role]);
    bench.refused("clerk olga", r#"{"edit-fact": "level", "value": "high"}"#, &[Role]);
    bench.refused("clerk olga", r#"{"edit-fact": "place", "value": 2}"#, &[Form]);
    bench.refused("clerk olga", r#"{"edit-fact": "size", "value": 2}"#, &[Form]);
    assert_eq!(bench.does("clerk olga", r#"{"edit-fact": "place", "value": "block 2"}"#), [FactEdited]);
    bench.refused("judge jane", r#"{"file-paper": {"document": "report", "reference": "1"}}"#, &[Role]);
    assert_eq!(
        bench.does("clerk olga", r#"{"file-paper": {"document": "report", "reference": "1"}}"#),
        [PaperFiled]
    );
}

#[test]
fn facts_are_corrected_with_a_reason_and_the_signatures_the_file_asks() {
    let mut bench = Bench::opened(CASE);
    bench.refused("judge jane", r#"{"correct-facts": {"level": "high"}}"#, &[Form]);
    bench.refused("judge jane", r#"{"correct-facts": {}, "reason": "x"}"#, &[Form]);
    let correct = r#"{"correct-facts": {"level": "high"}, "unset": ["place"], "reason": "a slip"}"#;
    bench.refused("clerk olga", correct, &[Role]);
    bench.refused("service judge", correct, &[Decision]);
    bench.refused("batch judge jane", correct, &[Decision]);
    bench.does("clerk olga", r#"{"edit-fact": "place", "value": "block 2"}"#);
    assert_eq!(bench.does("judge jane", correct), [Proposed]);
    assert_eq!(bench.case.facts[&name("level")], Given::Is(Value::Choice(name("low"))));
    assert_eq!(bench.signs("prosecutor paul"), [Signed, Corrected]);
    assert_eq!(bench.case.facts[&name("level")], Given::Is(Value::Choice(name("high"))));
    assert!(!bench.case.facts.contains_key(&name("place")));
}

#[test]
fn an_annulled_act_leaves_its_traces_and_none_of_its_effects() {
    let mut bench = referred();
    bench.until("2026-03-20T09:00:00Z");
    bench.refused("judge jane", r#"{"annul": 1, "reason": "x"}"#, &[Correction]);
    bench.refused("clerk olga", r#"{"annul": 2, "reason": "x"}"#, &[Role]);
    bench.refused("service judge", r#"{"annul": 2, "reason": "x"}"#, &[Decision]);
    assert_eq!(bench.does("judge jane", r#"{"annul": 2, "reason": "the wrong file"}"#), [Proposed]);
    assert_eq!(bench.signs("prosecutor paul"), [Signed, Annulled]);
    assert_eq!(bench.main(), "waiting");
    assert_eq!(bench.case.facts[&name("level")], Given::Is(Value::Choice(name("low"))));
    assert!(!bench.case.facts.contains_key(&name("days")));
    assert!(bench.case.records[&1].annulled);
    assert!(bench.case.tracks.is_empty(), "the track that should have been finished is gone");
    assert!(bench.case.jobs.is_empty() && bench.incidents().is_empty(), "no job had been done");
    // No annulled act lengthens a limit: it counts from the first entry.
    assert_eq!(bench.due("refer-in-time").unwrap(), "2026-04-02T00:00:00Z");
    bench.refused("judge jane", r#"{"annul": 2, "reason": "again"}"#, &[Correction]);
    bench.does("judge jane", REFER);
}

#[test]
fn jobs_done_before_an_annulment_are_open_questions() {
    let mut bench = referred();
    for job in ["tell", "tell-all"] {
        bench.job(job, JobReport::Done { code: None, fields: BTreeMap::new() }).unwrap();
    }
    bench.does("judge jane", r#"{"annul": 2, "reason": "the wrong file"}"#);
    bench.signs("prosecutor paul");
    assert_eq!(bench.incidents(), ["done-before-annulment", "done-before-annulment"]);
    assert!(bench.case.jobs.is_empty());
}

#[test]
fn an_act_on_which_a_later_decision_relied_is_not_annulled_before_it() {
    let mut bench = referred();
    bench.does("clerk olga", r#"{"command": "finish"}"#);
    bench.does("judge jane", r#"{"command": "hear"}"#);
    let refusals = bench.refused("judge jane", r#"{"annul": 2, "reason": "x"}"#, &[Correction]);
    assert!(refusals.to_string().contains("hear (event 4)"), "{refusals}");
    assert_eq!(bench.does("judge mary", r#"{"annul": 4, "reason": "x"}"#), [Annulled]);
    bench.does("judge jane", r#"{"annul": 2, "reason": "x"}"#);
    bench.signs("prosecutor paul");
    assert_eq!(bench.main(), "waiting");
}

#[test]
fn an_annulment_waits_for_nothing_once_the_case_has_moved() {
    let mut bench = referred();
    bench.does("judge jane", r#"{"annul": 2, "reason": "x"}"#);
    assert_eq!(bench.does("clerk olga", r#"{"command": "pause"}"#), [Acted, Lapsed]);
    assert_eq!(bench.case.before, Some(name("referred")));
    bench.does("judge jane", r#"{"annul": 2, "reason": "x"}"#);
    bench.signs("prosecutor paul");
    assert_eq!((bench.main(), bench.case.before.clone()), ("waiting", None));
}

#[test]
fn an_annulment_may_reopen_an_ended_case() {
    let mut bench = referred();
    bench.does("clerk olga", r#"{"command": "finish"}"#);
    bench.does("judge jane", r#"{"command": "hear"}"#);
    bench.does("judge jane", r#"{"command": "decide"}"#);
    bench.refused("judge jane", r#"{"annul": 4, "reason": "x"}"#, &[Correction]);
    assert_eq!(bench.case.outcome, Some(name("decided")));
}
