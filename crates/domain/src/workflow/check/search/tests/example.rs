//! The worked example of LANGUAGE 4.3, whole, with seeded mistakes, and grown.

use std::fmt::Write as _;

use super::*;

fn text() -> String {
    file("good/detainee-example.yaml")
}

#[test]
fn the_worked_example_has_no_findings() {
    let found = findings_of(&text());
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_worked_example_has_sixty_eight_configurations() {
    // The prototype of LANGUAGE 4.6 counted 102, with every value of every choice by itself.
    assert_eq!(graph_size(&read(&text())), 68);
}

/// The file without one command.
fn without(text: &str, command: &str) -> String {
    let mut left = String::new();
    let mut inside = false;
    for line in text.lines() {
        let begins = line.starts_with("  ") && !line.starts_with("   ");
        if begins || !line.starts_with(' ') {
            inside = line.starts_with(&format!("  {command}:"));
        }
        if !inside {
            left.push_str(line);
            left.push('\n');
        }
    }
    assert_ne!(left.lines().count(), text.lines().count(), "there is no `{command}`");
    left
}

fn changed(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "the example has no `{from}`");
    text.replacen(from, to, 1)
}

#[test]
fn each_mistake_seeded_into_the_worked_example_is_reported() {
    let good = text();
    let cut = |text: &str, from: &str| changed(text, from, "");
    let no_verdict = cut(
        &without(&good, "give-verdict"),
        "    - {command: give-verdict, while: tried, returns-to: on-trial, by: [presiding-judge], reopens: true}\n",
    );
    let no_verdict = no_verdict.replace("  - {different-people: [refer-for-trial.approval, give-verdict], unless-short-of: presiding-judge}\n", "");
    let no_verdict = no_verdict.replace("  - {same-person: [open-trial, give-verdict]}\n", "");
    for (mistake, bad, check, at) in [
        (
            "removed identity confirmation",
            without(&good, "confirm-identity"),
            CheckId::Complete,
            "under-investigation",
        ),
        ("removed identity confirmation", without(&good, "confirm-identity"), CheckId::Reach, "confirmed"),
        ("removed repatriation order", without(&good, "order-repatriation"), CheckId::Gap, "classified"),
        (
            "guard gap",
            changed(
                &good,
                "status is not suspect and charges is not criminal",
                "status is civilian and charges is not criminal",
            ),
            CheckId::Gap,
            "classified",
        ),
        (
            "missing stops-tracks",
            cut(&good, "    to: deceased\n    stops-tracks: true\n").replace(
                "  record-death:\n    from: every-state\n",
                "  record-death:\n    from: every-state\n    to: deceased\n",
            ),
            CheckId::Escape,
            "record-death",
        ),
        ("unmarked step back", cut(&good, ", steps-back: true"), CheckId::Stage, "decide-classification"),
        (
            "a mark that lowers nothing",
            changed(&good, "  start-investigation:\n", "  start-investigation:\n    steps-back: true\n"),
            CheckId::Stage,
            "start-investigation",
        ),
        (
            "unreachable state",
            changed(
                &good,
                "  classified:              {",
                "  lost:                    {}\n  classified:              {",
            ),
            CheckId::Reach,
            "lost",
        ),
        ("removed verdict", no_verdict, CheckId::Reach, "tried"),
        (
            "broken trial path",
            changed(
                &good,
                "    from: awaiting-trial\n    to: on-trial",
                "    from: awaiting-trial\n    to: awaiting-trial",
            ),
            CheckId::Reach,
            "on-trial",
        ),
        (
            "a guard nothing can make true",
            changed(
                &good,
                "if: status is suspect or charges is criminal",
                "if: status is suspect and status is civilian",
            ),
            CheckId::Dead,
            "refer-for-trial",
        ),
        ("forgotten sets", cut(&good, ", sets: {status: civilian}"), CheckId::Stage, "decide-classification"),
        ("missing deadline", without(&good, "classify"), CheckId::Deadline, "awaiting-classification"),
        (
            "unknown command",
            changed(&good, "do: call-custody-review", "do: call-custody-revew"),
            CheckId::Name,
            "call-custody-revew",
        ),
        (
            "system not allowed",
            changed(&good, "by: [legal-officer, system]", "by: [legal-officer]"),
            CheckId::System,
            "six-month-review",
        ),
        (
            "empty ladder",
            changed(
                &good,
                "    within: 10 working days\n    late: [{after: 0 days, tell: [presiding-judge]}]",
                "    within: 10 working days\n    late: []",
            ),
            CheckId::Escalate,
            "decide-review",
        ),
    ] {
        let found = all_findings(&bad);
        let told: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert!(
            found.iter().any(|one| one.check == check && one.at == at),
            "{mistake}: {check} at {at}\n{}",
            told.join("\n")
        );
    }
}

