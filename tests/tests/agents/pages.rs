//! The pages of `docs/agents`: the first commands of each, run as they stand, by somebody who has nothing yet.

use crate::clients::{mcp_server, program as client_program, search_path};
use crate::desk::Desk;
use agenttrust_hooks::Client;
use agenttrust_tests::kit::{Terminal, ToolUse, program};
use agenttrust_tests::workspace_root;
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::path::Path;

/// The first block of commands on a page.
fn commands(page: &str) -> String {
    let page = workspace_root().join(format!("docs/agents/{page}.md"));
    let text = std::fs::read_to_string(&page).unwrap();
    let (_, block) = text.split_once("```sh\n").unwrap();
    block.split_once("```").unwrap().0.to_owned()
}

/// What the names on the page stand for.
fn programs(desk: &Desk) -> String {
    let bin = desk.path("bin");
    std::fs::create_dir(&bin).unwrap();
    let link = |name: &str, to: &Path| std::os::unix::fs::symlink(to, bin.join(name)).unwrap();
    let client = match desk.client {
        Client::ClaudeCode => Some("claude"),
        Client::Cursor => None,
        Client::Codex | Client::Gemini | Client::Copilot | Client::Opencode => Some(desk.client.name()),
    };
    client.into_iter().for_each(|name| link(name, &client_program(desk.client)));
    let ours = program("agenttrust");
    format!("{}:{}:{}", bin.display(), ours.parent().unwrap().display(), search_path())
}

async fn as_written(client: Client, last_words: &str) {
    let desk = Desk::new(client, Vec::<Vec<ToolUse>>::new()).await;
    follow(&desk, client.name(), last_words).await;
}

/// Does what the page says first, and sees that it ends with these words.
async fn follow(desk: &Desk, page: &str, last_words: &str) {
    let (path, home) = (format!("PATH={}", programs(desk)), format!("HOME={}", desk.path("home").display()));
    // A test's daemon is reachable on this machine alone.
    desk.put("home/.local/share/agenttrust/config.toml", "[link]\nbind = \"127.0.0.1:0\"\n");
    let data = desk.path("home/.local/share/agenttrust");
    std::fs::set_permissions(&data, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let script = commands(page);
    let run = move || {
        let arguments = ["-i", &path, &home, "TERM=dumb", "bash", "-ec", &script];
        let mut terminal = Terminal::start(Path::new("env"), &arguments, &[] as &[(&str, &OsStr)]);
        terminal.wait_for("[y/N]").answer("y\n");
        let exit = terminal.end();
        (exit, terminal.plain())
    };
    let (exit, plain) = tokio::task::spawn_blocking(run).await.unwrap();
    let down = desk.agenttrust(&["down"]);
    assert!(down.status.success(), "{down:?}");
    assert_eq!(exit, 0, "{plain}");
    assert!(plain.contains(last_words), "{plain}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_commands_for_claude_code() {
    as_written(Client::ClaudeCode, "AgentTrust stands in front of the tools of Claude Code.").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_commands_for_codex() {
    as_written(Client::Codex, "AgentTrust stands in front of the tools of Codex.").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_commands_for_gemini() {
    as_written(Client::Gemini, "AgentTrust stands in front of the tools of Gemini CLI.").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_commands_for_copilot() {
    as_written(Client::Copilot, "AgentTrust stands in front of the tools of Copilot CLI.").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_commands_for_opencode() {
    as_written(Client::Opencode, "AgentTrust stands in front of the tools of opencode.").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_commands_for_cursor() {
    as_written(Client::Cursor, "nothing was run and nothing is proven").await;
}

/// The page about MCP servers, followed by somebody who has one.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_commands_for_mcp_servers() {
    let desk = Desk::new(Client::ClaudeCode, Vec::<Vec<ToolUse>>::new()).await;
    let notes = json!({"type": "stdio", "command": mcp_server("filesystem"), "args": [desk.path("project")]});
    desk.put("home/.claude.json", &json!({"mcpServers": {"notes": notes}}).to_string());
    follow(&desk, "mcp", "Connected").await;
    let settings = std::fs::read_to_string(desk.path("home/.claude.json")).unwrap();
    let settings: Value = serde_json::from_str(&settings).unwrap();
    let args = &settings["mcpServers"]["notes"]["args"];
    assert_eq!(args[0], "mcp", "{args}");
}
