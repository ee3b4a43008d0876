//! Where the repository is, and its text files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::DevError;

/// Folders that hold nothing of ours.
const SKIPPED: [&str; 6] = ["target", ".git", "node_modules", "__pycache__", "qadiya-demo", ".venv"];

/// The clone in which the command runs.
#[derive(Debug, Clone)]
pub struct Repository {
    root: PathBuf,
}

impl Repository {
    /// The workspace around the current folder.
    pub fn here() -> Result<Self, DevError> {
        let program = "cargo locate-project".to_owned();
        let output = Command::new(cargo())
            .args(["locate-project", "--workspace", "--message-format", "plain"])
            .output()
            .map_err(|source| DevError::Start { program, source })?;
        let text = String::from_utf8(output.stdout).map_err(|_| DevError::NoRepository)?;
        let root = Path::new(text.trim()).parent().ok_or(DevError::NoRepository)?;
        if !output.status.success() || !root.join("crates/devkit").is_dir() {
            return Err(DevError::NoRepository);
        }
        Ok(Self::at(root))
    }

    /// A repository at a known folder.
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The top folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A path inside, from one written with `/`.
    pub fn path(&self, inside: &str) -> PathBuf {
        self.root.join(inside)
    }

    /// A `cargo` command in the top folder. Checked queries always come from the committed files.
    pub fn cargo(&self) -> Command {
        let mut command = Command::new(cargo());
        command.current_dir(&self.root).env("SQLX_OFFLINE", "true");
        // Cargo sets these for the program it runs, for `dev`; the inner cargo sets its own.
        for name in ["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_PKG_NAME", "CARGO_PKG_VERSION"] {
            command.env_remove(name);
        }
        command
    }

    /// Every file below the top folder that is ours, by its path with `/`, in order.
    pub fn files(&self) -> Result<Vec<String>, DevError> {
        let mut found = Vec::new();
        walk(&self.root, "", &mut found)?;
        found.sort();
        Ok(found)
    }

    /// Text of a file; `None` when it is not UTF-8 (and so no text of ours).
    pub fn text(&self, inside: &str) -> Result<Option<String>, DevError> {
        let path = self.path(inside);
        let bytes = fs::read(&path).map_err(|source| DevError::File { doing: "read", path, source })?;
        Ok(String::from_utf8(bytes).ok())
    }
}

fn walk(folder: &Path, prefix: &str, found: &mut Vec<String>) -> Result<(), DevError> {
    let fault = |source| DevError::File { doing: "list", path: folder.to_owned(), source };
    for entry in fs::read_dir(folder).map_err(fault)? {
        let entry = entry.map_err(fault)?;
        let kind = entry.file_type().map_err(fault)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if kind.is_dir() {
            if !SKIPPED.contains(&name.as_str()) {
                walk(&entry.path(), &format!("{prefix}{name}/"), found)?;
            }
        } else if kind.is_file() && name != ".git" {
            found.push(format!("{prefix}{name}"));
        }
    }
    Ok(())
}

/// The cargo that runs us, so that inner builds use the same toolchain.
fn cargo() -> std::ffi::OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}
