//! `import`: a transfer list goes through the rules; with `--commit` it is written.

use std::fs::File;
use std::path::Path;

use qadiya_engine::intake::{ImportOptions, ImportReport};
use qadiya_engine::query::Viewer;
use qadiya_engine::submit::ActorChoice;

use super::replay::zone;
use crate::args::{Global, Import};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::session::Session;

/// Imports.
pub(crate) async fn run(global: &Global, args: &Import, out: Output) -> Result<Exit, Failure> {
    let zone = zone(&args.zone)?;
    let session = Session::open(global).await?;
    let principal = session.principal().await?;
    let by = ActorChoice::ByPrincipal { principal: principal.clone(), role: None };
    let today = args.today.unwrap_or_else(|| session.engine.clock().now().to_zoned(zone).date());
    let options = ImportOptions {
        dry_run: !args.commit,
        today,
        workflow: args.workflow.clone(),
        access: None,
        once: None,
    };
    let title = args.file.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let file = File::open(&args.file).map_err(|error| {
        Failure::new(format!("the list {} cannot be read", args.file.display())).because(&error)
    })?;
    let bar = out.progress("importing", 0);
    let shown = bar.clone();
    let report = session
        .engine
        .import_manifest(&by, &title, file, &options, &move |done, all| {
            shown.set_length(all);
            shown.set_position(done);
        })
        .await
        .map_err(|error| Failure::new(format!("{title} was not imported")).because(&error))?;
    bar.finish_and_clear();
    if let Some(path) = &args.verdicts {
        write_verdicts(path, &report)?;
    }
    if let Some(path) = &args.refused {
        if options.dry_run {
            return Err(Failure::new("records are set aside only by an import with --commit")
                .next("use --verdicts to see what would be set aside, or add --commit"));
        }
        let id = session
            .engine
            .ids()
            .id(session.engine.clock().now())
            .map_err(|error| Failure::new("no id can be made").because(&error))?;
        let viewer = Viewer {
            principal,
            role: None,
            purpose: Some("command line".to_owned()),
            request: id,
            route: "cli import --refused".to_owned(),
        };
        let to = create(path)?;
        let written = session.engine.refused_rows(&viewer, report.manifest, to).await;
        written
            .map_err(|error| Failure::new("the records set aside could not be written").because(&error))?;
    }
    session.close().await;
    out.print(&report, || text(&report))?;
    let aside = report.lines.iter().any(|line| line.verdict >= qadiya_domain::manifest::Verdict::SetAside);
    Ok(if aside { Exit::Findings } else { Exit::Done })
}

fn create(path: &Path) -> Result<File, Failure> {
    File::create(path).map_err(|error| {
        Failure::new(format!("the file {} cannot be written", path.display())).because(&error)
    })
}

/// The verdict on every record, in the form of the truth files.
fn write_verdicts(path: &Path, report: &ImportReport) -> Result<(), Failure> {
    let failed = |error: csv::Error| Failure::new("the verdicts could not be written").because(&error);
    let mut to = csv::Writer::from_writer(create(path)?);
    to.write_record(["record", "isn", "verdict", "attached", "known", "case", "rules", "columns"])
        .map_err(failed)?;
    for line in &report.lines {
        let rules: Vec<&str> = line.findings.iter().map(|finding| finding.rule.as_str()).collect();
        let columns: Vec<&str> =
            line.findings.iter().filter_map(|finding| finding.column.as_deref()).collect();
        to.write_record([
            line.record.to_string().as_str(),
            line.isn.as_deref().unwrap_or_default(),
            line.verdict.to_string().as_str(),
            if line.attached { "1" } else { "0" },
            if line.known { "1" } else { "0" },
            line.case.as_deref().unwrap_or_default(),
            rules.join(";").as_str(),
            columns.join(";").as_str(),
        ])
        .map_err(failed)?;
    }
    to.flush().map_err(|error| Failure::new("the verdicts could not be written").because(&error))
}

fn text(report: &ImportReport) -> String {
    let mut lines = Vec::new();
    let aside = report.lines.iter().filter(|line| !line.findings.is_empty());
    for line in aside.take(20) {
        for finding in &line.findings {
            let column = finding.column.as_deref().unwrap_or("the record");
            lines.push(format!(
                "record {} (line {}): {}: {column}: {} – {}",
                line.record, line.line, line.verdict, finding.what, finding.mend
            ));
        }
    }
    let more = report.lines.iter().filter(|line| !line.findings.is_empty()).count().saturating_sub(20);
    if more > 0 {
        lines.push(format!("… and {more} more records with findings; --verdicts FILE writes them all"));
    }
    let verdicts: Vec<String> =
        report.verdicts.iter().map(|(verdict, count)| format!("{count} {verdict}")).collect();
    lines.push(format!("{}: {} records: {}", report.title, report.records, verdicts.join(", ")));
    if report.dry_run {
        lines.push(format!(
            "dry run: nothing was written; {} cases would be opened, {} records attached, {} set aside. Add --commit.",
            report.opened, report.attached, report.set_aside
        ));
    } else {
        lines.push(format!(
            "written: {} cases opened, {} records attached as claims, {} set aside, {} known before",
            report.opened, report.attached, report.set_aside, report.known
        ));
    }
    lines.join("\n")
}
