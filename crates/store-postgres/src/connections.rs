//! Connections that are lent for one piece of work each.
//!
//! INVARIANT: a connection comes back only from work that came to its end. Work that broke off (a panic, an aborted
//! task) takes its connection with it: the socket closes, and the server rolls back whatever was open. So no connection
//! is ever lent with somebody else's transaction on it (sqlx issues 4385 and 4393), and none needs to be rolled back or
//! tried before and after each use, which would cost more than the work itself.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

/// How long a request waits for a connection before it is told that the database cannot be reached.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long to wait before a server that refuses connections is tried again: it may be starting.
const AGAIN: Duration = Duration::from_millis(100);
/// A connection that rested this long is tried before it is used: the server may have been restarted.
const RESTED: Duration = Duration::from_secs(1);
/// A connection is not used for longer than this: a session of the server only ever grows.
const LIFETIME: Duration = Duration::from_mins(30);

/// A question to a connection.
pub type Asked<'c> = Pin<Box<dyn Future<Output = Result<(), sqlx::Error>> + Send + 'c>>;
/// What is done with a new connection before it is used.
pub type Prepare = for<'c> fn(&'c mut PgConnection) -> Asked<'c>;

/// A connection that waits.
struct Resting {
    connection: PgConnection,
    made: Instant,
    since: Instant,
}

/// So many connections at the most.
pub struct Connections {
    options: PgConnectOptions,
    prepare: Prepare,
    places: Semaphore,
    resting: Mutex<Vec<Resting>>,
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").field("free", &self.places.available_permits()).finish_non_exhaustive()
    }
}

impl Connections {
    /// Connects when first asked.
    pub fn new(options: PgConnectOptions, most: u32, prepare: Prepare) -> Self {
        let most = usize::try_from(most.max(1)).unwrap_or(1);
        Self { options, prepare, places: Semaphore::new(most), resting: Mutex::new(Vec::new()) }
    }

    /// Lends a connection.
    ///
    /// # Errors
    /// `PoolTimedOut` when none was to be had in time, `PoolClosed` after [`Connections::close`], otherwise what the
    /// server says.
    pub async fn lend(&self) -> Result<Lent<'_>, sqlx::Error> {
        tokio::time::timeout(PATIENCE, self.find()).await.map_err(|_| sqlx::Error::PoolTimedOut)?
    }

    async fn find(&self) -> Result<Lent<'_>, sqlx::Error> {
        let place = self.places.acquire().await.map_err(|_| sqlx::Error::PoolClosed)?;
        while let Some(Resting { mut connection, made, since }) = self.rested() {
            if made.elapsed() > LIFETIME {
                // What a server that ends the session says about it changes nothing.
                drop(connection.close().await);
            } else if since.elapsed() < RESTED || connection.ping().await.is_ok() {
                return Ok(Lent { connections: self, connection, made, _place: place });
            }
        }
        loop {
            match self.options.connect().await {
                Ok(mut connection) => {
                    (self.prepare)(&mut connection).await?;
                    return Ok(Lent { connections: self, connection, made: Instant::now(), _place: place });
                }
                Err(sqlx::Error::Io(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                    tokio::time::sleep(AGAIN).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The one that was used last: the others may rest until they are too old.
    fn rested(&self) -> Option<Resting> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    /// Lends nothing any more and closes what rests. Work in flight is waited for by its own tracker.
    pub async fn close(&self) {
        self.places.close();
        while let Some(resting) = self.rested() {
            // The program is done with it, whatever the server says.
            drop(resting.connection.close().await);
        }
    }
}

/// A connection on loan. Dropped without [`Lent::back`], it is closed.
#[derive(Debug)]
pub struct Lent<'p> {
    connections: &'p Connections,
    connection: PgConnection,
    made: Instant,
    _place: SemaphorePermit<'p>,
}

impl Lent<'_> {
    /// The connection.
    pub fn get(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// Gives it back after work that came to its end. After work that `failed` it is tried first, which also sends a
    /// rollback that waits to be sent; one that does not answer, or that was left in a transaction, is closed.
    pub async fn back(mut self, failed: bool) {
        if self.connection.is_in_transaction() || (failed && self.connection.ping().await.is_err()) {
            return;
        }
        let resting = Resting { connection: self.connection, made: self.made, since: Instant::now() };
        self.connections.resting.lock().unwrap_or_else(PoisonError::into_inner).push(resting);
    }
}
