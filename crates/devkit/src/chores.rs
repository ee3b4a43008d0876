//! The developer commands, one file each. `bin/dev.rs` reads the arguments and calls them.

pub mod architecture;
pub mod bench;
pub mod ci;
pub mod convert;
pub mod needs;
pub mod outside;
pub mod postgres;
pub mod prepare;
mod repository;
mod run;
pub mod schema;
mod steps;
pub mod test;
pub mod tidy;

pub use repository::Repository;
pub use steps::{Steps, Summary};

use std::path::PathBuf;

use thiserror::Error;

use crate::postgres::{ClusterError, KeeperError};

/// Why a developer command failed. Each is a sentence with the next step.
#[derive(Debug, Error)]
pub enum DevError {
    /// The command was not started inside the repository.
    #[error("this folder is not inside the repository: change into the clone and run `cargo dev` again")]
    NoRepository,
    /// A program is not installed or cannot be started.
    #[error("cannot run `{program}`: install it or add it to PATH")]
    Start {
        /// The program with its arguments.
        program: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// A program ended with an error; it has said why above.
    #[error("`{program}` failed ({code}): its own message stands above")]
    Failed {
        /// The program with its arguments.
        program: String,
        /// Its exit code, or the signal.
        code: String,
    },
    /// A file or folder of the repository could not be read or written.
    #[error("cannot {doing} {}", path.display())]
    File {
        /// What was tried, as a verb.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// Something that the tests need is absent and may not be installed from here.
    #[error("{0}")]
    Missing(String),
    /// No throw-away cluster from the keeper.
    #[error(transparent)]
    Keeper(#[from] KeeperError),
    /// The throw-away cluster refused something.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// `cargo metadata` did not answer.
    #[error("cannot read the dependency picture: run `cargo metadata --no-deps` to see why")]
    Metadata(#[source] cargo_metadata::Error),
    /// Rules of the house are broken.
    #[error("{0} findings against the rules of the repository: each line above says what to do")]
    Findings(usize),
    /// Generated files differ from what the tree holds.
    #[error(
        "committed generated files are not up to date: {files}. They are refreshed now: look at them and commit them"
    )]
    Stale {
        /// The files that changed.
        files: String,
    },
    /// A foreign definition cannot be converted.
    #[error("{} was not converted", path.display())]
    Convert {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<crate::convert::ConvertError>,
    },
    /// Some steps of a run failed.
    #[error("{0} of the steps failed: the summary above names them")]
    Steps(usize),
}
