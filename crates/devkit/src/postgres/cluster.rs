//! One throw-away cluster: made, started, stopped, removed.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use thiserror::Error;

use super::programs::{Programs, ProgramsError};

/// The name of the superuser, and of the database that the URL points to.
const OWNER: &str = "postgres";

/// Seconds that PostgreSQL gets to start or to stop before the attempt counts as failed.
const PATIENCE_SECONDS: &str = "120";

/// What went wrong with a throw-away cluster.
#[derive(Debug, Error)]
pub enum ClusterError {
    /// No programs.
    #[error("cannot start a throw-away PostgreSQL cluster")]
    Programs(#[from] ProgramsError),
    /// The temporary folder could not be prepared.
    #[error(
        "cannot prepare the temporary folder of the throw-away cluster ({doing}): check TMPDIR and the free space"
    )]
    Folder {
        /// The step that failed.
        doing: &'static str,
        /// Its cause.
        #[source]
        source: std::io::Error,
    },
    /// A program of PostgreSQL could not be run at all.
    #[error("cannot run `{program}`: check that the PostgreSQL installation is complete")]
    Run {
        /// The program.
        program: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// A program of PostgreSQL ended with an error.
    #[error("`{program}` failed: {said}")]
    Failed {
        /// The program.
        program: String,
        /// What it, and the server's log, said.
        said: String,
    },
}

/// How a cluster is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Sessions are ended, everything is flushed.
    Fast,
    /// The processes end at once, as in a crash; the next start recovers from the log.
    Immediate,
}

/// A running (or stopped) throw-away cluster. Dropping it stops the server and removes the folder.
#[derive(Debug)]
pub struct Cluster {
    programs: Programs,
    folder: TempDir,
    port: u16,
    password: String,
    running: bool,
}

impl Cluster {
    /// Makes and starts a cluster with the newest PostgreSQL of this machine.
    pub fn start() -> Result<Self, ClusterError> {
        Self::start_with(Programs::find()?)
    }

    /// Makes and starts a cluster with these programs.
    pub fn start_with(programs: Programs) -> Result<Self, ClusterError> {
        let in_folder = |doing| move |source| ClusterError::Folder { doing, source };
        let folder =
            tempfile::Builder::new().prefix("qadiya-pg-").tempdir().map_err(in_folder("making it"))?;
        let password = password().map_err(in_folder("drawing a password"))?;
        let password_file = folder.path().join("password");
        fs::write(&password_file, &password).map_err(in_folder("writing the password file"))?;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700))
            .map_err(in_folder("closing it to others"))?;
        if let Some((user, group)) = programs.account() {
            chown(folder.path(), Some(user), Some(group)).map_err(in_folder("handing it over"))?;
            chown(&password_file, Some(user), Some(group)).map_err(in_folder("handing it over"))?;
        }
        let mut cluster = Self { programs, folder, port: 0, password, running: false };
        cluster.initialise(&password_file)?;
        cluster.choose_port().map_err(in_folder("choosing a port and writing the settings"))?;
        cluster.start_again()?;
        Ok(cluster)
    }

    /// URL over loopback, with the superuser's password.
    pub fn url(&self) -> String {
        format!("postgres://{OWNER}:{}@127.0.0.1:{}/{OWNER}", self.password, self.port)
    }

    /// Major version of the server.
    pub fn major(&self) -> u32 {
        self.programs.major()
    }

    /// The folder with the data, the socket and the log.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts the stopped server again on the same port; does nothing while it runs.
    pub fn start_again(&mut self) -> Result<(), ClusterError> {
        if self.running {
            return Ok(());
        }
        let mut command = self.control("start");
        command.arg("-l").arg(self.log_file());
        self.run("pg_ctl start", command)?;
        self.running = true;
        Ok(())
    }

    /// Stops the server and keeps the folder; does nothing while it is stopped.
    pub fn stop(&mut self, how: Stop) -> Result<(), ClusterError> {
        if !self.running {
            return Ok(());
        }
        let mut command = self.control("stop");
        command.arg("-m").arg(match how {
            Stop::Fast => "fast",
            Stop::Immediate => "immediate",
        });
        self.run("pg_ctl stop", command)?;
        self.running = false;
        Ok(())
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }

    fn initialise(&self, password_file: &Path) -> Result<(), ClusterError> {
        let mut command = self.programs.command("initdb", self.folder.path());
        command
            .arg("--pgdata")
            .arg(self.data())
            .arg("--pwfile")
            .arg(password_file)
            .args(["--username", OWNER, "--auth", "scram-sha-256", "--encoding", "UTF8", "--no-instructions"])
            // C.UTF-8: Arabic counts as letters (pg_trgm is blind in plain C), and the order is that of code points.
            .args(["--locale", "C.UTF-8"]);
        self.run("initdb", command)
    }

    /// Takes a port that is free now and writes the settings that differ from the defaults.
    fn choose_port(&mut self) -> std::io::Result<()> {
        self.port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let socket_folder = self.folder.path().display().to_string().replace('\'', "''");
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = '{socket_folder}'\n\
             unix_socket_permissions = 0700\nmax_connections = 300\nfsync = on\nsynchronous_commit = on\n\
             full_page_writes = on\nlog_min_messages = warning\n",
            self.port
        );
        let mut file = fs::OpenOptions::new().append(true).open(self.data().join("postgresql.conf"))?;
        file.write_all(settings.as_bytes())
    }

    fn control(&self, action: &str) -> Command {
        let mut command = self.programs.command("pg_ctl", self.folder.path());
        command.arg(action).arg("--pgdata").arg(self.data()).args(["-w", "-s", "-t", PATIENCE_SECONDS]);
        command
    }

    fn run(&self, program: &str, mut command: Command) -> Result<(), ClusterError> {
        let output = command
            .stdin(std::process::Stdio::null())
            .output()
            .map_err(|source| ClusterError::Run { program: program.to_owned(), source })?;
        if output.status.success() {
            return Ok(());
        }
        let mut said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        if let Ok(log) = fs::read_to_string(self.log_file()) {
            let last: Vec<&str> = log.lines().rev().take(10).collect();
            for line in last.iter().rev() {
                said.push('\n');
                said.push_str(line);
            }
        }
        Err(ClusterError::Failed { program: program.to_owned(), said })
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // A failed fast stop (a server that was killed from outside) must not keep the folder.
        if self.stop(Stop::Fast).is_err() {
            self.stop(Stop::Immediate).ok();
        }
    }
}

/// 128 random bits in hexadecimal, from the system.
fn password() -> std::io::Result<String> {
    let mut bytes = [0_u8; 16];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        write!(text, "{byte:02x}").ok();
        text
    }))
}
