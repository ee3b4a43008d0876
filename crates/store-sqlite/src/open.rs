//! Opening a store: what is refused, what every connection is set to, and the tasks that do the work.
//!
//! INVARIANT: no future that speaks to the database is ever dropped half-way. Every piece of work runs in a task that
//! the store owns; who waits for it may go away, the work does not (DESIGN D9).

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::future::Future;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use qadiya_store::StoreError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, Row as _, SqliteConnection};
use tokio_util::task::TaskTracker;
use tracing::log::LevelFilter;

use crate::connections::{Connections, Lent};
use crate::errors::{Fault, meaning};
use crate::migrate;
use crate::wake::Wake;

/// The oldest SQLite that is accepted: older ones can damage a file when a write meets a checkpoint
/// (sqlite.org/wal.html, "the WAL-reset bug").
const OLDEST: (u32, u32, u32) = (3, 51, 3);
/// File systems whose locks SQLite cannot trust.
const NETWORK: [&str; 15] = [
    "nfs",
    "nfs4",
    "cifs",
    "smb",
    "smb2",
    "smb3",
    "smbfs",
    "9p",
    "afs",
    "ceph",
    "glusterfs",
    "lustre",
    "gfs2",
    "ocfs2",
    "davfs",
];
/// How much each connection keeps in memory at the most: 64 MiB, in the form that SQLite takes.
const CACHE: &str = "-65536";
/// After so many pages (64 MiB) the write-ahead log is copied back into the file.
const LOG_PAGES: &str = "16384";
/// Below this part of the disk that is free, health reports a fault.
const LEAST_FREE_PERCENT: u64 = 2;

/// Work on one connection.
pub(crate) type Work<'c, T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + Send + 'c>>;

/// How a transaction ends.
#[derive(Debug)]
pub(crate) enum Done<T> {
    /// Committed, with this answer.
    Keep(T),
    /// Rolled back, with this answer.
    Undo(T),
}

/// Where the database is and how it is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The database file. Its folder must exist.
    pub path: PathBuf,
    /// Connections that read, beside the one that writes.
    pub readers: u32,
    /// How long a statement waits for a lock.
    pub busy_timeout: Duration,
    /// The most pages the file may have; `None` leaves it to the disk. A bound for small installations and tests.
    pub max_pages: Option<u32>,
}

impl Options {
    /// The usual ones for this file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), readers: 4, busy_timeout: Duration::from_secs(20), max_pages: None }
    }
}

