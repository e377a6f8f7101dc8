//! The data folder is not as the daemon left it, or another daemon has it.

use super::approving;
use agenttrust_tests::kit::{World, program};
use std::path::Path;
use std::process::{Command, Stdio};

/// Where an SQLite file has its user's version number, big-endian.
const USER_VERSION: usize = 60;

/// What the daemon says when it does not start on this folder.
fn refusal(data: &Path) -> String {
    let mut command = Command::new(program("agenttrustd"));
    let output = command.arg("--data").arg(data).args(["--log", "off"]).stdin(Stdio::null()).output().unwrap();
    assert!(!output.status.success(), "it started");
    String::from_utf8(output.stderr).unwrap()
}

/// A data folder that was used and stopped.
async fn used() -> (World, Vec<u8>) {
    let mut world = World::new().await;
    let _person = approving(&world).await;
    world.daemon.stop();
    let database = std::fs::read(world.daemon.data().join("agenttrust.db")).unwrap();
    (world, database)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_not_its_own_is_named_and_left_alone() {
    let (world, original) = used().await;
    let path = world.daemon.data().join("agenttrust.db");
    let newer = [&original[..USER_VERSION], &99u32.to_be_bytes(), &original[USER_VERSION + 4..]].concat();
    let page = 4096;
    let holes = original.iter().enumerate().map(|(at, byte)| if at > page && at % page < 64 { 0xff } else { *byte });
    let cases = [
        ("store_foreign", b"Dear diary, today I was mistaken for a database.".repeat(50)),
        ("store_newer", newer),
        ("store_corrupt", holes.collect()),
        ("store_corrupt", original[..original.len() / 2].to_vec()),
    ];
    for (code, bytes) in cases {
        std::fs::write(&path, &bytes).unwrap();
        let told = refusal(world.daemon.data());
        assert!(told.contains(&format!("({code})")), "{code}: {told}");
        assert_eq!(told.lines().count(), 2, "a sentence and a next step: {told}");
        assert!(std::fs::read(&path).unwrap() == bytes, "{code}: the file was changed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_daemon_on_the_folder_says_so_and_disturbs_nothing() {
    let world = World::new().await;
    let told = refusal(world.daemon.data());
    assert!(told.contains("(already_running)"), "{told}");
    let _person = approving(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_daemons_log_key_is_found_at_the_start() {
    let (world, _) = used().await;
    let (other, _) = used().await;
    std::fs::copy(other.daemon.data().join("log.key"), world.daemon.data().join("log.key")).unwrap();
    let told = refusal(world.daemon.data());
    assert!(told.contains("(store_corrupt)"), "{told}");
}
