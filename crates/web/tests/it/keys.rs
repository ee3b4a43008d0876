//! Writes of administration under a key: done once, however often they are sent.

use axum::body::Body;
use qadiya_domain::ids::{JobId, StreamId, StreamKind};
use qadiya_domain::name::Name;
use qadiya_store::append::NewJob;
use qadiya_store::{CaseStore as _, WorkStore as _};
use qadiya_web::policy::{RULES, Verb};
use serde_json::{Value, json};

use crate::manifests::{BAD, GOOD, HEADER, court, import_under};
use crate::support::{Answer, SECOND, Server, repository, send};

const NOBODY: &str = "00000000-0000-7000-8000-000000000000";

async fn administrator(server: &Server, path: &str, key: &str, body: Value) -> Answer {
    server.post("administrator", path, key, body).await
}

/// Sends something twice under a key and something else a third time: the first two answers are one, the third is refused.
async fn once(server: &Server, path: &str, key: &str, body: &Value, other: Value) -> Value {
    let first = administrator(server, path, key, body.clone()).await;
    assert!(first.status.is_success(), "{path}: {}", String::from_utf8_lossy(&first.bytes));
    let again = administrator(server, path, key, body.clone()).await;
    assert_eq!((first.status, &first.bytes), (again.status, &again.bytes), "{path}");
    let reused = administrator(server, path, key, other).await.expect(422);
    assert_eq!(reused.code(), "key-reused", "{path}");
    first.json()
}

async fn officials(server: &Server) -> usize {
    server.store.entities(StreamKind::Official, None, None, 100).await.unwrap().len()
}

#[tokio::test]
async fn every_write_needs_a_key() {
    let server = Server::start().await;
    // Each command of a batch has a key of its own.
    let writes = RULES.iter().filter(|rule| rule.method == Verb::Post && !rule.path.ends_with(":batch"));
    for rule in writes {
        let path = ["{id}", "{ref}", "{appointment}", "{token}"]
            .iter()
            .fold(rule.path.to_owned(), |path, part| path.replace(part, NOBODY))
            .replace("{name}", "road-fine");
        let request =
            server.request("POST", "administrator", &path).header("content-type", "application/json");
        let router = if path.starts_with("/admin") { &server.admin } else { &server.router };
        let answer = send(router, request.body(Body::from("{}")).unwrap()).await.expect(400);
        assert_eq!(answer.json()["fields"][0]["field"], "Idempotency-Key", "{path}");
    }
}

#[tokio::test]
async fn an_official_is_named_appointed_and_dismissed_once() {
    let server = Server::start().await;
    let before = officials(&server).await;
    let named =
        once(&server, "/admin/officials", "k", &json!({"name": "Another"}), json!({"name": "Third"})).await;
    assert_eq!(officials(&server).await, before + 1);
    // Another person's key is another key.
    let official = named["id"].as_str().unwrap();

    let path = format!("/admin/officials/{official}/appointments");
    let body = json!({"role": "judge", "instrument": "Order 3/2026"});
    let other = json!({"role": "judge", "instrument": "Order 4/2026"});
    let appointed = once(&server, &path, "k2", &body, other).await;
    let held =
        async || server.engine.official(official.parse().map(qadiya_domain::ids::OfficialId).unwrap()).await;
    assert_eq!(held().await.unwrap().unwrap().appointments.len(), 1);
    // The same key at another address of the same official is another request.
    let tokens = format!("/admin/officials/{official}/tokens");
    administrator(&server, &tokens, "k2", json!({"title": "a"})).await.expect(422);

    let end = format!("{path}/{}/end", appointed["id"].as_str().unwrap());
    once(&server, &end, "k3", &json!({"instrument": "Order 5/2026"}), json!({"instrument": "Order 6/2026"}))
        .await;
    let events = server.store.events(StreamId(official.parse().unwrap()), 1, 10).await.unwrap();
    assert_eq!(events.len(), 3, "named, appointed, ended");
}

#[tokio::test]
async fn two_at_once_under_one_key_are_one() {
    let server = Server::start().await;
    let before = officials(&server).await;
    let send = || administrator(&server, "/admin/officials", "k", json!({"name": "Another"}));
    let (one, two) = tokio::join!(send(), send());
    assert_eq!(one.expect(201).bytes, two.expect(201).bytes);
    assert_eq!(officials(&server).await, before + 1);
}

#[tokio::test]
async fn a_token_under_a_key_is_shown_once_and_made_once() {
    let server = Server::start().await;
    let official = server.officials["judge"];
    let path = format!("/admin/officials/{official}/tokens");
    let body = json!({"title": "another"});
    let first = administrator(&server, &path, "k", body.clone()).await.expect(201).json();
    assert!(first["secret"].is_string() && first["shown_before"] == false, "{first}");
    let again = administrator(&server, &path, "k", body).await.expect(201).json();
    assert_eq!(again, json!({"id": first["id"], "shown_before": true}));
    let held = server.engine.official(official).await.unwrap().unwrap();
    assert_eq!(held.tokens.len(), 2, "the one of the test and the one that was issued");
    server.engine.authenticate(first["secret"].as_str().unwrap()).await.unwrap();
    administrator(&server, &path, "k", json!({"title": "a third"})).await.expect(422);

    let revoke = format!("{path}/{}/revoke", first["id"].as_str().unwrap());
    let done = administrator(&server, &revoke, "k2", json!({})).await.expect(200);
    assert_eq!(administrator(&server, &revoke, "k2", json!({})).await.expect(200).bytes, done.bytes);
    administrator(&server, &revoke, "k3", json!({})).await.expect(404);
    server.engine.authenticate(first["secret"].as_str().unwrap()).await.unwrap_err();
}

