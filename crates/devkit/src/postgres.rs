//! PostgreSQL for tests and for `cargo dev`: throw-away clusters from the machine's own programs.
//!
//! A cluster lives in a fresh temporary folder, listens on a socket in that folder and on a free loopback port, flushes
//! to disk like a real one (fsync on), and never touches a cluster that the system runs.
//!
//! - [`test_url`]: what a test that needs PostgreSQL calls. It never skips: without a server it is a clear error.
//! - [`Cluster`]: a server in our hands, for tests that stop, kill and restart it.
//! - [`Keeper`]: a cluster held by a process of its own, which stops it however we end (Ctrl-C and `kill -9` too).

mod cluster;
mod keeper;
mod programs;
mod script;

pub use cluster::{Cluster, ClusterError, Stop};
pub use keeper::{Keeper, KeeperError, keep};
pub use programs::{OLDEST_MAJOR, Programs, ProgramsError};
pub use script::run_file;

use thiserror::Error;

use crate::environment;

/// Variable with the URL of the server that tests may create databases on.
pub const TEST_URL: &str = "QADIYA_TEST_POSTGRES";

/// No server was given to the tests.
#[derive(Debug, Error, PartialEq, Eq)]
#[error(
    "QADIYA_TEST_POSTGRES is not set and this test needs a PostgreSQL server it may create databases on: run \
     `cargo dev test`, or start one with `cargo dev postgres` and set QADIYA_TEST_POSTGRES to the URL it prints"
)]
pub struct NoTestServer;

/// URL of the server for tests, with the right to create databases. A test unwraps it: absent means failed.
pub fn test_url() -> Result<String, NoTestServer> {
    environment::setting(TEST_URL).ok_or(NoTestServer)
}
