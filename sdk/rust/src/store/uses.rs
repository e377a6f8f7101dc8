//! What was used of each grant, reserved before anything is sent and never returned.

use super::requests::{find_call, insert};
use super::{Placed, Row, Store};
use crate::error::Refused;
use crate::store::Parcel;
use agenttrust_protocol::constraint::{Counters, Reservation};
use agenttrust_protocol::{Hash, Time};
use rusqlite::{Connection, OptionalExtension, params};

/// Where SQLite's integers end, and with them what can be counted.
const MOST: u64 = i64::MAX.unsigned_abs();

/// The counters of one grant, read from the record.
pub(crate) struct Uses<'a> {
    db: &'a Connection,
    grant: Hash,
}

impl Counters for Uses<'_> {
    fn used(&self, constraint: usize, since: Option<Time>) -> u64 {
        let before = since.map_or(Ok(0), |since| self.total(constraint, since));
        match (self.total(constraint, Time(i64::MAX)), before) {
            (Ok(all), Ok(before)) if all < MOST => all.saturating_sub(before),
            // What cannot be counted leaves no room.
            (Ok(_) | Err(_), _) => u64::MAX,
        }
    }
}

impl Uses<'_> {
    /// The running sum at the last second that is not after `until`.
    fn total(&self, constraint: usize, until: Time) -> rusqlite::Result<u64> {
        Ok(self.last(constraint, until)?.map_or(0, |(_, total)| total))
    }

    fn last(&self, constraint: usize, until: Time) -> rusqlite::Result<Option<(i64, u64)>> {
        let sql = "SELECT at, total FROM uses WHERE granted = ?1 AND place = ?2 AND at <= ?3 ORDER BY at DESC LIMIT 1";
        let mut query = self.db.prepare_cached(sql)?;
        let key = params![self.grant.to_string(), place(constraint), until.0];
        query.query_row(key, |row| Ok((row.get(0)?, row.get(1)?))).optional()
    }

    /// Adds to the running sum. After a clock was set back, time stands still until it has caught up: what was used
    /// then counts longer rather than shorter.
    fn reserve(&self, reservation: &Reservation, now: Time) -> rusqlite::Result<()> {
        let (at, total) = self.last(reservation.constraint, Time(i64::MAX))?.unwrap_or((now.0, 0));
        let total = total.saturating_add(reservation.amount).min(MOST);
        let sql = "INSERT OR REPLACE INTO uses (granted, place, at, total) VALUES (?1, ?2, ?3, ?4)";
        let key = self.grant.to_string();
        self.db.prepare_cached(sql)?.execute(params![key, place(reservation.constraint), at.max(now.0), total])?;
        Ok(())
    }
}

fn place(constraint: usize) -> i64 {
    i64::try_from(constraint).unwrap_or(i64::MAX)
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
            let uses = Uses { db: change, grant };
            let reservations = check(&uses)?;
            insert(change, row, "spent", Some(&grant))?;
            for reservation in &reservations {
                uses.reserve(reservation, now)?;
            }
            for parcel in parcels {
                super::outbox::put(change, parcel)?;
            }
            Ok(Placed::New)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    const GRANT: Hash = Hash::from_bytes([1; 32]);

    fn reserve(uses: &Uses<'_>, constraint: usize, amount: u64, at: i64) {
        uses.reserve(&Reservation { constraint, amount }, Time(at)).unwrap();
    }

    fn with_uses(run: impl Fn(&Uses<'_>)) {
        let folder = tempfile::tempdir().unwrap();
        run(&Store::open(folder.path()).unwrap().uses(GRANT));
    }

    #[test]
    fn a_window_counts_what_lies_in_it() {
        with_uses(|uses| {
            for (at, amount) in [(10, 1), (10, 2), (20, 4), (30, 8)] {
                reserve(uses, 0, amount, at);
            }
            reserve(uses, 1, 100, 20);
            let used = |since: i64| uses.used(0, Some(Time(since)));
            assert_eq!([9, 10, 19, 20, 29, 30].map(used), [15, 12, 12, 8, 8, 0]);
            assert_eq!((uses.used(0, None), uses.used(1, None), uses.used(2, None)), (15, 100, 0));
            let other = Uses { db: uses.db, grant: Hash::from_bytes([2; 32]) };
            assert_eq!(other.used(0, None), 0);
        });
    }

    #[test]
    fn a_clock_that_was_set_back_makes_no_room() {
        with_uses(|uses| {
            reserve(uses, 0, 5, 1000);
            reserve(uses, 0, 7, 10);
            // As seen by the clock that was set back, and by the one that has caught up.
            assert_eq!((uses.used(0, Some(Time(0))), uses.used(0, Some(Time(999)))), (12, 12));
            assert_eq!(uses.used(0, Some(Time(1000))), 0);
        });
    }

    #[test]
    fn more_than_can_be_counted_leaves_no_room() {
        with_uses(|uses| {
            for at in [10, 20, 30] {
                reserve(uses, 0, u64::MAX / 3, at);
            }
            assert_eq!((uses.used(0, None), uses.used(0, Some(Time(30)))), (u64::MAX, u64::MAX));
        });
    }
}
