//! domain

pub mod folding;
pub mod manifest;
