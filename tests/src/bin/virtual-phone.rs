//! A phone that nobody holds: it pairs with a daemon on this machine, accepts every agent and gives a list of
//! answers, one a card; the last one is given to all that follow.
#![allow(clippy::print_stdout, reason = "it tells what it does")]

use agenttrust_device::{CardView, Config, Event, Introduction, KeyStore, PairEvent, join};
use agenttrust_examples::evidence::Evidence;
use agenttrust_link::Bind;
use agenttrust_tests::kit::{Answer, Phone, ticket};
use clap::{Parser, Subcommand};
use std::collections::VecDeque;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Answers requests without a person, for unattended demos and tests.
#[derive(Parser)]
struct Args {
    /// The device's own folder.
    #[arg(long)]
    folder: PathBuf,
    #[command(subcommand)]
    command: Do,
}

#[derive(Subcommand)]
enum Do {
    /// Becomes the daemon's first device.
    Pair {
        /// The daemon's data folder.
        #[arg(long, env = "AGENTTRUST_DATA")]
        data: PathBuf,
    },
    /// Becomes a further device, with the code that another one shows; prints the digits to type there.
    Join {
        /// The code's text.
        #[arg(long)]
        ticket: String,
    },
    /// Answers until it is ended.
    Serve {
        /// `approve`, `deny:WORDS`, `edit:JSON` or `ignore`, in the order of the cards.
        answers: Vec<Answer>,
    },
    /// Writes down the history, for `demo-check`, and exports the log, for `agenttrust log verify`.
    Export {
        /// Where the signed messages go.
        #[arg(long)]
        evidence: PathBuf,
        /// Where the log goes: a folder that does not exist.
        #[arg(long)]
        log: PathBuf,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args = Args::parse();
    let done = match args.command {
        Do::Pair { data } => pair(&args.folder, &ticket(&data, true), true).await,
        Do::Join { ticket } => pair(&args.folder, &ticket, false).await,
        Do::Serve { answers } => serve(&args.folder, answers.into()).await,
        Do::Export { evidence, log } => write_down(&args.folder, &evidence, &log).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn config() -> Config {
    Config { bind: Bind::Loopback { port: 0 }, ..Config::default() }
}

async fn pair(folder: &Path, ticket: &str, local: bool) -> Result<(), Box<dyn Error>> {
    let introduction = Introduction { name: "Virtual phone".to_owned(), owner: "owner".to_owned(), local };
    let tell = |event| {
        if let PairEvent::Digits { digits } = event {
            println!("digits: {digits}");
        }
    };
    Ok(join(folder, KeyStore::File, ticket, introduction, &config(), tell).await?)
}

async fn serve(folder: &Path, mut answers: VecDeque<Answer>) -> Result<(), Box<dyn Error>> {
    let phone = Phone::open(folder, config()).await;
    phone
        .serve(|card| {
            let last = answers.len() <= 1;
            let answer = if last { answers.front().cloned() } else { answers.pop_front() };
            let answer = answer.unwrap_or(Answer::Ignore);
            tell(card, &answer);
            answer
        })
        .await;
    Ok(())
}

fn tell(card: &CardView, answer: &Answer) {
    for line in card.display.lines(agenttrust_device::approver::display::Folds::Closed) {
        println!("  | {line}");
    }
    println!("  => {answer:?}\n");
}

async fn write_down(folder: &Path, evidence: &Path, log: &Path) -> Result<(), Box<dyn Error>> {
    let phone = Phone::open(folder, config()).await;
    let requests = phone.history().await;
    let all = Evidence { bundles: phone.device.bundles(), requests };
    std::fs::write(evidence, serde_json::to_vec_pretty(&all)?)?;
    let size = log_size(&phone.device.checkpoint(0).await?.checkpoint)?;
    verified_log(&phone, size).await?;
    phone.device.export(log).await?;
    phone.device.close().await;
    Ok(())
}

fn log_size(checkpoint: &str) -> Result<u64, std::num::ParseIntError> {
    checkpoint.lines().nth(1).unwrap_or_default().parse()
}

/// Waits until the device itself has verified and co-signed as much.
async fn verified_log(phone: &Phone, size: u64) -> Result<(), Box<dyn Error>> {
    let mut events = phone.device.events();
    loop {
        if phone.device.snapshot().log.is_some_and(|log| log.size >= size) {
            return Ok(());
        }
        if let Event::LogRejected { why } = events.next().await.ok_or("the device has stopped")? {
            return Err(why.message.into());
        }
    }
}
