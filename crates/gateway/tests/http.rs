//! Streamable HTTP on both sides, and the bridge to it from streams.
#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

mod desk;
#[path = "desk/web.rs"]
mod web;

use agenttrust_gateway::{Front, Upstream};
use desk::kit::World;
use desk::{Peer, call, config, denies, edits, ended, texts, tools};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{duplex, split};
use tokio::net::TcpListener;
use web::{Browser, Heard, Web};

const LIFE: Duration = Duration::from_secs(300);

/// A gateway with a listener in front of the test's server.
struct Listening {
    world: World,
    web: Web,
    browser: Browser,
}

fn upstream(address: SocketAddr) -> Upstream {
    let secret = [("Authorization".to_owned(), "Bearer secret".to_owned())];
    Upstream::new(&format!("http://{address}/v1/mcp?key=1"), &secret).unwrap()
}

async fn listening() -> Listening {
    let (world, web) = (World::new().await, Web::new().await);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let browser = Browser::new(listener.local_addr().unwrap());
    let (config, upstream) = (config(&world), upstream(web.address));
    tokio::spawn(async move {
        agenttrust_gateway::listen(config, "files", LIFE, upstream, listener, std::future::pending()).await
    });
    Listening { world, web, browser }
}

impl Listening {
    /// A client posts this, and the server is the one to go on.
    fn post(
        &self,
        headers: &'static [(&'static str, &'static str)],
        message: Value,
    ) -> tokio::task::JoinHandle<web::Got> {
        let browser = self.browser.clone();
        tokio::spawn(async move { browser.post(headers, &message).await })
    }

    async fn list(&mut self) {
        let asked = self.post(&[], json!({"jsonrpc": "2.0", "id": 0, "method": "tools/list"}));
        self.web.hear().await.result(&json!({ "tools": tools() }));
        assert_eq!(asked.await.unwrap().json().await["result"]["tools"], tools());
    }
}

fn done(heard: Heard, text: &str) {
    heard.result(&json!({"content": [{"type": "text", "text": text}]}));
}

#[tokio::test]
async fn requests_pass_with_their_headers_and_the_servers_own() {
    let mut at = listening().await;
    let headers = &[
        ("mcp-session-id", "s1"),
        ("mcp-protocol-version", "2025-11-25"),
        ("authorization", "Bearer of the client"),
        ("accept-encoding", "gzip"),
        ("connection", "x-hop"),
        ("x-hop", "1"),
    ];
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"n": 1.0}});
    let asked = at.post(headers, message.clone());
    let heard = at.web.hear().await;
    assert_eq!((heard.method.as_str(), heard.uri.as_str()), ("POST", "/v1/mcp?key=1"));
    assert_eq!(heard.body, message.to_string().as_bytes());
    assert_eq!(heard.header("authorization"), Some("Bearer secret"));
    assert_eq!((heard.header("mcp-session-id"), heard.header("content-type")), (Some("s1"), Some("application/json")));
    assert_eq!((heard.header("x-hop"), heard.header("accept-encoding"), heard.header("origin")), (None, None, None));
    let body = r#"{"jsonrpc":"2.0", "id":1,"result":{"n":1.0}}"#;
    heard.answer(200, &[("content-type", "application/json"), ("mcp-session-id", "s2"), ("keep-alive", "1")], body);
    let got = asked.await.unwrap();
    assert_eq!((got.status, got.headers.get("mcp-session-id").unwrap().to_str().unwrap()), (200, "s2"));
    assert!(got.headers.get("keep-alive").is_none());
    assert_eq!(got.text().await, body);
}

