//! A running device.

use crate::admission::Admission;
use crate::clock::Clock;
use crate::command::{Command, Done};
use crate::core::Core;
use crate::door::{Door, ServerTime};
use crate::event::{Connection, Event, Snapshot};
use crate::failure::Failure;
use crate::folder::Folder;
use crate::keystore::KeyStore;
use crate::store::{Daemon, Store};
use crate::tasks;
use agenttrust_approver::Approver;
use agenttrust_link::{Address, Alpn, Bind, Client, Endpoint, Options, Timing};
use agenttrust_protocol::Reason;
use agenttrust_protocol::door::Trouble;
use agenttrust_protocol::hash::Tdid;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, broadcast, watch};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// Events a slow shell may be behind before it has to take a snapshot.
const EVENTS: usize = 1024;

/// How a device runs.
#[derive(Clone, Debug)]
pub struct Config {
    /// The clock.
    pub clock: Clock,
    /// The UDP sockets to open.
    pub bind: Bind,
    /// Relays to use beside the daemon's own.
    pub relays: Vec<String>,
    /// How a dead connection is noticed.
    pub timing: Timing,
    /// Timers are looked at this often at least.
    pub tick: Duration,
    /// The log is looked at so long after something happened, so that a burst is co-signed once.
    pub settle: Duration,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            clock: Clock::default(),
            bind: Bind::Everywhere { port: 0 },
            relays: Vec::new(),
            timing: Timing::default(),
            tick: Duration::from_secs(15),
            settle: Duration::from_millis(500),
        }
    }
}

impl Config {
    /// The relays to use: to be reached through the daemon's own, a device has to know it.
    pub(crate) fn relays_for(&self, daemon: &Daemon) -> Vec<String> {
        let more = daemon.relay.iter().filter(|relay| !self.relays.contains(relay));
        self.relays.iter().chain(more).cloned().collect()
    }
}

/// A running device; clones share it. It stops with [`Device::close`] or when the last clone goes.
#[derive(Clone, Debug)]
pub struct Device {
    pub(crate) shared: Arc<Shared>,
    _running: Arc<DropGuard>,
}

/// What a device's commands and tasks work on.
#[derive(Debug)]
pub(crate) struct Shared {
    core: Mutex<Core>,
    door: watch::Sender<Door>,
    pub(crate) config: Config,
    endpoint: Endpoint,
    server: ServerTime,
    events: broadcast::Sender<Event>,
    pub(crate) admission: Mutex<Option<Admission>>,
    /// One at a time sends what is signed and not delivered.
    pub(crate) sending: tokio::sync::Mutex<()>,
    /// One at a time changes trust, or this device would race itself.
    pub(crate) stepping: tokio::sync::Mutex<()>,
    /// One at a time verifies the log.
    pub(crate) vouching: tokio::sync::Mutex<()>,
    /// The log may have grown.
    pub(crate) grown: Notify,
    /// Timers are to be looked at now.
    pub(crate) timers: Notify,
    pub(crate) stop: CancellationToken,
    tracker: TaskTracker,
}

impl Device {
    /// Starts the device that lives in a folder. It connects by itself and stays connected.
    ///
    /// # Errors
    /// `unpaired` if none lives there, `already_running`, `unsafe_folder`, those of [`KeyStore::load`],
    /// those of the stored state (`store_newer`, `store_corrupt` and others), `link_lost` if no socket can be opened.
    pub async fn open(folder: &Path, keys: KeyStore, config: Config) -> Result<Device, Failure> {
        let (path, now) = (folder.to_owned(), config.clock.now());
        // Unsealing takes time and memory, and a platform's key store may ask the person.
        let opening = tokio::task::spawn_blocking(move || {
            let folder = Folder::open(&path)?;
            let keys = keys.load(&folder, now)?;
            let (store, state) = Store::open(folder)?;
            Ok::<_, Failure>((keys, store, state))
        });
        let (keys, store, state) = opening.await.map_err(|_| Trouble::Internal)??;
        let me = keys.approval.public().thumbprint();
        let approver = Approver::resume(state, me, now).map_err(unusable)?;
        let endpoint = Endpoint::bind(agenttrust_link::Config {
            secret: *keys.transport.to_seed(),
            bind: config.bind,
            relays: config.relays_for(store.daemon()),
            timing: config.timing,
        });
        let endpoint = endpoint.await?;
        let server = ServerTime::default();
        let door = connect(&endpoint, &store.daemon().address(), &server, &config)?;
        let (events, _) = broadcast::channel(EVENTS);
        let core = Core::new(approver, keys, store, config.clock.clone(), server.clone(), events.clone());
        let stop = CancellationToken::new();
        let shared = Arc::new(Shared {
            core: Mutex::new(core),
            door: watch::Sender::new(door),
            config,
            endpoint,
            server,
            events,
            admission: Mutex::new(None),
            sending: tokio::sync::Mutex::new(()),
            stepping: tokio::sync::Mutex::new(()),
            vouching: tokio::sync::Mutex::new(()),
            grown: Notify::new(),
            timers: Notify::new(),
            stop: stop.clone(),
            tracker: TaskTracker::new(),
        });
        tasks::start(&shared);
        Ok(Device { shared, _running: Arc::new(stop.drop_guard()) })
    }

