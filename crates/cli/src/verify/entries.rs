//! One entry after the other: who signed it, what it rests on, and what it does to its request.

use super::course::{Counted, Course, States, in_time};
use super::{Fault, Finding, MAX_GAP, Verification};
use agenttrust_protocol::door::typ_of;
use agenttrust_protocol::envelope::{Opened, Received};
use agenttrust_protocol::key::PublicKey;
use agenttrust_protocol::lifecycle::{State, Transition};
use agenttrust_protocol::message::{
    AgentCert, Bundle, Cancel, Claim, Decision, Enroll, Event, EventKind, ExecutionResult, Grant, Message, Outcome,
    PairInit, Request, Session, Status,
};
use agenttrust_protocol::trust::Trust;
use agenttrust_protocol::{Hash, Reason, Thumbprint};

/// What is wrong with an entry: the kind, its name if it has one, and what exactly.
type Wrong = (Fault, Option<Hash>, String);

type Checked = Result<(), Wrong>;

fn wrong(fault: Fault, message: Option<Hash>, detail: impl Into<String>) -> Wrong {
    (fault, message, detail.into())
}

fn refused(reason: Reason) -> Wrong {
    wrong(Fault::Message(reason), None, "")
}

impl Verification {
    pub(super) fn enter(&mut self, leaf: &str) -> Checked {
        let typ = typ_of(leaf).ok_or_else(|| refused(Reason::BadHeader))?;
        let count = self.types.entry(typ.clone()).or_default();
        *count = count.saturating_add(1);
        if self.trust.is_none() {
            return self.begin(leaf);
        }
        match typ.as_str() {
            Bundle::TYP => self.bundle(leaf),
            Status::TYP => self.status(leaf),
            PairInit::TYP => self.pair_init(leaf),
            Enroll::TYP => self.enroll(leaf),
            AgentCert::TYP => self.cert(leaf),
            Session::TYP => self.session(leaf),
            Request::TYP => self.request(leaf),
            Decision::TYP => self.decision(leaf),
            Grant::TYP => self.grant(leaf),
            Claim::TYP => self.claim(leaf),
            Outcome::TYP => self.outcome(leaf),
            Cancel::TYP => self.cancel(leaf),
            Event::TYP => self.event(leaf),
            _ => Err(wrong(Fault::StrangeEntry, None, typ)),
        }
    }

    fn begin(&mut self, leaf: &str) -> Checked {
        if self.size() > 0 {
            // One finding is enough: without a first bundle nothing after it can be judged.
            return Ok(());
        }
        let trust = Trust::enter(leaf, self.expected.tdid.as_ref())
            .map_err(|reason| wrong(Fault::NoBeginning, None, reason.sentence()))?;
        self.seen.insert(trust.current().hash());
        self.trust = Some(trust);
        Ok(())
    }

    fn trust(&self) -> Result<&Trust, Wrong> {
        self.trust.as_ref().ok_or_else(|| wrong(Fault::NoBeginning, None, ""))
    }

    /// Notes the message's name; the same one may not stand there twice.
    fn once(&mut self, hash: Hash) -> Checked {
        if self.seen.insert(hash) { Ok(()) } else { Err(wrong(Fault::Twice, Some(hash), "")) }
    }

    fn bundle(&mut self, leaf: &str) -> Checked {
        let hash = Received::<Bundle>::parse(leaf).map_err(refused)?.hash();
        self.once(hash)?;
        let trust = self.trust.as_mut().ok_or_else(|| wrong(Fault::NoBeginning, None, ""))?;
        // The time matters for a recovery bundle alone, which waits from a verifier's first sight on.
        trust.accept_bundle(leaf, agenttrust_protocol::Time(0)).map_err(|reason| wrong_message(reason, hash))
    }

