//! Who may do what, from where, and where it leads.

use qadiya_domain::case::RefusalCode::{
    ActsBy, Decision, Ended, Form, Guard, Happened, Instance, NoRoute, NotBefore, Outcome, Papers, Records,
    Role, State, TrackHold, UnknownCommand,
};
use qadiya_domain::case::event::EventKind;

use crate::bench::{Bench, flow, name};

const PLAIN: &str = "
facts: {kind: {type: choice, of: [plain, grave]}, ready: {type: flag, starts: no}}
documents: {report: {from: [clerk]}, deed: {from: [judge], signed: true}}
states:
  waiting:  {acts-by: [clerk, judge]}
  heard:    {}
  paused:   {suspended: true}
  frozen:   {suspended: true}
  decided:  {final: decided}
  dropped:  {final: dropped, exceptional: true}
commands:
  open:     {from: new, to: waiting, by: [clerk]}
  hear:     {from: waiting, to: heard, by: [judge], needs: [report, deed], asks: {kind: required}, basis: art. 7}
  look:     {from: every-state, stays: true, by: [clerk, prosecutor], clerical: looking changes nothing}
  note:     {from: always, stays: true, by: [clerk], clerical: a note}
  pause:    {from: [waiting, heard], to: paused, by: [judge]}
  freeze:   {from: paused, to: frozen, by: [judge]}
  resume:   {from: [paused, frozen], to: back, by: [judge]}
  astray:   {from: heard, to: back, by: [judge]}
  route:
    from: heard
    by: [judge]
    routes: [{if: kind is grave, to: waiting}, {if: ready is yes, stays: true}]
  decide:
    from: heard
    by: [judge]
    if: kind is known
    outcomes:
      grant:  {to: decided, if: ready is yes}
      drop:   {to: dropped, needs: [report]}
  prepare:  {from: heard, stays: true, by: [clerk], clerical: office work, sets: {ready: yes}}
  reopen:   {from: [decided, dropped], to: waiting, by: [judge], reopens: true}
  died:     {from: every-state, to: dropped, by: [clerk], irregular: true}
deadlines: {}
";

