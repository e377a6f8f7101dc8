//! What a device is at one moment: its approver, its keys, its file, and what its shells were told.
//!
//! Everything here happens at once, under one lock, and waits for nothing but the disk.

use crate::clock::{Clock, random};
use crate::door::ServerTime;
use crate::event::{Connection, Event, JoinerView, LogInfo, LogTrouble};
use crate::failure::Failure;
use crate::keystore::Keys;
use crate::store::{Daemon, Store};
use agenttrust_approver::inbox::{Due, Phase, Step, Update};
use agenttrust_approver::sign::{BadLog, Clock as Clocks, DeviceChange, Intent, SignedAnswer, StatusStep, TrustStep};
use agenttrust_approver::state::Entry;
use agenttrust_approver::trustview::Standing;
use agenttrust_approver::{Approver, Refused};
use agenttrust_protocol::door::{ConsistencyReply, ErrorBody, Held, InboxPage};
use agenttrust_protocol::lifecycle::State;
use agenttrust_protocol::message::{CLOCK_SKEW, MAX_STATUS_LIFE};
use agenttrust_protocol::{Hash, Time};
use std::collections::{BTreeMap, BTreeSet};
use tokio::sync::broadcast;

/// A status with less than this left, in seconds, and nobody here to renew it, is told to the person.
const EXPIRING: i64 = MAX_STATUS_LIFE / 4;

/// What shells were told of a card last.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    phase: Phase,
    decisions: usize,
}

#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) approver: Approver,
    pub(crate) keys: Keys,
    store: Store,
    clock: Clock,
    server: ServerTime,
    events: broadcast::Sender<Event>,
    told: BTreeMap<Hash, Told>,
    /// When all cards were looked at last.
    told_at: Time,
    /// The first end of a card that still waits.
    next_end: Option<Time>,
    pub(crate) connection: Connection,
    pub(crate) joiner: Option<JoinerView>,
    pub(crate) log_trouble: Option<LogTrouble>,
    pub(crate) clock_ahead: i64,
    /// The end of the status whose running out was told.
    told_expiring: Option<Time>,
    /// The size this process has had co-signed.
    cosigned: u64,
    /// Requests whose arrival is to be told to the daemon.
    arrived: Vec<Hash>,
    /// Answers that the daemon refused: to send them again would change nothing.
    refused: BTreeSet<Hash>,
}

impl Core {
    pub(crate) fn new(
        approver: Approver,
        keys: Keys,
        store: Store,
        clock: Clock,
        server: ServerTime,
        events: broadcast::Sender<Event>,
    ) -> Core {
        Core {
            approver,
            keys,
            store,
            clock,
            server,
            events,
            told: BTreeMap::new(),
            told_at: Time(0),
            next_end: None,
            connection: Connection::Connecting,
            joiner: None,
            log_trouble: None,
            clock_ahead: 0,
            told_expiring: None,
            cosigned: 0,
            arrived: Vec::new(),
            refused: BTreeSet::new(),
        }
    }

    pub(crate) fn now(&self) -> Time {
        self.clock.now()
    }

    /// This device's time and the daemon's.
    pub(crate) fn clocks(&self) -> Clocks {
        Clocks { now: self.clock.now(), server: self.server.now() }
    }

    pub(crate) fn tell(&self, event: Event) {
        // Nobody listening is no failure: a shell that comes later takes a snapshot.
        let _listeners = self.events.send(event);
    }

    pub(crate) fn daemon(&self) -> &Daemon {
        self.store.daemon()
    }

    /// Remembers where the daemon is now.
    pub(crate) fn moved(&mut self, daemon: Daemon) -> Result<(), Failure> {
        self.store.moved(daemon)
    }

    /// What of the trust this device holds.
    pub(crate) fn held(&self) -> Held {
        let trust = self.approver.view().trust();
        let seq = trust.status().map_or(0, |status| status.body().seq);
        Held { version: trust.current().body().version, seq, wait: 0, agent: None }
    }