    fn status(&mut self, leaf: &str) -> Checked {
        let hash = Received::<Status>::parse(leaf).map_err(refused)?.hash();
        self.once(hash)?;
        let trust = self.trust.as_mut().ok_or_else(|| wrong(Fault::NoBeginning, None, ""))?;
        trust.accept_status(leaf).map_err(|reason| wrong_message(reason, hash))?;
        for course in self.courses.values_mut().filter(|course| course.states.has(State::Approved)) {
            let counted = course.approvals.iter().any(|counted| trust.is_device_revoked(&counted.device));
            if counted || trust.is_agent_revoked(&course.agent) || trust.is_paused(&course.agent) {
                course.hit();
            }
        }
        Ok(())
    }

    fn pair_init(&mut self, leaf: &str) -> Checked {
        let init = Received::<PairInit>::parse(leaf).and_then(Received::<PairInit>::open_own).map_err(refused)?;
        self.once(init.hash())
    }

    fn enroll(&mut self, leaf: &str) -> Checked {
        let enroll = Received::<Enroll>::parse(leaf).and_then(Received::<Enroll>::open_own).map_err(refused)?;
        self.once(enroll.hash())
    }

    fn cert(&mut self, leaf: &str) -> Checked {
        let bundle = self.trust()?.current().body();
        let cert = self.open::<AgentCert>(leaf, |kid| bundle.admin(kid).map(|device| device.key))?;
        self.once(cert.hash())?;
        if !self.seen.contains(&cert.body().enroll) {
            return Err(wrong(Fault::Missing, Some(cert.hash()), "its enrolment"));
        }
        let agent = cert.body().cnf.thumbprint();
        self.agents.insert(agent, cert.body().cnf);
        self.certs.insert(cert.hash(), agent);
        Ok(())
    }

    fn session(&mut self, leaf: &str) -> Checked {
        let session = self.open_by_agent::<Session>(leaf, None)?;
        self.once(session.hash())?;
        let agent = self.agent_of(session.body().cert, &session, "its certificate")?;
        self.sessions.insert(session.hash(), (agent, session.body().sid.clone()));
        Ok(())
    }

    fn request(&mut self, leaf: &str) -> Checked {
        let request = self.open_by_agent::<Request>(leaf, None)?;
        let hash = request.hash();
        self.once(hash)?;
        let body = request.body();
        let agent = self.agent_of(body.cert, &request, "its certificate")?;
        let (owner, sid) = self
            .sessions
            .get(&body.session)
            .cloned()
            .ok_or_else(|| wrong(Fault::Missing, Some(hash), "its session"))?;
        if owner != agent {
            return Err(wrong(Fault::Message(Reason::WrongRequest), Some(hash), "the session is another agent's"));
        }
        let states = match body.grant {
            None => States::of(&[State::Pending]),
            Some(grant) => {
                let agents =
                    self.grants.get(&grant).ok_or_else(|| wrong(Fault::Missing, Some(hash), "the grant it names"))?;
                let held = agents.contains(&agent);
                States::of(if held { &State::ENTRIES } else { &[State::Pending] })
            }
        };
        let action = body.action.clone();
        self.courses.insert(hash, Course { agent, action, sid, states, approvals: Vec::new() });
        Ok(())
    }

    fn decision(&mut self, leaf: &str) -> Checked {
        let trust = self.trust()?;
        let device = |kid: &Thumbprint| trust.bundles().iter().rev().find_map(|bundle| bundle.body().device(kid));
        let decision = self.open::<Decision>(leaf, |kid| device(kid).map(|device| device.key))?;
        let name = device(&decision.signer()).map(|device| device.name.clone()).unwrap_or_default();
        let (hash, body) = (decision.hash(), decision.body().clone());
        self.once(hash)?;
        self.decisions = self.decisions.saturating_add(1);
        self.count(decision.signer(), &name, body.seq, hash)?;
        if let Some(log) = &body.log {
            self.check_root(&name, log, Some(self.size()));
        }
        if let Err(wrong) = self.take_decision(decision.signer(), hash, body) {
            let finding = Finding { fault: wrong.0, leaf: Some(self.size()), message: wrong.1, detail: wrong.2 };
            self.doubts.insert(self.size(), (hash, finding));
        }
        Ok(())
    }

