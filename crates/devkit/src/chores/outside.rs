//! The outside checker of the API: a Python program in a virtual environment of its own below the target folder.

use std::fs;
use std::process::Command;

use super::run::{run, say};
use super::{DevError, Repository};

/// What the environment holds; a copy of it inside says that everything was installed.
const REQUIREMENTS: &str = "crates/devkit/outside/requirements.txt";
/// The environment.
const FOLDER: &str = "target/outside-venv";

/// Makes the environment when it is not there or was made from other requirements. Without a package registry the
/// tests that need it fail and say so; all others run.
pub(super) fn provide(repository: &Repository) -> Result<(), DevError> {
    let wanted = repository.text(REQUIREMENTS)?.unwrap_or_default();
    let done = repository.path(FOLDER).join("installed.txt");
    if fs::read_to_string(&done).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    say("installing the outside checker of the API into target/outside-venv");
    let folder = repository.path(FOLDER);
    let installed = run(Command::new("python3").args(["-m", "venv"]).arg(&folder)).and_then(|()| {
        let mut pip = Command::new(folder.join("bin/pip"));
        run(pip.args(["install", "--quiet", "--requirement"]).arg(repository.path(REQUIREMENTS)))
    });
    match installed {
        Ok(()) => fs::write(&done, wanted).map_err(|source| DevError::File {
            doing: "write",
            path: done.clone(),
            source,
        }),
        Err(failed) => {
            say(&format!(
                "the outside checker could not be installed, and the test that needs it will fail: {failed}"
            ));
            Ok(())
        }
    }
}
