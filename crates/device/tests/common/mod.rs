//! A stand-in daemon: the device and pairing doors of `docs/protocol.md` over a real link, without a store and, where
//! a test says so, without honesty.
#![allow(dead_code, reason = "each test file uses its share")]

pub mod agent;
pub mod phone;
pub mod routes;

use agenttrust_link::{Address, Alpn, Bind, Config, Doors, Endpoint, Limits, Peer, Timing};
use agenttrust_protocol::door::{AgentView, InboxEntry, InboxEvent, Seen, SessionView};
use agenttrust_protocol::envelope::{Message, Nothing};
use agenttrust_protocol::hash::Tdid;
use agenttrust_protocol::key::{Log, PublicKey, SecretKey, Transport};
use agenttrust_protocol::lifecycle::State;
use agenttrust_protocol::message::{Bundle, Decision, Intent, PairInit};
use agenttrust_protocol::pairing::{PairSecret, Ticket};
use agenttrust_protocol::{Hash, Head, Id, Received, Signed, Thumbprint, Time};
use agenttrust_tlog::{Checkpoint, MemoryHashes, Signer, Tree, TreeHead};
use ed25519_dalek::SigningKey;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub const TRANSPORT: [u8; 32] = [41; 32];
pub const LOG: [u8; 32] = [42; 32];
pub const SECRET: [u8; 16] = [43; 16];
pub const C: Id = Id::from_bytes([44; 16]);

pub fn random(buffer: &mut [u8]) {
    getrandom::fill(buffer).unwrap();
}

pub fn now() -> Time {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Time(i64::try_from(since.as_secs()).unwrap())
}

/// What the stand-in remembers; it outlives a restart of the doors.
#[derive(Default)]
pub struct World {
    pub transport: Option<Thumbprint>,
    pub joiner: Option<String>,
    /// Digits are wanted at the first pairing.
    pub digits: bool,
    pub revealed: Option<Id>,
    pub confirmed: bool,
    pub bundles: Vec<String>,
    pub statuses: Vec<String>,
    pub entries: Vec<InboxEntry>,
    /// Entries up to this one are forgotten.
    pub forgotten: u64,
    /// Certificate, session and request, as they are handed out.
    pub asked: BTreeMap<Hash, Vec<String>>,
    /// What is handed out behind the decisions.
    pub ended: Vec<String>,
    pub agents: Vec<AgentView>,
    pub sessions: Vec<SessionView>,
    pub decisions: Vec<String>,
    pub states: BTreeMap<Hash, State>,
    pub certs: Vec<String>,
    pub refused: Vec<Hash>,
    pub seen: Vec<Seen>,
    pub leaves: Vec<String>,
    pub cosignatures: Vec<String>,
    pub lie: Lie,
    /// Seconds the daemon's clock is ahead.
    pub skew: i64,
    pub inbox_calls: usize,
}

/// How the stand-in misbehaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lie {
    #[default]
    None,
    /// Shows another history of the same size.
    Fork,
    /// Shows a checkpoint signed by another key.
    ForeignLog,
    /// Shows an older, shorter history.
    Shrink,
    /// Stores nothing it is sent.
    StoreFailed,
}

pub struct Daemon {
    pub world: Arc<Mutex<World>>,
    pub changed: watch::Sender<u64>,
    pub endpoint: Endpoint,
    tasks: Vec<JoinHandle<()>>,
}

#[derive(Clone)]
pub struct Shared {
    pub world: Arc<Mutex<World>>,
    pub changed: watch::Sender<u64>,
}

impl Shared {
    pub fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    pub fn notify(&self) {
        self.changed.send_modify(|count| *count += 1);
    }
}

impl Daemon {
    pub async fn start() -> Daemon {
        Daemon::start_with(Arc::default(), 0).await
    }

    async fn start_with(world: Arc<Mutex<World>>, port: u16) -> Daemon {
        let timing = Timing { keep_alive: Duration::from_millis(300), idle: Duration::from_millis(1500) };
        let config = Config { timing, ..Config::new(TRANSPORT, Bind::Loopback { port }) };
        let endpoint = bind(config).await;
        let shared = Shared { world: world.clone(), changed: watch::Sender::new(0) };
        let doors = Doors::open(&endpoint, Limits::default(), {
            let world = world.clone();
            move |peer| match peer.alpn {
                Alpn::Device => {
                    let key = PublicKey::<Transport>::from_bytes(peer.key.as_bytes()).unwrap();
                    let world = world.lock().unwrap();
                    !world.bundles.is_empty() && world.transport == Some(key.thumbprint())
                }
                Alpn::Pairing => true,
            }
        });
        let mut tasks = Vec::new();
        let routers =
            [(doors.device, routes::device(shared.clone())), (doors.pairing, routes::pairing(shared.clone()))];
        for (door, router) in routers {
            let service = router.into_make_service_with_connect_info::<Peer>();
            tasks.push(tokio::spawn(async move { axum::serve(door, service).await.unwrap() }));
        }
        Daemon { world, changed: shared.changed, endpoint, tasks }
    }

