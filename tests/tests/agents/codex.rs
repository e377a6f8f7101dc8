//! Codex.

use crate::cases;
use crate::desk::Desk;
use crate::person::Person;
use agenttrust_hooks::Client;
use agenttrust_tests::kit::{Answer, ToolUse};
use serde_json::json;

const CLIENT: Client = Client::Codex;

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

/// What the page says of Codex: of a hook that dies without a word it thinks nothing, so that whoever may kill the
/// person's processes gets past it.
#[tokio::test(flavor = "multi_thread")]
async fn a_hook_that_is_killed_with_its_shell_does_not_block_the_call() {
    let marker = cases::a_hook_that_is_killed_with_its_shell(CLIENT).await;
    assert_eq!(marker.as_deref(), Some("original"), "Codex blocks it now: the page can promise more");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_knows_whether_the_hook_is_there() {
    cases::the_doctor_knows(CLIENT).await;
}

/// A model opens a shell and types into it.
fn typed() -> Vec<Vec<ToolUse>> {
    let session = "after:session ID ";
    let typed = json!({"session_id": session, "chars": "echo typed > marker\n", "yield_time_ms": 1000});
    vec![
        vec![ToolUse { name: "exec_command", input: json!({"cmd": "bash", "tty": true, "yield_time_ms": 500}) }],
        vec![ToolUse { name: "write_stdin", input: typed }],
    ]
}

/// No hook of Codex sees what is typed into a shell that runs already; the installer takes such shells away.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_typed_into_an_approved_shell() {
    let person = Person::new(|_| Answer::Approve).await;
    let desk = Desk::new(CLIENT, typed()).await;
    desk.install(&person.socket(), &[]);
    let ran = desk.run().await;
    assert_eq!(desk.marker("marker"), None, "{}", ran.output);
    assert!(desk.model.results()[0].contains("TTY execution is disabled"), "{:?}", desk.model.results());
}

/// The same without the installer's switch: the person is asked for a shell and for nothing that is typed into it, and
/// the doctor says so.
#[tokio::test(flavor = "multi_thread")]
async fn without_the_switch_there_is_a_way_around_the_hook() {
    let person = Person::new(|_| Answer::Approve).await;
    let desk = Desk::new(CLIENT, typed()).await;
    desk.install(&person.socket(), &[]);
    desk.change(".codex/config.toml", |text| text.replace("unified_exec_tty = false", "unified_exec_tty = true"));
    let ran = desk.run().await;
    assert_eq!(desk.marker("marker").as_deref(), Some("typed"), "{} {:?}", ran.output, desk.model.results());
    assert_eq!(person.phone.states().await.len(), 1);
    desk.doctor().is("gap");
}

/// A project that the person trusts takes the installer's switch back.
#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_project_opens_the_way_around_the_hook_again() {
    let person = Person::new(|_| Answer::Approve).await;
    let desk = Desk::new(CLIENT, typed()).await;
    desk.install(&person.socket(), &[]);
    desk.trust_project_for_codex();
    desk.put("project/.codex/config.toml", "[features]\nunified_exec_tty = true\n");
    let ran = desk.run().await;
    assert_eq!(desk.marker("marker").as_deref(), Some("typed"), "{} {:?}", ran.output, desk.model.results());
    desk.doctor().is("not_held_here");
}
