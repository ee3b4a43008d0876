//! Workflow files over HTTP.

use serde_json::json;

use crate::support::{Server, repository};

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
    let body = json!({"definition": published["definition"]});
    server.post("administrator", path, "k2", body).await.expect(200);
    let read = server.get("judge", "/api/v1/workflows/road-fine").await.expect(200).json();
    assert_eq!(read["version"], 2);
    assert_eq!(read["file"], json!(text));
    let list = server.get("judge", "/api/v1/workflows").await.expect(200).json();
    let active: Vec<_> =
        list["items"].as_array().unwrap().iter().filter(|item| item["active"] == true).collect();
    assert_eq!(active.len(), 1);
    assert_eq!(active[0]["version"], 2);
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
