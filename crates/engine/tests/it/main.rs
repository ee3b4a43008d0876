//! Tests of the engine from outside.
#![cfg(test)]

mod engine;
mod event_log;
mod manifest;
