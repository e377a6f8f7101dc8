//! Letting another device in, on the admin device's side: the code on this screen, the digits on the other.
//!
//! This device made the ticket, so it alone can tell which joiner saw it; it answers that one and no other.

use crate::clock::random;
use crate::command::Done;
use crate::device::Shared;
use crate::event::{Event, JoinerView};
use crate::failure::Failure;
use crate::qr::Qr;
use agenttrust_approver::display::{MAX_NAME, safe_line};
use agenttrust_approver::pairing::{Confirmer, ToConfirm};
use agenttrust_approver::sign::DeviceChange;
use agenttrust_protocol::door::{PairAnswer, PairState, Trouble};
use agenttrust_protocol::message::RoleName;
use agenttrust_protocol::pairing::{Digits, Ticket};
use agenttrust_protocol::{Hash, Id};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How often the daemon is asked whether the joiner has revealed its number.
const ASK_EVERY: Duration = Duration::from_millis(300);

/// A joiner that has not done so by then is given up.
const PATIENCE: Duration = Duration::from_secs(120);

/// A pairing that this device has started.
#[derive(Debug)]
pub(crate) enum Admission {
    /// The code is on the screen.
    Offered(Box<Ticket>),
    /// A joiner that saw it was answered and has not revealed its number.
    Answered(Hash),
    /// The digits can be typed.
    Digits(Hash, Box<ToConfirm>),
}

impl Shared {
    fn admitting(&self) -> MutexGuard<'_, Option<Admission>> {
        self.admission.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the daemon for a ticket; one that was open before is of no use any more.
    pub(crate) async fn offer_pairing(&self) -> Result<Done, Failure> {
        let offer = self.door().offer_pairing().await?;
        let ticket: Box<Ticket> = Box::new(offer.ticket.parse()?);
        self.lock().joiner = None;
        *self.admitting() = Some(Admission::Offered(ticket));
        let qr = Qr::of(&offer.ticket)?.path();
        Ok(Done::Offer { offer, qr })
    }

    /// The code that was shown is good for nothing any more; whoever has just read it is sent away.
    pub(crate) async fn withdraw_pairing(&self) -> Result<Done, Failure> {
        *self.admitting() = None;
        self.show_joiner(None);
        match self.door().withdraw_pairing().await {
            // It was over already.
            Err(failure) if !failure.is(Trouble::NotFound) => Err(failure),
            Ok(_) | Err(_) => Ok(Done::Ok),
        }
    }

    /// A device wants to join: the first that saw the ticket is answered.
    pub(crate) fn meet_joiners(self: &Arc<Shared>) {
        let Some(Admission::Offered(ticket)) = self.admitting().take_if(|a| matches!(a, Admission::Offered(_))) else {
            return;
        };
        let confirmer = {
            let core = self.lock();
            let (tdid, clocks) = (core.approver.view().trust().tdid(), core.clocks());
            let mut joiners = core.approver.inbox().joiners();
            joiners.find_map(|joiner| {
                let confirmer = Confirmer::new(&ticket, joiner.clone(), tdid, clocks, &mut { random }).ok()?;
                Some((joiner.hash(), safe_line(&joiner.body().name, MAX_NAME), confirmer))
            })
        };
        let Some((joiner, name, confirmer)) = confirmer else {
            *self.admitting() = Some(Admission::Offered(ticket));
            return;
        };
        *self.admitting() = Some(Admission::Answered(joiner));
        self.show_joiner(Some(JoinerView { joiner, name: name.clone(), digits: false }));
        self.lock().tell(Event::PairingAsked { joiner, name });
        let shared = Arc::clone(self);
        self.spawn(async move {
            if let Err(failure) = shared.answer_joiner(joiner, confirmer).await {
                shared.end_pairing(Some(joiner), &failure).await;
            }
        });
    }

