//! An outside checker (schemathesis) reads the `OpenAPI` document of the running server and makes calls up, as each of
//! several officials: no server error, no answer that is not in the document.

use std::process::Command;

use qadiya_devkit::trials;
use serde_json::json;

use crate::server::{Kind, Store};

/// Found again in a log of a failing run.
const SEED: &str = "20261123";

/// Operations in the document, at least; a run divides its calls among them.
const OPERATIONS: u32 = 25;

const OFFICIALS: [(&str, &[&str]); 3] = [
    ("Clerk", &["intake-clerk", "police-clerk"]),
    ("Judge", &["investigating-judge", "trial-judge", "judge"]),
    ("Prosecutor", &["prosecutor"]),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_made_up_from_the_document_gets_a_server_error_or_an_undocumented_answer() {
    // Each capacity gets this many calls, or somewhat more: the checker counts by operation.
    let calls = trials::count(75, 5_000).unwrap();
    let root = crate::repository();
    let checker = root.root().join("target/outside-venv/bin/schemathesis");
    assert!(
        checker.is_file(),
        "the outside checker of the API is missing at {}: `cargo dev test` installs it from \
         crates/devkit/outside/requirements.txt when it can reach a package registry",
        checker.display()
    );
    let store = Store::new(Kind::Sqlite);
    let mut callers: Vec<(&str, String)> = vec![("Administrator", store.administrator.clone())];
    for (name, roles) in OFFICIALS {
        callers.push((name, store.official(name, roles)));
    }
    let server = store.serve();
    let clerk = server.caller(&callers[1].1);
    let mut known = Vec::new();
    for (workflow, command) in [("road-fine", "create-fine"), ("detainee-case", "register-unlisted")] {
        let body = json!({"workflow": workflow, "alias": workflow, "act": {"command": command}});
        let opened = clerk.post("/api/v1/cases", workflow, &body).await.expect(201);
        known.extend([workflow.to_owned(), opened["reference"].as_str().unwrap().to_owned()]);
    }
    for (name, token) in &callers {
        let output = Command::new(&checker)
            .current_dir(store.folder())
            .env("NO_PROXY", "*")
            .env("no_proxy", "*")
            .env("SCHEMATHESIS_HOOKS", root.root().join("crates/devkit/outside/known_cases.py"))
            .env("QADIYA_CASES", known.join(","))
            .args(["run", &format!("{}/openapi.json", server.base), "--url", &server.base])
            .args(["--header", &format!("Authorization: Bearer {token}")])
            // Whether the server is ready depends on the machine (a disk that is nearly full): its 503 is an answer.
            .args(["--exclude-path", "/ready"])
            .args(["--phases", "fuzzing", "--mode", "all", "--seed", SEED, "--no-color", "--workers", "2"])
            .args(["--max-examples", &(calls.div_ceil(OPERATIONS) + 1).to_string()])
            .args([
                "--checks",
                "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,\
                 response_headers_conformance",
            ])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{name}: {said}{}", String::from_utf8_lossy(&output.stderr));
        let generated = said
            .lines()
            .find_map(|line| line.trim().split_once(" generated")?.0.parse::<u32>().ok())
            .unwrap_or_else(|| panic!("{name}: the checker did not say how many calls it made: {said}"));
        assert!(generated >= calls, "{name}: {generated} calls of {calls}: {said}");
    }
    server.process.stop();
    assert_eq!(store.faults(), Vec::<serde_json::Value>::new());
}
