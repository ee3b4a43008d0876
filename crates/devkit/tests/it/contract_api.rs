//! An outside checker (schemathesis) reads the `OpenAPI` document of the running server and makes calls up, to both
//! listeners and in every capacity of the bundled workflows, as administrator, as a program and as a stranger: no server
//! error, no answer that is not in the document, nothing accepted that the document forbids, nothing open without a token.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;

use qadiya_devkit::chores::outside;
use qadiya_devkit::trials;
use serde_json::{Value, json};

use crate::server::{Kind, Store};

/// Found again in a log of a failing run.
const SEED: &str = "20261123";

/// Calls with each capacity that the README states.
const PUBLISHED: u32 = 5_000;

/// Operations of the API in the document, at least; a run divides its calls among them.
const OPERATIONS: u32 = 25;

/// What must be true of every answer. `positive_data_acceptance` is left out: a call of the right shape may still be
/// refused by the law of the case (422), and 7.0, which JSON Schema takes for whole, is refused on purpose (400).
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,\
                      response_headers_conformance,negative_data_rejection,missing_required_header,unsupported_method,\
                      ignored_auth";

/// What only the listener of administration serves.
const ADMINISTRATION: &str = "^/(admin|metrics)";

/// The capacities of each bundled workflow.
fn bundled() -> BTreeMap<String, Vec<String>> {
    let mut bundled = BTreeMap::new();
    for entry in std::fs::read_dir(crate::repository().root().join("workflows")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let file: Value = serde_saphyr::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            let roles = file["roles"].as_object().unwrap().keys().cloned().collect();
            bundled.insert(file["workflow"].as_str().unwrap().to_owned(), roles);
        }
    }
    assert!(!bundled.is_empty());
    bundled
}

/// Callers by name, each with a token: the administrator, a stranger, a program, and the officials. With `each_role`
/// every capacity is an official, otherwise those of one workflow file belong to one.
fn callers(store: &Store, each_role: bool) -> BTreeMap<String, String> {
    let bundled = bundled();
    let mut roles: Vec<&String> = bundled.values().flatten().collect();
    roles.sort();
    roles.dedup();
    let mut callers = BTreeMap::from([
        ("administrator".to_owned(), store.administrator.clone()),
        ("stranger".to_owned(), "qad_wrong".to_owned()),
        ("program".to_owned(), store.service("program", &roles)),
    ]);
    if each_role {
        callers.extend(roles.into_iter().map(|role| (role.clone(), store.official(role, &[role]))));
    } else {
        callers.extend(bundled.iter().map(|(file, roles)| (file.clone(), store.official(file, roles))));
    }
    callers
}

/// One run of the checker.
struct Run<'a> {
    store: &'a Store,
    /// Who calls: a name for messages, and a token.
    caller: (&'a str, &'a str),
    /// Where the document is read.
    document: &'a str,
    /// The listener that is called.
    listener: &'a str,
    /// Which paths of the document: an argument of the checker, and its value.
    paths: [&'a str; 2],
    /// What exists, by the name of the part of an address.
    known: &'a Value,
    /// Calls for each operation, beside those that walk through the edges of each schema.
    examples: u32,
}

impl Run<'_> {
    /// Calls, and gives the number of calls.
    fn calls(&self) -> u32 {
        let root = crate::repository();
        let outside = |file: &str| -> PathBuf { root.root().join("crates/devkit/outside").join(file) };
        let checker = outside::program(&root, "schemathesis").unwrap();
        let (name, token) = self.caller;
        let output = Command::new(&checker)
            .current_dir(self.store.folder())
            .env("NO_PROXY", "*")
            .env("no_proxy", "*")
            .env("SCHEMATHESIS_HOOKS", outside("known.py"))
            .env("QADIYA_KNOWN", self.known.to_string())
            .arg("--config-file")
            .arg(outside("contract.toml"))
            .args(["run", &format!("{}/openapi.json", self.document), "--url", self.listener])
            .args(["--header", &format!("Authorization: Bearer {token}")])
            // Whether the server is ready depends on the machine (a disk that is nearly full): its 503 is an answer.
            .args(["--exclude-path", "/ready"])
            .args(self.paths)
            .args(["--phases", "examples,coverage,fuzzing", "--mode", "all", "--seed", SEED])
            // One worker: two would meet in the parser of Python 3.11, which threads may not share.
            .args(["--no-color", "--continue-on-failure", "--workers", "1"])
            .args(["--max-examples", &self.examples.to_string(), "--checks", CHECKS])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let whose = format!("{:?}, {name}, {:?}", self.store.kind, self.paths);
        assert!(output.status.success(), "{whose}: {said}{}", String::from_utf8_lossy(&output.stderr));
        said.lines()
            .find_map(|line| line.trim().split_once(" generated")?.0.parse().ok())
            .unwrap_or_else(|| panic!("{whose}: the checker did not say how many calls it made: {said}"))
    }
}

