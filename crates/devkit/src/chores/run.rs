//! Running programs whose output goes straight to the terminal, and saying lines ourselves.

use std::io::Write as _;
use std::process::{Command, ExitStatus};

use super::DevError;

/// Runs the command with our input and output and waits for it.
pub(super) fn run(command: &mut Command) -> Result<(), DevError> {
    let program = written(command);
    let status = command.status().map_err(|source| DevError::Start { program: program.clone(), source })?;
    outcome(program, status)
}

/// Runs the command and gives back what it wrote to standard output; its errors go to the terminal.
pub(super) fn read(command: &mut Command) -> Result<Vec<u8>, DevError> {
    let program = written(command);
    let output = command
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|source| DevError::Start { program: program.clone(), source })?;
    outcome(program, output.status)?;
    Ok(output.stdout)
}

/// Whether the command can be started and succeeds, without showing anything.
pub(super) fn succeeds(command: &mut Command) -> bool {
    command.stdin(std::process::Stdio::null()).output().is_ok_and(|output| output.status.success())
}

/// One line to standard output. A closed output (`| head`) is no fault of the command.
pub(super) fn say(line: &str) {
    let mut out = std::io::stdout();
    writeln!(out, "{line}").and_then(|()| out.flush()).ok();
}

fn outcome(program: String, status: ExitStatus) -> Result<(), DevError> {
    if status.success() {
        return Ok(());
    }
    let code = status.code().map_or_else(|| status.to_string(), |code| format!("exit code {code}"));
    Err(DevError::Failed { program, code })
}

fn written(command: &Command) -> String {
    let name = std::path::Path::new(command.get_program())
        .file_name()
        .unwrap_or_else(|| command.get_program())
        .to_string_lossy()
        .into_owned();
    command.get_args().fold(name, |mut text, argument| {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
        text
    })
}