#[tokio::test]
async fn an_old_activation_sent_again_does_not_undo_a_later_one() {
    let server = Server::start().await;
    let read = |path: &str| std::fs::read_to_string(repository(path)).unwrap();
    let file = read("workflows/road-fine.v1.yaml");
    let publishing = |version: u32| {
        let file = file.replace("version: 1", &format!("version: {version}"));
        json!({"file": file, "calendars": {"italy": read("workflows/calendars/italy.v1.yaml")}})
    };
    let (two, three) = (publishing(2), publishing(3));
    let second = once(&server, "/api/v1/workflows", "k2", &two, three).await;
    let versions = server.get("judge", "/api/v1/workflows").await.expect(200).json();
    assert_eq!(versions["items"].as_array().unwrap().len(), 2, "of the refused file nothing is kept");
    // Another workflow is another stream, and the key still belongs to the first.
    let mut other = publishing(2);
    other["file"] =
        json!(other["file"].as_str().unwrap().replace("workflow: road-fine", "workflow: road-toll"));
    administrator(&server, "/api/v1/workflows", "k2", other).await.expect(422);

    let name: Name = Name::new("road-fine").unwrap();
    let (one, two) = (server.engine.active(&name).await.unwrap().hash.to_string(), &second["definition"]);
    let path = "/api/v1/workflows/road-fine/activate";
    let there = json!({"definition": two, "replaces": one});
    let back = json!({"definition": one, "replaces": two});
    let mut done = Vec::new();
    for (key, body) in [("a1", &there), ("a2", &back)] {
        for role in ["administrator", SECOND] {
            done.push(server.post(role, path, key, body.clone()).await.expect(200).bytes);
        }
    }
    assert_eq!(server.engine.active(&name).await.unwrap().hash.to_string(), one);
    let again = server.post(SECOND, path, "a1", there.clone()).await.expect(200).bytes;
    assert_eq!(again, done[1], "the answer of that time");
    assert_eq!(server.engine.active(&name).await.unwrap().hash.to_string(), one);
    assert_eq!(server.post(SECOND, path, "a1", back).await.expect(422).code(), "key-reused");
}

#[tokio::test]
async fn a_key_of_a_list_takes_no_other_list() {
    let server = court().await;
    let send = async |query: &str, file: &str, key: &str| {
        import_under(&server, "intake-clerk", query, "text/csv", file, key).await
    };
    let (one, two) = (format!("{HEADER}\n{GOOD}\n"), format!("{HEADER}\n{BAD}\n"));
    // A run without writing binds nothing.
    send("title=l", &two, "k").await.expect(200);
    let first = send("title=l&dry-run=false", &one, "k").await.expect(200).json();
    let again = send("title=l&dry-run=false", &one, "k").await.expect(200).json();
    assert_eq!(
        (&first["manifest"], &again["opened"], &again["known"]),
        (&again["manifest"], &json!(0), &json!(1))
    );
    for (query, file) in [("title=l&dry-run=false", &two), ("title=other&dry-run=false", &one)] {
        assert_eq!(send(query, file, "k").await.expect(422).code(), "key-reused");
    }
    // A list that is known already binds the key under which it comes, too.
    for file in [&one, &one] {
        let known = send("title=l&dry-run=false", file, "second").await.expect(200).json();
        assert_eq!((&known["opened"], &known["known"]), (&json!(0), &json!(1)));
    }
    assert_eq!(send("title=l&dry-run=false", &two, "second").await.expect(422).code(), "key-reused");
    assert_eq!(server.store.entities(StreamKind::Manifest, None, None, 9).await.unwrap().len(), 1);

    let id = first["manifest"].as_str().unwrap();
    let close = format!("/api/v1/manifests/{id}/close");
    let closed = server.post("intake-clerk", &close, "c", json!({})).await.expect(200);
    assert_eq!(server.post("intake-clerk", &close, "c", json!({})).await.expect(200).bytes, closed.bytes);
    assert_eq!(server.post("intake-clerk", &close, "k", json!({})).await.expect(422).code(), "key-reused");
}

#[tokio::test]
async fn an_incident_runs_again_once_for_each_key() {
    let server = Server::start().await;
    let id = JobId(NOBODY.parse().unwrap());
    let job = NewJob {
        id,
        seq: 0,
        name: "notice".to_owned(),
        queue: "notices".to_owned(),
        payload: b"{}".to_vec(),
        principal: None,
        run_at: server.engine.clock().now(),
    };
    let gives_up = async || server.store.raise_incident(StreamId(id.0), &job, "status-500").await.unwrap();
    let incidents = async || server.store.jobs(true, None, 9).await.unwrap().len();
    gives_up().await;
    let path = format!("/api/v1/incidents/{NOBODY}/retry");
    let done = administrator(&server, &path, "k", json!({})).await.expect(200);
    assert_eq!(incidents().await, 0);
    gives_up().await;
    assert_eq!(incidents().await, 1, "it gave up again");
    assert_eq!(administrator(&server, &path, "k", json!({})).await.expect(200).bytes, done.bytes);
    assert_eq!(incidents().await, 1, "the old request is an old answer");
    administrator(&server, &path, "k2", json!({})).await.expect(200);
    assert_eq!(incidents().await, 0);
}
