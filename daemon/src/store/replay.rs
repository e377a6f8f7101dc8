//! Reading the log from its beginning: every signature, every step, and where the requests can stand after it.
//!
//! Whether a set of decisions was enough, and whether a grant covered a request, can rest on content that is erased
//! by now. So a request is followed as the set of states that the log allows; the stored state must be one of them.

use super::schema::{Typ, corrupt, state_of};
use super::{Reader, StoreError};
use agenttrust_protocol::envelope::Message;
use agenttrust_protocol::key::{Agent, Approval, PublicKey};
use agenttrust_protocol::lifecycle::{State, Transition, next};
use agenttrust_protocol::message::{
    AgentCert, Bundle, Cancel, Claim, Decision, Enroll, Event, EventKind, ExecutionResult, Grant, Outcome, PairInit,
    Request, RevokedKind, Session, Status, Verdict,
};
use agenttrust_protocol::trust::Trust;
use agenttrust_protocol::{Hash, Opened, Reason, Received, Thumbprint, Time};
use rusqlite::OptionalExtension;
use std::collections::{BTreeMap, HashMap, HashSet};

/// A stored message.
pub(super) struct Leaf {
    pub index: i64,
    pub hash: Hash,
    pub typ: Typ,
    pub at: Time,
    pub request: Option<i64>,
    /// The wire form, without what was erased.
    pub text: String,
}

/// Why a leaf does not fit.
pub(super) enum Flaw {
    /// What is wrong with it.
    Wrong(String),
    /// The database failed.
    Failed(StoreError),
}

impl From<Reason> for Flaw {
    fn from(reason: Reason) -> Flaw {
        Flaw::Wrong(reason.to_string())
    }
}

impl From<StoreError> for Flaw {
    fn from(error: StoreError) -> Flaw {
        Flaw::Failed(error)
    }
}

fn demand(holds: bool, what: &str) -> Result<(), Flaw> {
    if holds { Ok(()) } else { Err(Flaw::Wrong(what.to_owned())) }
}

/// A request whose end was not seen yet.
struct Followed {
    hash: Hash,
    agent: Thumbprint,
    states: Vec<State>,
    yeses: HashMap<Hash, Thumbprint>,
}

/// What the log says so far.
pub(super) struct Replay<'r> {
    reader: &'r Reader<'r>,
    trust: Option<Trust>,
    agents: HashMap<Thumbprint, PublicKey<Agent>>,
    certs: HashMap<Hash, Thumbprint>,
    enrollments: BTreeMap<i64, (Hash, i64)>,
    followed: BTreeMap<i64, Followed>,
    /// Decisions without a row: an event must say why they do not count.
    uncounted: BTreeMap<i64, Hash>,
    /// How many rows each table must have.
    rows: BTreeMap<&'static str, i64>,
}

