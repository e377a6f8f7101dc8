//! What goes to standard output: for people with colour where it is wanted, or one JSON document for programs.

use crate::failure::Failure;
use agenttrust_protocol::Time;
use jiff::tz::TimeZone;
use serde::Serialize;
use std::io::{IsTerminal, Write};
use unicode_width::UnicodeWidthStr;

/// Where and how a command writes.
pub struct Out {
    writer: Box<dyn Write + Send>,
    /// Programs read this.
    pub json: bool,
    color: bool,
    /// The system's, unless a test says otherwise; looked up where a time is shown.
    zone: Option<TimeZone>,
}

/// How a piece of text looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// A heading, or what leads.
    Strong,
    /// Beside the point.
    Faint,
    /// All is well.
    Good,
    /// Look at this.
    Care,
    /// Wrong.
    Bad,
}

impl Out {
    /// Standard output; colours only on a terminal, and not where NO_COLOR is set (<https://no-color.org>).
    pub fn standard(json: bool) -> Out {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let color = std::io::stdout().is_terminal() && wanted && !dumb && !json;
        Out { writer: Box::new(std::io::stdout()), json, color, zone: None }
    }

    /// A writer for tests: no colour, times in UTC.
    #[cfg(test)]
    pub fn to(writer: impl Write + Send + 'static, json: bool) -> Out {
        Out { writer: Box::new(writer), json, color: false, zone: Some(TimeZone::UTC) }
    }

    /// One line for people; programs get none.
    pub fn line(&mut self, text: impl AsRef<str>) {
        if !self.json {
            self.write(&format!("{}\n", text.as_ref()));
        }
    }

    /// Text as it is, for people and programs alike.
    pub fn raw(&mut self, text: &str) {
        self.write(text);
    }

    /// The document for programs; people get nothing.
    pub fn document(&mut self, value: &impl Serialize) {
        if self.json {
            match serde_json::to_string_pretty(value) {
                Ok(text) => self.write(&format!("{text}\n")),
                Err(error) => self.write(&format!("{{\"error\":\"{error}\"}}\n")),
            }
        }
    }

    /// One JSON value on a line of its own: for streams that programs read while they grow.
    pub fn event(&mut self, value: &impl Serialize) {
        if self.json {
            let text = serde_json::to_string(value).unwrap_or_default();
            self.write(&format!("{text}\n"));
        }
    }

    /// How far something has come, on standard error and only where a person looks.
    pub fn progress(&mut self, text: &str) {
        if !self.json && std::io::stderr().is_terminal() {
            let _closed = write!(std::io::stderr(), "\r\x1b[K{text}\r");
        }
    }

