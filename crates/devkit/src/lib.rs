//! devkit

pub mod convert;
pub mod replay_expected;
pub mod vectors;
