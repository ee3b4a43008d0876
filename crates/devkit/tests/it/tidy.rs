//! The repository keeps the rules of the house, and every rule notices its own failing example.
//! The examples are written in halves, so that this file keeps the rules too.

use qadiya_devkit::chores::tidy::{Text, findings, texts};

use crate::repository;

/// A small tree that keeps every rule, with the given files put in or replaced.
fn tree(changes: &[(&str, &str)]) -> Vec<Text> {
    let mut files = vec![
        ("crates/README.md", "### `law`\n\n**Knows** x. **Must not know** y. **To add** z.\n"),
        ("crates/law/Cargo.toml", "[package]\n"),
        ("crates/law/src/lib.rs", "//! The law. It must not\n//! know files.\n"),
        ("migrations/sqlite/0001_begin.sql", "CREATE TABLE a (b);\n"),
        ("migrations/postgres/0001_begin.sql", "CREATE TABLE a (b int);\n"),
    ];
    for (path, text) in changes {
        files.retain(|(other, _)| other != path);
        files.push((path, text));
    }
    files.into_iter().map(|(path, text)| Text { path: path.to_owned(), text: text.to_owned() }).collect()
}

fn found(changes: &[(&str, &str)]) -> Vec<String> {
    findings(&tree(changes)).iter().map(ToString::to_string).collect()
}

#[test]
fn the_repository_keeps_the_rules() {
    let texts = texts(&repository()).unwrap();
    assert!(
        texts.iter().any(|text| text.path == "crates/devkit/tests/it/tidy.rs"),
        "the walk finds this very file"
    );
    let found: Vec<String> = findings(&texts).iter().map(ToString::to_string).collect();
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn the_small_tree_keeps_the_rules() {
    assert_eq!(found(&[]), Vec::<String>::new());
}

#[test]
fn unfinished_and_switched_off_code_is_found_with_its_line() {
    for (line, word) in [
        (concat!("tod", "o!()"), "finish it"),
        (concat!("unimplem", "ented!()"), "finish it"),
        (concat!("#[ign", "ore]"), "a test runs"),
        (concat!("#[ign", "ore = \"slow\"]"), "a test runs"),
        (concat!("#[all", "ow(dead_code)]"), "#[expect("),
        (concat!("#![all", "ow(dead_code)]"), "#![expect("),
        (concat!("let a = 1; // TO", "DO later"), "an open point"),
    ] {
        let found = found(&[("crates/law/src/x.rs", &format!("//! x\n{line}\n"))]);
        assert_eq!(found.len(), 1, "{line}: {found:?}");
        assert!(found[0].starts_with("crates/law/src/x.rs:2: ") && found[0].contains(word), "{found:?}");
    }
}

#[test]
fn a_file_of_more_than_six_hundred_lines_before_its_tests_is_found() {
    let long = "\n".repeat(601);
    let found_long = found(&[("crates/law/src/x.rs", &long)]);
    assert!(found_long.len() == 1 && found_long[0].contains("601 lines"), "{found_long:?}");
    let tested = format!("{}#[cfg(test)]\n{long}", "\n".repeat(599));
    assert_eq!(found(&[("crates/law/src/x.rs", &tested)]), Vec::<String>::new());
    assert_eq!(found(&[("crates/law/tests/it/x.rs", &long)]), Vec::<String>::new());
}

#[test]
fn a_mod_file_is_found() {
    let found = found(&[("crates/law/src/x/mod.rs", "")]);
    assert!(found.len() == 1 && found[0].contains("not `mod.rs`"), "{found:?}");
}

#[test]
fn places_of_one_machine_and_package_sources_are_found() {
    for line in [
        concat!("see /wo", "rk/shared/x"),
        concat!("\"/tm", "p/x\""),
        concat!("/ro", "ot/.cargo"),
        concat!("(/ho", "me/clerk/x)"),
        concat!("replace", "-with = \"m\""),
        concat!("pip install --index", "-url x"),
        concat!("registry = \"", "https://m.example\""),
    ] {
        let found = found(&[("docs/x.md", line)]);
        assert!(found.len() == 1 && found[0].starts_with("docs/x.md:1: "), "{line}: {found:?}");
    }
    for line in [
        concat!("http://x.example/wo", "rk/1"),
        "the work of a day",
        concat!("var/tm", "p/x"),
        concat!("get(\"/wo", "rk/{list}\")"),
    ] {
        assert_eq!(found(&[("docs/x.md", line)]), Vec::<String>::new(), "{line}");
    }
}

#[test]
fn a_crate_from_another_source_is_found_in_the_lock_file() {
    let public = concat!("source = \"registry+https://github.com/rust-lang/", "crates.io-index\"\n");
    assert_eq!(found(&[("Cargo.lock", public)]), Vec::<String>::new());
    let found = found(&[("Cargo.lock", "source = \"git+https://example.org/x\"\n")]);
    assert!(found.len() == 1 && found[0].contains("another source"), "{found:?}");
}

#[test]
fn a_crate_without_its_paragraph_and_a_paragraph_without_its_crate_are_found() {
    let found_missing = found(&[
        ("crates/order/Cargo.toml", ""),
        ("crates/order/src/main.rs", "//! It must not know law.\n"),
    ]);
    assert!(found_missing.len() == 1 && found_missing[0].contains("### `order`"), "{found_missing:?}");
    let map = "### `law`\n**Knows** **Must not know** **To add**\n### `gone`\n";
    let found_gone = found(&[("crates/README.md", map)]);
    assert!(found_gone.len() == 1 && found_gone[0].contains("describes `gone`"), "{found_gone:?}");
    let found_poor = found(&[("crates/README.md", "### `law`\n**Knows** all. **To add** x.\n")]);
    assert!(found_poor.len() == 1 && found_poor[0].contains("lacks **Must not know**"), "{found_poor:?}");
}

#[test]
fn a_head_that_does_not_say_what_the_crate_must_not_know_is_found() {
    let found = found(&[("crates/law/src/lib.rs", "//! The law.\nfn f() {} // must not know\n")]);
    assert!(found.len() == 1 && found[0].starts_with("crates/law/src/lib.rs:1: "), "{found:?}");
}

#[test]
fn migrations_that_differ_between_the_stores_or_skip_a_number_are_found() {
    let found_lonely = found(&[("migrations/sqlite/0002_more.sql", "")]);
    assert!(found_lonely.len() == 1 && found_lonely[0].contains("lacks 0002_more.sql"), "{found_lonely:?}");
    let found_gap =
        found(&[("migrations/sqlite/0003_more.sql", ""), ("migrations/postgres/0003_more.sql", "")]);
    assert_eq!(found_gap.len(), 2, "{found_gap:?}");
    assert!(found_gap.iter().all(|finding| finding.contains("should be number 0002")), "{found_gap:?}");
}
