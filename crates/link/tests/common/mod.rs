//! A small server behind both doors, and a client for it.
#![allow(dead_code, reason = "each test file uses its share")]

use std::{
    collections::HashSet,
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use agenttrust_link::{
    Address, Alpn, Bind, Call, Client, Config, Doors, Endpoint, EndpointKey, Limits, LinkError, Options, Peer, Peers,
    State, Timing,
};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{ConnectInfo, Path},
    routing::{get, post},
};
use futures_core::Stream;
use http::Request;
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};

pub const SERVER: [u8; 32] = [1; 32];
pub const DEVICE: [u8; 32] = [2; 32];

pub fn quick() -> Timing {
    Timing { keep_alive: Duration::from_millis(300), idle: Duration::from_millis(1000) }
}

pub async fn endpoint(secret: [u8; 32], port: u16, timing: Timing) -> Endpoint {
    let config = || Config { timing, ..Config::new(secret, Bind::Loopback { port }) };
    for _ in 0..50 {
        // A port that was left a moment ago may be in the hands of another test for as long as that runs.
        if let Ok(endpoint) = Endpoint::bind(config()).await {
            return endpoint;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("port {port} stays taken");
}

/// A running server that counts what reaches its handlers.
pub struct Server {
    pub endpoint: Endpoint,
    pub peers: Peers,
    pub admitted: Arc<Mutex<HashSet<EndpointKey>>>,
    pub pairing_open: Arc<Mutex<bool>>,
    pub reached: Arc<AtomicUsize>,
    pub waiting: Arc<AtomicUsize>,
    tasks: Vec<JoinHandle<()>>,
}

impl Server {
    pub async fn start() -> Self {
        Self::start_with(0, Timing::default(), Limits::default()).await
    }

    pub async fn start_with(port: u16, timing: Timing, limits: Limits) -> Self {
        let endpoint = endpoint(SERVER, port, timing).await;
        let admitted = Arc::new(Mutex::new(HashSet::from([EndpointKey::of_secret(&DEVICE)])));
        let pairing_open = Arc::new(Mutex::new(true));
        let doors = Doors::open(&endpoint, limits, {
            let (admitted, pairing_open) = (admitted.clone(), pairing_open.clone());
            move |peer| match peer.alpn {
                Alpn::Device => admitted.lock().unwrap().contains(&peer.key),
                Alpn::Pairing => *pairing_open.lock().unwrap(),
            }
        });
        let (reached, waiting) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let device = device_router(reached.clone(), waiting.clone());
        let pairing = Router::new().route(
            "/who",
            get(|ConnectInfo(peer): ConnectInfo<Peer>| async move { format!("pairing {} {}", peer.alpn, peer.key) }),
        );
        let mut tasks = Vec::new();
        for (door, router) in [(doors.device, device), (doors.pairing, pairing)] {
            let service = router.into_make_service_with_connect_info::<Peer>();
            tasks.push(tokio::spawn(async move { axum::serve(door, service).await.unwrap() }));
        }
        Self { endpoint, peers: doors.peers, admitted, pairing_open, reached, waiting, tasks }
    }

    pub fn addr(&self) -> Address {
        self.endpoint.loopback_addr()
    }

    pub fn port(&self) -> u16 {
        self.addr().direct[0].port()
    }

    pub async fn stop(self) {
        self.endpoint.close().await;
        for task in self.tasks {
            task.abort();
        }
    }
}

fn device_router(reached: Arc<AtomicUsize>, waiting: Arc<AtomicUsize>) -> Router {
    let wait = move |Path(ms): Path<u64>| {
        let waiting = waiting.clone();
        async move {
            let _inside = Inside::enter(waiting);
            tokio::time::sleep(Duration::from_millis(ms)).await;
            "waited"
        }
    };
    let who = |ConnectInfo(peer): ConnectInfo<Peer>| async move { format!("device {} {}", peer.alpn, peer.key) };
    Router::new()
        .route("/who", get(who))
        .route("/echo", post(|body: Bytes| async move { body }))
        .route("/wait/{ms}", get(wait))
        .route("/long/{bytes}", get(|Path(bytes): Path<usize>| async move { vec![b'x'; bytes] }))
        .route("/parts/{count}", get(|Path(count): Path<usize>| async move { Body::from_stream(parts(count)) }))
        .route("/freeze/{ms}", get(|Path(ms): Path<u64>| async move { std::thread::sleep(Duration::from_millis(ms)) }))
        .layer(axum::middleware::map_request(move |request: axum::extract::Request| {
            reached.fetch_add(1, Ordering::SeqCst);
            async move { request }
        }))
}

/// Counts a handler as long as it lives.
struct Inside(Arc<AtomicUsize>);

impl Inside {
    fn enter(count: Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A body of `count` lines, 5 ms apart, without a length told beforehand.
fn parts(count: usize) -> Parts {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        for number in 0..count {
            if sender.send(Bytes::from(format!("line {number}\n"))).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    Parts(receiver)
}

struct Parts(mpsc::Receiver<Bytes>);

impl Stream for Parts {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx).map(|bytes| bytes.map(Ok))
    }
}

/// A client with a key of its own; the endpoint lives as long as it does.
pub struct Device {
    pub endpoint: Endpoint,
    pub client: Client,
}

impl Device {
    pub async fn connect(secret: [u8; 32], target: &Address, alpn: Alpn, timing: Timing) -> Self {
        let endpoint = endpoint(secret, 0, timing).await;
        let client = Client::connect(&endpoint, target, alpn, Options::default()).unwrap();
        Self { endpoint, client }
    }

    pub async fn to(server: &Server) -> Self {
        Self::connect(DEVICE, &server.addr(), Alpn::Device, Timing::default()).await
    }

    pub async fn get(&self, path: &str) -> Result<String, LinkError> {
        self.get_within(path, Duration::from_secs(10)).await
    }

    pub async fn get_within(&self, path: &str, time: Duration) -> Result<String, LinkError> {
        let answer = self.client.request(request(path), Call::within(time)).await?;
        Ok(String::from_utf8(answer.into_body().to_vec()).unwrap())
    }

    pub async fn until(&self, wanted: impl Fn(&State) -> bool) -> State {
        let mut state = self.client.state();
        timeout(Duration::from_secs(20), state.wait_for(wanted)).await.expect("the state never came").unwrap().clone()
    }
}

pub fn request(path: &str) -> Request<bytes::Bytes> {
    Request::get(path).body(bytes::Bytes::new()).unwrap()
}

/// Waits until `holds`, at most five seconds.
pub async fn eventually(holds: impl Fn() -> bool) {
    for _ in 0..500 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never came to hold");
}
