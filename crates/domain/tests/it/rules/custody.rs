//! Cover, lapse, late orders and ceilings (DESIGN D18, D19).

use qadiya_domain::case::RefusalCode::{Ceiling, Form};
use qadiya_domain::case::event::EventKind::{DeadlinePassed, DeadlineWarned};

use qadiya_domain::case::Act;
use qadiya_domain::case::input::read_act;
use qadiya_domain::value::{Given, Value};

use crate::bench::{Bench, at, json, name};

const HELD: &str = "
records:
  order:
    many: true
    fields: {period: {type: range}}
    covers: period
    limit: {each: 15 days, total: 'least of [40 days, greatest days of charge * 1/4]', beyond-needs: leave}
  charge: {many: true, fields: {days: {type: number}}}
  leave:  {many: true, fields: {until: {type: date}}}
states:
  waiting: {held: true, acts: judge}
  free:    {acts: clerk}
  decided: {final: decided}
commands:
  open:    {from: new, to: waiting, by: [clerk]}
  order:   {from: waiting, stays: true, by: [judge], records: {order: required}}
  charge:  {from: waiting, stays: true, by: [judge], records: {charge: required}}
  allow:   {from: waiting, stays: true, by: [judge], records: {leave: required}}
  release: {from: waiting, to: free, by: [judge]}
  found:   {from: waiting, stays: true, by: [guard], irregular: true, records: {order: required}}
  decide:  {from: free, to: decided, by: [judge]}
deadlines:
  cover:
    while: waiting
    until: authority
    warn: [{before: 1 days, tell: [judge]}]
    late: [{after: 0 days, tell: [guard]}]
  ceiling:
    while: waiting
    until: limit of order
    late: [{after: 0 days, tell: [judge]}]
corrections:
  annul: [{command: order, while: [waiting], returns-to: waiting, by: [judge]}]
";

fn order(from: &str, until: &str) -> String {
    format!(
        r#"{{"command": "order", "records": [{{"record": "order", "fields": {{"period": {{"from": "{from}T00:00:00Z", "until": "{until}T00:00:00Z"}}}}}}]}}"#
    )
}

fn bench() -> Bench {
    let mut bench = Bench::opened(HELD);
    bench.now = at("2026-03-03T00:00:00Z");
    bench
}

