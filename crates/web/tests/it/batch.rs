//! Many commands in one request.

use axum::body::Body;
use qadiya_store::AccessStore as _;
use serde_json::{Value, json};

use crate::support::{Answer, Server, send};

/// Asks for work to be queued.
async fn later(server: &Server, role: &str, path: &str, key: &str, body: Value) -> Answer {
    let request = server
        .request("POST", role, path)
        .header("content-type", "application/json")
        .header("idempotency-key", key)
        .header("prefer", "respond-async");
    send(&server.router, request.body(Body::from(body.to_string())).unwrap()).await
}

/// Carries out what a 202 promised.
async fn carry_out(server: &Server, begun: &Answer) {
    server.engine.run_operation(begun.json()["operation"].as_str().unwrap().parse().unwrap()).await.unwrap();
}

async fn batch(server: &Server, role: &str, items: Vec<Value>) -> Value {
    server.post(role, "/api/v1/commands:batch", "k", json!({ "items": items })).await.expect(200).json()
}

#[tokio::test]
async fn each_item_is_answered_on_its_own() {
    let server = Server::start().await;
    let (first, second) = (server.fine("open-1").await, server.fine("open-2").await);
    let send_fine =
        |case: &str, key: &str| json!({"case": case, "key": key, "act": {"command": "send-fine"}});
    let items = vec![
        send_fine(&first, "a"),
        send_fine("00000-00000-0", "b"),
        send_fine(&second, "c"),
        json!({"case": second, "key": "d", "act": {"command": "judge-decides"}}),
    ];
    let answer = batch(&server, "police-clerk", items.clone()).await;
    let statuses: Vec<u64> =
        answer["items"].as_array().unwrap().iter().map(|item| item["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [200, 404, 200, 422]);
    assert_eq!(answer["done"], 2);
    assert_eq!(answer["items"][0]["accepted"]["state"], "sent");

    // `instance` of a problem is the id of its access record.
    let by = Some(server.officials["police-clerk"]);
    let records = server.store.accesses(None, by, None, 1_000).await.unwrap();
    let mut instances = std::collections::BTreeSet::new();
    for item in [&answer["items"][1], &answer["items"][3]] {
        let instance = item["problem"]["instance"].as_str().unwrap().trim_start_matches("urn:uuid:");
        assert!(records.iter().any(|record| record.id.to_string() == instance), "{instance}: {records:?}");
        assert!(instances.insert(instance), "an item has an instance of its own: {answer}");
    }

    let again = batch(&server, "police-clerk", items).await;
    assert_eq!(again["items"][0]["accepted"], answer["items"][0]["accepted"]);
    assert_eq!(again["items"][0]["replayed"], true);
}

#[tokio::test]
async fn a_batch_refuses_every_decision_about_a_person() {
    let server = Server::start().await;
    let definition = server.engine.active(&crate::support::name("road-fine")).await.unwrap();
    let case = server.fine("open-1").await;
    let mut decisions = 0;
    for command in definition.commands.iter().filter(|command| command.clerical.is_none()) {
        for role in ["police-clerk", "payment-office", "judge"] {
            let item = json!({"case": case, "key": "k", "act": {"command": command.name.as_str()}});
            let answer = batch(&server, role, vec![item]).await;
            assert_eq!(answer["items"][0]["status"], 422, "{}", command.name);
            let refusals = answer["items"][0]["problem"]["refusals"].to_string();
            assert!(refusals.contains("\"decision\""), "{}: {refusals}", command.name);
        }
        decisions += 1;
    }
    assert!(decisions > 0);
}

#[tokio::test]
async fn an_item_of_a_wrong_form_stops_the_whole_batch() {
    let server = Server::start().await;
    let case = server.fine("open-1").await;
    let good = json!({"case": case, "key": "a", "act": {"command": "send-fine"}});
    for (bad, field) in [
        (json!({"key": "b", "act": {}}), "/items/1/case"),
        (json!({"case": "x", "act": {}}), "/items/1/key"),
        (json!({"case": "x", "key": "a b", "act": {}}), "/items/1/key"),
        (json!({"case": "x", "key": "b"}), "/items/1/act"),
        (json!({"case": "x", "key": "b", "act": 7}), "/items/1/act"),
        (json!({"case": "x", "key": "b", "act": {}, "more": 1}), "/items/1/more"),
        (json!({"case": "x", "key": "b", "act": {}, "seen": -1}), "/items/1/seen"),
        (json!(7), "/items/1"),
    ] {
        let body = json!({"items": [good, bad]});
        let answer = server.post("police-clerk", "/api/v1/commands:batch", "k", body).await.expect(400);
        assert_eq!(answer.json()["fields"][0]["field"], field);
    }
    let read = server.get("police-clerk", &format!("/api/v1/cases/{case}")).await.expect(200);
    assert_eq!(read.json()["state"], "created");
}

#[tokio::test]
async fn work_that_is_queued_is_answered_202_and_can_be_looked_at_by_its_owner_only() {
    let server = Server::start().await;
    let case = server.fine("open-1").await;
    let path = format!("/api/v1/cases/{case}/commands");
    let ask = async || later(&server, "police-clerk", &path, "later", json!({"command": "send-fine"})).await;
    let begun = ask().await.expect(202);
    let place = begun.header("location").unwrap().to_owned();
    assert_eq!(begun.header("preference-applied"), Some("respond-async"));
    assert_eq!(ask().await.expect(202).header("location"), Some(place.as_str()));
    let waiting = server.get("police-clerk", &place).await.expect(200).json();
    assert_eq!(waiting["percent"], 0);
    server.get("judge", &place).await.expect(404);

    let id = waiting["id"].as_str().unwrap().parse().unwrap();
    server.engine.run_operation(id).await.unwrap();
    let done = server.get("police-clerk", &place).await.expect(200).json();
    assert_eq!(done["percent"], 100);
    assert!(done["result"].is_object() || done["result"].is_array(), "{done}");
    let read = server.get("police-clerk", &format!("/api/v1/cases/{case}")).await.expect(200);
    assert_eq!(read.json()["state"], "sent");
}

#[tokio::test]
async fn one_key_on_two_cases_is_two_operations_and_with_two_bodies_a_mistake() {
    let server = Server::start().await;
    let (first, second) = (server.fine("open-1").await, server.fine("open-2").await);
    let act = || json!({"command": "send-fine"});
    for case in [&first, &second] {
        let path = format!("/api/v1/cases/{case}/commands");
        carry_out(&server, &later(&server, "police-clerk", &path, "k", act()).await.expect(202)).await;
        let read = server.get("police-clerk", &format!("/api/v1/cases/{case}")).await.expect(200);
        assert_eq!(read.json()["state"], "sent");
        // Done or not: the key stays with the request.
        later(&server, "police-clerk", &path, "k", act()).await.expect(202);
        let other = json!({"command": "send-fine", "happened": "2026-03-01T06:00:00Z"});
        assert_eq!(later(&server, "police-clerk", &path, "k", other).await.expect(422).code(), "key-reused");
    }
    let item = |case: &str, key: &str| json!({"case": case, "key": key, "act": {"command": "send-fine"}});
    let many =
        |items: Value| later(&server, "police-clerk", "/api/v1/commands:batch", "k", json!({"items": items}));
    many(json!([item(&first, "a")])).await.expect(202);
    many(json!([item(&first, "a")])).await.expect(202);
    assert_eq!(many(json!([item(&second, "a")])).await.expect(422).code(), "key-reused");
}

#[tokio::test]
async fn a_queue_takes_the_time_of_the_deed_and_nothing_that_can_never_be_done() {
    let server = Server::start().await;
    let case = server.fine("open-1").await;
    let path = format!("/api/v1/cases/{case}/commands");
    let happened = json!({"command": "send-fine", "happened": crate::support::BEGIN});
    let begun = later(&server, "police-clerk", &path, "k", happened).await.expect(202);
    carry_out(&server, &begun).await;
    let read = server.get("police-clerk", &format!("/api/v1/cases/{case}")).await.expect(200);
    assert_eq!(read.json()["state"], "sent");
    for (body, status, code) in [
        (json!({}), 422, "refused"),
        (json!({"command": "send-fine", "more": 1}), 400, "field"),
        (json!({"command": "send-fine", "happened": "yesterday"}), 400, "field"),
        (json!({"command": "no-such-command"}), 422, "refused"),
        (json!({"command": "judge-decides"}), 422, "refused"),
    ] {
        let answer = later(&server, "police-clerk", &path, "k2", body.clone()).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{body}");
        let items = json!({"items": [{"case": case, "key": "k", "act": body}]});
        let answer = later(&server, "police-clerk", "/api/v1/commands:batch", "k2", items).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{body}");
    }
    let absent = "/api/v1/cases/00000-00000-0/commands";
    later(&server, "police-clerk", absent, "k", json!({"command": "send-fine"})).await.expect(404);
    later(&server, "stranger", &path, "k", json!({"command": "send-fine"})).await.expect(403);
}
