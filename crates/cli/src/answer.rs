//! One request, shown whole, and the person's answer to it.

use crate::card::{body, is_final, is_folded, left, needs_more, page, progress};
use crate::edit::edit;
use crate::failure::{Failure, Outcome};
use crate::prompt::{Asked, Then, ask};
use crate::terminal::{Terminal, unexpected};
use agenttrust_device::Place;
use agenttrust_device::approver::display::Folds;
use agenttrust_device::approver::inbox::Phase;
use agenttrust_device::{CardView, Command, Done, Edits, Event, Events, Preview};
use agenttrust_protocol::Hash;
use agenttrust_protocol::door::Trouble;
use agenttrust_protocol::lifecycle::State;
use serde::Serialize;
use std::time::Duration;

/// An agent that lives takes an approval within this time.
const TAKEN: Duration = Duration::from_secs(20);

/// A quick agent has its result within this time.
const BRIEFLY: Duration = Duration::from_millis(1500);

/// What came of showing a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answered {
    /// It was answered here.
    Here {
        /// `approve`, `deny` or `modify`.
        verdict: &'static str,
        /// The signed decision.
        decision: Hash,
        /// The request's state when the daemon stored it.
        stored: Option<State>,
    },
    /// It was over before an answer.
    Over {
        /// How.
        phase: Phase,
    },
    /// The person went on without an answer.
    Skipped,
    /// The person has had enough.
    Quit,
}

/// A request on the screen.
pub struct Screen<'s, F> {
    /// The device.
    pub terminal: &'s mut Terminal,
    /// What happens meanwhile.
    pub events: &'s mut Events,
    /// Where an editor's file may lie.
    pub place: &'s Place,
    /// Whether there are other requests to go on with.
    pub live: bool,
    /// A line for what happens to other requests.
    pub aside: F,
}

/// How a question about a card ended without a key.
enum End {
    Over(Phase),
    Changed(Box<CardView>),
}

