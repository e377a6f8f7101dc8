//! Why a client ran a call: what its own file says about our hook.

use crate::Homes;
use crate::clients::{format, switched_off};
use crate::edit::Format;
use crate::plan::Spot;
use agenttrust_hooks::Client;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What the client's file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Why {
    /// The file.
    pub file: PathBuf,
    /// What is in it.
    pub cause: Cause,
}

/// What is in a client's file about our hook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Nothing.
    Absent,
    /// This setting switches hooks off.
    SwitchedOff(&'static str),
    /// This setting lets a model type into a shell that runs already, which no hook sees.
    Opened(&'static str),
    /// Our hook; the client did not run it.
    NotRun,
}

/// Looks at the client's file for hooks, and at those beside it that can switch hooks off.
pub(super) fn why(client: Client, homes: &Homes) -> Why {
    let hooks = homes.hooks(client);
    let beside: &[&str] = if client == Client::Copilot { &["settings.json", "config.json"] } else { &[] };
    let beside = beside.iter().map(|name| homes.folder(client).join(name));
    for file in std::iter::once(hooks.clone()).chain(beside) {
        let format = if file == hooks { format(client) } else { Format::Json };
        if let Some(setting) = off(client, &file, format) {
            return Why { file, cause: Cause::SwitchedOff(setting) };
        }
    }
    let text = std::fs::read_to_string(&hooks).unwrap_or_default();
    Why { file: hooks, cause: if is_in(client, &text) { Cause::NotRun } else { Cause::Absent } }
}

/// The setting in this file that switches the client's hooks off.
pub(super) fn off(client: Client, file: &Path, format: Format) -> Option<&'static str> {
    let text = std::fs::read_to_string(file).ok()?;
    switched_off(client, &Spot::read(format, &text).ok()?)
}

/// Whether a text calls our hook, as a line for a shell or as a list of arguments.
fn is_in(client: Client, text: &str) -> bool {
    let letters: String = text.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    letters.contains(&format!("hook{}", client.name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().as_os_str().to_owned();
        let homes = Homes::find(|name| (name == "HOME").then(|| home.clone())).unwrap();
        let cause = |client| why(client, &homes).cause;
        let put = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        assert_eq!(cause(Client::Codex), Cause::Absent);
        put(".codex/config.toml", "[[hooks.PreToolUse]]\n# \"/usr/bin/agenttrust hook codex || { false; }\"\n");
        assert_eq!(cause(Client::Codex), Cause::NotRun);
        put(".codex/config.toml", "[features]\nhooks = false\n");
        assert_eq!(cause(Client::Codex), Cause::SwitchedOff("features.hooks"));
        put(".copilot/config.json", "{\"disableAllHooks\": true}");
        assert_eq!(why(Client::Copilot, &homes).file, folder.path().join(".copilot/config.json"));
        put(".claude/settings.json", "{\"hooks\": {}}");
        assert_eq!(cause(Client::ClaudeCode), Cause::Absent);
        put(".claude/settings.json", "{\"args\": [\"hook\",\n \"claude-code\"]}");
        assert_eq!(cause(Client::ClaudeCode), Cause::NotRun);
    }
}
