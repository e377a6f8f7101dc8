//! Requests and answers over an undisturbed line.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use std::{sync::atomic::Ordering, time::Duration};

use agenttrust_link::{Alpn, Call, EndpointKey, Route, State, Timing};
use bytes::Bytes;
use common::{DEVICE, Device, Server, eventually, request};
use http::{Request, StatusCode};

#[tokio::test]
async fn a_request_is_answered_and_the_server_knows_who_asked() {
    let server = Server::start().await;
    let device = Device::to(&server).await;
    let key = EndpointKey::of_secret(&DEVICE);
    assert_eq!(device.get("/who").await.unwrap(), format!("device agenttrust/1 {key}"));
    assert_eq!(device.client.state().borrow().clone(), State::Connected { route: Route::Direct });
    let answer = device.client.request(request("/nothing"), Call::within(Duration::from_secs(5))).await.unwrap();
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn each_protocol_reaches_its_own_router() {
    let server = Server::start().await;
    let newcomer = Device::connect([9; 32], &server.addr(), Alpn::Pairing, Timing::default()).await;
    let device = Device::to(&server).await;
    assert!(newcomer.get("/who").await.unwrap().starts_with("pairing agenttrust-pair/1 "));
    assert!(device.get("/who").await.unwrap().starts_with("device agenttrust/1 "));
    let alpns: Vec<_> = server.peers.connected().into_iter().map(|peer| peer.alpn).collect();
    // Which handshake ends first is nobody's to say.
    assert!(alpns.len() == 2 && alpns.contains(&Alpn::Pairing) && alpns.contains(&Alpn::Device), "{alpns:?}");
}

#[tokio::test]
async fn a_body_of_a_mebibyte_goes_there_and_back() {
    let server = Server::start().await;
    let device = Device::to(&server).await;
    let body: Bytes = (0..1 << 20).map(|n: u32| n.to_le_bytes()[1]).collect();
    let post = Request::post("/echo").body(body.clone()).unwrap();
    let answer = device.client.request(post, Call::within(Duration::from_secs(10))).await.unwrap();
    assert_eq!(answer.into_body(), body);
}

#[tokio::test]
async fn an_answer_over_the_limit_is_refused_and_the_line_goes_on() {
    let server = Server::start().await;
    let device = Device::to(&server).await;
    let call = Call::within(Duration::from_secs(5)).limit(1000);
    // With a length told beforehand, without one, and just fitting.
    for path in ["/long/1001", "/parts/300"] {
        let error = device.client.request(request(path), call).await.unwrap_err();
        assert_eq!(error.code(), "link_too_large", "{path}");
    }
    assert_eq!(device.client.request(request("/long/1000"), call).await.unwrap().body().len(), 1000);
    assert_eq!(server.peers.connected().len(), 1);
}

#[tokio::test]
async fn fifty_requests_at_a_time_share_one_connection() {
    let server = Server::start().await;
    let device = Device::to(&server).await;
    let calls = (0..50).map(|n| {
        let client = device.client.clone();
        tokio::spawn(async move {
            let post = Request::post("/echo").body(Bytes::from(format!("call {n}"))).unwrap();
            (n, client.request(post, Call::within(Duration::from_secs(10))).await.unwrap().into_body())
        })
    });
    for call in calls.collect::<Vec<_>>() {
        let (n, body) = call.await.unwrap();
        assert_eq!(body, format!("call {n}"));
    }
    assert_eq!(server.peers.connected().len(), 1);
}

#[tokio::test]
async fn a_long_poll_holds_nobody_up() {
    let server = Server::start().await;
    let device = Device::to(&server).await;
    let client = device.client.clone();
    let poll =
        tokio::spawn(async move { client.request(request("/wait/1500"), Call::within(Duration::from_secs(10))).await });
    eventually(|| server.waiting.load(Ordering::SeqCst) == 1).await;
    for _ in 0..20 {
        device.get("/who").await.unwrap();
    }
    assert!(!poll.is_finished(), "the short calls waited for the long one");
    assert_eq!(poll.await.unwrap().unwrap().into_body(), "waited");
}

#[tokio::test]
async fn a_call_given_up_ends_its_handler() {
    let server = Server::start().await;
    let device = Device::to(&server).await;
    let error = device.get_within("/wait/60000", Duration::from_millis(300)).await.unwrap_err();
    assert_eq!(error.code(), "link_timeout");
    eventually(|| server.waiting.load(Ordering::SeqCst) == 0).await;
    device.get("/who").await.unwrap();
    assert_eq!(server.peers.connected().len(), 1);
}

#[tokio::test]
async fn a_stream_arrives_in_pieces_while_other_calls_go_on() {
    let server = Server::start().await;
    let device = Device::to(&server).await;
    let answer = device.client.stream(request("/parts/40"), Duration::from_secs(5)).await.unwrap();
    let (mut body, mut text, mut chunks) = (answer.into_body(), Vec::new(), 0);
    while let Some(chunk) = body.chunk().await.unwrap() {
        text.extend_from_slice(&chunk);
        chunks += 1;
        if chunks == 3 {
            device.get("/who").await.unwrap();
        }
    }
    assert!(chunks > 3, "{chunks} chunks");
    assert_eq!(text.iter().filter(|byte| **byte == b'\n').count(), 40);
}

#[tokio::test]
async fn an_endpoint_on_all_interfaces_is_reached_over_loopback() {
    use agenttrust_link::{Bind, Config, Doors, Endpoint, Limits, Peer};
    let endpoint = Endpoint::bind(Config::new([7; 32], Bind::Everywhere { port: 0 })).await.unwrap();
    let doors = Doors::open(&endpoint, Limits::default(), |_| true);
    let router = axum::Router::new().route("/", axum::routing::get(|| async { "here" }));
    tokio::spawn(axum::serve(doors.device, router.into_make_service_with_connect_info::<Peer>()).into_future());
    let settled = endpoint.settled_addr(Duration::from_secs(5)).await;
    assert_eq!((settled.key, settled.relay), (endpoint.key(), None));
    let device = Device::connect(DEVICE, &endpoint.loopback_addr(), Alpn::Device, Timing::default()).await;
    assert_eq!(device.get("/").await.unwrap(), "here");
}
