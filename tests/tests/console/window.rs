//! A console on a folder of its own, someone who hears its news, and a person who chooses.

use agenttrust_device::console::{Answer, Call, Console, DaemonView, KeyPlace, News, NewsFeed, Reply, Shell, Stage};
use agenttrust_device::{CardView, Command, Config, Connection, Done, Event, Place, Snapshot};
use agenttrust_link::Timing;
use agenttrust_protocol::Hash;
use agenttrust_protocol::door::ErrorBody;
use agenttrust_protocol::message::Uv;
use agenttrust_tests::kit::{Phone, program};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::timeout;

/// How long something may take to happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the person in front of the shell chooses, and what the system was told.
#[derive(Clone, Default)]
pub struct Desktop {
    pub chosen: Arc<Mutex<Option<PathBuf>>>,
    pub autostart: Arc<Mutex<Option<bool>>>,
    pub refuses: bool,
}

impl Shell for Desktop {
    fn choose_folder(&self) -> Answer<Option<PathBuf>> {
        let chosen = self.chosen.lock().unwrap().clone();
        Box::pin(async move { chosen })
    }

    fn choose_file(&self, name: &str) -> Answer<Option<PathBuf>> {
        let chosen = self.chosen.lock().unwrap().as_ref().map(|folder| folder.join(name));
        Box::pin(async move { chosen })
    }

    fn set_autostart(&self, on: bool) -> Result<(), String> {
        if self.refuses {
            return Err("not on this system".to_owned());
        }
        *self.autostart.lock().unwrap() = Some(on);
        Ok(())
    }
}

/// A data folder whose daemon may be reached over loopback alone; a daemon that was started in it ends with it.
pub struct Home(TempDir);

impl Home {
    pub fn new() -> Home {
        let ours = std::fs::Permissions::from_mode(0o700);
        let folder = tempfile::Builder::new().prefix("agenttrust-").permissions(ours).tempdir().unwrap();
        std::fs::write(folder.path().join("config.toml"), "[link]\nbind = \"127.0.0.1:0\"\n").unwrap();
        Home(folder)
    }

    pub fn data(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        end_daemon(self.data());
    }
}

pub fn end_daemon(data: &Path) {
    let mut down = std::process::Command::new(program("agenttrust"));
    // There may be none.
    let _ended = down.arg("--data").arg(data).args(["--json", "down"]).output();
}

/// A console and someone who hears its news.
pub struct Window {
    pub console: Console,
    pub news: NewsFeed,
    pub desktop: Desktop,
}

impl Window {
    pub fn open(data: &Path) -> Window {
        Window::open_on(data, Desktop::default())
    }

    pub fn open_on(data: &Path, desktop: Desktop) -> Window {
        let place = Place::find(Some(data), |_| None).unwrap();
        let programs = program("agenttrust").parent().unwrap().to_owned();
        // The line itself misses a daemon that was killed only after its usual time: others tell it.
        let config = Config { timing: Timing::default(), ..Phone::config() };
        let console = Console::start(place, Some(&programs), config, Box::new(desktop.clone()));
        let news = console.news();
        Window { console, news, desktop }
    }

    /// The same folder with a device that is paired with this daemon.
    pub async fn paired(data: &Path) -> Window {
        let window = Window::open(data);
        window.until_stage(|stage| matches!(stage, Stage::Unpaired { .. })).await;
        assert_eq!(window.pair_here().await, Ok(Reply::Ok));
        window.until_stage(is_connected).await;
        window
    }

    pub async fn pair_here(&self) -> Result<Reply, ErrorBody> {
        let (name, owner) = ("Laptop".to_owned(), "owner".to_owned());
        self.console.call(Call::PairHere { name, owner, keys: KeyPlace::File }).await
    }

    pub async fn join(&self, ticket: &str) -> Result<Reply, ErrorBody> {
        let (ticket, name) = (ticket.to_owned(), "Laptop".to_owned());
        self.console.call(Call::Join { ticket, name, keys: KeyPlace::File }).await
    }

    pub async fn device(&self, command: Command) -> Result<Done, ErrorBody> {
        let Reply::Device { done } = self.console.call(Call::Device { command }).await? else {
            panic!("another reply")
        };
        Ok(*done)
    }

    pub async fn approve(&self, card: &CardView) -> Result<Done, ErrorBody> {
        let (card, shown) = (card.id, card.shown);
        let (edit, note) = (None, None);
        self.device(Command::Approve { card, shown, edit, note, uv: Uv::Presence, unfolded: true }).await
    }

    /// The first news that `find` takes.
    pub async fn until<T>(&mut self, mut find: impl FnMut(News) -> Option<T>) -> T {
        let found = timeout(PATIENCE, async {
            loop {
                if let Some(found) = find(self.news.next().await.expect("the console runs")) {
                    return found;
                }
            }
        });
        found.await.expect("it is told in time")
    }

    /// Waits until things stand like this; events alone change a running device.
    pub async fn until_stage(&self, is_it: impl Fn(&Stage) -> bool) -> Stage {
        let reached = timeout(PATIENCE, async {
            loop {
                let stage = self.console.stage();
                if is_it(&stage) {
                    return stage;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        reached.await.unwrap_or_else(|_| panic!("it stays {:?}", self.console.stage()))
    }

    pub async fn accept_the_agent(&mut self) {
        let enroll = self.until(|news| event(news).and_then(agent_asked)).await;
        assert_eq!(self.device(Command::AcceptAgent { enroll, name: None }).await, Ok(Done::Ok));
    }

    pub async fn next_card(&mut self) -> CardView {
        self.until(|news| {
            let Some(Event::CardAdded { card }) = event(news) else { return None };
            Some(*card)
        })
        .await
    }

    pub async fn tried_out(&mut self) -> (bool, String) {
        self.until(|news| {
            let News::TriedOut { ran, words } = news else { return None };
            Some((ran, words))
        })
        .await
    }
}

pub fn event(news: News) -> Option<Event> {
    let News::Device { event } = news else { return None };
    Some(*event)
}

pub fn agent_asked(event: Event) -> Option<Hash> {
    let Event::AgentAsked { agent } = event else { return None };
    Some(agent.enroll)
}

pub fn snapshot(stage: &Stage) -> Option<&Snapshot> {
    let Stage::Ready { snapshot, .. } = stage else { return None };
    Some(snapshot)
}

pub fn daemon(stage: &Stage) -> Option<&DaemonView> {
    let (Stage::Ready { daemon, .. } | Stage::Unpaired { daemon, .. }) = stage else { return None };
    Some(daemon)
}

pub fn is_connected(stage: &Stage) -> bool {
    snapshot(stage).is_some_and(|snapshot| matches!(snapshot.connection, Connection::Connected { .. }))
}

pub fn is_unpaired(stage: &Stage) -> bool {
    matches!(stage, Stage::Unpaired { .. })
}

pub fn code<T: std::fmt::Debug>(result: Result<T, ErrorBody>) -> String {
    result.unwrap_err().code
}
