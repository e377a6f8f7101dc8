//! Opening the file: ours, not newer than we are, whole.

use super::log::{LogKey, SqlHashes};
use super::schema::{APPLICATION_ID, MIGRATIONS, VERSION, int};
use super::{OpenError, Reader, StoreError};
use agenttrust_protocol::door::Trouble;
use agenttrust_tlog::{Checkpoint, Note, Tree};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

/// Pages below which the whole file is checked at every start: about 8 MB, a few milliseconds.
const SMALL: i64 = 2_000;

/// How long a connection waits for another one of this process.
pub(super) const BUSY: Duration = Duration::from_secs(5);

/// Where the header of an SQLite file has the application id.
const ID_OFFSET: usize = 68;

/// What tests set; the default is what daemons run with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Operations that may wait for the writer, and queries for a reader; one more is `rate_limited`.
    pub queue: usize,
    /// Threads that read.
    pub readers: usize,
    /// Inbox entries that are kept for devices that come back.
    pub inbox_kept: u32,
    /// The most pages the file may have, to provoke a full disk.
    pub max_pages: Option<u32>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { queue: 20_000, readers: 2, inbox_kept: 1_000_000, max_pages: None }
    }
}

/// Opens the database for writing, makes or migrates it, and checks it cheaply.
pub(super) fn open_writer(path: &Path, key: &LogKey, settings: &Settings) -> Result<Connection, OpenError> {
    check_header(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut conn = Connection::open_with_flags(path, flags)?;
    check_version(&conn)?;
    configure(&conn)?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "secure_delete", true)?;
    conn.pragma_update(None, "wal_autocheckpoint", 4_000)?;
    conn.pragma_update(None, "cache_size", -16_000)?;
    if let Some(pages) = settings.max_pages {
        conn.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
    }
    let mode: String = conn.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        return Err(OpenError::new(Trouble::StoreFailed, "the file system has no shared memory for SQLite's WAL mode"));
    }
    MIGRATIONS.to_latest(&mut conn).map_err(|error| migration_failed(&error))?;
    check_whole(&conn)?;
    check_log(&conn, key)?;
    Ok(conn)
}

/// Opens a connection that can only read.
pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    configure(&conn)?;
    conn.pragma_update(None, "cache_size", -4_000)?;
    Ok(conn)
}

fn configure(conn: &Connection) -> Result<(), rusqlite::Error> {
    conn.busy_timeout(BUSY)?;
    conn.set_prepared_statement_cache_capacity(128);
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    conn.pragma_update(None, "cell_size_check", true)?;
    conn.pragma_update(None, "temp_store", "MEMORY")
}

/// Looks at the first bytes, without changing anything: a foreign file must stay as it is.
fn check_header(path: &Path) -> Result<(), OpenError> {
    let failed = |error: std::io::Error| {
        let full = matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded);
        let trouble = if full { Trouble::DiskFull } else { Trouble::StoreFailed };
        OpenError::new(trouble, format!("{}: {error}", path.display()))
    };
    if !path.exists() {
        let new = File::options().write(true).create_new(true).mode(0o600).open(path);
        return new.map(|_| ()).map_err(failed);
    }
    let mut header = Vec::new();
    File::open(path).and_then(|file| file.take(100).read_to_end(&mut header)).map_err(failed)?;
    let is_ours = header.get(ID_OFFSET..ID_OFFSET + 4) == Some(&(APPLICATION_ID as u32).to_be_bytes());
    let is_sqlite = header.starts_with(b"SQLite format 3\0");
    // What else is in an SQLite file is looked at through SQLite.
    match (header.is_empty() || is_sqlite, is_ours) {
        (true, _) => Ok(()),
        (false, true) => Err(OpenError::new(Trouble::StoreCorrupt, format!("{}: the header", path.display()))),
        (false, false) => Err(OpenError::new(Trouble::StoreForeign, path.display().to_string())),
    }
}

fn check_version(conn: &Connection) -> Result<(), OpenError> {
    let id: i64 = conn.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i64 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let is_new = id == 0 && version == 0 && tables == 0;
    if !is_new && id != APPLICATION_ID {
        return Err(OpenError::new(Trouble::StoreForeign, format!("application id {id:#x}")));
    }
    if version > VERSION {
        return Err(OpenError::new(Trouble::StoreNewer, format!("version {version}, this program knows {VERSION}")));
    }
    Ok(())
}

fn migration_failed(error: &rusqlite_migration::Error) -> OpenError {
    // The other kinds are mistakes in the list of migrations, which a test excludes.
    let trouble = if let rusqlite_migration::Error::RusqliteError { err, .. } = error {
        super::error::trouble_of(err)
    } else {
        Trouble::StoreFailed
    };
    OpenError::new(trouble, error.to_string())
}

/// Reads every page of a small file; of a large one SQLite checks each page when it is used.
fn check_whole(conn: &Connection) -> Result<(), OpenError> {
    let pages: i64 = conn.pragma_query_value(None, "page_count", |row| row.get(0))?;
    if pages > SMALL {
        return Ok(());
    }
    let found: String = conn.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if found == "ok" { Ok(()) } else { Err(OpenError::new(Trouble::StoreCorrupt, found)) }
}

/// The newest checkpoint is signed by our key and states the tree that is stored.
fn check_log(conn: &Connection, key: &LogKey) -> Result<(), OpenError> {
    let reader = Reader { conn };
    let size = reader.log_size()?;
    if size == 0 {
        return Ok(());
    }
    let wrong = |what: &str| OpenError::new(Trouble::StoreCorrupt, what.to_owned());
    let note: Option<String> =
        conn.query_row("SELECT note FROM checkpoint WHERE size = ?1", [int(size)], |row| row.get(0)).optional()?;
    let note = note.ok_or_else(|| wrong("the newest checkpoint does not cover the log"))?;
    let tdid = reader.tdid()?.ok_or_else(|| wrong("the log does not begin"))?;
    let signer = key.signer(&tdid)?;
    let note: Note = note.parse().map_err(|_| wrong("the newest checkpoint is not a note"))?;
    let stated = Checkpoint::open(&note, &signer.verifier())
        .map_err(|_| wrong("the newest checkpoint is not signed by the key in log.key"))?;
    let head = Tree::new(SqlHashes(conn), size).head().map_err(|_| wrong("the tree of the log has gaps"))?;
    if *stated.head() == head { Ok(()) } else { Err(wrong("the tree of the log is not the one that was signed")) }
}
