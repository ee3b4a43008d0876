//! A store that is open, and the engine on it: the one place that names the concrete stores.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use qadiya_engine::authorize::Principal;
use qadiya_engine::clock::{Clock, SystemClock};
use qadiya_engine::ids::{IdSource, SystemIds};
use qadiya_engine::registry_write::installation;
use qadiya_engine::{Engine, OnFatal, Settings};
use qadiya_ledger::key::Ed25519Signer;
use qadiya_store::{Registry, Store, StoreError, Transfer};
use qadiya_store_postgres::PostgresStore;
use qadiya_store_sqlite::{Options, SqliteStore};

use crate::args::Global;
use crate::exit::Failure;

/// Where cases are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// An SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL address.
    Postgres(String),
}

impl Place {
    /// Reads `--store`.
    pub(crate) fn read(text: &str) -> Self {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            Self::Postgres(text.to_owned())
        } else {
            Self::Sqlite(PathBuf::from(text.strip_prefix("sqlite:").unwrap_or(text)))
        }
    }

    /// The place without a password, for messages.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Sqlite(path) => path.display().to_string(),
            Self::Postgres(url) => {
                let (scheme, rest) = url.split_once("://").unwrap_or(("postgres", ""));
                // A password may stand before the host or among the parameters; where it ends is not always plain.
                let address = rest.split_once('?').map_or(rest, |(address, _)| address);
                match (address.rsplit_once('@'), rest.contains('@')) {
                    (Some((_, host)), _) => format!("{scheme}://…@{host}"),
                    (None, true) => format!("{scheme}://…"),
                    (None, false) => format!("{scheme}://{address}"),
                }
            }
        }
    }

    /// Brings the schema up to this program.
    ///
    /// # Errors
    /// What the store says.
    pub(crate) async fn migrate(&self) -> Result<(), Failure> {
        let done = match self {
            Self::Sqlite(path) => qadiya_store_sqlite::migrate(&Options::new(path)).await,
            Self::Postgres(url) => qadiya_store_postgres::migrate(url).await,
        };
        done.map_err(|error| self.failed("the schema could not be brought up to this program", &error))
    }

    /// Whether an installation lives here already. A place where there is nothing yet has none.
    ///
    /// # Errors
    /// When the store is there and cannot be read.
    pub(crate) async fn is_set_up(&self) -> Result<bool, Failure> {
        let store = match self {
            Self::Sqlite(path) if !path.exists() => return Ok(false),
            Self::Sqlite(path) => SqliteStore::open(&Options::new(path)).await.map(Opened::Sqlite),
            Self::Postgres(url) => PostgresStore::connect(url).await.map(Opened::Postgres),
        };
        let store = match store {
            Ok(store) => store,
            // An empty database: the schema is still to come.
            Err(StoreError::Schema(_)) => return Ok(false),
            Err(error) => return Err(self.failed("the store could not be opened", &error)),
        };
        let found = installation(store.ports().as_ref()).await;
        store.close().await;
        found
            .map(|found| found.is_some())
            .map_err(|error| Failure::new(format!("{} could not be read", self.shown())).because(&error))
    }

    fn failed(&self, what: &str, error: &StoreError) -> Failure {
        let next = match error {
            StoreError::Unavailable { .. } => "check that the server runs and the path or address is right",
            StoreError::Schema(_) => "run `qadiya migrate`, or `qadiya init` for a new store",
            StoreError::Full { .. } => "free space on the disk",
            StoreError::Unsafe(_) => "mend the setting that is named; the store does not start with it",
            StoreError::Retry { .. }
            | StoreError::Unknown { .. }
            | StoreError::Io { .. }
            | StoreError::Corrupt { .. }
            | StoreError::Other { .. } => "see what the store says",
        };
        Failure::new(format!("{what} ({})", self.shown())).because(error).next(next)
    }

    /// Opens the store, without an engine.
    ///
    /// # Errors
    /// When there is none, or it is unsafe.
    pub(crate) async fn open(&self) -> Result<Opened, Failure> {
        let failed = |error: StoreError| self.failed("the store could not be opened", &error);
        Ok(match self {
            Self::Sqlite(path) => {
                if !path.exists() {
                    return Err(Failure::new(format!("there is no store at {}", path.display()))
                        .next("run `qadiya init` to make one, or name another with --store"));
                }
                Opened::Sqlite(SqliteStore::open(&Options::new(path)).await.map_err(failed)?)
            }
            Self::Postgres(url) => Opened::Postgres(PostgresStore::connect(url).await.map_err(failed)?),
        })
    }
}

