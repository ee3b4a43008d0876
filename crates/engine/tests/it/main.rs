//! Tests of the engine from outside.
#![cfg(test)]

mod event_log;
mod manifest;
