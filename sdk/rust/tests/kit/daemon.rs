//! The agent door of a daemon, as `docs/protocol.md` has it, in memory.

use super::TestClock;
use super::domain::{Domain, Person, person};
use agenttrust_gate::{Clock, Hash, Time, Trouble};
use agenttrust_protocol::check::Asked;
use agenttrust_protocol::door::{ErrorBody, Reply};
use agenttrust_protocol::message::{Cancel, Claim, Enroll, Outcome, OutcomeContent, Request, Session};
use agenttrust_protocol::{Opened, Received};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::net::UnixListener;

/// What the daemon does in place of its answer.
pub enum Act {
    /// Answers as it would, or with this.
    Reply(Reply),
    Error(Trouble),
    /// Answers with this body, whatever it is.
    Raw(&'static str),
    /// Closes the connection without a word.
    Drop,
    /// Never answers.
    Hang,
}

/// What the person does about an agent that enrols.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Enrolling {
    Accept,
    Ignore,
    Refuse,
}

pub struct Stored {
    pub text: String,
    pub request: Opened<Request>,
    pub state: String,
    pub decisions: Vec<String>,
    pub claim: Option<String>,
    /// As posted, and what it says.
    pub outcome: Option<(String, OutcomeContent)>,
}

type Tamper = Box<dyn FnMut(&str, Reply) -> Act + Send>;

pub struct State {
    pub domain: Domain,
    pub person: Person,
    pub enrolling: Enrolling,
    pub tamper: Tamper,
    /// Whether a request under a grant is claimed at once.
    pub grants_count: bool,
    pub grants: Vec<String>,
    pub cert: Option<String>,
    pub enrolled: Vec<String>,
    pub sessions: HashMap<Hash, String>,
    pub requests: Vec<Stored>,
    /// Every call, as its method and path without query.
    pub calls: Vec<String>,
    clock: Arc<TestClock>,
}

#[derive(Clone)]
pub struct Daemon(Arc<Mutex<State>>, Arc<tokio::task::AbortHandle>);

