//! `activate` and `workflows`: who signs for which version of a workflow, and who has.

use qadiya_domain::ids::DefinitionHash;
use qadiya_domain::registry::publications::{Change, Publications, Signed};
use qadiya_engine::activation::Signing;
use qadiya_engine::query::WorkflowVersion;
use serde_json::json;

use super::official::administrator;
use crate::args::{Activate, Global};
use crate::exit::{Exit, Failure};
use crate::output::{Output, table};
use crate::session::Session;

/// Signs, or takes a signature back.
pub(crate) async fn run(global: &Global, args: &Activate, out: Output) -> Result<Exit, Failure> {
    let session = Session::open(global).await?;
    let actor = administrator(&session).await?;
    let engine = &session.engine;
    let (workflow, version) = (&args.workflow, args.version);
    let failed = |error: &dyn std::error::Error| {
        Failure::new(format!("{workflow} version {version}: no signature was recorded"))
            .because(error)
            .next("`qadiya workflows` shows what is active and who has signed")
    };
    let held = engine.publications(workflow).await.map_err(|error| failed(&error))?;
    let Some(definition) = held.versions.get(&version).copied() else {
        return Err(Failure::new(format!("no version {version} of {workflow} was published"))
            .next("publish the file first: `qadiya publish FILE`"));
    };
    if let Some(wanted) = args.definition.filter(|wanted| *wanted != definition) {
        return Err(Failure::new(format!("{workflow} version {version} is {definition}, not {wanted}"))
            .next("look at the file again before you sign"));
    }
    let change = Change { definition, replaces: args.replaces.or(held.active) };
    let done = if args.withdraw {
        engine.withdraw(&actor, workflow, change).await
    } else {
        engine.sign(&actor, workflow, change).await
    };
    let signing = done.map_err(|error| failed(&error))?;
    session.close().await;
    let document = json!({
        "workflow": workflow, "version": version, "hash": definition, "replaces": change.replaces,
        "active": signing.activated, "withdrawn": args.withdraw, "at": signing.at.to_string(),
    });
    out.print(&document, || {
        let name = format!("{workflow} version {version}");
        let replaced =
            change.replaces.map_or_else(String::new, |hash| format!(" in place of {}", called(&held, hash)));
        let done = if args.withdraw {
            "your signature was taken back".to_owned()
        } else {
            told(signing, workflow, version)
        };
        format!("{name} ({definition}){replaced}: {done}")
    })?;
    Ok(Exit::Done)
}

/// What came of a signature, and what comes next.
pub(super) fn told(signing: Signing, workflow: &str, version: u32) -> String {
    if signing.activated {
        return "signed by two administrators; new cases come under it now".to_owned();
    }
    format!(
        "signed; new cases come under it when another administrator signs too\n\
         next: QADIYA_TOKEN=(theirs) qadiya activate {workflow} {version}"
    )
}

fn called(held: &Publications, hash: DefinitionHash) -> String {
    let version = held.versions.iter().find(|(_, known)| **known == hash);
    version.map_or_else(|| hash.to_string(), |(version, _)| format!("version {version}"))
}

/// Lists versions with their signatures.
pub(crate) async fn list(global: &Global, out: Output) -> Result<Exit, Failure> {
    let session = Session::open(global).await?;
    administrator(&session).await?;
    let versions = session.engine.workflows().await;
    let versions =
        versions.map_err(|error| Failure::new("the workflows could not be read").because(&error))?;
    session.close().await;
    let document: Vec<_> = versions
        .iter()
        .map(|version| {
            json!({
                "workflow": version.workflow, "version": version.version, "hash": version.hash,
                "proved": version.proved, "active": version.active, "made": version.made,
                "waiting": version.waiting,
            })
        })
        .collect();
    out.print(&document, || {
        table(
            ["WORKFLOW", "VERSION", "STANDING", "SIGNED BY", "DEFINITION"],
            versions.iter().map(row).collect(),
        )
    })?;
    Ok(Exit::Done)
}

fn row(version: &WorkflowVersion) -> [String; 5] {
    let waiting = version.waiting.first();
    let standing = match (version.active, waiting, &version.made) {
        (true, ..) => "active",
        (false, Some(_), _) => "waits for a second signature",
        (false, None, Some(_)) => "was active",
        (false, None, None) => "published",
    };
    let signed = version.made.as_ref().filter(|_| version.active || waiting.is_none()).or(waiting);
    [
        version.workflow.to_string(),
        version.version.to_string(),
        standing.to_owned(),
        signed.map(signers).unwrap_or_default(),
        version.hash.to_string(),
    ]
}

/// Who signed, in which capacity, and when.
fn signers(signed: &Signed) -> String {
    let signers = signed.signatures.iter().map(|one| format!("{} ({}, {})", one.name, one.role, one.at));
    signers.collect::<Vec<_>>().join("\n")
}
