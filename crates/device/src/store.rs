//! What a device remembers over restarts: its approver's state and where its daemon is, in `state.db` (SQLite).
//!
//! Every change is on the disk before anything that rests on it is sent (WAL, `synchronous=FULL`): a decision count
//! that went back would let two decisions carry one number. An answer costs one row, however many came before it.

mod rows;

use crate::failure::Failure;
use crate::folder::Folder;
use agenttrust_approver::DeviceState;
use agenttrust_approver::state::{Entry, TrustMessages};
use agenttrust_link::{Address, EndpointKey};
use agenttrust_protocol::door::{EndpointView, Trouble};
use agenttrust_protocol::{Hash, Time};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use rusqlite_migration::{M, Migrations};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// The file.
pub(crate) const STATE: &str = "state.db";

/// The file and those SQLite keeps beside it.
pub(crate) const FILES: [&str; 3] = [STATE, "state.db-wal", "state.db-shm"];

/// `ATdv` in ASCII: how the file says whose it is.
const APPLICATION_ID: i32 = 0x4154_6476;

const STEPS: &[M<'static>] = &[M::up(include_str!("store/0001.sql"))];

/// Where the daemon is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Daemon {
    /// The 32 bytes of its transport key, base64url; whoever answers elsewhere is refused.
    pub endpoint: Hash,
    /// Direct socket addresses to try.
    pub addresses: Vec<SocketAddr>,
    /// The relay it listens on, if any.
    pub relay: Option<String>,
}

impl Daemon {
    /// Where the daemon of this computer is, as its host door says; `None` if it says no address.
    pub fn at(endpoint: &EndpointView) -> Option<Daemon> {
        let addresses: Vec<_> = endpoint.addresses.iter().filter_map(|address| address.parse().ok()).collect();
        let relay = endpoint.relay.clone();
        (!addresses.is_empty()).then_some(Daemon { endpoint: endpoint.endpoint, addresses, relay })
    }

    pub(crate) fn address(&self) -> Address {
        let key = EndpointKey::from_bytes(*self.endpoint.as_bytes());
        Address { key, direct: self.addresses.clone(), relay: self.relay.clone() }
    }
}

impl From<&Address> for Daemon {
    fn from(address: &Address) -> Daemon {
        Daemon {
            endpoint: Hash::from_bytes(*address.key.as_bytes()),
            addresses: address.direct.clone(),
            relay: address.relay.clone(),
        }
    }
}

/// The file in its folder.
#[derive(Debug)]
pub(crate) struct Store {
    db: Connection,
    daemon: Daemon,
    // Let go of last: another process may open the file once the folder is free.
    folder: Folder,
}

impl Store {
    /// Begins to remember in a folder that holds no device yet.
    ///
    /// # Errors
    /// What the system says; the folder comes back.
    pub(crate) fn create(folder: Folder, daemon: Daemon, device: &DeviceState) -> Result<Store, (Failure, Folder)> {
        let made = || {
            let mut db = open(&folder)?;
            let change = db.transaction().map_err(failed)?;
            rows::create(&change, &daemon, device)?;
            change.commit().map_err(failed)?;
            Ok(db)
        };
        match made() {
            Ok(db) => Ok(Store { db, daemon, folder }),
            Err(failure) => Err((failure, folder)),
        }
    }

    /// Reads what was remembered; a file that cannot be used is left as it is.
    ///
    /// # Errors
    /// `unpaired` if there is nothing, `store_newer`, `store_foreign`, `store_corrupt`, `store_failed`, `disk_full`,
    /// `unsafe_folder`.
    pub(crate) fn open(folder: Folder) -> Result<(Store, DeviceState), Failure> {
        if !folder.has(STATE) {
            return Err(Trouble::Unpaired.into());
        }
        let db = open(&folder)?;
        let found: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(failed)?;
        if found != "ok" {
            return Err(Failure::new(Trouble::StoreCorrupt, format!("{STATE}: {found}")));
        }
        let (daemon, state) = rows::read(&db)?;
        Ok((Store { db, daemon, folder }, state))
    }

    /// Adds what was signed or verified: on return it survives a crash. What is over by `now` is forgotten.
    pub(crate) fn add(&mut self, entry: &Entry, now: Time) -> Result<(), Failure> {
        let change = self.db.transaction().map_err(failed)?;
        rows::add(&change, entry, now).map_err(failed)?;
        change.commit().map_err(failed)
    }

    /// Remembers the trust as it is now.
    pub(crate) fn set_trust(&mut self, trust: &TrustMessages) -> Result<(), Failure> {
        rows::set(&self.db, "trust", trust)
    }

    /// Remembers where the daemon is now.
    pub(crate) fn moved(&mut self, daemon: Daemon) -> Result<(), Failure> {
        rows::set(&self.db, "daemon", &daemon)?;
        self.daemon = daemon;
        Ok(())
    }

    pub(crate) fn daemon(&self) -> &Daemon {
        &self.daemon
    }

    pub(crate) fn into_folder(self) -> Folder {
        self.folder
    }
}

