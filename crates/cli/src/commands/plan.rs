//! `plan`: what a new version of a workflow means for the cases that run under the old one.

use std::path::PathBuf;

use qadiya_domain::workflow::plan::{Change, Plan};
use qadiya_domain::workflow::{Definition, Finding};
use serde::Serialize;

use crate::args::Plan as Args;
use crate::exit::{Exit, Failure};
use crate::files::WorkflowFile;
use crate::output::Output;

/// What is said about two versions.
#[derive(Debug, Serialize)]
struct Report {
    workflow: String,
    old: Version,
    new: Version,
    clear: bool,
    changes: Vec<Change>,
    proof: Proof,
    otherwise: Option<&'static str>,
    findings: Vec<Finding>,
}

#[derive(Debug, Serialize)]
struct Version {
    file: PathBuf,
    version: u32,
    hash: String,
}

/// Whether every running case is proved to come over.
#[derive(Debug, Serialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
enum Proof {
    /// Every open configuration that the old version can reach was mapped and tested.
    Proved { configurations: usize, come_over: usize },
    /// Nothing can be said.
    NotProved { why: String },
}

/// Compares two versions.
pub(crate) fn run(args: &Args, out: Output) -> Result<Exit, Failure> {
    let (before, after) = (WorkflowFile::open(&args.old)?, WorkflowFile::open(&args.new)?);
    let (old, new) = (before.loaded_or_fail()?, after.loaded_or_fail()?);
    let plan = Plan::of(&old, &new);
    let clear = plan.is_clear();
    let version = |file: &WorkflowFile, definition: &Definition| Version {
        file: file.path.clone(),
        version: definition.version,
        hash: definition.hash.to_string(),
    };
    let report = Report {
        workflow: new.workflow.to_string(),
        old: version(&before, &old),
        new: version(&after, &new),
        clear,
        proof: match &plan.closure {
            Ok(closure) => Proof::Proved { configurations: closure.open, come_over: closure.safe() },
            Err(why) => Proof::NotProved { why: why.clone() },
        },
        otherwise: plan.migration().map(|migrate| if migrate.otherwise_ask { "ask" } else { "keep" }),
        changes: plan.changes,
        findings: plan.findings,
    };
    out.print(&report, || text(&report))?;
    Ok(if clear { Exit::Done } else { Exit::Findings })
}

fn text(report: &Report) -> String {
    let mut lines = Vec::new();
    let (old, new) = (&report.old, &report.new);
    let changed = match report.changes.len() {
        0 => "nothing changed".to_owned(),
        1 => "one change".to_owned(),
        count => format!("{count} changes"),
    };
    lines.push(format!(
        "{}: {changed} from version {} to version {}",
        report.workflow, old.version, new.version
    ));
    lines.extend(report.changes.iter().map(|change| format!("  {change}")));
    let otherwise = match report.otherwise {
        Some("ask") => format!(
            "a clerk is asked about every other case that does not replay under version {}",
            new.version
        ),
        _ => format!(
            "every other case that does not replay under version {} ends under version {}",
            new.version, old.version
        ),
    };
    lines.push(match &report.proof {
        Proof::Proved { configurations, come_over } if configurations == come_over => {
            format!("proved: cases come over from every open configuration ({configurations})")
        }
        Proof::Proved { configurations, come_over } => {
            format!("cases come over from {come_over} of {configurations} open configurations; {otherwise}")
        }
        // Why is told by the finding.
        Proof::NotProved { .. } => format!("not proved that cases come over; {otherwise}"),
    });
    let name = new.file.display();
    lines.extend(report.findings.iter().map(|finding| format!("{name}:{finding}")));
    if report.clear {
        lines.push("nothing is open".to_owned());
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use qadiya_domain::workflow::{CheckId, Place};

    use super::*;

    #[test]
    fn why_nothing_is_proved_is_told_once() {
        let version = |version| Version { file: PathBuf::from("a.yaml"), version, hash: String::new() };
        let why = "a file is too large";
        let finding = Finding {
            place: Place::default(),
            check: CheckId::NotProved,
            at: "small".to_owned(),
            message: format!("not proved that running cases come over: {why}"),
            hint: None,
            story: Vec::new(),
            accepted: None,
        };
        let report = Report {
            workflow: "small".to_owned(),
            old: version(1),
            new: version(2),
            clear: false,
            changes: Vec::new(),
            proof: Proof::NotProved { why: why.to_owned() },
            otherwise: Some("keep"),
            findings: vec![finding],
        };
        let told = text(&report);
        assert!(told.contains("not proved that cases come over; every other case"), "{told}");
        assert_eq!(told.matches(why).count(), 1, "{told}");
    }
}
