//! Rules about Rust files: nothing unfinished, nothing switched off, no file that holds two ideas.

use super::{Finding, Text};

/// Longest file under `src/`, in lines before its test module.
pub(super) const LONGEST: usize = 600;

/// Files that may be longer, each with its reason. An entry that is no longer needed is a finding.
const LONG_FOR_A_REASON: [(&str, &str); 5] = [
    (
        "crates/domain/src/case/decide/perform.rs",
        "the tests of a command stand in the order in which the language names them",
    ),
    (
        "crates/domain/src/workflow/check/search/model.rs",
        "one model, read together with the module's proof of soundness",
    ),
    ("crates/domain/src/workflow/check/search/moves.rs", "every way a configuration moves, side by side"),
    ("crates/domain/src/workflow/model.rs", "the grammar as types: one line of it, one type here"),
    ("crates/domain/src/workflow/test_file.rs", "the grammar of test files, with its documentation"),
];

/// Text that must not stand in Rust code, and what to do instead. Written in two halves, so that this file keeps them.
const FORBIDDEN: [(&str, &str, &str); 5] = [
    ("tod", "o!(", "finish it or leave it out"),
    ("unimplem", "ented!(", "finish it or leave it out"),
    ("#[ign", "ore", "a test runs or does not exist; a slow one takes its size from `trials::count`"),
    ("#[all", "ow(", "use #[expect(lint, reason = \"…\")]"),
    ("#![all", "ow(", "use #![expect(lint, reason = \"…\")]"),
];

pub(super) fn check(text: &Text, found: &mut Vec<Finding>) {
    if !text.has_extension(&["rs"]) {
        return;
    }
    for (number, line) in text.lines() {
        for (first, second, instead) in FORBIDDEN {
            let word = format!("{first}{second}");
            if line.contains(&word) {
                found.push(Finding::new(&text.path, number, format!("`{word}` is not allowed: {instead}")));
            }
        }
        let note = line.split_once("//").map_or("", |(_, comment)| comment);
        if note.contains(concat!("TO", "DO")) || note.contains(concat!("FIX", "ME")) {
            found.push(Finding::new(
                &text.path,
                number,
                "an open point in a comment: do it, or write an issue",
            ));
        }
    }
    if is_mod_file(&text.path) {
        found.push(Finding::new(&text.path, 0, "modules are `name.rs` beside `name/`, not `mod.rs`"));
    }
    let length = length(text);
    if is_source(&text.path)
        && length > LONGEST
        && !LONG_FOR_A_REASON.iter().any(|(path, _)| *path == text.path)
    {
        found.push(Finding::new(
            &text.path,
            0,
            format!(
                "{length} lines before the tests, {LONGEST} is the most: split it into its ideas, or give the reason in \
                 LONG_FOR_A_REASON"
            ),
        ));
    }
}

/// Reasons that a file no longer needs.
pub(super) fn check_reasons(texts: &[Text], found: &mut Vec<Finding>) {
    for (path, _) in LONG_FOR_A_REASON {
        if texts.iter().any(|text| text.path == path && length(text) <= LONGEST) {
            found.push(Finding::new(path, 0, "is short enough: take it off LONG_FOR_A_REASON"));
        }
    }
}

fn is_source(path: &str) -> bool {
    path.starts_with("crates/") && path.contains("/src/")
}

fn is_mod_file(path: &str) -> bool {
    path.ends_with("/mod.rs")
}

/// Lines before the test module at the end of the file.
fn length(text: &Text) -> usize {
    text.text.lines().take_while(|line| *line != "#[cfg(test)]").count()
}
