//! The daemon as a program and as a holder of its folder: starting, stopping, what it finds, what it leaves.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use agenttrust_daemon::Options;
use agenttrust_protocol::door::{DaemonStatus, PairReply, PairState, PairingOffer, Trouble};
use agenttrust_protocol::message::{DecisionContent, Verdict};
use common::{Agent, House, Joiner, Phone, arguments, config, eventually, get};
use http::Method;
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

fn program(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agenttrustd"));
    command.arg("--data").arg(data).env_remove("AGENTTRUST_LOG").env_remove("AGENTTRUST_DATA");
    command
}

fn started(command: &mut Command) -> Child {
    command.stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A folder whose configuration keeps the link on this machine.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(folder.path().join("data"), private).unwrap();
    std::fs::write(folder.path().join("data/config.toml"), "[link]\nbind = \"127.0.0.1:0\"\n").unwrap();
    folder
}

async fn answers(socket: &Path) {
    eventually("it answers", async || tokio::net::UnixStream::connect(socket).await.is_ok()).await;
}

#[tokio::test]
async fn it_ends_when_told_and_leaves_no_socket() {
    for how in ["TERM", "INT", "door"] {
        let folder = folder();
        let data = folder.path().join("data");
        let child = started(&mut program(&data));
        let socket = data.join("host.sock");
        answers(&socket).await;
        if how == "door" {
            common::local(&socket, Method::POST, "/v1/stop", common::JSON, "").await.reply();
        } else {
            Command::new("kill").arg(format!("-{how}")).arg(child.id().to_string()).status().unwrap();
        }
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{how}: {}", stderr(&output));
        assert!(output.stdout.is_empty());
        assert!(!socket.exists() && !data.join("agent.sock").exists());
        let wal = std::fs::metadata(data.join("agenttrust.db-wal")).map_or(0, |data| data.len());
        assert_eq!(wal, 0, "everything is in the database itself");
    }
}

#[test]
fn the_default_configuration_is_printed_whole() {
    let output = program(Path::new("/nowhere")).arg("--print-config").output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout), agenttrust_daemon::config::DEFAULT_TEXT);
}

#[test]
fn a_mistake_is_one_sentence_a_code_and_a_next_step() {
    let folder = folder();
    let data = folder.path().join("data");
    let config = data.join("config.toml");
    std::fs::write(&config, "[limits]\nwaitng = 3\n").unwrap();
    let output = program(&data).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(text.contains("config.toml:2") && text.contains("did you mean `waiting`?"), "{text}");
    assert!(text.contains("(bad_config)") && text.contains("--print-config"), "{text}");
    let output = program(&data).arg("--config").arg(folder.path().join("missing")).output().unwrap();
    assert!(stderr(&output).contains("(bad_config)"), "{output:?}");
    std::fs::write(&config, "").unwrap();
    let output = program(&data).env("AGENTTRUST_LOG", "loud").output().unwrap();
    assert!(stderr(&output).contains("AGENTTRUST_LOG"), "{output:?}");
}

#[tokio::test]
async fn a_second_daemon_says_that_there_is_one() {
    let house = House::start().await;
    let output = program(&house.data()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("(already_running)"), "{output:?}");
    let status: DaemonStatus = house.host(Method::GET, "/v1/status", Value::Null).await.json();
    assert_eq!(status.pid, std::process::id(), "the first one is undisturbed");
}

#[tokio::test]
async fn a_foreign_file_is_left_alone() {
    for content in [&b"SQLite format 3\0 but not really, and far from it"[..], b"a diary"] {
        let folder = folder();
        let data = folder.path().join("data");
        std::fs::write(data.join("agenttrust.db"), content).unwrap();
        let error = agenttrust_daemon::start(Options::new(&data, config())).await.err().unwrap();
        assert!(matches!(error.trouble, Trouble::StoreForeign | Trouble::StoreCorrupt), "{error}");
        assert_eq!(std::fs::read(data.join("agenttrust.db")).unwrap(), content);
    }
}

