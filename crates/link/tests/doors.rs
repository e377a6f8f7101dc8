//! Who gets in, and who is put out.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use std::{sync::atomic::Ordering, time::Duration};

use agenttrust_link::{Address, Alpn, DoorLimits, EndpointKey, Limits, State, Timing};
use common::{DEVICE, Device, SERVER, Server, eventually, request};
use iroh::{
    EndpointAddr, EndpointId, SecretKey,
    endpoint::{ConnectionError, presets},
};

const STRANGER: [u8; 32] = [66; 32];

async fn bare_endpoint() -> iroh::Endpoint {
    let builder = iroh::Endpoint::builder(presets::Minimal).secret_key(SecretKey::from_bytes(&STRANGER));
    builder.clear_ip_transports().bind_addr("127.0.0.1:0").unwrap().bind().await.unwrap()
}

fn bare_addr(addr: &Address) -> EndpointAddr {
    EndpointAddr::new(EndpointId::from_bytes(addr.key.as_bytes()).unwrap()).with_ip_addr(addr.direct[0])
}

#[tokio::test]
async fn a_stranger_is_refused_before_any_http() {
    let server = Server::start().await;
    let stranger = Device::connect(STRANGER, &server.addr(), Alpn::Device, Timing::default()).await;
    assert_eq!(stranger.get("/who").await.unwrap_err().code(), "link_refused");
    let State::Lost { why, .. } = stranger.until(|state| matches!(state, State::Lost { .. })).await else { panic!() };
    assert_eq!(why.code(), "link_refused");
    assert_eq!(server.reached.load(Ordering::SeqCst), 0);
    assert!(server.peers.connected().is_empty());
}

#[tokio::test]
async fn a_stranger_cannot_even_open_a_stream() {
    let server = Server::start().await;
    let stranger = bare_endpoint().await;
    let connection = stranger.connect(bare_addr(&server.addr()), b"agenttrust/1").await.unwrap();
    let Err(ConnectionError::ApplicationClosed(close)) = connection.open_bi().await else {
        panic!("the stranger may speak")
    };
    assert_eq!(close.error_code.into_inner(), 1);
    stranger.close().await;
}

#[tokio::test]
async fn the_admission_decides_about_pairing_too() {
    let server = Server::start().await;
    *server.pairing_open.lock().unwrap() = false;
    let newcomer = Device::connect(STRANGER, &server.addr(), Alpn::Pairing, Timing::default()).await;
    assert_eq!(newcomer.get("/who").await.unwrap_err().code(), "link_refused");
}

#[tokio::test]
async fn other_protocols_and_other_keys_fail_the_handshake() {
    let server = Server::start().await;
    let stranger = bare_endpoint().await;
    assert!(stranger.connect(bare_addr(&server.addr()), b"agenttrust/2").await.is_err());
    stranger.close().await;
    let impostor = Address { key: EndpointKey::of_secret(&[5; 32]), ..server.addr() };
    let device = Device::connect(DEVICE, &impostor, Alpn::Device, Timing::default()).await;
    let State::Lost { why, .. } = device.until(|state| matches!(state, State::Lost { .. })).await else { panic!() };
    assert_eq!(why.code(), "link_handshake");
}

#[tokio::test]
async fn an_endpoint_without_doors_answers_nobody() {
    let closed = common::endpoint(SERVER, 0, Timing::default()).await;
    let device = Device::connect(DEVICE, &closed.loopback_addr(), Alpn::Device, Timing::default()).await;
    let error = device.get_within("/who", Duration::from_millis(800)).await.unwrap_err();
    assert_eq!(error.code(), "link_unreachable");
}

#[tokio::test]
async fn without_room_for_a_handshake_a_caller_hears_nothing() {
    let server = Server::start_with(0, Timing::default(), Limits { handshakes: 0, ..Limits::default() }).await;
    let device = Device::to(&server).await;
    let error = device.get_within("/who", Duration::from_millis(800)).await.unwrap_err();
    assert_eq!(error.code(), "link_unreachable");
}

