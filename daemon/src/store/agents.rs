//! Enrolments, certificates and sessions.

use super::inbox::Event;
use super::log::segments_of;
use super::schema::{corrupt, nat};
use super::{Reader, StoreError, Tx};
use agenttrust_protocol::check::Asked;
use agenttrust_protocol::door::{AgentState, AgentView, Trouble};
use agenttrust_protocol::message::{self, AgentCert, Enroll, EventKind, Session};
use agenttrust_protocol::trust::Trust;
use agenttrust_protocol::{Hash, Opened, Reason, Thumbprint, Time};
use rusqlite::OptionalExtension;

/// How an enrolment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnrollmentState {
    /// The person has not answered.
    Pending,
    /// An admin device signed a certificate.
    Enrolled,
    /// The person does not know this agent.
    Refused,
}

/// One enrolment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrollment {
    /// The agent's key.
    pub agent: Thumbprint,
    /// How it stands.
    pub state: EnrollmentState,
    /// The enrolment message.
    pub message: String,
    /// The newest certificate for it.
    pub cert: Option<String>,
}

impl EnrollmentState {
    /// The word for it at the doors.
    pub const fn as_str(self) -> &'static str {
        match self {
            EnrollmentState::Pending => "pending",
            EnrollmentState::Enrolled => "enrolled",
            EnrollmentState::Refused => "refused",
        }
    }

    pub(super) const fn code(self) -> i64 {
        match self {
            EnrollmentState::Pending => 0,
            EnrollmentState::Enrolled => 1,
            EnrollmentState::Refused => 2,
        }
    }

    fn of(code: i64) -> Result<EnrollmentState, StoreError> {
        let all = [EnrollmentState::Pending, EnrollmentState::Enrolled, EnrollmentState::Refused];
        all.into_iter().find(|state| state.code() == code).ok_or_else(|| corrupt("no such enrolment state"))
    }
}

impl From<EnrollmentState> for AgentState {
    fn from(state: EnrollmentState) -> AgentState {
        match state {
            EnrollmentState::Pending => AgentState::Pending,
            EnrollmentState::Enrolled => AgentState::Enrolled,
            EnrollmentState::Refused => AgentState::Refused,
        }
    }
}