    /// A device counts what it signs; a number left out is a decision that is not here.
    fn count(&mut self, device: Thumbprint, name: &str, seq: u64, hash: Hash) -> Checked {
        let count = self.counts.entry(device).or_default();
        let (last, leaf) = (count.last, self.tree.size());
        let gap = seq.saturating_sub(last.saturating_add(1));
        let is_new = seq > last || count.missing.remove(&seq).is_some();
        if !is_new || gap > MAX_GAP {
            let detail = format!("{name}: {seq} follows {last}");
            count.last = last.max(seq);
            return Err(wrong(Fault::SequenceGap, Some(hash), detail));
        }
        // Two decisions that were sent at once may arrive in the other order: only the end tells what is missing.
        count.missing.extend((last.saturating_add(1)..seq).map(|missing| (missing, (leaf, name.to_owned()))));
        count.last = last.max(seq);
        Ok(())
    }

    fn take_decision(&mut self, device: Thumbprint, hash: Hash, body: Decision) -> Checked {
        let trust = self.trust.as_ref().ok_or_else(|| wrong(Fault::NoBeginning, None, ""))?;
        if trust.bundle_ref() != body.bundle {
            return Err(wrong_message(Reason::StaleTrust, hash));
        }
        if trust.is_device_revoked(&device) {
            return Err(wrong_message(Reason::Revoked, hash));
        }
        let course = self
            .courses
            .get_mut(&body.req)
            .ok_or_else(|| wrong(Fault::Missing, Some(hash), "the request it answers"))?;
        let (request, before) = (body.req, course.clone());
        course.decide(Counted { hash, device, body }, trust).ok_or_else(|| bad_step(hash, before.states))?;
        self.undo = Some((hash, request, before));
        Ok(())
    }

    /// The daemon noted that it refused a decision: it stands in the history and moved nothing.
    fn refuse(&mut self, decision: Hash) {
        self.doubts.retain(|_, (doubted, _)| *doubted != decision);
        if let Some((_, request, course)) = self.undo.take_if(|(taken, _, _)| *taken == decision) {
            self.courses.insert(request, course);
        }
    }

    fn grant(&mut self, leaf: &str) -> Checked {
        let trust = self.trust()?;
        let grant = self.open::<Grant>(leaf, |kid| trust.device(kid).map(|device| device.key))?;
        let known = trust.find(&grant.body().bundle).is_some();
        self.once(grant.hash())?;
        if !known {
            return Err(wrong_message(Reason::StaleTrust, grant.hash()));
        }
        self.grants.insert(grant.hash(), grant.body().agents.clone());
        Ok(())
    }

    fn claim(&mut self, leaf: &str) -> Checked {
        let claim = self.open_by_agent::<Claim>(leaf, Some(|body: &Claim| body.req))?;
        let (hash, at) = (claim.hash(), claim.head().iat);
        self.once(hash)?;
        let trust = self.trust.as_ref().ok_or_else(|| wrong(Fault::NoBeginning, None, ""))?;
        let course = find_course(&mut self.courses, claim.body().req, hash)?;
        let named = |name: &Hash| course.approvals.iter().find(|counted| counted.hash == *name);
        let counted: Vec<&Counted> = claim.body().decisions.iter().filter_map(named).collect();
        let late = counted.iter().any(|counted| !in_time(&counted.body, at));
        let revoked = counted.iter().any(|counted| trust.is_device_revoked(&counted.device))
            || trust.is_agent_revoked(&course.agent);
        let why = if !course.releases(&claim.body().decisions, trust) {
            Some("the decisions it names do not add up")
        } else if late {
            Some("an approval was too old")
        } else if revoked {
            Some("the agent or a device was revoked")
        } else if trust.is_paused(&course.agent) {
            Some("the agent was paused")
        } else {
            None
        };
        let shown = course.states;
        course.step(Transition::Claim).ok_or_else(|| bad_step(hash, shown))?;
        why.map_or(Ok(()), |why| Err(wrong(Fault::NotApproved, Some(hash), why)))
    }

