//! Problems: one form, a stable code, nothing that should not be said.

use axum::body::Body;
use axum::http::Request;

use crate::support::{Server, send};

#[tokio::test]
async fn every_answer_carries_the_protective_headers() {
    let server = Server::start().await;
    for path in ["/live", "/ready", "/openapi.json", "/help/errors/refused", "/nowhere", "/api/v1/cases"] {
        let answer = server.get("judge", path).await;
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'; sandbox"),
            ("cross-origin-opener-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{path}: {name}");
        }
        assert!(answer.header("x-request-id").is_some(), "{path}");
        assert_eq!(answer.header("server"), None, "{path}");
    }
}

#[tokio::test]
async fn a_problem_names_its_request_and_a_help_page_of_this_server() {
    let server = Server::start().await;
    let answer = server.get("judge", "/api/v1/cases/00000-00000-0").await.expect(404);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    let body = answer.json();
    assert_eq!(body["status"], 404);
    assert_eq!(body["instance"], format!("urn:uuid:{}", answer.header("x-request-id").unwrap()));
    let help = server.get("judge", body["type"].as_str().unwrap()).await.expect(200);
    assert!(String::from_utf8(help.bytes).unwrap().starts_with("not-found (status 404)"));
}

#[tokio::test]
async fn every_code_has_a_help_page_and_nothing_else_has() {
    use qadiya_web::problem::Code;
    let server = Server::start().await;
    for word in [
        "malformed",
        "field",
        "parameter",
        "header",
        "unauthenticated",
        "forbidden",
        "not-found",
        "method",
        "timeout",
        "conflict",
        "too-large",
        "uri-too-long",
        "media-type",
        "refused",
        "key-reused",
        "definition",
        "manifest-file",
        "damaged",
        "internal",
        "busy",
        "unavailable",
        "storage-full",
        "not-ready",
    ] {
        let code: Code = word.parse().unwrap();
        assert_eq!(code.to_string(), word);
        server.get("judge", &format!("/help/errors/{word}")).await.expect(200);
    }
    server.get("judge", "/help/errors/other").await.expect(404);
}

#[tokio::test]
async fn methods_that_are_not_served_are_answered_405_with_those_that_are() {
    let server = Server::start().await;
    for (method, path, allow) in [
        ("DELETE", "/api/v1/cases", "GET, POST"),
        ("PUT", "/api/v1/cases/x", "GET"),
        ("TRACE", "/api/v1/cases", "GET, POST"),
        ("TRACE", "/live", "GET"),
        ("PATCH", "/api/v1/commands:batch", "POST"),
        ("OPTIONS", "/api/v1/cases", "GET, POST"),
    ] {
        let answer =
            send(&server.router, server.request(method, "judge", path).body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status.as_u16(), 405, "{method} {path}");
        assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
        assert_eq!(answer.code(), "method");
    }
}

#[tokio::test]
async fn the_credential_never_comes_back() {
    let server = Server::start().await;
    for path in ["/api/v1/cases", "/nowhere", "/api/v1/cases?x=1"] {
        let answer = server.get("judge", path).await;
        assert!(!String::from_utf8_lossy(&answer.bytes).contains(server.token("judge")));
    }
}

#[tokio::test]
async fn a_head_request_is_a_get_without_its_body() {
    let server = Server::start().await;
    let answer = send(&server.router, Request::head("/live").body(Body::empty()).unwrap()).await.expect(200);
    assert!(answer.bytes.is_empty());
}

#[tokio::test]
async fn control_characters_in_an_address_are_not_echoed() {
    let server = Server::start().await;
    for path in ["/api/v1/cases/%0d%0aset-cookie:%20a", "/api/v1/cases/%1b[31m", "/api/v1/cases/%00"] {
        let answer = server.get("judge", path).await.expect(404);
        assert!(answer.header("set-cookie").is_none());
        assert!(answer.bytes.iter().all(|byte| !byte.is_ascii_control()));
    }
    server.get("judge", "/api/v1/cases/%ff").await.expect(400);
}

#[tokio::test]
async fn with_the_engine_stopped_no_read_gives_data_and_the_server_says_so() {
    let server = Server::start().await;
    let case = server.fine("open-1").await;
    server.engine.stop().await;
    let answer = server.get("police-clerk", &format!("/api/v1/cases/{case}")).await.expect(503);
    assert!(!String::from_utf8_lossy(&answer.bytes).contains("road-fine"));
    assert!(answer.header("retry-after").is_some());
}

#[tokio::test]
async fn a_server_that_is_not_ready_tells_a_stranger_no_path_no_address_and_no_password() {
    let server = Server::start().await;
    let said =
        "postgres://qadiya_app:secret@db.example/qadiya: fsync is off; /srv/court/court.db lies on NFS";
    server.store.unsafe_about.lock().unwrap().push(said.to_owned());
    let request = Request::get("/ready").body(Body::empty()).unwrap();
    let answer = send(&server.router, request).await.expect(503);
    assert_eq!(answer.code(), "not-ready");
    assert_eq!(answer.json()["fields"][0]["field"], "store");
    let text = String::from_utf8(answer.bytes).unwrap();
    for part in ["secret", "db.example", "qadiya_app", "court.db", "/srv", "fsync"] {
        assert!(!text.contains(part), "{part}: {text}");
    }
    // Whoever watches whether the process lives is not misled by the store.
    server.get("judge", "/live").await.expect(200);
}