impl<'r> Replay<'r> {
    pub fn new(reader: &'r Reader<'r>) -> Replay<'r> {
        Replay {
            reader,
            trust: None,
            agents: HashMap::new(),
            certs: HashMap::new(),
            enrollments: BTreeMap::new(),
            followed: BTreeMap::new(),
            uncounted: BTreeMap::new(),
            rows: ["bundle", "status", "enrollment", "cert", "session", "request", "decision", "grants"]
                .map(|table| (table, 0))
                .into(),
        }
    }

    /// Reads the next leaf.
    pub fn read(&mut self, leaf: &Leaf) -> Result<(), Flaw> {
        if let Some(trust) = &mut self.trust {
            trust.settle(leaf.at);
        }
        match leaf.typ {
            Typ::BUNDLE => self.bundle(leaf),
            Typ::STATUS => self.status(leaf),
            Typ::ENROLL => self.enroll(leaf),
            Typ::CERT => self.cert(leaf),
            Typ::SESSION => self.session(leaf),
            Typ::REQUEST => self.request(leaf),
            Typ::DECISION => self.decision(leaf),
            Typ::CLAIM => self.claim(leaf),
            Typ::OUTCOME => self.outcome(leaf),
            Typ::CANCEL => self.cancel(leaf),
            Typ::EVENT => self.event(leaf),
            Typ::GRANT => self.grant(leaf),
            Typ::PAIR_INIT => same_hash(leaf, &Received::<PairInit>::parse(&leaf.text)?.open_own()?),
            _ => Err(corrupt("no such type").into()),
        }
    }

    fn trust(&self) -> Result<&Trust, Flaw> {
        self.trust.as_ref().ok_or_else(|| Flaw::Wrong("it stands before bundle 1".to_owned()))
    }

    fn count(&mut self, table: &'static str) {
        *self.rows.entry(table).or_default() += 1;
    }

    /// Opens a message of a device of any bundle so far.
    fn by_device<M: Message<Signer = Approval>>(&self, leaf: &Leaf) -> Result<Opened<M>, Flaw> {
        let bundles = self.trust()?.bundles();
        let key = |kid: &Thumbprint| bundles.iter().rev().find_map(|b| b.body().device(kid)).map(|device| device.key);
        opened(leaf, Received::<M>::parse(&leaf.text)?.open(key)?)
    }

    /// Opens a message of an agent that has enrolled.
    fn by_agent<M: Message<Signer = Agent>>(&self, leaf: &Leaf) -> Result<Opened<M>, Flaw> {
        opened(leaf, Received::<M>::parse(&leaf.text)?.open(|kid| self.agents.get(kid).copied())?)
    }

    fn bundle(&mut self, leaf: &Leaf) -> Result<(), Flaw> {
        demand(Received::<Bundle>::parse(&leaf.text)?.hash() == leaf.hash, WRONG_HASH)?;
        match &mut self.trust {
            Some(trust) => trust.accept_bundle(&leaf.text, leaf.at)?,
            None => self.trust = Some(Trust::enter(&leaf.text, None)?),
        }
        let trust = self.trust()?;
        // A recovery bundle that an admin replaced has no row any more.
        let expected = trust.bundles().len() + usize::from(trust.recovery().is_some());
        self.rows.insert("bundle", super::schema::int(expected as u64));
        Ok(())
    }

    fn status(&mut self, leaf: &Leaf) -> Result<(), Flaw> {
        let trust = self.trust.as_mut().ok_or_else(|| Flaw::Wrong("it stands before bundle 1".to_owned()))?;
        trust.accept_status(&leaf.text)?;
        let status = trust.status().filter(|status| status.hash() == leaf.hash);
        let status: Status = status.ok_or_else(|| Flaw::Wrong(WRONG_HASH.to_owned()))?.body().clone();
        self.count("status");
        let hit: Vec<i64> = self.followed.iter().filter(|(_, f)| hits(&status, f)).map(|(id, _)| *id).collect();
        for id in hit {
            self.advance(id, |state| match next(state, Transition::Revoke) {
                Some(revoked) => vec![revoked],
                None => vec![state],
            })?;
        }
        Ok(())
    }

    fn enroll(&mut self, leaf: &Leaf) -> Result<(), Flaw> {
        let enroll = opened(leaf, Received::<Enroll>::parse(&leaf.text)?.open_own()?)?;
        self.agents.insert(enroll.body().key.thumbprint(), enroll.body().key);
        self.enrollments.insert(leaf.index, (leaf.hash, 0));
        self.count("enrollment");
        Ok(())
    }

    fn cert(&mut self, leaf: &Leaf) -> Result<(), Flaw> {
        let cert: Opened<AgentCert> = self.by_device(leaf)?;
        let bundles = self.trust()?.bundles();
        demand(bundles.iter().any(|bundle| bundle.body().admin(&cert.signer()).is_some()), "no admin signed it")?;
        let enrolled = self.enrollments.values_mut().find(|(hash, _)| *hash == cert.body().enroll);
        let (_, state) = enrolled.ok_or_else(|| Flaw::Wrong("its enrolment is not in the log".to_owned()))?;
        *state = 1;
        self.certs.insert(leaf.hash, cert.body().cnf.thumbprint());
        self.count("cert");
        Ok(())
    }

    fn session(&mut self, leaf: &Leaf) -> Result<(), Flaw> {
        let session: Opened<Session> = self.by_agent(leaf)?;
        demand(self.certs.get(&session.body().cert) == Some(&session.signer()), "its certificate is another agent's")?;
        self.count("session");
        Ok(())
    }

    fn request(&mut self, leaf: &Leaf) -> Result<(), Flaw> {
        let request: Opened<Request> = self.by_agent(leaf)?;
        let body = request.body();
        demand(self.certs.get(&body.cert) == Some(&request.signer()), "its certificate is another agent's")?;
        demand(leaf.request == Some(leaf.index), "it is filed under another request")?;
        let row = self.reader.stored_request(leaf.index)?;
        let expected = (request.signer(), body.session, body.action.tool.clone(), body.action.server.clone(), body.exp);
        demand(row == Some(expected), "its row says something else")?;
        let states = if body.grant.is_some() { State::ENTRIES.to_vec() } else { vec![State::Pending] };
        let followed = Followed { hash: leaf.hash, agent: request.signer(), states, yeses: HashMap::new() };
        self.followed.insert(leaf.index, followed);
        self.count("request");
        Ok(())
    }

    fn decision(&mut self, leaf: &Leaf) -> Result<(), Flaw> {
        let decision: Opened<Decision> = self.by_device(leaf)?;
        if self.number("SELECT 1 FROM decision WHERE message = ?1", leaf.index)?.is_none() {
            self.uncounted.insert(leaf.index, leaf.hash);
            return Ok(());
        }
        self.count("decision");
        let (id, followed) = self.about(leaf, &decision.body().req)?;
        match decision.body().outcome {
            Verdict::Deny => self.advance(id, |state| next(state, Transition::Deny).into_iter().collect()),
            Verdict::Approve | Verdict::Modify => {
                followed.yeses.insert(leaf.hash, decision.signer());
                self.advance(id, |state| match next(state, Transition::Approve) {
                    // It may have been enough, or one of several.
                    Some(approved) => vec![state, approved],
                    None => Vec::new(),
                })
            }
        }
    }

    fn claim(&mut self, leaf: &Leaf) -> Result<(), Flaw> {
        let claim: Opened<Claim> = self.by_agent(leaf)?;
        let (id, followed) = self.about(leaf, &claim.body().req)?;
        demand(followed.agent == claim.signer(), "another agent claims it")?;
        let rests = claim.body().decisions.iter().all(|decision| followed.yeses.contains_key(decision));
        demand(rests, "it rests on decisions that are not in the log")?;
        self.take(id, Transition::Claim)
    }

    fn outcome(&mut self, leaf: &Leaf) -> Result<(), Flaw> {
        let outcome: Opened<Outcome> = self.by_agent(leaf)?;
        let (id, followed) = self.about(leaf, &outcome.body().req)?;
        demand(followed.agent == outcome.signer(), "another agent reports it")?;
        let transition = match outcome.body().result {
            ExecutionResult::Executed => Transition::Execute,
            ExecutionResult::Failed => Transition::Fail,
        };
        self.take(id, transition)
    }

    fn cancel(&mut self, leaf: &Leaf) -> Result<(), Flaw> {
        let cancel: Opened<Cancel> = self.by_agent(leaf)?;
        let (id, followed) = self.about(leaf, &cancel.body().req)?;
        demand(followed.agent == cancel.signer(), "another agent cancels it")?;
        self.take(id, Transition::Cancel)
    }

    fn event(&mut self, leaf: &Leaf) -> Result<(), Flaw> {
        let log = self.trust()?.current().body().log;
        let key = |kid: &Thumbprint| Some(log).filter(|key| key.thumbprint() == *kid);
        let event: Opened<Event> = opened(leaf, Received::<Event>::parse(&leaf.text)?.open(key)?)?;
        let of = event.body().of;
        match event.body().kind {
            EventKind::Expired => {
                let (id, _) = self.about(leaf, &of)?;
                self.take(id, Transition::Expire)
            }
            EventKind::Unknown => {
                let (id, _) = self.about(leaf, &of)?;
                self.take(id, Transition::LoseTrack)
            }
            EventKind::Erased => {
                let open = leaf.request.and_then(|id| self.followed.get(&id));
                demand(open.is_none_or(|f| f.states.iter().any(|s| !s.is_open())), "it was erased while it was open")
            }
            EventKind::Refused => {
                self.uncounted.retain(|_, decision| *decision != of);
                if let Some((_, state)) = self.enrollments.values_mut().find(|(hash, _)| *hash == of) {
                    *state = 2;
                }
                Ok(())
            }
        }
    }

    fn grant(&mut self, leaf: &Leaf) -> Result<(), Flaw> {
        let _grant: Opened<Grant> = self.by_device(leaf)?;
        self.count("grants");
        Ok(())
    }

    /// The request that a message names, which must be the one it is filed under and not over yet.
    fn about(&mut self, leaf: &Leaf, request: &Hash) -> Result<(i64, &mut Followed), Flaw> {
        let over = || Flaw::Wrong("its request is unknown or over".to_owned());
        let id = leaf.request.ok_or_else(over)?;
        let followed = self.followed.get_mut(&id).ok_or_else(over)?;
        demand(followed.hash == *request, "it is filed under another request")?;
        Ok((id, followed))
    }

    fn take(&mut self, id: i64, transition: Transition) -> Result<(), Flaw> {
        self.advance(id, |state| next(state, transition).into_iter().collect())
    }

    /// Moves every state it can be in; where none is left, the log has a step that may not happen.
    fn advance(&mut self, id: i64, step: impl Fn(State) -> Vec<State>) -> Result<(), Flaw> {
        let Some(followed) = self.followed.get_mut(&id) else { return Ok(()) };
        let after: HashSet<State> = followed.states.iter().flat_map(|state| step(*state)).collect();
        demand(!after.is_empty(), "the life cycle has no such step")?;
        followed.states = after.into_iter().collect();
        if followed.states.iter().all(|state| state.is_terminal()) {
            self.compare(id)?;
            self.followed.remove(&id);
        }
        Ok(())
    }

    /// Whether the stored state is one that the log allows.
    fn compare(&self, id: i64) -> Result<(), Flaw> {
        let Some(followed) = self.followed.get(&id) else { return Ok(()) };
        let stored = self.number("SELECT state FROM request WHERE id = ?1", id)?;
        let state = stored.map(state_of).transpose()?;
        let allowed = state.is_some_and(|state| followed.states.contains(&state));
        demand(allowed, &format!("its request {} is stored in a state that the log does not lead to", followed.hash))
    }

    /// What is still open at the end, and how many rows there are.
    pub fn finish(self) -> Vec<(String, Result<(), Flaw>)> {
        let mut results = Vec::new();
        for id in self.followed.keys() {
            results.push((format!("request at leaf {id}"), self.compare(*id)));
        }
        for id in self.uncounted.keys() {
            let result = demand(false, "it does not count, and no event says why");
            results.push((format!("decision at leaf {id}"), result));
        }
        for (id, (_, expected)) in &self.enrollments {
            let stored = self.number("SELECT state FROM enrollment WHERE message = ?1", *id);
            let result = stored.and_then(|stored| demand(stored == Some(*expected), "its state is another one"));
            results.push((format!("enrolment at leaf {id}"), result));
        }
        for (table, expected) in &self.rows {
            let stored = self.number(&format!("SELECT count(*) FROM {table} WHERE ?1 = 0"), 0);
            let result = stored.and_then(|stored| {
                demand(stored == Some(*expected), &format!("{} rows, and {expected} in the log", stored.unwrap_or(0)))
            });
            results.push((format!("table {table}"), result));
        }
        results
    }

    fn number(&self, sql: &str, id: i64) -> Result<Option<i64>, Flaw> {
        let number = self
            .reader
            .conn
            .prepare_cached(sql)
            .and_then(|mut query| query.query_row([id], |row| row.get(0)).optional());
        number.map_err(|error| Flaw::Failed(error.into()))
    }
}

