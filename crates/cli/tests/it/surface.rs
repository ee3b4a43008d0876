//! What every command answers: to wrong arguments, to programs that ask for JSON, to an output that is no terminal.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;

use serde_json::Value;

use crate::program::{Court, Ran, command, run};

/// The commands, each with arguments that cannot be understood and a word of the answer that helps.
const WRONG: &[(&[&str], &str)] = &[
    (&[], "Usage: qadiya"),
    (&["serv"], "serve"),
    (&["help"], "--help"),
    (&["demo", "--people", "many"], "--people"),
    (&["demo", "--listen", "8377"], "--listen"),
    (&["init", "--synthetik"], "--synthetic"),
    (&["serve", "--port", "1"], "--help"),
    (&["work", "--workers", "-1"], "--help"),
    (&["migrate", "now"], "Usage: qadiya migrate"),
    (&["check"], "<FILES>"),
    (&["plan", "a.yaml"], "<NEW>"),
    (&["draw", "a.yaml", "--form", "png"], "mermaid"),
    (&["table"], "<FILE>"),
    (&["publish"], "<FILE>"),
    (&["activate", "road-fine"], "<VERSION>"),
    (&["workflows", "all"], "Usage: qadiya workflows"),
    (&["import", "a.csv", "--today", "tomorrow"], "--today"),
    (&["import", "a.csv", "--workflow", "No Name"], "--workflow"),
    (&["replay", "a.xes"], "--workflow"),
    (&["stage"], "<REF>"),
    (&["case", "A", "--logs"], "--log"),
    (&["verify", "deeply"], "Usage: qadiya verify"),
    (&["export", "pdf", "-o", "a"], "xes"),
    (&["bench", "--seconds", "long"], "--seconds"),
    (&["doctor", "--fix"], "--help"),
    (&["official", "add", "Amal", "--instrument", "1"], "--role"),
    (&["official", "end", "one", "two", "--instrument", "1"], "<OFFICIAL>"),
    (&["token", "reissue"], "issue"),
    (&["token", "revoke", "x", "y"], "<OFFICIAL>"),
    (&["move"], "--to"),
    (&["schema", "xml"], "openapi"),
    (&["completions", "cobol"], "bash"),
    (&["man", "page"], "Usage: qadiya man"),
];

#[test]
fn wrong_arguments_end_with_2_and_an_answer_that_helps() {
    for (words, helps) in WRONG {
        let ran = run(words);
        assert_eq!(ran.code, Some(2), "{words:?}: {ran:?}");
        assert!(ran.out.is_empty() && ran.err.contains(helps), "{words:?}: no {helps:?} in {}", ran.err);
    }
}

#[test]
fn every_command_says_what_it_does_and_stands_in_the_table() {
    let help = run(&["--help"]);
    assert_eq!(help.code, Some(0));
    let commands = help.out.split("Commands:").nth(1).unwrap().split("Options:").next().unwrap();
    let names: Vec<&str> = commands
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(names.len() >= 20, "{names:?}");
    for name in names {
        assert!(
            WRONG.iter().any(|(words, _)| words.first() == Some(&name)),
            "{name} has no line in the table"
        );
        let ran = run(&[name, "--help"]);
        assert_eq!(ran.code, Some(0), "{name}");
        assert!(ran.out.contains("Usage: qadiya"), "{name}: {}", ran.out);
    }
    for code in ["0 done", "1 failed", "2 wrong", "3 there are findings", "4 verify", "70 a flush"] {
        assert!(help.out.contains(code), "{code:?} is not in {}", help.out);
    }
}

/// A workflow that any folder can hold.
const SMALL: &str = include_str!("../../../domain/tests/good/small.yaml");

/// A folder with the calendar that the files name.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let calendars = folder.path().join("calendars");
    std::fs::create_dir(&calendars).unwrap();
    let court = include_str!("../../../domain/tests/good/calendars/court.yaml");
    std::fs::write(calendars.join("court.yaml"), court).unwrap();
    folder
}

