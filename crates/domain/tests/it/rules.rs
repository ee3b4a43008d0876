//! The rules of a case, given, when, then: small workflows, each act with exactly the events or refusals it must have.

mod approval;
mod clocks;
mod corrections;
mod custody;
mod forms;
mod jobs;
mod machine;
