//! The daemon comes, goes, is another one or of another version.

use super::window::{Home, Window, code, daemon, end_daemon, is_connected, is_unpaired, snapshot};
use agenttrust_device::console::{Call, DaemonView, News, Reply, Stage};
use agenttrust_tests::kit::{Daemon, Phone, host};
use serde_json::{Value, json};
use std::path::Path;

#[tokio::test(flavor = "multi_thread")]
async fn an_open_card_outlives_its_daemon() {
    let home = Home::new();
    let mut running = Daemon::start(home.data(), &[]);
    let mut window = Window::paired(home.data()).await;
    window.console.call(Call::TryOut).await.unwrap();
    window.accept_the_agent().await;
    let card = window.next_card().await;

    running.kill();
    window.until(|news| matches!(news, News::Daemon { daemon: DaemonView::Down }).then_some(())).await;
    let stage = window.until_stage(|stage| daemon(stage) == Some(&DaemonView::Down)).await;
    assert_eq!(snapshot(&stage).unwrap().cards.len(), 1, "the card is still there");

    assert_eq!(window.console.call(Call::StartDaemon).await, Ok(Reply::Ok));
    window.until_stage(is_connected).await;
    window.approve(&card).await.unwrap();
    let (ran, words) = window.tried_out().await;
    assert!(ran, "{words}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_daemon_is_noticed_at_once_paired_or_not() {
    let home = Home::new();
    let mut running = Daemon::start(home.data(), &[]);
    let window = Window::open(home.data());
    window.until_stage(|stage| daemon(stage) == Some(&DaemonView::Running { paired: false })).await;
    for kill in [false, true] {
        let begun = std::time::Instant::now();
        if kill {
            running.kill()
        } else {
            running.stop()
        }
        let down = |stage: &Stage| daemon(stage) == Some(&DaemonView::Down) && !is_connected(stage);
        window.until_stage(down).await;
        assert!(begun.elapsed() < std::time::Duration::from_secs(2), "{:?}", begun.elapsed());
        if !kill {
            running.restart();
            assert_eq!(window.pair_here().await, Ok(Reply::Ok));
            window.until_stage(is_connected).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_is_opened_starts_its_daemon() {
    let home = Home::new();
    let window = Window::paired(home.data()).await;
    window.console.close().await;
    end_daemon(home.data());

    let window = Window::open(home.data());
    let stage = window.until_stage(is_connected).await;
    assert_eq!(snapshot(&stage).unwrap().me.as_ref().unwrap().name, "Laptop");
    window.until_stage(|stage| daemon(stage) == Some(&DaemonView::Running { paired: true })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_comes_back_by_itself_is_noticed() {
    let home = Home::new();
    let mut running = Daemon::start(home.data(), &[]);
    let window = Window::paired(home.data()).await;
    running.kill();
    window.until_stage(|stage| daemon(stage) == Some(&DaemonView::Down)).await;
    running.restart();
    window.until_stage(|stage| is_connected(stage) && daemon(stage) != Some(&DaemonView::Down)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_daemon_in_the_same_place_is_not_talked_to() {
    let home = Home::new();
    let mut first = Daemon::start(home.data(), &[]);
    let window = Window::paired(home.data()).await;
    first.stop();
    window.until_stage(|stage| daemon(stage) == Some(&DaemonView::Down)).await;
    for name in ["agenttrust.db", "agenttrust.db-wal", "agenttrust.db-shm"] {
        // Not every one of them is there.
        let _moved = std::fs::rename(home.data().join(name), home.data().join(format!("old-{name}")));
    }
    let _other = Daemon::start(home.data(), &[]);
    let foreign = |stage: &Stage| matches!(daemon(stage), Some(DaemonView::Foreign { .. }));
    let stage = window.until_stage(foreign).await;
    let Some(DaemonView::Foreign { why }) = daemon(&stage) else { panic!("{stage:?}") };
    assert_eq!(why.code, "foreign_daemon");
    assert!(why.hint.is_some(), "there is a way out");
    assert!(!is_connected(&stage));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_with_devices_is_not_taken_over() {
    let home = Home::new();
    let running = Daemon::start(home.data(), &[]);
    let _phone = Phone::first(&running, &home.data().join("phone")).await;
    let window = Window::open(home.data());
    let stage = window.until_stage(is_unpaired).await;
    assert_eq!(daemon(&stage), Some(&DaemonView::Running { paired: true }));
    assert_eq!(code(window.pair_here().await), "conflict");
    window.until_stage(is_unpaired).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_of_another_version_is_seen_and_replaced() {
    let home = Home::new();
    let old = OldDaemon::start(home.data());
    let window = Window::open(home.data());
    let other = |stage: &Stage| matches!(daemon(stage), Some(DaemonView::OtherVersion { .. }));
    let stage = window.until_stage(other).await;
    let expected = DaemonView::OtherVersion { version: "0.0.9".to_owned(), older: true };
    assert_eq!(daemon(&stage), Some(&expected));
    assert_eq!(window.console.call(Call::StartDaemon).await, Ok(Reply::Ok));
    window.until_stage(|stage| daemon(stage) == Some(&DaemonView::Running { paired: false })).await;
    let (status, now) = host(home.data(), "GET", "/v1/status", "");
    assert_eq!((status, now["version"].as_str()), (200, Some(env!("CARGO_PKG_VERSION"))));
    old.ended.await.unwrap();
}

/// Says that it is of an earlier version, and goes when it is told to.
struct OldDaemon {
    ended: tokio::task::JoinHandle<()>,
}

impl OldDaemon {
    fn start(data: &Path) -> OldDaemon {
        // Whoever stops a daemon waits for its process to end.
        let mut process = tokio::process::Command::new("sleep").arg("60").kill_on_drop(true).spawn().unwrap();
        let status = json!({
            "version": "0.0.9", "pid": process.id(), "started": 1, "now": 1, "skew": null, "data": data,
            "tdid": null, "bundle": 0, "status_until": null, "admins": [], "devices": 0, "connected": 0,
            "local_only": true, "pending": 0, "log_size": 0, "paused": false,
        });
        let socket = data.join("host.sock");
        let listener = tokio::net::UnixListener::bind(&socket).unwrap();
        let (stop, stopped) = tokio::sync::mpsc::channel::<()>(1);
        let app = axum::Router::new()
            .route("/v1/status", axum::routing::get(|| async move { axum::Json(status) }))
            .route("/v1/stop", axum::routing::post(move || stopping(stop.clone())));
        let ended = tokio::spawn(async move {
            let mut stopped = stopped;
            let told = async move { stopped.recv().await.unwrap_or_default() };
            axum::serve(listener, app).with_graceful_shutdown(told).await.unwrap();
            process.kill().await.unwrap();
        });
        OldDaemon { ended }
    }
}

async fn stopping(stop: tokio::sync::mpsc::Sender<()>) -> axum::Json<Value> {
    stop.send(()).await.unwrap();
    axum::Json(json!({}))
}
