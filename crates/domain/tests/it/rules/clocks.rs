//! Clocks: start, stop, restart, pause, extension, ladders.

use qadiya_domain::case::Act;
use qadiya_domain::case::RefusalCode::{Extension, Form, NotBefore, NotOpen, Role};
use qadiya_domain::case::event::EventKind::{Acted, DeadlineNotNeeded, DeadlinePassed, DeadlineWarned};
use qadiya_domain::case::state::ClockKey;

use crate::bench::{Bench, at, name};

const CLOCKS: &str = "
facts: {ill: {type: flag, starts: no, editable-by: [clerk]}, wanted: {type: flag, starts: yes, editable-by: [clerk]}, reminded: {type: flag, starts: no}}
records: {hearing: {many: true, fields: {time: {type: instant}}}, charge: {many: true, fields: {days: {type: number}}}}
documents: {notice: {from: [clerk]}}
states: {waiting: {}, heard: {}, decided: {final: decided}}
commands:
  open:    {from: new, to: waiting, by: [clerk]}
  hear:    {from: waiting, to: heard, by: [judge]}
  return:  {from: heard, to: waiting, by: [judge]}
  again:   {from: waiting, to: waiting, by: [judge]}
  fix:     {from: [waiting, heard], stays: true, by: [judge], records: {hearing: required}}
  charge:  {from: [waiting, heard], stays: true, by: [judge], records: {charge: required}}
  longer:  {from: [waiting, heard], stays: true, by: [judge], clerical: lengthens only}
  remind:  {from: waiting, stays: true, by: [system], clerical: a reminder, sets: {reminded: yes}, if: reminded is no}
  decide:  {from: heard, to: decided, by: [judge]}
deadlines:
  hear-in-time:
    while: waiting
    within: 10 days
    pauses-while: ill is yes
    extend-by: {command: longer, by: 5 days, times: 1}
    warn: [{before: 3 days, tell: [clerk]}]
    late: [{after: 0 days, tell: [judge], do: remind}, {after: 2 days, tell: [prosecutor]}]
    repeat: 7 days
  answer:
    while: [waiting, heard]
    within: 48 hours
    since: notice
    if: wanted is yes
    late: [{after: 0 days, tell: [clerk]}]
  sit:
    while: [waiting, heard]
    until: time of hearing
    extend-by: {command: longer, by: 1 days, times: 2}
    late: [{after: 0 days, tell: [clerk]}]
  each-charge:
    while: [waiting, heard]
    per: charge
    within: 20 days
    late: [{after: 0 days, tell: [judge]}]
";

fn bench() -> Bench {
    Bench::opened(CLOCKS)
}

