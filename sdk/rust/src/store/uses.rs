//! What was used of each grant, reserved before anything is sent and never returned.

use super::requests::{find_call, insert};
use super::{Placed, Row, Store};
use crate::error::Refused;
use crate::store::Parcel;
use agenttrust_protocol::constraint::{Counters, Reservation};
use agenttrust_protocol::{Hash, Time};
use rusqlite::{Connection, params};

/// The counters of one grant, read from the record.
pub(crate) struct Uses<'a> {
    db: &'a Connection,
    grant: Hash,
}

impl Counters for Uses<'_> {
    fn used(&self, constraint: usize, since: Option<Time>) -> u64 {
        // What cannot be counted leaves no room.
        self.sum(constraint, since).unwrap_or(u64::MAX)
    }
}

impl Uses<'_> {
    fn sum(&self, constraint: usize, since: Option<Time>) -> rusqlite::Result<u64> {
        let sql = "SELECT amount FROM uses WHERE granted = ?1 AND place = ?2 AND at > ?3";
        let since = since.map_or(i64::MIN, |since| since.0);
        let place = i64::try_from(constraint).unwrap_or(i64::MAX);
        let mut query = self.db.prepare_cached(sql)?;
        let mut rows = query.query(params![self.grant.to_string(), place, since])?;
        let mut sum = 0_u64;
        while let Some(row) = rows.next()? {
            sum = sum.saturating_add(row.get(0)?);
        }
        Ok(sum)
    }
}

impl Store {
    /// Looks at a grant's counters without changing them.
    pub(crate) fn uses(&self, grant: Hash) -> Uses<'_> {
        Uses { db: &self.db, grant }
    }

    /// Puts a request under a grant on record as `spent`, with what `check` reserves for it and, for a grant that is
    /// checked here alone, the messages the daemon gets later; all of it or nothing.
    pub(crate) fn spend_under(
        &mut self,
        row: &Row,
        grant: Hash,
        same: impl Fn(&str) -> bool,
        now: Time,
        parcels: &[Parcel],
        check: impl FnOnce(&Uses<'_>) -> Result<Vec<Reservation>, Refused>,
    ) -> Result<Placed, Refused> {
        self.change(|change| {
            if let Some(known) = find_call(change, row, same, now)? {
                return Ok(Placed::Known(known));
            }
            let reservations = check(&Uses { db: change, grant })?;
            insert(change, row, "spent", Some(&grant))?;
            let sql = "INSERT INTO uses (granted, place, at, amount) VALUES (?1, ?2, ?3, ?4)";
            for reservation in reservations {
                let place = i64::try_from(reservation.constraint).unwrap_or(i64::MAX);
                change.execute(sql, params![grant.to_string(), place, now.0, reservation.amount])?;
            }
            for parcel in parcels {
                super::outbox::put(change, parcel)?;
            }
            Ok(Placed::New)
        })
    }
}