    /// Stops and starts on the same port, with what it remembers.
    pub async fn restart(self) -> Daemon {
        let (world, port) = self.stop().await;
        Daemon::start_with(world, port).await
    }

    pub async fn stop(self) -> (Arc<Mutex<World>>, u16) {
        let port = self.addr().direct[0].port();
        self.endpoint.close().await;
        for task in self.tasks {
            task.abort();
        }
        (self.world, port)
    }

    pub async fn start_again(world: Arc<Mutex<World>>, port: u16) -> Daemon {
        Daemon::start_with(world, port).await
    }

    pub fn addr(&self) -> Address {
        self.endpoint.loopback_addr()
    }

    pub fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    pub fn ticket(&self) -> String {
        let daemon = SecretKey::<Transport>::from_seed(&TRANSPORT).public();
        let direct = self.addr().direct;
        let ticket = Ticket::new(Intent::First, daemon, PairSecret::from_bytes(SECRET), None, direct).unwrap();
        ticket.to_text().to_string()
    }

    pub fn push(&self, event: InboxEvent) -> u64 {
        let seq = self.lock().push(event);
        self.changed.send_modify(|count| *count += 1);
        seq
    }

    /// Waits until the world is as wanted, at most ten seconds.
    pub async fn until(&self, what: &str, holds: impl Fn(&World) -> bool) {
        for _ in 0..1000 {
            if holds(&self.lock()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it never came to hold: {what}");
    }
}

/// The port of a daemon that has just stopped may be taken for another moment.
async fn bind(config: Config) -> Endpoint {
    for _ in 0..100 {
        if let Ok(endpoint) = Endpoint::bind(config.clone()).await {
            return endpoint;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Endpoint::bind(config).await.unwrap()
}

impl World {
    pub fn push(&mut self, event: InboxEvent) -> u64 {
        let seq = self.entries.len() as u64 + 1;
        self.entries.push(InboxEntry { seq, at: now(), event });
        seq
    }

    pub fn tdid(&self) -> Tdid {
        Tdid::from(Received::<Bundle>::parse(&self.bundles[0]).unwrap().hash())
    }

    pub fn admit(&mut self, joiner: &str) -> Hash {
        let init = Received::<PairInit>::parse(joiner).unwrap().open_own().unwrap();
        self.transport = Some(init.body().transport);
        self.joiner = Some(joiner.to_owned());
        init.hash()
    }

    pub fn log(&mut self, message: &str) {
        let leaf = message.split('~').next().unwrap();
        self.leaves.push(leaf.to_owned());
    }

    pub fn tree(&self) -> Tree<MemoryHashes> {
        let mut tree = Tree::new(MemoryHashes::default(), 0);
        let kept = if self.lie == Lie::Shrink { self.leaves.len() / 2 } else { self.leaves.len() };
        for (at, leaf) in self.leaves.iter().take(kept).enumerate() {
            let forked = self.lie == Lie::Fork && at == 1;
            tree.append(if forked { b"another" } else { leaf.as_bytes() }).unwrap();
        }
        tree
    }

    pub fn checkpoint(&self, head: TreeHead) -> String {
        let origin = format!("agenttrust/{}", self.tdid());
        let seed = if self.lie == Lie::ForeignLog { [7; 32] } else { LOG };
        let signer = Signer::new(origin.parse().unwrap(), SigningKey::from_bytes(&seed));
        Checkpoint::new(origin, head).unwrap().sign(&signer).unwrap().to_string()
    }

    pub fn decided(&self, at: usize) -> Received<Decision> {
        Received::parse(&self.decisions[at]).unwrap()
    }
}

pub fn log_key() -> PublicKey<Log> {
    SecretKey::from_seed(&LOG).public()
}

pub fn sign<M: Message>(key: &SecretKey<M::Signer>, tdid: Option<Tdid>, body: &M, content: &M::Content) -> String {
    let head = Head::new(&mut random, now(), tdid);
    Signed::sign(key, &head, body, content, &mut random).into_string()
}

pub fn hash<M: Message>(text: &str) -> Hash {
    Received::<M>::parse(text).unwrap().hash()
}

pub const NOTHING: Nothing = Nothing {};
