//! Approved calls for which the server asked the client for more (`input_required`, since 2026-07-28).
//!
//! The client then makes the call again with its answers. It is the same call: the one approval it has covers it, if
//! the tool, the arguments and the server's state are the same, and the server asked for what is answered.

use super::Passed;
use crate::call::Call;
use agenttrust_protocol::Hash;
use agenttrust_protocol::json::{Numbers, parse};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// The most calls that are held open so.
const MAX_HELD: usize = 256;

/// One such call.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) passed: Passed,
    /// The names of what the server asked for.
    pub(crate) asked: Vec<String>,
    /// How long its continuation is waited for.
    pub(crate) until: Instant,
}

/// All of them, by what a continuation must have in common with them.
#[derive(Debug, Default)]
pub(crate) struct Rounds(Mutex<HashMap<Hash, Vec<Held>>>);

impl Rounds {
    /// Keeps a call open; `state` is what the server wants to have back, as JSON. What it handed out in a form that
    /// cannot be compared is not continued.
    pub(crate) fn hold(&self, held: Held, state: Option<&str>) {
        let state = match state.map(|text| parse(text.as_bytes(), Numbers::Any)) {
            None => None,
            Some(Ok(state)) => Some(state),
            Some(Err(_)) => return,
        };
        let likeness = held.passed.call.likeness(state.as_ref());
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        all.retain(|_, held| {
            held.retain(|held| held.until > now);
            !held.is_empty()
        });
        if all.len() < MAX_HELD {
            all.entry(likeness).or_default().push(held);
        }
    }

    /// Takes the call that this one continues; nobody else can continue it then.
    pub(crate) fn take(&self, call: &Call) -> Option<Held> {
        let continued = call.continued()?;
        let answers: Vec<&str> = match continued.answers {
            Some(answers) => answers.as_object()?.iter().map(|(name, _)| name).collect(),
            None => Vec::new(),
        };
        let likeness = call.likeness(continued.state);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let held = all.get_mut(&likeness)?;
        let was_asked = |held: &Held| answers.iter().all(|name| held.asked.iter().any(|asked| asked == name));
        let at = held.iter().position(|held| held.until > Instant::now() && was_asked(held))?;
        let taken = held.swap_remove(at);
        if held.is_empty() {
            all.remove(&likeness);
        }
        Some(taken)
    }
}