    /// A table for people: columns padded, the last one free.
    pub fn table(&mut self, heads: &[&str], rows: &[Vec<String>]) {
        let width = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.get(column)).map(String::as_str);
            cells.chain(heads.get(column).copied()).map(columns).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..heads.len()).map(width).collect();
        let heads: Vec<String> = heads.iter().map(|head| (*head).to_owned()).collect();
        let head = row_line(&heads, &widths);
        let head = self.paint(Look::Faint, &head);
        self.line(head);
        for row in rows {
            self.line(row_line(row, &widths));
        }
    }

    /// Text with a look.
    pub fn paint(&self, look: Look, text: &str) -> String {
        let code = match look {
            Look::Strong => "1",
            Look::Faint => "2",
            Look::Good => "32",
            Look::Care => "33",
            Look::Bad => "31",
        };
        if self.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// A time in the person's own zone: `2026-11-22 23:01:05`.
    pub fn time(&self, time: Time) -> String {
        match jiff::Timestamp::from_second(time.0) {
            Ok(stamp) => stamp.to_zoned(self.zone()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
            Err(_) => time.0.to_string(),
        }
    }

    /// The zone in which times are shown and read.
    pub fn zone(&self) -> TimeZone {
        self.zone.clone().unwrap_or_else(TimeZone::system)
    }

    fn write(&mut self, text: &str) {
        // Whoever closed the pipe has read enough.
        let _closed = self.writer.write_all(text.as_bytes()).and_then(|()| self.writer.flush());
    }
}

/// The columns a cell takes: what [`Out::paint`] put around it takes none.
fn columns(cell: &str) -> usize {
    let mut parts = cell.split('\x1b');
    let plain = parts.next().unwrap_or_default().width();
    let painted = parts.filter_map(|part| part.split_once('m')).map(|(_, text)| text.width());
    painted.fold(plain, usize::saturating_add)
}

fn row_line(cells: &[String], widths: &[usize]) -> String {
    let padded = cells.iter().zip(widths).map(|(cell, width)| {
        let fill = width.saturating_sub(columns(cell));
        format!("{cell}{}", " ".repeat(fill))
    });
    padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}

/// A span of seconds in words: `2 h 5 min`.
pub fn span(seconds: i64) -> String {
    let seconds = seconds.max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    let parts = match (days, hours, minutes) {
        (0, 0, 0) => vec![(seconds, "s")],
        (0, 0, m) => vec![(m, "min"), (seconds % 60, "s")],
        (0, h, m) => vec![(h, "h"), (m, "min")],
        (d, h, _) => vec![(d, "d"), (h, "h")],
    };
    let parts = parts.into_iter().enumerate().filter(|(at, (n, _))| *at == 0 || *n > 0);
    parts.map(|(_, (n, unit))| format!("{n} {unit}")).collect::<Vec<_>>().join(" ")
}

/// Tells a failure on standard error, or as JSON.
pub fn tell(failure: &Failure, json: bool) {
    let mut text = if json {
        serde_json::to_string(&failure.body).unwrap_or_default()
    } else {
        let mut text = format!("{} ({})", failure.body.message, failure.body.code);
        if let Some(hint) = &failure.body.hint {
            text.push_str(&format!("\n  {hint}"));
        }
        text
    };
    text.push('\n');
    let _closed = std::io::stderr().write_all(text.as_bytes());
}

/// What tests read instead of standard output.
#[cfg(test)]
#[derive(Clone, Default)]
pub(crate) struct Page(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

#[cfg(test)]
impl Page {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

#[cfg(test)]
impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_short() {
        for (seconds, text) in [
            (-3, "0 s"),
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (125, "2 min 5 s"),
            (3600, "1 h"),
            (7500, "2 h 5 min"),
            (90_000, "1 d 1 h"),
        ] {
            assert_eq!(span(seconds), text);
        }
    }

    #[test]
    fn wide_characters_keep_columns_straight() {
        let widths = [6, 3];
        assert_eq!(row_line(&["猫".to_owned(), "x".to_owned()], &widths), "猫      x");
        assert_eq!(row_line(&["Ana".to_owned(), "x".to_owned()], &widths), "Ana     x");
    }

    #[test]
    fn times_are_shown_in_one_form() {
        let out = Out::to(Vec::new(), false);
        assert_eq!(out.time(Time(1_790_000_000)), "2026-09-21 14:13:20");
        assert_eq!(out.time(Time(i64::MAX)), i64::MAX.to_string());
    }

    #[test]
    fn columns_stand_below_each_other_painted_or_not() {
        let mut out = Out::to(std::io::sink(), false);
        out.color = true;
        let rows =
            |out: &Out| [vec![out.paint(Look::Bad, "拒"), "x".to_owned()], vec!["done".to_owned(), "y".to_owned()]];
        let widths = [rows(&out)[0][0].as_str(), "done"].map(columns);
        assert_eq!(widths, [2, 4]);
        let lines = rows(&out).map(|row| row_line(&row, &[4, 1]));
        assert_eq!(lines, ["\x1b[31m拒\x1b[0m    x", "done  y"]);
    }
}
