//! Whatever was in a configuration is in it again afterwards.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

mod person;

use agenttrust_hooks::Client;
use person::{ALL, Person, flags, put};
use proptest::prelude::*;
use serde_json::Value;
use std::os::unix::fs::{PermissionsExt, symlink};

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// Names that the client or we give a meaning to, and others.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("hooks".to_owned()),
        Just("PreToolUse".to_owned()),
        Just("version".to_owned()),
        "[a-z ]{1,6}",
        any::<String>()
    ]
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just(Value::from("/usr/bin/agenttrust hook claude-code")),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name(), inner), 0..4).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

/// JSON as people and programs write it.
fn file() -> impl Strategy<Value = String> {
    let members = prop::collection::vec((name(), json()), 0..5);
    let dress = (any::<bool>(), prop_oneof![Just("\n"), Just("\r\n")], any::<bool>(), any::<bool>());
    (members, dress).prop_map(|(members, (pretty, end, comment, mark))| {
        let value: Value = members.into_iter().collect();
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        let comment = if comment { "// mine\n" } else { "" };
        format!("{}{comment}{text}\n", if mark { "\u{feff}" } else { "" }).replace('\n', end)
    })
}

fn toml() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        Just("# mine".to_owned()),
        Just(String::new()),
        ("[a-z]{2,5}", any::<i32>()).prop_map(|(name, number)| format!("{name} =  {number}   # why")),
        ("[a-z]{2,5}", "[ -!#-\\[\\]-~]{0,8}").prop_map(|(name, text)| format!("{name} = \"{text}\"")),
        Just("[features]".to_owned()),
        Just(
            "[[hooks.PreToolUse]]\nmatcher = \"shell\"\nhooks = [{ type = \"command\", command = \"lint\" }]"
                .to_owned()
        ),
        Just("hooks.Stop = []".to_owned()),
        Just("[mcp_servers.fs]\ncommand = 'npx'".to_owned()),
    ];
    (prop::collection::vec(line, 0..8), any::<bool>()).prop_map(|(lines, carriage)| {
        let text = lines.join("\n");
        if carriage { text.replace('\n', "\r\n") } else { text }
    })
}

/// Installs and uninstalls; a text that is refused must not have changed.
fn there_and_back(client: Client, text: &str) {
    let person = Person::new();
    put(&person.file(client), text);
    let before = person.tree();
    match run(person.install(client, &flags())) {
        Ok(()) => {
            let between = person.read(client).unwrap();
            assert!(between.contains("hook") && between.contains("/usr/bin/agenttrust"), "{between}");
            person.uninstall(client).unwrap();
        }
        Err(refusal) => assert_eq!(refusal.code, "config_unreadable", "{refusal}"),
    }
    assert_eq!(person.tree(), before);
}

/// What a file says, without its mark and its comment.
fn bare(text: &str) -> serde_json::Map<String, Value> {
    let text: String = text.trim_start_matches('\u{feff}').lines().filter(|line| *line != "// mine").collect();
    serde_json::from_str(&text).unwrap()
}

