//! engine

pub mod event_log;