#[tokio::test]
async fn who_does_not_come_from_here_or_writes_otherwise_is_turned_away() {
    let mut at = listening().await;
    let ping = br#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let json = ("content-type", "application/json");
    let batch: &[u8] = b"[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\"}]";
    let lone = br#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"write"}}"#;
    let own = at.browser.address.to_string();
    for (method, headers, body, status) in [
        ("POST", vec![json, ("host", "evil.example")], &ping[..], 403),
        ("GET", vec![("host", "evil.example")], b"", 403),
        ("POST", vec![json, ("host", &own), ("origin", "https://evil.example")], ping, 403),
        ("POST", vec![("content-type", "application/json; charset=utf-7")], ping, 415),
        ("POST", vec![("content-type", "text/plain")], ping, 415),
        ("POST", vec![json, ("content-encoding", "gzip")], ping, 415),
        ("POST", vec![json], batch, 400),
        ("POST", vec![json], lone, 400),
        ("POST", vec![json], b"{", 400),
        ("POST", vec![json, ("mcp-method", "tools/call")], ping, 400),
        ("PUT", vec![json], ping, 405),
        ("GET", vec![json], ping, 400),
    ] {
        let got = at.browser.send(method, &headers, body).await;
        assert_eq!(got.status, status, "{method} {headers:?}");
        assert!(got.json().await["error"]["message"].as_str().unwrap().starts_with("AgentTrust: "));
    }
    at.web.silence().await;
    assert!(at.world.daemon.state().requests.is_empty());
}

#[tokio::test]
async fn a_call_is_asked_about_and_then_sent_or_refused() {
    let mut at = listening().await;
    at.list().await;
    let asked = at.post(&[], call(7, &json!({"path": "a"})));
    let heard = at.web.hear().await;
    assert_eq!(heard.json()["params"]["arguments"], json!({"path": "a"}));
    done(heard, "written");
    assert_eq!(texts(&asked.await.unwrap().json().await), ["written"]);
    ended(&at.world, &["executed"]).await;
    denies(&at.world, "No.");
    let refused = at.post(&[], call(8, &json!({"path": "b"}))).await.unwrap().json().await;
    assert_eq!((&refused["id"], &refused["result"]["isError"]), (&json!(8), &json!(true)));
    at.web.silence().await;
}

#[tokio::test]
async fn headers_repeat_what_was_signed_and_not_what_the_client_wrote() {
    let mut at = listening().await;
    edits(&at.world, r#"{"path":"signed"}"#);
    let mut message = call(1, &json!({"path": "asked"}));
    message["params"]["_meta"] = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28"});
    let headers = &[
        ("mcp-method", "tools/call"),
        ("mcp-name", "read"),
        ("mcp-param-path", "asked"),
        ("mcp-param-other", "smuggled"),
        ("mcp-protocol-version", "2026-07-28"),
    ];
    let asked = at.post(headers, message);
    // The tool was not listed: the gateway lists it in the way the call was made.
    let listing = at.web.hear().await;
    assert_eq!((listing.header("mcp-method"), listing.header("mcp-name")), (Some("tools/list"), None));
    assert_eq!(listing.json()["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
    let mut tools = tools();
    tools[0]["inputSchema"]["properties"]["path"]["x-mcp-header"] = json!("Path");
    listing.result(&json!({"resultType": "complete", "tools": tools}));
    let heard = at.web.hear().await;
    let repeated = ["mcp-method", "mcp-name", "mcp-param-path", "mcp-param-other"].map(|name| heard.header(name));
    assert_eq!(repeated, [Some("tools/call"), Some("write"), Some("signed"), None]);
    assert_eq!(heard.json()["params"]["arguments"], json!({"path": "signed"}));
    done(heard, "written");
    let told = asked.await.unwrap().json().await;
    assert!(texts(&told)[0].starts_with("AgentTrust: the person changed"), "{told}");
}

#[tokio::test]
async fn who_waits_long_sees_signs_of_life_and_then_the_answer() {
    let mut at = listening().await;
    at.list().await;
    at.world.daemon.nobody();
    let mut message = call(1, &json!({}));
    message["params"]["_meta"] = json!({"progressToken": 5});
    let mut got = at.post(&[], message).await.unwrap();
    assert_eq!(got.headers["content-type"], "text/event-stream");
    assert!(got.until("notifications/progress").await.contains("Waiting for your approval on "));
    at.world.daemon.answer_all();
    done(at.web.hear().await, "written");
    let text = got.text().await;
    let last = text.trim_end().rsplit("data: ").next().unwrap();
    assert_eq!(texts(&serde_json::from_str(last).unwrap()), ["written"]);
}

#[tokio::test]
async fn a_client_that_hangs_up_withdraws_its_call() {
    let mut at = listening().await;
    at.list().await;
    at.world.daemon.nobody();
    // Before the answer has begun, and after.
    let early = at.post(&[], call(1, &json!({"path": "early"})));
    ended(&at.world, &["pending"]).await;
    early.abort();
    ended(&at.world, &["cancelled"]).await;
    let mut late = at.post(&[], call(2, &json!({"path": "late"}))).await.unwrap();
    late.until("waiting").await;
    drop(late);
    ended(&at.world, &["cancelled", "cancelled"]).await;
    at.web.silence().await;
}

#[tokio::test]
async fn a_cancelled_call_is_withdrawn() {
    for headers in [&[][..], &[("mcp-session-id", "s1")]] {
        let mut at = listening().await;
        at.list().await;
        at.world.daemon.nobody();
        let waiting = at.post(headers, call(1, &json!({})));
        if !headers.is_empty() {
            at.web.hear().await.result(&json!({"tools": tools()}));
        }
        ended(&at.world, &["pending"]).await;
        let cancelled = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}});
        assert_eq!(at.post(headers, cancelled).await.unwrap().status, 202);
        ended(&at.world, &["cancelled"]).await;
        assert!(!waiting.await.unwrap().text().await.contains("result"));
        at.web.silence().await;
    }
}

