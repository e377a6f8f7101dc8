//! The agents' door of an honest daemon, as `docs/protocol.md` has it, in memory.

use super::domain::Domain;
use agenttrust_protocol::door::{ErrorBody, Reply, Trouble};
use agenttrust_protocol::key::{Agent, PublicKey};
use agenttrust_protocol::lifecycle::State;
use agenttrust_protocol::message::{Cancel, Claim, Enroll, Message, Outcome, Request, Session};
use agenttrust_protocol::{Hash, Opened, Received, Thumbprint};
use std::collections::HashMap;

/// What the person and the daemon make of an open request; `None` while nobody has answered.
pub(super) type Answered = Option<(State, Vec<String>)>;

/// A call on the door.
pub(super) struct Call {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: HashMap<String, String>,
    pub(super) body: String,
}

impl Call {
    /// Whether the call is this one; `*` stands for any one segment of the path.
    pub(super) fn is(&self, method: &str, path: &str) -> bool {
        let mut made = self.path.split('/');
        let same = path.split('/').all(|part| made.next().is_some_and(|m| part == "*" || part == m));
        self.method == method && same && made.next().is_none()
    }

    fn number(&self, name: &str) -> usize {
        self.query.get(name).and_then(|text| text.parse().ok()).unwrap_or(0)
    }
}

/// A request the daemon has.
pub(super) struct Stored {
    pub(super) text: String,
    pub(super) request: Opened<Request>,
    pub(super) agent: PublicKey<Agent>,
    pub(super) state: State,
    pub(super) decisions: Vec<String>,
}

/// The daemon's whole record.
pub(super) struct World {
    pub(super) domain: Domain,
    /// Enrolments with their certificates.
    pub(super) agents: Vec<(Opened<Enroll>, String)>,
    pub(super) requests: Vec<Stored>,
    /// What a hostile daemon keeps up its sleeve.
    pub(super) spare: Vec<String>,
    /// What the person does.
    pub(super) decide: fn(&World, &Stored) -> Answered,
    /// What the person grants an agent beforehand.
    pub(super) grants: fn(&World, Thumbprint) -> Vec<String>,
    /// The grants there are, once they are signed.
    pub(super) granted: HashMap<Thumbprint, Vec<String>>,
}

impl World {
    /// How many requests were claimed.
    pub(super) fn runs(&self) -> usize {
        let over = [State::Claimed, State::Executed, State::Failed];
        self.requests.iter().filter(|stored| over.contains(&stored.state)).count()
    }

    /// The honest answer.
    pub(super) fn answer(&mut self, call: &Call) -> Result<Reply, ErrorBody> {
        let hash = call.path.split('/').nth(3).and_then(|part| part.parse::<Hash>().ok());
        match hash {
            None if call.is("POST", "/v1/enroll") => self.enroll(&call.body),
            None if call.is("GET", "/v1/trust") => Ok(self.trust(call)),
            None if call.is("POST", "/v1/sessions") => {
                self.open::<Session>(&call.body)?;
                Ok(Reply::state("ok"))
            }
            None if call.is("POST", "/v1/requests") => {
                let hash = self.take(&call.body)?;
                self.standing(&hash, call)
            }
            Some(hash) if call.is("GET", "/v1/enroll/*") => {
                let known = self.agents.iter().find(|(enroll, _)| enroll.hash() == hash);
                known.map(|(_, cert)| enrolled(cert)).ok_or_else(|| Trouble::NotFound.into())
            }
            Some(hash) if call.is("GET", "/v1/requests/*") => {
                self.look(&hash)?;
                self.standing(&hash, call)
            }
            Some(hash) if call.is("POST", "/v1/requests/*/claim") => {
                self.open::<Claim>(&call.body)?;
                self.advance(&hash, State::Approved, State::Claimed)
            }
            Some(hash) if call.is("POST", "/v1/requests/*/outcome") => {
                let outcome = self.open::<Outcome>(&call.body)?;
                let state = outcome.body().result.to_string().parse().map_err(|_| Trouble::BadRequest)?;
                self.advance(&hash, State::Claimed, state)
            }
            Some(hash) if call.is("POST", "/v1/requests/*/cancel") => {
                self.open::<Cancel>(&call.body)?;
                self.advance(&hash, State::Pending, State::Cancelled)
            }
            Some(_) | None => Err(Trouble::NotFound.into()),
        }
    }

