//! The JSON Schema of workflow files and of test files, for editors. It is printed from the tables that the reader tests
//! files with, so an editor and the reader never disagree about a key.

use std::collections::BTreeMap;

use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::calendar::Span;
use crate::workflow::read::shape::{self, Form, Shape};

/// The schema of a workflow file.
pub fn json_schema() -> Value {
    document(&shape::FILE, "A workflow of Qadiya")
}

/// The schema of one test of a workflow.
pub fn test_schema() -> Value {
    document(&crate::workflow::test_file::TEST, "A test of a workflow of Qadiya")
}

fn document(root: &'static Shape, title: &str) -> Value {
    let mut definitions = BTreeMap::new();
    let reference = object(root, &mut definitions);
    definitions.insert("name".to_owned(), json!({"type": "string", "pattern": "^[a-z][a-z0-9-]*$"}));
    definitions.insert("span".to_owned(), Span::json_schema(&mut SchemaGenerator::default()).to_value());
    let mut schema = Map::new();
    schema.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    schema.insert("title".to_owned(), json!(title));
    if let Value::Object(reference) = reference {
        schema.extend(reference);
    }
    schema.insert("$defs".to_owned(), json!(definitions));
    Value::Object(schema)
}

fn key(shape: &Shape) -> String {
    shape.name.replace(' ', "-")
}

/// Writes a shape into the definitions, once, and refers to it.
fn object(shape: &'static Shape, definitions: &mut BTreeMap<String, Value>) -> Value {
    let reference = json!({"$ref": format!("#/$defs/{}", key(shape))});
    if definitions.contains_key(&key(shape)) {
        return reference;
    }
    // Stands in while the shape is written, should it ever contain itself.
    definitions.insert(key(shape), Value::Null);
    let mut properties = Map::new();
    for key in shape.keys() {
        properties.insert(key.name.to_owned(), form(key.form, definitions));
    }
    let required: Vec<&str> = shape.keys().filter(|key| key.must).map(|key| key.name).collect();
    let mut schema = json!({"type": "object", "additionalProperties": false, "properties": properties});
    if let Value::Object(schema) = &mut schema {
        if !required.is_empty() {
            schema.insert("required".to_owned(), json!(required));
        }
        let groups: Vec<Value> = shape
            .one_of
            .iter()
            .map(|group| json!({"oneOf": group.iter().map(|key| json!({"required": [key]})).collect::<Vec<_>>()}))
            .collect();
        if !groups.is_empty() {
            schema.insert("allOf".to_owned(), json!(groups));
        }
    }
    definitions.insert(key(shape), schema);
    reference
}

fn form(of: Form, definitions: &mut BTreeMap<String, Value>) -> Value {
    let name = || json!({"$ref": "#/$defs/name"});
    match of {
        Form::Name => name(),
        Form::Names => json!({"type": "array", "items": name()}),
        Form::NameOrNames => json!({"oneOf": [name(), {"type": "array", "items": name(), "minItems": 1}]}),
        Form::Text => json!({"type": "string", "minLength": 1}),
        Form::True => json!({"const": true}),
        Form::Count(least) => json!({"type": "integer", "minimum": least}),
        Form::Span => json!({"$ref": "#/$defs/span"}),
        Form::Words(kind) => json!({"type": "string", "minLength": 1, "description": kind}),
        Form::Limit => json!({"type": "string", "minLength": 1, "description": "a limit"}),
        Form::OneOf(words) => json!({"enum": words}),
        Form::Value => json!({"type": ["string", "integer", "boolean"]}),
        Form::Object(shape) => object(shape, definitions),
        Form::Table(shape) => {
            let inner = object(shape, definitions);
            json!({"type": "object", "propertyNames": name(), "additionalProperties": inner})
        }
        Form::TableOf(inner) => {
            let inner = form(*inner, definitions);
            json!({"type": "object", "propertyNames": name(), "additionalProperties": inner})
        }
        Form::Codes(shape) => {
            let inner = object(shape, definitions);
            json!({"type": "object", "additionalProperties": inner})
        }
        Form::List(inner, least) => {
            let inner = form(*inner, definitions);
            json!({"type": "array", "items": inner, "minItems": least})
        }
        Form::ValueOrLack(shape) => {
            let lack = object(shape, definitions);
            json!({"oneOf": [{"type": ["string", "integer", "boolean"]}, lack]})
        }
        Form::NamesOrTable(shape) => {
            let inner = object(shape, definitions);
            json!({"oneOf": [
                {"type": "array", "items": name()},
                {"type": "object", "propertyNames": name(), "additionalProperties": inner},
            ]})
        }
    }
}
