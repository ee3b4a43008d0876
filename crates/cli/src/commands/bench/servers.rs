//! What a second server adds: real processes on one PostgreSQL, four workers in one of them or two in each of two, under
//! the same clients.

use std::process::Stdio;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::Instant;

use super::Run;
use super::http;
use super::measure::{Row, float, ratio};
use super::site::{Home, Purpose, Racing, Site};
use crate::exit::Failure;

/// Clients, and workers of all servers together.
const CLIENTS: usize = 64;
const WORKERS: usize = 4;

fn failed(error: &dyn std::error::Error) -> Failure {
    Failure::new("servers beside each other could not be measured").because(error)
}

/// A server in a process of its own. It is killed when it is dropped: what it acknowledged is durable.
struct Process {
    _child: Child,
    address: std::net::SocketAddr,
}

/// What `serve --json` says when it is ready.
#[derive(Deserialize)]
struct Ready {
    server: String,
}

impl Process {
    async fn start(site: &Site, url: &str, workers: usize) -> Result<Self, Failure> {
        let program = std::env::current_exe().map_err(|error| failed(&error))?;
        let mut child = Command::new(program)
            .args(["--json", "--store", url, "--key-file"])
            .arg(&site.key)
            .args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
            .args(["--workers", &workers.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed(&error))?;
        let out = child.stdout.take().ok_or_else(|| Failure::new("a server has no output"))?;
        let mut text = String::new();
        let mut lines = BufReader::new(out).lines();
        let ready: Ready = loop {
            let Some(line) = lines.next_line().await.map_err(|error| failed(&error))? else {
                return Err(Failure::new("a server ended before it was ready"));
            };
            text.push_str(&line);
            if let Ok(ready) = serde_json::from_str(&text) {
                break ready;
            }
        };
        let address = ready.server.trim_start_matches("http://").parse().map_err(|error| failed(&error))?;
        Ok(Self { _child: child, address })
    }
}

/// Measures one server and two, interleaved.
///
/// # Errors
/// The first thing that failed.
pub(super) async fn measure(url: &str, run: &Run<'_>) -> Result<Vec<Row>, Failure> {
    let site = Site::make(Home::Postgres(url), Purpose::Load, run.folder, Racing::new(1)).await?;
    let crate::session::Place::Postgres(store) = &site.place else { return Ok(Vec::new()) };
    let (mut alone, mut together) = (Vec::new(), Vec::new());
    for repetition in 0..run.repetitions {
        for (count, name, kept) in [(1, "pg_servers_1", &mut alone), (2, "pg_servers_2", &mut together)] {
            let mut servers = Vec::new();
            for _ in 0..count {
                servers.push(Process::start(&site, store, WORKERS / count).await?);
            }
            let addresses: Vec<_> = servers.iter().map(|server| server.address).collect();
            let began = Instant::now();
            let until = began.checked_add(run.time).unwrap_or(began);
            let done = http::run(&site.load, &addresses, CLIENTS, 0, until).await?;
            let rate = ratio(float(done), began.elapsed().as_secs_f64()).unwrap_or(0.0);
            run.told(repetition, name, rate)?;
            kept.push(rate);
        }
    }
    site.close().await;
    let ratios = alone.iter().zip(&together).filter_map(|(one, two)| ratio(*two, *one)).collect();
    Ok(vec![
        Row::new(
            "pg_servers_1",
            "over HTTP, 64 clients, one server process with 4 workers",
            "/s",
            Vec::new(),
            alone,
            None,
        ),
        Row::new(
            "pg_servers_2",
            "over HTTP, 64 clients, two server processes with 2 workers each; the ratio is to one",
            "/s",
            ratios,
            together,
            None,
        ),
    ])
}
