//! One operation inside the writer's transaction, and the transaction around a batch of them.

use super::error::last_failure;
use super::log::LogKey;
use super::schema::busy;
use super::words::WordChange;
use super::{Reader, StoreError};
use agenttrust_protocol::Hash;
use agenttrust_protocol::door::Trouble;
use rusqlite::Connection;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// One operation: everything a [`Reader`] can, and changes that become real together or not at all.
pub struct Tx<'c> {
    reader: Reader<'c>,
    pub(super) key: &'c LogKey,
    /// Leaves of the log, this batch's included.
    pub(super) size: u64,
    size_before: u64,
    /// Changes of the text index, made at the end: inside savepoints each would be written out by itself.
    pub(super) words: Vec<WordChange>,
    /// Messages that somebody may wait for.
    pub(super) touched: Vec<Hash>,
    /// The newest inbox number, where this batch made one.
    pub(super) newest: Option<u64>,
    /// Whether content was erased, so that the write-ahead log must go too.
    pub(super) erased: bool,
    /// Set once the transaction itself is lost; nothing after that counts.
    lost: Option<StoreError>,
    /// How many inbox entries are kept.
    pub(super) kept: i64,
}

/// What a committed batch did.
pub(super) struct Committed {
    pub touched: Vec<Hash>,
    pub newest: Option<u64>,
    pub erased: bool,
}

/// How far a batch had come before an operation.
struct Before {
    size: u64,
    words: usize,
    touched: usize,
    newest: Option<u64>,
    erased: bool,
}

impl<'c> Tx<'c> {
    /// Begins the transaction.
    pub(super) fn begin(conn: &'c Connection, key: &'c LogKey, kept: i64) -> Result<Tx<'c>, StoreError> {
        conn.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let reader = Reader { conn };
        let size = reader.log_size()?;
        Ok(Tx {
            reader,
            key,
            size,
            size_before: size,
            words: Vec::new(),
            touched: Vec::new(),
            newest: None,
            erased: false,
            lost: None,
            kept,
        })
    }

    /// Runs one operation; if it fails or panics, it alone is undone.
    pub(super) fn attempt<T, E: From<StoreError>>(
        &mut self,
        operation: impl FnOnce(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.command("SAVEPOINT operation")?;
        let before = self.before();
        let _older = last_failure();
        let result = match catch_unwind(AssertUnwindSafe(|| operation(self))) {
            Ok(result) => result,
            Err(_) => Err(StoreError::Trouble(Trouble::Internal).into()),
        };
        let ended = match &result {
            Ok(_) => self.command("RELEASE operation"),
            Err(_) => self.undo(before),
        };
        if let Err(error) = ended {
            self.lost = Some(error);
        }
        result
    }

    /// Whether the transaction is still there.
    pub(super) fn is_lost(&self) -> bool {
        self.lost.is_some()
    }

    /// Ends the batch: text index, checkpoint, commit.
    pub(super) fn finish(mut self) -> Result<Committed, StoreError> {
        let result = self.settle();
        if result.is_err() {
            // If even that fails, the transaction is gone already.
            let _gone = self.command("ROLLBACK");
        }
        result.map(|()| Committed { touched: self.touched, newest: self.newest, erased: self.erased })
    }

    fn settle(&mut self) -> Result<(), StoreError> {
        if let Some(error) = self.lost.take() {
            return Err(error);
        }
        self.trim_inbox()?;
        self.index_words()?;
        if self.size != self.size_before {
            self.sign_checkpoint()?;
        }
        self.command("COMMIT")
    }

    fn before(&self) -> Before {
        let (words, touched) = (self.words.len(), self.touched.len());
        Before { size: self.size, words, touched, newest: self.newest, erased: self.erased }
    }

    fn undo(&mut self, before: Before) -> Result<(), StoreError> {
        self.size = before.size;
        self.words.truncate(before.words);
        self.touched.truncate(before.touched);
        self.newest = before.newest;
        self.erased = before.erased;
        // A full disk or a failed read can end the whole transaction under our feet.
        if self.conn.is_autocommit() {
            return Err(last_failure().unwrap_or_else(|| busy("the transaction has ended")));
        }
        self.command("ROLLBACK TO operation")?;
        self.command("RELEASE operation")
    }

    fn command(&self, sql: &str) -> Result<(), StoreError> {
        self.conn.prepare_cached(sql)?.execute([])?;
        Ok(())
    }
}

impl<'c> Deref for Tx<'c> {
    type Target = Reader<'c>;
    fn deref(&self) -> &Reader<'c> {
        &self.reader
    }
}
