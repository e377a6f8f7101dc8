//! Taking what the daemon's inbox sends.

use super::{Card, Inbox, Knock, MAX_KNOCKS};
use crate::approver::Approver;
use agenttrust_protocol::check::Asked;
use agenttrust_protocol::door::{InboxEntry, InboxEvent, InboxPage, typ_of};
use agenttrust_protocol::lifecycle::State;
use agenttrust_protocol::message::{AgentCert, Decision, Enroll, Message, PairInit, Request, Session};
use agenttrust_protocol::{Hash, Reason, Received, Thumbprint, Time};

/// What came of a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Update {
    /// New cards, verified: to be marked as delivered and shown.
    pub arrived: Vec<Hash>,
    /// Cards that stand differently now.
    pub changed: Vec<Hash>,
    /// What was refused, and why; nothing of it is shown as a request.
    pub refused: Vec<RefusedEntry>,
    /// Cards of which it is not known how they stand: each is to be looked up and told by [`Approver::observe`].
    pub unsure: Vec<Hash>,
    /// Agents ask to be known, or were answered.
    pub knocks_changed: bool,
    /// Devices ask to join.
    pub joiners_changed: bool,
    /// Bundle or status moved on.
    pub trust_changed: bool,
    /// The inbox is to be asked for everything again, without `after`.
    pub reload: bool,
}

/// An entry that did not verify.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedEntry {
    /// What the daemon calls it.
    pub id: Option<Hash>,
    /// Why.
    pub reason: Reason,
}

impl Approver {
    /// Takes a page of the inbox.
    pub fn receive(&mut self, page: &InboxPage, now: Time) -> Update {
        let mut update = Update::default();
        if page.reset {
            self.inbox.reset(now);
        }
        let mut after = if page.reset { None } else { self.inbox.after };
        for entry in page.entries.iter().filter(|entry| page.reset || after.is_none_or(|after| entry.seq > after)) {
            self.take(entry, now, &mut update);
        }
        after = Some(after.unwrap_or(0).max(page.next));
        self.inbox.after = after;
        self.inbox.bound(now);
        update.arrived.retain(|id| self.inbox.cards.contains_key(id));
        if page.reset {
            update.unsure = self.inbox.cards.values().filter(|card| card.is_unsure).map(Card::id).collect();
        }
        let has_room = self.inbox.waiting(now).count() < super::MAX_OPEN.saturating_div(2);
        update.reload =
            (self.inbox.is_behind && update.trust_changed) || (self.inbox.is_cut && has_room && !page.reset);
        update
    }

    fn take(&mut self, entry: &InboxEntry, now: Time, update: &mut Update) {
        match &entry.event {
            InboxEvent::Request { request, messages } => self.take_request(request, messages, now, update),
            InboxEvent::Moved { request, state, by, code } => {
                if self.observe(request, *state, *by, code.as_deref()) {
                    update.changed.push(*request);
                }
            }
            InboxEvent::Enroll { enroll, messages, process } => {
                let knock = one::<Enroll>(messages)
                    .and_then(|received| received.open_own())
                    .and_then(|opened| if opened.hash() == *enroll { Ok(opened) } else { Err(Reason::WrongRequest) });
                match knock {
                    Ok(enroll) if self.inbox.knocks.len() < MAX_KNOCKS => {
                        self.inbox.knocks.insert(enroll.hash(), Knock { enroll, process: process.clone() });
                        update.knocks_changed = true;
                    }
                    Ok(_) => self.inbox.is_cut = true,
                    Err(reason) => update.refused.push(RefusedEntry { id: Some(*enroll), reason }),
                }
            }
            InboxEvent::Enrolled { enroll, .. } => {
                update.knocks_changed |= self.inbox.knocks.remove(enroll).is_some();
            }
            InboxEvent::Trust { messages } => {
                let texts: Vec<&str> = messages.iter().map(String::as_str).collect();
                match self.follow(&texts, now) {
                    Ok(changed) => update.trust_changed |= changed,
                    Err(reason) => update.refused.push(RefusedEntry { id: None, reason }),
                }
            }
            InboxEvent::Pairing { pairing, messages } => {
                let joiner = one::<PairInit>(messages)
                    .and_then(|received| received.open_own())
                    .and_then(|opened| if opened.hash() == *pairing { Ok(opened) } else { Err(Reason::WrongRequest) });
                match joiner {
                    Ok(joiner) if self.inbox.joiners.len() < MAX_KNOCKS => {
                        self.inbox.joiners.insert(joiner.hash(), joiner);
                        update.joiners_changed = true;
                    }
                    Ok(_) => self.inbox.is_cut = true,
                    Err(reason) => update.refused.push(RefusedEntry { id: Some(*pairing), reason }),
                }
            }
        }
    }

