//! Vouching for the log: a checkpoint is co-signed only after it was shown to extend the one verified before.

use crate::approver::Approver;
use crate::sign::Clock;
use crate::state::{Entry, Prepared, VerifiedLog};
use agenttrust_protocol::Hash;
use agenttrust_protocol::key::{SecretKey, Witness};
use agenttrust_tlog as tlog;
use agenttrust_tlog::{Checkpoint, Cosigner, Note, TreeHead, Verifier, verify_consistency};
use ed25519_dalek::{SigningKey, VerifyingKey};

/// Why a checkpoint is not co-signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLog {
    /// It is not a note signed by the log's key.
    #[error("the log's checkpoint does not verify: {0}")]
    Unsigned(String),
    /// The log has fewer entries than this device has seen.
    #[error("the log has gone back from {had} to {has} entries: history was dropped")]
    Shrunk {
        /// What was verified.
        had: u64,
        /// What is offered.
        has: u64,
    },
    /// What this device has seen is not the beginning of it.
    #[error("the log does not continue what this device has verified: history was rewritten")]
    Forked,
    /// The witness key is not the one in the bundle.
    #[error("the witness key is not the one of this device")]
    WrongKey,
    /// The clock is off, so the time in a cosignature would be wrong.
    #[error("this device's clock is off")]
    ClockOff,
}

impl BadLog {
    /// Whether this proves that the daemon misbehaves, which the person must be told loudly.
    pub fn is_proof_of_fraud(&self) -> bool {
        match self {
            BadLog::Shrunk { .. } | BadLog::Forked => true,
            BadLog::Unsigned(_) | BadLog::WrongKey | BadLog::ClockOff => false,
        }
    }
}

impl Approver {
    /// Verifies a checkpoint and its consistency proof from the size verified before, and co-signs it. What comes out
    /// is the note with this device's line.
    ///
    /// # Errors
    /// [`BadLog`].
    pub fn cosign(
        &mut self,
        key: &SecretKey<Witness>,
        checkpoint: &str,
        proof: &[Hash],
        clock: Clock,
    ) -> Result<Prepared<'_, String>, BadLog> {
        clock.check().map_err(|_| BadLog::ClockOff)?;
        let device = self.view.device().ok_or(BadLog::WrongKey)?;
        if device.witness != key.public() {
            return Err(BadLog::WrongKey);
        }
        let mut note = Note::parse(checkpoint.as_bytes()).map_err(unsigned)?;
        let opened = Checkpoint::open(&note, &self.log_verifier()?).map_err(unsigned)?;
        follows(self.ledger.log, opened.head(), proof)?;
        let name = format!("{}/{}", self.origin(), key.public().thumbprint());
        let cosigner = Cosigner::new(name.parse().map_err(unsigned)?, SigningKey::from_bytes(&key.to_seed()));
        let time = u64::try_from(clock.now.0).map_err(|_| BadLog::ClockOff)?;
        note.put_signature(cosigner.cosign(&opened, time).map_err(unsigned)?).map_err(unsigned)?;
        let TreeHead { size, root } = opened.head();
        let entry = Entry::Log(VerifiedLog { size: *size, root: Hash::from_bytes(*root.as_bytes()) });
        Ok(Prepared { approver: self, entry, output: note.to_string() })
    }

    /// The log's name in its notes.
    pub fn origin(&self) -> String {
        format!("agenttrust/{}", self.view.trust().tdid())
    }

    fn log_verifier(&self) -> Result<Verifier, BadLog> {
        let key = VerifyingKey::from_bytes(self.view.trust().current().body().log.as_bytes()).map_err(unsigned)?;
        Ok(Verifier::new(self.origin().parse().map_err(unsigned)?, key))
    }
}

fn unsigned(error: impl std::fmt::Display) -> BadLog {
    BadLog::Unsigned(error.to_string())
}

fn follows(before: Option<VerifiedLog>, now: &TreeHead, proof: &[Hash]) -> Result<(), BadLog> {
    let Some(before) = before.filter(|before| before.size > 0) else { return Ok(()) };
    if now.size < before.size {
        return Err(BadLog::Shrunk { had: before.size, has: now.size });
    }
    let old = TreeHead { size: before.size, root: tlog::Hash::from_bytes(*before.root.as_bytes()) };
    let proof: Vec<tlog::Hash> = proof.iter().map(|hash| tlog::Hash::from_bytes(*hash.as_bytes())).collect();
    verify_consistency(&old, now, &proof).map_err(|_| BadLog::Forked)
}
