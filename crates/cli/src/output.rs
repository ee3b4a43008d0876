//! What commands print: text for people, one JSON document for programs, progress on terminals only.

use std::io::{IsTerminal, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::exit::Failure;

/// Where and how to print.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    /// One JSON document instead of text.
    pub(crate) json: bool,
}

impl Output {
    /// Prints the document, or the text for people.
    ///
    /// # Errors
    /// When the stream is closed.
    pub(crate) fn print<T: Serialize>(
        self,
        document: &T,
        text: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        if self.json {
            let json = serde_json::to_string_pretty(document)
                .map_err(|error| Failure::new("the answer could not be written as JSON").because(&error))?;
            self.line(&json)
        } else {
            self.line(text().trim_end())
        }
    }

    /// Prints a line of text.
    ///
    /// # Errors
    /// When the stream is closed.
    #[expect(
        clippy::unused_self,
        reason = "printing goes through one object, so that a test can find every place"
    )]
    pub(crate) fn line(self, text: &str) -> Result<(), Failure> {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{text}").map_err(|error| Failure::new("the output stream is closed").because(&error))
    }

    /// Prints a line for people only: programs that asked for JSON do not see it.
    ///
    /// # Errors
    /// When the stream is closed.
    pub(crate) fn note(self, text: &str) -> Result<(), Failure> {
        if self.json { Ok(()) } else { self.line(text) }
    }

    /// A progress bar, shown when the error stream is a terminal and people read.
    pub(crate) fn progress(self, what: &'static str, total: u64) -> ProgressBar {
        let shown = !self.json && std::io::stderr().is_terminal();
        let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(total), target);
        if let Ok(style) = ProgressStyle::with_template("{msg} [{bar:30}] {human_pos}/{human_len} {eta}") {
            bar.set_style(style);
        }
        bar.set_message(what);
        bar
    }
}

/// Rows as a plain table: columns as wide as their widest cell.
pub(crate) fn table<const N: usize>(head: [&str; N], rows: Vec<[String; N]>) -> String {
    let mut table = comfy_table::Table::new();
    table.set_header(head);
    for row in rows {
        table.add_row(row);
    }
    table.to_string()
}
