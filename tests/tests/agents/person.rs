//! Somebody with a phone, who accepts the agent and answers its calls.

use agenttrust_device::{CardView, Event};
use agenttrust_tests::kit::{Answer, Daemon, Phone};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

pub struct Person {
    pub daemon: Daemon,
    pub phone: Arc<Phone>,
    answering: tokio::task::JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl Person {
    pub async fn new(answer: impl Fn(&CardView) -> Answer + Send + 'static) -> Person {
        let (daemon, folder) = (Daemon::spawn(), tempfile::tempdir().unwrap());
        let phone = Arc::new(Phone::first(&daemon, &folder.path().join("phone")).await);
        let at_it = Arc::clone(&phone);
        let answering = tokio::spawn(async move { at_it.serve(answer).await });
        Person { daemon, phone, answering, _folder: folder }
    }

    pub fn socket(&self) -> PathBuf {
        self.daemon.agent_socket()
    }

    /// Says when the first card is there.
    pub fn first_card(&self) -> Receiver<()> {
        let mut events = self.phone.device.events();
        let (asked, was_asked) = channel();
        tokio::spawn(async move {
            while let Some(event) = events.next().await {
                if matches!(event, Event::CardAdded { .. }) {
                    return asked.send(()).unwrap();
                }
            }
        });
        was_asked
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        self.answering.abort();
    }
}
