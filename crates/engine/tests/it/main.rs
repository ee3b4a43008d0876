//! Tests of the engine from outside.
#![cfg(test)]

mod bench;
mod engine;
mod event_log;
mod export;
mod intake;
mod manifest;
mod replay;
