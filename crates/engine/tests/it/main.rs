//! Tests of the engine from outside.

// the attribute tells clippy that helpers between the tests may unwrap as tests may
#[cfg(test)]
mod manifest;
