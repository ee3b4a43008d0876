//! Walk vectors of a converted case type: one command per line with the outcome that a conforming engine must give.

use std::collections::BTreeMap;

use serde::Deserialize;
use thiserror::Error;

/// One command offered to an engine, and what must come of it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Vector {
    /// Number in the file, from 1.
    pub n: u64,
    /// Label of the case within the file.
    pub case: String,
    /// Whether the command is to open the case.
    pub create: bool,
    /// Foreign identifier of the event.
    pub event: String,
    /// Foreign identifier of the role that offers it.
    pub role: String,
    /// Case data given with the command, by foreign field.
    #[serde(default)]
    pub data: BTreeMap<String, serde_json::Value>,
    /// What a conforming engine answers.
    pub expect: Expect,
    /// Foreign identifier of the state after the command; none while the case does not exist.
    pub state: Option<String>,
}

/// The outcome of a vector. Each refusal has exactly one cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expect {
    /// The command is accepted.
    Ok,
    /// The event is not open in this state.
    WrongState,
    /// The role may not start this event.
    ForbiddenEvent,
    /// The role may not act at all while the case is in this state.
    ForbiddenState,
    /// The condition of the event does not hold.
    GuardFalse,
}

impl Expect {
    /// The code of our refusal, none where the command is accepted.
    pub fn refusal(self) -> Option<&'static str> {
        match self {
            Self::Ok => None,
            Self::WrongState => Some("state"),
            Self::ForbiddenEvent => Some("role"),
            Self::ForbiddenState => Some("acts-by"),
            Self::GuardFalse => Some("guard"),
        }
    }
}

/// Why a file of vectors cannot be read.
#[derive(Debug, Error)]
#[error("reading walk vectors: line {line} is no vector; compare it with the data folder's README")]
pub struct VectorError {
    /// Line in the file, from 1.
    pub line: usize,
    /// What is wrong in it.
    pub source: serde_json::Error,
}

/// Reads a `*.vectors.jsonl` text; blank lines are skipped.
///
/// # Errors
/// The first line that is no vector.
pub fn read(text: &str) -> Result<Vec<Vector>, VectorError> {
    text.trim_start_matches('\u{FEFF}')
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(index, line)| {
            serde_json::from_str(line).map_err(|source| VectorError { line: index.saturating_add(1), source })
        })
        .collect()
}
