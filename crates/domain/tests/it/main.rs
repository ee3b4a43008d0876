//! Tests of the law of a case, from outside the crate.

mod guards;
mod language;
mod pictures;
mod schema;
mod test_files;
