//! Rules about places: nothing of one person's machine, and no source of packages but the public registries.

use super::{Finding, Text};

/// Beginnings of paths that exist on one machine only. Written in halves, so that this file keeps the rule.
/// The API has an address `/work`, so of that name only the folders are meant.
const MACHINE: [(&str, &str); 7] = [
    ("/wo", "rk/shared"),
    ("/wo", "rk/main"),
    ("/wo", "rk/."),
    ("/tm", "p/"),
    ("/ro", "ot/"),
    ("/ho", "me/"),
    ("/Use", "rs/"),
];

/// Settings that point a package manager elsewhere.
const REGISTRY: [(&str, &str); 7] = [
    ("replace", "-with"),
    ("index", "-url"),
    ("registry", "-index"),
    ("registry = \"", "http"),
    ("sparse+", "http"),
    ("GOPR", "OXY="),
    ("npm_config_", "registry"),
];

/// The only source of crates in the lock file.
const CRATES: &str = concat!("registry+https://github.com/rust-lang/", "crates.io-index");

pub(super) fn check(text: &Text, found: &mut Vec<Finding>) {
    for (number, line) in text.lines() {
        for (first, second) in MACHINE {
            let place = format!("{first}{second}");
            if mentions(line, &place) {
                found.push(Finding::new(
                    &text.path,
                    number,
                    format!("`{place}…` is a place on one machine: use a path inside the repository, a temporary folder or a setting"),
                ));
            }
        }
        for (first, second) in REGISTRY {
            let setting = format!("{first}{second}");
            if line.contains(&setting) {
                found.push(Finding::new(
                    &text.path,
                    number,
                    format!("`{setting}` names a package source: that belongs to the machine's own settings"),
                ));
            }
        }
        if text.path == "Cargo.lock"
            && let Some(source) = line.strip_prefix("source = ")
            && source.trim_matches('"') != CRATES
        {
            found.push(Finding::new(
                &text.path,
                number,
                "a crate from another source than the public registry",
            ));
        }
    }
}

/// Whether the path begins here: not in the middle of a longer path or of a word.
fn mentions(line: &str, place: &str) -> bool {
    line.match_indices(place).any(|(at, _)| {
        line.get(..at)
            .and_then(|before| before.chars().next_back())
            .is_none_or(|c| !(c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '}' | '/')))
    })
}