#[tokio::test]
async fn a_waiting_request_outlives_the_daemon() {
    let (mut house, phone, agent) = House::furnished().await;
    let request = agent.request(300, |_| {});
    agent.ask(&request).await.reply();
    let waiting = agent.wait(&request, 50);
    let (waited, ()) = tokio::join!(waiting, async {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        house.close().await;
    });
    assert_eq!(waited.state, "pending", "whoever waits is told before the daemon goes");
    house.open().await;
    assert_eq!(agent.ask(&request).await.reply().state, "pending", "the same question is the same request");
    let decision = phone.decision(&request, Verdict::Approve, |_, _| {});
    let answered = phone.post("/v1/decisions", &decision).await;
    assert_eq!(answered.reply().state, "approved", "the phone finds the daemon where it was");
    house.close().await;
    house.open().await;
    let claim = agent.claim(&request, &[decision]);
    assert_eq!(agent.send(&request, "claim", &claim).await.reply().state, "claimed");
    house.close().await;
    house.open().await;
    assert_eq!(agent.send(&request, "claim", &claim).await.reply().state, "claimed");
}

/// The daemon in a shell that keeps its files small: a disk that is full soon.
fn cramped(data: &Path) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", r#"trap '' XFSZ; ulimit -f 4096; exec "$0" "$@""#, env!("CARGO_BIN_EXE_agenttrustd")]);
    command.arg("--data").arg(data).env_remove("AGENTTRUST_LOG").env_remove("AGENTTRUST_DATA");
    command
}

#[tokio::test]
async fn nothing_personal_is_logged() {
    let folder = folder();
    let data = folder.path().join("data");
    let child = started(cramped(&data).arg("--log").arg("info"));
    answers(&data.join("agent.sock")).await;
    let house = House { folder, clock: Default::default(), running: None };
    let phone = Phone::found(&house).await;
    let agent = Agent::accepted(&house, &phone).await;

    let [approved, denied, edited] = [(); 3].map(|()| agent.request(300, |_| {}));
    for request in [&approved, &denied, &edited] {
        agent.ask(request).await.reply();
    }
    phone.decide(&approved, Verdict::Approve).await.reply();
    let note = |_: &mut _, content: &mut DecisionContent| content.note = Some("Bob is on holiday.".into());
    phone.post("/v1/decisions", &phone.decision(&denied, Verdict::Deny, note)).await.reply();
    let edit = |_: &mut _, content: &mut DecisionContent| content.arguments = Some(arguments(r#"{"to":"alice"}"#));
    phone.post("/v1/decisions", &phone.decision(&edited, Verdict::Modify, edit)).await.reply();
    get(&agent.socket, "/v1/trust").await.reply();

    // What is no message, is signed wrongly, or comes a second time.
    for bad in ["bob", &approved.replace('.', ".bob"), &phone.decision(&denied, Verdict::Approve, |_, _| {})] {
        assert_ne!(agent.ask(bad).await.status, 200);
        assert_ne!(phone.post("/v1/decisions", bad).await.status, 200);
    }
    let bob = json!({"local": "bob"});
    assert_ne!(house.host(Method::POST, "/v1/pairings", bob).await.status, 200);

    // A device that comes and is sent away.
    let offer: PairingOffer = phone.post_json("/v1/pairings", json!({"local": false})).await.json();
    let joiner = Joiner::new(&house, &offer, "tablet").await;
    joiner.knock().await.json::<PairReply>();
    phone.post_json(&format!("/v1/pairings/{}", joiner.hash()), json!({"answer": "refuse"})).await;
    assert_eq!(joiner.stand(5).await.state, PairState::Refused);

    // The store fails in the middle of things.
    let mut codes = Vec::new();
    while codes.last().is_none_or(String::is_empty) && codes.len() < 100 {
        let long = json!({ "to": "bob ".repeat(50_000) }).to_string();
        let asked = agent.ask(&agent.request_with(300, arguments(&long), |_| {})).await;
        codes.push(if asked.status == 200 { String::new() } else { asked.code() });
    }
    assert!(["store_failed", "disk_full"].contains(&codes.last().unwrap().as_str()), "{codes:?}");

    house.host(Method::POST, "/v1/stop", Value::Null).await.reply();
    let log = stderr(&child.wait_with_output().unwrap());
    for line in ["asked", "decided", "a decision was refused", "wants to be paired", "the store failed"] {
        assert!(log.contains(line), "{line} is missing in {log}");
    }
    let home = house.folder.path().display().to_string();
    for word in ["pay", "Pay", "bob", "Bob", "alice", "coder", "phone", "tablet", "/work", "127.0.0.1", home.as_str()] {
        assert!(!log.contains(word), "{word} in {log}");
    }
}