    /// Sends this device's number and waits for the joiner's.
    async fn answer_joiner(&self, joiner: Hash, confirmer: Confirmer) -> Result<(), Failure> {
        let door = self.door();
        door.answer_pairing(&joiner, &PairAnswer::Challenge { c: confirmer.c() }).await?;
        let r = self.number_of(&joiner).await?;
        let to_confirm = confirmer.reveal(&r)?;
        let name = safe_line(to_confirm.name(), MAX_NAME);
        {
            let mut admission = self.admitting();
            // A new code may have been asked for meanwhile.
            if !matches!(*admission, Some(Admission::Answered(answered)) if answered == joiner) {
                return Ok(());
            }
            *admission = Some(Admission::Digits(joiner, Box::new(to_confirm)));
        }
        self.show_joiner(Some(JoinerView { joiner, name: name.clone(), digits: true }));
        self.lock().tell(Event::PairingDigits { joiner, name });
        Ok(())
    }

    async fn number_of(&self, joiner: &Hash) -> Result<Id, Failure> {
        let door = self.door();
        let end = Instant::now() + PATIENCE;
        loop {
            let view = door.pairing(joiner).await?;
            if let Some(r) = view.r {
                return Ok(r);
            }
            match view.state {
                PairState::Offered | PairState::Joined | PairState::Challenged | PairState::Revealed
                    if Instant::now() < end => {}
                PairState::Refused => return Err(Trouble::DigitsWrong.into()),
                PairState::Offered
                | PairState::Joined
                | PairState::Challenged
                | PairState::Revealed
                | PairState::Confirmed
                | PairState::Paired
                | PairState::Expired => return Err(Trouble::TicketInvalid.into()),
            }
            sleep(ASK_EVERY).await;
        }
    }

    /// The person has typed the digits: there is one try, right or wrong.
    pub(crate) async fn confirm_pairing(
        &self,
        joiner: &Hash,
        digits: &str,
        name: Option<String>,
        owner: &str,
        admin: bool,
        local: bool,
    ) -> Result<Done, Failure> {
        let typed: String = digits.chars().filter(|c| !c.is_whitespace()).collect();
        // What cannot be digits at all is a slip of the finger, not a try.
        let typed: Digits = typed.parse().map_err(|_| Failure::new(Trouble::BadRequest, "six digits are wanted"))?;
        let taken = self.admitting().take_if(|a| matches!(a, Admission::Digits(waiting, _) if waiting == joiner));
        let Some(Admission::Digits(_, to_confirm)) = taken else { return Err(Trouble::NotFound.into()) };
        let own_name = to_confirm.name().to_owned();
        let confirmed = match to_confirm.confirm(&typed) {
            Ok(confirmed) => confirmed,
            Err(ended) => {
                let failure = Failure::from(ended);
                self.end_pairing(Some(*joiner), &failure).await;
                return Err(failure);
            }
        };
        let roles: &[&str] = if admin { &[RoleName::ADMIN, RoleName::APPROVER] } else { &[RoleName::APPROVER] };
        let device = confirmed.device(name.as_deref().unwrap_or(&own_name), owner, roles, local);
        let changed = self.change(&DeviceChange::Add(Box::new(device))).await;
        self.show_joiner(None);
        self.lock().approver.joiner_is_done(joiner);
        if let Err(failure) = &changed {
            self.end_pairing(Some(*joiner), failure).await;
        }
        changed
    }

    /// The person does not want it.
    pub(crate) async fn refuse_pairing(&self, joiner: &Hash) -> Result<Done, Failure> {
        *self.admitting() = None;
        self.show_joiner(None);
        self.door().answer_pairing(joiner, &PairAnswer::Refuse).await?;
        Ok(Done::Ok)
    }

    async fn end_pairing(&self, joiner: Option<Hash>, failure: &Failure) {
        *self.admitting() = None;
        self.show_joiner(None);
        self.lock().tell(Event::PairingEnded { joiner, why: failure.body() });
        if let Some(joiner) = joiner {
            // Best effort: a run nobody goes on with ends by itself.
            let _told = self.door().answer_pairing(&joiner, &PairAnswer::Refuse).await;
        }
    }

    fn show_joiner(&self, joiner: Option<JoinerView>) {
        self.lock().joiner = joiner;
    }
}
