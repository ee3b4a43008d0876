//! Waking workers of this process. A wake-up is a hint; polling is the truth.

use std::time::Duration;

use tokio::sync::Notify;

/// Who waits for work.
#[derive(Debug, Default)]
pub(crate) struct Wake(Notify);

impl Wake {
    /// There may be new work.
    pub(crate) fn all(&self) {
        self.0.notify_waiters();
    }

    /// Waits for a wake-up, at the most this long. Nothing of the database is waited for here.
    pub(crate) async fn wait(&self, at_most: Duration) {
        // Running out of time is as good an answer.
        drop(tokio::time::timeout(at_most, self.0.notified()).await);
    }
}
