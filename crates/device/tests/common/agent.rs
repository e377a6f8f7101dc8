//! An agent that asks.

use super::{Daemon, NOTHING, hash, now, sign};
use agenttrust_protocol::door::InboxEvent;
use agenttrust_protocol::hash::Tdid;
use agenttrust_protocol::json::{Numbers, Object, Value, parse};
use agenttrust_protocol::key::{Agent, SecretKey};
use agenttrust_protocol::lifecycle::State;
use agenttrust_protocol::message::{
    Action, AgentCert, AgentKind, Enroll, Facts, Request, RequestContent, Session, SessionContent,
};
use agenttrust_protocol::{Hash, Received};

pub struct VirtualAgent {
    pub key: SecretKey<Agent>,
    pub enroll: String,
}

/// The session's id.
pub const SID: &str = "0198c2f0-7a00-7000-8000-000000000001";

pub fn object(text: &str) -> Object {
    match parse(text.as_bytes(), Numbers::Any).unwrap() {
        Value::Object(object) => object,
        other => panic!("{other} is not an object"),
    }
}

impl VirtualAgent {
    pub fn new(seed: u8) -> VirtualAgent {
        let key = SecretKey::<Agent>::from_seed(&[seed; 32]);
        let body = Enroll {
            key: key.public(),
            name: "Invoice agent".into(),
            program: "python3 invoices.py".into(),
            kind: AgentKind::Sdk,
        };
        let enroll = sign(&key, None, &body, &NOTHING);
        VirtualAgent { key, enroll }
    }

    pub fn enroll_hash(&self) -> Hash {
        hash::<Enroll>(&self.enroll)
    }

    pub fn knock(&self, daemon: &Daemon) {
        daemon.push(InboxEvent::Enroll {
            enroll: self.enroll_hash(),
            messages: vec![self.enroll.clone()],
            process: Some("pid 42 · uid 1000 · /usr/bin/python3".into()),
        });
    }

    /// Certificate, session and request, the request signed by `by`.
    pub fn request(&self, cert: &str, tdid: Tdid, arguments: &str, life: i64, by: &SecretKey<Agent>) -> Vec<String> {
        let session = self.session(cert, tdid, SID, "Pay the open invoices", &self.key);
        let request = Request {
            cert: hash::<AgentCert>(cert),
            session: hash::<Session>(&session),
            action: Action { tool: "pay_invoice".into(), server: None, digest: None },
            risk: None,
            grant: None,
            group: None,
            call: None,
            exp: now().plus(life),
        };
        let content = RequestContent { arguments: object(arguments), title: None, target: None, reason: None };
        let request = sign(by, Some(tdid), &request, &content);
        vec![cert.to_owned(), session, request]
    }

    /// A turn of a session, signed by `by`.
    pub fn session(&self, cert: &str, tdid: Tdid, sid: &str, task: &str, by: &SecretKey<Agent>) -> String {
        let session = Session { cert: hash::<AgentCert>(cert), sid: sid.parse().unwrap(), parent: None };
        let facts = Facts { cwd: "/home/user".into(), host: "laptop".into(), program: "/usr/bin/python3".into() };
        sign(by, Some(tdid), &session, &SessionContent { facts, task: Some(task.into()) })
    }

    /// Asks through the stand-in; returns the request's hash.
    pub fn ask(&self, daemon: &Daemon, arguments: &str, life: i64) -> Hash {
        let messages = {
            let world = daemon.lock();
            self.request(world.certs.last().unwrap(), world.tdid(), arguments, life, &self.key)
        };
        self.carry(daemon, messages)
    }

    /// Lets the stand-in carry these messages, whatever they are.
    pub fn carry(&self, daemon: &Daemon, messages: Vec<String>) -> Hash {
        let request = Received::<Request>::parse(&messages[2]).unwrap().hash();
        {
            let mut world = daemon.lock();
            world.states.insert(request, State::Pending);
            world.asked.insert(request, messages.clone());
            world.log(&messages[1]);
            world.log(&messages[2]);
        }
        daemon.push(InboxEvent::Request { request, messages });
        request
    }
}
