//! The real Claude Code from npm, offline, with the hook in front of its tools: what it runs is on the disk, what it
//! tells its model is in the model's record.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

use agenttrust_device::{CardView, Event};
use agenttrust_protocol::lifecycle::State;
use agenttrust_tests::kit::{Answer, Daemon, Phone, ScriptedModel, ToolUse, program};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The longest that one run of Claude Code may take.
const LIMIT: Duration = Duration::from_secs(90);

/// The client, as `scripts/setup test` installs it: one folder for each platform, of which npm takes this machine's.
fn claude_code() -> PathBuf {
    let home = || Path::new(&std::env::var("HOME").unwrap()).join(".cache/agenttrust/agents");
    let agents = std::env::var("AGENTTRUST_AGENTS").map_or_else(|_| home(), PathBuf::from);
    let packages = agents.join("claude-code/node_modules/@anthropic-ai");
    let found = std::fs::read_dir(&packages).into_iter().flatten().map(|entry| entry.unwrap().path().join("claude"));
    let missing = || panic!("no Claude Code in {}: run scripts/setup test", packages.display());
    found.into_iter().find(|path| path.is_file()).unwrap_or_else(missing)
}

/// A home and a project for Claude Code, and the model it talks to.
struct Desk {
    folder: tempfile::TempDir,
    model: ScriptedModel,
}

/// How a run ended.
struct Ran {
    took: Duration,
    output: String,
}

impl Desk {
    async fn new(turns: Vec<Vec<ToolUse>>) -> Desk {
        let desk = Desk { folder: tempfile::tempdir().unwrap(), model: ScriptedModel::start(turns).await.unwrap() };
        for folder in ["home/.claude", "project", "tmp"] {
            std::fs::create_dir_all(desk.path(folder)).unwrap();
        }
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts the settings that `--print-settings` prints into Claude Code's own, changed by the test.
    fn hook(&self, socket: &Path, flags: &[&str], change: impl FnOnce(&mut Value)) {
        let mut print = Command::new(program("agenttrust"));
        print.args(["hook", "claude-code", "--print-settings", "--socket"]).arg(socket);
        let printed = print.arg("--state").arg(self.path("state")).args(flags).output().unwrap();
        assert!(printed.status.success(), "{printed:?}");
        let mut settings = serde_json::from_slice(&printed.stdout).unwrap();
        change(&mut settings);
        std::fs::write(self.path("home/.claude/settings.json"), settings.to_string()).unwrap();
    }

    fn command(&self) -> Command {
        let mut command = Command::new(claude_code());
        command
            .args(["-p", "Write the marker", "--model", "claude-sonnet-5"])
            .current_dir(self.path("project"))
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.path("home"))
            .env("TMPDIR", self.path("tmp"))
            .env("ANTHROPIC_BASE_URL", &self.model.url)
            .env("ANTHROPIC_API_KEY", "sk-scripted")
            .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
            .env("DISABLE_AUTOUPDATER", "1")
            .env("DISABLE_TELEMETRY", "1");
        command
    }

