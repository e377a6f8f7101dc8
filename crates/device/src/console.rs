//! A console: this computer as a device, from nothing over pairing to a running one, behind one door for its shell.
//!
//! A shell (the desktop app, the bridge of the interface's tests) forwards [`Call`]s and [`News`] as they are and adds
//! none of its own; what only it can do, such as asking for a folder, it does as [`Shell`]. Keys and signatures stay
//! in here, and how sure a shell is of the person is decided here too, whatever a call claims.

mod call;
mod daemon;
mod life;
mod programs;
mod settings;
mod setup;

pub use agenttrust_protocol::Hash;
pub use agenttrust_protocol::door::ErrorBody;
pub use call::{
    Call, Client, DaemonView, KeyPlace, News, Notifications, Reply, Settings, SetupStep, Stage, Target, Theme,
};

use crate::command::Command;
use crate::device::{Config, Device};
use crate::failure::Failure;
use crate::host::HostDoor;
use crate::place::Place;
use agenttrust_protocol::door::{ALPN_DEVICE, Trouble};
use agenttrust_protocol::message::Uv;
use life::Life;
use programs::Programs;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::broadcast;
use tokio_util::sync::{CancellationToken, DropGuard};

/// News a slow shell may be behind before it has to ask for the stage.
const NEWS: usize = 1024;

/// The name of the folder with an exported history.
const EXPORT: &str = "agenttrust-history";

/// What a shell says once the person, or the system, has answered.
pub type Answer<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What a console cannot do by itself.
pub trait Shell: Send + Sync + 'static {
    /// Asks the person for a folder to write into; `None` if they want none.
    fn choose_folder(&self) -> Answer<Option<PathBuf>>;

    /// Asks the person for a file to write, with this name unless they want another; `None` if they want none.
    fn choose_file(&self, name: &str) -> Answer<Option<PathBuf>>;

    /// Starts this program with the person's session from now on, or no longer.
    ///
    /// # Errors
    /// What the system says.
    fn set_autostart(&self, on: bool) -> Result<(), String>;
}

/// A running console; clones share it. It stops with [`Console::close`] or when the last clone goes.
#[derive(Clone)]
pub struct Console {
    shared: Arc<Shared>,
    _running: Arc<DropGuard>,
}

/// What a console's calls and tasks work on.
struct Shared {
    place: Place,
    config: Config,
    host: HostDoor,
    programs: Programs,
    shell: Box<dyn Shell>,
    life: Mutex<Life>,
    daemon: Mutex<DaemonView>,
    settings: Mutex<Settings>,
    news: broadcast::Sender<News>,
    /// One at a time opens, pairs or closes the device.
    changing: tokio::sync::Mutex<()>,
    /// One at a time starts the daemon.
    starting: tokio::sync::Mutex<()>,
    /// One try-out at a time.
    trying: Arc<tokio::sync::Mutex<()>>,
    /// One at a time looks for a daemon that is gone.
    watching: tokio::sync::Mutex<()>,
    /// One at a time waits for the end of one that is there.
    attending: tokio::sync::Mutex<()>,
    stop: CancellationToken,
}

impl Console {
    /// Starts on this data folder and opens the device that lives there, if one does. `programs` is the folder that
    /// holds `agenttrust`; unless it is named it is looked for beside this program and in PATH.
    pub fn start(place: Place, programs: Option<&Path>, config: Config, shell: Box<dyn Shell>) -> Console {
        let (news, _) = broadcast::channel(NEWS);
        let stop = CancellationToken::new();
        let shared = Arc::new(Shared {
            host: HostDoor::new(place.host_socket()),
            programs: Programs::find(&place, programs),
            settings: Mutex::new(settings::read(&place.app_settings())),
            place,
            config,
            shell,
            life: Mutex::new(Life::Starting { cancel: CancellationToken::new() }),
            daemon: Mutex::new(DaemonView::Down),
            news,
            changing: tokio::sync::Mutex::new(()),
            starting: tokio::sync::Mutex::new(()),
            trying: Arc::default(),
            watching: tokio::sync::Mutex::new(()),
            attending: tokio::sync::Mutex::new(()),
            stop: stop.clone(),
        });
        let opening = Arc::clone(&shared);
        shared.spawn(async move { opening.begin().await });
        Console { shared, _running: Arc::new(stop.drop_guard()) }
    }

    /// Does something; see each [`Call`] for what comes back.
    ///
    /// # Errors
    /// Code, sentence and next step; then nothing was approved.
    pub async fn call(&self, call: Call) -> Result<Reply, ErrorBody> {
        self.shared.call(call).await.map_err(|failure| failure.body())
    }

    /// Everything that happens from now on.
    pub fn news(&self) -> NewsFeed {
        NewsFeed { receiver: self.shared.news.subscribe() }
    }

    /// How everything stands.
    pub fn stage(&self) -> Stage {
        self.shared.stage()
    }

    /// What the person chose.
    pub fn settings(&self) -> Settings {
        *lock(&self.shared.settings)
    }

    /// Tells every listener to show something: a notification or a link was clicked.
    pub fn show(&self, target: Target) {
        self.shared.tell(News::Show { target });
    }

    /// Stops, and lets go of the device's folder.
    pub async fn close(self) {
        self.shared.stop.cancel();
        let device =
            std::mem::replace(&mut *lock(&self.shared.life), Life::Starting { cancel: CancellationToken::new() })
                .into_device();
        if let Some(device) = device {
            device.close().await;
        }
    }
}

/// What happens, one after the other.
#[derive(Debug)]
pub struct NewsFeed {
    receiver: broadcast::Receiver<News>,
}

