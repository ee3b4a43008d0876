//! Facts edited and corrected, acts annulled.

use std::collections::BTreeMap;

use qadiya_domain::case::RefusalCode::{ActsBy, Correction, Decision, Form, Role};
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
    let mut bench = Bench::opened(&CASE.replace("{command: hear, while", "{command: decide, while: [decided], returns-to: heard, by: [judge], reopens: true}\n    - {command: hear, while"));
    bench.does("judge jane", REFER);
    bench.does("clerk olga", r#"{"command": "finish"}"#);
    bench.does("judge jane", r#"{"command": "hear"}"#);
    bench.does("judge jane", r#"{"command": "decide"}"#);
    // What the decision relied on waits for the decision to be annulled first.
    bench.refused("judge jane", r#"{"annul": 4, "reason": "x"}"#, &[Correction]);
    assert_eq!(bench.case.outcome, Some(name("decided")));
    assert_eq!(bench.does("judge mary", r#"{"annul": 5, "reason": "x"}"#), [Annulled]);
    assert_eq!((bench.main(), bench.case.outcome.clone()), ("heard", None));
}

#[test]
fn an_annulment_gives_clocks_back_as_they_were_and_takes_no_later_value_away() {
    let case = CASE
        .replace("within: 30 days,", "within: 30 days, extend-by: {command: longer, by: 5 days, times: 1},")
        .replace("  finish:", "  longer: {from: waiting, stays: true, by: [judge], clerical: lengthens only}\n  again:  {from: waiting, to: waiting, by: [clerk], clerical: office work}\n  finish:");
    let mut bench = Bench::opened(&case);
    bench.does("judge jane", r#"{"command": "longer"}"#);
    bench.until("2026-03-10T09:00:00Z");
    bench.does("clerk olga", r#"{"command": "again"}"#);
    let before = (bench.case.clocks.clone(), bench.case.entered[&name("waiting")].clone());
    assert_eq!(bench.due("refer-in-time").unwrap(), "2026-04-07T00:00:00Z");
    bench.until("2026-03-12T09:00:00Z");
    bench.does("judge jane", REFER);
    let refer = bench.case.version;
    bench.until("2026-03-20T09:00:00Z");
    bench.does("judge jane", &format!(r#"{{"annul": {refer}, "reason": "x"}}"#));
    bench.signs("prosecutor paul");
    assert_eq!((bench.case.clocks.clone(), bench.case.entered[&name("waiting")].clone()), before);

    // A fact that was corrected after the act would be lost.
    let mut bench = referred();
    bench.does("judge jane", r#"{"correct-facts": {"level": "low"}, "reason": "a slip"}"#);
    bench.signs("prosecutor paul");
    let refusals = bench.refused("judge jane", r#"{"annul": 2, "reason": "x"}"#, &[Correction]);
    assert!(refusals.to_string().contains("level was changed"), "{refusals}");
}

#[test]
fn a_program_edits_no_fact_and_where_few_may_act_nobody_else_edits_files_corrects_or_annuls() {
    let case = CASE.replace(
        "states: {waiting: {}, referred: {jobs: [tell]}",
        "states: {waiting: {}, referred: {acts-by: [guard], jobs: [tell]}",
    );
    let mut bench = Bench::opened(&case);
    let edit = r#"{"edit-fact": "place", "value": "block 2"}"#;
    bench.refused("service clerk", edit, &[Decision]);
    bench.refused("batch clerk olga", edit, &[Decision]);
    bench.does("clerk olga", edit);
    bench.does("judge jane", REFER);
    bench.refused("clerk olga", edit, &[ActsBy]);
    bench.refused("clerk olga", r#"{"file-paper": {"document": "report", "reference": "1"}}"#, &[ActsBy]);
    bench.refused("judge jane", r#"{"correct-facts": {"level": "low"}, "reason": "x"}"#, &[ActsBy]);
    bench.refused("judge jane", r#"{"annul": 3, "reason": "x"}"#, &[ActsBy]);
}
