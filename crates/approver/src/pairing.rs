//! Joining a trust domain, and letting a device in.
//!
//! The joiner's half is a chain of states, each used up by the next, so that it answers one confirmer only; the
//! confirmer's rests on [`agenttrust_protocol::pairing`].

use crate::refused::Refused;
use crate::sign::{Clock, Founding, TrustStep, found};
use crate::state::{DeviceState, Ledger};
use crate::trustview::TrustView;
use agenttrust_protocol::envelope::Random;
use agenttrust_protocol::hash::Tdid;
use agenttrust_protocol::key::{Approval, Log, PublicKey, SecretKey, Witness};
use agenttrust_protocol::message::{Device, Intent, Nothing, PairInit, RoleName};
use agenttrust_protocol::pairing::{Challenged, Digits, Ended, Revealed, Ticket, commit, digits, mac, verify_mac};
use agenttrust_protocol::{Hash, Head, Id, Opened, Received, Signed, Thumbprint, Time};
use std::collections::BTreeSet;

/// What a new device is: its keys' public halves, its name, and how its keys are kept.
#[derive(Clone, Debug)]
pub struct Newcomer {
    /// Its witness key.
    pub witness: PublicKey<Witness>,
    /// The thumbprint of its transport key.
    pub transport: Thumbprint,
    /// Its name.
    pub name: String,
    /// How its keys are kept: `keystore`, `pin`, `file`, ….
    pub protection: String,
}

/// A device that has introduced itself and waits for the confirmer's number.
#[derive(Debug)]
pub struct Joiner {
    init: PairInit,
    hash: Hash,
    /// The thumbprint of the daemon's transport key: the endpoint that the ticket names.
    daemon: Thumbprint,
    r: Id,
}

/// A device that has the confirmer's number. It answers no other.
#[derive(Debug)]
pub struct Answered {
    init: PairInit,
    tdid: Option<Tdid>,
    daemon: Thumbprint,
    r: Id,
    digits: Digits,
}

impl Joiner {
    /// Makes the joiner's message for a ticket it has seen.
    pub fn new(
        ticket: &Ticket,
        key: &SecretKey<Approval>,
        newcomer: Newcomer,
        now: Time,
        random: &mut impl Random,
    ) -> (Joiner, String) {
        let r = random.id();
        let init = PairInit {
            key: key.public(),
            witness: newcomer.witness,
            transport: newcomer.transport,
            name: newcomer.name,
            protection: newcomer.protection,
            intent: ticket.intent(),
            mac: mac(ticket.secret(), ticket.daemon(), &newcomer.transport, &key.public()),
            commit: commit(&r),
        };
        let head = Head::new(random, now, None);
        let message = Signed::sign(key, &head, &init, &Nothing {}, random).into_string();
        // A message made here is in the form it was made in.
        let hash = Received::<PairInit>::parse(&message).map_or(Hash::from_bytes([0; 32]), |received| received.hash());
        (Joiner { init, hash, daemon: ticket.daemon().thumbprint(), r }, message)
    }

    /// The name of the joiner's message, which is the path it goes on at.
    pub fn id(&self) -> Hash {
        self.hash
    }

    /// Takes the confirmer's first words: the domain, 32 zero bytes on the first pairing, and its number. Only now is
    /// the own number revealed.
    ///
    /// # Errors
    /// [`Refused::DoesNotFit`] if the domain is there where there is none yet, or the reverse.
    pub fn answer(self, tdid: Tdid, c: &Id) -> Result<Answered, Refused> {
        let tdid = Some(tdid).filter(|tdid| tdid.as_bytes() != &[0; 32]);
        if tdid.is_none() != (self.init.intent == Intent::First) {
            return Err(Refused::DoesNotFit);
        }
        let digits = digits(&self.hash, tdid.as_ref(), c, &self.r);
        Ok(Answered { init: self.init, tdid, daemon: self.daemon, r: self.r, digits })
    }
}

impl Answered {
    /// The number to send now.
    pub fn reveal(&self) -> Id {
        self.r
    }

    /// The digits to show; the person types them at the confirmer.
    pub fn digits(&self) -> Digits {
        self.digits
    }

    /// As the first device: signs bundle 1 and status 1 once the digits were typed.
    ///
    /// # Errors
    /// [`Refused::DoesNotFit`] for a device that joins an existing domain; [`Refused::WrongKey`]; the reason why the
    /// bundle would not be accepted.
    pub fn found(
        &self,
        key: &SecretKey<Approval>,
        first: &FirstDevice,
        now: Time,
        random: &mut impl Random,
    ) -> Result<Founded, Refused> {
        if self.tdid.is_some() {
            return Err(Refused::DoesNotFit);
        }
        if key.public() != self.init.key {
            return Err(Refused::WrongKey);
        }
        let founding = Founding {
            device: as_device(&self.init, &first.owner, &[RoleName::ADMIN, RoleName::APPROVER], first.is_local),
            log: first.log,
            transport: self.daemon,
        };
        let step = found(founding, key, now, random)?;
        let state = enter(&self.init, &[&step.bundle, &step.status], None, now)?;
        Ok(Founded { state, step })
    }

