//! What the gateway says to whoever reads its log, which is the client's.

use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The most lines in a while: whoever floods the gateway must not fill a log that nobody empties, and block it so.
const MOST: u32 = 100;
const WHILE: Duration = Duration::from_secs(60);

static SAID: Mutex<Option<Said>> = Mutex::new(None);

/// What was said since.
#[derive(Clone, Copy)]
struct Said {
    since: Instant,
    lines: u32,
}

/// Says something, unless much was said of late.
pub(crate) fn say(what: &str) {
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    let (next, line) = step(*said, Instant::now(), what);
    *said = Some(next);
    if let Some(line) = line {
        // Nobody may be reading.
        let _unread = writeln!(std::io::stderr().lock(), "agenttrust mcp: {line}");
    }
}

fn step(said: Option<Said>, now: Instant, what: &str) -> (Said, Option<&str>) {
    let fresh = Said { since: now, lines: 0 };
    let said = said.filter(|said| now.duration_since(said.since) < WHILE).unwrap_or(fresh);
    let line = match said.lines {
        lines if lines < MOST => Some(what),
        MOST => Some("much more is not said for a minute"),
        _ => None,
    };
    (Said { lines: said.lines.saturating_add(1), ..said }, line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_off_and_a_minute_later_things_are_said_again() {
        let (start, mut said, mut lines) = (Instant::now(), None, Vec::new());
        for _ in 0..500 {
            let (next, line) = step(said, start, "what");
            said = Some(next);
            lines.extend(line);
        }
        assert_eq!((lines.len(), lines.last()), (101, Some(&"much more is not said for a minute")));
        assert_eq!(step(said, start + WHILE, "again").1, Some("again"));
    }
}
