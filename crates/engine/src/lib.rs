//! engine

pub mod event_log;
pub mod manifest_file;
