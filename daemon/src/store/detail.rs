//! One message, one request.

use super::log::wire;
use super::schema::{Typ, nat, state_of};
use super::{Reader, StoreError};
use agenttrust_protocol::door::{LeafRef, RequestDetail};
use agenttrust_protocol::lifecycle::State;
use agenttrust_protocol::{Hash, Thumbprint, Time};
use rusqlite::OptionalExtension;

/// A stored message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its leaf index.
    pub index: u64,
    /// The wire form; without what was erased.
    pub text: String,
    /// When it was stored.
    pub at: Time,
}

/// How a request stands, with the messages to judge it by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its state.
    pub state: State,
    /// The agent's key.
    pub agent: Thumbprint,
    /// The certificate it named.
    pub cert: String,
    /// Its session.
    pub session: String,
    /// The request itself.
    pub request: String,
    /// The decisions so far, in the order of the log.
    pub decisions: Vec<String>,
}

/// What a request rests on.
struct Roots {
    state: State,
    agent: Thumbprint,
    cert: i64,
    session: i64,
}

impl Reader<'_> {
    /// A message of any type; `None` if it is unknown.
    ///
    /// # Errors
    /// Those of the database.
    pub fn message(&self, hash: &Hash) -> Result<Option<Stored>, StoreError> {
        let mut query = self.conn.prepare_cached("SELECT idx, at FROM message WHERE hash = ?1")?;
        let found: Option<(i64, i64)> =
            query.query_row([hash.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        let Some((index, at)) = found else { return Ok(None) };
        Ok(Some(Stored { index: nat(index), text: self.text_of(index)?, at: Time(at) }))
    }

    /// How a request stands; `None` if it is unknown.
    ///
    /// # Errors
    /// Those of the database.
    pub fn standing(&self, request: &Hash) -> Result<Option<Standing>, StoreError> {
        let Some(id) = self.request_id(request)? else { return Ok(None) };
        let roots = self.roots(id)?;
        Ok(Some(Standing {
            state: roots.state,
            agent: roots.agent,
            cert: self.text_of(roots.cert)?,
            session: self.text_of(roots.session)?,
            request: self.text_of(id)?,
            decisions: self.decisions(id)?,
        }))
    }

    /// Everything about one request; `None` if it is unknown.
    ///
    /// # Errors
    /// Those of the database.
    pub fn request_detail(&self, request: &Hash) -> Result<Option<RequestDetail>, StoreError> {
        let Some(id) = self.request_id(request)? else { return Ok(None) };
        let roots = self.roots(id)?;
        let mut messages = vec![self.text_of(roots.cert)?, self.text_of(roots.session)?];
        let mut leaves = vec![self.leaf_ref(roots.cert)?, self.leaf_ref(roots.session)?];
        let mut query = self.conn.prepare_cached(
            "SELECT m.idx, m.hash, m.typ, m.leaf, d.segments FROM message m
             LEFT JOIN disclosure d ON d.message = m.idx WHERE m.request = ?1 ORDER BY m.idx",
        )?;
        let mut rows = query.query([id])?;
        while let Some(row) = rows.next()? {
            leaves.push(LeafRef { hash: Hash::from_bytes(row.get(1)?), index: nat(row.get(0)?) });
            messages.push(wire(row.get(2)?, row.get(3)?, row.get(4)?)?);
        }
        Ok(Some(RequestDetail { state: roots.state, messages, marks: self.marks(id)?, leaves }))
    }

    /// What a device needs to answer a request: certificate, session, request, and the decisions so far.
    pub(super) fn question(&self, id: i64) -> Result<Vec<String>, StoreError> {
        let roots = self.roots(id)?;
        let mut messages = vec![self.text_of(roots.cert)?, self.text_of(roots.session)?, self.text_of(id)?];
        messages.extend(self.decisions(id)?);
        Ok(messages)
    }

    fn roots(&self, id: i64) -> Result<Roots, StoreError> {
        let mut query = self.conn.prepare_cached(
            "SELECT r.state, a.key, s.cert, r.session FROM request r JOIN agent a ON a.id = r.agent
             JOIN session s ON s.message = r.session WHERE r.id = ?1",
        )?;
        let (state, agent, cert, session): (i64, [u8; 32], i64, i64) =
            query.query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
        Ok(Roots { state: state_of(state)?, agent: Thumbprint::from_bytes(agent), cert, session })
    }

    fn decisions(&self, id: i64) -> Result<Vec<String>, StoreError> {
        let mut query = self.conn.prepare_cached(
            "SELECT m.leaf, c.segments FROM decision d JOIN message m ON m.idx = d.message
             LEFT JOIN disclosure c ON c.message = m.idx WHERE d.request = ?1 ORDER BY m.idx",
        )?;
        let rows = query.query_map([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.map(|row| {
            row.map_err(StoreError::from).and_then(|(leaf, segments)| wire(Typ::DECISION.code, leaf, segments))
        })
        .collect()
    }

    pub(super) fn leaf_ref(&self, index: i64) -> Result<LeafRef, StoreError> {
        Ok(LeafRef { hash: self.hash_of(index)?, index: nat(index) })
    }
}