    /// Does something; see each [`Command`] for what comes back.
    ///
    /// # Errors
    /// [`Failure`]; then nothing was approved. An answer that was signed but not delivered is no failure: it is sent
    /// again as soon as the daemon can be reached.
    pub async fn run(&self, command: Command) -> Result<Done, Failure> {
        self.shared.run(command).await
    }

    /// Everything that happens from now on.
    pub fn events(&self) -> Events {
        Events { receiver: self.shared.events.subscribe() }
    }

    /// How everything stands.
    pub fn snapshot(&self) -> Snapshot {
        self.shared.lock().snapshot()
    }

    /// The line to the daemon.
    pub fn connection(&self) -> Connection {
        self.shared.lock().connection.clone()
    }

    /// The trust domain it belongs to.
    pub fn tdid(&self) -> Tdid {
        self.shared.lock().approver.view().trust().tdid()
    }

    /// Whether it lives on the agents' machine, as the trust bundle says.
    pub fn is_local(&self) -> bool {
        self.shared.lock().approver.view().device().is_some_and(|device| device.local)
    }

    /// Says where the daemon is now, for whoever knows better than this device's memory: the same daemon, by its key,
    /// at other addresses.
    ///
    /// # Errors
    /// `link_lost` if no address can be one, or what the system says of the file.
    pub fn reach(&self, daemon: Daemon) -> Result<(), Failure> {
        let mut core = self.shared.lock();
        let before = core.daemon();
        if *before == daemon {
            return Ok(());
        }
        if before.endpoint != daemon.endpoint {
            return Err(Failure::new(Trouble::LinkLost, "this is another daemon than the one it was paired with"));
        }
        let Shared { endpoint, server, config, .. } = &*self.shared;
        let door = connect(endpoint, &daemon.address(), server, config)?;
        core.moved(daemon)?;
        drop(core);
        self.shared.door.send_replace(door).client().close();
        Ok(())
    }

    /// The daemon has gone, for whoever knows before the line does: the connection to it is given up, and the next one
    /// sought.
    ///
    /// # Errors
    /// `link_lost` if its address can be none.
    pub fn redial(&self) -> Result<(), Failure> {
        let mut core = self.shared.lock();
        let Shared { endpoint, server, config, .. } = &*self.shared;
        let door = connect(endpoint, &core.daemon().address(), server, config)?;
        core.connection = Connection::Lost { code: Trouble::LinkLost.code().to_owned() };
        let connection = core.connection.clone();
        core.tell(Event::ConnectionChanged { connection });
        drop(core);
        self.shared.door.send_replace(door).client().close();
        Ok(())
    }

    /// Tries to connect now rather than when the wait is over: the network, or the app, has come back.
    pub fn wake(&self) {
        self.shared.door().client().wake();
        self.shared.timers.notify_one();
    }

    /// Stops, and lets go of the folder once every call has ended.
    pub async fn close(self) {
        self.shared.stop.cancel();
        self.shared.tracker.close();
        self.shared.door().client().close();
        self.shared.tracker.wait().await;
        self.shared.endpoint.close().await;
    }
}

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The line to the daemon as it is now.
    pub(crate) fn door(&self) -> Door {
        self.door.borrow().clone()
    }

    pub(crate) fn doors(&self) -> watch::Receiver<Door> {
        self.door.subscribe()
    }

    /// Runs a task until the device stops.
    pub(crate) fn spawn(self: &Arc<Shared>, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tracker.spawn(async move {
            let _stopped = stop.run_until_cancelled(task).await;
        });
    }
}

/// What happens, one event after the other.
#[derive(Debug)]
pub struct Events {
    receiver: broadcast::Receiver<Event>,
}

impl Events {
    /// The next event, [`Event::Missed`] if the shell was too slow; `None` once the device has stopped.
    pub async fn next(&mut self) -> Option<Event> {
        match self.receiver.recv().await {
            Ok(event) => Some(event),
            Err(broadcast::error::RecvError::Lagged(events)) => Some(Event::Missed { events }),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

fn connect(endpoint: &Endpoint, daemon: &Address, server: &ServerTime, config: &Config) -> Result<Door, Failure> {
    let client = Client::connect(endpoint, daemon, Alpn::Device, Options::default())?;
    Ok(Door::new(client, server.clone(), config.clock.clone()))
}

fn unusable(reason: Reason) -> Failure {
    Failure::new(Trouble::StoreCorrupt, format!("this device's stored trust is damaged: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_shell_that_was_too_slow_is_told_so() {
        let (sender, receiver) = broadcast::channel(2);
        let mut events = Events { receiver };
        for ahead in 1..=5 {
            sender.send(Event::ClockChanged { ahead }).unwrap();
        }
        assert_eq!(events.next().await, Some(Event::Missed { events: 3 }));
        assert_eq!(events.next().await, Some(Event::ClockChanged { ahead: 4 }));
        drop(sender);
        assert_eq!(events.next().await, Some(Event::ClockChanged { ahead: 5 }));
        assert_eq!(events.next().await, None);
    }
}
