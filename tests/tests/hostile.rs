//! The real SDK against a daemon that misbehaves: nothing runs that should not, and each refusal names its reason.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

use agenttrust_device::approver::pairing::{Joiner, Newcomer};
use agenttrust_gate::{Action, Gate, GateConfig, Reason, Session, Trouble, Verdict};
use agenttrust_protocol::key::Transport;
use agenttrust_protocol::message::{Intent, PairInit};
use agenttrust_protocol::pairing::{Challenged, Ended, PairSecret, Ticket};
use agenttrust_protocol::{Id, Opened, Received};
use agenttrust_tests::cast::NOW;
use agenttrust_tests::forge::{key, random};
use agenttrust_tests::hostile::{Attack, all};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;

/// How many attacks are played at the same time.
const AT_ONCE: usize = 8;

/// A running `hostile-daemon` and the folder of the agent it lies to.
struct Play {
    _daemon: Child,
    folder: tempfile::TempDir,
    ready: Value,
}

impl Play {
    async fn start(attack: &str) -> Play {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_hostile-daemon"));
        command.arg(attack).arg("--socket").arg(folder.path().join("agent.sock"));
        let mut daemon = command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(daemon.stdout.take().unwrap()).read_line(&mut line).await.unwrap();
        Play { _daemon: daemon, folder, ready: serde_json::from_str(&line).unwrap() }
    }

    fn agent(&self) -> Agent {
        Agent::open(self.folder.path(), &self.ready)
    }

    /// What the tool was called with, each time it ran.
    fn ran(&self) -> Vec<Value> {
        let lines = std::fs::read_to_string(marker(self.folder.path())).unwrap_or_default();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Does one step; answers what was not as it must be.
    async fn step(&self, step: &Value, sole: &Agent) -> Vec<String> {
        tokio::time::sleep(Duration::from_secs(step["after"].as_u64().unwrap())).await;
        let (before, runs) = (self.ran().len(), usize::try_from(step["runs"].as_u64().unwrap()).unwrap());
        let call = step["call"].as_str();
        let codes: Vec<Result<(), &str>> = match step["asks"].as_u64().unwrap() {
            1 => vec![sole.ask(call).await],
            asks => {
                let agents: Vec<Agent> = (0..asks).map(|_| self.agent()).collect();
                let call = call.map(str::to_owned);
                let asks = agents.into_iter().map(|agent| {
                    let call = call.clone();
                    tokio::spawn(async move { agent.ask(call.as_deref()).await })
                });
                let mut codes = Vec::new();
                for ask in asks.collect::<Vec<_>>() {
                    codes.push(ask.await.unwrap());
                }
                codes
            }
        };
        let mut wrong = Vec::new();
        let ran = self.ran().split_off(before);
        if ran.len() != runs || ran.iter().any(|arguments| *arguments != self.ready["ran"]) {
            wrong.push(format!("of {runs} there ran {ran:?}"));
        }
        let expected = |code: &&str| self.ready["expect"].as_array().unwrap().iter().any(|expected| expected == code);
        wrong.extend(codes.iter().filter_map(|code| code.err()).filter(|c| !expected(c)).map(|c| format!("code {c}")));
        wrong
    }
}

fn marker(folder: &Path) -> PathBuf {
    folder.join("ran")
}

/// An agent with a tool that leaves a mark.
struct Agent {
    session: Session,
    tool: String,
    arguments: String,
    life: Duration,
    marker: PathBuf,
}

impl Agent {
    fn open(folder: &Path, ready: &Value) -> Agent {
        let root = ready["root"].as_str().unwrap().parse().unwrap();
        let config = GateConfig::new("bot").program("/usr/bin/bot").state(folder.join("state")).root(root);
        let gate = Gate::open(config.socket(folder.join("agent.sock"))).unwrap();
        Agent {
            session: gate.session("thread").unwrap(),
            tool: ready["tool"].as_str().unwrap().to_owned(),
            arguments: ready["arguments"].to_string(),
            life: Duration::from_secs(ready["life"].as_u64().unwrap()),
            marker: marker(folder),
        }
    }

    /// Runs the tool if it may, else answers the code.
    async fn ask(&self, call: Option<&str>) -> Result<(), &'static str> {
        let action = Action::from_json(&self.tool, &self.arguments).life(self.life);
        let action = call.into_iter().fold(action, Action::call);
        match self.session.ask(action).await.unwrap() {
            Verdict::Allowed(permit) => {
                let mark = |arguments: String| {
                    let mut options = std::fs::OpenOptions::new();
                    let mut file = options.create(true).append(true).open(&self.marker)?;
                    std::io::Write::write_all(&mut file, format!("{arguments}\n").as_bytes())
                };
                permit.run(|arguments| async move { mark(arguments.to_json()) }).await.unwrap();
                Ok(())
            }
            Verdict::Refused(refused) => Err(refused.code().as_str()),
        }
    }
}

/// Plays one attack to its end; answers what was not as it must be.
async fn play(attack: &'static Attack) -> Vec<String> {
    let play = Play::start(attack.name).await;
    let sole = play.agent();
    let mut wrong = Vec::new();
    for (number, step) in play.ready["steps"].as_array().unwrap().iter().enumerate() {
        let more = play.step(step, &sole).await;
        wrong.extend(more.into_iter().map(|what| format!("{}, step {number}: {what}", attack.name)));
    }
    wrong
}

