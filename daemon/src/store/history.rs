//! History: requests by agent, tool, outcome, time and text, newest first.

mod counts;

use super::schema::{FIRST_OVER, code_of, int, nat, state_of};
use super::words::{query_of, request_of, rows_before};
use super::{Reader, StoreError};
use agenttrust_protocol::door::{HistoryPage, HistoryQuery, HistoryRow, Trouble};
use agenttrust_protocol::{Hash, Thumbprint, Time};
use rusqlite::types::Value;
use rusqlite::{OptionalExtension, params_from_iter};
use std::time::{Duration, Instant};

/// The most rows of a page.
const MAX_ROWS: u64 = 200;

/// The rows of a page unless the caller says otherwise.
const ROWS: u64 = 50;

/// How long a page that is searched by text may take, about.
const SEARCH_TIME: Duration = Duration::from_millis(15);

/// How many leaves are searched at a time: a word that is everywhere, or words that never stand together, must not
/// hold a page up.
const SEARCHED_AT_ONCE: i64 = 200_000;

/// A query whose names are looked up.
#[derive(Default)]
struct Filter {
    agent: Option<i64>,
    session: Option<String>,
    tool: Option<i64>,
    state: Option<i64>,
    since: Option<i64>,
    until: Option<i64>,
}

impl Filter {
    /// The index that has all rows of the answer next to each other, newest last.
    fn index(&self) -> &'static str {
        if self.session.is_some() {
            return "request_session";
        }
        match (self.agent, self.tool, self.state) {
            (_, _, Some(state)) if state < FIRST_OVER => "request_open",
            (None, None, None) => "request_asked",
            (Some(_), None, None) => "request_agent",
            (None, Some(_), None) => "request_tool",
            (Some(_), Some(_), None) => "request_agent_tool",
            (None, None, Some(_)) => "request_over",
            (Some(_), None, Some(_)) => "request_over_agent",
            (None, Some(_), Some(_)) => "request_over_tool",
            (Some(_), Some(_), Some(_)) => "request_over_agent_tool",
        }
    }

    /// The statement that lists ids, and its parameters; `before` is the cursor row's time and id.
    fn statement(&self, before: Option<(i64, i64)>, limit: i64) -> (String, Vec<Value>) {
        let mut sql = format!("SELECT id FROM request INDEXED BY {} WHERE 1", self.index());
        let mut values: Vec<Value> = Vec::new();
        if let (Some(agent), Some(session)) = (self.agent, &self.session) {
            sql.push_str(
                " AND session IN (SELECT s.message FROM cert c JOIN session s ON s.cert = c.message
                  WHERE c.agent = ? AND s.sid = ?)",
            );
            values.extend([agent.into(), session.clone().into()]);
        }
        let mut clause = |text: &str, given: &[i64]| {
            sql.push_str(text);
            values.extend(given.iter().copied().map(Value::from));
        };
        if let Some(agent) = self.agent {
            clause(" AND agent = ?", &[agent]);
        }
        if let Some(tool) = self.tool {
            clause(" AND tool = ?", &[tool]);
        }
        if let Some(state) = self.state {
            // The literal bound is what lets SQLite use the partial index.
            let bound =
                if state < FIRST_OVER { " AND state = ? AND state < 3" } else { " AND state = ? AND state >= 3" };
            clause(bound, &[state]);
        }
        if let Some(since) = self.since {
            clause(" AND asked >= ?", &[since]);
        }
        if let Some(until) = self.until {
            clause(" AND asked < ?", &[until]);
        }
        if let Some((asked, id)) = before {
            clause(" AND asked <= ? AND (asked < ? OR id < ?)", &[asked, asked, id]);
        }
        clause(" ORDER BY asked DESC, id DESC LIMIT ?", &[limit]);
        (sql, values)
    }
}