impl Tx<'_> {
    /// Stores an enrolment and puts it into the inbox; the same message again changes nothing.
    ///
    /// # Errors
    /// `unpaired` before bundle 1.
    pub fn enroll(
        &mut self,
        enroll: &Opened<Enroll>,
        process: Option<&str>,
        now: Time,
    ) -> Result<Enrollment, StoreError> {
        if let Some(known) = self.enrollment(&enroll.hash())? {
            return Ok(known);
        }
        let (key, name) = (enroll.body().key.thumbprint(), &enroll.body().name);
        let message = self.append(enroll, None, now)?;
        self.conn.execute(
            "INSERT INTO agent (key, name) VALUES (?1, ?2) ON CONFLICT (key) DO NOTHING",
            (key.as_bytes(), name),
        )?;
        let agent = self.agent_id(&key)?.ok_or_else(|| corrupt("an agent that was just stored is missing"))?;
        let seq = self.push(&Event::enroll(message), now)?;
        self.conn.execute(
            "INSERT INTO enrollment (message, agent, state, process, inbox) VALUES (?1, ?2, 0, ?3, ?4)",
            (message, agent, process, seq),
        )?;
        self.touched.push(enroll.hash());
        let message = enroll.as_str().to_owned();
        Ok(Enrollment { agent: key, state: EnrollmentState::Pending, message, cert: None })
    }

    /// Stores a certificate: its enrolment is accepted, a refused one too. The same message again changes nothing.
    ///
    /// # Errors
    /// `not_found` if the enrolment is unknown, `bad_payload` if its key is another one.
    pub fn certify(&mut self, cert: &Opened<AgentCert>, now: Time) -> Result<(), StoreError> {
        if self.index_of(&cert.hash())?.is_some() {
            return Ok(());
        }
        let body = cert.body();
        let (enroll, agent, key): (i64, i64, [u8; 32]) = self
            .conn
            .query_row(
                "SELECT e.message, a.id, a.key FROM message m JOIN enrollment e ON e.message = m.idx
                 JOIN agent a ON a.id = e.agent WHERE m.hash = ?1",
                [body.enroll.as_bytes()],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )
            .optional()?
            .ok_or(Trouble::NotFound)?;
        if *body.cnf.thumbprint().as_bytes() != key {
            return Err(Reason::BadPayload.into());
        }
        let message = self.append(cert, None, now)?;
        self.conn.execute("INSERT INTO cert (message, agent, enroll) VALUES (?1, ?2, ?3)", (message, agent, enroll))?;
        self.conn.execute("UPDATE agent SET name = ?2 WHERE id = ?1", (agent, &body.name))?;
        self.settle_enrollment(enroll, &body.enroll, EnrollmentState::Enrolled, now)
    }

    /// The person does not know this agent: appends a `refused` event. One that is refused already stays so.
    ///
    /// # Errors
    /// `not_found`; `conflict` if it has been accepted.
    pub fn refuse_enrollment(&mut self, enroll: &Hash, now: Time) -> Result<(), StoreError> {
        match self.enrollment(enroll)?.ok_or(Trouble::NotFound)?.state {
            EnrollmentState::Refused => Ok(()),
            EnrollmentState::Enrolled => Err(Trouble::Conflict.into()),
            EnrollmentState::Pending => {
                let index = self.index_of(enroll)?.ok_or(Trouble::NotFound)?;
                self.append_event(&message::Event { of: *enroll, kind: EventKind::Refused, code: None }, None, now)?;
                self.settle_enrollment(index, enroll, EnrollmentState::Refused, now)
            }
        }
    }

    fn settle_enrollment(
        &mut self,
        index: i64,
        hash: &Hash,
        state: EnrollmentState,
        now: Time,
    ) -> Result<(), StoreError> {
        self.conn.execute("UPDATE enrollment SET state = ?2 WHERE message = ?1", (index, state.code()))?;
        self.push(&Event::enrolled(index, state == EnrollmentState::Enrolled), now)?;
        self.touched.push(*hash);
        Ok(())
    }

    /// Stores a session; the same message again changes nothing, except that it brings back content that was erased.
    ///
    /// # Errors
    /// `not_enrolled` if its certificate is unknown or another agent's.
    pub fn store_session(&mut self, session: &Opened<Session>, now: Time) -> Result<(), StoreError> {
        let (cert, _) = self.cert_of(&session.body().cert, &session.signer())?;
        self.session_id(session, &session.hash(), cert, now)?;
        Ok(())
    }

    /// The agent of a request, and its session, which is stored if it is new.
    pub(super) fn place(&mut self, asked: &Asked, now: Time) -> Result<(i64, i64), StoreError> {
        let body = asked.request.body();
        let (cert, agent) = self.cert_of(&body.cert, &asked.request.signer())?;
        Ok((agent, self.session_id(&asked.session, &body.session, cert, now)?))
    }

    fn session_id(&mut self, session: &Opened<Session>, hash: &Hash, cert: i64, now: Time) -> Result<i64, StoreError> {
        if let Some((known, is_erased)) = self.known_session(hash)? {
            if is_erased && session.hash() == *hash {
                self.disclose(known, segments_of(session))?;
            }
            return Ok(known);
        }
        if session.hash() != *hash {
            return Err(Reason::WrongRequest.into());
        }
        let message = self.append(session, None, now)?;
        self.conn.prepare_cached("INSERT INTO session (message, cert, sid) VALUES (?1, ?2, ?3)")?.execute((
            message,
            cert,
            session.body().sid.as_str(),
        ))?;
        Ok(message)
    }

    /// A session, and whether its content is gone.
    fn known_session(&self, hash: &Hash) -> Result<Option<(i64, bool)>, StoreError> {
        let mut query = self.conn.prepare_cached(
            "SELECT s.message, d.message IS NULL FROM message m JOIN session s ON s.message = m.idx
             LEFT JOIN disclosure d ON d.message = s.message WHERE m.hash = ?1",
        )?;
        Ok(query.query_row([hash.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
    }

    /// A certificate and its agent, who must be the one who signed.
    fn cert_of(&self, cert: &Hash, agent: &Thumbprint) -> Result<(i64, i64), StoreError> {
        let mut query = self.conn.prepare_cached(
            "SELECT c.message, c.agent FROM message m JOIN cert c ON c.message = m.idx JOIN agent a ON a.id = c.agent
             WHERE m.hash = ?1 AND a.key = ?2",
        )?;
        let found = query.query_row((cert.as_bytes(), agent.as_bytes()), |row| Ok((row.get(0)?, row.get(1)?)));
        found.optional()?.ok_or(StoreError::Trouble(Trouble::NotEnrolled))
    }
}

impl Reader<'_> {
    pub(super) fn agent_id(&self, key: &Thumbprint) -> Result<Option<i64>, StoreError> {
        let mut query = self.conn.prepare_cached("SELECT id FROM agent WHERE key = ?1")?;
        Ok(query.query_row([key.as_bytes()], |row| row.get(0)).optional()?)
    }

    /// How an enrolment stands; `None` if it is unknown.
    ///
    /// # Errors
    /// Those of the database.
    pub fn enrollment(&self, enroll: &Hash) -> Result<Option<Enrollment>, StoreError> {
        let mut query = self.conn.prepare_cached(
            "SELECT e.message, a.key, e.state, (SELECT max(message) FROM cert WHERE agent = e.agent AND enroll = e.message)
             FROM message m JOIN enrollment e ON e.message = m.idx JOIN agent a ON a.id = e.agent WHERE m.hash = ?1",
        )?;
        let found: Option<(i64, [u8; 32], i64, Option<i64>)> = query
            .query_row([enroll.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
            .optional()?;
        let Some((message, key, state, cert)) = found else { return Ok(None) };
        Ok(Some(Enrollment {
            agent: Thumbprint::from_bytes(key),
            state: EnrollmentState::of(state)?,
            message: self.text_of(message)?,
            cert: cert.map(|cert| self.text_of(cert)).transpose()?,
        }))
    }

    /// An agent's newest certificate, whatever its time.
    ///
    /// # Errors
    /// Those of the database.
    pub fn newest_cert(&self, agent: &Thumbprint) -> Result<Option<String>, StoreError> {
        let mut query = self
            .conn
            .prepare_cached("SELECT max(c.message) FROM cert c JOIN agent a ON a.id = c.agent WHERE a.key = ?1")?;
        let cert: Option<i64> = query.query_row([agent.as_bytes()], |row| row.get(0))?;
        cert.map(|cert| self.text_of(cert)).transpose()
    }

    /// All agents, the newest first; revoked and paused by the status in `trust`.
    ///
    /// # Errors
    /// Those of the database.
    pub fn agents(&self, trust: &Trust) -> Result<Vec<AgentView>, StoreError> {
        let mut query = self.conn.prepare_cached(
            "SELECT a.key, a.requests, a.last_asked, e.message, e.state,
                    (SELECT max(message) FROM cert WHERE agent = a.id)
             FROM agent a JOIN enrollment e ON e.message = (
                 SELECT coalesce((SELECT enroll FROM cert WHERE agent = a.id ORDER BY message DESC LIMIT 1),
                                 (SELECT max(message) FROM enrollment WHERE agent = a.id)))
             ORDER BY a.id DESC",
        )?;
        let mut rows = query.query([])?;
        let mut agents = Vec::new();
        while let Some(row) = rows.next()? {
            let agent = Thumbprint::from_bytes(row.get(0)?);
            let cert: Option<i64> = row.get(5)?;
            let messages = std::iter::once(row.get(3)?).chain(cert).map(|message| self.text_of(message));
            let state = EnrollmentState::of(row.get(4)?)?;
            agents.push(AgentView {
                agent,
                messages: messages.collect::<Result<_, _>>()?,
                state: if trust.is_agent_revoked(&agent) { AgentState::Revoked } else { state.into() },
                paused: trust.is_paused(&agent),
                requests: nat(row.get(1)?),
                last_asked: row.get::<_, Option<i64>>(2)?.map(Time),
            });
        }
        Ok(agents)
    }
}
