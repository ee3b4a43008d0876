//! What changed: nothing against itself, and one edit exactly where it was made.

use qadiya_devkit::trials;
use qadiya_domain::workflow::plan::{Change, Difference, changes};

use super::changed;
use crate::differential::dice::Dice;
use crate::differential::{definition, file};

/// One edit: what is written instead of what, and how its change is told, up to the difference.
const EDITS: &[(&str, &str, &str)] = &[
    ("stages: {begun: {when: at waiting}", "stages: {begun: {when: at heard}", "stages `begun`: when"),
    ("guard: {}}", "guard: {}, usher: {}}", "roles `usher`: new"),
    ("judge: {at-least: 3}", "judge: {at-least: 4}", "roles `judge`: at-least"),
    ("starts: no", "starts: yes", "facts `ready`: starts"),
    ("of: [a, b, c]", "of: [a, b, c, d]", "facts `kind`: type"),
    (
        "note: {type: text, editable-by: [guard]}",
        "note: {type: text, editable-by: [judge]}",
        "facts `note`: editable-by",
    ),
    (
        "size: {type: number, editable-by: [clerk]}",
        "size: {type: number, editable-by: [clerk], class: sealed}",
        "facts `size`: now class",
    ),
    ("limit: {each: 90 days", "limit: {each: 80 days", "records `order`: limit: each"),
    (
        "days: {type: number, may-be: [unknown]}",
        "days: {type: number, may-be: [unknown, refused]}",
        "records `charge`, field `days`: may-be",
    ),
    (
        "grave: {type: flag}",
        "grave: {type: flag}, urgent: {type: flag}",
        "records `charge`, field `urgent`: new",
    ),
    ("deed: {from: [judge], signed: true}", "deed: {from: [judge]}", "documents `deed`: no longer signed"),
    (
        "strict: {if: ready is yes and kind is known}",
        "strict: {if: ready is yes or kind is known}",
        "rules `strict`: if",
    ),
    (
        "paused:  {suspended: true}",
        "paused:  {suspended: true, title: A pause}",
        "states `paused`: now title",
    ),
    (
        "dead:    {final: dead, exceptional: true}",
        "dead:    {final: dead}",
        "states `dead`: no longer exceptional",
    ),
    (
        "states: {charged: {}, judged",
        "states: {charged: {no-deadline: so}, judged",
        "tracks `trial`, state `charged`: now no-deadline",
    ),
    ("begins: charged", "begins: judged", "tracks `trial`: begins"),
    (
        "finish:  {from: missing, to: complete, by: [clerk]",
        "finish:  {from: missing, to: complete, by: [clerk, judge]",
        "commands `finish`: by",
    ),
    ("reopens: true}", "reopens: true, basis: article 5}", "commands `reopen`: now basis"),
    (
        "  remark:  {from: always, stays: true, by: [clerk], clerical: a remark, needs: [report]}\n",
        "",
        "commands `remark`: gone",
    ),
    (
        "  more:    {from",
        "  spare:   {from: waiting, stays: true, by: [judge]}\n  more:    {from",
        "commands `spare`: new",
    ),
    (
        "  each: {while: charged, within: 5 working days",
        "  each: {while: charged, within: 6 working days",
        "deadlines `each`: limit",
    ),
    (
        "late: [{after: 0 days, tell: [judge]}], repeat: 2 days}\n  each",
        "late: [{after: 0 days, tell: [clerk]}], repeat: 2 days}\n  each",
        "deadlines `second`, late step 1: tell",
    ),
    ("retry: {times: 1}", "retry: {times: 2}", "jobs `ask`: retry: times"),
    ("with: {note: remark, kind: sort}", "with: {note: remark}", "jobs `ask`, answer `found`: with"),
    ("returns-to: waiting", "returns-to: heard", "corrections `annul c0`: returns-to"),
    ("corrections:\n", "keep-for: {after: final, years: 9, then: erase}\ncorrections:\n", "keep-for: new"),
    ("corrections:\n", "access: {file: [judge]}\ncorrections:\n", "access: now file"),
];

/// The office of a state follows from who gives its commands.
fn follows(change: &Change) -> bool {
    matches!(&change.difference, Difference::Changed { key, .. } if key == "acts")
}

#[test]
fn one_edit_is_told_exactly_where_it_was_made_and_nothing_else() {
    let trials = trials::count(100, 500).unwrap();
    let mut told = std::collections::BTreeSet::new();
    for seed in 0..u64::from(trials) {
        let mut dice = Dice::new(seed);
        let (text, old) = file(&mut dice);
        assert_eq!(changes(&old, &old), [], "{text}");
        let able: Vec<_> = EDITS.iter().filter(|(from, _, _)| text.contains(from)).collect();
        let (from, to, expected) = dice.pick(&able);
        let edited = changed(&text, from, to);
        let Ok(new) = definition(&edited) else { continue };
        let found = changes(&old, &new);
        let own: Vec<&Change> = found.iter().filter(|change| !follows(change)).collect();
        let [only] = own.as_slice() else { panic!("{expected}: {found:?}\n{text}") };
        assert!(only.to_string().starts_with(expected), "{expected}: {only}\n{text}");
        // It stands on the line of the thing that was edited, in the file that has it.
        let file = if only.difference == Difference::Removed { &text } else { &edited };
        let line = usize::try_from(only.place.line).unwrap();
        let named = only.part.as_deref().unwrap_or(&only.name);
        let named = named.split('`').nth(1).unwrap_or(named).split(' ').next_back().unwrap();
        if line > 0 && only.part.as_deref().is_none_or(|part| part.contains('`')) {
            assert!(file.lines().nth(line - 1).unwrap().contains(named), "{only} at {}\n{file}", only.place);
        }
        // Back again, the same place is told.
        let back = changes(&new, &old);
        assert_eq!(back.iter().filter(|change| !follows(change)).count(), 1, "{back:?}");
        told.insert(*expected);
    }
    assert!(told.len() + 3 > EDITS.len(), "only {told:?}");
}
