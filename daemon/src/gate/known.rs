//! Messages opened before, so that each is verified once and not for every message that rests on it.
//!
//! An entry is only that: a message whose signature was right. Whether it still counts is asked each time, of the
//! trust in force, by [`Asked::assemble`].

use super::Gate;
use crate::api::reply::Refusal;
use agenttrust_protocol::check::Asked;
use agenttrust_protocol::door::Trouble;
use agenttrust_protocol::key::{Agent, PublicKey};
use agenttrust_protocol::message::{AgentCert, Grant, Request, Session};
use agenttrust_protocol::trust::Trust;
use agenttrust_protocol::{Hash, Opened, Reason, Received, Thumbprint, Time};
use std::collections::HashMap;
use std::hash::Hash as Key;
use std::sync::{Arc, Mutex, PoisonError};

/// How many entries of each kind are kept; a full map starts over.
const KEPT: usize = 1024;

/// A small map that forgets everything when it is full.
#[derive(Debug)]
struct Recent<K, V>(Mutex<HashMap<K, V>>);

impl<K: Key + Eq, V: Clone> Recent<K, V> {
    fn get(&self, key: &K) -> Option<V> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    fn put(&self, key: K, value: V) {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if map.len() >= KEPT {
            map.clear();
        }
        map.insert(key, value);
    }

    fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Recent<K, V> {
        Recent(Mutex::default())
    }
}

/// What was opened lately.
#[derive(Debug, Default)]
pub(super) struct Known {
    agents: Recent<Thumbprint, PublicKey<Agent>>,
    certs: Recent<Hash, Arc<Opened<AgentCert>>>,
    sessions: Recent<Hash, Arc<Opened<Session>>>,
    requests: Recent<Hash, Arc<Opened<Request>>>,
    grants: Recent<Hash, Arc<Opened<Grant>>>,
}

impl Known {
    /// Forgets content, because some of it was erased.
    pub(super) fn forget_content(&self) {
        self.sessions.clear();
        self.requests.clear();
    }

    pub(super) fn keep_session(&self, session: Opened<Session>) {
        self.sessions.put(session.hash(), Arc::new(session));
    }

    pub(super) fn grant(&self, hash: &Hash) -> Option<Arc<Opened<Grant>>> {
        self.grants.get(hash)
    }

    pub(super) fn keep_grant(&self, grant: Opened<Grant>) {
        self.grants.put(grant.hash(), Arc::new(grant));
    }

    pub(super) fn keep_request(&self, request: Opened<Request>) {
        self.requests.put(request.hash(), Arc::new(request));
    }
}

/// A certificate that an admin of any version of the bundle signed: enough to know whose key it is.
fn open_any_cert(trust: &Trust, text: &str) -> Result<Opened<AgentCert>, Reason> {
    Received::<AgentCert>::parse(text)?
        .open(|kid| trust.bundles().iter().rev().find_map(|bundle| bundle.body().admin(kid)).map(|device| device.key))
}

impl Gate {
    /// The key of an agent that has ever been accepted.
    ///
    /// # Errors
    /// `not_enrolled`.
    pub(super) async fn agent_key(&self, trust: &Trust, agent: &Thumbprint) -> Result<PublicKey<Agent>, Refusal> {
        if let Some(key) = self.known.agents.get(agent) {
            return Ok(key);
        }
        let wanted = *agent;
        let newest = self.store.read(move |reader| reader.newest_cert(&wanted).map_err(Refusal::from)).await?;
        let cert = open_any_cert(trust, &newest.ok_or(Trouble::NotEnrolled)?)?;
        let key = cert.body().cnf;
        if key.thumbprint() != *agent {
            return Err(Trouble::NotEnrolled.into());
        }
        self.known.agents.put(*agent, key);
        self.known.certs.put(cert.hash(), Arc::new(cert));
        Ok(key)
    }

    /// The certificate with this name.
    ///
    /// # Errors
    /// `not_enrolled`.
    pub(super) async fn cert(&self, trust: &Trust, hash: &Hash) -> Result<Arc<Opened<AgentCert>>, Refusal> {
        if let Some(cert) = self.known.certs.get(hash) {
            return Ok(cert);
        }
        let text = self.text(hash).await?.ok_or(Trouble::NotEnrolled)?;
        let cert = Arc::new(open_any_cert(trust, &text)?);
        self.known.certs.put(*hash, Arc::clone(&cert));
        Ok(cert)
    }

    async fn session(&self, hash: &Hash, key: &PublicKey<Agent>) -> Result<Arc<Opened<Session>>, Refusal> {
        if let Some(session) = self.known.sessions.get(hash) {
            return Ok(session);
        }
        let text = self.text(hash).await?.ok_or(Trouble::NotFound)?;
        let session = Received::<Session>::parse(&text)?.open(|kid| same(key, kid))?;
        // One whose content was erased is not there; the agent sends it again.
        session.content().map_err(|_| Trouble::NotFound)?;
        self.known.keep_session(session.clone());
        Ok(Arc::new(session))
    }

    pub(super) async fn text(&self, hash: &Hash) -> Result<Option<String>, Refusal> {
        let hash = *hash;
        let stored = self.store.read(move |reader| reader.message(&hash).map_err(Refusal::from)).await?;
        Ok(stored.map(|stored| stored.text))
    }

    /// A request whose signature is right, by an agent that has ever been accepted.
    ///
    /// # Errors
    /// The envelope's, `not_enrolled`.
    pub(super) async fn open_request(&self, trust: &Trust, text: &str) -> Result<Opened<Request>, Refusal> {
        let received = Received::<Request>::parse(text)?;
        let agent = received.signers().next().ok_or(Reason::BadForm)?;
        let key = self.agent_key(trust, &agent).await?;
        Ok(received.open(|kid| same(&key, kid))?)
    }

    /// A request with its certificate and session, judged by the trust in force.
    ///
    /// # Errors
    /// `not_enrolled`, `not_found` if its session is not stored, and those of [`Asked::assemble`].
    pub(super) async fn assemble(&self, trust: &Trust, request: Opened<Request>, at: Time) -> Result<Asked, Refusal> {
        let cert = self.cert(trust, &request.body().cert).await?;
        let session = self.session(&request.body().session, &cert.body().cnf).await?;
        Ok(Asked::assemble(trust, Opened::clone(&cert), Opened::clone(&session), request, at)?)
    }

    /// A stored request, judged again.
    ///
    /// # Errors
    /// As [`Gate::assemble`].
    pub(super) async fn recall(&self, trust: &Trust, hash: &Hash, text: &str, now: Time) -> Result<Asked, Refusal> {
        let request = match self.known.requests.get(hash) {
            Some(request) => request,
            None => Arc::new(self.open_request(trust, text).await?),
        };
        self.assemble(trust, Opened::clone(&request), now).await
    }

    pub(super) fn keep(&self, asked: &Asked) {
        self.known.keep_request(asked.request.clone());
    }
}

/// The key, if it has this thumbprint.
pub(super) fn same(key: &PublicKey<Agent>, kid: &Thumbprint) -> Option<PublicKey<Agent>> {
    (key.thumbprint() == *kid).then_some(*key)
}
