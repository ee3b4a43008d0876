//! Lists, logs, clocks, feeds, health.

use std::time::Duration;

use serde_json::json;

use crate::support::Server;

#[tokio::test]
async fn a_list_is_read_page_by_page_without_gap_or_double() {
    let server = Server::start().await;
    let mut made = Vec::new();
    for number in 0..7 {
        made.push(server.fine(&format!("open-{number}")).await);
    }
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let page = server.get("judge", &format!("/api/v1/cases?limit=3{after}")).await.expect(200).json();
        for item in page["items"].as_array().unwrap() {
            found.push(item["reference"].as_str().unwrap().to_owned());
        }
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    found.sort();
    made.sort();
    assert_eq!(found, made);
    server.get("judge", "/api/v1/cases?after=not-a-cursor").await.expect(400);
}

#[tokio::test]
async fn filters_restrict() {
    let server = Server::start().await;
    let case = server.fine("open-1").await;
    server.fine("open-2").await;
    server.act("police-clerk", &case, "send", json!({"command": "send-fine"})).await.expect(200);
    for (filter, count) in [
        ("state=sent", 1),
        ("state=created", 1),
        ("stage=fined", 2),
        ("stage=-", 0),
        ("stage=notified", 0),
        ("workflow=road-fine", 2),
        ("workflow=other", 0),
        ("office=police-clerk", 2),
        ("open=true", 2),
        ("lapsed=true", 0),
        ("irregular=true", 0),
        ("group=00000000-0000-7000-8000-000000000000", 0),
        ("lapsed=false", 2),
    ] {
        let page = server.get("judge", &format!("/api/v1/cases?{filter}")).await.expect(200).json();
        assert_eq!(page["items"].as_array().unwrap().len(), count, "{filter}");
    }
    for wrong in ["stage=X", "open=yes", "group=7", "office=", "sort=name"] {
        server.get("judge", &format!("/api/v1/cases?{wrong}")).await.expect(400);
    }
}

#[tokio::test]
async fn the_log_shows_events_whose_canonical_form_has_the_hash_given() {
    let server = Server::start().await;
    let case = server.fine("open-1").await;
    server.act("police-clerk", &case, "send", json!({"command": "send-fine"})).await.expect(200);
    let log = server.get("judge", &format!("/api/v1/cases/{case}/log")).await.expect(200).json();
    let events = log["events"].as_array().unwrap();
    assert!(events.len() >= 2);
    for event in events {
        let text = event["event"].to_string();
        let value = qadiya_ledger::canonical::parse_lenient(text.as_bytes()).unwrap();
        let hash = qadiya_ledger::chain::event_hash(&qadiya_ledger::canonical::to_bytes(&value));
        assert_eq!(event["hash"], hash.to_string());
    }
    let page = server.get("judge", &format!("/api/v1/cases/{case}/log?limit=1")).await.expect(200).json();
    assert_eq!(page["events"].as_array().unwrap().len(), 1);
    let rest = server
        .get("judge", &format!("/api/v1/cases/{case}/log?from={}", page["next"]))
        .await
        .expect(200)
        .json();
    assert_eq!(rest["events"][0]["seq"], page["next"]);
}

#[tokio::test]
async fn a_running_clock_explains_itself_day_by_day() {
    let server = Server::start().await;
    let case = server.fine("open-1").await;
    server.act("police-clerk", &case, "send", json!({"command": "send-fine"})).await.expect(200);
    server.act("police-clerk", &case, "note", json!({"command": "insert-notification"})).await.expect(200);
    let answer = server.get("judge", &format!("/api/v1/cases/{case}/deadlines")).await.expect(200).json();
    let clock =
        answer["items"].as_array().unwrap().iter().find(|item| item["explanation"].is_object()).unwrap();
    let days = clock["explanation"]["days"].as_array().unwrap();
    assert!(days.len() > 30, "{clock}");
    assert_eq!(days[0]["verdict"], "start-excluded");
}

#[tokio::test]
async fn a_clock_that_has_run_out_reads_as_passed_although_no_worker_runs() {
    let server = Server::start().await;
    let case = server.fine("open-1").await;
    server.act("police-clerk", &case, "send", json!({"command": "send-fine"})).await.expect(200);
    server.act("police-clerk", &case, "note", json!({"command": "insert-notification"})).await.expect(200);
    let passed = |answer: serde_json::Value| {
        answer["items"].as_array().unwrap().iter().filter(|item| item["passed"] == true).count()
    };
    let path = format!("/api/v1/cases/{case}/deadlines");
    assert_eq!(passed(server.get("judge", &path).await.expect(200).json()), 0);
    server.clock.advance(Duration::from_hours(400 * 24));
    assert!(passed(server.get("judge", &path).await.expect(200).json()) > 0);
}

