//! A daemon that plays honestly with devices of its own, and misbehaves in exactly one way.
#![allow(clippy::print_stdout, reason = "it tells what it does")]

use agenttrust_tests::hostile::{Attack, Hostile, Ready, all};
use clap::{CommandFactory, Parser, error::ErrorKind};
use std::io;
use std::path::{Path, PathBuf};

/// Listens as a daemon for agents that misbehaves in one way.
///
/// Prints one line of JSON when it is ready: the root to pin, the steps to do, the codes to expect. Agents of any
/// name are enrolled at once.
#[derive(Parser)]
#[command(name = "hostile-daemon")]
struct Args {
    /// The attack's name, or `list` for the table of all.
    attack: String,
    /// Where to listen: a path where nothing is yet.
    #[arg(long)]
    socket: Option<PathBuf>,
    /// With `list`: one line of JSON for each attack.
    #[arg(long)]
    json: bool,
}

fn main() {
    let args = Args::parse();
    let done = match (args.attack.as_str(), args.socket) {
        ("list", _) => list(args.json),
        (name, socket) => match (Attack::named(name), socket) {
            (Some(attack), Some(socket)) => play(attack, &socket),
            (None, _) => wrong(&format!("there is no attack `{name}`; `list` shows them all")),
            (Some(_), None) => wrong("an attack needs --socket"),
        },
    };
    if let Err(error) = done {
        wrong(&error.to_string())
    }
}

fn wrong(message: &str) -> ! {
    Args::command().error(ErrorKind::InvalidValue, message).exit()
}

fn list(json: bool) -> io::Result<()> {
    for attack in all() {
        if json {
            println!("{}", serde_json::to_string(&Ready::new(attack, None))?);
        } else {
            println!("{:24} {:28} {}", attack.name, attack.expect.join(", "), attack.does);
        }
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn play(attack: &'static Attack, socket: &Path) -> io::Result<()> {
    let (daemon, ready) = Hostile::bind(socket, attack)?;
    println!("{}", serde_json::to_string(&ready)?);
    daemon.serve().await
}
