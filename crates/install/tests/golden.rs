//! What each client's configuration is afterwards, whatever was in it before.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

mod person;

use agenttrust_hooks::{Client, Wiring, opencode_plugin};
use person::{ALL, Person, flags};

/// Configurations as people have them: a comment, an odd number, a hook of somebody else.
fn existing(client: Client) -> &'static str {
    match client {
        Client::ClaudeCode => {
            r#"{
    // mine
    "model": "opus",
    "temperature": 1.50,
    "hooks": {
        "PreToolUse": [
            { "matcher": "Bash", "hooks": [{ "type": "command", "command": "lint" }] }
        ],
        "Stop": []
    },
}
"#
        }
        Client::Codex => {
            r#"# mine
model = "gpt-5.2-codex"   # the fast one

[features]
unified_exec_tty = true # typed into

[[hooks.PreToolUse]]
matcher = "shell"
[[hooks.PreToolUse.hooks]]
type = "command"
command = "lint"

[projects."/src"]
trust_level = "trusted"
"#
        }
        Client::Gemini => {
            r#"{"theme":"dark","hooks":{"BeforeTool":[{"hooks":[{"type":"command","command":"lint"}]}]},"n":1e3}"#
        }
        Client::Copilot => "{}",
        Client::Opencode => "",
        Client::Cursor => "{\r\n  \"version\": 1,\r\n  \"hooks\": {\"preToolUse\": [{\"command\": \"lint\"}]}\r\n}\r\n",
    }
}

#[tokio::test]
async fn an_empty_home() {
    let mut page = String::new();
    for client in ALL {
        let person = Person::new();
        person.install(client, &flags()).await.unwrap();
        let text = person.read(client).unwrap();
        assert_eq!(person.desk().print(client, &flags(), &[]).unwrap(), text);
        if client == Client::Opencode {
            assert_eq!(text, opencode_plugin(&Wiring::new(client, "/usr/bin/agenttrust", &flags())));
        } else {
            page.push_str(&person.neutral(&format!("== {}\n{text}\n", person.file(client).display())));
        }
    }
    insta::assert_snapshot!(page);
}

#[tokio::test]
async fn a_home_with_settings() {
    let mut page = String::new();
    for client in ALL.into_iter().filter(|client| *client != Client::Opencode) {
        let person = Person::new();
        person.write(client, existing(client));
        let prepared = person.desk().install(client, &flags(), &[]).await.unwrap();
        page.push_str(&person.neutral(&prepared.changes[0].diff()));
        prepared.changes[0].carry_out().unwrap();
        assert!(!person.read(client).unwrap().contains("\r\n\n"), "one kind of line end");
    }
    insta::assert_snapshot!(page);
}

#[tokio::test]
async fn once_is_enough_and_twice_is_the_same() {
    for client in ALL {
        let person = Person::new();
        person.install(client, &flags()).await.unwrap();
        let once = person.read(client);
        let again = person.desk().install(client, &flags(), &[]).await.unwrap();
        assert!(again.changes.is_empty(), "{client:?}");
        assert_eq!(person.read(client), once);
    }
}

#[tokio::test]
async fn a_moved_program_and_other_flags_are_repaired_in_place() {
    for client in ALL {
        let person = Person::new();
        person.write(client, existing(client));
        person.install(client, &flags()).await.unwrap();
        let first = person.read(client).unwrap();
        let moved = person.desk_of("/opt/new/agenttrust");
        let prepared = moved.install(client, &flags(), &[]).await.unwrap();
        prepared.changes.iter().for_each(|change| change.carry_out().unwrap());
        let second = person.read(client).unwrap();
        assert_eq!(second, first.replace("/usr/bin/agenttrust", "/opt/new/agenttrust"), "{client:?}");
        let taken = moved.uninstall(client).unwrap();
        taken.changes.iter().for_each(|change| change.carry_out().unwrap());
        let before = existing(client);
        assert_eq!(person.read(client).as_deref(), Some(before).filter(|text| !text.is_empty()), "{client:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_understood_is_left_alone() {
    for (client, broken) in [
        (Client::ClaudeCode, "{\"hooks\": {"),
        (Client::ClaudeCode, "[]"),
        (Client::ClaudeCode, r#"{"hooks": []}"#),
        (Client::ClaudeCode, r#"{"hooks": {"PreToolUse": {}}}"#),
        (Client::ClaudeCode, r#"{"hooks": {}, "hooks": {}}"#),
        (Client::ClaudeCode, "{'hooks': {}}"),
        (Client::Codex, "model = "),
        (Client::Codex, "hooks = 3"),
        (Client::Gemini, "{\"a\": 1 \"b\": 2}"),
        (Client::Cursor, "\"text\""),
        (Client::Opencode, "export const Mine = 1\n"),
    ] {
        let person = Person::new();
        person.write(client, broken);
        let refusal = person.desk().install(client, &flags(), &[]).await.unwrap_err();
        assert_eq!(refusal.code, "config_unreadable", "{broken}: {refusal}");
        assert!(refusal.message.contains(&person.file(client).display().to_string()), "{refusal}");
        assert_eq!(person.read(client).unwrap(), broken);
    }
}

#[tokio::test]
async fn hooks_that_are_switched_off_are_no_hooks() {
    for (client, settings) in [
        (Client::ClaudeCode, r#"{"disableAllHooks": true}"#),
        (Client::Codex, "[features]\nhooks = false\n"),
        (Client::Gemini, r#"{"hooksConfig": {"enabled": false}}"#),
        (Client::Gemini, r#"{"hooksConfig": {"disabled": ["Waiting for your approval on Phone (AgentTrust)"]}}"#),
    ] {
        let person = Person::new();
        person.write(client, settings);
        let refusal = person.desk().install(client, &flags(), &[]).await.unwrap_err();
        assert_eq!(refusal.code, "hooks_off", "{settings}: {refusal}");
    }
    let person = Person::new();
    std::fs::create_dir_all(person.path(".copilot")).unwrap();
    std::fs::write(person.path(".copilot/settings.json"), r#"{"disableAllHooks": true}"#).unwrap();
    let refusal = person.desk().install(Client::Copilot, &flags(), &[]).await.unwrap_err();
    assert_eq!(refusal.code, "hooks_off");
}
