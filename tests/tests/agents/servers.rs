//! The gateway in front of the MCP servers of real clients, put there by `agenttrust install mcp`, and away again.

use crate::clients::program as client_program;
use crate::desk::Desk;
use agenttrust_hooks::Client;
use agenttrust_tests::kit::ToolUse;
use serde_json::{Value, json};
use std::process::Command;

/// A server with one tool, as small as one can be.
const SERVER: &str = r#"
import sys, json
for line in sys.stdin:
    message = json.loads(line)
    if "id" not in message:
        continue
    tools = [{"name": "pay", "description": "pays", "inputSchema": {"type": "object"}}]
    answers = {
        "initialize": lambda: {"protocolVersion": message["params"]["protocolVersion"],
                               "capabilities": {"tools": {}}, "serverInfo": {"name": "shop", "version": "1"}},
        "tools/list": lambda: {"tools": tools},
    }
    result = answers.get(message["method"], dict)()
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
"#;

/// A client whose list of servers says which are connected.
async fn with_a_server(client: Client, file: &str, settings: impl FnOnce(&str) -> Value) -> Desk {
    let desk = Desk::new(client, Vec::<Vec<ToolUse>>::new()).await;
    desk.put("server.py", SERVER);
    let text = settings(&desk.path("server.py").display().to_string()).to_string();
    desk.put(&format!("home/{file}"), &text);
    desk
}

/// Whether the client reaches its server.
fn listed(desk: &Desk) -> String {
    let mut list = desk.program(&client_program(desk.client));
    list.args(["mcp", "list"]);
    let quiet = [
        ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
        ("DISABLE_AUTOUPDATER", "1"),
        ("GEMINI_CLI_TRUST_WORKSPACE", "true"),
        ("NPM_CONFIG_OFFLINE", "true"),
        ("OPENCODE_DISABLE_AUTOUPDATE", "1"),
        ("OPENCODE_DISABLE_MODELS_FETCH", "1"),
    ];
    within_a_minute(list.envs(quiet))
}

fn within_a_minute(command: &mut Command) -> String {
    let mut limited = Command::new("timeout");
    limited.arg("60").arg(command.get_program()).args(command.get_args());
    limited.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    limited.current_dir(command.get_current_dir().unwrap()).stdin(std::process::Stdio::null());
    let output = limited.output().unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn goes_through(desk: &Desk, file: &str) {
    let before = std::fs::read(desk.path("home").join(file)).unwrap();
    let put_in = desk.agenttrust(&["install", "mcp", desk.client.name(), "--yes"]);
    assert!(put_in.status.success(), "{put_in:?}");
    let list = listed(desk);
    assert!(list.contains("agenttrust mcp --name shop -- python3"), "{list}");
    assert!(list.to_lowercase().contains("connected") && !list.to_lowercase().contains("disconnected"), "{list}");
    let taken_out = desk.agenttrust(&["uninstall", "mcp", desk.client.name(), "--yes"]);
    assert!(taken_out.status.success(), "{taken_out:?}");
    let after = std::fs::read(desk.path("home").join(file)).unwrap();
    // Claude Code writes into its file at every start.
    if desk.client == Client::ClaudeCode {
        let servers = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap()["mcpServers"].clone();
        assert_eq!(servers(&after), servers(&before));
    } else {
        assert_eq!(String::from_utf8_lossy(&after), String::from_utf8_lossy(&before));
    }
}

fn started(server: &str) -> Value {
    json!({"mcpServers": {"shop": {"command": "python3", "args": [server]}}})
}

#[tokio::test]
async fn claude_code_reaches_its_server_through_the_gateway() {
    let desk = with_a_server(Client::ClaudeCode, ".claude.json", started).await;
    goes_through(&desk, ".claude.json");
}

#[tokio::test]
async fn gemini_reaches_its_server_through_the_gateway() {
    let desk = with_a_server(Client::Gemini, ".gemini/settings.json", started).await;
    goes_through(&desk, ".gemini/settings.json");
}

#[tokio::test]
async fn opencode_reaches_its_server_through_the_gateway() {
    // Without the first member, opencode puts it there.
    let entry = |server: &str| {
        let shop = json!({"type": "local", "command": ["python3", server]});
        json!({"$schema": "https://opencode.ai/config.json", "mcp": {"shop": shop}})
    };
    let desk = with_a_server(Client::Opencode, ".config/opencode/opencode.json", entry).await;
    goes_through(&desk, ".config/opencode/opencode.json");
}

/// Codex and Copilot CLI list what they would start, and do not start it.
#[tokio::test]
async fn codex_and_copilot_read_what_was_put_there() {
    let desk = Desk::new(Client::Codex, Vec::<Vec<ToolUse>>::new()).await;
    desk.put("home/.codex/config.toml", "[mcp_servers.shop]\ncommand = \"python3\"\nargs = [\"server.py\"]\n");
    assert!(desk.agenttrust(&["install", "mcp", "codex", "--yes"]).status.success());
    let list = listed(&desk);
    assert!(list.contains("mcp --name shop -- python3 server.py") && list.contains("enabled"), "{list}");

    let desk = with_a_server(Client::Copilot, ".copilot/mcp-config.json", |server| {
        json!({"mcpServers": {"shop": {"type": "local", "command": "python3", "args": [server], "tools": ["*"]}}})
    })
    .await;
    assert!(desk.agenttrust(&["install", "mcp", "copilot", "--yes"]).status.success());
    let mut get = desk.program(&client_program(Client::Copilot));
    let shown = within_a_minute(get.args(["mcp", "get", "shop"]));
    assert!(shown.contains("agenttrust mcp --name shop -- python3") && shown.contains("Enabled"), "{shown}");
}
