//! Opening cases and acting on them: keys, versions, refusals, receipts.

use axum::body::Body;
use qadiya_store::AccessStore as _;
use qadiya_store::access::AccessOutcome;
use serde_json::json;

use crate::support::{Server, send};

#[tokio::test]
async fn a_case_is_opened_read_and_moved_on() {
    let server = Server::start().await;
    let body = json!({"workflow": "road-fine", "alias": "N-1", "act": {"command": "create-fine"}});
    let opened = server.post("police-clerk", "/api/v1/cases", "open-1", body).await.expect(201);
    let case = opened.json()["reference"].as_str().unwrap().to_owned();
    assert_eq!(opened.header("location"), Some(format!("/api/v1/cases/{case}").as_str()));
    assert_eq!(opened.json()["receipt"]["origin"], "court.example/log");

    let read = server.get("police-clerk", &format!("/api/v1/cases/{case}")).await.expect(200);
    assert_eq!(read.header("etag"), opened.header("etag"));
    assert_eq!(read.json()["state"], "created");
    assert_eq!(read.json()["alias"], "N-1");
    for other in ["N-1", &case.to_lowercase(), &case.replace('-', ""), read.json()["id"].as_str().unwrap()] {
        let same = server.get("police-clerk", &format!("/api/v1/cases/{other}")).await.expect(200);
        assert_eq!(same.json()["reference"], json!(case));
    }

    let sent = server.act("police-clerk", &case, "send-1", json!({"command": "send-fine"})).await.expect(200);
    assert_eq!(sent.json()["state"], "sent");
    let stage = server.get("judge", &format!("/api/v1/stages/{case}")).await.expect(200);
    assert_eq!(stage.json()["stage"], "fined");
}

#[tokio::test]
async fn foreign_identifiers_are_read_wherever_names_are() {
    let server = Server::start().await;
    let body = json!({"workflow": "road-fine", "act": {"command": "Create Fine"}});
    let opened = server.post("police-clerk", "/api/v1/cases", "open-1", body).await.expect(201);
    let case = opened.json()["reference"].as_str().unwrap().to_owned();
    server.act("police-clerk", &case, "send-1", json!({"command": "Send Fine"})).await.expect(200);
}

#[tokio::test]
async fn a_write_without_a_key_is_refused_and_the_header_is_named() {
    let server = Server::start().await;
    for path in ["/api/v1/cases", "/api/v1/cases/x/commands"] {
        for key in [None, Some(""), Some("a b"), Some("é")] {
            let mut request =
                server.request("POST", "police-clerk", path).header("content-type", "application/json");
            if let Some(key) = key {
                request = request.header("idempotency-key", key.as_bytes());
            }
            let answer = send(&server.router, request.body(Body::from("{}")).unwrap()).await.expect(400);
            assert_eq!(answer.json()["fields"][0]["field"], "Idempotency-Key");
        }
    }
}

#[tokio::test]
async fn a_repeated_key_answers_the_same_bytes_and_does_nothing() {
    let server = Server::start().await;
    let body = json!({"workflow": "road-fine", "act": {"command": "create-fine"}});
    let first = server.post("police-clerk", "/api/v1/cases", "open-1", body.clone()).await.expect(201);
    let again = server.post("police-clerk", "/api/v1/cases", "open-1", body).await.expect(201);
    assert_eq!(first.bytes, again.bytes);
    assert_eq!(first.header("idempotency-replayed"), None);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    let case = first.json()["reference"].as_str().unwrap().to_owned();
    let sent = server.act("police-clerk", &case, "send-1", json!({"command": "send-fine"})).await.expect(200);
    let again =
        server.act("police-clerk", &case, "send-1", json!({"command": "send-fine"})).await.expect(200);
    assert_eq!(sent.bytes, again.bytes);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(
        server.get("police-clerk", "/api/v1/cases").await.json()["items"].as_array().unwrap().len(),
        1
    );
}

#[tokio::test]
async fn a_key_with_another_body_is_refused() {
    let server = Server::start().await;
    let case = server.fine("open-1").await;
    server.act("police-clerk", &case, "k", json!({"command": "send-fine"})).await.expect(200);
    let other =
        server.act("police-clerk", &case, "k", json!({"command": "insert-notification"})).await.expect(422);
    assert_eq!(other.code(), "key-reused");
}

#[tokio::test]
async fn a_refusal_binds_no_key() {
    let server = Server::start().await;
    let case = server.fine("open-1").await;
    let act = json!({"command": "insert-notification"});
    server.act("police-clerk", &case, "k", act.clone()).await.expect(422);
    server.act("police-clerk", &case, "other", json!({"command": "send-fine"})).await.expect(200);
    server.act("police-clerk", &case, "k", act).await.expect(200);
}

#[tokio::test]
async fn a_refusal_lists_its_reasons_and_leaves_its_record() {
    let server = Server::start().await;
    let case = server.fine("open-1").await;
    let answer = server.act("judge", &case, "k", json!({"command": "insert-notification"})).await.expect(422);
    let body = answer.json();
    assert_eq!(body["code"], "refused");
    let codes: Vec<&str> = body["refusals"]
        .as_array()
        .unwrap()
        .iter()
        .map(|refusal| refusal["code"].as_str().unwrap())
        .collect();
    assert!(codes.contains(&"role") && codes.contains(&"state"), "{codes:?}");
    let judge = server.officials["judge"];
    let seen = server.store.accesses(None, Some(judge), None, 10).await.unwrap();
    let record = seen.iter().find(|record| record.outcome == AccessOutcome::Refused).unwrap();
    assert_eq!(Some(record.id.to_string().as_str()), answer.header("x-request-id"));
    assert!(record.refusals.contains(&"role".to_owned()), "{:?}", record.refusals);
}

