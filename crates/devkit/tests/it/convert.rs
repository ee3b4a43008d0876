//! The converters keep the meaning of the source: proved on the outside data by two interpreters, one of the source, one
//! of the file, and on random definitions of the same shape.

mod shapes;
mod source;
mod target;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use proptest::prelude::*;
use qadiya_devkit::convert::{self, ConvertError, Converted, Mending};
use qadiya_devkit::vectors::{Expect, Vector};
use qadiya_devkit::{replay_expected, vectors};
use serde_json::{Value, json};

const CASE_TYPES: [(&str, usize); 3] = [
    ("probate-back-office--Caveat", 498),
    ("finrem-ccd-definitions--FinancialRemedyMVP2", 443),
    ("et-ccd-callbacks--ET_EnglandWales", 486),
];
const REPLAYS: [(&str, &str, &str); 3] = [
    ("running-example", "running-example", "running-example"),
    ("roadtraffic100traces", "roadtraffic-discovered", "roadtraffic100traces.on-discovered"),
    ("roadtraffic100traces", "roadtraffic-first40", "roadtraffic100traces.on-first40"),
];

/// Reads a file of the outside data folder.
fn data(path: &str) -> String {
    let root = std::env::var_os("QADIYA_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let file = root.join(path);
    std::fs::read_to_string(&file)
        .unwrap_or_else(|error| panic!("set QADIYA_DATA: {} cannot be read: {error}", file.display()))
}

fn parsed(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn answers(vector: &Vector) -> BTreeMap<String, String> {
    vector.data.iter().map(|(field, value)| (field.clone(), value.as_str().unwrap().to_owned())).collect()
}

fn expected(expect: Expect) -> BTreeSet<&'static str> {
    expect.refusal().into_iter().collect()
}

#[test]
fn every_vector_follows_from_the_source_by_the_rules_of_its_readme() {
    let mut seen = 0;
    for (name, count) in CASE_TYPES {
        let source: Value = serde_json::from_str(&data(&format!("ccd/{name}.json"))).unwrap();
        let vectors = vectors::read(&data(&format!("ccd/{name}.vectors.jsonl"))).unwrap();
        assert_eq!(vectors.len(), count);
        let mut cases: BTreeMap<String, source::SourceCase> = BTreeMap::new();
        for vector in &vectors {
            let case = cases.entry(vector.case.clone()).or_default();
            assert_eq!(case.state.is_none(), vector.create, "{name} {}", vector.n);
            let event = source::event(&source, &vector.event).unwrap();
            let refusals = source::offer(&source, case, event, &vector.role, &answers(vector));
            assert_eq!(refusals, expected(vector.expect), "{name} {}", vector.n);
            assert_eq!(case.state, vector.state, "{name} {}", vector.n);
        }
        seen += vectors.len();
    }
    assert_eq!(seen, 1427);
}

#[test]
fn every_vector_has_the_same_outcome_on_the_converted_file() {
    for (name, _) in CASE_TYPES {
        let converted = convert::from_ccd(&data(&format!("ccd/{name}.json"))).unwrap();
        let file = converted.document.to_json();
        let mut cases: BTreeMap<String, target::Case> = BTreeMap::new();
        for vector in vectors::read(&data(&format!("ccd/{name}.vectors.jsonl"))).unwrap() {
            let case = cases.entry(vector.case.clone()).or_default();
            let refusals =
                target::offer(&file, case, &vector.event, &vector.role, &answers(&vector)).unwrap();
            assert_eq!(refusals, expected(vector.expect), "{name} {}", vector.n);
            let state = case.state.as_deref().map(|state| target::id_of_state(&file, state));
            assert_eq!(state, vector.state, "{name} {}", vector.n);
        }
    }
}

/// The events of each case of a log, in file order.
fn log(name: &str) -> BTreeMap<String, Vec<String>> {
    let text = data(&format!("logs/{name}.csv"));
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let headers = reader.headers().unwrap().clone();
    let column = |title: &str| headers.iter().position(|each| each == title).unwrap();
    let (case, event) = (column("case:concept:name"), column("concept:name"));
    let mut cases: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for record in reader.records() {
        let record = record.unwrap();
        cases.entry(record[case].to_owned()).or_default().push(record[event].to_owned());
    }
    cases
}

/// Replays on the converted file: where the case ends (foreign identifier), whether it may end there, what was refused.
fn replay(file: &Value, opening: &str, events: &[String]) -> (String, bool, Vec<usize>) {
    let mut case = target::Case::default();
    let nothing = BTreeMap::new();
    let opened = target::run(file, &mut case, &file["commands"][opening], "replayer", &nothing);
    assert!(opened.is_empty());
    let mut refused = Vec::new();
    for (index, event) in events.iter().enumerate() {
        match target::offer(file, &mut case, event, "replayer", &nothing) {
            Some(refusals) if refusals.is_empty() => {}
            Some(_) | None => refused.push(index + 1),
        }
    }
    let state = case.state.unwrap();
    (target::id_of_state(file, &state), target::in_stage(file, "accepting", &state), refused)
}

#[test]
fn the_three_replays_give_the_expected_lines_on_the_machine_and_on_the_converted_file() {
    for (log_name, machine_name, expected_name) in REPLAYS {
        let json = data(&format!("logs/{machine_name}.machine.json"));
        let machine: Value = serde_json::from_str(&json).unwrap();
        let converted = convert::from_machine(&json).unwrap();
        let file = converted.document.to_json();
        assert_eq!(converted.accepting.len(), machine["final"].as_array().unwrap().len());
        let opening = converted.names.opening.clone().unwrap();
        let cases = log(log_name);
        let lines = replay_expected::read(&data(&format!("logs/{expected_name}.expected.csv"))).unwrap();
        assert_eq!(lines.len(), cases.len());
        for line in lines {
            let events = &cases[&line.case_id];
            let (state, refused) = source::replay(&machine, events);
            let is_final = machine["final"].as_array().unwrap().iter().any(|each| each == state.as_str());
            assert_eq!(
                (&state, is_final),
                (&line.end_state, line.is_final),
                "{expected_name} {}",
                line.case_id
            );
            assert_eq!(
                replay(&file, &opening, events),
                (state, is_final, refused.clone()),
                "{expected_name} {}",
                line.case_id
            );
            assert_eq!(line.events, events.len());
            assert_eq!(line.refused, refused.len());
            assert_eq!(line.accepted + line.refused, line.events);
            assert_eq!(line.first_refused, refused.first().copied());
            assert_eq!(line.is_clean, refused.is_empty() && is_final);
        }
    }
}

fn all_converted() -> Vec<Converted> {
    let case_types =
        CASE_TYPES.iter().map(|(name, _)| convert::from_ccd(&data(&format!("ccd/{name}.json"))).unwrap());
    let machines = REPLAYS
        .iter()
        .map(|(_, name, _)| convert::from_machine(&data(&format!("logs/{name}.machine.json"))).unwrap());
    case_types.chain(machines).collect()
}

#[test]
fn the_printed_text_reads_back_as_the_same_values() {
    for converted in all_converted() {
        assert_eq!(parsed(&converted.yaml), converted.document.to_json());
    }
}

#[test]
fn the_reader_used_by_these_tests_refuses_a_key_that_stands_twice() {
    assert!(serde_saphyr::from_str::<Value>("a: 1\nb: {c: 1, c: 2}\n").is_err());
}

#[test]
fn the_three_case_types_convert_whole_but_for_the_stay_of_a_case_that_is_not_open_yet() {
    for (name, _) in CASE_TYPES {
        let json = data(&format!("ccd/{name}.json"));
        let source: Value = serde_json::from_str(&json).unwrap();
        let converted = convert::from_ccd(&json).unwrap();
        let file = converted.document.to_json();
        for (list, key) in [("states", "states"), ("events", "commands"), ("roles", "roles")] {
            let count = source[list].as_array().unwrap().len();
            assert_eq!(file[key].as_object().unwrap().len(), count, "{name} {list}");
        }
        let findings: Vec<&str> = converted.findings.iter().map(|each| each.place.as_str()).collect();
        if name.contains("ET_") {
            assert_eq!(findings, ["events[25] \"createEcmCase\""]);
        } else {
            assert!(findings.is_empty(), "{findings:?}");
        }
    }
}

#[test]
fn every_command_of_a_case_type_takes_every_fact() {
    let converted = convert::from_ccd(&data("ccd/et-ccd-callbacks--ET_EnglandWales.json")).unwrap();
    let file = converted.document.to_json();
    let facts: BTreeSet<&String> = file["facts"].as_object().unwrap().keys().collect();
    assert!(facts.len() > 5);
    for (name, command) in file["commands"].as_object().unwrap() {
        let asked: BTreeSet<&String> = command["asks"].as_object().unwrap().keys().collect();
        assert_eq!(asked, facts, "{name}");
    }
}

/// A case type with one state of each name in `states` and the events given.
fn small(states: &[&str], events: &Value) -> String {
    let states: Vec<Value> =
        states.iter().map(|id| json!({"id": id, "name": id, "roles": {"R": "CRUD"}})).collect();
    json!({"caseType": "T", "name": "T", "states": states, "events": events, "roles": ["R"]}).to_string()
}

fn opener(post: &Value) -> Value {
    json!({"id": "open", "name": "open", "preStates": [], "postStates": post, "roles": {"R": "C"}})
}

fn guard_of(condition: &str) -> Value {
    let event = json!({
        "id": "e", "name": "e", "preStates": ["*"], "postStates": [{"state": "*"}], "enabledWhen": condition, "roles": {"R": "C"},
    });
    let converted =
        convert::from_ccd(&small(&["A", "B"], &json!([opener(&json!([{"state": "A"}])), event]))).unwrap();
    converted.document.to_json()["commands"]["e"]["if"].clone()
}

#[test]
fn conditions_become_sentences() {
    for (condition, guard) in [
        (r#"f="Dummy""#, json!("f is dummy")),
        (r#"f !="x""#, json!("f is not x")),
        (r#"f = "Yes" AND g != "No""#, json!("f is value-yes and g is not value-no")),
        (r#"f="" OR [STATE]!="A""#, json!("(f is not known or f is value-empty) or (not at a)")),
        (r#"f!="""#, json!("f is known and f is not value-empty")),
        (r#"[STATE]="B""#, json!("at b")),
        (r#"[STATE]="IMPOSSIBLE""#, json!("at a and (not at a)")),
        (r#"[STATE]!="IMPOSSIBLE" AND f="a AND b""#, json!("f is a-and-b")),
        ("  ", Value::Null),
    ] {
        assert_eq!(guard_of(condition), guard, "{condition}");
    }
}

#[test]
fn a_condition_that_cannot_be_read_is_refused_with_its_place() {
    for (condition, problem) in [
        (r#"a="1" AND b="2" OR c="3""#, "mixed"),
        (r#"a CONTAINS "1""#, "expected FIELD"),
        (r#"a CONTAINS "1" AND b="2""#, "not the name of one field"),
        (r#"a="1"#, "quotation marks"),
        (r#"a="1" XOR b="2""#, "expected AND, OR"),
        (r#"="1""#, "not the name of one field"),
        (r#"a="1" AND"#, "expected FIELD"),
    ] {
        let event = json!({
            "id": "e", "name": "e", "preStates": ["A"], "roles": {},
            "postStates": [{"state": "A", "when": condition, "priority": 1}, {"state": "A"}],
        });
        let error =
            convert::from_ccd(&small(&["A"], &json!([opener(&json!([{"state": "A"}])), event]))).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("events[1] \"e\" postStates[0].when") && text.contains(problem), "{text}");
    }
}

#[test]
fn a_case_type_that_no_event_opens_is_refused_and_an_opening_event_without_a_state_is_left_out() {
    let stay = opener(&json!([{"state": "*"}]));
    let error = convert::from_ccd(&small(&["A"], &json!([stay]))).unwrap_err();
    assert!(matches!(&error, ConvertError::Meaning { faults, .. } if faults.len() == 1), "{error}");
    let good = json!({"id": "good", "name": "", "preStates": [], "postStates": [{"state": "A"}], "roles": {"R": "C"}});
    let converted = convert::from_ccd(&small(&["A"], &json!([stay, good]))).unwrap();
    assert_eq!(converted.names.commands.len(), 1);
    assert!(
        converted
            .findings
            .iter()
            .all(|each| each.mending == Mending::LeftOut && each.place == "events[0] \"open\"")
    );
    assert!(converted.yaml.contains("# left out: events[0] \"open\""));
}

#[test]
fn repeated_and_undeclared_things_are_mended_and_said() {
    let events = json!([
        opener(&json!([{"state": "Ghost"}])),
        {"id": "x", "name": "x", "preStates": ["Ghost"], "postStates": [{"state": "A"}], "roles": {"Q": "C"}},
        {"id": "x", "name": "x", "preStates": ["Ghost"], "postStates": [{"state": "A"}], "roles": {"Q": "C"}},
        {"id": "x", "name": "other x", "preStates": ["A"], "postStates": [], "roles": {}},
    ]);
    let converted = convert::from_ccd(&small(&["A", "A"], &events)).unwrap();
    let texts: Vec<String> =
        converted.findings.iter().map(|each| format!("{} {}", each.place, each.text)).collect();
    for words in [
        "states[1] \"A\" the state is declared again",
        "events[0] \"open\" the state \"Ghost\" is not declared",
        "events[2] \"x\" the event stands twice",
        "events[3] \"x\" the identifier is taken by an earlier, different event; this one is \"x#2\"",
        "events[3] \"x\" the event names no state to go to",
        "the role \"Q\" is not declared",
    ] {
        assert!(texts.iter().any(|text| text.contains(words)), "{words} not in {texts:#?}");
    }
    let file = converted.document.to_json();
    assert_eq!(file["states"]["ghost"]["acts-by"], json!(["nobody"]));
    assert!(file["roles"]["nobody"]["id"].is_null(), "no foreign role may stand for it");
    assert_eq!(file["commands"]["x-2"]["id"], "x#2");
}

#[test]
fn a_machine_with_two_ways_for_one_event_is_refused_with_both_places() {
    let json = json!({
        "name": "m", "initial": "a", "final": [], "states": ["a", "b"], "events": ["e"],
        "transitions": [{"from": "a", "event": "e", "to": "a"}, {"from": "a", "event": "e", "to": "b"}],
    });
    let text = convert::from_machine(&json.to_string()).unwrap_err().to_string();
    assert!(text.contains("transitions[1]") && text.contains("transitions[0]"), "{text}");
}

#[test]
fn text_of_another_shape_is_refused_with_line_and_column() {
    use std::error::Error as _;
    for text in ["", "{", "[]", "{\"caseType\": 1}", "{\"name\": \"m\"}", "\u{feff}{}"] {
        for error in [convert::from_ccd(text).unwrap_err(), convert::from_machine(text).unwrap_err()] {
            assert!(matches!(error, ConvertError::Shape { .. }));
            assert!(error.source().unwrap().to_string().contains("line 1 column"), "{text}");
        }
    }
    assert_eq!(vectors::read("\n{\"n\": 1}\n").unwrap_err().line, 2);
    let header = "case_id,events,accepted,refused,first_refused,end_state,final,clean\n";
    assert_eq!(
        replay_expected::read(&format!("{header}a,1,1,0,,s,1,1\nb,1,1,0,,s,2,1\n")).unwrap_err().record,
        2
    );
}

#[test]
fn a_machine_that_accepts_nowhere_has_no_stage() {
    let json = json!({
        "name": "m", "initial": "a", "final": [], "states": ["a"], "events": ["e"],
        "transitions": [{"from": "a", "event": "e", "to": "a"}],
    });
    let converted = convert::from_machine(&json.to_string()).unwrap();
    assert_eq!(converted.document.to_json()["stages"], json!({}));
}

fn assert_good_names(things: &Value) {
    let Some(things) = things.as_object() else { return };
    let mut ids = BTreeMap::new();
    for (name, thing) in things {
        assert!(name.starts_with(|each: char| each.is_ascii_lowercase()), "{name}");
        assert!(
            name.chars().all(|each| each.is_ascii_lowercase() || each.is_ascii_digit() || each == '-'),
            "{name}"
        );
        assert!(
            !["new", "always", "every-state", "back", "system", "yes", "no", "known", "unset", "at"]
                .contains(&name.as_str())
        );
        if let Some(id) = thing["id"].as_str() {
            assert!(ids.insert(id, name).is_none(), "{id} twice");
        }
    }
    for name in things.keys() {
        // The catch-all is the word `other` of the grammar, whatever a source calls its values.
        assert!(name == "other" || ids.get(name.as_str()).is_none_or(|owner| *owner == name), "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_case_type_of_the_shape_converts_and_random_walks_agree(
        json in shapes::case_type(),
        walk in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(),
            prop::collection::btree_map("[a-d_.A-D]{1,3}",
                prop::sample::select(vec!["", "Yes", "yes", "No", "other", "zz", "x y", "1"]).prop_map(str::to_owned), 0..4)), 0..30),
    ) {
        let converted = convert::from_ccd(&json.to_string()).unwrap();
        let file = converted.document.to_json();
        prop_assert_eq!(&parsed(&converted.yaml), &file);
        prop_assert_eq!(&file["stages"], &json!({}));
        for state in file["states"].as_object().unwrap().values() {
            let actors = state["acts-by"].as_array().unwrap();
            prop_assert!(!actors.is_empty());
            prop_assert!(actors.iter().all(|role| file["roles"][role.as_str().unwrap()].is_object()));
        }
        for space in ["states", "roles", "commands", "facts"] {
            assert_good_names(&file[space]);
        }
        for fact in file["facts"].as_object().into_iter().flatten() {
            assert_good_names(&fact.1["of"]);
        }
        let events = json["events"].as_array().unwrap();
        let roles = json["roles"].as_array().unwrap();
        let (mut theirs, mut ours) = (source::SourceCase::default(), target::Case::default());
        for (event, role, answers) in walk {
            let id = event.get(events)["id"].as_str().unwrap();
            let role = role.get(roles).as_str().unwrap();
            let Some(refusals) = target::offer(&file, &mut ours, id, role, &answers) else {
                prop_assert!(converted.findings.iter().any(|each| each.mending == Mending::LeftOut));
                continue;
            };
            let event = source::event(&json, id).unwrap();
            let mut wanted = source::offer(&json, &mut theirs, event, role, &answers);
            let mut refusals = refusals;
            let reads_no_state = event["enabledWhen"].as_str().is_some_and(|text| text.contains("[STATE]"));
            if refusals.contains("state") && reads_no_state {
                // `[STATE]=""` is worked out for the cases the event is open to; elsewhere only `state` counts.
                wanted.remove("guard");
                refusals.remove("guard");
            }
            prop_assert_eq!(refusals, wanted);
            let state = ours.state.as_deref().map(|state| target::id_of_state(&file, state));
            prop_assert_eq!(&state, &theirs.state);
        }
    }

    #[test]
    fn any_machine_of_the_shape_converts_or_is_refused_as_ambiguous_and_replays_agree(
        json in shapes::machine(),
        walk in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        match convert::from_machine(&json.to_string()) {
            Err(ConvertError::Shape { source, .. }) => prop_assert!(false, "{source}"),
            Err(ConvertError::Meaning { faults, .. }) => prop_assert!(!faults.is_empty()),
            Ok(converted) => {
                let file = converted.document.to_json();
                prop_assert_eq!(&parsed(&converted.yaml), &file);
                assert_good_names(&file["states"]);
                assert_good_names(&file["commands"]);
                let names = json["events"].as_array().unwrap();
                let events: Vec<String> = walk.iter().map(|each| each.get(names).as_str().unwrap().to_owned()).collect();
                let (state, refused) = source::replay(&json, &events);
                let is_final = json["final"].as_array().unwrap().iter().any(|each| each == state.as_str());
                let opening = converted.names.opening.clone().unwrap();
                prop_assert_eq!(replay(&file, &opening, &events), (state, is_final, refused));
            }
        }
    }

    #[test]
    fn any_text_is_answered_without_a_panic(text in any::<String>(), condition in "[a-c\\[\\]STATE=!\" ANDOR]{0,30}") {
        prop_assert!(convert::from_ccd(&text).is_err());
        prop_assert!(convert::from_machine(&text).is_err());
        let event = json!({"id": "e", "preStates": ["A"], "postStates": [{"state": "A"}], "enabledWhen": condition, "roles": null});
        let events = json!([opener(&json!([{"state": "A"}])), event]);
        if let Ok(converted) = convert::from_ccd(&small(&["A"], &events)) {
            prop_assert_eq!(parsed(&converted.yaml), converted.document.to_json());
        }
    }
}
