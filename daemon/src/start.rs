//! Bringing the daemon up, and down again.

use crate::api::{self, Caller};
use crate::clock::Clock;
use crate::config::{BadConfig, Config, DEFAULT_TEXT, FILE_NAME};
use crate::expiry;
use crate::failure::StartError;
use crate::folder::Folder;
use crate::gate::{Gate, Parts, View, stored_trust};
use crate::hub::{Hub, admits, thumbprint};
use crate::pairing::Pairing;
use crate::store::{OpenError, Settings, Store};
use agenttrust_link as link;
use agenttrust_link::{Alpn, Doors, Endpoint, Peer};
use agenttrust_protocol::door::Trouble;
use agenttrust_protocol::key::{SecretKey, Transport};
use axum::Router;
use std::future::Future;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixListener;
use tokio::task::{JoinHandle, JoinSet};

/// The names of the two local doors.
const SOCKETS: [&str; 2] = ["agent.sock", "host.sock"];

/// Calls under way when the daemon is told to stop have this long to finish.
const FINISH: Duration = Duration::from_secs(5);

/// Devices are told of the end for this long.
const FAREWELL: Duration = Duration::from_secs(3);

/// What the daemon is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// The data folder.
    pub data: PathBuf,
    /// The configuration in force.
    pub config: Config,
    /// The process's clock.
    pub clock: Clock,
    /// How the store runs.
    pub store: Settings,
}

impl Options {
    /// A data folder with the configuration given and everything else as daemons run with.
    pub fn new(data: impl Into<PathBuf>, config: Config) -> Options {
        Options { data: data.into(), config, clock: Clock::default(), store: Settings::default() }
    }
}

/// A daemon that answers.
pub struct Running {
    gate: Arc<Gate>,
    ended: JoinHandle<()>,
}

impl Running {
    /// What the doors work on.
    pub fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// Tells it to stop: no new calls, those under way may finish.
    pub fn stop(&self) {
        self.gate.stop.cancel();
    }

    /// Waits until it has stopped, because of [`Running::stop`] or because the host door was told.
    pub async fn ended(self) {
        // The task neither panics nor is aborted; if it were, it has ended too.
        let _ended = self.ended.await;
    }
}

/// The configuration: of the file named, or of `config.toml` in the data folder, which may be absent.
///
/// # Errors
/// `bad_config` names the line.
pub fn read_config(data: &Path, file: Option<&Path>) -> Result<Config, StartError> {
    let path = file.map_or_else(|| data.join(FILE_NAME), Path::to_owned);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound && file.is_none() => return Ok(Config::default()),
        Err(error) => return Err(StartError::new(Trouble::BadConfig, format!("{}: {error}", path.display()))),
    };
    Config::parse(&text, &path).map_err(|error| StartError::new(BadConfig::TROUBLE, error.to_string()))
}

/// Starts the daemon; when this returns, its doors answer.
///
/// # Errors
/// One [`StartError`]: the folder's, the store's, or that a socket cannot be opened.
pub async fn start(options: Options) -> Result<Running, StartError> {
    let Options { data, config, clock, store: settings } = options;
    let folder = Folder::open(&data)?;
    if !folder.path().join(FILE_NAME).exists() {
        folder.write(FILE_NAME, DEFAULT_TEXT.as_bytes())?;
    }
    let (log_key, transport) = (folder.log_key()?, folder.transport_key()?);
    let log = log_key.public();
    let store = Store::open(&folder.database(), log_key, settings).map_err(opening)?;
    let trust = store.read(stored_trust).await.map_err(reading)?;
    let (trust, pairing) = (Arc::new(View::new(trust)), Arc::new(Pairing::default()));
    let endpoint = bind(&folder, &config, &transport).await?;
    let doors = Doors::open(&endpoint, link::Limits::default(), {
        let (trust, pairing, clock) = (Arc::clone(&trust), Arc::clone(&pairing), clock.clone());
        move |peer: &Peer| {
            let transport = thumbprint(&peer.key);
            match peer.alpn {
                Alpn::Device => admits(&trust, &transport),
                Alpn::Pairing => pairing.admits(&transport, clock.now()),
            }
        }
    });
    let hub = Hub::new(doors.peers.clone());
    let transport = transport.public();
    let gate = Arc::new(Gate::new(Parts { store, clock, config, trust, pairing, hub, log, transport }));
    let servers = open_doors(&gate, &folder, &endpoint, doors)?;
    tracing::info!(tdid = ?gate.trust.peek().map(|trust| trust.tdid()), "ready");
    let ended = tokio::spawn(run(Arc::clone(&gate), folder, endpoint, servers));
    Ok(Running { gate, ended })
}

