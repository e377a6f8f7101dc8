//! A question that stays at the bottom of the terminal while other things happen: time runs out, other devices answer.

use crate::failure::{Failure, Outcome};
use crate::tty::{Key, Raw, Tty};
use agenttrust_device::{Event, Events};
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};

/// A key pressed earlier after the question appeared answers nothing: it was meant for something else.
pub const ARMED: Duration = Duration::from_millis(400);

/// The keys that answer.
const ANSWERS: &str = "ynde";

const TICK: Duration = Duration::from_millis(250);

/// What an event or the passing of time means for the question.
pub enum Then<T> {
    /// Ask on.
    Wait,
    /// Say this above the question, and ask on.
    Say(String),
    /// The question is over.
    End(T),
}

/// What came of a question.
pub enum Asked<T> {
    /// This key was pressed.
    Key(char),
    /// Something else ended it.
    Ended(T),
}

/// Asks for one of these letters until there is one, or something else ends the question.
///
/// `question` is drawn again as it changes; `happened` looks at events, and at `None` every quarter of a second.
///
/// # Errors
/// `interrupted`, `no_terminal`.
pub async fn ask<T>(
    tty: &Tty,
    events: &mut Events,
    letters: &str,
    question: impl Fn() -> String,
    mut happened: impl FnMut(Option<&Event>) -> Then<T>,
) -> Outcome<Asked<T>> {
    let raw = tty.raw()?;
    let line = Line { raw: &raw, drawn: String::new() };
    run(line, events, letters, question, &mut happened).await
}

async fn run<T>(
    mut line: Line<'_, '_>,
    events: &mut Events,
    letters: &str,
    question: impl Fn() -> String,
    happened: &mut impl FnMut(Option<&Event>) -> Then<T>,
) -> Outcome<Asked<T>> {
    let raw = line.raw;
    let shown = Instant::now();
    let mut watch = raw.watch(TICK);
    let mut terminate = signal(SignalKind::terminate()).map_err(|_| Failure::interrupted())?;
    let mut hang_up = signal(SignalKind::hangup()).map_err(|_| Failure::interrupted())?;
    loop {
        line.draw(question());
        let then = tokio::select! {
            // Ended from outside, the terminal is left as it was found.
            _ = terminate.recv() => return Err(Failure::interrupted()),
            _ = hang_up.recv() => return Err(Failure::interrupted()),
            ready = &mut watch => {
                let ready = ready.map_err(|_| Failure::interrupted())??;
                let key = if ready { raw.key()? } else { Key::Other };
                watch = raw.watch(TICK);
                match key {
                    Key::Interrupt | Key::End => {
                        line.clear();
                        return Err(Failure::interrupted());
                    }
                    Key::Char(c) if letters.contains(c.to_ascii_lowercase()) && is_armed(c, shown) => {
                        line.finish(c);
                        return Ok(Asked::Key(c.to_ascii_lowercase()));
                    }
                    Key::Char(_) | Key::Enter | Key::Back | Key::Clear | Key::Other => happened(None),
                }
            }
            event = events.next() => match event {
                Some(event) => happened(Some(&event)),
                None => {
                    line.clear();
                    return Err(Failure::interrupted());
                }
            },
        };
        match then {
            Then::Wait => {}
            Then::Say(text) => line.say(&text),
            Then::End(end) => {
                line.clear();
                return Ok(Asked::Ended(end));
            }
        }
    }
}

/// Whether a key counts yet: those that answer wait until the question was seen.
fn is_armed(key: char, shown: Instant) -> bool {
    !ANSWERS.contains(key.to_ascii_lowercase()) || shown.elapsed() >= ARMED
}

/// The line at the bottom.
struct Line<'r, 't> {
    raw: &'r Raw<'t>,
    drawn: String,
}

impl Line<'_, '_> {
    fn draw(&mut self, text: String) {
        if self.drawn != text {
            let columns = self.raw.tty().columns().saturating_sub(1);
            // A line that wraps could not be taken back.
            let fit: String = text.chars().take(columns).collect();
            self.raw.tty().show(&format!("\r\x1b[K{fit}"));
            self.drawn = text;
        }
    }

    fn clear(&mut self) {
        self.raw.tty().show("\r\x1b[K");
        self.drawn.clear();
    }

    fn say(&mut self, text: &str) {
        self.clear();
        self.raw.tty().show(&format!("{}\n", text));
    }

    fn finish(&mut self, key: char) {
        self.raw.tty().show(&format!("{key}\n"));
    }
}
