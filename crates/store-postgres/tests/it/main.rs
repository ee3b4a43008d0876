//! The PostgreSQL store against a server. `QADIYA_TEST_POSTGRES` names one that databases may be created on.
#![cfg(test)]

mod broken;
mod cancelled;
mod conformance;
mod plans;
mod racing;
mod rows;
mod schema;
mod server;
mod settings;
mod transfer;
