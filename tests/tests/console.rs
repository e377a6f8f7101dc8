//! A console with the real daemon behind it: from an empty folder to a running device, and everything that may come
//! between.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

use agenttrust_device::console::{
    Answer, Call, Client, Console, DaemonView, KeyPlace, News, NewsFeed, Reply, Settings, Shell, Stage, Target, Theme,
};
use agenttrust_device::{CardView, Command, Config, Connection, Done, Event, Place, Snapshot};
use agenttrust_link::Timing;
use agenttrust_protocol::Hash;
use agenttrust_protocol::door::ErrorBody;
use agenttrust_protocol::message::Uv;
use agenttrust_tests::kit::{Daemon, Phone, World, host, program};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::timeout;

/// How long something may take to happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the person in front of the shell chooses, and what the system was told.
#[derive(Clone, Default)]
struct Desktop {
    chosen: Arc<Mutex<Option<PathBuf>>>,
    autostart: Arc<Mutex<Option<bool>>>,
    refuses: bool,
}

impl Shell for Desktop {
    fn choose_folder(&self) -> Answer<Option<PathBuf>> {
        let chosen = self.chosen.lock().unwrap().clone();
        Box::pin(async move { chosen })
    }

    fn choose_file(&self, name: &str) -> Answer<Option<PathBuf>> {
        let chosen = self.chosen.lock().unwrap().as_ref().map(|folder| folder.join(name));
        Box::pin(async move { chosen })
    }

    fn set_autostart(&self, on: bool) -> Result<(), String> {
        if self.refuses {
            return Err("not on this system".to_owned());
        }
        *self.autostart.lock().unwrap() = Some(on);
        Ok(())
    }
}

/// A data folder whose daemon may be reached over loopback alone; a daemon that was started in it ends with it.
struct Home(TempDir);

impl Home {
    fn new() -> Home {
        let ours = std::fs::Permissions::from_mode(0o700);
        let folder = tempfile::Builder::new().prefix("agenttrust-").permissions(ours).tempdir().unwrap();
        std::fs::write(folder.path().join("config.toml"), "[link]\nbind = \"127.0.0.1:0\"\n").unwrap();
        Home(folder)
    }

    fn data(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        end_daemon(self.data());
    }
}

fn end_daemon(data: &Path) {
    let mut down = std::process::Command::new(program("agenttrust"));
    // There may be none.
    let _ended = down.arg("--data").arg(data).args(["--json", "down"]).output();
}

/// A console and someone who hears its news.
struct Window {
    console: Console,
    news: NewsFeed,
    desktop: Desktop,
}

impl Window {
    fn open(data: &Path) -> Window {
        Window::open_on(data, Desktop::default())
    }

    fn open_on(data: &Path, desktop: Desktop) -> Window {
        let place = Place::find(Some(data), |_| None).unwrap();
        let programs = program("agenttrust").parent().unwrap().to_owned();
        // A daemon that was killed is missed within seconds.
        let timing = Timing { keep_alive: Duration::from_millis(500), idle: Duration::from_secs(3) };
        let config = Config { timing, ..Phone::config() };
        let console = Console::start(place, Some(&programs), config, Box::new(desktop.clone()));
        let news = console.news();
        Window { console, news, desktop }
    }

    /// The same folder with a device that is paired with this daemon.
    async fn paired(data: &Path) -> Window {
        let window = Window::open(data);
        window.until_stage(|stage| matches!(stage, Stage::Unpaired { .. })).await;
        assert_eq!(window.pair_here().await, Ok(Reply::Ok));
        window.until_stage(is_connected).await;
        window
    }

    async fn pair_here(&self) -> Result<Reply, ErrorBody> {
        let (name, owner) = ("Laptop".to_owned(), "owner".to_owned());
        self.console.call(Call::PairHere { name, owner, keys: KeyPlace::File }).await
    }

    async fn join(&self, ticket: &str) -> Result<Reply, ErrorBody> {
        let (ticket, name) = (ticket.to_owned(), "Laptop".to_owned());
        self.console.call(Call::Join { ticket, name, keys: KeyPlace::File }).await
    }

    async fn device(&self, command: Command) -> Result<Done, ErrorBody> {
        match self.console.call(Call::Device { command }).await? {
            Reply::Device { done } => Ok(*done),
            other => panic!("not a device's answer: {other:?}"),
        }
    }

