//! One agent in front of the SDK's stand-in daemon, and the events that real clients wrote.
#![allow(clippy::unwrap_used, dead_code, reason = "shared by several test files, each of which uses a part")]

use crate::kit::{World, person};
use agenttrust_gate::json::{Numbers, parse};
use agenttrust_hooks::Client;
use agenttrust_hooks::hook::{HookConfig, HookOutput, answer};
use agenttrust_protocol::Received;
use agenttrust_protocol::message::{Enroll, Session, SessionContent, Verdict};
use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

pub const CLIENTS: [Client; 6] =
    [Client::ClaudeCode, Client::Codex, Client::Gemini, Client::Copilot, Client::Opencode, Client::Cursor];

/// An event as the client wrote it; Cursor's are written to its documentation.
pub fn event(client: Client, name: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/events/{}/{name}.json", client.name()));
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The same with some of its members changed.
pub fn changed(client: Client, name: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut event = serde_json::from_str(&event(client, name)).unwrap();
    change(&mut event);
    event.to_string()
}

pub async fn say(world: &World, client: Client, event: &str) -> HookOutput {
    let config = HookConfig { gate: world.config(), deadline: Duration::from_secs(3570), canary: None };
    answer(client, event.as_bytes(), config).await
}

/// Whether it is a no in a form that the client takes for one.
pub fn is_a_no(client: Client, output: &HookOutput) -> bool {
    if output.code == 2 {
        return output.stderr.starts_with("AgentTrust: not approved");
    }
    let answer: serde_json::Value = serde_json::from_str(&output.stdout).unwrap_or_default();
    let decision = match client {
        Client::ClaudeCode | Client::Codex => &answer["hookSpecificOutput"]["permissionDecision"],
        Client::Gemini | Client::Opencode => &answer["decision"],
        Client::Copilot => &answer["permissionDecision"],
        Client::Cursor => &answer["permission"],
    };
    output.code == 0 && decision == "deny"
}

/// An output in full, for a snapshot.
pub fn shown(name: &str, client: Client, output: &HookOutput) -> String {
    let mut text = format!("{} {name}: exit {}\n", client.name(), output.code);
    for (stream, said) in [("out", &output.stdout), ("err", &output.stderr)] {
        said.lines().for_each(|line| writeln!(text, "  {stream} {line}").unwrap());
    }
    text
}

/// A person who says no, with words.
pub fn denies(world: &World) {
    world.daemon.person(person(|domain, request, now| {
        let no = domain
            .decide(0, request, Verdict::Deny, now, |_, content| content.note = Some("Wait until Friday.".to_owned()));
        ("denied", vec![no])
    }));
}

/// A person who says yes to other arguments.
pub fn edits(world: &World, arguments: &'static str) {
    world.daemon.person(person(move |domain, request, now| {
        let yes = domain.decide(0, request, Verdict::Modify, now, |_, content| {
            let edited = parse(arguments.as_bytes(), Numbers::Any).unwrap();
            content.arguments = Some(edited.as_object().unwrap().clone());
        });
        ("approved", vec![yes])
    }));
}

/// The tasks of all sessions the daemon was given, with the sessions' ids.
pub fn sessions(world: &World) -> Vec<(String, SessionContent)> {
    let state = world.daemon.state();
    let enroll = Received::<Enroll>::parse(&state.enrolled[0]).unwrap().open_own().unwrap();
    let open = |text: &String| {
        let session = Received::<Session>::parse(text).unwrap().open(|_| Some(enroll.body().key)).unwrap();
        (session.body().sid.to_string(), session.content().unwrap())
    };
    state.sessions.values().map(open).collect()
}

pub fn tasks(world: &World) -> Vec<Option<String>> {
    let mut tasks: Vec<_> = sessions(world).into_iter().map(|(_, content)| content.task).collect();
    tasks.sort();
    tasks
}

/// What was asked: server, tool, arguments, whether with a group.
pub fn asked(world: &World) -> Vec<(Option<String>, String, String, Option<String>)> {
    let state = world.daemon.state();
    let shown = |stored: &crate::kit::Stored| {
        let body = stored.request.body();
        let arguments = agenttrust_gate::json::Value::Object(stored.request.content().unwrap().arguments).to_string();
        (body.action.server.clone(), body.action.tool.clone(), arguments, body.group.clone())
    };
    state.requests.iter().map(shown).collect()
}
