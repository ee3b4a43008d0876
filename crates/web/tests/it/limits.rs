//! What a client may do too much of.

use std::time::Duration;

use axum::body::{Body, Bytes};
use qadiya_web::WebSettings;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{Server, send};

#[tokio::test]
async fn a_body_beyond_the_limit_is_answered_413_announced_or_not() {
    let server = Server::with(WebSettings { body_limit: 1_000, ..WebSettings::default() }).await;
    let large = vec![b' '; 1_001];
    server.post_bytes("judge", "/api/v1/cases", "k", large.clone()).await.expect(413);
    let stream = axum::body::Body::new(Chunks(vec![Bytes::from(large)]));
    let request = server
        .request("POST", "judge", "/api/v1/cases")
        .header("content-type", "application/json")
        .header("idempotency-key", "k")
        .body(stream)
        .unwrap();
    send(&server.router, request).await.expect(413);
}

/// A body whose length is not announced.
struct Chunks(Vec<Bytes>);

impl axum::body::HttpBody for Chunks {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
        std::task::Poll::Ready(self.0.pop().map(|chunk| Ok(hyper::body::Frame::data(chunk))))
    }
}

#[tokio::test]
async fn an_address_beyond_the_limit_is_answered_414() {
    let server = Server::start().await;
    let long = format!("/api/v1/cases?after={}", "a".repeat(5_000));
    assert_eq!(server.get("judge", &long).await.expect(414).code(), "uri-too-long");
}

#[tokio::test]
async fn other_types_than_json_are_answered_415() {
    let server = Server::start().await;
    for kind in
        [None, Some("text/plain"), Some("application/json; charset=latin1"), Some("application/jsonx")]
    {
        let mut request = server.request("POST", "judge", "/api/v1/cases").header("idempotency-key", "k");
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        let answer = send(&server.router, request.body(Body::from("{}")).unwrap()).await.expect(415);
        assert!(answer.json()["detail"].as_str().unwrap().contains("application/json"));
    }
    let request = server
        .request("POST", "judge", "/api/v1/cases")
        .header("content-type", "Application/JSON; charset=\"UTF-8\"")
        .header("idempotency-key", "k");
    send(&server.router, request.body(Body::from("{}")).unwrap()).await.expect(400);
}

#[tokio::test]
async fn a_page_holds_one_to_two_hundred() {
    let server = Server::start().await;
    for limit in ["0", "201", "-1", "x", "1.0", "+5", "99999999999999999999"] {
        let answer = server.get("judge", &format!("/api/v1/cases?limit={limit}")).await.expect(400);
        assert_eq!(answer.json()["fields"][0]["field"], "limit");
    }
    for limit in ["1", "200"] {
        server.get("judge", &format!("/api/v1/cases?limit={limit}")).await.expect(200);
    }
    server.get("judge", "/api/v1/cases?limit=1&limit=1").await.expect(400);
}

