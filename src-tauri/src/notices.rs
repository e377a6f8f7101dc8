//! Which notifications there are. None of them answers anything: a click opens the app where the answer can be given.

use crate::standing::waits;
use agenttrust_device::console::{Hash, News, Notifications, Stage, Target};
use agenttrust_device::{CardView, Event, Snapshot};
use std::collections::{BTreeMap, BTreeSet};

/// So many requests have a notification each; what comes beyond shares one, so that a flood stays readable.
const EACH: usize = 3;

/// The longest line of an agent's words in a notification, in user-perceived characters.
const MAX_WORDS: usize = 80;

/// What a notification is about. There is at most one about each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum About {
    /// A request.
    Card(Hash),
    /// The requests that have none of their own.
    Beyond,
    /// An agent that asks to be known.
    Agent(Hash),
    /// A device that wants to join.
    Joiner,
    /// Something that the tray was asked for and that went wrong.
    Trouble,
    /// Where the app is once its window is closed.
    Tray,
}

/// A notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What about; it replaces an earlier one about the same.
    pub about: About,
    /// The first line. Desktops take no markup here, so this is where an agent's words may stand.
    pub summary: String,
    /// The text below. Desktops may read markup here: it holds our own words alone.
    pub body: &'static str,
    /// What a click shows.
    pub target: Target,
    /// Whether it may break through a desktop's quiet hours.
    pub urgent: bool,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Show it.
    Show(Notice),
    /// Take it back, if it is still there.
    Withdraw(About),
}

/// What the desktop was told, and what is known of it.
#[derive(Debug, Default)]
pub struct Notices {
    /// The requests that wait, and whether they have a notification of their own.
    cards: BTreeMap<Hash, Told>,
    agents: BTreeSet<Hash>,
    joiner: bool,
}

/// A request that the person has, or could have, heard of.
#[derive(Debug)]
struct Told {
    title: String,
    shown: Shown,
}

/// How the person heard of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    /// The window was before them, or they want no notifications.
    Quietly,
    /// By a notification of its own.
    Own,
    /// By the shared one.
    Shared,
}

/// How the person is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manner {
    /// What they chose.
    pub notifications: Notifications,
    /// Whether they look at the window.
    pub looking: bool,
}

impl Manner {
    fn is_quiet(self) -> bool {
        self.looking || self.notifications == Notifications::Off
    }
}

impl Notices {
    /// Takes in one piece of news.
    pub fn hear(&mut self, news: &News, manner: Manner) -> Vec<Change> {
        match news {
            News::Stage { stage } => match &**stage {
                Stage::Ready { snapshot, .. } => self.catch_up(snapshot, manner),
                Stage::Starting
                | Stage::Unpaired { .. }
                | Stage::Joining { .. }
                | Stage::Locked { .. }
                | Stage::Failed { .. } => self.clear(),
            },
            News::Device { event } => self.happen(event, manner),
            News::Settings { settings } if settings.notifications == Notifications::Off => self.take_all_back(),
            News::Daemon { .. } | News::Settings { .. } | News::Show { .. } | News::TriedOut { .. } => Vec::new(),
        }
    }

    /// Something that the tray was asked for went wrong.
    pub fn trouble(message: String) -> Change {
        Change::Show(Notice {
            about: About::Trouble,
            summary: message,
            body: "Open AgentTrust ID to see how things stand.",
            target: Target::Inbox,
            urgent: true,
        })
    }

    /// The window was closed for the first time.
    pub fn stays_in_tray() -> Notice {
        Notice {
            about: About::Tray,
            summary: "AgentTrust ID stays in the tray".to_owned(),
            body: "What agents ask for still reaches you. Quit it there.",
            target: Target::Inbox,
            urgent: false,
        }
    }

    fn happen(&mut self, event: &Event, manner: Manner) -> Vec<Change> {
        match event {
            Event::CardAdded { card } | Event::CardChanged { card } => self.card(card, manner),
            Event::CardStep { card, phase } if !waits(phase) => self.over(*card),
            Event::CardClosed { card, .. } => self.over(*card),
            Event::CardReminder { card, nearly: true, .. } => self.remind(*card, manner),
            Event::AgentAsked { agent } => self.agent(agent.enroll, manner),
            Event::AgentAnswered { enroll } if self.agents.remove(enroll) => {
                vec![Change::Withdraw(About::Agent(*enroll))]
            }
            Event::PairingAsked { .. } => self.joins(manner),
            Event::PairingDigits { .. } | Event::PairingEnded { .. } => self.joined(),
            Event::CardStep { .. }
            | Event::CardReminder { .. }
            | Event::AgentAnswered { .. }
            | Event::EntryRefused { .. }
            | Event::ConnectionChanged { .. }
            | Event::TrustChanged { .. }
            | Event::StatusExpiring { .. }
            | Event::LogVerified { .. }
            | Event::LogRejected { .. }
            | Event::ClockChanged { .. }
            | Event::Trouble { .. }
            | Event::Missed { .. } => Vec::new(),
        }
    }

