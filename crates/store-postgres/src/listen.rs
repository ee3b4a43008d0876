//! Listening for hints that there is work. Polling is the truth: a hint may be lost, and behind a transaction pooler
//! none ever comes (HOUSE 4a).

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio_util::sync::CancellationToken;

use crate::open::Waker;

/// The channel that `close_batch` and [`crate::work`] notify.
const CHANNEL: &str = "qadiya_work";
/// How long to wait before listening again after the connection broke.
const PAUSE: Duration = Duration::from_secs(1);

/// Passes hints on until the store stops. It holds one connection of its own, on which nothing is ever written, so it
/// may be dropped at any point.
pub(crate) async fn listen(options: PgConnectOptions, waker: Waker, stop: CancellationToken) {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_lazy_with(options);
    loop {
        let heard = async {
            let mut listener = PgListener::connect_with(&pool).await?;
            listener.listen(CHANNEL).await?;
            loop {
                listener.recv().await?;
                waker.wake();
            }
        };
        let ended: Option<Result<(), sqlx::Error>> = stop.run_until_cancelled(heard).await;
        if let Some(Err(error)) = &ended {
            tracing::warn!(%error, "not listening for work; polling goes on");
        }
        if ended.is_none() || stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await.is_none() {
            break;
        }
    }
    pool.close().await;
}
