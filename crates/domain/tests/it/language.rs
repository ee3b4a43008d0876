//! The workflow language: bad files with their exact findings, good files without any, and no input that panics.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use proptest::prelude::*;
use qadiya_domain::calendar::Calendar;
use qadiya_domain::name::Name;
use qadiya_domain::workflow::{self, Definition, Finding, Severity, Source, check};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

fn calendar(name: &Name) -> Option<Arc<Calendar>> {
    let bytes = std::fs::read(folder("good/calendars").join(format!("{name}.yaml"))).ok()?;
    Some(Arc::new(Calendar::read(&bytes).unwrap()))
}

fn read(text: &[u8]) -> Result<Definition, Vec<Finding>> {
    workflow::read(&Source { text, calendars: &calendar })
}

fn all_findings(text: &[u8]) -> Vec<Finding> {
    match read(text) {
        Ok(definition) => definition.findings,
        Err(findings) => findings,
    }
}

/// What the checks without search find; the searches have files of their own.
fn findings_without_search(text: &[u8]) -> Vec<Finding> {
    match workflow::load(&Source { text, calendars: &calendar }) {
        Ok(definition) => check::without_search(&definition),
        Err(findings) => findings,
    }
}

fn files(of: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder(of))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    files
}

#[test]
fn every_bad_file_gives_exactly_the_findings_it_announces() {
    let mut wrong = String::new();
    for path in files("bad") {
        let text = std::fs::read_to_string(&path).unwrap();
        let expected: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# expect: ")).collect();
        let found: Vec<String> = findings_without_search(text.as_bytes()).iter().map(ToString::to_string).collect();
        if found != expected {
            wrong += &format!("\n{}\n", path.file_name().unwrap().to_string_lossy());
            for line in &found {
                wrong += &format!("# expect: {line}\n");
            }
        }
        let id = path.file_name().unwrap().to_string_lossy().split('-').take(2).collect::<Vec<_>>().join("-");
        assert!(expected.iter().any(|line| line.contains(&format!(": {id}: "))), "{}: no {id}", path.display());
    }
    assert!(wrong.is_empty(), "these files give other findings than they announce:{wrong}");
}

#[test]
fn good_files_give_no_findings() {
    let files = files("good");
    assert!(!files.is_empty());
    for path in files {
        let found = all_findings(&std::fs::read(&path).unwrap());
        let lines: Vec<String> = found.iter().filter(|one| one.check.severity() != Severity::Info).map(ToString::to_string).collect();
        assert!(lines.is_empty(), "{}:\n{}", path.display(), lines.join("\n"));
    }
}

#[test]
fn the_hash_covers_the_file_and_its_calendars() {
    let text = std::fs::read(folder("good/detainee-example.yaml")).unwrap();
    let one = read(&text).unwrap().hash;
    assert_eq!(one, read(&text).unwrap().hash);
    let mut other = text.clone();
    other.push(b'\n');
    assert_ne!(one, read(&other).unwrap().hash);
    let changed = |name: &Name| {
        let mut bytes = std::fs::read(folder("good/calendars").join(format!("{name}.yaml"))).unwrap();
        bytes.extend(b"# changed\n");
        Some(Arc::new(Calendar::read(&bytes).unwrap()))
    };
    assert_ne!(one, workflow::read(&Source { text: &text, calendars: &changed }).unwrap().hash);
}

fn good_text() -> String {
    std::fs::read_to_string(folder("good/detainee-example.yaml")).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _result = read(&bytes);
    }

    #[test]
    fn no_text_of_yaml_characters_makes_the_reader_panic(text in "[-a-z:{}\\[\\],&*!|>'\"%@~#? \n0-9]{0,300}") {
        let _result = read(text.as_bytes());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn no_change_of_a_good_file_makes_the_reader_panic(
        cuts in proptest::collection::vec((0_usize..9_000, 0_usize..40, "[-a-z:{}\\[\\], \n]{0,12}"), 1..4),
    ) {
        let mut characters: Vec<char> = good_text().chars().collect();
        for (from, length, put) in cuts {
            let from = from.min(characters.len());
            let until = (from + length).min(characters.len());
            characters.splice(from..until, put.chars());
        }
        let text: String = characters.into_iter().collect();
        let findings = all_findings(text.as_bytes());
        prop_assert!(findings.iter().all(|finding| !finding.message.is_empty()));
    }
}

#[test]
fn dump_all() {
    for path in files("bad") {
        println!("@@ {}", path.file_stem().unwrap().to_string_lossy());
        for one in findings_without_search(&std::fs::read(&path).unwrap()) {
            println!(">> {one}");
        }
    }
}
