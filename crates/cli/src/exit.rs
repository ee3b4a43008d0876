//! Exit codes, and how a failure is told.

use std::error::Error;
use std::fmt;

/// How the program ends. The numbers are part of the interface; `qadiya --help` lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// It could not be done; the text says why and what to do next.
    Failed = 1,
    /// `check`, `publish`: the file is not proved. `plan`: a case is left out, or a right would shrink without a reason.
    /// `import`: records were set aside. `replay`: events were refused.
    /// `doctor`: there are findings.
    Findings = 3,
    /// `verify` or `move` found that something was changed, lost or never legal.
    Tampered = 4,
}

/// What `--help` says about exit codes.
pub(crate) const HELP: &str = "\
Exit codes: 0 done · 1 failed, the text says what to do · 2 wrong arguments · 3 there are findings (check, plan, \
publish, import, replay, doctor) · 4 verify or move found something changed, lost or never legal · 70 a flush to disk failed: \
what is stored is found out by the next start";

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::Failed => Self::from(1),
            Exit::Findings => Self::from(3),
            Exit::Tampered => Self::from(4),
        }
    }
}

/// Why something could not be done: a sentence, its causes, and what to do next.
#[derive(Debug)]
pub(crate) struct Failure {
    what: String,
    causes: Vec<String>,
    next: Option<String>,
}

impl Failure {
    /// A failure in one sentence.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), causes: Vec::new(), next: None }
    }

    /// With its chain of causes.
    pub(crate) fn because(mut self, error: &dyn Error) -> Self {
        let mut cause = Some(error);
        while let Some(error) = cause {
            self.causes.push(error.to_string());
            cause = error.source();
        }
        self
    }

    /// With what to do next.
    pub(crate) fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.what)?;
        for cause in &self.causes {
            write!(f, "\n  because: {cause}")?;
        }
        if let Some(next) = &self.next {
            write!(f, "\n  next: {next}")?;
        }
        Ok(())
    }
}

/// Tells a failure on the error stream: as text, or as one JSON document for a program that asked for JSON.
#[expect(clippy::print_stderr, reason = "this is the one place where a failure is told")]
pub(crate) fn report(failure: &Failure, json: bool) -> std::process::ExitCode {
    if json {
        let document = serde_json::json!({
            "failed": failure.what, "because": failure.causes, "next": failure.next,
        });
        eprintln!("{document}");
    } else {
        eprintln!("qadiya: {failure}");
    }
    Exit::Failed.into()
}
