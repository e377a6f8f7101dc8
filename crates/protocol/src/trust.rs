//! What a verifier trusts: the chain of bundles, and the status that says who is revoked or paused now.
//!
//! Both only move forward. A verifier persists what it accepted and never goes back; whoever carries the messages
//! can delay a step, but neither make, skip nor undo one.

mod status;

use crate::envelope::{Opened, Received};
use crate::hash::{Hash, Tdid, Thumbprint, Time};
use crate::message::{Bundle, BundleRef, CLOCK_SKEW, Device, RevokedKind, Status};
use crate::reason::Reason;

/// How long a bundle signed by the recovery key waits before it counts, in seconds.
pub const RECOVERY_DELAY: i64 = 72 * 3600;

/// A verifier's view of one trust domain.
#[derive(Clone, Debug)]
pub struct Trust {
    tdid: Tdid,
    bundles: Vec<Opened<Bundle>>,
    status: Option<Opened<Status>>,
    recovery: Option<PendingRecovery>,
}

/// A bundle signed by the recovery key, waiting for an admin to object.
#[derive(Clone, Debug)]
pub struct PendingRecovery {
    /// The bundle that will count.
    pub bundle: Opened<Bundle>,
    /// When this verifier first saw it.
    pub first_seen: Time,
}

/// Who signed a step of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Authority {
    Admins,
    Recovery,
}

impl Trust {
    /// Enters a trust domain by its first bundle.
    ///
    /// # Errors
    /// The envelope's, `wrong_root` if `pinned` names another domain, `stale_trust` if it is not a first bundle,
    /// `quorum` if too few of its own admins signed.
    pub fn enter(first: &str, pinned: Option<&Tdid>) -> Result<Trust, Reason> {
        let bundle = open_bundle(first, None)?;
        let tdid = Tdid::from(bundle.hash());
        if pinned.is_some_and(|pinned| *pinned != tdid) {
            return Err(Reason::WrongRoot);
        }
        if bundle.body().version != 1 {
            return Err(Reason::StaleTrust);
        }
        if signed_by_admins(&bundle, bundle.body()) < bundle.body().threshold {
            return Err(Reason::Quorum);
        }
        Ok(Trust { tdid, bundles: vec![bundle], status: None, recovery: None })
    }

    /// Takes the next bundle of the chain; one already held changes nothing.
    ///
    /// # Errors
    /// The envelope's, `wrong_root`, `stale_trust` if it does not follow from the current one, `quorum` if too few
    /// admins of either version signed.
    pub fn accept_bundle(&mut self, text: &str, now: Time) -> Result<(), Reason> {
        // It was judged when it came; its signers may be gone by now.
        if self.bundles.iter().any(|held| held.as_str() == text) {
            return Ok(());
        }
        let next = open_bundle(text, Some(self.current().body()))?;
        if next.body().version == 1 && Tdid::from(next.hash()) == self.tdid {
            return Ok(());
        }
        if next.head().tdid != Some(self.tdid) {
            return Err(Reason::WrongRoot);
        }
        if self.find(&bundle_ref(&next)).is_some() {
            return Ok(());
        }
        let follows = next.body().version == self.current().body().version.saturating_add(1)
            && next.body().prev == Some(self.current().hash());
        if !follows {
            return Err(Reason::StaleTrust);
        }
        match authority(self.current().body(), &next)? {
            Authority::Admins => self.install(next),
            Authority::Recovery => {
                let known = self.recovery.as_ref().is_some_and(|p| p.bundle.hash() == next.hash());
                if !known {
                    self.recovery = Some(PendingRecovery { bundle: next, first_seen: now });
                }
            }
        }
        Ok(())
    }

    /// Installs a recovery bundle whose time has come; answers whether it did.
    pub fn settle(&mut self, now: Time) -> bool {
        match self.recovery.take() {
            Some(pending) if now.since(pending.first_seen) >= RECOVERY_DELAY => {
                self.install(pending.bundle);
                true
            }
            waiting => {
                self.recovery = waiting;
                false
            }
        }
    }

    /// Puts back a recovery bundle that was waiting when the verifier stopped, with the time it was first seen.
    ///
    /// # Errors
    /// As [`Trust::accept_bundle`].
    pub fn resume_recovery(&mut self, text: &str, first_seen: Time) -> Result<(), Reason> {
        self.accept_bundle(text, first_seen)
    }

    fn install(&mut self, bundle: Opened<Bundle>) {
        self.bundles.push(bundle);
        self.recovery = None;
    }

    /// The domain.
    pub fn tdid(&self) -> Tdid {
        self.tdid
    }

