//! Codex runs a hook only once its hash is written down as trusted, and skips the others without a word. What it is
//! it says itself: its app server is asked in an empty home, so that the person's own is not touched.

use crate::edit::{Edit, Given, path};
use crate::refusal::{Outcome, Refusal};
use crate::toml;
use agenttrust_hooks::Client;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{ChildStdin, ChildStdout, Command};

/// How long Codex may take in all.
const LIMIT: Duration = Duration::from_secs(30);

/// How long it may take to end.
const FAREWELL: Duration = Duration::from_secs(3);

/// The edits that make Codex trust the hooks of ours in this configuration. `named` is what Codex calls the file.
pub(crate) async fn trust(codex: &Path, config: &str, named: &Path) -> Outcome<Vec<Edit>> {
    let scratch = tempfile::tempdir().map_err(|error| Refusal::io(&std::env::temp_dir(), &error))?;
    let file = scratch.path().join("config.toml");
    std::fs::write(&file, hooks_alone(config)?).map_err(|error| Refusal::io(&file, &error))?;
    let hooks = match tokio::time::timeout(LIMIT, list(codex, scratch.path())).await {
        Ok(Some(hooks)) => hooks,
        Ok(None) => return Err(silent(codex, "did not say which hooks it sees")),
        Err(_) => return Err(silent(codex, "did not answer in time")),
    };
    let ours = hooks.iter().filter(|hook| crate::edit::is_our_hook(hook, Client::Codex));
    let edits: Option<Vec<Edit>> = ours.map(|hook| edit(hook, named)).collect();
    edits.filter(|edits| !edits.is_empty()).ok_or_else(|| silent(codex, "does not see the hooks"))
}

fn silent(codex: &Path, what: &str) -> Refusal {
    let message = format!("Codex {what} [{}], so its trust in them cannot be recorded.", codex.display());
    let hint = "Update Codex, or name another one with --program; this was tested with 0.169.0.";
    Refusal::new("client_unknown", message, hint)
}

/// Nothing but the hooks, without what is trusted already: the rest of the configuration is none of this.
fn hooks_alone(config: &str) -> Outcome<String> {
    let mut document = toml::read(config)?;
    document.retain(|name, _| name == "hooks");
    if let Some(hooks) = document.get_mut("hooks").and_then(toml_edit::Item::as_table_like_mut) {
        hooks.remove("state");
    }
    Ok(document.to_string())
}

/// Codex names a hook by its file, its event and its place there; the hash is the hook's alone.
fn edit(hook: &Value, named: &Path) -> Option<Edit> {
    let (source, key) = (hook.get("sourcePath")?.as_str()?, hook.get("key")?.as_str()?);
    let key = format!("{}{}", named.to_str()?, key.strip_prefix(source)?);
    let trusted = Given::map([("trusted_hash", Given::text(hook.get("currentHash")?.as_str()?))]);
    Some(Edit::Set { path: path(["hooks", "state", &key]), value: trusted })
}

async fn list(codex: &Path, home: &Path) -> Option<Vec<Value>> {
    let mut command = Command::new(codex);
    command.arg("app-server").current_dir(home).env("CODEX_HOME", home).env("HOME", home);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().ok()?;
    let mut to = child.stdin.take()?;
    let mut from = BufReader::new(child.stdout.take()?).lines();
    let client = json!({ "name": "agenttrust", "title": "AgentTrust ID", "version": env!("CARGO_PKG_VERSION") });
    let hello = json!({ "clientInfo": client, "capabilities": { "experimentalApi": true } });
    call(&mut to, &mut from, 1, "initialize", hello).await?;
    say(&mut to, &json!({ "method": "initialized", "params": {} })).await?;
    let listed = call(&mut to, &mut from, 2, "hooks/list", json!({ "cwds": [home] })).await?;
    // Without its input it ends; it has written into the scratch folder, and should be gone before that is.
    drop(to);
    drop(tokio::time::timeout(FAREWELL, child.wait()).await);
    let folders = listed.get("data")?.as_array()?;
    let hooks = folders.iter().filter_map(|folder| folder.get("hooks")?.as_array());
    Some(hooks.flatten().cloned().collect())
}

async fn say(to: &mut ChildStdin, message: &Value) -> Option<()> {
    to.write_all(format!("{message}\n").as_bytes()).await.ok()?;
    to.flush().await.ok()
}

async fn call(
    to: &mut ChildStdin,
    from: &mut Lines<BufReader<ChildStdout>>,
    id: u64,
    method: &str,
    params: Value,
) -> Option<Value> {
    say(to, &json!({ "id": id, "method": method, "params": params })).await?;
    loop {
        let line = from.next_line().await.ok()??;
        let mut answer: Value = serde_json::from_str(&line).ok()?;
        if answer.get("id").and_then(Value::as_u64) == Some(id) {
            return answer.get_mut("result").map(Value::take);
        }
    }
}
