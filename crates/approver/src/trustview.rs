//! What this device trusts: the chain of bundles and the status, followed step by step, and what is due about them.

use crate::state::TrustMessages;
use agenttrust_protocol::door::typ_of;
use agenttrust_protocol::hash::Tdid;
use agenttrust_protocol::message::{Bundle, Device, Message, Status};
use agenttrust_protocol::trust::{RECOVERY_DELAY, Trust};
use agenttrust_protocol::{Opened, Reason, Received, Thumbprint, Time};
use serde::{Deserialize, Serialize};

/// A device's view of its trust domain. It only moves forward.
#[derive(Clone, Debug)]
pub struct TrustView {
    me: Thumbprint,
    trust: Trust,
    /// From the newest admin-signed status to the one held: a restart begins at one an admin signed.
    statuses: Vec<String>,
}

/// How the status stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(tag = "standing", rename_all = "snake_case")]
pub enum Standing {
    /// Approvals may rest on it.
    Fresh {
        /// Until when.
        until: Time,
    },
    /// There is a newer bundle, or no status at all; an admin device must sign one.
    Missing {
        /// The names of the devices one of which has to be opened.
        open: Vec<String>,
    },
    /// Its time is over.
    Expired {
        /// Since when.
        since: Time,
        /// The names of the devices one of which has to be opened.
        open: Vec<String>,
    },
}

impl TrustView {
    /// Enters a domain by its bundles, from the first on, and statuses.
    ///
    /// # Errors
    /// As [`Trust::enter`] and [`TrustView::follow`]; `bad_form` if the first message is missing.
    pub fn enter(me: Thumbprint, texts: &[&str], pinned: Option<&Tdid>, now: Time) -> Result<TrustView, Reason> {
        let (first, rest) = texts.split_first().ok_or(Reason::BadForm)?;
        let mut view = TrustView { me, trust: Trust::enter(first, pinned)?, statuses: Vec::new() };
        view.follow(rest, now)?;
        Ok(view)
    }

    /// Puts a stored view back together. A recovery bundle among its bundles has done its waiting.
    ///
    /// # Errors
    /// As [`TrustView::enter`].
    pub fn restore(me: Thumbprint, stored: &TrustMessages, tdid: &Tdid, now: Time) -> Result<TrustView, Reason> {
        let (first, bundles) = stored.bundles.split_first().ok_or(Reason::BadForm)?;
        let mut view = TrustView::enter(me, &[first], Some(tdid), now)?;
        for bundle in bundles {
            view.trust.accept_bundle(bundle, now.plus(RECOVERY_DELAY.saturating_neg()))?;
            view.trust.settle(now);
        }
        for status in &stored.statuses {
            view.take_status(status)?;
        }
        if let Some((text, first_seen)) = &stored.recovery {
            view.trust.resume_recovery(text, *first_seen)?;
        }
        Ok(view)
    }

    /// The messages to store.
    pub fn messages(&self) -> TrustMessages {
        TrustMessages {
            bundles: self.trust.bundles().iter().map(|bundle| bundle.as_str().to_owned()).collect(),
            statuses: self.statuses.clone(),
            recovery: self.trust.recovery().map(|p| (p.bundle.as_str().to_owned(), p.first_seen)),
        }
    }

    /// Takes bundles and statuses, in their order, all or none; answers whether anything is new. A status older than
    /// the one held is passed over, for couriers repeat themselves; another one in the place of the one held is not.
    ///
    /// # Errors
    /// As [`Trust::accept_bundle`] and [`Trust::accept_status`]; `wrong_typ` for any other message.
    pub fn follow(&mut self, texts: &[&str], now: Time) -> Result<bool, Reason> {
        let mut next = self.clone();
        for text in texts {
            match typ_of(text).as_deref() {
                Some(Bundle::TYP) => next.trust.accept_bundle(text, now)?,
                Some(Status::TYP) => next.take_status(text)?,
                Some(_) | None => return Err(Reason::WrongTyp),
            }
        }
        let changed = next.messages() != self.messages();
        *self = next;
        Ok(changed)
    }

    /// Lets a recovery bundle count whose waiting time is over; answers whether one did.
    pub fn settle(&mut self, now: Time) -> bool {
        self.trust.settle(now)
    }

    fn take_status(&mut self, text: &str) -> Result<(), Reason> {
        if self.is_passed(text)? {
            return Ok(());
        }
        let before = self.trust.status().map(Opened::hash);
        self.trust.accept_status(text)?;
        let Some(held) = self.trust.status().filter(|held| Some(held.hash()) != before) else { return Ok(()) };
        let bundle = self.trust.find(&held.body().bundle);
        if bundle.is_some_and(|bundle| bundle.body().admin(&held.signer()).is_some()) {
            self.statuses.clear();
        }
        self.statuses.push(text.to_owned());
        Ok(())
    }

    /// Whether this is a signed status from before the one held.
    fn is_passed(&self, text: &str) -> Result<bool, Reason> {
        let Some(held) = self.trust.status() else { return Ok(false) };
        let chain = self.trust.bundles();
        let known = |kid: &Thumbprint| chain.iter().rev().find_map(|b| b.body().device(kid)).map(|device| device.key);
        let status = Received::<Status>::parse(text)?.open(known)?;
        Ok(status.head().tdid == Some(self.trust.tdid()) && status.body().seq < held.body().seq)
    }

    /// The trust itself.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// This device's approval key.
    pub fn me(&self) -> Thumbprint {
        self.me
    }

    /// This device as the current bundle has it, unless it was removed or revoked.
    pub fn device(&self) -> Option<&Device> {
        self.trust.device(&self.me).filter(|_| !self.trust.is_device_revoked(&self.me))
    }

    /// What a device is called; for one that left, what it was called last.
    pub fn name_of(&self, device: &Thumbprint) -> Option<&str> {
        let found = self.trust.bundles().iter().rev().find_map(|bundle| bundle.body().device(device));
        found.map(|device| device.name.as_str())
    }

    /// How the status stands.
    pub fn standing(&self, now: Time) -> Standing {
        match (self.trust.fresh_status(now), self.trust.status()) {
            (Ok(status), _) => Standing::Fresh { until: status.body().exp },
            (Err(Reason::StatusExpired), Some(status)) => {
                Standing::Expired { since: status.body().exp, open: self.admins() }
            }
            (Err(_), _) => Standing::Missing { open: self.admins() },
        }
    }

    /// When this device should renew the status, if it may: at half of its life, at once if it fits no more.
    pub fn renew_at(&self, now: Time) -> Option<Time> {
        self.device().filter(|device| device.is_admin())?;
        match self.trust.status() {
            Some(status) if status.body().bundle == self.trust.bundle_ref() => {
                let life = status.body().exp.since(status.head().iat);
                Some(status.head().iat.plus(life.saturating_div(2)))
            }
            Some(_) | None => Some(now),
        }
    }

    /// When a bundle signed with the recovery key will count, if one waits. An admin who did not make it objects by
    /// signing another one.
    pub fn recovery_counts_at(&self) -> Option<Time> {
        self.trust.recovery().map(|pending| pending.first_seen.plus(RECOVERY_DELAY))
    }

    /// The names of the devices that can renew the status.
    fn admins(&self) -> Vec<String> {
        let devices = &self.trust.current().body().devices;
        let can = |device: &&Device| device.is_admin() && !self.trust.is_device_revoked(&device.key.thumbprint());
        devices.iter().filter(can).map(|device| device.name.clone()).collect()
    }
}
