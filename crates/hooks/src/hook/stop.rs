//! Reasons to stop waiting that come from outside.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::stdout;
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
        () = alone() => {}
    }
}

async fn told(kind: SignalKind) {
    match signal(kind) {
        Ok(mut signal) => drop(signal.recv().await),
        // Then the signal ends the process, which the client takes for a failure.
        Err(_) => std::future::pending().await,
    }
}

/// A client that is killed leaves its hook behind; without it nothing would run, but a card would stay open. Between the
/// two may be a shell, which outlives the client: then nobody holds the other end of the standard output.
async fn alone() {
    let parent = parent_id();
    while parent_id() == parent && is_heard() {
        tokio::time::sleep(LOOK).await;
    }
}

/// Whether somebody could read the answer.
fn is_heard() -> bool {
    let stdout = stdout();
    let mut ends = [PollFd::new(&stdout, PollFlags::empty())];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    match poll(&mut ends, Some(&at_once)) {
        Ok(_) => ends.iter().all(|end| !end.revents().intersects(PollFlags::ERR | PollFlags::HUP)),
        Err(_) => true,
    }
}
