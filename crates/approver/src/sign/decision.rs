//! The person's answer: bound to the request, to what was shown of it, and to the one device that gives it.

use super::{Clock, Desk};
use crate::approver::Approver;
use crate::display::{Display, Folds};
use crate::edit::changes;
use crate::inbox::Card;
use crate::refused::Refused;
use crate::state::{Answered, Entry, KEEP_ANSWERED, Prepared, Unsent};
use agenttrust_protocol::envelope::{MAX_MESSAGE, Random};
use agenttrust_protocol::json::{Numbers, Object, Value, parse};
use agenttrust_protocol::key::{Approval, SecretKey};
use agenttrust_protocol::message::{
    DEFAULT_DECISION_LIFE, Decision, DecisionContent, LogRef, MAX_DECISION_LIFE, Require, Uv, Verdict,
};
use agenttrust_protocol::{Hash, Received};

/// The longest note to the agent, in characters.
pub const MAX_NOTE: usize = 2000;

/// What the person answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Run it as asked.
    Approve,
    /// Do not run it.
    Deny,
    /// Run it with these arguments.
    Modify(Object),
    /// Run it as another device changed it; names that device's decision.
    Agree(Hash),
}

/// An answer on its way to be signed, bound to what the person saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// The request.
    pub card: Hash,
    /// [`Display::digest`] of what was on the screen; for a changed request, of the display with the changes.
    pub display: Hash,
    /// The answer.
    pub answer: Answer,
    /// The person's words to the agent.
    pub note: Option<String>,
    /// How sure the device is of its owner.
    pub uv: Uv,
    /// What the signer demands beyond the rules.
    pub requires: Option<Require>,
    /// Whether folded texts were shown whole.
    pub folds: Folds,
    /// How long an approval lasts, in seconds; 300 unless the person says otherwise.
    pub life: Option<i64>,
}

/// A signed decision, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedAnswer {
    /// The request.
    pub card: Hash,
    /// The decision's hash.
    pub decision: Hash,
    /// The decision.
    pub message: String,
}

impl Intent {
    /// An answer to what this display shows, with its texts folded and no words to the agent.
    pub fn new(display: &Display, answer: Answer, uv: Uv) -> Intent {
        Intent {
            card: display.card,
            display: display.digest(),
            answer,
            note: None,
            uv,
            requires: None,
            folds: Folds::Closed,
            life: None,
        }
    }
}

impl Approver {
    /// Signs an answer. Nothing can be sent before [`Prepared::persist`] has stored that it was given.
    ///
    /// # Errors
    /// [`Refused`], and then nothing was signed.
    pub fn answer<'a>(
        &'a mut self,
        key: &SecretKey<Approval>,
        intent: &Intent,
        clock: Clock,
        random: &mut impl Random,
    ) -> Result<Prepared<'a, SignedAnswer>, Refused> {
        let card = self.check_answerable(&intent.card, clock)?;
        let edited = edited(card, &intent.answer)?;
        let display = card.display(edited.as_ref());
        if display.digest() != intent.display {
            return Err(Refused::Changed);
        }
        let runs = edited.as_ref().unwrap_or(&card.asked().content.arguments);
        let approves = intent.answer != Answer::Deny;
        if let Some(uv) = card.required_uv(&self.view, runs).filter(|uv| approves && !uv.met_by(intent.uv)) {
            return Err(Refused::NeedsVerification(uv));
        }
        check_note(intent.note.as_deref())?;
        let desk = Desk::open(&self.view, key, clock)?;
        let body = self.decision(intent, clock);
        let message = sign(&desk, &body, intent, &display, random)?;
        let decision = Received::<Decision>::parse(&message)?.hash();
        let Decision { outcome: verdict, seq, exp: until, .. } = body;
        let forget = card.deadline().max(until).plus(KEEP_ANSWERED);
        let waiting = self.ledger.outbox.iter().find(|(_, unsent)| unsent.until >= clock.now);
        let entry = Entry::Answer {
            request: intent.card,
            agent: card.asked().agent(),
            answered: Answered { decision, verdict, seq, forget },
            unsent: Unsent { request: intent.card, until, message: message.clone() },
            settled: waiting.map_or(seq, |(first, _)| *first),
        };
        Ok(Prepared { entry, output: SignedAnswer { card: intent.card, decision, message }, approver: self })
    }

    fn decision(&self, intent: &Intent, clock: Clock) -> Decision {
        let (outcome, first) = match &intent.answer {
            Answer::Approve => (Verdict::Approve, None),
            Answer::Deny => (Verdict::Deny, None),
            Answer::Modify(_) => (Verdict::Modify, None),
            Answer::Agree(first) => (Verdict::Modify, Some(*first)),
        };
        let life = intent.life.unwrap_or(DEFAULT_DECISION_LIFE).clamp(1, MAX_DECISION_LIFE);
        Decision {
            req: intent.card,
            outcome,
            first,
            requires: intent.requires.clone(),
            uv: intent.uv,
            seq: self.ledger.seq.saturating_add(1),
            bundle: self.view.trust().bundle_ref(),
            log: self.ledger.log.map(LogRef::from),
            exp: clock.now.plus(life),
        }
    }
}

/// The arguments that would run, where they are not the agent's own.
fn edited(card: &Card, answer: &Answer) -> Result<Option<Object>, Refused> {
    match answer {
        Answer::Approve | Answer::Deny => Ok(None),
        Answer::Modify(arguments) => {
            let text = Value::Object(arguments.clone()).to_string();
            let strict = parse(text.as_bytes(), Numbers::Any).map_err(|_| Refused::DoesNotFit)?;
            if changes(&card.asked().content.arguments, arguments).is_empty() || strict.as_object().is_none() {
                return Err(Refused::Unchanged);
            }
            Ok(Some(arguments.clone()))
        }
        Answer::Agree(first) => match card.leader() {
            Some((leader, arguments)) if leader == *first => Ok(Some(arguments.clone())),
            Some(_) => Err(Refused::Changed),
            None => Err(Refused::Unchanged),
        },
    }
}

/// A note that no message may hold would spoil the whole answer.
fn check_note(note: Option<&str>) -> Result<(), Refused> {
    let Some(note) = note else { return Ok(()) };
    if note.chars().count() > MAX_NOTE {
        return Err(Refused::TooLarge);
    }
    let strict = parse(Value::from(note).to_string().as_bytes(), Numbers::Integers);
    strict.map(|_| ()).map_err(|_| Refused::DoesNotFit)
}

/// Signs with as much of what was shown as a message holds: the evidence must not keep a person from denying.
fn sign(
    desk: &Desk<'_>,
    body: &Decision,
    intent: &Intent,
    display: &Display,
    random: &mut impl Random,
) -> Result<String, Refused> {
    let arguments = match &intent.answer {
        Answer::Modify(arguments) => Some(arguments.clone()),
        Answer::Approve | Answer::Deny | Answer::Agree(_) => None,
    };
    let folded = Some(display.lines(Folds::Closed));
    let choices = [Some(display.lines(intent.folds)), folded, None];
    for shown in choices {
        let content = DecisionContent { arguments: arguments.clone(), shown, note: intent.note.clone() };
        let message = desk.sign(body, &content, random);
        if message.len() <= MAX_MESSAGE {
            return Ok(message);
        }
    }
    Err(Refused::TooLarge)
}
