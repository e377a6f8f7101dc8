//! This program's place on the network.

use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use iroh::{
    EndpointAddr, RelayMap, RelayMode, SecretKey, Watcher as _,
    endpoint::{BindOpts, NetReportConfig, PortmapperConfig, QuicTransportConfig, VarInt, presets},
};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    address::{Address, EndpointKey},
    error::LinkError,
};

/// What one stream may send ahead of the reader, bytes; a message is at most 1 MiB.
const STREAM_WINDOW: u32 = 1 << 20;
/// What one connection may send ahead of its readers, and keep unacknowledged, bytes.
const CONNECTION_WINDOW: u32 = 4 << 20;
/// The assumed round trip of a new connection: a lost first packet is sent again after three of these.
const FIRST_RTT: Duration = Duration::from_millis(100);

/// Which sockets to open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bind {
    /// Only `127.0.0.1`; port 0 takes any free one.
    Loopback {
        /// The UDP port.
        port: u16,
    },
    /// All interfaces, IPv4 and, where there is any, IPv6; port 0 takes any free one for each.
    Everywhere {
        /// The UDP port.
        port: u16,
    },
}

/// How a dead connection is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// A quiet connection sends a sign of life this often; at most 5 s.
    pub keep_alive: Duration,
    /// A connection without any sign of life for this long is closed; at most 15 s.
    pub idle: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self { keep_alive: Duration::from_secs(5), idle: Duration::from_secs(15) }
    }
}

/// What an [`Endpoint`] is made of.
#[derive(Clone)]
pub struct Config {
    /// The Ed25519 seed of the transport key, used for nothing else.
    pub secret: [u8; 32],
    /// Which sockets to open.
    pub bind: Bind,
    /// URLs of the relays to use; none means direct connections only.
    pub relays: Vec<String>,
    /// How a dead connection is noticed.
    pub timing: Timing,
}

impl Config {
    /// A configuration with the default timing and without relays.
    pub fn new(secret: [u8; 32], bind: Bind) -> Self {
        Self { secret, bind, relays: Vec::new(), timing: Timing::default() }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The seed stays out of logs.
        f.debug_struct("Config")
            .field("key", &EndpointKey::of_secret(&self.secret))
            .field("bind", &self.bind)
            .field("relays", &self.relays)
            .field("timing", &self.timing)
            .finish()
    }
}

/// A bound endpoint; clones share it, and it is closed when [`Endpoint::close`] is called or the last clone goes.
#[derive(Debug, Clone)]
pub struct Endpoint {
    iroh: iroh::Endpoint,
    relayed: bool,
    /// The task that answers whoever dials us.
    answering: Arc<Mutex<AbortOnDropHandle<()>>>,
}

