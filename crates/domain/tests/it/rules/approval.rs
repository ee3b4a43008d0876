//! Four eyes: proposals, signatures, dissent, and the ways in which a proposal ends; separation between acts.

use qadiya_domain::case::Act;
use qadiya_domain::case::RefusalCode::{
    Decision, Form, Guard, Proposal, ProposalChanged, Role, SamePerson, Separation, State,
};
use qadiya_domain::case::event::EventKind::{
    Acted, DeadlinePassed, Lapsed, Proposed, Rejected, Signed, Withdrawn,
};

use crate::bench::{Bench, name};

const PANEL: &str = "
facts: {fit: {type: flag, starts: yes, editable-by: [clerk]}}
records: {order: {many: true, fields: {days: {type: number}}}}
documents: {scan: {from: [clerk]}}
states: {waiting: {}, heard: {}, decided: {final: decided}, dead: {final: dead, exceptional: true}}
tracks:
  running: {open-in: [waiting, heard], on-leave: stop, begins: fresh, per: order, states: {fresh: {}, old: {final: true}}}
commands:
  open:    {from: new, to: waiting, by: [clerk]}
  decide:  {from: [waiting, heard], to: decided, by: [judge], if: fit is yes, approval: {steps: [{by: [judge, prosecutor], people: 3, agree: 2}, {by: [guard]}], within: 5 days}}
  order:   {from: waiting, stays: true, by: [judge], records: {order: required}}
  age:     {from: fresh, to: old, by: [judge], approval: {steps: [{by: [judge]}]}}
  hear:    {from: waiting, to: heard, by: [clerk]}
  again:   {from: [waiting, heard], to: waiting, by: [clerk]}
  look:    {from: every-state, stays: true, by: [clerk], clerical: nothing changes}
  seal:    {from: every-state, stays: true, by: [judge], approval: {steps: [{by: [judge]}]}}
  died:    {from: every-state, to: dead, by: [clerk], irregular: true, needs: [scan], approval: {steps: [{by: [judge]}], within: 2 days}}
deadlines: {}
";