    /// As a further device: takes the chain of bundles and statuses, which must be of the domain that was named before
    /// the digits and list exactly this device's keys.
    ///
    /// # Errors
    /// [`Refused::DoesNotFit`] on a first pairing; [`Refused::NotAllowed`] if the chain does not list this device; the
    /// reason why it is not believed.
    pub fn join(&self, messages: &[&str], now: Time) -> Result<DeviceState, Refused> {
        let tdid = self.tdid.as_ref().ok_or(Refused::DoesNotFit)?;
        enter(&self.init, messages, Some(tdid), now)
    }
}

/// A new domain that may leave the device only after its state is stored: lost, it could never be entered again.
#[must_use = "nothing is founded until `persist` has stored the state"]
#[derive(Debug)]
pub struct Founded {
    state: DeviceState,
    step: TrustStep,
}

impl Founded {
    /// Stores the state with `store`, which answers only when it will survive a crash; then come the messages to send
    /// and the state to go on from.
    ///
    /// # Errors
    /// Those of `store`.
    pub fn persist<E>(self, store: impl FnOnce(&DeviceState) -> Result<(), E>) -> Result<(TrustStep, DeviceState), E> {
        store(&self.state)?;
        Ok((self.step, self.state))
    }
}

/// What the first device learns from its host beside the digits.
#[derive(Clone, Debug)]
pub struct FirstDevice {
    /// Whose device it is.
    pub owner: String,
    /// Whether it lives on the agents' machine.
    pub is_local: bool,
    /// The daemon's log key.
    pub log: PublicKey<Log>,
}

fn as_device(init: &PairInit, owner: &str, roles: &[&str], local: bool) -> Device {
    Device {
        key: init.key,
        witness: init.witness,
        transport: init.transport,
        name: init.name.clone(),
        owner: owner.to_owned(),
        roles: roles.iter().filter_map(|role| role.parse().ok()).collect(),
        local,
        protection: init.protection.clone(),
    }
}

fn enter(init: &PairInit, messages: &[&str], pinned: Option<&Tdid>, now: Time) -> Result<DeviceState, Refused> {
    let view = TrustView::enter(init.key.thumbprint(), messages, pinned, now)?;
    let listed = view.device().ok_or(Refused::NotAllowed)?;
    if listed.key != init.key || listed.witness != init.witness || listed.transport != init.transport {
        return Err(Refused::NotAllowed);
    }
    view.trust().fresh_status(now)?;
    Ok(DeviceState {
        tdid: view.trust().tdid(),
        trust: view.messages(),
        ledger: Ledger::default(),
        agents: BTreeSet::new(),
    })
}

/// The admin device's half: it answers one joiner.
#[derive(Debug)]
pub struct Confirmer {
    init: Opened<PairInit>,
    run: Challenged,
}

/// The joiner's number was the one it had committed to: the digits can be typed, once.
#[derive(Debug)]
pub struct ToConfirm {
    init: Opened<PairInit>,
    run: Revealed,
}

/// A device whose digits were right.
#[derive(Debug)]
pub struct Confirmed {
    init: Opened<PairInit>,
}

impl Confirmer {
    /// Answers a joiner with a fresh random number, if it saw the ticket that this device shows.
    ///
    /// # Errors
    /// [`Refused::DoesNotFit`] if it did not, or does not mean to join; [`Refused::ClockOff`].
    pub fn new(
        ticket: &Ticket,
        joiner: Opened<PairInit>,
        tdid: Tdid,
        clock: Clock,
        random: &mut impl Random,
    ) -> Result<Confirmer, Refused> {
        clock.check()?;
        let PairInit { transport, key, mac, intent, .. } = joiner.body();
        let saw_it = verify_mac(ticket.secret(), ticket.daemon(), transport, key, mac);
        if !saw_it || *intent != Intent::Add {
            return Err(Refused::DoesNotFit);
        }
        let run = Challenged::new(&joiner, Some(tdid), random.id());
        Ok(Confirmer { init: joiner, run })
    }

    /// The number to send to the joiner.
    pub fn c(&self) -> Id {
        self.run.c()
    }

    /// The joiner has revealed its number.
    ///
    /// # Errors
    /// [`Ended::WrongReveal`]; the run is over and the joiner is to be refused.
    pub fn reveal(self, r: &Id) -> Result<ToConfirm, Ended> {
        Ok(ToConfirm { run: self.run.reveal(r)?, init: self.init })
    }
}

impl ToConfirm {
    /// The new device's own name for itself, to be shown beside the field for the digits.
    pub fn name(&self) -> &str {
        &self.init.body().name
    }

    /// The person has typed what the new device shows. There is one try.
    ///
    /// # Errors
    /// [`Ended::WrongDigits`]; the run is over and the joiner is to be refused.
    pub fn confirm(self, typed: &Digits) -> Result<Confirmed, Ended> {
        self.run.confirm(typed)?;
        Ok(Confirmed { init: self.init })
    }
}

impl Confirmed {
    /// The device to add to the bundle ([`crate::sign::DeviceChange::Add`]), with what the person says of it.
    pub fn device(&self, name: &str, owner: &str, roles: &[&str], is_local: bool) -> Device {
        Device { name: name.to_owned(), ..as_device(self.init.body(), owner, roles, is_local) }
    }
}
