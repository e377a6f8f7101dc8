//! A line that breaks, and comes back.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use std::time::{Duration, Instant};

use agenttrust_link::{Alpn, Call, Limits, State, Timing};
use common::{DEVICE, Device, Server, endpoint, quick, request};

#[tokio::test]
async fn the_client_comes_back_after_a_restart_of_the_server() {
    let server = Server::start().await;
    let (addr, port) = (server.addr(), server.port());
    let device = Device::connect(DEVICE, &addr, Alpn::Device, Timing::default()).await;
    device.get("/who").await.unwrap();
    server.stop().await;
    device.until(|state| matches!(state, State::Lost { why, .. } if why.code() == "link_lost")).await;

    let again = Server::start_with(port, Timing::default(), Limits::default()).await;
    let began = Instant::now();
    // The call waits for the new connection by itself.
    assert!(device.get("/who").await.unwrap().starts_with("device "));
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(again.peers.connected().len(), 1);
    assert!(matches!(*device.client.state().borrow(), State::Connected { .. }));
}

/// While it shuts down, a server turns new connections away; that must not count as a lasting no.
#[tokio::test]
async fn short_restarts_in_a_row_are_survived() {
    let mut server = Server::start().await;
    let (addr, port) = (server.addr(), server.port());
    let device = Device::connect(DEVICE, &addr, Alpn::Device, Timing::default()).await;
    for pause in [0, 150, 500, 1000] {
        device.get("/who").await.unwrap();
        server.stop().await;
        tokio::time::sleep(Duration::from_millis(pause)).await;
        server = Server::start_with(port, Timing::default(), Limits::default()).await;
    }
    device.get("/who").await.unwrap();
}

#[tokio::test]
async fn a_client_started_before_its_server_finds_it() {
    let reserved = endpoint(common::SERVER, 0, Timing::default()).await;
    let addr = reserved.loopback_addr();
    reserved.close().await;
    drop(reserved);
    let device = Device::connect(DEVICE, &addr, Alpn::Device, Timing::default()).await;
    let server = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(500)).await;
        Server::start_with(addr.direct[0].port(), Timing::default(), Limits::default()).await
    });
    assert!(device.get("/who").await.is_ok());
    server.await.unwrap().stop().await;
}

/// The server's whole runtime stands still: the socket is open and nobody answers.
#[tokio::test]
async fn a_silent_server_is_noticed_and_the_call_fails() {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let thread = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let server = Server::start_with(0, quick(), Limits::default()).await;
            sender.send(server.addr()).unwrap();
            tokio::time::sleep(Duration::from_secs(4)).await;
            server.stop().await;
        });
    });
    let device = Device::connect(DEVICE, &receiver.await.unwrap(), Alpn::Device, quick()).await;
    device.get("/who").await.unwrap();
    let began = Instant::now();
    let error = device.get_within("/freeze/4000", Duration::from_secs(30)).await.unwrap_err();
    assert_eq!(error.code(), "link_unreachable");
    assert!(began.elapsed() < Duration::from_millis(3500), "{:?}", began.elapsed());
    let state = device.client.state().borrow().clone();
    assert!(matches!(state, State::Lost { .. }), "{state:?}");
    thread.join().unwrap();
}

#[tokio::test]
async fn a_quiet_line_is_kept_alive() {
    let server = Server::start_with(0, quick(), Limits::default()).await;
    let device = Device::connect(DEVICE, &server.addr(), Alpn::Device, quick()).await;
    device.get("/who").await.unwrap();
    let mut state = device.client.state();
    state.mark_unchanged();
    assert!(tokio::time::timeout(Duration::from_secs(3), state.changed()).await.is_err(), "{:?}", *state.borrow());
}

#[tokio::test]
async fn a_closed_client_says_so_at_once() {
    let server = Server::start().await;
    let device = Device::to(&server).await;
    device.get("/who").await.unwrap();
    let client = device.client.clone();
    let poll =
        tokio::spawn(
            async move { client.request(request("/wait/60000"), Call::within(Duration::from_secs(30))).await },
        );
    tokio::time::sleep(Duration::from_millis(100)).await;
    device.client.close();
    assert_eq!(poll.await.unwrap().unwrap_err().code(), "link_closed");
    assert_eq!(device.get("/who").await.unwrap_err().code(), "link_closed");
    common::eventually(|| server.peers.connected().is_empty()).await;
}

#[tokio::test]
async fn a_dropped_client_leaves_no_connection() {
    let server = Server::start().await;
    let device = Device::to(&server).await;
    device.get("/who").await.unwrap();
    let endpoint = device.endpoint.clone();
    drop(device);
    common::eventually(|| server.peers.connected().is_empty()).await;
    endpoint.close().await;
}
