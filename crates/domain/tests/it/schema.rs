//! The JSON Schema and the reader accept the same keys and the same kinds of values.

use std::path::{Path, PathBuf};

use qadiya_domain::workflow::json_schema;
use qadiya_domain::workflow::read::{conform, shape, tree};
use qadiya_domain::workflow::schema::test_schema;
use serde_json::{Map, Value, json};

fn example() -> Value {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/good/detainee-example.yaml");
    serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The words of JSON Schema that the schema uses; any other word fails the test.
fn valid(value: &Value, schema: &Value, root: &Value) -> bool {
    let Value::Object(words) = schema else { panic!("no schema: {schema}") };
    words.iter().all(|(word, wanted)| match word.as_str() {
        "$ref" => {
            let key = wanted.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
            valid(value, &root["$defs"][key], root)
        }
        "type" => {
            let one = std::slice::from_ref(wanted);
            let mut types = wanted.as_array().map_or(one, Vec::as_slice).iter();
            types.any(|one| has_type(value, one.as_str().unwrap()))
        }
        "const" => value == wanted,
        "enum" => wanted.as_array().unwrap().contains(value),
        "minLength" => {
            value.as_str().is_none_or(|text| text.len() >= usize::try_from(wanted.as_u64().unwrap()).unwrap())
        }
        "minimum" => value.as_i64().is_none_or(|number| number >= wanted.as_i64().unwrap()),
        "minItems" => value
            .as_array()
            .is_none_or(|items| items.len() >= usize::try_from(wanted.as_u64().unwrap()).unwrap()),
        "items" => value.as_array().is_none_or(|items| items.iter().all(|item| valid(item, wanted, root))),
        "oneOf" => wanted.as_array().unwrap().iter().filter(|one| valid(value, one, root)).count() == 1,
        "allOf" => wanted.as_array().unwrap().iter().all(|one| valid(value, one, root)),
        "required" => value.as_object().is_none_or(|map| {
            wanted.as_array().unwrap().iter().all(|key| map.contains_key(key.as_str().unwrap()))
        }),
        "propertyNames" => {
            value.as_object().is_none_or(|map| map.keys().all(|key| valid(&json!(key), wanted, root)))
        }
        "properties" => value.as_object().is_none_or(|map| {
            map.iter().all(|(key, inner)| wanted.get(key).is_none_or(|schema| valid(inner, schema, root)))
        }),
        "additionalProperties" => value.as_object().is_none_or(|map| {
            let named = |key: &str| words.get("properties").is_some_and(|known| known.get(key).is_some());
            let mut others = map.iter().filter(|(key, _)| !named(key));
            others.all(|(_, inner)| wanted.as_bool().unwrap_or_else(|| valid(inner, wanted, root)))
        }),
        "pattern" => value.as_str().is_none_or(|text| matches_pattern(text, wanted.as_str().unwrap())),
        "$schema" | "$defs" | "title" | "description" | "examples" => true,
        other => panic!("the test does not know the word `{other}` of the schema"),
    })
}

fn has_type(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        other => panic!("unknown type {other}"),
    }
}

fn matches_pattern(text: &str, pattern: &str) -> bool {
    if pattern == "^[a-z][a-z0-9-]*$" {
        return qadiya_domain::name::Name::new(text).is_ok();
    }
    assert!(pattern.contains("working days"), "unknown pattern {pattern}");
    text.parse::<qadiya_domain::calendar::Span>().is_ok()
}

fn schema_accepts(file: &Value, schema: &Value) -> bool {
    valid(file, schema, schema)
}

/// JSON is YAML, so the reader can be asked about the same file.
fn reader_accepts(file: &Value) -> bool {
    let node = tree::read(file.to_string().as_bytes()).unwrap();
    let mut faults = Vec::new();
    conform::object(&node, &shape::FILE, &mut faults);
    faults.is_empty()
}

fn paths(value: &Value, here: &str, all: &mut Vec<String>) {
    all.push(here.to_owned());
    match value {
        Value::Object(map) => map.iter().for_each(|(key, inner)| paths(inner, &format!("{here}/{key}"), all)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, inner)| paths(inner, &format!("{here}/{at}"), all));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn schema_and_reader_agree_about_every_change_of_the_example() {
    let (example, schema) = (example(), json_schema());
    assert!(schema_accepts(&example, &schema) && reader_accepts(&example));
    let mut all = Vec::new();
    paths(&example, "", &mut all);
    let (mut refused, mut accepted) = (0, 0);
    for path in all {
        let mut changes =
            vec![json!([]), json!({}), json!(7), json!(true), json!("a-name"), json!("Two Words")];
        if let Some(Value::Object(map)) = example.pointer(&path) {
            let with = |key: &str, value: Value| {
                let mut map: Map<String, Value> = map.clone();
                map.insert(key.to_owned(), value);
                Value::Object(map)
            };
            changes.extend([
                with("unheard-of", json!({})),
                with("Unheard Of", json!({})),
                with("title", json!("T")),
            ]);
            changes.extend(map.keys().map(|key| {
                let mut map = map.clone();
                map.remove(key);
                Value::Object(map)
            }));
        }
        for change in changes {
            let mut file = example.clone();
            *file.pointer_mut(&path).unwrap() = change.clone();
            if !file.is_object() {
                continue;
            }
            let (by_schema, by_reader) = (schema_accepts(&file, &schema), reader_accepts(&file));
            assert_eq!(by_schema, by_reader, "{path} := {change}: schema {by_schema}, reader {by_reader}");
            if by_schema { accepted += 1 } else { refused += 1 }
        }
    }
    assert!(refused > 1_000 && accepted > 100, "{refused} refused, {accepted} accepted");
}

#[test]
fn the_schema_of_tests_is_written_from_the_same_tables() {
    let schema = test_schema();
    let keys = &schema["$defs"]["a-test"]["properties"];
    for key in ["test", "workflow", "start", "steps"] {
        assert!(keys.get(key).is_some(), "{key}");
    }
    assert_eq!(json_schema(), json_schema());
}
