//! Steps of the trust status: renewing, revoking, pausing, lifting a pause.

use super::Desk;
use crate::refused::Refused;
use agenttrust_protocol::envelope::Random;
use agenttrust_protocol::message::{BundleRef, MAX_STATUS_LIFE, Nothing, Paused, Revocation, RevokedKind, Status};
use agenttrust_protocol::{Hash, Opened, Reason, Thumbprint, Time};

/// How long an entry is kept where nothing else ends what it revokes, in seconds: ten years.
pub const FOREVER: i64 = 10 * 366 * 86_400;

/// One step of the status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatusStep {
    /// Nothing but a new end; for admin devices.
    Renew,
    /// Revokes a device, an agent (both by key thumbprint) or a grant (by hash). `until` is not before the revoked
    /// thing's own end, or it would come back.
    Revoke {
        /// What kind of thing.
        kind: RevokedKind,
        /// Which.
        id: Hash,
        /// Until when the entry is kept.
        until: Time,
    },
    /// Stops these agents, or all, beside those that are stopped already.
    Pause(Paused),
    /// Lets these agents, or all, go on; for admin devices.
    Lift(Paused),
}

impl Desk<'_> {
    /// Signs the next status. It counts here, too, once the daemon has taken it and it comes back.
    ///
    /// # Errors
    /// [`Refused::NotAllowed`] if it takes an admin device; [`Refused::Unchanged`] if nothing would change;
    /// `stale_trust` if this device holds no status, or, not being an admin device, one for an older bundle.
    pub fn status(&self, step: &StatusStep, random: &mut impl Random) -> Result<String, Refused> {
        let held = self.view.trust().status().ok_or(Refused::Worthless(Reason::StaleTrust))?;
        let next = self.step(held, step)?;
        Ok(self.sign(&next, &Nothing {}, random))
    }

    fn step(&self, held: &Opened<Status>, step: &StatusStep) -> Result<Status, Refused> {
        let mut next = self.following(held, self.view.trust().bundle_ref())?;
        match step {
            StatusStep::Renew => {
                self.admin()?;
            }
            StatusStep::Revoke { kind, id, until } => {
                let is_it = |entry: &Revocation| entry.kind == *kind && entry.id == *id;
                let is_listed = next.revoked.iter().any(|entry| is_it(entry) && entry.until >= *until);
                if is_listed || *until <= self.now {
                    return Err(Refused::Unchanged);
                }
                next.revoked.retain(|entry| !is_it(entry));
                next.revoked.push(Revocation { kind: *kind, id: *id, until: *until });
            }
            StatusStep::Pause(who) => {
                if next.paused.contains(who) {
                    return Err(Refused::Unchanged);
                }
                next.paused = union(&next.paused, who);
            }
            StatusStep::Lift(who) => {
                self.admin()?;
                let left = without(&next.paused, who)?;
                if left == next.paused {
                    return Err(Refused::Unchanged);
                }
                next.paused = left;
            }
        }
        Ok(next)
    }

    /// The status after `held` for a bundle, with nothing but time changed: entries that are over go, and an admin's
    /// word gives it a new end.
    pub(super) fn following(&self, held: &Opened<Status>, bundle: BundleRef) -> Result<Status, Refused> {
        let old = held.body();
        let is_admin = self.device.is_admin();
        if !is_admin && old.bundle != bundle {
            return Err(Refused::Worthless(Reason::StaleTrust));
        }
        Ok(Status {
            seq: old.seq.saturating_add(1),
            prev: Some(held.hash()),
            bundle,
            revoked: old.revoked.iter().filter(|entry| entry.until > self.now).cloned().collect(),
            paused: old.paused.clone(),
            exp: if is_admin { self.now.plus(MAX_STATUS_LIFE) } else { old.exp },
        })
    }
}

fn union(old: &Paused, more: &Paused) -> Paused {
    match (old, more) {
        (Paused::All, _) | (_, Paused::All) => Paused::All,
        (Paused::Agents(old), Paused::Agents(more)) => {
            let fresh = more.iter().filter(|agent| !old.contains(agent));
            Paused::Agents(old.iter().chain(fresh).copied().collect())
        }
    }
}

/// # Errors
/// [`Refused::DoesNotFit`] for one agent out of all: it is not written down who the others are.
fn without(old: &Paused, lifted: &Paused) -> Result<Paused, Refused> {
    match (old, lifted) {
        (_, Paused::All) => Ok(Paused::Agents(Vec::new())),
        (Paused::All, Paused::Agents(_)) => Err(Refused::DoesNotFit),
        (Paused::Agents(old), Paused::Agents(lifted)) => {
            let left: Vec<Thumbprint> = old.iter().filter(|agent| !lifted.contains(agent)).copied().collect();
            Ok(Paused::Agents(left))
        }
    }
}