    fn take_request(&mut self, request: &Hash, messages: &[String], now: Time, update: &mut Update) {
        match self.open_request(request, messages, now) {
            Ok(mut card) => {
                let decisions: Vec<&str> = of_typ::<Decision>(messages).collect();
                if let Some(known) = self.inbox.cards.get_mut(request) {
                    known.is_unsure = false;
                    if known.state == State::Pending {
                        known.take_decisions(&self.view, &decisions);
                        update.changed.push(*request);
                    }
                    return;
                }
                card.take_decisions(&self.view, &decisions);
                if let Some(answered) = self.ledger.answered.get(request) {
                    card.set_mine(answered, !self.ledger.outbox.contains_key(&answered.seq));
                }
                self.agents.insert(card.asked.agent());
                self.inbox.cards.insert(*request, card);
                update.arrived.push(*request);
            }
            Err(reason) => {
                self.inbox.is_behind |= may_be_mended(reason);
                update.refused.push(RefusedEntry { id: Some(*request), reason });
            }
        }
    }

    /// Verifies a request with all it rests on against this device's own trust.
    fn open_request(&self, request: &Hash, messages: &[String], now: Time) -> Result<Card, Reason> {
        let text = |found: Option<&'_ str>| found.map(str::to_owned).ok_or(Reason::BadForm);
        let cert = text(of_typ::<AgentCert>(messages).next())?;
        let session = text(of_typ::<Session>(messages).next())?;
        let asking = text(of_typ::<Request>(messages).next())?;
        let asked = Asked::open(self.view.trust(), &cert, &session, &asking, now)?;
        asked.check_standing(self.view.trust())?;
        if asked.request.hash() != *request {
            return Err(Reason::WrongRequest);
        }
        let local = self.local(&asked.agent());
        let bytes = messages.iter().map(String::len).fold(0, usize::saturating_add);
        Ok(Card::new(asked, local, bytes))
    }

    /// Takes what the daemon says of a request's state; answers whether that is news of its card.
    pub fn observe(&mut self, request: &Hash, state: State, by: Option<Thumbprint>, code: Option<&str>) -> bool {
        let me = self.view.me();
        if by == Some(me) {
            self.sent(request);
        }
        self.inbox.cards.get_mut(request).is_some_and(|card| card.observe(state, by, code, &me))
    }

    /// The daemon has taken this device's decision; `state` is what it answered.
    pub fn delivered(&mut self, request: &Hash, state: State) {
        let me = self.view.me();
        self.observe(request, state, Some(me), None);
    }

    /// The daemon did not count this device's decision, because the request was in this state already.
    pub fn too_late(&mut self, request: &Hash, state: State) {
        self.sent(request);
        if let Some(card) = self.inbox.cards.get_mut(request) {
            card.set_late();
        }
        self.observe(request, state, None, None);
    }

    /// A pairing is over: its joiner does not wait any more.
    pub fn joiner_is_done(&mut self, joiner: &Hash) {
        self.inbox.joiners.remove(joiner);
    }

    fn sent(&mut self, request: &Hash) {
        if let Some(answered) = self.ledger.answered.get(request) {
            self.ledger.outbox.remove(&answered.seq);
        }
    }
}

impl Inbox {
    /// The daemon begins anew: what it does not send again is in doubt.
    fn reset(&mut self, now: Time) {
        self.knocks.clear();
        self.joiners.clear();
        self.is_cut = false;
        self.is_behind = false;
        // Without a word of the daemon's a request that is over stays over.
        self.cards.retain(|_, card| card.state.is_terminal() || card.mine.is_some() || now <= card.deadline());
        for card in self.cards.values_mut().filter(|card| !card.state.is_terminal()) {
            card.is_unsure = true;
        }
    }
}

/// Whether newer trust may make this verify.
fn may_be_mended(reason: Reason) -> bool {
    matches!(reason, Reason::UnknownKey | Reason::StaleTrust | Reason::Paused | Reason::Revoked)
}

fn of_typ<M: Message>(messages: &[String]) -> impl Iterator<Item = &str> {
    messages.iter().map(String::as_str).filter(|text| typ_of(text).as_deref() == Some(M::TYP))
}

/// The only message of an entry.
fn one<M: Message>(messages: &[String]) -> Result<Received<M>, Reason> {
    match messages {
        [text] => Received::parse(text),
        _ => Err(Reason::BadForm),
    }
}
