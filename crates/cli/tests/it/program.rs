//! The program as a process, with nothing of the surroundings.

use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// The program with these arguments; no store, key, server or token comes from outside.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_qadiya"));
    for name in ["QADIYA_STORE", "QADIYA_KEY_FILE", "QADIYA_SERVER", "QADIYA_TOKEN", "QADIYA_LISTEN"] {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

/// What a run left.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Ran {
    /// The document on the output stream.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The document on the error stream.
    pub(crate) fn failure(&self) -> Value {
        serde_json::from_str(&self.err).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Runs the program to its end.
pub(crate) fn run(arguments: &[&str]) -> Ran {
    command(arguments).output().unwrap().into()
}

/// A court in an SQLite file.
#[derive(Debug)]
pub(crate) struct Court {
    pub(crate) folder: TempDir,
    pub(crate) token: String,
    pub(crate) second: String,
}

impl Court {
    /// A fresh one; `more` goes to `init`.
    pub(crate) fn new(more: &[&str]) -> Self {
        let (token, second) = (String::new(), String::new());
        let mut court = Self { folder: tempfile::tempdir().unwrap(), token, second };
        let made = court.run(&[&["--json", "init"], more].concat());
        assert_eq!(made.code, Some(0), "{made:?}");
        court.token = made.json()["administrator_token"].as_str().unwrap().to_owned();
        court.second = made.json()["second_administrator_token"].as_str().unwrap().to_owned();
        court
    }

    /// The program in the court's folder, with its store and the administrator's token.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(arguments);
        command.current_dir(self.folder.path()).env("QADIYA_STORE", "court.db");
        command.env("QADIYA_TOKEN", &self.token);
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.command(arguments).output().unwrap().into()
    }

    /// The same with the token of the other administrator.
    pub(crate) fn run_as_second(&self, arguments: &[&str]) -> Ran {
        self.command(arguments).env("QADIYA_TOKEN", &self.second).output().unwrap().into()
    }

    /// Writes a file into the folder.
    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    /// Every row of every table, as bytes.
    pub(crate) async fn everything(&self) -> Vec<(&'static str, Vec<qadiya_store::transfer::Row>)> {
        crate::moving::in_sqlite(self.folder.path().join("court.db").to_str().unwrap()).await
    }
}
