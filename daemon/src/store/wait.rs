//! Waiting for one request or enrolment to move, without waking everybody else.

use agenttrust_protocol::Hash;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// Who waits for what.
#[derive(Default)]
pub(super) struct Watches(Mutex<HashMap<Hash, watch::Sender<()>>>);

/// Wakes when something happened to one message.
pub struct Watch {
    message: Hash,
    signal: watch::Receiver<()>,
    watches: Arc<Watches>,
}

impl Watches {
    pub fn watch(self: &Arc<Watches>, message: &Hash) -> Watch {
        let signal = self.with(|map| match map.get(message) {
            Some(sender) => sender.subscribe(),
            None => {
                let (sender, receiver) = watch::channel(());
                map.insert(*message, sender);
                receiver
            }
        });
        Watch { message: *message, signal, watches: self.clone() }
    }

    pub fn wake(&self, messages: &[Hash]) {
        self.with(|map| {
            for sender in messages.iter().filter_map(|message| map.get(message)) {
                sender.send_replace(());
            }
        });
    }

    fn with<T>(&self, work: impl FnOnce(&mut HashMap<Hash, watch::Sender<()>>) -> T) -> T {
        // The map is whole after every step, whoever panicked.
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Watch {
    /// Returns after the next commit that touched it since the watch was made or last returned.
    pub async fn changed(&mut self) {
        // The sender lives as long as a watch does, so this does not fail.
        let _alive = self.signal.changed().await;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let watches = self.watches.clone();
        watches.with(|map| {
            if map.get(&self.message).is_some_and(|sender| sender.receiver_count() <= 1) {
                map.remove(&self.message);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn only_those_wake_who_wait_for_it_and_nothing_is_left_behind() {
        let watches = Arc::new(Watches::default());
        let (a, b) = (Hash::of(b"a"), Hash::of(b"b"));
        let (mut first, mut second, mut other) = (watches.watch(&a), watches.watch(&a), watches.watch(&b));
        watches.wake(&[a]);
        first.changed().await;
        second.changed().await;
        for waiting in [&mut first, &mut other] {
            assert!(tokio::time::timeout(Duration::from_millis(5), waiting.changed()).await.is_err());
        }
        drop(first);
        watches.wake(&[a, b]);
        second.changed().await;
        other.changed().await;
        drop((second, other));
        assert!(watches.0.lock().unwrap().is_empty());
    }
}
