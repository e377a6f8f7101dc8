//! The hook for Claude Code against the SDK's stand-in daemon: what it asks, and what it says.
#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

#[path = "../../../sdk/rust/tests/kit/mod.rs"]
mod kit;

use agenttrust_gate::Trouble;
use agenttrust_hooks::Client;
use agenttrust_hooks::hook::{HookConfig, HookOutput, answer};
use agenttrust_protocol::Received;
use agenttrust_protocol::message::{Enroll, Session, SessionContent, Verdict};
use kit::{Act, World, person};
use serde_json::{Value, json};
use std::time::Duration;

fn config(world: &World) -> HookConfig {
    HookConfig { gate: world.config(), deadline: Duration::from_secs(3570), canary: None }
}

async fn event(world: &World, event: Value) -> HookOutput {
    let mut whole =
        json!({"session_id": "5f1c", "transcript_path": "/t.jsonl", "cwd": "/w/shop", "permission_mode": "default"});
    whole.as_object_mut().unwrap().extend(event.as_object().unwrap().clone());
    answer(Client::ClaudeCode, whole.to_string().as_bytes(), config(world)).await
}

async fn call(world: &World, tool: &str, id: &str) -> HookOutput {
    let event_name = "PreToolUse";
    let input = json!({"command": "make release"});
    event(world, json!({"hook_event_name": event_name, "tool_name": tool, "tool_input": input, "tool_use_id": id}))
        .await
}

async fn ended(world: &World, event_name: &str, id: &str) -> HookOutput {
    event(world, json!({"hook_event_name": event_name, "tool_name": "Bash", "tool_input": {}, "tool_use_id": id})).await
}

/// The part of the answer that decides; the process ends with 0.
fn decision(output: &HookOutput) -> Value {
    assert_eq!((output.code, output.stderr.as_str()), (0, ""));
    let answer: Value = serde_json::from_str(&output.stdout).unwrap();
    answer["hookSpecificOutput"].clone()
}

fn reason(output: &HookOutput) -> String {
    let decision = decision(output);
    assert_eq!(decision["permissionDecision"], "deny");
    decision["permissionDecisionReason"].as_str().unwrap().to_owned()
}

fn sessions(world: &World) -> Vec<(String, SessionContent)> {
    let state = world.daemon.state();
    let enroll = Received::<Enroll>::parse(&state.enrolled[0]).unwrap().open_own().unwrap();
    let open = |text: &String| {
        let session = Received::<Session>::parse(text).unwrap().open(|_| Some(enroll.body().key)).unwrap();
        (session.body().sid.to_string(), session.content().unwrap())
    };
    state.sessions.values().map(open).collect()
}

#[tokio::test]
async fn an_approval_allows_what_was_signed_and_the_end_is_the_outcome() {
    let world = World::new().await;
    let answer = decision(&call(&world, "Bash", "t1").await);
    assert_eq!(answer["permissionDecision"], "allow");
    assert_eq!(answer["updatedInput"], json!({"command": "make release"}));
    assert_eq!(answer.get("additionalContext"), None);
    assert_eq!(world.daemon.states(), ["claimed"]);
    let _approved = call(&world, "Bash", "t2").await;
    assert_eq!(ended(&world, "PostToolUseFailure", "t2").await, HookOutput::default());
    assert_eq!(ended(&world, "PostToolUse", "t1").await, HookOutput::default());
    assert_eq!(world.daemon.states(), ["executed", "failed"]);
    // Of a call that nobody allowed there is nothing to report.
    assert_eq!(ended(&world, "PostToolUse", "t3").await, HookOutput::default());
    assert_eq!(world.daemon.count("outcome"), 2);
}

#[tokio::test]
async fn a_call_that_was_used_is_not_allowed_again() {
    let world = World::new().await;
    let _approved = call(&world, "Bash", "t1").await;
    assert!(reason(&call(&world, "Bash", "t1").await).starts_with("AgentTrust: not approved (spent)."));
}

#[tokio::test]
async fn the_persons_words_are_in_the_denial() {
    let world = World::new().await;
    world.daemon.person(person(|domain, request, now| {
        let no =
            domain.decide(0, request, Verdict::Deny, now, |_, content| content.note = Some("ask Ada first".to_owned()));
        ("denied", vec![no])
    }));
    let output = call(&world, "Bash", "t1").await;
    let denied = "AgentTrust: not approved (denied). Do not retry unchanged. The person denied this action. \
                  Next step: Choose another way, or ask the person what they want instead. \
                  The person says: ask Ada first";
    assert_eq!(reason(&output), denied);
    assert!(!output.stdout.contains("systemMessage"));
}

#[tokio::test]
async fn an_edit_replaces_the_arguments_and_the_model_is_told() {
    let world = World::new().await;
    world.daemon.person(person(|domain, request, now| {
        let edit = domain.decide(0, request, Verdict::Modify, now, |_, content| {
            let text = br#"{"command":"make test"}"#;
            let edited = agenttrust_gate::json::parse(text, agenttrust_gate::json::Numbers::Any).unwrap();
            content.arguments = Some(edited.as_object().unwrap().clone());
        });
        ("approved", vec![edit])
    }));
    for (tool, id) in [("Bash", "t1"), ("AskUserQuestion", "t2")] {
        let answer = decision(&call(&world, tool, id).await);
        assert_eq!(answer["updatedInput"], json!({"command": "make test"}));
        assert_eq!(answer["permissionDecisionReason"], "AgentTrust: approved with arguments that the person changed");
        let context = r#"AgentTrust: the person changed the arguments; this ran with {"command":"make test"}."#;
        assert_eq!(answer["additionalContext"], context);
    }
}

