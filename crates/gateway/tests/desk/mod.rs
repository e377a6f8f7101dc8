//! A gateway between a client and a server that a test plays itself, with the stand-in daemon behind it.
#![allow(clippy::unwrap_used, dead_code, reason = "shared by several test files, each of which uses a part")]

#[path = "../../../../sdk/rust/tests/kit/mod.rs"]
pub mod kit;

use agenttrust_gate::{AgentKind, GateConfig, Time};
use agenttrust_gateway::Front;
use agenttrust_protocol::message::{RequestContent, Verdict as Word};
use kit::{World, person};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf, duplex, split};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The longest that anything may take.
const LIMIT: Duration = Duration::from_secs(10);

/// How long it is listened for what must not come.
const SILENCE: Duration = Duration::from_millis(150);

/// One end of a pair of streams.
pub struct Peer {
    lines: Lines<BufReader<ReadHalf<DuplexStream>>>,
    to: Option<WriteHalf<DuplexStream>>,
}

impl Peer {
    pub fn new(stream: DuplexStream) -> Peer {
        let (from, to) = split(stream);
        Peer { lines: BufReader::new(from).lines(), to: Some(to) }
    }

    pub async fn raw(&mut self, bytes: &[u8]) {
        self.to.as_mut().unwrap().write_all(bytes).await.unwrap();
    }

    pub async fn say(&mut self, message: &Value) {
        self.raw(format!("{message}\n").as_bytes()).await;
    }

    pub async fn line(&mut self) -> String {
        let line = tokio::time::timeout(LIMIT, self.lines.next_line()).await;
        line.expect("nothing came").unwrap().expect("the stream has ended")
    }

    pub async fn hear(&mut self) -> Value {
        serde_json::from_str(&self.line().await).unwrap()
    }

    /// Nothing comes.
    pub async fn silence(&mut self) {
        let line = tokio::time::timeout(SILENCE, self.lines.next_line()).await;
        assert!(line.is_err(), "{line:?}");
    }

    pub async fn is_over(&mut self) -> bool {
        tokio::time::timeout(LIMIT, self.lines.next_line()).await.unwrap().unwrap().is_none()
    }

    /// Says nothing more.
    pub async fn hang_up(&mut self) {
        self.to.take().unwrap().shutdown().await.unwrap();
    }
}

/// A client, a gateway and a server.
pub struct Desk {
    pub client: Peer,
    pub server: Peer,
    pub gateway: JoinHandle<Result<u8, String>>,
    pub stop: oneshot::Sender<()>,
}

pub fn config(world: &World) -> GateConfig {
    world.config().kind(AgentKind::Gateway).program("files /w")
}

impl Desk {
    pub fn new(world: &World) -> Desk {
        let (client, from_client) = duplex(1 << 20);
        let (server, from_server) = duplex(1 << 20);
        let (stop, stopped) = oneshot::channel();
        let front = {
            let (read, write) = split(from_server);
            Front::Streams(Box::new(read), Box::new(write))
        };
        let config = config(world);
        let gateway = tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            let life = Duration::from_secs(300);
            agenttrust_gateway::relay(config, "files", life, front, split(from_client), stopped).await
        });
        Desk { client: Peer::new(client), server: Peer::new(server), gateway, stop }
    }

    /// The client lists the server's tools.
    pub async fn list(&mut self, tools: &Value) {
        self.client.say(&json!({"jsonrpc": "2.0", "id": "list", "method": "tools/list"})).await;
        let id = self.server.hear().await["id"].clone();
        self.server.say(&json!({"jsonrpc": "2.0", "id": id, "result": {"tools": tools}})).await;
        assert_eq!(self.client.hear().await["result"]["tools"], *tools);
    }

    /// The gateway lists them, and the server answers so.
    pub async fn listed(&mut self, tools: &Value) -> Value {
        let asked = self.server.hear().await;
        assert_eq!(asked["method"], "tools/list", "{asked}");
        self.server.say(&json!({"jsonrpc": "2.0", "id": asked["id"], "result": {"tools": tools}})).await;
        asked
    }

    pub async fn call(&mut self, id: u64, arguments: &Value) {
        self.client.say(&call(id, arguments)).await;
    }

    /// The server has done as it was told.
    pub async fn done(&mut self, id: u64, text: &str) {
        let content = json!([{"type": "text", "text": text}]);
        self.server.say(&json!({"jsonrpc": "2.0", "id": id, "result": {"content": content}})).await;
    }
}

pub fn call(id: u64, arguments: &Value) -> Value {
    let params = json!({"name": "write", "arguments": arguments});
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params})
}

pub fn tools() -> Value {
    tools_that("write a file")
}

pub fn tools_that(description: &str) -> Value {
    let schema = json!({"type": "object", "properties": {"path": {"type": "string"}}});
    json!([{"name": "write", "title": "Write", "description": description, "inputSchema": schema}])
}

/// The texts of a result.
pub fn texts(message: &Value) -> Vec<&str> {
    message["result"]["content"].as_array().unwrap().iter().map(|block| block["text"].as_str().unwrap()).collect()
}

/// A person who denies everything with these words.
pub fn denies(world: &World, words: &'static str) {
    world.daemon.person(person(move |domain, request, now| {
        let denial = domain.decide(0, request, Word::Deny, now, |_, content| content.note = Some(words.to_owned()));
        ("denied", vec![denial])
    }));
}

/// A person who approves everything with other arguments.
pub fn edits(world: &World, arguments: &'static str) {
    world.daemon.person(person(move |domain, request, now| {
        let edit = domain.decide(0, request, Word::Modify, now, |_, content| {
            let value = agenttrust_protocol::json::parse(arguments.as_bytes(), agenttrust_protocol::json::Numbers::Any);
            content.arguments = Some(value.unwrap().as_object().unwrap().clone());
        });
        ("approved", vec![edit])
    }));
}

/// What was asked, as the daemon has it.
pub fn asked(world: &World) -> Vec<RequestContent> {
    world.daemon.state().requests.iter().map(|stored| stored.request.content().unwrap()).collect()
}

pub async fn ended(world: &World, states: &[&str]) {
    world
        .daemon
        .until(|state| {
            let now: Vec<&str> = state.requests.iter().map(|stored| stored.state.as_str()).collect();
            now == states
        })
        .await;
}

pub fn now(world: &World) -> Time {
    use agenttrust_gate::Clock;
    world.clock.now()
}
