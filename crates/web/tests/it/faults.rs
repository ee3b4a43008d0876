//! Without the access record there is no answer; with a full disk nothing is acknowledged.

use qadiya_store::CaseStore as _;
use qadiya_store::read::CaseRef;
use serde_json::json;

use crate::faulty::Fault;
use crate::support::Server;

const READS: [&str; 9] = [
    "/api/v1/cases",
    "/api/v1/cases/{ref}",
    "/api/v1/cases/{ref}/commands",
    "/api/v1/cases/{ref}/log",
    "/api/v1/cases/{ref}/deadlines",
    "/api/v1/stages",
    "/api/v1/stages/{ref}",
    "/api/v1/work",
    "/api/v1/oversight",
];

#[tokio::test]
async fn a_read_whose_record_cannot_be_written_gives_no_data() {
    let server = Server::start().await;
    let case = server.fine("open-1").await;
    for path in READS {
        let path = path.replace("{ref}", &case);
        server.get("judge", &path).await.expect(200);
        server.store.fail(&[Fault::Full]);
        let answer = server.get("judge", &path).await.expect(503);
        assert_eq!(answer.code(), "storage-full", "{path}");
        assert!(answer.header("retry-after").is_some());
        let text = String::from_utf8_lossy(&answer.bytes).into_owned();
        assert!(!text.contains(&case) && !text.contains("road-fine"), "{path}: {text}");
        server.get("judge", &path).await.expect(200);
    }
}

#[tokio::test]
async fn a_refused_read_whose_record_cannot_be_written_says_nothing_either() {
    let server = Server::start().await;
    let case = server.fine("open-1").await;
    for reference in [case.as_str(), "00000-00000-0"] {
        server.store.fail(&[Fault::Full]);
        server.get("administrator", &format!("/api/v1/cases/{reference}")).await.expect(503);
    }
}

#[tokio::test]
async fn a_full_disk_acknowledges_nothing_and_the_same_key_works_later() {
    let server = Server::start().await;
    let case = server.fine("open-1").await;
    server.store.fail(&[Fault::Full]);
    let act = json!({"command": "send-fine"});
    assert_eq!(server.act("police-clerk", &case, "k", act.clone()).await.expect(503).code(), "storage-full");
    let file = server.get("judge", &format!("/api/v1/cases/{case}")).await.expect(200).json();
    assert_eq!(file["state"], "created");
    let done = server.act("police-clerk", &case, "k", act).await.expect(200);
    assert_eq!(done.header("idempotency-replayed"), None);
}

#[tokio::test]
async fn a_connection_that_broke_after_the_commit_does_nothing_twice() {
    let server = Server::start().await;
    let case = server.fine("open-1").await;
    server.store.fail(&[Fault::UnknownAfter]);
    let act = json!({"command": "send-fine"});
    let first = server.act("police-clerk", &case, "k", act.clone()).await;
    assert!(matches!(first.status.as_u16(), 200 | 503), "{}", first.status);
    let second = server.act("police-clerk", &case, "k", act).await.expect(200);
    let file = server.get("judge", &format!("/api/v1/cases/{case}")).await.expect(200).json();
    assert_eq!(file["state"], "sent");
    assert_eq!(file["version"], second.json()["version"]);
}

#[tokio::test]
async fn what_is_damaged_is_not_answered_with_try_again() {
    let server = Server::start().await;
    let (case, other) = (server.fine("open-1").await, server.fine("open-2").await);
    let find = CaseRef::Reference(case.clone());
    let stream = server.store.inner.find(&find).await.unwrap().unwrap().id;
    server.store.inner.tamper(|tables| tables.events.get_mut(&(stream, 1)).unwrap().bytes = b"{".to_vec());
    let answer = server.get("judge", &format!("/api/v1/cases/{case}/log")).await.expect(500);
    assert_eq!(answer.code(), "damaged");
    assert_eq!(answer.header("retry-after"), None);
    server.get("judge", &format!("/api/v1/cases/{other}/log")).await.expect(200);
}
