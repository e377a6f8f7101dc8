//! How much one caller may ask at once: a token bucket for each.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// How many callers are remembered; full buckets are forgotten first, for they say nothing.
const REMEMBERED: usize = 1024;

/// One bucket for each caller, all alike.
#[derive(Debug)]
pub struct Buckets<K> {
    per_second: f64,
    size: f64,
    buckets: Mutex<HashMap<K, Bucket>>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl<K: Eq + Hash> Buckets<K> {
    /// So many calls a second for each caller, and as many at once.
    pub fn new(per_second: u32) -> Buckets<K> {
        let size = f64::from(per_second.max(1));
        Buckets { per_second: size, size, buckets: Mutex::default() }
    }

    /// So many calls a minute for each caller, and as many at once.
    pub fn per_minute(calls: u32) -> Buckets<K> {
        let size = f64::from(calls.max(1));
        Buckets { per_second: size / 60.0, size, buckets: Mutex::default() }
    }

    /// Takes one call of this caller; false if it asked too much.
    pub fn take(&self, caller: K, now: Instant) -> bool {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= REMEMBERED && !buckets.contains_key(&caller) {
            buckets.retain(|_, bucket| self.filled(bucket, now) < self.size);
            if buckets.len() >= REMEMBERED {
                return false;
            }
        }
        let bucket = buckets.entry(caller).or_insert(Bucket { tokens: self.size, at: now });
        bucket.tokens = self.filled(bucket, now);
        bucket.at = now;
        let enough = bucket.tokens >= 1.0;
        if enough {
            bucket.tokens -= 1.0;
        }
        enough
    }

    fn filled(&self, bucket: &Bucket, now: Instant) -> f64 {
        let gained = now.saturating_duration_since(bucket.at).as_secs_f64() * self.per_second;
        (bucket.tokens + gained).min(self.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_caller_gets_its_share_and_no_more() {
        let (buckets, start) = (Buckets::new(10), Instant::now());
        let taken = |caller, at: Duration| (0..100).filter(|_| buckets.take(caller, start + at)).count();
        assert_eq!(taken(1, Duration::ZERO), 10);
        assert_eq!(taken(2, Duration::ZERO), 10, "another caller's share is its own");
        assert_eq!(taken(1, Duration::from_millis(300)), 3);
        assert_eq!(taken(1, Duration::from_secs(3600)), 10);
        assert_eq!(taken(1, Duration::ZERO), 0, "time that goes back gives nothing");
    }

    #[test]
    fn memory_is_bounded_and_a_flood_of_names_is_refused() {
        let (buckets, start) = (Buckets::new(2), Instant::now());
        for caller in 0..REMEMBERED {
            assert!(buckets.take(caller, start));
        }
        assert!(!buckets.take(REMEMBERED, start));
        assert!(buckets.take(REMEMBERED, start + Duration::from_secs(1)), "full buckets are forgotten");
    }
}
