//! When to stop: the first signal asks for an orderly end, the second ends at once.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::exit::Failure;

/// A token that is cancelled by the first SIGINT or SIGTERM. A second signal ends the process with code 1.
///
/// # Errors
/// When signals cannot be listened to.
pub(crate) fn on_signal() -> Result<CancellationToken, Failure> {
    let listen =
        |kind| signal(kind).map_err(|error| Failure::new("signals cannot be listened to").because(&error));
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let token = CancellationToken::new();
    let stop = token.clone();
    // Nobody waits for this one: it listens for a second signal to the very end.
    TaskTracker::new().spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            () = stop.cancelled() => return,
        }
        stop.cancel();
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        end_now();
    });
    Ok(token)
}

#[expect(clippy::exit, reason = "the second signal asks for exactly this")]
fn end_now() {
    std::process::exit(1);
}
