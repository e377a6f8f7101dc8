//! A text as a device shows it: its pieces, folded where it is long, and what in it may deceive.

use super::hidden::{CLOSE, OPEN, code};
use super::script::{Care, Flag, flags};
use super::segment::{Form, Segment, fold, segments};
use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation;

/// The most characters of a line shown at first.
const LINE_LIMIT: usize = 400;

/// The most characters of a text of several lines shown at first.
const BLOCK_LIMIT: usize = 1200;

/// The most lines of it.
const BLOCK_LINES: usize = 24;

/// A text to be shown. Nothing of it is lost: `head` and `rest` together are the whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Text {
    /// What is shown at once.
    pub head: Vec<Segment>,
    /// What is folded away; empty unless the text is long.
    pub rest: Vec<Segment>,
    /// How many characters (Unicode scalar values) are folded away.
    pub more: usize,
    /// Whether line breaks are line breaks.
    pub block: bool,
    /// What may deceive.
    pub flags: Vec<Flag>,
}

/// Whether long texts are shown whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Folds {
    /// Their beginning, and how much is missing.
    Closed,
    /// All of it.
    Open,
}

impl Text {
    /// A text of one line; line breaks in it become chips.
    pub fn line(text: &str, care: Care) -> Text {
        Text::new(text, Form::Line, care, LINE_LIMIT)
    }

    /// A text of several lines.
    pub fn block(text: &str, care: Care) -> Text {
        Text::new(text, Form::Block, care, BLOCK_LIMIT)
    }

    fn new(text: &str, form: Form, care: Care, limit: usize) -> Text {
        let all = segments(text, form);
        let lines = all.iter().filter(|s| **s == Segment::Break).count().saturating_add(1);
        // Nothing is gained by folding away the last few words.
        let slack = limit.saturating_add(limit.checked_div(4).unwrap_or(0));
        let is_long = all.iter().map(Segment::chars).fold(0, usize::saturating_add) > slack;
        let (head, rest) =
            if is_long || lines > BLOCK_LINES { fold(all, limit, BLOCK_LINES) } else { (all, Vec::new()) };
        let more = rest.iter().map(Segment::chars).fold(0, usize::saturating_add);
        Text { head, rest, more, block: form == Form::Block, flags: flags(text, care) }
    }

    /// The original characters.
    pub fn raw(&self) -> String {
        let mut out = String::new();
        self.head.iter().chain(&self.rest).for_each(|segment| segment.push_raw(&mut out));
        out
    }

    /// Whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.head.is_empty() && self.rest.is_empty()
    }

    /// The text as lines of plain text, with hidden characters spelled out.
    pub fn shown(&self, folds: Folds) -> Vec<String> {
        let mut lines = vec![String::new()];
        let rest = if folds == Folds::Open { self.rest.as_slice() } else { &[] };
        for segment in self.head.iter().chain(rest) {
            match (segment, lines.last_mut()) {
                (Segment::Break, _) | (_, None) => lines.push(String::new()),
                (segment, Some(line)) => segment.push_shown(line),
            }
        }
        if folds == Folds::Closed && self.more > 0 {
            let more = format!("{OPEN}… {} more characters{CLOSE}", grouped(self.more));
            match lines.last_mut() {
                Some(line) => line.push_str(&more),
                None => lines.push(more),
            }
        }
        lines
    }
}

/// A number with commas between thousands.
pub fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        let left = digits.len().saturating_sub(at);
        if at > 0 && left.is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// The text in one line that is safe in a window title or a notification: hidden characters become their code points,
/// and what is longer than `max_graphemes` user-perceived characters is cut off with `…`.
pub fn safe_line(text: &str, max_graphemes: usize) -> String {
    let mut pieces: Vec<(String, usize)> = Vec::new();
    let mut width = 0_usize;
    'text: for segment in segments(text, Form::Line) {
        for piece in line_pieces(&segment) {
            // A chip stays whole: half of one would say something else.
            let size = piece.graphemes(true).count();
            width = width.saturating_add(size);
            pieces.push((piece, size));
            if width > max_graphemes {
                break 'text;
            }
        }
    }
    let is_cut = width > max_graphemes;
    while is_cut && width >= max_graphemes {
        match pieces.pop() {
            Some((_, size)) => width = width.saturating_sub(size),
            None => break,
        }
    }
    let mut line: String = pieces.into_iter().map(|(piece, _)| piece).collect();
    line.push_str(if is_cut { "…" } else { "" });
    line
}

fn line_pieces(segment: &Segment) -> Vec<String> {
    match segment {
        Segment::Plain { text } => text.graphemes(true).map(str::to_owned).collect(),
        // One space says as much as many here.
        Segment::Space { .. } | Segment::Break => vec![" ".to_owned()],
        Segment::Chip { raw, count, .. } => {
            let times = if *count > 1 { format!("×{count}") } else { String::new() };
            vec![format!("{OPEN}{}{times}{CLOSE}", code(*raw))]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_folded_and_counted() {
        let text = Text::line(&"a".repeat(1604), Care::Prose);
        assert_eq!(text.more, 1204);
        assert_eq!(text.shown(Folds::Closed), [format!("{}⟦… 1,204 more characters⟧", "a".repeat(400))]);
        assert_eq!(text.shown(Folds::Open), ["a".repeat(1604)]);
        assert_eq!(text.raw(), "a".repeat(1604));
        assert_eq!(Text::line(&"a".repeat(450), Care::Prose).more, 0);
        let lines = Text::block(&"x\n".repeat(60), Care::Prose);
        assert_eq!((lines.shown(Folds::Open).len(), lines.more), (61, 72));
    }

    #[test]
    fn titles_are_one_safe_line() {
        assert_eq!(safe_line("mail.send", 20), "mail.send");
        assert_eq!(safe_line("a\u{202e}b\nc", 40), "a⟦U+202E⟧b⟦U+000A⟧c");
        assert_eq!(safe_line("a      b", 40), "a b");
        assert_eq!(safe_line(&"é".repeat(100), 10), format!("{}…", "é".repeat(9)));
        assert_eq!(safe_line(&format!("e{}", "\u{301}".repeat(900)), 10), format!("e{}…", "\u{301}".repeat(4)));
        assert_eq!(safe_line("ab\u{202e}", 10), "ab⟦U+202E⟧");
        assert_eq!(safe_line("ab\u{202e}", 9), "ab…");
        assert_eq!(safe_line("", 10), "");
    }

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }
}
