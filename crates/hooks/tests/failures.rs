//! The failures that will happen to everyone: what the agent is told, and what the person reads.
#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

#[path = "../../../sdk/rust/tests/kit/mod.rs"]
mod kit;

use agenttrust_gate::{Clock, Gate, GateConfig, Hash, Tdid, Trouble};
use agenttrust_hooks::Client;
use agenttrust_hooks::hook::{HookConfig, answer};
use agenttrust_protocol::message::{Paused, RevokedKind};
use kit::{Act, World, at};
use serde_json::{Value, json};
use std::time::Duration;

/// Asks through the hook; the answer's two texts.
async fn told(name: &str, config: GateConfig) -> String {
    let input = json!({"command": "make release"});
    let call = json!({
        "hook_event_name": "PreToolUse", "session_id": "5f1c", "cwd": "/w", "tool_name": "Bash",
        "tool_input": input, "tool_use_id": name,
    });
    let deadline = Duration::from_secs(3570);
    let config = HookConfig { gate: config, deadline, canary: None };
    let output = answer(Client::ClaudeCode, call.to_string().as_bytes(), config).await;
    let answer: Value = serde_json::from_str(&output.stdout).unwrap();
    let decision = &answer["hookSpecificOutput"];
    assert_eq!(decision["permissionDecision"], "deny", "{name}");
    let (agent, person) = (decision["permissionDecisionReason"].as_str(), answer["systemMessage"].as_str());
    format!("{name}\n  agent:  {}\n  person: {}", agent.unwrap(), person.unwrap())
}

/// A daemon that answers every request like this.
async fn door(name: &str, trouble: Trouble) -> String {
    let world = World::new().await;
    world.daemon.tamper(move |path, reply| match path {
        "POST /v1/requests" => Act::Error(trouble),
        _ => Act::Reply(reply),
    });
    told(name, world.config()).await
}

/// An agent that has run once; then something happens.
async fn later(name: &str, what: impl FnOnce(&World)) -> String {
    let world = World::new().await;
    world.gate().enroll().await.unwrap();
    what(&world);
    told(name, world.config()).await
}

/// The agent's record, replaced.
async fn record(name: &str, bytes: &[u8]) -> String {
    later(name, |world| {
        let folder = world.folder.path().join("state/agents/bot");
        for file in ["gate.db-wal", "gate.db-shm"] {
            let _missing = std::fs::remove_file(folder.join(file));
        }
        std::fs::write(folder.join("gate.db"), bytes).unwrap();
    })
    .await
}

async fn nobody_answers() -> String {
    let world = World::new().await;
    world.daemon.nobody();
    let asking = tokio::spawn(told("time-out", world.config()));
    world.daemon.until(|state| state.requests.len() == 1).await;
    world.clock.pass(3600);
    asking.await.unwrap()
}

/// A record with some of its bytes replaced.
fn bent(at: usize, by: &[u8]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    drop(Gate::open(GateConfig::new("bot").state(folder.path())).unwrap());
    let mut bytes = std::fs::read(folder.path().join("agents/bot/gate.db")).unwrap();
    bytes[at..at + by.len()].copy_from_slice(by);
    bytes
}

/// Where the file format of SQLite has the version of its user.
const USER_VERSION: usize = 60;

/// What a person reads where no agent is told anything: at a daemon that does not start, at a device's keys.
fn only_the_person(name: &str, trouble: Trouble) -> String {
    format!("{name}\n  person: {} ({}) {}", trouble.sentence(), trouble.code(), trouble.hint())
}

#[tokio::test]
async fn every_honest_failure_tells_agent_and_person_what_to_do() {
    let other = Tdid::from(Hash::of(b"another"));
    let texts = [
        later("daemon down", |world| std::fs::remove_file(world.folder.path().join("agent.sock")).unwrap()).await,
        door("no device paired", Trouble::Unpaired).await,
        door("none reachable", Trouble::NoDevice).await,
        nobody_answers().await,
        later("revoked agent", |world| {
            let agent = Hash::from_bytes(*world.gate().agent().as_bytes());
            world.daemon.state().domain.revoke(RevokedKind::Agent, agent, at(0));
        })
        .await,
        later("paused agent", |world| {
            world.daemon.state().domain.next_status(at(0), |status| status.paused = Paused::All);
        })
        .await,
        {
            let world = World::new().await;
            told("wrong trust root", world.config().root(other)).await
        },
        later("expired status", |world| world.clock.pass(80 * 3600)).await,
        later("clock an hour behind", |world| {
            let now = world.clock.now();
            world.daemon.state().domain.next_status(now, |_| {});
            world.clock.set_wall(-3600);
        })
        .await,
        door("clock off, says the daemon", Trouble::ClockOff).await,
        door("disk full", Trouble::DiskFull).await,
        record("corrupted record of the agent", &bent(100, &[0xff; 3000])).await,
        record("foreign record of the agent", b"Dear diary, today I was mistaken for a database.").await,
        record("newer record of the agent", &bent(USER_VERSION, &99u32.to_be_bytes())).await,
        only_the_person("corrupted database", Trouble::StoreCorrupt),
        only_the_person("foreign database", Trouble::StoreForeign),
        only_the_person("newer database", Trouble::StoreNewer),
        only_the_person("second daemon", Trouble::AlreadyRunning),
        only_the_person("key store locked", Trouble::KeystoreLocked),
    ];
    insta::assert_snapshot!(texts.join("\n"));
}
