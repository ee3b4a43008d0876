//! A process of its own that holds a throw-away cluster, so that it is stopped however its user ends.
//!
//! The user starts `dev keep-postgres` and holds the write end of its standard input. The keeper makes the cluster, says
//! its URL in one line of JSON and reads until the end of its input, which the system closes when the user ends, also by
//! Ctrl-C, `kill -9` or a panic. The keeper leads its own process group, so a Ctrl-C in the terminal does not reach it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::cluster::{Cluster, ClusterError};

/// Name of the hidden subcommand of the `dev` binary that calls [`keep`].
const SUBCOMMAND: &str = "keep-postgres";

/// Why a kept cluster is not available.
#[derive(Debug, Error)]
pub enum KeeperError {
    /// The keeper process could not be started or did not answer.
    #[error(
        "cannot start the process that holds the throw-away cluster ({doing}): run the command again, and build `dev` anew if it stays"
    )]
    Process {
        /// The step that failed.
        doing: &'static str,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The keeper's answer is not ours.
    #[error("the process that holds the throw-away cluster gave no readable answer: build `dev` anew")]
    Answer(#[source] serde_json::Error),
    /// The keeper could not make the cluster.
    #[error("{0}")]
    Cluster(String),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Answer {
    Ready { url: String, major: u32 },
    Fault(String),
}

/// A cluster held by another process. Dropping it stops the server and waits until the folder is gone.
#[derive(Debug)]
pub struct Keeper {
    process: Child,
    url: String,
    major: u32,
}

impl Keeper {
    /// Starts the keeper from the `dev` binary at `dev`.
    pub fn start(dev: &Path) -> Result<Self, KeeperError> {
        let fault = |doing| move |source| KeeperError::Process { doing, source };
        let mut process = Command::new(dev)
            .arg(SUBCOMMAND)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(fault("starting it"))?;
        let mut line = String::new();
        if let Some(output) = process.stdout.take() {
            BufReader::new(output).read_line(&mut line).map_err(fault("reading its answer"))?;
        }
        match serde_json::from_str(&line).map_err(KeeperError::Answer)? {
            Answer::Ready { url, major } => Ok(Self { process, url, major }),
            Answer::Fault(text) => {
                process.wait().map_err(fault("waiting for its end"))?;
                Err(KeeperError::Cluster(text))
            }
        }
    }

    /// URL of the server, for a superuser.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Major version of the server.
    pub fn major(&self) -> u32 {
        self.major
    }

    /// Waits until the keeper ends by itself, which it does only when something kills it.
    pub fn wait(&mut self) -> Result<(), KeeperError> {
        // `Child::wait` would close the keeper's input first; holding it here keeps the cluster alive.
        let held = self.process.stdin.take();
        let ended = self.process.wait();
        drop(held);
        ended.map(|_| ()).map_err(|source| KeeperError::Process { doing: "waiting for its end", source })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        // Nothing can be done about a keeper that cannot be waited for; its own end removes the folder.
        self.process.wait().ok();
    }
}

/// Body of the keeper process: see the module's head. Returns when its input ends.
pub fn keep() -> std::io::Result<()> {
    let (answer, cluster) = match Cluster::start() {
        Ok(cluster) => (Answer::Ready { url: cluster.url(), major: cluster.major() }, Some(cluster)),
        Err(error) => (Answer::Fault(with_causes(&error)), None),
    };
    let line = serde_json::to_string(&answer)?;
    let said = writeln!(std::io::stdout(), "{line}").and_then(|()| std::io::stdout().flush());
    if said.is_ok() && cluster.is_some() {
        let mut rest = Vec::new();
        std::io::stdin().read_to_end(&mut rest)?;
    }
    drop(cluster);
    said
}

fn with_causes(error: &ClusterError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
