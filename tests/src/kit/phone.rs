//! A virtual phone: the real device code, with someone behind it who answers as told.

use super::Daemon;
use agenttrust_device::{
    CardView, Clock, Command, Config, Device, Done, Edits, Event, Folder, Introduction, Kept, KeyStore, join,
};
use agenttrust_link::Bind;
use agenttrust_protocol::door::{HistoryQuery, RequestDetail};
use agenttrust_protocol::message::Uv;
use agenttrust_protocol::{Hash, lifecycle::State};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the person does with a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Approves it as it stands.
    Approve,
    /// Denies it, with these words to the agent.
    Deny(String),
    /// Approves it with other arguments, as JSON text.
    Edit(String),
    /// Does nothing.
    Ignore,
}

/// `approve`, `deny:WORDS`, `edit:JSON`, `ignore`.
impl std::str::FromStr for Answer {
    type Err = String;
    fn from_str(text: &str) -> Result<Answer, String> {
        match text.split_once(':') {
            None if text == "approve" => Ok(Answer::Approve),
            None if text == "ignore" => Ok(Answer::Ignore),
            Some(("deny", words)) => Ok(Answer::Deny(words.to_owned())),
            Some(("edit", json)) => Ok(Answer::Edit(json.to_owned())),
            _ => Err(format!("{text}: expected approve, deny:WORDS, edit:JSON or ignore")),
        }
    }
}

/// A paired device and its folder.
pub struct Phone {
    /// The device itself.
    pub device: Device,
    folder: PathBuf,
    config: Config,
}

impl Phone {
    /// How virtual phones run: on loopback, and quick to look at the log and at the clock.
    #[must_use]
    pub fn config() -> Config {
        let (settle, tick) = (Duration::from_millis(50), Duration::from_secs(1));
        Config { bind: Bind::Loopback { port: 0 }, settle, tick, ..Config::default() }
    }

    /// Pairs the first device of a daemon, from its own machine.
    pub async fn first(daemon: &Daemon, folder: &Path) -> Phone {
        let introduction = Introduction { name: "Virtual phone".to_owned(), owner: "owner".to_owned(), local: true };
        join(folder, KeyStore::File, &daemon.ticket(true), introduction, &Phone::config(), |_| ())
            .await
            .expect("it pairs");
        Phone::open(folder, Phone::config()).await
    }

    /// Starts a device that was paired before.
    pub async fn open(folder: &Path, config: Config) -> Phone {
        let kept = Folder::open(folder).and_then(|folder| KeyStore::kept(&folder)).expect("it has keys");
        let keys = if kept == Kept::Platform { KeyStore::Platform } else { KeyStore::File };
        let device = Device::open(folder, keys, config.clone()).await.expect("it starts");
        Phone { device, folder: folder.to_owned(), config }
    }

    /// Its clock, which can be moved.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.config.clock
    }

    /// Ends the device and starts it again.
    pub async fn restart(self) -> Phone {
        self.device.close().await;
        Phone::open(&self.folder, self.config).await
    }

    /// Accepts every agent and answers every card with what `answer` says, until the device is closed.
    pub async fn serve(&self, mut answer: impl FnMut(&CardView) -> Answer) {
        let mut events = self.device.events();
        let start = self.device.snapshot();
        for agent in start.agents {
            self.accept(agent.enroll).await;
        }
        for card in start.cards {
            self.give(&card, answer(&card)).await;
        }
        while let Some(event) = events.next().await {
            if let Event::AgentAsked { agent } = event {
                self.accept(agent.enroll).await;
            } else if let Event::CardAdded { card } = event {
                self.give(&card, answer(&card)).await;
            }
        }
    }

    async fn accept(&self, enroll: Hash) {
        // Another device may have been faster.
        let _known = self.device.run(Command::AcceptAgent { enroll, name: None }).await;
    }

    /// Gives one answer; what the device says of it is the test's to look at.
    pub async fn give(&self, card: &CardView, answer: Answer) {
        // A card that ended meanwhile is refused, as a person would see.
        let _told = self.try_give(card, answer).await;
    }

    /// Gives one answer.
    ///
    /// # Errors
    /// What the device refuses.
    pub async fn try_give(&self, card: &CardView, answer: Answer) -> Result<Option<Done>, agenttrust_device::Failure> {
        let (id, shown) = (card.id, card.shown);
        let command = match answer {
            Answer::Ignore => return Ok(None),
            Answer::Approve => {
                Command::Approve { card: id, shown, edit: None, note: None, uv: Uv::Presence, unfolded: true }
            }
            Answer::Deny(note) => Command::Deny { card: id, shown, note: Some(note) },
            Answer::Edit(json) => {
                let edit = Some(Edits::Json(json));
                let preview = self.device.run(Command::Preview { card: id, edit: edit.clone() }).await?;
                let Done::Preview(preview) = preview else { panic!("a preview, not {preview:?}") };
                let shown = preview.shown;
                Command::Approve { card: id, shown, edit, note: None, uv: Uv::Presence, unfolded: true }
            }
        };
        self.device.run(command).await.map(Some)
    }

    /// Every request of the history with its messages, oldest first.
    pub async fn history(&self) -> Vec<RequestDetail> {
        let mut found = Vec::new();
        let mut before = None;
        loop {
            let query = HistoryQuery { before, limit: Some(200), ..HistoryQuery::default() };
            let Ok(Done::History(page)) = self.device.run(Command::History { query }).await else {
                panic!("no history")
            };
            for row in page.rows {
                found.push(self.device.detail(&row.request).await.expect("the request's messages"));
            }
            before = page.next;
            if before.is_none() {
                found.reverse();
                return found;
            }
        }
    }

    /// The states of all requests, oldest first.
    pub async fn states(&self) -> Vec<State> {
        self.history().await.into_iter().map(|detail| detail.state).collect()
    }
}
