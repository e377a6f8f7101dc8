//! One pairing, from the ticket on the screen to the device in the bundle.

use super::refusal;
use crate::api::reply::Refusal;
use agenttrust_protocol::door::{PairState, PairingView, Trouble};
use agenttrust_protocol::hash::Tdid;
use agenttrust_protocol::message::PairInit;
use agenttrust_protocol::pairing::{Challenged, Digits, Ended, Knock, Offer, Revealed};
use agenttrust_protocol::{Hash, Id, Opened, Thumbprint, Time};

/// How long a joiner has from the first knock to its place in the bundle, in seconds.
const JOINED_FOR: i64 = 600;

/// Who makes sure of the new device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmer {
    /// Nobody needs to: the first device, on this machine.
    Nobody,
    /// The person at this machine types the digits: the first device, elsewhere.
    Host,
    /// An admin device of this trust domain.
    Admin(Tdid),
}

/// A pairing under way.
#[derive(Debug)]
pub struct Run {
    confirmer: Confirmer,
    /// When the joiner came.
    joined: Time,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Offered(Box<Offer>),
    Joined(Opened<PairInit>),
    Challenged(Opened<PairInit>, Challenged),
    Revealed { joiner: Opened<PairInit>, c: Id, r: Id, check: Revealed },
    Confirmed(Opened<PairInit>),
    Paired(Opened<PairInit>),
    Over { joiner: Option<Opened<PairInit>>, expired: bool },
}

impl Run {
    /// Offers a ticket.
    pub fn new(offer: Offer, confirmer: Confirmer) -> Run {
        Run { confirmer, joined: offer.expires(), stage: Stage::Offered(Box::new(offer)) }
    }

    /// Who makes sure of the device.
    pub fn confirmer(&self) -> Confirmer {
        self.confirmer
    }

    /// How it stands.
    pub fn state(&self) -> PairState {
        match &self.stage {
            Stage::Offered(_) => PairState::Offered,
            Stage::Joined(_) => PairState::Joined,
            Stage::Challenged(..) => PairState::Challenged,
            Stage::Revealed { .. } => PairState::Revealed,
            Stage::Confirmed(_) => PairState::Confirmed,
            Stage::Paired(_) => PairState::Paired,
            Stage::Over { expired: true, .. } => PairState::Expired,
            Stage::Over { expired: false, .. } => PairState::Refused,
        }
    }

    /// The new device's message, once there is one.
    pub fn joiner(&self) -> Option<&Opened<PairInit>> {
        match &self.stage {
            Stage::Offered(_) => None,
            Stage::Joined(joiner)
            | Stage::Challenged(joiner, _)
            | Stage::Revealed { joiner, .. }
            | Stage::Confirmed(joiner)
            | Stage::Paired(joiner) => Some(joiner),
            Stage::Over { joiner, .. } => joiner.as_ref(),
        }
    }

    /// The confirmer's number, once it is given.
    pub fn c(&self) -> Option<Id> {
        match &self.stage {
            Stage::Challenged(_, run) => Some(run.c()),
            Stage::Revealed { c, .. } => Some(*c),
            Stage::Offered(_) | Stage::Joined(_) | Stage::Confirmed(_) | Stage::Paired(_) | Stage::Over { .. } => None,
        }
    }

    pub(super) fn admits(&mut self, transport: &Thumbprint, now: Time) -> bool {
        self.expire(now);
        match &self.stage {
            Stage::Offered(_) => true,
            Stage::Joined(_)
            | Stage::Challenged(..)
            | Stage::Revealed { .. }
            | Stage::Confirmed(_)
            | Stage::Paired(_)
            | Stage::Over { .. } => {
                // How it ended can be asked for as long as the run could have lasted.
                let is_joiner = self.joiner().is_some_and(|joiner| joiner.body().transport == *transport);
                is_joiner && (0..JOINED_FOR).contains(&now.since(self.joined))
            }
        }
    }

    pub(super) fn view(&mut self, now: Time) -> PairingView {
        self.expire(now);
        let r = match &self.stage {
            Stage::Revealed { r, .. } => Some(*r),
            Stage::Offered(_)
            | Stage::Joined(_)
            | Stage::Challenged(..)
            | Stage::Confirmed(_)
            | Stage::Paired(_)
            | Stage::Over { .. } => None,
        };
        let joiner = self.joiner();
        PairingView {
            state: self.state(),
            message: joiner.map(|joiner| joiner.as_str().to_owned()),
            r,
            name: joiner.map(|joiner| joiner.body().name.clone()),
        }
    }

