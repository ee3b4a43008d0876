//! Workflow files over HTTP.

use serde_json::json;

use crate::support::{SECOND, Server, repository};

fn file(path: &str) -> String {
    std::fs::read_to_string(repository(path)).unwrap()
}

#[tokio::test]
async fn a_file_is_published_activated_and_read_back() {
    let server = Server::start().await;
    let text = file("workflows/road-fine.v1.yaml").replace("version: 1", "version: 2");
    let body = json!({"file": text, "calendars": {"italy": file("workflows/calendars/italy.v1.yaml")}});
    server.post("judge", "/api/v1/workflows", "k", body.clone()).await.expect(403);
    let published = server.post("administrator", "/api/v1/workflows", "k", body).await.expect(200).json();
    assert_eq!(published["version"], 2);
    let path = "/api/v1/workflows/road-fine/activate";
    let show = async || server.get("judge", "/api/v1/workflows/road-fine").await.expect(200).json();
    let before = show().await;
    let body = json!({"definition": published["definition"], "replaces": before["definition"]});
    server.post("judge", path, "k2", body.clone()).await.expect(403);
    let first = server.post("administrator", path, "k2", body.clone()).await.expect(200);
    assert_eq!(first.json()["activated"], false);
    let waiting = show().await;
    assert_eq!(waiting["version"], 1);
    assert_eq!(waiting["waiting"][0]["definition"], published["definition"]);
    assert_eq!(waiting["waiting"][0]["signatures"][0]["name"], "Official administrator");
    let again = server.post("administrator", path, "other", body.clone()).await.expect(422).json();
    assert_eq!((&again["code"], &again["refusals"][0]["code"]), (&json!("refused"), &json!("same-person")));
    let second = server.post(SECOND, path, "k2", body.clone()).await.expect(200);
    assert_eq!(second.json()["activated"], true);
    assert_eq!(server.post("administrator", path, "k2", body.clone()).await.expect(200).bytes, first.bytes);
    assert_eq!(server.post(SECOND, path, "k2", body.clone()).await.expect(200).bytes, second.bytes);
    let late = server.post(SECOND, path, "late", body).await.expect(422).json();
    assert_eq!(late["refusals"][0]["code"], "state");
    let stale = json!({"definition": before["definition"]});
    let stale = server.post(SECOND, path, "stale", stale).await.expect(422).json();
    assert_eq!(stale["refusals"][0]["code"], "proposal-changed");
    assert!(stale["refusals"][0]["message"].as_str().unwrap().contains("version 2"), "{stale}");
    let read = show().await;
    assert_eq!((&read["version"], &read["waiting"]), (&json!(2), &json!([])));
    let names: Vec<_> = read["signatures"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["Official administrator", "Official second-administrator"]);
    assert_eq!(read["file"], json!(text));
    let list = server.get("judge", "/api/v1/workflows").await.expect(200).json();
    let active: Vec<_> =
        list["items"].as_array().unwrap().iter().filter(|item| item["active"] == true).collect();
    assert_eq!(active.len(), 1);
    assert_eq!(active[0]["version"], 2);
    assert_eq!(active[0]["signatures"], read["signatures"]);
}

#[tokio::test]
async fn a_signature_is_taken_back_once() {
    let server = Server::start().await;
    let text = file("workflows/road-fine.v1.yaml").replace("version: 1", "version: 2");
    let body = json!({"file": text, "calendars": {"italy": file("workflows/calendars/italy.v1.yaml")}});
    let published = server.post("administrator", "/api/v1/workflows", "k", body).await.expect(200).json();
    let path = |what: &str| format!("/api/v1/workflows/road-fine/{what}");
    let show = server.get("judge", "/api/v1/workflows/road-fine").await.expect(200).json();
    let body = json!({"definition": published["definition"], "replaces": show["definition"]});
    server.post("administrator", &path("activate"), "a", body.clone()).await.expect(200);
    let not_theirs = server.post(SECOND, &path("withdraw"), "w", body.clone()).await.expect(422).json();
    assert_eq!(not_theirs["refusals"][0]["code"], "proposal");
    let done = server.post("administrator", &path("withdraw"), "w", body.clone()).await.expect(200);
    let again = server.post("administrator", &path("withdraw"), "w", body.clone()).await.expect(200);
    assert_eq!(done.bytes, again.bytes);
    // The key of the signature is none for taking it back.
    let other = server.post("administrator", &path("withdraw"), "a", body.clone()).await.expect(422);
    assert_eq!(other.code(), "key-reused");
    let second = server.post(SECOND, &path("activate"), "s", body).await.expect(200).json();
    assert_eq!(second["activated"], false, "it is the first one now");
}

#[tokio::test]
async fn a_file_with_a_mistake_is_answered_with_its_place() {
    let server = Server::start().await;
    let text = file("workflows/road-fine.v1.yaml").replace("    to: sent\n", "    to: snet\n");
    let body = json!({"file": text, "calendars": {"italy": file("workflows/calendars/italy.v1.yaml")}});
    let answer = server.post("administrator", "/api/v1/workflows", "k", body).await;
    let findings = answer.json()["findings"].clone();
    let found =
        findings.as_array().unwrap().iter().find(|finding| finding["message"].to_string().contains("snet"));
    assert!(found.unwrap()["line"].as_u64().unwrap() > 1, "{findings}");
}

#[tokio::test]
async fn unknown_versions_and_workflows_are_not_found() {
    let server = Server::start().await;
    let body = json!({"definition": "0".repeat(64)});
    server.post("administrator", "/api/v1/workflows/road-fine/activate", "k", body).await.expect(404);
    server.get("judge", "/api/v1/workflows/other").await.expect(404);
    server.get("judge", "/api/v1/workflows/Other").await.expect(404);
    let body = json!({"definition": "xyz"});
    server.post("administrator", "/api/v1/workflows/road-fine/activate", "k", body).await.expect(400);
}
