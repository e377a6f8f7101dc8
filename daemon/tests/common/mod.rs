//! A daemon in this process, an agent and a phone that speak to it over its real doors.
#![allow(dead_code, unused_imports, reason = "each test file uses its share")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod agent;
mod phone;

pub use agent::{Agent, arguments, hash_of};
pub use phone::{Joiner, Phone, address, call, endpoint};

use agenttrust_daemon::clock::Clock;
use agenttrust_daemon::config::Config;
use agenttrust_daemon::{Options, Running};
use agenttrust_protocol::Time;
use agenttrust_protocol::door::{JOSE, Reply};
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::UnixStream;

pub const JSON: &str = "application/json";

/// A running daemon and its folder, which outlives restarts.
pub struct House {
    pub folder: TempDir,
    pub clock: Clock,
    pub running: Option<Running>,
}

/// What a door answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.status, String::from_utf8_lossy(&self.body)))
    }

    pub fn reply(&self) -> Reply {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.body));
        self.json()
    }

    pub fn code(&self) -> String {
        let body: Value = self.json();
        body["code"].as_str().unwrap_or_else(|| panic!("no error: {body}")).to_owned()
    }
}

pub fn config() -> Config {
    let text = "[link]\nbind = \"127.0.0.1:0\"\n";
    Config::parse(text, Path::new("test.toml")).unwrap()
}

impl House {
    pub async fn start() -> House {
        House::start_with(config()).await
    }

    pub async fn start_with(config: Config) -> House {
        let mut house = House { folder: tempfile::tempdir().unwrap(), clock: Clock::default(), running: None };
        house.open_with(config).await;
        house
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub async fn open(&mut self) {
        self.open_with(config()).await;
    }

    async fn open_with(&mut self, config: Config) {
        let options = Options { clock: self.clock.clone(), ..Options::new(self.data(), config) };
        self.running = Some(agenttrust_daemon::start(options).await.unwrap());
    }

    pub async fn close(&mut self) {
        let running = self.running.take().unwrap();
        running.stop();
        running.ended().await;
    }

    pub fn now(&self) -> Time {
        self.clock.now()
    }

    pub fn agent_socket(&self) -> PathBuf {
        self.data().join("agent.sock")
    }

    pub fn host_socket(&self) -> PathBuf {
        self.data().join("host.sock")
    }

    pub async fn host(&self, method: Method, path: &str, body: Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        local(&self.host_socket(), method, path, JSON, body).await
    }

    /// A paired phone and an accepted agent in a session.
    pub async fn furnished() -> (House, Phone, Agent) {
        let house = House::start().await;
        let phone = Phone::found(&house).await;
        let agent = Agent::accepted(&house, &phone).await;
        (house, phone, agent)
    }
}

pub async fn local(socket: &Path, method: Method, path: &str, kind: &str, body: impl Into<Bytes>) -> Answer {
    let body: Bytes = body.into();
    let mut request = Request::builder().method(method).uri(path).header("host", "agenttrust");
    if !body.is_empty() {
        request = request.header("content-type", kind);
    }
    send(socket, request.body(Full::new(body)).unwrap()).await
}

pub async fn send(socket: &Path, request: Request<Full<Bytes>>) -> Answer {
    let stream = UnixStream::connect(socket).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let response = sender.send_request(request).await.unwrap();
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes().to_vec();
    Answer { status: head.status.as_u16(), headers: head.headers, body }
}

pub async fn post(socket: &Path, path: &str, message: &str) -> Answer {
    local(socket, Method::POST, path, JOSE, message.to_owned()).await
}

pub async fn get(socket: &Path, path: &str) -> Answer {
    local(socket, Method::GET, path, JSON, String::new()).await
}

pub fn random() -> impl FnMut(&mut [u8]) {
    |buffer: &mut [u8]| getrandom::fill(buffer).unwrap()
}

pub fn seed() -> [u8; 32] {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).unwrap();
    seed
}

/// Waits until `holds`, at most ten seconds.
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..500 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it never came to hold: {what}");
}
