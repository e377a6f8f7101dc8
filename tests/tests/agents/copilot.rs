//! Copilot CLI.

use crate::cases;
use crate::clients::write;
use crate::desk::Desk;
use crate::person::Person;
use agenttrust_hooks::Client;
use agenttrust_protocol::lifecycle::State;
use agenttrust_tests::kit::{Answer, ToolUse};
use serde_json::json;

const CLIENT: Client = Client::Copilot;

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
    assert!(told.contains("AgentTrust: not approved (internal)"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_that_is_killed_with_its_shell_blocks_the_call() {
    assert_eq!(cases::a_hook_that_is_killed_with_its_shell(CLIENT).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_sub_agent_calls_is_asked_too() {
    let person = Person::new(|card| match card.json.contains("echo original") {
        true => Answer::Deny("Not for a helper.".to_owned()),
        false => Answer::Approve,
    });
    let person = person.await;
    let input = json!({"name": "t", "agent_type": "task", "description": "d", "prompt": "go on"});
    let starts = ToolUse { name: "task", input };
    // Each one starts another until Copilot allows no more; then each wants a command of its own.
    let desk = Desk::new(CLIENT, vec![vec![starts], vec![write(CLIENT, "marker")]]).await;
    desk.install(&person.socket(), &[]);
    let ran = desk.run().await;
    assert_eq!(desk.marker("marker"), None, "{}", ran.output);
    let states = person.phone.states().await;
    let denied = states.iter().filter(|state| **state == State::Denied).count();
    assert!(denied > 1, "only the first agent was asked: {states:?} {}", ran.output);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_knows_whether_the_hook_is_there() {
    cases::the_doctor_knows(CLIENT).await;
}
