//! The display as plain text: what a terminal prints and what a decision signs as `shown`.
//!
//! Every line of ours begins in the first column; whatever an agent wrote is indented, and none of its characters can
//! break a line, so it cannot imitate one.

use super::arguments::{Item, Shown};
use super::hidden::{CLOSE, OPEN};
use super::text::grouped;
use super::{Display, Edited, Folds, Text, span, utc};

impl Display {
    /// The lines. A terminal that wraps them indents what it wraps.
    pub fn lines(&self, folds: Folds) -> Vec<String> {
        let mut out = Lines { folds, lines: Vec::new() };
        out.who(self);
        out.action(self);
        out.story(self);
        out.lines.push(format!("Risk: {}", self.risk.label()));
        let life = span(self.deadline.since(self.asked));
        out.lines.push(format!("Asked: {}", utc(self.asked)));
        out.lines.push(format!("Answer by: {} ({life} after it was asked)", utc(self.deadline)));
        for flag in self.flags() {
            out.lines.push(format!("Caution: {}", flag.sentence()));
        }
        out.lines
    }
}

struct Lines {
    folds: Folds,
    lines: Vec<String>,
}

impl Lines {
    fn who(&mut self, display: &Display) {
        let who = &display.who;
        self.text("Agent", &who.agent);
        if who.is_new {
            self.lines.push("New: this device has not had a request of this agent before".to_owned());
        }
        self.text("Program", &who.program);
        if let Some(program) = &who.enrolled_program {
            self.text("Accepted as program", program);
        }
        self.text("Computer", &who.host);
        self.text("Folder", &who.folder);
        match &display.task {
            Some(task) => {
                let age = span(display.asked.since(task.given).max(0));
                self.block(&format!("Your task, given {age} before"), &task.words);
            }
            None => self.lines.push("Your task: not known".to_owned()),
        }
    }

    fn action(&mut self, display: &Display) {
        self.text("Tool", &display.tool);
        if let Some(server) = &display.server {
            self.text("Server", server);
        }
        if display.pinned {
            self.lines.push("Tool definition: pinned".to_owned());
        }
        if display.beyond_grant {
            self.lines.push("Trusted action: named, but it does not cover this call".to_owned());
        }
        self.arguments(display);
        if let Some(edits) = &display.edits {
            self.lines.push("Changed from what the agent asked:".to_owned());
            edits.iter().for_each(|edit| self.edit(edit));
        }
        if let Some(group) = &display.group {
            self.text("Asked together with others as", group);
        }
    }

    fn arguments(&mut self, display: &Display) {
        let arguments = &display.arguments;
        if arguments.items.is_empty() {
            self.lines.push("Arguments: none".to_owned());
            return;
        }
        self.lines.push("Arguments:".to_owned());
        let open = if self.folds == Folds::Open { arguments.items.len() } else { arguments.shown };
        arguments.items.iter().take(open).for_each(|item| self.item(item));
        let hidden = arguments.items.len().saturating_sub(open);
        if hidden > 0 {
            self.lines.push(format!("  {OPEN}… {} more lines{CLOSE}", grouped(hidden)));
        }
    }

    fn item(&mut self, item: &Item) {
        let indent = "  ".repeat(item.depth.saturating_add(1));
        let head = format!("{indent}{}:", self.name(item));
        match &item.value {
            Shown::Text { text } if text.block => self.block_at(&head, &indent, text),
            Shown::Text { text } | Shown::Number { text } | Shown::Json { text } => self.value(&head, text, ""),
            Shown::QuotedText { text } if text.block => {
                self.block_at(&format!("{head} {}", mark("as text")), &indent, text)
            }
            Shown::QuotedText { text } => self.value(&head, text, &mark("as text")),
            Shown::EmptyText => self.lines.push(format!("{head} {}", mark("empty text"))),
            Shown::Bool { value } => self.lines.push(format!("{head} {}", mark(if *value { "true" } else { "false" }))),
            Shown::Null => self.lines.push(format!("{head} {}", mark("null"))),
            Shown::List { len } => self.lines.push(format!("{head} {}", mark(&format!("list of {len}")))),
            Shown::Object { len } => self.lines.push(format!("{head} {}", mark(&format!("object of {len}")))),
        }
        if let Some(host) = &item.host {
            self.value(&format!("{indent}{}", mark("host")), host, "");
        }
    }

    /// A name that is not a plain word is quoted: `amount: 5` may be a name.
    fn name(&self, item: &Item) -> String {
        let raw = item.name.raw();
        let is_plain = !raw.is_empty() && raw.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.$".contains(&b));
        let shown = item.name.shown(self.folds).join(" ");
        if is_plain { shown } else { format!("{}“{shown}”", mark("name")) }
    }

    fn value(&mut self, head: &str, text: &Text, suffix: &str) {
        let value = text.shown(self.folds).join(" ");
        let line = format!("{head} {value} {suffix}");
        self.lines.push(line.trim_end_matches(' ').to_owned());
    }

    fn edit(&mut self, edit: &Edited) {
        let side = |text: &Option<Text>| match text {
            Some(text) if text.is_empty() => mark("empty text"),
            Some(text) => text.shown(self.folds).join(" "),
            None => mark("absent"),
        };
        let line = format!("  {}: {} → {}", edit.path.shown(self.folds).join(" "), side(&edit.old), side(&edit.new));
        self.lines.push(line);
    }

    fn story(&mut self, display: &Display) {
        let story = &display.story;
        if story.title.is_none() && story.target.is_none() && story.reason.is_none() {
            self.lines.push("The agent gives no reason.".to_owned());
            return;
        }
        self.lines.push("In the agent's own words:".to_owned());
        for (label, text) in [("title", &story.title), ("target", &story.target)] {
            if let Some(text) = text {
                let value = text.shown(self.folds).join(" ");
                self.lines.push(format!("  {label}: “{value}”"));
            }
        }
        match &story.reason {
            Some(reason) if reason.shown(self.folds).len() > 1 => self.block_at("  reason:", "  ", reason),
            Some(reason) => self.lines.push(format!("  reason: “{}”", reason.shown(self.folds).join(" "))),
            None => {}
        }
    }

    /// A line of ours with a text of one line in it.
    fn text(&mut self, label: &str, text: &Text) {
        let shown = if text.is_empty() { mark("empty text") } else { text.shown(self.folds).join(" ") };
        self.lines.push(format!("{label}: {shown}"));
    }

    fn block(&mut self, label: &str, text: &Text) {
        self.block_at(&format!("{label}:"), "", text);
    }

    /// A text of one line beside its head, one of several lines below it, each behind a bar.
    fn block_at(&mut self, head: &str, indent: &str, text: &Text) {
        let shown = text.shown(self.folds);
        match shown.as_slice() {
            [] => self.lines.push(format!("{head} {}", mark("empty text"))),
            [line] if line.is_empty() => self.lines.push(format!("{head} {}", mark("empty text"))),
            [line] => self.lines.push(format!("{head} {line}")),
            lines => {
                self.lines.push(head.to_owned());
                self.lines.extend(lines.iter().map(|line| format!("{indent}  │ {line}")));
            }
        }
    }
}

/// A word of ours where agent text could stand.
fn mark(word: &str) -> String {
    format!("{OPEN}{word}{CLOSE}")
}
