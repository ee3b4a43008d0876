//! Transfer lists over HTTP.

use axum::body::Body;
use qadiya_store::AccessStore as _;
use qadiya_store::access::AccessOutcome;
use serde_json::{Value, json};

use crate::support::{Answer, Server, send};

pub(crate) const HEADER: &str = "isn,batch_id,batch_seq,transfer_mode,transfer_date,handover_point,holding_facility,name_ar,name_latn,\
                      father_name_ar,father_name_latn,dob,dob_precision,nationality,birth_place,sex,languages,\
                      interpreter_needed,health_flags,prior_documents,investigation_status,remarks";
/// An invented person whose record is right.
pub(crate) const GOOD: &str = "SYN-1089003-4,TB-20260121-001-L,1,LAND,2026-01-21,Crossing North,Holding Facility 1,أنس آكسو,Enes Aksu,\
                    السادات,Sadat,1986-01-20,day,TUR,,M,tr;ar,N,,,RECEIVED,";
/// The same line of another person, with a serial whose check character is wrong and a date that is none.
pub(crate) const BAD: &str = "SYN-1048984-D,TB-20260121-001-L,2,LAND,2026-02-30,Crossing North,Holding Facility 1,حماد,Hammad,\
                   محمود,Mehmoud,1988-07-14,day,SYR,,M,ar,N,,,RECEIVED,";

pub(crate) async fn court() -> Server {
    let mut server = Server::start().await;
    server.publish("intake-record.v1.yaml").await;
    server.publish("detainee-case.v1.yaml").await;
    for role in ["intake-clerk", "custody-officer"] {
        server.appoint(role, false).await;
    }
    server
}

async fn import(server: &Server, role: &str, query: &str, kind: &str, file: &str) -> Answer {
    import_under(server, role, query, kind, file, "list").await
}

/// The same under a key.
pub(crate) async fn import_under(
    server: &Server,
    role: &str,
    query: &str,
    kind: &str,
    file: &str,
    key: &str,
) -> Answer {
    let request = server
        .request("POST", role, &format!("/api/v1/manifests?{query}"))
        .header("content-type", kind)
        .header("idempotency-key", key)
        .body(Body::from(file.to_owned()))
        .unwrap();
    send(&server.router, request).await
}

