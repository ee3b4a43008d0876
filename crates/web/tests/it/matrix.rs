//! Who gets which status where: the committed table of routes and roles.

use std::fmt::Write as _;

use axum::body::Body;
use qadiya_web::policy::RULES;
use serde_json::{Value, json};

use crate::support::{ROLES, Server, repository, send};

const TABLE: &str = "crates/web/tests/it/matrix.txt";

/// What each route is asked. Reads name a case that exists; writes are as harmless as the route allows, and each role
/// asks on a server of its own.
fn ask(path: &str, case: &str, definition: &str, official: &str) -> (String, Option<Value>) {
    let nothing = "00000000-0000-7000-8000-000000000000";
    let place = path
        .replace("{ref}", case)
        .replace("{name}", "road-fine")
        .replace("{code}", "refused")
        .replace("/officials/{id}", &format!("/officials/{official}"))
        .replace("{id}", nothing)
        .replace("{appointment}", nothing)
        .replace("{token}", nothing);
    let body = match path {
        "/api/v1/cases" => Some(json!({"workflow": "road-fine", "act": {"command": "create-fine"}})),
        "/api/v1/cases/{ref}/commands" => Some(json!({"command": "send-fine"})),
        "/api/v1/commands:batch" => {
            Some(json!({"items": [{"case": case, "key": "b", "act": {"command": "send-fine"}}]}))
        }
        "/api/v1/workflows" => Some(json!({"file": "workflow: x"})),
        // Who may sign is told that the version is active already, and has nothing to take back.
        "/api/v1/workflows/{name}/activate" | "/api/v1/workflows/{name}/withdraw" => {
            Some(json!({"definition": definition, "replaces": definition}))
        }
        "/admin/officials" => Some(json!({"name": "Another"})),
        "/admin/officials/{id}/appointments" => Some(json!({"role": "judge", "instrument": "Order 3/2026"})),
        "/admin/officials/{id}/appointments/{appointment}/end" => Some(json!({"instrument": "Order 3/2026"})),
        "/admin/officials/{id}/tokens" => Some(json!({"title": "another"})),
        _ => None,
    };
    (place, body)
}

#[tokio::test]
async fn every_route_answers_every_role_as_the_committed_table_says() {
    let mut table = String::new();
    writeln!(table, "{:<66}{:>8}  {}", "route", "nobody", ROLES.join("  ")).unwrap();
    let mut rows: Vec<Vec<String>> = RULES.iter().map(|_| Vec::new()).collect();
    for role in [None].into_iter().chain(ROLES.map(Some)) {
        let server = Server::start().await;
        let case = server.fine("open-1").await;
        let name = crate::support::name("road-fine");
        let definition = server.engine.active(&name).await.unwrap().hash.to_string();
        let official = server.officials["judge"].to_string();
        for (rule, row) in RULES.iter().zip(&mut rows) {
            let (place, body) = ask(rule.path, &case, &definition, &official);
            let method = rule.method.to_string();
            let mut request = axum::http::Request::builder().method(method.as_str()).uri(&place);
            if let Some(role) = role {
                request = request.header("authorization", format!("Bearer {}", server.token(role)));
            }
            let body = if method == "POST" {
                request =
                    request.header("content-type", "application/json").header("idempotency-key", rule.path);
                body.map_or_else(Body::empty, |body| Body::from(body.to_string()))
            } else {
                Body::empty()
            };
            let admin = rule.path.starts_with("/admin") || rule.path == "/metrics";
            let router = if admin { &server.admin } else { &server.router };
            row.push(send(router, request.body(body).unwrap()).await.status.as_u16().to_string());
        }
    }
    for (rule, row) in RULES.iter().zip(rows) {
        let mut line = format!("{:<66}", format!("{} {}", rule.method, rule.path));
        for (status, title) in row.iter().zip(["nobody"].into_iter().chain(ROLES)) {
            write!(line, "{status:>width$}", width = title.len() + 2).unwrap();
        }
        writeln!(table, "{line}").unwrap();
    }
    let path = repository(TABLE);
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == table,
        "{TABLE} differs from what the server answers. Look at each change; if it is meant, the table is now:\n{table}"
    );
}
