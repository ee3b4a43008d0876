//! Three real court case types, converted and not touched by hand, walk by HTTP through every vector.

#![expect(
    clippy::disallowed_methods,
    reason = "the clients of this journey are tasks of the test; the product never waits for them"
)]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

use qadiya_devkit::convert::{self, Converted};
use qadiya_devkit::vectors::{self, Expect, Vector};
use serde_json::json;

use crate::server::{Caller, Kind, Store, data, program};

const CASE_TYPES: [&str; 3] = [
    "probate-back-office--Caveat",
    "finrem-ccd-definitions--FinancialRemedyMVP2",
    "et-ccd-callbacks--ET_EnglandWales",
];

/// A case type with its vectors, by case, in their order.
struct CaseType {
    converted: Converted,
    walks: Vec<Vec<Vector>>,
}

impl CaseType {
    fn read(name: &str) -> Self {
        let json = std::fs::read_to_string(data(&format!("ccd/{name}.json"))).unwrap();
        let text = std::fs::read_to_string(data(&format!("ccd/{name}.vectors.jsonl"))).unwrap();
        let mut walks: BTreeMap<String, Vec<Vector>> = BTreeMap::new();
        for vector in vectors::read(&text).unwrap() {
            walks.entry(vector.case.clone()).or_default().push(vector);
        }
        Self { converted: convert::from_ccd(&json).unwrap(), walks: walks.into_values().collect() }
    }

    /// The foreign identifier of a state.
    fn foreign(&self, state: &str) -> &str {
        let states = &self.converted.names.states;
        states.iter().find(|(_, ours)| ours.as_str() == state).map(|(foreign, _)| foreign.as_str()).unwrap()
    }
}

/// The state and the version of a case; none while it does not exist.
async fn standing(caller: &Caller, case: &str) -> Option<(String, u64)> {
    let answer = caller.get(&format!("/api/v1/cases/{case}")).await;
    if answer.status == 404 {
        return None;
    }
    let file = answer.expect(200);
    Some((file["state"].as_str().unwrap().to_owned(), file["version"].as_u64().unwrap()))
}

/// Offers the vectors of one case in their order; gives what came out otherwise than expected.
async fn walk(all: &CaseType, caller: &Caller, alias: &str, walk: &[Vector]) -> Vec<String> {
    let names = &all.converted.names;
    let mut wrong = Vec::new();
    let mut before = None;
    for vector in walk {
        let offering = caller.role(&names.roles[&vector.role]);
        let act = if vector.data.is_empty() {
            json!({"command": vector.event})
        } else {
            json!({"command": vector.event, "answers": vector.data})
        };
        let key = format!("{alias}-{}", vector.n);
        let answer = if vector.create {
            let body = json!({"workflow": names.workflow, "alias": alias, "act": act});
            offering.post("/api/v1/cases", &key, &body).await
        } else {
            offering.post(&format!("/api/v1/cases/{alias}/commands"), &key, &act).await
        };
        let outcome = match answer.status {
            200 | 201 => Vec::new(),
            422 => answer.refusals(),
            _ => vec![format!("{answer:?}")],
        };
        let expected: Vec<String> = vector.expect.refusal().map(str::to_owned).into_iter().collect();
        // An accepted act answers with the state it led to; after a refusal the case is read.
        let after = match answer.status {
            200 | 201 => {
                let done = answer.json();
                Some((done["state"].as_str().unwrap().to_owned(), done["version"].as_u64().unwrap()))
            }
            _ => standing(caller, alias).await,
        };
        let state = after.as_ref().map(|(state, _)| all.foreign(state));
        if outcome != expected || state != vector.state.as_deref() {
            let expected = (vector.expect, &vector.state);
            wrong.push(format!("{alias} {}: {expected:?}, got {outcome:?} and {state:?}", vector.n));
        }
        if vector.expect != Expect::Ok && before != after {
            wrong.push(format!("{alias} {}: refused, and yet {before:?} became {after:?}", vector.n));
        }
        before = after;
    }
    let read = standing(caller, alias).await;
    if read != before {
        wrong.push(format!("{alias}: ended as {before:?}, and is read as {read:?}"));
    }
    wrong
}

async fn every_vector(kind: Kind) {
    let types: Arc<Vec<CaseType>> = Arc::new(CASE_TYPES.iter().map(|name| CaseType::read(name)).collect());
    assert_eq!(types.iter().flat_map(|each| &each.walks).map(Vec::len).sum::<usize>(), 1427);
    let store = Store::new(kind);
    let mut roles = BTreeSet::new();
    for each in types.iter() {
        let published = store.publish(&each.converted.names.workflow, &each.converted.yaml);
        assert_eq!(published["active"], json!(true));
        roles.extend(each.converted.names.roles.values().cloned());
    }
    let roles: Vec<String> = roles.into_iter().collect();
    let token = store.official("Walker of all roles", &roles);
    let server = store.serve();
    for clients in [1_usize, 16] {
        let all = types
            .iter()
            .enumerate()
            .flat_map(|(number, each)| (0..each.walks.len()).map(move |n| (number, n)));
        let queue: Arc<Mutex<VecDeque<(usize, usize)>>> = Arc::new(Mutex::new(all.collect()));
        let mut tasks = Vec::new();
        for _ in 0..clients {
            let (queue, types, caller) = (queue.clone(), types.clone(), server.caller(&token));
            tasks.push(tokio::spawn(async move {
                let mut wrong = Vec::new();
                loop {
                    let next = queue.lock().unwrap().pop_front();
                    let Some((number, n)) = next else { return wrong };
                    let alias = format!("{number}-{n}-at-{clients}");
                    let each = &types[number];
                    wrong.extend(walk(each, &caller, &alias, &each.walks[n]).await);
                }
            }));
        }
        let mut wrong = Vec::new();
        for task in tasks {
            wrong.extend(task.await.unwrap());
        }
        assert!(wrong.is_empty(), "{kind:?}, {clients} clients, {}:\n{}", wrong.len(), wrong.join("\n"));
    }
    server.process.stop();
    assert_eq!(store.faults(), Vec::<serde_json::Value>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_vector_has_its_outcome_and_state_over_http_on_sqlite() {
    every_vector(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_vector_has_its_outcome_and_state_over_http_on_postgresql() {
    every_vector(Kind::Postgres).await;
}

#[test]
fn check_reports_the_states_that_no_event_leads_to_and_the_events_that_nobody_may_start() {
    let folder = tempfile::tempdir().unwrap();
    let check = |name: &str| {
        let all = CaseType::read(name);
        let file = folder.path().join(format!("{}.v1.yaml", all.converted.names.workflow));
        std::fs::write(&file, &all.converted.yaml).unwrap();
        let output = std::process::Command::new(program())
            .args(["check", file.to_str().unwrap()])
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(3), "a trial has findings");
        (all, String::from_utf8(output.stdout).unwrap())
    };
    let reports = |said: &str, check: &str, what: &str| {
        let named = said.lines().any(|line| line.contains(check) && line.contains(what));
        assert!(named, "no {check} names {what}: {said}");
    };
    let (all, said) = check("finrem-ccd-definitions--FinancialRemedyMVP2");
    for state in ["awaitingHWFDecision", "awaitingPayment", "close", "infoReceived"] {
        reports(&said, "E-reach", &all.converted.names.states[state]);
    }
    let (all, said) = check("et-ccd-callbacks--ET_EnglandWales");
    for event in ["createCaseLink", "maintainCaseLink"] {
        reports(&said, "E-", &all.converted.names.commands[event]);
    }
}