    fn outcome(&mut self, leaf: &str) -> Checked {
        let outcome = self.open_by_agent::<Outcome>(leaf, Some(|body: &Outcome| body.req))?;
        let transition = match outcome.body().result {
            ExecutionResult::Executed => Transition::Execute,
            ExecutionResult::Failed => Transition::Fail,
        };
        self.once(outcome.hash())?;
        self.advance(outcome.body().req, outcome.hash(), transition)
    }

    fn cancel(&mut self, leaf: &str) -> Checked {
        let cancel = self.open_by_agent::<Cancel>(leaf, Some(|body: &Cancel| body.req))?;
        self.once(cancel.hash())?;
        self.advance(cancel.body().req, cancel.hash(), Transition::Cancel)
    }

    fn event(&mut self, leaf: &str) -> Checked {
        let trust = self.trust()?;
        let keys = trust.bundles().iter().rev().map(|bundle| bundle.body().log);
        let event = self.open::<Event>(leaf, |kid| keys.clone().find(|key| key.thumbprint() == *kid))?;
        self.once(event.hash())?;
        let of = event.body().of;
        match event.body().kind {
            EventKind::Expired => self.advance(of, event.hash(), Transition::Expire),
            EventKind::Unknown => self.advance(of, event.hash(), Transition::LoseTrack),
            EventKind::Refused => {
                self.refuse(of);
                Ok(())
            }
            EventKind::Erased => Ok(()),
        }
    }

    fn advance(&mut self, request: Hash, hash: Hash, transition: Transition) -> Checked {
        let course = find_course(&mut self.courses, request, hash)?;
        let shown = course.states;
        course.step(transition).ok_or_else(|| bad_step(hash, shown))
    }

    fn agent_of<M: Message>(&self, cert: Hash, message: &Opened<M>, what: &str) -> Result<Thumbprint, Wrong> {
        let agent = *self.certs.get(&cert).ok_or_else(|| wrong(Fault::Missing, Some(message.hash()), what))?;
        if agent == message.signer() { Ok(agent) } else { Err(wrong_message(Reason::UnknownKey, message.hash())) }
    }

    /// Opens what an agent signed; where it speaks of a request, that request's agent must have signed it.
    fn open_by_agent<M: Message<Signer = agenttrust_protocol::key::Agent>>(
        &self,
        leaf: &str,
        request: Option<fn(&M) -> Hash>,
    ) -> Result<Opened<M>, Wrong> {
        let opened = self.open::<M>(leaf, |kid| self.agents.get(kid).copied())?;
        if let Some(course) = request.and_then(|request| self.courses.get(&request(opened.body())))
            && course.agent != opened.signer()
        {
            return Err(wrong_message(Reason::UnknownKey, opened.hash()));
        }
        Ok(opened)
    }

    /// Opens a leaf and checks that it belongs to this domain.
    fn open<M: Message>(
        &self,
        leaf: &str,
        key: impl Fn(&Thumbprint) -> Option<PublicKey<M::Signer>>,
    ) -> Result<Opened<M>, Wrong> {
        let received = Received::<M>::parse_leaf(leaf).map_err(refused)?;
        let hash = received.hash();
        let opened = received.open(key).map_err(|reason| wrong_message(reason, hash))?;
        let root = self.trust()?.tdid();
        if opened.head().tdid.is_some_and(|tdid| tdid != root) {
            return Err(wrong_message(Reason::WrongRoot, hash));
        }
        Ok(opened)
    }
}

fn find_course(
    courses: &mut std::collections::HashMap<Hash, Course>,
    request: Hash,
    hash: Hash,
) -> Result<&mut Course, Wrong> {
    courses.get_mut(&request).ok_or_else(|| wrong(Fault::Missing, Some(hash), "the request it speaks of"))
}

fn wrong_message(reason: Reason, hash: Hash) -> Wrong {
    wrong(Fault::Message(reason), Some(hash), "")
}

fn bad_step(hash: Hash, states: States) -> Wrong {
    let states: Vec<&str> = states.iter().map(State::as_str).collect();
    wrong(Fault::BadStep, Some(hash), format!("the request was {}", states.join(" or ")))
}
