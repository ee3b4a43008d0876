//! The listener: HTTP/1.1 with limits on what a client may do slowly. Encryption and HTTP/2 belong to the proxy in front.

mod patient;

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::serve::patient::Patient;
use crate::settings::WebSettings;

/// Headers of one request.
const MOST_HEADERS: usize = 64;
/// Bytes of the head of one request.
const LARGEST_HEAD: usize = 32 * 1024;

/// Serves until `shutdown` ends, then lets running requests end.
///
/// # Errors
/// When the listener itself fails; a failing connection only ends itself.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    settings: &WebSettings,
    shutdown: impl Future<Output = ()> + Send,
) -> std::io::Result<()> {
    let places = Arc::new(Semaphore::new(settings.connections));
    let tracker = TaskTracker::new();
    let stop = CancellationToken::new();
    let (head_time, write_time) = (settings.head_time, settings.write_time);
    tokio::pin!(shutdown);
    loop {
        let place = tokio::select! {
            () = &mut shutdown => break,
            place = places.clone().acquire_owned() => match place {
                Ok(place) => place,
                Err(_) => break,
            },
        };
        let stream = tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) if is_of_the_connection(&error) => continue,
                Err(error) => {
                    // Out of file handles: those who are served come first, then accepting goes on.
                    tracing::warn!(error = %error, "a connection could not be accepted");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        let service = TowerToHyperService::new(router.clone());
        let stop = stop.clone();
        tracker.spawn(async move {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(head_time)
                .max_headers(MOST_HEADERS)
                .max_buf_size(LARGEST_HEAD)
                .serve_connection(TokioIo::new(Patient::new(stream, write_time)), service);
            tokio::pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = stop.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(error = %error, "a connection ended early");
            }
            drop(place);
        });
    }
    drop(listener);
    stop.cancel();
    tracker.close();
    if tokio::time::timeout(settings.stop_time, tracker.wait()).await.is_err() {
        tracing::warn!("some requests did not end in time and are cut");
    }
    Ok(())
}

/// Faults of one client, not of the listener.
fn is_of_the_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(
        error.kind(),
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset
    )
}
