//! The outside checkers of the API and of our logs: Python programs in a virtual environment below the target folder.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::run::{run, say};
use super::{DevError, Repository};

/// What the environment holds; a copy of it inside says that everything was installed.
const REQUIREMENTS: &str = "crates/devkit/outside/requirements.txt";
/// The environment.
const FOLDER: &str = "target/outside-venv";

/// A program of the environment.
pub fn program(repository: &Repository, name: &str) -> Result<PathBuf, DevError> {
    let program = repository.path(FOLDER).join("bin").join(name);
    if program.is_file() {
        return Ok(program);
    }
    Err(DevError::Missing(format!(
        "an outside checker is missing at {}: `cargo dev test` installs it from {REQUIREMENTS} when it can reach a \
         package registry",
        program.display()
    )))
}

/// Makes the environment when it is not there or was made from other requirements. Without a package registry the
/// tests that need it fail and say so; all others run.
pub(super) fn provide(repository: &Repository) -> Result<(), DevError> {
    let folder = repository.path(FOLDER);
    // The programs of an environment name its folder: in a copied target folder they would still lead to the old one.
    let wanted = format!("# {}\n{}", folder.display(), repository.text(REQUIREMENTS)?.unwrap_or_default());
    let done = folder.join("installed.txt");
    if fs::read_to_string(&done).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    say("installing the outside checkers into target/outside-venv");
    let installed =
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder)).and_then(|()| {
            let mut pip = Command::new(folder.join("bin/python"));
            let words = ["-m", "pip", "install", "--quiet", "--requirement"];
            run(pip.args(words).arg(repository.path(REQUIREMENTS)))
        });
    match installed {
        Ok(()) => fs::write(&done, wanted).map_err(|source| DevError::File {
            doing: "write",
            path: done.clone(),
            source,
        }),
        Err(failed) => {
            say(&format!(
                "the outside checkers could not be installed, and the tests that need them will fail: {failed}"
            ));
            Ok(())
        }
    }
}
