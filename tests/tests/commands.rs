//! Every command to its good end, with a real agent, a real daemon and a person at a terminal.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

use agenttrust_gate::{Action, Gate, Session};
use agenttrust_tests::kit::{Answer, Desk, Phone, outcome, program};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;
use tokio::task::JoinHandle;

fn pay(amount: i64) -> Action {
    Action::new("pay_invoice", &json!({"amount": amount, "memo": "for the roof"})).title("Pay the roofer")
}

fn ask(session: &Session, action: Action) -> JoinHandle<Result<Value, String>> {
    let session = session.clone();
    tokio::spawn(async move { outcome(&session, action).await })
}

/// Knocks, and goes on knocking until it is answered.
fn knock(gate: Gate) -> JoinHandle<Result<Gate, String>> {
    tokio::spawn(async move { gate.enroll().await.map(|()| gate).map_err(|refused| refused.code().to_string()) })
}

/// Waits until a list shows this.
fn until_listed(desk: &Desk, command: &[&str], text: &str) {
    for _ in 0..20 {
        if desk.done(command).plain().contains(text) {
            return;
        }
    }
    panic!("`{text}` was not listed");
}

/// Answers the only request there is.
fn answer(desk: &Desk, key: &str) {
    let mut approve = desk.open(&["approve"]);
    approve.wait_for("[y]es [n]o").answer(key);
    assert_eq!(approve.end(), 0, "{}", approve.plain());
}

