//! Reasons to end that come from outside.

use tokio::signal::unix::{SignalKind, signal};

/// Ends when this process is told to end.
pub(crate) async fn stopped() {
    tokio::select! {
        () = told(SignalKind::terminate()) => {}
        () = told(SignalKind::interrupt()) => {}
        () = told(SignalKind::hangup()) => {}
    }
}

async fn told(kind: SignalKind) {
    match signal(kind) {
        Ok(mut signal) => drop(signal.recv().await),
        // Then the signal ends the process at once, and what it asked expires.
        Err(_) => std::future::pending().await,
    }
}
