//! A device that answers everything at once, for tests that kill it: what it signed, and what the daemon acknowledged
//! of it, is in its ledger.
#![allow(clippy::print_stdout, reason = "it tells a test its digits")]

use agenttrust_device::{CardView, Command, Config, Done, Event, Introduction, KeyStore, PairEvent, join};
use agenttrust_link::{Bind, Timing};
use agenttrust_tests::kit::{Answer, Ledger, Phone};
use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Answers without a person, for tests.
#[derive(Parser)]
struct Args {
    /// The device's own folder.
    #[arg(long)]
    folder: PathBuf,
    /// Answers on all interfaces rather than on loopback alone.
    #[arg(long)]
    everywhere: bool,
    #[command(subcommand)]
    command: Do,
}

#[derive(Subcommand)]
enum Do {
    /// Becomes a device; prints `digits NNNNNN` where the person would compare them.
    Join {
        /// The pairing code.
        #[arg(long)]
        ticket: String,
    },
    /// Approves or denies every card until it is ended.
    Serve {
        /// Where it notes what it did.
        #[arg(long)]
        ledger: PathBuf,
        /// Of so many cards it denies about one; 0 denies none.
        #[arg(long, default_value_t = 0)]
        deny: u8,
    },
}

#[tokio::main]
async fn main() {
    let args = Args::parse();
    let bind = if args.everywhere { Bind::Everywhere { port: 0 } } else { Bind::Loopback { port: 0 } };
    // A daemon that was killed says nothing, so the silence is noticed early.
    let timing = Timing { keep_alive: Duration::from_millis(100), idle: Duration::from_millis(600) };
    let config = Config { bind, timing, tick: Duration::from_millis(500), ..Phone::config() };
    match args.command {
        Do::Join { ticket } => become_device(&args.folder, &ticket, &config).await,
        Do::Serve { ledger, deny } => serve(&args.folder, config, Ledger::open(&ledger), deny).await,
    }
}

async fn become_device(folder: &Path, ticket: &str, config: &Config) {
    let introduction = Introduction { name: "Load phone".to_owned(), owner: "owner".to_owned(), local: false };
    let show = |event| {
        if let PairEvent::Digits { digits } = event {
            println!("digits {digits}");
        }
    };
    join(folder, KeyStore::File, ticket, introduction, config, show).await.expect("it is paired");
}

/// The phone and what it notes.
struct Desk {
    phone: Phone,
    ledger: Ledger,
    deny: u8,
}

async fn serve(folder: &Path, config: Config, ledger: Ledger, deny: u8) {
    let desk = Arc::new(Desk { phone: Phone::open(folder, config).await, ledger, deny });
    let mut events = desk.phone.device.events();
    desk.look();
    while let Some(event) = events.next().await {
        #[allow(clippy::wildcard_enum_match_arm, reason = "the other events ask for nothing")]
        match event {
            Event::CardAdded { card } => drop(tokio::spawn(Arc::clone(&desk).answer(*card))),
            Event::AgentAsked { .. } | Event::Missed { .. } => desk.look(),
            Event::ConnectionChanged { connection } => desk.ledger.note(&format!("line {connection:?}")),
            Event::LogRejected { why } => desk.ledger.note(&format!("rejected {}", why.message)),
            _ => {}
        }
    }
}

impl Desk {
    /// Goes through everything that is open.
    fn look(self: &Arc<Desk>) {
        let snapshot = self.phone.device.snapshot();
        for agent in snapshot.agents {
            let desk = Arc::clone(self);
            tokio::spawn(async move {
                // One that was accepted already is refused.
                let _known = desk.phone.device.run(Command::AcceptAgent { enroll: agent.enroll, name: None }).await;
            });
        }
        for card in snapshot.cards {
            drop(tokio::spawn(Arc::clone(self).answer(card)));
        }
    }

    /// Notes what it is about to sign, signs, and notes what the daemon acknowledged.
    async fn answer(self: Arc<Desk>, card: CardView) {
        let request = card.id;
        self.ledger.note(&format!("card {request}"));
        let denies = self.deny != 0 && request.as_bytes()[0].is_multiple_of(self.deny);
        let answer = if denies { Answer::Deny("no".to_owned()) } else { Answer::Approve };
        self.ledger.note(&format!("{} {request}", if denies { "deny" } else { "approve" }));
        match self.phone.try_give(&card, answer).await {
            Ok(Some(Done::Answered { decision, stored: Some(state) })) => {
                self.ledger.note(&format!("decided {request} {decision} {state}"));
            }
            Ok(_) => self.ledger.note(&format!("kept {request}")),
            Err(failure) => self.ledger.note(&format!("refused {request} {}", failure.code())),
        }
    }
}