#[tokio::test]
async fn streams_pass_as_they_come_and_answer_only_what_was_asked() {
    let mut at = listening().await;
    let asked = at.post(&[], json!({"jsonrpc": "2.0", "id": 1, "method": "prompts/get"}));
    let stream = at.web.hear().await.stream();
    let note = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"x":1e400}}"#;
    stream.send(format!(": hello\nid: 7\ndata: {note}\n\n")).unwrap();
    let mut got = asked.await.unwrap();
    assert_eq!(got.until("\n\n").await, format!(": hello\nid: 7\ndata: {note}\n\n"));
    stream.send("data: {\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"for\":\"another\"}}\n\n".to_owned()).unwrap();
    stream.send("event: message\ndata: {\"jsonrpc\":\"2.0\",\ndata: \"id\":1,\"result\":{}}\n\n".to_owned()).unwrap();
    drop(stream);
    let text = got.text().await;
    assert!(text.ends_with("event: message\ndata: {\"jsonrpc\":\"2.0\",\ndata: \"id\":1,\"result\":{}}\n\n"), "{text}");
    assert!(!text.contains("another"), "{text}");
}

#[tokio::test]
async fn on_a_stream_of_its_own_a_server_cannot_answer_for_the_person() {
    let mut at = listening().await;
    let session = &[("mcp-session-id", "s1")];
    at.world.daemon.nobody();
    let waiting = at.post(session, call(7, &json!({})));
    at.web.hear().await.result(&json!({"tools": tools()}));
    ended(&at.world, &["pending"]).await;
    let browser = at.browser.clone();
    let getting = tokio::spawn(async move {
        browser
            .send("GET", &[("mcp-session-id", "s1"), ("last-event-id", "4"), ("accept", "text/event-stream")], b"")
            .await
    });
    let heard = at.web.hear().await;
    assert_eq!((heard.method.as_str(), heard.header("last-event-id")), ("GET", Some("4")));
    let stream = heard.stream();
    stream.send("data: {\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"content\":[]}}\n\n".to_owned()).unwrap();
    stream.send("data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\"}\n\n".to_owned()).unwrap();
    let mut got = getting.await.unwrap();
    assert!(!got.until("notifications/x").await.contains("result"));
    at.world.daemon.answer_all();
    done(at.web.hear().await, "written");
    assert!(waiting.await.unwrap().text().await.contains("written"));
}

