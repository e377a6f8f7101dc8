//! Where the pinned clients are, and how each is run once without anybody at its screen.

use agenttrust_hooks::Client;
use agenttrust_tests::kit::ToolUse;
use serde_json::json;
use std::path::{Path, PathBuf};

/// What a client is asked to do.
pub const PROMPT: &str = "Write the marker";

/// The program of a client, as `scripts/setup test` installs it.
pub fn program(client: Client) -> PathBuf {
    let modules = agents().join(client.name()).join("node_modules");
    let found = match client {
        Client::ClaudeCode => below(&modules.join("@anthropic-ai"), "claude"),
        Client::Codex => below(&modules.join("@openai"), "vendor").and_then(|vendor| below(&vendor, "bin/codex")),
        Client::Gemini => Some(modules.join(".bin/gemini")),
        Client::Copilot => below(&modules.join("@github"), "copilot").filter(|path| path.is_file()),
        Client::Opencode => below(&modules, "bin/opencode"),
        Client::Cursor => None,
    };
    let missing = || panic!("no {} in {}: run scripts/setup test", client.title(), modules.display());
    found.filter(|path| path.exists()).unwrap_or_else(missing)
}

fn agents() -> PathBuf {
    let home = || Path::new(&std::env::var("HOME").unwrap()).join(".cache/agenttrust/agents");
    std::env::var("AGENTTRUST_AGENTS").map_or_else(|_| home(), PathBuf::from)
}

/// The program of an official MCP server.
pub fn mcp_server(name: &str) -> PathBuf {
    let path = agents().join(format!("mcp/node_modules/.bin/mcp-server-{name}"));
    assert!(path.exists(), "no {}: run scripts/setup test", path.display());
    path
}

/// A path in one of the folder's folders: npm takes one of several platforms' packages.
fn below(folder: &Path, path: &str) -> Option<PathBuf> {
    let folders = std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    folders.map(|folder| folder.join(path)).find(|path| path.exists())
}

/// Where programs are looked up: Node 22 first, then the system's.
pub fn search_path() -> String {
    let node = below(&agents().join("node/node_modules"), "bin/node");
    let node = node.as_deref().and_then(Path::parent).map(|folder| format!("{}:", folder.display()));
    format!("{}/usr/local/bin:/usr/bin:/bin", node.unwrap_or_default())
}

/// The client's call of its shell.
pub fn shell(client: Client, command: &str) -> ToolUse {
    let told = || json!({"command": command, "description": "Write a marker"});
    match client {
        Client::ClaudeCode => ToolUse { name: "Bash", input: told() },
        Client::Codex => ToolUse { name: "exec_command", input: json!({"cmd": command}) },
        Client::Gemini => ToolUse { name: "run_shell_command", input: told() },
        Client::Copilot | Client::Opencode => ToolUse { name: "bash", input: told() },
        Client::Cursor => panic!("Cursor cannot be driven"),
    }
}

/// A call that writes "original" into a file of this name.
pub fn write(client: Client, name: &str) -> ToolUse {
    shell(client, &format!("echo original > {name}"))
}

/// How a client is run with its own configuration: the arguments, and what stands in its environment.
pub struct Run {
    pub args: Vec<String>,
    pub env: Vec<(&'static str, String)>,
}

impl Run {
    fn new(args: &[&str], env: &[(&'static str, &str)]) -> Run {
        let args = args.iter().map(|&arg| arg.to_owned()).collect();
        Run { args, env: env.iter().map(|&(name, value)| (name, value.to_owned())).collect() }
    }
}

/// A run against the model at this address. Nothing of the client asks at its screen: what stops a call is the hook.
pub fn run(client: Client, url: &str) -> Run {
    let v1 = format!("{url}/v1");
    match client {
        Client::ClaudeCode => Run::new(
            &["-p", PROMPT, "--model", "claude-sonnet-5"],
            &[
                ("ANTHROPIC_BASE_URL", url),
                ("ANTHROPIC_API_KEY", "sk-scripted"),
                ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
                ("DISABLE_AUTOUPDATER", "1"),
                ("DISABLE_TELEMETRY", "1"),
            ],
        ),
        Client::Codex => codex(&v1),
        Client::Gemini => Run::new(
            &["--approval-mode", "yolo", "-m", "gemini-2.5-pro", "-p", PROMPT],
            &[
                ("GOOGLE_GEMINI_BASE_URL", url),
                ("GEMINI_API_KEY", "x"),
                ("GEMINI_CLI_TRUST_WORKSPACE", "true"),
                // It would start itself a second time for more memory.
                ("GEMINI_CLI_NO_RELAUNCH", "true"),
            ],
        ),
        Client::Copilot => Run::new(
            &["--allow-all-tools", "--disable-builtin-mcps", "-p", PROMPT],
            &[
                ("COPILOT_OFFLINE", "true"),
                ("COPILOT_PROVIDER_BASE_URL", &v1),
                ("COPILOT_PROVIDER_API_KEY", "x"),
                ("COPILOT_MODEL", "scripted"),
            ],
        ),
        Client::Opencode => opencode(&v1),
        Client::Cursor => panic!("Cursor cannot be driven"),
    }
}

/// The sandbox of Codex needs user namespaces, which a container does not have; the hook does not depend on it.
fn codex(url: &str) -> Run {
    let provider = format!(
        r#"model_providers.scripted={{name="scripted",base_url="{url}",env_key="SCRIPTED_KEY",wire_api="responses",supports_websockets=false}}"#
    );
    let mut args = vec!["exec", "--skip-git-repo-check", "--color", "never", "-s", "danger-full-access"];
    for setting in [r#"model="scripted""#, r#"model_provider="scripted""#, &provider] {
        args.extend(["-c", setting]);
    }
    args.push(PROMPT);
    Run::new(&args, &[("SCRIPTED_KEY", "x")])
}

/// Without a network opencode waits for npm for more than a minute, unless npm is told not to try.
fn opencode(url: &str) -> Run {
    let provider = json!({
        "npm": "@ai-sdk/openai-compatible", "name": "scripted", "options": {"baseURL": url, "apiKey": "x"},
        "models": {"scripted": {"name": "scripted", "tool_call": true, "limit": {"context": 100_000, "output": 4_000}}},
    });
    let config = json!({
        "model": "scripted/scripted", "small_model": "scripted/scripted", "autoupdate": false, "share": "disabled",
        "provider": {"scripted": provider},
    });
    let quiet = ["OPENCODE_DISABLE_AUTOUPDATE", "OPENCODE_DISABLE_MODELS_FETCH", "NPM_CONFIG_OFFLINE"];
    let mut run = Run::new(&["run", PROMPT], &quiet.map(|name| (name, "true")));
    run.env.push(("OPENCODE_CONFIG_CONTENT", config.to_string()));
    run
}

/// What a client's own file holds before anything is put into it: odd enough that only its bytes are the same again.
pub fn own_file(client: Client) -> Option<(&'static str, &'static str)> {
    match client {
        Client::ClaudeCode => Some((".claude/settings.json", "{ \"cleanupPeriodDays\":  21,\n\t\"env\": {} }\n\n")),
        Client::Codex => Some((".codex/config.toml", "# mine\nhide_agent_reasoning   = true\n\n[tui] # later\n")),
        Client::Gemini => Some((
            ".gemini/settings.json",
            "{ \"security\": {\"auth\": {\"selectedType\":   \"gemini-api-key\"}}, // key\n\t\"ui\": {} }\n",
        )),
        Client::Copilot | Client::Opencode | Client::Cursor => None,
    }
}