#[test]
fn files_are_checked_drawn_and_told_without_a_store() {
    let folder = folder();
    let file = folder.path().join("small.v1.yaml");
    std::fs::write(&file, SMALL).unwrap();
    let at = file.to_str().unwrap();
    let name = SMALL.lines().find_map(|line| line.strip_prefix("workflow: ")).unwrap();
    let checked = run(&["--json", "check", at]);
    assert_eq!(checked.json()[0]["workflow"], name, "{checked:?}");
    assert_eq!(checked.code, Some(if checked.json()[0]["standing"] == "proved" { 0 } else { 3 }));
    let drawn = run(&["draw", at]);
    assert!(drawn.code == Some(0) && drawn.out.contains("stateDiagram"), "{drawn:?}");
    assert_eq!(
        run(&["--json", "draw", at]).json()["text"].as_str().unwrap().trim_end(),
        drawn.out.trim_end()
    );
    let dot = run(&["draw", at, "--form", "dot"]);
    assert!(dot.code == Some(0) && dot.out.starts_with("digraph"), "{dot:?}");
    let table = run(&["table", at]);
    assert!(table.code == Some(0) && table.out.contains('|'), "{table:?}");

    std::fs::write(&file, SMALL.replace("version: 1", "version: one")).unwrap();
    let bad = run(&["--json", "check", at]);
    assert_eq!((bad.code, bad.json()[0]["standing"].as_str()), (Some(3), Some("refused")), "{bad:?}");
    assert!(!bad.json()[0]["findings"].as_array().unwrap().is_empty());
}

#[test]
fn what_a_check_finds_is_written_as_tests_that_pass() {
    let folder = folder();
    let file = folder.path().join("small.v1.yaml");
    let text = include_str!("../../../domain/tests/bad/search/E-complete-nobody-leads-on.yaml");
    std::fs::write(&file, text).unwrap();
    let (at, tests) = (file.to_str().unwrap(), folder.path().join("tests"));
    let found = run(&["--json", "check", at, "--counter-examples", tests.to_str().unwrap()]);
    let written = found.json()[0]["counter_examples"].as_array().unwrap().len();
    assert!(tests.join("small-E-complete-shelved.yaml").is_file() && written >= 2, "{found:?}");
    let run_again = run(&["--json", "check", at]).json();
    let rehearsed = run_again[0]["tests"].as_array().unwrap();
    assert_eq!(rehearsed.len(), written);
    assert!(rehearsed.iter().all(|test| test["passed"] == true), "{run_again}");
    // They are about the mistake: without it they fail.
    std::fs::write(&file, text.replace("decide: {from: waiting", "decide: {from: [waiting, shelved]"))
        .unwrap();
    let mended = run(&["--json", "check", at]).json();
    assert!(mended[0]["tests"].as_array().unwrap().iter().any(|test| test["passed"] == false), "{mended}");
}

#[test]
fn two_versions_are_planned_without_a_store() {
    let folder = folder();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let old = file("permit.v1.yaml", include_str!("../../../domain/tests/plans/permit.v1.yaml"));
    let text = include_str!("../../../domain/tests/plans/permit.v2.yaml");
    let new = file("permit.v2.yaml", text);
    let clear = run(&["plan", &old, &new]);
    assert!(
        clear.code == Some(0) && clear.out.contains("proved") && clear.out.contains("`room`"),
        "{clear:?}"
    );

    let line = "  states: {asked: checked}\n";
    assert!(text.contains(line));
    let left_out = file("other.v2.yaml", &text.replace(line, ""));
    let ran = run(&["--json", "plan", &old, &left_out]);
    let told = ran.json();
    assert_eq!((ran.code, &told["clear"]), (Some(3), &Value::Bool(false)), "{ran:?}");
    assert_eq!(told["findings"][0]["check"], "E-migrate", "{told}");
    assert!(!told["findings"][0]["story"].as_array().unwrap().is_empty());
    assert!(told["changes"].as_array().unwrap().len() > 3 && told["otherwise"] == "ask", "{told}");

    let missing = run(&["plan", &old, "nowhere.yaml"]);
    assert!(missing.code == Some(1) && missing.err.contains("nowhere.yaml"), "{missing:?}");
    let bad = file("bad.yaml", "workflow: bad\n");
    let refused = run(&["plan", &old, &bad]);
    assert!(refused.code == Some(1) && refused.err.contains("qadiya check"), "{refused:?}");
}

#[test]
fn the_program_tells_about_itself() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = run(&["completions", shell]);
        assert!(ran.code == Some(0) && ran.out.contains("until-idle"), "{shell}: {}", ran.err);
    }
    let man = run(&["man"]);
    assert!(man.code == Some(0) && man.out.contains(".TH qadiya"), "{man:?}");
    for (kind, holds) in [("workflow", "$schema"), ("openapi", "openapi")] {
        let ran = run(&["schema", kind]);
        assert!(ran.json().get(holds).is_some(), "{kind}");
    }
}