#[tokio::test]
async fn under_pressure_a_caller_proves_its_address_and_gets_in() {
    // One place: every caller finds it half taken, and is asked to come again with a token.
    let server = Server::start_with(0, Timing::default(), Limits { handshakes: 1, ..Limits::default() }).await;
    let device = Device::to(&server).await;
    device.get("/who").await.unwrap();
}

#[tokio::test]
async fn a_revoked_device_is_put_out_and_stays_out() {
    let server = Server::start().await;
    let device = Device::to(&server).await;
    let other = Device::connect([3; 32], &server.addr(), Alpn::Device, Timing::default()).await;
    other.until(|state| matches!(state, State::Lost { .. })).await;
    server.admitted.lock().unwrap().insert(other.endpoint.key());
    other.client.wake();
    other.until(|state| matches!(state, State::Connected { .. })).await;
    device.get("/who").await.unwrap();
    let client = device.client.clone();
    let call = agenttrust_link::Call::within(Duration::from_secs(10));
    let poll = tokio::spawn(async move { client.request(request("/wait/60000"), call).await });
    eventually(|| server.waiting.load(Ordering::SeqCst) == 1).await;

    let key = device.endpoint.key();
    server.admitted.lock().unwrap().remove(&key);
    assert_eq!(server.peers.disconnect(&key), 1);
    assert_eq!(poll.await.unwrap().unwrap_err().code(), "link_lost");
    device.until(|state| matches!(state, State::Lost { why, .. } if why.code() == "link_refused")).await;
    assert_eq!(device.get("/who").await.unwrap_err().code(), "link_refused");
    // Its handler is gone, and the other device never noticed.
    eventually(|| server.waiting.load(Ordering::SeqCst) == 0).await;
    other.get("/who").await.unwrap();
    assert_eq!(server.peers.connected().len(), 1);
}

fn narrow(connections: usize, per_peer: usize) -> Limits {
    Limits { device: DoorLimits { connections, per_peer, streams: 4, lifetime: None }, ..Limits::default() }
}

#[tokio::test]
async fn a_full_door_turns_the_next_one_away() {
    let server = Server::start_with(0, Timing::default(), narrow(1, 1)).await;
    let first = Device::to(&server).await;
    first.get("/who").await.unwrap();
    server.admitted.lock().unwrap().insert(EndpointKey::of_secret(&[3; 32]));
    let second = Device::connect([3; 32], &server.addr(), Alpn::Device, Timing::default()).await;
    assert_eq!(second.get("/who").await.unwrap_err().code(), "link_busy");
    first.get("/who").await.unwrap();
}

#[tokio::test]
async fn a_newer_connection_of_the_same_key_replaces_the_oldest() {
    let server = Server::start_with(0, Timing::default(), narrow(8, 1)).await;
    let old = Device::to(&server).await;
    old.get("/who").await.unwrap();
    let new = Device::to(&server).await;
    new.get("/who").await.unwrap();
    old.until(|state| matches!(state, State::Lost { why, .. } if why.code() == "link_busy")).await;
    assert_eq!(server.peers.connected().len(), 1);
}

#[tokio::test]
async fn calls_beyond_the_stream_limit_wait_their_turn() {
    let server = Server::start_with(0, Timing::default(), narrow(8, 1)).await;
    let device = Device::to(&server).await;
    let calls: Vec<_> = (0..12)
        .map(|_| {
            let client = device.client.clone();
            let call = agenttrust_link::Call::within(Duration::from_secs(10));
            tokio::spawn(async move { client.request(request("/wait/50"), call).await })
        })
        .collect();
    let mut most = 0;
    while !calls.iter().all(tokio::task::JoinHandle::is_finished) {
        most = most.max(server.waiting.load(Ordering::SeqCst));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert!((1..=4).contains(&most), "{most} at a time");
}

#[tokio::test]
async fn a_pairing_connection_ends_in_time() {
    let mut limits = Limits::default();
    limits.pairing.lifetime = Some(Duration::from_millis(300));
    let server = Server::start_with(0, Timing::default(), limits).await;
    let newcomer = Device::connect(STRANGER, &server.addr(), Alpn::Pairing, Timing::default()).await;
    newcomer.get("/who").await.unwrap();
    newcomer.until(|state| matches!(state, State::Lost { why, .. } if why.code() == "link_lost")).await;
}
