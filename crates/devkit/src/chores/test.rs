//! `cargo dev test` and `cargo dev prove`: every test, with a throw-away PostgreSQL cluster beside it.

use super::needs::{self, POSTGRESQL, PYTHON};
use super::run::{run, say};
use super::{DevError, Repository, outside};
use crate::postgres::TEST_URL;
use crate::trials;

/// Which numbers the tests use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// Quick numbers: property scripts, kills and simulations are a sample.
    Sample,
    /// The numbers that the README states, in the build that ships.
    Published,
}

/// Runs `cargo test`. Without `arguments` that is every test of the workspace; with arguments these are handed on
/// (`cargo dev test -p qadiya-store-postgres lost_leases`).
pub fn test(repository: &Repository, size: Size, arguments: &[String]) -> Result<(), DevError> {
    needs::provide(&[POSTGRESQL, PYTHON])?;
    outside::provide(repository)?;
    let keeper = super::postgres::keeper()?;
    say(&format!("tests use a throw-away PostgreSQL {} cluster", keeper.major()));
    let mut command = repository.cargo();
    command.args(words(size, arguments)).env(TEST_URL, keeper.url());
    if size == Size::Published {
        // PROPTEST_CASES reaches the properties that leave the number of cases to proptest's default.
        command.env(trials::TRIALS, trials::PUBLISHED).env("PROPTEST_CASES", "4096");
    }
    let result = run(&mut command);
    drop(keeper);
    result
}

/// The arguments of cargo.
fn words(size: Size, arguments: &[String]) -> Vec<String> {
    let mut words = vec!["test".to_owned()];
    let chosen = arguments.iter().take_while(|word| *word != "--").any(|word| {
        word == "-p"
            || word.starts_with("--package")
            || word == "--workspace"
            || word.starts_with("--manifest-path")
    });
    if !chosen {
        words.push("--workspace".to_owned());
    }
    if arguments.is_empty() {
        words.push("--no-fail-fast".to_owned());
    }
    if size == Size::Published {
        words.push("--release".to_owned());
    }
    words.extend_from_slice(arguments);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_workspace_is_tested_unless_a_package_is_named() {
        let given = |size, line: &str| {
            let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            words(size, &arguments).join(" ")
        };
        assert_eq!(given(Size::Sample, ""), "test --workspace --no-fail-fast");
        assert_eq!(given(Size::Published, ""), "test --workspace --no-fail-fast --release");
        assert_eq!(given(Size::Sample, "-p qadiya-web log"), "test -p qadiya-web log");
        assert_eq!(given(Size::Sample, "kills -- --nocapture"), "test --workspace kills -- --nocapture");
    }
}
