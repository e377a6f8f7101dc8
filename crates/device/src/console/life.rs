//! From nothing to a running device: opening it, pairing it, and telling which of it is the case.

use super::call::{DaemonView, KeyPlace, News, Reply, Stage};
use super::{Shared, lock};
use crate::device::Device;
use crate::event::{Connection, Event};
use crate::failure::Failure;
use crate::folder::Folder;
use crate::keystore::{KEYS, Kept, KeyStore};
use crate::pairing::{Introduction, PairEvent, join};
use crate::place::environment;
use agenttrust_protocol::door::{ErrorBody, Trouble};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// How things stand with this computer as a device.
pub(super) enum Life {
    /// The keys are being opened.
    Starting {
        /// Ends the wait for them.
        cancel: CancellationToken,
    },
    /// It is no device.
    Unpaired {
        /// Why the operating system's key store cannot be used.
        key_store: Option<ErrorBody>,
    },
    /// It is becoming one.
    Joining {
        /// What is to be typed on the other side.
        digits: Option<String>,
        /// Ends it.
        cancel: CancellationToken,
    },
    /// The key store does not hand out the keys.
    Locked(ErrorBody),
    /// The device cannot be opened.
    Failed(ErrorBody),
    /// It runs.
    Ready(Device),
}

impl Life {
    pub(super) fn device(&self) -> Option<&Device> {
        match self {
            Life::Ready(device) => Some(device),
            Life::Starting { .. }
            | Life::Unpaired { .. }
            | Life::Joining { .. }
            | Life::Locked(_)
            | Life::Failed(_) => None,
        }
    }

    pub(super) fn into_device(self) -> Option<Device> {
        match self {
            Life::Ready(device) => Some(device),
            Life::Starting { .. }
            | Life::Unpaired { .. }
            | Life::Joining { .. }
            | Life::Locked(_)
            | Life::Failed(_) => None,
        }
    }
}

impl Shared {
    pub(super) fn stage(&self) -> Stage {
        let daemon = lock(&self.daemon).clone();
        match &*lock(&self.life) {
            Life::Starting { .. } => Stage::Starting,
            Life::Unpaired { key_store } => {
                Stage::Unpaired { daemon, key_store: key_store.clone(), name: computer(), owner: user() }
            }
            Life::Joining { digits, .. } => Stage::Joining { digits: digits.clone() },
            Life::Locked(why) => Stage::Locked { why: why.clone() },
            Life::Failed(why) => Stage::Failed { why: why.clone() },
            Life::Ready(device) => Stage::Ready { snapshot: Box::new(device.snapshot()), daemon },
        }
    }

    fn enter(&self, life: Life) {
        *lock(&self.life) = life;
        self.tell(News::Stage { stage: Box::new(self.stage()) });
    }

    /// What a start does: the daemon that should run is started, the device opened.
    pub(super) async fn begin(self: Arc<Shared>) {
        let _one_at_a_time = self.changing.lock().await;
        if !self.has_device() {
            self.look().await;
            return self.unpaired().await;
        }
        let ready = tokio::task::spawn_blocking(KeyStore::platform_ready).await;
        let locked = ready.unwrap_or_else(|_| Err(Trouble::Internal.into())).err();
        match (self.kept().await, locked) {
            // The person is shown a page first rather than a window of the system's out of nowhere.
            (Ok(Kept::Platform), Some(locked)) => self.enter(Life::Locked(locked.body())),
            (kept, _) => self.open(kept).await,
        }
    }

    /// Opens the device again; one that is open looks for its daemon again.
    pub(super) async fn retry(self: &Arc<Shared>) -> Result<Reply, Failure> {
        let _one_at_a_time = self.changing.lock().await;
        let open = lock(&self.life).device().cloned();
        if let Some(device) = open {
            self.look().await;
            device.wake();
            return Ok(Reply::Ok);
        }
        if !self.has_device() {
            self.look().await;
            self.unpaired().await;
            return Ok(Reply::Ok);
        }
        let cancel = self.stop.child_token();
        self.enter(Life::Starting { cancel: cancel.clone() });
        let kept = self.kept().await;
        if cancel.run_until_cancelled(self.open(kept)).await.is_none() {
            self.enter(Life::Locked(given_up().body()));
            return Ok(Reply::Ok);
        }
        match &*lock(&self.life) {
            Life::Locked(why) | Life::Failed(why) => Err(Failure::Daemon(why.clone())),
            Life::Starting { .. } | Life::Unpaired { .. } | Life::Joining { .. } | Life::Ready(_) => Ok(Reply::Ok),
        }
    }

