//! Points at which a second reading of the language (the module `oracle`) found the engine wrong.

use qadiya_domain::case::RefusalCode::{Guard, Separation};
use qadiya_domain::case::state::ClockKey;
use qadiya_domain::name::Name;

use crate::bench::{Bench, name};

#[test]
fn an_automatic_command_is_refused_while_its_own_condition_does_not_hold() {
    let mut bench = Bench::opened(
        "
facts: {ready: {type: flag, starts: no, editable-by: [clerk]}}
states: {waiting: {}, decided: {final: decided}}
commands:
  open:   {from: new, to: waiting, by: [clerk]}
  follow: {from: waiting, to: decided, by: [system], clerical: follows, when: ready is yes}
deadlines: {wait: {while: waiting, within: 90 days, late: [{after: 0 days, tell: [judge]}]}}
",
    );
    bench.refused("system", r#"{"command": "follow"}"#, &[Guard]);
    bench.does("clerk olga", r#"{"edit-fact": "ready", "value": true}"#);
    assert_eq!(bench.main(), "decided");
}

#[test]
fn a_track_and_a_stage_that_ask_for_the_authority_see_it_as_the_move_leaves_it() {
    let bench = Bench::opened(
        "
states: {waiting: {held: true}, decided: {final: decided}}
tracks: {alarm: {open-in: waiting, open-if: authority has lapsed, on-leave: stop, begins: called, states: {called: {}}}}
commands: {open: {from: new, to: waiting, by: [clerk]}, decide: {from: waiting, to: decided, by: [judge]}}
deadlines: {wait: {while: waiting, within: 90 days, late: [{after: 0 days, tell: [judge]}]}}
",
    );
    assert_eq!(bench.case.tracks.get("alarm").map(Name::as_str), Some("called"));
}

#[test]
fn a_track_opens_by_the_facts_that_a_command_sets_and_not_by_what_it_was_answered() {
    let mut bench = Bench::opened(
        "
facts: {kind: {type: choice, of: [a, b]}}
states: {waiting: {}, decided: {final: decided}}
tracks: {papers: {open-in: waiting, open-if: kind is a, on-leave: must-finish, begins: missing, states: {missing: {}, complete: {final: true}}}}
commands:
  open:   {from: new, to: waiting, by: [clerk]}
  ask:    {from: waiting, to: waiting, by: [clerk], asks: {kind: required}, sets: {kind: unset}}
  decide: {from: waiting, to: decided, by: [judge]}
deadlines: {wait: {while: waiting, within: 90 days, late: [{after: 0 days, tell: [judge]}]}}
",
    );
    bench.does("clerk olga", r#"{"command": "ask", "answers": {"kind": "a"}}"#);
    assert!(bench.case.tracks.is_empty(), "{:?}", bench.case.tracks);
}

#[test]
fn who_countersigns_a_fact_is_one_of_its_approvers_for_separation() {
    let mut bench = Bench::opened(
        "
states: {waiting: {}, decided: {final: decided}}
commands:
  open:   {from: new, to: waiting, by: [clerk]}
  record: {from: waiting, stays: true, by: [clerk], irregular: true, approval: {steps: [{by: [judge]}]}}
  decide: {from: waiting, to: decided, by: [judge]}
separation: [{different-people: [record, decide]}]
deadlines: {wait: {while: waiting, within: 90 days, late: [{after: 0 days, tell: [judge]}]}}
",
    );
    bench.does("clerk olga", r#"{"command": "record"}"#);
    bench.signs("judge jane");
    bench.refused("judge jane", r#"{"command": "decide"}"#, &[Separation]);
    bench.does("judge judy", r#"{"command": "decide"}"#);
}

#[test]
fn a_clock_that_a_command_lengthens_and_pauses_at_once_stands_still_at_once() {
    let mut bench = Bench::opened(
        "
facts: {ill: {type: flag, starts: no}}
states: {waiting: {}, decided: {final: decided}}
commands:
  open:   {from: new, to: waiting, by: [clerk]}
  rest:   {from: waiting, stays: true, by: [judge], sets: {ill: yes}}
  decide: {from: waiting, to: decided, by: [judge]}
deadlines:
  answer: {while: waiting, within: 10 days, pauses-while: ill is yes, extend-by: {command: rest, by: 2 days, times: 1}, late: [{after: 0 days, tell: [clerk]}]}
",
    );
    bench.does("judge jane", r#"{"command": "rest"}"#);
    let clock = &bench.case.clocks[&ClockKey::Deadline { name: name("answer"), subject: None }];
    assert_eq!((clock.paused, clock.next, clock.extended), (Some(bench.now), None, 1));
}
