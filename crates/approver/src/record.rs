//! Checking everything about one request of the past: who signed each message, whether they belong together, whether
//! anything was taken out, and whether they lead where the daemon says the request stands.
//!
//! What a daemon hands out is believed for nothing but its order. Who is revoked now says nothing about then, so keys
//! are looked up in the bundles of the time: decisions in the bundle they name, certificates and events in the chain.

mod fault;
mod part;
mod release;

pub use fault::{Fault, Wrong};
pub use part::Part;

use agenttrust_protocol::check::Asked;
use agenttrust_protocol::door::typ_of;
use agenttrust_protocol::key::{Agent, PublicKey};
use agenttrust_protocol::lifecycle::State;
use agenttrust_protocol::message::{
    AgentCert, Cancel, Claim, Decision, Event, EventKind, ExecutionResult, Message, Outcome, Request, Session, Verdict,
};
use agenttrust_protocol::trust::Trust;
use agenttrust_protocol::{Hash, Opened, Reason, Received, Thumbprint};
use std::collections::BTreeMap;

/// What of a request's messages verifies, and what does not.
#[derive(Clone, Debug)]
pub struct Record {
    request: Hash,
    parts: Vec<Part>,
    /// Decisions that the daemon noted not to have counted, with its code.
    refusals: BTreeMap<Hash, Option<String>>,
    faults: Vec<Fault>,
}

impl Record {
    /// Checks a request's messages, which stand in the order of the log, by this device's verified chain of bundles.
    /// `state` is where the daemon says that the request stands.
    pub fn check(trust: &Trust, request: &Hash, state: State, messages: &[String]) -> Record {
        let mut record = Record { request: *request, parts: Vec::new(), refusals: BTreeMap::new(), faults: Vec::new() };
        let mut agent = None;
        for text in messages {
            match open(trust, agent, text) {
                Ok(part) => {
                    if let Part::Cert(cert) = &part {
                        agent.get_or_insert(cert.body().cnf);
                    }
                    record.parts.push(part);
                }
                Err(fault) => record.faults.push(fault),
            }
        }
        record.relate(trust);
        record.check_presence();
        record.check_disclosures();
        // What is missing explains the rest; a second complaint about it would only hide the first.
        if record.faults.is_empty() {
            record.check_release(trust);
        }
        if record.faults.is_empty() && !record.leads_to(state) {
            record.fault(None, Wrong::Shown(state));
        }
        record
    }

    /// The record, if nothing is wrong with it.
    ///
    /// # Errors
    /// The first fault.
    pub fn sound(mut self) -> Result<Record, Fault> {
        if self.faults.is_empty() { Ok(self) } else { Err(self.faults.swap_remove(0)) }
    }

    /// The request.
    pub fn request(&self) -> Hash {
        self.request
    }

    /// The messages that verify, in the order of the log.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// What does not verify; empty if all does.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// Whether the daemon noted that content was erased.
    pub fn is_erased(&self) -> bool {
        let erased = |event: &Event| event.kind == EventKind::Erased && event.of == self.request;
        self.events().any(|event| erased(event.body()))
    }

    /// The agent's certificate.
    pub fn cert(&self) -> Option<&Opened<AgentCert>> {
        self.parts.iter().find_map(|part| if let Part::Cert(cert) = part { Some(cert) } else { None })
    }

    /// The request itself.
    pub fn asking(&self) -> Option<&Opened<Request>> {
        self.parts.iter().find_map(|part| if let Part::Request(request) = part { Some(request) } else { None })
    }

    fn session(&self) -> Option<&Opened<Session>> {
        self.parts.iter().find_map(|part| if let Part::Session(session) = part { Some(session) } else { None })
    }

    /// The request with all it rests on; `None` once content is erased, or if it does not verify.
    pub fn asked(&self) -> Option<Asked> {
        let (cert, session, request) = (self.cert()?.clone(), self.session()?.clone(), self.asking()?.clone());
        let (session_content, content) = (session.content().ok()?, request.content().ok()?);
        Some(Asked { cert, session, session_content, request, content })
    }

    /// The decisions, with those that did not count.
    pub fn decisions(&self) -> impl Iterator<Item = &Opened<Decision>> {
        self.parts.iter().filter_map(|part| if let Part::Decision(decision) = part { Some(decision) } else { None })
    }