    /// Takes bundles and statuses and remembers them; answers whether any was new.
    pub(crate) fn follow(&mut self, messages: &[String]) -> Result<bool, Failure> {
        let texts: Vec<&str> = messages.iter().map(String::as_str).collect();
        let changed = self.approver.follow(&texts, self.clock.now())?;
        if changed {
            self.trust_changed();
        }
        Ok(changed)
    }

    /// Remembers and tells that trust has moved on. Trust that could not be stored is learnt again after a restart.
    fn trust_changed(&mut self) {
        if let Err(failure) = self.store.set_trust(&self.approver.view().messages()) {
            self.tell(Event::trouble(&failure));
        }
        self.tell(Event::TrustChanged { trust: Box::new(self.trust_info()) });
        self.tell_cards_anew();
    }

    /// Takes a page of the inbox.
    pub(crate) fn receive(&mut self, page: &InboxPage) -> Update {
        let knocks: Vec<Hash> = self.approver.inbox().knocks().map(|knock| knock.enroll.hash()).collect();
        let update = self.approver.receive(page, self.clock.now());
        if update.trust_changed {
            self.trust_changed();
        }
        for refused in &update.refused {
            self.tell(Event::EntryRefused { id: refused.id, reason: ErrorBody::from(refused.reason) });
        }
        if update.knocks_changed {
            self.tell_knocks(&knocks);
        }
        if page.reset || update.trust_changed {
            self.tell_cards();
        } else {
            self.tell_changed(update.arrived.iter().chain(&update.changed));
        }
        update
    }

    /// Notes requests whose arrival is to be told; answers whether they are the first.
    pub(crate) fn note_arrived(&mut self, requests: Vec<Hash>) -> bool {
        let first = self.arrived.is_empty();
        self.arrived.extend(requests);
        first
    }

    /// The requests noted, once.
    pub(crate) fn take_arrived(&mut self) -> Vec<Hash> {
        std::mem::take(&mut self.arrived)
    }

    /// Takes what the daemon says of a request's state.
    pub(crate) fn observe(&mut self, request: &Hash, state: State) {
        self.approver.observe(request, state, None, None);
        self.tell_changed([request]);
    }

    /// The daemon has this device's decision.
    pub(crate) fn delivered(&mut self, request: &Hash, state: State) {
        self.approver.delivered(request, state);
        self.tell_changed([request]);
    }

    /// The daemon will never take this device's decision.
    pub(crate) fn too_late(&mut self, request: &Hash, state: State) {
        self.approver.too_late(request, state);
        self.tell_changed([request]);
    }

    /// The daemon refused this device's decision.
    pub(crate) fn undeliverable(&mut self, request: Hash) {
        self.refused.insert(request);
    }

    /// Answers to send, each with its request.
    pub(crate) fn waiting(&self) -> Vec<(Hash, String)> {
        let outbox = self.approver.outbox(self.clock.now()).into_iter();
        outbox.filter(|(id, _)| !self.refused.contains(id)).map(|(id, text)| (id, text.to_owned())).collect()
    }

    /// Signs an answer; when this returns, it will survive a crash.
    pub(crate) fn answer(&mut self, intent: &Intent) -> Result<SignedAnswer, Failure> {
        let clocks = self.clocks();
        let prepared = self.approver.answer(&self.keys.approval, intent, clocks, &mut { random })?;
        let signed = prepared.persist(|entry| self.store.add(entry, clocks.now))?;
        self.tell_changed([&intent.card]);
        Ok(signed)
    }

    /// Signs a step of the status.
    pub(crate) fn status(&self, step: &StatusStep) -> Result<String, Refused> {
        self.approver.desk(&self.keys.approval, self.clocks())?.status(step, &mut { random })
    }

    /// Signs a bundle with other devices, and its status.
    pub(crate) fn change_devices(&self, change: &DeviceChange) -> Result<TrustStep, Refused> {
        self.approver.desk(&self.keys.approval, self.clocks())?.change_devices(change, &mut { random })
    }

