//! What an argument is about, guessed from its name and its value. It chooses how closely a text is looked at and how
//! a screen sets it; it never hides anything.

use super::script::Care;
use agenttrust_protocol::json::Value;
use serde::{Deserialize, Serialize};

/// What an argument is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A file or folder.
    Path,
    /// Something a shell or interpreter runs.
    Command,
    /// A URL.
    Url,
    /// A machine's name.
    Host,
    /// Whom it goes to: an address, an account, a payee.
    Recipient,
    /// Money or another amount.
    Amount,
    /// A text of several lines, or a long one.
    Document,
    /// A word or a name without spaces.
    Name,
    /// Any other text.
    Text,
    /// A number.
    Number,
    /// A truth value.
    Flag,
    /// A list, an object or nothing.
    Json,
}

impl Kind {
    /// Whether its text is shown with its line breaks.
    pub fn is_block(self) -> bool {
        match self {
            Kind::Command | Kind::Document => true,
            Kind::Path
            | Kind::Url
            | Kind::Host
            | Kind::Recipient
            | Kind::Amount
            | Kind::Name
            | Kind::Text
            | Kind::Number
            | Kind::Flag
            | Kind::Json => false,
        }
    }

    /// How closely its text is looked at.
    pub fn care(self) -> Care {
        match self {
            Kind::Url => Care::Url,
            Kind::Host | Kind::Recipient => Care::Host,
            Kind::Path | Kind::Command | Kind::Amount | Kind::Name | Kind::Number | Kind::Flag | Kind::Json => {
                Care::Name
            }
            Kind::Document | Kind::Text => Care::Prose,
        }
    }
}

/// What an argument with this name and value is about.
pub fn kind_of(name: &str, value: &Value) -> Kind {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let named = match plain.as_str() {
        "path" | "file" | "filepath" | "filename" | "dir" | "directory" | "folder" | "cwd" | "notebookpath"
        | "workdir" | "root" => Some(Kind::Path),
        "command" | "cmd" | "commandline" | "shell" | "script" | "code" | "bash" | "sql" | "query" | "argv" => {
            Some(Kind::Command)
        }
        "url" | "uri" | "link" | "href" | "endpoint" | "webhook" | "callback" => Some(Kind::Url),
        "host" | "hostname" | "domain" | "server" | "address" | "ip" => Some(Kind::Host),
        "to" | "cc" | "bcc" | "recipient" | "recipients" | "email" | "mail" | "payee" | "iban" | "account"
        | "beneficiary" | "phone" | "destination" => Some(Kind::Recipient),
        "amount" | "total" | "price" | "sum" | "cost" | "cents" | "amountcents" | "budget" => Some(Kind::Amount),
        _ => None,
    };
    match (named, value) {
        (Some(kind), Value::String(text)) => by_form(text).filter(|found| *found == Kind::Url).unwrap_or(kind),
        (Some(kind), Value::Array(items)) if items.iter().all(|item| item.as_str().is_some()) => kind,
        (Some(Kind::Amount), Value::Number(_)) => Kind::Amount,
        (Some(_) | None, _) => plain_kind(value),
    }
}

/// What a value is about, by itself.
pub fn plain_kind(value: &Value) -> Kind {
    match value {
        Value::String(text) => by_form(text).unwrap_or(Kind::Text),
        Value::Number(_) => Kind::Number,
        Value::Bool(_) => Kind::Flag,
        Value::Null | Value::Array(_) | Value::Object(_) => Kind::Json,
    }
}

fn by_form(text: &str) -> Option<Kind> {
    let is_word = !text.contains(char::is_whitespace);
    if is_word && text.split_once("://").is_some_and(|(scheme, _)| is_scheme(scheme)) {
        Some(Kind::Url)
    } else if is_word && (text.starts_with(['/', '~']) || text.starts_with("./") || text.starts_with("../")) {
        Some(Kind::Path)
    } else if is_word && text.contains('@') {
        Some(Kind::Recipient)
    } else if text.contains('\n') || text.len() > 200 {
        Some(Kind::Document)
    } else if is_word {
        Some(Kind::Name)
    } else {
        None
    }
}

fn is_scheme(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_forms_tell() {
        for (name, text, kind) in [
            ("path", "/etc/passwd", Kind::Path),
            ("filePath", "a.txt", Kind::Path),
            ("command", "rm -rf /", Kind::Command),
            ("to", "bob@example.org", Kind::Recipient),
            ("target", "https://example.org/a", Kind::Url),
            ("endpoint", "https://example.org/a", Kind::Url),
            ("file", "https://example.org/a", Kind::Url),
            ("amount", "12.50", Kind::Amount),
            ("body", "one\ntwo", Kind::Document),
            ("subject", "Two words", Kind::Text),
            ("id", "inv-17", Kind::Name),
            ("x", "~/notes", Kind::Path),
            ("x", "someone@example.org", Kind::Recipient),
        ] {
            assert_eq!(kind_of(name, &Value::from(text)), kind, "{name} {text}");
        }
        assert_eq!(kind_of("amount", &Value::from(5)), Kind::Amount);
        assert_eq!(kind_of("count", &Value::from(5)), Kind::Number);
        assert_eq!(kind_of("to", &Value::Array(vec![Value::from("a@b.example")])), Kind::Recipient);
    }
}
