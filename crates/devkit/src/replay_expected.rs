//! What a replay of an event log must give, one line a case (`*.expected.csv`), under *refuse and continue*.

use serde::Deserialize;
use thiserror::Error;

/// The result of replaying one case.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ExpectedCase {
    /// Identifier of the case in the log.
    pub case_id: String,
    /// Events offered.
    pub events: usize,
    /// Events accepted.
    pub accepted: usize,
    /// Events refused; the state stays.
    pub refused: usize,
    /// Position of the first refused event, from 1.
    pub first_refused: Option<usize>,
    /// Foreign identifier of the state after the last event.
    pub end_state: String,
    /// Whether that state is final in the source.
    #[serde(rename = "final", deserialize_with = "one_or_nought")]
    pub is_final: bool,
    /// Whether nothing was refused and the end state is final.
    #[serde(rename = "clean", deserialize_with = "one_or_nought")]
    pub is_clean: bool,
}

/// Why a file of expected results cannot be read.
#[derive(Debug, Error)]
#[error(
    "reading expected replay results: record {record} does not fit its header; compare it with the data folder's README"
)]
pub struct ExpectedError {
    /// Record after the header, from 1.
    pub record: usize,
    /// What is wrong in it.
    pub source: csv::Error,
}

fn one_or_nought<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    match u8::deserialize(deserializer)? {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(serde::de::Error::custom(format!("{other} is neither 0 nor 1"))),
    }
}

/// Reads the text of a `*.expected.csv`, in its order.
///
/// # Errors
/// The first record that does not fit.
pub fn read(text: &str) -> Result<Vec<ExpectedCase>, ExpectedError> {
    csv::Reader::from_reader(text.as_bytes())
        .deserialize()
        .enumerate()
        .map(|(index, record)| {
            record.map_err(|source| ExpectedError { record: index.saturating_add(1), source })
        })
        .collect()
}
