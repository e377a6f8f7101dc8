//! What looks installed and is not, and what looks blocked and is not by us.

use crate::clients::write;
use crate::desk::Desk;
use agenttrust_hooks::Client;
use agenttrust_tests::kit::ToolUse;
use serde_json::json;

/// A home in which the hook was put for a daemon that does not run.
async fn installed(client: Client) -> Desk {
    let desk = Desk::new(client, Vec::<Vec<ToolUse>>::new()).await;
    desk.install(&desk.path("nobody.sock"), &[]);
    desk
}

#[tokio::test(flavor = "multi_thread")]
async fn codex_does_not_run_a_hook_that_is_not_trusted_as_it_stands() {
    let desk = installed(Client::Codex).await;
    desk.change(".codex/config.toml", |text| text.replace("trusted_hash = \"sha256:", "trusted_hash = \"sha256:0"));
    desk.doctor().runs_because(&json!("not_run"));
}

#[tokio::test(flavor = "multi_thread")]
async fn codex_can_have_its_hooks_switched_off() {
    let desk = installed(Client::Codex).await;
    desk.change(".codex/config.toml", |text| text.replace("[features]", "[features]\nhooks = false"));
    desk.doctor().runs_because(&json!({"switched_off": "features.hooks"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_code_can_have_its_hooks_switched_off() {
    let desk = installed(Client::ClaudeCode).await;
    desk.change(".claude/settings.json", |text| text.replacen('{', "{\"disableAllHooks\": true,", 1));
    desk.doctor().runs_because(&json!({"switched_off": "disableAllHooks"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn gemini_can_have_its_hooks_switched_off() {
    let desk = installed(Client::Gemini).await;
    desk.change(".gemini/settings.json", |text| text.replacen('{', "{\"hooksConfig\": {\"enabled\": false},", 1));
    desk.doctor().runs_because(&json!({"switched_off": "hooksConfig.enabled"}));
}

/// Hooks of a project say nothing about the next project: Claude Code.
#[tokio::test(flavor = "multi_thread")]
async fn a_hook_of_one_project_is_not_installed() {
    let desk = installed(Client::ClaudeCode).await;
    let settings = std::fs::read_to_string(desk.path("home/.claude/settings.json")).unwrap();
    desk.put("project/.claude/settings.json", &settings);
    desk.uninstall();
    desk.doctor().runs_because(&json!("absent"));
}

/// Copilot passes over the hooks of a folder that nobody trusts, without a word.
#[tokio::test(flavor = "multi_thread")]
async fn copilot_runs_tools_past_the_hook_of_an_untrusted_folder() {
    let desk = Desk::new(Client::Copilot, vec![vec![write(Client::Copilot, "marker")]]).await;
    desk.install(&desk.path("nobody.sock"), &[]);
    let hooks = std::fs::read_to_string(desk.path("home/.copilot/hooks/agenttrust.json")).unwrap();
    desk.put("project/.github/hooks/agenttrust.json", &hooks);
    desk.uninstall();
    let ran = desk.run().await;
    assert_eq!(desk.marker("marker").as_deref(), Some("original"), "{}", ran.output);
    desk.doctor().is("not_installed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_no_of_somebody_else_proves_nothing() {
    let desk = Desk::new(Client::ClaudeCode, Vec::<Vec<ToolUse>>::new()).await;
    let deny = json!({"permissions": {"deny": ["Bash(echo:*)", "Write"]}});
    desk.put("home/.claude/settings.json", &deny.to_string());
    desk.doctor().is("blocked_elsewhere");
}

#[tokio::test(flavor = "multi_thread")]
async fn people_read_what_was_seen() {
    let desk = installed(Client::Codex).await;
    let program = crate::clients::program(Client::Codex).display().to_string();
    let output = desk.agenttrust(&["doctor", "codex", "--program", &program]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text} {:?}", output.stderr);
    for words in ["Codex 0.169.0 ran for", "None ran: no file was written", "AgentTrust stands in front of"] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

/// Cursor is not driven: its file is looked at, and that is said.
#[tokio::test(flavor = "multi_thread")]
async fn of_cursor_only_the_file_is_looked_at() {
    let desk = Desk::new(Client::Cursor, Vec::<Vec<ToolUse>>::new()).await;
    let look = || {
        let output = desk.agenttrust(&["doctor", "cursor"]);
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (exit, text) = look();
    assert_eq!(exit, Some(1), "{text}");
    assert!(text.contains("nothing was run and nothing is proven"), "{text}");
    let output = desk.agenttrust(&["install", "cursor", "--yes"]);
    assert!(output.status.success(), "{output:?}");
    let (exit, text) = look();
    assert_eq!(exit, Some(0), "{text}");
}

/// Whoever pays for the person's own model is not asked, and no password leaves this machine: the client's own settings
/// name another address, and nobody comes there.
async fn the_persons_own_model_is_left_alone(client: Client, file: &str, settings: impl FnOnce(&str) -> String) {
    let elsewhere = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", elsewhere.local_addr().unwrap());
    let desk = Desk::new(client, Vec::<Vec<ToolUse>>::new()).await;
    desk.put(&format!("home/{file}"), &settings(&address));
    desk.doctor().is("not_installed");
    let came = tokio::time::timeout(std::time::Duration::from_millis(50), elsewhere.accept()).await;
    assert!(came.is_err(), "{came:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_model_of_claude_codes_settings_is_left_alone() {
    let settings = |url: &str| json!({"env": {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "sk"}}).to_string();
    the_persons_own_model_is_left_alone(Client::ClaudeCode, ".claude/settings.json", settings).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_model_of_codexs_settings_is_left_alone() {
    let settings = |url: &str| {
        let provider = format!("[model_providers.mine]\nname = \"mine\"\nbase_url = \"{url}\"\n");
        format!("model = \"m\"\nmodel_provider = \"mine\"\n{provider}wire_api = \"responses\"\n")
    };
    the_persons_own_model_is_left_alone(Client::Codex, ".codex/config.toml", settings).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_model_of_opencodes_settings_is_left_alone() {
    let settings = |url: &str| {
        let options = json!({"baseURL": url, "apiKey": "x"});
        let provider = json!({"npm": "@ai-sdk/openai-compatible", "options": options, "models": {"m": {"name": "m"}}});
        json!({"model": "mine/m", "small_model": "mine/m", "provider": {"mine": provider}}).to_string()
    };
    the_persons_own_model_is_left_alone(Client::Opencode, ".config/opencode/opencode.json", settings).await;
}

/// A person who signed in with an account is not sent to sign in again.
#[tokio::test(flavor = "multi_thread")]
async fn the_account_in_geminis_settings_is_left_alone() {
    let settings = |_: &str| json!({"security": {"auth": {"selectedType": "oauth-personal"}}}).to_string();
    the_persons_own_model_is_left_alone(Client::Gemini, ".gemini/settings.json", settings).await;
}

/// A project's own file switches the hooks of whoever works in it off, and the client says nothing of it. The doctor
/// looks at the folder that it is run in.
async fn a_project_switches_hooks_off(client: Client, file: &str, text: &str) {
    let desk = Desk::new(client, vec![vec![write(client, "marker")]]).await;
    desk.install(&desk.path("nobody.sock"), &[]);
    match client {
        Client::Codex => desk.trust_project_for_codex(),
        Client::Copilot => {
            let config = json!({"trusted_folders": [desk.project()]});
            desk.put("home/.copilot/config.json", &config.to_string());
        }
        Client::ClaudeCode | Client::Gemini | Client::Opencode | Client::Cursor => {}
    }
    desk.put(&format!("project/{file}"), text);
    let ran = desk.run().await;
    let results = desk.model.results();
    assert!(
        results.len() == 1 && !results[0].contains("AgentTrust"),
        "the page can promise more: {results:?} {}",
        ran.output
    );
    desk.doctor().is("not_held_here");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_switches_the_hooks_of_claude_code_off() {
    let off = r#"{"disableAllHooks": true}"#;
    a_project_switches_hooks_off(Client::ClaudeCode, ".claude/settings.local.json", off).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_project_switches_the_hooks_of_codex_off() {
    a_project_switches_hooks_off(Client::Codex, ".codex/config.toml", "[features]\nhooks = false\n").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_project_switches_the_hooks_of_gemini_off() {
    let off = r#"{"hooksConfig": {"enabled": false}}"#;
    a_project_switches_hooks_off(Client::Gemini, ".gemini/settings.json", off).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_project_switches_the_hooks_of_copilot_off() {
    let off = r#"{"disableAllHooks": true}"#;
    a_project_switches_hooks_off(Client::Copilot, ".github/copilot/settings.json", off).await;
}
