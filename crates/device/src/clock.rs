//! The one clock of a device.

use agenttrust_protocol::Time;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

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

/// A time of the protocol as the system's.
pub(crate) fn system_time(time: Time) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(u64::try_from(time.0).unwrap_or(0))
}

/// Random bytes of the operating system.
///
/// # Panics
/// If there are none: a key or salt made without them would be worth nothing.
pub(crate) fn random(buffer: &mut [u8]) {
    getrandom::fill(buffer).expect("the operating system gives random bytes");
}
