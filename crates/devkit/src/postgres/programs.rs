//! Where the PostgreSQL programs of this machine are, and under which user they may run.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use thiserror::Error;

use crate::environment;

/// Oldest major version that the product supports.
pub const OLDEST_MAJOR: u32 = 15;

/// Why no usable PostgreSQL was found.
#[derive(Debug, Error)]
pub enum ProgramsError {
    /// No folder with the server's programs.
    #[error(
        "no PostgreSQL {OLDEST_MAJOR} or newer on this machine (looked in QADIYA_PG_BIN, the system's PostgreSQL folders, \
         `pg_config` and PATH): install the server package (Debian: `apt-get install postgresql`) or set QADIYA_PG_BIN \
         to the folder that holds `initdb`"
    )]
    NotFound,
    /// PostgreSQL does not run as root, and the usual account is absent.
    #[error(
        "PostgreSQL refuses to run as root and this machine has no user `postgres`: add one (`useradd --system postgres`) \
         or run the command as an ordinary user"
    )]
    NoAccount,
    /// `id` did not answer.
    #[error("cannot ask `id` who runs this command: install coreutils")]
    Id(#[source] std::io::Error),
}

/// The programs of one PostgreSQL version and the account they run under.
#[derive(Debug, Clone)]
pub struct Programs {
    folder: PathBuf,
    major: u32,
    account: Option<(u32, u32)>,
}

impl Programs {
    /// Finds the newest version at or above [`OLDEST_MAJOR`].
    pub fn find() -> Result<Self, ProgramsError> {
        let (major, folder) = folders()
            .into_iter()
            .filter(|folder| {
                ["initdb", "pg_ctl", "postgres", "psql"].iter().all(|name| folder.join(name).exists())
            })
            .filter_map(|folder| major_of(&folder).map(|major| (major, folder)))
            .filter(|(major, _)| *major >= OLDEST_MAJOR)
            .max_by_key(|(major, _)| *major)
            .ok_or(ProgramsError::NotFound)?;
        let account = if id(&["-u"])? == Some(0) {
            match (id(&["-u", "postgres"])?, id(&["-g", "postgres"])?) {
                (Some(user), Some(group)) => Some((user, group)),
                _ => return Err(ProgramsError::NoAccount),
            }
        } else {
            None
        };
        Ok(Self { folder, major, account })
    }

    /// Major version, for example 15.
    pub fn major(&self) -> u32 {
        self.major
    }

    /// User and group id to run under; `None` when we already are an ordinary user.
    pub fn account(&self) -> Option<(u32, u32)> {
        self.account
    }

    /// A command that runs one of the programs as the account, from `folder` (which that account can enter).
    /// The `PG…` variables of the caller are removed, so that no setting leads to another server.
    pub fn command(&self, program: &str, folder: &Path) -> Command {
        let mut command = Command::new(self.folder.join(program));
        command.current_dir(folder);
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("PG")) {
                command.env_remove(name);
            }
        }
        if let Some((user, group)) = self.account {
            command.uid(user).gid(group);
        }
        command
    }
}

fn folders() -> Vec<PathBuf> {
    if let Some(folder) = environment::setting("QADIYA_PG_BIN") {
        return vec![folder.into()];
    }
    let mut folders = Vec::new();
    for (parent, tail) in
        [("/usr/lib/postgresql", "bin"), ("/usr/local/opt", "bin"), ("/opt/homebrew/opt", "bin")]
    {
        for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
            folders.push(entry.path().join(tail));
        }
    }
    if let Ok(output) = Command::new("pg_config").arg("--bindir").output()
        && let Ok(text) = String::from_utf8(output.stdout)
    {
        folders.push(text.trim().into());
    }
    if let Some(path) = std::env::var_os("PATH") {
        folders.extend(std::env::split_paths(&path));
    }
    folders
}

fn major_of(folder: &Path) -> Option<u32> {
    let output = Command::new(folder.join("postgres")).arg("--version").output().ok()?;
    major_in(&String::from_utf8(output.stdout).ok()?)
}

/// Major version in the line that `postgres --version` prints.
fn major_in(line: &str) -> Option<u32> {
    let (_, rest) = line.split_once("(PostgreSQL) ")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn id(arguments: &[&str]) -> Result<Option<u32>, ProgramsError> {
    let output = Command::new("id").args(arguments).output().map_err(ProgramsError::Id)?;
    Ok(String::from_utf8(output.stdout).ok().and_then(|text| text.trim().parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_the_program_itself() {
        for (line, major) in [
            ("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n", Some(15)),
            ("postgres (PostgreSQL) 18beta1\n", Some(18)),
            ("postgres (PostgreSQL) 17.0\n", Some(17)),
            ("something else", None),
        ] {
            assert_eq!(major_in(line), major, "{line}");
        }
    }
}
