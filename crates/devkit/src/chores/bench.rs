//! `cargo dev bench`: the product's own benchmark in the release build, with a throw-away PostgreSQL cluster beside it.

use super::needs::{self, POSTGRESQL};
use super::run::{read, run};
use super::{DevError, Repository};

/// Builds the program and runs `qadiya bench`. The arguments are handed on to it (`cargo dev bench --quick`).
pub fn bench(repository: &Repository, arguments: &[String]) -> Result<(), DevError> {
    needs::provide(&[POSTGRESQL])?;
    let keeper = super::postgres::keeper()?;
    let mut describe = std::process::Command::new("git");
    describe.current_dir(repository.root()).args(["describe", "--always", "--dirty"]);
    let commit = String::from_utf8_lossy(&read(&mut describe)?).trim().to_owned();
    let mut command = repository.cargo();
    command
        .args(["run", "--quiet", "--release", "--package", "qadiya-cli", "--", "bench"])
        .args(["--postgres", keeper.url(), "--commit", &commit])
        .args(arguments);
    let result = run(&mut command);
    drop(keeper);
    result
}
