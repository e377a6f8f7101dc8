//! Trust moving on: bundles, statuses, the first device, the recovery key.

use super::Gate;
use super::view::Change;
use crate::api::reply::Refusal;
use crate::store::{Moved, Reader, StoreError};
use agenttrust_protocol::door::{Held, Reply, Trouble};
use agenttrust_protocol::message::{Bundle, BundleRef, PairInit, Status};
use agenttrust_protocol::trust::{RECOVERY_DELAY, Trust};
use agenttrust_protocol::{Opened, Reason, Time};

/// Trust as the store has it; `None` while no device is paired.
///
/// # Errors
/// The store's, and `store_corrupt` if what is stored does not verify.
pub fn stored_trust(reader: &Reader<'_>) -> Result<Option<Trust>, StoreError> {
    let mut trust: Option<Trust> = None;
    let damaged = |reason: Reason| StoreError::Failed {
        trouble: Trouble::StoreCorrupt,
        detail: format!("stored trust: {reason}"),
    };
    let waiting = reader.recovery()?;
    for text in reader.trust_since(&Held::default())? {
        if waiting.as_ref().is_some_and(|(recovery, _)| *recovery == text) {
            continue;
        }
        match &mut trust {
            None => trust = Some(Trust::enter(&text, None).map_err(damaged)?),
            Some(trust) => accept(trust, &text).map_err(damaged)?,
        }
    }
    if let (Some(trust), Some((text, first_seen))) = (&mut trust, waiting) {
        trust.resume_recovery(&text, first_seen).map_err(damaged)?;
    }
    Ok(trust)
}

/// Takes a stored bundle or status, whichever it is.
fn accept(trust: &mut Trust, text: &str) -> Result<(), Reason> {
    match trust.accept_status(text) {
        Err(Reason::WrongTyp) => {
            // One by the recovery key has waited its time before it was stored in the chain.
            trust.accept_bundle(text, Time(0))?;
            let _waited = trust.settle(Time(RECOVERY_DELAY));
            Ok(())
        }
        answer => answer,
    }
}

impl Gate {
    /// The first device founds the trust domain: its bundle 1 and status 1.
    ///
    /// # Errors
    /// `conflict` if there is one already, the bundle's and the status's own, `bad_payload` if the bundle does not
    /// hold exactly this device and this daemon's keys.
    pub async fn found(&self, joiner: &PairInit, local: bool, bundle: &str, status: &str) -> Result<(), Refusal> {
        let change = self.trust.change().await;
        let mut trust = Trust::enter(bundle, None)?;
        if let Some(old) = change.old() {
            // The device lost the answer and asks again.
            return if old.tdid() == trust.tdid() { Ok(()) } else { Err(Trouble::Conflict.into()) };
        }
        if !self.is_first_bundle(trust.current().body(), joiner, local) {
            return Err(Reason::BadPayload.into());
        }
        let now = self.clock.now();
        trust.accept_status(status)?;
        trust.fresh_status(now)?;
        let (first, held) = (trust.current().clone(), found_status(&trust)?);
        self.store
            .write(move |tx| {
                tx.append_bundle(&first, now)?;
                tx.append_status(&held, true, now).map_err(Refusal::from)
            })
            .await?;
        tracing::info!(tdid = %trust.tdid(), "the first device is paired");
        change.publish(trust);
        Ok(())
    }

    fn is_first_bundle(&self, bundle: &Bundle, joiner: &PairInit, local: bool) -> bool {
        let [device] = bundle.devices.as_slice() else { return false };
        let is_joiner =
            device.key == joiner.key && device.witness == joiner.witness && device.transport == joiner.transport;
        is_joiner && (device.local || !local) && self.names_us(bundle)
    }

    fn names_us(&self, bundle: &Bundle) -> bool {
        bundle.log == self.log && bundle.transport == self.transport.thumbprint()
    }