#[tokio::test(flavor = "multi_thread")]
async fn every_attack_is_refused_by_its_name_and_only_honesty_runs() {
    let turn = Arc::new(Semaphore::new(AT_ONCE));
    let plays = all().map(|attack| {
        let turn = Arc::clone(&turn);
        tokio::spawn(async move {
            let _turn = turn.acquire().await.unwrap();
            play(attack).await
        })
    });
    let mut wrong = Vec::new();
    for play in plays.collect::<Vec<_>>() {
        wrong.extend(play.await.unwrap());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_says_what_can_be_seen() {
    let names: BTreeSet<&str> = all().map(|attack| attack.name).collect();
    assert_eq!(names.len(), all().count(), "a name means one attack");
    let codes: Vec<&str> = Reason::ALL.iter().map(|r| r.code()).chain(Trouble::ALL.iter().map(|t| t.code())).collect();
    for attack in all() {
        let honest = attack.name.starts_with("honest");
        let refuses = attack.steps.iter().any(|step| step.runs < step.asks);
        assert_eq!(honest, !refuses, "{}", attack.name);
        assert_eq!(honest, attack.expect.is_empty(), "{}", attack.name);
        assert!(attack.expect.iter().all(|code| codes.contains(code)), "{}: {:?}", attack.name, attack.expect);
    }
}

#[test]
fn each_grant_is_refused_for_its_own_fault() {
    for attack in all() {
        let said = attack.refused_grants();
        assert!(said.iter().all(|fault| *fault == attack.grant_fault), "{}: {said:?}", attack.name);
        assert!(attack.grant_fault.is_none() || said.len() == 1, "{}: {said:?}", attack.name);
    }
}

/// A process of its own: asks once; tells by its exit code whether the tool ran.
#[tokio::test]
#[ignore = "the other test starts it as its child"]
async fn child() {
    let folder = PathBuf::from(std::env::var("HOSTILE_FOLDER").unwrap());
    let ready: Value = serde_json::from_str(&std::env::var("HOSTILE_READY").unwrap()).unwrap();
    let code = Agent::open(&folder, &ready).ask(Some("call-9")).await;
    std::process::exit(match code {
        Ok(()) => 10,
        Err("spent") => 11,
        Err(code) => panic!("{code}"),
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_processes_with_one_approval_one_runs() {
    let play = Play::start("double-claim").await;
    play.agent().ask(Some("call-8")).await.unwrap();
    let start = || {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--ignored", "--exact", "child"]);
        command.env("HOSTILE_FOLDER", play.folder.path()).env("HOSTILE_READY", play.ready.to_string());
        command.stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true).spawn().unwrap()
    };
    let (mut first, mut second) = (start(), start());
    let (first, second) = tokio::join!(first.wait(), second.wait());
    let mut codes = [first.unwrap().code(), second.unwrap().code()];
    codes.sort_unstable();
    assert_eq!(codes, [Some(10), Some(11)]);
    assert_eq!(play.ran().len(), 2);
}

/// A device that joins, and its introduction.
fn joiner(name: &str, ticket: &Ticket, seed: &str) -> (Joiner, Opened<PairInit>) {
    let approval = key(&format!("{name} approval"));
    let newcomer = Newcomer {
        witness: key(&format!("{name} witness")).public(),
        transport: key::<Transport>(&format!("{name} transport")).public().thumbprint(),
        name: name.to_owned(),
        protection: "file".to_owned(),
    };
    let (joiner, message) = Joiner::new(ticket, &approval, newcomer, NOW, &mut random(seed));
    (joiner, Received::<PairInit>::parse(&message).unwrap().open_own().unwrap())
}

#[test]
fn a_substituted_first_device_is_found_out_by_its_digits() {
    let daemon = key("daemon").public();
    let ticket = Ticket::new(Intent::First, daemon, PairSecret::from_bytes([7; 16]), None, vec![]).unwrap();
    let c = Id::from_bytes([6; 16]);
    let confirm = |host: Challenged, shown: &agenttrust_device::approver::pairing::Answered| {
        host.reveal(&shown.reveal()).and_then(|revealed| revealed.confirm(&shown.digits()))
    };
    let run = |introduced: &Opened<PairInit>| {
        let host = Challenged::new(introduced, None, c);
        let shown = joiner("phone", &ticket, "own").0.answer(host.tdid(), &host.c()).unwrap();
        confirm(host, &shown)
    };
    let (_, own) = joiner("phone", &ticket, "own");
    assert_eq!(run(&own), Ok(()), "nobody is in between");
    // Somebody who saw the ticket too introduces keys of its own and passes the phone's numbers on.
    let (_, substitute) = joiner("mallory", &ticket, "another number");
    assert_eq!(run(&substitute), Err(Ended::WrongReveal));
    // Had it guessed the phone's number, the digits would still be of its own introduction.
    let (_, guessed) = joiner("mallory", &ticket, "own");
    assert_eq!(run(&guessed), Err(Ended::WrongDigits));
}
