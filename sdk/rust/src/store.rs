//! The agent's own record, `gate.db`: what was asked, what was used, whom to trust. All processes of one agent share it.
//!
//! Every change is on the disk when a call returns (WAL, `synchronous=FULL`).

mod outbox;
mod requests;
mod sessions;
mod trust;
mod uses;

pub(crate) use outbox::Parcel;
pub(crate) use requests::{Known, Placed, Row};
pub(crate) use sessions::Thread;
pub(crate) use trust::{Mark, TrustRows, TrustStep};

use crate::error::{FOREIGN, NEWER, Refused};
use agenttrust_protocol::door::Trouble;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use rusqlite_migration::{M, Migrations};
use rustix::fs::{FlockOperation, flock};
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

/// `ATag` in ASCII: how the file says whose it is.
const APPLICATION_ID: i32 = 0x4154_6167;

const STEPS: &[M<'static>] = &[M::up(include_str!("store/0001.sql"))];

/// How long another process's write is waited for.
const BUSY: Duration = Duration::from_secs(5);

/// How many pages the log of changes has before they are moved into the file. A hook is a process for each call: to move
/// them whenever one ends, and to begin a new log whenever one starts, would be most of its syncs; to read a long log
/// whenever one starts would be most of its time.
const LOG_PAGES: i64 = 200;

pub(crate) struct Store {
    db: Connection,
}

impl Store {
    /// Opens the record in the agent's folder, making it where there is none.
    ///
    /// # Errors
    /// `store_foreign`, `store_newer`, `store_corrupt`, `store_failed`, `disk_full`.
    pub(crate) fn open(folder: &Path) -> Result<Store, Refused> {
        let private = |name: &str| {
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(folder.join(name))
        };
        // Two processes that make the file at once would otherwise get in each other's way.
        let lock = private("gate.lock")?;
        flock(&lock, FlockOperation::LockExclusive).map_err(std::io::Error::from)?;
        private("gate.db")?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut db = Connection::open_with_flags(folder.join("gate.db"), flags)?;
        db.busy_timeout(BUSY)?;
        let is_new = check_owner(&db)?;
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.pragma_update(None, "synchronous", "FULL")?;
        db.pragma_update(None, "fullfsync", true)?;
        db.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        Migrations::from_slice(STEPS).to_latest(&mut db).map_err(|error| {
            tracing::debug!(%error, "the agent's record cannot be brought up to date");
            let sqlite =
                if let rusqlite_migration::Error::RusqliteError { err, .. } = error { Some(err) } else { None };
            Refused::from(sqlite.unwrap_or(rusqlite::Error::InvalidQuery))
        })?;
        if is_new {
            // The file says from the start whose it is and what it holds.
            db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        }
        Ok(Store { db })
    }

    /// One change that is seen whole or not at all, by this and every other process.
    fn change<T>(&mut self, work: impl FnOnce(&Transaction<'_>) -> Result<T, Refused>) -> Result<T, Refused> {
        let change = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = work(&change)?;
        change.commit()?;
        Ok(done)
    }
}

/// Whether the record was made just now; nobody else's file is touched.
fn check_owner(db: &Connection) -> Result<bool, Refused> {
    let number = |pragma: &str| db.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
    let owner = number("application_id")?;
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if owner == 0 && tables == 0 {
        db.pragma_update(None, "application_id", APPLICATION_ID)?;
        return Ok(true);
    }
    if owner != APPLICATION_ID {
        return Err(Refused::own(Trouble::StoreForeign, FOREIGN));
    }
    let version = usize::try_from(number("user_version")?).unwrap_or(usize::MAX);
    if version > STEPS.len() { Err(Refused::own(Trouble::StoreNewer, NEWER)) } else { Ok(false) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(folder: &Path) -> &'static str {
        Store::open(folder).err().unwrap().code().as_str()
    }

    #[test]
    fn a_change_waits_for_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let setting = |name: &str| store.db.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
        // 2 is FULL: what was used stays used, even after a power cut.
        assert_eq!(setting("synchronous"), 2);
    }

    #[test]
    fn what_changes_nothing_writes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let work = || {
            let mut store = Store::open(folder.path()).unwrap();
            store.prune(agenttrust_protocol::Time(0)).unwrap();
            store.step_trust(|_| Ok(((), TrustStep::default()))).unwrap();
            store.set_grants(&[]).unwrap();
            store.thread("t", || "sid".to_owned(), agenttrust_protocol::Time(0)).unwrap();
        };
        let files = || ["gate.db", "gate.db-wal"].map(|name| std::fs::read(folder.path().join(name)).unwrap());
        work();
        let before = files();
        work();
        assert!(files() == before);
    }

    #[test]
    fn a_file_that_is_not_ours_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gate.db");
        std::fs::write(&path, b"SQLite format 3, or so it says; in truth a letter to a friend".repeat(20)).unwrap();
        let before = std::fs::read(&path).unwrap();
        assert_eq!(code(folder.path()), "store_foreign");
        assert_eq!(std::fs::read(&path).unwrap(), before);

        std::fs::remove_file(&path).unwrap();
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE notes (text)").unwrap();
        assert_eq!(code(folder.path()), "store_foreign");
    }

    #[test]
    fn a_newer_file_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        Store::open(folder.path()).unwrap().db.pragma_update(None, "user_version", 99).unwrap();
        assert_eq!(code(folder.path()), "store_newer");
    }

    #[test]
    fn a_damaged_file_is_told() {
        let folder = tempfile::tempdir().unwrap();
        drop(Store::open(folder.path()).unwrap());
        let path = folder.path().join("gate.db");
        let mut bytes = std::fs::read(&path).unwrap();
        for byte in bytes.iter_mut().skip(100) {
            *byte = 0xff;
        }
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(code(folder.path()), "store_corrupt");
    }

    #[test]
    fn a_full_disk_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        store.db.pragma_update(None, "max_page_count", 1).unwrap();
        let parcel = Parcel { path: "/v1/requests".to_owned(), body: "x".repeat(1 << 20) };
        assert_eq!(store.post_later(&parcel).unwrap_err().code(), Trouble::DiskFull.into());
        assert_eq!(store.parcels(1).unwrap(), []);
    }

    #[test]
    fn many_processes_may_open_it_at_once() {
        let folder = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            let opened: Vec<_> = (0..8).map(|_| scope.spawn(|| Store::open(folder.path()).is_ok())).collect();
            assert!(opened.into_iter().all(|thread| thread.join().unwrap()));
        });
    }
}
