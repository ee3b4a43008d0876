//! Jobs: what comes back runs clerical commands that the file declares, or becomes an incident. Nothing else.

use std::collections::BTreeMap;

use qadiya_domain::case::Act;
use qadiya_domain::case::RefusalCode::{NotOpen, Role};
use qadiya_domain::case::act::JobReport;
use qadiya_domain::case::event::EventKind::{Acted, JobDone, JobFailed};
use qadiya_domain::value::{Given, Value};

use crate::bench::{Bench, name};

const JOBS: &str = "
facts: {number: {type: number}, note: {type: text}, level: {type: choice, of: [low, other]}}
states: {waiting: {jobs: [ask]}, found: {}, decided: {final: decided}}
commands:
  open:   {from: new, to: waiting, by: [clerk]}
  enter:  {from: waiting, by: [system], clerical: what came back, asks: {number: optional, note: optional, level: optional}, outcomes: {there: {to: found}, not-there: {stays: true}}}
  hear:   {from: waiting, to: found, by: [judge]}
  missed: {from: waiting, to: found, by: [system], clerical: no answer}
  decide: {from: found, to: decided, by: [judge]}
jobs:
  ask:
    queue: out
    attempt-limit: 5 minutes
    retry: {times: 2}
    when-done: {answers: {yes-code: {do: enter, outcome: there, with: {number: nr, note: remark, level: grade}}, empty: {do: enter, outcome: not-there}}}
    if-it-fails: {tell: [clerk], do: missed}
deadlines: {}
";

fn done(code: &str, fields: &[(&str, &str)]) -> JobReport {
    let fields: BTreeMap<String, String> =
        fields.iter().map(|(field, text)| ((*field).to_owned(), (*text).to_owned())).collect();
    JobReport::Done { code: Some(code.to_owned()), fields }
}

#[test]
fn a_known_answer_runs_its_command_as_the_engine() {
    let mut bench = Bench::opened(JOBS);
    let report = done(
        "yes-code",
        &[("nr", "7"), ("remark", "a private word"), ("grade", "unlisted"), ("extra", "not asked for")],
    );
    assert_eq!(bench.job("ask", report).unwrap(), [JobDone, Acted]);
    assert_eq!(bench.main(), "found");
    assert_eq!(bench.case.facts[&name("number")], Given::Is(Value::Number(7)));
    assert_eq!(bench.case.facts[&name("level")], Given::Is(Value::Choice(name("other"))));
    assert!(matches!(bench.case.facts[&name("note")], Given::Protected(_)));
    for sealed in &bench.log {
        let text = String::from_utf8(sealed.bytes.clone()).unwrap();
        assert!(!text.contains("private word"), "a protected field of an answer stands in the log: {text}");
        assert!(!text.contains("not asked for"), "{text}");
    }
    assert!(bench.job("ask", done("yes-code", &[])).unwrap_err().has(NotOpen));
}

#[test]
fn a_value_that_does_not_fit_is_left_out() {
    let mut bench = Bench::opened(JOBS);
    bench.job("ask", done("yes-code", &[("nr", "seven")])).unwrap();
    assert!(!bench.case.facts.contains_key(&name("number")));
}

#[test]
fn an_answer_that_the_file_does_not_know_is_an_incident() {
    let mut bench = Bench::opened(JOBS);
    assert_eq!(bench.job("ask", done("strange", &[])).unwrap(), [JobDone]);
    assert_eq!(bench.incidents(), ["unknown-answer"]);
    let mut bench = Bench::opened(JOBS);
    bench.job("ask", JobReport::Done { code: None, fields: BTreeMap::new() }).unwrap();
    assert_eq!(bench.incidents(), ["unknown-answer"]);
}

#[test]
fn what_comes_from_outside_stands_in_the_log_as_a_short_code_or_not_at_all() {
    for word in ["a private sentence", &"x".repeat(65)] {
        let mut bench = Bench::opened(JOBS);
        bench.job("ask", done(word, &[])).unwrap();
        assert_eq!(bench.incidents(), ["unknown-answer"]);
        let mut other = Bench::opened(JOBS);
        other.job("ask", JobReport::Failed { attempts: 3, fault: word.to_owned() }).unwrap();
        for sealed in bench.log.iter().chain(&other.log) {
            let text = String::from_utf8(sealed.bytes.clone()).unwrap();
            assert!(!text.contains(word), "{text}");
        }
    }
}

#[test]
fn a_number_that_no_log_can_keep_is_left_out() {
    let mut bench =
        Bench::opened(&JOBS.replace("number: {type: number}", "number: {type: number, class: personal}"));
    bench.job("ask", done("yes-code", &[("nr", "9007199254740992")])).unwrap();
    assert!(!bench.case.facts.contains_key(&name("number")));
}

#[test]
fn an_answer_that_comes_late_changes_nothing() {
    let mut bench = Bench::opened(JOBS);
    bench.does("judge jane", r#"{"command": "hear"}"#);
    assert_eq!(bench.job("ask", done("yes-code", &[("nr", "7")])).unwrap(), [JobDone]);
    assert_eq!(bench.incidents(), ["late-answer"]);
    assert!(bench.case.facts.is_empty());
}

#[test]
fn a_job_that_gives_up_is_an_incident_told_to_an_office_and_runs_what_the_file_says() {
    let mut bench = Bench::opened(JOBS);
    let report = JobReport::Failed { attempts: 3, fault: "timeout".to_owned() };
    assert_eq!(bench.job("ask", report.clone()).unwrap(), [JobFailed, Acted]);
    assert_eq!((bench.incidents(), bench.told(), bench.main()), (vec!["job-failed"], vec!["clerk"], "found"));
    assert_eq!(bench.case.incidents.len(), 1);
    let mut bench = Bench::opened(JOBS);
    bench.does("judge jane", r#"{"command": "hear"}"#);
    assert_eq!(bench.job("ask", report).unwrap(), [JobFailed]);
}

#[test]
fn a_job_that_gave_up_and_was_let_run_again_is_still_waited_for() {
    let mut bench = Bench::opened(&JOBS.replace(", do: missed", ""));
    let failed = || JobReport::Failed { attempts: 3, fault: "timeout".to_owned() };
    assert_eq!(bench.job("ask", failed()).unwrap(), [JobFailed]);
    assert_eq!(bench.job("ask", failed()).unwrap(), [JobFailed]);
    assert_eq!(bench.job("ask", done("yes-code", &[("nr", "7")])).unwrap(), [JobDone, Acted]);
    assert_eq!(bench.main(), "found");
    assert!(bench.job("ask", done("yes-code", &[])).unwrap_err().has(NotOpen), "and once only");
}

#[test]
fn only_the_engine_reports_a_job() {
    let mut bench = Bench::opened(JOBS);
    let act = Act::ReportJob { queued: 1, job: name("ask"), report: done("empty", &[]) };
    for who in ["clerk olga", "service clerk"] {
        assert!(bench.submit(who, &act).unwrap_err().has(Role));
    }
    assert_eq!(bench.submit("system", &act).unwrap(), [JobDone, Acted]);
    assert_eq!(bench.main(), "waiting");
}
