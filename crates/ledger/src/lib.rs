//! Tamper evidence; it must not know cases, stores, clocks or files.
//!
#![doc = include_str!("../README.md")]

pub mod canonical;
pub mod chain;
pub mod checkpoint;
pub mod commitment;
pub mod hash;
pub mod key;
pub mod note;
pub mod receipt;
pub mod tree;
pub mod value;
pub mod verify;

pub use hash::Hash;
pub use value::Value;
