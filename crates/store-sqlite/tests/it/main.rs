//! The store in SQLite: the promises of the ports, and what is special about this database.
#![cfg(test)]

mod cancelled;
mod conformance;
mod damage;
mod facts;
mod full;
mod place;
mod plans;
mod schema;
mod settings;
mod transfer;
