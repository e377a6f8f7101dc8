//! How many requests stand in which state over time.

use crate::store::schema::{FIRST_OVER, code_of, nat};
use crate::store::{Reader, StoreError};
use agenttrust_protocol::Time;
use agenttrust_protocol::door::{CountRow, CountsQuery, MAX_COUNTED, Trouble};
use agenttrust_protocol::lifecycle::State;
use rusqlite::OptionalExtension;

/// Which requests are counted: those of one state, perhaps of one agent. Each has an index of its own, with the time
/// last, so that a span of time is counted without looking at a single row.
struct Which {
    condition: String,
    values: Vec<i64>,
}

impl Which {
    fn of(state: State, agent: Option<i64>) -> Which {
        let state = code_of(state);
        let is_open = state < FIRST_OVER;
        // The literal bound is what lets SQLite use the partial index.
        let bound = if is_open { "state < 3" } else { "state >= 3" };
        let index = match agent {
            Some(_) if !is_open => "request_over_agent",
            None if !is_open => "request_over",
            // There are never many.
            Some(_) | None => "request_open",
        };
        let mut condition = format!("FROM request INDEXED BY {index} WHERE state = ?3 AND {bound}");
        let mut values = vec![state];
        if let Some(agent) = agent {
            condition.push_str(" AND agent = ?4");
            values.push(agent);
        }
        Which { condition, values }
    }
}

impl Reader<'_> {
    /// The counts, ascending in time; what is zero is left out.
    ///
    /// # Errors
    /// `bad_request` for no span of time, or for too many.
    pub fn history_counts(&self, query: &CountsQuery) -> Result<Vec<CountRow>, StoreError> {
        let step = i64::try_from(query.step).ok().filter(|step| *step > 0).ok_or(Trouble::BadRequest)?;
        let length = query.until.checked_sub(query.since).filter(|length| *length > 0).ok_or(Trouble::BadRequest)?;
        let spans = nat(length).div_ceil(nat(step));
        if spans > MAX_COUNTED {
            return Err(Trouble::BadRequest.into());
        }
        let agent = query.agent.map(|agent| self.agent_id(&agent)).transpose()?;
        if agent == Some(None) {
            return Ok(Vec::new());
        }
        let mut rows = Vec::new();
        for state in State::ALL {
            self.count_state(&mut rows, query, step, *state, &Which::of(*state, agent.flatten()))?;
        }
        rows.sort_by_key(|row| (row.from, row.state));
        Ok(rows)
    }

    fn count_state(
        &self,
        rows: &mut Vec<CountRow>,
        query: &CountsQuery,
        step: i64,
        state: State,
        which: &Which,
    ) -> Result<(), StoreError> {
        let condition = &which.condition;
        let mut next = self.conn.prepare_cached(&format!(
            "SELECT asked {condition} AND asked >= ?1 AND asked < ?2 ORDER BY asked LIMIT 1"
        ))?;
        let mut count =
            self.conn.prepare_cached(&format!("SELECT count(*) {condition} AND asked >= ?1 AND asked < ?2"))?;
        let mut at = query.since;
        while at < query.until {
            // Spans in which nothing was asked are stepped over.
            let Some(first) = bound(&mut next, at, query.until, which)? else { return Ok(()) };
            let from = query.since + (first - query.since) / step * step;
            let end = from.saturating_add(step).min(query.until);
            let found = bound(&mut count, from, end, which)?.map_or(0, nat);
            rows.push(CountRow { from: Time(from), state, count: found });
            at = end;
        }
        Ok(())
    }
}

fn bound(
    query: &mut rusqlite::CachedStatement<'_>,
    from: i64,
    end: i64,
    which: &Which,
) -> Result<Option<i64>, StoreError> {
    let values = [from, end].into_iter().chain(which.values.iter().copied());
    Ok(query.query_row(rusqlite::params_from_iter(values), |row| row.get(0)).optional()?)
}