    /// Verifies a checkpoint against what was verified before, and co-signs it; `None` if there is nothing new.
    pub(crate) fn cosign(&mut self, reply: &ConsistencyReply) -> Result<Option<String>, Failure> {
        let clocks = self.clocks();
        let before = self.approver.ledger().log;
        let signed = match self.approver.cosign(&self.keys.witness, &reply.checkpoint, &reply.proof, clocks) {
            Ok(prepared) => prepared.persist(|entry| {
                // The same state of the log is not worth another write.
                let is_news = !matches!(entry, Entry::Log(log) if before == Some(*log));
                if is_news { self.store.add(entry, clocks.now) } else { Ok(()) }
            })?,
            // Of the clock the person is told elsewhere.
            Err(BadLog::ClockOff) => return Ok(None),
            Err(bad) => {
                self.log_rejected(&bad);
                return Ok(None);
            }
        };
        self.log_trouble = None;
        let size = self.approver.ledger().log.map_or(0, |log| log.size);
        Ok((size > self.cosigned).then_some(signed))
    }

    /// The daemon has this device's cosignature.
    pub(crate) fn cosigned(&mut self) {
        if let Some(log) = self.approver.ledger().log {
            self.cosigned = log.size;
            self.tell(Event::LogVerified { log: LogInfo { size: log.size, root: log.root } });
        }
    }

    /// Whether the daemon has this device's cosignature over the log as it was verified last.
    pub(crate) fn is_cosigned(&self) -> bool {
        self.approver.ledger().log.is_some_and(|log| log.size == self.cosigned)
    }

    fn log_rejected(&mut self, bad: &BadLog) {
        let why = LogTrouble { message: bad.to_string(), fraud: bad.is_proof_of_fraud() };
        if self.log_trouble.as_ref() != Some(&why) {
            self.log_trouble = Some(why.clone());
            self.tell(Event::LogRejected { why });
        }
    }

    /// Looks at what time has brought; answers whether the status is to be renewed.
    pub(crate) fn tick(&mut self) -> bool {
        let now = self.clock.now();
        let mut renew = false;
        for due in self.approver.due(now) {
            match due {
                Due::Half(card) => self.remind(card, false),
                Due::Nearly(card) => self.remind(card, true),
                // The card's phase says so.
                Due::Expired(_) => {}
                Due::Renew => renew = true,
                Due::TrustChanged => self.trust_changed(),
            }
        }
        self.check_clock();
        self.check_standing(now);
        // Time has brought nothing to the cards before the first of them ends, unless the clock was set back.
        if now < self.told_at || self.next_end.is_some_and(|end| now > end) {
            self.tell_cards();
        }
        renew
    }

    fn remind(&self, card: Hash, nearly: bool) {
        let left = self.approver.inbox().card(&card).map_or(0, |c| c.deadline().since(self.clock.now()).max(0));
        self.tell(Event::CardReminder { card, left, nearly });
    }

    fn check_clock(&mut self) {
        let clocks = self.clocks();
        let ahead = clocks.server.map_or(0, |server| clocks.now.since(server));
        let off = if ahead.saturating_abs() > CLOCK_SKEW { ahead } else { 0 };
        // A second more or less is no news.
        let is_news =
            (off == 0) != (self.clock_ahead == 0) || off.saturating_sub(self.clock_ahead).saturating_abs() > 5;
        if is_news {
            self.clock_ahead = off;
            self.tell(Event::ClockChanged { ahead: off });
            self.tell_cards_anew();
        }
    }

    fn check_standing(&mut self, now: Time) {
        let view = self.approver.view();
        let standing = view.standing(now);
        let end = view.trust().status().map_or(Time(0), |status| status.body().exp);
        let can_renew = view.renew_at(now).is_some() && self.connection.is_up();
        let due = match &standing {
            Standing::Fresh { until } => !can_renew && until.since(now) < EXPIRING,
            Standing::Missing { .. } | Standing::Expired { .. } => !can_renew,
        };
        if due && self.told_expiring != Some(end) {
            self.told_expiring = Some(end);
            self.tell(Event::StatusExpiring { standing });
        }
    }