impl Reader<'_> {
    /// One page. A page that was searched by text can hold fewer rows than asked for, even none, while `next` says
    /// that there may be more: it stops after a few milliseconds, so that every page is quick.
    ///
    /// # Errors
    /// `bad_request` for a cursor that is not a request, and for a session without an agent.
    pub fn history(&self, query: &HistoryQuery) -> Result<HistoryPage, StoreError> {
        let limit = query.limit.unwrap_or(ROWS).clamp(1, MAX_ROWS);
        let limit = usize::try_from(limit).unwrap_or(1);
        let Some(filter) = self.filter(query)? else { return Ok(page(Vec::new(), None)) };
        let before = query.before.map(int);
        let (ids, next) = match &query.text {
            Some(text) => self.search(text, &filter, before, limit)?,
            None => self.list(&filter, before.map(|before| self.cursor(before)).transpose()?, limit)?,
        };
        let rows = ids.into_iter().map(|id| self.history_row(id)).collect::<Result<_, _>>()?;
        Ok(page(rows, next))
    }

    /// `None` if an agent or a tool is named that never asked.
    fn filter(&self, query: &HistoryQuery) -> Result<Option<Filter>, StoreError> {
        if query.session.is_some() && query.agent.is_none() {
            return Err(Trouble::BadRequest.into());
        }
        let agent = query.agent.map(|agent| self.agent_id(&agent)).transpose()?;
        let mut tools = self.conn.prepare_cached("SELECT id FROM tool WHERE name = ?1")?;
        let tool = query.tool.as_ref().map(|tool| tools.query_row([tool], |row| row.get(0)).optional()).transpose()?;
        if agent == Some(None) || tool == Some(None) {
            return Ok(None);
        }
        Ok(Some(Filter {
            agent: agent.flatten(),
            session: query.session.clone(),
            tool: tool.flatten(),
            state: query.outcome.map(code_of),
            since: query.since,
            until: query.until,
        }))
    }

    fn cursor(&self, id: i64) -> Result<(i64, i64), StoreError> {
        let mut query = self.conn.prepare_cached("SELECT asked FROM request WHERE id = ?1")?;
        let asked = query.query_row([id], |row| row.get(0)).optional()?.ok_or(Trouble::BadRequest)?;
        Ok((asked, id))
    }

    fn list(
        &self,
        filter: &Filter,
        before: Option<(i64, i64)>,
        limit: usize,
    ) -> Result<(Vec<i64>, Option<i64>), StoreError> {
        let (sql, values) = filter.statement(before, int(limit as u64 + 1));
        let mut query = self.conn.prepare_cached(&sql)?;
        let rows = query.query_map(params_from_iter(values), |row| row.get(0))?;
        let mut ids: Vec<i64> = rows.collect::<Result<_, _>>()?;
        let more = ids.len() > limit;
        ids.truncate(limit);
        let next = ids.last().copied().filter(|_| more);
        Ok((ids, next))
    }

    /// The requests that have the words, in the order in which they came.
    fn search(
        &self,
        text: &str,
        filter: &Filter,
        before: Option<i64>,
        limit: usize,
    ) -> Result<(Vec<i64>, Option<i64>), StoreError> {
        let Some(words) = query_of(text) else { return Ok((Vec::new(), None)) };
        let begun = Instant::now();
        let first: i64 = self.conn.query_row("SELECT coalesce(min(id), 0) FROM request", [], |row| row.get(0))?;
        let mut query = self.conn.prepare_cached(
            "SELECT rowid FROM words WHERE words MATCH ?1 AND rowid >= ?2 AND rowid < ?3 ORDER BY rowid DESC",
        )?;
        let mut ids: Vec<i64> = Vec::new();
        let mut end = before.unwrap_or(int(self.log_size()?));
        while end > first {
            let start = end.saturating_sub(SEARCHED_AT_ONCE).max(first);
            let mut rows = query.query((&words, rows_before(start), rows_before(end)))?;
            while let Some(row) = rows.next()? {
                let id = request_of(row.get(0)?);
                if id == end {
                    continue;
                }
                if ids.len() == limit {
                    return Ok((ids, Some(end)));
                }
                end = id;
                if self.passes(id, filter)? {
                    ids.push(id);
                }
                if begun.elapsed() > SEARCH_TIME {
                    return Ok((ids, Some(end)));
                }
            }
            end = start;
            if begun.elapsed() > SEARCH_TIME {
                break;
            }
        }
        Ok((ids, Some(end).filter(|end| *end > first)))
    }

    fn passes(&self, id: i64, filter: &Filter) -> Result<bool, StoreError> {
        let mut query = self.conn.prepare_cached(
            "SELECT r.agent, r.tool, r.state, r.asked, s.sid FROM request r JOIN session s ON s.message = r.session
             WHERE r.id = ?1",
        )?;
        let (agent, tool, state, asked, sid): (i64, i64, i64, i64, String) =
            query.query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)))?;
        let named = [(filter.agent, agent), (filter.tool, tool), (filter.state, state)];
        Ok(named.into_iter().all(|(wanted, found)| wanted.is_none_or(|wanted| wanted == found))
            && filter.session.as_ref().is_none_or(|session| *session == sid)
            && filter.since.is_none_or(|since| asked >= since)
            && filter.until.is_none_or(|until| asked < until))
    }

    fn history_row(&self, id: i64) -> Result<HistoryRow, StoreError> {
        let mut query = self.conn.prepare_cached(
            "SELECT m.hash, a.key, a.name, t.name, r.server, r.state, r.asked, r.decided, r.title, r.target
             FROM request r JOIN message m ON m.idx = r.id JOIN agent a ON a.id = r.agent JOIN tool t ON t.id = r.tool
             WHERE r.id = ?1",
        )?;
        let (row, state) = query.query_row([id], |row| {
            let found = HistoryRow {
                request: Hash::from_bytes(row.get(0)?),
                agent: Thumbprint::from_bytes(row.get(1)?),
                agent_name: row.get(2)?,
                tool: row.get(3)?,
                server: row.get(4)?,
                state: agenttrust_protocol::lifecycle::State::Pending,
                asked: Time(row.get(6)?),
                decided: row.get::<_, Option<i64>>(7)?.map(Time),
                decided_by: Vec::new(),
                title: row.get(8)?,
                target: row.get(9)?,
            };
            Ok((found, row.get(5)?))
        })?;
        Ok(HistoryRow { state: state_of(state)?, decided_by: self.decided_by(id)?, ..row })
    }

    fn decided_by(&self, request: i64) -> Result<Vec<Thumbprint>, StoreError> {
        let mut query = self.conn.prepare_cached(
            "SELECT v.key FROM decision d JOIN device v ON v.id = d.device WHERE d.request = ?1 ORDER BY d.message",
        )?;
        let rows = query.query_map([request], |row| row.get(0).map(Thumbprint::from_bytes))?;
        let mut devices: Vec<Thumbprint> = rows.collect::<Result<_, _>>()?;
        devices.dedup();
        Ok(devices)
    }
}

fn page(rows: Vec<HistoryRow>, next: Option<i64>) -> HistoryPage {
    HistoryPage { rows, next: next.map(nat) }
}