#[tokio::test]
async fn an_unknown_command_is_a_refusal_and_an_unknown_member_a_fault() {
    let server = Server::start().await;
    let case = server.fine("open-1").await;
    let answer = server.act("police-clerk", &case, "k", json!({"command": "sned-fine"})).await.expect(422);
    assert_eq!(answer.json()["refusals"][0]["code"], "unknown-command");
    let body = json!({"command": "send-fine", "papres": []});
    let answer = server.act("police-clerk", &case, "k", body).await.expect(400);
    assert_eq!(answer.json()["fields"][0]["field"], "/papres");
    assert_eq!(answer.json()["fields"][0]["nearest"], "papers");
    // Known here, but not beside a command: that the law of the case says.
    let body = json!({"command": "send-fine", "annul": 1});
    server.act("police-clerk", &case, "k", body).await.expect(422);
}

#[tokio::test]
async fn a_version_that_is_no_longer_true_is_a_conflict_with_what_changed() {
    let server = Server::start().await;
    let case = server.fine("open-1").await;
    let seen = server.get("police-clerk", &format!("/api/v1/cases/{case}")).await.expect(200);
    let seen = seen.header("etag").unwrap().to_owned();
    server.act("police-clerk", &case, "k1", json!({"command": "send-fine"})).await.expect(200);
    let insist = |tag: String, key: &'static str| {
        server
            .request("POST", "police-clerk", &format!("/api/v1/cases/{case}/commands"))
            .header("content-type", "application/json")
            .header("idempotency-key", key)
            .header("if-match", tag)
            .body(Body::from(json!({"command": "insert-notification"}).to_string()))
            .unwrap()
    };
    let answer = send(&server.router, insist(seen, "k2")).await.expect(409);
    let body = answer.json();
    assert_eq!(body["code"], "conflict");
    assert!(body["found_version"].as_u64().unwrap() > 1);
    assert!(!body["changed"].as_array().unwrap().is_empty());
    let now =
        server.get("police-clerk", &format!("/api/v1/cases/{case}")).await.header("etag").unwrap().to_owned();
    send(&server.router, insist(now, "k2")).await.expect(200);
    for wrong in ["*", "7", "W/\"7\"", "\"x\"", "\"1\", \"2\""] {
        send(&server.router, insist(wrong.to_owned(), "k3")).await.expect(400);
    }
}

#[tokio::test]
async fn an_alias_belongs_to_one_case() {
    let server = Server::start().await;
    let body = json!({"workflow": "road-fine", "alias": "N-1", "act": {"command": "create-fine"}});
    server.post("police-clerk", "/api/v1/cases", "open-1", body.clone()).await.expect(201);
    server.post("police-clerk", "/api/v1/cases", "open-2", body).await.expect(409);
}

#[tokio::test]
async fn a_workflow_that_is_not_active_opens_nothing() {
    let server = Server::start().await;
    let body = json!({"workflow": "no-such", "act": {"command": "create-fine"}});
    let status = server.post("police-clerk", "/api/v1/cases", "k", body).await.status.as_u16();
    assert!(matches!(status, 400 | 404), "{status}");
}

#[tokio::test]
async fn commands_say_why_they_cannot_be_given() {
    let server = Server::start().await;
    let case = server.fine("open-1").await;
    let answer = server.get("police-clerk", &format!("/api/v1/cases/{case}/commands")).await.expect(200);
    let items = answer.json()["items"].as_array().unwrap().clone();
    let find = |name: &str| items.iter().find(|item| item["command"] == name).unwrap().clone();
    assert_eq!(find("send-fine")["open"], true);
    assert_eq!(find("send-fine")["decision"], false);
    let closed = find("insert-notification");
    assert_eq!(closed["open"], false);
    assert_eq!(closed["why_not"][0]["code"], "state");
    assert_eq!(find("judge-decides")["decision"], true);
}

#[tokio::test]
async fn a_program_is_refused_every_decision() {
    let mut server = Server::start().await;
    server.appoint("police-clerk", true).await;
    let body = json!({"workflow": "road-fine", "act": {"command": "create-fine"}});
    let answer = server.post("police-clerk-service", "/api/v1/cases", "k", body).await.expect(422);
    let refusals = answer.json()["refusals"].to_string();
    assert!(refusals.contains("\"decision\""), "{refusals}");
    let case = server.fine("open-1").await;
    server.act("police-clerk-service", &case, "k", json!({"command": "send-fine"})).await.expect(200);
}

#[tokio::test]
async fn a_key_opens_one_case_whatever_workflow_is_named_with_it() {
    let server = Server::start().await;
    server.fine("k").await;
    let other = json!({"workflow": "another", "act": {"command": "create-fine"}});
    let answer = server.post("police-clerk", "/api/v1/cases", "k", other).await.expect(422);
    assert_eq!(answer.code(), "key-reused");
}
