//! Erasing content: the log and its proofs stay, the words go.

use super::schema::state_of;
use super::{StoreError, Tx};
use agenttrust_protocol::door::Trouble;
use agenttrust_protocol::message::{Event, EventKind};
use agenttrust_protocol::{Hash, Time};
use rusqlite::OptionalExtension;

impl Tx<'_> {
    /// Erases the content of requests that are over: the disclosures of all their messages, their words in the text
    /// index, title and target; a session's content once all its requests' is erased. Each leaves an `erased` event.
    /// One that is erased already stays so. Answers how many were erased now.
    ///
    /// # Errors
    /// `not_found` for an unknown request, `conflict` for one that is still open; then nothing is erased.
    pub fn erase(&mut self, requests: &[Hash], now: Time) -> Result<usize, StoreError> {
        let mut erased = 0;
        for request in requests {
            erased += usize::from(self.erase_one(request, now)?);
        }
        self.erased |= erased > 0;
        Ok(erased)
    }

    fn erase_one(&mut self, request: &Hash, now: Time) -> Result<bool, StoreError> {
        let id = self.request_id(request)?.ok_or(Trouble::NotFound)?;
        let (state, erased, session): (i64, bool, i64) = self
            .conn
            .prepare_cached("SELECT state, erased, session FROM request WHERE id = ?1")?
            .query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        if state_of(state)?.is_open() {
            return Err(Trouble::Conflict.into());
        }
        if erased {
            return Ok(false);
        }
        self.unindex(id)?;
        for sql in [
            "DELETE FROM disclosure WHERE message IN (SELECT idx FROM message WHERE request = ?1)",
            "UPDATE request SET erased = 1, title = NULL, target = NULL WHERE id = ?1",
        ] {
            self.conn.prepare_cached(sql)?.execute([id])?;
        }
        self.append_event(&Event { of: *request, kind: EventKind::Erased, code: None }, Some(id), now)?;
        self.erase_session(session)?;
        Ok(true)
    }

    fn erase_session(&self, session: i64) -> Result<(), StoreError> {
        let sql = "SELECT 1 FROM request WHERE session = ?1 AND erased = 0 LIMIT 1";
        let in_use: Option<i64> = self.conn.prepare_cached(sql)?.query_row([session], |row| row.get(0)).optional()?;
        if in_use.is_none() {
            self.conn.prepare_cached("DELETE FROM disclosure WHERE message = ?1")?.execute([session])?;
        }
        Ok(())
    }
}