/// A store in SQLite. Cloning it copies a pointer.
#[derive(Clone)]
pub struct SqliteStore(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    writer: Connections,
    readers: Connections,
    tasks: TaskTracker,
    pub(crate) wake: Wake,
    path: PathBuf,
    /// Held as long as the store lives: no second process opens the file.
    _lock: File,
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.0.path).finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens a database that [`migrate()`](crate::migrate()) made.
    ///
    /// # Errors
    /// `Unsafe` when the place or a setting cannot keep the promises, `Schema` when the schema is not this program's,
    /// `Unavailable` when another process has it open or the file cannot be opened.
    pub async fn open(options: &Options) -> Result<Self, StoreError> {
        let tasks = TaskTracker::new();
        let options = options.clone();
        let opened = tasks.spawn(async move { Self::opened(&options).await }).await;
        joined("opening the database", opened)
    }

    async fn opened(options: &Options) -> Result<Self, StoreError> {
        const DURING: &str = "opening the database";
        refuse_network(&options.path)?;
        if !options.path.exists() {
            return Err(StoreError::Schema(format!("{} does not exist", options.path.display())));
        }
        let lock = lock(&options.path)?;
        let mut first = connect(options).await?;
        let unsafe_setting =
            faults(&mut first).await.map_err(|error| meaning(DURING, &error))?.into_iter().next();
        if let Some(unsafe_setting) = unsafe_setting {
            return Err(StoreError::Unsafe(unsafe_setting));
        }
        migrate::check(&mut first).await?;
        first.close().await.map_err(|error| meaning(DURING, &error))?;
        let of = |size, read_only| Connections::new(connect_options(options).read_only(read_only), size);
        Ok(Self(Arc::new(Shared {
            writer: of(1, false),
            readers: of(options.readers, true),
            tasks: TaskTracker::new(),
            wake: Wake::default(),
            path: options.path.clone(),
            _lock: lock,
        })))
    }

    /// Waits for the work in flight and closes the connections.
    pub async fn close(&self) {
        self.0.tasks.close();
        self.0.tasks.wait().await;
        self.0.readers.close().await;
        self.0.writer.close().await;
    }

    /// Work that only reads, on a snapshot of its own.
    pub(crate) async fn read<T, F>(&self, during: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> Work<'c, T> + Send + 'static,
    {
        let shared = Arc::clone(&self.0);
        let task = self.0.tasks.spawn(async move {
            let mut lent = shared.readers.lend().await.map_err(|error| meaning(during, &error))?;
            let done = work(lent.get()).await.map_err(|fault| fault.during(during));
            lent.back(done.is_err()).await;
            done
        });
        joined(during, task.await)
    }

    /// One statement that writes and commits by itself.
    pub(crate) async fn write<T, F>(&self, during: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> Work<'c, T> + Send + 'static,
    {
        let shared = Arc::clone(&self.0);
        let task = self.0.tasks.spawn(async move {
            let mut lent = shared.writer.lend().await.map_err(|error| meaning(during, &error))?;
            let done = work(lent.get()).await.map_err(|fault| fault.during(during));
            lent.back(done.is_err()).await;
            done
        });
        joined(during, task.await)
    }

    /// Work that writes in one transaction. It begins IMMEDIATE: a transaction that begins as a reader and then writes
    /// fails at once where another wrote meanwhile, and no busy timeout helps it.
    pub(crate) async fn transaction<T, F>(&self, during: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> Work<'c, Done<T>> + Send + 'static,
    {
        let shared = Arc::clone(&self.0);
        let task = self.0.tasks.spawn(async move {
            let lent = shared.writer.lend().await.map_err(|error| meaning(during, &error))?;
            in_transaction(lent, work).await.map_err(|fault| fault.during(during))
        });
        joined(during, task.await)
    }

    /// What is unsafe now, each with the remedy.
    pub(crate) fn disk_fault(&self) -> Option<String> {
        let disk = rustix::fs::statvfs(&self.0.path).ok()?;
        let percent = disk.f_bavail.saturating_mul(100).checked_div(disk.f_blocks)?;
        (percent < LEAST_FREE_PERCENT).then(|| {
            format!(
                "the disk of {} is {percent}% free; free space or move the database",
                self.0.path.display()
            )
        })
    }
}

async fn in_transaction<T, F>(mut lent: Lent<'_>, work: F) -> Result<T, Fault>
where
    F: for<'c> FnOnce(&'c mut SqliteConnection) -> Work<'c, Done<T>> + Send,
{
    let (answer, ended) = {
        let mut transaction = lent.get().begin_with("BEGIN IMMEDIATE").await?;
        match work(&mut transaction).await {
            Ok(Done::Keep(answer)) => (Ok(answer), transaction.commit().await),
            Ok(Done::Undo(answer)) => (Ok(answer), transaction.rollback().await),
            Err(fault) => (Err(fault), transaction.rollback().await),
        }
    };
    if let Err(error) = ended {
        // SQLite may have rolled back by itself (disk full), and then the driver's count of open transactions is wrong:
        // this connection is not used again. Closing it rolls back whatever is open. What it says then adds nothing.
        lent.close().await;
        return Err(answer.err().unwrap_or(Fault::Driver(error)));
    }
    lent.back(answer.is_err()).await;
    answer
}

/// The result of a task. A task of the store is never aborted; one that panicked left its transaction unfinished.
pub(crate) fn joined<T>(
    during: &'static str,
    ended: Result<Result<T, StoreError>, tokio::task::JoinError>,
) -> Result<T, StoreError> {
    ended.unwrap_or_else(|_| {
        Err(StoreError::Unknown { during, detail: "the task that did the work broke off".to_owned() })
    })
}

/// What every connection is set to.
pub(crate) fn connect_options(options: &Options) -> SqliteConnectOptions {
    let settings = SqliteConnectOptions::new()
        .filename(&options.path)
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(options.busy_timeout)
        // A file that is mapped shows damage of the disk as a crash.
        .pragma("mmap_size", "0")
        // A batch of hundreds of cases touches thousands of pages: with a smaller cache they are written before the
        // commit and again at it, and with a shorter log every batch is copied back into the file at once (SPEED).
        .pragma("cache_size", CACHE)
        .pragma("wal_autocheckpoint", LOG_PAGES)
        // What a statement of many rows may have to take back is kept in memory: beyond 64 KiB it would be written to a
        // file of its own, page by page, and thrown away.
        .pragma("temp_store", "MEMORY")
        // Text that an insider wrote into the schema runs no function.
        .pragma("trusted_schema", "OFF")
        .log_statements(LevelFilter::Trace)
        .log_slow_statements(LevelFilter::Warn, Duration::from_secs(5));
    match options.max_pages {
        Some(pages) => settings.pragma("max_page_count", pages.to_string()),
        None => settings,
    }
}

/// One connection outside the pools.
pub(crate) async fn connect(options: &Options) -> Result<SqliteConnection, StoreError> {
    connect_options(options).connect().await.map_err(|error| meaning("opening the database", &error))
}

/// The lock file beside the database: `court.db.lock`.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Opens or makes a file that only its owner reads and writes: case files are nobody else's.
pub(crate) fn private_file(path: &Path) -> Result<File, StoreError> {
    let unavailable = |error: std::io::Error| StoreError::Unavailable {
        during: "opening the database",
        detail: format!("{}: {error}", path.display()),
    };
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(unavailable)?;
    let mode = file.metadata().map_err(unavailable)?.permissions().mode();
    if mode & 0o077 != 0 {
        file.set_permissions(std::fs::Permissions::from_mode(0o600)).map_err(unavailable)?;
    }
    Ok(file)
}

/// Takes the lock that keeps a second process out. It ends with the file's handle, so a killed process leaves none.
pub(crate) fn lock(path: &Path) -> Result<File, StoreError> {
    let place = beside(path, ".lock");
    let file = private_file(&place)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Unavailable {
            during: "opening the database",
            detail: format!(
                "another process has it open ({} is locked); stop it first, or use PostgreSQL for several processes",
                place.display()
            ),
        }),
        Err(TryLockError::Error(error)) => Err(StoreError::Unavailable {
            during: "opening the database",
            detail: format!("{} cannot be locked: {error}", place.display()),
        }),
    }
}

