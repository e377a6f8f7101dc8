//! Requests coming in.

use super::inbox::Event;
use super::schema::{code_of, state_of};
use super::{Reader, StoreError, Tx};
use agenttrust_protocol::check::Asked;
use agenttrust_protocol::constraint::Reservation;
use agenttrust_protocol::lifecycle::State;
use agenttrust_protocol::message::Request;
use agenttrust_protocol::{Hash, Opened, Reason, Received, Time};
use rusqlite::OptionalExtension;

/// Where a request begins.
#[derive(Clone, Copy, Debug)]
pub enum Entry<'r> {
    /// The person is asked.
    Pending,
    /// It runs under the grant it names; an offline report has no reservations.
    Claimed {
        /// What to add to the grant's counters.
        reservations: &'r [Reservation],
        /// When the agent's silence makes it `unknown`.
        lost_at: Time,
    },
}

impl Entry<'_> {
    const fn state(&self) -> State {
        match self {
            Entry::Pending => State::Pending,
            Entry::Claimed { .. } => State::Claimed,
        }
    }
}

/// A request that is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The stored request: another one than given where `call` found it.
    pub request: Hash,
    /// Its state.
    pub state: State,
    /// Whether it was stored just now.
    pub fresh: bool,
}

impl Tx<'_> {
    /// Stores a request, its session with it where that is new, and puts it into the inbox.
    ///
    /// The same request again changes nothing. A request whose `call` is known (same agent, session id, action and
    /// equal arguments) is answered with the stored one, unless that is expired or cancelled. Where the arguments of
    /// the stored one are erased, equal ones are assumed: an action is rather asked too seldom than run twice.
    ///
    /// # Errors
    /// `not_enrolled` if its certificate is unknown, `not_found` if it enters under a grant that is unknown,
    /// `spent` if its `call` was used.
    pub fn insert_request(&mut self, asked: &Asked, entry: Entry<'_>, now: Time) -> Result<Placed, StoreError> {
        let request = asked.request.hash();
        if let Some(state) = self.state(&request)? {
            return Ok(Placed { request, state, fresh: false });
        }
        let (agent, session) = self.place(asked, now)?;
        let call = asked.request.body().call.as_deref().map(|call| call_key(asked, call));
        if let Some(call) = call
            && let Some(known) = self.same_call(asked, call)?
        {
            return Ok(known);
        }
        let id = self.append_request(asked, now)?;
        let grant = match entry {
            Entry::Pending => None,
            Entry::Claimed { reservations, .. } => Some(self.use_grant(asked, reservations, now)?),
        };
        let state = entry.state();
        let (event, due) = match entry {
            Entry::Pending => (Event::request(id), asked.request.body().exp),
            Entry::Claimed { lost_at, .. } => (Event::moved(id, state, None, None), lost_at),
        };
        let inbox = self.push(&event, now)?;
        let body = asked.request.body();
        self.conn
            .prepare_cached(
                "INSERT INTO request (id, session, agent, tool, server, state, asked, exp, due, call, grant_id, inbox,
                                      title, target)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
            )?
            .execute(rusqlite::params![
                id,
                session,
                agent,
                self.tool_id(&body.action.tool)?,
                body.action.server,
                code_of(state),
                now.0,
                body.exp.0,
                due.0,
                call,
                grant,
                inbox,
                asked.content.title,
                asked.content.target,
            ])?;
        self.conn
            .prepare_cached("UPDATE agent SET requests = requests + 1, last_asked = ?2 WHERE id = ?1")?
            .execute((agent, now.0))?;
        self.index(&asked.request, id)?;
        self.touched.push(request);
        Ok(Placed { request, state, fresh: true })
    }

    /// A request is about itself.
    fn append_request(&mut self, asked: &Asked, now: Time) -> Result<i64, StoreError> {
        let id = super::schema::int(self.size);
        self.append(&asked.request, Some(id), now)
    }

    fn tool_id(&self, name: &str) -> Result<i64, StoreError> {
        let mut query = self.conn.prepare_cached("SELECT id FROM tool WHERE name = ?1")?;
        if let Some(id) = query.query_row([name], |row| row.get(0)).optional()? {
            return Ok(id);
        }
        self.conn.execute("INSERT INTO tool (name) VALUES (?1)", [name])?;
        Ok(self.conn.last_insert_rowid())
    }

    /// The stored request that answers this call, if there is one.
    fn same_call(&self, asked: &Asked, call: i64) -> Result<Option<Placed>, StoreError> {
        let mut query = self.conn.prepare_cached("SELECT id, state FROM request WHERE call = ?1 ORDER BY id DESC")?;
        let mut rows = query.query([call])?;
        while let Some(row) = rows.next()? {
            let (id, state) = (row.get(0)?, state_of(row.get(1)?)?);
            if !self.is_same(asked, id)? {
                continue;
            }
            match state {
                State::Expired | State::Cancelled => {}
                State::Claimed | State::Unknown | State::Executed | State::Failed => return Err(Reason::Spent.into()),
                State::Pending | State::Approved | State::Denied | State::Revoked => {
                    return Ok(Some(Placed { request: self.hash_of(id)?, state, fresh: false }));
                }
            }
        }
        Ok(None)
    }

    fn is_same(&self, asked: &Asked, id: i64) -> Result<bool, StoreError> {
        let key = asked.cert.body().cnf;
        // The key of calls is short: a stored request that is another agent's does not verify, and is not the same.
        let stored = Received::<Request>::parse(&self.text_of(id)?)
            .and_then(|received| received.open(|kid| Some(key).filter(|key| key.thumbprint() == *kid)));
        let Ok(stored) = stored else { return Ok(false) };
        let sid: String = self
            .conn
            .prepare_cached("SELECT s.sid FROM request r JOIN session s ON s.message = r.session WHERE r.id = ?1")?
            .query_row([id], |row| row.get(0))?;
        let (old, new) = (stored.body(), asked.request.body());
        let same = sid == asked.session.body().sid.as_str() && old.call == new.call && old.action == new.action;
        Ok(same && equal_arguments(&stored, asked))
    }
}

fn equal_arguments(stored: &Opened<Request>, asked: &Asked) -> bool {
    stored.content().map_or(true, |content| content.arguments == asked.content.arguments)
}

/// What calls are looked up by; equality is decided on the messages.
fn call_key(asked: &Asked, call: &str) -> i64 {
    let mut bytes = asked.agent().as_bytes().to_vec();
    bytes.extend_from_slice(asked.session.body().sid.as_str().as_bytes());
    bytes.extend_from_slice(call.as_bytes());
    let hash = Hash::of(&bytes);
    hash.as_bytes().first_chunk().map_or(0, |first| i64::from_be_bytes(*first))
}

impl Reader<'_> {
    /// A request's state; `None` if it is unknown.
    ///
    /// # Errors
    /// Those of the database.
    pub fn state(&self, request: &Hash) -> Result<Option<State>, StoreError> {
        let mut query = self
            .conn
            .prepare_cached("SELECT r.state FROM message m JOIN request r ON r.id = m.idx WHERE m.hash = ?1")?;
        query.query_row([request.as_bytes()], |row| row.get(0)).optional()?.map(state_of).transpose()
    }
}
