//! The workflow language: bad files with their exact findings, good files without any, and no input that panics.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use proptest::prelude::*;
use qadiya_domain::calendar::Calendar;
use qadiya_domain::name::Name;
use qadiya_domain::workflow::{self, CheckId, Definition, Finding, Severity, Source, check};

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
        let found: Vec<String> = findings_without_search(text.as_bytes())
            .iter()
            .flat_map(|one| one.to_string().lines().map(str::to_owned).collect::<Vec<_>>())
            .collect();
        if found != expected {
            wrong.push_str(&["\n", &path.file_name().unwrap().to_string_lossy(), "\n"].concat());
            for line in &found {
                wrong.push_str(&["# expect: ", line, "\n"].concat());
            }
        }
        let id = path.file_name().unwrap().to_string_lossy().split('-').take(2).collect::<Vec<_>>().join("-");
        assert!(
            expected.iter().any(|line| line.contains(&format!(": {id}: "))),
            "{}: no {id}",
            path.display()
        );
    }
    assert!(wrong.is_empty(), "these files give other findings than they announce:{wrong}");
}

#[test]
fn good_files_give_no_findings() {
    let files = files("good");
    assert!(!files.is_empty());
    for path in files {
        let found = all_findings(&std::fs::read(&path).unwrap());
        let lines: Vec<String> = found
            .iter()
            .filter(|one| one.check.severity() != Severity::Info)
            .map(ToString::to_string)
            .collect();
        assert!(lines.is_empty(), "{}:\n{}", path.display(), lines.join("\n"));
    }
}

/// The searches over the whole draft take a minute and more: the benchmarks run them (`check/detainee draft`).
#[test]
fn the_complete_draft_of_the_detainee_case_gives_no_findings_before_the_searches() {
    let found = findings_without_search(&std::fs::read(folder("drafts/detainee-draft.yaml")).unwrap());
    assert!(found.is_empty(), "{found:#?}");
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
fn a_wait_beyond_the_limit_and_a_single_judge_are_reported_in_the_worked_example() {
    let good = good_text();
    let found = |from: &str, to: &str| {
        assert!(good.contains(from), "the example has no `{from}`");
        let found = findings_without_search(good.replace(from, to).as_bytes());
        found.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let wait = found("{wait: 21 days, after: notice-of-trial}", "{wait: 120 days, after: notice-of-trial}");
    assert_eq!(
        wait,
        [concat!(
            "190:3: E-time: the wait of `open-trial` (120 days after `notice-of-trial`) does not fit into ",
            "`custody-before-trial` (3 months) (shorten the wait, or lengthen the limit)\n",
            "    The case comes to `awaiting-trial`.\n",
            "    Then `open-trial` can only be given when the limit has passed."
        )]
    );
    let judge = found(
        "presiding-judge: {title: Presiding judge, at-least: 3}",
        "presiding-judge: {title: Presiding judge, at-least: 1}",
    );
    assert_eq!(
        judge,
        [concat!(
            "224:5: E-people: the stated staff can never give `refer-for-trial` and `give-verdict` by different ",
            "people (presiding-judge: 1, prosecutor: 1): `unless-short-of: presiding-judge` would set the rule ",
            "aside every time"
        )]
    );
}

/// Checks that need no search, each with at least one bad file. The others are told by their own tests.
#[test]
fn every_check_without_search_has_a_bad_file() {
    let names: Vec<String> =
        files("bad").iter().map(|path| path.file_stem().unwrap().to_string_lossy().into()).collect();
    for id in [
        "E-yaml",
        "E-shape",
        "E-name",
        "W-unused",
        "E-type",
        "E-deadline",
        "E-escalate",
        "E-ladder",
        "E-system",
        "E-clerical",
        "E-jobs",
        "E-final",
        "E-exit",
        "E-date",
        "E-time",
        "E-people",
        "E-auto",
        "E-irregular",
        "E-dead",
    ] {
        assert!(names.iter().any(|name| name.starts_with(&format!("{id}-"))), "no bad file for {id}");
    }
}

#[test]
fn an_accepted_warning_carries_its_reason_and_an_idle_acceptance_is_reported() {
    let text = std::fs::read_to_string(folder("good/small.yaml")).unwrap();
    let unused = text.replace("roles: {", "roles: {guard: {}, ");
    let open = read(unused.as_bytes()).unwrap();
    assert!(!open.is_proved());
    let accept = "accept: [{check: W-unused, at: guard, reason: the guard comes with the next version}]\n";
    let accepted = read(format!("{unused}{accept}").as_bytes()).unwrap();
    let finding = accepted.findings.iter().find(|one| one.check == CheckId::Unused).unwrap();
    assert_eq!(finding.accepted.as_deref(), Some("the guard comes with the next version"));
    let idle = read(format!("{text}{accept}").as_bytes()).unwrap();
    assert!(
        idle.findings.iter().any(|one| one.message.contains("there is no W-unused at `guard` to accept"))
    );
    let error = read(format!("{text}{}", accept.replace("W-unused", "E-deadline")).as_bytes()).unwrap_err();
    assert!(error.iter().any(|one| one.message.contains("only warnings")));
}

#[test]
fn a_file_with_errors_still_loads_but_only_on_trial() {
    let text = std::fs::read(folder("bad/E-escalate-nobody-hears.yaml")).unwrap();
    let definition = read(&text).unwrap();
    assert!(!definition.is_proved());
    assert_eq!(definition.deadlines.len(), 1);
}

#[test]
fn a_state_without_a_named_office_waits_for_the_first_role_of_its_commands() {
    let definition = read(good_text().as_bytes()).unwrap();
    let office = |state: &str| definition.states.get(state).unwrap().acts.as_ref().unwrap().to_string();
    assert_eq!(
        (office("on-trial"), office("registered")),
        ("prosecutor".to_owned(), "investigator".to_owned())
    );
    let track = definition.tracks.get("custody-review").unwrap();
    assert_eq!(track.states.get("review-current").unwrap().acts.as_ref().unwrap().as_str(), "legal-officer");
}

#[test]
fn a_large_file_is_read_and_a_huge_one_refused() {
    let file = |states: usize| {
        let list = (0..states).map(|number| format!("  state-{number}: {{}}\n")).collect::<Vec<_>>().concat();
        good_text().replace(
            "  tried:                   {final",
            &format!("{list}  tried:                   {{final"),
        )
    };
    let found = findings_without_search(file(3_000).as_bytes());
    assert_eq!(found.iter().filter(|one| one.check == CheckId::Exit).count(), 3_000);
    let names = (0..20_000).map(|number| format!("role-{number}, ")).collect::<Vec<_>>().concat();
    let wrong = good_text().replace("  stage: [", &format!("  stage: [{names}"));
    assert_eq!(findings_without_search(wrong.as_bytes()).len(), 20_000);
    assert!(findings_without_search(file(80_000).as_bytes()).iter().any(|one| one.message.contains("parts")));
}
