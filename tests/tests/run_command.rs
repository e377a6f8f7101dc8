//! `agenttrust run`: what runs is what was signed, or nothing.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

use agenttrust_protocol::lifecycle::State;
use agenttrust_tests::kit::{Answer, World, program};
use serde_json::{Value, json};
use std::process::{Command, Output};

/// Writes its arguments and its folder to a file, and ends with 7.
const SCRIPT: &str = r#"printf '%s\n' "$PWD" "$@" >"$0"; exit 7"#;

/// The file it writes.
const RAN: &str = "ran";

fn command(world: &World, arguments: &[&str]) -> Command {
    let mut command = Command::new(program("agenttrust"));
    command.arg("--data").arg(world.daemon.data()).env("AGENTTRUST_STATE", world.path("state"));
    command.env_remove("AGENTTRUST_SOCKET").env_remove("AGENTTRUST_ROOT").current_dir(world.path("."));
    command.args(["run", "--tool", "deploy", "--arg", "to=staging", "--arg", "copies=2", "--wait", "6s", "--"]);
    command.args(["sh", "-c", SCRIPT, RAN]).args(arguments);
    command
}

async fn run(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn ran(world: &World) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(world.path(RAN)).ok()?;
    Some(text.lines().map(str::to_owned).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approved_command_runs_as_it_was_signed() {
    let world = World::new().await;
    let _person = world.answering(|_| Answer::Approve);
    let ended = run(command(&world, &["a b", "$HOME", "--force", "*"])).await;
    assert_eq!(ended.status.code(), Some(7), "{ended:?}");
    let cwd = world.path(".").canonicalize().unwrap().display().to_string();
    assert_eq!(ran(&world).unwrap(), [cwd.as_str(), "a b", "$HOME", "--force", "*"]);
    let history = world.phone.history().await;
    assert_eq!(history.len(), 1);
    // It ran, and ended with something else than 0.
    assert_eq!(history[0].state, State::Failed);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_command_runs_as_edited() {
    let world = World::new().await;
    let _person = world.answering(|card| {
        let mut arguments: Value = serde_json::from_str(&card.json).unwrap();
        assert_eq!(arguments["to"], json!("staging"));
        assert_eq!(arguments["copies"], json!(2));
        arguments["argv"] = json!(["sh", "-c", SCRIPT, RAN, "gently"]);
        Answer::Edit(arguments.to_string())
    });
    let ended = run(command(&world, &["--force"])).await;
    assert_eq!(ended.status.code(), Some(7), "{ended:?}");
    assert_eq!(ran(&world).unwrap()[1..], ["gently"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_that_names_no_command_runs_nothing() {
    let world = World::new().await;
    let _person = world.answering(|card| {
        let mut arguments: Value = serde_json::from_str(&card.json).unwrap();
        arguments["argv"] = json!("sh -c true");
        Answer::Edit(arguments.to_string())
    });
    let ended = run(command(&world, &[])).await;
    assert_eq!(ended.status.code(), Some(77), "{ended:?}");
    assert_eq!(ran(&world), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_command_does_not_run() {
    let world = World::new().await;
    let _person = world.answering(|_| Answer::Deny("Not on a Friday.".to_owned()));
    let ended = run(command(&world, &[])).await;
    assert_eq!(ended.status.code(), Some(77));
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(said.contains("Not on a Friday.") && said.contains("(denied)"), "{said}");
    assert_eq!(ran(&world), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_daemon_nothing_runs() {
    let mut world = World::new().await;
    let person = world.answering(|_| Answer::Ignore);
    let asking = tokio::spawn(run(command(&world, &[])));
    loop {
        if world.daemon.host("GET", "/v1/status", "").1["pending"] == 1 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    world.daemon.kill();
    person.abort();
    let again = run(command(&world, &[])).await;
    assert_eq!(again.status.code(), Some(77), "{again:?}");
    let said = String::from_utf8(again.stderr).unwrap();
    assert!(said.contains("(daemon_down)"), "{said}");
    let ended = asking.await.unwrap();
    assert_eq!(ended.status.code(), Some(77), "{ended:?}");
    assert_eq!(ran(&world), None);
}
