//! An agent runs as the person's own user and knows their PIN, but has no terminal: no command does anything for it
//! that is the person's to do.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

use agenttrust_gate::Action;
use agenttrust_tests::kit::{Desk, PIN, outcome, program};
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a command may take; one that waits for somebody is ended then.
const PATIENCE: Duration = Duration::from_secs(4);

/// Commands that are not in the help, and the one that would end what the others are tried against.
const HIDDEN: [&[&str]; 3] = [&["man"], &["detached", "--", "agenttrust", "approve"], &["detached", "--", "true"]];
const LAST: &str = "down";

/// What a command wrote.
fn run(desk: &Desk, arguments: &[String]) -> String {
    let program = program("agenttrust");
    let mut command = Command::new("setsid");
    command.arg("--wait").arg(&program).args(arguments).current_dir(desk.path("."));
    command.env("AGENTTRUST_DATA", desk.daemon.data()).env("AGENTTRUST_STATE", desk.path("agent"));
    for guess in ["PIN", "AGENTTRUST_PIN", "AGENTTRUST_TERMINAL_PIN", "AGENTTRUST_PASSWORD", "PASSWORD"] {
        command.env(guess, PIN);
    }
    for guess in ["AGENTTRUST_YES", "AGENTTRUST_APPROVE", "AGENTTRUST_NO_TTY", "CI", "DEBIAN_FRONTEND", "FORCE"] {
        command.env(guess, "1");
    }
    let ask = desk.path("ask");
    command.env("SSH_ASKPASS", &ask).env("SUDO_ASKPASS", &ask).env("SSH_TTY", "/dev/stdin").env("EDITOR", "true");
    let path = format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut child =
        command.env("PATH", path).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It may have ended before it read anything.
    let _unread = child.stdin.take().unwrap().write_all(format!("{PIN}\n{PIN}\ny\ny\nyes\n").as_bytes());
    let until = Instant::now() + PATIENCE;
    while child.try_wait().unwrap().is_none() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
    // One that waits for somebody.
    let _ended = child.kill();
    let output = child.wait_with_output().unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

/// Every command that help names, to the last level.
fn commands(desk: &Desk, above: &[String]) -> Vec<Vec<String>> {
    let help = run(desk, &[above, &["--help".to_owned()]].concat());
    let listed = help.split_once("\nCommands:\n").map(|(_, rest)| rest).unwrap_or_default();
    let names = listed.lines().take_while(|line| !line.is_empty());
    // A description that goes on in the next line is indented deeper.
    let names = names.filter_map(|line| line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')));
    let names: Vec<&str> = names.filter_map(|line| line.split(' ').next()).collect();
    let mut found: Vec<Vec<String>> = Vec::new();
    for name in names {
        let here = [above, &[name.to_owned()]].concat();
        found.extend(commands(desk, &here));
        found.push(here);
    }
    found
}

/// What may follow a command; those that take none of it say so and do nothing.
fn tails(id: &str, folder: &Path) -> Vec<Vec<String>> {
    let (folder, file) = (folder.display().to_string(), folder.join("file").display().to_string());
    let tails: [&[&str]; 22] = [
        &[],
        &["--json"],
        &[id],
        &["--all"],
        &["--watch"],
        &[id, "--reason", "no"],
        &["office"],
        &["Desk"],
        &["Desk", "Other"],
        &["stranger"],
        &["stranger", "--name", "friend"],
        &["--lift"],
        &["--agent", "office"],
        &["--agent", "office", "--lift"],
        &["--this-terminal", "--name", "Other"],
        &["--this-terminal", "--ticket"],
        &["--svg", &file],
        &["--png", &file],
        &[&folder],
        &["--evidence", &file],
        &["--tool", "t", "--agent", "stranger", "--wait", "1s", "--", "touch", "approved"],
        &["claude-code"],
    ];
    tails.iter().map(|tail| tail.iter().map(|word| (*word).to_owned()).collect()).collect()
}

/// What only the person may change.
fn decided(desk: &Desk) -> Value {
    let (_, status) = desk.daemon.host("GET", "/v1/status", "");
    let names = ["tdid", "bundle", "status_until", "admins", "devices", "paused"];
    names.iter().map(|name| ((*name).to_owned(), status[*name].clone())).collect::<serde_json::Map<_, _>>().into()
}

fn states(desk: &Desk) -> Vec<(String, String)> {
    let shown = desk.done(&["history", "--json"]).plain();
    let page: Value = serde_json::from_str(shown.split_once('{').map(|(_, rest)| format!("{{{rest}")).unwrap().trim())
        .unwrap_or_else(|error| panic!("{error}: {shown}"));
    let rows = page["rows"].as_array().unwrap().iter();
    rows.map(|row| (row["request"].as_str().unwrap().to_owned(), row["state"].as_str().unwrap().to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_terminal_no_command_answers_anything() {
    let mut desk = Desk::new();
    let session = desk.session().await;
    let asking = {
        let action = Action::new("pay_invoice", &json!({"amount": 120})).life(Duration::from_secs(1800));
        tokio::spawn(async move { outcome(&session, action).await })
    };
    desk.until_pending(1).await;
    let before = (decided(&desk), states(&desk));
    let [(id, state)] = before.1.as_slice() else { panic!("one request: {:?}", before.1) };
    assert_eq!(state, "pending");
    std::fs::write(desk.path("ask"), format!("#!/bin/sh\necho '{PIN}'\n")).unwrap();

    let commands = commands(&desk, &[]);
    for known in ["approve", "approver", "deny", "pair", "pause", "agents", "devices", "run", "hook"] {
        assert!(commands.iter().any(|command| command == &[known]), "{known} is not in the help: {commands:?}");
    }
    let tails = tails(id, &desk.path("folder"));
    let mut tried: Vec<Vec<String>> = Vec::new();
    for command in commands.iter().filter(|command| command[0] != LAST) {
        tried.extend(tails.iter().map(|tail| [command.as_slice(), tail].concat()));
    }
    tried.extend(HIDDEN.iter().map(|words| words.iter().map(|word| (*word).to_owned()).collect()));
    let approve = run(&desk, &["approve".to_owned(), id.clone()]);
    assert!(approve.contains("(no_terminal)"), "it comes as far as asking for the PIN: {approve}");
    for words in &tried {
        run(&desk, words);
        assert_eq!(decided(&desk), before.0, "after `agenttrust {}`", words.join(" "));
        assert!(!asking.is_finished(), "after `agenttrust {}`", words.join(" "));
    }
    let after = states(&desk);
    assert!(after.contains(&before.1[0]), "{after:?}");
    assert!(after.iter().all(|(_, state)| !["approved", "claimed", "executed", "denied"].contains(&state.as_str())));
    assert!(!desk.path("approved").exists(), "nothing ran");

    // The daemon may be stopped by its own user; that decides nothing.
    run(&desk, &[LAST.to_owned()]);
    desk.daemon.restart();
    assert_eq!(decided(&desk), before.0);

    // The same words from a terminal do what they say.
    let mut approve = desk.open(&["approve", id]);
    approve.wait_for("[y]es [n]o").answer("y");
    assert_eq!(approve.end(), 0, "{}", approve.plain());
    assert_eq!(asking.await.unwrap(), Ok(json!({"amount": 120})));
}
