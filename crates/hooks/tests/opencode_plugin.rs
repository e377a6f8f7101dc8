//! The plugin of opencode, driven as opencode drives it: what runs, and that everything else is an error.
#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

use agenttrust_hooks::{Client, HookFlags, Wiring, opencode_plugin};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// Writes the plugin, and a hook that does what the file `how` says.
fn plugin(folder: &Path) -> std::path::PathBuf {
    let hook = folder.join("hook");
    std::fs::write(&hook, format!("#!/bin/sh\n. {}/how\n", folder.display())).unwrap();
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    let wiring = Wiring::new(Client::Opencode, hook.to_str().unwrap(), &HookFlags::default());
    let file = folder.join("agenttrust.mjs");
    std::fs::write(&file, opencode_plugin(&wiring)).unwrap();
    file
}

#[test]
fn what_runs_is_what_the_hook_gave_back_and_everything_else_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plugin.mjs");
    let mut node = Command::new("node");
    let output = node.arg(driver).arg(plugin(folder.path())).arg(folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let seen: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    insta::assert_snapshot!(format!("{seen:#}"));
}