/// Entries of servers that nobody has put behind the gateway, with members that mean something and values that may not.
fn servers() -> impl Strategy<Value = String> {
    let member = prop::sample::select(vec![
        "command",
        "args",
        "env",
        "environment",
        "url",
        "httpUrl",
        "headers",
        "type",
        "timeout",
        "oauth",
        "cwd",
    ]);
    let value = prop_oneof![
        json(),
        Just(Value::from("npx")),
        Just(Value::from("http")),
        Just(Value::from("remote")),
        Just(serde_json::json!(["-y", "server"])),
        Just(serde_json::json!(["mcp", "--name", "x", "--", "server"])),
        Just(Value::from("https://a.example/mcp")),
        Just(serde_json::json!({"Authorization": "Bearer x"})),
    ];
    let entry = prop::collection::vec((member, value), 0..5)
        .prop_map(|members| members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Value>());
    let entry = prop_oneof![4 => entry, 1 => json()];
    let list = prop::collection::vec((name(), entry), 0..4).prop_map(|list| list.into_iter().collect::<Value>());
    (list, any::<bool>()).prop_map(|(list, pretty)| {
        let value = serde_json::json!({ "mcpServers": list, "mcp": list });
        if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn json_is_the_same_to_the_byte(text in file(), client in prop::sample::select(vec![
        Client::ClaudeCode, Client::Gemini, Client::Copilot, Client::Cursor,
    ])) {
        there_and_back(client, &text);
    }

    #[test]
    fn toml_is_the_same_to_the_byte(text in toml()) {
        there_and_back(Client::Codex, &text);
    }

    #[test]
    fn servers_are_the_same_to_the_byte(text in servers(), client in prop::sample::select(vec![
        Client::ClaudeCode, Client::Gemini, Client::Copilot, Client::Opencode, Client::Cursor,
    ])) {
        let person = Person::new();
        put(&person.homes().mcp(client)[0], &text);
        let before = person.tree();
        if let Ok(prepared) = person.desk().install_mcp(client, &flags(), None, None) {
            prepared.changes.iter().for_each(|change| change.carry_out().unwrap());
            let again = person.desk().install_mcp(client, &flags(), None, None).unwrap();
            prop_assert!(again.changes.is_empty());
            let taken = person.desk().uninstall_mcp(client, None).unwrap();
            taken.changes.iter().for_each(|change| change.carry_out().unwrap());
        }
        prop_assert_eq!(person.tree(), before);
    }

    #[test]
    fn what_somebody_adds_in_the_meantime_is_all_that_is_left(text in file()) {
        let person = Person::new();
        put(&person.file(Client::ClaudeCode), &text);
        if run(person.install(Client::ClaudeCode, &flags())).is_ok() {
            let with_more = |text: &str| text.replacen('{', "{\"added since\": [1.50],", 1);
            person.write(Client::ClaudeCode, &with_more(&person.read(Client::ClaudeCode).unwrap()));
            person.uninstall(Client::ClaudeCode).unwrap();
            let left = bare(&person.read(Client::ClaudeCode).unwrap());
            let mut expected = bare(&text);
            expected.insert("added since".to_owned(), serde_json::json!([1.50]));
            prop_assert_eq!(left, expected);
        }
    }

    #[test]
    fn what_was_not_ours_is_as_it_was_while_we_are_there(text in file()) {
        let person = Person::new();
        put(&person.file(Client::ClaudeCode), &text);
        let mut before = bare(&text);
        if run(person.install(Client::ClaudeCode, &flags())).is_ok() {
            let mut after = bare(&person.read(Client::ClaudeCode).unwrap());
            let (old, new) = (before.remove("hooks").unwrap_or_default(), after.remove("hooks").unwrap());
            prop_assert_eq!(after, before);
            for (event, entries) in old.as_object().into_iter().flatten() {
                let kept = new[event].as_array().zip(entries.as_array());
                prop_assert!(kept.is_none_or(|(new, old)| new.len() >= old.len()));
            }
        }
    }
}

#[test]
fn a_home_without_the_client_is_empty_again() {
    for client in ALL {
        let person = Person::new();
        run(person.install(client, &flags())).unwrap();
        assert!(person.read(client).is_some());
        person.uninstall(client).unwrap();
        assert_eq!(person.tree(), [], "{client:?}");
        assert!(person.desk().uninstall(client).unwrap().changes.is_empty(), "{client:?}");
    }
}

#[test]
fn a_file_that_was_changed_since_loses_only_what_is_ours() {
    let person = Person::new();
    person.write(Client::ClaudeCode, "{\n  \"model\": \"opus\"\n}\n");
    run(person.install(Client::ClaudeCode, &flags())).unwrap();
    let changed = person.read(Client::ClaudeCode).unwrap().replace("\"opus\"", "\"sonnet\" /* cheaper */");
    let changed =
        changed.replace("\"PreToolUse\": [", "\"PreToolUse\": [\n      {\"hooks\": [{\"command\": \"lint\"}]},");
    person.write(Client::ClaudeCode, &changed);
    let taken = person.desk().uninstall(Client::ClaudeCode).unwrap();
    assert!(!taken.changes[0].is_exact());
    taken.changes[0].carry_out().unwrap();
    let expected = r#"{
  "model": "sonnet" /* cheaper */,
  "hooks": {
    "PreToolUse": [
      {"hooks": [{"command": "lint"}]}
    ]
  }
}
"#;
    assert_eq!(person.read(Client::ClaudeCode).unwrap(), expected);
}

#[test]
fn a_toml_that_was_changed_since_loses_only_what_is_ours() {
    let person = Person::new();
    person.write(Client::Codex, "model = \"a\"\n\n[features]\nunified_exec_tty = true # mine\n");
    run(person.install(Client::Codex, &flags())).unwrap();
    let changed = format!("{}\n[projects.\"/src\"]\ntrust_level = \"trusted\"\n", person.read(Client::Codex).unwrap());
    person.write(Client::Codex, &changed);
    person.uninstall(Client::Codex).unwrap();
    let expected = r#"model = "a"

[features]
unified_exec_tty = true # mine

[projects."/src"]
trust_level = "trusted"
"#;
    assert_eq!(person.read(Client::Codex).unwrap(), expected);
}

#[test]
fn codexs_trust_in_other_hooks_moves_up_with_them() {
    let person = Person::new();
    run(person.install(Client::Codex, &flags())).unwrap();
    let mine = "\n[[hooks.PreToolUse]]\nhooks = [{ type = \"command\", command = \"lint\" }]\n";
    let trust =
        |place: u32| format!("\n[hooks.state.\"/h/config.toml:pre_tool_use:{place}:0\"]\ntrusted_hash = \"mine\"\n");
    let changed = format!("{}{mine}{}", person.read(Client::Codex).unwrap(), trust(1));
    person.write(Client::Codex, &changed);
    person.uninstall(Client::Codex).unwrap();
    assert_eq!(person.read(Client::Codex).unwrap(), format!("{mine}{}", trust(0)));
}

#[test]
fn hooks_that_were_put_in_by_hand_are_found() {
    let person = Person::new();
    let printed = person.desk().print(Client::ClaudeCode, &flags(), &[]).unwrap();
    person.write(Client::ClaudeCode, &printed);
    assert!(run(person.desk().install(Client::ClaudeCode, &flags(), &[])).unwrap().changes.is_empty());
    person.uninstall(Client::ClaudeCode).unwrap();
    assert_eq!(person.read(Client::ClaudeCode).as_deref(), Some("{}\n"));
}

#[test]
fn a_plugin_that_somebody_changed_is_kept_aside() {
    let person = Person::new();
    run(person.install(Client::Opencode, &flags())).unwrap();
    let mine = format!("{}\n// mine\n", person.read(Client::Opencode).unwrap());
    person.write(Client::Opencode, &mine);
    let taken = person.desk().uninstall(Client::Opencode).unwrap();
    taken.changes[0].carry_out().unwrap();
    assert_eq!(person.read(Client::Opencode), None);
    assert_eq!(std::fs::read_to_string(taken.changes[0].copy().unwrap()).unwrap(), mine);
}

#[test]
fn a_link_stays_a_link_and_a_mode_a_mode() {
    let person = Person::new();
    let (dots, link) = (person.path("dots/claude.json"), person.file(Client::ClaudeCode));
    put(&dots, "{}");
    std::fs::set_permissions(&dots, PermissionsExt::from_mode(0o640)).unwrap();
    std::fs::create_dir_all(link.parent().unwrap()).unwrap();
    symlink("../dots/claude.json", &link).unwrap();
    run(person.install(Client::ClaudeCode, &flags())).unwrap();
    assert!(link.is_symlink());
    assert!(std::fs::read_to_string(&dots).unwrap().contains("agenttrust"));
    assert_eq!(std::fs::metadata(&dots).unwrap().permissions().mode() & 0o777, 0o640);
    person.uninstall(Client::ClaudeCode).unwrap();
    assert!(link.is_symlink());
    assert_eq!(std::fs::read_to_string(&dots).unwrap(), "{}");
    assert_eq!(std::fs::metadata(&dots).unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn a_new_file_is_private() {
    let person = Person::new();
    run(person.install(Client::Codex, &flags())).unwrap();
    assert_eq!(std::fs::metadata(person.file(Client::Codex)).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_change_of_somebody_else_in_between_is_not_overwritten() {
    for before in [None, Some("{}")] {
        let person = Person::new();
        before.iter().for_each(|text| person.write(Client::Gemini, text));
        let prepared = run(person.desk().install(Client::Gemini, &flags(), &[])).unwrap();
        person.write(Client::Gemini, "{\"theme\": \"dark\"}");
        let refusal = prepared.changes[0].carry_out().unwrap_err();
        assert_eq!(refusal.code, "config_changed");
        assert_eq!(person.read(Client::Gemini).unwrap(), "{\"theme\": \"dark\"}");
        let leftovers = std::fs::read_dir(person.homes().records()).map_or(0, |entries| {
            entries.filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|end| end == "json")).count()
        });
        assert_eq!(leftovers, 0, "nothing is remembered of what was not done");
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_said() {
    // Root writes anywhere but into a folder of the kernel's.
    let person = Person::new();
    std::fs::create_dir_all(person.file(Client::Cursor).parent().unwrap()).unwrap();
    symlink("/proc/self/agenttrust-hooks.json", person.file(Client::Cursor)).unwrap();
    let refusal = run(person.install(Client::Cursor, &flags())).unwrap_err();
    assert!(["config_not_writable", "file_failed"].contains(&refusal.code), "{refusal:?}");
    assert!(refusal.message.contains("/proc/self/"), "{refusal}");
    assert!(person.homes().records().read_dir().unwrap().next().is_none());
}
