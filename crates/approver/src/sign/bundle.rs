//! Bundles, each with the status that must travel with it.

use super::Desk;
use crate::refused::Refused;
use agenttrust_protocol::envelope::Random;
use agenttrust_protocol::hash::Tdid;
use agenttrust_protocol::key::{Approval, Log, PublicKey, SecretKey};
use agenttrust_protocol::message::{Bundle, BundleRef, Device, MAX_STATUS_LIFE, Nothing, Paused, Status};
use agenttrust_protocol::trust::Trust;
use agenttrust_protocol::{Head, Reason, Signed, Thumbprint, Time};

/// A bundle and the status that speaks for it, ascending as the doors want them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustStep {
    /// The bundle.
    pub bundle: String,
    /// The status.
    pub status: String,
}

/// What makes a trust domain.
#[derive(Clone, Debug)]
pub struct Founding {
    /// The first device; it gets the roles given here.
    pub device: Device,
    /// The daemon's log key.
    pub log: PublicKey<Log>,
    /// The thumbprint of the daemon's transport key.
    pub transport: Thumbprint,
}

/// What changes among the devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceChange {
    /// One more.
    Add(Box<Device>),
    /// One less, by approval key.
    Remove(Thumbprint),
    /// Another name.
    Rename {
        /// Which, by approval key.
        device: Thumbprint,
        /// What it is called from now on.
        name: String,
    },
}

/// Signs bundle 1 and status 1 with the first device's key.
///
/// # Errors
/// The reason why they would not be accepted, such as a key in two places.
pub fn found(
    founding: Founding,
    key: &SecretKey<Approval>,
    now: Time,
    random: &mut impl Random,
) -> Result<TrustStep, Reason> {
    let body = Bundle {
        version: 1,
        prev: None,
        threshold: 1,
        devices: vec![founding.device],
        rules: Vec::new(),
        log: founding.log,
        transport: founding.transport,
        recovery: None,
    };
    let bundle = Signed::sign(key, &Head::new(random, now, None), &body, &Nothing {}, random).into_string();
    let mut trust = Trust::enter(&bundle, None)?;
    let first = Status {
        seq: 1,
        prev: None,
        bundle: trust.bundle_ref(),
        revoked: Vec::new(),
        paused: Paused::Agents(Vec::new()),
        exp: now.plus(MAX_STATUS_LIFE),
    };
    let head = Head::new(random, now, Some(Tdid::from(trust.current().hash())));
    let status = Signed::sign(key, &head, &first, &Nothing {}, random).into_string();
    trust.accept_status(&status)?;
    Ok(TrustStep { bundle, status })
}

impl Desk<'_> {
    /// Signs the next bundle and its status.
    ///
    /// # Errors
    /// [`Refused::NotAllowed`] unless this is an admin device; [`Refused::DoesNotFit`] if the change makes no sense
    /// here or would leave no admin; [`Refused::NeedsMoreAdmins`] where the threshold is above one.
    pub fn change_devices(&self, change: &DeviceChange, random: &mut impl Random) -> Result<TrustStep, Refused> {
        self.admin()?;
        let trust = self.view.trust();
        let current = trust.current();
        if current.body().threshold > 1 {
            return Err(Refused::NeedsMoreAdmins);
        }
        let body = Bundle {
            version: current.body().version.saturating_add(1),
            prev: Some(current.hash()),
            devices: changed(&current.body().devices, change, &self.view.me())?,
            ..current.body().clone()
        };
        let bundle = self.sign(&body, &Nothing {}, random);
        let mut next = trust.clone();
        next.accept_bundle(&bundle, self.now).map_err(|_| Refused::DoesNotFit)?;
        let status = self.status_for(next.bundle_ref(), random)?;
        next.accept_status(&status)?;
        Ok(TrustStep { bundle, status })
    }

    fn status_for(&self, bundle: BundleRef, random: &mut impl Random) -> Result<String, Refused> {
        let held = self.view.trust().status().ok_or(Refused::Worthless(Reason::StaleTrust))?;
        Ok(self.sign(&self.following(held, bundle)?, &Nothing {}, random))
    }
}

fn changed(devices: &[Device], change: &DeviceChange, me: &Thumbprint) -> Result<Vec<Device>, Refused> {
    let mut devices = devices.to_vec();
    match change {
        DeviceChange::Add(device) => devices.push((**device).clone()),
        // Its own signature would not be among those of the new bundle's admins.
        DeviceChange::Remove(device) if device == me => return Err(Refused::DoesNotFit),
        DeviceChange::Remove(device) => {
            let before = devices.len();
            devices.retain(|entry| entry.key.thumbprint() != *device);
            if devices.len() == before {
                return Err(Refused::DoesNotFit);
            }
        }
        DeviceChange::Rename { device, name } => {
            let entry = devices.iter_mut().find(|entry| entry.key.thumbprint() == *device);
            entry.ok_or(Refused::DoesNotFit)?.name.clone_from(name);
        }
    }
    Ok(devices)
}
