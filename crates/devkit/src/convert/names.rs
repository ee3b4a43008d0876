//! Names of the workflow language made from foreign identifiers.
//!
//! The grammar wants `[a-z][a-z0-9-]*`; sources write `AWAITING_SUBMISSION`, `[CREATOR]`, `PAAppCreated`, Arabic, or
//! nothing. A name is only a handle: the identifier itself stays beside it as `id:`.

use std::collections::{BTreeMap, BTreeSet};

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Words that the grammar or a YAML reader takes for something else, in any name space.
const RESERVED: &[&str] = &[
    "after",
    "all",
    "alone",
    "always",
    "and",
    "any",
    "approval",
    "archive",
    "ask",
    "at",
    "authority",
    "back",
    "date",
    "days",
    "deadline",
    "document",
    "either",
    "empty",
    "erase",
    "every",
    "every-state",
    "false",
    "fact",
    "field",
    "filed",
    "final",
    "greatest",
    "has",
    "have",
    "holds",
    "hours",
    "if",
    "is",
    "keep",
    "known",
    "lapsed",
    "least",
    "less",
    "limit",
    "minutes",
    "months",
    "more",
    "most",
    "n",
    "new",
    "no",
    "no-route",
    "none",
    "not",
    "null",
    "of",
    "off",
    "on",
    "one-per",
    "open",
    "optional",
    "or",
    "other",
    "passed",
    "personal",
    "people",
    "recompute",
    "record",
    "refused",
    "required",
    "restart",
    "same",
    "sealed",
    "seconds",
    "since",
    "some",
    "state",
    "stays",
    "sum",
    "system",
    "than",
    "to",
    "true",
    "unknown",
    "unless",
    "unset",
    "until",
    "weeks",
    "when",
    "while",
    "working",
    "y",
    "years",
    "yes",
];

/// Longest name made here, in characters; the rest of a longer identifier is only in `id:`.
const LONGEST: usize = 80;

/// Whether the text is a NAME of the grammar that no reader takes for a word of its own.
pub(super) fn is_free_name(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(|first| first.is_ascii_lowercase())
        && characters.all(|each| each.is_ascii_lowercase() || each.is_ascii_digit() || each == '-')
        && !RESERVED.contains(&text)
}

/// Kebab-case of an identifier: `PAAppCreated` is `pa-app-created`, `Décision_2` is `decision-2`. May be empty, and may
/// start with a digit.
pub(super) fn kebab(text: &str) -> String {
    let characters: Vec<char> =
        text.nfkd().filter(|each| !is_combining_mark(*each) && !matches!(each, '\'' | '\u{2019}')).collect();
    let mut name = String::new();
    let mut previous: Option<char> = None;
    for (place, &each) in characters.iter().enumerate() {
        if each.is_ascii_alphanumeric() {
            let next_is_lower = characters.get(place.saturating_add(1)).is_some_and(char::is_ascii_lowercase);
            let starts_word = previous.is_none_or(|before| {
                each.is_ascii_uppercase()
                    && (before.is_ascii_lowercase()
                        || before.is_ascii_digit()
                        || (before.is_ascii_uppercase() && next_is_lower))
            });
            if starts_word && !name.is_empty() {
                name.push('-');
            }
            name.push(each.to_ascii_lowercase());
            previous = Some(each);
        } else {
            previous = None;
        }
    }
    let mut cut: String = name.chars().take(LONGEST).collect();
    while cut.ends_with('-') {
        cut.pop();
    }
    cut
}

/// A name for every identifier of one name space.
///
/// An identifier that already is a name keeps it. No name equals the identifier of another thing in the same space, so
/// that an API which accepts both never has to guess. `kind` (a NAME) goes before what is reserved, starts with a digit
/// or is left empty; `taken` are names of this space that are given already.
pub(super) fn assign(kind: &str, ids: &[String], taken: &[&str]) -> BTreeMap<String, String> {
    let foreign: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
    let mut used: BTreeSet<String> = taken.iter().map(|each| (*each).to_owned()).collect();
    let mut names = BTreeMap::new();
    for id in &foreign {
        if is_free_name(id) && used.insert((*id).to_owned()) {
            names.insert((*id).to_owned(), (*id).to_owned());
        }
    }
    // Where to go on counting for a base, so that ten thousand identifiers without a Latin letter stay cheap.
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for id in ids {
        if names.contains_key(id) {
            continue;
        }
        let base = base(kind, id);
        let count = counts.entry(base.clone()).or_insert(0);
        let name = loop {
            *count = count.saturating_add(1);
            let candidate = if *count == 1 { base.clone() } else { format!("{base}-{count}") };
            let is_anothers_id = candidate != *id && foreign.contains(candidate.as_str());
            if is_free_name(&candidate) && !is_anothers_id && used.insert(candidate.clone()) {
                break candidate;
            }
        };
        names.insert(id.clone(), name);
    }
    names
}

/// The name wished for an identifier: its kebab-case, with the kind before it where that alone cannot stand.
fn base(kind: &str, id: &str) -> String {
    if id.is_empty() {
        return format!("{kind}-empty");
    }
    let plain = kebab(id);
    if is_free_name(&plain) {
        plain
    } else if plain.is_empty() {
        // A bare kind such as `state` may itself be a word of the grammar.
        if is_free_name(kind) { kind.to_owned() } else { format!("{kind}-unnamed") }
    } else {
        format!("{kind}-{plain}")
    }
}
