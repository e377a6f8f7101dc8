//! A request on the screen: all of it, and what came of its answer.

use crate::out::span;
use crate::short::short;
use crate::wrap::wrap;
use agenttrust_device::approver::display::{Display, Folds, safe_line};
use agenttrust_device::approver::inbox::{Phase, Step};
use agenttrust_device::{CardView, DecisionView};
use agenttrust_protocol::Time;
use agenttrust_protocol::message::Verdict;

/// The widest page: longer lines are hard to read.
const WIDEST: usize = 110;

/// A request as a page of lines, wrapped at the terminal's width; ends in a newline.
pub fn page(card: &CardView, folds: Folds, columns: usize) -> String {
    let columns = columns.min(WIDEST);
    let mut text = heading(&format!("Request {}", short(&card.id)), columns);
    text.push_str(&body(&card.display, folds, columns));
    for given in &card.decisions {
        text.push_str(&wrapped(&decision(given), columns));
    }
    if card.approvers > 1 {
        text.push_str(&wrapped(&format!("It takes {} approvals.", card.approvers), columns));
    }
    if let Some(change) = &card.change {
        text.push_str(&heading("Another device changed it: you would agree to this", columns));
        text.push_str(&body(&change.display, folds, columns));
    }
    if let Some(why) = &card.blocked {
        text.push_str(&wrapped(&format!("It cannot be answered here: {} ({})", why.message, why.code), columns));
        if let Some(hint) = &why.hint {
            text.push_str(&wrapped(hint, columns));
        }
    }
    text
}

/// The lines of what is shown and signed.
pub fn body(display: &Display, folds: Folds, columns: usize) -> String {
    display.lines(folds).iter().map(|line| wrapped(line, columns.min(WIDEST))).collect()
}

/// Whether some of what would be signed is folded away.
pub fn is_folded(card: &CardView) -> bool {
    let displays = std::iter::once(&card.display).chain(card.change.as_ref().map(|change| &change.display));
    displays.into_iter().any(|display| display.lines(Folds::Closed) != display.lines(Folds::Open))
}

/// The time that is left, in words.
pub fn left(display: &Display, now: Time) -> String {
    format!("{} left", span(display.deadline.since(now)))
}

/// Lines of a heading of ours.
pub fn heading(title: &str, columns: usize) -> String {
    let title = format!("── {title} ");
    let fill = columns.saturating_sub(title.chars().count());
    format!("{title}{}\n", "─".repeat(fill))
}

fn wrapped(line: &str, columns: usize) -> String {
    wrap(line, columns).into_iter().map(|piece| format!("{piece}\n")).collect()
}

fn decision(given: &DecisionView) -> String {
    let words =
        given.note.as_ref().map(|note| format!(": “{}”", note.shown(Folds::Closed).join(" "))).unwrap_or_default();
    format!("So far: {} from {}{words}", given.verdict, given.device)
}

/// How far a card has come, in words; `None` while it waits.
pub fn progress(phase: &Phase) -> Option<String> {
    Some(match phase {
        Phase::Open => return None,
        Phase::Unsure => "the connection was lost; whether it still waits is not known".to_owned(),
        Phase::AnsweredHere { verdict, step } => format!("{} here · {}", verdict_word(*verdict), step_word(*step)),
        Phase::AnsweredElsewhere { by, step } => {
            let by: Vec<String> = by.iter().map(|name| safe_line(name, 40)).collect();
            let who = if by.is_empty() { "another device".to_owned() } else { by.join(", ") };
            format!("answered on {who} · {}", step_word(*step))
        }
        Phase::Cancelled => "the agent withdrew it".to_owned(),
        Phase::Expired => "expired: nobody answered in time, or nobody took the answer".to_owned(),
        Phase::Revoked => "the approval was taken back".to_owned(),
    })
}

/// Whether nothing more will come of it soon.
pub fn is_final(phase: &Phase) -> bool {
    match phase {
        Phase::Open | Phase::Unsure => false,
        Phase::AnsweredHere { step, .. } | Phase::AnsweredElsewhere { step, .. } => match step {
            Step::Signed | Step::Stored | Step::Approved | Step::Claimed => false,
            Step::Denied | Step::Executed | Step::Failed | Step::Unknown => true,
        },
        Phase::Cancelled | Phase::Expired | Phase::Revoked => true,
    }
}

/// Whether this device has done its part and others have to do theirs.
pub fn needs_more(phase: &Phase) -> bool {
    matches!(phase, Phase::AnsweredHere { step: Step::Stored, .. })
}

fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Approve => "approved",
        Verdict::Deny => "denied",
        Verdict::Modify => "approved as edited",
    }
}

fn step_word(step: Step) -> &'static str {
    match step {
        Step::Signed => "signed",
        Step::Stored => "stored, more approvals are needed",
        Step::Denied => "the agent is told no",
        Step::Approved => "stored, waiting for the agent",
        Step::Claimed => "the agent has taken it and runs",
        Step::Executed => "done",
        Step::Failed => "it ran and failed",
        Step::Unknown => "the agent went silent",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_phase_has_words() {
        let here = |verdict, step| Phase::AnsweredHere { verdict, step };
        for (phase, words, is_over) in [
            (Phase::Open, None, false),
            (here(Verdict::Approve, Step::Approved), Some("approved here · stored, waiting for the agent"), false),
            (here(Verdict::Modify, Step::Executed), Some("approved as edited here · done"), true),
            (here(Verdict::Deny, Step::Denied), Some("denied here · the agent is told no"), true),
            (
                Phase::AnsweredElsewhere { by: vec!["Ann's \u{202e}phone".to_owned()], step: Step::Claimed },
                Some("answered on Ann's ⟦U+202E⟧phone · the agent has taken it and runs"),
                false,
            ),
            (Phase::Cancelled, Some("the agent withdrew it"), true),
        ] {
            assert_eq!(progress(&phase).as_deref(), words);
            assert_eq!(is_final(&phase), is_over, "{phase:?}");
        }
    }

    #[test]
    fn a_heading_fills_the_line() {
        assert_eq!(heading("Request Xq3v", 24), "── Request Xq3v ────────\n");
        assert_eq!(heading("Request Xq3v", 3), "── Request Xq3v \n");
    }
}
