//! Opening a store: connections that write and that read, what every connection is set to, what is refused, and the tasks that do the work.
//!
//! INVARIANT: no future that speaks to the database is ever dropped half-way. Every piece of work runs in a task that
//! the store owns; who waits for it may go away, the work does not (DESIGN D9).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use qadiya_store::StoreError;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::log::LevelFilter;

use crate::connections::Connections;
use crate::errors::{Reach, fault, unreachable};
use crate::{listen, migrate};

/// Oldest major version of the server that is accepted.
const OLDEST_MAJOR: i32 = 15;

/// Work on one connection.
pub(crate) type Work<'c, T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'c>>;

/// How large the pools are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pools {
    /// Connections that write. Two committers are best on small machines (SPEED); two more serve the queue.
    pub committers: u32,
    /// Connections that read.
    pub readers: u32,
}

impl Default for Pools {
    fn default() -> Self {
        Self { committers: 4, readers: 8 }
    }
}

/// A store in PostgreSQL. Cloning it copies a pointer.
#[derive(Clone)]
pub struct PostgresStore(Arc<Shared>);

struct Shared {
    committers: Connections,
    readers: Connections,
    tasks: TaskTracker,
    stop: CancellationToken,
    wake: Notify,
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore")
            .field("committers", &self.0.committers)
            .field("readers", &self.0.readers)
            .finish_non_exhaustive()
    }
}

/// What every connection of the program is set to.
///
/// The URL decides host, database, account and TLS (`sslmode`, `sslrootcert`). Statement texts are few and fixed, so
/// one generic plan for each saves planning (SPEED).
pub(crate) fn connect_options(url: &str) -> Result<PgConnectOptions, StoreError> {
    let options = PgConnectOptions::from_str(url).map_err(|_| StoreError::Unavailable {
        during: "reading the database URL",
        detail: "it is not of the form postgres://account:password@host:port/database".to_owned(),
    })?;
    Ok(options
        .application_name("qadiya")
        .options([
            ("plan_cache_mode", "force_generic_plan"),
            ("idle_in_transaction_session_timeout", "30s"),
            ("lock_timeout", "10s"),
            ("statement_timeout", "60s"),
            ("timezone", "UTC"),
            ("client_min_messages", "error"),
        ])
        .log_statements(LevelFilter::Trace)
        .log_slow_statements(LevelFilter::Warn, Duration::from_secs(5)))
}

/// `synchronous_commit = off` acknowledges before the flush. A session may raise it, so ours does.
async fn raise_commit(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "SELECT set_config('synchronous_commit', 'on', false) AS value WHERE current_setting('synchronous_commit') = 'off'"
    )
    .fetch_optional(connection)
    .await?;
    Ok(())
}

impl PostgresStore {
    /// Connects with pools of the default size.
    ///
    /// # Errors
    /// `Unsafe` when the server or a setting cannot keep the promises, `Schema` when [`migrate::migrate`] has not run,
    /// `Unavailable` when the server does not answer.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        Self::connect_with(url, Pools::default()).await
    }

    /// Connects with pools of this size.
    ///
    /// # Errors
    /// As [`PostgresStore::connect`].
    pub async fn connect_with(url: &str, pools: Pools) -> Result<Self, StoreError> {
        let options = connect_options(url)?;
        let tasks = TaskTracker::new();
        let checked = tasks.spawn({
            let options = options.clone();
            async move {
                let mut connection = options
                    .connect()
                    .await
                    .map_err(|error| unreachable("connecting to the database", &error))?;
                safe(&mut connection).await?;
                migrate::check(&mut connection).await?;
                connection.close().await.map_err(|error| unreachable("connecting to the database", &error))
            }
        });
        joined("connecting to the database", checked.await)?;
        let of = |size| Connections::new(options.clone(), size, |db| Box::pin(raise_commit(db)));
        let store = Self(Arc::new(Shared {
            committers: of(pools.committers),
            readers: of(pools.readers),
            tasks,
            stop: CancellationToken::new(),
            wake: Notify::new(),
        }));
        store.0.tasks.spawn(listen::listen(options, Arc::downgrade(&store.0).into(), store.0.stop.clone()));
        Ok(store)
    }

    /// Waits for the work in flight and closes the connections.
    pub async fn close(&self) {
        self.0.stop.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
        self.0.committers.close().await;
        self.0.readers.close().await;
    }

    /// Work that only reads.
    pub(crate) async fn read<T, F>(&self, during: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut PgConnection) -> Work<'c, T, sqlx::Error> + Send + 'static,
    {
        let shared = Arc::clone(&self.0);
        let task = self.0.tasks.spawn(async move {
            let mut lent = shared.readers.lend().await.map_err(|error| unreachable(during, &error))?;
            let done = work(lent.get()).await.map_err(|error| fault(during, Reach::Read, &error));
            lent.back(done.is_err()).await;
            done
        });
        joined(during, task.await)
    }

    /// Work that writes.
    pub(crate) async fn write<T, F>(&self, during: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut PgConnection) -> Work<'c, T, sqlx::Error> + Send + 'static,
    {
        self.commit(during, move |connection| {
            let work = work(connection);
            Box::pin(async move { work.await.map_err(|error| fault(during, Reach::Write, &error)) })
        })
        .await
    }

    /// Work that writes and says itself what its errors mean.
    pub(crate) async fn commit<T, F>(&self, during: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut PgConnection) -> Work<'c, T, StoreError> + Send + 'static,
    {
        let shared = Arc::clone(&self.0);
        let task = self.0.tasks.spawn(async move {
            let mut lent = shared.committers.lend().await.map_err(|error| unreachable(during, &error))?;
            let done = work(lent.get()).await;
            lent.back(done.is_err()).await;
            done
        });
        joined(during, task.await)
    }

    /// There may be new work.
    pub(crate) fn wake(&self) {
        self.0.wake.notify_waiters();
    }

    /// Waits for a wake-up, at the most this long.
    pub(crate) async fn woken(&self, at_most: Duration) {
        // A wake-up is a hint: running out of time is as good an answer. Nothing of the database is waited for here.
        drop(tokio::time::timeout(at_most, self.0.wake.notified()).await);
    }
}