#[test]
fn a_failure_is_a_document_for_whoever_asked_for_documents() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("none.db");
    let store = store.to_str().unwrap();
    let key = folder.path().join("none.db.key");
    std::fs::write(&key, format!("{}\n", "7".repeat(64))).unwrap();
    for words in [
        &["verify"][..],
        &["doctor"],
        &["work", "--until-idle"],
        &["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"],
        &["export", "xes", "-o", "log.xes"],
        &["official", "list"],
        &["token", "list"],
        &["import", "list.csv"],
    ] {
        let ran = run(&[&["--json", "--store", store], words].concat());
        assert_eq!(ran.code, Some(1), "{words:?}: {ran:?}");
        let failure = ran.failure();
        assert!(failure["failed"].as_str().unwrap().contains("there is no store at"), "{words:?}: {failure}");
        assert!(failure["next"].as_str().unwrap().contains("qadiya init"), "{words:?}: {failure}");
        assert!(ran.out.is_empty(), "{words:?}: {ran:?}");
        let text = run(&[&["--store", store], words].concat());
        assert!(text.err.starts_with("qadiya: there is no store at"), "{words:?}: {text:?}");
    }
    let asked = run(&["--json", "--store", store, "stage", "A"]).failure();
    assert!(asked["failed"].as_str().unwrap().contains("QADIYA_TOKEN is not set"), "{asked}");
}

#[test]
fn migrate_makes_a_schema_and_does_it_twice() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("court.db");
    let words = ["--json", "--store", store.to_str().unwrap(), "migrate"];
    for _ in 0..2 {
        assert_eq!(run(&words).json()["migrated"], true);
    }
    let ran = run(&["--store", store.to_str().unwrap(), "work"]);
    assert_eq!(ran.code, Some(1), "a schema is no court: {ran:?}");
}

#[test]
fn no_progress_is_drawn_where_nobody_watches() {
    let court = Court::new(&["--synthetic"]);
    let added = ["official", "add", "Amal", "--role", "intake-clerk", "--instrument", "A-1"];
    assert_eq!(court.run(&added).code, Some(0));
    let clerk =
        court.run(&["--json", "token", "issue", "Amal"]).json()["secret"].as_str().unwrap().to_owned();
    // Some cells far behind are broken on purpose.
    let list = String::from_utf8_lossy(include_bytes!("../../demo/manifest-2225.csv"));
    let list: Vec<&str> = list.lines().take(41).collect();
    court.write("list.csv", &list.join("\n"));
    let mut import = court.command(&["import", "list.csv", "--commit", "--zone", "Asia/Baghdad"]);
    let imported: Ran = import.env("QADIYA_TOKEN", clerk).output().unwrap().into();
    assert!(imported.out.contains("40 records"), "{imported:?}");
    let verified = court.run(&["verify"]);
    assert_eq!(
        (imported.err.as_str(), verified.err.as_str()),
        ("", ""),
        "a bar is drawn on the error stream"
    );
    for ran in [verified, imported] {
        assert!(!ran.out.contains('\u{1b}') && !ran.out.contains('\r'), "{ran:?}");
    }
}

#[test]
fn a_server_prints_its_addresses_as_one_document() {
    let court = Court::new(&[]);
    let words = ["--json", "serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    let mut server = court.command(&words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap());
    let mut text = String::new();
    while !text.ends_with("}\n") && lines.read_line(&mut text).unwrap() > 0 {}
    let document: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let at = document["server"].as_str().unwrap();
    assert!(at.starts_with("http://127.0.0.1:") && !at.ends_with(":0"), "{document}");
    assert!(document["administration"].as_str().unwrap().starts_with("http://127.0.0.1:"), "{document}");
    // A person at the command line asks that server and no file.
    let mut asked = command(&["--json", "stage", "NOBODY"]);
    let asked = asked.env("QADIYA_SERVER", at).env("QADIYA_TOKEN", "qad_wrong").output().unwrap();
    assert_eq!(asked.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&asked.stderr).contains("QADIYA_TOKEN opens nothing here"), "{asked:?}");
    let stopped = std::process::Command::new("kill").args(["-TERM", &server.id().to_string()]).status();
    assert!(stopped.unwrap().success() && server.wait().unwrap().success());
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "", "nothing follows the document");
}