fn proposed() -> Bench {
    let mut bench = Bench::opened(PANEL);
    assert_eq!(bench.does("judge jane", r#"{"command": "decide"}"#), [Proposed]);
    assert_eq!(bench.main(), "waiting");
    bench
}

#[test]
fn the_act_takes_effect_with_the_last_signature_of_the_last_step() {
    let mut bench = proposed();
    assert_eq!(bench.signs("judge mary"), [Signed]);
    assert_eq!(bench.signs("prosecutor paul"), [Signed]);
    assert_eq!(bench.signs("guard gus"), [Signed, Acted]);
    assert_eq!(bench.main(), "decided");
    assert!(bench.case.proposals.is_empty() && bench.case.clocks.is_empty());
    let doing = bench.case.doings.last().unwrap();
    assert_eq!(doing.by, Some(crate::bench::official("jane")));
    assert_eq!(doing.approvers.len(), 3);
}

#[test]
fn all_people_in_one_act_are_different_natural_persons() {
    let mut bench = proposed();
    let sign = bench.signature();
    bench.refused("judge jane", &sign, &[SamePerson]);
    bench.refused("prosecutor jane", &sign, &[SamePerson]);
    bench.refused("clerk jane", &sign, &[SamePerson, Role]);
    bench.refused("clerk olga", &sign, &[Role]);
    bench.refused("guard gus", &sign, &[Role]);
    bench.does("judge mary", &sign);
    bench.refused("prosecutor mary", &sign, &[SamePerson]);
    bench.does("judge luke", &sign);
    // The second step too: whoever signed the first, and whoever proposed.
    bench.refused("guard mary", &sign, &[SamePerson]);
    bench.refused("guard jane", &sign, &[SamePerson]);
    bench.refused("service guard", &sign, &[Decision]);
    bench.refused("system", &sign, &[Decision, Role]);
    bench.refused("batch guard gus", &sign, &[Decision]);
    bench.does("guard gus", &sign);
    assert_eq!(bench.main(), "decided");
}

#[test]
fn a_signer_signs_the_hash_of_the_very_proposal() {
    let mut bench = proposed();
    let (number, _) = bench.proposal();
    let opening = bench.log[0].hash;
    bench.refused("judge mary", &format!(r#"{{"sign": {number}, "hash": "{opening}"}}"#), &[ProposalChanged]);
    bench.refused("judge mary", &format!(r#"{{"sign": 99, "hash": "{opening}"}}"#), &[Proposal]);
    bench.refused("judge mary", &format!(r#"{{"sign": {number}, "hash": "abc"}}"#), &[Form]);
    bench.refused("judge mary", &format!(r#"{{"sign": {number}}}"#), &[Form]);
    for act in ["enact", "lapse"] {
        bench.refused("judge mary", &format!(r#"{{"{act}": {number}}}"#), &[Form]);
    }
    for act in [Act::Enact { proposal: number }, Act::Lapse { proposal: number }] {
        let refusals = bench.submit("system", &act).unwrap_err();
        assert!(refusals.has(Proposal), "{refusals}");
    }
}

#[test]
fn a_step_fails_as_soon_as_consent_cannot_be_reached() {
    let mut bench = proposed();
    let (number, hash) = bench.proposal();
    let dissent = format!(r#"{{"sign": {number}, "hash": "{hash}", "agree": false, "note": "not proved"}}"#);
    bench.refused(
        "judge mary",
        &format!(r#"{{"sign": {number}, "hash": "{hash}", "agree": false}}"#),
        &[Form],
    );
    // Three people, two must agree: one dissent is kept, the second ends it.
    assert_eq!(bench.does("judge mary", &dissent), [Signed]);
    assert_eq!(bench.case.proposals.len(), 1);
    bench.refused("judge mary", &bench.signature(), &[SamePerson]);
    assert_eq!(bench.does("judge luke", &dissent), [Signed]);
    assert!(bench.case.proposals.is_empty() && bench.case.clocks.is_empty());
    assert_eq!(bench.main(), "waiting");
}

#[test]
fn a_proposal_is_sent_back_by_a_signer_and_taken_back_by_its_maker_only() {
    let reject = r#"{"reject": 2, "reason": "read again"}"#;
    let withdraw = r#"{"withdraw": 2, "reason": "a mistake"}"#;
    let mut bench = proposed();
    bench.refused("judge jane", reject, &[SamePerson]);
    bench.refused("clerk olga", reject, &[Role]);
    bench.refused("judge mary", r#"{"reject": 2}"#, &[Form]);
    bench.refused("judge mary", withdraw, &[Proposal]);
    assert_eq!(bench.does("judge mary", reject), [Rejected]);
    bench.refused("judge mary", reject, &[Proposal]);

    let mut bench = proposed();
    assert_eq!(bench.does("judge jane", withdraw), [Withdrawn]);
    bench.refused("judge jane", withdraw, &[Proposal]);
}

#[test]
fn a_proposal_lapses_when_its_time_is_over_also_before_its_clock_is_stepped() {
    let mut bench = proposed();
    let sign = bench.signature();
    bench.now = crate::bench::at("2026-03-10T00:00:00Z");
    bench.refused("judge mary", &sign, &[Proposal]);
    bench.refused("judge mary", r#"{"reject": 2, "reason": "late"}"#, &[Proposal]);
    assert_eq!(bench.until("2026-03-10T00:00:01Z"), [Lapsed]);
    assert!(bench.case.proposals.is_empty());
}

#[test]
fn a_proposal_lapses_when_its_case_leaves_the_states_it_was_made_in_or_comes_to_its_state_again() {
    // From waiting to heard: both are states of `decide`; only the command that stays in them keeps the proposal.
    let mut bench = proposed();
    assert_eq!(bench.does("clerk olga", r#"{"command": "hear"}"#), [Acted]);
    assert_eq!(bench.case.proposals.len(), 1);
    let mut bench = proposed();
    assert_eq!(bench.does("clerk olga", r#"{"command": "again"}"#), [Acted, Lapsed]);
    let mut bench = proposed();
    assert_eq!(bench.does("clerk olga", r#"{"command": "look"}"#), [Acted]);
    let mut bench = proposed();
    assert_eq!(bench.does("clerk olga", r#"{"command": "died"}"#), [Acted, Lapsed]);
    // A command that is possible everywhere lapses with the end of the case only.
    let mut bench = Bench::opened(PANEL);
    bench.does("judge jane", r#"{"command": "seal"}"#);
    assert_eq!(bench.does("clerk olga", r#"{"command": "hear"}"#), [Acted]);
    assert_eq!(bench.does("clerk olga", r#"{"command": "died"}"#), [Acted, Lapsed]);
}

#[test]
fn the_move_of_one_record_leaves_the_proposal_for_another_alone() {
    let mut bench = Bench::opened(PANEL);
    for _ in 0..2 {
        bench.does(
            "judge jane",
            r#"{"command": "order", "records": [{"record": "order", "fields": {"days": 1}}]}"#,
        );
    }
    bench.does("judge jane", r#"{"command": "age", "instance": 1}"#);
    let first = bench.signature();
    bench.does("judge jane", r#"{"command": "age", "instance": 2}"#);
    assert_eq!(bench.signs("judge mary"), [Signed, Acted]);
    assert_eq!(bench.does("judge mary", &first), [Signed, Acted]);
    assert!(bench.case.instances[&name("running")].values().all(|held| held.state == name("old")));
    // Two proposals for one record: the first that takes effect overtakes the other.
    bench.does(
        "judge jane",
        r#"{"command": "order", "records": [{"record": "order", "fields": {"days": 1}}]}"#,
    );
    bench.does("judge jane", r#"{"command": "age", "instance": 3}"#);
    bench.does("judge luke", r#"{"command": "age", "instance": 3}"#);
    assert_eq!(bench.signs("judge mary"), [Signed, Acted, Lapsed]);
}

#[test]
fn the_last_signature_tests_everything_again() {
    let mut bench = proposed();
    bench.signs("judge mary");
    bench.signs("judge luke");
    bench.does("clerk olga", r#"{"edit-fact": "fit", "value": "no"}"#);
    let sign = bench.signature();
    bench.refused("guard gus", &sign, &[Guard]);
    bench.does("clerk olga", r#"{"edit-fact": "fit", "value": "yes"}"#);
    assert_eq!(bench.does("guard gus", &sign), [Signed, Acted]);
}

#[test]
fn a_fact_that_has_happened_takes_effect_at_once_and_is_countersigned_afterwards() {
    let mut bench = Bench::opened(PANEL);
    assert_eq!(bench.does("clerk olga", r#"{"command": "died"}"#), [Acted]);
    assert_eq!(bench.main(), "dead");
    let (number, _) = bench.proposal();
    bench.refused("judge jane", &format!(r#"{{"reject": {number}, "reason": "no"}}"#), &[Proposal]);
    bench.refused("clerk olga", &format!(r#"{{"withdraw": {number}, "reason": "no"}}"#), &[Proposal]);
    let sign = bench.signature();
    bench.refused("judge olga", &sign, &[SamePerson]);
    // The countersignature is late: that is told every two days, and it stays open, also after a dissent.
    assert_eq!(bench.passes(24 * 9), [DeadlinePassed; 4]);
    assert_eq!(bench.told(), ["judge"]);
    let (number, hash) = bench.proposal();
    let dissent = format!(r#"{{"sign": {number}, "hash": "{hash}", "agree": false, "note": "not seen"}}"#);
    assert_eq!(bench.does("judge mary", &dissent), [Signed]);
    assert!(bench.case.irregular[&2].iter().any(|missing| missing.what == "countersignature"));
    assert_eq!(bench.signs("judge jane"), [Signed]);
    assert_eq!((bench.case.proposals.len(), bench.case.clocks.len(), bench.main()), (0, 0, "dead"));
    // The paper is still missing, and nothing else.
    let missing: Vec<_> = bench.case.irregular[&2].iter().map(|missing| missing.what.as_str()).collect();
    assert_eq!(missing, ["scan"]);
    bench.does("clerk olga", r#"{"file-paper": {"document": "scan", "reference": "7"}}"#);
    assert!(bench.case.irregular.is_empty());
}

const APART: &str = "
records: {order: {many: true, fields: {days: {type: number}}}}
states: {waiting: {}, decided: {final: decided}}
tracks:
  running: {open-in: [waiting], on-leave: stop, begins: fresh, per: order, states: {fresh: {}, old: {final: true}}}
commands:
  open:     {from: new, to: waiting, by: [clerk]}
  question: {from: waiting, stays: true, by: [judge, prosecutor], records: {order: optional}}
  age:      {from: fresh, to: old, by: [judge]}
  check:    {from: waiting, stays: true, by: [judge, prosecutor]}
  follow:   {from: waiting, stays: true, by: [judge, prosecutor]}
  weigh:    {from: waiting, stays: true, by: [judge], approval: {steps: [{by: [judge], people: 2}]}}
  review:   {from: waiting, stays: true, by: [judge]}
  decide:   {from: waiting, to: decided, by: [judge], approval: {steps: [{by: [judge, guard], people: 2}]}}
  confirm:  {from: waiting, stays: true, by: [judge]}
  happened: {from: waiting, stays: true, by: [judge], irregular: true}
deadlines: {}
separation:
  - {different-people: [question, check]}
  - {same-person: [question, follow]}
  - {different-people: [question, decide]}
  - {different-people: [weigh.approval, review]}
  - {different-people: [age, confirm]}
  - {different-people: [question, happened]}
";

#[test]
fn separation_compares_natural_persons_with_the_latest_doing() {
    let mut bench = Bench::opened(APART);
    // Nobody has questioned yet: nothing to compare with.
    bench.does("judge jane", r#"{"command": "check"}"#);
    bench.refused("judge jane", r#"{"command": "question"}"#, &[Separation]);
    bench.does("judge mary", r#"{"command": "question"}"#);
    bench.refused("judge mary", r#"{"command": "check"}"#, &[Separation]);
    bench.refused("prosecutor mary", r#"{"command": "check"}"#, &[Separation]);
    bench.refused("judge jane", r#"{"command": "follow"}"#, &[Separation]);
    bench.does("judge luke", r#"{"command": "question"}"#);
    bench.does("judge mary", r#"{"command": "check"}"#);
    bench.refused("prosecutor mary", r#"{"command": "follow"}"#, &[Separation]);
    bench.does("prosecutor luke", r#"{"command": "follow"}"#);
    // A fact that has happened is not refused for separation: it is recorded with it.
    bench.does("judge luke", r#"{"command": "happened"}"#);
    let seq = bench.case.version;
    assert_eq!(bench.case.irregular[&seq][0].code, Separation);
}

#[test]
fn separation_means_approvers_too_and_is_tested_at_each_signature() {
    let mut bench = Bench::opened(APART);
    bench.does("judge jane", r#"{"command": "question"}"#);
    bench.refused("judge jane", r#"{"command": "decide"}"#, &[Separation]);
    bench.does("judge mary", r#"{"command": "decide"}"#);
    let sign = bench.signature();
    // The first of two signatures: told now, not when the last signer comes.
    bench.refused("guard jane", &sign, &[Separation]);
    bench.does("guard gus", &sign);
    bench.refused("judge jane", &sign, &[Separation]);
    assert_eq!(bench.does("judge luke", &sign), [Signed, Acted]);
}

#[test]
fn command_approval_means_its_approvers_only() {
    let mut bench = Bench::opened(APART);
    bench.does("judge jane", r#"{"command": "weigh"}"#);
    bench.signs("judge mary");
    bench.signs("judge luke");
    bench.does("judge jane", r#"{"command": "review"}"#);
    bench.refused("judge mary", r#"{"command": "review"}"#, &[Separation]);
    bench.refused("judge luke", r#"{"command": "review"}"#, &[Separation]);
}

#[test]
fn a_main_command_is_compared_with_the_latest_doing_for_any_record() {
    let mut bench = Bench::opened(APART);
    bench.does(
        "judge jane",
        r#"{"command": "question", "records": [{"record": "order", "fields": {"days": 1}}]}"#,
    );
    bench.does("judge mary", r#"{"command": "age", "instance": 1}"#);
    bench.refused("judge mary", r#"{"command": "confirm"}"#, &[Separation]);
    bench.does("judge jane", r#"{"command": "confirm"}"#);
    bench.refused("judge jane", r#"{"command": "age", "instance": 1}"#, &[State, Separation]);
}

#[test]
fn nobody_signs_what_a_program_of_theirs_has_proposed() {
    let mut bench = Bench::opened(
        "
states: {waiting: {}, decided: {final: decided}}
commands:
  open:   {from: new, to: waiting, by: [clerk]}
  list:   {from: waiting, stays: true, by: [clerk], clerical: a list, approval: {steps: [{by: [judge]}]}}
  check:  {from: waiting, stays: true, by: [clerk], clerical: a check}
  decide: {from: waiting, to: decided, by: [judge]}
deadlines: {}
separation: [{different-people: [list, decide]}, {different-people: [check, list]}]
",
    );
    bench.does("service clerk", r#"{"command": "list"}"#);
    bench.refused("judge owner", &bench.signature(), &[SamePerson]);
    bench.refused("clerk olga", r#"{"withdraw": 2, "reason": "x"}"#, &[Proposal]);
    assert_eq!(bench.does("clerk owner", r#"{"withdraw": 2, "reason": "x"}"#), [Withdrawn]);
    bench.does("service clerk", r#"{"command": "list"}"#);
    bench.signs("judge mary");
    bench.refused("judge owner", r#"{"command": "decide"}"#, &[Separation]);
    bench.refused("clerk owner", r#"{"command": "check"}"#, &[Separation]);
    bench.does("judge jane", r#"{"command": "decide"}"#);
}

#[test]
fn a_signed_act_takes_effect_when_it_is_signed_whatever_its_proposer_said() {
    let mut bench = Bench::opened(PANEL);
    bench.passes(20);
    bench.earlier("2026-03-02T10:00:00Z").does("judge jane", r#"{"command": "seal"}"#);
    bench.passes(5);
    assert_eq!(bench.signs("judge mary"), [Signed, Acted]);
    assert_eq!(bench.case.doings.last().unwrap().at, bench.now);
    assert_eq!(bench.log[1].event.happened, Some(crate::bench::at("2026-03-02T10:00:00Z")), "it stays said");
}
