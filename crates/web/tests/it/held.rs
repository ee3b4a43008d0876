//! Persons who are held: what has happened is recorded, and what has lapsed reads as lapsed, workers or not.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::Server;

async fn court() -> Server {
    let mut server = Server::start().await;
    server.publish("detainee-case.v1.yaml").await;
    for role in ["custody-officer", "oversight", "prosecutor", "court-clerk"] {
        server.appoint(role, false).await;
    }
    server
}

fn arrival(with: &Value) -> Value {
    let mut act = json!({"command": "register-unlisted"});
    for (name, value) in with.as_object().unwrap() {
        act[name] = value.clone();
    }
    json!({"workflow": "detainee-case", "act": act})
}

#[tokio::test]
async fn an_arrival_without_papers_is_recorded_as_irregular_and_counted() {
    let server = court().await;
    let opened = server.post("custody-officer", "/api/v1/cases", "a", arrival(&json!({}))).await.expect(201);
    let case = opened.json()["reference"].as_str().unwrap().to_owned();
    let file = server.get("oversight", &format!("/api/v1/cases/{case}")).await.expect(200).json();
    assert_eq!(file["held"], true);
    assert_eq!(file["irregular"], 1);
    assert_eq!(file["authority_lapsed"], true);
    assert!(file["irregular_facts"].to_string().contains("commitment-instrument"), "{file}");
    let listed = server.get("oversight", "/api/v1/cases?irregular=true").await.expect(200).json();
    assert_eq!(listed["items"][0]["reference"], json!(case));
    let found = server.get("oversight", "/api/v1/oversight").await.expect(200).json();
    assert_eq!(
        (&found["held"], &found["without_authority"], &found["irregular"]),
        (&json!(1), &json!(1), &json!(1))
    );
    let clocks = server.get("oversight", &format!("/api/v1/cases/{case}/deadlines")).await.expect(200).json();
    assert!(
        !clocks["items"].as_array().unwrap().is_empty(),
        "an irregular arrival must run a clock that escalates"
    );
}

#[tokio::test]
async fn an_authority_that_has_run_out_reads_as_lapsed_everywhere_although_no_worker_runs() {
    let server = court().await;
    let with = json!({
        "papers": [{"document": "commitment-instrument", "reference": "C-1/2026", "signed": true}],
        "records": [{"record": "commitment", "fields": {
            "number": "C-1/2026",
            "period": {"from": "2026-03-02T06:00:00Z", "until": "2026-03-04T06:00:00Z"},
        }}],
    });
    let opened = server.post("custody-officer", "/api/v1/cases", "a", arrival(&with)).await.expect(201);
    let case = opened.json()["reference"].as_str().unwrap().to_owned();
    for (later, lapsed) in [(0, false), (24, false), (24, true), (24, true)] {
        server.clock.advance(Duration::from_hours(later));
        let file = server.get("oversight", &format!("/api/v1/cases/{case}")).await.expect(200).json();
        assert_eq!(file["authority_lapsed"], lapsed, "{file}");
        let stage = server.get("prosecutor", &format!("/api/v1/stages/{case}")).await.expect(200).json();
        assert_eq!(stage["authority_lapsed"], lapsed);
        let listed = server.get("oversight", "/api/v1/cases?lapsed=true").await.expect(200).json();
        assert_eq!(listed["items"].as_array().unwrap().len(), usize::from(lapsed));
        let listed = server.get("oversight", "/api/v1/cases").await.expect(200).json();
        assert_eq!(listed["items"][0]["authority_lapsed"], lapsed);
        let counts = server.get("oversight", "/api/v1/stages").await.expect(200).json();
        assert_eq!(counts["lapsed"], u64::from(lapsed));
        let found = server.get("oversight", "/api/v1/oversight").await.expect(200).json();
        assert_eq!(found["without_authority"], u64::from(lapsed));
        assert_eq!(found["workers_silent"], true);
    }
}

#[tokio::test]
async fn names_are_shown_to_the_file_and_never_in_the_feed_or_the_stage() {
    let server = court().await;
    let with = json!({"records": [{"record": "identity-claim", "fields": {
        "name": "سامي كريم (synthetic)", "father-name": "كريم", "born": {"unknown": "not asked"}, "source": "TB-1/1",
    }}]});
    let opened = server.post("custody-officer", "/api/v1/cases", "a", arrival(&with)).await.expect(201);
    let case = opened.json()["reference"].as_str().unwrap().to_owned();
    assert!(!String::from_utf8_lossy(&opened.bytes).contains("سامي"));
    while server.engine.sequence_once().await.unwrap() > 0 {}
    for path in [format!("/api/v1/stages/{case}"), "/api/v1/feed".to_owned(), "/api/v1/cases".to_owned()] {
        let answer = server.get("prosecutor", &path).await.expect(200);
        assert!(!String::from_utf8_lossy(&answer.bytes).contains("سامي"), "{path}");
    }
}
