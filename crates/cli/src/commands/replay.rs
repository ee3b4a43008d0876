//! `replay`: an event log against a workflow, in a store made for synthetic people; what is refused is told, and the
//! log goes on.

use std::fs::File;
use std::io::Write;

use qadiya_engine::event_log::csv::{Column, Columns};
use qadiya_engine::event_log::source::{LogSource, ReadOptions};

use crate::args::{Global, Replay};
use crate::exit::{Exit, Failure};
use crate::files::WorkflowFile;
use crate::output::Output;
use crate::session::Session;

/// Replays.
pub(crate) async fn run(global: &Global, args: &Replay, out: Output) -> Result<Exit, Failure> {
    let file = WorkflowFile::open(&args.workflow)?;
    let definition = file.definition_or_fail()?;
    let calendars = file.calendars_of(&definition);
    let name = args.log.display().to_string();
    let log = File::open(&args.log)
        .map_err(|error| Failure::new(format!("the log {name} cannot be read")).because(&error))?;
    let read = |error: &dyn std::error::Error| Failure::new(format!("{name} is no event log")).because(error);
    let log = LogSource::open(log, &name, &options(args)?).map_err(|error| read(&error))?;
    let log = log.read_all().map_err(|error| read(&error))?;
    let session = Session::open(global).await?;
    let engine = &session.engine;
    let failed = |error: &dyn std::error::Error| {
        Failure::new(format!("{name} was not replayed to its end")).because(error)
    };
    // Publishing and signing are acts on the store: they come after the question whether they may be done at all.
    engine.may_replay().await.map_err(|error| {
        failed(&error).next(
            "replay in a store of its own: `qadiya --store replay.db init --synthetic`; nothing was written",
        )
    })?;
    let signers = engine.replay_signers().await.map_err(|error| failed(&error))?;
    let published = engine.publish_signed(&signers, &file.bytes, &calendars).await;
    let published = published.map_err(|error| failed(&error))?;
    let definition = engine.definition(published.hash).await.map_err(|error| failed(&error))?;
    let by = engine.replayer(&definition).await.map_err(|error| failed(&error))?;
    let bar = out.progress("replaying", 0);
    let shown = bar.clone();
    let report = engine
        .replay(&by, &log, &published.workflow, &move |done, all| {
            shown.set_length(all);
            shown.set_position(done);
        })
        .await
        .map_err(|error| failed(&error))?;
    bar.finish_and_clear();
    session.close().await;
    let mut csv = Vec::new();
    report.write_csv(&mut csv).map_err(|error| failed(&error))?;
    match &args.report {
        Some(path) => {
            let mut to = File::create(path).map_err(|error| {
                Failure::new(format!("{} cannot be written", path.display())).because(&error)
            })?;
            to.write_all(&csv).map_err(|error| {
                Failure::new(format!("{} cannot be written", path.display())).because(&error)
            })?;
        }
        None => out.note(String::from_utf8_lossy(&csv).trim_end())?,
    }
    let accepted: usize = report.cases.iter().map(|case| case.accepted).sum();
    let refused: usize = report.cases.iter().map(qadiya_engine::replay::CaseReplay::refused).sum();
    let summary = serde_json::json!({
        "workflow": published.workflow, "proved": published.proved, "cases": report.cases.len(),
        "accepted": accepted, "refused": refused, "clean": report.clean(),
    });
    out.print(&summary, || {
        let mut text = Vec::new();
        let mut reasons: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
        for refusal in report.cases.iter().flat_map(|case| &case.refusals) {
            let entry = reasons.entry(format!("{}: {}", refusal.activity, refusal.reasons)).or_default();
            *entry = entry.saturating_add(1);
        }
        for (reason, count) in reasons {
            text.push(format!("refused {count} times: {reason}"));
        }
        text.push(format!(
            "{} cases, {accepted} events accepted, {refused} refused, {} cases clean",
            report.cases.len(),
            report.clean()
        ));
        text.join("\n")
    })?;
    Ok(if refused > 0 { Exit::Findings } else { Exit::Done })
}

fn options(args: &Replay) -> Result<ReadOptions, Failure> {
    let column = |name: &Option<String>| name.clone().map_or(Column::Detect, Column::Named);
    let mut options = ReadOptions {
        columns: Columns {
            case: column(&args.case_column),
            activity: column(&args.activity_column),
            timestamp: column(&args.time_column),
            ..Columns::default()
        },
        ..ReadOptions::default()
    };
    if let Some(zone) = &args.zone {
        options.dates.zone = Some(self::zone(zone)?);
    }
    Ok(options)
}

/// A zone by its IANA name.
///
/// # Errors
/// When there is none of this name.
pub(super) fn zone(name: &str) -> Result<jiff::tz::TimeZone, Failure> {
    jiff::tz::TimeZone::get(name).map_err(|error| {
        Failure::new(format!("{name} is no zone"))
            .because(&error)
            .next("write an IANA name, such as Europe/Rome")
    })
}
