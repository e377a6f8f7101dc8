//! The hook as a process: whatever ends its waiting, it says no in a form that its client takes, and takes its request
//! back.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

use agenttrust_device::Event;
use agenttrust_hooks::{Client, HookFlags, Wiring};
use agenttrust_protocol::lifecycle::State;
use agenttrust_tests::kit::{Answer, Daemon, Phone, program};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const CLIENTS: [Client; 6] =
    [Client::ClaudeCode, Client::Codex, Client::Gemini, Client::Copilot, Client::Opencode, Client::Cursor];

/// How long a hook may take to notice that nobody waits for it any more, and its request to be taken back.
const SOON: Duration = Duration::from_secs(20);

/// A person who has accepted the agents and answers nothing.
struct Desk {
    daemon: Daemon,
    phone: Arc<Phone>,
    serving: tokio::task::JoinHandle<()>,
    folder: tempfile::TempDir,
}

impl Desk {
    async fn new() -> Desk {
        let (daemon, folder) = (Daemon::spawn(), tempfile::tempdir().unwrap());
        let phone = Arc::new(Phone::first(&daemon, &folder.path().join("phone")).await);
        let at_it = Arc::clone(&phone);
        let serving = tokio::spawn(async move { at_it.serve(|_| Answer::Ignore).await });
        Desk { daemon, phone, serving, folder }
    }

    fn wiring(&self, client: Client, deadline: u32) -> Wiring {
        let flags = HookFlags {
            socket: Some(self.daemon.agent_socket()),
            state: Some(self.folder.path().join("state")),
            deadline,
            ..HookFlags::default()
        };
        Wiring::new(client, program("agenttrust").to_str().unwrap(), &flags)
    }

    /// A hook that has asked, once the phone has its card.
    async fn waiting(&self, wiring: &Wiring) -> Child {
        let mut events = self.phone.device.events();
        let mut command = Command::new(&wiring.program);
        let child = start(command.args(&wiring.args), &call(wiring.client));
        while !matches!(events.next().await.unwrap(), Event::CardAdded { .. }) {}
        child
    }

    /// Waits until every request that was ever made has this state.
    async fn until_all_are(&self, state: State, how_many: usize) {
        let began = Instant::now();
        while self.phone.states().await != vec![state; how_many] {
            assert!(began.elapsed() < SOON, "{:?}", self.phone.states().await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// A call as the client writes it.
fn call(client: Client) -> Vec<u8> {
    let events = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/hooks/tests/events");
    std::fs::read(events.join(client.name()).join("call.json")).unwrap()
}

fn start(command: &mut Command, event: &[u8]) -> Child {
    command.env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A hook that takes no more of it closes its end.
    drop(child.stdin.take().unwrap().write_all(event));
    child
}

fn ended(child: Child) -> Output {
    child.wait_with_output().unwrap()
}

fn is_blocked(output: &Output, code: &str) -> bool {
    let said = String::from_utf8_lossy(&output.stderr);
    output.status.code() == Some(2) && said.contains(&format!("AgentTrust: not approved ({code})."))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_that_is_told_to_end_says_no_and_takes_its_request_back() {
    let desk = Desk::new().await;
    for (number, client) in CLIENTS.into_iter().enumerate() {
        let child = desk.waiting(&desk.wiring(client, 600)).await;
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        let output = ended(child);
        assert!(is_blocked(&output, "closed"), "{client:?} {output:?}");
        desk.until_all_are(State::Cancelled, number + 1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_is_a_no_in_the_clients_form() {
    let desk = Desk::new().await;
    let hooks: Vec<(Client, Child)> = {
        let mut hooks = Vec::new();
        for client in CLIENTS {
            hooks.push((client, desk.waiting(&desk.wiring(client, 5)).await));
        }
        hooks
    };
    for (client, child) in hooks {
        let output = ended(child);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("not approved (timed_out)"), "{client:?} {output:?}");
        assert!(said.contains(r#""deny""#), "{client:?} {output:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_nobody_would_hear_is_not_waited_for() {
    let desk = Desk::new().await;
    // The client is gone; between it and the hook is a shell that waits on.
    let wiring = desk.wiring(Client::Gemini, 600);
    let mut events = desk.phone.device.events();
    let mut shell = start(Command::new("/bin/sh").args(["-c", &wiring.shell()]), &call(Client::Gemini));
    while !matches!(events.next().await.unwrap(), Event::CardAdded { .. }) {}
    drop((shell.stdout.take(), shell.stderr.take()));
    desk.until_all_are(State::Cancelled, 1).await;
    assert_eq!(shell.wait().unwrap().code(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_whose_shell_is_gone_takes_its_request_back() {
    let desk = Desk::new().await;
    let wiring = desk.wiring(Client::Codex, 600);
    let mut events = desk.phone.device.events();
    let mut shell = start(Command::new("/bin/sh").args(["-c", &wiring.shell()]), &call(Client::Codex));
    while !matches!(events.next().await.unwrap(), Event::CardAdded { .. }) {}
    kill_process(Pid::from_child(&shell), Signal::KILL).unwrap();
    shell.wait().unwrap();
    desk.until_all_are(State::Cancelled, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_screen_that_shows_it_is_told_whom_the_hook_waits_for() {
    let desk = Desk::new().await;
    let mut child = desk.waiting(&desk.wiring(Client::Opencode, 600)).await;
    let mut said = vec![0; "Waiting for your approval on ".len()];
    child.stderr.as_mut().unwrap().read_exact(&mut said).unwrap();
    assert_eq!(String::from_utf8_lossy(&said), "Waiting for your approval on ");
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    ended(child);
}

#[test]
fn what_cannot_be_an_event_is_a_no() {
    let nobody = |client: Client| {
        let flags = HookFlags { socket: Some(PathBuf::from("/nonexistent")), ..HookFlags::default() };
        Wiring::new(client, program("agenttrust").to_str().unwrap(), &flags)
    };
    for client in CLIENTS {
        let wiring = nobody(client);
        for event in [Vec::new(), b"{}".to_vec(), vec![b' '; (16 << 20) + 1]] {
            let output = ended(start(Command::new(&wiring.program).args(&wiring.args), &event));
            assert!(is_blocked(&output, "bad_request"), "{client:?} {output:?}");
        }
    }
}
