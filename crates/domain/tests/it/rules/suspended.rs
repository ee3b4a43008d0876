//! Suspended states: tracks and clocks run on, and tracks whose condition has ceased stay until they are finished.

use qadiya_domain::case::RefusalCode::TrackHold;
use qadiya_domain::case::event::EventKind::DeadlinePassed;

use crate::bench::{Bench, at, name};

const AWAY: &str = "
facts: {wanted: {type: flag, starts: yes, editable-by: [clerk]}}
records: {charge: {many: true, fields: {days: {type: number}}}, order: {many: true, fields: {period: {type: range}}, covers: period}}
states:
  waiting: {}
  heard:   {held: true}
  moved:   {held: true, suspended: true, exceptional: true}
  escaped: {suspended: true, exceptional: true}
  decided: {final: decided}
tracks:
  letters: {open-in: [heard], on-leave: stop, begins: writing, states: {writing: {}, written: {final: true}}}
  checks:  {open-in: [heard], open-if: wanted is yes, on-leave: must-finish, begins: open, states: {open: {}, made: {final: true}}}
  trial:   {open-in: [heard], open-if: wanted is yes, on-leave: must-finish, begins: set, per: charge, states: {set: {}, tried: {final: true}}}
commands:
  open:   {from: new, to: waiting, by: [clerk]}
  hear:   {from: waiting, to: heard, by: [judge]}
  charge: {from: heard, stays: true, by: [judge], records: {charge: required}}
  order:  {from: [waiting, heard, moved], stays: true, by: [judge], records: {order: required}}
  write:  {from: writing, to: written, by: [clerk]}
  make:   {from: open, to: made, by: [clerk]}
  try:    {from: set, to: tried, by: [judge]}
  finish: {from: set, to: [tried, waiting], by: [judge]}
  look:   {from: every-state, stays: true, by: [clerk]}
  tell:   {from: every-state, to: made, by: [guard], irregular: true}
  move:   {from: heard, to: moved, by: [judge]}
  escape: {from: [heard, moved], to: escaped, by: [guard], irregular: true}
  return: {from: [moved, escaped], to: back, by: [guard], irregular: true}
  decide: {from: heard, to: decided, by: [judge]}
deadlines:
  hear:  {while: heard, within: 10 days, late: [{after: 0 days, tell: [judge]}]}
  cover: {while: [heard], until: authority, late: [{after: 0 days, tell: [judge]}]}
";

const CHARGE: &str = r#"{"command": "charge", "records": [{"record": "charge", "fields": {"days": 5}}]}"#;

fn heard() -> Bench {
    let mut bench = Bench::opened(AWAY);
    bench.does("judge jane", r#"{"command": "hear"}"#);
    bench
}

#[test]
fn a_suspended_state_interrupts_neither_tracks_nor_clocks() {
    let mut bench = heard();
    bench.does("judge jane", CHARGE);
    bench.does("judge jane", r#"{"command": "try", "instance": 1}"#);
    bench.does("clerk olga", r#"{"command": "write"}"#);
    let (tracks, instances) = (bench.case.tracks.clone(), bench.case.instances.clone());
    assert_eq!(bench.due("hear").unwrap(), "2026-03-13T00:00:00Z");
    // Nothing holds the move: no track is left by it.
    bench.does("judge jane", r#"{"command": "move"}"#);
    assert_eq!((&bench.case.tracks, &bench.case.instances), (&tracks, &instances));
    bench.passes(24);
    bench.does("guard gus", r#"{"command": "escape"}"#);
    assert_eq!(bench.case.before, Some(name("heard")));
    assert!(bench.case.irregular.is_empty(), "no track held the escape");
    assert_eq!(bench.due("hear").unwrap(), "2026-03-13T00:00:00Z");
    bench.does("clerk olga", r#"{"command": "make"}"#);
    assert_eq!(bench.until("2026-03-13T00:00:00Z"), [DeadlinePassed]);
    bench.does("guard gus", r#"{"command": "return"}"#);
    assert_eq!(bench.case.instances, instances, "what is tried is not tried again");
    assert_eq!(bench.case.tracks[&name("checks")], name("made"));
    bench.does("judge jane", r#"{"command": "decide"}"#);
    assert!(bench.case.tracks.is_empty() && bench.case.instances.is_empty());
}

#[test]
fn authority_is_asked_for_while_the_person_is_held_and_not_while_nobody_is() {
    let mut bench = heard();
    let order = r#"{"command": "order", "records": [{"record": "order", "fields": {"period": {"from": "2026-03-02T09:00:00Z", "until": "2026-03-20T00:00:00Z"}}}]}"#;
    bench.does("judge jane", order);
    bench.does("judge jane", r#"{"command": "move"}"#);
    assert_eq!(bench.due("cover").unwrap(), "2026-03-20T00:00:00Z");
    bench.does("guard gus", r#"{"command": "escape"}"#);
    assert_eq!(bench.due("cover"), None);
    bench.now = at("2026-03-21T00:00:00Z");
    bench.does("guard gus", r#"{"command": "return"}"#);
    assert_eq!(bench.due("cover").unwrap(), "2026-03-20T00:00:00Z");
    assert!(bench.case.authority_has_lapsed(bench.now));
}

#[test]
fn a_fact_that_would_close_an_unfinished_track_keeps_it_and_blocks_nothing_else() {
    let mut bench = heard();
    bench.does("judge jane", CHARGE);
    bench.does("clerk olga", r#"{"edit-fact": "wanted", "value": "no"}"#);
    assert_eq!(bench.case.tracks[&name("checks")], name("open"));
    bench.does("clerk olga", r#"{"command": "look"}"#);
    bench.refused("judge jane", r#"{"command": "decide"}"#, &[TrackHold]);
    bench.does("judge jane", r#"{"command": "try", "instance": 1}"#);
    bench.does("clerk olga", r#"{"command": "make"}"#);
    assert!(!bench.case.tracks.contains_key(&name("checks")) && bench.case.instances.is_empty());
    bench.does("judge jane", r#"{"command": "decide"}"#);
}

#[test]
fn the_last_record_is_finished_and_its_track_left_in_one_act() {
    let mut bench = heard();
    bench.does("clerk olga", r#"{"command": "make"}"#);
    for _ in 0..2 {
        bench.does("judge jane", CHARGE);
    }
    bench.refused("judge jane", r#"{"command": "finish", "instance": 1}"#, &[TrackHold]);
    bench.does("judge jane", r#"{"command": "try", "instance": 2}"#);
    bench.does("judge jane", r#"{"command": "finish", "instance": 1}"#);
    assert_eq!(bench.main(), "waiting");
    assert!(bench.case.instances.is_empty());
}

#[test]
fn a_fact_passes_over_a_track_that_is_not_open() {
    let mut bench = Bench::opened(AWAY);
    bench.does("guard gus", r#"{"command": "tell"}"#);
    assert!(bench.case.irregular.is_empty() && bench.case.tracks.is_empty());
    bench.does("judge jane", r#"{"command": "hear"}"#);
    bench.does("guard gus", r#"{"command": "tell"}"#);
    assert_eq!(bench.case.tracks[&name("checks")], name("made"));
}
