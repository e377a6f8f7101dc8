//! Versions of clients.

use agenttrust_hooks::Client;

/// The oldest version whose hooks are known to hold, if this one is older.
pub(super) fn too_old(client: Client, version: &str) -> Option<&'static str> {
    let oldest = match client {
        // Before it, a hook that died or was late let the tool run.
        Client::ClaudeCode => "2.1.295",
        Client::Codex => "0.169.0",
        Client::Gemini => "0.61.0",
        Client::Copilot => "1.0.102",
        Client::Opencode => "1.18.33",
        Client::Cursor => return None,
    };
    (numbers(version)? < numbers(oldest)?).then_some(oldest)
}

/// The version in what a program says it is: with only a number in it, that.
pub(super) fn shown(text: &str) -> String {
    let is_version = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit()) && numbers(word).is_some();
    text.split_whitespace().find(is_version).map_or(text, |word| word.trim_end_matches('.')).to_owned()
}

/// The first three numbers with points between them.
fn numbers(text: &str) -> Option<[u64; 3]> {
    let words = text.split(|c: char| !c.is_ascii_digit() && c != '.');
    words.map(|word| word.trim_end_matches('.')).find_map(|word| {
        let mut parts = word.split('.').map(str::parse);
        let mut next = || parts.next()?.ok();
        Some([next()?, next()?, next()?])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_version_is_shown() {
        for (text, version) in [
            ("2.1.330 (Claude Code)", "2.1.330"),
            ("codex-cli 0.99.0-alpha.1", "0.99.0-alpha.1"),
            ("GitHub Copilot CLI 1.0.102.", "1.0.102"),
            ("nightly", "nightly"),
        ] {
            assert_eq!(shown(text), version);
        }
    }

    #[test]
    fn versions_are_compared_by_their_numbers() {
        assert_eq!(too_old(Client::ClaudeCode, "2.1.330 (Claude Code)"), None);
        assert_eq!(too_old(Client::ClaudeCode, "2.1.99 (Claude Code)"), Some("2.1.295"));
        assert_eq!(too_old(Client::Codex, "codex-cli 0.169.0"), None);
        assert_eq!(too_old(Client::Codex, "codex-cli 0.99.0-alpha.1"), Some("0.169.0"));
        assert_eq!(too_old(Client::Copilot, "GitHub Copilot CLI 1.0.102."), None);
        assert_eq!(too_old(Client::Gemini, "nightly"), None);
    }
}
