//! An agent that asks all the time, for tests that kill it: what it ran is in its ledger, whatever became of it.
#![allow(clippy::print_stdout, reason = "it tells a test what it was answered")]

use agenttrust_gate::{Action, ExecutionResult, Gate, GateConfig, NoDevice, Reported, Session, Verdict};
use agenttrust_tests::kit::{Ledger, ShiftedClock};
use clap::{Parser, Subcommand};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What says that nobody has decided about the call: it is asked again.
const PASSING: [&str; 6] = ["daemon_down", "no_device", "rate_limited", "closed", "timed_out", "not_enrolled"];

/// Asks without a person, for tests.
#[derive(Parser)]
struct Args {
    /// The folder for agents' state.
    #[arg(long)]
    state: PathBuf,
    /// The daemon's socket for agents.
    #[arg(long)]
    socket: PathBuf,
    #[command(subcommand)]
    command: Do,
}

#[derive(Subcommand)]
enum Do {
    /// Asks one call after the other in each lane until it is killed, going on where the ledger ends.
    Load {
        /// Where it notes what it did.
        #[arg(long)]
        ledger: PathBuf,
        /// Calls at a time.
        #[arg(long)]
        lanes: u64,
    },
    /// Asks once and prints `allowed` or the code of the refusal.
    Once(Once),
}

#[derive(clap::Args)]
struct Once {
    /// The call's id: asked again with it, a call goes on where it was left.
    #[arg(long, default_value = "once")]
    call: String,
    /// Seconds until the request expires.
    #[arg(long)]
    life: Option<u64>,
    /// Seconds this process is ahead of the system's clock.
    #[arg(long, default_value_t = 0)]
    ahead: i64,
}

#[tokio::main]
async fn main() {
    let args = Args::parse();
    let config = GateConfig::new("loaded").state(args.state).socket(args.socket).no_device(NoDevice::Queue);
    let config = config.program("load-agent");
    match args.command {
        Do::Once(once) => ask_once(config, once).await,
        Do::Load { ledger, lanes } => load(session(config), &ledger, lanes).await,
    }
}

fn session(config: GateConfig) -> Session {
    Gate::open(config).expect("the agent's folder opens").session("load").expect("a session")
}

async fn ask_once(config: GateConfig, once: Once) {
    let session = session(config.clock(Arc::new(ShiftedClock::new(once.ahead))));
    let action = Action::new("append", &json!({})).call(&once.call);
    let action = once.life.map(Duration::from_secs).into_iter().fold(action, Action::life);
    match session.ask(action).await.expect("a proper action") {
        Verdict::Allowed(permit) => {
            // What counts is the daemon's record, not whether this process hears of it.
            let _told = permit.report(ExecutionResult::Executed, None).await;
            println!("allowed");
        }
        Verdict::Refused(refused) => println!("{}", refused.code()),
    }
}

async fn load(session: Session, path: &Path, lanes: u64) {
    let done: Vec<(u64, u64)> =
        Ledger::read(path, "done").iter().map(|words| (number(words, 0), number(words, 1))).collect();
    let ledger = Arc::new(Ledger::open(path));
    let lanes = (0..lanes).map(|lane| {
        let first = done.iter().filter(|(of, _)| *of == lane).map(|(_, call)| call + 1).max().unwrap_or(0);
        tokio::spawn(ask_all(session.clone(), Arc::clone(&ledger), lane, first))
    });
    for lane in lanes.collect::<Vec<_>>() {
        lane.await.expect("a lane goes on until the process is killed");
    }
}

fn number(words: &[String], at: usize) -> u64 {
    words.get(at).and_then(|word| word.parse().ok()).expect("a number")
}

async fn ask_all(session: Session, ledger: Arc<Ledger>, lane: u64, first: u64) {
    for call in first.. {
        while let Err(code) = ask(&session, &ledger, lane, call).await {
            if !PASSING.contains(&code.as_str()) {
                ledger.note(&format!("done {lane} {call} {code}"));
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Asks, and runs what was allowed: the tool is a line in the ledger.
async fn ask(session: &Session, ledger: &Ledger, lane: u64, call: u64) -> Result<(), String> {
    let action = Action::new("append", &json!({"lane": lane, "call": call})).call(&format!("{lane}-{call}"));
    let permit = match session.ask(action).await.map_err(|error| error.to_string())? {
        Verdict::Allowed(permit) => permit,
        Verdict::Refused(refused) => return Err(refused.code().to_string()),
    };
    let request = permit.request();
    ledger.note(&format!("ran {request} {lane}-{call}"));
    if let Ok(Reported::Delivered) = permit.report(ExecutionResult::Executed, None).await {
        ledger.note(&format!("reported {request}"));
    }
    ledger.note(&format!("done {lane} {call} ran"));
    Ok(())
}
