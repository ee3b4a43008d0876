//! `publish`: a workflow file goes into a store, and becomes the active version.

use crate::args::{Global, Publish};
use crate::exit::{Exit, Failure};
use crate::files::WorkflowFile;
use crate::output::Output;
use crate::session::Session;

/// Publishes.
pub(crate) async fn run(global: &Global, args: &Publish, out: Output) -> Result<Exit, Failure> {
    let file = WorkflowFile::open(&args.file)?;
    let definition = file.definition_or_fail()?;
    let calendars = file.calendars_of(&definition);
    let session = Session::open(global).await?;
    let principal = session.principal().await?;
    let failed = |what: &str, error: &dyn std::error::Error| {
        Failure::new(format!("{} could not be {what}", args.file.display())).because(error)
    };
    let now = session.engine.clock().now();
    let actor = principal.administrator(now).map_err(|error| failed("published", &error))?;
    let published = session
        .engine
        .publish(&actor, &file.bytes, &calendars)
        .await
        .map_err(|error| failed("published", &error))?;
    if !args.inactive {
        let done = session.engine.activate(&actor, &published.workflow, published.hash).await;
        done.map_err(|error| failed("made the active version", &error))?;
    }
    session.close().await;
    let document = serde_json::json!({
        "workflow": published.workflow, "version": published.version, "hash": published.hash,
        "proved": published.proved, "active": !args.inactive, "findings": published.findings,
    });
    out.print(&document, || {
        let mut text: Vec<String> = published.findings.iter().map(ToString::to_string).collect();
        let standing = if published.proved { "proved" } else { "trial" };
        let active = if args.inactive { "published" } else { "published and active" };
        text.push(format!("{} version {} is {active} ({standing})", published.workflow, published.version));
        text.join("\n")
    })?;
    Ok(if published.proved { Exit::Done } else { Exit::Findings })
}
