//! The program as a process.
#![cfg(test)]

mod moving;
