//! The gateway in front of each client's MCP servers, and away again.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

mod person;

use agenttrust_gateway::DEADLINE;
use agenttrust_hooks::{Client, HookFlags};
use agenttrust_install::{Change, Prepared};
use person::{ALL, Person, put};
use std::path::PathBuf;

const CLAUDE: &str = r#"{
  "numStartups": 12,
  "mcpServers": {
    "files": { "type": "stdio", "command": "npx", "args": ["-y", "server-filesystem", "/notes"], "env": { "A": "1" } },
    "tracker": { "type": "http", "url": "https://tracker.example/mcp", "headers": { "Authorization": "Bearer ${TOKEN}" } },
    "old": { "type": "sse", "url": "https://old.example/sse" },
    "login": { "type": "http", "url": "https://login.example/mcp", "headersHelper": "token" }
  },
  "projects": {
    "/src": { "allowedTools": [], "mcpServers": { "db": { "command": "db-server" } } }
  }
}
"#;

const CODEX: &str = r#"model = "gpt-5.2-codex"

[mcp_servers.files] # notes
command = "npx"
args = ["-y", "server-filesystem", "/notes"]
tool_timeout_sec = 60

[mcp_servers.files.env]
A = "1"

[mcp_servers.tracker]
url = "https://tracker.example/mcp"
http_headers = { "X-Team" = "blue" }
env_http_headers = { Authorization = "TRACKER_AUTH" }

[mcp_servers.login]
url = "https://login.example/mcp"
bearer_token_env_var = "TOKEN"
"#;

const GEMINI: &str = r#"{
  "mcpServers": {
    "files": { "command": "npx", "args": ["server-filesystem"], "timeout": 7200000 },
    "tracker": { "httpUrl": "https://tracker.example/mcp", "headers": { "X-Team": "blue" } }
  }
}
"#;

const COPILOT: &str =
    r#"{"mcpServers": {"files": {"type": "local", "command": "npx", "args": ["server-filesystem"], "tools": ["*"]}}}"#;

const OPENCODE: &str = r#"{
  // servers
  "mcp": {
    "files": { "type": "local", "command": ["npx", "server-filesystem"], "environment": { "A": "1" } },
    "tracker": { "type": "remote", "url": "https://tracker.example/mcp", "oauth": false },
    "odd": { "url": "https://odd.example/mcp" },
  },
}
"#;

const CURSOR: &str = r#"{"mcpServers": {"tracker": {"url": "https://tracker.example/mcp"}}}"#;

const fn existing(client: Client) -> &'static str {
    match client {
        Client::ClaudeCode => CLAUDE,
        Client::Codex => CODEX,
        Client::Gemini => GEMINI,
        Client::Copilot => COPILOT,
        Client::Opencode => OPENCODE,
        Client::Cursor => CURSOR,
    }
}

/// What `agenttrust install mcp` is told unless told otherwise.
fn flags() -> HookFlags {
    HookFlags { deadline: DEADLINE, ..HookFlags::default() }
}

fn file(person: &Person, client: Client) -> PathBuf {
    person.homes().mcp(client).remove(0)
}

fn read(person: &Person, client: Client) -> String {
    std::fs::read_to_string(file(person, client)).unwrap()
}

fn install(person: &Person, client: Client, only: Option<&str>) -> Prepared {
    let prepared = person.desk().install_mcp(client, &flags(), only, None).unwrap();
    carry_out(&prepared);
    prepared
}

fn carry_out(prepared: &Prepared) {
    prepared.changes.iter().for_each(|change| change.carry_out().unwrap());
}

#[test]
fn every_server_that_can_goes_through_the_gateway() {
    let mut page = String::new();
    for client in ALL {
        let person = Person::new();
        put(&file(&person, client), existing(client));
        let prepared = install(&person, client, None);
        let diff: String = prepared.changes.iter().map(Change::diff).collect();
        page.push_str(&format!("{}{:?}\n\n", person.neutral(&diff), prepared.servers));
        assert!(person.desk().install_mcp(client, &flags(), None, None).unwrap().changes.is_empty(), "{client:?}");
        carry_out(&person.desk().uninstall_mcp(client, None).unwrap());
        assert_eq!(read(&person, client), existing(client));
    }
    insta::assert_snapshot!(page);
}

#[test]
fn no_secret_gets_onto_a_command_line() {
    let person = Person::new();
    put(&file(&person, Client::ClaudeCode), CLAUDE);
    install(&person, Client::ClaudeCode, None);
    let settings: serde_json::Value = serde_json::from_str(&read(&person, Client::ClaudeCode)).unwrap();
    let tracker = &settings["mcpServers"]["tracker"];
    assert!(!tracker["args"].to_string().contains("Bearer"), "{tracker}");
    assert_eq!(tracker["env"]["AGENTTRUST_HEADER_1"], "Bearer ${TOKEN}");
}

