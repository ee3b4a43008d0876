//! `doctor`: faults of the installation and of the data, each with the next step.

use serde::Serialize;

use crate::args::Global;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::session::{Place, Session, key_file};

#[derive(Debug, Serialize)]
struct Finding {
    what: String,
    next: String,
}

#[derive(Debug, Serialize)]
struct Report {
    store: String,
    database: String,
    entries: u64,
    waiting: u64,
    findings: Vec<Finding>,
}

/// Looks for faults.
pub(crate) async fn run(global: &Global, out: Output) -> Result<Exit, Failure> {
    let place = Place::read(&global.store);
    let key = key_file(&place, global.key_file.as_deref())?;
    let session = Session::open(global).await?;
    let health = session
        .engine
        .health()
        .await
        .map_err(|error| Failure::new("the store could not be asked how it is").because(&error))?;
    let mut findings: Vec<Finding> = Vec::new();
    let mut find = |what: String, next: &str| findings.push(Finding { what, next: next.to_owned() });
    for fault in &health.faults {
        find(fault.clone(), "mend what is named; the store refuses to start with unsafe settings");
    }
    let skew = health.clock.duration_since(health.now).abs();
    if skew.as_secs() > 1 {
        find(
            format!("the clock of this machine and that of the database differ by {} s", skew.as_secs()),
            "set both clocks by NTP: time limits are counted by the clocks of the servers",
        );
    }
    if health.workers_silent {
        let last = health.last_heartbeat.map_or_else(|| "never".to_owned(), |last| last.to_string());
        find(
            format!(
                "no worker was heard of for 60 s (the last time: {last}): no clock steps, no notice goes out"
            ),
            "start a worker: `qadiya work`, or `qadiya serve`",
        );
    }
    if health.overdue > 0 {
        find(
            format!("{} clock steps are due and nobody has taken them", health.overdue),
            "start a worker: `qadiya work`, or `qadiya serve`",
        );
    }
    if health.incidents > 0 {
        find(
            format!("{} jobs gave up", health.incidents),
            "GET /api/v1/incidents names them; mend the cause, then retry each",
        );
    }
    if health.jobs > 0 {
        find(
            format!("{} jobs and notices wait to be carried out", health.jobs),
            "a worker serves them: `qadiya work --channel notices=URL` for notices, --queue NAME for other queues",
        );
    }
    if is_open_to_others(&key) {
        find(format!("the signing key {} can be read by others", key.display()), "chmod 600 the file");
    }
    let document = Report {
        store: session.place.shown(),
        database: health.database.clone(),
        entries: health.entries,
        waiting: health.pending,
        findings,
    };
    session.close().await;
    out.print(&document, || {
        let mut text = vec![format!(
            "{} on {}: {} log entries, {} not yet numbered",
            document.store, document.database, document.entries, document.waiting
        )];
        for finding in &document.findings {
            text.push(format!("! {}\n  next: {}", finding.what, finding.next));
        }
        if document.findings.is_empty() {
            text.push("nothing is wrong that can be seen from here".to_owned());
        }
        text.join("\n")
    })?;
    Ok(if document.findings.is_empty() { Exit::Done } else { Exit::Findings })
}

fn is_open_to_others(path: &std::path::Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}
