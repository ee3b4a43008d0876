//! engine

pub mod manifest_file;
