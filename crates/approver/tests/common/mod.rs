//! A small world: devices of one person, an agent, and the requests it makes.
#![allow(dead_code, reason = "each test file uses its part of it")]
#![allow(clippy::unwrap_used, reason = "a world that cannot be built fails the test")]

use agenttrust_approver::Approver;
use agenttrust_approver::sign::{Clock, Founding, found};
use agenttrust_approver::state::{DeviceState, Ledger};
use agenttrust_approver::trustview::TrustView;
use agenttrust_protocol::check::Asked;
use agenttrust_protocol::constraint::Constraint;
use agenttrust_protocol::door::{InboxEntry, InboxEvent, InboxPage};
use agenttrust_protocol::json::{Numbers, Object, parse};
use agenttrust_protocol::key::{Agent, Approval, Log, SecretKey, Transport, Witness};
use agenttrust_protocol::lifecycle::State;
use agenttrust_protocol::message::*;
use agenttrust_protocol::trust::Trust;
use agenttrust_protocol::{Hash, Head, Opened, Received, Signed, Thumbprint, Time};

pub const NOW: Time = Time(1_767_225_600);

/// A source of random numbers.
pub type Dice = Box<dyn FnMut(&mut [u8])>;

/// Random numbers that are the same in every run.
pub fn dice(seed: u8) -> impl FnMut(&mut [u8]) {
    let mut state = u64::from(seed) + 1;
    move |buffer: &mut [u8]| {
        for byte in buffer {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            *byte = (state >> 24) as u8;
        }
    }
}

pub struct Dev {
    pub key: SecretKey<Approval>,
    pub witness: SecretKey<Witness>,
    pub transport: SecretKey<Transport>,
}

impl Dev {
    pub fn new(seed: u8) -> Dev {
        Dev {
            key: SecretKey::from_seed(&[seed; 32]),
            witness: SecretKey::from_seed(&[seed + 1; 32]),
            transport: SecretKey::from_seed(&[seed + 2; 32]),
        }
    }

    pub fn id(&self) -> Thumbprint {
        self.key.public().thumbprint()
    }

    pub fn entry(&self, name: &str, roles: &[&str]) -> Device {
        Device {
            key: self.key.public(),
            witness: self.witness.public(),
            transport: self.transport.public().thumbprint(),
            name: name.into(),
            owner: "Ana".into(),
            roles: roles.iter().map(|role| role.parse().unwrap()).collect(),
            local: false,
            protection: "keystore".into(),
        }
    }
}

pub struct World {
    pub phone: Dev,
    pub laptop: Dev,
    pub tablet: Dev,
    pub agent: SecretKey<Agent>,
    pub log: SecretKey<Log>,
    pub trust: Trust,
    /// Bundles, then statuses.
    pub messages: Vec<String>,
    pub enroll: String,
    pub cert: String,
    pub random: Dice,
    pub seq: u64,
}

/// How a request looks.
pub struct Ask {
    pub tool: &'static str,
    pub server: Option<&'static str>,
    pub arguments: String,
    pub title: Option<String>,
    pub target: Option<String>,
    pub reason: Option<String>,
    pub task: Option<String>,
    pub risk: Option<Risk>,
    pub life: i64,
    pub group: Option<&'static str>,
}

pub fn ask(tool: &'static str, arguments: &str) -> Ask {
    Ask {
        tool,
        server: None,
        arguments: arguments.into(),
        title: None,
        target: None,
        reason: None,
        task: Some("Pay the July invoices and tell Bob".into()),
        risk: None,
        life: 300,
        group: None,
    }
}

pub fn object(json: &str) -> Object {
    parse(json.as_bytes(), Numbers::Any).unwrap().as_object().unwrap().clone()
}

impl World {
    /// A phone (admin and approver), a laptop (approver), and an agent that was accepted.
    pub fn new() -> World {
        World::with_rules(Vec::new())
    }

    pub fn with_rules(rules: Vec<Rule>) -> World {
        let (phone, laptop, tablet) = (Dev::new(10), Dev::new(20), Dev::new(30));
        let log = SecretKey::<Log>::from_seed(&[40; 32]);
        let agent = SecretKey::<Agent>::from_seed(&[50; 32]);
        let mut random: Dice = Box::new(dice(1));
        let at = NOW.plus(-3600);
        let founding = Founding {
            device: phone.entry("Ana's phone", &["admin", "approver"]),
            log: log.public(),
            transport: SecretKey::<Transport>::from_seed(&[41; 32]).public().thumbprint(),
        };
        let first = found(founding, &phone.key, at, &mut random).unwrap();
        let mut trust = Trust::enter(&first.bundle, None).unwrap();
        trust.accept_status(&first.status).unwrap();
        let tdid = Some(trust.tdid());
        let body = Bundle {
            version: 2,
            prev: Some(trust.current().hash()),
            devices: vec![
                phone.entry("Ana's phone", &["admin", "approver"]),
                laptop.entry("Ana's laptop", &["approver"]),
            ],
            rules,
            ..trust.current().body().clone()
        };
        let head = Head::new(&mut random, at, tdid);
        let second = Signed::sign(&phone.key, &head, &body, &Nothing {}, &mut random).into_string();
        trust.accept_bundle(&second, at).unwrap();
        let status = Status {
            seq: 2,
            prev: Some(trust.status().unwrap().hash()),
            bundle: trust.bundle_ref(),
            revoked: vec![],
            paused: Paused::Agents(vec![]),
            exp: at.plus(MAX_STATUS_LIFE),
        };
        let head = Head::new(&mut random, at, tdid);
        let status = Signed::sign(&phone.key, &head, &status, &Nothing {}, &mut random).into_string();
        trust.accept_status(&status).unwrap();

        let enroll = Enroll {
            key: agent.public(),
            name: "books-agent".into(),
            program: "/usr/bin/python3".into(),
            kind: AgentKind::Sdk,
        };
        let head = Head::new(&mut random, at, None);
        let enroll = Signed::sign(&agent, &head, &enroll, &Nothing {}, &mut random).into_string();
        let cert = AgentCert {
            enroll: Received::<Enroll>::parse(&enroll).unwrap().hash(),
            cnf: agent.public(),
            name: "Books agent".into(),
            exp: NOW.plus(86_400 * 30),
        };
        let head = Head::new(&mut random, at, tdid);
        let cert = Signed::sign(&phone.key, &head, &cert, &Nothing {}, &mut random).into_string();
        let messages = vec![first.bundle, second, first.status, status];
        World { phone, laptop, tablet, agent, log, trust, messages, enroll, cert, random, seq: 0 }
    }