    pub(super) fn stop_opening(&self) {
        match &*lock(&self.life) {
            Life::Starting { cancel } => cancel.cancel(),
            Life::Unpaired { .. } | Life::Joining { .. } | Life::Locked(_) | Life::Failed(_) | Life::Ready(_) => {}
        }
    }

    fn has_device(&self) -> bool {
        self.place.app().join(KEYS).exists()
    }

    async fn unpaired(&self) {
        let ready = tokio::task::spawn_blocking(KeyStore::platform_ready).await;
        let key_store = ready.unwrap_or_else(|_| Err(Trouble::Internal.into())).err();
        self.enter(Life::Unpaired { key_store: key_store.map(|failure| failure.body()) });
    }

    async fn kept(&self) -> Result<Kept, Failure> {
        let folder = self.place.app();
        let kept = tokio::task::spawn_blocking(move || KeyStore::kept(&Folder::open(&folder)?)).await;
        kept.map_err(|_| Failure::from(Trouble::Internal))?
    }

    async fn open(self: &Arc<Shared>, kept: Result<Kept, Failure>) {
        let opened = match kept {
            Ok(Kept::Platform) => match unlocked().await {
                Ok(()) => self.opened(KeyStore::Platform).await,
                Err(failure) => Err(failure),
            },
            Ok(Kept::File) => self.opened(KeyStore::File).await,
            Ok(Kept::Pin) => Err(Failure::new(Trouble::Conflict, "these keys belong to a terminal")),
            Err(failure) => Err(failure),
        };
        match opened {
            Ok(device) => self.run(device).await,
            Err(failure) if failure.is(Trouble::KeystoreLocked) => self.enter(Life::Locked(failure.body())),
            Err(failure) => self.enter(Life::Failed(already_open(failure).body())),
        }
    }

    async fn opened(&self, keys: KeyStore) -> Result<Device, Failure> {
        Device::open(&self.place.app(), keys, self.config.clone()).await
    }

    /// The device is open: its events are passed on, and its daemon is looked after.
    async fn run(self: &Arc<Shared>, device: Device) {
        let mut events = device.events();
        *lock(&self.life) = Life::Ready(device.clone());
        let daemon = self.look().await;
        self.tell(News::Stage { stage: Box::new(self.stage()) });
        let shared = Arc::clone(self);
        let watched = device.clone();
        self.spawn(async move {
            while let Some(event) = events.next().await {
                shared.pass_on(&watched, event);
            }
        });
        self.spawn(Arc::clone(self).watch_daemon(device.clone()));
        if daemon == DaemonView::Down && device.is_local() {
            let shared = Arc::clone(self);
            self.spawn(async move {
                if let Err(failure) = shared.start_daemon().await {
                    shared.tell(News::Device { event: Box::new(Event::trouble(&failure)) });
                }
            });
        }
    }

    fn pass_on(self: &Arc<Shared>, device: &Device, event: Event) {
        if let Event::ConnectionChanged { connection } = &event {
            match connection {
                Connection::Lost { .. } => self.spawn(Arc::clone(self).watch_daemon(device.clone())),
                Connection::Connecting | Connection::Connected { .. } | Connection::Refused => {}
            }
        }
        self.tell(News::Device { event: Box::new(event) });
    }

    /// Makes this computer the first device, with a ticket from its own daemon.
    pub(super) async fn pair_here(
        self: &Arc<Shared>,
        name: String,
        owner: String,
        keys: KeyPlace,
    ) -> Result<Reply, Failure> {
        let _one_at_a_time = self.changing.lock().await;
        self.check_free()?;
        let cancel = self.joining();
        let paired = async {
            self.start_daemon().await?;
            if self.host.status().await?.tdid.is_some() {
                return Err(Failure::new(Trouble::Conflict, "there are devices already; use a code of one of them"));
            }
            let ticket = self.host.start_pairing(true).await?.ticket;
            self.pair(&ticket, Introduction { name, owner, local: true }, keys).await
        };
        let paired = cancel.run_until_cancelled(paired).await.unwrap_or_else(|| Err(cancelled()));
        if paired.is_err() {
            // One that is over already needs no end.
            let _ended = self.host.cancel_pairing().await;
        }
        self.paired(paired).await
    }

