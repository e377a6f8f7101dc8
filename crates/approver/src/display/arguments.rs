//! The arguments of a call, each as a typed line; nested ones below the one they belong to.

use super::kind::{Kind, kind_of, plain_kind};
use super::script::{Care, Flag, authority};
use super::text::Text;
use agenttrust_protocol::json::{Object, Value};
use serde::{Deserialize, Serialize};

/// The deepest nesting shown as lines of its own; what lies deeper is shown as JSON.
const MAX_LINES_DEPTH: usize = 4;

/// The most lines shown at first.
const MAX_ITEMS: usize = 40;

/// All arguments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Arguments {
    /// The lines, in the order in which the agent wrote them.
    pub items: Vec<Item>,
    /// How many of them are shown at once; the rest is folded away.
    pub shown: usize,
}

/// One argument, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Item {
    /// Where it stands: a JSON pointer (RFC 6901).
    pub path: String,
    /// How deep it is nested, from 0.
    pub depth: usize,
    /// Its name; in a list its place, from 1.
    pub name: Text,
    /// What it is about.
    pub kind: Kind,
    /// Its value.
    pub value: Shown,
    /// The host a URL leads to.
    pub host: Option<Text>,
}

/// A value as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(tag = "shown", rename_all = "snake_case")]
pub enum Shown {
    /// A text that is not empty.
    Text {
        /// The text.
        text: Text,
    },
    /// A text without characters.
    EmptyText,
    /// A text that would be taken for a number, a truth value or nothing.
    QuotedText {
        /// The text.
        text: Text,
    },
    /// A number, as it is written.
    Number {
        /// Its source text.
        text: Text,
    },
    /// A truth value.
    Bool {
        /// Which.
        value: bool,
    },
    /// Nothing: `null`.
    Null,
    /// A list; its elements follow.
    List {
        /// How many.
        len: usize,
    },
    /// An object; its members follow.
    Object {
        /// How many.
        len: usize,
    },
    /// What lies too deep for lines of its own, as JSON.
    Json {
        /// The JSON text.
        text: Text,
    },
}

impl Arguments {
    /// The lines for these arguments.
    pub fn of(arguments: &Object) -> Arguments {
        let mut items = Vec::new();
        push_members(&mut items, arguments, "", 0);
        let shown = items.len().min(MAX_ITEMS);
        Arguments { items, shown }
    }

    /// Everything in names and values that may deceive.
    pub fn flags(&self) -> impl Iterator<Item = &Flag> {
        self.items.iter().flat_map(|item| item.name.flags.iter().chain(item.value.flags()))
    }
}

impl Shown {
    fn flags(&self) -> &[Flag] {
        match self {
            Shown::Text { text } | Shown::QuotedText { text } | Shown::Number { text } | Shown::Json { text } => {
                &text.flags
            }
            Shown::EmptyText | Shown::Bool { .. } | Shown::Null | Shown::List { .. } | Shown::Object { .. } => &[],
        }
    }
}

/// The JSON pointer of a member or element.
pub(crate) fn pointer(parent: &str, name: &str) -> String {
    format!("{parent}/{}", name.replace('~', "~0").replace('/', "~1"))
}

fn push_members(items: &mut Vec<Item>, object: &Object, parent: &str, depth: usize) {
    for (name, value) in object.iter() {
        push(items, name, value, pointer(parent, name), depth, kind_of(name, value));
    }
}

fn push(items: &mut Vec<Item>, name: &str, value: &Value, path: String, depth: usize, kind: Kind) {
    let too_deep = depth >= MAX_LINES_DEPTH;
    let item = |value, host| Item { path: path.clone(), depth, name: Text::line(name, Care::Name), kind, value, host };
    let below = depth.saturating_add(1);
    match value {
        Value::Array(elements) if !too_deep => {
            items.push(item(Shown::List { len: elements.len() }, None));
            for (at, element) in elements.iter().enumerate() {
                let place = at.saturating_add(1).to_string();
                let path = pointer(&path, &at.to_string());
                // The elements of `to` are recipients as much as `to` itself would be.
                let kind = if kind == Kind::Json { plain_kind(element) } else { kind };
                push(items, &place, element, path, below, kind);
            }
        }
        Value::Object(object) if !too_deep => {
            items.push(item(Shown::Object { len: object.len() }, None));
            push_members(items, object, &path, below);
        }
        Value::Array(_) | Value::Object(_) => {
            let text = Text::line(&value.to_string(), Care::Name);
            items.push(item(Shown::Json { text }, None));
        }
        Value::String(text) => {
            let host = authority(text).filter(|_| kind == Kind::Url);
            items.push(item(shown_text(text, kind), host.map(|found| Text::line(found.host, Care::Host))));
        }
        Value::Number(number) => {
            let text = Text::line(number.text(), Care::Name);
            items.push(item(Shown::Number { text }, None));
        }
        Value::Bool(value) => items.push(item(Shown::Bool { value: *value }, None)),
        Value::Null => items.push(item(Shown::Null, None)),
    }
}

fn shown_text(text: &str, kind: Kind) -> Shown {
    if text.is_empty() {
        return Shown::EmptyText;
    }
    let shown = if kind.is_block() { Text::block(text, kind.care()) } else { Text::line(text, kind.care()) };
    let is_mistakable = matches!(text, "null" | "true" | "false")
        || text.starts_with(|c: char| c.is_ascii_digit() || c == '-') && text.parse::<f64>().is_ok();
    if is_mistakable { Shown::QuotedText { text: shown } } else { Shown::Text { text: shown } }
}
