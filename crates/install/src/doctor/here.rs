//! What a project's own files do to the hooks of whoever works in it.

use super::why::{Cause, Why, off};
use crate::Homes;
use crate::edit::Format;
use crate::plan::Spot;
use agenttrust_hooks::Client;
use serde_json::Value;
use std::path::Path;

/// A project's files in which the client looks for settings, seen to switch the hooks of its user off.
const fn files(client: Client) -> &'static [&'static str] {
    match client {
        Client::ClaudeCode => &[".claude/settings.json", ".claude/settings.local.json"],
        Client::Codex => &[".codex/config.toml"],
        Client::Gemini => &[".gemini/settings.json"],
        Client::Copilot => &[
            ".github/copilot/settings.json",
            ".github/copilot/settings.local.json",
            ".claude/settings.json",
            ".claude/settings.local.json",
        ],
        Client::Opencode | Client::Cursor => &[],
    }
}

/// The files of the project around this folder that switch the client's hooks off or open a way around them. They are read, not tried: to start
/// a client with a stranger's settings could run what stands in them.
pub(super) fn here(client: Client, folder: &Path, homes: &Homes) -> Vec<Why> {
    let format = if client == Client::Codex { Format::Toml } else { Format::Json };
    let mut found = Vec::new();
    // In the person's own folder the file is theirs, and the run has shown what it does.
    let own = homes.hooks(client);
    for folder in folder.ancestors() {
        for file in files(client).iter().map(|name| folder.join(name)).filter(|file| *file != own) {
            let cause = off(client, &file, format).map(Cause::SwitchedOff).or_else(|| opened(client, &file));
            found.extend(cause.map(|cause| Why { file, cause }));
        }
        if folder.join(".git").exists() {
            break;
        }
    }
    found
}

/// A project that Codex trusts takes back what the installer closed.
fn opened(client: Client, file: &Path) -> Option<Cause> {
    let text = (client == Client::Codex).then(|| std::fs::read_to_string(file).ok())??;
    let settings = Spot::read(Format::Toml, &text).ok()?;
    let is_open = settings.pointer("/features/unified_exec_tty").and_then(Value::as_bool) == Some(true);
    is_open.then_some(Cause::Opened("features.unified_exec_tty"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_projects_files_are_looked_at_up_to_its_root() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let put = |name: &str, text: &str| {
            std::fs::create_dir_all(at(name).parent().unwrap()).unwrap();
            std::fs::write(at(name), text).unwrap();
        };
        let homes = Homes::find(|name| (name == "HOME").then(|| at("home").into())).unwrap();
        let count = |client: Client, name: &str| here(client, &at(name), &homes).len();
        put("home/.claude/settings.json", "{\"disableAllHooks\": true}");
        put("home/work/.codex/config.toml", "[features]\nhooks = false\n");
        put("home/work/code/.git/HEAD", "");
        put("home/work/code/.claude/settings.local.json", "{\"disableAllHooks\": true} // why");
        put("home/work/code/src/.gemini/settings.json", "{\"hooksConfig\": {\"enabled\": false}}");
        assert_eq!(count(Client::ClaudeCode, "home/work/code/src"), 1);
        assert_eq!(count(Client::Copilot, "home/work/code/src"), 1);
        assert_eq!((count(Client::Gemini, "home/work/code/src"), count(Client::Gemini, "home/work/code")), (1, 0));
        assert_eq!((count(Client::Codex, "home/work/code"), count(Client::Codex, "home/work/other")), (0, 1));
        put("other/.codex/config.toml", "[features]\nunified_exec_tty = true\n");
        let other = here(Client::Codex, &at("other"), &homes);
        assert_eq!(other.first().map(|why| &why.cause), Some(&Cause::Opened("features.unified_exec_tty")));
        assert_eq!(count(Client::ClaudeCode, "home/work"), 0, "the home's file is the person's own");
    }
}
