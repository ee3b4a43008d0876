//! The demo as a stranger sees it: the whole cohort, what is printed, what is served, and a second start.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::server::program;

/// A running demo and everything it printed before it served.
struct Demo {
    child: Child,
    lines: BufReader<ChildStdout>,
    said: String,
}

impl Demo {
    fn start(folder: &Path, more: &[&str]) -> Self {
        let mut command = Command::new(program());
        command.args(["demo", "--listen", "127.0.0.1:0", "--folder"]).arg(folder).args(more);
        let errors = std::fs::File::create(folder.with_extension("err")).unwrap();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut said = String::new();
        while !said.contains("Serving on http://") && lines.read_line(&mut said).unwrap() > 0 {}
        let errors = std::fs::read_to_string(folder.with_extension("err")).unwrap();
        assert!(said.contains("Serving on http://"), "{said}{errors}");
        assert_eq!(errors, "", "no bar is drawn where nobody watches");
        Self { child, lines, said }
    }

    /// The word after this one in what was printed.
    fn after(&self, words: &str) -> &str {
        self.said.split(words).nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap()
    }

    fn server(&self) -> String {
        format!("http://{}", self.after("Serving on http://"))
    }

    /// How many detainee cases stand in a stage, from the printed funnel.
    fn cases(&self, stage: &str) -> u64 {
        let row = self
            .said
            .lines()
            .find(|line| line.contains("detainee-case") && line.split('|').any(|cell| cell.trim() == stage));
        let row = row.unwrap_or_else(|| panic!("no {stage} in {}", self.said));
        row.trim_end_matches('|').rsplit('|').next().unwrap().trim().parse().unwrap()
    }

    fn stop(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).unwrap();
        let ended = self.child.wait().unwrap();
        assert!(ended.success(), "{ended}: {rest}");
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn shell(line: &str) -> Value {
    let ran = Command::new("sh").args(["-c", line]).stdin(Stdio::null()).output().unwrap();
    assert!(ran.status.success(), "{line}: {ran:?}");
    serde_json::from_slice(&ran.stdout).unwrap_or_else(|error| panic!("{line}: {error}: {ran:?}"))
}

/// The one number that a statement over the store's file gives.
fn number(store: &str, sql: &str) -> u64 {
    let script =
        "import sqlite3, sys\nprint(sqlite3.connect(sys.argv[1]).execute(sys.argv[2]).fetchone()[0])";
    let ran = Command::new("python3").args(["-c", script, store, sql]).output().unwrap();
    assert!(ran.status.success(), "{ran:?}");
    String::from_utf8(ran.stdout).unwrap().trim().parse().unwrap()
}

/// The three calls of the text, each with its continuation lines.
fn calls(said: &str) -> Vec<String> {
    let text = said.replace("\\\n", " ");
    text.lines().filter(|line| line.starts_with("curl ")).map(str::to_owned).collect()
}

/// `stage` from the command line, which asks the server.
fn stage(reference: &str, token: &str, server: &str) -> Value {
    let mut command = Command::new(program());
    command.args(["--json", "stage", reference]).env("QADIYA_TOKEN", token);
    command.env("QADIYA_SERVER", server).stdin(Stdio::null());
    let ran = command.output().unwrap();
    assert!(ran.status.success(), "{ran:?}");
    serde_json::from_slice(&ran.stdout).unwrap()
}

fn instant(said: &Demo) -> jiff::Timestamp {
    said.after("The court's clock shows ").trim_end_matches('.').parse().unwrap()
}

#[test]
fn the_demo_works_through_its_cohort_serves_what_it_prints_and_goes_on() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("demo");
    let demo = Demo::start(&folder, &[]);
    assert!(demo.said.contains("SYNTHETIC DEMO"));
    assert!(demo.said.contains("1387 persons have been questioned"), "{}", demo.said);
    assert!(demo.cases("classified") >= 1 && demo.cases("tried") >= 1 && demo.cases("repatriated") >= 1);

    let calls = calls(&demo.said);
    assert_eq!(calls.len(), 3, "{}", demo.said);
    let [asked, why, acted] = [0, 1, 2].map(|call| shell(&calls[call]));
    assert_eq!(asked["stage"], "tried", "{asked}");
    assert!(why.to_string().contains("choose-counsel"), "{why}");
    assert!(acted["version"].as_u64().is_some(), "{acted}");
    assert_eq!(shell(&calls[2]), acted, "the same key gets the same answer");

    let (server, prosecutor) = (demo.server(), demo.after("prosecutor").to_owned());
    let tried = calls[0].rsplit('/').next().unwrap().to_owned();
    assert_eq!(stage(&tried, &prosecutor, &server), asked);
    let shown = instant(&demo);
    // Killed, it leaves no mark of its last instant: the store itself tells how late it is.
    demo.kill();
    let store = folder.join("qadiya.db").display().to_string();
    let officials = || number(&store, "SELECT count(*) FROM entity WHERE kind = 'official'");
    let before = officials();
    // What was printed is what the cases hold.
    let questioned = "SELECT count(DISTINCT stream) FROM event WHERE CAST(bytes AS TEXT) LIKE '%\"command\":\"question\"}%'";
    assert!(number(&store, questioned) >= 1_387);
    for state in ["judged", "repatriated", "released-not-final"] {
        assert!(
            number(&store, &format!("SELECT count(*) FROM court_case WHERE main = '{state}'")) >= 1,
            "{state}"
        );
    }
    assert!(before > 10);

    let again = Demo::start(&folder, &[]);
    assert!(again.said.contains("goes on where it was"), "{}", again.said);
    assert!(instant(&again) >= shown, "the court's clock never runs backwards");
    assert_eq!(again.cases("tried"), 8);
    let calls_again = self::calls(&again.said);
    assert_eq!(shell(&calls_again[0])["stage"], "tried");
    again.stop();
    assert_eq!(officials(), before, "nobody is named anew");

    let fresh = Demo::start(&folder, &["--reset", "--people", "20"]);
    assert!(!fresh.said.contains("goes on where it was"), "{}", fresh.said);
    let cases: u64 = ["received", "investigated", "classified"]
        .iter()
        .filter(|stage| fresh.said.contains(*stage))
        .map(|stage| fresh.cases(stage))
        .sum();
    assert!(cases <= 20, "{}", fresh.said);
    fresh.stop();
}