    pub fn state(&self, device: &Dev) -> DeviceState {
        let texts: Vec<&str> = self.messages.iter().map(String::as_str).collect();
        let view = TrustView::enter(device.id(), &texts, Some(&self.trust.tdid()), NOW).unwrap();
        DeviceState {
            tdid: self.trust.tdid(),
            trust: view.messages(),
            ledger: Ledger::default(),
            agents: Default::default(),
        }
    }

    pub fn approver(&self, device: &Dev) -> Approver {
        Approver::resume(self.state(device), device.id(), NOW).unwrap()
    }

    /// Certificate, session and request.
    pub fn request(&mut self, ask: &Ask) -> Vec<String> {
        self.request_at(ask, NOW)
    }

    pub fn request_at(&mut self, ask: &Ask, now: Time) -> Vec<String> {
        let tdid = Some(self.trust.tdid());
        let cert = Received::<AgentCert>::parse(&self.cert).unwrap().hash();
        let body = Session { cert, sid: "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap(), parent: None };
        let facts =
            Facts { cwd: "/home/ana/books".into(), host: "ana-laptop".into(), program: "/usr/bin/python3".into() };
        let content = SessionContent { facts, task: ask.task.clone() };
        let head = Head::new(&mut self.random, now.plus(-125), tdid);
        let session = Signed::sign(&self.agent, &head, &body, &content, &mut self.random).into_string();
        let body = Request {
            cert,
            session: Received::<Session>::parse(&session).unwrap().hash(),
            action: Action { tool: ask.tool.into(), server: ask.server.map(Into::into), digest: None },
            risk: ask.risk,
            grant: None,
            group: ask.group.map(Into::into),
            call: None,
            exp: now.plus(ask.life),
        };
        let content = RequestContent {
            arguments: object(&ask.arguments),
            title: ask.title.clone(),
            target: ask.target.clone(),
            reason: ask.reason.clone(),
        };
        let head = Head::new(&mut self.random, now, tdid);
        let request = Signed::sign(&self.agent, &head, &body, &content, &mut self.random).into_string();
        vec![self.cert.clone(), session, request]
    }

    pub fn asked(&mut self, ask: &Ask) -> Asked {
        let messages = self.request(ask);
        open(&self.trust, &messages)
    }

    pub fn entry(&mut self, event: InboxEvent) -> InboxEntry {
        self.seq += 1;
        InboxEntry { seq: self.seq, at: NOW, event }
    }

    /// The page that brings a request.
    pub fn page_with(&mut self, messages: &[String]) -> (Hash, InboxPage) {
        let request = id_of(messages);
        let entry = self.entry(InboxEvent::Request { request, messages: messages.to_vec() });
        (request, self.page(vec![entry]))
    }

    pub fn page(&self, entries: Vec<InboxEntry>) -> InboxPage {
        InboxPage { reset: false, entries, next: self.seq }
    }

    /// The page that tells of a request's state, without a device.
    pub fn moved(&mut self, request: Hash, state: State) -> InboxPage {
        let entry = self.entry(InboxEvent::Moved { request, state, by: None, code: None });
        self.page(vec![entry])
    }

    pub fn enrolled(&self) -> Opened<Enroll> {
        Received::<Enroll>::parse(&self.enroll).unwrap().open_own().unwrap()
    }
}

pub fn id_of(messages: &[String]) -> Hash {
    Received::<Request>::parse(messages.get(2).unwrap()).unwrap().hash()
}

pub fn open(trust: &Trust, messages: &[String]) -> Asked {
    let [cert, session, request, ..] = messages else { panic!("three messages") };
    Asked::open(trust, cert, session, request, NOW).unwrap()
}

pub fn clock() -> Clock {
    Clock { now: NOW, server: Some(NOW) }
}

pub fn tool_rule(tool: &str, require: Require) -> Rule {
    Rule { matches: vec![Constraint::Tool { name: tool.into(), digest: None }], require }
}

/// A store that always succeeds.
pub fn stored<T>(_: &T) -> Result<(), std::convert::Infallible> {
    Ok(())
}
