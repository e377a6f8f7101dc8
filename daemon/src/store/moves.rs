//! What happens to a request after it came in. The one table of transitions is the protocol's.

use super::inbox::Event;
use super::schema::{code_of, state_of};
use super::{Reader, StoreError, Tx};
use agenttrust_protocol::door::Trouble;
use agenttrust_protocol::lifecycle::{State, Transition, next};
use agenttrust_protocol::message::{
    self, Cancel, Claim, Decision, EventKind, ExecutionResult, Message, Outcome, Verdict,
};
use agenttrust_protocol::{Hash, Opened, Reason, Thumbprint, Time};
use rusqlite::OptionalExtension;

/// A request that changed its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The request.
    pub request: Hash,
    /// Its state now.
    pub state: State,
}

/// What a transition needs to know of a request.
pub(super) struct RequestRow {
    pub id: i64,
    hash: Hash,
    state: State,
    agent: Thumbprint,
    exp: Time,
    claim: Option<i64>,
}

impl Tx<'_> {
    /// Appends a decision. `transition` is what the decisions add up to now: [`Transition::Approve`],
    /// [`Transition::Deny`], or `None` where more are needed, and then the request is put into the inbox again.
    /// The same decision again changes nothing. An approval lasts until the earliest `exp` of its decisions.
    ///
    /// # Errors
    /// `not_found`; [`StoreError::Closed`] if it comes too late.
    pub fn add_decision(
        &mut self,
        decision: &Opened<Decision>,
        transition: Option<Transition>,
        now: Time,
    ) -> Result<State, StoreError> {
        let row = self.row(&decision.body().req)?.ok_or(Trouble::NotFound)?;
        if self.index_of(&decision.hash())?.is_some() {
            return Ok(row.state);
        }
        let is_waited_for = match transition {
            Some(transition) => next(row.state, transition).is_some(),
            None => row.state == State::Pending,
        };
        if !is_waited_for {
            return Err(StoreError::Closed(row.state));
        }
        let device = self.device_id(&decision.signer())?;
        let message = self.append(decision, Some(row.id), now)?;
        let denies = decision.body().outcome == Verdict::Deny;
        self.conn
            .prepare_cached("INSERT INTO decision (message, request, device, denies, exp) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute((message, row.id, device, denies, decision.body().exp.0))?;
        self.number_used(decision)?;
        self.index(decision, row.id)?;
        self.answered(row.id, device, now)?;
        match transition {
            Some(transition) => {
                let due = self.approval_ends(&row)?;
                self.transit(&row, transition, Some(due), Some(device), None, now)
            }
            None => {
                let inbox = self.push(&Event::request(row.id), now)?;
                self.conn.execute("UPDATE request SET inbox = ?2 WHERE id = ?1", (row.id, inbox))?;
                self.touched.push(row.hash);
                Ok(row.state)
            }
        }
    }

    fn approval_ends(&self, row: &RequestRow) -> Result<Time, StoreError> {
        let mut query = self.conn.prepare_cached("SELECT min(exp) FROM decision WHERE request = ?1 AND denies = 0")?;
        let first: Option<i64> = query.query_row([row.id], |found| found.get(0))?;
        Ok(first.map_or(row.exp, |first| row.exp.min(Time(first))))
    }

    /// Lets the agent take the approval, at most once: the same claim again is answered alike, another is refused.
    ///
    /// # Errors
    /// `not_found`; `unknown_key` if another agent signed it; `claim_refused` if another claim took it or one of its
    /// decisions is not stored for this request; [`StoreError::Closed`].
    pub fn claim(&mut self, claim: &Opened<Claim>, lost_at: Time, now: Time) -> Result<State, StoreError> {
        let row = self.own_row(claim, &claim.body().req)?;
        if let Some(taken) = row.claim {
            let same = self.hash_of(taken)? == claim.hash();
            return if same { Ok(row.state) } else { Err(Reason::ClaimRefused.into()) };
        }
        next(row.state, Transition::Claim).ok_or(StoreError::Closed(row.state))?;
        for decision in &claim.body().decisions {
            if !self.is_decision_on(decision, row.id)? {
                return Err(Reason::ClaimRefused.into());
            }
        }
        let message = self.append(claim, Some(row.id), now)?;
        self.conn.prepare_cached("UPDATE request SET claim = ?2 WHERE id = ?1")?.execute((row.id, message))?;
        self.transit(&row, Transition::Claim, Some(lost_at), None, None, now)
    }

    fn is_decision_on(&self, decision: &Hash, request: i64) -> Result<bool, StoreError> {
        let mut query = self.conn.prepare_cached(
            "SELECT 1 FROM message m JOIN decision d ON d.message = m.idx
             WHERE m.hash = ?1 AND d.request = ?2 AND d.denies = 0",
        )?;
        Ok(query.exists((decision.as_bytes(), request))?)
    }

    /// Records what came of it. The same outcome again changes nothing.
    ///
    /// # Errors
    /// `not_found`, `unknown_key`, [`StoreError::Closed`].
    pub fn outcome(&mut self, outcome: &Opened<Outcome>, now: Time) -> Result<State, StoreError> {
        let row = self.own_row(outcome, &outcome.body().req)?;
        let transition = match outcome.body().result {
            ExecutionResult::Executed => Transition::Execute,
            ExecutionResult::Failed => Transition::Fail,
        };
        self.last_word(outcome, &row, transition, now)
    }

    /// The agent no longer wants an answer. The same message again changes nothing.
    ///
    /// # Errors
    /// `not_found`, `unknown_key`, [`StoreError::Closed`].
    pub fn cancel(&mut self, cancel: &Opened<Cancel>, now: Time) -> Result<State, StoreError> {
        let row = self.own_row(cancel, &cancel.body().req)?;
        self.last_word(cancel, &row, Transition::Cancel, now)
    }

    fn last_word<M: Message>(
        &mut self,
        message: &Opened<M>,
        row: &RequestRow,
        transition: Transition,
        now: Time,
    ) -> Result<State, StoreError> {
        if self.index_of(&message.hash())?.is_some() {
            return Ok(row.state);
        }
        next(row.state, transition).ok_or(StoreError::Closed(row.state))?;
        self.append(message, Some(row.id), now)?;
        self.index(message, row.id)?;
        self.transit(row, transition, None, None, None, now)
    }

    /// Moves at most `limit` requests whose time is over: unanswered and unclaimed ones expire, claimed ones without
    /// outcome become unknown. Each leaves an `event`, signed by the log key. Call again while `limit` came back.
    ///
    /// # Errors
    /// Those of the database.
    pub fn sweep(&mut self, now: Time, limit: usize) -> Result<Vec<Moved>, StoreError> {
        let due: Vec<Hash> = {
            let mut query = self.conn.prepare_cached(
                "SELECT m.hash FROM request r JOIN message m ON m.idx = r.id
                 WHERE r.due IS NOT NULL AND r.due <= ?1 ORDER BY r.due LIMIT ?2",
            )?;
            let rows = query.query_map((now.0, super::schema::int(limit as u64)), |row| row.get(0))?;
            rows.map(|hash| hash.map(Hash::from_bytes)).collect::<Result<_, _>>()?
        };
        let mut moved = Vec::new();
        for request in due {
            let Some(row) = self.row(&request)? else { continue };
            let (transition, kind) = match row.state {
                State::Claimed => (Transition::LoseTrack, EventKind::Unknown),
                State::Pending
                | State::Approved
                | State::Unknown
                | State::Denied
                | State::Expired
                | State::Cancelled
                | State::Revoked
                | State::Executed
                | State::Failed => (Transition::Expire, EventKind::Expired),
            };
            self.append_event(&message::Event { of: request, kind, code: None }, Some(row.id), now)?;
            let state = self.transit(&row, transition, None, None, None, now)?;
            moved.push(Moved { request, state });
        }
        Ok(moved)
    }

    /// Takes one step of the life cycle and tells it; whoever calls this has appended the evidence.
    pub(super) fn transit(
        &mut self,
        row: &RequestRow,
        transition: Transition,
        due: Option<Time>,
        by: Option<i64>,
        code: Option<&str>,
        now: Time,
    ) -> Result<State, StoreError> {
        let state = next(row.state, transition).ok_or(StoreError::Closed(row.state))?;
        let due = due.filter(|_| state.is_open()).map(|due| due.0);
        let decided = by.map(|_| now.0);
        self.conn
            .prepare_cached("UPDATE request SET state = ?2, due = ?3, decided = coalesce(decided, ?4) WHERE id = ?1")?
            .execute((row.id, code_of(state), due, decided))?;
        self.push(&Event::moved(row.id, state, by, code), now)?;
        self.touched.push(row.hash);
        Ok(state)
    }

    pub(super) fn row(&self, request: &Hash) -> Result<Option<RequestRow>, StoreError> {
        let mut query = self.conn.prepare_cached(
            "SELECT r.id, r.state, a.key, r.exp, r.claim FROM message m JOIN request r ON r.id = m.idx
             JOIN agent a ON a.id = r.agent WHERE m.hash = ?1",
        )?;
        let found = query.query_row([request.as_bytes()], |row| {
            let found = RequestRow {
                id: row.get(0)?,
                hash: *request,
                state: State::Pending,
                agent: Thumbprint::from_bytes(row.get(2)?),
                exp: Time(row.get(3)?),
                claim: row.get(4)?,
            };
            Ok((found, row.get(1)?))
        });
        let Some((row, state)) = found.optional()? else { return Ok(None) };
        Ok(Some(RequestRow { state: state_of(state)?, ..row }))
    }

    /// The request that one of its own agent's messages is about.
    fn own_row<M: Message>(&self, message: &Opened<M>, request: &Hash) -> Result<RequestRow, StoreError> {
        let row = self.row(request)?.ok_or(Trouble::NotFound)?;
        if row.agent == message.signer() { Ok(row) } else { Err(Reason::UnknownKey.into()) }
    }
}

impl Reader<'_> {
    /// When [`Tx::sweep`] has work next.
    ///
    /// # Errors
    /// Those of the database.
    pub fn next_due(&self) -> Result<Option<Time>, StoreError> {
        let mut query = self.conn.prepare_cached("SELECT min(due) FROM request WHERE due IS NOT NULL")?;
        Ok(query.query_row([], |row| row.get::<_, Option<i64>>(0))?.map(Time))
    }
}
