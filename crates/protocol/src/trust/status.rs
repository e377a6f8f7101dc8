//! Following the status chain, step by step.

use super::Trust;
use crate::envelope::{Opened, Received};
use crate::hash::Time;
use crate::message::{Device, Revocation, Status};
use crate::reason::Reason;

impl Trust {
    /// Takes the next status; the one already held changes nothing.
    ///
    /// The first one must be signed by an admin. A later one follows from the one held without a gap: any unrevoked
    /// device may add a revocation or pause more, keeping `exp`; only an admin extends `exp` or lifts a pause; no
    /// entry goes before its time.
    ///
    /// # Errors
    /// The envelope's, `wrong_root`, `stale_trust` if it does not follow or its signer may not make this step,
    /// `revoked` if its signer is.
    pub fn accept_status(&mut self, text: &str) -> Result<(), Reason> {
        let next = Received::<Status>::parse(text)?.open(|kid| {
            // Newest first: a device keeps its key over bundles.
            self.bundles.iter().rev().find_map(|bundle| bundle.body().device(kid)).map(|device| device.key)
        })?;
        if next.head().tdid != Some(self.tdid) {
            return Err(Reason::WrongRoot);
        }
        if self.status.as_ref().is_some_and(|held| held.hash() == next.hash()) {
            return Ok(());
        }
        let bundle = self.find(&next.body().bundle).ok_or(Reason::StaleTrust)?;
        let signer = bundle.body().device(&next.signer()).ok_or(Reason::UnknownKey)?;
        match &self.status {
            None if signer.is_admin() => {}
            None => return Err(Reason::StaleTrust),
            Some(held) => check_step(held, &next, signer)?,
        }
        self.status = Some(next);
        Ok(())
    }
}

fn check_step(held: &Opened<Status>, next: &Opened<Status>, signer: &Device) -> Result<(), Reason> {
    let (old, new) = (held.body(), next.body());
    let follows = new.seq == old.seq.saturating_add(1) && new.prev == Some(held.hash());
    if !follows || new.bundle.version < old.bundle.version {
        return Err(Reason::StaleTrust);
    }
    if !old.revoked.iter().all(|entry| is_kept(entry, new, next.head().iat)) {
        return Err(Reason::StaleTrust);
    }
    if signer.is_admin() {
        return Ok(());
    }
    let me = signer.key.thumbprint();
    if old.revoked.iter().any(|entry| entry.id.as_bytes() == me.as_bytes()) {
        return Err(Reason::Revoked);
    }
    let adds = new.revoked.iter().any(|entry| !old.revoked.contains(entry)) || !old.paused.contains(&new.paused);
    let keeps = new.exp == old.exp && new.bundle == old.bundle && new.paused.contains(&old.paused);
    if adds && keeps { Ok(()) } else { Err(Reason::StaleTrust) }
}

/// An entry stays, with its `until` or a later one, as long as its time is not over.
fn is_kept(entry: &Revocation, new: &Status, iat: Time) -> bool {
    entry.until <= iat || new.revoked.iter().any(|e| e.kind == entry.kind && e.id == entry.id && e.until >= entry.until)
}
