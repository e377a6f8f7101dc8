//! Time running out: one task that sleeps until something expires.

use crate::api::reply::Refusal;
use crate::gate::Gate;
use agenttrust_protocol::Time;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// The clock is looked at again this often while something will expire: it may have been set, or the machine asleep.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// How long to leave a store alone that failed.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// How many requests one transaction moves.
const AT_ONCE: usize = 256;

/// When the task will look next; others bring it forward.
#[derive(Debug)]
pub struct Due {
    next: AtomicI64,
    earlier: Notify,
}

impl Default for Due {
    fn default() -> Due {
        Due { next: AtomicI64::new(i64::MAX), earlier: Notify::new() }
    }
}

impl Due {
    /// Something expires then. A clock that has jumped past the next look is noticed here too.
    pub fn at_latest(&self, at: Time, now: Time) {
        let next = self.next.fetch_min(at.0, Ordering::SeqCst);
        if at.0 < next || next <= now.0 {
            self.earlier.notify_one();
        }
    }
}

/// Expires requests until the daemon stops.
pub async fn run(gate: Arc<Gate>) {
    loop {
        let sleep = match look(&gate).await {
            Ok(sleep) => sleep,
            Err(refusal) => {
                tracing::warn!(code = refusal.code(), "requests could not be expired");
                Some(AFTER_FAILURE)
            }
        };
        let slept = async {
            match sleep {
                Some(time) => tokio::time::sleep(time).await,
                // Nothing can expire before someone says so.
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = slept => {}
            () = gate.due.earlier.notified() => {}
            () = gate.stop.cancelled() => return,
        }
    }
}

/// Expires what is due, and answers how long there is nothing to do.
async fn look(gate: &Gate) -> Result<Option<Duration>, Refusal> {
    // Whatever is said from here on is about what the reading below may not see.
    gate.due.next.store(i64::MAX, Ordering::SeqCst);
    let next = loop {
        let now = gate.clock.now();
        if gate.settles_at().is_some_and(|at| at <= now) {
            gate.settle().await?;
        }
        let stored = gate.store.read(|reader| reader.next_due().map_err(Refusal::from)).await?;
        if stored.is_none_or(|at| at > now) {
            break stored.into_iter().chain(gate.settles_at()).min();
        }
        let moved = gate.store.write(move |tx| tx.sweep(now, AT_ONCE).map_err(Refusal::from)).await?;
        for one in &moved {
            tracing::info!(request = %one.request, state = %one.state, "time is over");
        }
    };
    Ok(next.map(|at| {
        gate.due.next.fetch_min(at.0, Ordering::SeqCst);
        let seconds = u64::try_from(at.since(gate.clock.now())).unwrap_or(0).max(1);
        Duration::from_secs(seconds).min(LONGEST_SLEEP)
    }))
}