/// Waits for the lock under which schemas change.
pub(crate) fn wait_to_migrate(path: &Path) -> Result<File, StoreError> {
    let place = beside(path, ".migrate.lock");
    let file = private_file(&place)?;
    file.lock().map_err(|error| StoreError::Unavailable {
        during: "migrating the database",
        detail: format!("{} cannot be locked: {error}", place.display()),
    })?;
    Ok(file)
}

/// Refuses a place whose file system cannot lock or share memory as SQLite needs it.
pub(crate) fn refuse_network(path: &Path) -> Result<(), StoreError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let unavailable = |error: std::io::Error| StoreError::Unavailable {
        during: "opening the database",
        detail: format!("the folder {}: {error}", folder.display()),
    };
    let folder = folder.canonicalize().map_err(unavailable)?;
    // Only Linux has this list; elsewhere the documentation warns.
    let Ok(mounts) = std::fs::read_to_string("/proc/self/mountinfo") else { return Ok(()) };
    match network_mount(&mounts, &folder) {
        None => Ok(()),
        Some(kind) => Err(StoreError::Unsafe(format!(
            "{} lies on a network file system ({kind}), where SQLite files break; use a local disk or PostgreSQL",
            folder.display()
        ))),
    }
}

/// The kind of the network file system that a folder lies on, from the text of `/proc/self/mountinfo`
/// (`proc_pid_mountinfo(5)`: mount point in the fifth field, kind after the lone hyphen).
fn network_mount(mounts: &str, folder: &Path) -> Option<String> {
    let mut best: Option<(usize, String)> = None;
    for line in mounts.lines() {
        let (Some((before, after)), Some(point)) = (line.split_once(" - "), line.split(' ').nth(4)) else {
            continue;
        };
        let kind = after.split(' ').next().unwrap_or_default();
        let point = PathBuf::from(unescaped(point));
        let depth = point.components().count();
        // A later line with the same mount point lies over an earlier one.
        if !before.is_empty()
            && folder.starts_with(&point)
            && best.as_ref().is_none_or(|(held, _)| depth >= *held)
        {
            best = Some((depth, kind.to_owned()));
        }
    }
    let (_, kind) = best?;
    let bare = kind.strip_prefix("fuse.").unwrap_or(&kind);
    let is_network = NETWORK.contains(&bare) || ["sshfs", "rclone", "s3fs"].contains(&bare);
    is_network.then_some(kind)
}

