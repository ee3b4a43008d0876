//! Tests of the law of a case, from outside the crate.

#![cfg(test)]
#![expect(clippy::wildcard_enum_match_arm, reason = "a test names the cases it looks for")]

mod bench;
mod counter_examples;
mod differential;
mod golden;
mod guards;
mod language;
mod oracle;
mod pictures;
mod plans;
mod properties;
mod rehearsals;
mod rules;
mod schema;
mod searches;
mod test_files;
