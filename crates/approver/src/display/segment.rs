//! Text taken apart into what can be shown as it is and what must be pointed out, without losing a character.

use super::hidden::{CLOSE, OPEN, SPACE, chip_name, code};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation;

/// The most combining marks on one letter that are shown; more would climb over other lines.
const MAX_MARKS: usize = 4;

/// The widest run of a hidden character or space that plain text spells out one by one.
const SPELLED_RUN: usize = 8;

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(tag = "segment", rename_all = "snake_case")]
pub enum Segment {
    /// Characters shown as they are.
    Plain {
        /// The characters.
        text: String,
    },
    /// A character that nobody would see, or that changes how others are seen, and how often it stands here.
    Chip {
        /// The character itself.
        raw: char,
        /// How many of it in a row.
        count: usize,
        /// Its code point: `U+202E`.
        code: String,
        /// What it is: `right-to-left override`.
        name: Cow<'static, str>,
    },
    /// Spaces that would be overlooked: at an end, or several in a row.
    Space {
        /// How many.
        count: usize,
    },
    /// A line break, in text of several lines.
    Break,
}

/// Whether a text may have several lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One line: line breaks are chips.
    Line,
    /// Several: line breaks are line breaks, and a line's indentation is shown as it is.
    Block,
}

impl Segment {
    /// How many characters of the original it stands for.
    pub fn chars(&self) -> usize {
        match self {
            Segment::Plain { text } => text.chars().count(),
            Segment::Chip { count, .. } | Segment::Space { count } => *count,
            Segment::Break => 1,
        }
    }

    /// Appends the original characters.
    pub fn push_raw(&self, out: &mut String) {
        match self {
            Segment::Plain { text } => out.push_str(text),
            Segment::Chip { raw, count, .. } => out.extend(std::iter::repeat_n(*raw, *count)),
            Segment::Space { count } => out.extend(std::iter::repeat_n(' ', *count)),
            Segment::Break => out.push('\n'),
        }
    }

    /// Appends what plain text shows; a break is the caller's.
    pub fn push_shown(&self, out: &mut String) {
        match self {
            Segment::Plain { text } => out.push_str(text),
            Segment::Chip { count, code, name, .. } => {
                let times = if *count > 1 { format!(" ×{count}") } else { String::new() };
                out.push_str(&format!("{OPEN}{code} {name}{times}{CLOSE}"));
            }
            Segment::Space { count } if *count <= SPELLED_RUN => out.extend(std::iter::repeat_n(SPACE, *count)),
            Segment::Space { count } => out.push_str(&format!("{OPEN}{count} spaces{CLOSE}")),
            Segment::Break => {}
        }
    }
}

/// Takes a text apart. The raw pieces put together are the text again.
pub fn segments(text: &str, form: Form) -> Vec<Segment> {
    let mut cutter = Cutter { form, out: Vec::new(), spaces: 0, marks: None };
    for c in text.chars() {
        cutter.take(c);
    }
    cutter.flush_spaces(true);
    cutter.out
}

struct Cutter {
    form: Form,
    out: Vec<Segment>,
    /// Spaces read and not yet placed.
    spaces: usize,
    /// Marks on the letter before, if there is one to stand on.
    marks: Option<usize>,
}

impl Cutter {
    fn take(&mut self, c: char) {
        if c == ' ' {
            self.spaces = self.spaces.saturating_add(1);
            self.marks = None;
            return;
        }
        let breaks = c == '\n' && self.form == Form::Block;
        self.flush_spaces(breaks);
        if breaks {
            self.out.push(Segment::Break);
            self.marks = None;
        } else if let Some(name) = chip_name(c) {
            self.chip(c, name);
        } else if is_combining_mark(c) {
            self.mark(c);
        } else {
            self.plain(c);
            self.marks = Some(0);
        }
    }

    fn mark(&mut self, c: char) {
        match self.marks {
            Some(marks) if marks < MAX_MARKS => {
                self.plain(c);
                self.marks = Some(marks.saturating_add(1));
            }
            Some(_) | None => self.chip(c, "combining mark"),
        }
    }

    fn plain(&mut self, c: char) {
        match self.out.last_mut() {
            Some(Segment::Plain { text }) => text.push(c),
            Some(Segment::Chip { .. } | Segment::Space { .. } | Segment::Break) | None => {
                self.out.push(Segment::Plain { text: c.into() });
            }
        }
    }

    fn chip(&mut self, c: char, name: &'static str) {
        self.marks = None;
        match self.out.last_mut() {
            Some(Segment::Chip { raw, count, .. }) if *raw == c => *count = count.saturating_add(1),
            Some(Segment::Chip { .. } | Segment::Plain { .. } | Segment::Space { .. } | Segment::Break) | None => {
                self.out.push(Segment::Chip { raw: c, count: 1, code: code(c), name: Cow::Borrowed(name) });
            }
        }
    }

