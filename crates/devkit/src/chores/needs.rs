//! What the tests need from the machine beside Rust: found, or installed where we may, or named exactly.

use std::process::Command;

use super::DevError;
use super::run::{run, say, succeeds};
use crate::postgres::Programs;

/// One thing the machine must have.
#[derive(Debug, Clone, Copy)]
pub struct Need {
    /// What it is.
    pub name: &'static str,
    /// What it is for.
    pub purpose: &'static str,
    /// Debian package that brings it.
    pub package: &'static str,
    /// Whether it is there.
    pub present: fn() -> bool,
}

/// A PostgreSQL server's programs.
pub const POSTGRESQL: Need = Need {
    name: "PostgreSQL 15 or newer (server programs)",
    purpose: "every test of the PostgreSQL store",
    package: "postgresql",
    present: || Programs::find().is_ok(),
};

/// Python with virtual environments.
pub const PYTHON: Need = Need {
    name: "Python 3 with venv and sqlite3",
    purpose: "outside checkers of the API and of exported logs, and `cargo dev prepare`",
    package: "python3-venv",
    present: || succeeds(Command::new("python3").args(["-c", "import venv, ensurepip, sqlite3"])),
};

/// What to do about needs that are not met.
#[derive(Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Nothing is missing.
    Nothing,
    /// Install these packages with apt-get.
    Install(Vec<&'static str>),
    /// Tell this, and fail.
    Tell(String),
}

/// Chooses the remedy: packages are installed only by root and only where apt-get exists.
pub fn remedy(missing: &[Need], root: bool, apt: bool) -> Remedy {
    if missing.is_empty() {
        return Remedy::Nothing;
    }
    let packages: Vec<&'static str> = missing.iter().map(|need| need.package).collect();
    if root && apt {
        return Remedy::Install(packages);
    }
    let mut text = String::from("this machine lacks what the tests need:");
    for need in missing {
        text.push_str("\n  - ");
        text.push_str(need.name);
        text.push_str(", for ");
        text.push_str(need.purpose);
    }
    text.push_str(if apt {
        "\nRun `sudo apt-get install "
    } else {
        "\nInstall them with your package manager (Debian: `apt-get install "
    });
    text.push_str(&packages.join(" "));
    text.push_str(if apt { "` and try again." } else { "`) and try again." });
    Remedy::Tell(text)
}

/// Makes sure that every need is met, installing what is missing where that is allowed.
pub fn provide(needs: &[Need]) -> Result<(), DevError> {
    match remedy(&absent(needs), is_root(), has_apt()) {
        Remedy::Nothing => Ok(()),
        Remedy::Tell(text) => Err(DevError::Missing(text)),
        Remedy::Install(packages) => {
            say(&format!("installing with apt-get: {}", packages.join(" ")));
            run(apt().arg("update"))?;
            run(apt().args(["install", "--yes", "--no-install-recommends"]).args(&packages))?;
            // Installed and still not there: the package manager cannot help, so say what is missing.
            match remedy(&absent(needs), false, true) {
                Remedy::Tell(text) => Err(DevError::Missing(text)),
                Remedy::Nothing | Remedy::Install(_) => Ok(()),
            }
        }
    }
}

fn absent(needs: &[Need]) -> Vec<Need> {
    needs.iter().copied().filter(|need| !(need.present)()).collect()
}

fn apt() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive").args(["--quiet", "--quiet"]);
    command
}

fn has_apt() -> bool {
    succeeds(Command::new("apt-get").arg("--version"))
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_installed_only_by_root_with_apt() {
        let missing = [POSTGRESQL, PYTHON];
        assert_eq!(remedy(&[], true, true), Remedy::Nothing);
        assert_eq!(remedy(&missing, true, true), Remedy::Install(vec!["postgresql", "python3-venv"]));
        for (root, apt) in [(false, true), (true, false), (false, false)] {
            let Remedy::Tell(text) = remedy(&missing, root, apt) else {
                panic!("root {root}, apt {apt} must not install");
            };
            for word in [
                "PostgreSQL 15 or newer",
                "every test of the PostgreSQL store",
                "apt-get install postgresql python3-venv",
            ] {
                assert!(text.contains(word), "{text}");
            }
        }
    }
}