#[tokio::test]
async fn a_call_whose_stream_broke_is_answered_on_the_next_one() {
    let mut at = listening().await;
    let session = &[("mcp-session-id", "s1")];
    let asked = at.post(session, call(7, &json!({})));
    at.web.hear().await.result(&json!({"tools": tools()}));
    let stream = at.web.hear().await.stream();
    stream.send("id: 1\ndata: \n\n".to_owned()).unwrap();
    drop(stream);
    assert_eq!(asked.await.unwrap().text().await, "id: 1\ndata: \n\n");
    let browser = at.browser.clone();
    let getting =
        tokio::spawn(
            async move { browser.send("GET", &[("mcp-session-id", "s1"), ("last-event-id", "1")], b"").await },
        );
    let stream = at.web.hear().await.stream();
    let answer = json!({"jsonrpc": "2.0", "id": 7, "result": {"content": []}});
    stream.send(format!("data: {answer}\n\n")).unwrap();
    getting.await.unwrap().until("result").await;
    ended(&at.world, &["executed"]).await;
}

#[tokio::test]
async fn a_server_that_fails_or_sends_clients_past_the_gateway_is_no_way_around_it() {
    let mut at = listening().await;
    at.list().await;
    let ping = || json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
    let asked = at.post(&[], ping());
    at.web.hear().await.answer(307, &[("location", "http://127.0.0.1:1/elsewhere")], "");
    let got = asked.await.unwrap();
    assert_eq!((got.status, got.headers.get("location")), (502, None));
    let asked = at.post(&[], ping());
    at.web.hear().await.answer(401, &[("www-authenticate", "Bearer")], "who?");
    let got = asked.await.unwrap();
    assert_eq!((got.status, got.text().await.as_str()), (401, "who?"));
    let asked = at.post(&[], call(2, &json!({})));
    at.web.hear().await.answer(500, &[], "broken");
    assert_eq!(asked.await.unwrap().status, 500);
    ended(&at.world, &["failed"]).await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_said_to_be_so() {
    let world = World::new().await;
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let browser = Browser::new(listener.local_addr().unwrap());
    let (config, upstream) = (config(&world), upstream(nobody));
    tokio::spawn(async move {
        agenttrust_gateway::listen(config, "files", LIFE, upstream, listener, std::future::pending()).await
    });
    let got = browser.post(&[], &json!({"jsonrpc": "2.0", "id": 1, "method": "ping"})).await;
    assert_eq!(got.status, 502);
    assert!(texts(&browser.post(&[], &call(2, &json!({}))).await.json().await)[0].contains("did not list its tools"));
}

/// A client on streams, and a server behind a URL.
struct Bridged {
    world: World,
    web: Web,
    client: Peer,
    gateway: tokio::task::JoinHandle<Result<u8, String>>,
}

async fn bridged() -> Bridged {
    let (world, web) = (World::new().await, Web::new().await);
    let (client, from_client) = duplex(1 << 20);
    let (config, front) = (config(&world), Front::Url(Box::new(upstream(web.address))));
    let gateway = tokio::spawn(async move {
        agenttrust_gateway::relay(config, "files", LIFE, front, split(from_client), std::future::pending()).await
    });
    Bridged { world, web, client: Peer::new(client), gateway }
}

#[tokio::test]
async fn streams_are_bridged_to_http_with_a_session() {
    let mut at = bridged().await;
    at.client.say(&json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {}})).await;
    at.client.say(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
    let first = at.web.hear().await;
    assert_eq!((first.header("mcp-session-id"), first.header("authorization")), (None, Some("Bearer secret")));
    let hello = json!({"jsonrpc": "2.0", "id": 0, "result": {"protocolVersion": "2025-11-25"}}).to_string();
    first.answer(200, &[("content-type", "application/json"), ("mcp-session-id", "s1")], &hello);
    assert_eq!(at.client.hear().await["result"]["protocolVersion"], "2025-11-25");
    let second = at.web.hear().await;
    assert_eq!(second.json()["method"], "notifications/initialized");
    let told = ["mcp-session-id", "mcp-protocol-version", "mcp-method"].map(|name| second.header(name));
    assert_eq!(told, [Some("s1"), Some("2025-11-25"), None]);
    second.answer(202, &[], "");
    // The server may now say something by itself.
    let listening = at.web.hear().await;
    assert_eq!((listening.method.as_str(), listening.header("mcp-session-id")), ("GET", Some("s1")));
    let own = listening.stream();
    own.send("data: {\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"roots/list\"}\n\n".to_owned()).unwrap();
    assert_eq!(at.client.hear().await["method"], "roots/list");

    at.client.say(&call(2, &json!({"path": "a"}))).await;
    at.web.hear().await.result(&json!({"tools": tools()}));
    let stream = at.web.hear().await.stream();
    stream
        .send("data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\"}\n\nid: 9\nretry: 10\ndata: \n\n".to_owned())
        .unwrap();
    drop(stream);
    assert_eq!(at.client.hear().await["method"], "notifications/x");
    let again = at.web.hear().await;
    assert_eq!((again.method.as_str(), again.header("last-event-id")), ("GET", Some("9")));
    let stream = again.stream();
    let answer = json!({"jsonrpc": "2.0", "id": 2, "result": {"content": []}});
    stream.send(format!("data: {answer}\n\n")).unwrap();
    assert_eq!(at.client.hear().await, answer);
    ended(&at.world, &["executed"]).await;
    at.client.hang_up().await;
    let leaving = at.web.hear().await;
    assert_eq!((leaving.method.as_str(), leaving.header("mcp-session-id")), ("DELETE", Some("s1")));
    leaving.answer(200, &[], "");
    assert_eq!(at.gateway.await.unwrap(), Ok(0));
}

