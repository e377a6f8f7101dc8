//! Processes that are killed: what was acknowledged is there, and nothing else is torn.

use super::kit::{Ask, NOW, World, log_key};
use crate::store::{Entry, Settings, Store};
use agenttrust_protocol::Hash;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

const FOLDER: &str = "AGENTTRUST_STORE_TEST_FOLDER";

/// Not a test by itself: the process that is killed. It stores requests and tells each one that is acknowledged.
#[tokio::test]
#[ignore = "started by the test below"]
async fn the_process_that_is_killed() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let world = World::new().await;
    // The writers of the parent's folder: a fresh store of its own, so that the child starts from nothing.
    let path = Path::new(&folder).join("agenttrust.db");
    world.store.close().await;
    std::fs::copy(world.path(), &path).unwrap();
    let store = Store::open(&path, log_key(), Settings::default()).unwrap();
    let mut tasks = Vec::new();
    for _ in 0..16 {
        let batch: Vec<_> = (0..500).map(|_| world.asked(Ask::default())).collect();
        let store = store.clone();
        tasks.push(tokio::spawn(async move {
            for asked in batch {
                let hash = asked.request.hash();
                store.write(move |tx| tx.insert_request(&asked, Entry::Pending, NOW)).await.unwrap();
                // Past the test harness, which would keep it back; in one piece, for it may be the last.
                std::io::stderr().write_all(format!("stored {hash}\n").as_bytes()).unwrap();
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
}

fn kill_after(lines: usize, folder: &Path) -> Vec<Hash> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::tests::crash::the_process_that_is_killed", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut acknowledged = Vec::new();
    let output = BufReader::new(child.stderr.take().unwrap());
    for line in output.lines() {
        if let Some(hash) = line.unwrap().strip_prefix("stored ") {
            acknowledged.push(hash.parse().unwrap());
        }
        if acknowledged.len() == lines {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    acknowledged
}

#[tokio::test]
async fn what_a_killed_process_acknowledged_is_there() {
    for lines in [1, 40, 333] {
        let folder = tempfile::tempdir().unwrap();
        let acknowledged = kill_after(lines, folder.path());
        assert!(acknowledged.len() >= lines);
        let store = Store::open(&folder.path().join("agenttrust.db"), log_key(), Settings::default()).unwrap();
        let missing = store
            .read(move |reader| {
                let states = acknowledged.iter().map(|hash| reader.state(hash));
                states.collect::<Result<Vec<_>, _>>()
            })
            .await
            .unwrap()
            .iter()
            .filter(|state| state.is_none())
            .count();
        assert_eq!(missing, 0, "after {lines}");
        assert_eq!(store.verify().await.unwrap().findings, [], "after {lines}");
    }
}

#[tokio::test]
async fn a_store_that_was_dropped_or_closed_opens_as_it_was() {
    let world = World::new().await;
    let asked = world.ask(Ask::default()).await;
    let before = world.store.read(|reader| reader.checkpoint()).await.unwrap();
    let world = world.reopen().await;
    assert_eq!(world.store.read(|reader| reader.checkpoint()).await.unwrap(), before);
    assert_eq!(world.state(&asked).await, agenttrust_protocol::lifecycle::State::Pending);
    let path = world.path();
    world.store.close().await;
    let wal = std::fs::metadata(path.with_extension("db-wal")).map_or(0, |data| data.len());
    assert_eq!(wal, 0, "closing moves everything into the file");
}
