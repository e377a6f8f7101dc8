//! The disk that holds the data folder is full, or fails.

use super::{approving, pay, pay_arguments};
use agenttrust_device::{Done, Event};
use agenttrust_tests::kit::{Answer, Daemon, History, World, outcome};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

/// Amounts of the prompts that are open when the disk fills up.
const OPEN: std::ops::Range<i64> = 100..106;

/// A small disk of its own; it goes with the value.
struct SmallDisk {
    folder: tempfile::TempDir,
}

impl SmallDisk {
    /// Mounts it; `None` where this process may not.
    fn mount() -> Option<SmallDisk> {
        let folder = tempfile::Builder::new().prefix("agenttrust-").tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=6m,mode=700", "tmpfs"]).arg(folder.path());
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        mounted.then_some(SmallDisk { folder })
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Takes all the space there is; giving back the file gives it back.
    fn fill(&self) -> PathBuf {
        let path = self.path().join("filler");
        let mut file = File::create(&path).unwrap();
        for size in [64 << 10, 4 << 10, 1] {
            while file.write_all(&vec![b'x'; size]).is_ok() {}
        }
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("--lazy").arg(self.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_approves_nothing_and_is_over_when_there_is_space() {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("skipped: a disk to fill needs root and mount");
        return;
    };
    std::fs::write(disk.path().join("config.toml"), "[link]\nbind = \"127.0.0.1:0\"\n").unwrap();
    let world = World::around(Daemon::start(disk.path(), &[])).await;
    approving(&world).await.abort();
    let session = world.session().await;

    // Prompts are open when the disk fills up.
    let mut events = world.phone.device.events();
    let (mut asking, mut cards) = (Vec::new(), Vec::new());
    for amount in OPEN {
        let session = session.clone();
        asking.push(tokio::spawn(async move { outcome(&session, pay(amount)).await }));
    }
    while cards.len() < asking.len() {
        if let Event::CardAdded { card } = events.next().await.unwrap() {
            cards.push(card);
        }
    }
    let filler = disk.fill();
    assert_eq!(outcome(&session, pay(3)).await, Err("disk_full".to_owned()));
    for card in &cards {
        let answered = world.phone.try_give(card, Answer::Approve).await.unwrap().unwrap();
        assert!(matches!(answered, Done::Answered { stored: None, .. }), "{answered:?}");
    }
    assert!(asking.iter().all(|asking| !asking.is_finished()), "an answer that is not on the disk counts for nothing");

    std::fs::remove_file(filler).unwrap();
    // What was signed is sent again by itself, in the order it was signed in: every answer counts.
    world.phone.device.wake();
    for (amount, asking) in OPEN.zip(asking) {
        assert_eq!(asking.await.unwrap(), Ok(pay_arguments(amount)));
    }
    let phone = Arc::clone(&world.phone);
    let _person = tokio::spawn(async move { phone.serve(|_| Answer::Approve).await });
    assert_eq!(outcome(&session, pay(4)).await, Ok(pay_arguments(4)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_cannot_be_written_approves_nothing_and_is_over_when_it_can() {
    let mut world = World::new().await;
    approving(&world).await.abort();
    let session = world.session().await;
    let mut events = world.phone.device.events();
    let asking = tokio::spawn({
        let session = session.clone();
        async move { outcome(&session, pay(2)).await }
    });
    let card = loop {
        if let Event::CardAdded { card } = events.next().await.unwrap() {
            break card;
        }
    };

    // Room for the index of the write-ahead log, and not for a transaction.
    world.daemon.limit_files(Some(33 << 10));
    assert_eq!(outcome(&session, pay(3)).await, Err("store_failed".to_owned()));
    let answered = world.phone.try_give(&card, Answer::Approve).await.unwrap().unwrap();
    assert!(matches!(answered, Done::Answered { stored: None, .. }), "{answered:?}");
    assert!(!asking.is_finished(), "an answer that is not on the disk counts for nothing");

    world.daemon.limit_files(None);
    world.phone.device.wake();
    assert_eq!(asking.await.unwrap(), Ok(pay_arguments(2)));
    let _person = world.answering(|_| Answer::Approve);
    assert_eq!(outcome(&session, pay(4)).await, Ok(pay_arguments(4)));
    assert!(History::of(&world.phone.device).await.verify().is_sound());
}