const WRONG_HASH: &str = "it is filed under another hash";

fn opened<M: Message>(leaf: &Leaf, message: Opened<M>) -> Result<Opened<M>, Flaw> {
    same_hash(leaf, &message)?;
    message.disclosed()?;
    Ok(message)
}

fn same_hash<M: Message>(leaf: &Leaf, message: &Opened<M>) -> Result<(), Flaw> {
    demand(message.hash() == leaf.hash, WRONG_HASH)
}

fn hits(status: &Status, followed: &Followed) -> bool {
    let revoked = |kind, key: &Thumbprint| {
        status.revoked.iter().any(|entry| entry.kind == kind && entry.id.as_bytes() == key.as_bytes())
    };
    followed.states.contains(&State::Approved)
        && (status.paused.covers(&followed.agent)
            || revoked(RevokedKind::Agent, &followed.agent)
            || followed.yeses.values().any(|device| revoked(RevokedKind::Device, device)))
}

type StoredRequest = (Thumbprint, Hash, String, Option<String>, Time);

impl Reader<'_> {
    /// Agent, session, tool, server and time of a request's row.
    fn stored_request(&self, id: i64) -> Result<Option<StoredRequest>, StoreError> {
        let mut query = self.conn.prepare_cached(
            "SELECT a.key, s.hash, t.name, r.server, r.exp FROM request r JOIN agent a ON a.id = r.agent
             JOIN message s ON s.idx = r.session JOIN tool t ON t.id = r.tool WHERE r.id = ?1",
        )?;
        let row = query.query_row([id], |row| {
            let (agent, session) = (Thumbprint::from_bytes(row.get(0)?), Hash::from_bytes(row.get(1)?));
            Ok((agent, session, row.get(2)?, row.get(3)?, Time(row.get(4)?)))
        });
        Ok(row.optional()?)
    }
}
