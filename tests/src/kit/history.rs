//! A daemon's whole history, read through a device and checked as `agenttrust log verify` does.

use agenttrust_cli::verify::{Expected, Report, Verification};
use agenttrust_device::{Command, Device, Done};
use agenttrust_protocol::Hash;
use agenttrust_protocol::door::HistoryQuery;
use agenttrust_protocol::lifecycle::State;
use agenttrust_protocol::message::LogRef;
use std::collections::{HashMap, HashSet};

/// What the daemon shows of the past, at one moment.
#[derive(Debug)]
pub struct History {
    /// The newest checkpoint.
    pub checkpoint: String,
    /// Every leaf, in order.
    pub leaves: Vec<String>,
    /// Every request's state as the daemon shows it.
    pub states: HashMap<Hash, State>,
    expected: Expected,
}

impl History {
    /// Reads everything, once nothing more happens: a device that has just come back still sends what it had signed.
    pub async fn of(device: &Device) -> History {
        let (mut leaves, mut checkpoint) = (Vec::new(), checkpoint(device).await);
        loop {
            catch_up(device, &mut leaves, size(&checkpoint)).await;
            let (states, expected) = (states(device).await, expected(device));
            let newest = self::checkpoint(device).await;
            if size(&newest) == size(&checkpoint) {
                return History { checkpoint: newest, leaves, states, expected };
            }
            checkpoint = newest;
        }
    }

    /// The names of all messages.
    #[must_use]
    pub fn names(&self) -> HashSet<Hash> {
        self.leaves.iter().map(|leaf| Hash::of(leaf.as_bytes())).collect()
    }

    /// Checks every entry, what the daemon shows of each request, and the root the device remembered.
    #[must_use]
    pub fn verify(&self) -> Report {
        let mut verification = Verification::new(self.expected.clone());
        self.leaves.iter().for_each(|leaf| verification.push(leaf));
        self.states.iter().for_each(|(request, state)| verification.compare(request, *state));
        verification.finish(&self.checkpoint)
    }
}

async fn checkpoint(device: &Device) -> String {
    device.checkpoint(0).await.expect("a checkpoint").checkpoint
}

fn size(checkpoint: &str) -> u64 {
    checkpoint.lines().nth(1).and_then(|line| line.parse().ok()).expect("a size")
}

async fn catch_up(device: &Device, leaves: &mut Vec<String>, size: u64) {
    while (leaves.len() as u64) < size {
        let from = leaves.len() as u64;
        let page = device.leaves(from, size.min(from + 500)).await.expect("leaves");
        assert!(!page.is_empty(), "no leaves from {from} of {size}");
        leaves.extend(page);
    }
}

/// What the device knows of the daemon by itself.
fn expected(device: &Device) -> Expected {
    let snapshot = device.snapshot();
    let remembered = snapshot.log.map(|log| ("device".to_owned(), LogRef { size: log.size, root: log.root }));
    Expected { tdid: Some(snapshot.trust.tdid), remembered: remembered.into_iter().collect() }
}

async fn states(device: &Device) -> HashMap<Hash, State> {
    let (mut found, mut before) = (HashMap::new(), None);
    loop {
        let query = HistoryQuery { before, limit: Some(200), ..HistoryQuery::default() };
        let Ok(Done::History(page)) = device.run(Command::History { query }).await else { panic!("no history") };
        found.extend(page.rows.into_iter().map(|row| (row.request, row.state)));
        before = page.next;
        if before.is_none() {
            return found;
        }
    }
}
