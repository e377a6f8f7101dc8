//! Signed messages that the daemon has yet to take.

use super::Store;
use crate::error::Refused;
use rusqlite::Connection;

/// One signed message and the path it is posted to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parcel {
    pub(crate) path: String,
    pub(crate) body: String,
}

impl Store {
    pub(crate) fn post_later(&self, parcel: &Parcel) -> Result<(), Refused> {
        put(&self.db, parcel)
    }

    /// The oldest parcels, in the order in which they were put.
    pub(crate) fn parcels(&self, limit: u32) -> Result<Vec<(i64, Parcel)>, Refused> {
        let mut query = self.db.prepare_cached("SELECT id, path, body FROM outbox ORDER BY id LIMIT ?1")?;
        let rows =
            query.query_map([limit], |row| Ok((row.get(0)?, Parcel { path: row.get(1)?, body: row.get(2)? })))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    pub(crate) fn drop_parcel(&self, id: i64) -> Result<(), Refused> {
        self.db.execute("DELETE FROM outbox WHERE id = ?1", [id])?;
        Ok(())
    }
}

pub(super) fn put(db: &Connection, parcel: &Parcel) -> Result<(), Refused> {
    db.execute("INSERT INTO outbox (path, body) VALUES (?1, ?2)", [&parcel.path, &parcel.body])?;
    Ok(())
}