    /// Places the spaces read so far; `ends` if nothing but a line's or the text's end follows.
    fn flush_spaces(&mut self, ends: bool) {
        let count = std::mem::take(&mut self.spaces);
        if count == 0 {
            return;
        }
        let starts_line = matches!(self.out.last(), None | Some(Segment::Break));
        let is_indentation = self.form == Form::Block && starts_line && !ends && count <= 40;
        if is_indentation || (count == 1 && !starts_line && !ends) {
            (0..count).for_each(|_| self.plain(' '));
        } else {
            self.out.push(Segment::Space { count });
        }
    }
}

/// Cuts so that the first part has at most `limit` characters and `max_lines` lines, never within a letter and its
/// marks.
pub fn fold(segments: Vec<Segment>, limit: usize, max_lines: usize) -> (Vec<Segment>, Vec<Segment>) {
    let (mut head, mut rest) = (Vec::new(), Vec::new());
    let (mut left, mut lines) = (limit, max_lines);
    for segment in segments {
        if !rest.is_empty() || left == 0 || lines == 0 {
            rest.push(segment);
            continue;
        }
        let chars = segment.chars();
        if segment == Segment::Break {
            lines = lines.saturating_sub(1);
        }
        if chars <= left {
            left = left.saturating_sub(chars);
            head.push(segment);
        } else {
            let (first, second) = split(segment, left);
            left = 0;
            head.extend(first);
            rest.push(second);
        }
    }
    (head, rest)
}

fn split(segment: Segment, left: usize) -> (Option<Segment>, Segment) {
    let Segment::Plain { text } = &segment else { return (None, segment) };
    let mut chars = 0_usize;
    let mut at = 0_usize;
    for grapheme in text.graphemes(true) {
        chars = chars.saturating_add(grapheme.chars().count());
        if chars > left {
            break;
        }
        at = at.saturating_add(grapheme.len());
    }
    match text.split_at_checked(at) {
        Some((first, second)) if !first.is_empty() => {
            (Some(Segment::Plain { text: first.to_owned() }), Segment::Plain { text: second.to_owned() })
        }
        Some(_) | None => (None, segment),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn raw(segments: &[Segment]) -> String {
        let mut out = String::new();
        segments.iter().for_each(|s| s.push_raw(&mut out));
        out
    }

    fn shown(text: &str, form: Form) -> String {
        let mut out = String::new();
        for segment in segments(text, form) {
            segment.push_shown(&mut out);
            if segment == Segment::Break {
                out.push('\n');
            }
        }
        out
    }

    #[test]
    fn hidden_things_are_named() {
        assert_eq!(shown("a\u{202e}b", Form::Line), "a⟦U+202E right-to-left override⟧b");
        assert_eq!(shown("a\u{200b}\u{200b}b", Form::Line), "a⟦U+200B zero width space ×2⟧b");
        assert_eq!(shown(" a  b ", Form::Line), "␣a␣␣b␣");
        assert_eq!(shown(&format!("a{}b", " ".repeat(300)), Form::Line), "a⟦300 spaces⟧b");
        assert_eq!(shown("a\nb\tc", Form::Line), "a⟦U+000A line feed⟧b⟦U+0009 tab⟧c");
        assert_eq!(shown("if x:\n    y \n", Form::Block), "if x:\n    y␣\n");
        assert_eq!(shown("⟦fake⟧", Form::Line), "⟦U+27E6 mark of this display⟧fake⟦U+27E7 mark of this display⟧");
    }

    #[test]
    fn marks_pile_up_only_so_far() {
        let zalgo = format!("Z{}", "\u{301}".repeat(50));
        assert_eq!(shown(&zalgo, Form::Line), format!("Z{}⟦U+0301 combining mark ×46⟧", "\u{301}".repeat(4)));
        assert_eq!(shown("\u{301}a", Form::Line), "⟦U+0301 combining mark⟧a");
        assert_eq!(shown("a \u{301}", Form::Line), "a ⟦U+0301 combining mark⟧");
    }

    proptest! {
        #[test]
        fn no_character_is_lost(text in "[\\PC\\p{Cf}\\p{Cc} \\p{M}]{0,200}", limit in 0_usize..100, lines in 1_usize..4) {
            for form in [Form::Line, Form::Block] {
                let all = segments(&text, form);
                prop_assert_eq!(raw(&all), text.clone());
                prop_assert!(all.iter().all(|s| s.chars() > 0));
                let (head, rest) = fold(all, limit, lines);
                prop_assert_eq!(raw(&head) + &raw(&rest), text.clone());
                prop_assert!(head.iter().map(Segment::chars).sum::<usize>() <= limit);
            }
        }
    }
}
