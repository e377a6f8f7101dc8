//! The coding agents that are known here.

use clap::ValueEnum;

/// A command-line coding agent that can be gated by configuration alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, ValueEnum)]
pub enum Client {
    /// Claude Code, 2.1.295 or later
    ClaudeCode,
    /// OpenAI's Codex
    Codex,
    /// Gemini CLI
    Gemini,
    /// GitHub Copilot CLI
    Copilot,
    /// opencode
    Opencode,
    /// Cursor
    Cursor,
}

impl Client {
    /// Its name on a command line, and the agent's unless another one is given.
    pub const fn name(self) -> &'static str {
        match self {
            Client::ClaudeCode => "claude-code",
            Client::Codex => "codex",
            Client::Gemini => "gemini",
            Client::Copilot => "copilot",
            Client::Opencode => "opencode",
            Client::Cursor => "cursor",
        }
    }

    /// Its makers' name for it.
    pub const fn title(self) -> &'static str {
        match self {
            Client::ClaudeCode => "Claude Code",
            Client::Codex => "Codex",
            Client::Gemini => "Gemini CLI",
            Client::Copilot => "Copilot CLI",
            Client::Opencode => "opencode",
            Client::Cursor => "Cursor",
        }
    }
}