/// An official with an appointment and a token that may end: the ids as parts of an address.
fn passing(store: &Store) -> Value {
    store.official("Passing", &["intake-clerk", "prosecutor"]);
    let all = store.run(&["--json", "official", "list"]).json(&[0]);
    let one = all.as_array().unwrap().iter().find(|each| each["name"] == "Passing").unwrap();
    let ids = |what: &str| -> Vec<Value> {
        one[what].as_array().unwrap().iter().map(|each| each["id"].clone()).collect()
    };
    json!({"id": [one["id"]], "appointment": ids("appointments"), "token": ids("tokens")})
}

async fn every_caller(kind: Kind, each_role: bool, calls: u32) {
    let store = Store::new(kind);
    let callers = callers(&store, each_role);
    let administration = passing(&store);
    let opener = store.official("Opener", &["intake-clerk", "police-clerk"]);
    let server = store.serve();
    let opener = server.caller(&opener);
    let mut cases = Vec::new();
    for (workflow, command) in [("road-fine", "create-fine"), ("detainee-case", "register-unlisted")] {
        let body = json!({"workflow": workflow, "alias": workflow, "act": {"command": command}});
        let opened = opener.post("/api/v1/cases", workflow, &body).await.expect(201);
        cases.extend([workflow.to_owned(), opened["reference"].as_str().unwrap().to_owned()]);
    }
    let api = json!({"ref": cases, "name": bundled().into_keys().collect::<Vec<_>>()});
    let examples = calls.div_ceil(OPERATIONS) + 1;
    let waiting = Mutex::new(callers.iter());
    let next = || waiting.lock().unwrap().next();
    // A checker keeps one processor busy, and hardly the server: as many callers at once as there are processors.
    let lanes = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..lanes {
            scope.spawn(|| {
                while let Some((name, token)) = next() {
                    let run = |listener, paths, known| {
                        let run = Run {
                            store: &store,
                            caller: (name, token),
                            document: &server.base,
                            listener,
                            paths,
                            known,
                            examples,
                        };
                        run.calls()
                    };
                    let made = run(&server.base, ["--exclude-path-regex", ADMINISTRATION], &api);
                    assert!(made >= calls, "{name}: {made} calls of {calls}");
                    let only = ["--include-path-regex", ADMINISTRATION];
                    let more = run(&server.administration, only, &administration);
                    println!(
                        "{kind:?}, {name}: {made} calls of the API, {more} of administration, seed {SEED}"
                    );
                }
            });
        }
    });
    server.process.stop();
    assert_eq!(store.faults(), Vec::<Value>::new());
}

/// Each capacity gets this many calls, or somewhat more: the checker counts by operation.
fn calls() -> u32 {
    trials::count(75, PUBLISHED).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_made_up_from_the_document_gets_a_server_error_or_an_undocumented_answer_on_sqlite() {
    // At sample size the capacities of one file share an official: each run of the checker takes seconds.
    let calls = calls();
    every_caller(Kind::Sqlite, calls >= PUBLISHED, calls).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_made_up_from_the_document_gets_a_server_error_or_an_undocumented_answer_on_postgresql() {
    // The callers meet the same code in front of either store; here they come once for each file.
    every_caller(Kind::Postgres, false, calls()).await;
}
