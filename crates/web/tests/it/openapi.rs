//! The document: committed, complete, and in step with what is served.

use std::collections::BTreeSet;

use qadiya_web::policy::{Policy, RULES};
use serde_json::Value;

use crate::support::repository;

fn document() -> Value {
    serde_json::to_value(qadiya_web::openapi()).unwrap()
}

fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            found.push((method.to_uppercase(), path.clone(), operation));
        }
    }
    found
}

#[test]
fn the_committed_document_is_the_one_that_the_code_makes() {
    // The same spelling as `qadiya schema openapi` prints.
    let fresh = format!("{}\n", serde_json::to_string_pretty(&document()).unwrap());
    let path = repository("docs/openapi.json");
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(committed == fresh, "docs/openapi.json is out of date: run `cargo dev schema` and commit it");
}

#[test]
fn every_operation_of_the_document_has_a_policy_and_every_policy_an_operation() {
    let document = document();
    let documented: BTreeSet<(String, String)> =
        operations(&document).into_iter().map(|(method, path, _)| (method, path)).collect();
    let ruled: BTreeSet<(String, String)> =
        RULES.iter().map(|rule| (rule.method.to_string(), rule.path.to_owned())).collect();
    assert_eq!(documented, ruled);
    assert_eq!(RULES.len(), ruled.len(), "a route has two policies");
}

#[test]
fn only_open_routes_are_documented_without_a_credential() {
    let document = document();
    assert!(document["security"][0].get("token").is_some());
    for (method, path, operation) in operations(&document) {
        let rule = RULES.iter().find(|rule| rule.path == path && rule.method.to_string() == method).unwrap();
        let open = operation.get("security").is_some();
        assert_eq!(open, rule.policy == Policy::Open, "{method} {path}");
    }
}

#[test]
fn every_operation_has_an_id_a_tag_a_summary_and_its_problems() {
    let document = document();
    let mut ids = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        let id = operation["operationId"].as_str().unwrap_or_default();
        assert!(ids.insert(id.to_owned()) && !id.is_empty(), "{method} {path}: operation id {id:?}");
        assert!(operation["tags"].as_array().is_some_and(|tags| tags.len() == 1), "{method} {path}: tag");
        assert!(
            operation["summary"].as_str().is_some_and(|text| !text.is_empty()),
            "{method} {path}: summary"
        );
        let statuses: BTreeSet<&str> =
            operation["responses"].as_object().unwrap().keys().map(String::as_str).collect();
        let rule = RULES.iter().find(|rule| rule.path == path && rule.method.to_string() == method).unwrap();
        if rule.policy != Policy::Open {
            for status in ["400", "401", "403", "404", "503"] {
                assert!(statuses.contains(status), "{method} {path}: {status} is not documented");
            }
        }
    }
}

/// The members of an act stand in the document and in the reader; a member that only one of them knows is found here.
#[test]
fn the_reader_takes_every_member_of_an_act_that_the_document_names() {
    let document = document();
    let members = document["components"]["schemas"]["CommandInput"]["properties"].as_object().unwrap();
    for member in members.keys().filter(|member| *member != "happened") {
        let act = qadiya_ledger::Value::map([(member.as_str(), qadiya_ledger::Value::from(-1))]);
        let read =
            qadiya_web::api::commands::read_act(act, "").map_err(|problem| problem.body(uuid::Uuid::nil()));
        let unknown =
            read.is_err_and(|body| body.fields.iter().any(|fault| fault.message.contains("not known")));
        assert!(!unknown, "{member}");
    }
    let act = qadiya_ledger::Value::map([("other", qadiya_ledger::Value::from(1))]);
    assert!(qadiya_web::api::commands::read_act(act, "").is_err());
}
