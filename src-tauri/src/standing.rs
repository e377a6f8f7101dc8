//! What waits for the person, kept up to date by the news.

use agenttrust_device::approver::inbox::Phase;
use agenttrust_device::console::{Hash, News, Stage};
use agenttrust_device::{CardView, Connection, Event, Snapshot, TrustInfo};
use std::collections::BTreeSet;

/// How things stand, as far as tray and window title tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// How the device is.
    pub device: Device,
    /// The requests that wait for an answer.
    pub cards: BTreeSet<Hash>,
    /// The agents that ask to be known.
    pub agents: BTreeSet<Hash>,
    /// Whether all agents are paused.
    pub paused: bool,
}

/// How the device is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Device {
    /// It is being opened.
    #[default]
    Starting,
    /// There is none yet.
    Unpaired,
    /// It cannot be opened as things are.
    Stuck,
    /// It runs and has no line to the daemon.
    Offline,
    /// It runs.
    Online,
}

impl Standing {
    /// How many things wait for the person.
    pub fn waiting(&self) -> usize {
        self.cards.len().saturating_add(self.agents.len())
    }

    /// Whether there is a device that can be told something.
    pub fn runs(&self) -> bool {
        matches!(self.device, Device::Online | Device::Offline)
    }

    /// Takes in one piece of news.
    pub fn hear(&mut self, news: &News) {
        match news {
            News::Stage { stage } => self.enter(stage),
            News::Device { event } => self.happen(event),
            News::Daemon { .. } | News::Settings { .. } | News::Show { .. } | News::TriedOut { .. } => {}
        }
    }

    fn enter(&mut self, stage: &Stage) {
        *self = match stage {
            Stage::Ready { snapshot, .. } => Standing::of(snapshot),
            Stage::Starting => Standing::default(),
            Stage::Unpaired { .. } | Stage::Joining { .. } => {
                Standing { device: Device::Unpaired, ..Standing::default() }
            }
            Stage::Locked { .. } | Stage::Failed { .. } => Standing { device: Device::Stuck, ..Standing::default() },
        };
    }

    fn of(snapshot: &Snapshot) -> Standing {
        let waiting = snapshot.cards.iter().filter(|card| waits(&card.phase));
        Standing {
            device: Device::of(&snapshot.connection),
            cards: waiting.map(|card| card.id).collect(),
            agents: snapshot.agents.iter().map(|agent| agent.enroll).collect(),
            paused: snapshot.trust.paused_all,
        }
    }

    fn happen(&mut self, event: &Event) {
        match event {
            Event::CardAdded { card } | Event::CardChanged { card } => self.card(card),
            Event::CardStep { card, phase } => self.phase(*card, phase),
            Event::CardClosed { card, .. } => {
                self.cards.remove(card);
            }
            Event::AgentAsked { agent } => {
                self.agents.insert(agent.enroll);
            }
            Event::AgentAnswered { enroll } => {
                self.agents.remove(enroll);
            }
            Event::ConnectionChanged { connection } => self.device = Device::of(connection),
            Event::TrustChanged { trust } => self.trust(trust),
            Event::CardReminder { .. }
            | Event::EntryRefused { .. }
            | Event::PairingAsked { .. }
            | Event::PairingDigits { .. }
            | Event::PairingEnded { .. }
            | Event::StatusExpiring { .. }
            | Event::LogVerified { .. }
            | Event::LogRejected { .. }
            | Event::ClockChanged { .. }
            | Event::Trouble { .. }
            | Event::Missed { .. } => {}
        }
    }

    fn card(&mut self, card: &CardView) {
        self.phase(card.id, &card.phase);
    }

    fn phase(&mut self, card: Hash, phase: &Phase) {
        if waits(phase) {
            self.cards.insert(card);
        } else {
            self.cards.remove(&card);
        }
    }

    fn trust(&mut self, trust: &TrustInfo) {
        self.paused = trust.paused_all;
    }
}

impl Device {
    fn of(connection: &Connection) -> Device {
        match connection {
            Connection::Connected { .. } => Device::Online,
            Connection::Connecting | Connection::Lost { .. } | Connection::Refused => Device::Offline,
        }
    }
}

/// Whether a card waits for the person at this device.
pub fn waits(phase: &Phase) -> bool {
    match phase {
        Phase::Open | Phase::Unsure => true,
        Phase::AnsweredHere { .. }
        | Phase::AnsweredElsewhere { .. }
        | Phase::Cancelled
        | Phase::Expired
        | Phase::Revoked => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::examples::{card, hash, ready};

    fn event(event: Event) -> News {
        News::Device { event: Box::new(event) }
    }

    #[test]
    fn what_waits_is_counted_and_what_is_answered_is_not() {
        let mut standing = Standing::default();
        standing.hear(&ready(vec![card(1, Phase::Open), card(2, Phase::Cancelled)]));
        assert_eq!((standing.device, standing.waiting()), (Device::Online, 1));
        standing.hear(&event(Event::CardAdded { card: Box::new(card(3, Phase::Open)) }));
        standing.hear(&event(Event::CardAdded { card: Box::new(card(3, Phase::Unsure)) }));
        assert_eq!(standing.waiting(), 2);
        standing.hear(&event(Event::CardStep { card: hash(3), phase: Phase::Revoked }));
        standing.hear(&event(Event::CardClosed { card: hash(1), phase: Phase::Expired, code: None }));
        assert_eq!(standing.waiting(), 0);
    }

    #[test]
    fn another_stage_starts_from_nothing() {
        let mut standing = Standing::default();
        standing.hear(&ready(vec![card(1, Phase::Open)]));
        standing.hear(&News::Stage { stage: Box::new(Stage::Starting) });
        assert_eq!(standing, Standing::default());
        standing.hear(&ready(Vec::new()));
        standing.hear(&event(Event::ConnectionChanged { connection: Connection::Refused }));
        assert_eq!((standing.device, standing.runs()), (Device::Offline, true));
    }
}
