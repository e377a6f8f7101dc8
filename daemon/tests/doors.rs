//! Who may come in, and what is refused before anything is read.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use agenttrust_link::{Alpn, Client, Options, State};
use agenttrust_protocol::door::{DaemonStatus, EndpointView, JOSE};
use agenttrust_protocol::key::SecretKey;
use common::{Agent, House, JSON, get, local, post, seed, send};
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use serde_json::json;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

#[tokio::test]
async fn without_a_device_everything_says_so() {
    let house = House::start().await;
    let key = SecretKey::from_seed(&seed());
    let socket = house.agent_socket();
    assert_eq!(post(&socket, "/v1/enroll", &Agent::enrolment(&house, &key)).await.code(), "unpaired");
    for path in ["/v1/trust", "/v1/log/checkpoint"] {
        let answer = get(&socket, path).await;
        assert_eq!((answer.status, answer.code().as_str()), (409, "unpaired"), "{path}");
    }
    let status: DaemonStatus = house.host(Method::GET, "/v1/status", json!(null)).await.json();
    assert_eq!((status.tdid, status.bundle, status.devices, status.pending), (None, 0, 0, 0));
    let endpoint: EndpointView = house.host(Method::GET, "/v1/endpoint", json!(null)).await.json();
    assert!(endpoint.addresses[0].starts_with("127.0.0.1:"));
}

#[tokio::test]
async fn browsers_are_refused_at_both_local_doors() {
    let house = House::start().await;
    for socket in [house.agent_socket(), house.host_socket()] {
        for (name, value) in [("origin", "http://localhost"), ("sec-fetch-site", "none"), ("Sec-Fetch-Mode", "cors")] {
            let request = Request::get("/v1/status").header("host", "localhost").header(name, value);
            let answer = send(&socket, request.body(Full::default()).unwrap()).await;
            assert_eq!((answer.status, answer.code().as_str()), (403, "browser_refused"), "{name}");
        }
    }
}

#[tokio::test]
async fn what_a_door_does_not_know_is_said_in_its_own_words() {
    let house = House::start().await;
    let socket = house.agent_socket();
    let cases = [
        (get(&socket, "/v1/nothing").await, 404, "not_found"),
        (get(&socket, "/v1/status").await, 404, "not_found"),
        (get(&socket, "/v1/sessions").await, 400, "bad_request"),
        (get(&socket, "/v1/trust?versoin=1").await, 400, "bad_request"),
        (get(&socket, "/v1/requests/short").await, 400, "bad_request"),
        (get(&socket, "/v1/log/tile/0/zero").await, 404, "not_found"),
        (local(&socket, Method::POST, "/v1/enroll", JSON, "{}").await, 400, "bad_request"),
        (local(&socket, Method::POST, "/v1/enroll", JOSE, "no message").await, 400, "bad_form"),
        (local(&socket, Method::POST, "/v1/enroll", JOSE, vec![0xff; 9]).await, 400, "bad_form"),
        (local(&socket, Method::POST, "/v1/enroll", JOSE, "x".repeat((1 << 20) + 1)).await, 413, "too_large"),
        (local(&socket, Method::POST, "/v1/enroll", JOSE, "x".repeat(1_200_000)).await, 413, "body_too_large"),
    ];
    for (answer, status, code) in cases {
        assert_eq!((answer.status, answer.code().as_str()), (status, code));
        assert!(answer.headers.contains_key("date"));
    }
}

#[tokio::test]
async fn a_body_that_does_not_say_its_length_is_bounded_too() {
    let house = House::start().await;
    let long: Vec<u8> = vec![b'x'; 2_000_000];
    let stream = tokio::net::UnixStream::connect(house.agent_socket()).await.unwrap();
    let io = hyper_util::rt::TokioIo::new(stream);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    tokio::spawn(connection);
    let request = Request::post("/v1/enroll").header("content-type", JOSE).header("transfer-encoding", "chunked");
    let answer = sender.send_request(request.body(Full::<hyper::body::Bytes>::from(long)).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 413);
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert!(String::from_utf8_lossy(&body).contains("body_too_large"));
}

#[tokio::test]
async fn the_date_is_the_daemons() {
    let house = House::start().await;
    house.clock.shift(-7200);
    let answer = house.host(Method::GET, "/v1/status", json!(null)).await;
    let date = httpdate::parse_http_date(answer.headers["date"].to_str().unwrap()).unwrap();
    let off = std::time::SystemTime::now().duration_since(date).unwrap().as_secs();
    assert!((7199..7210).contains(&off), "{off}");
}

/// The kernel's word is asked even where the file system would let another user in.
#[tokio::test(flavor = "multi_thread")]
async fn another_user_is_refused() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let house = House::start().await;
    for (path, mode) in [
        (house.folder.path().to_owned(), 0o755),
        (house.data(), 0o755),
        (house.agent_socket(), 0o666),
        (house.host_socket(), 0o666),
    ] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    for socket in [house.agent_socket(), house.host_socket()] {
        let output = Command::new("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--clear-groups", "curl", "-s", "-i", "--unix-socket"])
            .arg(&socket)
            .arg("http://daemon/v1/status")
            .output()
            .unwrap();
        let answer = String::from_utf8_lossy(&output.stdout);
        assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("peer_refused"), "{output:?}");
    }
}

#[tokio::test]
async fn an_unknown_device_and_a_pairing_without_ticket_are_refused_before_http() {
    let (house, _phone, _agent) = House::furnished().await;
    let view: EndpointView = house.host(Method::GET, "/v1/endpoint", json!(null)).await.json();
    let address = agenttrust_link::Address {
        key: agenttrust_link::EndpointKey::from_bytes(*view.endpoint.as_bytes()),
        direct: vec![view.addresses[0].parse().unwrap()],
        relay: None,
    };
    house.host(Method::DELETE, "/v1/pairings", json!(null)).await;
    for alpn in [Alpn::Device, Alpn::Pairing] {
        let endpoint = common::endpoint(seed()).await;
        let client = Client::connect(&endpoint, &address, alpn, Options::default()).unwrap();
        let mut state = client.state();
        let lost = state.wait_for(|state| matches!(state, State::Lost { .. })).await.unwrap().clone();
        let State::Lost { why, .. } = lost else { panic!() };
        assert_eq!(why.code(), "link_refused", "{alpn}");
    }
}
