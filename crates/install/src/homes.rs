//! Where each client keeps its configuration, by its own variables, and where ours about it is.

use agenttrust_hooks::Client;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The folders of one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Homes {
    home: PathBuf,
    claude: PathBuf,
    claude_json: PathBuf,
    codex: PathBuf,
    codex_as_it_says: PathBuf,
    gemini: PathBuf,
    copilot: PathBuf,
    xdg_config: PathBuf,
    state: PathBuf,
}

impl Homes {
    /// From the environment; nothing without a `HOME`.
    pub fn find(env: impl Fn(&str) -> Option<OsString>) -> Option<Homes> {
        let folder = |name: &str| env(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let absolute = |name: &str| folder(name).filter(|path| path.is_absolute());
        let home = folder("HOME")?;
        let claude = folder("CLAUDE_CONFIG_DIR");
        let codex = folder("CODEX_HOME");
        Some(Homes {
            claude_json: claude.clone().unwrap_or_else(|| home.clone()).join(".claude.json"),
            claude: claude.unwrap_or_else(|| home.join(".claude")),
            // Codex speaks of the folder that its variable names by the path without links, of its usual one as it is.
            codex_as_it_says: match &codex {
                Some(named) => named.canonicalize().unwrap_or_else(|_| named.clone()),
                None => home.join(".codex"),
            },
            codex: codex.unwrap_or_else(|| home.join(".codex")),
            gemini: folder("GEMINI_CLI_HOME").unwrap_or_else(|| home.clone()).join(".gemini"),
            copilot: folder("COPILOT_HOME").unwrap_or_else(|| home.join(".copilot")),
            xdg_config: absolute("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config")),
            state: folder("AGENTTRUST_STATE")
                .or_else(|| absolute("XDG_STATE_HOME").map(|state| state.join("agenttrust")))
                .unwrap_or_else(|| home.join(".local/state/agenttrust")),
            home,
        })
    }

    /// The folder the client keeps its configuration in.
    pub(crate) fn folder(&self, client: Client) -> PathBuf {
        match client {
            Client::ClaudeCode => self.claude.clone(),
            Client::Codex => self.codex.clone(),
            Client::Gemini => self.gemini.clone(),
            Client::Copilot => self.copilot.clone(),
            Client::Opencode => self.xdg_config.join("opencode"),
            Client::Cursor => self.home.join(".cursor"),
        }
    }

    /// The file that holds the client's hooks.
    pub fn hooks(&self, client: Client) -> PathBuf {
        self.folder(client).join(match client {
            Client::ClaudeCode | Client::Gemini => "settings.json",
            Client::Codex => "config.toml",
            Client::Copilot => "hooks/agenttrust.json",
            Client::Opencode => "plugin/agenttrust.js",
            Client::Cursor => "hooks.json",
        })
    }

    /// The files that hold the client's MCP servers: those that are there, or the one that would be made.
    pub fn mcp(&self, client: Client) -> Vec<PathBuf> {
        let candidates = match client {
            // Where there is one of the first name, Claude Code reads no other.
            Client::ClaudeCode => {
                let old = self.claude.join(".config.json");
                vec![if old.exists() { old } else { self.claude_json.clone() }]
            }
            Client::Codex => vec![self.codex.join("config.toml")],
            Client::Gemini => vec![self.gemini.join("settings.json")],
            Client::Copilot => vec![self.copilot.join("mcp-config.json")],
            // opencode reads all of them.
            Client::Opencode => {
                ["opencode.json", "opencode.jsonc", "config.json"].map(|name| self.folder(client).join(name)).to_vec()
            }
            Client::Cursor => vec![self.home.join(".cursor/mcp.json")],
        };
        there(candidates)
    }

    /// The files that hold the MCP servers of the project in this folder; none where the client knows no such thing.
    pub fn project_mcp(client: Client, project: &Path) -> Vec<PathBuf> {
        let names: &[&str] = match client {
            Client::ClaudeCode => &[".mcp.json"],
            Client::Codex => &[".codex/config.toml"],
            Client::Gemini => &[".gemini/settings.json"],
            Client::Copilot => &[],
            Client::Opencode => {
                &["opencode.json", "opencode.jsonc", ".opencode/opencode.json", ".opencode/opencode.jsonc"]
            }
            Client::Cursor => &[".cursor/mcp.json"],
        };
        there(names.iter().map(|name| project.join(name)).collect())
    }

    /// What Codex calls its `config.toml` where it says which hooks are trusted.
    pub(crate) fn codex_config(&self) -> PathBuf {
        self.codex_as_it_says.join("config.toml")
    }

    /// What we remember of what we changed.
    pub fn records(&self) -> PathBuf {
        self.state.join("installed")
    }
}

fn there(candidates: Vec<PathBuf>) -> Vec<PathBuf> {
    let there: Vec<PathBuf> = candidates.iter().filter(|file| file.exists()).cloned().collect();
    if there.is_empty() { candidates.into_iter().take(1).collect() } else { there }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn homes(variables: &[(&str, &str)]) -> Homes {
        let value = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
        Homes::find(value).unwrap()
    }

    const ALL: [Client; 6] =
        [Client::ClaudeCode, Client::Codex, Client::Gemini, Client::Copilot, Client::Opencode, Client::Cursor];

    #[test]
    fn without_variables_everything_is_below_home() {
        let homes = homes(&[("HOME", "/h"), ("CODEX_HOME", "")]);
        let files = ALL.map(|client| homes.hooks(client).display().to_string());
        assert_eq!(
            files,
            [
                "/h/.claude/settings.json",
                "/h/.codex/config.toml",
                "/h/.gemini/settings.json",
                "/h/.copilot/hooks/agenttrust.json",
                "/h/.config/opencode/plugin/agenttrust.js",
                "/h/.cursor/hooks.json",
            ]
        );
        let files = ALL.map(|client| homes.mcp(client).first().unwrap().display().to_string());
        assert_eq!(
            files,
            [
                "/h/.claude.json",
                "/h/.codex/config.toml",
                "/h/.gemini/settings.json",
                "/h/.copilot/mcp-config.json",
                "/h/.config/opencode/opencode.json",
                "/h/.cursor/mcp.json",
            ]
        );
        assert_eq!(homes.records(), Path::new("/h/.local/state/agenttrust/installed"));
    }

    #[test]
    fn each_client_has_variables_of_its_own() {
        let homes = homes(&[
            ("HOME", "/h"),
            ("CLAUDE_CONFIG_DIR", "/c"),
            ("CODEX_HOME", "/x"),
            ("GEMINI_CLI_HOME", "/g"),
            ("COPILOT_HOME", "/p"),
            ("XDG_CONFIG_HOME", "/xdg"),
            ("XDG_STATE_HOME", "/s"),
        ]);
        let files = ALL.map(|client| homes.hooks(client).display().to_string());
        assert_eq!(
            files,
            [
                "/c/settings.json",
                "/x/config.toml",
                "/g/.gemini/settings.json",
                "/p/hooks/agenttrust.json",
                "/xdg/opencode/plugin/agenttrust.js",
                "/h/.cursor/hooks.json",
            ]
        );
        assert_eq!(homes.mcp(Client::ClaudeCode), [Path::new("/c/.claude.json")]);
        assert_eq!(homes.records(), Path::new("/s/agenttrust/installed"));
        assert_eq!(Homes::find(|_| None), None);
    }
}
