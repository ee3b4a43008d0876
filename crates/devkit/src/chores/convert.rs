//! `cargo dev convert`: prints a workflow file made from a foreign definition.

use std::io::Write as _;
use std::path::Path;

use super::DevError;
use crate::convert::from_json;

/// Converts a file, told apart by its content, and writes the workflow file to a path or to standard output. What the
/// source got wrong stands in the head of the file.
///
/// # Errors
/// [`DevError::Convert`] when the file is neither shape or its meaning is open; [`DevError::File`] when a file cannot be
/// read or written.
pub fn convert(from: &Path, to: Option<&Path>) -> Result<(), DevError> {
    let fault = |doing: &'static str, path: &Path| {
        let path = path.to_path_buf();
        move |source| DevError::File { doing, path, source }
    };
    let text = std::fs::read_to_string(from).map_err(fault("read", from))?;
    let converted = from_json(&text)
        .map_err(|source| DevError::Convert { path: from.to_path_buf(), source: Box::new(source) })?;
    match to {
        Some(path) => std::fs::write(path, &converted.yaml).map_err(fault("write", path)),
        None => std::io::stdout()
            .write_all(converted.yaml.as_bytes())
            .map_err(fault("write", Path::new("standard output"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_written_as_a_workflow_file_and_another_text_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("m.json"), folder.path().join("m.yaml"));
        let machine = r#"{"name": "m", "initial": "a", "final": ["a"], "states": ["a"], "events": ["e"],
            "transitions": [{"from": "a", "event": "e", "to": "a"}]}"#;
        std::fs::write(&from, machine).unwrap();
        convert(&from, Some(&to)).unwrap();
        assert!(std::fs::read_to_string(&to).unwrap().contains("workflow: m\n"));
        std::fs::write(&from, "[]").unwrap();
        assert!(matches!(convert(&from, Some(&to)), Err(DevError::Convert { .. })));
    }
}
