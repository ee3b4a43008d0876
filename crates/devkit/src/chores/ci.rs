//! `cargo dev ci`: what `.ci/run` calls, in its order.

use super::needs::{self, POSTGRESQL, PYTHON};
use super::run::{run, say, succeeds};
use super::test::{Size, test};
use super::{DevError, Repository, Steps, prepare, schema, tidy};

/// Format, lints, house rules, committed query data, every test at sample size, dependency policy.
pub fn ci(repository: &Repository) -> Result<(), DevError> {
    let mut steps = Steps::new(say);
    steps.step("needs", || needs::provide(&[POSTGRESQL, PYTHON]));
    steps.step("format", || run(repository.cargo().args(["fmt", "--all", "--check"])));
    steps.step("lints", || {
        run(repository.cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
    });
    steps.step("tidy", || tidy::tidy(repository));
    steps.step("query data", || prepare::prepare(repository, true));
    steps.step("generated files", || schema::schema(repository, true));
    steps.step("tests", || test(repository, Size::Sample, &[]));
    steps.step("dependencies", || dependencies(repository));
    steps.finish().map(|_| ())
}

/// The policy of `.deny.toml`. Bans, licences and sources are decided from the lock file and the downloaded crates.
/// Advisories need a database from the network: where it cannot be fetched they are left out, and the output says so.
fn dependencies(repository: &Repository) -> Result<(), DevError> {
    if !succeeds(repository.cargo().args(["deny", "--version"])) {
        say("cargo-deny is not installed: building it once");
        run(repository.cargo().args(["install", "cargo-deny", "--locked"]))?;
    }
    run(repository.cargo().args(["deny", "check", "bans", "licenses", "sources"]))?;
    if succeeds(repository.cargo().args(["deny", "fetch", "db"])) {
        run(repository.cargo().args(["deny", "check", "--disable-fetch", "advisories"]))
    } else {
        say("the advisory database is not reachable from here: advisories were NOT checked");
        Ok(())
    }
}