#[tokio::test]
async fn stages_are_counted() {
    let server = Server::start().await;
    server.fine("open-1").await;
    server.fine("open-2").await;
    let counts = server.get("judge", "/api/v1/stages").await.expect(200).json();
    let row = counts["items"].as_array().unwrap().iter().find(|row| row["stage"] == "fined").unwrap();
    assert_eq!(row["count"], 2);
    assert_eq!(counts["at"], crate::support::BEGIN);
}

#[tokio::test]
async fn the_answer_about_a_stage_holds_nothing_else() {
    let server = Server::start().await;
    let case = server.fine("open-1").await;
    let answer = server.get("judge", &format!("/api/v1/stages/{case}")).await.expect(200).json();
    let allowed =
        ["reference", "stage", "title", "since", "act", "next_steps", "next_date", "authority_lapsed"];
    for member in answer.as_object().unwrap().keys() {
        assert!(allowed.contains(&member.as_str()), "{member}");
    }
}

#[tokio::test]
async fn work_says_by_which_rule_it_is_ordered() {
    let server = Server::start().await;
    server.fine("open-1").await;
    let work = server.get("police-clerk", "/api/v1/work").await.expect(200).json();
    assert!(work["order"].as_str().unwrap().contains("earliest first"));
    let mut dues: Vec<&str> =
        work["items"].as_array().unwrap().iter().map(|item| item["due"].as_str().unwrap()).collect();
    let given = dues.clone();
    dues.sort_unstable();
    assert_eq!(given, dues);
}

#[tokio::test]
async fn the_feed_gives_numbered_events_from_a_position_on() {
    let server = Server::start().await;
    server.fine("open-1").await;
    server.get("judge", "/api/v1/ledger/checkpoint").await.expect(404);
    while server.engine.sequence_once().await.unwrap() > 0 {}
    let feed = server.get("judge", "/api/v1/feed?from=0&limit=200").await.expect(200).json();
    assert!(!feed["events"].as_array().unwrap().is_empty());
    let next = feed["next"].as_u64().unwrap();
    let rest = server.get("judge", &format!("/api/v1/feed?from={next}")).await.expect(200).json();
    assert_eq!(rest["events"], json!([]));
    let note = server.get("judge", "/api/v1/ledger/checkpoint").await.expect(200);
    assert!(String::from_utf8(note.bytes).unwrap().starts_with("court.example/log\n"));
}

#[tokio::test]
async fn oversight_counts_what_must_not_be() {
    let server = Server::start().await;
    server.fine("open-1").await;
    let found = server.get("judge", "/api/v1/oversight").await.expect(200).json();
    for count in ["held", "without_authority", "without_office", "without_date", "incidents"] {
        assert_eq!(found[count], 0, "{count}");
    }
    assert_eq!(found["workers_silent"], true);
}

#[tokio::test]
async fn a_server_that_lives_says_so_and_one_that_may_be_used_too() {
    let server = Server::start().await;
    assert_eq!(server.get("judge", "/live").await.expect(200).json()["status"], "live");
    let ready = server.get("judge", "/ready").await.expect(200).json();
    assert_eq!(ready["workers_silent"], true);
}

#[tokio::test]
async fn metrics_name_no_case() {
    let server = Server::start().await;
    let case = server.fine("open-1").await;
    server.get("judge", &format!("/api/v1/cases/{case}")).await.expect(200);
    let request = server.request("GET", "administrator", "/metrics").body(axum::body::Body::empty()).unwrap();
    let answer = crate::support::send(&server.admin, request).await.expect(200);
    let text = String::from_utf8(answer.bytes).unwrap();
    assert!(
        text.contains("qadiya_http_requests_total") && text.contains("route=\"/api/v1/cases/{ref}\""),
        "{text}"
    );
    assert!(!text.contains(&case));
}

#[tokio::test]
async fn an_incident_that_does_not_exist_cannot_run_again() {
    let server = Server::start().await;
    assert_eq!(server.get("administrator", "/api/v1/incidents").await.expect(200).json()["items"], json!([]));
    let path = "/api/v1/incidents/00000000-0000-7000-8000-000000000000/retry";
    server.post("administrator", path, "k", json!({})).await.expect(404);
    server.post("stranger", path, "k", json!({})).await.expect(403);
}