    /// Makes this computer a further device, with the code that another one shows.
    pub(super) async fn join(self: &Arc<Shared>, ticket: &str, name: String, keys: KeyPlace) -> Result<Reply, Failure> {
        let _one_at_a_time = self.changing.lock().await;
        self.check_free()?;
        let cancel = self.joining();
        let introduction = Introduction { name, owner: user(), local: false };
        let paired = cancel.run_until_cancelled(self.pair(ticket, introduction, keys)).await;
        self.paired(paired.unwrap_or_else(|| Err(cancelled()))).await
    }

    pub(super) fn cancel_joining(&self) {
        match &*lock(&self.life) {
            Life::Joining { cancel, .. } => cancel.cancel(),
            Life::Starting { .. } | Life::Unpaired { .. } | Life::Locked(_) | Life::Failed(_) | Life::Ready(_) => {}
        }
    }

    fn check_free(&self) -> Result<(), Failure> {
        if self.has_device() {
            return Err(Failure::new(Trouble::Conflict, "this computer is one of your devices already"));
        }
        Ok(())
    }

    fn joining(&self) -> CancellationToken {
        let cancel = self.stop.child_token();
        self.enter(Life::Joining { digits: None, cancel: cancel.clone() });
        cancel
    }

    async fn pair(&self, ticket: &str, introduction: Introduction, keys: KeyPlace) -> Result<(), Failure> {
        let keystore = match keys {
            KeyPlace::Platform => KeyStore::Platform,
            KeyPlace::File => KeyStore::File,
        };
        let quiet = introduction.local;
        let tell = |event: PairEvent| match event {
            PairEvent::Digits { digits } if !quiet => self.show_digits(Some(digits)),
            PairEvent::Knocked | PairEvent::Digits { .. } => {}
            PairEvent::Confirmed => self.show_digits(None),
        };
        join(&self.place.app(), keystore, ticket, introduction, &self.config, tell).await
    }

    fn show_digits(&self, shown: Option<String>) {
        match &mut *lock(&self.life) {
            Life::Joining { digits, .. } => *digits = shown,
            Life::Starting { .. } | Life::Unpaired { .. } | Life::Locked(_) | Life::Failed(_) | Life::Ready(_) => {
                return;
            }
        }
        self.tell(News::Stage { stage: Box::new(self.stage()) });
    }

    async fn paired(self: &Arc<Shared>, paired: Result<(), Failure>) -> Result<Reply, Failure> {
        match paired {
            Ok(()) => {
                let kept = self.kept().await;
                self.open(kept).await;
                Ok(Reply::Ok)
            }
            Err(failure) => {
                self.look().await;
                self.unpaired().await;
                Err(failure)
            }
        }
    }
}

/// Opens the key store, for which it may ask the person in a window of its own. Nothing of the device is held
/// meanwhile: whoever stops waiting can begin anew.
async fn unlocked() -> Result<(), Failure> {
    tokio::task::spawn_blocking(KeyStore::unlock_platform).await.unwrap_or_else(|_| Err(Trouble::Internal.into()))
}

fn given_up() -> Failure {
    Failure::new(Trouble::KeystoreLocked, "you stopped waiting for it")
}

fn cancelled() -> Failure {
    Failure::Daemon(ErrorBody {
        code: "cancelled".to_owned(),
        message: "The pairing was given up; nothing has changed.".to_owned(),
        hint: None,
        state: None,
    })
}

/// In a folder of a device that lock means another window, not another daemon.
fn already_open(failure: Failure) -> Failure {
    if !failure.is(Trouble::AlreadyRunning) {
        return failure;
    }
    let mut body = failure.body();
    body.message = "Another AgentTrust window uses this device.".to_owned();
    body.hint = Some("Use that one, or quit it first.".to_owned());
    Failure::Daemon(body)
}

/// What this computer is called.
fn computer() -> String {
    #[cfg(unix)]
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    #[cfg(not(unix))]
    let name = environment("COMPUTERNAME").map(|name| name.display().to_string()).unwrap_or_default();
    if name.is_empty() { "This computer".to_owned() } else { name }
}

/// Whose it is.
fn user() -> String {
    let user = ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(environment);
    user.map_or_else(|| "me".to_owned(), |user| user.display().to_string())
}
