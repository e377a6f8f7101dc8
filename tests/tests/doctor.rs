//! `agenttrust doctor` where something really is wrong: each trouble named, with what to do next.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

use agenttrust_tests::kit::{Daemon, Desk, World, program};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// What was looked at: its level, its code and what to do next.
type Found = BTreeMap<String, Value>;

fn command(data: &Path) -> Command {
    let mut command = Command::new(program("agenttrust"));
    command.arg("--data").arg(data).args(["doctor", "--json"]).env_remove("AGENTTRUST_ROOT");
    command.env_remove("AGENTTRUST_SOCKET").env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere");
    command
}

fn look(mut command: Command) -> Found {
    let output = command.output().unwrap();
    let checks: Vec<Value> =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let fails = checks.iter().any(|check| check["level"] == "fail");
    assert_eq!(output.status.code(), Some(i32::from(fails)), "{output:?}");
    checks.into_iter().map(|check| (check["name"].as_str().unwrap().to_owned(), check)).collect()
}

fn doctor(data: &Path) -> Found {
    look(command(data))
}

/// Whether a check has this level and code, and says what to do next.
fn is(found: &Found, name: &str, level: &str, code: &str) -> bool {
    let check = &found[name];
    check["level"] == level && check["code"] == code && check["hint"].as_str().is_some_and(|hint| hint.len() > 10)
}

fn is_well(found: &Found, name: &str) -> bool {
    found[name]["level"] == "ok"
}

/// Looks until this holds: what a device tells comes with its next call.
async fn until(data: &Path, holds: impl Fn(&Found) -> bool) -> Found {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let found = doctor(data);
        if holds(&found) {
            return found;
        }
        assert!(Instant::now() < end, "{found:#?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[test]
fn a_daemon_that_does_not_run() {
    let mut daemon = Daemon::spawn();
    assert!(is_well(&doctor(daemon.data()), "daemon"));
    daemon.kill();
    assert!(is(&doctor(daemon.data()), "daemon", "fail", "daemon_down"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_off_either_way() {
    let world = World::new().await;
    let data = world.daemon.data();
    until(data, |found| is_well(found, "clock")).await;
    for (shift, words) in [(-3600, "1 h ahead of a device's"), (3600, "1 h behind a device's")] {
        world.phone.clock().shift(shift);
        // Any call tells the device's time.
        let _refused = world.phone.device.run(agenttrust_device::Command::Agents).await;
        let found = until(data, |found| is(found, "clock", "fail", "clock_off")).await;
        let message = found["clock"]["message"].as_str().unwrap();
        assert!(message.contains(words) || message.contains(&words.replace("1 h", "59 min")), "{message}");
    }
    world.phone.clock().shift(0);
    let _done = world.phone.device.run(agenttrust_device::Command::Agents).await;
    until(data, |found| is_well(found, "clock")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_device_that_can_be_reached() {
    let world = World::new().await;
    until(world.daemon.data(), |found| is_well(found, "devices")).await;
    std::sync::Arc::into_inner(world.phone).unwrap().device.close().await;
    until(world.daemon.data(), |found| is(found, "devices", "warn", "no_device")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_approver_but_on_this_computer() {
    let desk = Desk::new();
    assert!(is(&doctor(desk.daemon.data()), "approvers", "warn", "approver_local"));
    desk.let_in(&desk.path("phone")).await;
    assert!(is_well(&doctor(desk.daemon.data()), "approvers"));
}

/// Runs doctor in a session of its own, whose keyring was started like this.
fn in_session(home: &Path, data: &Path, keyring: &str) -> Found {
    let script = format!("{keyring} && exec \"$0\" \"$@\"");
    let mut session = Command::new("dbus-run-session");
    session.args(["--", "sh", "-c", &script]).arg(program("agenttrust")).arg("--data").arg(data);
    session.args(["doctor", "--json"]).env("HOME", home).env("XDG_RUNTIME_DIR", home);
    for name in ["XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "DBUS_SESSION_BUS_ADDRESS", "DISPLAY"] {
        session.env_remove(name);
    }
    look(session)
}

#[test]
fn a_key_store_that_is_missing_or_locked() {
    let (daemon, home) = (Daemon::spawn(), tempfile::tempdir().unwrap());
    assert!(is(&doctor(daemon.data()), "key store", "warn", "keystore_locked"));
    let unlock = "printf pw | gnome-keyring-daemon --unlock --components=secrets >/dev/null";
    assert!(is_well(&in_session(home.path(), daemon.data(), unlock), "key store"));
    let start = "gnome-keyring-daemon --start --components=secrets >/dev/null";
    let locked = in_session(home.path(), daemon.data(), start);
    assert!(is(&locked, "key store", "warn", "keystore_locked"), "{locked:#?}");
    assert!(locked["key store"]["message"].as_str().unwrap().contains("it is locked"), "{locked:#?}");
}