    /// The device is open, or news were missed: what is over is taken back, what is new is told.
    fn catch_up(&mut self, snapshot: &Snapshot, manner: Manner) -> Vec<Change> {
        let waiting = |id: &Hash| snapshot.cards.iter().any(|card| card.id == *id && waits(&card.phase));
        let over: Vec<Hash> = self.cards.keys().filter(|id| !waiting(id)).copied().collect();
        let asking = |id: &Hash| snapshot.agents.iter().any(|agent| agent.enroll == *id);
        let answered: Vec<Hash> = self.agents.iter().filter(|id| !asking(id)).copied().collect();
        let mut changes: Vec<Change> = over.into_iter().flat_map(|id| self.over(id)).collect();
        for enroll in answered {
            self.agents.remove(&enroll);
            changes.push(Change::Withdraw(About::Agent(enroll)));
        }
        changes.extend(snapshot.cards.iter().flat_map(|card| self.card(card, manner)));
        changes.extend(snapshot.agents.iter().flat_map(|agent| self.agent(agent.enroll, manner)));
        changes
    }

    fn card(&mut self, card: &CardView, manner: Manner) -> Vec<Change> {
        if !waits(&card.phase) {
            return self.over(card.id);
        }
        if self.cards.contains_key(&card.id) {
            return Vec::new();
        }
        let own = self.cards.values().filter(|told| told.shown == Shown::Own).count();
        let shown = match (manner.is_quiet(), own < EACH) {
            (true, _) => Shown::Quietly,
            (false, true) => Shown::Own,
            (false, false) => Shown::Shared,
        };
        let title = card.display.title(MAX_WORDS);
        let notice = match shown {
            Shown::Quietly => None,
            Shown::Own => Some(Notice {
                about: About::Card(card.id),
                summary: worded(&title, manner, "An agent asks for your approval"),
                body: "Nothing happens until you answer.",
                target: Target::Request { card: card.id },
                urgent: false,
            }),
            Shown::Shared => Some(self.beyond(1)),
        };
        self.cards.insert(card.id, Told { title, shown });
        notice.into_iter().map(Change::Show).collect()
    }

    /// Nine tenths of a request's time are over.
    fn remind(&mut self, card: Hash, manner: Manner) -> Vec<Change> {
        let Some(told) = self.cards.get_mut(&card) else { return Vec::new() };
        if manner.is_quiet() {
            return Vec::new();
        }
        let was = std::mem::replace(&mut told.shown, Shown::Own);
        let mut changes = vec![Change::Show(Notice {
            about: About::Card(card),
            summary: worded(&told.title, manner, "A request is about to expire"),
            body: "Its time is almost over. Without an answer it expires, and nothing happens.",
            target: Target::Request { card },
            urgent: true,
        })];
        if was == Shown::Shared {
            changes.push(self.recount());
        }
        changes
    }

    fn over(&mut self, card: Hash) -> Vec<Change> {
        match self.cards.remove(&card).map(|told| told.shown) {
            Some(Shown::Own) => vec![Change::Withdraw(About::Card(card))],
            Some(Shown::Shared) => vec![self.recount()],
            Some(Shown::Quietly) | None => Vec::new(),
        }
    }

    /// The shared notification, with so many more.
    fn beyond(&self, more: usize) -> Notice {
        let count = self.shared().saturating_add(more);
        let noun = if count == 1 { "request waits" } else { "requests wait" };
        Notice {
            about: About::Beyond,
            summary: format!("{count} more {noun} for your approval"),
            body: "Nothing happens until you answer.",
            target: Target::Inbox,
            urgent: false,
        }
    }

    fn recount(&self) -> Change {
        if self.shared() == 0 { Change::Withdraw(About::Beyond) } else { Change::Show(self.beyond(0)) }
    }

    fn shared(&self) -> usize {
        self.cards.values().filter(|told| told.shown == Shown::Shared).count()
    }

    fn agent(&mut self, enroll: Hash, manner: Manner) -> Vec<Change> {
        if !self.agents.insert(enroll) || manner.is_quiet() {
            return Vec::new();
        }
        vec![Change::Show(Notice {
            about: About::Agent(enroll),
            summary: "An agent wants to be known".to_owned(),
            body: "It cannot ask for anything until you accept it.",
            target: Target::Agents,
            urgent: false,
        })]
    }

    fn joins(&mut self, manner: Manner) -> Vec<Change> {
        if self.joiner || manner.is_quiet() {
            return Vec::new();
        }
        self.joiner = true;
        vec![Change::Show(Notice {
            about: About::Joiner,
            summary: "A device wants to join".to_owned(),
            body: "Compare its digits before you let it in.",
            target: Target::Devices,
            urgent: false,
        })]
    }

    fn joined(&mut self) -> Vec<Change> {
        if !std::mem::take(&mut self.joiner) {
            return Vec::new();
        }
        vec![Change::Withdraw(About::Joiner)]
    }

    /// The device is gone.
    fn clear(&mut self) -> Vec<Change> {
        let changes = self.take_all_back();
        *self = Notices::default();
        changes
    }

    /// The person wants no notifications any more.
    fn take_all_back(&mut self) -> Vec<Change> {
        let mut changes = Vec::new();
        if self.shared() > 0 {
            changes.push(Change::Withdraw(About::Beyond));
        }
        for (id, told) in &mut self.cards {
            if std::mem::replace(&mut told.shown, Shown::Quietly) == Shown::Own {
                changes.push(Change::Withdraw(About::Card(*id)));
            }
        }
        changes.extend(self.agents.iter().map(|id| Change::Withdraw(About::Agent(*id))));
        changes.extend(self.joined());
        changes
    }
}

/// What an agent says, if the person lets it be said on their screen.
fn worded(title: &str, manner: Manner, discreet: &str) -> String {
    match manner.notifications {
        Notifications::Full => title.to_owned(),
        Notifications::Discreet | Notifications::Off => discreet.to_owned(),
    }
}

#[cfg(test)]
mod tests;
