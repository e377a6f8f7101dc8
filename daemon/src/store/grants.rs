//! Grants and their counters, which are global in the daemon.

use super::schema::{int, nat};
use super::{Reader, StoreError, Tx};
use agenttrust_protocol::check::Asked;
use agenttrust_protocol::constraint::{Counters, Reservation};
use agenttrust_protocol::door::{GrantView, Trouble};
use agenttrust_protocol::message::{Grant, RevokedKind};
use agenttrust_protocol::trust::Trust;
use agenttrust_protocol::{Hash, Opened, Received, Thumbprint, Time};
use rusqlite::{Connection, OptionalExtension};

/// What was reserved under one grant; a database that fails counts as used up.
pub struct GrantCounters<'c> {
    conn: &'c Connection,
    grant: Option<i64>,
}

impl GrantCounters<'_> {
    /// The running sum at the last second that is not after `until`, or at the very last.
    fn total(&self, constraint: usize, until: Option<Time>) -> Result<u64, StoreError> {
        let Some(grant) = self.grant else { return Ok(0) };
        let mut query = self.conn.prepare_cached(
            "SELECT total FROM reservation WHERE grant_id = ?1 AND place = ?2 AND at <= ?3 ORDER BY at DESC LIMIT 1",
        )?;
        let until = until.map_or(i64::MAX, |until| until.0);
        let total = query.query_row((grant, int(constraint as u64), until), |row| row.get(0)).optional()?;
        Ok(total.map_or(0, nat))
    }
}

impl Counters for GrantCounters<'_> {
    fn used(&self, constraint: usize, since: Option<Time>) -> u64 {
        let before = since.map_or(Ok(0), |since| self.total(constraint, Some(since)));
        match (self.total(constraint, None), before) {
            (Ok(all), Ok(before)) if all < i64::MAX.unsigned_abs() => all.saturating_sub(before),
            // What cannot be counted leaves no room.
            (Ok(_) | Err(_), _) => u64::MAX,
        }
    }
}

impl Tx<'_> {
    /// Stores a grant; the same one again changes nothing.
    ///
    /// # Errors
    /// `unpaired` before bundle 1.
    pub fn add_grant(&mut self, grant: &Opened<Grant>, now: Time) -> Result<(), StoreError> {
        if self.index_of(&grant.hash())?.is_some() {
            return Ok(());
        }
        let message = self.append(grant, None, now)?;
        self.conn.execute("INSERT INTO grants (message, exp) VALUES (?1, ?2)", (message, grant.body().exp.0))?;
        for agent in &grant.body().agents {
            self.conn.execute(
                "INSERT OR IGNORE INTO grant_agent (agent, grant_id) VALUES (?1, ?2)",
                (agent.as_bytes(), message),
            )?;
        }
        Ok(())
    }

    /// Counts one use of the grant that a request names, and answers the grant.
    pub(super) fn use_grant(
        &mut self,
        asked: &Asked,
        reservations: &[Reservation],
        now: Time,
    ) -> Result<i64, StoreError> {
        let named = asked.request.body().grant.ok_or(Trouble::NotFound)?;
        let grant = self.grant_id(&named)?.ok_or(Trouble::NotFound)?;
        for reservation in reservations {
            self.reserve(grant, reservation, now)?;
        }
        self.conn
            .prepare_cached("UPDATE grants SET uses = uses + 1, last_used = ?2 WHERE message = ?1")?
            .execute((grant, now.0))?;
        Ok(grant)
    }

    /// Adds to the running sum. After a clock was set back, time stands still until it has caught up: what was used
    /// then counts longer rather than shorter.
    fn reserve(&self, grant: i64, reservation: &Reservation, now: Time) -> Result<(), StoreError> {
        let place = int(reservation.constraint as u64);
        let last: Option<(i64, i64)> = self
            .conn
            .prepare_cached(
                "SELECT at, total FROM reservation WHERE grant_id = ?1 AND place = ?2 ORDER BY at DESC LIMIT 1",
            )?
            .query_row((grant, place), |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let (at, total) = last.unwrap_or((now.0, 0));
        let total = total.saturating_add(int(reservation.amount));
        self.conn
            .prepare_cached("INSERT OR REPLACE INTO reservation (grant_id, place, at, total) VALUES (?1, ?2, ?3, ?4)")?
            .execute((grant, place, at.max(now.0), total))?;
        Ok(())
    }
}

impl Reader<'_> {
    fn grant_id(&self, grant: &Hash) -> Result<Option<i64>, StoreError> {
        let mut query = self
            .conn
            .prepare_cached("SELECT g.message FROM message m JOIN grants g ON g.message = m.idx WHERE m.hash = ?1")?;
        Ok(query.query_row([grant.as_bytes()], |row| row.get(0)).optional()?)
    }

    /// A grant's counters: read them in the operation that then enters the request.
    ///
    /// # Errors
    /// Those of the database.
    pub fn counters(&self, grant: &Hash) -> Result<GrantCounters<'_>, StoreError> {
        Ok(GrantCounters { conn: self.conn, grant: self.grant_id(grant)? })
    }

    /// The grants an agent holds that are live.
    ///
    /// # Errors
    /// Those of the database.
    pub fn live_grants(&self, agent: &Thumbprint, trust: &Trust, now: Time) -> Result<Vec<String>, StoreError> {
        let mut query =
            self.conn.prepare_cached("SELECT grant_id FROM grant_agent WHERE agent = ?1 ORDER BY grant_id")?;
        let rows = query.query_map([agent.as_bytes()], |row| row.get(0))?;
        let mut live = Vec::new();
        for grant in rows {
            let view = self.grant_view(grant?, trust, now)?;
            if view.live {
                live.push(view.message);
            }
        }
        Ok(live)
    }

    /// All grants, the newest first.
    ///
    /// # Errors
    /// Those of the database.
    pub fn grants(&self, trust: &Trust, now: Time) -> Result<Vec<GrantView>, StoreError> {
        let mut query = self.conn.prepare_cached("SELECT message FROM grants ORDER BY message DESC")?;
        let rows = query.query_map([], |row| row.get(0))?;
        rows.map(|grant| self.grant_view(grant?, trust, now)).collect()
    }

    /// A grant is live until its time is over, it is revoked, or one of its signers is revoked or no device any more.
    fn grant_view(&self, grant: i64, trust: &Trust, now: Time) -> Result<GrantView, StoreError> {
        let mut query = self.conn.prepare_cached("SELECT exp, uses, last_used FROM grants WHERE message = ?1")?;
        let (exp, uses, last_used): (i64, i64, Option<i64>) =
            query.query_row([grant], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let message = self.text_of(grant)?;
        let received = Received::<Grant>::parse(&message)?;
        let is_signed = received.signers().all(|kid| trust.device(&kid).is_some() && !trust.is_device_revoked(&kid));
        let is_revoked = trust.is_revoked(RevokedKind::Grant, &received.hash());
        let live = exp >= now.0 && is_signed && !is_revoked;
        Ok(GrantView { message, live, uses: nat(uses), last_used: last_used.map(Time) })
    }
}
