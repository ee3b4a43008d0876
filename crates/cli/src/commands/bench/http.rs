//! Clients over HTTP. A client of our own, since a general one would cost more processor than the server it measures: one
//! connection, one request at a time, answers with a length.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::lanes::{ACTS, Load, WORKFLOW, finish};
use crate::commands::serve::{address, listen};
use crate::exit::Failure;

/// A server on a free port of this machine.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) address: SocketAddr,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Server {
    /// Serves the API of an engine.
    ///
    /// # Errors
    /// When no port can be had.
    pub(super) async fn start(load: &Load) -> Result<Self, Failure> {
        let listener =
            listen("127.0.0.1:0".parse().map_err(|_| Failure::new("no address of this machine"))?).await?;
        let at = address(&listener)?;
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let settings = qadiya_web::WebSettings::default();
        let router = qadiya_web::router(load.engine.clone(), settings.clone());
        let ended = stop.clone().cancelled_owned();
        tasks.spawn(async move { qadiya_web::serve(listener, router, &settings, ended).await });
        Ok(Self { address: at, stop, tasks })
    }

    /// Lets running requests end.
    pub(super) async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// A connection that is kept.
struct Client {
    stream: TcpStream,
    held: Vec<u8>,
}

fn broken(detail: &str) -> Failure {
    Failure::new(format!("the benchmark's connection broke: {detail}"))
}

impl Client {
    async fn connect(at: SocketAddr) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::new("the benchmark cannot connect").because(&error);
        let stream = TcpStream::connect(at).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        Ok(Self { stream, held: Vec::new() })
    }

    /// Sends a request and reads its answer, which has to be a good one.
    async fn ask(&mut self, request: &str) -> Result<Vec<u8>, Failure> {
        let failed = |error: std::io::Error| broken(&error.to_string());
        self.stream.write_all(request.as_bytes()).await.map_err(failed)?;
        self.held.clear();
        let (head, length) = loop {
            if let Some(found) = head_of(&self.held)? {
                break found;
            }
            if self.stream.read_buf(&mut self.held).await.map_err(failed)? == 0 {
                return Err(broken("it was closed"));
            }
        };
        let end = head.saturating_add(length);
        while self.held.len() < end {
            if self.stream.read_buf(&mut self.held).await.map_err(failed)? == 0 {
                return Err(broken("it was closed"));
            }
        }
        if !self.held.starts_with(b"HTTP/1.1 2") {
            return Err(broken(&String::from_utf8_lossy(&self.held)));
        }
        Ok(self.held.get(head..end).unwrap_or_default().to_vec())
    }
}

/// Where the body begins and how long it is, once the head is whole.
fn head_of(held: &[u8]) -> Result<Option<(usize, usize)>, Failure> {
    let Some(end) = held.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(held.get(..end).unwrap_or_default()).map_err(|_| broken("not text"))?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    Ok(Some((end.saturating_add(4), length.ok_or_else(|| broken("an answer without a length"))?)))
}

/// What of an answer is needed.
#[derive(Deserialize)]
struct Opened {
    reference: String,
}

fn post(path: &str, token: &str, key: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\nIdempotency-Key: {key}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn get(path: &str, token: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n")
}

/// One case over one connection, so many reads after each act; returns whether there is time for another.
async fn case(
    load: &Load,
    client: &mut Client,
    reads: usize,
    until: Instant,
    done: &AtomicU64,
) -> Result<bool, Failure> {
    let key = load.next_case();
    let mut reference = String::new();
    for (step, (_, act)) in ACTS.iter().enumerate() {
        let (key, token) = (format!("{key}-{step}"), load.token(step));
        let request = if step == 0 {
            let body = format!(r#"{{"workflow":"{WORKFLOW}","act":{act}}}"#);
            post("/api/v1/cases", token, &key, &body)
        } else {
            post(&format!("/api/v1/cases/{reference}/commands"), token, &key, act)
        };
        if Instant::now() >= until {
            return Ok(false);
        }
        let answer = client.ask(&request).await?;
        done.fetch_add(1, Ordering::Relaxed);
        if step == 0 {
            let opened: Opened = serde_json::from_slice(&answer)
                .map_err(|error| Failure::new("an answer cannot be read").because(&error))?;
            reference = opened.reference;
        }
        for read in 0..reads {
            // One in four looks at the whole file, the others ask for the stage.
            let path = if read % 4 == 3 { "cases" } else { "stages" };
            client.ask(&get(&format!("/api/v1/{path}/{reference}"), token)).await?;
            done.fetch_add(1, Ordering::Relaxed);
        }
    }
    Ok(true)
}

/// So many clients until an instant, shared among the servers, so many reads after each act; returns how many requests
/// were answered.
///
/// # Errors
/// The first answer that was not a good one.
pub(super) async fn run(
    load: &Arc<Load>,
    servers: &[SocketAddr],
    clients: usize,
    reads: usize,
    until: Instant,
) -> Result<u64, Failure> {
    let (done, tasks) = (Arc::new(AtomicU64::new(0)), TaskTracker::new());
    let running: Vec<_> = servers
        .iter()
        .copied()
        .cycle()
        .take(clients)
        .map(|at| {
            let (load, done) = (Arc::clone(load), Arc::clone(&done));
            tasks.spawn(async move {
                let mut client = Client::connect(at).await?;
                while case(&load, &mut client, reads, until, &done).await? {}
                Ok(())
            })
        })
        .collect();
    finish(running).await?;
    Ok(done.load(Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_once_it_is_whole() {
        assert!(head_of(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n").unwrap().is_none());
        assert_eq!(head_of(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").unwrap(), Some((38, 2)));
        assert!(head_of(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
