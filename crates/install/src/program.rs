//! The client's own program: whether it is there, and which version.

use crate::refusal::{Outcome, Refusal};
use agenttrust_hooks::Client;
use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// How long a client may take to say its version.
const LIMIT: Duration = Duration::from_secs(20);

/// The first Claude Code that can block a call whose hook died.
const CLAUDE_CODE: [u64; 3] = [2, 1, 295];

/// The names under which a client's program is looked for.
const fn names(client: Client) -> &'static [&'static str] {
    match client {
        Client::ClaudeCode => &["claude"],
        Client::Codex => &["codex"],
        Client::Gemini => &["gemini"],
        Client::Copilot => &["copilot"],
        Client::Opencode => &["opencode"],
        Client::Cursor => &["cursor-agent", "cursor"],
    }
}

/// The client's program in these folders, `:` between them.
pub(crate) fn find(client: Client, folders: Option<&OsStr>) -> Option<PathBuf> {
    let folders = folders.map(std::env::split_paths).into_iter().flatten();
    let candidates = folders.flat_map(|folder| names(client).iter().map(move |name| folder.join(name)));
    candidates.into_iter().find(|path| is_program(path))
}

pub(crate) fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Checks that this program is new enough to be held by a hook, and says its version.
pub(crate) async fn check(client: Client, program: &Path) -> Outcome<Option<String>> {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let said = match tokio::time::timeout(LIMIT, command.output()).await {
        Ok(Ok(output)) => String::from_utf8_lossy(&output.stdout).into_owned(),
        Ok(Err(_)) | Err(_) => String::new(),
    };
    let version = number(&said);
    if client == Client::ClaudeCode {
        let known = version.ok_or_else(|| {
            let message = format!("{} does not say its version.", program.display());
            let hint = "Check that `claude --version` works, or name the right program with --program.";
            Refusal::new("client_unknown", message, hint)
        })?;
        if known < CLAUDE_CODE {
            let [major, minor, patch] = known;
            let message = format!(
                "Claude Code {major}.{minor}.{patch} is too old: before 2.1.295 a hook that dies lets the tool run."
            );
            return Err(Refusal::new("client_too_old", message, "Update it with `claude update`, then install again."));
        }
    }
    Ok(version.map(|[major, minor, patch]| format!("{major}.{minor}.{patch}")))
}

/// The first thing that looks like a version.
fn number(said: &str) -> Option<[u64; 3]> {
    said.split(|c: char| c.is_whitespace() || c == '/').find_map(|word| {
        let mut parts = word.trim_start_matches('v').trim_end_matches('.').splitn(3, '.');
        let (major, minor, rest) = (parts.next()?, parts.next()?, parts.next()?);
        let patch: String = rest.chars().take_while(char::is_ascii_digit).collect();
        Some([major.parse().ok()?, minor.parse().ok()?, patch.parse().ok()?])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_clients_say() {
        for (said, version) in [
            ("2.1.330 (Claude Code)\n", Some([2, 1, 330])),
            ("codex-cli 0.169.0", Some([0, 169, 0])),
            ("GitHub Copilot CLI 1.0.102.\nRun 'copilot update' to check for updates.", Some([1, 0, 102])),
            ("1.18.33", Some([1, 18, 33])),
            ("v0.61.0-nightly.3", Some([0, 61, 0])),
            ("no such option", None),
            ("", None),
        ] {
            assert_eq!(number(said), version, "{said}");
        }
    }
}
