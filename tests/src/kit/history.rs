//! A daemon's whole history, read through a device and checked as `agenttrust log verify` does.

use agenttrust_cli::verify::{Expected, Report, Verification};
use agenttrust_device::{Command, Device, Done};
use agenttrust_protocol::Hash;
use agenttrust_protocol::door::HistoryQuery;
use agenttrust_protocol::lifecycle::State;
use agenttrust_protocol::message::LogRef;
use std::collections::{HashMap, HashSet};

/// What the daemon shows of the past.
#[derive(Debug)]
pub struct History {
    /// The newest checkpoint.
    pub checkpoint: String,
    /// Every leaf, in order.
    pub leaves: Vec<String>,
    /// Every request's state as the daemon shows it.
    pub states: HashMap<Hash, State>,
}

impl History {
    /// Reads everything.
    pub async fn of(device: &Device) -> History {
        let checkpoint = device.checkpoint(0).await.expect("a checkpoint").checkpoint;
        let size: u64 = checkpoint.lines().nth(1).and_then(|line| line.parse().ok()).expect("a size");
        let mut leaves: Vec<String> = Vec::new();
        while (leaves.len() as u64) < size {
            let from = leaves.len() as u64;
            let page = device.leaves(from, size.min(from + 500)).await.expect("leaves");
            assert!(!page.is_empty(), "no leaves from {from} of {size}");
            leaves.extend(page);
        }
        History { checkpoint, leaves, states: states(device).await }
    }

    /// The names of all messages.
    #[must_use]
    pub fn names(&self) -> HashSet<Hash> {
        self.leaves.iter().map(|leaf| Hash::of(leaf.as_bytes())).collect()
    }

    /// Checks every entry, what the daemon shows of each request, and the root this device remembers.
    #[must_use]
    pub fn verify(&self, device: &Device) -> Report {
        let snapshot = device.snapshot();
        let remembered = snapshot.log.map(|log| ("device".to_owned(), LogRef { size: log.size, root: log.root }));
        let expected = Expected { tdid: Some(snapshot.trust.tdid), remembered: remembered.into_iter().collect() };
        let mut verification = Verification::new(expected);
        self.leaves.iter().for_each(|leaf| verification.push(leaf));
        self.states.iter().for_each(|(request, state)| verification.compare(request, *state));
        verification.finish(&self.checkpoint)
    }
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
