//! OCEL 2.0 output, read with a reader that knows nothing of the writer.

use std::collections::BTreeSet;

use qadiya_engine::event_log::Decimal;
use qadiya_engine::event_log::ocel::{OcelEvent, OcelKind, OcelObject, OcelType, OcelValue, OcelWriter};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Log {
    object_types: Vec<Declared>,
    event_types: Vec<Declared>,
    objects: Vec<Object>,
    events: Vec<Event>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Declared {
    name: String,
    attributes: Vec<Kind>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kind {
    name: String,
    r#type: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Object {
    id: String,
    r#type: String,
    attributes: Vec<Held>,
    relationships: Vec<Relation>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Held {
    name: String,
    time: jiff::Timestamp,
    value: Value,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Event {
    id: String,
    r#type: String,
    time: jiff::Timestamp,
    attributes: Vec<Stated>,
    relationships: Vec<Relation>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stated {
    name: String,
    value: Value,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Relation {
    object_id: String,
    qualifier: String,
}

fn declared(name: &str, attributes: &[(&str, OcelKind)]) -> OcelType {
    let attributes = attributes.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect();
    OcelType { name: name.to_owned(), attributes }
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(id, qualifier)| ((*id).to_owned(), (*qualifier).to_owned())).collect()
}

fn object(id: &str, object_type: &str, relations: &[(&str, &str)]) -> OcelObject {
    OcelObject {
        id: id.to_owned(),
        object_type: object_type.to_owned(),
        attributes: Vec::new(),
        relations: pairs(relations),
    }
}

fn event(id: &str, relations: &[(&str, &str)]) -> OcelEvent {
    OcelEvent {
        id: id.to_owned(),
        event_type: "تصنيف".to_owned(),
        at: "2026-11-22T08:00:00.000001Z".parse().unwrap(),
        attributes: Vec::new(),
        relations: pairs(relations),
    }
}

fn writer() -> OcelWriter<Vec<u8>> {
    let objects = [
        declared("case", &[("stage", OcelKind::String), ("bail", OcelKind::Float)]),
        declared("person", &[]),
    ];
    let events = [declared(
        "تصنيف",
        &[
            ("urgent", OcelKind::Boolean),
            ("papers", OcelKind::Integer),
            ("by", OcelKind::Time),
            ("note", OcelKind::String),
        ],
    )];
    OcelWriter::start(Vec::new(), &objects, &events).unwrap()
}

#[test]
fn a_log_parses_and_every_relation_leads_to_an_object() {
    let mut writer = writer();
    let mut case = object("C1", "case", &[("P\"1\"", "concerns")]);
    case.attributes = vec![
        ("stage".to_owned(), None, OcelValue::Text("received".to_owned())),
        (
            "stage".to_owned(),
            Some("2026-11-22T08:00:00Z".parse().unwrap()),
            OcelValue::Text("classified".to_owned()),
        ),
        ("bail".to_owned(), None, OcelValue::Float(Decimal::parse("00012345678901234567890.10").unwrap())),
    ];
    writer.object(&case).unwrap();
    writer.object(&object("P\"1\"", "person", &[])).unwrap();
    let mut first = event("C1/1", &[("C1", "case"), ("P\"1\"", "subject")]);
    first.attributes = vec![
        ("urgent".to_owned(), OcelValue::Boolean(true)),
        ("papers".to_owned(), OcelValue::Integer(-3)),
        ("by".to_owned(), OcelValue::Time("2026-12-01T00:00:00Z".parse().unwrap())),
        ("note".to_owned(), OcelValue::Text("سطر\nثان".to_owned())),
    ];
    writer.event(&first).unwrap();
    writer.event(&event("C1/2", &[("C1", "case")])).unwrap();
    let bytes = writer.finish().unwrap();
    assert!(String::from_utf8(bytes.clone()).unwrap().contains(r#""value":12345678901234567890.10}"#));

    let log: Log = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(log.objects.len(), 2);
    assert_eq!(log.events.len(), 2);
    let ids: BTreeSet<_> = log.objects.iter().map(|object| object.id.as_str()).collect();
    let related = log.objects.iter().flat_map(|object| &object.relationships);
    for relation in related.chain(log.events.iter().flat_map(|event| &event.relationships)) {
        assert!(ids.contains(relation.object_id.as_str()), "{relation:?}");
        assert!(!relation.qualifier.is_empty());
    }
    for object in &log.objects {
        let declared = log.object_types.iter().find(|declared| declared.name == object.r#type).unwrap();
        for held in &object.attributes {
            assert!(declared.attributes.iter().any(|kind| kind.name == held.name), "{held:?}");
        }
    }
    let stages: Vec<_> = log.objects[0].attributes[..2].iter().map(|held| (held.time, &held.value)).collect();
    assert_eq!(
        stages,
        [
            (jiff::Timestamp::UNIX_EPOCH, &json!("received")),
            ("2026-11-22T08:00:00Z".parse().unwrap(), &json!("classified"))
        ]
    );
    let stated: Vec<_> =
        log.events[0].attributes.iter().map(|s| (s.name.as_str(), s.value.clone())).collect();
    assert_eq!(
        stated,
        [
            ("urgent", json!(true)),
            ("papers", json!(-3)),
            ("by", json!("2026-12-01T00:00:00Z")),
            ("note", json!("سطر\nثان"))
        ]
    );
    assert_eq!(log.events[0].id, "C1/1");
    assert_eq!(log.events[0].r#type, log.event_types[0].name);
    assert_eq!(log.events[0].time, first.at);
    let kinds: Vec<_> = log.event_types[0].attributes.iter().map(|kind| kind.r#type.as_str()).collect();
    assert_eq!(kinds, ["boolean", "integer", "time", "string"]);
}

#[test]
fn an_empty_log_is_a_log() {
    let bytes = OcelWriter::start(Vec::new(), &[], &[]).unwrap().finish().unwrap();
    let log: Log = serde_json::from_slice(&bytes).unwrap();
    assert!(log.objects.is_empty() && log.events.is_empty());
}

#[test]
fn what_would_not_be_a_valid_log_is_refused() {
    let told = |result: Result<(), qadiya_engine::event_log::WriteFault>| result.unwrap_err().to_string();
    let mut w = writer();
    w.object(&object("C1", "case", &[("P9", "concerns")])).unwrap();
    assert_eq!(
        told(w.object(&object("C1", "case", &[]))),
        "object “C1”: its id is already taken; give each object its own id"
    );
    assert_eq!(
        told(w.object(&object("X", "court", &[]))),
        "object “X”: its type “court” is not declared; declare every type at the start"
    );
    let mut wrong = object("C2", "case", &[]);
    wrong.attributes = vec![("stage".to_owned(), None, OcelValue::Integer(1))];
    assert_eq!(
        told(w.object(&wrong)),
        "object “C2”: its attribute “stage” is not declared with this kind of value; declare it in the type at the start"
    );
    wrong.attributes = vec![("bail".to_owned(), None, OcelValue::Float(Decimal::parse("NaN").unwrap()))];
    assert_eq!(told(w.object(&wrong)), "object “C2”: NaN is not a number in JSON; leave the attribute out");
    assert_eq!(
        told(w.event(&event("E", &[("C1", "case")]))),
        "object “C1”: it is related to the object “P9”, which is not in the log; write that object too, or leave the relation out"
    );
    w.object(&object("P9", "person", &[])).unwrap();
    assert_eq!(
        told(w.event(&event("E", &[("C7", "case")]))),
        "event “E”: it is related to the object “C7”, which is not in the log; write that object too, or leave the relation out"
    );
    w.event(&event("E", &[("C1", "case")])).unwrap();
    assert_eq!(
        told(w.event(&event("E", &[]))),
        "event “E”: its id is already taken; give each event its own id"
    );
    assert_eq!(
        told(w.object(&object("C3", "case", &[]))),
        "object “C3”: it comes after an event; write all objects first"
    );
    let twice = [declared("case", &[]), declared("case", &[])];
    assert_eq!(
        OcelWriter::start(Vec::new(), &twice, &[]).unwrap_err().to_string(),
        "object type “case”: it is declared twice; declare it once"
    );
}