    /// The current bundle.
    #[allow(clippy::missing_panics_doc, clippy::indexing_slicing, reason = "`enter` makes the chain non-empty")]
    pub fn current(&self) -> &Opened<Bundle> {
        &self.bundles[self.bundles.len().saturating_sub(1)]
    }

    /// The name of the current bundle.
    pub fn bundle_ref(&self) -> BundleRef {
        bundle_ref(self.current())
    }

    /// Every version, ascending.
    pub fn bundles(&self) -> &[Opened<Bundle>] {
        &self.bundles
    }

    /// The version with this name, if it lies in the chain.
    pub fn find(&self, name: &BundleRef) -> Option<&Opened<Bundle>> {
        self.bundles.iter().find(|bundle| bundle_ref(bundle) == *name)
    }

    /// The recovery bundle that waits, if one does.
    pub fn recovery(&self) -> Option<&PendingRecovery> {
        self.recovery.as_ref()
    }

    /// The status held, whether or not it is still of use.
    pub fn status(&self) -> Option<&Opened<Status>> {
        self.status.as_ref()
    }

    /// The status, if approvals may rest on it now.
    ///
    /// # Errors
    /// `stale_trust` if it speaks for another bundle, `not_yet_valid` if it is from the future, `status_expired` if
    /// there is none or its time is over.
    pub fn fresh_status(&self, now: Time) -> Result<&Opened<Status>, Reason> {
        let status = self.status.as_ref().ok_or(Reason::StatusExpired)?;
        if status.body().bundle != self.bundle_ref() {
            return Err(Reason::StaleTrust);
        }
        if now < status.head().iat.plus(-CLOCK_SKEW) {
            return Err(Reason::NotYetValid);
        }
        if now > status.body().exp.plus(CLOCK_SKEW) {
            return Err(Reason::StatusExpired);
        }
        Ok(status)
    }

    /// Whether the held status lists this as revoked.
    pub fn is_revoked(&self, kind: RevokedKind, id: &Hash) -> bool {
        self.status.as_ref().is_some_and(|s| s.body().revoked.iter().any(|r| r.kind == kind && r.id == *id))
    }

    /// Whether this device, by its approval key, is revoked.
    pub fn is_device_revoked(&self, key: &Thumbprint) -> bool {
        self.is_revoked(RevokedKind::Device, &Hash::from_bytes(*key.as_bytes()))
    }

    /// Whether this agent, by its key, is revoked.
    pub fn is_agent_revoked(&self, key: &Thumbprint) -> bool {
        self.is_revoked(RevokedKind::Agent, &Hash::from_bytes(*key.as_bytes()))
    }

    /// Whether the kill switch covers this agent.
    pub fn is_paused(&self, agent: &Thumbprint) -> bool {
        self.status.as_ref().is_some_and(|status| status.body().paused.covers(agent))
    }

    /// The device of the current bundle with this approval key.
    pub fn device(&self, key: &Thumbprint) -> Option<&Device> {
        self.current().body().device(key)
    }
}

/// The name of a bundle.
pub fn bundle_ref(bundle: &Opened<Bundle>) -> BundleRef {
    BundleRef { version: bundle.body().version, hash: bundle.hash() }
}

/// Verifies a bundle's signatures with the admins of the version before, its own, or the recovery key before.
fn open_bundle(text: &str, prev: Option<&Bundle>) -> Result<Opened<Bundle>, Reason> {
    Received::<Bundle>::parse(text)?.open_with(|body, kid, signed, signature| {
        let admin = prev.and_then(|prev| prev.admin(kid)).or_else(|| body.admin(kid));
        let recovery = prev.and_then(|prev| prev.recovery).filter(|key| key.thumbprint() == *kid);
        match (admin, recovery) {
            (Some(device), _) => device.key.verify(signed, signature),
            (None, Some(key)) => key.verify(signed, signature),
            (None, None) => Err(Reason::UnknownKey),
        }
    })
}

fn signed_by_admins(bundle: &Opened<Bundle>, of: &Bundle) -> u64 {
    bundle.signers().filter(|kid| of.admin(kid).is_some()).count() as u64
}

fn authority(prev: &Bundle, next: &Opened<Bundle>) -> Result<Authority, Reason> {
    if signed_by_admins(next, next.body()) < next.body().threshold {
        return Err(Reason::Quorum);
    }
    let recovery = prev.recovery.map(|key| key.thumbprint());
    if signed_by_admins(next, prev) >= prev.threshold {
        Ok(Authority::Admins)
    } else if next.signers().any(|kid| Some(kid) == recovery) {
        Ok(Authority::Recovery)
    } else {
        Err(Reason::Quorum)
    }
}
