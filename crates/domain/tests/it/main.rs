//! Tests of the law of a case, from outside the crate.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests stop where they go wrong"
)]

mod guards;
mod language;
mod pictures;
mod schema;
mod searches;
mod test_files;
