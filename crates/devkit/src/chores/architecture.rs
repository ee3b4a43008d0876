//! The dependency picture as rules over `cargo metadata`. `crates/README.md` draws what stands here.

use cargo_metadata::{Dependency, DependencyKind, Metadata, MetadataCommand, Package};

use super::{DevError, Repository};

/// Which of our crates a crate may use outside tests. A new edge is its own pull request with a reason.
const PICTURE: [(&str, &[&str]); 10] = [
    ("ledger", &[]),
    ("domain", &["ledger"]),
    ("store", &["domain", "ledger"]),
    ("store-sqlite", &["store", "domain", "ledger"]),
    ("store-postgres", &["store", "domain", "ledger"]),
    ("engine", &["store", "domain", "ledger"]),
    ("worker", &["engine", "store", "domain"]),
    ("web", &["engine", "domain", "ledger"]),
    ("cli", &["web", "worker", "engine", "store-sqlite", "store-postgres", "store", "domain", "ledger"]),
    ("devkit", &[]),
];

/// An external crate that belongs to few of ours.
struct Fenced {
    /// The crate, and every crate whose name begins with it and a hyphen.
    name: &'static str,
    /// Who may use it.
    owners: &'static [&'static str],
    /// Who may use it in tests beside the owners; `None` means everybody.
    tests: Option<&'static [&'static str]>,
}

const FENCES: [Fenced; 6] = [
    Fenced { name: "sqlx", owners: &["store-sqlite", "store-postgres"], tests: Some(&["devkit"]) },
    Fenced { name: "libsqlite3-sys", owners: &["store-sqlite"], tests: Some(&["devkit"]) },
    Fenced { name: "axum", owners: &["web"], tests: None },
    Fenced { name: "reqwest", owners: &["worker", "cli"], tests: None },
    Fenced { name: "ureq", owners: &["worker"], tests: None },
    Fenced { name: "lettre", owners: &["worker"], tests: None },
];

/// All that the two pure crates may use from outside: no runtime, no database, no files, no clock, no random numbers.
const PURE: [(&str, &[&str]); 2] = [
    (
        "domain",
        &[
            "granit-parser",
            "jiff",
            "oxidd",
            "schemars",
            "serde",
            "serde-saphyr",
            "serde_json",
            "sha2",
            "strum",
            "thiserror",
            "unicode-normalization",
            "uuid",
        ],
    ),
    ("ledger", &["base64", "ed25519-dalek", "hex", "serde", "serde_json", "sha2", "thiserror"]),
];

/// Cargo features that exist; everything else is a setting or a crate.
const FEATURES: [(&str, &[&str]); 2] = [("store", &["conformance"]), ("cli", &["default", "oidc", "pdf"])];

/// Reads the workspace's own packages, without touching the network.
pub fn metadata(repository: &Repository) -> Result<Metadata, DevError> {
    MetadataCommand::new()
        .manifest_path(repository.path("Cargo.toml"))
        .no_deps()
        .exec()
        .map_err(DevError::Metadata)
}

/// Every break of the picture, each as a sentence. Empty when the picture holds.
pub fn findings(metadata: &Metadata) -> Vec<String> {
    let mut found = Vec::new();
    let packages = metadata.workspace_packages();
    for package in &packages {
        let Some(name) = short(package.name.as_str()) else {
            found.push(format!("package `{}`: the name must begin with `qadiya-`", package.name));
            continue;
        };
        let Some((_, edges)) = PICTURE.iter().find(|(crate_name, _)| *crate_name == name) else {
            found.push(format!(
                "crate `{name}` is not in the picture: add it to chores/architecture.rs and crates/README.md, with a reason"
            ));
            continue;
        };
        for dependency in &package.dependencies {
            match short(&dependency.name) {
                Some(ours) => edge(name, edges, ours, dependency, &mut found),
                None => outside(name, dependency, &mut found),
            }
        }
        features(name, package, &mut found);
    }
    for (name, _) in PICTURE {
        if !packages.iter().any(|package| short(package.name.as_str()) == Some(name)) {
            found
                .push(format!("crate `{name}` of the picture does not exist: remove it there or restore it"));
        }
    }
    let defaults: Vec<&str> = metadata
        .workspace_default_packages()
        .iter()
        .filter_map(|package| short(package.name.as_str()))
        .collect();
    if defaults != ["cli"] {
        found.push(format!("default-members of the workspace must be the cli alone, not {defaults:?}"));
    }
    found
}

fn short(name: &str) -> Option<&str> {
    name.strip_prefix("qadiya-")
}

fn is_test(dependency: &Dependency) -> bool {
    dependency.kind == DependencyKind::Development
}

fn edge(name: &str, edges: &[&str], ours: &str, dependency: &Dependency, found: &mut Vec<String>) {
    if is_test(dependency) || edges.contains(&ours) {
        return;
    }
    if ours == "devkit" {
        found.push(format!(
            "`{name}` uses devkit outside tests: make it a dev-dependency, devkit never ships"
        ));
    } else {
        found.push(format!(
            "`{name}` uses `{ours}`, an edge the picture does not draw: move the code to the lowest crate that knows enough"
        ));
    }
}

fn outside(name: &str, dependency: &Dependency, found: &mut Vec<String>) {
    let external = dependency.name.as_str();
    for fence in &FENCES {
        let inside = external == fence.name
            || external.strip_prefix(fence.name).is_some_and(|rest| rest.starts_with('-'));
        let in_tests = is_test(dependency) && fence.tests.is_none_or(|tests| tests.contains(&name));
        if inside && !fence.owners.contains(&name) && !in_tests {
            found.push(format!(
                "`{name}` uses `{external}`, which belongs to {} only",
                fence.owners.join(" and ")
            ));
        }
    }
    for (pure, allowed) in PURE {
        if name == pure && !is_test(dependency) && !allowed.contains(&external) {
            found.push(format!(
                "`{name}` uses `{external}`, which is not on the list of a pure crate: do without it, or extend the list \
                 in its own pull request"
            ));
        }
    }
    if dependency.source.as_ref().is_some_and(|source| source.repr.starts_with("git+")) {
        found.push(format!("`{name}` takes `{external}` from git: use a released version"));
    }
}

fn features(name: &str, package: &Package, found: &mut Vec<String>) {
    let allowed = FEATURES.iter().find(|(owner, _)| *owner == name).map_or(&[][..], |(_, features)| features);
    for feature in package.features.keys() {
        if !allowed.contains(&feature.as_str()) {
            found.push(format!(
                "`{name}` has the cargo feature `{feature}`: make it a setting or a crate of its own"
            ));
        }
    }
}