#[tokio::test]
async fn one_request_too_many_is_answered_503_with_a_time_to_come_back() {
    let server = Server::with(WebSettings { concurrency: 0, ..WebSettings::default() }).await;
    let answer = server.get("judge", "/api/v1/cases").await.expect(503);
    assert_eq!(answer.code(), "busy");
    assert!(answer.header("retry-after").is_some());
    // Whoever watches over the server still learns that it lives.
    server.get("judge", "/live").await.expect(200);
    server.get("judge", "/ready").await.expect(200);
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_503_and_nothing_begun_is_cancelled() {
    let server = Server::start().await;
    let hurried = qadiya_web::router(
        server.engine.clone(),
        WebSettings { answer_time: Duration::ZERO, ..WebSettings::default() },
    );
    let case = server.fine("open-1").await;
    let request = server
        .request("POST", "police-clerk", &format!("/api/v1/cases/{case}/commands"))
        .header("content-type", "application/json")
        .header("idempotency-key", "k");
    let request = request.body(Body::from(json!({"command": "send-fine"}).to_string())).unwrap();
    let written = server.store.gate.lock().await;
    let answer = send(&hurried, request).await.expect(503);
    assert!(answer.header("retry-after").is_some());
    drop(written);
    server.act("police-clerk", &case, "k", json!({"command": "send-fine"})).await.expect(200);
    let read = server.get("judge", &format!("/api/v1/cases/{case}")).await.expect(200).json();
    assert_eq!((&read["state"], &read["version"]), (&json!("sent"), &json!(2)));
}

#[tokio::test]
async fn more_than_five_hundred_commands_are_too_many() {
    let server = Server::start().await;
    let item = json!({"case": "a", "key": "k", "act": {"command": "send-fine"}});
    for items in [vec![], vec![item; 501]] {
        let body = json!({ "items": items });
        let answer = server.post("police-clerk", "/api/v1/commands:batch", "k", body).await.expect(400);
        assert_eq!(answer.json()["fields"][0]["field"], "/items");
    }
}

/// A real listener for what only a listener can do.
async fn listen(settings: WebSettings) -> (std::net::SocketAddr, Server, tokio_util::task::TaskTracker) {
    let server = Server::with(settings.clone()).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = server.router.clone();
    let tracker = tokio_util::task::TaskTracker::new();
    tracker.spawn(async move {
        qadiya_web::serve(listener, router, &settings, std::future::pending()).await.unwrap();
    });
    (address, server, tracker)
}

#[tokio::test]
async fn a_client_that_never_ends_its_head_is_cut() {
    let settings = WebSettings { head_time: Duration::from_millis(50), ..WebSettings::default() };
    let (address, _server, _tasks) = listen(settings).await;
    let mut slow = tokio::net::TcpStream::connect(address).await.unwrap();
    slow.write_all(b"GET /live HTTP/1.1\r\nhost: x\r\nx-slow: ").await.unwrap();
    let mut answer = Vec::new();
    // The peer ends the connection; without the limit this would never return.
    slow.read_to_end(&mut answer).await.unwrap();
    assert!(!String::from_utf8_lossy(&answer).contains("200 OK"));
}

#[tokio::test]
async fn a_client_that_never_reads_is_cut_and_its_place_goes_to_the_next() {
    let write_time = Duration::from_millis(50);
    let settings = WebSettings { connections: 1, write_time, ..WebSettings::default() };
    let (address, _server, _tasks) = listen(settings).await;
    let mut deaf = tokio::net::TcpStream::connect(address).await.unwrap();
    // Far more answers than any buffer of the system takes.
    deaf.write_all("GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n".repeat(500).as_bytes()).await.unwrap();
    let mut next = tokio::net::TcpStream::connect(address).await.unwrap();
    next.write_all(b"GET /live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    // Without the limit the only place would never be free.
    next.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"));
    drop(deaf);
}

#[tokio::test]
async fn a_client_that_never_ends_its_body_is_answered_408() {
    let settings = WebSettings { body_time: Duration::from_millis(50), ..WebSettings::default() };
    let (address, server, _tasks) = listen(settings).await;
    let mut slow = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /api/v1/cases HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\nidempotency-key: k\r\ncontent-length: 100\r\n\r\n{{",
        server.token("police-clerk")
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    slow.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("\"code\":\"timeout\""), "{answer}");
}

#[tokio::test]
async fn a_stopped_server_ends_what_runs_and_takes_nothing_new() {
    // Every place is taken by a client that stays: the word to stop is heard all the same.
    let head_time = Duration::from_hours(1);
    let settings = WebSettings { connections: 1, head_time, ..WebSettings::default() };
    let server = Server::with(settings.clone()).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = qadiya_web::serve(listener, server.router.clone(), &settings, async move {
        stopped.await.unwrap();
    });
    let client = async move {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /live HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut first = [0; 12];
        stream.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        stop.send(()).unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
    };
    let (served, ()) = tokio::join!(serving, client);
    served.unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
