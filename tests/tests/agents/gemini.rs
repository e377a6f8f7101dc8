//! Gemini CLI.

use crate::cases;
use agenttrust_hooks::Client;
use agenttrust_tests::kit::ToolUse;
use serde_json::json;

const CLIENT: Client = Client::Gemini;

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

/// What the page says of Gemini CLI: of a hook that dies without a word it thinks nothing, so that whoever may kill the
/// person's processes gets past it.
#[tokio::test(flavor = "multi_thread")]
async fn a_hook_that_is_killed_with_its_shell_does_not_block_the_call() {
    let marker = cases::a_hook_that_is_killed_with_its_shell(CLIENT).await;
    assert_eq!(marker.as_deref(), Some("original"), "Gemini CLI blocks it now: the page can promise more");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_sub_agent_calls_is_asked_too() {
    let input = json!({"agent_name": "generalist", "prompt": "go on"});
    cases::a_sub_agent(CLIENT, ToolUse { name: "invoke_agent", input }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_knows_whether_the_hook_is_there() {
    cases::the_doctor_knows(CLIENT).await;
}
