//! Checking that a message is in the log this device has verified.

use crate::approver::Approver;
use agenttrust_protocol::Hash;
use agenttrust_tlog as tlog;
use agenttrust_tlog::{TreeHead, verify_inclusion};

/// The message is not in the log this device has verified, or not where it is said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message is not proved to be in the log this device has verified")]
pub struct NotIncluded;

impl Approver {
    /// Checks an RFC 6962 inclusion proof of a message's leaf (the message without its disclosures) for the size this
    /// device verified last.
    ///
    /// # Errors
    /// [`NotIncluded`]; also where nothing of the log was verified yet.
    pub fn check_inclusion(&self, leaf: &str, index: u64, proof: &[Hash]) -> Result<(), NotIncluded> {
        let log = self.ledger.log.ok_or(NotIncluded)?;
        let head = TreeHead { size: log.size, root: tlog::Hash::from_bytes(*log.root.as_bytes()) };
        let proof: Vec<tlog::Hash> = proof.iter().map(|hash| tlog::Hash::from_bytes(*hash.as_bytes())).collect();
        verify_inclusion(&tlog::Hash::leaf(leaf.as_bytes()), index, &head, &proof).map_err(|_| NotIncluded)
    }
}
