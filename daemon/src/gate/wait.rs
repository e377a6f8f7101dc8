//! Waiting for something to be answered, without holding a thread or a row.

use super::Gate;
use crate::api::reply::Refusal;
use crate::store::{Reader, Standing};
use agenttrust_protocol::Hash;
use agenttrust_protocol::door::{MAX_WAIT, Trouble};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

impl Gate {
    /// Looks until `ready`, or so many seconds have passed, or the daemon stops; then answers what it saw last.
    ///
    /// # Errors
    /// Those of `look`; `rate_limited` if too many wait.
    pub(super) async fn wait<T: Send + 'static>(
        &self,
        message: Hash,
        seconds: u64,
        look: impl Fn(&Reader<'_>) -> Result<T, Refusal> + Clone + Send + 'static,
        ready: impl Fn(&T) -> bool,
    ) -> Result<T, Refusal> {
        let end = Instant::now() + Duration::from_secs(seconds.min(MAX_WAIT));
        // Made before the first look, so that nothing falls in between.
        let mut watch = self.store.watch(&message);
        let mut place = None;
        loop {
            let seen = self.store.read(look.clone()).await?;
            if seconds == 0 || ready(&seen) {
                return Ok(seen);
            }
            if place.is_none() {
                place = Some(self.waiting.try_acquire().map_err(|_| Trouble::RateLimited)?);
            }
            tokio::select! {
                () = watch.changed() => {}
                () = sleep_until(end) => return Ok(seen),
                () = self.stop.cancelled() => return Ok(seen),
            }
        }
    }

    pub(super) async fn standing(&self, request: Hash) -> Result<Option<Standing>, Refusal> {
        self.store.read(move |reader| reader.standing(&request).map_err(Refusal::from)).await
    }
}
