//! What devices say beside decisions and trust: who an agent is, what they have seen, what is to be forgotten.

use super::Gate;
use crate::api::reply::Refusal;
use agenttrust_protocol::check::open_cert;
use agenttrust_protocol::door::{Reply, Seen, Trouble};
use agenttrust_protocol::key::{Log, PublicKey, Witness};
use agenttrust_protocol::message::Device;
use agenttrust_protocol::trust::Trust;
use agenttrust_protocol::{Hash, Thumbprint};
use agenttrust_tlog::{Checkpoint, CosignatureVerifier, Note, Verifier};
use ed25519_dalek::VerifyingKey;

impl Gate {
    /// An admin device knows an agent.
    ///
    /// # Errors
    /// Those of [`open_cert`], `not_found` if the enrolment is not stored, `bad_payload` if its key is another one.
    pub async fn certify(&self, text: &str) -> Result<Reply, Refusal> {
        let trust = self.trust.hold().await?;
        let now = self.clock.now();
        let cert = open_cert(&trust, text, now)?;
        let (agent, enroll) = (cert.body().cnf.thumbprint(), cert.body().enroll);
        self.store.write(move |tx| tx.certify(&cert, now).map_err(Refusal::from)).await?;
        tracing::info!(%agent, %enroll, "an agent was accepted");
        Ok(Reply::state("enrolled"))
    }

    /// The person does not know an agent.
    ///
    /// # Errors
    /// `not_found`; `conflict` if it has been accepted.
    pub async fn refuse_enrollment(&self, enroll: Hash) -> Result<Reply, Refusal> {
        let now = self.clock.now();
        self.store.write(move |tx| tx.refuse_enrollment(&enroll, now).map_err(Refusal::from)).await?;
        tracing::info!(%enroll, "an agent was refused");
        Ok(Reply::state("refused"))
    }

    /// A device tells what reached it.
    ///
    /// # Errors
    /// The store's.
    pub async fn seen(&self, device: Thumbprint, seen: Seen) -> Result<Reply, Refusal> {
        let now = self.clock.now();
        let Seen { requests, kind } = seen;
        self.store.write(move |tx| tx.mark(&device, &requests, kind, now).map_err(Refusal::from)).await?;
        Ok(Reply::state("ok"))
    }

    /// The content of requests that are over is to be forgotten.
    ///
    /// # Errors
    /// `not_found`; `conflict` for one that is open; then nothing is erased.
    pub async fn erase(&self, requests: Vec<Hash>) -> Result<Reply, Refusal> {
        let now = self.clock.now();
        let erased = self.store.write(move |tx| tx.erase(&requests, now).map_err(Refusal::from)).await?;
        self.known.forget_content();
        tracing::info!(erased, "content was erased");
        Ok(Reply::state("ok"))
    }

    /// A device has verified the log up to a checkpoint and says so.
    ///
    /// # Errors
    /// `bad_request` if it is no such note, `bad_signature` if log or device did not sign it, `conflict` if it is not
    /// a checkpoint of this log.
    pub async fn cosign(&self, device: Thumbprint, note: &str) -> Result<Reply, Refusal> {
        let trust = self.trust.hold().await?;
        let witness = trust.device(&device).ok_or(Trouble::PeerRefused)?;
        let (checkpoint, line) = verify_cosignature(&trust, witness, &self.log, note)?;
        let now = self.clock.now();
        self.store.write(move |tx| tx.cosign(&device, &checkpoint, &line, now).map_err(Refusal::from)).await?;
        Ok(Reply::state("ok"))
    }
}

/// The checkpoint in a note that this log signed and this device co-signed, and the device's line.
fn verify_cosignature(
    trust: &Trust,
    device: &Device,
    log: &PublicKey<Log>,
    note: &str,
) -> Result<(Checkpoint, agenttrust_tlog::SignatureLine), Refusal> {
    use agenttrust_protocol::Reason::BadSignature;
    let origin = format!("agenttrust/{}", trust.tdid());
    let note: Note = note.parse().map_err(|_| Trouble::BadRequest)?;
    let log = Verifier::new(origin.parse().map_err(|_| Trouble::Internal)?, verifying(log)?);
    let checkpoint = Checkpoint::open(&note, &log).map_err(|_| BadSignature)?;
    let name = format!("{origin}/{}", device.witness.thumbprint()).parse().map_err(|_| Trouble::Internal)?;
    let witness = CosignatureVerifier::new(name, verifying::<Witness>(&device.witness)?);
    let line = note.signatures().iter().find(|line| witness.verify_line(&checkpoint, line).is_ok());
    let line = line.ok_or(BadSignature)?.clone();
    Ok((checkpoint, line))
}

fn verifying<R: agenttrust_protocol::key::Role>(key: &PublicKey<R>) -> Result<VerifyingKey, Refusal> {
    VerifyingKey::from_bytes(key.as_bytes()).map_err(|_| Trouble::Internal.into())
}
