//! What a terminal shows of the bytes written to it, with everything that differs from run to run replaced.

use std::path::Path;

/// Beginnings of lines that say where something is.
const PLACES: [&str; 4] = ["Computer:", "Folder:", "Process, as the daemon says:", "data "];

/// Steps of an answer that may be over before anybody sees them.
const PASSING: [&str; 3] = ["· signed", "· stored, waiting for the agent", "· the agent has taken it and runs"];

/// Lines as a person would see them, the whole way back.
#[derive(Clone, Debug, Default)]
pub struct Screen {
    lines: Vec<Vec<char>>,
}

impl Screen {
    /// What these bytes show. Only the escape sequences that our programs write are known; any other is kept visible,
    /// because text of an agent must not be able to bring one in.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Screen {
        let text = String::from_utf8_lossy(bytes);
        let (mut lines, mut column) = (vec![Vec::new()], 0);
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            let line = lines.last_mut().expect("there is always one");
            match c {
                '\n' => {
                    lines.push(Vec::new());
                    column = 0;
                }
                '\r' => column = 0,
                '\u{1b}' => {
                    let sequence: String = std::iter::from_fn(|| chars.next_if(|c| !c.is_ascii_alphabetic())).collect();
                    match chars.next() {
                        Some('K') if sequence == "[" => line.truncate(column),
                        Some('m') => {}
                        end => {
                            line.extend(format!("␛{sequence}{}", end.unwrap_or('␛')).chars());
                            column = line.len();
                        }
                    }
                }
                c if column < line.len() => {
                    line[column] = c;
                    column += 1;
                }
                c => {
                    line.push(c);
                    column += 1;
                }
            }
        }
        Screen { lines }
    }

    /// The lines, spaces at their ends included.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.lines.iter().map(|line| line.iter().collect())
    }

    /// The lines without what differs from run to run: ids, keys, times, process ids, places, tickets.
    #[must_use]
    pub fn lasting(&self) -> String {
        let lines: Vec<String> = self.lines().collect();
        let ids = ids(&lines);
        let (mut lasting, mut cut) = (Vec::new(), false);
        for line in lines.iter().filter(|line| !PASSING.iter().any(|step| line.ends_with(step))) {
            // What does not fit a line goes on in the next, indented.
            if cut && line.starts_with("    ") {
                continue;
            }
            let place = PLACES.into_iter().find(|label| line.starts_with(label));
            cut = place.is_some();
            let line = ids.iter().fold(place.unwrap_or(line).to_owned(), |line, id| line.replace(id, "<id>"));
            lasting.push(words(&line));
        }
        lasting.join("\n").trim_end().to_owned()
    }
}

/// Short ids: they stand in headings, in first columns and in commands to be typed.
fn ids(lines: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    let mut table = false;
    for line in lines {
        let first = line.split(' ').next().unwrap_or_default();
        table = (table && first.chars().count() == 8) || matches!(first, "ID" | "KEY");
        if table && first.len() == 8 {
            found.push(first.to_owned());
        }
        for before in ["── Request ", "agenttrust approve ", "agents accept "] {
            if let Some((_, rest)) = line.split_once(before) {
                found.push(rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect());
            }
        }
    }
    found.retain(|id| id.len() >= 8);
    found
}

/// Times, spans, numbers and keys; columns are as wide as their widest word, so their gaps say nothing.
fn words(line: &str) -> String {
    if line.starts_with("    ")
        && line.trim().len() == 7
        && line.trim().bytes().all(|b| b == b' ' || b.is_ascii_digit())
    {
        return "    <digits>".to_owned();
    }
    let text = line.trim_start_matches(' ');
    let indent = &line[..line.len() - text.len()];
    let mut words: Vec<String> = Vec::new();
    let mut parts = text.split(' ').peekable();
    while let Some(part) = parts.next() {
        let last = words.last().map(String::as_str).unwrap_or_default();
        let is_number = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let unit = |part: &&str| matches!(part.trim_end_matches(UNIT_ENDS), "s" | "min" | "h" | "d");
        if part.is_empty() && last.is_empty() && !words.is_empty() {
            continue;
        }
        if is_number && parts.peek().is_some_and(unit) {
            let unit = parts.next().unwrap_or_default();
            let end = unit.trim_start_matches(|c: char| c.is_ascii_alphabetic());
            if last == "<span>" {
                words.pop();
            }
            words.push(format!("<span>{end}"));
        } else if is_number && (last == "pid" || parts.peek().is_some_and(|next| COUNTED.contains(next))) {
            words.push("<n>".to_owned());
        } else if is_clock(part) && last == "<day>" {
            words.pop();
            words.push("<time>".to_owned());
        } else {
            words.push(word(part));
        }
    }
    format!("{indent}{}", words.join(" ").trim_end())
}

/// How many there are of these depends on how the work fell.
const COUNTED: [&str; 3] = ["entries", "entries,", "roots"];

const UNIT_ENDS: [char; 4] = ['.', ',', ')', ';'];

fn word(part: &str) -> String {
    let is = |text: &str, shape: &str| {
        text.len() == shape.len()
            && text.bytes().zip(shape.bytes()).all(|(b, s)| if s == b'0' { b.is_ascii_digit() } else { b == s })
    };
    let bare = part.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_' && c != '/');
    let groups: Vec<&str> = bare.split('-').collect();
    let is_print = groups.len() >= 4 && groups.iter().all(|group| group.len() == 4);
    let name = if is(bare, "0000-00-00") {
        "<day>"
    } else if bare.starts_with("agenttrust://pair/") {
        "<ticket>"
    } else if is_print {
        "<fingerprint>"
    } else if bare.len() == 43 && bare.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)) {
        "<hash>"
    } else if bare.starts_with('/') && Path::new(bare).starts_with(std::env::temp_dir()) {
        "<path>"
    } else {
        return part.to_owned();
    };
    part.replace(bare, name)
}

fn is_clock(part: &str) -> bool {
    let part = part.trim_end_matches(UNIT_ENDS);
    part.len() >= 5 && part.bytes().all(|b| b.is_ascii_digit() || b == b':') && part.contains(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_drawn_again_is_seen_once() {
        let screen = Screen::of("\u{1b}[1mone\u{1b}[0m\r\nleft 9\r\u{1b}[Kleft 8 > y\r\nlast".as_bytes());
        assert_eq!(screen.lines().collect::<Vec<_>>(), ["one", "left 8 > y", "last"]);
    }

    #[test]
    fn a_foreign_sequence_stays_visible() {
        assert_eq!(Screen::of(b"a\x1b[2Jb").lasting(), "a␛[2Jb");
    }

    #[test]
    fn what_differs_is_replaced_and_nothing_else() {
        let shown = "── Request Xq3vR9bA ──\nID        AGENT   LEFT\nXq3vR9bA  office  4 min 59 s\n\nat 2026-11-22 23:01:05, \
                     pid 12 · 3 approvals · “Xq3vR9bA” ";
        let lasting =
            "── Request <id> ──\nID  AGENT  LEFT\n<id>  office  <span>\n\nat <time>, pid <n> · 3 approvals · “<id>”";
        // The comma after the clock goes with it.
        assert_eq!(Screen::of(shown.as_bytes()).lasting(), lasting.replace("<time>,", "<time>"));
    }
}