impl Daemon {
    pub fn start(socket: &Path, domain: Domain, clock: Arc<TestClock>) -> Daemon {
        let listener = UnixListener::bind(socket).unwrap();
        let state = Arc::new(Mutex::new(State {
            domain,
            person: person(|domain, request, now| ("approved", vec![domain.approve(0, request, now)])),
            enrolling: Enrolling::Accept,
            tamper: Box::new(|_, reply| Act::Reply(reply)),
            grants_count: true,
            grants: Vec::new(),
            cert: None,
            enrolled: Vec::new(),
            sessions: HashMap::new(),
            requests: Vec::new(),
            calls: Vec::new(),
            clock,
        }));
        let serving = Arc::clone(&state);
        let task = tokio::spawn(async move {
            let mut open = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&serving);
                let service = service_fn(move |request| answer(Arc::clone(&state), request));
                open.spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Daemon(state, Arc::new(task.abort_handle()))
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// How the person answers from now on.
    pub fn person(&self, person: Person) {
        self.state().person = person;
    }

    /// What becomes of every answer from now on.
    pub fn tamper(&self, tamper: impl FnMut(&str, Reply) -> Act + Send + 'static) {
        self.state().tamper = Box::new(tamper);
    }

    /// Nobody is at a device.
    pub fn nobody(&self) {
        self.person(Box::new(|_, _, _, _| None));
    }

    /// How often a call was made whose path ends like this.
    pub fn count(&self, call: &str) -> usize {
        self.state().calls.iter().filter(|made| made.ends_with(call)).count()
    }

    pub fn states(&self) -> Vec<String> {
        self.state().requests.iter().map(|stored| stored.state.clone()).collect()
    }

    /// The person answers what is still open.
    pub fn answer_all(&self) {
        let mut state = self.state();
        let State { domain, requests, clock, .. } = &mut *state;
        for stored in requests.iter_mut().filter(|stored| stored.state == "pending") {
            stored.decisions = vec![domain.approve(0, stored.request.hash(), clock.now())];
            stored.state = "approved".to_owned();
        }
    }

    /// Waits until something is so; gives up after a while.
    pub async fn until(&self, what: impl Fn(&State) -> bool) {
        for _ in 0..500 {
            if what(&self.state()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it did not come about; calls: {:?}", self.state().calls);
    }

    /// The process ends.
    pub fn stop(&self) {
        self.1.abort();
    }
}

type Answer = Result<hyper::Response<Full<Bytes>>, std::io::Error>;

async fn answer(state: Arc<Mutex<State>>, request: hyper::Request<Incoming>) -> Answer {
    let (head, body) = request.into_parts();
    let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    let path = head.uri.path().to_owned();
    let query: HashMap<String, String> = head.uri.query().unwrap_or_default().split('&').filter_map(pair).collect();
    state.lock().unwrap().calls.push(format!("{} {path}", head.method));
    let call = (head.method.as_str(), path.as_str(), body.as_str());
    let mut made = state.lock().unwrap().answer(call, &query);
    if query.contains_key("wait") {
        for _ in 0..20 {
            if made.as_ref().is_ok_and(|reply| reply.state != "pending") {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
            made = state.lock().unwrap().answer(call, &query);
        }
    }
    let act = match made {
        Ok(reply) => {
            let mut state = state.lock().unwrap();
            (state.tamper)(&format!("{} {path}", head.method), reply)
        }
        Err(error) => return response(409, &error),
    };
    match act {
        Act::Reply(reply) => response(200, &reply),
        Act::Error(trouble) => response(trouble.status(), &ErrorBody::from(trouble)),
        Act::Raw(body) => Ok(hyper::Response::new(Full::new(Bytes::from_static(body.as_bytes())))),
        Act::Drop => Err(std::io::Error::other("dropped")),
        Act::Hang => std::future::pending().await,
    }
}

fn response(status: u16, body: &impl serde::Serialize) -> Answer {
    let body = Full::new(Bytes::from(serde_json::to_vec(body).unwrap()));
    Ok(hyper::Response::builder().status(status).body(body).unwrap())
}

fn pair(text: &str) -> Option<(String, String)> {
    text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()))
}

impl State {
    fn answer(
        &mut self,
        (method, path, body): (&str, &str, &str),
        query: &HashMap<String, String>,
    ) -> Result<Reply, ErrorBody> {
        let now = self.clock.now();
        let parts: Vec<&str> = path.trim_start_matches("/v1/").split('/').collect();
        match (method, parts.as_slice()) {
            ("POST", ["enroll"]) => {
                let enroll = Received::<Enroll>::parse(body)?.open_own()?;
                if !self.enrolled.contains(&body.to_owned()) {
                    self.enrolled.push(body.to_owned());
                }
                if self.enrolling == Enrolling::Accept && self.cert.is_none() {
                    self.cert = Some(self.domain.certify(&enroll, now));
                }
                Ok(self.enrolment())
            }
            ("GET", ["enroll", _]) => Ok(self.enrolment()),
            ("GET", ["trust"]) => {
                let mut reply = Reply { state: "ok".to_owned(), messages: self.trust_after(query) };
                reply.messages.extend(self.cert.clone());
                reply.messages.extend(self.grants.clone());
                Ok(reply)
            }
            ("POST", ["sessions"]) => {
                self.sessions.insert(Received::<Session>::parse(body)?.hash(), body.to_owned());
                Ok(Reply::state("ok"))
            }
            ("POST", ["requests"]) => {
                let hash = self.take_request(body, now)?;
                Ok(self.standing(&hash, query))
            }
            ("GET", ["requests", hash]) => {
                let hash: Hash = hash.parse().unwrap();
                self.find(&hash)?;
                Ok(self.standing(&hash, query))
            }
            ("POST", ["requests", hash, "claim"]) => self.claim(&hash.parse().unwrap(), body),
            ("POST", ["requests", hash, "outcome"]) => {
                let outcome = self.open_own::<Outcome>(body)?;
                let stored = self.find(&hash.parse().unwrap())?;
                if stored.outcome.as_ref().is_some_and(|(text, _)| text == body) {
                    return Ok(Reply::state(&stored.state));
                }
                assert_eq!(stored.state, "claimed", "an outcome of what was not claimed");
                stored.outcome = Some((body.to_owned(), outcome.content()?));
                stored.state = outcome.body().result.to_string();
                Ok(Reply::state(&stored.state))
            }
            ("POST", ["requests", hash, "cancel"]) => {
                self.open_own::<Cancel>(body)?;
                let stored = self.find(&hash.parse().unwrap())?;
                if stored.state != "pending" {
                    return Err(Trouble::Closed.into());
                }
                stored.state = "cancelled".to_owned();
                Ok(Reply::state("cancelled"))
            }
            _ => Err(Trouble::NotFound.into()),
        }
    }

    fn enrolment(&self) -> Reply {
        match (self.enrolling, &self.cert) {
            (Enrolling::Refuse, _) => Reply::state("refused"),
            (_, Some(cert)) => Reply { state: "enrolled".to_owned(), messages: vec![cert.clone()] },
            (_, None) => Reply::state("pending"),
        }
    }

    /// Bundles and statuses after what the query says is held.
    pub fn trust_after(&self, query: &HashMap<String, String>) -> Vec<String> {
        let held = |name: &str| query.get(name).map_or(0, |held| held.parse::<usize>().unwrap());
        let Domain { bundles, statuses, .. } = &self.domain;
        let from = if held("seq") == 0 { statuses.len() - 1 } else { held("seq").min(statuses.len()) };
        let bundles = bundles.iter().skip(held("version"));
        bundles.chain(statuses.iter().skip(from)).cloned().collect()
    }

    fn open_own<M: agenttrust_protocol::message::Message<Signer = agenttrust_protocol::key::Agent>>(
        &self,
        text: &str,
    ) -> Result<Opened<M>, ErrorBody> {
        let enroll = Received::<Enroll>::parse(self.enrolled.last().unwrap())?.open_own()?;
        Ok(Received::<M>::parse(text)?.open(|_| Some(enroll.body().key))?)
    }

    fn find(&mut self, hash: &Hash) -> Result<&mut Stored, ErrorBody> {
        let found = self.requests.iter_mut().find(|stored| stored.request.hash() == *hash);
        found.ok_or_else(|| Trouble::NotFound.into())
    }

    fn standing(&mut self, hash: &Hash, query: &HashMap<String, String>) -> Reply {
        let mut messages = self.trust_after(query);
        let stored = self.find(hash).unwrap();
        messages.push(stored.text.clone());
        messages.extend(stored.decisions.clone());
        Reply { state: stored.state.clone(), messages }
    }

    fn take_request(&mut self, text: &str, now: Time) -> Result<Hash, ErrorBody> {
        let request = self.open_own::<Request>(text)?;
        if self.find(&request.hash()).is_ok() {
            return Ok(request.hash());
        }
        let session = self.sessions.get(&request.body().session).ok_or(Trouble::NotFound)?.clone();
        let cert = self.cert.clone().ok_or(Trouble::NotEnrolled)?;
        let trust = self.domain.trust();
        let offline = request.body().grant.is_some();
        // A use of an offline grant is taken whatever the time.
        let seen = if offline { request.head().iat } else { now };
        let asked = Asked::open(&trust, &cert, &session, text, seen)?;
        if let Some(stored) = self.same_call(&asked) {
            return Ok(stored);
        }
        let (state, decisions) = if offline && self.grants_count {
            ("claimed", Vec::new())
        } else {
            (self.person)(&self.domain, &asked.request, &asked.content, now).unwrap_or(("pending", Vec::new()))
        };
        let hash = asked.request.hash();
        self.requests.push(Stored {
            text: text.to_owned(),
            request: asked.request,
            state: state.to_owned(),
            decisions,
            claim: None,
            outcome: None,
        });
        Ok(hash)
    }

    fn same_call(&self, asked: &Asked) -> Option<Hash> {
        let call = asked.request.body().call.as_ref()?;
        let same = |stored: &&Stored| {
            let sid = |hash: &Hash| self.open_own::<Session>(&self.sessions[hash]).unwrap().body().sid.clone();
            let old = &stored.request;
            old.body().call.as_ref() == Some(call)
                && old.body().action == asked.request.body().action
                && sid(&old.body().session) == asked.session.body().sid
                && old.content().unwrap().arguments == asked.content.arguments
                && !["expired", "cancelled"].contains(&stored.state.as_str())
        };
        self.requests.iter().find(same).map(|stored| stored.request.hash())
    }

    fn claim(&mut self, hash: &Hash, text: &str) -> Result<Reply, ErrorBody> {
        let claim = self.open_own::<Claim>(text)?;
        let stored = self.find(hash)?;
        assert_eq!(claim.body().req, *hash);
        match &stored.claim {
            Some(first) if first == text => {}
            Some(_) => return Err(Trouble::Conflict.into()),
            None => stored.claim = Some(text.to_owned()),
        }
        stored.state = "claimed".to_owned();
        Ok(Reply::state("claimed"))
    }
}