fn heard() -> Bench {
    let mut bench = Bench::opened(PLAIN);
    bench.does(
        "clerk olga",
        r#"{"command": "note", "papers": [{"document": "report", "reference": "1", "signed": false}]}"#,
    );
    bench.does("judge jane", r#"{"file-paper": {"document": "deed", "reference": "2", "signed": true}}"#);
    bench.does("judge jane", r#"{"command": "hear", "answers": {"kind": "plain"}}"#);
    bench
}

#[test]
fn every_reason_comes_at_once_and_each_says_who_can_help() {
    let mut bench = Bench::opened(PLAIN);
    bench.refused(
        "prosecutor paul",
        r#"{"command": "hear", "answers": {"kind": "plain"}}"#,
        &[Role, ActsBy, Papers],
    );
    let reasons = bench.refused(
        "judge jane",
        r#"{"command": "hear", "answers": {"kind": "plain"}, "papers": [{"document": "deed", "reference": "9", "signed": false}]}"#,
        &[Papers],
    );
    let deed = reasons.iter().find(|reason| reason.about == "deed").unwrap();
    assert!(deed.message.contains("not signed"), "{deed}");
    assert_eq!(deed.who, [name("judge")]);
    assert_eq!(deed.basis.as_deref(), Some("art. 7"));
    bench.refused("judge jane", r#"{"command": "decide", "outcome": "grant"}"#, &[State, Guard]);
    bench.refused("judge jane", r#"{"command": "unheard-of"}"#, &[UnknownCommand]);
    bench.refused("judge jane", r#"{"command": "reopen"}"#, &[State]);
    // While the case waits, a prosecutor may not even look.
    bench.refused("prosecutor paul", r#"{"command": "look"}"#, &[ActsBy]);
    // A main command names no record: an act that names one would slip past separation.
    bench.refused("clerk olga", r#"{"command": "note", "instance": 3}"#, &[Instance]);
}

#[test]
fn before_the_opening_nothing_but_the_opening_is_possible_and_after_it_not_again() {
    let mut bench = Bench::new(&flow(PLAIN));
    bench.refused("clerk olga", r#"{"command": "note"}"#, &[State]);
    bench.refused("judge jane", r#"{"command": "open"}"#, &[Role]);
    bench.refused("clerk olga", r#"{"edit-fact": "ready", "value": true}"#, &[State, Role]);
    bench.refused("clerk olga", r#"{"file-paper": {"document": "report", "reference": "1"}}"#, &[State]);
    bench.does("clerk olga", r#"{"command": "open"}"#);
    assert_eq!(bench.main(), "waiting");
    assert_eq!(bench.case.stage, Some(name("begun")));
    assert_eq!(bench.case.opened.as_ref().unwrap().reference, "S-1");
    bench.refused("clerk olga", r#"{"command": "open"}"#, &[State]);
}

#[test]
fn programs_the_engine_and_batches_are_refused_every_decision() {
    let mut bench = heard();
    bench.refused("batch judge jane", r#"{"command": "pause"}"#, &[Decision]);
    bench.refused("service judge", r#"{"command": "pause"}"#, &[Decision]);
    bench.refused("system", r#"{"command": "pause"}"#, &[Decision, Role]);
    for who in ["batch judge jane", "service judge"] {
        bench.refused(who, r#"{"command": "decide", "outcome": "drop"}"#, &[Decision]);
    }
    // What is clerical is open to programs and batches.
    bench.does("service clerk", r#"{"command": "prepare"}"#);
    bench.does("batch clerk olga", r#"{"command": "note"}"#);
}

#[test]
fn no_true_route_is_a_refusal_and_never_a_stay() {
    let mut bench = heard();
    bench.refused("judge jane", r#"{"command": "route"}"#, &[NoRoute]);
    bench.does("clerk olga", r#"{"command": "prepare"}"#);
    bench.does("judge jane", r#"{"command": "route"}"#);
    assert_eq!(bench.main(), "heard");
    bench.refused("judge jane", r#"{"command": "route", "outcome": "grant"}"#, &[Outcome]);
}

#[test]
fn an_outcome_is_named_and_its_own_condition_and_papers_count() {
    let mut bench = heard();
    bench.refused("judge jane", r#"{"command": "decide"}"#, &[Outcome]);
    bench.refused("judge jane", r#"{"command": "decide", "outcome": "acquit"}"#, &[Outcome]);
    bench.refused("judge jane", r#"{"command": "decide", "outcome": "grant"}"#, &[Guard]);
    bench.does("judge jane", r#"{"command": "decide", "outcome": "drop"}"#);
    assert_eq!((bench.main(), bench.case.outcome.clone()), ("dropped", Some(name("dropped"))));
}

#[test]
fn back_leads_to_the_last_state_that_was_not_suspended() {
    let mut bench = heard();
    bench.refused("judge jane", r#"{"command": "astray"}"#, &[State]);
    bench.does("judge jane", r#"{"command": "pause"}"#);
    bench.does("judge jane", r#"{"command": "freeze"}"#);
    assert_eq!(bench.case.before, Some(name("heard")));
    bench.does("judge jane", r#"{"command": "resume"}"#);
    assert_eq!((bench.main(), bench.case.before.clone()), ("heard", None));
}

#[test]
fn a_closed_case_refuses_every_command_but_those_that_are_always_open_or_reopen_it() {
    let mut bench = heard();
    bench.does("judge jane", r#"{"command": "decide", "outcome": "drop"}"#);
    for (who, act) in [
        ("clerk olga", r#"{"command": "look"}"#),
        ("clerk olga", r#"{"command": "died"}"#),
        ("judge jane", r#"{"command": "pause"}"#),
    ] {
        bench.refused(who, act, &[Ended]);
    }
    bench.does("clerk olga", r#"{"command": "note"}"#);
    bench.does("judge jane", r#"{"command": "reopen"}"#);
    assert_eq!((bench.main(), bench.case.outcome.clone()), ("waiting", None));
}

#[test]
fn an_act_neither_lies_in_the_future_nor_before_its_case() {
    let mut bench = Bench::opened(PLAIN);
    bench.earlier("2026-03-02T09:02:00Z").refused("clerk olga", r#"{"command": "note"}"#, &[Happened]);
    bench.earlier("2026-03-02T08:59:00Z").refused("clerk olga", r#"{"command": "note"}"#, &[Happened]);
    // Clocks of people run ahead by some seconds.
    bench.earlier("2026-03-02T09:00:59Z").does("clerk olga", r#"{"command": "note"}"#);
    bench.passes(24);
    bench.earlier("2026-03-02T20:00:00Z").does("clerk olga", r#"{"command": "died"}"#);
    assert_eq!(bench.case.entered[&name("dropped")].at, crate::bench::at("2026-03-02T20:00:00Z"));
}

const TRACKS: &str = "
facts: {wanted: {type: flag, starts: no, editable-by: [clerk]}}
records: {charge: {many: true, fields: {days: {type: number}}}}
documents: {report: {from: [clerk]}}
states:
  waiting: {}
  heard:   {}
  decided: {final: decided}
  dead:    {final: dead, exceptional: true}
tracks:
  identity:
    open-in: [waiting]
    on-leave: must-finish
    begins: unknown
    states: {unknown: {acts: clerk, jobs: [search]}, sure: {final: true}}
  letters:
    open-in: [waiting, heard]
    open-if: wanted is yes
    on-leave: stop
    begins: writing
    states: {writing: {jobs: [search]}, written: {final: true}}
  trial:
    open-in: [heard]
    on-leave: must-finish
    begins: charged
    per: charge
    states: {charged: {jobs: [search]}, judged: {final: true, jobs: [search]}}
commands:
  open:     {from: new, to: waiting, by: [clerk]}
  confirm:  {from: unknown, to: sure, by: [clerk]}
  hear:     {from: waiting, to: heard, by: [judge]}
  force:    {from: waiting, to: heard, by: [judge], stops-tracks: true}
  charge:   {from: heard, stays: true, by: [prosecutor], records: {charge: required}}
  judge:    {from: charged, to: judged, by: [judge]}
  decide:   {from: heard, to: decided, by: [judge], if: every charge has (at judged)}
  close:    {from: heard, to: decided, by: [judge], stops-tracks: true}
  died:     {from: every-state, to: dead, by: [clerk], irregular: true, needs: [report]}
  released: {from: every-state, to: waiting, by: [guard], irregular: true}
jobs: {search: {queue: out, attempt-limit: 5 minutes, retry: {times: 1}, if-it-fails: {tell: [clerk]}}}
deadlines: {}
";

#[test]
fn a_track_that_must_finish_holds_the_move_unless_the_command_stops_tracks() {
    let mut bench = Bench::opened(TRACKS);
    assert_eq!(bench.case.jobs.len(), 1, "the first state of a track queues its jobs");
    let held = bench.refused("judge jane", r#"{"command": "hear"}"#, &[TrackHold]);
    assert_eq!(held.iter().next().unwrap().who, [name("clerk")]);
    bench.does("clerk olga", r#"{"command": "confirm"}"#);
    bench.does("judge jane", r#"{"command": "hear"}"#);
    assert!(bench.case.tracks.is_empty(), "what is finished closes");
    bench.refused("clerk olga", r#"{"command": "confirm"}"#, &[State]);

    let mut bench = Bench::opened(TRACKS);
    bench.does("judge jane", r#"{"command": "force"}"#);
    assert_eq!((bench.main(), bench.case.tracks.len()), ("heard", 0));
}

#[test]
fn a_fact_opens_and_closes_a_track_and_its_first_state_queues_its_jobs() {
    let mut bench = Bench::opened(TRACKS);
    bench.does("clerk olga", r#"{"edit-fact": "wanted", "value": true}"#);
    assert_eq!(bench.case.tracks.get(&name("letters")), Some(&name("writing")));
    assert_eq!(bench.case.jobs.len(), 2);
    bench.does("clerk olga", r#"{"edit-fact": "wanted", "value": false}"#);
    assert!(!bench.case.tracks.contains_key(&name("letters")));
}

#[test]
fn a_track_per_record_moves_one_record_and_holds_until_all_are_finished() {
    let mut bench = Bench::opened(TRACKS);
    bench.does("judge jane", r#"{"command": "force"}"#);
    let charge = r#"{"command": "charge", "records": [{"record": "charge", "fields": {"days": 5}}]}"#;
    bench.does("prosecutor paul", charge);
    bench.does("prosecutor paul", charge);
    assert_eq!(bench.case.instances[&name("trial")].len(), 2);
    bench.refused("judge jane", r#"{"command": "judge"}"#, &[Instance]);
    bench.refused("judge jane", r#"{"command": "judge", "instance": 9}"#, &[Instance]);
    bench.does("judge jane", r#"{"command": "judge", "instance": 2}"#);
    assert_eq!(bench.case.instances[&name("trial")][&1].state, name("charged"));
    bench.refused("judge jane", r#"{"command": "judge", "instance": 2}"#, &[State]);
    bench.refused("judge jane", r#"{"command": "decide"}"#, &[Guard, TrackHold]);
    // `stops-tracks` does not close what must be finished for each record on the way to a normal end.
    bench.refused("judge jane", r#"{"command": "close"}"#, &[TrackHold]);
    bench.does("judge jane", r#"{"command": "judge", "instance": 1}"#);
    assert_eq!(bench.case.jobs.len(), 5, "entering a state of a record queues its jobs");
    bench.does("judge jane", r#"{"command": "decide"}"#);
    assert!(bench.case.instances.is_empty());
}

#[test]
fn what_has_happened_is_recorded_over_unfinished_tracks_and_without_papers() {
    let mut bench = Bench::opened(TRACKS);
    bench.does("judge jane", r#"{"command": "force"}"#);
    bench.does(
        "prosecutor paul",
        r#"{"command": "charge", "records": [{"record": "charge", "fields": {"days": 5}}]}"#,
    );
    // To a normal state, with a charge that is not judged.
    assert_eq!(bench.does("guard gus", r#"{"command": "released"}"#), [EventKind::Acted]);
    assert_eq!(bench.main(), "waiting");
    assert_eq!(bench.case.irregular[&4][0].code, TrackHold);
    bench.does("clerk olga", r#"{"command": "died"}"#);
    let missing: Vec<_> =
        bench.case.irregular[&5].iter().map(|missing| (missing.code, missing.what.as_str())).collect();
    assert_eq!(missing, [(Papers, "report"), (TrackHold, "identity")]);
    assert_eq!(bench.case.outcome, Some(name("dead")));
    // For role, state and form it is refused like any act.
    let mut bench = Bench::opened(TRACKS);
    bench.refused("judge jane", r#"{"command": "died"}"#, &[Role]);
    bench.refused("service clerk", r#"{"command": "died"}"#, &[Decision]);
}

#[test]
fn a_fact_from_before_the_case_is_recorded_as_such() {
    let mut bench = Bench::opened(TRACKS);
    bench.does("clerk olga", r#"{"command": "confirm"}"#);
    bench.earlier("2026-03-01T12:00:00Z").does("guard gus", r#"{"command": "released"}"#);
    assert_eq!(bench.case.irregular[&3][0].code, Happened);
    bench.earlier("2026-03-02T12:00:00Z").refused("guard gus", r#"{"command": "released"}"#, &[Happened]);
}

#[test]
fn nobody_acts_in_the_name_of_the_engine() {
    let mut bench = Bench::opened(
        "
states: {waiting: {}, decided: {final: decided}}
commands:
  open:   {from: new, to: waiting, by: [clerk]}
  follow: {from: waiting, to: decided, by: [system], clerical: follows}
deadlines: {}
",
    );
    bench.refused("system olga", r#"{"command": "follow"}"#, &[Role]);
    bench.refused("service system", r#"{"command": "follow"}"#, &[Role]);
    bench.does("system", r#"{"command": "follow"}"#);
}

#[test]
fn a_missing_paper_of_a_fact_is_made_good_when_it_is_filed() {
    let mut bench = Bench::opened(TRACKS);
    bench.does("clerk olga", r#"{"command": "confirm"}"#);
    bench.does("clerk olga", r#"{"command": "died"}"#);
    assert_eq!(bench.case.irregular.len(), 1);
    bench.does("clerk olga", r#"{"file-paper": {"document": "report", "reference": "1/2026"}}"#);
    assert!(bench.case.irregular.is_empty());
}

const WAITS: &str = "
records: {waiver: {fields: {day: {type: date}}}, verdict: {about: charge, fields: {days: {type: number}}}, charge: {many: true, fields: {days: {type: number}}}}
documents: {notice: {from: [clerk]}}
states: {waiting: {}, decided: {final: decided}}
commands:
  open:   {from: new, to: waiting, by: [clerk]}
  waive:  {from: waiting, stays: true, by: [judge], records: {waiver: required}}
  charge: {from: waiting, stays: true, by: [judge], records: {charge: required}}
  decide: {from: waiting, to: decided, by: [judge], not-before: {wait: 10 days, after: notice, unless: waiver}, records: {verdict: one-per charge}}
deadlines: {}
";

#[test]
fn a_minimum_wait_runs_from_its_moment_unless_it_is_waived() {
    let decide = r#"{"command": "decide"}"#;
    let mut bench = Bench::opened(WAITS);
    bench.refused("judge jane", decide, &[NotBefore]);
    bench.does("clerk olga", r#"{"file-paper": {"document": "notice", "reference": "1"}}"#);
    bench.until("2026-03-12T23:59:59Z");
    bench.refused("judge jane", decide, &[NotBefore]);
    bench.until("2026-03-13T00:00:00Z");
    // The wait had not run when the act is said to have happened.
    bench.earlier("2026-03-12T12:00:00Z").refused("judge jane", decide, &[NotBefore]);
    bench.does("judge jane", decide);

    let mut bench = Bench::opened(WAITS);
    bench.does(
        "judge jane",
        r#"{"command": "waive", "records": [{"record": "waiver", "fields": {"day": "2026-03-02"}}]}"#,
    );
    bench.does("judge jane", decide);
}

#[test]
fn one_record_for_each_is_exactly_one_for_each() {
    let verdict = |no: u32| format!(r#"{{"record": "verdict", "about": {no}, "fields": {{"days": 1}}}}"#);
    let decide = |of: &[u32]| {
        let records: Vec<String> = of.iter().map(|no| verdict(*no)).collect();
        format!(r#"{{"command": "decide", "records": [{}]}}"#, records.join(", "))
    };
    let mut bench = Bench::opened(WAITS);
    for _ in 0..2 {
        bench.does(
            "judge jane",
            r#"{"command": "charge", "records": [{"record": "charge", "fields": {"days": 9}}]}"#,
        );
    }
    bench.does("clerk olga", r#"{"file-paper": {"document": "notice", "reference": "1"}}"#);
    bench.passes(24 * 30);
    bench.refused("judge jane", r#"{"command": "charge"}"#, &[Records]);
    bench.refused("judge jane", &decide(&[]), &[Records]);
    bench.refused("judge jane", &decide(&[1]), &[Records]);
    bench.refused("judge jane", &decide(&[1, 2, 2]), &[Form, Records]);
    bench.does("judge jane", &decide(&[2, 1]));
    assert_eq!(bench.case.records.values().filter(|held| held.record == name("verdict")).count(), 2);
}

#[test]
fn automatic_commands_run_until_none_is_open_and_a_sub_case_waits_to_be_opened() {
    let mut bench = Bench::opened(
        "
facts: {a: {type: flag, starts: no, editable-by: [clerk]}, b: {type: flag, starts: no}}
states: {waiting: {}, second: {}, decided: {final: decided}}
commands:
  open:  {from: new, to: waiting, by: [clerk]}
  first: {from: waiting, to: second, by: [system], clerical: follows, when: a is yes, sets: {b: yes}}
  next:  {from: second, to: decided, by: [system], clerical: follows, when: b is yes, opens: {workflow: other, as: appeal}}
deadlines: {}
",
    );
    bench.does("clerk olga", r#"{"edit-fact": "a", "value": "yes"}"#);
    assert_eq!(
        bench.last.iter().map(|event| event.kind).collect::<Vec<_>>(),
        [EventKind::FactEdited, EventKind::Acted, EventKind::Acted]
    );
    assert!(bench.last[1..].iter().all(|event| event.cause == Some(2)));
    assert_eq!(bench.main(), "decided");
    assert_eq!(bench.case.subcases[0].workflow, name("other"));
    bench.refused("clerk olga", r#"{"edit-fact": "a", "value": "no"}"#, &[Ended]);
}

#[test]
fn a_late_entry_of_a_decision_needs_the_scan_and_a_second_person() {
    let mut bench = Bench::opened(
        "
documents: {deed: {from: [judge]}}
states: {waiting: {}, decided: {final: decided}}
commands:
  open:   {from: new, to: waiting, by: [clerk]}
  rule:   {from: waiting, stays: true, by: [judge]}
  note:   {from: waiting, stays: true, by: [judge], clerical: a note}
  decide: {from: waiting, to: decided, by: [judge], approval: {steps: [{by: [judge]}]}}
deadlines: {}
",
    );
    bench.passes(25);
    let (early, recent) = ("2026-03-02T09:30:00Z", "2026-03-02T10:00:00Z");
    let deed = |hash: &str| {
        format!(r#"{{"command": "decide", "papers": [{{"document": "deed", "reference": "1"{hash}}}]}}"#)
    };
    let scan = format!(r#", "sha256": "{}""#, "ab".repeat(32));
    bench.earlier(early).refused("judge jane", r#"{"command": "rule"}"#, &[Happened]);
    bench.earlier(recent).does("judge jane", r#"{"command": "rule"}"#);
    bench.earlier(early).does("judge jane", r#"{"command": "note"}"#);
    bench.earlier(early).refused("judge jane", &deed(""), &[Happened]);
    // No act of any kind is older than the case.
    let paper = r#"{"file-paper": {"document": "deed", "reference": "1"}}"#;
    bench.earlier("2026-03-02T08:59:59Z").refused("judge jane", paper, &[Happened]);
    assert_eq!(bench.earlier(early).does("judge jane", &deed(&scan)), [EventKind::Proposed]);
    assert_eq!(bench.signs("judge mary"), [EventKind::Signed, EventKind::Acted]);
}

#[test]
fn who_may_not_file_a_paper_may_not_bring_it_in_with_a_fact() {
    let mut bench = Bench::opened(TRACKS);
    let died = r#"{"command": "died", "papers": [{"document": "report", "reference": "1"}]}"#;
    let mut other = Bench::opened(&TRACKS.replace("report: {from: [clerk]}", "report: {from: [judge]}"));
    other.refused("clerk olga", died, &[Role]);
    bench.does("clerk olga", died);
}
