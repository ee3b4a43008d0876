//! The engine from outside.

mod event_log;
