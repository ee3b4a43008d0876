//! Tests of the repository as a whole, and of the developer commands.

#![cfg(test)]

mod architecture;
mod ccd;
mod contract_api;
mod convert;
mod demo;
mod keys;
mod kills;
mod manifests;
mod outside_readers;
mod postgres;
mod replays;
mod searched;
mod server;
mod simulation;
mod tamper;
mod tidy;
mod troubles;

use std::path::Path;

use qadiya_devkit::chores::Repository;

/// The repository in which these tests were built.
fn repository() -> Repository {
    Repository::at(Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap())
}
