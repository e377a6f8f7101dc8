//! A console with the real daemon behind it: from an empty folder to a running device, and everything that may come
//! between.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

mod daemon;
mod pairing;
mod window;

use agenttrust_device::console::{Call, Client, DaemonView, News, Reply, Settings, Stage, Target, Theme};
use agenttrust_device::{Command, Done};
use agenttrust_protocol::Hash;
use agenttrust_tests::kit::program;
use std::path::Path;
use window::{Desktop, Home, Window, code, is_connected, is_unpaired, snapshot};

#[tokio::test(flavor = "multi_thread")]
async fn from_an_empty_folder_to_a_command_that_ran() {
    let home = Home::new();
    let mut window = Window::open(home.data());
    let stage = window.until_stage(is_unpaired).await;
    assert_eq!(window::daemon(&stage), Some(&DaemonView::Down), "looking starts nothing");
    assert_eq!(code(window.device(Command::Agents).await), "unpaired");

    assert_eq!(window.pair_here().await, Ok(Reply::Ok));
    let stage = window.until_stage(is_connected).await;
    let me = snapshot(&stage).unwrap().me.clone().unwrap();
    assert_eq!((me.name.as_str(), me.owner.as_str(), me.local), ("Laptop", "owner", true));
    assert_eq!(me.protection, "file", "keys that every program can read are said to be");
    assert_eq!(window::daemon(&stage), Some(&DaemonView::Running { paired: true }));
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
async fn what_to_type_names_this_folder() {
    let home = Home::new();
    let window = Window::open(home.data());
    let begin = format!("agenttrust --data {} ", home.data().display());
    for (client, words) in [
        (Client::ClaudeCode, &["install claude-code", "doctor claude-code", "claude"][..]),
        (Client::Codex, &["install codex", "doctor codex", "codex"]),
        (Client::Gemini, &["install gemini", "doctor gemini", "gemini"]),
        (Client::Copilot, &["install copilot", "doctor copilot", "copilot"]),
        (Client::Opencode, &["install opencode", "doctor opencode", "opencode"]),
        (Client::Cursor, &["install cursor", "doctor cursor", "cursor ."]),
        (Client::Mcp, &["install mcp claude-code", "claude mcp list"]),
        (Client::Command, &["run --tool deploy --arg target=staging -- ./deploy.sh staging"]),
    ] {
        let Ok(Reply::Setup { steps, after }) = window.console.call(Call::Setup { client }).await else { panic!() };
        let typed: Vec<&str> =
            steps.iter().map(|step| step.command.strip_prefix(&begin).unwrap_or(&step.command)).collect();
        assert!(typed.starts_with(words), "{typed:?}");
        assert!(!after.is_empty() && steps.iter().all(|step| !step.does.is_empty()));
        assert!(typed.iter().zip(&steps).take(1).all(|(typed, step)| *typed != step.command), "{steps:?}");
        // What is shown is what the program takes.
        for words in steps.iter().filter_map(|step| step.command.strip_prefix("agenttrust ")) {
            let words = words.split(" -- ").next().unwrap().split(' ').chain(["--help"]);
            let output = std::process::Command::new(program("agenttrust")).args(words).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
    }
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
    let record: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
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
    let told = window.until(|news| {
        let News::Settings { settings } = news else { return None };
        Some(settings)
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
    let shown = window.until(|news| {
        let News::Show { target } = news else { return None };
        Some(target)
    });
    assert_eq!(shown.await, target);
}
