//! Strict JSON: every malformed body is refused, and the answer names the field.

use serde_json::json;

use crate::support::Server;

/// Body, code, field.
const MALFORMED: &[(&str, &str, &str)] = &[
    ("", "malformed", ""),
    ("{", "malformed", ""),
    ("not json", "malformed", ""),
    ("{} {}", "malformed", ""),
    ("\u{feff}{}", "malformed", ""),
    (r#"{"workflow":"a","workflow":"b"}"#, "malformed", "/workflow"),
    (r#"{"act":{"command":"a","command":"b"}}"#, "malformed", "/act/command"),
    (r#"{"workflow":null}"#, "malformed", "/workflow"),
    (r#"{"workflow":1.5}"#, "malformed", "/workflow"),
    (r#"{"workflow":1e3}"#, "malformed", "/workflow"),
    (r#"{"workflow":9007199254740992}"#, "malformed", "/workflow"),
    (r#"{"workflow":"\ud800"}"#, "malformed", "/workflow"),
    (r#"{"workflow":"a\u0000b"}"#, "malformed", "/workflow"),
    (r#"{"act":{"answers":{"a":"\u0000"}}}"#, "malformed", "/act/answers/a"),
    ("[]", "field", ""),
    ("7", "field", ""),
    (r#""text""#, "field", ""),
    (r#"{"act":{"command":"create-fine"}}"#, "field", "/workflow"),
    (r#"{"workflow":"road-fine"}"#, "field", "/act"),
    (r#"{"workflow":7,"act":{}}"#, "field", "/workflow"),
    (r#"{"workflow":"","act":{}}"#, "field", "/workflow"),
    (r#"{"workflow":"Road Fine","act":{}}"#, "field", "/workflow"),
    (r#"{"workflow":"road-fine","act":[]}"#, "field", "/act"),
    (r#"{"workflow":"road-fine","group":"no","act":{}}"#, "field", "/group"),
    (r#"{"workflow":"road-fine","alias":"a\nb","act":{}}"#, "field", "/alias"),
    (r#"{"workflow":"road-fine","act":{"happened":"yesterday","command":"x"}}"#, "field", "/act/happened"),
    (r#"{"workflow":"road-fine","act":{"command":""}}"#, "field", "/act/command"),
    (r#"{"workflow":"road-fine","act":{"papers":[7]}}"#, "field", "/act/papers"),
    (r#"{"workflow":"road-fine","act":{"answers":[]}}"#, "field", "/act/answers"),
    (r#"{"workflow":"road-fine","act":{"sign":0}}"#, "field", "/act/sign"),
    (r#"{"workflow":"road-fine","act":{"agree":"yes"}}"#, "field", "/act/agree"),
    (r#"{"workflow":"road-fine","act":{"hash":"ABC"}}"#, "field", "/act/hash"),
    (r#"{"workflow":"road-fine","act":{"unset":"x"}}"#, "field", "/act/unset"),
    (r#"{"workflow":"road-fine","act":{},"reference":"mine"}"#, "field", "/reference"),
    (r#"{"workflow":"road-fine","act":{},"a~b/c":1}"#, "field", "/a~0b~1c"),
];

#[tokio::test]
async fn malformed_bodies_are_refused_and_the_field_is_named() {
    let server = Server::start().await;
    for (body, code, field) in MALFORMED {
        let answer = server
            .post_bytes("police-clerk", "/api/v1/cases", "k", body.as_bytes().to_vec())
            .await
            .expect(400);
        assert_eq!(answer.code(), *code, "{body}");
        assert_eq!(answer.json()["fields"][0]["field"], *field, "{body}");
    }
    assert_eq!(server.get("police-clerk", "/api/v1/cases").await.json()["items"], json!([]));
}

#[tokio::test]
async fn bytes_that_are_no_utf_8_are_refused() {
    let server = Server::start().await;
    let answer =
        server.post_bytes("police-clerk", "/api/v1/cases", "k", b"{\"workflow\":\"\xff\"}".to_vec()).await;
    assert_eq!(answer.expect(400).code(), "malformed");
}

#[tokio::test]
async fn nesting_deeper_than_thirty_two_levels_is_refused() {
    let server = Server::start().await;
    for depth in [33, 1_000, 200_000] {
        let body = format!("{{\"act\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        let answer =
            server.post_bytes("police-clerk", "/api/v1/cases", "k", body.into_bytes()).await.expect(400);
        assert_eq!(answer.code(), "malformed");
    }
}

#[tokio::test]
async fn an_unknown_field_is_answered_with_the_nearest_known_one() {
    let server = Server::start().await;
    let body = json!({"workflow": "road-fine", "act": {}, "allias": "x"});
    let answer = server.post("police-clerk", "/api/v1/cases", "k", body).await.expect(400);
    assert_eq!(answer.json()["fields"][0]["nearest"], "alias");
    let answer = server.get("police-clerk", "/api/v1/cases?workflw=road-fine").await.expect(400);
    assert_eq!(answer.json()["fields"][0]["nearest"], "workflow");
}

#[tokio::test]
async fn all_faults_of_a_body_come_at_once() {
    let server = Server::start().await;
    let body = json!({"workflow": 1, "alias": "", "group": "x", "extra": true});
    let answer = server.post("police-clerk", "/api/v1/cases", "k", body).await.expect(400);
    let fields: Vec<_> =
        answer.json()["fields"].as_array().unwrap().iter().map(|fault| fault["field"].clone()).collect();
    assert_eq!(fields, ["/workflow", "/alias", "/group", "/act", "/extra"]);
}

#[tokio::test]
async fn names_must_be_composed() {
    let server = Server::start().await;
    let body = json!({"name": "Rene\u{301}e"});
    server.post("administrator", "/admin/officials", "k", body).await.expect(400);
    let body = json!({"name": "Ren\u{e9}e"});
    server.post("administrator", "/admin/officials", "k", body).await.expect(201);
}
