//! Files that are not ours, newer than we are, damaged, or on a full disk.

use super::kit::{Ask, World, log_key};
use crate::store::log::LogKey;
use crate::store::open::open_writer;
use crate::store::{OpenError, Settings, Store};
use agenttrust_protocol::door::Trouble;
use agenttrust_protocol::key::{Log, SecretKey};
use rusqlite::Connection;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn open(path: &Path) -> Result<Store, OpenError> {
    Store::open(path, log_key(), Settings::default())
}

fn trouble(path: &Path) -> Trouble {
    match open(path) {
        Ok(_) => panic!("it opened"),
        Err(error) => error.trouble,
    }
}

/// A closed store with some content, and where it lies.
async fn closed() -> (tempfile::TempDir, std::path::PathBuf) {
    let world = World::new().await;
    for _ in 0..20 {
        world.run(Ask::default()).await;
    }
    let path = world.path();
    let World { folder, store, .. } = world;
    store.close().await;
    (folder, path)
}

#[tokio::test]
async fn a_foreign_file_is_refused_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text.db");
    fs::write(&text, "not a database").unwrap();
    let other = folder.path().join("other.db");
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE theirs (a)").unwrap();
    let marked = folder.path().join("marked.db");
    Connection::open(&marked).unwrap().execute_batch("PRAGMA application_id = 7; CREATE TABLE t (a)").unwrap();
    for path in [text, other, marked] {
        let before = fs::read(&path).unwrap();
        assert_eq!(trouble(&path), Trouble::StoreForeign, "{}", path.display());
        assert_eq!(fs::read(&path).unwrap(), before);
    }
}

#[tokio::test]
async fn a_newer_one_is_refused() {
    let (_folder, path) = closed().await;
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert_eq!(trouble(&path), Trouble::StoreNewer);
}

#[tokio::test]
async fn damage_is_noticed() {
    let (_folder, path) = closed().await;
    let whole = fs::read(&path).unwrap();
    let pages = whole.len() / 4096;
    for page in 0..pages {
        // The header's magic, and then the first bytes of every page.
        let mut broken = whole.clone();
        broken[page * 4096..page * 4096 + 12].fill(0xff);
        fs::write(&path, &broken).unwrap();
        let found = match open(&path) {
            Ok(store) => {
                let verified = store.verify().await;
                store.close().await;
                !verified.is_ok_and(|verified| verified.findings.is_empty())
            }
            Err(error) => error.trouble == Trouble::StoreCorrupt,
        };
        let is_free = is_unused(&whole, page);
        assert!(found || is_free, "page {page} of {pages}");
    }
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert_eq!(trouble(&path), Trouble::StoreCorrupt, "cut short");
}

/// Whether a page is on the free list, where its content is of no importance.
fn is_unused(whole: &[u8], page: usize) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("copy.db");
    fs::write(&path, whole).unwrap();
    let conn = Connection::open(&path).unwrap();
    let used: i64 =
        conn.query_row("SELECT count(*) FROM dbstat WHERE pageno = ?1", [page as i64 + 1], |row| row.get(0)).unwrap();
    used == 0
}

#[tokio::test]
async fn a_tree_that_was_not_signed_is_refused() {
    for sql in [
        "UPDATE tree SET hash = zeroblob(32) WHERE level = 0 AND idx = (SELECT max(idx) FROM message)",
        "DELETE FROM message WHERE idx = (SELECT max(idx) FROM message)",
        "DELETE FROM checkpoint",
        "UPDATE checkpoint SET note = replace(note, 'agenttrust', 'agenttrusty')",
    ] {
        let (_folder, path) = closed().await;
        let conn = Connection::open(&path).unwrap();
        conn.execute_batch(&format!("PRAGMA foreign_keys = OFF; {sql}")).unwrap();
        drop(conn);
        assert_eq!(trouble(&path), Trouble::StoreCorrupt, "{sql}");
    }
    let (_folder, path) = closed().await;
    let other: SecretKey<Log> = SecretKey::from_seed(&[1; 32]);
    let refused = Store::open(&path, other, Settings::default()).err().unwrap();
    assert_eq!(refused.trouble, Trouble::StoreCorrupt);
    assert!(refused.detail.contains("log.key"), "{refused}");
}

#[tokio::test]
async fn a_disk_that_is_full_from_the_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { max_pages: Some(4), ..Settings::default() };
    let path = folder.path().join("agenttrust.db");
    let refused = Store::open(&path, log_key(), settings).err().unwrap();
    assert_eq!(refused.trouble, Trouble::DiskFull, "{refused}");
    open(&path).unwrap().close().await;
}

#[tokio::test]
async fn a_commit_waits_for_the_disk() {
    let (_folder, path) = closed().await;
    let conn = open_writer(&path, &LogKey::new(log_key()), &Settings::default()).unwrap();
    let setting = |name: &str| conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
    // 2 is FULL: a commit returns after the write-ahead log was synced, so that not even a power cut takes it back.
    assert_eq!(setting("synchronous"), 2);
    let mode: String = conn.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
}

#[tokio::test]
async fn nobody_else_may_read_it() {
    let world = World::new().await;
    for name in ["agenttrust.db", "agenttrust.db-wal"] {
        let mode = fs::metadata(world.folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name}");
    }
}
