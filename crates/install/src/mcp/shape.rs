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

/// How long a call may take: the member, and how many of its units are a second. Where there is none, the client
/// waits long enough by itself, or as long as it is told that the call goes on.
pub(super) const fn patience(client: Client) -> Option<(&'static str, u64)> {
    match client {
        Client::Codex => Some(("tool_timeout_sec", 1)),
        Client::Gemini => Some(("timeout", 1000)),
        Client::ClaudeCode | Client::Copilot | Client::Opencode | Client::Cursor => None,
    }
}

/// Members that tell of a login with which the client alone reaches the server.
pub(super) const LOGINS: &[&str] =
    &["oauth", "headersHelper", "authProviderType", "auth", "bearer_token_env_var", "oauth_resource", "scopes"];
