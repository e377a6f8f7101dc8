//! Claude Code.

use crate::cases;
use crate::clients::{shell, write};
use crate::desk::{Desk, LIMIT};
use crate::person::Person;
use agenttrust_device::Event;
use agenttrust_hooks::Client;
use agenttrust_protocol::lifecycle::State;
use agenttrust_tests::kit::{Answer, Daemon, Phone, ToolUse};
use rustix::process::{Signal, kill_process};
use serde_json::json;
use std::time::Duration;

const CLIENT: Client = Client::ClaudeCode;

#[tokio::test(flavor = "multi_thread")]
async fn one_of_three_calls_is_approved_one_denied_and_one_changed() {
    cases::a_turn_of_three_calls(CLIENT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_daemon_nothing_runs() {
    cases::without_a_daemon(CLIENT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_hangs_is_a_denial_before_the_clients_own_time_out() {
    cases::a_daemon_that_hangs(CLIENT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_that_is_killed_blocks_the_call() {
    let told = cases::a_hook_that_is_killed(CLIENT).await;
    assert!(told.contains("onFailure"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_sub_agent_calls_is_asked_too() {
    let input = json!({"description": "d", "prompt": "go on", "subagent_type": "general-purpose"});
    cases::a_sub_agent(CLIENT, ToolUse { name: "Agent", input }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_knows_whether_the_hook_is_there() {
    cases::the_doctor_knows(CLIENT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_fails_is_in_the_history_as_failed() {
    let person = Person::new(|_| Answer::Approve).await;
    let desk = Desk::new(CLIENT, vec![vec![shell(CLIENT, "exit 3")]]).await;
    desk.install(&person.socket(), &[]);
    let ran = desk.run().await;
    assert!(desk.only_result(&ran).contains("Exit code 3"), "{:?}", desk.model.results());
    assert_eq!(person.phone.states().await, [State::Failed]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_hook_cannot_change_what_was_signed() {
    let person = Person::new(|_| Answer::Approve).await;
    let desk = Desk::new(CLIENT, vec![vec![write(CLIENT, "marker")]]).await;
    let rewrite = json!({"hookSpecificOutput": {"hookEventName": "PreToolUse", "permissionDecision": "allow",
        "updatedInput": {"command": "echo REWRITTEN > marker"}}});
    let other = json!({"type": "command", "command": format!("echo '{rewrite}'")});
    let settings = json!({"hooks": {"PreToolUse": [{"matcher": "*", "hooks": [other]}]}});
    desk.put("home/.claude/settings.json", &settings.to_string());
    desk.install(&person.socket(), &[]);
    let ran = desk.run().await;
    assert_eq!(desk.marker("marker").as_deref(), Some("original"), "{}", ran.output);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_device_in_reach_the_model_is_told_at_once() {
    let (daemon, folder) = (Daemon::spawn(), tempfile::tempdir().unwrap());
    Phone::first(&daemon, &folder.path().join("phone")).await.device.close().await;
    let desk = Desk::new(CLIENT, vec![vec![write(CLIENT, "marker")]]).await;
    desk.install(&daemon.agent_socket(), &[]);
    let ran = desk.run().await;
    assert_eq!(desk.marker("marker"), None);
    let result = desk.only_result(&ran);
    assert!(result.contains("not approved (no_device)"), "{result}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_answering_is_a_denial_before_the_clients_own_time_out() {
    let person = Person::new(|_| Answer::Ignore).await;
    let desk = Desk::new(CLIENT, vec![vec![write(CLIENT, "marker")]]).await;
    desk.install(&person.socket(), &["--deadline", "5"]);
    let ran = desk.run().await;
    assert_eq!(desk.marker("marker"), None);
    let result = desk.only_result(&ran);
    assert!(result.contains("not approved (timed_out)"), "{result}");
    let states = person.phone.states().await;
    assert!(matches!(states.as_slice(), [State::Expired | State::Cancelled]), "{states:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_withdraws_its_request() {
    let person = Person::new(|_| Answer::Ignore).await;
    let desk = Desk::new(CLIENT, vec![vec![write(CLIENT, "marker")]]).await;
    desk.install(&person.socket(), &[]);
    let (asked, mut events) = (person.first_card(), person.phone.device.events());
    let closed = tokio::spawn(async move {
        while let Some(event) = events.next().await {
            if matches!(event, Event::CardClosed { .. }) {
                return true;
            }
        }
        false
    });
    let ran = desk.run_while(move |claude| {
        asked.recv_timeout(LIMIT).unwrap();
        kill_process(claude, Signal::KILL).unwrap();
    });
    ran.await;
    assert!(tokio::time::timeout(Duration::from_secs(20), closed).await.unwrap().unwrap());
    assert_eq!(person.phone.states().await, [State::Cancelled]);
    assert_eq!(desk.marker("marker"), None);
}
