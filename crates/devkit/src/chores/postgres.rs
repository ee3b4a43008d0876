//! `cargo dev postgres`: a throw-away cluster in the foreground.

use std::path::PathBuf;

use super::DevError;
use super::needs::{self, POSTGRESQL};
use super::run::say;
use crate::postgres::{Keeper, TEST_URL};

/// Starts a cluster, prints its URL and keeps it until Ctrl-C.
pub fn hold() -> Result<(), DevError> {
    needs::provide(&[POSTGRESQL])?;
    let mut keeper = keeper()?;
    say(&format!("PostgreSQL {} runs until Ctrl-C; everything in it is thrown away then.", keeper.major()));
    say(&format!("{TEST_URL}={}", keeper.url()));
    Ok(keeper.wait()?)
}

/// A kept cluster, held by a second process of this very program.
pub(super) fn keeper() -> Result<Keeper, DevError> {
    let dev: PathBuf =
        std::env::current_exe().map_err(|source| DevError::Start { program: "dev".to_owned(), source })?;
    Ok(Keeper::start(&dev)?)
}