    fn enroll(&mut self, text: &str) -> Result<Reply, ErrorBody> {
        let enroll = Received::<Enroll>::parse(text)?.open_own()?;
        if let Some((_, cert)) = self.agents.iter().find(|(known, _)| known.hash() == enroll.hash()) {
            return Ok(enrolled(cert));
        }
        let cert = self.domain.certify(super::domain::Who::Phone, &enroll);
        let reply = enrolled(&cert);
        self.agents.push((enroll, cert));
        Ok(reply)
    }

    fn trust(&mut self, call: &Call) -> Reply {
        let mut messages = self.trust_after(call);
        let agent = call.query.get("agent").and_then(|text| text.parse::<Thumbprint>().ok());
        if let Some(agent) = agent {
            let certs = self.agents.iter().filter(|(enroll, _)| enroll.signer() == agent);
            messages.extend(certs.map(|(_, cert)| cert.clone()).next_back());
            let granted = self.granted.get(&agent).cloned().unwrap_or_else(|| (self.grants)(self, agent));
            messages.extend(granted.clone());
            self.granted.insert(agent, granted);
        }
        Reply { state: "ok".to_owned(), messages }
    }

    /// Bundles and statuses after those the caller holds; every status here is an admin's.
    fn trust_after(&self, call: &Call) -> Vec<String> {
        let Domain { bundles, statuses, .. } = &self.domain;
        let from = if call.number("seq") == 0 { statuses.len().saturating_sub(1) } else { call.number("seq") };
        bundles.iter().skip(call.number("version")).chain(statuses.iter().skip(from)).cloned().collect()
    }

    /// Opens a message of an enrolled agent.
    fn open<M: Message<Signer = Agent>>(&self, text: &str) -> Result<Opened<M>, ErrorBody> {
        let key = |kid: &Thumbprint| self.agents.iter().find(|(e, _)| e.signer() == *kid).map(|(e, _)| e.body().key);
        Ok(Received::<M>::parse(text)?.open(key)?)
    }

    fn take(&mut self, text: &str) -> Result<Hash, ErrorBody> {
        let request = self.open::<Request>(text)?;
        let hash = request.hash();
        if self.find(&hash).is_ok() {
            return Ok(hash);
        }
        let known = self.agents.iter().find(|(enroll, _)| enroll.signer() == request.signer());
        let agent = known.ok_or(Trouble::NotEnrolled)?.0.body().key;
        let granted = request.body().grant.is_some();
        let (text, decisions) = (text.to_owned(), Vec::new());
        self.requests.push(Stored { text, request, agent, state: State::Pending, decisions });
        if granted {
            self.look(&hash)?;
        }
        Ok(hash)
    }

    fn find(&mut self, hash: &Hash) -> Result<&mut Stored, ErrorBody> {
        let found = self.requests.iter_mut().find(|stored| stored.request.hash() == *hash);
        found.ok_or_else(|| Trouble::NotFound.into())
    }

    /// Sees whether the person has answered.
    fn look(&mut self, hash: &Hash) -> Result<(), ErrorBody> {
        let open = |stored: &&Stored| stored.request.hash() == *hash && stored.state == State::Pending;
        let answered = self.requests.iter().find(open).and_then(|stored| (self.decide)(self, stored));
        let stored = self.find(hash)?;
        if let Some((state, decisions)) = answered {
            (stored.state, stored.decisions) = (state, decisions);
        }
        Ok(())
    }

    fn standing(&mut self, hash: &Hash, call: &Call) -> Result<Reply, ErrorBody> {
        let mut messages = self.trust_after(call);
        let stored = self.find(hash)?;
        messages.push(stored.text.clone());
        messages.extend(stored.decisions.clone());
        Ok(Reply { state: stored.state.to_string(), messages })
    }

    fn advance(&mut self, hash: &Hash, from: State, to: State) -> Result<Reply, ErrorBody> {
        let stored = self.find(hash)?;
        if stored.state != from && stored.state != to {
            return Err(Trouble::Conflict.into());
        }
        stored.state = to;
        Ok(Reply::state(&to.to_string()))
    }
}

fn enrolled(cert: &str) -> Reply {
    Reply { state: "enrolled".to_owned(), messages: vec![cert.to_owned()] }
}