/// The example with more tracks beside the main line, all in one product because a command reads them all.
pub(crate) fn grown(tracks: usize) -> String {
    let mut more = String::new();
    let mut commands = String::new();
    let mut stages = String::new();
    for track in 0..tracks {
        write!(more, "  extra-{track}:\n    open-in: [registered, under-investigation, awaiting-classification, classified]\n    on-leave: stop\n    begins: one-{track}\n    states: {{one-{track}: {{}}, two-{track}: {{}}, three-{track}: {{}}}}\n").unwrap();
        write!(commands, "  first-{track}: {{from: one-{track}, to: two-{track}, by: [investigator]}}\n  second-{track}: {{from: two-{track}, to: three-{track}, by: [investigator]}}\n").unwrap();
        write!(stages, " or at three-{track}").unwrap();
    }
    let text = changed(&text(), "tracks:\n", &format!("tracks:\n{more}"));
    let text = changed(&text, "commands:\n", &format!("commands:\n{commands}"));
    changed(
        &text,
        "    if: status is suspect or charges is criminal",
        &format!("    if: status is suspect or charges is criminal{stages}"),
    )
}

#[test]
fn six_more_tracks_of_three_states_multiply_the_configurations_and_change_no_verdict() {
    let def = read(&grown(6));
    // Four main states have all six tracks, each of them in one of three states: at least 4 · 3⁶ configurations.
    assert_eq!(graph_size(&def), 20_457);
    assert_eq!(findings(&def, LIMIT), Vec::new());
}

#[test]
fn the_file_of_many_configurations_has_as_many_as_it_says() {
    assert_eq!(graph_size(&read(&file("good/many-configurations.yaml"))), 49_606);
}

#[test]
fn what_is_too_large_to_be_met_one_by_one_is_proved_on_diagrams() {
    let def = read(&grown(13));
    // 3 to the 13th in each of four states, and what lies behind them.
    assert_eq!(findings(&def, 1_000), Vec::new());
}

#[test]
fn a_file_beyond_the_limit_is_not_proved_and_says_what_multiplies() {
    let found = findings_within(&read(&grown(6)), 1_000, 500);
    let [one] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(one.check, CheckId::NotProved);
    assert!(
        one.message.starts_with(
            "not proved: more than 1000 configurations, and more than 500 nodes in their decision diagram; what multiplies: "
        ),
        "{}",
        one.message
    );
    assert!(
        one.message.contains("`extra-0` (4)") || one.message.contains("the main states (12)"),
        "{}",
        one.message
    );
}

#[test]
fn the_verdict_is_the_same_in_every_run() {
    let bad = without(&text(), "confirm-identity");
    assert_eq!(findings_of(&bad), findings_of(&bad));
}

#[test]
fn the_workflows_of_this_repository_are_proved() {
    for name in ["road-fine", "intake-record", "detainee-case"] {
        let found = findings_of(&file(&format!("../../../workflows/{name}.v1.yaml")));
        assert!(found.is_empty(), "{name}:\n{}", found.join("\n"));
    }
}

#[test]
fn an_annulment_with_too_many_ways_back_is_not_proved_and_says_so() {
    let facts = |wanted: &dyn Fn(usize) -> String| (0..13).map(wanted).collect::<Vec<_>>().join(", ");
    let text = file("good/small.yaml");
    let kind = "kind: {type: choice, of: [plain, grave]}";
    let text = changed(&text, kind, &format!("{kind}, {}", facts(&|at| format!("f{at}: {{type: flag}}"))));
    let ways = facts(&|at| format!("f{at}: yes"));
    let asked = (0..13).map(|at| format!("f{at} is known and f{at} is yes")).collect::<Vec<_>>().join(" or ");
    let commands = format!(
        "  mark: {{from: waiting, stays: true, by: [clerk], sets: {{{ways}}}}}\n  unmark: {{from: waiting, stays: true, by: [clerk], sets: {{{}}}}}\n  look: {{from: waiting, stays: true, by: [clerk], if: {asked}}}\n",
        facts(&|at| format!("f{at}: no"))
    );
    let text = changed(&text, "commands:\n", &format!("commands:\n{commands}"));
    let annul = "corrections: {annul: [{command: mark, while: waiting, returns-to: waiting, by: [judge]}]}\n";
    let found = findings_of(&format!("{text}{annul}"));
    let [one] = found.as_slice() else { panic!("{found:?}") };
    assert!(
        one.contains(
            "I-not-proved: not proved: annulling `mark` can give back earlier values in more than 4096 ways"
        ),
        "{one}"
    );
}
