//! engine

pub mod manifest_file;
pub mod event_log;
