//! The dependency picture holds, and every rule of it notices a planted break.

use cargo_metadata::Metadata;
use qadiya_devkit::chores::architecture::{findings, metadata};
use serde_json::{Value, json};

use crate::repository;

fn real() -> Metadata {
    metadata(&repository()).unwrap()
}

/// The workspace's own metadata with one change.
fn planted(change: impl FnOnce(&mut Value)) -> Vec<String> {
    let mut value = serde_json::to_value(real()).unwrap();
    change(&mut value);
    findings(&serde_json::from_value(value).unwrap())
}

fn package<'a>(value: &'a mut Value, name: &str) -> &'a mut Value {
    let packages = value["packages"].as_array_mut().unwrap();
    packages.iter_mut().find(|package| package["name"] == format!("qadiya-{name}")).unwrap()
}

fn depend(value: &mut Value, from: &str, on: &str, kind: &Value, source: &Value) {
    package(value, from)["dependencies"].as_array_mut().unwrap().push(json!({
        "name": on, "source": source, "req": "*", "kind": kind, "optional": false,
        "uses_default_features": true, "features": [], "target": null, "rename": null, "registry": null,
    }));
}

#[test]
fn the_dependency_picture_holds() {
    assert_eq!(findings(&real()), Vec::<String>::new());
}

#[test]
fn a_planted_dependency_outside_the_picture_is_found() {
    let (normal, build) = (Value::Null, json!("build"));
    for (from, on, kind, word) in [
        ("ledger", "qadiya-domain", &normal, "`ledger` uses `domain`"),
        ("domain", "qadiya-store", &normal, "`domain` uses `store`"),
        ("store", "qadiya-engine", &normal, "`store` uses `engine`"),
        ("store-sqlite", "qadiya-store-postgres", &normal, "`store-sqlite` uses `store-postgres`"),
        ("store-postgres", "qadiya-engine", &build, "`store-postgres` uses `engine`"),
        ("engine", "qadiya-store-sqlite", &normal, "`engine` uses `store-sqlite`"),
        ("worker", "qadiya-web", &normal, "`worker` uses `web`"),
        ("web", "qadiya-store", &normal, "`web` uses `store`"),
        ("web", "qadiya-worker", &normal, "`web` uses `worker`"),
        ("cli", "qadiya-devkit", &normal, "`cli` uses devkit outside tests"),
        ("devkit", "qadiya-engine", &normal, "`devkit` uses `engine`"),
        ("engine", "sqlx", &normal, "`engine` uses `sqlx`"),
        ("web", "sqlx-core", &json!("dev"), "`web` uses `sqlx-core`"),
        ("cli", "axum", &normal, "`cli` uses `axum`"),
        ("engine", "reqwest", &normal, "`engine` uses `reqwest`"),
        ("web", "lettre", &normal, "`web` uses `lettre`"),
        ("domain", "tokio", &normal, "`domain` uses `tokio`"),
        ("ledger", "getrandom", &normal, "`ledger` uses `getrandom`"),
    ] {
        let found = planted(|value| depend(value, from, on, kind, &Value::Null));
        assert!(found.iter().any(|finding| finding.contains(word)), "{from} on {on}: {found:?}");
    }
}

#[test]
fn what_only_tests_use_is_no_edge() {
    for (from, on) in [
        ("domain", "qadiya-devkit"),
        ("web", "reqwest"),
        ("engine", "qadiya-store-sqlite"),
        ("devkit", "sqlx"),
    ] {
        let found = planted(|value| depend(value, from, on, &json!("dev"), &Value::Null));
        assert_eq!(found, Vec::<String>::new(), "{from} on {on}");
    }
}

#[test]
fn a_planted_cargo_feature_is_found() {
    for (crate_name, feature) in [("store", "fast"), ("domain", "default"), ("cli", "sqlite")] {
        let found = planted(|value| package(value, crate_name)["features"][feature] = json!([]));
        let word = format!("`{crate_name}` has the cargo feature `{feature}`");
        assert!(found.iter().any(|finding| finding.contains(&word)), "{found:?}");
    }
    let found = planted(|value| {
        package(value, "cli")["features"] = json!({"pdf": [], "oidc": [], "default": ["pdf"]});
    });
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn a_crate_outside_the_picture_and_a_lost_one_are_found() {
    let found = planted(|value| package(value, "web")["name"] = json!("qadiya-portal"));
    assert!(found.iter().any(|finding| finding.contains("`portal` is not in the picture")), "{found:?}");
    assert!(found.iter().any(|finding| finding.contains("`web` of the picture does not exist")), "{found:?}");
    let found = planted(|value| package(value, "web")["name"] = json!("web"));
    assert!(found.iter().any(|finding| finding.contains("must begin with `qadiya-`")), "{found:?}");
}

#[test]
fn a_dependency_from_git_and_other_default_members_are_found() {
    let git = json!("git+https://example.org/x");
    let found = planted(|value| depend(value, "web", "x", &Value::Null, &git));
    assert!(found.iter().any(|finding| finding.contains("takes `x` from git")), "{found:?}");
    let found = planted(|value| {
        let web = package(value, "web")["id"].clone();
        value["workspace_default_members"].as_array_mut().unwrap().push(web);
    });
    assert!(found.iter().any(|finding| finding.contains("default-members")), "{found:?}");
}