    pub(super) fn knock(&mut self, joiner: Opened<PairInit>, now: Time) -> Result<PairState, Refusal> {
        self.expire(now);
        if self.joiner().is_some_and(|known| known.hash() == joiner.hash()) {
            return Ok(self.state());
        }
        let stage = self.take();
        let Stage::Offered(offer) = stage else {
            // Whoever comes second does not disturb the one who came first.
            self.stage = stage;
            return Err(Trouble::TicketInvalid.into());
        };
        match offer.knock(&joiner, now) {
            Knock::Admitted => {
                self.joined = now;
                self.stage = match self.confirmer {
                    Confirmer::Nobody => Stage::Confirmed(joiner),
                    Confirmer::Host | Confirmer::Admin(_) => Stage::Joined(joiner),
                };
                Ok(self.state())
            }
            Knock::Open(offer) => {
                self.stage = Stage::Offered(offer);
                Err(Trouble::TicketInvalid.into())
            }
            Knock::Ended(ended) => {
                self.stage = Stage::Over { joiner: None, expired: ended == Ended::Expired };
                Err(refusal(ended))
            }
        }
    }

    /// This run, if it is this joiner's.
    pub(super) fn of(&mut self, joiner: &Hash, now: Time) -> Result<&mut Run, Refusal> {
        self.expire(now);
        let is_it = self.joiner().is_some_and(|known| known.hash() == *joiner);
        if is_it { Ok(self) } else { Err(Trouble::NotFound.into()) }
    }

    pub(super) fn challenge(&mut self, c: Id) -> Result<PairState, Refusal> {
        let stage = self.take();
        let Stage::Joined(joiner) = stage else {
            self.stage = stage;
            return Err(Trouble::Conflict.into());
        };
        let tdid = match self.confirmer {
            Confirmer::Nobody | Confirmer::Host => None,
            Confirmer::Admin(tdid) => Some(tdid),
        };
        let run = Challenged::new(&joiner, tdid, c);
        self.stage = Stage::Challenged(joiner, run);
        Ok(self.state())
    }

    pub(super) fn reveal(&mut self, r: Id) -> Result<PairState, Refusal> {
        let stage = self.take();
        let Stage::Challenged(joiner, run) = stage else {
            self.stage = stage;
            // A joiner that lost the answer says the same again.
            let again = matches!(&self.stage, Stage::Revealed { r: known, .. } if *known == r);
            return if again { Ok(self.state()) } else { Err(Trouble::Conflict.into()) };
        };
        let c = run.c();
        match run.reveal(&r) {
            Ok(check) => {
                self.stage = Stage::Revealed { joiner, c, r, check };
                Ok(self.state())
            }
            Err(ended) => {
                self.stage = Stage::Over { joiner: Some(joiner), expired: false };
                Err(refusal(ended))
            }
        }
    }

    pub(super) fn digits(&mut self, typed: &Digits, now: Time) -> Result<PairState, Refusal> {
        self.expire(now);
        if self.confirmer != Confirmer::Host {
            return Err(Trouble::Conflict.into());
        }
        let stage = self.take();
        let Stage::Revealed { joiner, check, .. } = stage else {
            self.stage = stage;
            return Err(Trouble::Conflict.into());
        };
        match check.confirm(typed) {
            Ok(()) => {
                self.stage = Stage::Confirmed(joiner);
                Ok(self.state())
            }
            Err(ended) => {
                self.stage = Stage::Over { joiner: Some(joiner), expired: false };
                Err(refusal(ended))
            }
        }
    }

    pub(super) fn refuse(&mut self) -> PairState {
        if !matches!(self.stage, Stage::Paired(_)) {
            self.stage = Stage::Over { joiner: self.joiner().cloned(), expired: false };
        }
        self.state()
    }

    pub(super) fn paired(&mut self, is_it: impl Fn(&PairInit) -> bool) {
        if let Some(joiner) = self.joiner().filter(|joiner| is_it(joiner.body())).cloned() {
            self.stage = Stage::Paired(joiner);
        }
    }

    /// Takes the stage out for a step that uses it up; whoever does not step puts it back.
    fn take(&mut self) -> Stage {
        std::mem::replace(&mut self.stage, Stage::Over { joiner: None, expired: false })
    }

    fn expire(&mut self, now: Time) {
        let over = match &self.stage {
            Stage::Offered(offer) => now >= offer.expires(),
            Stage::Joined(_) | Stage::Challenged(..) | Stage::Revealed { .. } | Stage::Confirmed(_) => {
                // A clock set back must not give more time either.
                !(0..JOINED_FOR).contains(&now.since(self.joined))
            }
            Stage::Paired(_) | Stage::Over { .. } => false,
        };
        if over {
            self.stage = Stage::Over { joiner: self.joiner().cloned(), expired: true };
        }
    }
}