async fn cases(server: &Server, filter: &str) -> Vec<Value> {
    let page = server.get("intake-clerk", &format!("/api/v1/cases?{filter}")).await.expect(200);
    page.json()["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_list_is_only_tried_unless_it_is_said_otherwise() {
    let server = court().await;
    let file = format!("{HEADER}\n{GOOD}\n{BAD}\n");
    for query in ["title=list-1", "title=list-1&dry-run=true"] {
        let answer =
            import(&server, "intake-clerk", query, "text/csv; charset=utf-8", &file).await.expect(200);
        let report = answer.json();
        assert_eq!(report["dry_run"], true, "{report}");
        assert_eq!(report["lines"][0]["findings"], json!([]));
        assert_eq!(
            (&report["records"], &report["opened"], &report["set_aside"]),
            (&json!(2), &json!(1), &json!(1))
        );
        let finding = &report["lines"][1]["findings"][0];
        assert!(
            finding["column"].is_string() && finding["rule"].is_string() && finding["mend"].is_string(),
            "{report}"
        );
    }
    assert!(cases(&server, "").await.is_empty());
}

#[tokio::test]
async fn a_list_is_taken_worked_on_and_not_closed_before_its_records_are() {
    let server = court().await;
    let file = format!("{HEADER}\n{GOOD}\n{BAD}\n");
    let query = "title=list-1&dry-run=false";
    let report = import(&server, "intake-clerk", query, "text/csv", &file).await.expect(200).json();
    assert_eq!(report["opened"], 1);
    assert_eq!(cases(&server, "workflow=detainee-case").await.len(), 1);
    assert_eq!(cases(&server, "workflow=intake-record").await.len(), 1);
    let again = import(&server, "intake-clerk", query, "text/csv", &file).await.expect(200).json();
    assert_eq!((&again["known"], &again["opened"]), (&json!(2), &json!(0)));

    let id = report["manifest"].as_str().unwrap();
    let list = server.get("intake-clerk", &format!("/api/v1/manifests/{id}")).await.expect(200).json();
    assert_eq!(
        (&list["title"], &list["open_records"], &list["closed"]),
        (&json!("list-1"), &json!(1), &json!(false))
    );
    let lists = server.get("intake-clerk", "/api/v1/manifests").await.expect(200).json();
    assert_eq!(lists["items"].as_array().unwrap().len(), 1);

    let refused = server.get("intake-clerk", &format!("/api/v1/manifests/{id}/refused")).await.expect(200);
    assert!(refused.header("content-disposition").unwrap().starts_with("attachment"));
    assert!(String::from_utf8(refused.bytes).unwrap().contains("SYN-1048984-D"));

    let close = format!("/api/v1/manifests/{id}/close");
    let answer = server.post("intake-clerk", &close, "k", json!({})).await.expect(422);
    assert!(answer.json()["detail"].as_str().unwrap().starts_with("1 records"), "{}", answer.json());

    // The record stands with an office and a clock until somebody says what became of it.
    let waiting = &cases(&server, "workflow=intake-record").await[0];
    assert_eq!(waiting["office"], "intake-clerk");
    let case = waiting["reference"].as_str().unwrap();
    let clocks = server.get("intake-clerk", &format!("/api/v1/cases/{case}/deadlines")).await.expect(200);
    assert!(clocks.json()["items"][0]["due"].is_string(), "{}", clocks.json());
    let mended = json!({"command": "admit", "records": [
        {"record": "settlement", "fields": {"case": "SYN-1048984-2", "reasons": "mended and entered again"}},
    ]});
    server.act("intake-clerk", case, "admit", mended).await.expect(200);
    let closed = server.post("intake-clerk", &close, "k", json!({})).await.expect(200).json();
    assert_eq!((&closed["closed"], &closed["open_records"]), (&json!(true), &json!(0)));
    server.post("intake-clerk", &close, "again", json!({})).await.expect(200);
}

#[tokio::test]
async fn a_file_with_an_unknown_column_is_refused_whole_and_the_column_named() {
    let server = court().await;
    let file = format!("{HEADER},colour\n{GOOD},red\n");
    let answer =
        import(&server, "intake-clerk", "title=l&dry-run=false", "text/csv", &file).await.expect(422);
    assert_eq!(answer.code(), "manifest-file");
    assert!(answer.json()["detail"].as_str().unwrap().contains("colour"));
    assert!(cases(&server, "").await.is_empty());
}

#[tokio::test]
async fn a_file_without_a_header_is_refused_without_echoing_its_first_line() {
    let server = court().await;
    let answer = import(&server, "intake-clerk", "title=l", "text/csv", GOOD).await.expect(422);
    assert!(!String::from_utf8_lossy(&answer.bytes).contains("Enes"));
    import(&server, "intake-clerk", "title=l", "text/csv", "").await.expect(422);
}

#[tokio::test]
async fn other_types_and_missing_titles_are_refused() {
    let server = court().await;
    import(&server, "intake-clerk", "title=l", "application/json", "{}").await.expect(415);
    let answer = import(&server, "intake-clerk", "", "text/csv", HEADER).await.expect(400);
    assert_eq!(answer.json()["fields"][0]["field"], "title");
    import(&server, "intake-clerk", "title=l&dry-run=no", "text/csv", HEADER).await.expect(400);
}

#[tokio::test]
async fn an_import_needs_the_capacity_and_leaves_its_record() {
    let server = court().await;
    let file = format!("{HEADER}\n{GOOD}\n");
    for role in ["judge", "administrator", "stranger"] {
        import(&server, role, "title=l", "text/csv", &file).await.expect(403);
        server.get(role, "/api/v1/manifests").await.expect(403);
        let seen = server.store.accesses(None, Some(server.officials[role]), None, 10).await.unwrap();
        assert_eq!(seen.len(), 2, "{role}");
        assert!(seen.iter().all(|record| record.outcome == AccessOutcome::Denied), "{seen:?}");
    }
    import(&server, "intake-clerk", "title=l", "text/csv", &file).await.expect(200);
    let clerk = server.officials["intake-clerk"];
    let seen = server.store.accesses(None, Some(clerk), None, 10).await.unwrap();
    let shown = seen.iter().find(|record| record.query == "POST /api/v1/manifests").unwrap();
    assert_eq!(shown.outcome, AccessOutcome::Shown);
}

/// A body that never comes.
struct Never;

impl axum::body::HttpBody for Never {
    type Data = axum::body::Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Self::Data>, Self::Error>>> {
        std::task::Poll::Pending
    }
}

#[tokio::test]
async fn whoever_may_not_import_is_refused_before_the_file_is_read() {
    let server = court().await;
    let request = server
        .request("POST", "judge", "/api/v1/manifests?title=list-1")
        .header("content-type", "text/csv")
        .header("idempotency-key", "never")
        .body(Body::new(Never))
        .unwrap();
    send(&server.router, request).await.expect(403);
}

#[tokio::test]
async fn an_import_says_in_the_access_log_who_asked_why_and_which_cases_it_showed() {
    let server = court().await;
    let file = format!("{HEADER}\n{GOOD}\n{BAD}\n");
    let request = server
        .request("POST", "intake-clerk", "/api/v1/manifests?title=list-1&dry-run=false")
        .header("content-type", "text/csv")
        .header("idempotency-key", "list")
        .header("qadiya-purpose", "intake of the day")
        .body(Body::from(file))
        .unwrap();
    let answer = send(&server.router, request).await.expect(200);
    let id: uuid::Uuid = answer.header("x-request-id").unwrap().parse().unwrap();
    let by = server.officials["intake-clerk"];
    let records = server.store.accesses(None, Some(by), None, 1_000).await.unwrap();
    let record = records.iter().find(|record| record.id == id).expect("a record under the id of the request");
    assert_eq!(record.purpose.as_deref(), Some("intake of the day"));
    assert_eq!(record.query, "POST /api/v1/manifests");
    assert_eq!(record.outcome, AccessOutcome::Acted);
    assert_eq!(record.streams.len(), 3, "two cases and the list: {record:?}");
    let imports = records.iter().filter(|record| record.query == "POST /api/v1/manifests");
    assert_eq!(imports.count(), 1, "one record for one request");
}
