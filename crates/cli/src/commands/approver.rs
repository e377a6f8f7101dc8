//! `agenttrust approver`: the live terminal approver.

use crate::answer::{Answered, Screen};
use crate::card::{heading, progress};
use crate::commands::up::is_alive;
use crate::failure::{Exit, Failure, Outcome};
use crate::out::Out;
use crate::prompt::{Asked, Then, ask};
use crate::short::short;
use crate::terminal::Terminal;
use crate::wrap::wrap;
use agenttrust_device::Place;
use agenttrust_device::approver::display::{EnrolDisplay, Folds, safe_line};
use agenttrust_device::approver::inbox::Phase;
use agenttrust_device::{CardView, Command, Connection, Event, Events, Snapshot};
use agenttrust_protocol::Hash;
use agenttrust_protocol::door::Trouble;
use std::collections::{HashMap, HashSet};

/// What the loop remembers.
struct Loop<'l> {
    place: &'l Place,
    folds: Folds,
    until: Option<u32>,
    /// Left unanswered by the person for now.
    skipped: HashSet<Hash>,
    /// Answered, or not to be answered here: what failed once would come back at once.
    done: HashSet<Hash>,
    /// Told to their end already.
    told: HashSet<Hash>,
}

/// What is said of other requests than the one on the screen.
struct Beside {
    tools: HashMap<Hash, String>,
    told: HashSet<Hash>,
}

/// What is to be shown next.
enum Next {
    Knock(Box<EnrolDisplay>),
    Card(Box<CardView>),
    Nothing,
}

/// Answers requests as they come until the person ends it, or `until` has ended and nothing waits.
///
/// # Errors
/// `no_terminal` if the terminal goes away.
pub async fn approver(terminal: &mut Terminal, place: &Place, all: bool, until: Option<u32>, out: &mut Out) -> Outcome {
    let mut events = terminal.device.events();
    let folds = if all { Folds::Open } else { Folds::Closed };
    let mut state = Loop { place, folds, until, skipped: HashSet::new(), done: HashSet::new(), told: HashSet::new() };
    let name = terminal.snapshot().me.map(|me| me.name).unwrap_or_default();
    let rules = "Nothing runs unless you say yes. One key answers, without Enter.";
    show(terminal, &format!("{name} answers requests. {rules}\n"));
    terminal.caught_up().await?;
    loop {
        let step = match state.next(&terminal.snapshot()) {
            Next::Knock(knock) => state.knock(terminal, &mut events, &knock).await,
            Next::Card(card) => state.card(terminal, &mut events, *card, out).await,
            Next::Nothing => state.idle(terminal, &mut events).await,
        };
        match step {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(failure) if failure.exit == Exit::Interrupted => {
                show(terminal, "This terminal answers no more.\n");
                return Ok(());
            }
            Err(failure) if failure.code() == Trouble::NoTerminal.code() => return Err(failure),
            Err(failure) => tell(terminal, &failure),
        }
    }
}

