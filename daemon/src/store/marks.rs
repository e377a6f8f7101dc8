//! What devices did: delivered, opened and answered marks, when they were here. Operational, beside the log.

use super::schema::{code_of, nat};
use super::{Reader, StoreError, Tx};
use agenttrust_protocol::door::{DeviceView, Mark, SeenKind};
use agenttrust_protocol::lifecycle::State;
use agenttrust_protocol::trust::Trust;
use agenttrust_protocol::{Hash, Thumbprint, Time};
use rusqlite::OptionalExtension;

/// Numbers for the daemon's status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that wait for an answer.
    pub pending: u64,
    /// Leaves of the log.
    pub log_size: u64,
}

impl Tx<'_> {
    /// Notes what reached a device; the first time counts, unknown requests are left out.
    ///
    /// # Errors
    /// Those of the database.
    pub fn mark(
        &mut self,
        device: &Thumbprint,
        requests: &[Hash],
        kind: SeenKind,
        now: Time,
    ) -> Result<(), StoreError> {
        let device = self.device_id(device)?;
        for request in requests {
            if let Some(request) = self.request_id(request)? {
                let column = match kind {
                    SeenKind::Delivered => "delivered",
                    SeenKind::Opened => "opened",
                };
                self.set_mark(request, device, column, now)?;
            }
        }
        Ok(())
    }

    /// Notes that a device answered.
    pub(super) fn answered(&mut self, request: i64, device: i64, now: Time) -> Result<(), StoreError> {
        self.set_mark(request, device, "answered", now)
    }

    fn set_mark(&self, request: i64, device: i64, column: &'static str, now: Time) -> Result<(), StoreError> {
        let sql = format!(
            "INSERT INTO mark (request, device, {column}) VALUES (?1, ?2, ?3)
             ON CONFLICT (request, device) DO UPDATE SET {column} = coalesce({column}, excluded.{column})"
        );
        self.conn.prepare_cached(&sql)?.execute((request, device, now.0))?;
        Ok(())
    }

    /// Notes that a device is connected.
    ///
    /// # Errors
    /// Those of the database.
    pub fn device_seen(&mut self, device: &Thumbprint, now: Time) -> Result<(), StoreError> {
        let device = self.device_id(device)?;
        self.conn.execute("UPDATE device SET last_seen = ?2 WHERE id = ?1", (device, now.0))?;
        Ok(())
    }

    /// The row of a device, made if it is new.
    pub(super) fn device_id(&self, key: &Thumbprint) -> Result<i64, StoreError> {
        let mut query = self.conn.prepare_cached("SELECT id FROM device WHERE key = ?1")?;
        if let Some(id) = query.query_row([key.as_bytes()], |row| row.get(0)).optional()? {
            return Ok(id);
        }
        self.conn.execute("INSERT INTO device (key) VALUES (?1)", [key.as_bytes()])?;
        Ok(self.conn.last_insert_rowid())
    }
}

impl Reader<'_> {
    /// The devices of the current bundle; `connected` is `false` and for the caller to fill in.
    ///
    /// # Errors
    /// Those of the database.
    pub fn devices(&self, trust: &Trust) -> Result<Vec<DeviceView>, StoreError> {
        let mut query = self.conn.prepare_cached("SELECT last_seen, cosigned FROM device WHERE key = ?1")?;
        let mut devices = Vec::new();
        for device in &trust.current().body().devices {
            let key = device.key.thumbprint();
            let found: Option<(Option<i64>, Option<i64>)> =
                query.query_row([key.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
            let (last_seen, cosigned) = found.unwrap_or_default();
            devices.push(DeviceView {
                device: key,
                connected: false,
                last_seen: last_seen.map(Time),
                cosigned: cosigned.map(nat),
                revoked: trust.is_device_revoked(&key),
            });
        }
        Ok(devices)
    }

    /// Who got a request when.
    pub(super) fn marks(&self, request: i64) -> Result<Vec<Mark>, StoreError> {
        let mut query = self.conn.prepare_cached(
            "SELECT v.key, k.delivered, k.opened, k.answered FROM mark k JOIN device v ON v.id = k.device
             WHERE k.request = ?1 ORDER BY k.device",
        )?;
        let rows = query.query_map([request], |row| {
            let time = |column| row.get::<_, Option<i64>>(column).map(|at| at.map(Time));
            Ok(Mark {
                device: Thumbprint::from_bytes(row.get(0)?),
                delivered: time(1)?,
                opened: time(2)?,
                answered: time(3)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Numbers for the daemon's status.
    ///
    /// # Errors
    /// Those of the database.
    pub fn counts(&self) -> Result<Counts, StoreError> {
        let mut query = self.conn.prepare_cached("SELECT count(*) FROM request WHERE state = ?1 AND state < 3")?;
        let pending = query.query_row([code_of(State::Pending)], |row| row.get(0))?;
        Ok(Counts { pending: nat(pending), log_size: self.log_size()? })
    }
}
