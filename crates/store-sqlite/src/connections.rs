//! Connections that are lent for one piece of work each.
//!
//! INVARIANT: a connection comes back only from work that came to its end and left no transaction. Work that broke off (a
//! panic, an aborted task) takes its connection with it: its thread ends, and SQLite rolls back whatever was open. So
//! none has to be tried or rolled back around each use, and each call to a connection's thread that is saved counts.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use tokio::sync::{Semaphore, SemaphorePermit};

/// How long a request waits for a connection before it is told that the database cannot be reached.
const PATIENCE: Duration = Duration::from_secs(30);

/// So many connections at the most.
pub struct Connections {
    options: SqliteConnectOptions,
    places: Semaphore,
    resting: Mutex<Vec<SqliteConnection>>,
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").field("free", &self.places.available_permits()).finish_non_exhaustive()
    }
}

impl Connections {
    /// Opens the file when first asked.
    pub fn new(options: SqliteConnectOptions, most: u32) -> Self {
        let most = usize::try_from(most.max(1)).unwrap_or(1);
        Self { options, places: Semaphore::new(most), resting: Mutex::new(Vec::new()) }
    }

    /// Lends a connection.
    ///
    /// # Errors
    /// `PoolTimedOut` when none was to be had in time, `PoolClosed` after [`Connections::close`], otherwise what SQLite
    /// says to opening the file.
    pub async fn lend(&self) -> Result<Lent<'_>, sqlx::Error> {
        let place = tokio::time::timeout(PATIENCE, self.places.acquire());
        let place = place.await.map_err(|_| sqlx::Error::PoolTimedOut)?;
        let place = place.map_err(|_| sqlx::Error::PoolClosed)?;
        let connection = match self.rested() {
            Some(connection) => connection,
            None => self.options.connect().await?,
        };
        Ok(Lent { connections: self, connection, _place: place })
    }

    fn rested(&self) -> Option<SqliteConnection> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    /// Lends nothing any more and closes what rests. Work in flight is waited for by its own tracker.
    pub async fn close(&self) {
        self.places.close();
        while let Some(connection) = self.rested() {
            // The program is done with it, whatever SQLite says.
            drop(connection.close().await);
        }
    }
}

/// A connection on loan. Dropped without [`Lent::back`], it is closed.
#[derive(Debug)]
pub struct Lent<'p> {
    connections: &'p Connections,
    connection: SqliteConnection,
    _place: SemaphorePermit<'p>,
}

impl Lent<'_> {
    /// The connection.
    pub fn get(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    /// Gives it back after work that came to its end. After work that `failed` it is tried first, which also carries out
    /// a rollback that waits; one that does not answer, or that was left in a transaction, is closed.
    pub async fn back(mut self, failed: bool) {
        if self.connection.is_in_transaction() || (failed && self.connection.ping().await.is_err()) {
            self.close().await;
            return;
        }
        self.connections.resting.lock().unwrap_or_else(PoisonError::into_inner).push(self.connection);
    }

    /// Closes it, which rolls back whatever is open. What SQLite says then adds nothing.
    pub async fn close(self) {
        drop(self.connection.close().await);
    }
}