    /// Admin devices, or the recovery key, change the trust bundle.
    ///
    /// # Errors
    /// Those of [`Trust::accept_bundle`]; `bad_payload` if it names another daemon's keys.
    pub async fn change_bundle(&self, text: &str) -> Result<Reply, Refusal> {
        let change = self.trust.change().await;
        let now = self.clock.now();
        let old = change.old().ok_or(Trouble::Unpaired)?;
        let (before, waited) = (old.bundle_ref(), old.recovery().map(|waiting| waiting.bundle.hash()));
        let mut trust = old.clone();
        trust.accept_bundle(text, now)?;
        let installed = (trust.bundle_ref() != before).then(|| trust.current().clone());
        let waiting = trust.recovery().map(|waiting| waiting.bundle.clone());
        let waiting = waiting.filter(|bundle| Some(bundle.hash()) != waited);
        if !installed.iter().chain(&waiting).all(|bundle| self.names_us(bundle.body())) {
            return Err(Reason::BadPayload.into());
        }
        let state = if waiting.is_some() { "pending" } else { "ok" };
        self.store
            .write(move |tx| {
                match (&installed, &waiting) {
                    (Some(bundle), _) => tx.append_bundle(bundle, now)?,
                    (None, Some(bundle)) => tx.add_recovery(bundle, now)?,
                    (None, None) => {}
                }
                Ok::<(), Refusal>(())
            })
            .await?;
        self.enforce(change, trust, &before);
        Ok(Reply::state(state))
    }

    /// A device moves the status on: a revocation, the kill switch, a renewal.
    ///
    /// # Errors
    /// Those of [`Trust::accept_status`]; `rate_limited` for devices that are not admins.
    pub async fn change_status(&self, text: &str) -> Result<Reply, Refusal> {
        let change = self.trust.change().await;
        let now = self.clock.now();
        let old = change.old().ok_or(Trouble::Unpaired)?;
        let before = old.bundle_ref();
        let mut trust = old.clone();
        trust.accept_status(text)?;
        let status = found_status(&trust)?;
        if status.head().iat > now.plus(agenttrust_protocol::message::CLOCK_SKEW) {
            return Err(Reason::NotYetValid.into());
        }
        let by_admin =
            trust.find(&status.body().bundle).is_some_and(|bundle| bundle.body().admin(&status.signer()).is_some());
        if !by_admin && !self.statuses.take(status.signer(), std::time::Instant::now()) {
            return Err(Trouble::RateLimited.into());
        }
        let seq = status.body().seq;
        let revoked: Vec<Moved> =
            self.store.write(move |tx| tx.append_status(&status, by_admin, now).map_err(Refusal::from)).await?;
        tracing::info!(seq, revoked = revoked.len(), "the status moved on");
        self.enforce(change, trust, &before);
        Ok(Reply::state("ok"))
    }

    /// Puts a recovery bundle in force whose time has come.
    ///
    /// # Errors
    /// The store's.
    pub async fn settle(&self) -> Result<(), Refusal> {
        let change = self.trust.change().await;
        let now = self.clock.now();
        let Some(old) = change.old() else { return Ok(()) };
        let before = old.bundle_ref();
        let mut trust = old.clone();
        if trust.settle(now) {
            self.store.write(move |tx| tx.settle_recovery(now).map_err(Refusal::from)).await?;
            self.enforce(change, trust, &before);
        }
        Ok(())
    }

    /// When [`Gate::settle`] has work.
    pub fn settles_at(&self) -> Option<Time> {
        let trust = self.trust.peek()?;
        trust.recovery().map(|waiting| waiting.first_seen.plus(RECOVERY_DELAY))
    }

    /// Publishes stored trust, and disconnects whoever no longer belongs to it.
    fn enforce(&self, change: Change<'_>, trust: Trust, before: &BundleRef) {
        if let Some(waiting) = trust.recovery() {
            self.due.at_latest(waiting.first_seen.plus(RECOVERY_DELAY), self.clock.now());
        }
        let current = trust.current().clone();
        change.publish(trust);
        if let Some(trust) = self.trust.peek() {
            self.hub.disconnect_others(&trust);
        }
        if *before != agenttrust_protocol::trust::bundle_ref(&current) {
            tracing::info!(version = current.body().version, "the trust bundle changed");
            self.pairing.paired(|joiner| {
                current.body().device(&joiner.key.thumbprint()).is_some_and(|d| d.transport == joiner.transport)
            });
        }
    }
}

fn found_status(trust: &Trust) -> Result<Opened<Status>, Refusal> {
    trust.status().cloned().ok_or(Refusal::Reason(Reason::StatusExpired))
}