    /// The decisions that counted.
    pub fn counted(&self) -> impl Iterator<Item = &Opened<Decision>> {
        self.decisions().filter(|decision| self.refusal(&decision.hash()).is_none())
    }

    /// Whether the daemon noted that a decision did not count, and its code for why.
    pub fn refusal(&self, decision: &Hash) -> Option<Option<&str>> {
        self.refusals.get(decision).map(Option::as_deref)
    }

    fn claim(&self) -> Option<&Opened<Claim>> {
        self.parts.iter().find_map(|part| if let Part::Claim(claim) = part { Some(claim) } else { None })
    }

    /// What came of it.
    pub fn outcome(&self) -> Option<&Opened<Outcome>> {
        self.parts.iter().find_map(|part| if let Part::Outcome(outcome) = part { Some(outcome) } else { None })
    }

    fn events(&self) -> impl Iterator<Item = &Opened<Event>> {
        self.parts.iter().filter_map(|part| if let Part::Event(event) = part { Some(event) } else { None })
    }

    fn fault(&mut self, part: Option<&Part>, wrong: Wrong) {
        let (typ, hash) = (part.map(Part::typ), part.map(Part::hash));
        self.faults.push(Fault { typ, hash, wrong });
    }

    /// Keeps what belongs together, each thing once.
    fn relate(&mut self, trust: &Trust) {
        self.refusals = self
            .events()
            .filter(|event| event.body().kind == EventKind::Refused)
            .map(|event| (event.body().of, event.body().code.clone()))
            .collect();
        for part in std::mem::take(&mut self.parts) {
            let wrong = self.misfit(trust, &part).or_else(|| self.has(&part).then_some(Wrong::Twice));
            match wrong {
                Some(wrong) => self.fault(Some(&part), wrong),
                None => self.parts.push(part),
            }
        }
    }

    /// Why a message does not belong to those before it.
    fn misfit(&self, trust: &Trust, part: &Part) -> Option<Wrong> {
        let cert = self.cert().map(Opened::hash);
        let known = |hash: &Hash| self.decisions().any(|decision| decision.hash() == *hash);
        let fits = match part {
            Part::Cert(_) => true,
            Part::Session(session) => Some(session.body().cert) == cert,
            Part::Request(request) => {
                let body = request.body();
                let session = self.session().map(Opened::hash);
                request.hash() == self.request && Some(body.cert) == cert && Some(body.session) == session
            }
            Part::Decision(decision) => return self.misfit_decision(trust, decision),
            Part::Claim(claim) if claim.body().req == self.request => {
                return (!claim.body().decisions.iter().all(known)).then_some(Wrong::Missing);
            }
            Part::Claim(_) => false,
            Part::Outcome(outcome) => outcome.body().req == self.request,
            Part::Cancel(cancel) => cancel.body().req == self.request,
            Part::Event(event) => event.body().of == self.request || known(&event.body().of),
        };
        (!fits).then_some(Wrong::Message(Reason::WrongRequest))
    }

    /// A decision counts by the bundle it names; one that did not count may rest on any.
    fn misfit_decision(&self, trust: &Trust, decision: &Opened<Decision>) -> Option<Wrong> {
        if decision.body().req != self.request {
            return Some(Wrong::Message(Reason::WrongRequest));
        }
        if self.refusal(&decision.hash()).is_some() {
            return None;
        }
        match trust.find(&decision.body().bundle) {
            None => Some(Wrong::Message(Reason::StaleTrust)),
            Some(bundle) if bundle.body().device(&decision.signer()).is_none() => {
                Some(Wrong::Message(Reason::UnknownKey))
            }
            Some(_) => None,
        }
    }

    /// Whether the message is here already, or another one where there can be only one.
    fn has(&self, part: &Part) -> bool {
        let single = match part {
            Part::Cert(_)
            | Part::Session(_)
            | Part::Request(_)
            | Part::Claim(_)
            | Part::Outcome(_)
            | Part::Cancel(_) => true,
            Part::Decision(_) | Part::Event(_) => false,
        };
        self.parts.iter().any(|held| held.hash() == part.hash() || (single && held.typ() == part.typ()))
    }

