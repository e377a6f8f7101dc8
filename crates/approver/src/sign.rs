//! Everything a device signs: decisions, trust statuses, bundles, agents' certificates, trusted actions, and the
//! cosignature that vouches for the log.

mod bundle;
mod cosign;
mod decision;
mod grant;
mod status;

pub use bundle::{DeviceChange, Founding, TrustStep, found};
pub use cosign::BadLog;
pub use decision::{Answer, Intent, SignedAnswer};
pub use grant::GrantScope;
pub use status::{FOREVER, StatusStep};

use crate::refused::Refused;
use crate::trustview::TrustView;
use agenttrust_protocol::envelope::Random;
use agenttrust_protocol::key::{Approval, SecretKey};
use agenttrust_protocol::message::{AgentCert, CLOCK_SKEW, Device, Enroll, Message, Nothing};
use agenttrust_protocol::{Head, Opened, Signed, Time};

/// This device's time and, where it is known, the server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// This device's.
    pub now: Time,
    /// The server's at the same moment.
    pub server: Option<Time>,
}

impl Clock {
    /// A device's time without one to compare it to.
    pub fn alone(now: Time) -> Clock {
        Clock { now, server: None }
    }

    /// Whether the two agree.
    ///
    /// # Errors
    /// [`Refused::ClockOff`] if they differ by more than 60 s.
    pub fn check(&self) -> Result<(), Refused> {
        let seconds = self.server.map_or(0, |server| self.now.since(server));
        if seconds.saturating_abs() > CLOCK_SKEW { Err(Refused::ClockOff { seconds }) } else { Ok(()) }
    }
}

/// A place to sign at: this device's key, checked to be one that still counts, and a clock that is right.
#[derive(Debug)]
pub struct Desk<'a> {
    view: &'a TrustView,
    key: &'a SecretKey<Approval>,
    device: &'a Device,
    now: Time,
}

impl<'a> Desk<'a> {
    pub(crate) fn open(view: &'a TrustView, key: &'a SecretKey<Approval>, clock: Clock) -> Result<Desk<'a>, Refused> {
        clock.check()?;
        if key.public().thumbprint() != view.me() {
            return Err(Refused::WrongKey);
        }
        let device = view.device().ok_or(Refused::NotAllowed)?;
        Ok(Desk { view, key, device, now: clock.now })
    }

    fn admin(&self) -> Result<&Device, Refused> {
        if self.device.is_admin() { Ok(self.device) } else { Err(Refused::NotAllowed) }
    }

    fn head(&self, random: &mut impl Random) -> Head {
        Head::new(random, self.now, Some(self.view.trust().tdid()))
    }

    fn sign<M: Message<Signer = Approval>>(&self, body: &M, content: &M::Content, random: &mut impl Random) -> String {
        Signed::sign(self.key, &self.head(random), body, content, random).into_string()
    }

    /// Accepts an agent: it may ask from now on, by this name, until `exp`. The same person's word can be given again.
    ///
    /// # Errors
    /// [`Refused::NotAllowed`] unless this is an admin device; [`Refused::DoesNotFit`] if `exp` is over.
    pub fn certify(
        &self,
        enroll: &Opened<Enroll>,
        name: &str,
        exp: Time,
        random: &mut impl Random,
    ) -> Result<String, Refused> {
        self.admin()?;
        let body = AgentCert { enroll: enroll.hash(), cnf: enroll.body().key, name: name.to_owned(), exp };
        if exp <= self.now {
            return Err(Refused::DoesNotFit);
        }
        Ok(self.sign(&body, &Nothing {}, random))
    }
}
