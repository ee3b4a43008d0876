//! Event logs: the real ones of the data folder, hostile ones, and our own read back.

mod hostile;
mod objects;
mod real_logs;
mod round_trip;
mod tables;

use qadiya_engine::event_log::{LogFault, LogSource, ReadOptions, Trace};

/// Reads a log given as text.
fn read(text: impl AsRef<[u8]>, name: &str) -> Result<Vec<Trace>, LogFault> {
    LogSource::open(text.as_ref(), name, &ReadOptions::default())?.collect()
}

/// Why a log cannot be read, in words.
fn why(text: impl AsRef<[u8]>, name: &str) -> String {
    read(text, name).expect_err("the log should be refused").to_string()
}