    /// Runs Claude Code to its end; `during` gets its process id.
    async fn run(&self, during: impl FnOnce(Pid) + Send + 'static) -> Ran {
        let mut command = self.command();
        let run = tokio::task::spawn_blocking(move || {
            let began = Instant::now();
            let output = std::process::Stdio::piped;
            let mut child =
                command.stdin(std::process::Stdio::null()).stdout(output()).stderr(output()).spawn().unwrap();
            let id = Pid::from_child(&child);
            during(id);
            while child.try_wait().unwrap().is_none() {
                if began.elapsed() > LIMIT {
                    child.kill().unwrap();
                    panic!("Claude Code did not end: {:?}", child.wait_with_output());
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            let output = child.wait_with_output().unwrap();
            Ran { took: began.elapsed(), output: format!("{output:?}") }
        });
        run.await.unwrap()
    }

    fn marker(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.path("project").join(name)).ok().map(|text| text.trim().to_owned())
    }
}

/// The one answer the model got to its call.
fn only_result(desk: &Desk, ran: &Ran) -> String {
    let mut results = desk.model.results();
    assert_eq!(results.len(), 1, "{results:?} {}", ran.output);
    results.remove(0)
}

fn write(name: &str) -> ToolUse {
    let command = format!("echo original > {name}");
    ToolUse { name: "Bash", input: json!({"command": command, "description": "Write the marker"}) }
}

/// Somebody with a phone, who accepts the agent and answers its calls.
struct Person {
    daemon: Daemon,
    phone: Arc<Phone>,
    answering: tokio::task::JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl Person {
    async fn new(answer: impl Fn(&CardView) -> Answer + Send + 'static) -> Person {
        let (daemon, folder) = (Daemon::spawn(), tempfile::tempdir().unwrap());
        let phone = Arc::new(Phone::first(&daemon, &folder.path().join("phone")).await);
        let at_it = Arc::clone(&phone);
        let answering = tokio::spawn(async move { at_it.serve(answer).await });
        Person { daemon, phone, answering, _folder: folder }
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        self.answering.abort();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approved_call_runs_with_the_persons_prompt_as_its_task() {
    let (seen, mut cards) = tokio::sync::mpsc::unbounded_channel();
    let person = Person::new(move |card| {
        seen.send(format!("{:?} {:?}", card.display.task, card.display.who)).unwrap();
        Answer::Approve
    });
    let person = person.await;
    let desk = Desk::new(vec![vec![write("marker")]]).await;
    desk.hook(&person.daemon.agent_socket(), &[], |_| ());
    let ran = desk.run(|_| ()).await;
    assert_eq!(desk.marker("marker").as_deref(), Some("original"), "{}", ran.output);
    assert_eq!(person.phone.states().await, [State::Executed]);
    let card = cards.recv().await.unwrap();
    assert!(card.contains("Write the marker") && card.contains("claude-code"), "{card}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_call_does_not_run_and_the_model_reads_why() {
    let person = Person::new(|_| Answer::Deny("Wait until Friday.".to_owned())).await;
    let desk = Desk::new(vec![vec![write("marker")]]).await;
    desk.hook(&person.daemon.agent_socket(), &[], |_| ());
    let ran = desk.run(|_| ()).await;
    assert_eq!(desk.marker("marker"), None);
    let result = only_result(&desk, &ran);
    assert!(result.contains("not approved (denied)") && result.contains("Wait until Friday."), "{result}");
    assert_eq!(person.phone.states().await, [State::Denied]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_call_runs_as_edited_and_the_model_is_told() {
    let edit = json!({"command": "echo EDITED > marker", "description": "Write the marker"}).to_string();
    let person = Person::new(move |_| Answer::Edit(edit.clone())).await;
    let desk = Desk::new(vec![vec![write("marker")]]).await;
    desk.hook(&person.daemon.agent_socket(), &[], |_| ());
    let ran = desk.run(|_| ()).await;
    assert_eq!(desk.marker("marker").as_deref(), Some("EDITED"), "{}", ran.output);
    let told = desk.model.told();
    assert!(told.contains("AgentTrust: the person changed the arguments; this ran with"), "{told}");
    assert_eq!(person.phone.states().await, [State::Executed]);
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_calls_are_answered_one_by_one() {
    let person = Person::new(|card| match card.json.contains("second") {
        true => Answer::Deny("Not this one.".to_owned()),
        false => Answer::Approve,
    });
    let person = person.await;
    let desk = Desk::new(vec![vec![write("first"), write("second"), write("third")]]).await;
    desk.hook(&person.daemon.agent_socket(), &[], |_| ());
    let ran = desk.run(|_| ()).await;
    let ran_as = ["first", "second", "third"].map(|name| desk.marker(name));
    let original = || Some("original".to_owned());
    assert_eq!(ran_as, [original(), None, original()], "{}", ran.output);
    assert!(desk.model.results()[1].contains("Not this one."), "{:?}", desk.model.results());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_fails_is_in_the_history_as_failed() {
    let person = Person::new(|_| Answer::Approve).await;
    let desk = Desk::new(vec![vec![ToolUse { name: "Bash", input: json!({"command": "exit 3"}) }]]).await;
    desk.hook(&person.daemon.agent_socket(), &[], |_| ());
    let ran = desk.run(|_| ()).await;
    assert!(only_result(&desk, &ran).contains("Exit code 3"), "{:?}", desk.model.results());
    assert_eq!(person.phone.states().await, [State::Failed]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_hook_cannot_change_what_was_signed() {
    let person = Person::new(|_| Answer::Approve).await;
    let desk = Desk::new(vec![vec![write("marker")]]).await;
    let rewrite = json!({"hookSpecificOutput": {"hookEventName": "PreToolUse", "permissionDecision": "allow",
        "updatedInput": {"command": "echo REWRITTEN > marker"}}});
    let other = json!({"type": "command", "command": format!("echo '{rewrite}'")});
    desk.hook(&person.daemon.agent_socket(), &[], |settings| {
        settings["hooks"]["PreToolUse"].as_array_mut().unwrap().push(json!({"matcher": "*", "hooks": [other]}));
    });
    let ran = desk.run(|_| ()).await;
    assert_eq!(desk.marker("marker").as_deref(), Some("original"), "{}", ran.output);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_daemon_nothing_runs() {
    let desk = Desk::new(vec![vec![write("marker")]]).await;
    desk.hook(&desk.path("nobody.sock"), &[], |_| ());
    let ran = desk.run(|_| ()).await;
    assert_eq!(desk.marker("marker"), None);
    let result = only_result(&desk, &ran);
    assert!(result.contains("not approved (daemon_down)"), "{result}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_device_in_reach_the_model_is_told_at_once() {
    let (daemon, folder) = (Daemon::spawn(), tempfile::tempdir().unwrap());
    Phone::first(&daemon, &folder.path().join("phone")).await.device.close().await;
    let desk = Desk::new(vec![vec![write("marker")]]).await;
    desk.hook(&daemon.agent_socket(), &[], |_| ());
    let ran = desk.run(|_| ()).await;
    assert_eq!(desk.marker("marker"), None);
    let result = only_result(&desk, &ran);
    assert!(result.contains("not approved (no_device)"), "{result}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_answering_is_a_denial_before_the_clients_own_time_out() {
    let person = Person::new(|_| Answer::Ignore).await;
    let desk = Desk::new(vec![vec![write("marker")]]).await;
    desk.hook(&person.daemon.agent_socket(), &["--deadline", "5"], |_| ());
    let ran = desk.run(|_| ()).await;
    assert_eq!(desk.marker("marker"), None);
    let result = only_result(&desk, &ran);
    assert!(result.contains("not approved (timed_out)"), "{result}");
    assert!(ran.took < Duration::from_secs(30), "the client's own time-out came first: {:?}", ran.took);
    let states = person.phone.states().await;
    assert!(matches!(states.as_slice(), [State::Expired | State::Cancelled]), "{states:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_hangs_is_a_denial_before_the_clients_own_time_out() {
    let person = Person::new(|_| Answer::Approve).await;
    let desk = Desk::new(vec![vec![write("marker")]]).await;
    desk.hook(&person.daemon.agent_socket(), &["--deadline", "5"], |_| ());
    let daemon = Pid::from_raw(person.daemon.pid().try_into().unwrap()).unwrap();
    kill_process(daemon, Signal::STOP).unwrap();
    let ran = desk.run(|_| ()).await;
    kill_process(daemon, Signal::CONT).unwrap();
    assert_eq!(desk.marker("marker"), None);
    let result = only_result(&desk, &ran);
    assert!(result.contains("not approved (timed_out)"), "{result}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_that_is_killed_blocks_the_call() {
    let person = Person::new(|_| Answer::Ignore).await;
    let desk = Desk::new(vec![vec![write("marker")]]).await;
    desk.hook(&person.daemon.agent_socket(), &[], |_| ());
    let mut events = person.phone.device.events();
    let (asked, was_asked) = std::sync::mpsc::channel();
    tokio::spawn(async move {
        while let Some(event) = events.next().await {
            if matches!(event, Event::CardAdded { .. }) {
                return asked.send(()).unwrap();
            }
        }
    });
    let ran = desk.run(move |claude| {
        was_asked.recv_timeout(LIMIT).unwrap();
        kill_process(waiting_hook(claude), Signal::KILL).unwrap();
    });
    let ran = ran.await;
    assert_eq!(desk.marker("marker"), None);
    let result = only_result(&desk, &ran);
    assert!(result.contains("onFailure"), "{result}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_withdraws_its_request() {
    let person = Person::new(|_| Answer::Ignore).await;
    let desk = Desk::new(vec![vec![write("marker")]]).await;
    desk.hook(&person.daemon.agent_socket(), &[], |_| ());
    let mut events = person.phone.device.events();
    let (asked, was_asked) = std::sync::mpsc::channel();
    let ended = tokio::spawn(async move {
        while let Some(event) = events.next().await {
            if matches!(event, Event::CardAdded { .. }) {
                asked.send(()).unwrap();
            }
            if matches!(event, Event::CardClosed { .. }) {
                return true;
            }
        }
        false
    });
    let ran = desk.run(move |claude| {
        was_asked.recv_timeout(LIMIT).unwrap();
        kill_process(claude, Signal::KILL).unwrap();
    });
    ran.await;
    let closed = tokio::time::timeout(Duration::from_secs(20), ended).await;
    assert!(closed.unwrap().unwrap());
    assert_eq!(person.phone.states().await, [State::Cancelled]);
    assert_eq!(desk.marker("marker"), None);
}

/// The hook among the children of this process.
fn waiting_hook(parent: Pid) -> Pid {
    let is_hook = |pid: &i32| {
        let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        line.contains("\0hook\0claude-code\0") && status.contains(&format!("PPid:\t{}\n", parent.as_raw_nonzero()))
    };
    let entries = std::fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().file_name());
    let found = entries.filter_map(|name| name.to_str()?.parse().ok()).find(is_hook);
    Pid::from_raw(found.unwrap()).unwrap()
}