#[test]
fn one_server_after_the_other() {
    let person = Person::new();
    put(&file(&person, Client::ClaudeCode), CLAUDE);
    install(&person, Client::ClaudeCode, Some("files"));
    let one = read(&person, Client::ClaudeCode);
    assert!(
        one.contains("\"files\", \"--\", \"npx\"") && one.contains(r#""type": "http", "url": "https://tracker"#),
        "{one}"
    );
    install(&person, Client::ClaudeCode, Some("db"));
    let two = read(&person, Client::ClaudeCode);
    assert!(two.contains("\"files\", \"--\", \"npx\"") && two.contains("\"db\", \"--\", \"db-server\""), "{two}");
    carry_out(&person.desk().uninstall_mcp(Client::ClaudeCode, None).unwrap());
    assert_eq!(read(&person, Client::ClaudeCode), CLAUDE);

    let refused = |name| person.desk().install_mcp(Client::ClaudeCode, &flags(), Some(name), None).unwrap_err();
    assert_eq!(refused("nobody").code, "no_such_server");
    assert_eq!(refused("old").code, "server_left");
}

#[test]
fn opencode_reads_several_files_and_all_of_them_change() {
    let person = Person::new();
    let folder = person.path(".config/opencode");
    let other = r#"{ "mcp": { "db": { "type": "local", "command": ["db-server"] } } } // mine"#;
    put(&folder.join("opencode.json"), OPENCODE);
    put(&folder.join("opencode.jsonc"), other);
    let prepared = install(&person, Client::Opencode, None);
    assert_eq!(prepared.changes.len(), 2);
    assert_eq!(prepared.servers.through, ["files", "tracker", "db"]);
    assert!(std::fs::read_to_string(folder.join("opencode.jsonc")).unwrap().contains("agenttrust"));
    carry_out(&person.desk().uninstall_mcp(Client::Opencode, None).unwrap());
    assert_eq!(std::fs::read_to_string(folder.join("opencode.json")).unwrap(), OPENCODE);
    assert_eq!(std::fs::read_to_string(folder.join("opencode.jsonc")).unwrap(), other);
}

#[test]
fn the_projects_own_file() {
    let person = Person::new();
    let project = person.path("project");
    let text = r#"{ "mcpServers": { "db": { "command": "db-server" } } }"#;
    put(&project.join(".mcp.json"), text);
    let prepared = person.desk().install_mcp(Client::ClaudeCode, &flags(), None, Some(&project)).unwrap();
    carry_out(&prepared);
    assert_eq!(prepared.changes[0].path(), project.join(".mcp.json"));
    carry_out(&person.desk().uninstall_mcp(Client::ClaudeCode, Some(&project)).unwrap());
    let copilot = person.desk().install_mcp(Client::Copilot, &flags(), None, Some(&project)).unwrap_err();
    assert_eq!(copilot.code, "bad_usage");
    assert_eq!(std::fs::read_to_string(project.join(".mcp.json")).unwrap(), text);
}

/// Codex and Gemini CLI keep hooks and servers in one file.
#[tokio::test]
async fn hooks_and_gateway_in_one_file_come_out_in_any_order() {
    for client in [Client::Codex, Client::Gemini] {
        for hooks_first in [true, false] {
            let person = Person::new();
            person.write(client, existing(client));
            if hooks_first {
                person.install(client, &flags()).await.unwrap();
                install(&person, client, None);
            } else {
                install(&person, client, None);
                person.install(client, &flags()).await.unwrap();
            }
            let both = read(&person, client);
            assert!(both.contains("hook ") && both.contains("\"mcp\""), "{both}");
            person.uninstall(client).unwrap();
            let gateway = read(&person, client);
            assert!(!gateway.contains("agenttrust hook") && gateway.contains("\"mcp\""), "{gateway}");
            carry_out(&person.desk().uninstall_mcp(client, None).unwrap());
            assert_eq!(read(&person, client), existing(client), "{client:?} {hooks_first}");
        }
    }
}

#[test]
fn a_server_that_was_added_since_stays_and_the_others_go_back() {
    for client in [Client::ClaudeCode, Client::Codex] {
        let person = Person::new();
        put(&file(&person, client), existing(client));
        install(&person, client, None);
        let (old, new) = if client == Client::ClaudeCode {
            ("\"numStartups\": 12", "\"numStartups\": 13")
        } else {
            ("model = \"gpt-5.2-codex\"", "model = \"gpt-6\"")
        };
        put(&file(&person, client), &read(&person, client).replace(old, new));
        let taken = person.desk().uninstall_mcp(client, None).unwrap();
        assert!(!taken.changes[0].is_exact());
        carry_out(&taken);
        let text = read(&person, client);
        assert!(text.contains(new) && !text.contains("agenttrust"), "{text}");
        if client == Client::ClaudeCode {
            let as_json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
            assert_eq!(as_json(&text), as_json(&existing(client).replace(old, new)));
        }
    }
}

#[test]
fn servers_that_were_put_behind_the_gateway_by_hand_come_out() {
    for client in ALL {
        let person = Person::new();
        put(&file(&person, client), existing(client));
        install(&person, client, None);
        let wrapped = read(&person, client);
        let other = Person::new();
        put(&file(&other, client), &wrapped);
        carry_out(&other.desk().uninstall_mcp(client, None).unwrap());
        let text = read(&other, client);
        assert!(!text.contains("agenttrust"), "{client:?} {text}");
        // They go in again, by another program and with other flags.
        put(&file(&other, client), &wrapped);
        let queue = HookFlags { queue: true, ..flags() };
        let prepared = other.desk_of("/opt/agenttrust").install_mcp(client, &queue, None, None).unwrap();
        carry_out(&prepared);
        let text = read(&other, client);
        assert!(text.contains("/opt/agenttrust") && !text.contains("/usr/bin/agenttrust"), "{client:?} {text}");
        assert!(text.contains("--queue"), "{text}");
    }
}

#[test]
fn without_servers_there_is_nothing_to_do() {
    for client in ALL {
        let person = Person::new();
        let prepared = person.desk().install_mcp(client, &flags(), None, None).unwrap();
        assert!(prepared.changes.is_empty() && prepared.servers.through.is_empty());
        assert!(person.desk().uninstall_mcp(client, None).unwrap().changes.is_empty());
        assert_eq!(person.tree(), []);
    }
}