#[test]
fn who_is_held_without_an_order_is_shown_as_lapsed_and_the_ladder_begins_at_once() {
    let mut bench = Bench::opened(HELD);
    assert!(bench.case.held && bench.case.authority_has_lapsed(bench.now));
    assert_eq!(bench.case.office, Some(name("judge")));
    assert_eq!(bench.due("cover").unwrap(), "2026-03-02T09:00:00Z");
    assert_eq!(bench.passes(1), [DeadlinePassed]);
    assert_eq!(bench.told(), ["guard"]);
    bench.does("judge jane", r#"{"command": "release"}"#);
    assert!(!bench.case.held && !bench.case.authority_has_lapsed(bench.now));
    assert_eq!(bench.due("cover"), None);
}

#[test]
fn a_lapse_is_computed_from_the_end_of_the_unbroken_cover_and_the_moment() {
    let mut bench = bench();
    bench.does("judge jane", &order("2026-03-03", "2026-03-10"));
    bench.does("judge jane", &order("2026-03-10", "2026-03-12"));
    assert_eq!(bench.case.authority_until, Some(at("2026-03-12T00:00:00Z")));
    assert!(!bench.case.authority_has_lapsed(at("2026-03-11T23:59:59Z")));
    assert!(bench.case.authority_has_lapsed(at("2026-03-12T00:00:00Z")));
    assert_eq!(bench.due("cover").unwrap(), "2026-03-12T00:00:00Z");
    assert_eq!(bench.until("2026-03-11T12:00:00Z"), [DeadlineWarned]);
    let version = bench.case.version;
    assert!(bench.case.authority_has_lapsed(at("2026-03-13T00:00:00Z")));
    assert_eq!(bench.case.version, version, "nothing is written by the lapse itself");
    assert_eq!(bench.until("2026-03-13T00:00:00Z"), [DeadlinePassed]);
    assert_eq!(
        bench.case.authority_until,
        Some(at("2026-03-12T00:00:00Z")),
        "the end that was stays visible"
    );
}

#[test]
fn an_order_signed_in_a_gap_never_covers_the_earlier_hours() {
    let mut bench = bench();
    bench.does("judge jane", &order("2026-03-03", "2026-03-05"));
    bench.now = at("2026-03-06T00:00:00Z");
    assert!(bench.case.authority_has_lapsed(at("2026-03-05T12:00:00Z")));
    bench.does("judge jane", &order("2026-03-05", "2026-03-10"));
    assert_eq!(bench.case.authority_until, Some(at("2026-03-10T00:00:00Z")));
    assert!(!bench.case.authority_has_lapsed(bench.now));
    // One that ended before it was signed covers nothing.
    bench.does("judge jane", &order("2026-03-05", "2026-03-06"));
    assert_eq!(bench.case.authority_until, Some(at("2026-03-10T00:00:00Z")));
}

#[test]
fn an_annulled_order_covers_nothing() {
    let mut bench = bench();
    bench.does("judge jane", &order("2026-03-03", "2026-03-10"));
    bench.does("judge mary", r#"{"annul": 2, "reason": "the wrong person"}"#);
    assert!(bench.case.records[&1].annulled);
    assert_eq!(bench.case.authority_until, None);
    assert!(bench.case.authority_has_lapsed(bench.now));
    assert_eq!(bench.due("ceiling").unwrap(), "none");
}

#[test]
fn a_ceiling_holds_for_each_order_and_for_all_together_with_overlaps_counted_once() {
    let mut bench = bench();
    bench.refused("judge jane", &order("2026-03-03", "2026-03-19"), &[Ceiling]);
    bench.refused("judge jane", &order("2026-03-05", "2026-03-03"), &[Form]);
    bench.does("judge jane", &order("2026-03-03", "2026-03-18"));
    // Fifteen days, of which five are covered already.
    bench.does("judge jane", &order("2026-03-13", "2026-03-28"));
    assert_eq!(bench.due("ceiling").unwrap(), "2026-04-12T00:00:00Z");
    bench.does("judge jane", &order("2026-03-28", "2026-04-12"));
    bench.refused("judge jane", &order("2026-04-12", "2026-04-13"), &[Ceiling]);
    // What is covered already adds nothing.
    bench.does("judge jane", &order("2026-04-01", "2026-04-12"));
}

#[test]
fn the_least_part_of_a_limit_counts_and_a_field_without_a_number_drops_out() {
    let mut bench = bench();
    bench.does("judge jane", &order("2026-03-03", "2026-03-18"));
    bench.does(
        "judge jane",
        r#"{"command": "charge", "records": [{"record": "charge", "fields": {"days": 80}}]}"#,
    );
    // A quarter of eighty days is less than forty.
    bench.refused("judge jane", &order("2026-03-18", "2026-03-24"), &[Ceiling]);
    bench.does("judge jane", &order("2026-03-18", "2026-03-23"));
    bench.does(
        "judge jane",
        r#"{"command": "charge", "records": [{"record": "charge", "fields": {"days": 100}}]}"#,
    );
    bench.does("judge jane", &order("2026-03-23", "2026-03-28"));
}

#[test]
fn beyond_a_ceiling_leads_the_record_the_file_names_as_far_as_its_date() {
    let mut bench = bench();
    for (from, until) in
        [("2026-03-03", "2026-03-18"), ("2026-03-18", "2026-04-02"), ("2026-04-02", "2026-04-12")]
    {
        bench.does("judge jane", &order(from, until));
    }
    let refusals = bench.refused("judge jane", &order("2026-04-12", "2026-04-20"), &[Ceiling]);
    assert_eq!(refusals.iter().next().unwrap().who, [name("judge")]);
    bench.does(
        "judge jane",
        r#"{"command": "allow", "records": [{"record": "leave", "fields": {"until": "2026-04-19"}}]}"#,
    );
    // The day named is inside.
    bench.does("judge jane", &order("2026-04-12", "2026-04-20"));
    bench.refused("judge jane", &order("2026-04-20", "2026-04-21"), &[Ceiling]);
}

fn found(from: &str, until: &str) -> String {
    order(from, until).replace("\"order\", \"records\"", "\"found\", \"records\"")
}

#[test]
fn a_fact_beyond_a_ceiling_is_recorded_and_gives_no_authority() {
    let mut bench = bench();
    bench.does("guard gus", &found("2026-03-03", "2026-03-30"));
    assert_eq!(bench.case.irregular[&2][0].code, Ceiling);
    assert_eq!(bench.case.authority_until, None);
    assert!(bench.case.authority_has_lapsed(bench.now));
    // An order beside it covers what it says.
    bench.does("judge jane", &order("2026-03-03", "2026-03-10"));
    assert_eq!(bench.case.authority_until, Some(at("2026-03-10T00:00:00Z")));
    // The record that the file names lifts the ceiling of all orders together, never that of one.
    bench.does(
        "judge jane",
        r#"{"command": "allow", "records": [{"record": "leave", "fields": {"until": "2026-04-19"}}]}"#,
    );
    assert!(bench.case.irregular.is_empty());
    assert_eq!(bench.case.authority_until, Some(at("2026-03-18T00:00:00Z")));
}

#[test]
fn a_fact_without_its_instrument_covers_from_the_filing_of_the_instrument() {
    let mut bench = Bench::opened(
        &HELD
            .replace("irregular: true, records", "irregular: true, needs: [deed], records")
            .replace("states:", "documents: {deed: {from: [guard]}}\nstates:"),
    );
    bench.now = at("2026-03-03T00:00:00Z");
    bench.does("guard gus", &found("2026-03-03", "2026-03-10"));
    assert!(bench.case.authority_has_lapsed(bench.now));
    bench.does("guard gus", r#"{"file-paper": {"document": "deed", "reference": "1"}}"#);
    assert!(bench.case.irregular.is_empty());
    assert_eq!(bench.case.authority_until, Some(at("2026-03-10T00:00:00Z")));
}

#[test]
fn a_number_that_no_log_can_keep_is_a_matter_of_form_and_a_huge_one_breaks_no_ceiling() {
    let mut bench = bench();
    let charge = |days: &str| {
        format!(
            r#"{{"command": "charge", "records": [{{"record": "charge", "fields": {{"days": {days}}}}}]}}"#
        )
    };
    for days in [r#""9007199254740992""#, r#""-9007199254740992""#, r#""9223372036854775807""#] {
        bench.refused("judge jane", &charge(days), &[Form]);
    }
    let mut act = read_act(&bench.def, &json(&charge("1"))).unwrap();
    if let Act::Perform(perform) = &mut act {
        perform.records[0].fields.insert(name("days"), Given::Is(Value::Number(i64::MAX)));
    }
    assert!(bench.submit("judge jane", &act).unwrap_err().has(Form));
    bench.does("judge jane", &charge("9007199254740991"));
    bench.does("judge jane", &order("2026-03-03", "2026-03-18"));
    assert_eq!(bench.due("ceiling").unwrap(), "2026-04-12T00:00:00Z", "the part in days is the least");
}