    /// A request without certificate, session or itself is none.
    fn check_presence(&mut self) {
        for typ in [AgentCert::TYP, Session::TYP, Request::TYP] {
            let told = self.faults.iter().any(|fault| fault.typ == Some(typ));
            if !told && !self.parts.iter().any(|part| part.typ() == typ) {
                self.faults.push(Fault { typ: Some(typ), hash: None, wrong: Wrong::Missing });
            }
        }
    }

    /// What is disclosed was signed, and nothing is missing that was not erased.
    fn check_disclosures(&mut self) {
        let erased = self.is_erased();
        for part in std::mem::take(&mut self.parts) {
            match part.missing() {
                Err(reason) => self.fault(Some(&part), Wrong::Message(reason)),
                Ok(missing) => {
                    if missing > 0 && !erased {
                        self.fault(Some(&part), Wrong::Withheld);
                    }
                    self.parts.push(part);
                }
            }
        }
    }

    /// Whether these messages can lead to where the daemon says that the request stands. What happens later in a
    /// request's life outweighs what came before.
    fn leads_to(&self, state: State) -> bool {
        let noted =
            |kind: EventKind| self.events().any(|event| event.body().kind == kind && event.body().of == self.request);
        let denied = self.counted().any(|decision| decision.body().outcome == Verdict::Deny);
        let cancelled = self.parts.iter().any(|part| matches!(part, Part::Cancel(_)));
        let granted = self.asking().is_some_and(|request| request.body().grant.is_some());
        let possible: &[State] = match self.outcome().map(|outcome| outcome.body().result) {
            Some(ExecutionResult::Executed) => &[State::Executed],
            Some(ExecutionResult::Failed) => &[State::Failed],
            None if noted(EventKind::Unknown) && (granted || self.claim().is_some()) => &[State::Unknown],
            None if self.claim().is_some() => &[State::Claimed],
            None if cancelled => &[State::Cancelled],
            None if noted(EventKind::Expired) => &[State::Expired],
            None if denied => &[State::Denied, State::Revoked],
            None if self.counted().next().is_some() => &[State::Pending, State::Approved, State::Revoked],
            None if granted => &State::ENTRIES,
            None => &[State::Pending],
        };
        possible.contains(&state)
    }
}

fn open(trust: &Trust, agent: Option<PublicKey<Agent>>, text: &str) -> Result<Part, Fault> {
    let bundles = || trust.bundles().iter().rev().map(|bundle| bundle.body());
    let admin = |kid: &Thumbprint| bundles().find_map(|bundle| bundle.admin(kid)).map(|device| device.key);
    let device = |kid: &Thumbprint| bundles().find_map(|bundle| bundle.device(kid)).map(|device| device.key);
    let log = |kid: &Thumbprint| bundles().map(|bundle| bundle.log).find(|key| key.thumbprint() == *kid);
    let agent = |kid: &Thumbprint| agent.filter(|key| key.thumbprint() == *kid);
    match typ_of(text).as_deref() {
        Some(AgentCert::TYP) => open_as(trust, text, Part::Cert, admin),
        Some(Session::TYP) => open_as(trust, text, Part::Session, agent),
        Some(Request::TYP) => open_as(trust, text, Part::Request, agent),
        Some(Decision::TYP) => open_as(trust, text, Part::Decision, device),
        Some(Claim::TYP) => open_as(trust, text, Part::Claim, agent),
        Some(Outcome::TYP) => open_as(trust, text, Part::Outcome, agent),
        Some(Cancel::TYP) => open_as(trust, text, Part::Cancel, agent),
        Some(Event::TYP) => open_as(trust, text, Part::Event, log),
        Some(_) | None => Err(Fault { typ: None, hash: None, wrong: Wrong::Strange }),
    }
}

fn open_as<M: Message>(
    trust: &Trust,
    text: &str,
    part: impl FnOnce(Opened<M>) -> Part,
    key: impl Fn(&Thumbprint) -> Option<PublicKey<M::Signer>>,
) -> Result<Part, Fault> {
    let fault = |hash, reason| Fault { typ: Some(M::TYP), hash, wrong: Wrong::Message(reason) };
    let received = Received::<M>::parse(text).map_err(|reason| fault(None, reason))?;
    let hash = Some(received.hash());
    let opened = received.open(key).map_err(|reason| fault(hash, reason))?;
    if opened.head().tdid == Some(trust.tdid()) { Ok(part(opened)) } else { Err(fault(hash, Reason::WrongRoot)) }
}
