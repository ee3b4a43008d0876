//! The program as a process.
#![cfg(test)]

mod moving;
mod program;
mod setup;
mod surface;