#[tokio::test]
async fn the_stateless_era_is_bridged_with_what_http_repeats() {
    let mut at = bridged().await;
    let era = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28"});
    let request = |id: u64, method: &str, params: Value| {
        let mut params = params;
        params["_meta"] = era.clone();
        json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
    };
    let repeated = |heard: &Heard| {
        let names = ["mcp-protocol-version", "mcp-method", "mcp-name", "mcp-param-path"];
        names.map(|name| heard.header(name).unwrap_or("-").to_owned())
    };
    at.client.say(&request(1, "resources/read", json!({"uri": "file:///é"}))).await;
    let heard = at.web.hear().await;
    assert_eq!(repeated(&heard), ["2026-07-28", "resources/read", "=?base64?ZmlsZTovLy/DqQ==?=", "-"]);
    heard.result(&json!({"contents": []}));
    at.client.hear().await;
    at.client.say(&request(2, "tools/call", json!({"name": "write", "arguments": {"path": "a"}}))).await;
    let heard = at.web.hear().await;
    assert_eq!(repeated(&heard), ["2026-07-28", "tools/list", "-", "-"]);
    let mut tools = tools();
    tools[0]["inputSchema"]["properties"]["path"]["x-mcp-header"] = json!("Path");
    heard.result(&json!({"tools": tools}));
    let heard = at.web.hear().await;
    assert_eq!(repeated(&heard), ["2026-07-28", "tools/call", "write", "a"]);
    done(heard, "written");
    assert_eq!(texts(&at.client.hear().await), ["written"]);
    at.client.say(&request(4, "subscriptions/listen", json!({}))).await;
    let heard = at.web.hear().await;
    at.client.say(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 4}})).await;
    heard.gone().await;
    at.client.say(&request(3, "ping", json!({}))).await;
    at.web.hear().await.answer(401, &[], "");
    let error = at.client.hear().await;
    assert!(error["error"]["message"].as_str().unwrap().contains("--header-env"), "{error}");
}
