//! The sessions of an agent, newest first.

use super::schema::{int, nat};
use super::{Reader, StoreError};
use agenttrust_protocol::door::{SessionView, SessionsPage, SessionsQuery};
use agenttrust_protocol::{Thumbprint, Time};

/// The most sessions of a page.
const MAX_ROWS: u64 = 200;

/// The sessions of a page unless the caller says otherwise.
const ROWS: u64 = 50;

impl Reader<'_> {
    /// One page; an agent that is unknown has none.
    ///
    /// # Errors
    /// Those of the database.
    pub fn sessions(&self, agent: &Thumbprint, query: &SessionsQuery) -> Result<SessionsPage, StoreError> {
        let none = SessionsPage { sessions: Vec::new(), next: None };
        let Some(agent) = self.agent_id(agent)? else { return Ok(none) };
        let limit = query.limit.unwrap_or(ROWS).clamp(1, MAX_ROWS);
        let mut statement = self.conn.prepare_cached(
            "SELECT s.message, (SELECT count(*) FROM request WHERE session = s.message),
                    (SELECT max(asked) FROM request WHERE session = s.message)
             FROM (SELECT s.message FROM cert c JOIN session s ON s.cert = c.message
                   WHERE c.agent = ?1 AND s.message < ?2 ORDER BY s.message DESC LIMIT ?3) s",
        )?;
        let before = query.before.map_or(i64::MAX, int);
        let mut rows = statement.query((agent, before, int(limit.saturating_add(1))))?;
        let mut page = none;
        let mut last = None;
        while let Some(row) = rows.next()? {
            if page.sessions.len() as u64 == limit {
                page.next = last.map(nat);
                break;
            }
            let message: i64 = row.get(0)?;
            last = Some(message);
            page.sessions.push(SessionView {
                message: self.text_of(message)?,
                requests: nat(row.get(1)?),
                last_asked: row.get::<_, Option<i64>>(2)?.map(Time),
            });
        }
        Ok(page)
    }
}
