//! Holds what really happened against what people signed: exit code 0 only if they agree.
#![allow(clippy::print_stdout, reason = "it prints what it found")]

use agenttrust_examples::effects::{disagreements, files};
use agenttrust_examples::evidence::Evidence;
use clap::Parser;
use serde_json::Value;
use std::path::PathBuf;
use std::process::ExitCode;

/// Compares the scratch folder and the server's log with the signed decisions.
#[derive(Parser)]
struct Args {
    /// The signed messages: `agenttrust history --evidence`.
    #[arg(long)]
    evidence: PathBuf,
    /// A copy of the scratch folder as it was before.
    #[arg(long)]
    before: PathBuf,
    /// The scratch folder.
    #[arg(long)]
    folder: PathBuf,
    /// What the server wrote down.
    #[arg(long)]
    server_log: PathBuf,
}

fn main() -> ExitCode {
    match check(&Args::parse()) {
        Ok((signed, found)) if found.is_empty() => {
            println!("{signed} signed actions, and exactly these happened.");
            ExitCode::SUCCESS
        }
        Ok((_, found)) => {
            found.iter().for_each(|line| println!("{line}"));
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn check(args: &Args) -> Result<(usize, Vec<String>), String> {
    let read = |path: &PathBuf| std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()));
    let evidence: Evidence = serde_json::from_str(&read(&args.evidence)?).map_err(|e| e.to_string())?;
    let actions = evidence.actions()?;
    let calls: Vec<Value> = read(&args.server_log)?
        .lines()
        .map(|line| serde_json::from_str(line).map_err(|e| e.to_string()))
        .collect::<Result<_, _>>()?;
    let folder = |path: &PathBuf| files(path).map_err(|e| format!("{}: {e}", path.display()));
    let released = actions.iter().filter(|action| action.released).count();
    Ok((released, disagreements(&actions, folder(&args.before)?, &folder(&args.folder)?, &calls)))
}
