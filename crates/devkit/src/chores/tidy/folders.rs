//! Rules that look at several files: the map of the crates, their heads, the two folders of migrations.

use std::collections::{BTreeMap, BTreeSet};

use super::{Finding, Text};

const MAP: &str = "crates/README.md";

pub(super) fn check(texts: &[Text], found: &mut Vec<Finding>) {
    crates(texts, found);
    migrations(texts, found);
}

/// Every crate has its section in the map and says in its head what it must not know.
fn crates(texts: &[Text], found: &mut Vec<Finding>) {
    let by_path: BTreeMap<&str, &str> =
        texts.iter().map(|text| (text.path.as_str(), text.text.as_str())).collect();
    let map = by_path.get(MAP).copied().unwrap_or_default();
    let names: BTreeSet<&str> = by_path
        .keys()
        .filter_map(|path| path.strip_prefix("crates/")?.strip_suffix("/Cargo.toml"))
        .filter(|name| !name.contains('/'))
        .collect();
    for name in &names {
        match section(map, name) {
            None => found.push(Finding::new(
                MAP,
                0,
                format!("has no section \"### `{name}`\": write its paragraph"),
            )),
            Some(text) => {
                for word in ["**Knows**", "**Must not know**", "**To add**"] {
                    if !text.contains(word) {
                        found.push(Finding::new(MAP, 0, format!("the section of `{name}` lacks {word}")));
                    }
                }
            }
        }
        let head = ["lib.rs", "main.rs"].iter().find_map(|file| {
            let path = format!("crates/{name}/src/{file}");
            by_path.get(path.as_str()).map(|text| (path, *text))
        });
        match head {
            None => found.push(Finding::new(&format!("crates/{name}"), 0, "has neither src/lib.rs nor src/main.rs")),
            Some((path, text)) if !names_what_it_must_not_know(text) => found.push(Finding::new(
                &path,
                1,
                "the `//!` head does not say what the crate must not know: write the sentence with these words",
            )),
            Some(_) => {}
        }
    }
    for line in map.lines() {
        if let Some(name) = line.strip_prefix("### `").and_then(|rest| rest.strip_suffix('`'))
            && !names.contains(name)
        {
            found.push(Finding::new(MAP, 0, format!("describes `{name}`, which does not exist")));
        }
    }
}

/// Text below the heading of a crate, up to the next heading.
fn section<'a>(map: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = map.split_once(&format!("### `{name}`\n"))?;
    Some(rest.split("\n#").next().unwrap_or(rest))
}

fn names_what_it_must_not_know(text: &str) -> bool {
    let head: Vec<&str> = text
        .lines()
        .take_while(|line| line.starts_with("//!"))
        .map(|line| line.trim_start_matches("//!").trim())
        .collect();
    head.join(" ").to_lowercase().replace('*', "").contains("must not know")
}

/// Both folders hold the same files, numbered from 0001 without a gap.
fn migrations(texts: &[Text], found: &mut Vec<Finding>) {
    let names = |dialect: &str| -> BTreeSet<&str> {
        let prefix = format!("migrations/{dialect}/");
        texts
            .iter()
            .filter(|text| text.has_extension(&["sql"]))
            .filter_map(|text| text.path.strip_prefix(prefix.as_str()))
            .collect()
    };
    let (sqlite, postgres) = (names("sqlite"), names("postgres"));
    for (here, there, missing_in) in [(&sqlite, &postgres, "postgres"), (&postgres, &sqlite, "sqlite")] {
        for name in here.difference(there) {
            found.push(Finding::new(
                &format!("migrations/{missing_in}"),
                0,
                format!("lacks {name}: both stores have the same migrations under the same names"),
            ));
        }
    }
    for (dialect, names) in [("sqlite", &sqlite), ("postgres", &postgres)] {
        for (number, name) in (1_u32..).zip(names.iter()) {
            if !name.starts_with(&format!("{number:04}_")) {
                found.push(Finding::new(
                    &format!("migrations/{dialect}/{name}"),
                    0,
                    format!("should be number {number:04}: migrations count from 0001 without gap or double"),
                ));
            }
        }
    }
}
