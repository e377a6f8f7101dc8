//! `agenttrust install` and `uninstall` as a person types them: shown, asked, done, told, and taken back.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

use agenttrust_tests::kit::{Terminal, program};
use serde_json::Value;
use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

const SETTINGS: &str = "{\n  // mine\n  \"model\": \"opus\"\n}\n";

/// Somebody with settings and a folder of programs.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Home {
        let home = Home(tempfile::tempdir().unwrap());
        home.put(".claude/settings.json", SETTINGS);
        home.put("bin/none", "");
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: &str, text: &str) {
        std::fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        std::fs::write(self.path(name), text).unwrap();
    }

    fn settings(&self) -> String {
        std::fs::read_to_string(self.path(".claude/settings.json")).unwrap()
    }

    /// A client that says this and nothing else.
    fn client(&self, name: &str, says: &str) {
        let file = format!("bin/{name}");
        self.put(&file, &format!("#!/bin/sh\necho '{says}'\n"));
        std::fs::set_permissions(self.path(&file), std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Run by a program: there is no terminal.
    fn run(&self, arguments: &[&str]) -> Output {
        // A session of its own has no controlling terminal, wherever the test runs.
        let mut command = Command::new("/usr/bin/setsid");
        command.arg("--wait").arg(program("agenttrust")).args(arguments);
        command.env_clear().env("HOME", self.path("")).env("PATH", self.path("bin")).stdin(Stdio::null());
        command.output().unwrap()
    }

    /// Run by a person.
    fn open(&self, arguments: &[&str]) -> Terminal {
        let home = self.path("");
        let folders = format!("{}:/usr/bin:/bin", self.path("bin").display());
        let env = [("HOME", home.as_os_str()), ("PATH", OsStr::new(&folders))];
        Terminal::start(&program("agenttrust"), arguments, &env)
    }
}

fn code(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let first = text.lines().next().unwrap_or_default();
    let (_, code) = first.rsplit_once('(').unwrap_or_else(|| panic!("{output:?}"));
    code.trim_end_matches(')').to_owned()
}

#[test]
fn a_person_sees_the_difference_and_decides() {
    let home = Home::new();
    let mut terminal = home.open(&["install", "claude-code"]);
    terminal.wait_for("Put this in? [y/N]").answer("\n");
    assert_eq!(terminal.end(), 4);
    let plain = terminal.plain();
    assert!(plain.contains("+    \"PreToolUse\": [") && plain.contains("not_confirmed"), "{plain}");
    assert_eq!(home.settings(), SETTINGS);

    let mut terminal = home.open(&["install", "claude-code"]);
    terminal.wait_for("Put this in? [y/N]").answer("y\n");
    assert_eq!(terminal.end(), 0);
    let plain = terminal.plain();
    for step in ["1. Start sessions", "2. agenttrust doctor claude-code", "3. Accept the agent claude-code"] {
        assert!(plain.contains(step), "{plain}");
    }
    assert!(home.settings().contains("// mine") && home.settings().contains("\"onFailure\": \"block\""));

    let mut terminal = home.open(&["uninstall", "claude-code"]);
    terminal.wait_for("Take this out? [y/N]").answer("yes\n");
    assert_eq!(terminal.end(), 0);
    assert!(terminal.plain().contains("byte for byte"), "{}", terminal.plain());
    assert_eq!(home.settings(), SETTINGS);
}

#[test]
fn without_a_terminal_it_takes_a_word_beforehand() {
    let home = Home::new();
    let refused = home.run(&["install", "claude-code"]);
    assert_eq!((refused.status.code(), code(&refused).as_str()), (Some(4), "not_confirmed"));
    assert!(String::from_utf8_lossy(&refused.stdout).contains("+    \"PreToolUse\": ["));
    assert_eq!(home.settings(), SETTINGS);

    let done = home.run(&["install", "claude-code", "--yes", "--json"]);
    let told: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!((told["client"].as_str(), told["changed"].as_bool()), (Some("claude-code"), Some(true)));
    assert_eq!(told["files"][0]["path"], home.path(".claude/settings.json").display().to_string());
    assert_eq!(std::fs::read_to_string(told["files"][0]["copy"].as_str().unwrap()).unwrap(), SETTINGS);
    assert_eq!(told["next"].as_array().unwrap().len(), 3);

    let again = home.run(&["install", "claude-code", "--yes"]);
    assert!(String::from_utf8_lossy(&again.stdout).contains("already installed"), "{again:?}");
    let other = home.run(&["--data", "/data", "install", "claude-code", "--yes", "--queue", "--deadline", "60"]);
    assert!(other.status.success(), "{other:?}");
    let text = home.settings();
    assert!(
        text.contains(r#"["hook", "claude-code", "--deadline", "60", "--socket", "/data/agent.sock", "--queue"]"#),
        "{text}"
    );
    assert!(text.contains("\"timeout\": 90"), "{text}");

    let gone = home.run(&["uninstall", "claude-code", "--yes"]);
    assert!(gone.status.success(), "{gone:?}");
    assert_eq!(home.settings(), SETTINGS);
    let nothing = home.run(&["uninstall", "claude-code", "--yes"]);
    assert!(String::from_utf8_lossy(&nothing.stdout).contains("Nothing of AgentTrust is in"), "{nothing:?}");
}

#[test]
fn printing_changes_nothing_and_is_what_would_be_put_in() {
    let home = Home::new();
    let printed = home.run(&["install", "claude-code", "--print"]);
    let settings: Value = serde_json::from_slice(&printed.stdout).unwrap();
    assert_eq!(settings["hooks"]["PreToolUse"][0]["hooks"][0]["command"], program("agenttrust").display().to_string());
    assert_eq!(home.settings(), SETTINGS);
    assert!(!home.path(".local").exists());
}

#[test]
fn a_client_that_cannot_be_held_is_refused() {
    let home = Home::new();
    home.client("claude", "2.1.294 (Claude Code)");
    let old = home.run(&["install", "claude-code", "--yes"]);
    assert_eq!((old.status.code(), code(&old).as_str()), (Some(1), "client_too_old"));
    home.client("claude", "hello");
    assert_eq!(code(&home.run(&["install", "claude-code", "--yes"])), "client_unknown");
    home.client("claude", "2.1.295 (Claude Code)");
    assert!(home.run(&["install", "claude-code", "--yes"]).status.success());
    // A Codex that does not say which hooks it sees would not run them.
    home.client("codex", "codex-cli 0.1.0");
    let silent = home.run(&["install", "codex", "--yes"]);
    assert_eq!(code(&silent), "client_unknown");
    assert!(!home.path(".codex").exists());
}

#[test]
fn a_broken_file_is_named_and_left_alone() {
    let home = Home::new();
    home.put(".claude/settings.json", "{");
    let broken = home.run(&["install", "claude-code", "--yes"]);
    assert_eq!((broken.status.code(), code(&broken).as_str()), (Some(1), "config_unreadable"));
    assert!(String::from_utf8_lossy(&broken.stderr).contains("settings.json"), "{broken:?}");
    assert_eq!(home.settings(), "{");
}

#[test]
fn the_gateway_goes_in_front_of_servers_and_away() {
    let home = Home::new();
    let servers = r#"{"mcpServers": {"files": {"command": "npx", "args": ["server"]}, "old": {"type": "sse", "url": "http://x"}}}"#;
    home.put(".claude.json", servers);
    let done = home.run(&["install", "mcp", "claude-code", "--yes"]);
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success() && text.contains("old stays as it is"), "{done:?}");
    let now: Value = serde_json::from_slice(&std::fs::read(home.path(".claude.json")).unwrap()).unwrap();
    assert_eq!(
        now["mcpServers"]["files"]["args"],
        serde_json::json!(["mcp", "--name", "files", "--", "npx", "server"])
    );
    let unknown = home.run(&["install", "mcp", "claude-code", "--yes", "--server", "nobody"]);
    assert_eq!(code(&unknown), "no_such_server");
    assert!(home.run(&["uninstall", "mcp", "claude-code", "--yes"]).status.success());
    assert_eq!(std::fs::read_to_string(home.path(".claude.json")).unwrap(), servers);
}
