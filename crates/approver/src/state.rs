//! What a device must not forget, and the order in which it is kept: first stored, then sent.

use crate::approver::Approver;
use agenttrust_protocol::hash::Tdid;
use agenttrust_protocol::message::{LogRef, Verdict};
use agenttrust_protocol::{Hash, Thumbprint, Time};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How long after a request's end the device remembers that it answered, in seconds: a clock set back by less cannot
/// make it answer twice.
pub const KEEP_ANSWERED: i64 = 7 * 86_400;

/// What a device must not forget. Its messages are checked again when it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceState {
    /// The trust domain.
    pub tdid: Tdid,
    /// The trust messages.
    pub trust: TrustMessages,
    /// What was signed and verified.
    pub ledger: Ledger,
    /// The agents that are not new to this device; those it has answered are stored.
    pub agents: BTreeSet<Thumbprint>,
}

/// The messages that make up a device's trust.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustMessages {
    /// Every bundle, ascending.
    pub bundles: Vec<String>,
    /// The statuses from the newest admin-signed one to the one held.
    pub statuses: Vec<String>,
    /// A bundle signed by the recovery key that waits, and when it was first seen.
    pub recovery: Option<(String, Time)>,
}

/// What was signed and verified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// The count of the last decision.
    pub seq: u64,
    /// The last state of the log that was verified.
    pub log: Option<VerifiedLog>,
    /// The requests this device has answered: none is answered in two ways.
    pub answered: BTreeMap<Hash, Answered>,
    /// Decisions that the daemon is not known to have, by their number: it takes them in rising order only.
    pub outbox: BTreeMap<u64, Unsent>,
}

/// What one step adds to a ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// An answer was signed.
    Answer {
        /// The request.
        request: Hash,
        /// The agent that asked; it is not new to this device any more.
        agent: Thumbprint,
        /// The answer.
        answered: Answered,
        /// Its decision, to be sent.
        unsent: Unsent,
        /// Decisions with lower numbers need not be sent any more.
        settled: u64,
    },
    /// A later state of the log was verified.
    Log(VerifiedLog),
}

/// A state of the log that this device has verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifiedLog {
    /// How many leaves.
    pub size: u64,
    /// The RFC 6962 root.
    pub root: Hash,
}

/// One answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The decision's hash.
    pub decision: Hash,
    /// What it was.
    pub verdict: Verdict,
    /// Its number among this device's decisions.
    pub seq: u64,
    /// Until when it is remembered.
    pub forget: Time,
}

/// A decision the daemon is not known to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsent {
    /// The request it answers.
    pub request: Hash,
    /// Until when it is of use.
    pub until: Time,
    /// The decision itself.
    pub message: String,
}

impl From<VerifiedLog> for LogRef {
    fn from(log: VerifiedLog) -> LogRef {
        LogRef { size: log.size, root: log.root }
    }
}

impl Ledger {
    /// Forgets answers whose time is long over, and decisions that are of no use any more.
    pub(crate) fn prune(&mut self, now: Time) {
        self.answered.retain(|_, answered| answered.forget > now);
        self.outbox.retain(|_, unsent| unsent.until >= now);
    }
}

/// Something signed that may leave the device only after its entry in the ledger is stored.
///
/// It borrows the approver, so nothing else is signed meanwhile; dropped, it leaves everything as it was.
#[must_use = "nothing is signed until `persist` has stored the entry"]
#[derive(Debug)]
pub struct Prepared<'a, T> {
    pub(crate) approver: &'a mut Approver,
    pub(crate) entry: Entry,
    pub(crate) output: T,
}

impl<T> Prepared<'_, T> {
    /// Stores the entry with `store`, which answers only when it will survive a crash, and lets go of what was signed.
    ///
    /// # Errors
    /// Those of `store`; then nothing was signed as far as anyone will know.
    pub fn persist<E>(self, store: impl FnOnce(&Entry) -> Result<(), E>) -> Result<T, E> {
        store(&self.entry)?;
        self.approver.adopt(self.entry);
        Ok(self.output)
    }
}
