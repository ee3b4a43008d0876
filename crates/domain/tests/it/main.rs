//! Tests of the law of a case, from outside the crate.

mod language;
mod zz;