impl Endpoint {
    /// Opens the sockets; nothing is published anywhere, and nobody is let in before [`Doors::open`].
    ///
    /// Fails with `link_bind` if a socket cannot be opened, `link_bad_address` for a relay that is no URL.
    ///
    /// [`Doors::open`]: crate::Doors::open
    pub async fn bind(config: Config) -> Result<Self, LinkError> {
        let relayed = !config.relays.is_empty();
        let builder = iroh::Endpoint::builder(presets::Minimal)
            .secret_key(SecretKey::from_bytes(&config.secret))
            .transport_config(transport_config(config.timing)?)
            .relay_mode(relay_mode(&config.relays)?)
            .net_report_config(net_report_config(relayed))
            .portmapper_config(PortmapperConfig::Disabled)
            .clear_ip_transports();
        let bind_error = |error: &dyn fmt::Display| LinkError::Bind(error.to_string());
        let builder = match config.bind {
            Bind::Loopback { port } => builder.bind_addr(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)),
            Bind::Everywhere { port } => {
                let v6 = SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, port, 0, 0);
                // A machine without IPv6 is no reason to fail.
                builder
                    .bind_addr(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port))
                    .and_then(|builder| builder.bind_addr_with_opts(v6, BindOpts::default().set_is_required(false)))
            }
        }
        .map_err(|error| bind_error(&error))?;
        let iroh = builder.bind().await.map_err(|error| bind_error(&error))?;
        let answering = Arc::new(Mutex::new(AbortOnDropHandle::new(tokio::spawn(ignore_callers(iroh.clone())))));
        Ok(Self { iroh, relayed, answering })
    }

    /// This endpoint's public key.
    pub fn key(&self) -> EndpointKey {
        self.iroh.id().into()
    }

    /// Where others can reach this endpoint now; grows while interfaces and relays come up.
    pub fn addr(&self) -> Address {
        Address::from_iroh(&self.iroh.addr())
    }

    /// Where a program on this machine reaches this endpoint: a loopback address only.
    pub fn loopback_addr(&self) -> Address {
        let direct = self
            .iroh
            .bound_sockets()
            .into_iter()
            .filter(SocketAddr::is_ipv4)
            .map(|bound| SocketAddr::from((Ipv4Addr::LOCALHOST, bound.port())))
            .collect();
        Address { key: self.key(), direct, relay: None }
    }

    /// Waits until [`addr`](Self::addr) holds a direct address and, with relays configured, a relay, or `within` is
    /// over; then returns it as it is.
    pub async fn settled_addr(&self, within: Duration) -> Address {
        let mut watcher = self.iroh.watch_addr();
        let settled = async {
            let mut addr: EndpointAddr = watcher.get();
            while addr.ip_addrs().next().is_none() {
                match watcher.updated().await {
                    Ok(next) => addr = next,
                    Err(_) => return,
                }
            }
        };
        let relayed = async {
            if self.relayed {
                self.iroh.online().await;
            }
        };
        // Running out of time is an answer too: what is known by then.
        let _ = tokio::time::timeout(within, async { tokio::join!(settled, relayed) }).await;
        self.addr()
    }

    /// Closes every connection, tells the peers, and waits until they know or about three seconds have passed.
    pub async fn close(&self) {
        self.iroh.close().await;
    }

    pub(crate) fn iroh(&self) -> &iroh::Endpoint {
        &self.iroh
    }

    /// Puts `task` in place of whoever answered callers until now.
    pub(crate) fn answer_with(&self, task: AbortOnDropHandle<()>) {
        *self.answering.lock().unwrap_or_else(PoisonError::into_inner) = task;
    }
}

/// Without open doors the socket still receives handshakes; unread ones would pile up.
async fn ignore_callers(endpoint: iroh::Endpoint) {
    while let Some(caller) = endpoint.accept().await {
        caller.ignore();
    }
}

fn transport_config(timing: Timing) -> Result<QuicTransportConfig, LinkError> {
    let idle = timing.idle.try_into().map_err(|_| LinkError::Bind("the idle time is too long".to_owned()))?;
    Ok(QuicTransportConfig::builder()
        // A peer may open streams only once it is admitted; see `listener`.
        .max_concurrent_bidi_streams(VarInt::from_u32(0))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .datagram_receive_buffer_size(None)
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .receive_window(VarInt::from_u32(CONNECTION_WINDOW))
        .send_window(u64::from(CONNECTION_WINDOW))
        .initial_rtt(FIRST_RTT)
        .keep_alive_interval(timing.keep_alive)
        .default_path_keep_alive_interval(timing.keep_alive)
        .max_idle_timeout(Some(idle))
        .default_path_max_idle_timeout(timing.idle)
        .build())
}

fn relay_mode(relays: &[String]) -> Result<RelayMode, LinkError> {
    if relays.is_empty() {
        return Ok(RelayMode::Disabled);
    }
    let map = RelayMap::try_from_iter(relays.iter().map(String::as_str))
        .map_err(|error| LinkError::BadAddress(format!("relay list: {error}")))?;
    Ok(RelayMode::Custom(map))
}

/// Without a relay there is nothing to probe; with one, HTTPS probes find it where QUIC is blocked.
fn net_report_config(relayed: bool) -> NetReportConfig {
    let mut config = NetReportConfig::minimal();
    config.https_probes = relayed;
    config
}
