//! What the clients call the parts of a server's entry.

use agenttrust_hooks::Client;

/// The member that holds the servers.
pub(super) const fn list(client: Client) -> &'static str {
    match client {
        Client::ClaudeCode | Client::Gemini | Client::Copilot | Client::Cursor => "mcpServers",
        Client::Codex => "mcp_servers",
        Client::Opencode => "mcp",
    }
}

/// The member with the server's variables.
pub(super) const fn variables(client: Client) -> &'static str {
    match client {
        Client::Opencode => "environment",
        Client::ClaudeCode | Client::Codex | Client::Gemini | Client::Copilot | Client::Cursor => "env",
    }
}

/// The member with headers for the server.
pub(super) const fn headers(client: Client) -> &'static str {
    match client {
        Client::Codex => "http_headers",
        Client::ClaudeCode | Client::Gemini | Client::Copilot | Client::Opencode | Client::Cursor => "headers",
    }
}

/// The types of a server that is started, the one that is written first.
pub(super) const fn started(client: Client) -> &'static [&'static str] {
    match client {
        Client::Copilot => &["local", "stdio"],
        Client::Opencode => &["local"],
        Client::ClaudeCode | Client::Codex | Client::Gemini | Client::Cursor => &["stdio"],
    }
}

/// The types of a server that is spoken to over streamable HTTP, the one that is written first.
pub(super) const fn remote(client: Client) -> &'static [&'static str] {
    match client {
        Client::Opencode => &["remote"],
        Client::ClaudeCode | Client::Codex | Client::Gemini | Client::Copilot | Client::Cursor => {
            &["http", "streamable-http", "streamableHttp"]
        }
    }
}

/// Whether an entry without a type is one too, told by whether it has an address.
pub(super) const fn needs_type(client: Client) -> bool {
    matches!(client, Client::Opencode)
}

/// How a client is told how long a call may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// The member that says it.
    pub name: &'static str,
    /// How many of its units are a second.
    pub unit: u64,
    /// Whether the client waits long enough where nothing is said: by itself, or because it hears that the call goes
    /// on.
    pub suffices: bool,
}

pub(super) const fn patience(client: Client) -> Patience {
    match client {
        Client::Codex => Patience { name: "tool_timeout_sec", unit: 1, suffices: false },
        Client::Gemini | Client::Opencode => Patience { name: "timeout", unit: 1000, suffices: false },
        Client::ClaudeCode | Client::Copilot | Client::Cursor => {
            Patience { name: "timeout", unit: 1000, suffices: true }
        }
    }
}

/// Members that tell of a login with which the client alone reaches the server.
pub(super) const LOGINS: &[&str] =
    &["oauth", "headersHelper", "authProviderType", "auth", "bearer_token_env_var", "oauth_resource", "scopes"];
