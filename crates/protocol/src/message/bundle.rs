//! The trust bundle: which keys count, and what it takes to approve.

use super::parts::{Require, RoleName};
use crate::constraint::{Constraint, rule_fits};
use crate::envelope::{Head, Message, Nothing, Rooted};
use crate::hash::{Hash, Thumbprint};
use crate::key::{Approval, Log, PublicKey, Recovery, Witness};
use crate::wire::record;
use std::collections::BTreeSet;

record! {
    /// One version of the trust bundle (TUF's root in miniature).
    pub struct Bundle {
        /// The version, counted from 1.
        version: u64,
        /// The hash of the version before.
        prev: Option<Hash>,
        /// How many admins must sign the next version, and signed this one.
        threshold: u64,
        /// The devices.
        devices: Vec<Device>,
        /// The floor rules: they can only tighten.
        rules: Vec<Rule>,
        /// The daemon's log key.
        log: PublicKey<Log>,
        /// The thumbprint of the daemon's transport key.
        transport: Thumbprint,
        /// The paper key.
        recovery: Option<PublicKey<Recovery>>,
    }
}

record! {
    /// One device of the person.
    pub struct Device {
        /// Signs its decisions.
        key: PublicKey<Approval>,
        /// Co-signs the log.
        witness: PublicKey<Witness>,
        /// The thumbprint of its transport key.
        transport: Thumbprint,
        /// What the person calls it.
        name: String,
        /// Whose it is.
        owner: String,
        /// What it may do.
        roles: Vec<RoleName>,
        /// Whether it lives on the agents' machine.
        local: bool,
        /// How its key is kept: `keystore`, `pin`, `file`, ….
        protection: String,
    }
}

record! {
    /// A floor rule: if no constraint is false, approving takes this much.
    pub struct Rule {
        /// All of these, or those that cannot be told.
        matches as "match": Vec<Constraint>,
        /// What it takes.
        require: Require,
    }
}

impl Device {
    /// Whether it has this role.
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|r| r.as_str() == role)
    }

    /// Whether it may change the trust bundle.
    pub fn is_admin(&self) -> bool {
        self.has_role(RoleName::ADMIN)
    }

    /// Whether its decisions count.
    pub fn is_approver(&self) -> bool {
        self.has_role(RoleName::APPROVER)
    }
}

impl Bundle {
    /// The device with this approval key.
    pub fn device(&self, key: &Thumbprint) -> Option<&Device> {
        self.devices.iter().find(|device| device.key.thumbprint() == *key)
    }

    /// The device with this transport key.
    pub fn device_by_transport(&self, transport: &Thumbprint) -> Option<&Device> {
        self.devices.iter().find(|device| device.transport == *transport)
    }

    /// The admin device with this approval key.
    pub fn admin(&self, key: &Thumbprint) -> Option<&Device> {
        self.device(key).filter(|device| device.is_admin())
    }

    /// No two entries use one key.
    fn keys_occur_once(&self) -> bool {
        let mut seen = BTreeSet::new();
        let devices = self.devices.iter().flat_map(|d| [d.key.thumbprint(), d.witness.thumbprint(), d.transport]);
        let others = [Some(self.log.thumbprint()), Some(self.transport), self.recovery.map(|k| k.thumbprint())];
        devices.chain(others.into_iter().flatten()).all(|key| seen.insert(key))
    }
}

impl Message for Bundle {
    const TYP: &'static str = "agenttrust-bundle-v1";
    const JOINT: bool = true;
    const ROOTED: Rooted = Rooted::Bundle;
    const FRACTIONS: bool = true;
    type Signer = Approval;
    type Content = Nothing;

    fn fits(&self, head: &Head) -> bool {
        let first = self.version == 1;
        let chained = self.prev.is_none() == first && head.tdid.is_none() == first && self.version > 0;
        let admins = self.devices.iter().filter(|device| device.is_admin()).count() as u64;
        let rules = self.rules.iter().all(|rule| rule.require.approvers >= 1 && rule_fits(&rule.matches));
        chained && (1..=admins).contains(&self.threshold) && rules && self.keys_occur_once()
    }
}
