//! Every client's events, as they really come, against the SDK's stand-in daemon: what is asked, and what is said.
#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

mod desk;
#[path = "../../../sdk/rust/tests/kit/mod.rs"]
mod kit;

use agenttrust_gate::Trouble;
use agenttrust_hooks::Client;
use agenttrust_hooks::hook::{HookConfig, HookOutput, answer};
use desk::{CLIENTS, asked, changed, denies, edits, event, is_a_no, say, shown, tasks};
use kit::{Act, World};
use serde_json::json;
use std::time::Duration;

/// What each client is told of everything that can come of a call, of a prompt and of an end.
#[tokio::test]
async fn every_answer_has_its_clients_form() {
    for client in CLIENTS {
        let (call, mut told) = (event(client, "call"), String::new());
        let mut tell = |name: &str, output: &HookOutput| told.push_str(&shown(name, client, output));
        let world = World::new().await;
        tell("approved", &say(&world, client, &call).await);
        tell("ended", &say(&world, client, &event(client, "ended")).await);
        assert_eq!(world.daemon.states(), ["executed"], "{client:?}");
        tell("prompt", &say(&world, client, &event(client, "prompt")).await);

        let world = World::new().await;
        edits(&world, r#"{"command":"echo EDITED > one"}"#);
        tell("edited", &say(&world, client, &call).await);
        // What comes back has the arguments that were handed over.
        let edited =
            event(client, "ended").replace(r#""command":"echo one > one""#, r#""command":"echo EDITED > one""#);
        tell("ended", &say(&world, client, &without_the_rest(&edited)).await);
        assert_eq!(world.daemon.states(), ["executed"], "{client:?}");

        let world = World::new().await;
        denies(&world);
        tell("denied", &say(&world, client, &call).await);

        let world = World::new().await;
        world.daemon.tamper(|path, reply| match path {
            "POST /v1/requests" => Act::Error(Trouble::NoDevice),
            _ => Act::Reply(reply),
        });
        tell("no device", &say(&world, client, &call).await);
        tell("not an event", &say(&world, client, "not an event").await);

        std::fs::write(world.folder.path().join("state/agents/bot/agent.key"), "not a key").unwrap();
        tell("damaged, prompt", &say(&world, client, &event(client, "prompt")).await);
        tell("damaged, ended", &say(&world, client, &event(client, "ended")).await);
        insta::assert_snapshot!(client.name(), told);
    }
}

/// Edited arguments have only the command.
fn without_the_rest(event: &str) -> String {
    event.replace(r#","description":"one""#, "").replace(r#","working_directory":"/home/you/shop""#, "")
}

#[tokio::test]
async fn the_persons_words_are_the_task_and_a_models_are_not() {
    for client in CLIENTS {
        let world = World::new().await;
        say(&world, client, &event(client, "prompt")).await;
        say(&world, client, &event(client, "call")).await;
        assert_eq!(tasks(&world), [Some("Write the marker".to_owned())], "{client:?}");
    }
    for client in [Client::Codex, Client::Copilot, Client::Opencode] {
        let world = World::new().await;
        say(&world, client, &event(client, "sub-agent-prompt")).await;
        say(&world, client, &event(client, "call")).await;
        assert_eq!(tasks(&world), [None], "{client:?}");
    }
    let world = World::new().await;
    say(&world, Client::ClaudeCode, &event(Client::ClaudeCode, "task-notification")).await;
    say(&world, Client::ClaudeCode, &event(Client::ClaudeCode, "sub-agent-call")).await;
    assert_eq!(tasks(&world), [None]);
}

#[tokio::test]
async fn a_sub_agents_call_is_not_its_parents() {
    for client in [Client::ClaudeCode, Client::Codex] {
        let world = World::new().await;
        let by_the_sub_agent = event(client, "sub-agent-call");
        let by_its_parent = changed(client, "sub-agent-call", |event| {
            event.as_object_mut().unwrap().remove("agent_id").unwrap();
        });
        for call in [&by_the_sub_agent, &by_its_parent] {
            assert!(say(&world, client, call).await.stdout.contains("allow"), "{client:?}");
        }
        assert_eq!(world.daemon.states(), ["claimed", "claimed"], "{client:?}");
        assert!(say(&world, client, &by_the_sub_agent).await.stdout.contains("(spent)"), "{client:?}");
    }
}

#[tokio::test]
async fn equal_calls_without_an_id_are_each_asked() {
    for client in [Client::Gemini, Client::Copilot] {
        let world = World::new().await;
        for _ in 0..2 {
            assert!(say(&world, client, &event(client, "call")).await.stdout.contains("allow"), "{client:?}");
        }
        assert_eq!(world.daemon.states(), ["claimed", "claimed"]);
        for _ in 0..3 {
            say(&world, client, &event(client, "ended")).await;
        }
        assert_eq!((world.daemon.states(), world.daemon.count("outcome")), (vec!["executed".to_owned(); 2], 2));
    }
}

#[tokio::test]
async fn a_servers_tool_is_asked_with_its_server() {
    let world = World::new().await;
    for client in CLIENTS {
        if client != Client::ClaudeCode {
            say(&world, client, &event(client, "server-call")).await;
        }
    }
    let call = changed(Client::ClaudeCode, "call", |event| event["tool_name"] = json!("mcp__shop__pay_invoice"));
    say(&world, Client::ClaudeCode, &call).await;
    let mut named: Vec<_> =
        asked(&world).into_iter().map(|(server, tool, ..)| (server.unwrap_or_default(), tool)).collect();
    named.sort();
    let pairs = [
        ("", "pay_invoice"),
        ("", "shop-pay_invoice"),
        ("", "shop_pay_invoice"),
        ("shop", "pay_invoice"),
        ("shop", "pay_invoice"),
        ("shop", "pay_invoice"),
    ];
    assert_eq!(named, pairs.map(|(server, tool)| (server.to_owned(), tool.to_owned())));
}

#[tokio::test]
async fn numbers_are_signed_as_the_client_wrote_them() {
    let world = World::new().await;
    say(&world, Client::Cursor, &event(Client::Cursor, "server-call")).await;
    assert_eq!(asked(&world)[0].2, r#"{"to":"Example GmbH","amount":120.50}"#);
    let text = changed(Client::Copilot, "call", |event| event["toolArgs"] = json!(r#"{"command":"ls","n":1.0}"#));
    assert!(say(&world, Client::Copilot, &text).await.stdout.contains(r#""modifiedArgs":{"command":"ls","n":1.0}"#));
    assert_eq!(asked(&world)[1].2, r#"{"command":"ls","n":1.0}"#);
}

#[tokio::test]
async fn calls_of_one_message_are_a_group_where_the_client_tells() {
    let world = World::new().await;
    say(&world, Client::Opencode, &event(Client::Opencode, "call")).await;
    say(&world, Client::Codex, &event(Client::Codex, "call")).await;
    let groups: Vec<_> = asked(&world).into_iter().map(|(.., group)| group.is_some()).collect();
    assert_eq!(groups, [true, false]);
}

#[tokio::test]
async fn where_an_edit_cannot_be_handed_back_the_model_is_told_to_call_again() {
    for (name, edited) in [("shell-call", r#"{"command":"ls"}"#), ("server-call", r#"{"amount":1}"#)] {
        let world = World::new().await;
        edits(&world, edited);
        let output = say(&world, Client::Cursor, &event(Client::Cursor, name)).await;
        let answer: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
        assert_eq!(answer["permission"], "deny");
        assert!(answer["agent_message"].as_str().unwrap().ends_with(edited), "{answer}");
        assert_eq!(world.daemon.states(), ["failed"]);
        let world = World::new().await;
        let output = say(&world, Client::Cursor, &event(Client::Cursor, name)).await;
        assert_eq!(output.stdout, "{\"permission\":\"allow\"}\n");
    }
}

#[tokio::test]
async fn another_clients_event_is_refused() {
    let world = World::new().await;
    for client in CLIENTS {
        for other in CLIENTS {
            // Claude Code and Codex name the same events alike.
            let alike = [Client::ClaudeCode, Client::Codex];
            if other == client || (alike.contains(&client) && alike.contains(&other)) {
                continue;
            }
            let output = say(&world, client, &event(other, "call")).await;
            assert_eq!(output.code, 2, "{client:?} took an event of {other:?}");
            assert!(output.stderr.contains("(bad_request)"), "{output:?}");
        }
    }
    assert_eq!(world.daemon.count("requests"), 0);
}

#[tokio::test]
async fn arguments_that_cannot_be_signed_are_refused() {
    for client in CLIENTS {
        let world = World::new().await;
        let call = event(client, "call");
        let with = |arguments: &str| {
            let (before, rest) = call.split_once(r#"{"command":"#).unwrap();
            let (_, after) = rest.split_once('}').unwrap();
            format!("{before}{arguments}{after}")
        };
        for (arguments, code) in [
            (r#"{"command":"ls","command":"rm"}"#, "(bad_json)"),
            (r#"{"command":9007199254740993}"#, "(bad_json)"),
            ("[]", "(bad_payload)"),
            ("null", "not approved"),
            (&format!(r#"{{"command":"{}"}}"#, "x".repeat(2 << 20)), "(too_large)"),
        ] {
            let output = say(&world, client, &with(arguments)).await;
            let said = format!("{}{}", output.stdout, output.stderr);
            assert!(said.contains(code) && is_a_no(client, &output), "{client:?} {said}");
        }
        assert_eq!(world.daemon.count("requests"), 0, "{client:?}");
    }
}

#[tokio::test]
async fn a_canary_is_refused_and_nobody_is_asked() {
    for client in CLIENTS {
        let world = World::new().await;
        let heard = |name: &str| {
            let (event, canary) = (event(client, name), Some("c4n4ry".to_owned()));
            let config = HookConfig { gate: world.config(), deadline: Duration::from_secs(60), canary };
            async move { answer(client, event.as_bytes(), config).await }
        };
        let output = heard("call").await;
        assert!(output.stdout.contains("AgentTrust: not approved (doctor_canary: c4n4ry)."), "{output:?}");
        assert_eq!(heard("prompt").await, HookOutput::default());
        assert_eq!(heard("ended").await, HookOutput::default());
        assert!(!world.folder.path().join("state").exists());
    }
}