/// A concrete store.
#[derive(Debug, Clone)]
pub(crate) enum Opened {
    Sqlite(SqliteStore),
    Postgres(PostgresStore),
}

impl Opened {
    /// The store behind its ports.
    pub(crate) fn ports(&self) -> Arc<dyn Store> {
        match self {
            Self::Sqlite(store) => Arc::new(store.clone()),
            Self::Postgres(store) => Arc::new(store.clone()),
        }
    }

    /// The store as what can be read out and filled as a whole.
    pub(crate) fn transfer(&self) -> &dyn Transfer {
        match self {
            Self::Sqlite(store) => store,
            Self::Postgres(store) => store,
        }
    }

    /// Waits for the work in flight and closes the store.
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(store) => store.close().await,
            Self::Postgres(store) => store.close().await,
        }
    }
}

/// An engine on an open store.
#[derive(Debug)]
pub(crate) struct Session {
    /// The engine.
    pub(crate) engine: Engine,
    /// Where the store is.
    pub(crate) place: Place,
    store: Opened,
}

/// How to start an engine.
#[derive(Debug)]
pub(crate) struct Start {
    /// The business clock.
    pub(crate) clock: Arc<dyn Clock>,
    /// Where ids come from.
    pub(crate) ids: Arc<dyn IdSource>,
    /// The name of the log; `None`: the one the store has.
    pub(crate) origin: Option<String>,
}

impl Default for Start {
    fn default() -> Self {
        Self { clock: Arc::new(SystemClock), ids: Arc::new(SystemIds), origin: None }
    }
}

impl Session {
    /// Opens the store of the command line.
    ///
    /// # Errors
    /// When there is none, it is unsafe, or its key cannot be read.
    pub(crate) async fn open(global: &Global) -> Result<Self, Failure> {
        let place = Place::read(&global.store);
        let key = key_file(&place, global.key_file.as_deref())?;
        Self::start(place, &key, Start::default()).await
    }

    /// Opens a store with this key and clock.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub(crate) async fn start(place: Place, key: &Path, start: Start) -> Result<Self, Failure> {
        // A store that is not there is told first: it has no key either.
        let store = place.open().await?;
        let signer = read_key(key)?;
        let origin = match start.origin {
            Some(origin) => origin,
            None => origin(&store, &place).await?,
        };
        let settings = Settings::new(origin, end_on_fault());
        let engine = Engine::start(store.ports(), start.clock, start.ids, Arc::new(signer), settings)
            .await
            .map_err(|error| Failure::new("the engine could not start").because(&error))?;
        Ok(Self { engine, place, store })
    }

    /// The official behind `QADIYA_TOKEN`.
    ///
    /// # Errors
    /// When there is no token, or it opens nothing.
    pub(crate) async fn principal(&self) -> Result<Principal, Failure> {
        let token = token()?;
        self.engine.authenticate(&token).await.map_err(|error| {
            Failure::new("the token in QADIYA_TOKEN opens nothing here")
                .because(&error)
                .next("ask an administrator for a token (`qadiya token issue`), and put it into QADIYA_TOKEN")
        })
    }

    /// Lets the committers end, then closes the store.
    pub(crate) async fn close(self) {
        self.engine.stop().await;
        self.store.close().await;
    }
}

async fn origin(store: &Opened, place: &Place) -> Result<String, Failure> {
    let ports = store.ports();
    let found = Registry::setting(ports.as_ref(), "origin").await;
    let found = found.map_err(|error| place.failed("the store could not be read", &error))?;
    found.ok_or_else(|| {
        Failure::new(format!("the store {} was never set up", place.shown())).next("run `qadiya init` on it")
    })
}

