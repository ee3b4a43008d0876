//! SQL files through `psql`.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::process::Stdio;

use super::cluster::ClusterError;
use super::programs::Programs;

/// Runs one SQL file on the database behind `url`, stopping at the first error. A file is one transaction, unless it
/// begins with `-- no-transaction` (the mark that sqlx's migrations use too).
pub fn run_file(url: &str, file: &Path) -> Result<(), ClusterError> {
    let program = format!("psql < {}", file.display());
    let fault = |source| ClusterError::Run { program: program.clone(), source };
    let text = fs::read_to_string(file).map_err(fault)?;
    let mut command = Programs::find()?.command("psql", Path::new("/"));
    command.args(["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--dbname", url]);
    if !text.starts_with("-- no-transaction") {
        command.arg("--single-transaction");
    }
    // The text goes in by standard input: the server's account may not be able to read the repository.
    let mut child = command
        .args(["--file", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(fault)?;
    if let Some(mut input) = child.stdin.take() {
        match input.write_all(text.as_bytes()) {
            // psql that ended early has closed its input; what it said is read below.
            Err(error) if error.kind() != ErrorKind::BrokenPipe => return Err(fault(error)),
            _ => {}
        }
    }
    let output = child.wait_with_output().map_err(fault)?;
    if output.status.success() {
        return Ok(());
    }
    Err(ClusterError::Failed { program, said: String::from_utf8_lossy(&output.stderr).trim().to_owned() })
}
