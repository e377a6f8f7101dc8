//! Bundles and statuses: compare-and-set on the one before.

use super::inbox::Event;
use super::schema::{code_of, corrupt, int, nat};
use super::{Moved, Reader, StoreError, Tx};
use agenttrust_protocol::door::{Held, Trouble};
use agenttrust_protocol::hash::Tdid;
use agenttrust_protocol::lifecycle::{State, Transition};
use agenttrust_protocol::message::{Bundle, RevokedKind, Status};
use agenttrust_protocol::{Hash, Opened, Reason, Thumbprint, Time};
use rusqlite::OptionalExtension;

impl Tx<'_> {
    /// Appends the next bundle; the one that is current already changes nothing. Bundle 1 is entry 0 of the log.
    /// It takes the place of a recovery bundle that waits.
    ///
    /// # Errors
    /// `stale_trust` if it does not follow from the current one, `unknown_key` if it names another log key than ours.
    pub fn append_bundle(&mut self, bundle: &Opened<Bundle>, now: Time) -> Result<(), StoreError> {
        if self.follows(bundle)? {
            self.conn.execute("DELETE FROM bundle WHERE waiting = 1", [])?;
            self.insert_bundle(bundle, false, now)?;
        }
        Ok(())
    }

    /// Stores a bundle that the recovery key signed; it waits until [`Tx::settle_recovery`]. The one that waits
    /// already changes nothing.
    ///
    /// # Errors
    /// `stale_trust` if it does not follow from the current one or another one waits, `unknown_key` as above.
    pub fn add_recovery(&mut self, bundle: &Opened<Bundle>, now: Time) -> Result<(), StoreError> {
        let known = self.index_of(&bundle.hash())?;
        let waits: Option<i64> =
            self.conn.query_row("SELECT message FROM bundle WHERE waiting = 1", [], |row| row.get(0)).optional()?;
        if waits.is_some() && known == waits {
            return Ok(());
        }
        // One that was replaced is in the log already and is refused from then on.
        if known.is_some() || waits.is_some() || !self.follows(bundle)? {
            return Err(Reason::StaleTrust.into());
        }
        self.insert_bundle(bundle, true, now)
    }

    /// Makes the waiting recovery bundle the current one; the caller knows that its time has come.
    ///
    /// # Errors
    /// `not_found` if none waits.
    pub fn settle_recovery(&mut self, now: Time) -> Result<(), StoreError> {
        let sql = "UPDATE bundle SET waiting = 0 WHERE waiting = 1 RETURNING message";
        let settled: Option<i64> = self.conn.query_row(sql, [], |row| row.get(0)).optional()?;
        let message = settled.ok_or(Trouble::NotFound)?;
        self.push(&Event::trust(message), now)?;
        Ok(())
    }

    /// Whether a bundle is the next one; `false` if it is the current one.
    fn follows(&self, bundle: &Opened<Bundle>) -> Result<bool, StoreError> {
        let body = bundle.body();
        if body.log != self.key.key.public() {
            return Err(Reason::UnknownKey.into());
        }
        let current = self.current_bundle()?;
        match current {
            Some((_, hash)) if hash == bundle.hash() => Ok(false),
            Some((version, hash)) if body.version == version + 1 && body.prev == Some(hash) => Ok(true),
            None if body.version == 1 => Ok(true),
            Some(_) | None => Err(Reason::StaleTrust.into()),
        }
    }

    fn insert_bundle(&mut self, bundle: &Opened<Bundle>, waiting: bool, now: Time) -> Result<(), StoreError> {
        let message = self.append(bundle, None, now)?;
        self.conn.execute(
            "INSERT INTO bundle (message, version, waiting) VALUES (?1, ?2, ?3)",
            (message, int(bundle.body().version), waiting),
        )?;
        self.push(&Event::trust(message), now)?;
        Ok(())
    }

    /// Appends the next status, compare-and-set on its `prev`, and revokes every approved request that it hits: the
    /// agent is revoked or paused, or a device whose decision was counted is revoked. Answers what it revoked. The
    /// status that is current already changes nothing.
    ///
    /// `by_admin` says whether its signer is an admin of the bundle it names: newcomers start at such a one.
    ///
    /// # Errors
    /// `stale_trust` if it does not follow from the current one.
    pub fn append_status(
        &mut self,
        status: &Opened<Status>,
        by_admin: bool,
        now: Time,
    ) -> Result<Vec<Moved>, StoreError> {
        let body = status.body();
        match self.current_status()? {
            Some((_, hash)) if hash == status.hash() => return Ok(Vec::new()),
            Some((seq, hash)) if body.seq == seq + 1 && body.prev == Some(hash) => {}
            None if by_admin => {}
            Some(_) | None => return Err(Reason::StaleTrust.into()),
        }
        let message = self.append(status, None, now)?;
        self.conn.execute(
            "INSERT INTO status (seq, message, by_admin) VALUES (?1, ?2, ?3)",
            (int(body.seq), message, by_admin),
        )?;
        self.push(&Event::trust(message), now)?;
        self.revoke_hit(body, now)
    }

    fn revoke_hit(&mut self, status: &Status, now: Time) -> Result<Vec<Moved>, StoreError> {
        let mut moved = Vec::new();
        for (hash, agent) in self.approved()? {
            let Some(row) = self.row(&hash)? else { continue };
            let hit = hits(status, RevokedKind::Agent, &agent)
                || self.approvers(row.id)?.iter().any(|device| hits(status, RevokedKind::Device, device));
            let code = match (hit, status.paused.covers(&agent)) {
                (true, _) => Reason::Revoked.code(),
                (false, true) => Reason::Paused.code(),
                (false, false) => continue,
            };
            let state = self.transit(&row, Transition::Revoke, None, None, Some(code), now)?;
            moved.push(Moved { request: hash, state });
        }
        Ok(moved)
    }

    /// Every approved request with its agent.
    fn approved(&self) -> Result<Vec<(Hash, Thumbprint)>, StoreError> {
        let mut query = self.conn.prepare_cached(
            "SELECT m.hash, a.key FROM request r JOIN message m ON m.idx = r.id JOIN agent a ON a.id = r.agent
             WHERE r.state = ?1 AND r.state < 3 ORDER BY r.id",
        )?;
        let rows = query.query_map([code_of(State::Approved)], |row| {
            Ok((Hash::from_bytes(row.get(0)?), Thumbprint::from_bytes(row.get(1)?)))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The devices whose yes is stored for a request.
    fn approvers(&self, request: i64) -> Result<Vec<Thumbprint>, StoreError> {
        let mut query = self.conn.prepare_cached(
            "SELECT v.key FROM decision d JOIN device v ON v.id = d.device WHERE d.request = ?1 AND d.denies = 0",
        )?;
        let rows = query.query_map([request], |row| Ok(Thumbprint::from_bytes(row.get(0)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn hits(status: &Status, kind: RevokedKind, key: &Thumbprint) -> bool {
    status.revoked.iter().any(|entry| entry.kind == kind && entry.id.as_bytes() == key.as_bytes())
}

impl Reader<'_> {
    /// The trust domain; `None` while unpaired.
    ///
    /// # Errors
    /// Those of the database, as of every reading.
    pub fn tdid(&self) -> Result<Option<Tdid>, StoreError> {
        // Entry 0 of the log is bundle 1.
        let mut query = self.conn.prepare_cached("SELECT hash FROM message WHERE idx = 0")?;
        Ok(query.query_row([], |row| row.get(0)).optional()?.map(Tdid::from_bytes))
    }

    /// The bundles and statuses that a holder of `held` lacks, each ascending, and last a recovery bundle that waits;
    /// for `seq` 0 from the newest admin-signed status on.
    ///
    /// # Errors
    /// Those of the database.
    pub fn trust_since(&self, held: &Held) -> Result<Vec<String>, StoreError> {
        let mut messages = self.indexes(
            "SELECT message FROM bundle WHERE waiting = 0 AND version > ?1 ORDER BY version",
            int(held.version),
        )?;
        let from = match held.seq {
            0 => self.newest_admin_seq()?,
            seq => int(seq.saturating_add(1)),
        };
        messages.extend(self.indexes("SELECT message FROM status WHERE seq >= ?1 ORDER BY seq", from)?);
        messages
            .extend(self.indexes("SELECT message FROM bundle WHERE waiting = 1 AND version > ?1", int(held.version))?);
        messages.into_iter().map(|message| self.text_of(message)).collect()
    }

    /// The recovery bundle that waits and when it came.
    ///
    /// # Errors
    /// Those of the database.
    pub fn recovery(&self) -> Result<Option<(String, Time)>, StoreError> {
        let sql = "SELECT b.message, m.at FROM bundle b JOIN message m ON m.idx = b.message WHERE b.waiting = 1";
        let waits: Option<(i64, i64)> =
            self.conn.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        waits.map(|(message, at)| Ok((self.text_of(message)?, Time(at)))).transpose()
    }

    fn newest_admin_seq(&self) -> Result<i64, StoreError> {
        let sql = "SELECT coalesce(max(seq), 0) FROM status WHERE by_admin = 1";
        Ok(self.conn.query_row(sql, [], |row| row.get(0))?)
    }

    fn indexes(&self, sql: &str, from: i64) -> Result<Vec<i64>, StoreError> {
        let mut query = self.conn.prepare_cached(sql)?;
        let rows = query.query_map([from], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Version and hash of the current bundle.
    pub(super) fn current_bundle(&self) -> Result<Option<(u64, Hash)>, StoreError> {
        self.newest_of(
            "SELECT b.version, m.hash FROM bundle b JOIN message m ON m.idx = b.message
             WHERE b.waiting = 0 ORDER BY b.version DESC LIMIT 1",
        )
    }

    /// Number and hash of the current status.
    pub(super) fn current_status(&self) -> Result<Option<(u64, Hash)>, StoreError> {
        self.newest_of(
            "SELECT s.seq, m.hash FROM status s JOIN message m ON m.idx = s.message ORDER BY s.seq DESC LIMIT 1",
        )
    }

    fn newest_of(&self, sql: &str) -> Result<Option<(u64, Hash)>, StoreError> {
        let mut query = self.conn.prepare_cached(sql)?;
        let found = query.query_row([], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?))).optional()?;
        match found {
            Some((count, _)) if count < 1 => Err(corrupt("versions and numbers begin at 1")),
            Some((count, hash)) => Ok(Some((nat(count), Hash::from_bytes(hash)))),
            None => Ok(None),
        }
    }
}