impl NewsFeed {
    /// The next piece of news; the missed-events event if the shell was too slow; `None` once the console is gone.
    pub async fn next(&mut self) -> Option<News> {
        match self.receiver.recv().await {
            Ok(news) => Some(news),
            Err(broadcast::error::RecvError::Lagged(events)) => {
                Some(News::Device { event: Box::new(crate::event::Event::Missed { events }) })
            }
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

impl Shared {
    async fn call(self: &Arc<Shared>, call: Call) -> Result<Reply, Failure> {
        match call {
            Call::Stage => Ok(Reply::Stage { stage: Box::new(self.stage()) }),
            Call::Settings => Ok(Reply::Settings { settings: *lock(&self.settings) }),
            Call::SetSettings { settings } => self.set_settings(settings),
            Call::StartDaemon => self.start_daemon().await.map(|()| Reply::Ok),
            Call::Retry => self.retry().await,
            Call::StopOpening => {
                self.stop_opening();
                Ok(Reply::Ok)
            }
            Call::PairHere { name, owner, keys } => self.pair_here(name, owner, keys).await,
            Call::Join { ticket, name, keys } => self.join(&ticket, name, keys).await,
            Call::CancelJoin => {
                self.cancel_joining();
                Ok(Reply::Ok)
            }
            Call::Setup { client } => Ok(self.programs.setup(client)),
            Call::TryOut => self.try_out(),
            Call::Versions => Ok(self.versions().await),
            Call::Export { request } => self.export(request).await,
            Call::Device { command } => {
                let done = self.device()?.run(seen(command)).await?;
                Ok(Reply::Device { done: Box::new(done) })
            }
        }
    }

    async fn versions(&self) -> Reply {
        let daemon = self.host.status().await.ok().map(|status| status.version);
        let protocol = String::from_utf8_lossy(ALPN_DEVICE).into_owned();
        Reply::Versions { app: env!("CARGO_PKG_VERSION").to_owned(), daemon, protocol }
    }

    fn device(&self) -> Result<Device, Failure> {
        lock(&self.life).device().cloned().ok_or_else(|| Trouble::Unpaired.into())
    }

    fn set_settings(&self, settings: Settings) -> Result<Reply, Failure> {
        let before = *lock(&self.settings);
        if settings.autostart != before.autostart {
            let refused = |why| Failure::new(Trouble::Internal, format!("starting with the session: {why}"));
            self.shell.set_autostart(settings.autostart).map_err(refused)?;
        }
        settings::write(&self.place.app_settings(), &settings)?;
        *lock(&self.settings) = settings;
        self.tell(News::Settings { settings });
        Ok(Reply::Settings { settings })
    }

    async fn export(&self, request: Option<Hash>) -> Result<Reply, Failure> {
        let device = self.device()?;
        let path = match request {
            None => {
                let Some(chosen) = self.shell.choose_folder().await else { return Ok(Reply::Exported { path: None }) };
                let folder = free_folder(&chosen);
                device.export(&folder).await?;
                folder
            }
            Some(request) => {
                let record = device.record_file(&request).await?;
                let name = format!("agenttrust-{}.json", request.to_string().get(..8).unwrap_or_default());
                let chosen = self.shell.choose_file(&name).await;
                let Some(file) = chosen else { return Ok(Reply::Exported { path: None }) };
                tokio::fs::write(&file, record).await.map_err(|error| Failure::io(&file, &error))?;
                file
            }
        };
        Ok(Reply::Exported { path: Some(path.display().to_string()) })
    }

    fn tell(&self, news: News) {
        // Nobody listening is no failure: a shell that comes later asks for the stage.
        let _listeners = self.news.send(news);
    }

    /// Runs a task until the console stops.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        tokio::spawn(async move {
            let _stopped = stop.run_until_cancelled(task).await;
        });
    }
}

/// A folder that is not there yet, in one that a person chose: that one is seldom empty.
fn free_folder(chosen: &Path) -> PathBuf {
    let names = (1_u32..).map(|n| if n == 1 { EXPORT.to_owned() } else { format!("{EXPORT}-{n}") });
    names.map(|name| chosen.join(name)).find(|folder| !folder.exists()).unwrap_or_else(|| chosen.to_owned())
}

/// A shell has a person who clicks, and no means to tell which person: what a call claims beyond that is not believed.
fn seen(mut command: Command) -> Command {
    if let Some(uv) = command.uv_mut() {
        *uv = Uv::Presence;
    }
    command
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_cannot_claim_to_know_the_person() {
        let hash = Hash::of(b"");
        let approve = |uv| Command::Approve { card: hash, shown: hash, edit: None, note: None, uv, unfolded: true };
        for claimed in [Uv::None, Uv::Presence, Uv::Verified] {
            assert_eq!(seen(approve(claimed)), approve(Uv::Presence));
            let agree = |uv| Command::Agree { card: hash, shown: hash, first: hash, uv };
            assert_eq!(seen(agree(claimed)), agree(Uv::Presence));
        }
        assert_eq!(seen(Command::PauseAll), Command::PauseAll);
    }

    #[test]
    fn calls_are_json_and_what_is_unknown_is_refused() {
        let call: Call = serde_json::from_str(r#"{"call":"device","command":{"command":"pause_all"}}"#).unwrap();
        assert_eq!(call, Call::Device { command: Command::PauseAll });
        for bad in [
            r#"{"call":"sign","text":"x"}"#,
            r#"{"call":"export","request":null,"path":"/etc"}"#,
            r#"{"call":"set_settings","settings":{"theme":"dark","sign":true}}"#,
        ] {
            assert!(serde_json::from_str::<Call>(bad).is_err(), "{bad}");
        }
    }
}
