//! The rows of a device's file.

use super::{Daemon, STATE, failed};
use crate::failure::Failure;
use agenttrust_approver::DeviceState;
use agenttrust_approver::state::{Answered, Entry, Ledger, Unsent, VerifiedLog};
use agenttrust_protocol::door::Trouble;
use agenttrust_protocol::hash::Tdid;
use agenttrust_protocol::{Hash, Thumbprint, Time};
use rusqlite::types::Type;
use rusqlite::{Connection, Row, Transaction, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The rows of a device that has just been paired: it has answered nothing yet.
pub(super) fn create(change: &Transaction<'_>, daemon: &Daemon, device: &DeviceState) -> Result<(), Failure> {
    let sql = "INSERT INTO device (id, tdid, daemon, trust, seq) VALUES (1, ?1, ?2, ?3, 0)";
    let row = params![device.tdid.as_bytes(), json(daemon)?, json(&device.trust)?];
    change.execute(sql, row).map(drop).map_err(failed)
}

/// Replaces one of the values kept as JSON.
pub(super) fn set(db: &Connection, column: &str, value: &impl Serialize) -> Result<(), Failure> {
    let sql = format!("UPDATE device SET {column} = ?1 WHERE id = 1");
    db.execute(&sql, [json(value)?]).map(drop).map_err(failed)
}

/// Adds an entry and forgets what is over.
pub(super) fn add(change: &Transaction<'_>, entry: &Entry, now: Time) -> rusqlite::Result<()> {
    let run = |sql: &str, row: &[&dyn rusqlite::ToSql]| change.prepare_cached(sql)?.execute(row).map(drop);
    match entry {
        Entry::Answer { request, agent, answered, unsent, settled } => {
            let Answered { decision, verdict, seq, forget } = answered;
            run("UPDATE device SET seq = ?1 WHERE id = 1", params![seq])?;
            run("INSERT OR IGNORE INTO agents (agent) VALUES (?1)", params![agent.as_bytes()])?;
            run(
                "INSERT INTO answers (request, decision, verdict, seq, forget) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![request.as_bytes(), decision.as_bytes(), verdict.as_str(), seq, forget.0],
            )?;
            run(
                "INSERT INTO outbox (seq, request, until, message) VALUES (?1, ?2, ?3, ?4)",
                params![seq, request.as_bytes(), unsent.until.0, unsent.message],
            )?;
            run("DELETE FROM outbox WHERE seq < ?1", params![settled])?;
            run("DELETE FROM answers WHERE forget <= ?1", params![now.0])
        }
        Entry::Log(VerifiedLog { size, root }) => {
            run("UPDATE device SET log_size = ?1, log_root = ?2 WHERE id = 1", params![size, root.as_bytes()])
        }
    }
}

/// Reads everything back.
pub(super) fn read(db: &Connection) -> Result<(Daemon, DeviceState), Failure> {
    let sql = "SELECT tdid, daemon, trust, seq, log_size, log_root FROM device WHERE id = 1";
    let (tdid, daemon, trust, ledger) = db
        .query_row(sql, [], |row| {
            let (tdid, daemon, trust): (_, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let log = match row.get(4)? {
                Some(size) => Some(VerifiedLog { size, root: hash(row, 5)? }),
                None => None,
            };
            Ok((Tdid::from_bytes(tdid), daemon, trust, Ledger { seq: row.get(3)?, log, ..Ledger::default() }))
        })
        .map_err(unreadable)?;
    let agents = all(db, "SELECT agent FROM agents", |row| Ok(Thumbprint::from_bytes(row.get(0)?)));
    let answered = all(db, "SELECT request, decision, verdict, seq, forget FROM answers", answer);
    let outbox = all(db, "SELECT seq, request, until, message FROM outbox", |row| {
        Ok((row.get(0)?, Unsent { request: hash(row, 1)?, until: Time(row.get(2)?), message: row.get(3)? }))
    });
    let (answered, outbox) = (answered?.into_iter().collect(), outbox?.into_iter().collect());
    let ledger = Ledger { answered, outbox, ..ledger };
    let state = DeviceState { tdid, trust: from_json(&trust)?, ledger, agents: agents?.into_iter().collect() };
    Ok((from_json(&daemon)?, state))
}

fn all<T>(db: &Connection, sql: &str, read: fn(&Row<'_>) -> rusqlite::Result<T>) -> Result<Vec<T>, Failure> {
    let mut query = db.prepare(sql).map_err(failed)?;
    let rows = query.query_map([], read).and_then(Iterator::collect);
    rows.map_err(unreadable)
}

fn answer(row: &Row<'_>) -> rusqlite::Result<(Hash, Answered)> {
    let verdict: String = row.get(2)?;
    let verdict = verdict.parse().map_err(|_| rusqlite::Error::InvalidColumnType(2, verdict, Type::Text))?;
    let (seq, forget) = (row.get(3)?, Time(row.get(4)?));
    Ok((hash(row, 0)?, Answered { decision: hash(row, 1)?, verdict, seq, forget }))
}

fn hash(row: &Row<'_>, column: usize) -> rusqlite::Result<Hash> {
    row.get(column).map(Hash::from_bytes)
}

/// A value that is not what was written there.
fn unreadable(error: rusqlite::Error) -> Failure {
    if error.sqlite_error_code().is_some() {
        return failed(error);
    }
    Failure::new(Trouble::StoreCorrupt, format!("{STATE}: {error}"))
}

fn json(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|error| Failure::new(Trouble::Internal, error.to_string()))
}

fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, Failure> {
    serde_json::from_str(text).map_err(|error| Failure::new(Trouble::StoreCorrupt, format!("{STATE}: {error}")))
}
