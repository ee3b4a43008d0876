//! Nobody comes in without a credential, and nobody learns more than they may.

use axum::body::Body;
use axum::http::Request;
use qadiya_store::AccessStore as _;
use qadiya_store::access::AccessOutcome;
use qadiya_web::policy::{Policy, RULES};

use crate::support::{Server, send};

fn concrete(path: &str) -> String {
    path.replace("{ref}", "ABCDE-FGHJK-M")
        .replace("{id}", "00000000-0000-7000-8000-000000000000")
        .replace("{appointment}", "00000000-0000-7000-8000-000000000000")
        .replace("{token}", "00000000-0000-7000-8000-000000000000")
        .replace("{name}", "road-fine")
        .replace("{code}", "refused")
}

#[tokio::test]
async fn every_route_refuses_callers_without_and_with_wrong_credentials() {
    let server = Server::start().await;
    let wrong = ["", "Bearer", "Bearer ", "Bearer wrong", "Basic dXNlcjpwYXNz", "bearer \u{a0}"];
    for rule in RULES.iter().filter(|rule| rule.policy != Policy::Open) {
        for router in [&server.router, &server.admin] {
            for credential in [None].into_iter().chain(wrong.map(Some)) {
                let mut request =
                    Request::builder().method(rule.method.to_string().as_str()).uri(concrete(rule.path));
                if let Some(credential) = credential {
                    request = request.header("authorization", credential.as_bytes());
                }
                let answer = send(router, request.body(Body::from("not json")).unwrap()).await;
                let status = answer.status.as_u16();
                assert!(status == 401 || status == 404, "{} {}: {status}", rule.method, rule.path);
                if status == 401 {
                    assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"qadiya\""));
                    assert_eq!(answer.code(), "unauthenticated");
                }
            }
        }
    }
}

#[tokio::test]
async fn administration_is_not_reachable_on_the_public_listener() {
    let server = Server::start().await;
    for rule in RULES.iter().filter(|rule| rule.path.starts_with("/admin") || rule.path == "/metrics") {
        let request = server.request(&rule.method.to_string(), "administrator", &concrete(rule.path));
        let answer = send(&server.router, request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status.as_u16(), 404, "{}", rule.path);
    }
}

#[tokio::test]
async fn two_credentials_are_no_credential() {
    let server = Server::start().await;
    let request = server
        .request("GET", "judge", "/api/v1/stages")
        .header("authorization", format!("Bearer {}", server.token("police-clerk")));
    send(&server.router, request.body(Body::empty()).unwrap()).await.expect(401);
}

#[tokio::test]
async fn a_revoked_token_opens_nothing_from_the_next_request_on() {
    let server = Server::start().await;
    server.get("judge", "/api/v1/stages").await.expect(200);
    let official = server.officials["judge"];
    let held = server.engine.official(official).await.unwrap().unwrap();
    let path = format!("/admin/officials/{official}/tokens/{}/revoke", held.tokens[0].id);
    server.post("administrator", &path, "k", serde_json::json!({})).await.expect(200);
    server.get("judge", "/api/v1/stages").await.expect(401);
}

#[tokio::test]
async fn an_ended_appointment_gives_nothing_any_more() {
    let server = Server::start().await;
    let official = server.officials["judge"];
    let held = server.engine.official(official).await.unwrap().unwrap();
    let path = format!("/admin/officials/{official}/appointments/{}/end", held.appointments[0].id);
    let body = serde_json::json!({"instrument": "Order 2/2026"});
    server.post("administrator", &path, "k", body).await.expect(200);
    let status = server.get("judge", "/api/v1/cases").await.status.as_u16();
    assert!(status == 403 || status == 422, "{status}");
}

#[tokio::test]
async fn only_administrators_administer() {
    let server = Server::start().await;
    for role in ["police-clerk", "judge", "stranger"] {
        let body = serde_json::json!({"name": "Another"});
        server.post(role, "/admin/officials", "k", body).await.expect(403);
    }
}

#[tokio::test]
async fn absent_and_forbidden_cases_look_alike_and_both_are_recorded() {
    let server = Server::start().await;
    let case = server.fine("open-1").await;
    let mut bodies = Vec::new();
    for reference in [case.as_str(), "00000-00000-0", "no-such-alias"] {
        let answer = server.get("administrator", &format!("/api/v1/cases/{reference}")).await.expect(404);
        let mut body = answer.json();
        body["instance"] = serde_json::Value::Null;
        bodies.push(body);
    }
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
    let administrator = server.officials["administrator"];
    let seen = server.store.accesses(None, Some(administrator), None, 10).await.unwrap();
    let outcomes: Vec<AccessOutcome> = seen.iter().map(|record| record.outcome).collect();
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == AccessOutcome::Absent).count(), 2);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == AccessOutcome::Denied).count(), 1);
}

#[tokio::test]
async fn a_denied_list_is_an_error_and_not_an_empty_page() {
    let server = Server::start().await;
    for path in ["/api/v1/cases", "/api/v1/stages", "/api/v1/work", "/api/v1/feed", "/api/v1/oversight"] {
        for role in ["stranger", "administrator"] {
            server.get(role, path).await.expect(403);
        }
    }
}

#[tokio::test]
async fn a_read_leaves_its_record_with_purpose_and_capacity() {
    let server = Server::start().await;
    let case = server.fine("open-1").await;
    let request = server
        .request("GET", "police-clerk", &format!("/api/v1/cases/{case}"))
        .header("qadiya-purpose", "سؤال المحامي".as_bytes())
        .header("qadiya-role", "police-clerk");
    let answer = send(&server.router, request.body(Body::empty()).unwrap()).await.expect(200);
    let clerk = server.officials["police-clerk"];
    let seen = server.store.accesses(None, Some(clerk), None, 10).await.unwrap();
    let record = seen.iter().find(|record| record.outcome == AccessOutcome::Shown).unwrap();
    assert_eq!(Some(record.id.to_string().as_str()), answer.header("x-request-id"));
    assert_eq!(record.purpose.as_deref(), Some("سؤال المحامي"));
    assert_eq!(record.capacity.as_deref(), Some("police-clerk"));
    assert_eq!(record.query, "GET /api/v1/cases/{ref}");
    assert_eq!(record.streams.len(), 1);
}

#[tokio::test]
async fn purposes_and_capacities_of_a_wrong_form_are_refused_by_name() {
    let server = Server::start().await;
    for (header, value) in [
        ("qadiya-purpose", "x".repeat(201).into_bytes()),
        ("qadiya-purpose", b"\xff\xfe".to_vec()),
        ("qadiya-purpose", "e\u{301}".as_bytes().to_vec()),
        ("qadiya-role", b"Judge".to_vec()),
    ] {
        let request = server.request("GET", "judge", "/api/v1/stages").header(header, value);
        let answer = send(&server.router, request.body(Body::empty()).unwrap()).await.expect(400);
        assert_eq!(answer.json()["fields"][0]["field"].as_str().unwrap().to_lowercase(), header);
    }
}

#[tokio::test]
async fn a_program_cannot_administer_even_for_an_administrator() {
    let mut server = Server::start().await;
    server.appoint("administrator", true).await;
    let body = serde_json::json!({"name": "Another"});
    server.post("administrator-service", "/admin/officials", "k", body).await.expect(403);
}