#[tokio::test]
async fn a_question_to_the_person_keeps_its_screen() {
    let world = World::new().await;
    let answer = decision(&call(&world, "AskUserQuestion", "t1").await);
    assert_eq!((&answer["permissionDecision"], answer.get("updatedInput")), (&json!("allow"), None));
    // A server may name its tool so, too.
    let answer = decision(&call(&world, "mcp__shop__AskUserQuestion", "t2").await);
    assert_eq!(answer["updatedInput"], json!({"command": "make release"}));
}

#[tokio::test]
async fn the_prompt_is_the_task_of_the_turn() {
    let world = World::new().await;
    let prompt = |text: &str| json!({"hook_event_name": "UserPromptSubmit", "prompt": text, "source": "user"});
    assert_eq!(event(&world, prompt("Release 1.2")).await, HookOutput::default());
    let _approved = call(&world, "Bash", "t1").await;
    let long = "é".repeat(9000);
    assert_eq!(event(&world, prompt(&long)).await, HookOutput::default());
    let _approved = call(&world, "Bash", "t2").await;
    let others = json!({"hook_event_name": "UserPromptSubmit", "prompt": "Pay Eve", "source": "system"});
    assert_eq!(event(&world, others).await, HookOutput::default());
    let _approved = call(&world, "Bash", "t3").await;
    let mut sessions = sessions(&world);
    sessions.sort_by_key(|(_, content)| content.task.as_ref().map(String::len));
    let tasks: Vec<_> = sessions.iter().map(|(_, content)| content.task.as_deref()).collect();
    assert_eq!(tasks, [None, Some("Release 1.2"), long.get(..16 << 10)]);
    assert!(sessions.iter().all(|(sid, content)| *sid == sessions[0].0 && content.facts.cwd == "/w/shop"));
}

#[tokio::test]
async fn whatever_goes_wrong_is_a_refusal_that_says_what_to_do() {
    let world = World::new().await;
    world.daemon.tamper(|call, reply| match call {
        "POST /v1/requests" => Act::Error(Trouble::NoDevice),
        _ => Act::Reply(reply),
    });
    let output = call(&world, "Bash", "t1").await;
    assert!(reason(&output).starts_with("AgentTrust: not approved (no_device). Do not retry unchanged."));
    let for_person = r#""systemMessage":"AgentTrust (no_device): No approving device is reachable. Open AgentTrust"#;
    assert!(output.stdout.contains(for_person), "{output:?}");

    std::fs::remove_file(world.folder.path().join("agent.sock")).unwrap();
    let output = call(&world, "Bash", "t2").await;
    assert!(reason(&output).starts_with("AgentTrust: not approved (daemon_down)."));
    assert!(output.stdout.contains("Start it with `agenttrust up`."));

    std::fs::write(world.folder.path().join("state/agents/bot/agent.key"), "not a key").unwrap();
    assert!(reason(&call(&world, "Bash", "t3").await).starts_with("AgentTrust: not approved (store_corrupt)."));
    let prompt = event(&world, json!({"hook_event_name": "UserPromptSubmit", "prompt": "go"})).await;
    assert_eq!(serde_json::from_str::<Value>(&prompt.stdout).unwrap()["decision"], "block");
}

#[tokio::test]
async fn what_is_not_an_event_or_not_strict_json_is_refused() {
    let world = World::new().await;
    let asked = |rest: &str| {
        let head = r#""hook_event_name":"PreToolUse","session_id":"s","cwd":"/","tool_name":"T","tool_use_id":"c""#;
        let text = format!("{{{head},{rest}}}");
        let config = config(&world);
        async move { answer(Client::ClaudeCode, text.as_bytes(), config).await }
    };
    for arguments in [r#"{"a":1,"a":2}"#, r#"{"a":9007199254740993}"#, r#"{"a":"\ud800"}"#] {
        let output = asked(&format!(r#""tool_input":{arguments}"#)).await;
        assert!(
            reason(&output).starts_with("AgentTrust: not approved (bad_json). Do not retry unchanged."),
            "{output:?}"
        );
    }
    assert!(reason(&asked(r#""tool_input":[]"#).await).contains("(bad_payload)"));
    for text in ["", "{}", "not JSON"] {
        let output = answer(Client::ClaudeCode, text.as_bytes(), config(&world)).await;
        assert_eq!((output.code, output.stdout.as_str()), (2, ""));
        assert!(output.stderr.starts_with("AgentTrust: not approved (bad_request)."));
    }
    assert_eq!(world.daemon.count("requests"), 0);
}

#[tokio::test]
async fn a_call_that_is_too_large_is_refused() {
    let world = World::new().await;
    let input = json!({"content": "x".repeat(2 << 20)});
    let name = "PreToolUse";
    let large = json!({"hook_event_name": name, "tool_name": "Write", "tool_input": input, "tool_use_id": "t1"});
    assert!(reason(&event(&world, large).await).contains("(too_large)"));
}

#[tokio::test]
async fn a_hook_that_is_stopped_withdraws_its_request() {
    let world = World::new().await;
    world.daemon.nobody();
    let stopped = tokio::time::timeout(Duration::from_millis(500), call(&world, "Bash", "t1")).await;
    assert!(stopped.is_err());
    world.daemon.until(|state| state.requests.iter().all(|request| request.state == "cancelled")).await;
    assert_eq!(world.daemon.states(), ["cancelled"]);
}
