//! Decisions that came too late or do not fit how things stand.
//!
//! A device numbers what it signs. Such a decision has used a number up, and a number missing from the log must mean
//! that something was hidden: so it is appended, with an event that says why it does not count.

use super::{Reader, StoreError, Tx};
use agenttrust_protocol::door::Trouble;
use agenttrust_protocol::message::{Decision, Event, EventKind};
use agenttrust_protocol::{Opened, Thumbprint, Time};
use rusqlite::OptionalExtension;

impl Tx<'_> {
    /// Appends a decision that does not count, and an event with the code that says why; the request does not move.
    /// One that is stored already, counted or not, changes nothing.
    ///
    /// # Errors
    /// `not_found` if its request is unknown.
    pub fn refuse_decision(&mut self, decision: &Opened<Decision>, code: &str, now: Time) -> Result<(), StoreError> {
        let request = self.request_id(&decision.body().req)?.ok_or(Trouble::NotFound)?;
        if self.index_of(&decision.hash())?.is_some() {
            return Ok(());
        }
        self.append(decision, Some(request), now)?;
        self.index(decision, request)?;
        self.number_used(decision)?;
        let event = Event { of: decision.hash(), kind: EventKind::Refused, code: Some(code.to_owned()) };
        self.append_event(&event, Some(request), now)?;
        Ok(())
    }

    /// Notes the number that a device gave its decision.
    pub(super) fn number_used(&self, decision: &Opened<Decision>) -> Result<(), StoreError> {
        let device = self.device_id(&decision.signer())?;
        self.conn
            .prepare_cached("UPDATE device SET numbered = max(numbered, ?2) WHERE id = ?1")?
            .execute((device, super::schema::int(decision.body().seq)))?;
        Ok(())
    }
}

impl Reader<'_> {
    /// The highest number that a device gave a decision, counted or not; 0 for none.
    ///
    /// # Errors
    /// Those of the database.
    pub fn last_decision_seq(&self, device: &Thumbprint) -> Result<u64, StoreError> {
        let mut query = self.conn.prepare_cached("SELECT numbered FROM device WHERE key = ?1")?;
        let number: Option<i64> = query.query_row([device.as_bytes()], |row| row.get(0)).optional()?;
        Ok(number.map_or(0, super::schema::nat))
    }
}