    /// Tells what is new about all cards.
    pub(crate) fn tell_cards(&mut self) {
        (self.told_at, self.next_end) = (self.clock.now(), None);
        let ids: Vec<Hash> = self.approver.inbox().ids().copied().collect();
        self.tell_changed(&ids);
    }

    /// Tells what is new about these cards, and which others are left out for want of room; they come again when
    /// there is some.
    fn tell_changed<'a>(&mut self, cards: impl IntoIterator<Item = &'a Hash>) {
        self.look_at(cards);
        let inbox = self.approver.inbox();
        if self.told.len() == inbox.ids().len() {
            return;
        }
        let gone: Vec<(Hash, Told)> = self.told.extract_if(.., |id, _| inbox.card(id).is_none()).collect();
        for (card, _) in gone.into_iter().filter(|(_, before)| !is_over(&before.phase)) {
            self.tell(Event::CardClosed { card, phase: Phase::Unsure, code: None });
        }
    }

    fn look_at<'a>(&mut self, cards: impl IntoIterator<Item = &'a Hash>) {
        let now = self.clock.now();
        for id in cards {
            let Some(card) = self.approver.inbox().card(id) else { continue };
            let phase = card.phase(self.approver.view(), now);
            // Time ends only what still waits.
            if card.state() == State::Pending && !is_over(&phase) {
                let end = card.deadline();
                self.next_end = Some(self.next_end.map_or(end, |next| next.min(end)));
            }
            let told = Told { phase, decisions: card.decisions().len() };
            let before = self.told.insert(*id, told.clone());
            if before.as_ref() != Some(&told) {
                self.tell_card(id, before.as_ref(), &told);
            }
        }
    }

    fn tell_card(&self, id: &Hash, before: Option<&Told>, told: &Told) {
        let event = match (before, &told.phase) {
            (None, _) => self.card_view(id).map(|card| Event::CardAdded { card: Box::new(card) }),
            (Some(_), phase) if is_over(phase) => {
                let code = self.approver.inbox().card(id).and_then(|card| card.code()).map(str::to_owned);
                Some(Event::CardClosed { card: *id, phase: phase.clone(), code })
            }
            (Some(before), phase)
                if before.decisions != told.decisions || matches!(phase, Phase::Open | Phase::Unsure) =>
            {
                self.card_view(id).map(|card| Event::CardChanged { card: Box::new(card) })
            }
            (Some(_), phase) => Some(Event::CardStep { card: *id, phase: phase.clone() }),
        };
        if let Some(event) = event {
            self.tell(event);
        }
    }

    /// Whether cards can be answered may be different now.
    pub(crate) fn tell_cards_anew(&self) {
        for card in self.approver.inbox().open(self.clock.now()) {
            if self.told.contains_key(&card.id())
                && let Some(card) = self.card_view(&card.id())
            {
                self.tell(Event::CardChanged { card: Box::new(card) });
            }
        }
    }

    fn tell_knocks(&self, before: &[Hash]) {
        let now = self.knocks();
        for agent in now.iter().filter(|agent| !before.contains(&agent.enroll)) {
            self.tell(Event::AgentAsked { agent: Box::new(agent.clone()) });
        }
        for enroll in before.iter().filter(|enroll| !now.iter().any(|agent| agent.enroll == **enroll)) {
            self.tell(Event::AgentAnswered { enroll: *enroll });
        }
    }
}

/// Whether nothing more will happen to a card in this phase.
fn is_over(phase: &Phase) -> bool {
    match phase {
        Phase::Cancelled | Phase::Expired | Phase::Revoked => true,
        Phase::AnsweredHere { step, .. } | Phase::AnsweredElsewhere { step, .. } => match step {
            Step::Denied | Step::Executed | Step::Failed => true,
            Step::Signed | Step::Stored | Step::Approved | Step::Claimed | Step::Unknown => false,
        },
        Phase::Open | Phase::Unsure => false,
    }
}
