//! `cargo dev schema`: generated files that are committed, written by the binary itself.

use std::fs;

use super::run::{read, say};
use super::{DevError, Repository};

/// Arguments of `qadiya`, and the file that holds its output.
const OUTPUTS: [(&[&str], &str); 2] = [
    (&["schema", "workflow"], "workflows/schema/workflow.v1.schema.json"),
    (&["schema", "openapi"], "docs/openapi.json"),
];

/// Writes every generated file; with `check` it is an error when one had to change.
pub fn schema(repository: &Repository, check: bool) -> Result<(), DevError> {
    let mut changed = Vec::new();
    for (arguments, file) in OUTPUTS {
        let mut command = repository.cargo();
        command.args(["run", "--quiet", "--package", "qadiya-cli", "--bin", "qadiya", "--"]).args(arguments);
        let fresh = read(&mut command)?;
        if refresh(repository, file, &fresh)? {
            say(&format!("{file}: changed"));
            changed.push(file);
        } else {
            say(&format!("{file}: unchanged"));
        }
    }
    if check && !changed.is_empty() {
        return Err(DevError::Stale { files: changed.join(", ") });
    }
    Ok(())
}

/// Writes the file when it differs and says whether it did.
fn refresh(repository: &Repository, file: &str, fresh: &[u8]) -> Result<bool, DevError> {
    let path = repository.path(file);
    if fs::read(&path).is_ok_and(|old| old == fresh) {
        return Ok(false);
    }
    let fault = |source| DevError::File { doing: "write", path: path.clone(), source };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(fault)?;
    }
    fs::write(&path, fresh).map_err(fault)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_file_is_written_once_and_then_unchanged() {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::at(folder.path());
        assert!(refresh(&repository, "docs/x.json", b"{}\n").unwrap());
        assert!(!refresh(&repository, "docs/x.json", b"{}\n").unwrap());
        assert!(refresh(&repository, "docs/x.json", b"[]\n").unwrap());
        assert_eq!(repository.text("docs/x.json").unwrap().as_deref(), Some("[]\n"));
    }
}