/// A way to wake a store's waiters that does not keep the store alive.
pub(crate) struct Waker(std::sync::Weak<Shared>);

impl From<std::sync::Weak<Shared>> for Waker {
    fn from(shared: std::sync::Weak<Shared>) -> Self {
        Self(shared)
    }
}

impl Waker {
    pub(crate) fn wake(&self) {
        if let Some(shared) = self.0.upgrade() {
            shared.wake.notify_waiters();
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// The result of a task. A task of the store is never aborted; one that panicked left its transaction unfinished.
fn joined<T>(
    during: &'static str,
    ended: Result<Result<T, StoreError>, tokio::task::JoinError>,
) -> Result<T, StoreError> {
    ended.unwrap_or_else(|_| {
        Err(StoreError::Unknown { during, detail: "the task that did the work broke off".to_owned() })
    })
}

/// Refuses a server that cannot keep the promises (TRUST 3.4.1).
async fn safe(connection: &mut PgConnection) -> Result<(), StoreError> {
    raise_commit(connection).await.map_err(|error| fault("checking the server", Reach::Read, &error))?;
    match faults(connection)
        .await
        .map_err(|error| fault("checking the server", Reach::Read, &error))?
        .into_iter()
        .next()
    {
        Some(unsafe_setting) => Err(StoreError::Unsafe(unsafe_setting)),
        None => Ok(()),
    }
}

/// What decides whether a server is safe.
#[derive(Debug, Clone)]
struct Settings {
    version: i32,
    server: String,
    fsync: String,
    full_page_writes: String,
    synchronous_commit: String,
    encoding: String,
    standby: bool,
}

/// Every unsafe setting, each with the remedy.
pub(crate) async fn faults(connection: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    let settings = sqlx::query_as!(
        Settings,
        r#"SELECT current_setting('server_version_num')::integer AS "version!",
                  current_setting('server_version') AS "server!",
                  current_setting('fsync') AS "fsync!",
                  current_setting('full_page_writes') AS "full_page_writes!",
                  current_setting('synchronous_commit') AS "synchronous_commit!",
                  pg_encoding_to_char(encoding)::text AS "encoding!",
                  pg_is_in_recovery() AS "standby!"
           FROM pg_database WHERE datname = current_database()"#
    )
    .fetch_one(connection)
    .await?;
    Ok(judged(&settings))
}

fn judged(settings: &Settings) -> Vec<String> {
    let off = |setting: &str, harm: &str| {
        format!("{setting} = off: {harm}; set {setting} = on in postgresql.conf and restart the server")
    };
    let mut faults = Vec::new();
    if settings.version < OLDEST_MAJOR * 10_000 {
        faults.push(format!(
            "the server is PostgreSQL {}; move to PostgreSQL {OLDEST_MAJOR} or newer",
            settings.server
        ));
    }
    if settings.fsync != "on" {
        faults.push(off("fsync", "a power cut may lose or damage what was acknowledged"));
    }
    if settings.full_page_writes != "on" {
        faults.push(off("full_page_writes", "a power cut may leave half-written pages"));
    }
    if settings.synchronous_commit == "off" {
        faults.push(off("synchronous_commit", "answers would be given before the flush"));
    }
    if settings.encoding != "UTF8" {
        faults.push(format!(
            "the database is encoded in {}; create one with ENCODING 'UTF8' TEMPLATE template0 and move there",
            settings.encoding
        ));
    }
    if settings.standby {
        faults.push(
            "the server is a standby, which cannot be written; use the address of the primary".to_owned(),
        );
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_unsafe_setting_is_named_with_its_remedy() {
        let safe = Settings {
            version: 150_000,
            server: "15.0".to_owned(),
            fsync: "on".to_owned(),
            full_page_writes: "on".to_owned(),
            synchronous_commit: "on".to_owned(),
            encoding: "UTF8".to_owned(),
            standby: false,
        };
        assert_eq!(judged(&safe), Vec::<String>::new());
        let off = || "off".to_owned();
        for (settings, named, remedy) in [
            (Settings { version: 140_020, server: "14.20".to_owned(), ..safe.clone() }, "14.20", "move to"),
            (Settings { fsync: off(), ..safe.clone() }, "fsync", "restart"),
            (Settings { full_page_writes: off(), ..safe.clone() }, "full_page_writes", "restart"),
            (Settings { synchronous_commit: off(), ..safe.clone() }, "synchronous_commit", "restart"),
            (Settings { encoding: "LATIN1".to_owned(), ..safe.clone() }, "LATIN1", "create one"),
            (Settings { standby: true, ..safe.clone() }, "standby", "primary"),
        ] {
            let faults = judged(&settings);
            assert_eq!(faults.len(), 1, "{faults:?}");
            assert!(faults[0].contains(named) && faults[0].contains(remedy), "{faults:?}");
        }
    }
}
