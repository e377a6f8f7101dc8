//! `agenttrust approve` and `agenttrust deny`: one request.

use crate::answer::{Answered, Screen};
use crate::card::progress;
use crate::failure::{Exit, Failure, Outcome};
use crate::out::Out;
use crate::short::pick;
use crate::terminal::Terminal;
use agenttrust_device::CardView;
use agenttrust_device::Place;
use agenttrust_device::approver::display::Folds;
use agenttrust_protocol::Hash;
use agenttrust_protocol::door::Trouble;

/// Shows one request whole and takes the answer to it.
///
/// # Errors
/// `not_found` if there is none, `closed` if it was over first, or why the device did not sign.
pub async fn approve(terminal: &mut Terminal, place: &Place, id: Option<&str>, out: &mut Out) -> Outcome {
    let card = find(terminal, id).await?;
    let (id, mut events) = (card.id, terminal.device.events());
    let mut screen = Screen { terminal, events: &mut events, place, live: false, aside: |_: &_| None };
    let answered = screen.answer(card, Folds::Open).await?;
    if let Answered::Here { .. } = answered {
        screen.follow(id).await;
    }
    told(terminal, id, &answered, out)
}

/// Denies one request.
///
/// # Errors
/// As [`approve`].
pub async fn deny(
    terminal: &mut Terminal,
    place: &Place,
    id: Option<&str>,
    reason: Option<String>,
    out: &mut Out,
) -> Outcome {
    let card = find(terminal, id).await?;
    let mut events = terminal.device.events();
    let mut screen = Screen { terminal, events: &mut events, place, live: false, aside: |_: &_| None };
    let answered = screen.deny(&card, reason).await?;
    out.line("Denied; the agent is told.");
    told(terminal, card.id, &answered, out)
}

async fn find(terminal: &Terminal, typed: Option<&str>) -> Outcome<CardView> {
    let cards = terminal.cards().await?;
    match typed {
        Some(typed) => pick(cards, typed, |card| card.id.to_string(), |_| None),
        None => cards.into_iter().next().ok_or_else(|| {
            Failure::own(
                Trouble::NotFound.code(),
                Exit::Failed,
                "Nothing waits for an answer.",
                "Nothing needs to be done.",
            )
        }),
    }
}

fn told(terminal: &Terminal, id: Hash, answered: &Answered, out: &mut Out) -> Outcome {
    let state = terminal.snapshot().cards.into_iter().find(|card| card.id == id).map(|card| card.state);
    out.document(&serde_json::json!({ "request": id, "answered": answered, "state": state }));
    match answered {
        Answered::Over { phase } => Err(Failure::new(Trouble::Closed, progress(phase).unwrap_or_default())),
        Answered::Here { .. } | Answered::Skipped | Answered::Quit => Ok(()),
    }
}
