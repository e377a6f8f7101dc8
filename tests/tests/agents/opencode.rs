//! opencode.

use crate::cases;
use agenttrust_hooks::Client;
use agenttrust_tests::kit::ToolUse;
use serde_json::json;

const CLIENT: Client = Client::Opencode;

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
async fn what_a_sub_agent_calls_is_asked_too() {
    let input = json!({"description": "d", "prompt": "go on", "subagent_type": "general"});
    cases::a_sub_agent(CLIENT, ToolUse { name: "task", input }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_knows_whether_the_hook_is_there() {
    cases::the_doctor_knows(CLIENT).await;
}
