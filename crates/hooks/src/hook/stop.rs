//! Reasons to stop waiting that come from outside.

use std::os::unix::process::parent_id;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How often it is looked whether the client is still there.
const LOOK: Duration = Duration::from_secs(1);

/// Ends when the client no longer wants an answer: it tells this process to end, or it is gone itself.
pub(super) async fn stopped() {
    tokio::select! {
        () = told(SignalKind::terminate()) => {}
        () = told(SignalKind::interrupt()) => {}
        () = told(SignalKind::hangup()) => {}
        () = orphaned() => {}
    }
}

async fn told(kind: SignalKind) {
    match signal(kind) {
        Ok(mut signal) => drop(signal.recv().await),
        // Then the signal ends the process, which the client takes for a failure.
        Err(_) => std::future::pending().await,
    }
}

/// A client that is killed leaves its hook behind; without it nothing would run, but a card would stay open.
async fn orphaned() {
    let parent = parent_id();
    while parent_id() == parent {
        tokio::time::sleep(LOOK).await;
    }
}
