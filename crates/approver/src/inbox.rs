//! The device's view of what waits for an answer, fed by the daemon's inbox.
//!
//! The daemon is a courier: an entry becomes a card only after this device has verified it against its own trust, and
//! nothing the daemon says can reopen what has ended. Memory is bounded, whatever is sent.

mod card;
mod feed;

pub use card::{Card, Given, Mine, Phase, Step};
pub use feed::{RefusedEntry, Update};

use agenttrust_protocol::message::{Enroll, PairInit};
use agenttrust_protocol::{Hash, Opened, Time};
use std::collections::BTreeMap;

/// The most cards that wait at a time; beyond them those with the latest deadlines are left to a later reload.
pub const MAX_OPEN: usize = 1000;

/// The most bytes of messages that cards hold.
pub const MAX_BYTES: usize = 64 << 20;

/// How many ended cards are kept to be looked at.
const MAX_ENDED: usize = 200;

/// The most cards in all.
const MAX_CARDS: usize = MAX_OPEN + MAX_ENDED;

/// How long a card whose time is over waits for the daemon's last word on it, in seconds.
const KEEP_EXPIRED: i64 = 600;

/// The most enrolments and pairings that wait at a time.
const MAX_KNOCKS: usize = 100;

/// An agent that asks to be known.
#[derive(Clone, Debug)]
pub struct Knock {
    /// Its verified message.
    pub enroll: Opened<Enroll>,
    /// What the daemon says of its process.
    pub process: Option<String>,
}

/// Something that is due on a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Half of its time is over.
    Half(Hash),
    /// Nine tenths of its time are over.
    Nearly(Hash),
    /// Its time is over.
    Expired(Hash),
    /// The trust status is to be renewed.
    Renew,
    /// A bundle signed with the recovery key counts from now on; the state is to be stored.
    TrustChanged,
}

/// The cards, and what else waits for the person.
#[derive(Clone, Debug, Default)]
pub struct Inbox {
    pub(crate) cards: BTreeMap<Hash, Card>,
    pub(crate) knocks: BTreeMap<Hash, Knock>,
    pub(crate) joiners: BTreeMap<Hash, Opened<PairInit>>,
    /// The daemon's count of the last entry taken.
    after: Option<u64>,
    /// How many cards have ended so far.
    ended: u64,
    /// Open requests were left out for want of room.
    is_cut: bool,
    /// Entries were refused for a reason that newer trust may mend.
    is_behind: bool,
}

impl Inbox {
    /// The card of a request.
    pub fn card(&self, id: &Hash) -> Option<&Card> {
        self.cards.get(id)
    }

    /// The requests that have a card.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = &Hash> {
        self.cards.keys()
    }

    /// Every card, the nearest deadline first.
    pub fn cards(&self) -> Vec<&Card> {
        let mut cards: Vec<&Card> = self.cards.values().collect();
        cards.sort_by_key(|card| (card.deadline(), card.id()));
        cards
    }

    /// The cards that wait for this device's answer, the nearest deadline first.
    pub fn open(&self, now: Time) -> Vec<&Card> {
        let mut cards: Vec<&Card> = self.waiting(now).collect();
        cards.sort_by_key(|card| (card.deadline(), card.id()));
        cards
    }

    fn waiting(&self, now: Time) -> impl Iterator<Item = &Card> {
        self.cards.values().filter(move |card| is_waiting(card, now))
    }

    /// The agents that ask to be known.
    pub fn knocks(&self) -> impl Iterator<Item = &Knock> {
        self.knocks.values()
    }

    /// The devices that ask to join.
    pub fn joiners(&self) -> impl Iterator<Item = &Opened<PairInit>> {
        self.joiners.values()
    }

    /// The count to ask the daemon to go on from; `None` asks for everything.
    pub fn after(&self) -> Option<u64> {
        self.after
    }

    /// When something is due next on a card.
    pub(crate) fn next_deadline(&self, now: Time) -> Option<Time> {
        self.cards.values().filter(|card| may_remind(card)).filter_map(|card| next_reminder(card, now)).min()
    }

    /// What has become due; each is told once, and of several on one card only the last.
    pub(crate) fn due(&mut self, now: Time) -> Vec<Due> {
        let mut cards: Vec<&mut Card> = self.cards.values_mut().filter(|card| may_remind(card)).collect();
        cards.sort_by_key(|card| (card.deadline(), card.id()));
        cards.into_iter().filter_map(|card| remind(card, now)).collect()
    }

    /// Makes room: ended cards go first, the oldest of them; then those whose deadline is farthest away.
    pub(crate) fn bound(&mut self, now: Time) {
        for card in self.cards.values_mut() {
            if card.ended == 0 && (card.state.is_terminal() || now > card.deadline().plus(KEEP_EXPIRED)) {
                self.ended = self.ended.saturating_add(1);
                card.ended = self.ended;
            }
        }
        let mut ended: Vec<(u64, Hash)> =
            self.cards.iter().filter(|(_, c)| c.ended > 0).map(|(id, c)| (c.ended, *id)).collect();
        if ended.len() > MAX_ENDED {
            ended.sort_unstable();
            let surplus = ended.len().saturating_sub(MAX_ENDED);
            for (_, id) in ended.iter().take(surplus) {
                self.cards.remove(id);
            }
        }
        let size = self.cards.values().fold(0_usize, |sum, card| sum.saturating_add(card.bytes));
        if self.cards.len() > MAX_CARDS || size > MAX_BYTES {
            self.cut();
        }
    }

    /// Leaves out the cards that are farthest from their end, those this device has answered last.
    fn cut(&mut self) {
        let mut kept: Vec<(bool, Time, Hash, usize)> =
            self.cards.values().map(|c| (c.mine.is_none(), c.deadline(), c.id(), c.bytes)).collect();
        kept.sort_unstable();
        let mut bytes = 0_usize;
        for (at, (_, _, id, size)) in kept.into_iter().enumerate() {
            bytes = bytes.saturating_add(size);
            if at >= MAX_CARDS || bytes > MAX_BYTES {
                self.cards.remove(&id);
                self.is_cut = true;
            }
        }
    }
}

/// Whether a card waits for this device's answer.
fn is_waiting(card: &Card, now: Time) -> bool {
    may_remind(card) && !card.is_unsure && now <= card.deadline()
}

fn may_remind(card: &Card) -> bool {
    !card.state.is_terminal() && card.state == agenttrust_protocol::lifecycle::State::Pending && card.mine.is_none()
}

/// The times of a card's reminders: half, nine tenths, end.
fn reminders(card: &Card) -> [Time; 3] {
    let asked = card.asked.request.head().iat;
    let life = card.deadline().since(asked);
    [asked.plus(life.saturating_div(2)), asked.plus(life.saturating_mul(9).saturating_div(10)), card.deadline().plus(1)]
}

fn next_reminder(card: &Card, now: Time) -> Option<Time> {
    reminders(card).into_iter().find(|time| *time > now)
}

fn remind(card: &mut Card, now: Time) -> Option<Due> {
    let [half, nearly, end] = reminders(card);
    let had = card.reminded;
    card.reminded.half |= now >= half;
    card.reminded.nearly |= now >= nearly;
    card.reminded.expired |= now >= end;
    let id = card.id();
    if card.reminded.expired {
        (!had.expired).then_some(Due::Expired(id))
    } else if card.reminded.nearly {
        (!had.nearly).then_some(Due::Nearly(id))
    } else {
        (card.reminded.half && !had.half).then_some(Due::Half(id))
    }
}
