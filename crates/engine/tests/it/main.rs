//! Tests of the engine from outside.
#![cfg(test)]

mod bench;
mod event_log;
mod manifest;
mod replay;