fn opening(error: OpenError) -> StartError {
    StartError::new(error.trouble, error.detail)
}

fn reading(error: crate::store::StoreError) -> StartError {
    StartError::new(error.trouble().unwrap_or(Trouble::StoreCorrupt), error.to_string())
}

/// Opens the UDP socket, on the port of the last start where the configuration leaves it open.
async fn bind(folder: &Folder, config: &Config, key: &SecretKey<Transport>) -> Result<Endpoint, StartError> {
    let settings = |remembered| link::Config {
        relays: config.link.relays.clone(),
        ..link::Config::new(*key.to_seed(), config.link.bind.with_port(remembered))
    };
    let remembered = folder.port();
    let bound = match (Endpoint::bind(settings(remembered)).await, remembered) {
        (Err(error), Some(port)) if config.link.bind.port == 0 => {
            tracing::warn!(%error, port, "the port of the last start is taken; devices must find the new one");
            Endpoint::bind(settings(None)).await
        }
        (bound, _) => bound,
    };
    let endpoint = bound.map_err(|error| StartError::new(Trouble::Internal, error.to_string()))?;
    if let Some(address) = endpoint.loopback_addr().direct.first() {
        folder.remember_port(address.port())?;
    }
    Ok(endpoint)
}

/// Starts to answer on every door.
fn open_doors(gate: &Arc<Gate>, folder: &Folder, endpoint: &Endpoint, doors: Doors) -> Result<JoinSet<()>, StartError> {
    let own_uid = rustix::process::geteuid().as_raw();
    let tickets = api::Tickets::new(endpoint.clone());
    let [agent, host] = SOCKETS;
    let (agent, host) = (folder.listen(agent)?, folder.listen(host)?);
    let mut servers = JoinSet::new();
    servers.spawn(serve_local(agent, api::agent::router(Arc::clone(gate), own_uid), Arc::clone(gate)));
    let router = api::host::router(Arc::clone(gate), tickets.clone(), folder, own_uid);
    servers.spawn(serve_local(host, router, Arc::clone(gate)));
    servers.spawn(serve_link(doors.device, api::device::router(Arc::clone(gate), tickets), Arc::clone(gate)));
    servers.spawn(serve_link(doors.pairing, api::pair::router(Arc::clone(gate)), Arc::clone(gate)));
    servers.spawn(expiry::run(Arc::clone(gate)));
    Ok(servers)
}

fn serve_local(listener: UnixListener, router: Router, gate: Arc<Gate>) -> impl Future<Output = ()> {
    let service = router.into_make_service_with_connect_info::<Caller>();
    let server = axum::serve(listener, service).with_graceful_shutdown(stopped(gate));
    async { told(server.await) }
}

fn serve_link(door: link::Incoming, router: Router, gate: Arc<Gate>) -> impl Future<Output = ()> {
    let service = router.into_make_service_with_connect_info::<Peer>();
    let server = axum::serve(door, service).with_graceful_shutdown(stopped(gate));
    async { told(server.await) }
}

async fn stopped(gate: Arc<Gate>) {
    gate.stop.cancelled().await;
}

fn told(served: std::io::Result<()>) {
    if let Err(error) = served {
        tracing::error!(%error, "a door has closed");
    }
}

/// Waits for the end, then takes everything down in order: sockets, calls, connections, store.
async fn run(gate: Arc<Gate>, folder: Folder, endpoint: Endpoint, mut servers: JoinSet<()>) {
    gate.stop.cancelled().await;
    for socket in SOCKETS {
        folder.unlisten(socket);
    }
    let finished = tokio::time::timeout(FINISH, async { while servers.join_next().await.is_some() {} }).await;
    if finished.is_err() {
        tracing::warn!("some calls did not finish in time");
        servers.shutdown().await;
    }
    let _told = tokio::time::timeout(FAREWELL, endpoint.close()).await;
    gate.store.clone().close().await;
    tracing::info!("stopped");
    drop(folder);
}
