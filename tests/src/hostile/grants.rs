//! What the agent's own check says of the grants that a hostile daemon offers.
//!
//! An agent does not tell the person's daemon why it uses no grant: it asks anew, and what it is told then is what
//! ends the ask. The reason stands here.

use super::TOOL;
use super::attacks::{ARGUMENTS, Attack};
use super::domain::{Domain, Who, now};
use crate::cast::object;
use crate::forge::{key, random};
use agenttrust_protocol::check::{Asked, check_grant};
use agenttrust_protocol::constraint::Counters;
use agenttrust_protocol::key::Agent;
use agenttrust_protocol::message::{
    Action, AgentKind, Enroll, Facts, Grant, Message, Nothing, Request, RequestContent, Session, SessionContent,
};
use agenttrust_protocol::{Hash, Head, Reason, Received, Signed, Time};

/// So many uses were made of everything.
struct Used(u64);

impl Counters for Used {
    fn used(&self, _constraint: usize, _since: Option<Time>) -> u64 {
        self.0
    }
}

impl Attack {
    /// For each grant the daemon offers, why the check refuses the last ask under it; `None` where it covers it.
    ///
    /// # Panics
    /// If what is signed here cannot be read again.
    #[must_use]
    pub fn refused_grants(&self) -> Vec<Option<Reason>> {
        let (world, _) = self.scene();
        let trust = world.domain.trust();
        let runs: usize = self.steps.iter().map(|step| step.runs).sum();
        let used = Used(u64::try_from(runs).expect("a few"));
        let agent = key::<Agent>("agent").public().thumbprint();
        let offered = (self.grants)(&world, agent).into_iter();
        let checked = offered.map(|text| {
            let grant = Received::<Grant>::parse(&text).expect("a grant").hash();
            let asked = asked(&world.domain, grant);
            check_grant(&trust, &asked, &text, now(), &used).err()
        });
        checked.collect()
    }
}

/// The usual ask of an agent of the domain, under this grant.
fn asked(domain: &Domain, grant: Hash) -> Asked {
    let agent = key::<Agent>("agent");
    let (name, program) = ("bot".to_owned(), "bot".to_owned());
    let enroll = Enroll { key: agent.public(), name, program, kind: AgentKind::Sdk };
    let enroll = sign(None, &enroll, &Nothing {});
    let enroll = Received::<Enroll>::parse(&enroll).and_then(Received::<Enroll>::open_own);
    let cert = domain.certify(Who::Phone, &enroll.expect("its own enrolment"));
    let cert_hash = Received::<agenttrust_protocol::message::AgentCert>::parse(&cert).expect("a certificate").hash();
    let sid = "01890a5d-ac96-774b-bcce-b302099a8057".parse().expect("a session id");
    let facts = Facts { cwd: "/work".to_owned(), host: "here".to_owned(), program: "bot".to_owned() };
    let content = SessionContent { facts, task: None };
    let session = sign(Some(domain), &Session { cert: cert_hash, sid, parent: None }, &content);
    let body = Request {
        cert: cert_hash,
        session: Received::<Session>::parse(&session).expect("a session").hash(),
        action: Action { tool: TOOL.to_owned(), server: None, digest: None },
        risk: None,
        grant: Some(grant),
        group: None,
        call: None,
        exp: now().plus(60),
    };
    let content = RequestContent { arguments: object(ARGUMENTS), title: None, target: None, reason: None };
    let request = sign(Some(domain), &body, &content);
    Asked::open(&domain.trust(), &cert, &session, &request, now()).expect("an honest ask")
}

fn sign<M: Message<Signer = Agent>>(domain: Option<&Domain>, body: &M, content: &M::Content) -> String {
    let mut dice = random(M::TYP);
    let head = Head::new(&mut dice, now(), domain.map(Domain::tdid));
    Signed::sign(&key("agent"), &head, body, content, &mut dice).into_string()
}