fn fix(on: &str) -> String {
    format!(r#"{{"command": "fix", "records": [{{"record": "hearing", "fields": {{"time": "{on}"}}}}]}}"#)
}

#[test]
fn a_clock_starts_with_its_state_and_stops_when_the_case_leaves_it() {
    let mut bench = bench();
    assert_eq!(bench.due("hear-in-time").unwrap(), "2026-03-13T00:00:00Z");
    bench.passes(24);
    bench.does("judge jane", r#"{"command": "again"}"#);
    assert_eq!(
        bench.due("hear-in-time").unwrap(),
        "2026-03-13T00:00:00Z",
        "it counts from outside its states"
    );
    bench.does("judge jane", r#"{"command": "hear"}"#);
    assert_eq!(bench.due("hear-in-time"), None);
    bench.does("judge jane", r#"{"command": "return"}"#);
    assert_eq!(
        bench.due("hear-in-time").unwrap(),
        "2026-03-14T00:00:00Z",
        "the 13th is the tenth day, a Friday"
    );
}

#[test]
fn a_ladder_warns_passes_runs_tells_and_repeats() {
    let mut bench = bench();
    assert_eq!(bench.until("2026-03-10T00:00:00Z"), [DeadlinePassed, DeadlineWarned]);
    assert_eq!(bench.told(), ["clerk"]);
    assert_eq!(bench.until("2026-03-13T00:00:00Z"), [DeadlinePassed, Acted]);
    assert!(bench.told().contains(&"judge"));
    assert_eq!(bench.case.facts[&name("reminded")].value(), Some(&qadiya_domain::value::Value::Flag(true)));
    let key = ClockKey::Deadline { name: name("hear-in-time"), subject: None };
    assert!(bench.case.clocks[&key].passed && bench.case.passed.contains(&key));
    assert_eq!(bench.until("2026-03-15T00:00:00Z"), [DeadlinePassed]);
    assert_eq!(bench.told(), ["prosecutor"]);
    assert_eq!(bench.until("2026-03-21T23:59:59Z"), []);
    assert_eq!(bench.until("2026-03-29T00:00:00Z"), [DeadlinePassed, DeadlinePassed]);
    // What has passed stays passed when the clock stops, until it starts again.
    bench.does("judge jane", r#"{"command": "hear"}"#);
    assert!(bench.case.passed.contains(&key));
    bench.does("judge jane", r#"{"command": "return"}"#);
    assert!(!bench.case.passed.contains(&key));
    // The command of the ladder is not open a second time.
    let kinds = bench.until("2026-04-13T00:00:00Z");
    assert!(kinds.contains(&DeadlineNotNeeded) && !kinds.contains(&Acted), "{kinds:?}");
}

#[test]
fn a_step_is_taken_once_when_it_is_due_and_by_the_engine() {
    let mut bench = bench();
    let key = ClockKey::Deadline { name: name("answer"), subject: None };
    let step = |step| Act::StepClock { clock: key.clone(), step };
    assert!(bench.submit("system", &step(0)).unwrap_err().has(NotOpen));
    bench.now = at("2026-03-04T09:00:00Z");
    assert!(bench.submit("judge jane", &step(0)).unwrap_err().has(Role));
    assert!(bench.submit("system", &step(1)).unwrap_err().has(NotOpen));
    assert_eq!(bench.submit("system", &step(0)).unwrap(), [DeadlinePassed]);
    assert!(bench.submit("system", &step(0)).unwrap_err().has(NotOpen));
}

#[test]
fn since_restarts_a_clock_at_its_latest_filing() {
    let mut bench = bench();
    assert_eq!(bench.due("answer").unwrap(), "2026-03-04T09:00:00Z", "until there is one, the entry");
    bench.until("2026-03-03T09:00:00Z");
    bench.does("clerk olga", r#"{"file-paper": {"document": "notice", "reference": "1"}}"#);
    assert_eq!(bench.due("answer").unwrap(), "2026-03-05T09:00:00Z");
    assert_eq!(bench.until("2026-03-05T09:00:00Z"), [DeadlinePassed]);
    bench.does("clerk olga", r#"{"file-paper": {"document": "notice", "reference": "2"}}"#);
    assert_eq!(bench.due("answer").unwrap(), "2026-03-07T09:00:00Z");
    assert!(bench.case.passed.is_empty(), "a clock that starts again has not passed");
}

#[test]
fn a_condition_starts_and_stops_a_clock() {
    let mut bench = bench();
    bench.does("clerk olga", r#"{"edit-fact": "wanted", "value": "no"}"#);
    assert_eq!(bench.due("answer"), None);
    bench.passes(10);
    bench.does("clerk olga", r#"{"edit-fact": "wanted", "value": "yes"}"#);
    assert_eq!(bench.due("answer").unwrap(), "2026-03-04T19:00:00Z");
}

#[test]
fn a_pause_moves_the_limit_by_its_length_and_nothing_steps_meanwhile() {
    let mut bench = bench();
    bench.until("2026-03-05T00:00:00Z");
    bench.does("clerk olga", r#"{"edit-fact": "ill", "value": "yes"}"#);
    assert_eq!(bench.until("2026-03-25T00:00:00Z"), []);
    bench.does("clerk olga", r#"{"edit-fact": "ill", "value": "no"}"#);
    assert_eq!(bench.due("hear-in-time").unwrap(), "2026-04-02T00:00:00Z");
    bench.does("judge jane", r#"{"command": "again"}"#);
    assert_eq!(bench.due("hear-in-time").unwrap(), "2026-04-02T00:00:00Z");
    assert_eq!(bench.until("2026-04-02T00:00:00Z"), [DeadlineWarned, DeadlinePassed, Acted]);
    // A pause after the limit does not undo that it has passed.
    bench.does("clerk olga", r#"{"edit-fact": "ill", "value": "yes"}"#);
    bench.passes(24);
    bench.does("clerk olga", r#"{"edit-fact": "ill", "value": "no"}"#);
    let key = ClockKey::Deadline { name: name("hear-in-time"), subject: None };
    assert!(bench.case.passed.contains(&key));
}

#[test]
fn an_extension_moves_the_limit_as_often_as_the_file_allows() {
    let mut bench = bench();
    bench.does("judge jane", &fix("2026-03-20T10:00:00Z"));
    bench.does("judge jane", r#"{"command": "longer"}"#);
    assert_eq!(bench.due("hear-in-time").unwrap(), "2026-03-18T00:00:00Z");
    assert_eq!(bench.due("sit").unwrap(), "2026-03-21T10:00:00Z");
    // What else happens leaves the extension alone.
    bench.does("clerk olga", r#"{"file-paper": {"document": "notice", "reference": "1"}}"#);
    assert_eq!(bench.due("hear-in-time").unwrap(), "2026-03-18T00:00:00Z");
    assert_eq!(bench.due("sit").unwrap(), "2026-03-21T10:00:00Z");
    bench.refused("judge jane", r#"{"command": "longer"}"#, &[Extension]);
    // A new hearing is a new limit.
    bench.does("judge jane", &fix("2026-03-27T10:00:00Z"));
    assert_eq!(bench.due("sit").unwrap(), "2026-03-27T10:00:00Z");
}

#[test]
fn a_limit_at_a_moment_waits_for_it_and_follows_it() {
    let mut bench = bench();
    assert_eq!(bench.due("sit").unwrap(), "none");
    bench.does("judge jane", &fix("2026-03-09T10:00:00+03:00"));
    assert_eq!(bench.due("sit").unwrap(), "2026-03-09T07:00:00Z");
    assert_eq!(bench.until("2026-03-09T06:59:59Z"), [DeadlinePassed]);
    assert_eq!(bench.until("2026-03-09T07:00:00Z"), [DeadlinePassed]);
}

#[test]
fn each_record_has_its_clock() {
    let mut bench = bench();
    for day in ["2026-03-03T00:00:00Z", "2026-03-04T00:00:00Z"] {
        bench.now = at(day);
        bench.does(
            "judge jane",
            r#"{"command": "charge", "records": [{"record": "charge", "fields": {"days": 1}}]}"#,
        );
    }
    let due = |no| {
        bench.case.clocks[&ClockKey::Deadline { name: name("each-charge"), subject: Some(no) }].due.unwrap()
    };
    assert_eq!((due(1), due(2)), (at("2026-03-24T00:00:00Z"), at("2026-03-25T00:00:00Z")));
}

#[test]
fn a_calendar_that_does_not_reach_so_far_leaves_no_clock_without_a_limit() {
    let mut bench = Bench::new(&crate::bench::flow(CLOCKS));
    bench.now = at("2030-12-30T09:00:00Z");
    bench.does("clerk olga", r#"{"command": "open"}"#);
    // 9 January 2031 lies outside the calendar: the day itself, unmoved.
    assert_eq!(bench.due("hear-in-time").unwrap(), "2031-01-10T00:00:00Z");
}

#[test]
fn repetitions_that_nobody_saw_in_time_are_not_made_up_for() {
    let mut bench = bench();
    bench.until("2026-03-15T00:00:00Z");
    let key = ClockKey::Deadline { name: name("hear-in-time"), subject: None };
    // Four weekly repetitions come due while no worker runs.
    bench.now = at("2026-04-13T12:00:00Z");
    let step = bench.case.clocks[&key].step;
    bench.submit("system", &Act::StepClock { clock: key.clone(), step }).unwrap();
    assert_eq!(bench.case.clocks[&key].next, Some(at("2026-04-19T00:00:00Z")));
    let hourly = CLOCKS.replace("repeat: 7 days", "repeat: 6 hours");
    let mut bench = Bench::opened(&hourly);
    bench.until("2026-03-15T00:00:00Z");
    bench.now = at("2027-03-15T05:00:00Z");
    let step = bench.case.clocks[&key].step;
    bench.submit("system", &Act::StepClock { clock: key.clone(), step }).unwrap();
    assert_eq!(bench.case.clocks[&key].next, Some(at("2027-03-15T06:00:00Z")));
}

#[test]
fn a_day_is_counted_from_its_begin_and_lasts_to_its_end() {
    let mut bench = Bench::opened(
        "
records: {notice: {many: true, fields: {day: {type: date}}}}
states: {waiting: {}, decided: {final: decided}}
commands:
  open:   {from: new, to: waiting, by: [clerk]}
  notify: {from: waiting, stays: true, by: [judge], records: {notice: required}}
  decide: {from: waiting, to: decided, by: [judge], not-before: {wait: 10 days, after: day of notice}}
deadlines:
  answer: {while: waiting, within: 10 days, since: day of notice, late: [{after: 0 days, tell: [clerk]}]}
  sit:    {while: waiting, until: day of notice, late: [{after: 0 days, tell: [clerk]}]}
",
    );
    bench.does(
        "judge jane",
        r#"{"command": "notify", "records": [{"record": "notice", "fields": {"day": "2026-03-03"}}]}"#,
    );
    // The tenth day after Tuesday the 3rd is Friday the 13th; the 3rd itself lasts until its end.
    assert_eq!(bench.due("answer").unwrap(), "2026-03-14T00:00:00Z");
    assert_eq!(bench.due("sit").unwrap(), "2026-03-04T00:00:00Z");
    bench.until("2026-03-13T23:59:59Z");
    bench.refused("judge jane", r#"{"command": "decide"}"#, &[NotBefore]);
    bench.until("2026-03-14T00:00:00Z");
    bench.does("judge jane", r#"{"command": "decide"}"#);
}

#[test]
fn a_clock_runs_in_days_until_its_calendar_is_known_and_by_the_calendar_from_then_on() {
    let mut bench = Bench::opened(
        "
facts: {where: {type: choice, of: [court], editable-by: [clerk]}}
states: {waiting: {}, decided: {final: decided}}
commands:
  open:   {from: new, to: waiting, by: [clerk]}
  longer: {from: waiting, stays: true, by: [judge], clerical: lengthens only}
  decide: {from: waiting, to: decided, by: [judge]}
deadlines:
  answer:
    while: waiting
    within: 10 working days
    calendar: by-fact where
    extend-by: {command: longer, by: 1 days, times: 1}
    late: [{after: 0 days, tell: [clerk]}]
",
    );
    assert_eq!(bench.due("answer").unwrap(), "2026-03-12T09:00:00Z");
    bench.does("judge jane", r#"{"command": "longer"}"#);
    assert_eq!(bench.due("answer").unwrap(), "2026-03-13T09:00:00Z");
    bench.does("clerk olga", r#"{"edit-fact": "where", "value": "court"}"#);
    // Ten working days from Monday end with Monday the 16th, and the day that was added stays.
    assert_eq!(bench.due("answer").unwrap(), "2026-03-18T00:00:00Z");
    bench.refused("judge jane", r#"{"command": "longer"}"#, &[Extension]);
}

#[test]
fn what_stands_still_is_extended_and_changed_without_going_on() {
    let mut bench = bench();
    let key = ClockKey::Deadline { name: name("hear-in-time"), subject: None };
    bench.until("2026-03-05T00:00:00Z");
    bench.does("clerk olga", r#"{"edit-fact": "ill", "value": "yes"}"#);
    bench.until("2026-03-07T00:00:00Z");
    bench.does("judge jane", r#"{"command": "longer"}"#);
    let clock = &bench.case.clocks[&key];
    assert_eq!((clock.paused, clock.next), (Some(at("2026-03-05T00:00:00Z")), None));
    bench.until("2026-03-15T00:00:00Z");
    bench.does("clerk olga", r#"{"edit-fact": "ill", "value": "no"}"#);
    // Ten days of pause and five of extension.
    assert_eq!(bench.due("hear-in-time").unwrap(), "2026-03-28T00:00:00Z");

    // A new hearing while the clock stands still is the new limit, and it stands still from there on.
    let paused = CLOCKS.replace(
        "    until: time of hearing\n",
        "    until: time of hearing\n    pauses-while: ill is yes\n",
    );
    let mut bench = Bench::opened(&paused);
    bench.does("judge jane", &fix("2026-03-20T10:00:00Z"));
    bench.does("clerk olga", r#"{"edit-fact": "ill", "value": "yes"}"#);
    bench.until("2026-03-05T09:00:00Z");
    bench.does("judge jane", &fix("2026-03-27T10:00:00Z"));
    assert_eq!(bench.due("sit").unwrap(), "2026-03-27T10:00:00Z");
    bench.until("2026-03-06T09:00:00Z");
    bench.does("clerk olga", r#"{"edit-fact": "ill", "value": "no"}"#);
    assert_eq!(bench.due("sit").unwrap(), "2026-03-28T10:00:00Z");
}

#[test]
fn a_ladder_for_each_record_moves_that_record_and_an_extension_lengthens_that_clock() {
    let mut bench = Bench::opened(
        "
facts: {level: {type: choice, of: [low, high], starts: low}}
records: {order: {many: true, fields: {days: {type: number}}}, plea: {fields: {days: {type: number}}}}
states: {waiting: {}, decided: {final: decided}}
tracks:
  running: {open-in: [waiting], on-leave: stop, begins: fresh, per: order, states: {fresh: {}, old: {final: true}}}
commands:
  open:   {from: new, to: waiting, by: [clerk], if: level is low}
  order:  {from: waiting, stays: true, by: [judge], records: {order: required}}
  plead:  {from: waiting, stays: true, by: [judge], records: {plea: required}}
  age:    {from: fresh, to: old, by: [system], clerical: time}
  longer: {from: fresh, stays: true, by: [judge], clerical: lengthens only}
  check:  {from: waiting, stays: true, by: [judge], clerical: a check, if: ageing has passed}
  decide: {from: waiting, to: decided, by: [judge]}
deadlines:
  ageing:
    while: fresh
    within: 48 hours
    extend-by: {command: longer, by: 24 hours, times: 1}
    late: [{after: 0 hours, tell: [judge], do: age}]
",
    );
    let order = r#"{"command": "order", "records": [{"record": "order", "fields": {"days": 1}}]}"#;
    bench.does("judge jane", order);
    bench.does("judge jane", order);
    bench.does("judge jane", r#"{"command": "longer", "instance": 2}"#);
    bench.refused("judge jane", r#"{"command": "longer", "instance": 2}"#, &[Extension]);
    // The limit is over at this moment, whether or not a worker has been there.
    bench.now = at("2026-03-04T09:00:00Z");
    bench.does("judge jane", r#"{"command": "check"}"#);
    bench.until("2026-03-04T09:00:00Z");
    let states = |bench: &Bench| -> Vec<String> {
        bench.case.instances[&name("running")].values().map(|held| held.state.to_string()).collect()
    };
    assert_eq!(states(&bench), ["old", "fresh"]);
    bench.until("2026-03-05T09:00:00Z");
    assert_eq!(states(&bench), ["old", "old"]);
    // A record that is not `many` is there once.
    let plea = order.replace("order", "plea").replace("\"command\": \"plea\"", "\"command\": \"plead\"");
    bench.does("judge jane", &plea);
    bench.refused("judge jane", &plea, &[Form]);
}
