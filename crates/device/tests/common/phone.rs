//! A device under test, and the person who holds it.

use super::Daemon;
use super::agent::VirtualAgent;
use agenttrust_device::{
    CardView, Clock, Command, Config, Device, Done, Event, Events, Failure, Introduction, KeyStore, RecordView, join,
};
use agenttrust_link::{Bind, Timing};
use agenttrust_protocol::Hash;
use agenttrust_protocol::door::RequestDetail;
use agenttrust_protocol::message::Uv;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::timeout;

pub struct Phone {
    pub scratch: tempfile::TempDir,
    pub clock: Clock,
    pub device: Device,
    pub events: Events,
}

pub fn config(clock: &Clock) -> Config {
    Config {
        clock: clock.clone(),
        bind: Bind::Loopback { port: 0 },
        timing: Timing { keep_alive: Duration::from_millis(300), idle: Duration::from_millis(1500) },
        tick: Duration::from_millis(100),
        settle: Duration::from_millis(20),
        ..Config::default()
    }
}

pub fn introduction() -> Introduction {
    Introduction { name: "Phone".into(), owner: "first".into(), local: false }
}

impl Phone {
    /// Pairs on the same machine and starts.
    pub async fn pair(daemon: &Daemon) -> Phone {
        let (scratch, clock) = (tempfile::tempdir().unwrap(), Clock::default());
        let path = scratch.path().join("phone");
        join(&path, KeyStore::File, &daemon.ticket(), introduction(), &config(&clock), |_| {}).await.unwrap();
        Phone::open(scratch, clock).await.unwrap()
    }

    pub async fn open(scratch: tempfile::TempDir, clock: Clock) -> Result<Phone, Failure> {
        let device = Device::open(&folder(scratch.path()), KeyStore::File, config(&clock)).await?;
        let events = device.events();
        Ok(Phone { scratch, clock, device, events })
    }

    pub fn folder(&self) -> PathBuf {
        folder(self.scratch.path())
    }

    /// Stops the device; its folder is left.
    pub async fn close(self) -> (tempfile::TempDir, Clock) {
        self.device.close().await;
        (self.scratch, self.clock)
    }

    /// The first event that `wanted` takes, within ten seconds.
    pub async fn event<T>(&mut self, what: &str, mut wanted: impl FnMut(Event) -> Option<T>) -> T {
        let mut seen = Vec::new();
        let found = timeout(Duration::from_secs(10), async {
            loop {
                let event = self.events.next().await.expect("the device runs");
                seen.push(format!("{event:?}").chars().take(160).collect::<String>());
                if let Some(found) = wanted(event) {
                    return found;
                }
            }
        });
        found.await.unwrap_or_else(|_| panic!("{what} never came, but\n{}", seen.join("\n")))
    }

    /// Makes sure that nothing `unwanted` comes within a while.
    pub async fn quiet(&mut self, what: &str, unwanted: impl Fn(&Event) -> bool) {
        let watching = async {
            loop {
                let event = self.events.next().await.expect("the device runs");
                assert!(!unwanted(&event), "{what}: {event:?}");
            }
        };
        let _time_over = timeout(Duration::from_millis(400), watching).await;
    }

    pub async fn card(&mut self, id: Hash) -> CardView {
        self.event("a card", |event| match event {
            Event::CardAdded { card } if card.id == id => Some(*card),
            _ => None,
        })
        .await
    }

    pub async fn refusal(&mut self) -> String {
        self.event("a refusal", |event| match event {
            Event::EntryRefused { reason, .. } => Some(reason.code),
            _ => None,
        })
        .await
    }

    /// An agent knocks and is accepted.
    pub async fn accept(&mut self, daemon: &Daemon) -> VirtualAgent {
        let agent = VirtualAgent::new(60);
        agent.knock(daemon);
        let enroll = self
            .event("an agent that asks to be known", |event| match event {
                Event::AgentAsked { agent } => Some(agent.enroll),
                _ => None,
            })
            .await;
        assert_eq!(enroll, agent.enroll_hash());
        assert_eq!(self.device.run(Command::AcceptAgent { enroll, name: None }).await, Ok(Done::Ok));
        agent
    }

    pub async fn detail(&self, request: Hash) -> RequestDetail {
        self.device.detail(&request).await.unwrap()
    }

    /// Everything about one request as it is shown.
    pub async fn record(&self, request: Hash) -> RecordView {
        match self.device.run(Command::Detail { request }).await.unwrap() {
            Done::Detail(record) => *record,
            other => panic!("{other:?}"),
        }
    }

    pub async fn approve(&self, card: &CardView) -> Result<Done, Failure> {
        self.device.run(approve(card.id, card.shown)).await
    }
}

pub fn approve(card: Hash, shown: Hash) -> Command {
    Command::Approve { card, shown, edit: None, note: None, uv: Uv::Presence, unfolded: false }
}

fn folder(scratch: &Path) -> PathBuf {
    scratch.join("phone")
}