/// Mount points write blanks, tabs, line ends and backslashes as octal numbers.
fn unescaped(text: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(text.to_owned(), |text, (code, sign)| text.replace(code, sign))
}

/// Every unsafe setting of a connection, each with the remedy.
///
/// # Errors
/// What SQLite said to the questions.
pub async fn faults(connection: &mut SqliteConnection) -> Result<Vec<String>, sqlx::Error> {
    let version: String = connection.fetch_one("SELECT sqlite_version()").await?.try_get(0)?;
    let journal: String = connection.fetch_one("PRAGMA journal_mode").await?.try_get(0)?;
    let synchronous: i64 = connection.fetch_one("PRAGMA synchronous").await?.try_get(0)?;
    let foreign_keys: i64 = connection.fetch_one("PRAGMA foreign_keys").await?.try_get(0)?;
    let encoding: String = connection.fetch_one("PRAGMA encoding").await?.try_get(0)?;
    let mut faults = Vec::new();
    if too_old(&version) {
        let (major, minor, patch) = OLDEST;
        faults.push(format!(
            "SQLite {version} can damage the file when a write meets a checkpoint; build with {major}.{minor}.{patch} or newer"
        ));
    }
    if journal != "wal" {
        faults.push(format!(
            "the journal mode is {journal}, not wal; put the database on a local disk whose folder may be written"
        ));
    }
    if synchronous < 2 {
        faults.push(
            "synchronous is below FULL: a power cut may lose what was acknowledged; remove the setting"
                .to_owned(),
        );
    }
    if foreign_keys != 1 {
        faults.push("foreign_keys is off; remove the setting".to_owned());
    }
    if encoding != "UTF-8" {
        faults.push(format!("the file is encoded in {encoding}, not UTF-8; move its contents to a new file"));
    }
    Ok(faults)
}

/// Whether a version text names an SQLite that is refused. A text that cannot be read is refused too.
fn too_old(version: &str) -> bool {
    let mut parts = version.split('.').map(|part| part.parse::<u32>().ok());
    match (parts.next().flatten(), parts.next().flatten(), parts.next().flatten()) {
        (Some(major), Some(minor), Some(patch)) => (major, minor, patch) < OLDEST,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_sqlite_with_the_wal_reset_bug_is_too_old() {
        for version in ["3.7.0", "3.46.0", "3.51.2", "2.99.99", "", "three"] {
            assert!(too_old(version), "{version}");
        }
        for version in ["3.51.3", "3.52.0", "4.0.0"] {
            assert!(!too_old(version), "{version}");
        }
    }

    #[test]
    fn a_network_file_system_is_seen_by_its_mount_point() {
        let mounts = "\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
40 22 0:35 / /mnt/nas rw,relatime - nfs4 nas:/court rw
41 40 254:1 / /mnt/nas/local rw - xfs /dev/vdb rw
42 22 0:36 / /mnt/two\\040words rw - fuse.sshfs host:/ rw
43 22 0:37 / /over rw - cifs //host/share rw
44 22 254:2 / /over rw - btrfs /dev/vdc rw
45 22 254:2 / /mnt/n rw - fuse.ntfs /dev/vdd rw
";
        let kind = |folder: &str| network_mount(mounts, Path::new(folder));
        assert_eq!(kind("/srv"), None);
        assert_eq!(kind("/mnt/nas/court"), Some("nfs4".to_owned()));
        assert_eq!(kind("/mnt/nas/local/court"), None);
        assert_eq!(kind("/mnt/nas2"), None);
        assert_eq!(kind("/mnt/two words/x"), Some("fuse.sshfs".to_owned()));
        assert_eq!(kind("/over/court"), None);
        assert_eq!(kind("/mnt/n"), None);
    }
}
