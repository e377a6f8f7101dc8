//! The one clock of a process, and how it compares with the devices'.

use agenttrust_protocol::Time;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// The system's clock, shifted by what tests set; clones share the shift.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    shift: Arc<AtomicI64>,
}

impl Clock {
    /// A clock so many seconds ahead of the system's.
    pub fn shifted(seconds: i64) -> Clock {
        Clock { shift: Arc::new(AtomicI64::new(seconds)) }
    }

    /// Moves the clock: seconds ahead of the system's from now on.
    pub fn shift(&self, seconds: i64) {
        self.shift.store(seconds, Ordering::SeqCst);
    }

    /// Whole seconds since 1970 UTC.
    pub fn now(&self) -> Time {
        let system = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Time(i64::try_from(system).unwrap_or(i64::MAX)).plus(self.shift.load(Ordering::SeqCst))
    }
}

/// How far the daemon's clock is ahead of the devices', as the last call of one of them told.
#[derive(Debug, Default)]
pub struct Skew(Mutex<Option<i64>>);

impl Skew {
    /// A device called at this time of its own.
    pub fn note(&self, device: Time, now: Time) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(now.since(device));
    }

    /// Seconds; negative where the daemon's clock is behind.
    pub fn seconds(&self) -> Option<i64> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
