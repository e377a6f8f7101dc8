//! An agent with a fixed plan: it reads, writes, deletes, posts and pays, and asks before each of them.
#![allow(clippy::print_stdout, reason = "it tells what it does")]

use agenttrust_examples::tools::Workplace;
use agenttrust_gate::{Action, Gate, GateConfig, NoDevice, Risk, Session, Verdict};
use clap::Parser;
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Does small office work in a folder and at a server, and asks before every step.
#[derive(Parser)]
struct Args {
    /// The scratch folder.
    #[arg(long)]
    folder: PathBuf,
    /// The server's address.
    #[arg(long)]
    server: String,
    /// How long the last step waits for an answer, in seconds.
    #[arg(long, default_value_t = 300)]
    patience: u64,
    /// Run whatever was asked for, whatever the answer: what an agent without the check would do. For the test that
    /// shows that the checker notices.
    #[arg(long, hide = true)]
    ignore_verdict: bool,
}

/// One step of the plan.
struct Step {
    tool: &'static str,
    arguments: Value,
    title: &'static str,
    reason: &'static str,
    risk: Risk,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match work(&Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn work(args: &Args) -> Result<(), Box<dyn std::error::Error>> {
    let gate = Gate::open(GateConfig::new("office-agent").program("demo-agent").no_device(NoDevice::Queue))?;
    println!("Waiting to be accepted on a device …");
    gate.enroll().await?;
    let session = gate.session("demo")?;
    session.begin_turn(Some("Tidy up the folder, send the report, and pay invoice 2026-117 to Example GmbH."), None)?;
    let place = Workplace { folder: args.folder.clone(), server: args.server.clone() };
    let plan = plan();
    let last = plan.len();
    for (n, step) in plan.into_iter().enumerate() {
        let n = n + 1;
        println!("{n}. {} {}", step.tool, step.arguments);
        let life = if n == last { args.patience } else { 300 };
        println!("   {}", ask_and_run(&session, &place, &step, n, life, args.ignore_verdict).await?);
    }
    gate.flush().await?;
    Ok(())
}

/// Asks, and runs what came back: the signed arguments, never the ones it had before.
async fn ask_and_run(
    session: &Session,
    place: &Workplace,
    step: &Step,
    n: usize,
    life: u64,
    ignore_verdict: bool,
) -> Result<String, Box<dyn std::error::Error>> {
    let action = Action::new(step.tool, &step.arguments)
        .title(step.title)
        .reason(step.reason)
        .risk(step.risk)
        .call(&format!("step-{n}"))
        .life(Duration::from_secs(life));
    let before = step.arguments.as_object().cloned().unwrap_or_default();
    match session.ask(action).await? {
        Verdict::Refused(_) if ignore_verdict => Ok(tell(place.run(step.tool, &before).await)),
        Verdict::Allowed(permit) if ignore_verdict => {
            Ok(tell(permit.run(|_signed| place.run(step.tool, &before)).await))
        }
        Verdict::Refused(refused) => Ok(refused.for_model()),
        Verdict::Allowed(permit) => {
            let edited = permit.for_model();
            let done = permit
                .run(|arguments| async move {
                    let arguments: Map<String, Value> = arguments.read().map_err(|e| e.to_string())?;
                    place.run(step.tool, &arguments).await
                })
                .await;
            Ok([edited, Some(tell(done))].into_iter().flatten().collect::<Vec<_>>().join(" "))
        }
    }
}

fn tell(done: Result<Value, String>) -> String {
    match done {
        Ok(Value::String(text)) => format!("→ {}", text.trim()),
        Ok(other) => format!("→ {other}"),
        Err(error) => format!("→ failed: {error}"),
    }
}

fn plan() -> Vec<Step> {
    let step = |tool, arguments, title, reason, risk| Step { tool, arguments, title, reason, risk };
    vec![
        step("read_file", json!({"path": "notes.txt"}), "Read the notes", "I need to know what is open.", Risk::Low),
        step(
            "write_file",
            json!({"path": "summary.txt", "content": "Open: invoice 2026-117 (Example GmbH), report for January.\n"}),
            "Write a summary",
            "So that you can see what I found.",
            Risk::Low,
        ),
        step("delete_file", json!({"path": "draft.tmp"}), "Delete the draft", "It is empty.", Risk::Medium),
        step(
            "delete_file",
            json!({"path": "contracts.txt"}),
            "Delete old contracts",
            "They look outdated.",
            Risk::High,
        ),
        step(
            "post_json",
            json!({"path": "/reports", "body": {"month": "January", "open": 1, "paid": 6}}),
            "Send the report",
            "You asked for it.",
            Risk::Medium,
        ),
        step(
            "pay_invoice",
            json!({"invoice": "2026-117", "payee": "Example GmbH", "iban": "DE02120300000000202051", "amount": 1200.5, "currency": "EUR"}),
            "Pay the invoice",
            "It is due today.",
            Risk::High,
        ),
        step(
            "post_json",
            json!({"path": "/newsletter", "body": {"subject": "News", "to": "all customers"}}),
            "Send the newsletter",
            "It might please the customers.",
            Risk::High,
        ),
    ]
}
