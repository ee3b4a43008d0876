//! Three real court case types, converted and not touched by hand, walk by HTTP through every vector.

#![expect(
    clippy::disallowed_methods,
    reason = "the clients of this journey are tasks of the test; the product never waits for them"
)]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

use qadiya_devkit::convert::{self, Converted};
use qadiya_devkit::vectors::{self, Expect, Vector};
use serde_json::{Value, json};

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

/// What `check` says about a converted file: the findings of all checks, each as (check, at), sorted, with the message.
fn checked(folder: &std::path::Path, all: &CaseType) -> Vec<(String, String, String)> {
    let file = folder.join(format!("{}.v1.yaml", all.converted.names.workflow));
    std::fs::write(&file, &all.converted.yaml).unwrap();
    let output = std::process::Command::new(program())
        .args(["--json", "check", file.to_str().unwrap()])
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3), "a trial has findings");
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let [file] = said.as_array().unwrap().as_slice() else { panic!("one file, one answer: {said}") };
    assert_eq!(file["standing"], "trial");
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    let all = file["findings"].as_array().unwrap();
    let mut found: Vec<_> =
        all.iter().map(|one| (text(one, "check"), text(one, "at"), text(one, "message"))).collect();
    found.sort();
    found
}

/// What the source itself says, read without the converter.
struct Source(Value);

impl Source {
    fn read(name: &str) -> Self {
        let json = std::fs::read_to_string(data(&format!("ccd/{name}.json"))).unwrap();
        Self(serde_json::from_str(&json).unwrap())
    }

    fn events(&self) -> &[Value] {
        self.0["events"].as_array().unwrap()
    }

    /// Events whose rights give no role a `C`: no role may start them.
    fn started_by_nobody(&self) -> Vec<&str> {
        let may_start = |event: &Value| {
            let rights = event["roles"].as_object().unwrap();
            rights.values().any(|each| each.as_str().unwrap().contains('C'))
        };
        self.events()
            .iter()
            .filter(|each| !may_start(each))
            .map(|each| each["id"].as_str().unwrap())
            .collect()
    }

    /// Events with a condition that compares a field with a value; nothing in a source says that the field has one.
    fn comparing_a_field(&self) -> Vec<&str> {
        let compares = |condition: &Value| {
            condition.as_str().is_some_and(|text| {
                text.split(" AND ")
                    .flat_map(|part| part.split(" OR "))
                    .any(|test| !test.trim().starts_with("[STATE]") && !test.trim().ends_with("=\"\""))
            })
        };
        let concerned = |event: &Value| {
            let ways = event["postStates"].as_array().unwrap();
            compares(&event["enabledWhen"]) || ways.iter().any(|way| compares(&way["when"]))
        };
        self.events().iter().filter(|each| concerned(each)).map(|each| each["id"].as_str().unwrap()).collect()
    }
}

/// Whether `check` finds exactly the `listed` pairs (a check and then every place it names), the events that nobody may
/// start and the comparisons of fields that may have no value, both as the source has them.
fn finds_exactly(name: &str, nobody: &[&str], listed: &[(&str, &str)]) {
    let folder = tempfile::tempdir().unwrap();
    let (all, source) = (CaseType::read(name), Source::read(name));
    let commands = &all.converted.names.commands;
    let found = checked(folder.path(), &all);
    assert_eq!(source.started_by_nobody(), nobody);
    let nobody: BTreeSet<&str> = nobody.iter().map(|event| commands[*event].as_str()).collect();
    let reported: BTreeSet<&str> = found
        .iter()
        .filter(|(check, _, message)| check == "E-dead" && message.contains("`by` is empty"))
        .map(|(_, at, _)| at.as_str())
        .collect();
    assert_eq!(reported, nobody);
    let untyped: BTreeSet<&str> =
        source.comparing_a_field().into_iter().map(|event| commands[event].as_str()).collect();
    let mut expected: Vec<(&str, &str)> =
        listed.iter().flat_map(|(check, places)| places.split(' ').map(|at| (*check, at))).collect();
    expected.extend(nobody.into_iter().map(|at| ("E-dead", at)));
    expected.extend(untyped.into_iter().map(|at| ("E-type", at)));
    expected.sort_unstable();
    let mut pairs: Vec<(&str, &str)> =
        found.iter().map(|(check, at, _)| (check.as_str(), at.as_str())).collect();
    // One guard may compare several fields that have no value: a finding for each, all at the same command.
    pairs.dedup_by(|one, other| one == other && one.0 == "E-type");
    assert_eq!(pairs, expected, "{name}");
}

