//! How each client wants its hooks written down.

mod claude_code;
mod codex;
mod copilot;
mod cursor;
mod gemini;
mod opencode;

use crate::edit::{Edit, Format, Given, path};
use agenttrust_hooks::{Client, Wired, Wiring, status_message};
use serde_json::Value;

/// How the client's file with hooks is written.
pub(crate) const fn format(client: Client) -> Format {
    match client {
        Client::ClaudeCode | Client::Gemini | Client::Copilot | Client::Cursor => Format::Json,
        Client::Codex => Format::Toml,
        Client::Opencode => Format::Whole,
    }
}

/// What puts these hooks into the client's file. `devices` are the person's, by name, where they are known.
pub(crate) fn hooks(wiring: &Wiring, devices: &[String]) -> Vec<Edit> {
    let message = status_message(devices);
    match wiring.client {
        Client::ClaudeCode => claude_code::hooks(wiring, &message),
        Client::Codex => codex::hooks(wiring, &message),
        Client::Gemini => gemini::hooks(wiring, &message),
        Client::Copilot => copilot::hooks(wiring),
        Client::Opencode => opencode::hooks(wiring),
        Client::Cursor => cursor::hooks(wiring),
    }
}

/// The setting that switches every hook off, where it is set: ours would be in the file and do nothing.
pub(crate) fn switched_off(client: Client, settings: &Value) -> Option<&'static str> {
    let is = |pointer: &str, value: bool| settings.pointer(pointer).and_then(Value::as_bool) == Some(value);
    match client {
        Client::ClaudeCode | Client::Copilot => is("/disableAllHooks", true).then_some("disableAllHooks"),
        Client::Codex => is("/features/hooks", false).then_some("features.hooks"),
        Client::Gemini => {
            let disabled = settings.pointer("/hooksConfig/disabled").and_then(Value::as_array);
            let named = disabled.into_iter().flatten().any(|name| name.as_str().is_some_and(gemini::is_ours));
            match is("/hooksConfig/enabled", false) {
                true => Some("hooksConfig.enabled"),
                false => named.then_some("hooksConfig.disabled"),
            }
        }
        Client::Opencode | Client::Cursor => None,
    }
}

/// One list for each event.
fn each(wiring: &Wiring, entry: impl Fn(&Wired) -> Given) -> Vec<Edit> {
    let append = |wired: &Wired| Edit::Append { path: path(["hooks", wired.event]), value: entry(wired) };
    wiring.events.iter().map(append).collect()
}

/// A hook with its matcher; an event that belongs to no tool has nothing to match.
fn matched(wired: &Wired, hook: Given) -> Given {
    let hooks = Given::List(vec![hook]);
    let is_of_tools = wired.event.contains("Tool");
    if is_of_tools {
        Given::map([("matcher", Given::text("*")), ("hooks", hooks)])
    } else {
        Given::map([("hooks", hooks)])
    }
}
