//! The two clocks a gate reads: the wall's, which messages are dated by, and one that never goes back.

use agenttrust_protocol::Time;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Where a gate learns the time; tests hand in one they can move.
pub trait Clock: Send + Sync + 'static {
    /// The wall clock.
    fn now(&self) -> Time;
    /// The time since some fixed moment of this process; it never goes back.
    fn monotonic(&self) -> Duration;
}

/// The system's clocks.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    start: Instant,
}

impl Default for SystemClock {
    fn default() -> SystemClock {
        SystemClock { start: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Time {
        // A clock before 1970 reads as 1970: every message is then "not yet valid", which refuses.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Time(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
}

/// How long an ask may take, by the clock that never goes back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    started: Duration,
    life: Duration,
}

impl Deadline {
    pub(crate) fn after(clock: &dyn Clock, life: Duration) -> Deadline {
        Deadline { started: clock.monotonic(), life }
    }

    /// What is left; `None` once it is over.
    pub(crate) fn left(&self, clock: &dyn Clock) -> Option<Duration> {
        let passed = clock.monotonic().saturating_sub(self.started);
        self.life.checked_sub(passed).filter(|left| !left.is_zero())
    }
}