    async fn approve(&self, card: &CardView) -> Result<Done, ErrorBody> {
        let (card, shown) = (card.id, card.shown);
        let (edit, note) = (None, None);
        self.device(Command::Approve { card, shown, edit, note, uv: Uv::Presence, unfolded: true }).await
    }

    /// The first news that `find` takes.
    async fn until<T>(&mut self, mut find: impl FnMut(News) -> Option<T>) -> T {
        let found = timeout(PATIENCE, async {
            loop {
                if let Some(found) = find(self.news.next().await.expect("the console runs")) {
                    return found;
                }
            }
        });
        found.await.expect("it is told in time")
    }

    /// Waits until things stand like this; events alone change a running device.
    async fn until_stage(&self, is_it: impl Fn(&Stage) -> bool) -> Stage {
        let reached = timeout(PATIENCE, async {
            loop {
                let stage = self.console.stage();
                if is_it(&stage) {
                    return stage;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        reached.await.unwrap_or_else(|_| panic!("it stays {:?}", self.console.stage()))
    }

    async fn accept_the_agent(&mut self) {
        let enroll = self.until(|news| event(news).and_then(agent_asked)).await;
        assert_eq!(self.device(Command::AcceptAgent { enroll, name: None }).await, Ok(Done::Ok));
    }

    async fn next_card(&mut self) -> CardView {
        self.until(|news| match event(news) {
            Some(Event::CardAdded { card }) => Some(*card),
            _ => None,
        })
        .await
    }

    async fn tried_out(&mut self) -> (bool, String) {
        self.until(|news| match news {
            News::TriedOut { ran, words } => Some((ran, words)),
            _ => None,
        })
        .await
    }
}

fn event(news: News) -> Option<Event> {
    match news {
        News::Device { event } => Some(*event),
        _ => None,
    }
}

fn agent_asked(event: Event) -> Option<Hash> {
    match event {
        Event::AgentAsked { agent } => Some(agent.enroll),
        _ => None,
    }
}

fn snapshot(stage: &Stage) -> Option<&Snapshot> {
    match stage {
        Stage::Ready { snapshot, .. } => Some(snapshot),
        _ => None,
    }
}

fn daemon(stage: &Stage) -> Option<&DaemonView> {
    match stage {
        Stage::Ready { daemon, .. } | Stage::Unpaired { daemon, .. } => Some(daemon),
        _ => None,
    }
}

fn is_connected(stage: &Stage) -> bool {
    snapshot(stage).is_some_and(|snapshot| matches!(snapshot.connection, Connection::Connected { .. }))
}

fn is_unpaired(stage: &Stage) -> bool {
    matches!(stage, Stage::Unpaired { .. })
}

fn code<T: std::fmt::Debug>(result: Result<T, ErrorBody>) -> String {
    result.unwrap_err().code
}

#[tokio::test(flavor = "multi_thread")]
async fn from_an_empty_folder_to_a_command_that_ran() {
    let home = Home::new();
    let mut window = Window::open(home.data());
    let stage = window.until_stage(is_unpaired).await;
    assert_eq!(daemon(&stage), Some(&DaemonView::Down), "looking starts nothing");
    assert_eq!(code(window.device(Command::Agents).await), "unpaired");

    assert_eq!(window.pair_here().await, Ok(Reply::Ok));
    let stage = window.until_stage(is_connected).await;
    let me = snapshot(&stage).unwrap().me.clone().unwrap();
    assert_eq!((me.name.as_str(), me.owner.as_str(), me.local), ("Laptop", "owner", true));
    assert_eq!(me.protection, "file", "keys that every program can read are said to be");
    assert_eq!(daemon(&stage), Some(&DaemonView::Running { paired: true }));
    assert_eq!(code(window.pair_here().await), "conflict");

    assert_eq!(window.console.call(Call::TryOut).await, Ok(Reply::Ok));
    assert_eq!(code(window.console.call(Call::TryOut).await), "conflict", "one at a time");
    window.accept_the_agent().await;
    let card = window.next_card().await;
    assert_eq!(card.display.tool.raw(), "say_hello");
    assert!(matches!(window.approve(&card).await, Ok(Done::Answered { stored: Some(_), .. })));
    assert_eq!(window.tried_out().await, (true, "Hello! This ran because you approved it.".to_owned()));

    assert_eq!(window.console.call(Call::TryOut).await, Ok(Reply::Ok), "and again");
    let card = window.next_card().await;
    let note = Some("Not now.".to_owned());
    window.device(Command::Deny { card: card.id, shown: card.shown, note }).await.unwrap();
    let (ran, words) = window.tried_out().await;
    assert!(!ran && words.contains("Not now."), "{words}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_to_write_where_names_this_folder() {
    let home = Home::new();
    let window = Window::open(home.data());
    let claude = window.console.call(Call::Setup { client: Client::ClaudeCode }).await.unwrap();
    let Reply::Setup { file: Some(file), text } = claude else { panic!("{claude:?}") };
    assert_eq!(file, "~/.claude/settings.json");
    let text: Value = serde_json::from_str(&text).unwrap();
    assert!(text["hooks"]["PreToolUse"].is_array(), "{text}");
    assert!(text.to_string().contains(&home.data().display().to_string()), "{text}");
    let command = window.console.call(Call::Setup { client: Client::Command }).await.unwrap();
    let Reply::Setup { file: None, text } = command else { panic!("{command:?}") };
    assert!(text.starts_with("agenttrust run "), "{text}");
}

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
async fn one_device_has_one_window() {
    let home = Home::new();
    let first = Window::paired(home.data()).await;
    let second = Window::open(home.data());
    let stage = second.until_stage(|stage| matches!(stage, Stage::Failed { .. })).await;
    let Stage::Failed { why } = stage else { panic!("{stage:?}") };
    assert_eq!(why.message, "Another AgentTrust window uses this device.");
    assert_eq!(code(second.console.call(Call::Retry).await), why.code, "it is still so");
    first.console.close().await;
    assert_eq!(second.console.call(Call::Retry).await, Ok(Reply::Ok));
    second.until_stage(is_connected).await;
    assert_eq!(second.console.call(Call::Retry).await, Ok(Reply::Ok), "again does nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_keys_are_told_and_can_be_put_back() {
    let home = Home::new();
    let window = Window::paired(home.data()).await;
    window.console.close().await;
    let keys = home.data().join("app").join("keys.json");
    let good = std::fs::read(&keys).unwrap();
    std::fs::write(&keys, "{").unwrap();

    let window = Window::open(home.data());
    let stage = window.until_stage(|stage| matches!(stage, Stage::Failed { .. })).await;
    let Stage::Failed { why } = stage else { panic!("{stage:?}") };
    assert_eq!(why.code, "store_corrupt");
    assert_eq!(code(window.pair_here().await), "conflict", "what is damaged is not written over");
    std::fs::write(&keys, good).unwrap();
    assert_eq!(window.console.call(Call::Retry).await, Ok(Reply::Ok));
    window.until_stage(is_connected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_further_device_joins_with_digits() {
    let world = World::new().await;
    let home = Home::new();
    let mut window = Window::open(home.data());
    window.until_stage(is_unpaired).await;
    let mut seen_by_phone = world.phone.device.events();
    let Ok(Done::Offer { offer, .. }) = world.phone.device.run(Command::OfferPairing).await else { panic!("no code") };
    let console = window.console.clone();
    let joining = tokio::spawn(async move {
        let (name, keys) = ("Laptop".to_owned(), KeyPlace::File);
        console.call(Call::Join { ticket: offer.ticket, name, keys }).await
    });
    let digits = window
        .until(|news| match news {
            News::Stage { stage } => match *stage {
                Stage::Joining { digits } => digits,
                _ => None,
            },
            _ => None,
        })
        .await;
    assert!(digits.chars().filter(char::is_ascii_digit).count() == 6, "{digits}");
    let joiner = loop {
        if let Event::PairingDigits { joiner, .. } = seen_by_phone.next().await.unwrap() {
            break joiner;
        }
    };
    let owner = "owner".to_owned();
    let confirm = Command::ConfirmPairing { joiner, digits, name: None, owner, admin: false, local: false };
    world.phone.device.run(confirm).await.unwrap();
    assert_eq!(joining.await.unwrap(), Ok(Reply::Ok));
    let stage = window.until_stage(is_connected).await;
    assert_eq!(daemon(&stage), Some(&DaemonView::Elsewhere));
    assert_eq!(snapshot(&stage).unwrap().trust.devices.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pairing_that_is_given_up_leaves_nothing() {
    let world = World::new().await;
    let home = Home::new();
    let window = Window::open(home.data());
    window.until_stage(is_unpaired).await;
    let failed = window.join("not a code").await.unwrap_err();
    assert!(failed.hint.is_some() || !failed.message.is_empty(), "{failed:?}");
    window.until_stage(is_unpaired).await;

    let Ok(Done::Offer { offer, .. }) = world.phone.device.run(Command::OfferPairing).await else { panic!("no code") };
    let console = window.console.clone();
    let joining = tokio::spawn(async move {
        let (name, keys) = ("Laptop".to_owned(), KeyPlace::File);
        console.call(Call::Join { ticket: offer.ticket, name, keys }).await
    });
    window.until_stage(|stage| matches!(stage, Stage::Joining { digits: Some(_) })).await;
    assert_eq!(window.console.call(Call::CancelJoin).await, Ok(Reply::Ok));
    assert_eq!(code(joining.await.unwrap()), "cancelled");
    window.until_stage(is_unpaired).await;
    assert!(!home.data().join("app").join("keys.json").exists());
    assert_eq!(window.console.call(Call::CancelJoin).await, Ok(Reply::Ok), "there is nothing to give up any more");
    assert_eq!(window.pair_here().await, Ok(Reply::Ok), "and it can be a first device yet");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_written_where_the_person_says() {
    let home = Home::new();
    let mut window = Window::paired(home.data()).await;
    window.console.call(Call::TryOut).await.unwrap();
    window.accept_the_agent().await;
    let card = window.next_card().await;
    window.approve(&card).await.unwrap();
    assert!(window.tried_out().await.0);

    for request in [None, Some(card.id)] {
        let nothing = window.console.call(Call::Export { request }).await;
        assert_eq!(nothing, Ok(Reply::Exported { path: None }), "they want none");
    }
    let folder = home.data().join("exports");
    std::fs::create_dir(&folder).unwrap();
    *window.desktop.chosen.lock().unwrap() = Some(folder.clone());
    let one = window.console.call(Call::Export { request: Some(card.id) }).await.unwrap();
    let Reply::Exported { path: Some(path) } = one else { panic!("{one:?}") };
    assert_eq!(Path::new(&path).parent(), Some(folder.as_path()));
    let record: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert!(record.to_string().contains(&card.id.to_string()), "{record}");
    let all = window.console.call(Call::Export { request: None }).await.unwrap();
    let Reply::Exported { path: Some(path) } = all else { panic!("{all:?}") };
    assert_eq!(Path::new(&path), folder.join("agenttrust-history"), "a folder of its own");
    assert!(folder.join("agenttrust-history/checkpoint").exists());
    let again = window.console.call(Call::Export { request: None }).await.unwrap();
    assert_eq!(again, Reply::Exported { path: Some(folder.join("agenttrust-history-2").display().to_string()) });
}

#[tokio::test(flavor = "multi_thread")]
async fn choices_are_kept_and_told() {
    let home = Home::new();
    let mut window = Window::open(home.data());
    let chosen = Settings { theme: Theme::Dark, autostart: true, welcomed: true, ..Settings::default() };
    let reply = window.console.call(Call::SetSettings { settings: chosen }).await;
    assert_eq!(reply, Ok(Reply::Settings { settings: chosen }));
    let told = window.until(|news| match news {
        News::Settings { settings } => Some(settings),
        _ => None,
    });
    assert_eq!(told.await, chosen);
    assert_eq!(*window.desktop.autostart.lock().unwrap(), Some(true));
    window.console.close().await;
    assert_eq!(Window::open(home.data()).console.settings(), chosen);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_choice_that_the_system_refuses_is_not_kept() {
    let home = Home::new();
    let window = Window::open_on(home.data(), Desktop { refuses: true, ..Desktop::default() });
    let settings = Settings { autostart: true, ..Settings::default() };
    let why = window.console.call(Call::SetSettings { settings }).await.unwrap_err();
    assert!(why.message.contains("not on this system"), "{why:?}");
    assert_eq!(window.console.call(Call::Settings).await, Ok(Reply::Settings { settings: Settings::default() }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_click_elsewhere_is_passed_on() {
    let home = Home::new();
    let mut window = Window::open(home.data());
    let target = Target::Request { card: Hash::of(b"a card") };
    window.console.show(target.clone());
    let shown = window.until(|news| match news {
        News::Show { target } => Some(target),
        _ => None,
    });
    assert_eq!(shown.await, target);
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
