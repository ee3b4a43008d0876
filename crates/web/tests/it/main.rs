//! The API in process: requests go through the whole router, the engine and the store in memory.
#![cfg(test)]

mod auth;
mod batch;
mod cases;
mod faults;
#[path = "../../../engine/tests/it/engine/faulty.rs"]
#[expect(dead_code, reason = "the engine's tests use the rest of it")]
mod faulty;
mod held;
mod json;
mod keys;
mod limits;
mod manifests;
mod matrix;
mod openapi;
mod problems;
mod publishing;
mod reads;
mod support;