/// The token of the person at the command line. Secrets are never arguments.
///
/// # Errors
/// When the variable is not set.
pub(crate) fn token() -> Result<String, Failure> {
    setting("QADIYA_TOKEN").ok_or_else(|| {
        Failure::new("this needs to know who asks: QADIYA_TOKEN is not set")
            .next("put the token you were given into the variable QADIYA_TOKEN")
    })
}

/// A setting from the environment; this and `args.rs` are where the environment is read.
#[expect(clippy::disallowed_methods, reason = "settings are read here")]
pub(crate) fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// A failed flush: what is on the disk is not known, and only a new start can find out (DESIGN D9).
fn end_on_fault() -> OnFatal {
    Arc::new(|error| {
        tracing::error!(%error, "a flush failed; the process ends, and the next start finds out what is on the disk");
        abort();
    })
}

#[expect(clippy::exit, reason = "after a failed flush nothing may be acknowledged any more")]
fn abort() {
    std::process::exit(70);
}

/// The file with the signing key.
///
/// # Errors
/// For PostgreSQL, when it is not named.
pub(crate) fn key_file(place: &Place, named: Option<&Path>) -> Result<PathBuf, Failure> {
    match (named, place) {
        (Some(path), _) => Ok(path.to_owned()),
        (None, Place::Sqlite(path)) => {
            let mut name = path.as_os_str().to_owned();
            name.push(".key");
            Ok(PathBuf::from(name))
        }
        (None, Place::Postgres(_)) => {
            Err(Failure::new("a PostgreSQL store needs the file with its signing key")
                .next("name it with --key-file or QADIYA_KEY_FILE"))
        }
    }
}

fn read_key(path: &Path) -> Result<Ed25519Signer, Failure> {
    let bad = || {
        Failure::new(format!("the signing key {} cannot be read", path.display()))
            .next(
                "every server and worker of a store uses the key file that `qadiya init` made: copy that file here, or \
                 restore it from your backup; another key is refused",
            )
    };
    let text = std::fs::read_to_string(path).map_err(|error| bad().because(&error))?;
    let text = text.trim();
    let mut seed = [0_u8; 32];
    if text.len() != 64 {
        return Err(bad());
    }
    for (byte, digits) in seed.iter_mut().zip(text.as_bytes().chunks(2)) {
        let digits = std::str::from_utf8(digits).map_err(|_| bad())?;
        *byte = u8::from_str_radix(digits, 16).map_err(|_| bad())?;
    }
    Ok(Ed25519Signer::from_seed(&seed))
}

/// Makes a signing key that only its owner can read. A key that is there is kept.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn make_key(path: &Path, ids: &dyn IdSource) -> Result<(), Failure> {
    if path.exists() {
        return Ok(());
    }
    let bytes = ids.bytes().map_err(|error| Failure::new("no key can be made").because(&error))?;
    let mut text = String::with_capacity(65);
    for byte in bytes {
        text.push_str(&format!("{byte:02x}"));
    }
    text.push('\n');
    let failed = |error: std::io::Error| {
        Failure::new(format!("the signing key {} cannot be written", path.display())).because(&error)
    };
    let mut file =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn no_password_is_ever_shown() {
        for (url, shown) in [
            ("postgres://ali:secret@db.example/court", "postgres://…@db.example/court"),
            ("postgres://db.example:5432/court?user=ali&password=secret", "postgres://db.example:5432/court"),
            ("postgresql://ali:secret@db.example/court?sslmode=require", "postgresql://…@db.example/court"),
            ("postgres://db.example/court?password=sec@ret", "postgres://…"),
            ("postgres://ali:sec?ret@db.example/court", "postgres://…"),
            ("postgres://ali:sec@ret@db.example/court", "postgres://…@db.example/court"),
        ] {
            assert_eq!(Place::read(url).shown(), shown);
        }
    }
}