fn said(desk: &Desk, command: &[&str]) -> String {
    desk.done(command).plain()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_is_accepted_paused_and_revoked_and_another_refused() {
    let desk = Desk::new();
    let knocking = knock(desk.gate_of("office", "agent"));
    until_listed(&desk, &["agents"], "office asks to be known");
    let accepted = said(&desk, &["agents", "accept", "office", "--name", "Office agent"]);
    assert!(accepted.contains("It may ask now"), "{accepted}");
    let session = knocking.await.unwrap().unwrap().session("the session").unwrap();

    let stranger = knock(desk.gate_of("stranger", "stranger"));
    until_listed(&desk, &["agents"], "stranger asks to be known");
    assert!(said(&desk, &["agents", "refuse", "stranger"]).contains("It stays out."));
    assert_eq!(stranger.await.unwrap().err().unwrap(), "not_enrolled");

    let paused = said(&desk, &["pause", "--agent", "Office agent"]);
    assert!(paused.contains("Office agent is paused"), "{paused}");
    assert!(said(&desk, &["agents"]).contains("paused"));
    assert_eq!(ask(&session, pay(1)).await.unwrap(), Err("paused".to_owned()));
    assert!(said(&desk, &["pause", "--agent", "Office agent", "--lift"]).contains("may ask again"));
    // An agent looks at the status once a second at most.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let asked = ask(&session, pay(2));
    desk.until_pending(1).await;
    answer(&desk, "y");
    assert!(asked.await.unwrap().is_ok());

    assert!(said(&desk, &["agents", "revoke", "Office agent"]).contains("It may not ask any more."));
    assert!(said(&desk, &["agents"]).contains("revoked"));
    assert_eq!(ask(&session, pay(3)).await.unwrap(), Err("revoked".to_owned()));
    assert_eq!(said(&desk, &["history"]).matches("pay_invoice").count(), 1, "only one was ever taken in");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_is_renamed_and_removed_and_answers_no_more() {
    let desk = Desk::new();
    let session = desk.session().await;
    desk.let_in(&desk.path("phone")).await;
    assert!(said(&desk, &["devices", "rename", "Ann's phone", "Pocket"]).contains("called Pocket"));
    let devices = said(&desk, &["devices"]);
    assert!(devices.contains("Pocket") && !devices.contains("Ann's phone"), "{devices}");

    let phone = Phone::open(&desk.path("phone"), Phone::config()).await;
    let asked = ask(&session, pay(1));
    desk.until_pending(1).await;
    let card = until_card(&phone).await;

    let mut remove = desk.open(&["devices", "remove", "Pocket"]);
    remove.wait_for("Remove Pocket?").answer("n");
    assert_eq!(remove.end(), 0);
    assert!(said(&desk, &["devices"]).contains("Pocket"), "no is no");
    let mut remove = desk.open(&["devices", "remove", "Pocket"]);
    remove.wait_for("Remove Pocket?").answer("y").wait_for("It is removed.");
    assert_eq!(remove.end(), 0);
    assert!(!said(&desk, &["devices"]).contains("Pocket"));
    assert!(phone.try_give(&card, Answer::Approve).await.is_err() || !asked.is_finished());
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!asked.is_finished(), "its answer counts for nothing");
    answer(&desk, "n");
    assert_eq!(asked.await.unwrap(), Err("denied".to_owned()));
}

async fn until_card(phone: &Phone) -> agenttrust_device::CardView {
    let mut events = phone.device.events();
    loop {
        if let Some(card) = phone.device.snapshot().cards.into_iter().next() {
            return card;
        }
        events.next().await.unwrap();
    }
}

fn offline(arguments: &[&str]) -> Output {
    let mut command = Command::new(program("agenttrust"));
    command.args(arguments).env("AGENTTRUST_DATA", "/nowhere").env_remove("AGENTTRUST_ROOT").stdin(Stdio::null());
    command.output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_is_searched_shown_exported_and_verified_elsewhere() {
    let desk = Desk::new();
    let session = desk.session().await;
    let actions = [pay(1), Action::new("send_mail", &json!({"to": "bob"})).title("Tell Bob"), pay(3)];
    for (action, key) in actions.into_iter().zip(["y", "n", "y"]) {
        let asked = ask(&session, action);
        desk.until_pending(1).await;
        answer(&desk, key);
        assert_eq!(asked.await.unwrap().is_ok(), key == "y");
    }
    let rows = |arguments: &[&str]| {
        let shown = said(&desk, &[&["history"], arguments].concat());
        (shown.matches("pay_invoice").count(), shown.matches("send_mail").count())
    };
    assert_eq!(rows(&["--text", "roof"]), (2, 0), "a word of the arguments");
    assert_eq!(rows(&["--text", "Bob"]), (0, 1));
    assert_eq!(rows(&["--agent", "office"]), (2, 1));
    assert_eq!(rows(&["--since", "1h"]), (2, 1));
    assert_eq!(rows(&["--until", "1h"]), (0, 0));
    let first = said(&desk, &["history", "--limit", "1"]);
    let cursor = first.rsplit_once("--before ").unwrap().1.trim();
    assert_eq!(rows(&["--limit", "1", "--before", cursor]), (0, 1), "the page after the newest");

    let file = desk.path("evidence.json");
    said(&desk, &["history", "--evidence", file.to_str().unwrap()]);
    let evidence: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(evidence["requests"].as_array().unwrap().len(), 3);
    assert!(evidence["bundles"][0].as_str().unwrap().contains('.'));

    let entries = said(&desk, &["log", "show"]);
    for kind in ["bundle", "request", "decision", "claim", "outcome"] {
        assert!(entries.contains(kind), "{kind} is missing: {entries}");
    }
    let folder = desk.path("export");
    let folder = folder.to_str().unwrap();
    assert!(said(&desk, &["log", "export", folder]).contains("entries are in"));
    // On another machine: no daemon, no device, no PIN.
    let tdid = desk.daemon.host("GET", "/v1/status", "").1["tdid"].as_str().unwrap().to_owned();
    for root in [&[][..], &["--root", &tdid]] {
        let verified = offline(&[&["log", "verify", folder], root].concat());
        assert_eq!(verified.status.code(), Some(0), "{verified:?}");
        assert!(String::from_utf8(verified.stdout).unwrap().contains("The history is sound."));
    }
    let shown = offline(&["log", "show", "--dir", folder]);
    assert_eq!(shown.status.code(), Some(0), "{shown:?}");
    let foreign = offline(&["log", "verify", folder, "--root", &"A".repeat(43)]);
    assert_eq!(foreign.status.code(), Some(6), "{foreign:?}");
    spoil(Path::new(folder));
    let spoilt = offline(&["log", "verify", folder]);
    assert_eq!(spoilt.status.code(), Some(6), "{spoilt:?}");
}

/// Changes one character of an exported history.
fn spoil(folder: &Path) {
    let entries = std::fs::read_dir(folder.join("tile/entries/000.p")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&entries).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] = if bytes[middle] == b'A' { b'B' } else { b'A' };
    std::fs::write(&entries, bytes).unwrap();
}

#[test]
fn completions_are_scripts_that_a_shell_takes() {
    let script = offline(&["completions", "bash"]);
    assert!(script.status.success());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("agenttrust");
    std::fs::write(&file, &script.stdout).unwrap();
    let words = r#"source "$0" && COMP_WORDS=(agenttrust log ver) COMP_CWORD=2 && _agenttrust agenttrust ver log && echo "${COMPREPLY[@]}""#;
    let output = Command::new("bash").args(["-c", words]).arg(&file).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), "verify");
}
