//! `verify`: chains, log, signatures, and that every entry was legal.

use crate::args::Global;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::session::Session;

/// Verifies.
pub(crate) async fn run(global: &Global, out: Output) -> Result<Exit, Failure> {
    let session = Session::open(global).await?;
    let bar = out.progress("verifying", 0);
    let shown = bar.clone();
    let report = session
        .engine
        .verify(&move |done, all| {
            shown.set_length(all);
            shown.set_position(done);
        })
        .await
        .map_err(|error| Failure::new("the store could not be read to its end").because(&error))?;
    bar.finish_and_clear();
    session.close().await;
    out.print(&report, || {
        let mut text: Vec<String> = report.faults.iter().map(ToString::to_string).collect();
        text.push(format!(
            "{} cases, {} other streams, {} events, {} log entries ({} under a signed checkpoint, {} waiting): {}",
            report.cases,
            report.entities,
            report.events,
            report.entries,
            report.covered,
            report.pending,
            if report.is_clean() { "nothing was changed".to_owned() } else { format!("{} faults", report.faults.len()) },
        ));
        text.join("\n")
    })?;
    Ok(if report.is_clean() { Exit::Done } else { Exit::Tampered })
}
