//! `publish`: a workflow file goes into a store, and is signed for once.

use qadiya_domain::registry::publications::Change;

use super::activate::told;
use super::official::administrator;
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
    let failed = |what: &str, error: &dyn std::error::Error| {
        Failure::new(format!("{} could not be {what}", args.file.display())).because(error)
    };
    let actor = administrator(&session).await?;
    let engine = &session.engine;
    let published = engine.publish(&actor, &file.bytes, &calendars).await;
    let published = published.map_err(|error| failed("published", &error))?;
    let (workflow, hash) = (&published.workflow, published.hash);
    let held = engine.publications(workflow).await.map_err(|error| failed("signed for", &error))?;
    let is_active = held.active == Some(hash) && held.unsigned().is_empty();
    let signing = if args.inactive || is_active {
        None
    } else {
        let change = Change { definition: hash, replaces: held.active };
        let done = engine.sign(&actor, workflow, change).await;
        Some(done.map_err(|error| failed("signed for", &error))?)
    };
    session.close().await;
    let active = is_active || signing.is_some_and(|signing| signing.activated);
    let document = serde_json::json!({
        "workflow": workflow, "version": published.version, "hash": hash, "proved": published.proved,
        "active": active, "signed": signing.is_some(), "findings": published.findings,
    });
    out.print(&document, || {
        let mut text: Vec<String> = published.findings.iter().map(ToString::to_string).collect();
        let standing = if published.proved { "proved" } else { "trial" };
        let done = match signing {
            Some(signing) => format!("published and {}", told(signing, workflow, published.version)),
            None if is_active => "published and active".to_owned(),
            None => "published".to_owned(),
        };
        text.push(format!("{workflow} version {} ({standing}) is {done}", published.version));
        text.join("\n")
    })?;
    Ok(if published.proved { Exit::Done } else { Exit::Findings })
}
