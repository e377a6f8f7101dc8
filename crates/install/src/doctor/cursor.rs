//! Cursor cannot be driven: what can be looked at is its file.

use crate::Homes;
use agenttrust_hooks::{Client, HookFlags, Wiring};
use serde::Serialize;
use serde_json::Value;
use std::path::PathBuf;

/// What stands in Cursor's file for hooks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CursorFile {
    /// The file.
    pub path: PathBuf,
    /// Whether it is there and can be read as JSON.
    pub readable: bool,
    /// Events that should have our hook and have it.
    pub wired: Vec<&'static str>,
    /// Events that should have our hook and do not.
    pub missing: Vec<&'static str>,
    /// Events whose hook lets the tool run where it fails.
    pub fails_open: Vec<&'static str>,
}

impl CursorFile {
    /// Whether every event has our hook, closed.
    pub fn holds(&self) -> bool {
        self.readable && self.missing.is_empty() && self.fails_open.is_empty()
    }
}

/// Looks at Cursor's file for hooks.
pub fn cursor(homes: &Homes) -> CursorFile {
    let path = homes.hooks(Client::Cursor);
    let text = std::fs::read_to_string(&path).ok();
    let file: Option<Value> = text.and_then(|text| serde_json::from_str(&text).ok());
    look(path, file.as_ref())
}

fn look(path: PathBuf, file: Option<&Value>) -> CursorFile {
    let mut found =
        CursorFile { path, readable: file.is_some(), wired: Vec::new(), missing: Vec::new(), fails_open: Vec::new() };
    for wired in Wiring::new(Client::Cursor, "agenttrust", &HookFlags::default()).events {
        let hooks = file.map_or(&Value::Null, |file| &file["hooks"][wired.event]);
        let is_ours = |hook: &&Value| hook["command"].as_str().is_some_and(|line| line.contains(" hook cursor"));
        match hooks.as_array().into_iter().flatten().find(is_ours) {
            None => found.missing.push(wired.event),
            Some(hook) => {
                found.wired.push(wired.event);
                if wired.asks && hook["failClosed"] != true {
                    found.fails_open.push(wired.event);
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_event_needs_our_hook_and_the_asking_ones_closed() {
        let path = || PathBuf::from("/h/.cursor/hooks.json");
        let events = Wiring::new(Client::Cursor, "agenttrust", &HookFlags::default()).events;
        let mut file = json!({"version": 1, "hooks": {}});
        for wired in &events {
            let other = json!({"command": "/usr/bin/other"});
            let ours = json!({"command": "/usr/bin/agenttrust hook cursor", "failClosed": true});
            file["hooks"][wired.event] = json!([other, ours]);
        }
        assert!(look(path(), Some(&file)).holds());
        file["hooks"]["preToolUse"][1]["failClosed"] = json!(false);
        assert_eq!(look(path(), Some(&file)).fails_open, ["preToolUse"]);
        file["hooks"]["preToolUse"] = json!([]);
        assert_eq!(look(path(), Some(&file)).missing, ["preToolUse"]);
        let nothing = look(path(), None);
        assert!(!nothing.readable && nothing.wired.is_empty() && nothing.missing.len() == events.len());
    }
}
