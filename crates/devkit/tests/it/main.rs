//! Tests of the developer kit.

mod convert;
