//! `check`: is the file a workflow, what do the checks say, and do the tests beside it pass?

use std::path::{Path, PathBuf};

use qadiya_domain::case::counter_example::counter_examples;
use qadiya_domain::case::rehearse::rehearse;
use qadiya_domain::workflow::finding::Severity;
use qadiya_domain::workflow::test_file::{self, Test};
use qadiya_domain::workflow::{Definition, Finding};
use serde::Serialize;

use crate::args::Check;
use crate::exit::{Exit, Failure};
use crate::files::{WorkflowFile, read};
use crate::output::Output;

/// What is said about one file.
#[derive(Debug, Serialize)]
struct Report {
    file: PathBuf,
    workflow: Option<String>,
    version: Option<u32>,
    hash: Option<String>,
    standing: &'static str,
    findings: Vec<Finding>,
    tests: Vec<TestReport>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    counter_examples: Vec<PathBuf>,
    milliseconds: u128,
}

#[derive(Debug, Serialize)]
struct TestReport {
    file: PathBuf,
    test: String,
    passed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

/// Checks files and runs the tests beside them.
pub(crate) fn run(args: &Check, out: Output) -> Result<Exit, Failure> {
    let mut reports = Vec::new();
    for path in &args.files {
        reports.push(one(path, args)?);
    }
    let bad = reports
        .iter()
        .any(|report| report.standing != "proved" || report.tests.iter().any(|test| !test.passed));
    out.print(&reports, || reports.iter().map(text).collect::<Vec<_>>().join("\n\n"))?;
    Ok(if bad { Exit::Findings } else { Exit::Done })
}

fn one(path: &Path, args: &Check) -> Result<Report, Failure> {
    let file = WorkflowFile::open(path)?;
    let begun = tokio::time::Instant::now();
    let read = file.definition();
    let milliseconds = begun.elapsed().as_millis();
    let definition = match read {
        Ok(definition) => definition,
        Err(findings) => {
            return Ok(Report {
                file: path.to_owned(),
                workflow: None,
                version: None,
                hash: None,
                standing: "refused",
                findings,
                tests: Vec::new(),
                counter_examples: Vec::new(),
                milliseconds,
            });
        }
    };
    let tests = if args.no_tests { Vec::new() } else { run_tests(path, &definition)? };
    let folder = args.counter_examples.as_deref();
    let written = folder.map(|folder| write_counter_examples(folder, &definition)).transpose()?;
    Ok(Report {
        file: path.to_owned(),
        workflow: Some(definition.workflow.to_string()),
        version: Some(definition.version),
        hash: Some(definition.hash.to_string()),
        standing: if definition.is_proved() { "proved" } else { "trial" },
        findings: definition.findings.clone(),
        tests,
        counter_examples: written.unwrap_or_default(),
        milliseconds,
    })
}

/// A test file for each finding that a run can show, named by the workflow, the check and what the finding is about.
fn write_counter_examples(folder: &Path, definition: &Definition) -> Result<Vec<PathBuf>, Failure> {
    let failed = |path: &Path, error: &std::io::Error| {
        Failure::new(format!("the counter-example {} cannot be written", path.display())).because(error)
    };
    std::fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
    let mut written: Vec<PathBuf> = Vec::new();
    for (finding, test) in counter_examples(definition) {
        let Some(test) = test else { continue };
        let stem = format!("{}-{}-{}", definition.workflow, finding.check, finding.at);
        let names =
            (1..).map(|no| if no == 1 { format!("{stem}.yaml") } else { format!("{stem}-{no}.yaml") });
        let Some(path) = names.map(|name| folder.join(name)).find(|path| !written.contains(path)) else {
            continue;
        };
        std::fs::write(&path, test.to_string()).map_err(|error| failed(&path, &error))?;
        written.push(path);
    }
    Ok(written)
}

/// The tests in `tests/` beside the file that name its workflow.
fn run_tests(path: &Path, definition: &Definition) -> Result<Vec<TestReport>, Failure> {
    let folder = path.parent().unwrap_or_else(|| Path::new(".")).join("tests");
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(&folder).map_err(|error| {
        Failure::new(format!("the folder {} cannot be listed", folder.display())).because(&error)
    })?;
    let mut paths: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    paths.sort();
    let mut reports = Vec::new();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|end| end == "yaml")) {
        match test_file::read(&read(path)?) {
            Ok(tests) => {
                let ours = tests.iter().filter(|test| test.workflow == definition.workflow);
                reports.extend(ours.map(|test| rehearsed(path, definition, test)));
            }
            Err(findings) => {
                let told: Vec<String> = findings.iter().map(ToString::to_string).collect();
                let why = Some(told.join("; "));
                reports.push(TestReport {
                    file: path.clone(),
                    test: "the file itself".to_owned(),
                    passed: false,
                    why,
                });
            }
        }
    }
    Ok(reports)
}

fn rehearsed(path: &Path, definition: &Definition, test: &Test) -> TestReport {
    let why = rehearse(definition, test).err().map(|surprise| surprise.to_string());
    TestReport { file: path.to_owned(), test: test.title.clone(), passed: why.is_none(), why }
}

fn text(report: &Report) -> String {
    let mut lines = Vec::new();
    let name = report.file.display();
    for finding in &report.findings {
        lines.push(format!("{name}:{finding}"));
    }
    for test in &report.tests {
        match &test.why {
            None => lines.push(format!("test ok: {}", test.test)),
            Some(why) => lines.push(format!("test FAILED: {}\n    {}:{why}", test.test, test.file.display())),
        }
    }
    for path in &report.counter_examples {
        lines.push(format!("counter-example: {}", path.display()));
    }
    let count =
        |severity| report.findings.iter().filter(|finding| finding.check.severity() == severity).count();
    let open = report
        .findings
        .iter()
        .filter(|finding| finding.check.severity() == Severity::Warning && finding.accepted.is_none());
    lines.push(format!(
        "{name}: {} ({} errors, {} open warnings, {} tests) in {} ms",
        match report.standing {
            "proved" => "proved; it may run real cases",
            "trial" => "trial; it may run synthetic cases only",
            _ => "refused; it is no workflow",
        },
        count(Severity::Error),
        open.count(),
        report.tests.len(),
        report.milliseconds
    ));
    lines.join("\n")
}
