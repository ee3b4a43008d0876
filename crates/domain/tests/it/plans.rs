//! Plans: pairs made by hand, changes found one by one, and the ways of running cases.

mod changes;
mod verdicts;

use std::path::Path;
use std::sync::Arc;

use qadiya_domain::calendar::Calendar;
use qadiya_domain::name::Name;
use qadiya_domain::workflow::check::search::Reason;
use qadiya_domain::workflow::plan::Plan;
use qadiya_domain::workflow::{CheckId, Definition, Source, load};

fn text(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(path)).unwrap()
}

fn calendar(name: &Name) -> Arc<Calendar> {
    Arc::new(Calendar::read(text(&format!("good/calendars/{name}.yaml")).as_bytes()).unwrap())
}

fn read(text: &str) -> Definition {
    load(&Source { text: text.as_bytes(), calendars: &|name| Some(calendar(name)) }).unwrap_or_else(
        |faults| panic!("{}\n{text}", faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    )
}

fn changed(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "there is no `{from}` in\n{text}");
    text.replacen(from, to, 1)
}

/// The pairs made by hand; what is said of each stands at the end of the old file.
const PAIRS: [(&str, &str); 3] = [
    ("plans/detainee-example.v2.yaml", "good/detainee-example.yaml"),
    ("plans/permit.v1.yaml", "plans/permit.v2.yaml"),
    ("plans/custody.v1.yaml", "plans/custody.v2.yaml"),
];

#[test]
fn every_pair_made_by_hand_gives_exactly_the_plan_it_announces() {
    let mut wrong = String::new();
    for (one, other) in PAIRS {
        let (before, after) = (text(one), text(other));
        let (old, new) = (read(&before), read(&after));
        let plan = Plan::of(&old, &new);
        let closure = plan.closure.as_ref().unwrap();
        let mut told = vec![format!("{} of {} configurations come over", closure.safe(), closure.open)];
        told.extend(plan.changes.iter().map(|change| format!("{}: {change}", change.place)));
        told.extend(
            plan.findings
                .iter()
                .flat_map(|one| one.to_string().lines().map(str::to_owned).collect::<Vec<_>>()),
        );
        let expected: Vec<&str> = before.lines().filter_map(|line| line.strip_prefix("# expect: ")).collect();
        if told != expected {
            wrong.push_str(&["\n", one, "\n"].concat());
            for line in &told {
                wrong.push_str(&["# expect: ", line, "\n"].concat());
            }
        }
    }
    assert!(wrong.is_empty(), "these pairs give other plans than they announce:{wrong}");
}

/// What is left out: the state, the reason and the example.
fn left_out(old: &str, new: &str) -> Vec<(String, Reason, String)> {
    let (old, new) = (read(old), read(new));
    let plan = Plan::of(&old, &new);
    let left = plan.closure.as_ref().unwrap().left_out.iter();
    let told: Vec<_> =
        left.map(|left| (left.state.to_string(), left.reason.clone(), left.story.join("\n"))).collect();
    let findings = plan.findings.iter().filter(|one| one.check == CheckId::Migrate).count();
    assert!(findings >= told.len() && !plan.is_clear(), "every one is a finding");
    told
}

#[test]
fn a_missing_line_and_a_wrong_line_are_found_with_the_configuration_that_shows_them() {
    let (old, new) = (text(PAIRS[0].0), text(PAIRS[0].1));
    let line = "  states: {pending-classification: awaiting-classification}\n";
    let missing = left_out(&old, &changed(&new, line, ""));
    let [(state, reason, story)] = missing.as_slice() else { panic!("{missing:?}") };
    assert_eq!(state, "pending-classification");
    assert_eq!(*reason, Reason::NoSuchState(Name::new("pending-classification").unwrap()));
    assert!(story.contains("Here: `pending-classification`, `identity` at `unconfirmed`"), "{story}");

    // The trial is no place for somebody without a status.
    let wrong = line.replace("awaiting-classification}", "awaiting-trial}");
    let wrong = left_out(&old, &changed(&new, line, &wrong));
    let [(state, reason, story)] = wrong.as_slice() else { panic!("{wrong:?}") };
    assert_eq!((state.as_str(), reason), ("pending-classification", &Reason::NotReachable));
    for words in ["Here: `pending-classification`", "There: `awaiting-trial`", "The nearest"] {
        assert!(story.contains(words), "{words}: {story}");
    }

    // A slip of the hand in the old name.
    let slip = line.replace("pending-classification:", "pending-clasification:");
    let (old, new) = (read(&old), read(&changed(&new, line, &slip)));
    let found: Vec<String> = Plan::of(&old, &new).findings.iter().map(ToString::to_string).collect();
    assert!(
        found.iter().any(|one| one.contains("no state `pending-clasification`")
            && one.contains("did you mean `pending-classification`?")),
        "{found:#?}"
    );
}

#[test]
fn a_mapping_into_a_dead_end_is_told_as_such() {
    let (old, new) = (text(PAIRS[1].0), text(PAIRS[1].1));
    let dead = changed(&new, "  checked: {}\n", "  checked: {}\n  lost: {}\n");
    let dead = changed(
        &dead,
        "hold:   {from: checked,",
        "lose:   {from: checked, to: lost, by: [head]}\n  hold:   {from: checked,",
    );
    let dead = changed(&dead, "{asked: checked}", "{asked: lost}");
    let dead = changed(&dead, "on-leave: must-finish", "on-leave: stop");
    let left = left_out(&old, &dead);
    assert!(left.iter().any(|(state, reason, _)| state == "asked" && *reason == Reason::NoEnd), "{left:?}");
}

#[test]
fn a_pair_too_large_is_not_proved_and_says_so() {
    let (old, new) = (read(&text(PAIRS[1].0)), read(&text(PAIRS[1].1)));
    let plan = Plan::within(&old, &new, 3);
    assert!(plan.closure.is_err());
    let found: Vec<String> = plan.findings.iter().map(ToString::to_string).collect();
    assert!(found.iter().any(|one| one.contains("I-not-proved: not proved")), "{found:?}");
    assert!(!plan.is_clear());
}

#[test]
fn a_version_that_says_nothing_of_running_cases_is_told_to() {
    let old = text(PAIRS[1].0);
    let (one, other) = (read(&old), read(&changed(&old, "version: 1", "version: 2")));
    let found: Vec<String> = Plan::of(&one, &other).findings.iter().map(ToString::to_string).collect();
    let [only] = found.as_slice() else { panic!("{found:?}") };
    assert!(only.contains("E-migrate") && only.contains("from-version: 1"), "{only}");
}
