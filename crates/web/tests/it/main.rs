//! The API in process: requests go through the whole router, the engine and the store in memory.
#![cfg(test)]

mod auth;
mod batch;
mod cases;
mod json;
mod limits;
mod matrix;
mod openapi;
mod problems;
mod publishing;
mod reads;
mod support;