#[test]
fn check_finds_in_the_caveat_case_what_its_source_lacks_and_no_more() {
    finds_exactly(
        "probate-back-office--Caveat",
        &["SYSTEM_MAINTENANCE"],
        &[
            ("E-complete", "caveat"),
            ("E-dead", "manage-case-ttl"),
            ("E-final", "states"),
            ("W-escape", "attach-scanned-docs-with-ocr remove-documents"),
            ("W-exit", "deleted disposed"),
            ("W-unused", "gs-profile"),
        ],
    );
}

#[test]
fn check_finds_in_financial_remedy_the_states_no_event_leads_to_and_no_more() {
    finds_exactly(
        "finrem-ccd-definitions--FinancialRemedyMVP2",
        &[
            "FR_migrateCase",
            "FR_migrateFrcCase",
            "FR_HWFDecision",
            "FR_paymentRequired",
            "FR_solUploadDocument",
            "FR_UploadPensionDocument_Solicitor",
            "FR_solCompleteUploadDocument",
        ],
        &[
            ("E-complete", "financial-remedy-mvp2"),
            (
                "E-dead",
                "fr-amend-case-cron fr-awaiting-payment-response-from-hwf fr-case-submission-from-info-received \
                 fr-cons-ord-approved-from-info-received fr-cons-ord-not-approved-from-info-received \
                 fr-general-order-from-info-received fr-issue-application-from-info-received fr-manual-payment \
                 fr-paymenet-made fr-payment-made-from-hwf fr-refer-to-judge-from-close \
                 fr-response-received-from-info-received fr-update-case-details-solicitor \
                 fr-update-respondent-contact-details",
            ),
            ("E-exit", "close"),
            ("E-final", "states"),
            ("E-reach", "awaiting-hwf-decision awaiting-payment close info-received"),
            (
                "W-escape",
                "clear-applicant-policy clear-respondent-policy create-flags fr-general-email \
                 fr-general-letter fr-general-order fr-list-for-hearing fr-remove-case-document \
                 fr-remove-user-case-access fr-update-court-info manage-flags",
            ),
            ("W-unused", "caseworker-divorce-financialremedy"),
        ],
    );
}

#[test]
fn check_finds_in_the_employment_case_the_events_no_role_may_give_and_no_more() {
    finds_exactly(
        "et-ccd-callbacks--ET_EnglandWales",
        &["createCaseLink", "maintainCaseLink"],
        &[
            ("E-complete", "et-england-wales"),
            (
                "E-dead",
                "pre-acceptance-case store-claimant-tse store-claimant-tse-respond store-pse-response \
                 store-respondent-pse-response store-respondent-tse submit-claimant-bundles \
                 submit-stored-claimant-tse-respond update-respondent-pse-state",
            ),
            ("E-final", "states"),
            ("E-route", "create-ecm-case"),
            (
                "W-escape",
                "add-respondent-pse-response apply-noc-decision bundles-respondent-prepare-doc \
                 claimant-tse-respond legalrep-documents respondent-tse-respond \
                 submit-claimant-tse submit-respondent-pse-response submit-respondent-tse \
                 submit-stored-pse-response tse-claimant-rep-response \
                 update-admin-decision-state update-application-state update-hublink-status \
                 update-notification-response update-notification-state",
            ),
            ("W-unused", "caseworker-et-pcqextractor caseworker-ras-validation et-acas-api gs-profile"),
        ],
    );
}
