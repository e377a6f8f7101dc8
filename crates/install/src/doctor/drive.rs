//! How each client is run once, without a person, against a model of ours and with the rest as the person has it.

use agenttrust_hooks::Client;
use agenttrust_scripted_model::{Proposal, ToolUse};
use serde_json::{Value, json};
use std::path::Path;

/// The beginning of the canaries' files.
pub(super) const FILE: &str = "canary-";

/// What the client is asked to do.
const PROMPT: &str = "AgentTrust doctor: write two files";

/// A port on which nobody listens: what a client wants of the network beside its model fails at once.
const NOWHERE: &str = "http://127.0.0.1:9";

/// Variables that would send a client to another model, or count it as part of a session that runs already.
const UNSET: &[&str] = &[
    "ALL_PROXY",
    "all_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "ANTHROPIC_AUTH_TOKEN",
    "ANTHROPIC_MODEL",
    "CLAUDECODE",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDE_CODE_USE_FOUNDRY",
    "CLAUDE_CODE_USE_VERTEX",
    "GEMINI_CLI_USE_COMPUTE_ADC",
    "GITHUB_SHA",
    "GOOGLE_GENAI_USE_GCA",
    "GOOGLE_GENAI_USE_VERTEXAI",
    "COPILOT_PROVIDER_API_KEY_COMMAND",
    "COPILOT_PROVIDER_BEARER_TOKEN",
    "COPILOT_PROVIDER_HEADERS",
    "COPILOT_PROVIDER_TYPE",
    "COPILOT_PROVIDER_WIRE_API",
    "OPENCODE_PERMISSION",
];

/// The program of a client, where another program can drive it.
pub(super) const fn program_name(client: Client) -> Option<&'static str> {
    match client {
        Client::ClaudeCode => Some("claude"),
        Client::Codex => Some("codex"),
        Client::Gemini => Some("gemini"),
        Client::Copilot => Some("copilot"),
        Client::Opencode => Some("opencode"),
        Client::Cursor => None,
    }
}

/// One run.
#[derive(Debug, Default)]
pub(super) struct Drive {
    pub(super) args: Vec<String>,
    pub(super) env: Vec<(&'static str, String)>,
    pub(super) unset: &'static [&'static str],
    /// Files in the folder it runs in.
    pub(super) files: Vec<(&'static str, String)>,
}

impl Drive {
    /// The run of a client against the model at this address, with this folder for what it leaves behind.
    ///
    /// It allows everything that the client can allow, so that a hook that is not there shows.
    pub(super) fn new(client: Client, url: &str, root: &Path) -> Drive {
        let mut drive = match client {
            Client::ClaudeCode => claude_code(url),
            Client::Codex => codex(url),
            Client::Gemini => gemini(url),
            Client::Copilot => copilot(url, root),
            Client::Opencode => opencode(url, root),
            Client::Cursor => Drive::default(),
        };
        drive.unset = UNSET;
        let offline = [("HTTP_PROXY", NOWHERE), ("HTTPS_PROXY", NOWHERE), ("NO_PROXY", "127.0.0.1,localhost")];
        drive.env.extend(offline.map(|(name, value)| (name, value.to_owned())));
        drive
    }

