//! What is put into a configuration, as data: the same edits are shown, made, kept, and taken back.

use crate::refusal::Outcome;
use crate::{json, toml};
use agenttrust_hooks::Client;
use serde::{Deserialize, Serialize};

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// JSON, with comments and trailing commas where there are some.
    Json,
    /// TOML.
    Toml,
    /// A file that is ours from beginning to end.
    Whole,
}

/// A value with its members in the order in which a person reads them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Given {
    /// Text.
    Text(String),
    /// A number, to the letter.
    Number(String),
    /// Nothing, where the format has a word for it.
    Null,
    /// A truth value.
    Flag(bool),
    /// A list.
    List(Vec<Given>),
    /// An object or table.
    Map(Vec<(String, Given)>),
}

/// One thing that is put in. A path leads through objects by their members' names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Edit {
    /// A further element at the end of the list there.
    Append {
        /// Where the list is; it is made if it is missing.
        path: Vec<String>,
        /// The element.
        value: Given,
    },
    /// The member there has this value.
    Set {
        /// Where it is; objects on the way are made if they are missing.
        path: Vec<String>,
        /// Its value.
        value: Given,
    },
    /// There is no such member.
    Remove {
        /// Where it is.
        path: Vec<String>,
    },
    /// The file is this text.
    Whole(String),
}

impl Given {
    pub(crate) fn text(text: impl Into<String>) -> Given {
        Given::Text(text.into())
    }

    pub(crate) fn number(number: u64) -> Given {
        Given::Number(number.to_string())
    }

    pub(crate) fn texts(texts: impl IntoIterator<Item = impl Into<String>>) -> Given {
        Given::List(texts.into_iter().map(Given::text).collect())
    }

    pub(crate) fn map<const N: usize>(members: [(&str, Given); N]) -> Given {
        Given::Map(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    pub(crate) fn with(mut self, name: &str, value: Given) -> Given {
        if let Given::Map(members) = &mut self {
            members.push((name.to_owned(), value));
        }
        self
    }

    pub(crate) fn to_json(&self) -> serde_json::Value {
        match self {
            Given::Text(text) => text.as_str().into(),
            Given::Number(number) => serde_json::from_str(number).unwrap_or_default(),
            Given::Null => serde_json::Value::Null,
            Given::Flag(flag) => (*flag).into(),
            Given::List(list) => list.iter().map(Given::to_json).collect(),
            Given::Map(map) => map.iter().map(|(name, value)| (name.clone(), value.to_json())).collect(),
        }
    }
}

/// A path of literal names.
pub(crate) fn path<const N: usize>(names: [&str; N]) -> Vec<String> {
    names.map(str::to_owned).to_vec()
}

/// Makes the edits in this text; no text is an empty file.
pub(crate) fn apply(format: Format, text: &str, edits: &[Edit]) -> Outcome<String> {
    if edits.is_empty() {
        return Ok(text.to_owned());
    }
    match format {
        Format::Json => json::apply(text, edits),
        Format::Toml => toml::apply(text, edits),
        Format::Whole => Ok(edits.iter().fold(text.to_owned(), |text, edit| match edit {
            Edit::Whole(whole) => whole.clone(),
            Edit::Append { .. } | Edit::Set { .. } | Edit::Remove { .. } => text,
        })),
    }
}

/// Takes the edits out of a text that somebody has changed since. `base` is what the file was before them, and says
/// what a member was that was set; without it only hooks of ours are taken out, by how they look.
pub(crate) fn strip(client: Client, format: Format, text: &str, edits: &[Edit], base: Option<&str>) -> Outcome<String> {
    match format {
        Format::Json => json::strip(client, text, edits, base),
        Format::Toml => toml::strip(client, text, edits, base),
        Format::Whole => Ok(if is_ours(text, client) { String::new() } else { text.to_owned() }),
    }
}

/// Whether a file that is ours as a whole, or a line for a shell, starts this client's hook.
pub(crate) fn is_ours(line: &str, client: Client) -> bool {
    let bare: String = line.chars().map(|c| if matches!(c, '\'' | '"' | ',' | '[' | ']') { ' ' } else { c }).collect();
    let words: Vec<&str> = bare.split_whitespace().collect();
    words.windows(2).any(|two| two == ["hook", client.name()]) && line.contains("agenttrust")
}

/// Whether an entry of a list of hooks is one of ours.
pub(crate) fn is_our_hook(entry: &serde_json::Value, client: Client) -> bool {
    let text = |name: &str| entry.get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
    let args = entry.get("args").and_then(serde_json::Value::as_array);
    let words = args.into_iter().flatten().filter_map(serde_json::Value::as_str);
    let line = std::iter::once(text("command")).chain(words).collect::<Vec<_>>().join(" ");
    is_ours(&line, client) || is_ours(text("bash"), client)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn our_hooks_are_known_by_what_they_start() {
        let ours = [
            json!({"type": "command", "command": "/opt/agenttrust", "args": ["hook", "claude-code", "--queue"]}),
            json!({"command": "'/home/ann b/agenttrust' hook claude-code || { exit 2; }"}),
            json!({"bash": "agenttrust hook claude-code"}),
        ];
        for entry in ours {
            assert!(is_our_hook(&entry, Client::ClaudeCode), "{entry}");
            assert!(!is_our_hook(&entry, Client::Codex), "{entry}");
        }
        let foreign = [
            json!({"command": "prettier --write"}),
            json!({"command": "git hook claude-code"}),
            json!({"command": "/opt/agenttrust", "args": ["hook", "claude-code-2"]}),
            json!({"command": "agenttrust status"}),
            json!("agenttrust hook claude-code"),
        ];
        for entry in foreign {
            assert!(!is_our_hook(&entry, Client::ClaudeCode), "{entry}");
        }
    }
}