impl Loop<'_> {
    fn next(&self, snapshot: &Snapshot) -> Next {
        let is_left = |id: &Hash| !self.skipped.contains(id) && !self.done.contains(id);
        if let Some(knock) = snapshot.agents.iter().find(|knock| is_left(&knock.enroll)) {
            return Next::Knock(Box::new(knock.clone()));
        }
        let waits = |card: &&CardView| card.phase == Phase::Open && is_left(&card.id);
        match snapshot.cards.iter().find(waits) {
            Some(card) => Next::Card(Box::new(card.clone())),
            None => Next::Nothing,
        }
    }

    /// Shows one request; answers whether to go on.
    async fn card(
        &mut self,
        terminal: &mut Terminal,
        events: &mut Events,
        card: CardView,
        out: &mut Out,
    ) -> Outcome<bool> {
        let (id, beside) = (card.id, self.beside(terminal));
        let aside = |event: &Event| beside.line(event);
        let mut screen = Screen { terminal, events, place: self.place, live: true, aside };
        let answered = match screen.answer(card, self.folds).await {
            Ok(answered) => answered,
            Err(failure) if failure.code() == Trouble::WrongPin.code() => {
                tell(terminal, &failure);
                return Ok(true);
            }
            Err(failure) if failure.exit == Exit::Interrupted => return Err(failure),
            Err(failure) => {
                self.done.insert(id);
                return Err(failure);
            }
        };
        match &answered {
            Answered::Here { .. } => {
                if screen.follow_briefly(id).await {
                    self.told.insert(id);
                }
                out.event(&serde_json::json!({ "request": id, "answered": answered }));
            }
            Answered::Skipped => drop(self.skipped.insert(id)),
            Answered::Over { .. } => {}
            Answered::Quit => return Ok(false),
        }
        Ok(true)
    }

    async fn knock(&mut self, terminal: &mut Terminal, events: &mut Events, knock: &EnrolDisplay) -> Outcome<bool> {
        let columns = terminal.tty.columns().min(110);
        let mut text = heading("An agent asks to be known", columns);
        for line in knock.lines() {
            wrap(&line, columns).iter().for_each(|piece| text.push_str(&format!("{piece}\n")));
        }
        show(terminal, &text);
        let (id, beside) = (knock.enroll, self.beside(terminal));
        let question = || "[y]es, it may ask  [n]o  [s]kip  [q]uit > ".to_owned();
        let happened = |event: Option<&Event>| match event {
            Some(Event::AgentAnswered { enroll }) if *enroll == id => Then::End(()),
            Some(event) => beside.line(event).map_or(Then::Wait, Then::Say),
            None => Then::Wait,
        };
        match ask(&terminal.tty, events, "ynsq", question, happened).await? {
            Asked::Ended(()) => show(terminal, "It was answered on another device.\n"),
            Asked::Key('y') => {
                self.done.insert(id);
                terminal.run(Command::AcceptAgent { enroll: id, name: None }).await?;
                show(terminal, "It may ask now.\n");
            }
            Asked::Key('n') => {
                self.done.insert(id);
                terminal.run(Command::RefuseAgent { enroll: id }).await?;
                show(terminal, "It stays out.\n");
            }
            Asked::Key('s') => drop(self.skipped.insert(id)),
            Asked::Key(_) => return Ok(false),
        }
        Ok(true)
    }

    fn beside(&self, terminal: &Terminal) -> Beside {
        let cards = terminal.snapshot().cards.into_iter();
        let tools = cards.map(|card| (card.id, safe_line(&card.display.tool.raw(), 40))).collect();
        Beside { tools, told: self.told.clone() }
    }

    /// Waits until something is there to be shown; answers whether to go on.
    async fn idle(&mut self, terminal: &mut Terminal, events: &mut Events) -> Outcome<bool> {
        let beside = self.beside(terminal);
        let (until, skipped) = (self.until, self.skipped.len());
        let view = &*terminal;
        let question = || {
            let line = match view.snapshot().connection {
                Connection::Connected { .. } => "Waiting for requests",
                Connection::Connecting | Connection::Lost { .. } => "No connection to the daemon; trying again",
                Connection::Refused => "The daemon does not know this terminal any more",
            };
            let again = if skipped > 0 { format!("  [r]eturn to {skipped} skipped") } else { String::new() };
            format!("{line} …{again}  [q]uit > ")
        };
        let here = |snapshot: &Snapshot| !matches!(self.next(snapshot), Next::Nothing);
        let happened = |event: Option<&Event>| match event {
            None if until.is_some_and(|pid| !is_alive(pid)) => Then::End(false),
            None if here(&view.snapshot()) => Then::End(true),
            None => Then::Wait,
            Some(Event::CardAdded { .. } | Event::AgentAsked { .. } | Event::CardChanged { .. }) => Then::End(true),
            Some(event) => beside.line(event).map_or(Then::Wait, Then::Say),
        };
        match ask(&view.tty, events, if skipped > 0 { "rq" } else { "q" }, question, happened).await? {
            Asked::Ended(go_on) => Ok(go_on),
            Asked::Key('r') => {
                self.skipped.clear();
                Ok(true)
            }
            Asked::Key(_) => Ok(false),
        }
    }
}

impl Beside {
    /// What happened to another request, or to the connection.
    fn line(&self, event: &Event) -> Option<String> {
        let line = |card: &Hash, phase: &Phase| {
            let tool = self.tools.get(card).cloned().unwrap_or_default();
            let words = progress(phase).filter(|_| !self.told.contains(card));
            words.map(|words| format!("  {} {tool}: {words}", short(card)))
        };
        match event {
            Event::CardStep { card, phase } | Event::CardClosed { card, phase, .. } => line(card, phase),
            Event::EntryRefused { reason, .. } => {
                Some(format!("  Something that does not verify was refused: {} ({})", reason.message, reason.code))
            }
            Event::LogRejected { why } => Some(format!("  The daemon's history does not verify: {}", why.message)),
            Event::Trouble { why } => Some(format!("  {} ({})", why.message, why.code)),
            Event::ClockChanged { ahead } if *ahead != 0 => Some(format!("  {}", Trouble::ClockOff.sentence())),
            Event::ConnectionChanged { connection } => match connection {
                Connection::Connected { .. } => Some("  Connected.".to_owned()),
                Connection::Lost { .. } => {
                    Some("  The connection to the daemon is lost; it is tried again.".to_owned())
                }
                Connection::Connecting | Connection::Refused => None,
            },
            Event::CardAdded { .. }
            | Event::CardChanged { .. }
            | Event::CardReminder { .. }
            | Event::AgentAsked { .. }
            | Event::AgentAnswered { .. }
            | Event::PairingAsked { .. }
            | Event::PairingDigits { .. }
            | Event::PairingEnded { .. }
            | Event::TrustChanged { .. }
            | Event::StatusExpiring { .. }
            | Event::LogVerified { .. }
            | Event::ClockChanged { .. }
            | Event::Missed { .. } => None,
        }
    }
}

fn tell(terminal: &Terminal, failure: &Failure) {
    show(terminal, &format!("{} ({})\n", failure.body.message, failure.code()));
}

fn show(terminal: &Terminal, text: &str) {
    terminal.tty.show(text);
}