    fn of(args: &[&str], env: &[(&'static str, &str)]) -> Drive {
        let args = args.iter().map(|&arg| arg.to_owned()).collect();
        let env = env.iter().map(|&(name, value)| (name, value.to_owned())).collect();
        Drive { args, env, ..Drive::default() }
    }

    /// The same run with one more argument before the prompt.
    pub(super) fn with(mut self, argument: &str) -> Drive {
        let end = self.args.len().saturating_sub(1);
        self.args.insert(end, argument.to_owned());
        self
    }
}

/// The person's own settings may name another address, and they win over the environment; what stands on the command
/// line wins over both.
fn claude_code(url: &str) -> Drive {
    let env = json!({
        "ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "scripted", "CLAUDE_CODE_USE_BEDROCK": "",
        "CLAUDE_CODE_USE_VERTEX": "", "CLAUDE_CODE_USE_FOUNDRY": "",
    });
    let settings = json!({ "env": env }).to_string();
    let mut args = vec!["-p", PROMPT, "--no-session-persistence", "--model", "sonnet", "--settings", &settings];
    args.extend(["--strict-mcp-config", "--allowedTools", "Bash", "Write"]);
    let quiet = ["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "DISABLE_AUTOUPDATER", "DISABLE_TELEMETRY"];
    let mut env = vec![("ANTHROPIC_BASE_URL", url), ("ANTHROPIC_API_KEY", "scripted")];
    env.extend(quiet.map(|name| (name, "1")));
    Drive::of(&args, &env)
}

pub(super) fn codex(url: &str) -> Drive {
    let provider = format!(
        r#"model_providers.agenttrust-doctor={{name="agenttrust-doctor",base_url="{url}/v1",env_key="AGENTTRUST_SCRIPTED",wire_api="responses",supports_websockets=false}}"#
    );
    let mut args = vec!["exec", "--skip-git-repo-check", "--ephemeral", "--color", "never", "-s", "danger-full-access"];
    for setting in [r#"model="scripted""#, r#"model_provider="agenttrust-doctor""#, &provider, "notify=[]"] {
        args.extend(["-c", setting]);
    }
    args.push(PROMPT);
    Drive::of(&args, &[("AGENTTRUST_SCRIPTED", "scripted")])
}

/// How it signs in stands in the settings of the folder, which win over the person's; the folder has to be trusted
/// for that. It would start itself a second time to have more memory, which takes as long again.
fn gemini(url: &str) -> Drive {
    let args = ["--approval-mode", "yolo", "-m", "gemini-2.5-pro", "-p", PROMPT];
    let env = [
        ("GOOGLE_GEMINI_BASE_URL", url),
        ("GEMINI_API_KEY", "scripted"),
        ("GEMINI_CLI_TRUST_WORKSPACE", "true"),
        ("GEMINI_CLI_NO_RELAUNCH", "true"),
    ];
    let mut drive = Drive::of(&args, &env);
    let settings = json!({"security": {"auth": {"selectedType": "gemini-api-key"}}});
    drive.files.push((".gemini/settings.json", settings.to_string()));
    drive
}

fn copilot(url: &str, root: &Path) -> Drive {
    let logs = root.join("logs").to_string_lossy().into_owned();
    let base = format!("{url}/v1");
    let args = ["--allow-all-tools", "--disable-builtin-mcps", "--no-auto-update", "--log-dir", &logs, "-p", PROMPT];
    let env = [
        ("COPILOT_OFFLINE", "true"),
        ("COPILOT_PROVIDER_BASE_URL", &base),
        ("COPILOT_PROVIDER_API_KEY", "scripted"),
        ("COPILOT_MODEL", "scripted"),
        ("COPILOT_AUTO_UPDATE", "false"),
    ];
    Drive::of(&args, &env)
}

/// Its history goes into the run's own folder. Without a network it waits more than a minute for packages, which npm
/// is told not to look for.
fn opencode(url: &str, root: &Path) -> Drive {
    let model = json!({"name": "scripted", "tool_call": true, "limit": {"context": 100_000, "output": 4_000}});
    let provider = json!({
        "npm": "@ai-sdk/openai-compatible", "name": "scripted",
        "options": {"baseURL": format!("{url}/v1"), "apiKey": "scripted"}, "models": {"scripted": model},
    });
    let config = json!({
        "model": "agenttrust-doctor/scripted", "small_model": "agenttrust-doctor/scripted", "autoupdate": false,
        "share": "disabled", "provider": {"agenttrust-doctor": provider},
    });
    let (config, history) = (config.to_string(), root.join("history.db").to_string_lossy().into_owned());
    let env = [
        ("OPENCODE_CONFIG_CONTENT", config.as_str()),
        ("OPENCODE_DB", &history),
        ("OPENCODE_DISABLE_AUTOUPDATE", "true"),
        ("OPENCODE_DISABLE_MODELS_FETCH", "true"),
        ("OPENCODE_DISABLE_LSP_DOWNLOAD", "true"),
        ("NPM_CONFIG_OFFLINE", "true"),
    ];
    Drive::of(&["run", "--auto", "-m", "agenttrust-doctor/scripted", PROMPT], &env)
}

/// What the model proposes: a command and a file, in one turn, by whatever tools the client has for them.
pub(super) fn canaries(work: &Path) -> Vec<Vec<Proposal>> {
    let (shell, write) = (format!("{FILE}1"), format!("{FILE}2"));
    let path = work.join(&write).to_string_lossy().into_owned();
    let alternatives = |all: Vec<(&'static str, Value)>| {
        all.into_iter().map(|(name, input)| ToolUse { name, input }).collect::<Vec<_>>().into()
    };
    let command = format!("echo AgentTrust doctor > {shell}");
    let told = json!({"command": command, "description": "Write a file"});
    let patch = format!("*** Begin Patch\n*** Add File: {write}\n+AgentTrust doctor\n*** End Patch\n");
    let shell = alternatives(vec![
        ("Bash", told.clone()),
        ("bash", told.clone()),
        ("run_shell_command", told),
        ("exec_command", json!({"cmd": command})),
        ("shell_command", json!({"command": command})),
        ("shell", json!({"command": ["bash", "-lc", command]})),
    ]);
    let write = alternatives(vec![
        ("Write", json!({"file_path": path, "content": "AgentTrust doctor"})),
        ("write_file", json!({"file_path": path, "content": "AgentTrust doctor"})),
        ("write", json!({"filePath": path, "content": "AgentTrust doctor"})),
        ("create", json!({"path": path, "file_text": "AgentTrust doctor"})),
        ("apply_patch", Value::String(patch)),
        // Where there are no tools but commands, a second one.
        ("exec_command", json!({"cmd": format!("echo AgentTrust doctor > {write}")})),
    ]);
    vec![vec![shell, write]]
}

/// The tools that the canaries call, of those that a client declared.
pub(super) fn proposed(declared: &[String]) -> Vec<&'static str> {
    let turns = canaries(Path::new("/"));
    turns.iter().flatten().filter_map(|proposal| proposal.pick(declared)).map(|call| call.name).collect()
}