impl<F: FnMut(&Event) -> Option<String>> Screen<'_, F> {
    /// Shows it and takes the answer.
    ///
    /// # Errors
    /// `interrupted`, or why the device did not sign.
    pub async fn answer(&mut self, card: CardView, mut folds: Folds) -> Outcome<Answered> {
        let mut card = Box::new(card);
        self.opened(&card).await;
        self.show(&page(&card, folds, self.terminal.tty.columns()));
        loop {
            let folded = folds == Folds::Closed && is_folded(&card);
            let letters = self.letters(&card, folded);
            let key = match self.ask(&card, &letters, &menu(&letters, folded)).await? {
                Asked::Key(key) => key,
                Asked::Ended(End::Over(phase)) => {
                    let words = progress(&phase).unwrap_or_default();
                    self.show(&format!("This request is over: {words}.\n"));
                    return Ok(Answered::Over { phase });
                }
                Asked::Ended(End::Changed(new)) => {
                    card = new;
                    self.show(&page(&card, folds, self.terminal.tty.columns()));
                    continue;
                }
            };
            match key {
                'y' if folded => self.show("Some of it is folded away: look at all of it first, with [m].\n"),
                'y' => return self.approve(&card, None, folds).await,
                'n' => return self.deny(&card, None).await,
                'd' => {
                    let words = self.terminal.tty.line("Words to the agent: ")?;
                    return self.deny(&card, Some(words).filter(|words| !words.trim().is_empty())).await;
                }
                'e' => {
                    if let Some(answered) = self.edit(&card, folds).await? {
                        return Ok(answered);
                    }
                }
                'm' => {
                    folds = Folds::Open;
                    self.show(&page(&card, folds, self.terminal.tty.columns()));
                }
                's' => return Ok(Answered::Skipped),
                _ => return Ok(Answered::Quit),
            }
        }
    }

    /// Says no.
    ///
    /// # Errors
    /// Why the device did not sign.
    pub async fn deny(&mut self, card: &CardView, note: Option<String>) -> Outcome<Answered> {
        let shown = card.change.as_ref().map_or(card.shown, |change| change.shown);
        self.sign(Command::Deny { card: card.id, shown, note }, "deny").await
    }

    /// Tells each step of an answer until it is over, or the agent does not take it.
    pub async fn follow(&mut self, card: Hash) {
        if !self.tell_steps(card, TAKEN).await {
            self.show("  The agent has not taken it yet; the answer waits for it.\n");
        }
    }

    /// The same for a moment, so that a quick agent's result is seen before the next request; later steps are told
    /// beside that. Answers whether there are none.
    pub async fn follow_briefly(&mut self, card: Hash) -> bool {
        self.tell_steps(card, BRIEFLY).await;
        let is_over = |c: &CardView| c.id != card || is_final(&c.phase);
        self.terminal.snapshot().cards.iter().all(is_over)
    }

    /// Answers whether it came to an end.
    async fn tell_steps(&mut self, card: Hash, within: Duration) -> bool {
        let end = tokio::time::Instant::now() + within;
        let mut told = String::new();
        loop {
            let phase = self.terminal.snapshot().cards.into_iter().find(|c| c.id == card).map(|c| c.phase);
            let Some(phase) = phase else { return true };
            let words = progress(&phase).unwrap_or_default();
            if words != told {
                self.show(&format!("  {words}\n"));
                told = words;
            }
            if is_final(&phase) || needs_more(&phase) {
                return true;
            }
            match tokio::time::timeout_at(end, self.events.next()).await {
                Ok(Some(_)) => {}
                Ok(None) => return true,
                Err(_) => return false,
            }
        }
    }

    async fn approve(
        &mut self,
        card: &CardView,
        edited: Option<(Edits, Box<Preview>)>,
        folds: Folds,
    ) -> Outcome<Answered> {
        let required = edited.as_ref().map_or(card.required_uv, |(_, preview)| preview.required_uv);
        let uv = self.terminal.verification(required)?;
        // A preview is always shown whole.
        let unfolded = folds == Folds::Open || edited.is_some();
        let (command, verdict) = match (edited, &card.change) {
            (Some((edits, preview)), _) => {
                let (shown, edit) = (preview.shown, Some(edits));
                (Command::Approve { card: card.id, shown, edit, note: None, uv, unfolded }, "modify")
            }
            (None, Some(change)) => {
                (Command::Agree { card: card.id, shown: change.shown, first: change.first, uv }, "modify")
            }
            (None, None) => {
                (Command::Approve { card: card.id, shown: card.shown, edit: None, note: None, uv, unfolded }, "approve")
            }
        };
        self.sign(command, verdict).await
    }

    async fn sign(&mut self, command: Command, verdict: &'static str) -> Outcome<Answered> {
        let Done::Answered { decision, stored } = self.terminal.run(command).await? else { return Err(unexpected()) };
        Ok(Answered::Here { verdict, decision, stored })
    }

    async fn edit(&mut self, card: &CardView, folds: Folds) -> Outcome<Option<Answered>> {
        let mut json = card.json.clone();
        loop {
            let folder = self.place.terminal();
            json = match edit(&self.terminal.tty, &json, &folder) {
                Ok(Some(edited)) => edited,
                Ok(None) => return Ok(None),
                Err(failure) if failure.code() == "editor_failed" => {
                    self.tell(&failure);
                    continue;
                }
                Err(failure) => return Err(failure),
            };
            let edits = Edits::Json(json.clone());
            let command = Command::Preview { card: card.id, edit: Some(edits.clone()) };
            let preview = match self.terminal.run(command).await {
                Ok(Done::Preview(preview)) => preview,
                Ok(_) => return Err(unexpected()),
                Err(failure) if failure.code() == Trouble::BadRequest.code() => {
                    self.tell(&failure);
                    continue;
                }
                Err(failure) => return Err(failure),
            };
            let columns = self.terminal.tty.columns();
            if preview.display.edits.as_ref().is_none_or(Vec::is_empty) {
                self.show("Nothing was changed.\n");
                return Ok(None);
            }
            self.show(&body(&preview.display, Folds::Open, columns));
            match self.ask(card, "yeb", "Sign exactly this? [y]es [e]dit again [b]ack").await? {
                Asked::Key('y') => return self.approve(card, Some((edits, preview)), folds).await.map(Some),
                Asked::Key('e') => {}
                Asked::Key(_) | Asked::Ended(End::Changed(_)) => return Ok(None),
                Asked::Ended(End::Over(phase)) => return Ok(Some(Answered::Over { phase })),
            }
        }
    }

    async fn ask(&mut self, card: &CardView, letters: &str, menu: &str) -> Outcome<Asked<End>> {
        let (id, deadline) = (card.id, card.display.deadline);
        let terminal = &*self.terminal;
        let question = || format!("{menu} · {} > ", left(&card.display, terminal.now()));
        let aside = &mut self.aside;
        let happened = |event: Option<&Event>| match event {
            None if terminal.now() > deadline => Then::End(End::Over(Phase::Expired)),
            None => Then::Wait,
            Some(Event::CardChanged { card }) if card.id == id && card.phase == Phase::Open => {
                Then::End(End::Changed(card.clone()))
            }
            Some(Event::CardChanged { card: new }) if new.id == id => Then::End(End::Over(new.phase.clone())),
            Some(Event::CardStep { card, phase } | Event::CardClosed { card, phase, .. }) if *card == id => {
                if *phase == Phase::Open { Then::Wait } else { Then::End(End::Over(phase.clone())) }
            }
            Some(event) => aside(event).map_or(Then::Wait, Then::Say),
        };
        ask(&terminal.tty, self.events, letters, question, happened).await
    }

    async fn opened(&self, card: &CardView) {
        // A mark for other devices; without it nothing is different.
        let _marked = self.terminal.run(Command::Opened { card: card.id }).await;
    }

    fn letters(&self, card: &CardView, folded: bool) -> String {
        let mut letters = String::new();
        if card.blocked.is_none() {
            letters.push_str(if card.change.is_some() { "ynd" } else { "ynde" });
        }
        if folded {
            letters.push('m');
        }
        letters.push_str(if self.live { "sq" } else { "q" });
        letters
    }

    fn tell(&self, failure: &Failure) {
        self.show(&format!("{} ({})\n", failure.body.message, failure.code()));
    }

    fn show(&self, text: &str) {
        self.terminal.tty.show(text);
    }
}

fn menu(letters: &str, folded: bool) -> String {
    let words = letters.chars().filter(|letter| !folded || *letter != 'y').map(|letter| match letter {
        'y' => "[y]es",
        'n' => "[n]o",
        'd' => "[d]eny with words",
        'e' => "[e]dit",
        'm' => "[m]ore, then [y]es",
        's' => "[s]kip",
        _ => "[q]uit",
    });
    words.collect::<Vec<_>>().join(" ")
}
