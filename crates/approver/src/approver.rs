//! A device's half as one value: its trust, its inbox, and what it has signed.

use crate::display::Local;
use crate::inbox::{Card, Due, Inbox};
use crate::refused::Refused;
use crate::sign::{Clock, Desk};
use crate::state::{DeviceState, Entry, Ledger};
use crate::trustview::TrustView;
use agenttrust_protocol::check::Asked;
use agenttrust_protocol::key::{Approval, SecretKey};
use agenttrust_protocol::lifecycle::State;
use agenttrust_protocol::message::Enroll;
use agenttrust_protocol::{Hash, Opened, Reason, Thumbprint, Time};
use std::collections::{BTreeMap, BTreeSet};

/// The most agents whose programs are remembered.
const MAX_PROGRAMS: usize = 1000;

/// A device's half. It holds no secret: keys are handed in where something is signed.
#[derive(Debug)]
pub struct Approver {
    pub(crate) view: TrustView,
    pub(crate) inbox: Inbox,
    pub(crate) ledger: Ledger,
    pub(crate) agents: BTreeSet<Thumbprint>,
    pub(crate) programs: BTreeMap<Thumbprint, String>,
}

impl Approver {
    /// Goes on from a stored state; `me` is this device's approval key.
    ///
    /// # Errors
    /// Why its trust messages do not verify.
    pub fn resume(state: DeviceState, me: Thumbprint, now: Time) -> Result<Approver, Reason> {
        let mut ledger = state.ledger;
        ledger.prune(now);
        Ok(Approver {
            view: TrustView::restore(me, &state.trust, &state.tdid, now)?,
            inbox: Inbox::default(),
            ledger,
            agents: state.agents,
            programs: BTreeMap::new(),
        })
    }

    /// What must not be forgotten.
    pub fn state(&self) -> DeviceState {
        DeviceState {
            tdid: self.view.trust().tdid(),
            trust: self.view.messages(),
            ledger: self.ledger.clone(),
            agents: self.agents.clone(),
        }
    }

    /// The trust.
    pub fn view(&self) -> &TrustView {
        &self.view
    }

    /// The inbox.
    pub fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    /// What was signed and verified.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Takes bundles and statuses; answers whether anything is new, and so to be stored.
    ///
    /// # Errors
    /// As [`TrustView::follow`]; then nothing has changed.
    pub fn follow(&mut self, texts: &[&str], now: Time) -> Result<bool, Reason> {
        self.view.follow(texts, now)
    }

    /// Learns which program an agent named when it was accepted, so that another one is noticed.
    pub fn learn_agent(&mut self, enroll: &Opened<Enroll>) {
        if self.programs.len() < MAX_PROGRAMS {
            self.programs.insert(enroll.body().key.thumbprint(), enroll.body().program.clone());
        }
    }

    /// What this device knows of an agent beside what is signed.
    pub fn local(&self, agent: &Thumbprint) -> Local {
        Local { seen_before: self.agents.contains(agent), enrolled_program: self.programs.get(agent).cloned() }
    }

    /// A place to sign at with this device's key.
    ///
    /// # Errors
    /// [`Refused::ClockOff`], [`Refused::WrongKey`], [`Refused::NotAllowed`].
    pub fn desk<'a>(&'a self, key: &'a SecretKey<Approval>, clock: Clock) -> Result<Desk<'a>, Refused> {
        Desk::open(&self.view, key, clock)
    }

    /// Whether a request can be answered here and now; a screen disables what cannot.
    ///
    /// # Errors
    /// The reason.
    pub fn check_answerable(&self, id: &Hash, clock: Clock) -> Result<&Card, Refused> {
        let card = self.inbox.card(id).ok_or(Refused::NotFound)?;
        clock.check()?;
        let device = self.view.device().ok_or(Refused::NotAllowed)?;
        if !device.is_approver() {
            return Err(Refused::NotAllowed);
        }
        if self.ledger.answered.contains_key(id) || card.mine().is_some() {
            return Err(Refused::AlreadyAnswered);
        }
        if card.state() != State::Pending {
            return Err(Refused::Closed(card.state()));
        }
        if card.is_unsure() {
            return Err(Refused::Unsure);
        }
        if clock.now > card.deadline() {
            return Err(Refused::Closed(State::Expired));
        }
        self.view.trust().fresh_status(clock.now)?;
        self.recheck(card, clock.now)?;
        Ok(card)
    }

    /// Trust may have moved on since the card arrived; its signatures have not.
    fn recheck(&self, card: &Card, now: Time) -> Result<(), Reason> {
        let (Asked { cert, session, request, .. }, trust) = (card.asked().clone(), self.view.trust());
        Asked::assemble(trust, cert, session, request, now)?.check_standing(trust)
    }

    /// When [`Approver::due`] should be asked again, always after `now`: what is due and cannot be done yet, such as a
    /// renewal with a sealed key, is for the caller to try again.
    pub fn next_deadline(&self, now: Time) -> Option<Time> {
        let times = [self.inbox.next_deadline(now), self.view.renew_at(now), self.view.recovery_counts_at()];
        times.into_iter().flatten().filter(|time| *time > now).min()
    }

    /// What has become due. Reminders and expiries are told once; the renewal until it is done.
    pub fn due(&mut self, now: Time) -> Vec<Due> {
        let mut due = self.inbox.due(now);
        if self.view.settle(now) {
            due.push(Due::TrustChanged);
        }
        if self.view.renew_at(now).is_some_and(|at| at <= now) {
            due.push(Due::Renew);
        }
        due
    }

    /// Decisions that are signed and that the daemon is not known to have: to be sent (again) in this order, each with
    /// its request.
    pub fn outbox(&self, now: Time) -> Vec<(Hash, &str)> {
        let live = self.ledger.outbox.values().filter(|unsent| unsent.until >= now);
        live.map(|unsent| (unsent.request, unsent.message.as_str())).collect()
    }

    pub(crate) fn adopt(&mut self, entry: Entry) {
        match entry {
            Entry::Answer { request, answered, unsent, settled, .. } => {
                self.ledger.seq = answered.seq;
                if let Some(card) = self.inbox.cards.get_mut(&request) {
                    card.set_mine(&answered, false);
                }
                self.ledger.answered.insert(request, answered);
                self.ledger.outbox = self.ledger.outbox.split_off(&settled);
                self.ledger.outbox.insert(answered.seq, unsent);
            }
            Entry::Log(log) => self.ledger.log = Some(log),
        }
    }
}