/// Opens the file, making or migrating it.
fn open(folder: &Folder) -> Result<Connection, Failure> {
    let path = folder.private(STATE)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut db = Connection::open_with_flags(path, flags).map_err(failed)?;
    check_owner(&db)?;
    // The file is the folder's, and the folder is locked: nobody else is to be waited for.
    db.busy_timeout(std::time::Duration::ZERO).map_err(failed)?;
    let pragmas = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON;
                   PRAGMA secure_delete = ON; PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF;";
    db.execute_batch(pragmas).map_err(failed)?;
    Migrations::from_slice(STEPS).to_latest(&mut db).map_err(|error| {
        if let rusqlite_migration::Error::RusqliteError { err, .. } = error {
            failed(err)
        } else {
            Failure::new(Trouble::StoreFailed, format!("{STATE}: {error}"))
        }
    })?;
    Ok(db)
}

fn check_owner(db: &Connection) -> Result<(), Failure> {
    let number = |pragma: &str| db.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0)).map_err(failed);
    let owner = number("application_id")?;
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(failed)?;
    if owner == 0 && tables == 0 {
        return db.pragma_update(None, "application_id", APPLICATION_ID).map_err(failed);
    }
    if owner != APPLICATION_ID {
        return Err(Failure::new(Trouble::StoreForeign, STATE));
    }
    let version = usize::try_from(number("user_version")?).unwrap_or(usize::MAX);
    if version > STEPS.len() { Err(Failure::new(Trouble::StoreNewer, STATE)) } else { Ok(()) }
}

/// What SQLite said.
fn failed(error: rusqlite::Error) -> Failure {
    // The codes are an open list; all others mean that the file cannot be used just now.
    let trouble = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Trouble::DiskFull,
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => Trouble::StoreCorrupt,
        _ => Trouble::StoreFailed,
    };
    Failure::new(trouble, format!("{STATE}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use agenttrust_approver::state::{Answered, Ledger, Unsent, VerifiedLog};
    use agenttrust_protocol::Thumbprint;
    use agenttrust_protocol::hash::Tdid;
    use agenttrust_protocol::message::Verdict;

    fn made(path: &std::path::Path) -> Store {
        let daemon = Daemon { endpoint: Hash::from_bytes([1; 32]), addresses: Vec::new(), relay: None };
        let tdid = Tdid::from_bytes([2; 32]);
        let trust = TrustMessages { bundles: vec!["bundle".to_owned()], ..TrustMessages::default() };
        let state = DeviceState { tdid, trust, ledger: Ledger::default(), agents: Default::default() };
        Store::create(Folder::open(path).unwrap(), daemon, &state).unwrap()
    }

    fn answer(seq: u64, settled: u64) -> Entry {
        let request = Hash::from_bytes([u8::try_from(seq).unwrap(); 32]);
        let until = Time(300);
        Entry::Answer {
            request,
            agent: Thumbprint::from_bytes([3; 32]),
            answered: Answered { decision: request, verdict: Verdict::Deny, seq, forget: Time(1000) },
            unsent: Unsent { request, until, message: format!("decision {seq}") },
            settled,
        }
    }

    #[test]
    fn a_change_waits_for_the_disk() {
        let scratch = tempfile::tempdir().unwrap();
        let store = made(&scratch.path().join("phone"));
        let setting = |name: &str| store.db.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
        // 2 is FULL: what was signed stays signed, even after a power cut.
        assert_eq!((setting("synchronous"), setting("secure_delete")), (2, 1));
    }

    #[test]
    fn what_was_added_is_there_again_and_what_is_over_is_not() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("phone");
        let mut store = made(&path);
        let log = VerifiedLog { size: 7, root: Hash::from_bytes([4; 32]) };
        for entry in [answer(1, 1), answer(2, 1), Entry::Log(log), answer(3, 2)] {
            store.add(&entry, Time(100)).unwrap();
        }
        let again = |store: Store| Store::open(store.into_folder()).unwrap();
        let (mut store, state) = again(store);
        assert_eq!((state.ledger.seq, state.ledger.log, state.agents.len()), (3, Some(log), 1));
        assert_eq!(state.ledger.answered.len(), 3);
        let unsent: Vec<(u64, &str)> =
            state.ledger.outbox.iter().map(|(seq, unsent)| (*seq, unsent.message.as_str())).collect();
        assert_eq!(unsent, [(2, "decision 2"), (3, "decision 3")], "the first was settled");

        // A request is never answered twice, whatever the caller believes.
        assert_eq!(store.add(&answer(3, 3), Time(100)).unwrap_err().code(), "store_failed");
        store.add(&answer(4, 4), Time(1000)).unwrap();
        let (_store, state) = again(store);
        assert_eq!((state.ledger.seq, state.ledger.answered.len()), (4, 0), "their time is over");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_open_to_others_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("phone");
        let folder = made(&path).into_folder();
        std::fs::set_permissions(path.join(STATE), std::fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(Store::open(folder).unwrap_err().code(), "unsafe_folder");
    }
}
