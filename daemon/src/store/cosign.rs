//! Checkpoints and their cosignatures.

use super::log::{SqlHashes, origin};
use super::schema::{corrupt, int, nat};
use super::{Reader, StoreError, Tx};
use agenttrust_protocol::door::Trouble;
use agenttrust_protocol::{Thumbprint, Time};
use agenttrust_tlog::{Checkpoint, Note, SignatureLine, Tree};
use rusqlite::OptionalExtension;

impl Tx<'_> {
    /// Stores a device's cosignature, which the caller has verified with the device's witness key. One of a tree
    /// smaller than the device's last changes nothing.
    ///
    /// # Errors
    /// `conflict` if the checkpoint is not one of this log.
    pub fn cosign(
        &mut self,
        device: &Thumbprint,
        checkpoint: &Checkpoint,
        line: &SignatureLine,
        now: Time,
    ) -> Result<(), StoreError> {
        let tdid = self.tdid()?.ok_or(Trouble::Unpaired)?;
        let head = checkpoint.head();
        let ours = head.size > 0
            && head.size <= self.size
            && checkpoint.origin() == origin(&tdid)
            && checkpoint.extensions().is_empty()
            && Tree::new(SqlHashes(self.conn), self.size).head_at(head.size)? == *head;
        if !ours {
            return Err(Trouble::Conflict.into());
        }
        let note = checkpoint.sign(&self.key.signer(&tdid)?).map_err(|error| corrupt(&error.to_string()))?;
        self.conn
            .prepare_cached("INSERT OR IGNORE INTO checkpoint (size, note) VALUES (?1, ?2)")?
            .execute((int(head.size), note.to_string()))?;
        let device = self.device_id(device)?;
        self.conn
            .prepare_cached(
                "UPDATE device SET cosigned = ?2, line = ?3, last_seen = ?4
                 WHERE id = ?1 AND coalesce(cosigned, 0) <= ?2",
            )?
            .execute((device, int(head.size), line.to_string(), now.0))?;
        Ok(())
    }
}

impl Reader<'_> {
    /// The newest checkpoint: a signed note, with the cosignatures of devices that have seen it; `None` while
    /// unpaired.
    ///
    /// # Errors
    /// Those of the database.
    pub fn checkpoint(&self) -> Result<Option<String>, StoreError> {
        self.note("SELECT size, note FROM checkpoint ORDER BY size DESC LIMIT 1")
    }

    /// The newest checkpoint that a device co-signed, as a note with every cosignature of that size.
    ///
    /// # Errors
    /// Those of the database.
    pub fn cosigned_checkpoint(&self) -> Result<Option<String>, StoreError> {
        self.note("SELECT size, note FROM checkpoint WHERE size = (SELECT max(cosigned) FROM device)")
    }

    fn note(&self, sql: &str) -> Result<Option<String>, StoreError> {
        let mut query = self.conn.prepare_cached(sql)?;
        let found: Option<(i64, String)> = query.query_row([], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        let Some((size, note)) = found else { return Ok(None) };
        let mut note: Note = note.parse().map_err(|_| corrupt("a stored checkpoint is not a note"))?;
        for line in self.lines(nat(size))? {
            let line: SignatureLine = line.parse().map_err(|_| corrupt("a stored cosignature is not one"))?;
            note.put_signature(line).map_err(|error| corrupt(&error.to_string()))?;
        }
        Ok(Some(note.to_string()))
    }

    fn lines(&self, size: u64) -> Result<Vec<String>, StoreError> {
        let mut query = self.conn.prepare_cached("SELECT line FROM device WHERE cosigned = ?1 ORDER BY id")?;
        let rows = query.query_map([int(size)], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
