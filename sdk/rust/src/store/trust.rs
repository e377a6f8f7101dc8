//! What of trust is kept: the texts only. They are verified again whenever they are read.

use super::Store;
use crate::error::Refused;
use agenttrust_protocol::Time;
use rusqlite::{OptionalExtension, Transaction, params};

/// Everything accepted so far, in the order in which it was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TrustRows {
    /// Bundles, ascending; with the time it was first seen where the recovery key signed it.
    pub(crate) bundles: Vec<(String, Option<Time>)>,
    /// A recovery bundle that waits.
    pub(crate) recovery: Option<(String, Time)>,
    /// Statuses, ascending from an admin-signed one.
    pub(crate) statuses: Vec<String>,
}

/// What one step adds.
#[derive(Clone, Debug, Default)]
pub(crate) struct TrustStep {
    /// New bundles by version.
    pub(crate) bundles: Vec<(u64, String, Option<Time>)>,
    /// The recovery bundle that waits afterwards.
    pub(crate) recovery: Option<(String, Time)>,
    /// New statuses by `seq`, and whether an admin signed it: earlier ones are then of no more use.
    pub(crate) statuses: Vec<(u64, String, bool)>,
}

/// How far the record is: bundle version, status `seq`, and whether a recovery bundle waits.
pub(crate) type Mark = (u64, u64, bool);

impl Store {
    pub(crate) fn trust_mark(&self) -> Result<Mark, Refused> {
        let sql =
            "SELECT (SELECT coalesce(max(version), 0) FROM bundles), (SELECT coalesce(max(seq), 0) FROM statuses),
                          EXISTS (SELECT 1 FROM recovery)";
        Ok(self.db.prepare_cached(sql)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?)
    }

    /// Works out a step from what the record holds now, and writes it, with no other process in between.
    pub(crate) fn step_trust<T>(
        &mut self,
        work: impl FnOnce(TrustRows) -> Result<(T, TrustStep), Refused>,
    ) -> Result<T, Refused> {
        self.change(|change| {
            let (done, step) = work(read(change)?)?;
            write(change, &step)?;
            Ok(done)
        })
    }

    pub(crate) fn cert(&self) -> Result<Option<String>, Refused> {
        let sql = "SELECT cert FROM enrolment WHERE id = 1";
        Ok(self.db.prepare_cached(sql)?.query_row([], |row| row.get(0)).optional()?.flatten())
    }

    /// The enrolment on record if it `fits`, else the one that `make` gives, recorded.
    pub(crate) fn enrolment(
        &mut self,
        fits: impl FnOnce(&str) -> bool,
        make: impl FnOnce() -> String,
    ) -> Result<String, Refused> {
        self.change(|change| {
            let sql = "SELECT text FROM enrolment WHERE id = 1";
            let known: Option<String> = change.query_row(sql, [], |row| row.get(0)).optional()?;
            if let Some(text) = known.filter(|text| fits(text)) {
                return Ok(text);
            }
            let text = make();
            change.execute("INSERT OR REPLACE INTO enrolment (id, text) VALUES (1, ?1)", [&text])?;
            Ok(text)
        })
    }

    /// Records the certificate beside the enrolment it answers, if that is still on record.
    pub(crate) fn set_cert(&self, cert: &str) -> Result<(), Refused> {
        let sql = "UPDATE enrolment SET cert = ?1 WHERE id = 1 AND cert IS NOT ?1";
        self.db.execute(sql, [cert])?;
        Ok(())
    }

    pub(crate) fn grants(&self) -> Result<Vec<String>, Refused> {
        let mut query = self.db.prepare_cached("SELECT text FROM grants ORDER BY place")?;
        Ok(query.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// Replaces the live grants; answers whether they changed.
    pub(crate) fn set_grants(&mut self, texts: &[String]) -> Result<bool, Refused> {
        if self.grants()? == texts {
            return Ok(false);
        }
        self.change(|change| {
            change.execute("DELETE FROM grants", [])?;
            for text in texts {
                change.execute("INSERT INTO grants (text) VALUES (?1)", [text])?;
            }
            Ok(true)
        })
    }
}

fn read(db: &rusqlite::Connection) -> Result<TrustRows, Refused> {
    let mut query = db.prepare_cached("SELECT text, first_seen FROM bundles ORDER BY version")?;
    let bundles = query.query_map([], |row| Ok((row.get(0)?, row.get::<_, Option<i64>>(1)?.map(Time))))?;
    let mut statuses = db.prepare_cached("SELECT text FROM statuses ORDER BY seq")?;
    let recovery = "SELECT text, first_seen FROM recovery";
    Ok(TrustRows {
        bundles: bundles.collect::<Result<_, _>>()?,
        recovery: db.query_row(recovery, [], |row| Ok((row.get(0)?, Time(row.get(1)?)))).optional()?,
        statuses: statuses.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?,
    })
}

fn write(change: &Transaction<'_>, step: &TrustStep) -> Result<(), Refused> {
    for (version, text, seen) in &step.bundles {
        let sql = "INSERT INTO bundles (version, text, first_seen) VALUES (?1, ?2, ?3)";
        change.execute(sql, params![version, text, seen.map(|time| time.0)])?;
    }
    // With no condition the whole table would be written anew, and synced, where it is empty already.
    change.execute("DELETE FROM recovery WHERE id = 1", [])?;
    if let Some((text, seen)) = &step.recovery {
        change.execute("INSERT INTO recovery (id, text, first_seen) VALUES (1, ?1, ?2)", params![text, seen.0])?;
    }
    for (seq, text, by_admin) in &step.statuses {
        if *by_admin {
            change.execute("DELETE FROM statuses", [])?;
        }
        change.execute("INSERT INTO statuses (seq, text) VALUES (?1, ?2)", params![seq, text])?;
    }
    Ok(())
}
