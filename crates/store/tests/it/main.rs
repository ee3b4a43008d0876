//! The store in memory keeps the promises of the ports.
#![cfg(test)]

use qadiya_store::conformance::InMemory;

async fn open() -> InMemory {
    InMemory::open()
}

qadiya_store::conformance!(open, scripts = qadiya_devkit::trials::count(1_000, 10_000).unwrap());
